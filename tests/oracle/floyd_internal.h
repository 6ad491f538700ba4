/* Between the parts of the Floyd oracle. */
#ifndef CLF_TESTS_FLOYD_INTERNAL_H
#define CLF_TESTS_FLOYD_INTERNAL_H

#include "floyd_oracle.h"

/* Decodes the row's batch element and head, unless they are at hand. */
oracle_floyd_place oracle_floyd_enter(oracle_floyd *problem, oracle_floyd_operand like,
                                      int64_t row);

/* Of the head at hand: the vector or statistic at (i, j) of axes 2 and 3. */
const float *oracle_floyd_at(const oracle_floyd *problem, oracle_floyd_operand operand, int64_t i,
                             int64_t j);
bool oracle_floyd_is_masked(const oracle_floyd *problem, int64_t n, int64_t m, int64_t k);

/* One edge and pivot. */
typedef struct oracle_floyd_triple {
    int64_t n;
    int64_t m;
    int64_t k;
} oracle_floyd_triple;

/* A gradient row is a sum over the axis that its operand does not have: K, M or N. */
int64_t oracle_floyd_sum_length(const oracle_floyd *problem, oracle_floyd_operand of);
oracle_floyd_triple oracle_floyd_sum_term(oracle_floyd_operand of, const oracle_floyd_place *place,
                                          int64_t term);

#endif
