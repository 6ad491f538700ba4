/* Builds problems from case tables and command-line attributes. */
#include "case_selection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "share_folder.h"
#include "terminal.h"

const char *data_folder(const options *options) {
    return options->data_folder ? options->data_folder : share_folder(SHARE_DATA);
}

/* Applies "name=value name=value ...", a case table's text. */
static bool apply_text(const operator_benchmark *benchmark, void *problem, const char *text) {
    char copy[256];
    char *rest = copy;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        char *value = strchr(word, '=');
        if (!value) {
            return fail("case table: '%s' is not name=value", word);
        }
        *value = '\0';
        if (!benchmark->set_attribute(problem, word, value + 1)) {
            return false;
        }
    }
    return true;
}

static bool add_case(const operator_benchmark *benchmark, const options *options,
                     const case_entry *entry, case_selection *out) {
    selected_case *cases = realloc(out->cases, (out->count + 1) * sizeof *cases);
    void *problem = calloc(1, benchmark->problem_size);
    out->cases = cases ? cases : out->cases;
    if (!cases || !problem) {
        free(problem);
        return fail("no host memory");
    }
    cases[out->count++] = (selected_case){entry->suite, entry->name, problem};
    bool ok = apply_text(benchmark, problem, entry->problem);
    for (size_t i = 0; ok && i < options->num_attributes; i++) {
        ok = benchmark->set_attribute(problem, options->attributes[i].name,
                                      options->attributes[i].value);
    }
    return ok && benchmark->complete(problem, data_folder(options));
}

static bool has_shape(const options *options) {
    for (size_t i = 0; i < options->num_attributes; i++) {
        if (strcmp(options->attributes[i].name, "shape") == 0) {
            return true;
        }
    }
    return false;
}

/* Fails with the names that exist. */
static bool unknown_name(const operator_benchmark *benchmark, const char *option, const char *value,
                         const char *suite) {
    char known[256] = "";
    const char *previous = "";
    for (const case_entry *entry = benchmark->cases; entry->name; entry++) {
        const char *name = suite ? entry->name : entry->suite;
        if ((suite && strcmp(entry->suite, suite) != 0) || strcmp(name, previous) == 0) {
            continue;
        }
        strncat(known, known[0] ? ", " : "", sizeof known - strlen(known) - 1);
        strncat(known, name, sizeof known - strlen(known) - 1);
        previous = name;
    }
    return fail("--%s: '%s' is not accepted for %s; accepted: %s", option, value, benchmark->name,
                known);
}

bool suite_check(const operator_benchmark *benchmark, const char *suite) {
    for (const case_entry *entry = benchmark->cases; entry->name; entry++) {
        if (strcmp(entry->suite, suite) == 0) {
            return true;
        }
    }
    return unknown_name(benchmark, "suite", suite, NULL);
}

/* Every name of --case must be a case of the suite. */
static bool check_names(const operator_benchmark *benchmark, const char *suite, const char *names) {
    for (const char *name = names; name && *name;) {
        char word[64];
        size_t length = strcspn(name, ",");
        bool found = false;
        snprintf(word, sizeof word, "%.*s", (int)(length < 63 ? length : 63), name);
        for (const case_entry *entry = benchmark->cases; entry->name; entry++) {
            found = found || (strcmp(entry->suite, suite) == 0 && strcmp(entry->name, word) == 0);
        }
        if (!found) {
            return unknown_name(benchmark, "case", word, suite);
        }
        name += length + (name[length] == ',');
    }
    return names && !*names ? unknown_name(benchmark, "case", "", suite) : true;
}

/* A case's name alone is enough where only one suite has it. */
static const char *suite_of_cases(const operator_benchmark *benchmark, const char *names,
                                  const char *fallback) {
    for (const case_entry *entry = benchmark->cases; names && entry->name; entry++) {
        if (list_contains(names, entry->name)) {
            return entry->suite;
        }
    }
    return fallback;
}

static bool select_suite(const operator_benchmark *benchmark, const options *options,
                         const char *suite, case_selection *out) {
    bool ok = suite_check(benchmark, suite) && check_names(benchmark, suite, options->cases);
    for (const case_entry *entry = benchmark->cases; ok && entry->name; entry++) {
        if (strcmp(entry->suite, suite) == 0 &&
            (!options->cases || list_contains(options->cases, entry->name))) {
            ok = add_case(benchmark, options, entry, out);
        }
    }
    return ok;
}

bool selection_create(const operator_benchmark *benchmark, const options *options,
                      const char *suite, case_selection *out) {
    static const case_entry own = {"own", "own", ""};
    *out = (case_selection){0};
    bool ok = false;
    if (has_shape(options)) {
        ok = options->suite || options->cases
                 ? fail("--shape gives a case of your own: it does not go with --suite or --case")
                 : add_case(benchmark, options, &own, out);
    } else {
        const char *chosen =
            options->suite ? options->suite : suite_of_cases(benchmark, options->cases, suite);
        ok = select_suite(benchmark, options, chosen, out);
    }
    if (!ok) {
        selection_release(out);
    }
    return ok;
}

static bool has_chosen_dtype(const operator_benchmark *benchmark, const options *options,
                             const void *problem) {
    for (size_t i = 0; i < options->num_dtypes; i++) {
        if (operator_has_dtype(benchmark, problem, options->dtypes[i])) {
            return true;
        }
    }
    return false;
}

/* "fp16, bf16" */
static void print_dtypes(const operator_benchmark *benchmark, const void *problem, char out[64]) {
    static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (operator_has_dtype(benchmark, problem, dtypes[i])) {
            int written = snprintf(out + used, 64 - used, "%s%s", used ? ", " : "",
                                   clf_dtype_name(dtypes[i]));
            used += written > 0 ? (size_t)written : 0;
        }
    }
}

bool selection_check_dtypes(const operator_benchmark *benchmark, const options *options,
                            const case_selection *selection) {
    size_t num_left = selection->count;
    char accepted[64] = "";
    for (size_t i = 0; i < selection->count; i++) {
        const selected_case *selected = &selection->cases[i];
        if (!has_chosen_dtype(benchmark, options, selected->problem)) {
            num_left--;
            print_dtypes(benchmark, selected->problem, accepted);
            note("case %s is left out: it exists in %s", selected->name, accepted);
        }
    }
    return num_left ? true
                    : fail("--dtype: none of the cases exists in it; accepted: %s", accepted);
}

void selection_release(case_selection *selection) {
    for (size_t i = 0; i < selection->count; i++) {
        free(selection->cases[i].problem);
    }
    free(selection->cases);
    *selection = (case_selection){0};
}
