/*
 * The records that kernels read, without kernels: for random cases every address, visible pair,
 * bias and dropout bit that follows from them is what the oracle finds in its own way; and tiles
 * cover every visible pair exactly once.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention/attention_arguments.h"
#include "attention/attention_grad_tables.h"
#include "attention/attention_tables.h"
#include "attention_draw.h"
#include "attention_internal.h"
#include "attention_tensors.h"
#include "cmocka_all.h"
#include "storage_types.h"

#define MAX_KINDS 80
#define NUM_CASES 600

/* A case, what the library makes of it, and the oracle. */
typedef struct subject {
    attention_tensors tensors;
    clf_i_attention_request request;
    clf_i_attention_tables tables;
    oracle_attention oracle;
    char text[1024];
} subject;

static void open_subject(subject *opened, const attention_case *tested) {
    attention_case_text(tested, opened->text, sizeof opened->text);
    attention_tensors_make(&opened->tensors, tested);
    attention_tensors_open_oracle(&opened->tensors, &opened->oracle);
    if (clf_i_attention_request_make(&opened->tensors.args, &opened->request) != CLF_SUCCESS) {
        fail_msg("%s\n  refused: %s", opened->text, clf_last_error());
    }
    if (clf_i_attention_sequences_make(&opened->request.args, &opened->request.geometry,
                                       &opened->request.pairs, &opened->tables) != CLF_SUCCESS) {
        fail_msg("%s\n  %s", opened->text, clf_last_error());
    }
}

static void close_subject(subject *opened) {
    clf_i_attention_tables_clear(&opened->tables);
    clf_i_attention_request_clear(&opened->request);
    oracle_attention_close(&opened->oracle);
    attention_tensors_free(&opened->tensors);
}

static void expect(const subject *opened, bool is_right, const oracle_attention_place *place,
                   int64_t key, const char *what) {
    if (!is_right) {
        fail_msg("%s\n  element %lld head %lld row %lld key %lld: %s", opened->text,
                 (long long)place->element, (long long)place->head, (long long)place->row,
                 (long long)key, what);
    }
}

static double load(const test_tensor *tensor, int64_t place) {
    const clf_dtype dtype = tensor->view.dtype;
    return oracle_decode(dtype, tensor->image + ((size_t)((int64_t)tensor->view.offset + place) *
                                                 oracle_dtype_size(dtype)));
}

