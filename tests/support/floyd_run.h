/* Running Floyd cases on a device. */
#ifndef CLF_TESTS_FLOYD_RUN_H
#define CLF_TESTS_FLOYD_RUN_H

#include "floyd_tensors.h"

/* Default cases in each direction, by `method` and in each variant of the device. */
enum { TEST_MOST_FLOYD_WAYS = 4 };
size_t floyd_cases_make(const test_session *session, clf_floyd_method method,
                        floyd_case cases[TEST_MOST_FLOYD_WAYS]);

/* Planned on the host's views: no buffers. */
clf_status floyd_case_plan(const test_session *session, const floyd_case *tested,
                           clf_plan **out_plan);

/* Make, upload, plan, enqueue, read, compare. Prints the case and what is wrong, if anything is;
 * true if nothing. */
bool floyd_case_run(const test_session *session, const floyd_case *tested);

/* Enqueues one plan 20 times; fails the test unless all results have the same bits, and are right. */
void floyd_case_run_repeatedly(const test_session *session, const floyd_case *tested);

#endif
