/* Random numbers that can be replayed: the seed is printed, and CLFORMER_TEST_SEED sets it. */
#ifndef CLF_TESTS_TEST_RANDOM_H
#define CLF_TESTS_TEST_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct test_random {
    uint64_t state;
} test_random;

/* CLFORMER_TEST_SEED if set, else fresh for each process. Prints it on the first call. */
uint64_t test_seed(void);

/* How many random cases to run: CLFORMER_TEST_CASES if set, else `usual`. */
size_t test_num_cases(size_t usual);

test_random test_random_from(uint64_t seed);
uint64_t test_random_next(test_random *random);
/* In [0, count). */
size_t test_random_below(test_random *random, size_t count);
/* In [lowest, highest]. */
int64_t test_random_between(test_random *random, int64_t lowest, int64_t highest);
bool test_random_chance(test_random *random, double probability);
double test_random_uniform(test_random *random, double lowest, double highest);
double test_random_normal(test_random *random);

#endif
