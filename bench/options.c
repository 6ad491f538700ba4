/*
 * Reads the command line with getopt_long. The options are those of option_table plus one per
 * attribute of the registered operators; whatever does not belong to the command is an error.
 */
#include "options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "help_text.h"
#include "terminal.h"

enum { MOST_OPTIONS = 96, FIRST_ATTRIBUTE = 1000, FIRST_OPTION = 2000 };
enum { OPTION_HELP = 'h', OPTION_VERSION = 'V', OPTION_HELP_ALL = 3000 };

typedef struct reader {
    struct option options[MOST_OPTIONS];
    size_t count;
    char letters[MOST_OPTIONS * 2 + 2];
    options *out;
    const char *positional[3];
    size_t num_positional;
} reader;

bool list_contains(const char *list, const char *name) {
    size_t length = strlen(name);
    while (*list) {
        size_t word = strcspn(list, ",");
        if (word == length && strncmp(list, name, length) == 0) {
            return true;
        }
        list += word + (list[word] == ',');
    }
    return false;
}

static void add_option(reader *reader, const char *name, bool has_argument, int code) {
    if (reader->count < MOST_OPTIONS - 1) {
        reader->options[reader->count++] =
            (struct option){name, has_argument ? required_argument : no_argument, NULL, code};
    }
}

