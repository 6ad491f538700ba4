/* How far results of attention may be from the reference. */
#ifndef CLF_TESTS_ATTENTION_BOUNDS_H
#define CLF_TESTS_ATTENTION_BOUNDS_H

#include "attention_oracle.h"
#include "bounds.h"

/* What the outputs' buffers hold, from the buffers' starts; their views are the arguments'. */
typedef struct oracle_attention_outputs {
    const void *attention_out;
    const void *softmax_max;
    const void *softmax_sum;
} oracle_attention_outputs;

/*
 * Compares rows first, first + step, ... (at most `count` of them; numbers as
 * oracle_attention_row_place) of all three outputs with the reference. The verdict's errors are
 * those of attention_out; `reason` may be about any of the three.
 */
oracle_verdict oracle_check_attention(oracle_attention *problem,
                                      const oracle_attention_outputs *outputs, int64_t first,
                                      int64_t step, int64_t count);

/* Whether two results that rounded at different places may both be right: outputs of one dtype,
 * each within the bounds of rounding to it; `largest` is max |value| of what was averaged. */
bool oracle_attention_outputs_agree(clf_dtype dtype, double a, double b, double largest);

/* The same for the statistics of one row, compared by what they are for: max, and max + ln(sum). */
bool oracle_attention_statistics_agree(double max_a, double sum_a, double max_b, double sum_b);

/* Whether a count of kept bits is what a fair generator gives: within 4 standard deviations. */
bool oracle_kept_count_is_fair(uint64_t kept, uint64_t total, double fraction);

/* Whether a value agrees with one printed to six decimals. */
bool oracle_close_to_printed(double value, double printed);

#endif
