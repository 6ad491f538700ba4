/*
 * Gradient of fused attention, for any device. Formulas: public header attention_grad.h.
 *
 * Algorithm: the probabilities are computed again from the saved statistics (Dao et al.,
 * FlashAttention, 2022). Nothing is added up by two work-groups, so that the result is always the
 * same: each work-group owns what it writes, and goes through all that adds to it. Compiled for one
 * of three kinds of results, in the order of their launches:
 *
 *   CLF_ATTENTION_GRAD_OF  owns                           goes through
 *   0  grad_query          R query rows of a head         the keys that they see
 *   1  grad_key, _value    R keys of a key head           its query heads, the rows that see them
 *   2  grad_pse            R rows and T keys of a head    the batch elements, rows that share a bias
 *
 * A work-group of Y * X work-items. Work-item (y, x) has the owned tokens y, y + Y, ... and, of each
 * block of T tokens of the other side, and of every chunk of C depths, the columns x, x + X, ...:
 *
 *                      T tokens of a block, x               D, Dv depths in chunks of C, x
 *                    +------------------------+           +------+------+------+
 *  R own tokens, y   | two products: private, |           | results: private   |
 *                    | weights: local         |           |                    |
 *                    +------------------------+           +------+------+------+
 *
 * All operands pass through local memory in chunks, so that any depth fits. Pairs that do not count
 * have weight zero; from the first infinity or NaN of the other side on, they are left out.
 *
 * Global size: X * Y for each tile and head (0), tile and key head (1), or tile of grad_pse (2).
 * Arguments, in this order; a tensor is its address and an offset in elements:
 *     query, key, value, [bias], [mask], [drop_mask], grad_output,
 *     0: attention_in, softmax_max, softmax_sum, grad_query;  1: grad_key, grad_value;  2: grad_pse,
 *     sequences, grad sequences, tiles (not 2), workspace (offset in bytes), problem, grad problem
 * Local memory, bytes:  4 * ((R + T) * (C + 1) + 2 * R * (T + 1) + 3 * max(R, T) + 2)
 *
 * Macros: lib/attention_tile.clh (T, C, Y, X), lib/attention.clh (R, options), lib/dtype.clh,
 * CLF_ATTENTION_GRAD_OF (default 0), and
 *   CLF_ATTENTION_EVEN_ROWS  0  1: there may be rows whose probability is 1 / sum everywhere
 */
#ifndef CLF_ATTENTION_EVEN_ROWS
#define CLF_ATTENTION_EVEN_ROWS 0
#endif
#include "lib/attention_grad_tile.clh"

#if CLF_ATTENTION_OF_QUERY
#define CLF_ATTENTION_RESULT_PARAMETERS                                                            \
    __global const clf_storage *attention_in, long attention_in_offset,                            \
        __global const float *softmax_max, long softmax_max_offset,                                \
        __global const float *softmax_sum, long softmax_sum_offset,                                \
        __global clf_storage *grad_query, long grad_query_offset,
#elif CLF_ATTENTION_OF_KEY
#define CLF_ATTENTION_RESULT_PARAMETERS                                                            \
    __global clf_storage *grad_key, long grad_key_offset, __global clf_storage *grad_value,        \
        long grad_value_offset,
#else
#define CLF_ATTENTION_RESULT_PARAMETERS __global clf_storage *grad_pse, long grad_pse_offset,
#endif
#if CLF_ATTENTION_OF_PSE
#define CLF_ATTENTION_TILE_PARAMETERS
#else
#define CLF_ATTENTION_TILE_PARAMETERS __global const clf_attention_tile *tiles,
#endif

/* What all functions below need to know. */
typedef struct clf_attention_grad_context {
    const clf_attention_tensors *tensors;
    __global const clf_storage *grad_output;
    __global const clf_attention_sequence *sequences;
    __global const clf_attention_grad_sequence *grad_sequences;
    __global float *rows; /* of the workspace */
    const clf_attention_problem *problem;
    const clf_attention_grad_problem *grad_problem;
    const clf_attention_local *memory;
    clf_attention_item item;
} clf_attention_grad_context;

static inline clf_attention_side clf_attention_queries(const clf_attention_grad_context *context,
                                                       long sequence, long head, long row) {
    return clf_attention_query_side(
        context->tensors, context->grad_output, context->sequences + sequence,
        context->grad_sequences + sequence, context->problem, context->grad_problem, head, row);
}

