/* Small Floyd cases for the race checks: which kernel each must launch, and how to run it. */
#ifndef CLF_TESTS_FLOYD_RACES_H
#define CLF_TESTS_FLOYD_RACES_H

#include "test_session.h"

size_t floyd_races_count(void);

/* The kernel that the case is for, and whether its sizes are odd. */
const char *floyd_race_kernel(size_t index);
bool floyd_race_is_ragged(size_t index);

/* Whether the case launches its kernel and all is right; prints what is not. */
bool floyd_race_run(const test_session *session, size_t index);

#endif
