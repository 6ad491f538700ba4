/*
 * How far a result may be from the reference. All tolerance constants of the tests and the
 * benchmark are in bounds.c, with their derivation.
 */
#ifndef CLF_TESTS_BOUNDS_H
#define CLF_TESTS_BOUNDS_H

#include "softmax_oracle.h"

/* The outcome of one comparison. `reason` is "" if ok, else one sentence. */
typedef struct oracle_verdict {
    bool ok;
    double max_error;       /* max |result - reference| over the finite elements */
    double max_error_plain; /* the same for the plain fp32 computation */
    double allowed;         /* what max_error is compared with */
    double max_reference;   /* max |reference| */
    char reason[240];
} oracle_verdict;

/* Compares rows [first_row, first_row + num_rows) of y (bytes and view of the output) with the
 * reference: accuracy, NaN and infinity in the right places, entries in [0, 1], row sums. */
oracle_verdict oracle_check_softmax(const oracle_softmax *problem, const oracle_tensor *result,
                                    int64_t first_row, int64_t num_rows);
/* The same for the gradient; `result` is grad_x. */
oracle_verdict oracle_check_softmax_grad(const oracle_softmax *problem, const oracle_tensor *result,
                                         int64_t first_row, int64_t num_rows);

/* Joins the verdicts of two parts of one tensor: `total` starts as oracle_verdict_empty(). */
oracle_verdict oracle_verdict_empty(void);
void oracle_verdict_merge(oracle_verdict *total, const oracle_verdict *part);

/* Whether a stored reference that was itself computed in fp32 (by another program) agrees. */
bool oracle_close_to_stored(clf_dtype dtype, double value, double stored);

/* |a - b| <= absolute + relative * max(|a|, |b|), for central differences of the oracle itself. */
bool oracle_close_to_difference_quotient(double gradient, double quotient);
double oracle_difference_step(void);

/* Whether moving the input by a constant moved the result no more than rounding of the input does.
 */
bool oracle_close_after_shift(clf_dtype dtype, double before, double after, double largest_score);

#endif