#if CLF_ATTENTION_OF_QUERY
/* What the tile's rows have, to local memory and to the workspace; X work-items share a row. */
static inline void clf_attention_make_rows(const clf_attention_grad_context *context,
                                           __global const clf_attention_tile *tile, long head,
                                           int count, const clf_attention_side *queries,
                                           __global const clf_storage *attention,
                                           __global const float *softmax_max,
                                           __global const float *softmax_sum) {
    const clf_attention_local *memory = context->memory;
    const clf_attention_item *item = &context->item;
    const long *strides = context->problem->out_strides;
    for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r) {
        const int token = item->y + r * CLF_ATTENTION_GROUP_ROWS;
        float part = 0.0f;
        for (int d = item->x; d < CLF_ATTENTION_VALUE_DEPTH; d += CLF_ATTENTION_GROUP_COLUMNS)
            if (token < count)
                part = fma(clf_load(attention + token * strides[CLF_STRIDE_TOKEN] +
                                    d * CLF_ATTENTION_DEPTH_STRIDE(strides)),
                           clf_load(queries->second + token * queries->second_token +
                                    d * queries->second_depth),
                           part);
        memory->ds[token * CLF_ATTENTION_POWER_PITCH + item->x] = part;
    }
    /* The parts are there; the flags are cleared. */
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int token = (int)get_local_id(0); token < count; token += CLF_ATTENTION_GROUP_SIZE) {
        __global const clf_attention_sequence *sequence = context->sequences + tile->sequence;
        __local float *floats = memory->rows + token * CLF_ATTENTION_ROW_FLOATS;
        clf_attention_row place;
        place.head = head;
        place.row = tile->row_begin + token;
        const long statistic = clf_attention_statistics_place(sequence, &place);
        float delta = 0.0f;
        for (int x = 0; x < CLF_ATTENTION_GROUP_COLUMNS; ++x)
            delta += memory->ds[token * CLF_ATTENTION_POWER_PITCH + x];
        clf_attention_set_row(softmax_max[statistic], softmax_sum[statistic], delta, floats);
        if (floats[0] == CLF_ATTENTION_EVEN_ROW)
            atomic_or(memory->has_even, 1);
        __global float *kept =
            context->rows + clf_attention_row_place(context->grad_problem,
                                                    context->grad_sequences + tile->sequence, head,
                                                    place.row);
        for (int i = 0; i < CLF_ATTENTION_ROW_FLOATS; ++i)
            kept[i] = floats[i];
    }
    /* The rows are there, and the parts have been read. */
    barrier(CLK_LOCAL_MEM_FENCE);
}

static inline void clf_attention_grad_of_query(const clf_attention_grad_context *context,
                                               __global const clf_attention_tile *tile, long head,
                                               __global const clf_storage *attention,
                                               __global const float *softmax_max,
                                               __global const float *softmax_sum,
                                               __global clf_storage *grad_query) {
    __global const clf_attention_sequence *sequence = context->sequences + tile->sequence;
    const long *strides = context->grad_problem->grad_query_strides;
    const int count = (int)min((long)CLF_ATTENTION_ROWS, sequence->query_length - tile->row_begin);
    clf_attention_pairs pairs = {
        .own = clf_attention_queries(context, tile->sequence, head, tile->row_begin),
        .num_own = count,
        .sequence = sequence,
        .head = head,
        .first_row = tile->row_begin};
    attention += sequence->out_offset + head * context->problem->out_strides[CLF_STRIDE_HEAD] +
                 tile->row_begin * context->problem->out_strides[CLF_STRIDE_TOKEN];
    clf_attention_make_rows(context, tile, head, count, &pairs.own, attention, softmax_max,
                            softmax_sum);
    const bool sees_all = CLF_ATTENTION_EVEN_ROWS && *context->memory->has_even != 0;
    const long end = sees_all ? sequence->key_length : tile->key_end;
    clf_attention_sums sums;
    clf_attention_clear(sums);
    for (long key = sees_all ? 0 : tile->key_begin; key < end; key += CLF_ATTENTION_KEY_TILE) {
        pairs.num_other = (int)min((long)CLF_ATTENTION_KEY_TILE, end - key);
        pairs.first_key = key;
        pairs.other = clf_attention_key_side(context->tensors, sequence, context->problem,
                                             head / context->problem->group, key);
        clf_attention_block_weights(context->memory, &context->item, &pairs, context->tensors,
                                    context->problem);
        clf_attention_add_block(sums, context->memory, &context->item, &pairs.other,
                                pairs.num_other);
    }
    clf_attention_store_sums(
        sums, 0, context->grad_problem->scale, &context->item, count, CLF_ATTENTION_DEPTH,
        grad_query + context->grad_sequences[tile->sequence].grad_query_offset +
            head * strides[CLF_STRIDE_HEAD] + tile->row_begin * strides[CLF_STRIDE_TOKEN],
        strides);
}
#else
/* A block of query rows, from the workspace. Returns whether any has the same probability
 * everywhere, if there may be such ones. */
