/* Running Floyd cases on a device. */
#ifndef CLF_TESTS_FLOYD_RUN_H
#define CLF_TESTS_FLOYD_RUN_H

#include "floyd_tensors.h"

/* Make, upload, plan, enqueue, read, compare. Prints the case and what is wrong, if anything is;
 * true if nothing. */
bool floyd_case_run(const test_session *session, const floyd_case *tested);

#endif
