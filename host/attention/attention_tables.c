/* Sequences and tiles. Everything about masks and layouts ends here in offsets and intervals. */
#include "attention/attention_tables.h"

#include <stdlib.h>
#include <string.h>

#include "attention/attention_window.h"
#include "core/failure.h"
#include "core/integers.h"
#include "core/memory.h"
#include "shape/visibility.h"

#define STATISTICS_COPIES 8

/* ---- Sequences ---- */

static bool statistics_are_per_token(const clf_flash_attention_args *args) {
    return args->softmax_layout != NULL && args->softmax_layout[0] != '\0';
}

/* Dense: [B, N, Sq, 8]. TND: each element's [N, Sq_b, 8] after the other, or [T, N, 8]. */
static void place_statistics(const clf_flash_attention_args *args,
                             const clf_i_attention_geometry *geometry, int64_t b,
                             clf_i_attention_sequence *sequence, int64_t query_begin) {
    const int64_t n = geometry->num_heads;
    if (!geometry->is_varlen) {
        const int64_t *strides = args->softmax_max->strides;
        sequence->statistics_offset = b * strides[0];
        sequence->statistics_head_stride = strides[1];
        sequence->statistics_row_stride = strides[2];
    } else if (statistics_are_per_token(args)) {
        sequence->statistics_offset = query_begin * n * STATISTICS_COPIES;
        sequence->statistics_head_stride = STATISTICS_COPIES;
        sequence->statistics_row_stride = n * STATISTICS_COPIES;
    } else {
        sequence->statistics_offset = query_begin * n * STATISTICS_COPIES;
        sequence->statistics_head_stride = sequence->query_length * STATISTICS_COPIES;
        sequence->statistics_row_stride = STATISTICS_COPIES;
    }
}

static void place_tokens(const clf_i_attention_geometry *geometry, int64_t b,
                         const clf_i_attention_span *span, clf_i_attention_sequence *sequence) {
    sequence->query_length = span->query_length;
    sequence->key_length = geometry->depth == 0 ? 0 : span->key_length;
    sequence->query_offset = b * geometry->query.batch + span->query_begin * geometry->query.token;
    sequence->out_offset = b * geometry->out.batch + span->query_begin * geometry->out.token;
    sequence->key_offset = b * geometry->key.batch + span->key_begin * geometry->key.token;
    sequence->value_offset = b * geometry->value.batch + span->key_begin * geometry->value.token;
}

static void place_pairs(const clf_flash_attention_args *args,
                        const clf_i_attention_geometry *geometry, int64_t b,
                        const clf_i_attention_span *span, const clf_i_attention_pairs *pairs,
                        clf_i_attention_sequence *sequence) {
    sequence->mask_offset = b * pairs->mask.batch;
    if (pairs->mask_is_per_token) {
        sequence->mask_offset =
            span->query_begin * pairs->mask.row + span->key_begin * pairs->mask.column;
    }
    sequence->bias_offset = b * pairs->bias.batch;
    sequence->bias_shift = geometry->key_length - span->key_length;
    /* In mode 8 only the first element is a slice; without a mask the mode does not count. */
    const bool is_whole = b > 0 && pairs->has_mask && args->sparse_mode == 8;
    sequence->position_shift = is_whole ? 0 : args->kv_start_idx - args->q_start_idx;
}

static void place_visibility(const clf_flash_attention_args *args,
                             const clf_i_attention_pairs *pairs, int64_t b, bool is_slice,
                             clf_i_attention_sequence *sequence) {
    const clf_i_sparse_request request = {.mode = args->sparse_mode,
                                          .pre_tokens = args->pre_tokens,
                                          .next_tokens = args->next_tokens,
                                          .has_mask = pairs->has_mask};
    const int64_t prefix = pairs->has_mask && args->sparse_mode == 6 ? args->prefix[b] : 0;
    const clf_i_visibility visibility = clf_i_visibility_make(
        &request, sequence->query_length, sequence->key_length, prefix, is_slice);
    sequence->band_lowest = visibility.band_lowest;
    sequence->band_highest = visibility.band_highest;
    sequence->prefix = visibility.prefix;
}

