/* How far results of the Floyd operators may be from the reference. */
#ifndef CLF_TESTS_FLOYD_BOUNDS_H
#define CLF_TESTS_FLOYD_BOUNDS_H

#include "bounds.h"
#include "floyd_oracle.h"

typedef struct oracle_floyd_outputs {
    oracle_tensor out;
    oracle_tensor max;
    oracle_tensor sum;
} oracle_floyd_outputs;

/*
 * Compares rows first, first + step, ... (at most `num_rows` of them) of all three outputs with the
 * reference. The verdict's errors are those of attention_out; `reason` may be about any of the
 * three.
 */
oracle_verdict oracle_check_floyd(oracle_floyd *problem, const oracle_floyd_outputs *outputs,
                                  int64_t first, int64_t step, int64_t num_rows);

/* The same for the gradient of an operand, QUERY to VALUE2. */
oracle_verdict oracle_check_floyd_grad(oracle_floyd *problem, oracle_floyd_operand of,
                                       const oracle_tensor *gradient, int64_t first, int64_t step,
                                       int64_t num_rows);

#endif