static bool is_known(const reader *reader, const char *name) {
    for (size_t i = 0; i < reader->count; i++) {
        if (strcmp(reader->options[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void collect_options(reader *reader) {
    char *letter = reader->letters;
    *letter++ = ':'; /* a missing argument is reported by us */
    *letter++ = OPTION_HELP;
    *letter++ = OPTION_VERSION;
    add_option(reader, "help", false, OPTION_HELP);
    add_option(reader, "help-all", false, OPTION_HELP_ALL);
    add_option(reader, "version", false, OPTION_VERSION);
    for (size_t i = 0; option_table[i].name; i++) {
        add_option(reader, option_table[i].name, option_table[i].argument != NULL,
                   FIRST_OPTION + (int)i);
        if (option_table[i].letter) {
            *letter++ = option_table[i].letter;
            if (option_table[i].argument) {
                *letter++ = ':';
            }
        }
    }
    *letter = '\0';
    for (size_t i = 0; operator_registry[i]; i++) {
        const attribute_entry *attributes = operator_registry[i]->attributes;
        for (size_t j = 0; attributes[j].name; j++) {
            if (!is_known(reader, attributes[j].name)) {
                add_option(reader, attributes[j].name, true, FIRST_ATTRIBUTE);
            }
        }
    }
}

static const option_entry *entry_of(int code) {
    for (size_t i = 0; option_table[i].name; i++) {
        if (code == FIRST_OPTION + (int)i ||
            (code < FIRST_ATTRIBUTE && code == option_table[i].letter)) {
            return &option_table[i];
        }
    }
    return NULL;
}

static bool set_option(reader *reader, const option_entry *entry, const char *value) {
    const command_entry *command = reader->out->command;
    if (!(entry->commands & command->mask)) {
        return fail("--%s is not an option of '%s'; see 'clformer-bench --help-all'", entry->name,
                    command->name);
    }
    return entry->set(reader->out, value);
}

/* Attributes are looked at once the operator is known. */
static bool keep_attribute(reader *reader, const char *name, const char *value) {
    options *out = reader->out;
    if (!(out->command->mask & (FOR_RUN | FOR_EXPLAIN))) {
        return fail("--%s is not an option of '%s'; see 'clformer-bench --help-all'", name,
                    out->command->name);
    }
    if (out->num_attributes == MAX_ATTRIBUTES) {
        return fail("--%s: more than %d attributes", name, MAX_ATTRIBUTES);
    }
    out->attributes[out->num_attributes++] = (attribute_value){name, value};
    return true;
}

/* getopt's '?': unknown, ambiguous, or an argument that is not wanted. */
static bool reject_option(char **argv) {
    const char *given = argv[optind - 1];
    if (optopt && given[1] != '-') {
        return fail("unknown option '-%c'; see 'clformer-bench --help'", optopt);
    }
    if (optopt) {
        return fail("option '%s' takes no value", given);
    }
    return fail("unknown or ambiguous option '%s'; see 'clformer-bench --help'", given);
}

/* Reads options behind the command. 1: go on; 0: done, help was printed; -1: fail(). */
static int read_options(reader *reader, int argc, char **argv) {
    int index = 0;
    int code = 0;
    opterr = 0;
    while ((code = getopt_long(argc, argv, reader->letters, reader->options, &index)) != -1) {
        bool ok = true;
        const option_entry *entry = entry_of(code);
        if (code == OPTION_HELP || code == OPTION_HELP_ALL || code == OPTION_VERSION) {
            (code == OPTION_HELP      ? print_help
             : code == OPTION_VERSION ? print_version
                                      : print_help_all)(stdout);
            return 0;
        }
        if (code == ':') {
            ok = fail("option '%s' needs a value", argv[optind - 1]);
        } else if (code == FIRST_ATTRIBUTE) {
            ok = keep_attribute(reader, reader->options[index].name, optarg);
        } else {
            ok = entry ? set_option(reader, entry, optarg) : reject_option(argv);
        }
        if (!ok) {
            return -1;
        }
    }
    for (; optind < argc && reader->num_positional < 3; optind++) {
        reader->positional[reader->num_positional++] = argv[optind];
    }
    return 1;
}

static const command_entry *find_command(const char *name) {
    for (size_t i = 0; command_table[i].name; i++) {
        if (strcmp(command_table[i].name, name) == 0) {
            return &command_table[i];
        }
    }
    return NULL;
}

static bool find_operator(reader *reader) {
    const char *name = reader->positional[0];
    char known[256] = "";
    for (size_t i = 0; operator_registry[i]; i++) {
        strncat(known, i ? ", " : "", sizeof known - strlen(known) - 1);
        strncat(known, operator_registry[i]->name, sizeof known - strlen(known) - 1);
    }
    if (reader->num_positional == 0) {
        return fail("'%s' needs an operator: %s", reader->out->command->name, known);
    }
    reader->out->benchmark = operator_find(name);
    return reader->out->benchmark ? true : fail("unknown operator '%s'; accepted: %s", name, known);
}

/* Each attribute must be one of this operator's, with a value it accepts. */
static bool check_attributes(const options *options) {
    const operator_benchmark *benchmark = options->benchmark;
    void *scratch = calloc(1, benchmark->problem_size);
    bool ok = scratch ? true : fail("no host memory");
    for (size_t i = 0; ok && i < options->num_attributes; i++) {
        const attribute_value *given = &options->attributes[i];
        const attribute_entry *entry = benchmark->attributes;
        while (entry->name && strcmp(entry->name, given->name) != 0) {
            entry++;
        }
        ok = entry->name ? benchmark->set_attribute(scratch, given->name, given->value)
                         : fail("--%s is not an attribute of %s", given->name, benchmark->name);
    }
    free(scratch);
    return ok;
}

static bool check_positional(reader *reader) {
    options *out = reader->out;
    size_t wanted = 0;
    if (out->command->mask & (FOR_RUN | FOR_EXPLAIN)) {
        wanted = 1;
        if (!find_operator(reader) || !check_attributes(out)) {
            return false;
        }
    } else if (out->command->mask & FOR_COMPARE) {
        wanted = 2;
        out->old_file = reader->positional[0];
        out->new_file = reader->positional[1];
    } else if (out->command->mask & FOR_TUNE) {
        wanted = 1;
        out->tuned = reader->positional[0];
        if (out->tuned && strcmp(out->tuned, "gemm") != 0) {
            return fail("'%s' cannot be tuned; accepted: gemm", out->tuned);
        }
    }
    if (reader->num_positional > wanted) {
        return fail("'%s' is one argument too many; usage: clformer-bench %s",
                    reader->positional[wanted], out->command->usage);
    }
    return reader->num_positional == wanted
               ? true
               : fail("an argument is missing; usage: clformer-bench %s", out->command->usage);
}

static void set_defaults(options *out) {
    *out = (options){.num_dtypes = MAX_DTYPES,
                     .dtypes = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16},
                     .verify = VERIFY_SAMPLE,
                     .peers = "none",
                     .timing = {.min_seconds = 0.3},
                     .seed = 1,
                     .threshold = 0.10,
                     .budget = 300.0,
                     .peaks = true};
}

static bool read_all(reader *reader, int argc, char **argv, int *outcome) {
    collect_options(reader);
    *outcome = read_options(reader, argc, argv);
    return *outcome < 0 ? false : *outcome == 0 || check_positional(reader);
}

/* The words before any command: only help and version. */
static bool read_without_command(int argc, char **argv, int *exit_code) {
    const char *word = argc > 1 ? argv[1] : "--help";
    *exit_code = argc > 1 ? EXIT_OK : EXIT_USAGE;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_help(argc > 1 ? stdout : stderr);
    } else if (strcmp(word, "--help-all") == 0) {
        print_help_all(stdout);
    } else if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        print_version(stdout);
    } else {
        complain("unknown command '%s'; accepted: info, list, run, explain, compare, demo, tune, "
                 "--help, --help-all, --version",
                 word);
        *exit_code = EXIT_USAGE;
    }
    return false;
}

bool options_read(int argc, char **argv, options *out, int *exit_code) {
    reader reader = {.out = out};
    int outcome = 1;
    set_defaults(out);
    out->command = argc > 1 ? find_command(argv[1]) : NULL;
    if (!out->command) {
        return read_without_command(argc, argv, exit_code);
    }
    if (!read_all(&reader, argc - 1, argv + 1, &outcome)) {
        complain("%s", failure_text());
        *exit_code = EXIT_USAGE;
        return false;
    }
    *exit_code = EXIT_OK;
    terminal_set_quiet(out->quiet);
    return outcome != 0;
}

int open_chosen_device(const options *options, session *out) {
    if (session_open(out, options->device)) {
        return EXIT_OK;
    }
    bool is_usage = options->device && out->no_such_device;
    complain("%s%s", is_usage ? "--device: " : "", failure_text());
    return is_usage ? EXIT_USAGE : EXIT_CASE_FAILED;
}