static inline bool clf_attention_load_rows(const clf_attention_grad_context *context, long sequence,
                                           long head, long row, int count) {
    const clf_attention_local *memory = context->memory;
    __global const float *kept =
        context->rows + clf_attention_row_place(context->grad_problem,
                                                context->grad_sequences + sequence, head, row);
    /* The rows before have been read, and so has the flag. */
    barrier(CLK_LOCAL_MEM_FENCE);
    if (get_local_id(0) == 0)
        *memory->has_even = 0;
    /* The flag is cleared. */
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = (int)get_local_id(0); i < count * CLF_ATTENTION_ROW_FLOATS;
         i += CLF_ATTENTION_GROUP_SIZE) {
        memory->rows[i] = kept[i];
        if (CLF_ATTENTION_EVEN_ROWS && i % CLF_ATTENTION_ROW_FLOATS == 0 &&
            kept[i] == CLF_ATTENTION_EVEN_ROW)
            atomic_or(memory->has_even, 1);
    }
    /* Rows and flag are there. */
    barrier(CLK_LOCAL_MEM_FENCE);
    return *memory->has_even != 0;
}
#endif

#if CLF_ATTENTION_OF_KEY
/* Adds what the rows of one query head make of the keys. */
static inline void clf_attention_add_head(clf_attention_sums sums,
                                          const clf_attention_grad_context *context,
                                          __global const clf_attention_tile *tile, long head,
                                          clf_attention_pairs *pairs) {
    __global const clf_attention_sequence *sequence = pairs->sequence;
    long begin, end;
    clf_attention_rows_of_keys(sequence, tile->key_begin, tile->key_end, &begin, &end);
    const long stop = CLF_ATTENTION_EVEN_ROWS ? sequence->query_length : end;
    for (long row = CLF_ATTENTION_EVEN_ROWS ? 0 : begin; row < stop;
         row += CLF_ATTENTION_KEY_TILE) {
        const int count = (int)min((long)CLF_ATTENTION_KEY_TILE, stop - row);
        const bool has_even = clf_attention_load_rows(context, tile->sequence, head, row, count);
        if (CLF_ATTENTION_EVEN_ROWS && !has_even && (row >= end || row + count <= begin))
            continue;
        pairs->head = head;
        pairs->first_row = row;
        pairs->num_other = count;
        pairs->other = clf_attention_queries(context, tile->sequence, head, row);
        clf_attention_block_weights(context->memory, &context->item, pairs, context->tensors,
                                    context->problem);
        clf_attention_add_block(sums, context->memory, &context->item, &pairs->other, count);
    }
}

static inline void clf_attention_grad_of_key(const clf_attention_grad_context *context,
                                             __global const clf_attention_tile *tile, long key_head,
                                             __global clf_storage *grad_key,
                                             __global clf_storage *grad_value) {
    const clf_attention_grad_problem *problem = context->grad_problem;
    const long *strides[2] = {problem->grad_key_strides, problem->grad_value_strides};
    const int num_keys = (int)(tile->key_end - tile->key_begin);
    clf_attention_pairs pairs = {
        .own = clf_attention_key_side(context->tensors, context->sequences + tile->sequence,
                                      context->problem, key_head, tile->key_begin),
        .num_own = num_keys,
        .sequence = context->sequences + tile->sequence,
        .first_key = tile->key_begin};
    clf_attention_sums sums;
    clf_attention_clear(sums);
    for (long i = 0; i < context->problem->group; ++i)
        clf_attention_add_head(sums, context, tile, key_head * context->problem->group + i, &pairs);
    grad_key += context->grad_sequences[tile->sequence].grad_key_offset;
    grad_value += context->grad_sequences[tile->sequence].grad_value_offset;
    clf_attention_store_sums(sums, 0, problem->scale, &context->item, num_keys, CLF_ATTENTION_DEPTH,
                             grad_key + key_head * strides[0][CLF_STRIDE_HEAD] +
                                 tile->key_begin * strides[0][CLF_STRIDE_TOKEN],
                             strides[0]);
    clf_attention_store_sums(sums, CLF_ATTENTION_RESULTS - 1, 1.0f, &context->item, num_keys,
                             CLF_ATTENTION_VALUE_DEPTH,
                             grad_value + key_head * strides[1][CLF_STRIDE_HEAD] +
                                 tile->key_begin * strides[1][CLF_STRIDE_TOKEN],
                             strides[1]);
}
#endif

