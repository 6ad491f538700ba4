/*
 * What the attention kernels are told, as plain data: mirrored by cl-kernels/lib/attention.clh,
 * byte for byte. Kernels know strides, sequences and visibility; no layout name and no mode number
 * gets here. Offsets and strides are in elements of the tensor in question.
 */
#ifndef CLF_ATTENTION_ATTENTION_RECORDS_H
#define CLF_ATTENTION_ATTENTION_RECORDS_H

#include <stdint.h>

/* One batch element. Offsets count from the tensor's own first element. */
typedef struct clf_i_attention_sequence {
    int64_t query_length;
    int64_t key_length;
    int64_t query_offset;
    int64_t key_offset;
    int64_t value_offset;
    int64_t out_offset;
    int64_t statistics_offset; /* of softmax_max and softmax_sum */
    int64_t statistics_head_stride;
    int64_t statistics_row_stride;
    int64_t mask_offset;
    int64_t bias_offset;
    int64_t dropout_offset; /* bit of head 0, row 0, key 0 */
    int64_t band_lowest;    /* see shape/visibility.h */
    int64_t band_highest;
    int64_t prefix;
    int64_t bias_shift;     /* compressed bias: rows that the longest element has more */
    int64_t position_shift; /* slope bias: distance = |j - i + position_shift| */
} clf_i_attention_sequence;

/* One unit of work, for each head (or group of heads): some rows of a sequence, some of its keys.
 */
typedef struct clf_i_attention_tile {
    int64_t sequence;
    int64_t row_begin; /* rows [row_begin, row_begin + rows of the kernel's tile) */
    int64_t key_begin; /* keys [key_begin, key_end): all that any row sees, or a part of them */
    int64_t key_end;
    int64_t partial; /* which split of its rows this is; 0 without splitting */
} clf_i_attention_tile;

enum { CLF_I_STRIDE_TOKEN = 0, CLF_I_STRIDE_HEAD = 1, CLF_I_STRIDE_DEPTH = 2 };
enum { CLF_I_STRIDE_PAIR_HEAD = 0, CLF_I_STRIDE_ROW = 1, CLF_I_STRIDE_COLUMN = 2 };

/* The whole problem; a kernel argument by value. */
typedef struct clf_i_attention_problem {
    int64_t num_heads;        /* of query */
    int64_t group;            /* query heads per key head */
    int64_t num_tiles;        /* entries of the tile table */
    int64_t query_strides[3]; /* token, head, depth */
    int64_t key_strides[3];
    int64_t value_strides[3];
    int64_t out_strides[3];
    int64_t mask_strides[3]; /* head, row, column; 0 where the mask repeats */
    int64_t bias_strides[3];
    int64_t bias_first_row; /* compressed bias: length of the longest sequence - 1024 */
    uint64_t dropout_seed;
    uint64_t dropout_offset;
    float score_factor; /* logits in units of log2: score * score_factor + bias * bias_factor */
    float bias_factor;
    float keep_scale;       /* 1 / keep_prob */
    float drop_probability; /* rounded to the dtype that decides the resolution */
    uint32_t dropout_bits;  /* 10, 7 or 23: bits of a random word that count */
    uint32_t empty_rows_are_zero;
} clf_i_attention_problem;

#endif
