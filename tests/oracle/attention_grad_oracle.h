/*
 * The reference for FlashAttentionScoreGrad: plain loops in double precision, after the formulas of
 * clformer/attention_grad.h and nothing else, on the saved statistics and results that the operator
 * is given. A caller may look at chosen rows of the gradients of a large problem: one batch element
 * and key head is decoded at a time, so rows of one head should come together.
 */
#ifndef CLF_TESTS_ATTENTION_GRAD_ORACLE_H
#define CLF_TESTS_ATTENTION_GRAD_ORACLE_H

#include <clformer/attention_grad.h>

#include "attention_oracle.h"
#include "bounds.h"

/* What the inputs' buffers hold, from the buffers' starts; NULL where the argument is NULL. */
typedef struct oracle_attention_grad_inputs {
    oracle_attention_inputs forward;
    const void *grad_output;
    const void *attention_in;
    const void *softmax_max;
    const void *softmax_sum;
} oracle_attention_grad_inputs;

typedef enum oracle_gradient {
    ORACLE_GRAD_QUERY,
    ORACLE_GRAD_KEY,
    ORACLE_GRAD_VALUE,
    ORACLE_GRAD_PSE,
    ORACLE_NUM_GRADIENTS
} oracle_gradient;

/* What is known of a query row: whether and how it has probabilities, and its delta. */
typedef enum oracle_grad_row_kind {
    ORACLE_ROW_COMPUTED,
    ORACLE_ROW_UNIFORM, /* nothing of it is computed, and p = 1 / sum everywhere */
    ORACLE_ROW_ZERO
} oracle_grad_row_kind;

typedef struct oracle_grad_row {
    oracle_grad_row_kind kind;
    double max;
    double sum;
    double delta;
    double delta_unit;
    float plain_delta;
} oracle_grad_row;

typedef struct oracle_attention_grad {
    clf_flash_attention_grad_args args;
    oracle_attention_grad_inputs inputs;
    oracle_attention forward; /* with attention_in as attention_out */
    int64_t group;            /* query heads of a key head */

    /* The key head at hand; its keys and values are forward's. */
    int64_t at_element;
    int64_t at_key_head;
    double *queries;       /* [group][query length][depth]       */
    double *grad_outputs;  /* [group][query length][value depth] */
    oracle_grad_row *rows; /* [group][query length]              */
    double *work;          /* of a row of gradients, [3][its width] */
} oracle_attention_grad;

/* Reads arguments that the library would accept, with outputs that are not empty; false if they
 * cannot be read or memory lacks. Arrays of `args` and the inputs must stay. */
bool oracle_attention_grad_open(oracle_attention_grad *problem,
                                const clf_flash_attention_grad_args *args,
                                const oracle_attention_grad_inputs *inputs);
void oracle_attention_grad_close(oracle_attention_grad *problem);

/*
 * Rows of a gradient: of one token and head of a query, key or value, of one head and row of a
 * four-axis bias; slopes are one row. The numbers run head by head. The width is the number of
 * values in a row.
 */
int64_t oracle_attention_grad_num_rows(const oracle_attention_grad *problem, oracle_gradient of);
int64_t oracle_attention_grad_width(const oracle_attention_grad *problem, oracle_gradient of);

/* The gradient's view, NULL if it is not wanted; and an element number from the buffer's start. */
const clf_tensor *oracle_attention_grad_view(const oracle_attention_grad *problem,
                                             oracle_gradient of);
int64_t oracle_attention_grad_place(const oracle_attention_grad *problem, oracle_gradient of,
                                    int64_t row, int64_t column);

/*
 * One row in double, and the straightforward computation of it: fp32 in the order of the formulas,
 * weights rounded to the storage type before they meet the vectors, the result rounded. The units
 * say how far a value moves, to first order, when every intermediate value of such a computation is
 * off by half a unit in its last place, independently of the others.
 */
void oracle_attention_compute_grad_row(oracle_attention_grad *problem, oracle_gradient of,
                                       int64_t row, double *values, double *units);
void oracle_attention_compute_grad_row_plain(oracle_attention_grad *problem, oracle_gradient of,
                                             int64_t row, double *values);

/*
 * Compares rows first, first + step, ... (at most `count` of them) of a gradient with the
 * reference. `result` is what its buffer holds, from the buffer's start.
 */
oracle_verdict oracle_check_attention_grad(oracle_attention_grad *problem, oracle_gradient of,
                                           const void *result, int64_t first, int64_t step,
                                           int64_t count);

#endif
