/* The dropout generator that the operator's product uses: Philox4x32 with ten rounds (Salmon,
 * Moraes, Dror and Shaw, 2011), four elements per block, low bits of each word. */
#ifndef CLF_TESTS_ATTENTION_PHILOX_H
#define CLF_TESTS_ATTENTION_PHILOX_H

#include <stdbool.h>
#include <stdint.h>

#include <clformer/tensor.h>

/* The block of words at a counter, lowest word first. */
void oracle_philox(const uint32_t counter[4], const uint32_t key[2], int rounds, uint32_t words[4]);

typedef struct oracle_dropout {
    uint64_t seed;
    uint64_t offset;
    double drop_probability;
    clf_dtype dtype; /* decides how many bits count */
} oracle_dropout;

bool oracle_dropout_keeps(const oracle_dropout *dropout, uint64_t element);

/* Fraction of the elements that the generator keeps on average: the probability as rounded. */
double oracle_dropout_kept_fraction(const oracle_dropout *dropout);

#endif
