/*
 * FFN in double precision, one token after the other, with the roundings that the operator's text
 * prescribes: hidden activations, quantisation, weights made of quantised ones, 19-bit scales. Any
 * strides and ranks, straight from the buffers' bytes.
 */
#ifndef CLF_TESTS_FFN_ORACLE_H
#define CLF_TESTS_FFN_ORACLE_H

#include <clformer/ffn.h>

#include "ffn_ranges.h"

/* What the buffers hold, from their starts; NULL where the argument is. */
typedef struct oracle_ffn_inputs {
    const void *x;
    const void *weight1;
    const void *weight2;
    const void *bias1;
    const void *bias2;
    const void *scale;
    const void *offset;
    const void *deq_scale1;
    const void *deq_scale2;
    const void *antiquant_scale1;
    const void *antiquant_scale2;
    const void *antiquant_offset1;
    const void *antiquant_offset2;
    const void *expert_tokens_tensor;
} oracle_ffn_inputs;

/* A tensor and its bytes; a tensor of NULL is not given. */
typedef struct oracle_operand {
    const clf_tensor *tensor;
    const void *bytes;
} oracle_operand;

typedef struct oracle_ffn_layer {
    int64_t depth;
    int64_t width;
    oracle_operand weight;
    oracle_operand bias;
    oracle_operand deq_scale;
    oracle_operand antiquant_scale;
    oracle_operand antiquant_offset;
    float *values; /* the weight of the expert at hand, [depth][width]; floats hold all types */
} oracle_ffn_layer;

typedef struct oracle_ffn {
    clf_ffn_args args;
    oracle_ffn_inputs inputs;
    oracle_activation activation;
    bool is_glu;
    clf_dtype hidden_dtype;
    int64_t num_tokens;
    bool has_experts;
    int64_t num_experts; /* 1 without */
    int64_t *ends;       /* of the experts' ranges */
    oracle_ffn_layer layers[2];
    int64_t at_expert; /* whose weights are at hand; -1: none */
    /* Of one token: */
    double *input;
    double *sum;
    double *squares;
    double *low;
    double *high;
    oracle_range *first;  /* N1: the first product with bias and scale */
    oracle_range *hidden; /* K2: what enters the second product */
} oracle_ffn;

/* For arguments that the operator accepts. False: no memory, or no such activation. Ends with
 * oracle_ffn_close, also then. By one thread at a time; then a problem may go to any thread. */
bool oracle_ffn_open(oracle_ffn *problem, const clf_ffn_args *args,
                     const oracle_ffn_inputs *inputs);
void oracle_ffn_close(oracle_ffn *problem);

/* The expert of a token, 0 without experts; -1 if it belongs to none. */
int64_t oracle_ffn_expert(const oracle_ffn *problem, int64_t token);

/* problem->first and ->hidden, then y's row [N2] before it is rounded. Of a token with an expert. */
void oracle_ffn_row(oracle_ffn *problem, int64_t token, oracle_range *y);

/* The same row by the usual fp32 computation, element after element, rounded as y is: a sample of
 * what a correct implementation gives. */
void oracle_ffn_row_plain(oracle_ffn *problem, int64_t token, double *y);

/* Element number of y[token][column] in its buffer. */
int64_t oracle_ffn_y_place(const oracle_ffn *problem, int64_t token, int64_t column);

#endif