static bool same(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

/* ---- Addresses ---- */

static void check_rows_of_tensors(subject *opened, const clf_i_attention_sequence *sequence,
                                  const oracle_attention_place *place) {
    const clf_i_attention_geometry *geometry = &opened->request.geometry;
    const int64_t key_head =
        place->head /
        (geometry->num_heads / (geometry->num_key_heads > 0 ? geometry->num_key_heads : 1));
    oracle_attention_load_head(&opened->oracle, place);
    const int64_t query = sequence->query_offset + place->row * geometry->query.token +
                          place->head * geometry->query.head;
    for (int64_t d = 0; d < geometry->depth; d++) {
        expect(opened,
               same(load(&opened->tensors.query, query + d * geometry->query.depth),
                    oracle_attention_query(&opened->oracle, place, d)),
               place, d, "query");
    }
    for (int64_t j = 0; j < sequence->key_length; j++) {
        const int64_t key =
            sequence->key_offset + j * geometry->key.token + key_head * geometry->key.head;
        const int64_t value =
            sequence->value_offset + j * geometry->value.token + key_head * geometry->value.head;
        const int64_t d = j % geometry->depth;
        const int64_t e = j % geometry->value_depth;
        expect(opened,
               same(load(&opened->tensors.key, key + d * geometry->key.depth),
                    (double)opened->oracle.keys[j * geometry->depth + d]),
               place, j, "key");
        expect(opened,
               same(load(&opened->tensors.value, value + e * geometry->value.depth),
                    (double)opened->oracle.values[j * geometry->value_depth + e]),
               place, j, "value");
    }
}

static void check_results(const subject *opened, const clf_i_attention_sequence *sequence,
                          const oracle_attention_place *place) {
    const clf_i_attention_geometry *geometry = &opened->request.geometry;
    const clf_tensor *out = opened->tensors.args.attention_out;
    const clf_tensor *max = opened->tensors.args.softmax_max;
    for (int64_t d = 0; d < geometry->value_depth; d++) {
        const int64_t expected = oracle_attention_out_place(&opened->oracle, place, d);
        expect(opened,
               expected == (int64_t)out->offset + sequence->out_offset +
                               place->row * geometry->out.token + place->head * geometry->out.head +
                               d * geometry->out.depth,
               place, d, "attention_out");
    }
    expect(opened,
           oracle_attention_statistic_place(&opened->oracle, place, max) ==
               (int64_t)max->offset + sequence->statistics_offset +
                   place->head * sequence->statistics_head_stride +
                   place->row * sequence->statistics_row_stride,
           place, 0, "statistics");
}

/* ---- Pairs ---- */

static bool is_visible(const subject *opened, const clf_i_attention_sequence *sequence,
                       const oracle_attention_place *place, int64_t key) {
    const clf_i_attention_pairs *pairs = &opened->request.pairs;
    const int64_t limit = place->row + sequence->band_highest + 1 > sequence->prefix
                              ? place->row + sequence->band_highest + 1
                              : sequence->prefix;
    if (key < place->row + sequence->band_lowest || key >= limit) {
        return false;
    }
    return !pairs->reads_mask ||
           load(&opened->tensors.atten_mask,
                sequence->mask_offset + place->head * pairs->mask.head +
                    place->row * pairs->mask.row + key * pairs->mask.column) == 0.0;
}

/* The place of a bias tensor's element, as kernels find it. */
static int64_t bias_place(const subject *opened, const clf_i_attention_sequence *sequence,
                          const oracle_attention_place *place, int64_t key) {
    const clf_i_attention_pairs *pairs = &opened->request.pairs;
    int64_t row = place->row;
    if (pairs->bias_is_compressed) {
        const int64_t first = opened->request.geometry.key_length - CLF_I_COMPRESSED_BIAS_ROWS;
        const int64_t aligned = row + sequence->bias_shift;
        key += sequence->bias_shift;
        row = aligned - first;
        if (aligned < first) {
            row = aligned % CLF_I_COMPRESSED_BIAS_ROWS;
            key += first + row - aligned;
        }
    }
    return sequence->bias_offset + place->head * pairs->bias.head + row * pairs->bias.row +
           key * pairs->bias.column;
}

static void check_pairs(const subject *opened, const clf_i_attention_sequence *sequence,
                        const oracle_attention_place *place) {
    const clf_i_attention_pairs *pairs = &opened->request.pairs;
    for (int64_t j = 0; j < sequence->key_length; j++) {
        const bool computed = oracle_attention_is_computed(&opened->oracle, place, j);
        expect(opened, computed == is_visible(opened, sequence, place, j), place, j, "visibility");
        if (computed && pairs->bias_kind == CLF_I_BIAS_TENSOR) {
            expect(opened,
                   same(load(&opened->tensors.pse, bias_place(opened, sequence, place, j)),
                        oracle_attention_bias(&opened->oracle, place, j)),
                   place, j, "bias");
        }
    }
    if (pairs->bias_kind >= CLF_I_BIAS_LINEAR_SLOPE && sequence->key_length > 1) {
        const double slope =
            load(&opened->tensors.pse, sequence->bias_offset + place->head * pairs->bias.head);
        const bool is_root = pairs->bias_kind == CLF_I_BIAS_SQUARE_ROOT_SLOPE;
        const double distance = (double)llabs(1 - place->row + sequence->position_shift);
        expect(opened,
               same(-slope * (is_root ? sqrt(distance) : distance),
                    oracle_attention_bias(&opened->oracle, place, 1)),
               place, 1, "slope");
    }
    expect(opened,
           sequence->key_length == 0 ||
               sequence->dropout_offset == opened->oracle.elements[place->element].first_bit,
           place, 0, "dropout bit");
}

static void check_records(subject *opened) {
    const oracle_attention *oracle = &opened->oracle;
    assert_int_equal(opened->tables.num_sequences, oracle->num_elements);
    assert_int_equal(opened->request.empty_rows_are_zero, oracle->empty_rows_are_zero);
    assert_int_equal(opened->request.pairs.dropout_kind != CLF_I_DROPOUT_NONE, oracle->has_dropout);
    double num_pairs = 0.0;
    for (int64_t r = 0; r < oracle_attention_num_rows(oracle); r++) {
        const oracle_attention_place place = oracle_attention_row_place(oracle, r);
        const clf_i_attention_sequence *sequence = &opened->tables.sequences[place.element];
        expect(opened,
               sequence->query_length == oracle->elements[place.element].query_length &&
                   sequence->key_length == oracle->elements[place.element].key_length,
               &place, 0, "lengths");
        check_rows_of_tensors(opened, sequence, &place);
        check_results(opened, sequence, &place);
        check_pairs(opened, sequence, &place);
        for (int64_t j = 0; place.head == 0 && j < sequence->key_length; j++) {
            const bool is_in_band =
                j >= place.row + sequence->band_lowest &&
                (j <= place.row + sequence->band_highest || j < sequence->prefix);
            num_pairs += is_in_band;
        }
    }
    assert_true(opened->tables.num_pairs == num_pairs);
}

static void test_attention_records_random_cases_match_the_oracle(void **state) {
    (void)state;
    static attention_kind kinds[MAX_KINDS];
    static subject opened;
    size_t missing = 0;
    test_random random = test_random_from(test_seed());
    const size_t num_kinds =
        attention_kinds_draw(&random, true, TEST_ALL_DEPTHS, kinds, MAX_KINDS, &missing);
    for (size_t i = 0; i < NUM_CASES; i++) {
        const attention_case drawn = attention_case_draw(&random, &kinds[i % num_kinds], 1.5e6);
        memset(&opened, 0, sizeof opened);
        open_subject(&opened, &drawn);
        check_records(&opened);
        close_subject(&opened);
    }
    printf("%d cases of %zu kinds\n", NUM_CASES, num_kinds);
}

/* ---- Tiles ---- */

/* How often each (packed row, key) of a sequence and each (packed row, part) is covered. */
typedef struct cover {
    unsigned char *keys;
    unsigned char *parts;
    int64_t rows;
    int64_t num_keys;
} cover;

static void cover_tile(const clf_i_attention_tiling *tiling, const clf_i_attention_tile *tile,
                       cover *covered) {
    assert_true(tile->row_begin % tiling->rows == 0 && tile->row_begin < covered->rows);
    assert_true(tile->key_begin >= 0 && tile->key_begin <= tile->key_end);
    assert_true(tile->key_end <= covered->num_keys);
    assert_true(tile->partial >= 0 && tile->partial < tiling->num_splits);
    assert_true(tile->partial == 0 || tile->key_begin == tile->key_end ||
                tile->key_begin % tiling->key_tile == 0);
    for (int64_t row = tile->row_begin; row < covered->rows && row < tile->row_begin + tiling->rows;
         row++) {
        covered->parts[row * tiling->num_splits + tile->partial]++;
        for (int64_t j = tile->key_begin; j < tile->key_end; j++) {
            covered->keys[row * covered->num_keys + j]++;
        }
    }
}

static void check_sequence(const subject *opened, const clf_i_attention_tiling *tiling,
                           int64_t number) {
    const clf_i_attention_sequence *sequence = &opened->tables.sequences[number];
    cover covered = {.rows = sequence->query_length * tiling->heads_per_tile,
                     .num_keys = sequence->key_length};
    covered.keys = (unsigned char *)calloc((size_t)(covered.rows * covered.num_keys) + 1, 1);
    covered.parts = (unsigned char *)calloc((size_t)(covered.rows * tiling->num_splits) + 1, 1);
    assert_non_null(covered.keys);
    assert_non_null(covered.parts);
    for (size_t t = 0; t < opened->tables.num_tiles; t++) {
        if (opened->tables.tiles[t].sequence == number) {
            cover_tile(tiling, &opened->tables.tiles[t], &covered);
        }
    }
    for (int64_t i = 0; i < covered.rows * tiling->num_splits; i++) {
        assert_int_equal(covered.parts[i], 1);
    }
    for (int64_t row = 0; row < covered.rows; row++) {
        for (int64_t j = 0; j < covered.num_keys; j++) {
            const int64_t i = row % sequence->query_length;
            const bool visible = j >= i + sequence->band_lowest &&
                                 (j <= i + sequence->band_highest || j < sequence->prefix);
            const int times = covered.keys[row * covered.num_keys + j];
            if (times > 1 || (visible && times == 0)) {
                fail_msg("%s\n  tiles of %lld rows, %lld heads, %lld splits: element %lld packed "
                         "row %lld key %lld covered %d times",
                         opened->text, (long long)tiling->rows, (long long)tiling->heads_per_tile,
                         (long long)tiling->num_splits, (long long)number, (long long)row,
                         (long long)j, times);
            }
        }
    }
    free(covered.keys);
    free(covered.parts);
}

/* Whole tiles: most keys first. Split ones: the parts of each row tile follow each other. */
static void check_order(const subject *opened, int64_t num_splits) {
    const clf_i_attention_tile *tiles = opened->tables.tiles;
    for (size_t t = 1; t < opened->tables.num_tiles; t++) {
        const clf_i_attention_tile *first = &tiles[t - t % (size_t)num_splits];
        assert_true(num_splits > 1 || tiles[t].key_end - tiles[t].key_begin <=
                                          tiles[t - 1].key_end - tiles[t - 1].key_begin);
        assert_int_equal(tiles[t].partial, t % (size_t)num_splits);
        assert_true(tiles[t].sequence == first->sequence && tiles[t].row_begin == first->row_begin);
    }
}

static void test_attention_records_tiles_cover_each_visible_pair_once(void **state) {
    (void)state;
    static const int64_t rows[] = {1, 4, 16, 64, 1000};
    static const int64_t key_tiles[] = {1, 8, 16, 48, 64};
    static subject opened;
    test_random random = test_random_from(test_seed());
    const attention_kind kind = {.depth = 1, .value_depth = 1, .fewest_rows = 1, .most_rows = 150};
    for (int i = 0; i < 1500; i++) {
        const attention_case drawn = attention_case_draw(&random, &kind, 1e5);
        memset(&opened, 0, sizeof opened);
        open_subject(&opened, &drawn);
        const clf_i_attention_tiling tiling = {
            .rows = rows[test_random_below(&random, 5)],
            .heads_per_tile = test_random_chance(&random, 0.5) ? 1 : drawn.heads / drawn.key_heads,
            .num_splits = test_random_between(&random, 1, 5),
            .key_tile = key_tiles[test_random_below(&random, 5)]};
        assert_int_equal(clf_i_attention_tiles_make(&tiling, &opened.tables), CLF_SUCCESS);
        check_order(&opened, tiling.num_splits);
        for (int64_t s = 0; s < (int64_t)opened.tables.num_sequences; s++) {
            check_sequence(&opened, &tiling, s);
        }
        close_subject(&opened);
    }
}

/* Tiles of a long band hold keys in proportion to its width. */
static void test_attention_records_band_tiles_hold_the_band_only(void **state) {
    (void)state;
    enum { LENGTH = 131072, WIDTH = 1024, ROWS = 64 };
    clf_i_attention_sequence sequence = {
        .query_length = LENGTH, .key_length = LENGTH, .band_lowest = -WIDTH + 1, .band_highest = 0};
    clf_i_attention_tables tables = {.sequences = &sequence, .num_sequences = 1};
    const clf_i_attention_tiling tiling = {ROWS, 1, 1, 64};
    assert_int_equal(clf_i_attention_tiles_make(&tiling, &tables), CLF_SUCCESS);
    assert_int_equal(tables.num_tiles, LENGTH / ROWS);
    for (size_t t = 0; t < tables.num_tiles; t++) {
        assert_true(tables.tiles[t].key_end - tables.tiles[t].key_begin <= WIDTH + ROWS - 1);
    }
    tables.sequences = NULL; /* it is ours */
    clf_i_attention_tables_clear(&tables);
}

/* ---- Tiles of keys, of the gradient ---- */

static int64_t count_rows_that_see(const clf_i_attention_sequence *sequence,
                                   const clf_i_attention_tile *tile) {
    int64_t count = 0;
    for (int64_t i = 0; i < sequence->query_length; i++) {
        bool sees = false;
        for (int64_t j = tile->key_begin; j < tile->key_end; j++) {
            sees |= j >= i + sequence->band_lowest &&
                    (j <= i + sequence->band_highest || j < sequence->prefix);
        }
        count += sees;
    }
    return count;
}

/* Tokens of keys in all tiles, those behind the last sequence with them. */
static void check_key_tiles(const subject *opened, const clf_i_attention_grad_tables *tables,
                            int64_t keys_per_tile) {
    const clf_i_attention_geometry *geometry = &opened->request.geometry;
    const int64_t tokens =
        geometry->is_varlen ? geometry->key_tokens : geometry->batch * geometry->key_length;
    int64_t *ends = (int64_t *)calloc(tables->common.num_sequences + 1, sizeof *ends);
    int64_t covered = 0;
    assert_non_null(ends);
    for (size_t t = 0; t < tables->num_key_tiles; t++) {
        const clf_i_attention_tile *tile = &tables->key_tiles[t];
        const clf_i_attention_sequence *sequence = &tables->common.sequences[tile->sequence];
        assert_true(tile->key_begin % keys_per_tile == 0 && tile->key_begin < tile->key_end);
        assert_true(tile->key_end == sequence->key_length ||
                    tile->key_end == tile->key_begin + keys_per_tile);
        assert_true(t == 0 || tile->partial <= tables->key_tiles[t - 1].partial);
        if (tile->partial < count_rows_that_see(sequence, tile)) {
            fail_msg("%s\n  keys %lld to %lld: %lld rows", opened->text, (long long)tile->key_begin,
                     (long long)tile->key_end, (long long)tile->partial);
        }
        covered += tile->key_end - tile->key_begin;
        ends[tile->sequence] += tile->key_end - tile->key_begin;
    }
    assert_int_equal(covered, tokens);
    for (size_t s = 0; s < tables->common.num_sequences; s++) {
        assert_int_equal(ends[s], tables->common.sequences[s].key_length);
    }
    free(ends);
}

static void test_attention_records_key_tiles_cover_each_key_once(void **state) {
    (void)state;
    static const int64_t sizes[] = {1, 16, 64, 100};
    static subject opened;
    test_random random = test_random_from(test_seed());
    const attention_kind kind = {.depth = 1, .value_depth = 1, .fewest_rows = 1, .most_rows = 150};
    for (int i = 0; i < 300; i++) {
        const int64_t size = sizes[test_random_below(&random, 4)];
        const attention_case drawn = attention_case_draw(&random, &kind, 1e5);
        clf_i_attention_grad_tables tables;
        memset(&opened, 0, sizeof opened);
        open_subject(&opened, &drawn);
        assert_int_equal(clf_i_attention_grad_tables_make(&opened.request, 64, size, &tables),
                         CLF_SUCCESS);
        check_key_tiles(&opened, &tables, size);
        clf_i_attention_grad_tables_clear(&tables);
        close_subject(&opened);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_records_random_cases_match_the_oracle),
        cmocka_unit_test(test_attention_records_tiles_cover_each_visible_pair_once),
        cmocka_unit_test(test_attention_records_band_tiles_hold_the_band_only),
        cmocka_unit_test(test_attention_records_key_tiles_cover_each_key_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
