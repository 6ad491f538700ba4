/* The caller's arguments, checked and read: everything a plan needs to know about the problem. */
#ifndef CLF_FFN_FFN_ARGUMENTS_H
#define CLF_FFN_FFN_ARGUMENTS_H

#include "ffn/ffn_experts.h"
#include "ffn/ffn_layers.h"
#include "shape/row_space.h"

typedef enum clf_i_ffn_mode {
    CLF_I_FFN_FLOAT,     /* x and weights of one floating-point type       */
    CLF_I_FFN_QUANTISED, /* int8 x and weights                             */
    CLF_I_FFN_ANTIQUANT  /* floating-point x with int8 or int4 weights     */
} clf_i_ffn_mode;

/* Numbered as CLF_ACTIVATION_... of the kernels. */
typedef enum clf_i_ffn_activation {
    CLF_I_FFN_RELU = 1,
    CLF_I_FFN_SILU = 2,
    CLF_I_FFN_GELU = 3,
    CLF_I_FFN_FASTGELU = 4
} clf_i_ffn_activation;

typedef struct clf_i_ffn_request {
    clf_ffn_args args; /* a copy; expert_tokens is NULL, having been read */
    clf_i_ffn_mode mode;
    clf_i_ffn_activation activation;
    bool is_glu;            /* left half times the activation of the right one */
    clf_dtype hidden_dtype; /* of what enters the second product */
    int64_t num_tokens;     /* M */
    bool out_is_empty;      /* nothing is to be written */
    clf_i_ffn_experts experts;
    clf_i_ffn_layer layers[2];
    /* Operand 0 of each; separate, because neither product needs both. */
    clf_i_row_space x_rows;
    clf_i_row_space y_rows;
    /* int8 x only */
    bool scale_is_per_column;
    clf_i_ffn_strides scale;
    clf_i_ffn_strides offset;
} clf_i_ffn_request;

/* All checks that need no device. The caller ends with clf_i_ffn_request_clear, also on failure. */
clf_status clf_i_ffn_request_make(const clf_ffn_args *given, clf_i_ffn_request *request);
void clf_i_ffn_request_clear(clf_i_ffn_request *request);

#endif
