/* See attention_grad_tables.h. */
#include "attention/attention_grad_tables.h"

#include <stdlib.h>
#include <string.h>

#include "core/failure.h"
#include "core/integers.h"
#include "core/memory.h"

/* ---- Sequences ---- */

/* Key tokens behind the last element: keys that no row sees, whose gradients become zeros. */
static void add_uncovered_keys(const clf_i_attention_geometry *geometry,
                               clf_i_attention_tables *tables) {
    const clf_i_attention_span *last = &geometry->spans[geometry->batch - 1];
    const int64_t begin = last->key_begin + last->key_length;
    if (!geometry->is_varlen || begin >= geometry->key_tokens) {
        return;
    }
    tables->sequences[tables->num_sequences++] = (clf_i_attention_sequence){
        .key_length = geometry->key_tokens - begin,
        .key_offset = begin * geometry->key.token,
        .value_offset = begin * geometry->value.token,
    };
}

static int64_t place_of(const clf_i_attention_axes *axes, int64_t batch, int64_t token) {
    return batch * axes->batch + token * axes->token;
}

/* The sequences behind the batch elements, if there are any, are tokens that nothing covers. */
static clf_status make_sequences(const clf_i_attention_geometry *geometry,
                                 clf_i_attention_grad_tables *tables) {
    const size_t count = tables->common.num_sequences;
    tables->sequences = clf_i_allocate(count, sizeof *tables->sequences);
    if (tables->sequences == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for the batch elements");
    }
    for (size_t i = 0; i < count; ++i) {
        const clf_i_attention_sequence *common = &tables->common.sequences[i];
        clf_i_attention_grad_sequence *sequence = &tables->sequences[i];
        const bool is_element = (int64_t)i < geometry->batch;
        const int64_t b = geometry->is_varlen ? 0 : (int64_t)i;
        const int64_t query = is_element ? geometry->spans[i].query_begin
                                         : geometry->query_tokens - common->query_length;
        const int64_t key =
            is_element ? geometry->spans[i].key_begin : geometry->key_tokens - common->key_length;
        sequence->first_row = tables->num_rows;
        sequence->grad_output_offset = place_of(&geometry->grad_output, b, query);
        sequence->grad_query_offset = place_of(&geometry->grad_query, b, query);
        sequence->grad_key_offset = place_of(&geometry->grad_key, b, key);
        sequence->grad_value_offset = place_of(&geometry->grad_value, b, key);
        tables->num_rows += common->query_length;
    }
    return CLF_SUCCESS;
}

/* ---- Tiles of keys ---- */

/* How many rows may see one of the tile's keys. */
static int64_t count_rows(const clf_i_attention_sequence *sequence,
                          const clf_i_attention_tile *tile) {
    const int64_t begin = tile->key_begin < sequence->prefix
                              ? 0
                              : clf_i_larger(0, tile->key_begin - sequence->band_highest);
    return clf_i_larger(
        0, clf_i_smaller(sequence->query_length, tile->key_end - sequence->band_lowest) - begin);
}

/* Most rows first, which each tile has as its number; then by place. */
static int compare_key_tiles(const void *a, const void *b) {
    const clf_i_attention_tile *left = a;
    const clf_i_attention_tile *right = b;
    const int64_t keys[][2] = {
        {right->partial, left->partial},
        {left->sequence, right->sequence},
        {left->key_begin, right->key_begin},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; ++i) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return 0;
}

static int64_t num_tiles(int64_t keys, int64_t keys_per_tile) {
    return keys / keys_per_tile + (keys % keys_per_tile != 0);
}

static clf_status make_key_tiles(int64_t keys_per_tile, clf_i_attention_grad_tables *tables) {
    const clf_i_attention_tables *common = &tables->common;
    int64_t total = 0;
    for (size_t i = 0; i < common->num_sequences; ++i) {
        total += num_tiles(common->sequences[i].key_length, keys_per_tile);
    }
    tables->key_tiles = clf_i_allocate((size_t)total, sizeof *tables->key_tiles);
    if (tables->key_tiles == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for the table of tiles");
    }
    for (size_t i = 0; i < common->num_sequences; ++i) {
        const clf_i_attention_sequence *sequence = &common->sequences[i];
        for (int64_t key = 0; key < sequence->key_length; key += keys_per_tile) {
            clf_i_attention_tile *tile = &tables->key_tiles[tables->num_key_tiles++];
            *tile = (clf_i_attention_tile){
                .sequence = (int64_t)i,
                .key_begin = key,
                .key_end = clf_i_smaller(key + keys_per_tile, sequence->key_length),
            };
            tile->partial = count_rows(sequence, tile);
        }
    }
    qsort(tables->key_tiles, tables->num_key_tiles, sizeof *tables->key_tiles, compare_key_tiles);
    return CLF_SUCCESS;
}

clf_status clf_i_attention_grad_tables_make(const clf_i_attention_request *request,
                                            int64_t rows_per_tile, int64_t keys_per_tile,
                                            clf_i_attention_grad_tables *tables) {
    const clf_i_attention_tiling tiling = {
        .rows = rows_per_tile, .heads_per_tile = 1, .num_splits = 1, .key_tile = 1};
    memset(tables, 0, sizeof *tables);
    clf_status status = clf_i_attention_sequences_make(&request->args, &request->geometry,
                                                       &request->pairs, &tables->common);
    if (status == CLF_SUCCESS) {
        add_uncovered_keys(&request->geometry, &tables->common);
        status = make_sequences(&request->geometry, tables);
    }
    if (status == CLF_SUCCESS) {
        status = clf_i_attention_tiles_make(&tiling, &tables->common);
    }
    return status == CLF_SUCCESS ? make_key_tiles(keys_per_tile, tables) : status;
}

void clf_i_attention_grad_tables_clear(clf_i_attention_grad_tables *tables) {
    clf_i_attention_tables_clear(&tables->common);
    clf_i_release(tables->sequences);
    clf_i_release(tables->key_tiles);
    memset(tables, 0, sizeof *tables);
}
