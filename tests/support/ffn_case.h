/* One test case of FFN as plain data: everything but the numbers, which follow from its seed. */
#ifndef CLF_TESTS_FFN_CASE_H
#define CLF_TESTS_FFN_CASE_H

#include <clformer/ffn.h>

#include "test_random.h"
#include "test_tensor.h"

#define TEST_MAX_EXPERTS 256

/* The rows of the table of data types. */
typedef enum ffn_types {
    TEST_FFN_FP32,
    TEST_FFN_FP16,
    TEST_FFN_BF16,
    TEST_FFN_INT8_TO_FP16,
    TEST_FFN_INT8_TO_BF16,
    TEST_FFN_FP16_INT8, /* x, weights */
    TEST_FFN_FP16_INT4,
    TEST_FFN_BF16_INT8,
    TEST_FFN_BF16_INT4,
    TEST_NUM_FFN_TYPES
} ffn_types;

typedef enum ffn_expert_form {
    TEST_EXPERTS_NONE,
    TEST_EXPERTS_COUNTS,
    TEST_EXPERTS_ENDS,
    TEST_EXPERTS_DEVICE_COUNTS,
    TEST_EXPERTS_DEVICE_ENDS,
    TEST_NUM_EXPERT_FORMS
} ffn_expert_form;

#define TEST_NUM_FFN_ACTIVATIONS 7
extern const char *const test_ffn_activations[TEST_NUM_FFN_ACTIVATIONS]; /* from 4 on: GLU */

typedef struct ffn_case {
    ffn_types types;
    int activation; /* of test_ffn_activations */
    bool has_bias1;
    bool has_bias2;
    int32_t num_axes;                 /* of tokens: the rank of x less 1 */
    int64_t tokens[CLF_MAX_RANK - 1]; /* their sizes */
    int64_t depth1;                   /* K1 */
    int64_t depth2;                   /* K2; N1 follows */
    int64_t width2;                   /* N2 */
    ffn_expert_form expert_form;
    int64_t num_experts;
    int64_t counts[TEST_MAX_EXPERTS]; /* tokens of each expert */
    bool wild_tokens;                 /* on the device: values that cannot be right */
    int64_t groups1;                  /* int4: 0: a scale for each column */
    int64_t groups2;
    bool scale_per_column; /* int8 */
    clf_dtype deq_dtype;   /* int8 to fp16: int64, uint64 or fp32 */
    bool is_dyadic;        /* int8: powers of two as scales, so that ties are common */
    test_layout x_layout;
    test_layout weight_layout;
    test_layout vector_layout; /* biases, scales, offsets, tokens */
    test_layout y_layout;
    size_t misalign;
    int64_t inner_precise;
    clf_variant variant;
    double deviation; /* of x */
    uint64_t seed;
} ffn_case;

/* fp32, relu, 5 tokens, 8 x 12 and 12 x 6, no options. */
ffn_case ffn_case_default(void);

/* One line that tells everything but the counts of more than 8 experts. */
void ffn_case_text(const ffn_case *tested, char *text, size_t capacity);

bool ffn_case_is_glu(const ffn_case *tested);
bool ffn_case_is_int8(const ffn_case *tested);      /* x */
bool ffn_case_is_antiquant(const ffn_case *tested); /* quantised weights */
int64_t ffn_case_num_tokens(const ffn_case *tested);
int64_t ffn_case_width1(const ffn_case *tested);

/* Spreads the tokens over the experts, with empty ones. */
void ffn_case_spread(ffn_case *tested, test_random *random);

/* Whether the operator document accepts the combination. */
bool ffn_case_is_valid(const ffn_case *tested);

#endif
