/* Small FFN cases for the race checks of the grouped matrix products: which kernel each must launch,
 * and how to run it. */
#ifndef CLF_TESTS_FFN_RACES_H
#define CLF_TESTS_FFN_RACES_H

#include "test_session.h"

size_t ffn_races_count(void);

/* The kernel that the case is for, and whether its sizes are odd. */
const char *ffn_race_kernel(size_t index);
bool ffn_race_is_ragged(size_t index);

/* False for the kernel that only follows another library's products, where there is none. */
bool ffn_race_can_run(const char *kernel);

/* Whether the case launches its kernel and all is right; prints what is not. */
bool ffn_race_run(const test_session *session, size_t index);

#endif