static clf_i_visibility visibility_of(const clf_i_attention_sequence *sequence) {
    return (clf_i_visibility){sequence->band_lowest, sequence->band_highest, sequence->prefix};
}

/* Tokens behind the last element: rows without keys, which become zeros. */
static void add_uncovered(const clf_flash_attention_args *args,
                          const clf_i_attention_geometry *geometry,
                          clf_i_attention_tables *tables) {
    const int64_t begin = geometry->covered_query_tokens;
    if (!geometry->is_varlen || begin >= geometry->query_tokens) {
        return;
    }
    const clf_i_attention_span rest = {.query_begin = begin,
                                       .query_length = geometry->query_tokens - begin};
    clf_i_attention_sequence *sequence = &tables->sequences[tables->num_sequences++];
    place_tokens(geometry, 0, &rest, sequence);
    place_statistics(args, geometry, 0, sequence, begin);
}

/* Of the last sequence; in the usual case of equal batch elements that of the one before it. */
static double count_pairs(const clf_i_attention_tables *tables, double before) {
    const clf_i_attention_sequence *last = &tables->sequences[tables->num_sequences - 1];
    if (tables->num_sequences > 1) {
        const clf_i_attention_sequence *previous = last - 1;
        if (last->query_length == previous->query_length &&
            last->key_length == previous->key_length &&
            last->band_lowest == previous->band_lowest &&
            last->band_highest == previous->band_highest && last->prefix == previous->prefix) {
            return before;
        }
    }
    const clf_i_visibility visibility = visibility_of(last);
    return (double)clf_i_visibility_num_pairs(&visibility, last->query_length, last->key_length);
}

clf_status clf_i_attention_sequences_make(const clf_flash_attention_args *args,
                                          const clf_i_attention_geometry *geometry,
                                          const clf_i_attention_pairs *pairs,
                                          clf_i_attention_tables *tables) {
    memset(tables, 0, sizeof *tables);
    tables->sequences = clf_i_allocate((size_t)geometry->batch + 2, sizeof *tables->sequences);
    if (tables->sequences == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for the batch elements");
    }
    const int64_t slice = pairs->has_mask ? clf_i_attention_slice_element(args, geometry) : -1;
    int64_t dropout_offset = 0;
    double pairs_of_element = 0;
    for (int64_t b = 0; b < geometry->batch; ++b) {
        const clf_i_attention_span *span = &geometry->spans[b];
        clf_i_attention_sequence *sequence = &tables->sequences[tables->num_sequences++];
        place_tokens(geometry, geometry->is_varlen ? 0 : b, span, sequence);
        place_statistics(args, geometry, b, sequence, span->query_begin);
        place_pairs(args, geometry, b, span, pairs, sequence);
        place_visibility(args, pairs, b, b == slice, sequence);
        sequence->dropout_offset = dropout_offset;
        dropout_offset += geometry->num_heads * span->query_length * span->key_length;
        pairs_of_element = count_pairs(tables, pairs_of_element);
        tables->num_pairs += pairs_of_element;
    }
    add_uncovered(args, geometry, tables);
    return CLF_SUCCESS;
}

/* ---- Tiles ---- */

static int64_t num_row_tiles(const clf_i_attention_sequence *sequence,
                             const clf_i_attention_tiling *tiling) {
    const int64_t rows = sequence->query_length * tiling->heads_per_tile;
    return rows / tiling->rows + (rows % tiling->rows != 0);
}

/* The keys that any row of the tile sees. With several heads in a tile, its rows wrap around from
 * one head to the next: then all rows of the sequence count. */
