/*
 * What the kernels of attention's gradient are told beyond attention_records.h: mirrored by
 * cl-kernels/lib/attention_grad.clh, byte for byte. Offsets and strides are in elements of the
 * tensor in question.
 */
#ifndef CLF_ATTENTION_ATTENTION_GRAD_RECORDS_H
#define CLF_ATTENTION_ATTENTION_GRAD_RECORDS_H

#include <stdint.h>

/* One batch element, numbered as in the table of sequences. */
typedef struct clf_i_attention_grad_sequence {
    int64_t first_row; /* rows of all sequences before it */
    int64_t grad_output_offset;
    int64_t grad_query_offset;
    int64_t grad_key_offset;
    int64_t grad_value_offset;
} clf_i_attention_grad_sequence;

/* The whole problem; a kernel argument by value. */
typedef struct clf_i_attention_grad_problem {
    int64_t num_rows; /* of all sequences */
    int64_t num_batches;
    int64_t grad_output_strides[3]; /* token, head, depth */
    int64_t grad_query_strides[3];
    int64_t grad_key_strides[3];
    int64_t grad_value_strides[3];
    int64_t pse_strides[4]; /* of grad_pse: batch, head, row, column */
    int64_t pse_batches;    /* its sizes on these axes; 1: the sum over all */
    int64_t pse_rows;
    float scale;
    float pse_scale; /* what ds is multiplied by to give grad_pse */
} clf_i_attention_grad_problem;

#endif
