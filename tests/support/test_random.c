/* SplitMix64 (Steele, Lea, Flood 2014): tiny, and good enough to choose test cases. */
#include "test_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

uint64_t test_seed(void) {
    static bool is_known;
    static uint64_t seed;

    if (!is_known) {
        const char *given = getenv("CLFORMER_TEST_SEED");
        struct timespec now;
        timespec_get(&now, TIME_UTC);
        test_random mixed = {(uint64_t)now.tv_sec * 1000003U ^ (uint64_t)now.tv_nsec ^
                             ((uint64_t)getpid() << 32)};
        seed = given != NULL && given[0] != '\0' ? strtoull(given, NULL, 0)
                                                 : test_random_next(&mixed) >> 32;
        is_known = true;
        printf("seed %llu (CLFORMER_TEST_SEED=%llu replays)\n", (unsigned long long)seed,
               (unsigned long long)seed);
        fflush(stdout);
    }
    return seed;
}

size_t test_num_cases(size_t usual) {
    const char *given = getenv("CLFORMER_TEST_CASES");
    const unsigned long count = given != NULL ? strtoul(given, NULL, 10) : 0;
    return count > 0 ? count : usual;
}

test_random test_random_from(uint64_t seed) {
    test_random random = {seed};
    test_random_next(&random);
    return random;
}

uint64_t test_random_next(test_random *random) {
    random->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t mixed = random->state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

size_t test_random_below(test_random *random, size_t count) {
    return (size_t)(test_random_next(random) % count);
}

int64_t test_random_between(test_random *random, int64_t lowest, int64_t highest) {
    return lowest + (int64_t)test_random_below(random, (size_t)(highest - lowest + 1));
}

bool test_random_chance(test_random *random, double probability) {
    return test_random_uniform(random, 0.0, 1.0) < probability;
}

double test_random_uniform(test_random *random, double lowest, double highest) {
    const double unit = (double)(test_random_next(random) >> 11) * ldexp(1.0, -53);
    return lowest + unit * (highest - lowest);
}

double test_random_normal(test_random *random) {
    /* Box and Muller. */
    const double radius = sqrt(-2.0 * log(1.0 - test_random_uniform(random, 0.0, 1.0)));
    return radius * cos(2.0 * 3.14159265358979323846 * test_random_uniform(random, 0.0, 1.0));
}
