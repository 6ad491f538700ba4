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

/* What the numbers of a problem reach: |value|, and |logit| where it counts. */
typedef struct oracle_attention_reach {
    double value;
    double logit;
} oracle_attention_reach;

/* Whether two outputs that rounded at different places may both be right. */
bool oracle_attention_outputs_agree(clf_dtype dtype, double a, double b,
                                    oracle_attention_reach reach);

/* The same for the statistics of one row, compared by what they are for: max, and max + ln(sum). */
bool oracle_attention_statistics_agree(double max_a, double sum_a, double max_b, double sum_b);

/* Whether a count of kept bits is what a fair generator gives: within 4 standard deviations. A fair
 * one leaves them once in 16000 counts: ask about fixed seeds, and where several bits at least are
 * expected to be kept and to be dropped. */
bool oracle_kept_count_is_fair(uint64_t kept, uint64_t total, double fraction);

/* Whether a value agrees with one printed to six decimals, and to five. */
bool oracle_close_to_printed(double value, double printed);
bool oracle_close_to_printed_gradient(double value, double printed);

#endif
