/* The command line, read and checked. */
#ifndef CLFORMER_BENCH_OPTIONS_H
#define CLFORMER_BENCH_OPTIONS_H

#include "operator_benchmark.h"
#include "report.h"

/* Commands an option belongs to. */
enum {
    FOR_INFO = 1,
    FOR_LIST = 2,
    FOR_RUN = 4,
    FOR_EXPLAIN = 8,
    FOR_COMPARE = 16,
    FOR_DEMO = 32,
    FOR_TUNE = 64,
    FOR_ALL = 127
};

typedef enum verify_mode { VERIFY_OFF, VERIFY_SAMPLE, VERIFY_FULL } verify_mode;
typedef enum measure_mode { MEASURE_TIME, MEASURE_OVERHEAD } measure_mode;

#define MAX_DTYPES     3
#define MAX_ATTRIBUTES 16

/* An operator's attribute as given. */
typedef struct attribute_value {
    const char *name;
    const char *value;
} attribute_value;

typedef struct options {
    const struct command_entry *command;
    const operator_benchmark *benchmark; /* run, explain */
    const char *old_file;                /* compare */
    const char *new_file;
    const char *tuned; /* tune: what */

    const char *device; /* NULL: the library's choice */
    clf_variant variant;
    size_t num_dtypes;
    clf_dtype dtypes[MAX_DTYPES];
    const char *suite; /* NULL: seed, unless cases or a shape are given */
    const char *cases; /* NULL: all of the suite */
    size_t num_attributes;
    attribute_value attributes[MAX_ATTRIBUTES];
    verify_mode verify;
    measure_mode measure;
    report_format format;
    const char *output;
    const char *peers; /* "none", "all", or names */
    measure_request timing;
    uint64_t seed;
    double threshold;
    double budget; /* seconds */
    bool peaks;
    const char *data_folder;
    bool quiet;
} options;

typedef struct command_entry {
    const char *name;
    unsigned mask; /* its bit of FOR_... */
    const char *usage;
    const char *help;
    int (*run)(const options *options);
} command_entry;

/* NULL-name-terminated; in bench_main.c. */
extern const command_entry command_table[];

typedef struct option_entry {
    const char *name;
    char letter;          /* 0: long form only */
    const char *argument; /* NULL: none */
    unsigned commands;
    bool (*set)(options *options, const char *value);
    const char *help; /* what it does, and the values accepted */
} option_entry;

extern const option_entry option_table[];

/*
 * Reads the command line. Returns true if the command is to be run; else *exit_code says how to end
 * (help or version was printed, or a complaint).
 */
bool options_read(int argc, char **argv, options *out, int *exit_code);

/* Opens the device of --device; complains if it cannot and returns the exit code, else EXIT_OK. */
int open_chosen_device(const options *options, session *out);

/* Whether `name` is one of the names of a comma-separated list. */
bool list_contains(const char *list, const char *name);

#endif