static void tile_keys(const clf_i_attention_sequence *sequence,
                      const clf_i_attention_tiling *tiling, int64_t row_begin, int64_t *begin,
                      int64_t *end) {
    int64_t first = 0;
    int64_t last = sequence->query_length - 1;
    if (tiling->heads_per_tile == 1) {
        first = row_begin;
        last = clf_i_smaller(last, row_begin + tiling->rows - 1);
    }
    const clf_i_visibility visibility = visibility_of(sequence);
    int64_t unused = 0;
    clf_i_visibility_row(&visibility, first, sequence->key_length, begin, &unused);
    clf_i_visibility_row(&visibility, last, sequence->key_length, &unused, end);
    if (*begin >= *end) {
        *begin = 0;
        *end = 0;
    }
}

/* Cuts [begin, end) into equal parts that begin at multiples of the key tile; the last ones may be
 * empty, but are there: the merge counts on every part. */
static void add_row_tile(const clf_i_attention_tiling *tiling, int64_t sequence, int64_t row_begin,
                         int64_t begin, int64_t end, clf_i_attention_tables *tables) {
    const int64_t step = tiling->key_tile;
    const int64_t first = begin / step;
    const int64_t steps = clf_i_divide_up(end, step) - first;
    const int64_t per_split = clf_i_divide_up(steps, tiling->num_splits);
    for (int64_t split = 0; split < tiling->num_splits; ++split) {
        const int64_t split_begin = (first + split * per_split) * step;
        const int64_t split_end = clf_i_smaller(end, split_begin + per_split * step);
        const bool is_empty = split_begin >= split_end;
        tables->tiles[tables->num_tiles++] = (clf_i_attention_tile){
            .sequence = sequence,
            .row_begin = row_begin,
            .key_begin = is_empty ? 0 : clf_i_larger(begin, split_begin),
            .key_end = is_empty ? 0 : split_end,
            .partial = split,
        };
    }
}

/* Most keys first; then by place, so that the order is one and the same everywhere. */
static int compare_tiles(const void *a, const void *b) {
    const clf_i_attention_tile *left = a;
    const clf_i_attention_tile *right = b;
    const int64_t keys[][2] = {
        {right->key_end - right->key_begin, left->key_end - left->key_begin},
        {left->sequence, right->sequence},
        {left->row_begin, right->row_begin},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; ++i) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return 0;
}

clf_status clf_i_attention_tiles_make(const clf_i_attention_tiling *tiling,
                                      clf_i_attention_tables *tables) {
    int64_t total = 0;
    for (size_t i = 0; i < tables->num_sequences; ++i) {
        total += num_row_tiles(&tables->sequences[i], tiling) * tiling->num_splits;
    }
    clf_i_release(tables->tiles);
    tables->num_tiles = 0;
    tables->tiles = clf_i_allocate((size_t)total, sizeof *tables->tiles);
    if (tables->tiles == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for the table of tiles");
    }
    for (size_t i = 0; i < tables->num_sequences; ++i) {
        const clf_i_attention_sequence *sequence = &tables->sequences[i];
        const int64_t count = num_row_tiles(sequence, tiling);
        for (int64_t tile = 0; tile < count; ++tile) {
            int64_t begin = 0;
            int64_t end = 0;
            tile_keys(sequence, tiling, tile * tiling->rows, &begin, &end);
            add_row_tile(tiling, (int64_t)i, tile * tiling->rows, begin, end, tables);
        }
    }
    if (tiling->num_splits == 1) {
        /* The parts of a row tile stay neighbours, for the merge; they are alike anyway. */
        qsort(tables->tiles, tables->num_tiles, sizeof *tables->tiles, compare_tiles);
    }
    return CLF_SUCCESS;
}

void clf_i_attention_tables_clear(clf_i_attention_tables *tables) {
    clf_i_release(tables->sequences);
    clf_i_release(tables->tiles);
    memset(tables, 0, sizeof *tables);
}
