/* Small cases of every attention kernel, for the simulator's checks. */
#ifndef CLF_TESTS_ATTENTION_RACES_H
#define CLF_TESTS_ATTENTION_RACES_H

#include <stdbool.h>

#include "test_session.h"

/* How many cases the kernel has, and how many of them are ragged. */
void attention_races_count(const char *kernel, int *count, int *ragged);

/* Runs the kernel's cases, each compared with the oracle. False, with the reason printed, if one is
 * wrong or does not launch the kernel. */
bool attention_races_run(const test_session *session, const char *kernel);

#endif
