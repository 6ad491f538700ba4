/* From the command line to problems: which cases, with which attributes. */
#ifndef CLFORMER_BENCH_CASE_SELECTION_H
#define CLFORMER_BENCH_CASE_SELECTION_H

#include "options.h"

typedef struct selected_case {
    const char *suite;
    const char *name;
    void *problem; /* benchmark->problem_size bytes */
} selected_case;

typedef struct case_selection {
    size_t count;
    selected_case *cases;
} case_selection;

/*
 * The cases that `options` ask for: a shape of the user's own, or those of the suite that --case
 * leaves, with the attributes given. `suite` is used if neither is given. False after fail(); what
 * was wrong is then the user's input.
 */
bool selection_create(const operator_benchmark *benchmark, const options *options,
                      const char *suite, case_selection *out);
void selection_release(case_selection *selection);

/* A case exists in some data types: notes the cases that exist in none of those chosen; false after
 * fail() if that is so for all. */
bool selection_check_dtypes(const operator_benchmark *benchmark, const options *options,
                            const case_selection *selection);

/* Whether the operator has such a suite; false after fail(). */
bool suite_check(const operator_benchmark *benchmark, const char *suite);

/* Where the recorded tensors are: --data, the source tree, or the installed folder. */
const char *data_folder(const options *options);

#endif
