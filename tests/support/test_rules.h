/* Tuning rules of a test's own. */
#ifndef CLF_TESTS_TEST_RULES_H
#define CLF_TESTS_TEST_RULES_H

#include <stddef.h>

/* From now on CLFORMER_TUNE_PATH names a file with one rule for clf_gemm on any device: "name": value,
 * separated by commas. `folder` receives the place of the file, for the end. */
void test_rules_begin(char *folder, size_t capacity, const char *parameters);
void test_rules_begin_for(char *folder, size_t capacity, const char *kernel,
                          const char *parameters);
void test_rules_end(const char *folder);

#endif
