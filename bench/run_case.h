/* Runs one case in one dtype and fills its record. */
#ifndef CLFORMER_BENCH_RUN_CASE_H
#define CLFORMER_BENCH_RUN_CASE_H

#include "case_selection.h"
#include "record.h"

/* Never fails as such: what went wrong is in the record. */
void run_case(const session *session, const operator_benchmark *benchmark,
              const selected_case *selected, clf_dtype dtype, const options *options, record *out);

/* Whether the names of --peers are peers of this operator. False after fail(). */
bool peers_check(const operator_benchmark *benchmark, const char *names);

const char *variant_name(clf_variant variant);

#endif
