/*
 * The reference for FusedFloydAttention and its gradients: plain loops in double precision, after
 * the formulas of clformer/floyd.h and nothing else. Shares no code with the library. A caller may
 * look at chosen rows of a large problem: operands are decoded for one batch element and head at a
 * time, so rows of one head should come together.
 */
#ifndef CLF_TESTS_FLOYD_ORACLE_H
#define CLF_TESTS_FLOYD_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "softmax_oracle.h"

/* The largest D. */
#define ORACLE_FLOYD_MAX_DEPTH 256

typedef enum oracle_floyd_operand {
    ORACLE_FLOYD_QUERY,
    ORACLE_FLOYD_KEY1,
    ORACLE_FLOYD_VALUE1,
    ORACLE_FLOYD_KEY2,
    ORACLE_FLOYD_VALUE2, /* the forward has all so far; gradients are numbered like them */
    ORACLE_FLOYD_GRAD_OUTPUT,
    ORACLE_FLOYD_ATTENTION_IN,
    ORACLE_FLOYD_SOFTMAX_MAX,
    ORACLE_FLOYD_SOFTMAX_SUM,
    ORACLE_FLOYD_NUM_OPERANDS
} oracle_floyd_operand;
#define ORACLE_FLOYD_NUM_GRADIENTS 5

typedef struct oracle_floyd_inputs {
    oracle_tensor operands[ORACLE_FLOYD_NUM_OPERANDS]; /* the forward needs the first five */
    oracle_tensor mask;                                /* bytes NULL: nothing is masked */
    double scale;
    bool is_gradient;
} oracle_floyd_inputs;

typedef struct oracle_floyd {
    oracle_floyd_inputs inputs;
    double scale; /* rounded to float */
    int64_t heads;
    int64_t n;
    int64_t m;
    int64_t k;
    int64_t depth;

    /* The head at hand: each operand as [axis 2][axis 3][axis 4], statistics without copies. */
    int64_t at_batch;
    int64_t at_head;
    float *values[ORACLE_FLOYD_NUM_OPERANDS];
    double *work; /* a row's work space, [2][K] */
} oracle_floyd;

/* Reads inputs that the library would accept; false if memory lacks. Bytes must stay, and must not
 * change between calls for one head. */
bool oracle_floyd_open(oracle_floyd *problem, const oracle_floyd_inputs *inputs);
void oracle_floyd_close(oracle_floyd *problem);

/* Rows: all but the last axis of a tensor shaped like the operand, in row-major order. */
int64_t oracle_floyd_num_rows(const oracle_floyd *problem, oracle_floyd_operand like);

typedef struct oracle_floyd_place {
    int64_t batch;
    int64_t head;
    int64_t i; /* on axis 2: n or k */
    int64_t j; /* on axis 3: m or k */
} oracle_floyd_place;
oracle_floyd_place oracle_floyd_row_place(const oracle_floyd *problem, oracle_floyd_operand like,
                                          int64_t row);

/* One row of the forward. The units say how far it moves, to first order, when every intermediate
 * value of an fp32 computation is off by half a unit in its last place, independently of the
 * others. */
typedef struct oracle_floyd_row {
    double out[ORACLE_FLOYD_MAX_DEPTH];
    double out_unit[ORACLE_FLOYD_MAX_DEPTH];
    double out_rounding[ORACLE_FLOYD_MAX_DEPTH]; /* the same when exponentials that meet values are
                                                    rounded to bf16 */
    double max;
    double max_unit;
    double sum;
    double sum_unit; /* relative to sum */
    int64_t num_live;
    bool is_nan; /* a score is NaN: the statistics are not defined */
} oracle_floyd_row;

/* Row (n, m), in double, and the straightforward computation of it: fp32 in the order of the
 * formulas, out rounded to `dtype`, units left. */
void oracle_floyd_compute_row(oracle_floyd *problem, int64_t row, oracle_floyd_row *result);
void oracle_floyd_compute_row_plain(oracle_floyd *problem, int64_t row, clf_dtype dtype,
                                    oracle_floyd_row *result);

/* The same for a row of the gradient of an operand (QUERY to VALUE2): D values and units, the plain
 * ones rounded to the operand's type. */
void oracle_floyd_compute_grad_row(oracle_floyd *problem, oracle_floyd_operand of, int64_t row,
                                   double *values, double *units);
void oracle_floyd_compute_grad_row_plain(oracle_floyd *problem, oracle_floyd_operand of,
                                         int64_t row, double *values);

#endif
