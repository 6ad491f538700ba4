/*
 * How far results of FFN may be from the reference: every element has its own range
 * (ffn_ranges.h), rounded to y's type at both ends.
 */
#ifndef CLF_TESTS_FFN_BOUNDS_H
#define CLF_TESTS_FFN_BOUNDS_H

#include "bounds.h"
#include "ffn_oracle.h"

/*
 * Compares tokens first, first + step, ... (at most `count` of them) of y, whose buffer holds `y`,
 * with the reference; tokens of no expert are left out. max_error and allowed of the verdict are
 * those of the element that comes closest to its bound, or exceeds it most; max_error_plain is 0.
 */
oracle_verdict oracle_check_ffn(oracle_ffn *problem, const void *y, int64_t first, int64_t step,
                                int64_t count);

/* Whether a result lies in the range, rounded to its type. */
bool oracle_range_holds(clf_dtype dtype, oracle_range range, double value);

#endif
