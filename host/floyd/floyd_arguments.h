/* The caller's arguments of both Floyd operators, checked and read: all that needs no device. */
#ifndef CLF_FLOYD_FLOYD_ARGUMENTS_H
#define CLF_FLOYD_FLOYD_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include <clformer/floyd.h>

#define CLF_I_FLOYD_RANK   5
#define CLF_I_FLOYD_COPIES 8

/* All at least 1. */
typedef struct clf_i_floyd_sizes {
    int64_t batches; /* B */
    int64_t heads;   /* H */
    int64_t n;
    int64_t m;
    int64_t k;
    int64_t depth; /* D */
} clf_i_floyd_sizes;

typedef struct clf_i_floyd_geometry {
    clf_i_floyd_sizes sizes;
    float scale;
    bool has_mask;
    int64_t mask_strides[CLF_I_FLOYD_RANK]; /* of [B,H,N,M,K]; 0 where the mask is repeated */
} clf_i_floyd_geometry;

typedef struct clf_i_floyd_request {
    clf_floyd_attention_args args; /* a copy */
    clf_i_floyd_geometry geometry;
} clf_i_floyd_request;

typedef struct clf_i_floyd_grad_request {
    clf_floyd_attention_grad_args args; /* a copy */
    clf_i_floyd_geometry geometry;
} clf_i_floyd_grad_request;

/* Required tensors, dtypes and ranks, shapes, attributes, in this order. */
clf_status clf_i_floyd_request_make(const clf_floyd_attention_args *given,
                                    clf_i_floyd_request *request);
clf_status clf_i_floyd_grad_request_make(const clf_floyd_attention_grad_args *given,
                                         clf_i_floyd_grad_request *request);

#endif
