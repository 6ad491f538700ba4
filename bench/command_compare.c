/*
 * compare: two files of JSON records. Compares the share of the ceiling, which carries over from
 * one machine to another; a loss counts if it exceeds the threshold and three times the spread.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "commands.h"
#include "schema.h"
#include "terminal.h"

static const double noise_factor = 3.0;

/* What makes two records the same case. */
static const char *const identity_keys[] = {"operator",   "shape", "mask",
                                            "attributes", "dtype", "requested_variant"};

enum { NUM_KEYS = sizeof identity_keys / sizeof identity_keys[0] };

typedef struct comparison {
    size_t num_common;
    size_t num_regressions;
    size_t num_improvements;
    size_t num_bad;
} comparison;

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static double number_of(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

/* The field must be there, and what compare takes it for. */
static bool check_record(const json_t *record, const char *path, size_t line) {
    for (size_t i = 0; i < NUM_KEYS; i++) {
        if (!json_is_string(json_object_get(record, identity_keys[i]))) {
            return fail("%s:%zu: the record has no text '%s'", path, line, identity_keys[i]);
        }
    }
    const json_t *version = json_object_get(record, "schema_version");
    if (strcmp(text_of(record, "schema"), SCHEMA_NAME) != 0 || !json_is_integer(version) ||
        json_integer_value(version) != SCHEMA_VERSION) {
        return fail("%s:%zu: not a record of schema %s, version %d", path, line, SCHEMA_NAME,
                    SCHEMA_VERSION);
    }
    if (strcmp(text_of(record, "state"), "failed") != 0 &&
        (number_of(record, "ratio") <= 0.0 || number_of(record, "median_s") <= 0.0)) {
        return fail("%s:%zu: 'ratio' and 'median_s' must be positive", path, line);
    }
    return true;
}

/* One record per line; empty lines are passed over. NULL after fail(). */
static json_t *read_records(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) {
        fail("'%s' cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    json_t *records = json_array();
    char *line = NULL;
    size_t capacity = 0;
    bool ok = true;
    for (size_t number = 1; ok && getline(&line, &capacity, file) >= 0; number++) {
        json_error_t error;
        if (line[strspn(line, " \t\r\n")] == '\0') {
            continue;
        }
        json_t *record = json_loads(line, 0, &error);
        ok = record ? check_record(record, path, number)
                    : fail("%s:%zu: not JSON: %s", path, number, error.text);
        json_array_append_new(records, record ? record : json_null());
    }
    free(line);
    fclose(file);
    if (ok && json_array_size(records) == 0) {
        ok = fail("'%s' holds no records", path);
    }
    if (!ok) {
        json_decref(records);
        records = NULL;
    }
    return records;
}

static bool is_same_case(const json_t *left, const json_t *right) {
    for (size_t i = 0; i < NUM_KEYS; i++) {
        if (strcmp(text_of(left, identity_keys[i]), text_of(right, identity_keys[i])) != 0) {
            return false;
        }
    }
    return true;
}

/* The last record of this case: a file may be appended to. NULL if there is none. */
static json_t *find_case(json_t *records, const json_t *wanted) {
    for (size_t i = json_array_size(records); i > 0; i--) {
        json_t *record = json_array_get(records, i - 1);
        if (is_same_case(record, wanted)) {
            return record;
        }
    }
    return NULL;
}

static double relative_spread(const json_t *record) {
    return number_of(record, "mad_s") / number_of(record, "median_s");
}

static void print_case(const json_t *record) {
    printf("%-13s %-20s %-20s %-10s %-5s %-8s", text_of(record, "operator"),
           text_of(record, "shape"), text_of(record, "mask"), text_of(record, "attributes"),
           text_of(record, "dtype"), text_of(record, "requested_variant"));
}

static bool is_bad(const json_t *record) {
    const char *state = text_of(record, "state");
    return strcmp(state, "ok") != 0;
}

static void compare_ratios(const json_t *old, const json_t *new, double threshold,
                           const palette *colours, comparison *total) {
    double before = number_of(old, "ratio");
    double after = number_of(new, "ratio");
    double change = after / before - 1.0;
    double noise = noise_factor * fmax(relative_spread(old), relative_spread(new));
    const char *word = "";
    const char *colour = "";
    if (-change > threshold && -change > noise) {
        word = "REGRESSION";
        colour = colours->bad;
        total->num_regressions++;
    } else if (change > threshold && change > noise) {
        word = "better";
        colour = colours->good;
        total->num_improvements++;
    }
    print_case(new);
    printf(" %6.3f %6.3f %+7.1f%% %7.1f%%  %s%s%s\n", before, after, 100.0 * change, 100.0 * noise,
           colour, word, word[0] ? colours->reset : "");
}

static void compare_case(const json_t *old, const json_t *new, double threshold,
                         const palette *colours, comparison *total) {
    total->num_common++;
    if (is_bad(new)) {
        print_case(new);
        printf(" %s%s: %s%s\n", colours->bad, text_of(new, "state"), text_of(new, "reason"),
               colours->reset);
        total->num_bad++;
    } else if (is_bad(old)) {
        print_case(new);
        printf(" %s before, ok now\n", text_of(old, "state"));
    } else {
        compare_ratios(old, new, threshold, colours, total);
    }
}

/* Every case of `records` once, in order, except those that appear again further on. */
static bool is_last(json_t *records, size_t index) {
    json_t *record = json_array_get(records, index);
    return find_case(records, record) == record;
}

static void report_missing(json_t *records, json_t *others, const char *where) {
    for (size_t i = 0; i < json_array_size(records); i++) {
        json_t *record = json_array_get(records, i);
        if (is_last(records, i) && !find_case(others, record)) {
            print_case(record);
            printf(" only in %s\n", where);
        }
    }
}

static comparison compare_all(json_t *old, json_t *new, double threshold) {
    palette colours = palette_for(stdout);
    comparison total = {0};
    printf("%-13s %-20s %-20s %-10s %-5s %-8s %6s %6s %8s %8s\n", "operator", "shape", "mask",
           "attributes", "dtype", "variant", "old", "new", "change", "noise");
    for (size_t i = 0; i < json_array_size(new); i++) {
        json_t *record = json_array_get(new, i);
        json_t *before = find_case(old, record);
        if (before && is_last(new, i)) {
            compare_case(before, record, threshold, &colours, &total);
        }
    }
    return total;
}

static int judge(const comparison *total, double threshold) {
    printf("%zu cases compared: %zu regressions, %zu better, %zu not ok (threshold %.0f%%, shares "
           "of the ceiling)\n",
           total->num_common, total->num_regressions, total->num_improvements, total->num_bad,
           100.0 * threshold);
    if (total->num_bad) {
        return EXIT_CASE_FAILED;
    }
    return total->num_regressions ? EXIT_REGRESSION : EXIT_OK;
}

static void note_devices(json_t *old, json_t *new) {
    const char *before = text_of(json_object_get(json_array_get(old, 0), "device"), "name");
    const char *after = text_of(json_object_get(json_array_get(new, 0), "device"), "name");
    if (strcmp(before, after) != 0) {
        note("the devices differ: %s, %s", before, after);
    }
}

int command_compare(const options *options) {
    json_t *old = read_records(options->old_file);
    json_t *new = old ? read_records(options->new_file) : NULL;
    int code = EXIT_USAGE;
    if (new) {
        note_devices(old, new);
        comparison total = compare_all(old, new, options->threshold);
        report_missing(old, new, options->old_file);
        report_missing(new, old, options->new_file);
        code = judge(&total, options->threshold);
        if (total.num_common == 0) {
            fail("the files have no case in common");
            code = EXIT_USAGE;
        }
    }
    if (code == EXIT_USAGE) {
        complain("%s", failure_text());
    }
    json_decref(old);
    json_decref(new);
    return code;
}