#if CLF_ATTENTION_OF_PSE
typedef float clf_attention_block[CLF_ATTENTION_ITEM_ROWS][CLF_ATTENTION_ITEM_KEYS];

/* Adds the ds of rows [first, last) of a head and batch element, R at a time. */
static inline void clf_attention_add_rows(clf_attention_block sums,
                                          const clf_attention_grad_context *context, long batch,
                                          long head, long first, long last, long key,
                                          int num_keys) {
    __global const clf_attention_sequence *sequence = context->sequences + batch;
    long begin, end;
    clf_attention_rows_of_keys(sequence, key, key + num_keys, &begin, &end);
    for (long row = first; row < last; row += CLF_ATTENTION_ROWS) {
        const int count = (int)min((long)CLF_ATTENTION_ROWS, last - row);
        const bool is_seen = row < end && row + count > begin;
        if (!CLF_ATTENTION_EVEN_ROWS && !is_seen)
            continue;
        const bool has_even = clf_attention_load_rows(context, batch, head, row, count);
        if (!is_seen && !has_even)
            continue;
        const clf_attention_pairs pairs = {
            .own = clf_attention_queries(context, batch, head, row),
            .other = clf_attention_key_side(context->tensors, sequence, context->problem,
                                            head / context->problem->group, key),
            .num_own = count,
            .num_other = num_keys,
            .sequence = sequence,
            .head = head,
            .first_row = row,
            .first_key = key};
        clf_attention_block_weights(context->memory, &context->item, &pairs, context->tensors,
                                    context->problem);
        for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r)
            for (int k = 0; k < CLF_ATTENTION_ITEM_KEYS; ++k)
                sums[r][k] += context->memory->ds[clf_attention_weight_place(&context->item, r, k)];
    }
}

static inline void clf_attention_grad_of_pse(const clf_attention_grad_context *context,
                                             __global clf_storage *grad_pse) {
    const clf_attention_grad_problem *problem = context->grad_problem;
    const long *strides = problem->pse_strides;
    const long num_rows = context->sequences->query_length; /* alike in all batch elements */
    const long key_tiles =
        (context->sequences->key_length + CLF_ATTENTION_KEY_TILE - 1) / CLF_ATTENTION_KEY_TILE;
    const bool one_row = problem->pse_rows == 1;
    const long row_tiles = one_row ? 1 : (num_rows + CLF_ATTENTION_ROWS - 1) / CLF_ATTENTION_ROWS;
    const long unit = (long)get_group_id(0);
    const long key = unit % key_tiles * CLF_ATTENTION_KEY_TILE;
    const long row = unit / key_tiles % row_tiles * CLF_ATTENTION_ROWS;
    const long head = unit / key_tiles / row_tiles % context->problem->num_heads;
    const long batch = unit / key_tiles / row_tiles / context->problem->num_heads;
    const long last_batch = problem->pse_batches == 1 ? problem->num_batches : batch + 1;
    const long last_row = one_row ? num_rows : min(row + CLF_ATTENTION_ROWS, num_rows);
    const int num_keys =
        (int)min((long)CLF_ATTENTION_KEY_TILE, context->sequences->key_length - key);
    clf_attention_block sums;
    for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r)
        for (int k = 0; k < CLF_ATTENTION_ITEM_KEYS; ++k)
            sums[r][k] = 0.0f;
    for (long b = batch; b < last_batch; ++b)
        clf_attention_add_rows(sums, context, b, head, row, last_row, key, num_keys);
    grad_pse += batch * strides[0] + head * strides[1] + key * strides[3];
    if (!one_row) {
        for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r)
            for (int k = 0; k < CLF_ATTENTION_ITEM_KEYS; ++k) {
                const long own = row + context->item.y + r * CLF_ATTENTION_GROUP_ROWS;
                const int column = context->item.x + k * CLF_ATTENTION_GROUP_COLUMNS;
                if (own < last_row && column < num_keys)
                    clf_store(sums[r][k] * problem->pse_scale,
                              grad_pse + own * strides[2] + column * strides[3]);
            }
        return;
    }
    for (int k = 0; k < CLF_ATTENTION_ITEM_KEYS; ++k) {
        float sum = 0.0f;
        for (int r = 0; r < CLF_ATTENTION_ITEM_ROWS; ++r)
            sum += sums[r][k];
        context->memory->ds[clf_attention_weight_place(&context->item, 0, k)] = sum;
    }
    /* The sums of all work-items are there. */
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int column = (int)get_local_id(0); column < num_keys; column += CLF_ATTENTION_GROUP_SIZE) {
        float sum = 0.0f;
        for (int y = 0; y < CLF_ATTENTION_GROUP_ROWS; ++y)
            sum += context->memory->ds[y * CLF_ATTENTION_POWER_PITCH + column];
        clf_store(sum * problem->pse_scale, grad_pse + column * strides[3]);
    }
}
#endif

__kernel __attribute__((reqd_work_group_size(CLF_ATTENTION_GROUP_SIZE, 1, 1))) void
clf_flash_attention_grad_portable(
    __global const clf_storage *query, long query_offset, __global const clf_storage *key,
    long key_offset, __global const clf_storage *value, long value_offset,
    CLF_ATTENTION_BIAS_PARAMETERS CLF_ATTENTION_MASK_PARAMETERS CLF_ATTENTION_DROP_MASK_PARAMETERS
        __global const clf_storage *grad_output,
    long grad_output_offset,
    CLF_ATTENTION_RESULT_PARAMETERS __global const clf_attention_sequence *sequences,
    __global const clf_attention_grad_sequence *grad_sequences,
    CLF_ATTENTION_TILE_PARAMETERS __global uchar *workspace, long workspace_offset,
    clf_attention_problem problem, clf_attention_grad_problem grad_problem) {
    __local float own[CLF_ATTENTION_ROWS * CLF_ATTENTION_CHUNK_PITCH];
    __local float other[CLF_ATTENTION_KEY_TILE * CLF_ATTENTION_CHUNK_PITCH];
    __local float kept[CLF_ATTENTION_ROWS * CLF_ATTENTION_POWER_PITCH];
    __local float ds[CLF_ATTENTION_ROWS * CLF_ATTENTION_POWER_PITCH];
    __local float rows[CLF_ATTENTION_BLOCK_ROWS * CLF_ATTENTION_ROW_FLOATS];
    __local int has_special, has_even;
    const clf_attention_local memory = {own, other, kept, ds, rows, &has_special, &has_even};
    CLF_ATTENTION_GRAD_GATHER_TENSORS(tensors);
    const int item = (int)get_local_id(0);
    const clf_attention_grad_context context = {
        &tensors,
        grad_output + grad_output_offset,
        sequences,
        grad_sequences,
        (__global float *)(workspace + workspace_offset),
        &problem,
        &grad_problem,
        &memory,
        {item % CLF_ATTENTION_GROUP_COLUMNS, item / CLF_ATTENTION_GROUP_COLUMNS}};
    if (item == 0) {
        has_special = 0;
        has_even = 0;
    }
#if CLF_ATTENTION_OF_QUERY
    const long heads = problem.num_heads, unit = (long)get_group_id(0);
    clf_attention_grad_of_query(&context, tiles + unit / heads, unit % heads,
                                attention_in + attention_in_offset,
                                softmax_max + softmax_max_offset, softmax_sum + softmax_sum_offset,
                                grad_query + grad_query_offset);
#elif CLF_ATTENTION_OF_KEY
    const long heads = problem.num_heads / problem.group, unit = (long)get_group_id(0);
    clf_attention_grad_of_key(&context, tiles + unit / heads, unit % heads,
                              grad_key + grad_key_offset, grad_value + grad_value_offset);
#else
    clf_attention_grad_of_pse(&context, grad_pse + grad_pse_offset);
#endif
}
