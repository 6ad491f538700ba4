/* Tile sizes. The formulas of local memory and workspace are those of the kernels' head comments. */
#include "floyd/floyd_gradient_tiling.h"

#include "core/integers.h"
#include "floyd/floyd_tiling.h"
#include "tune/tuning.h"

/* ---- cpu ---- */

#define CPU         "clf_floyd_attention_grad_cpu"
#define WIDE        16  /* keys or depths in a vector */
#define SUM_VECTORS 16  /* of sums in registers, about */
#define MOST_STEPS  512 /* of a few heads each, if the workspace allows */

/* The block of keys with the least work, the padding of K included. Percent: what a size costs
 * beside that; short blocks load and store sums of grad_query more often. */
static int64_t choose_key_vectors(const clf_i_floyd_sizes *sizes) {
    static const struct {
        int64_t vectors;
        int64_t shallow; /* percent, D up to 64 */
        int64_t deep;
    } blocks[] = {{8, 100, 103}, {4, 103, 100}, {2, 115, 115}, {1, 150, 150}};
    int64_t best = 0;
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; ++i) {
        const int64_t percent = sizes->depth <= 64 ? blocks[i].shallow : blocks[i].deep;
        const int64_t cost = clf_i_round_up(sizes->k, WIDE * blocks[i].vectors) * percent;
        if (cost < least) {
            least = cost;
            best = blocks[i].vectors;
        }
    }
    return best;
}

static int64_t padded_depth(const clf_i_floyd_sizes *sizes, const clf_i_floyd_grad_tiling *tiling) {
    return clf_i_round_up(sizes->depth, WIDE * tiling->depth_vectors);
}

static size_t cpu_local_memory(const clf_i_floyd_sizes *sizes,
                               const clf_i_floyd_grad_tiling *tiling) {
    const int64_t keys = WIDE * tiling->key_vectors;
    const int64_t depth = padded_depth(sizes, tiling);
    return sizeof(float) * (size_t)(tiling->chunk * (2 * depth + 2 * keys + 3) +
                                    keys * (2 * sizes->depth + 3 * depth));
}

static void choose_blocks(const clf_device *device, const clf_i_floyd_sizes *sizes,
                          clf_i_floyd_grad_tiling *tiling) {
    const clf_i_capabilities *capabilities = clf_i_device_capabilities(device);
    const int64_t limit =
        clf_i_tuning_value(device, CPU, "local_memory", 1 << 15, 1 << 24, 700 << 10);
    const size_t most = capabilities->local_memory < (uint64_t)limit
                            ? (size_t)capabilities->local_memory
                            : (size_t)limit;
    tiling->depth_vectors = clf_i_floyd_depth_vectors(sizes->depth);
    tiling->out_rows = tiling->depth_vectors > 2 ? 4 : 8;
    tiling->key_vectors =
        clf_i_tuning_value(device, CPU, "key_vectors", 1, 16, choose_key_vectors(sizes));
    tiling->chunk = clf_i_smaller(clf_i_tuning_value(device, CPU, "chunk", 8, 512, 64),
                                  clf_i_round_up(clf_i_larger(sizes->n, sizes->m), 8));
    while (cpu_local_memory(sizes, tiling) > most && tiling->chunk > 16) {
        tiling->chunk = clf_i_round_up(tiling->chunk / 2, 8);
    }
    while (cpu_local_memory(sizes, tiling) > most && tiling->key_vectors > 1) {
        tiling->key_vectors /= 2;
    }
    tiling->panel_vectors = tiling->key_vectors % 4 == 0 ? 4 : tiling->key_vectors % 2 == 0 ? 2 : 1;
    tiling->score_rows = clf_i_smaller(SUM_VECTORS / tiling->panel_vectors, 8);
    tiling->local_memory = cpu_local_memory(sizes, tiling);
}

/* Sets the places for a slab of `slab_n`; returns the bytes of a head. */
static size_t place_slab(const clf_i_floyd_sizes *sizes, int64_t slab_n,
                         clf_i_floyd_grad_tiling *tiling) {
    const int64_t keys = WIDE * tiling->key_vectors;
    const int64_t depth = padded_depth(sizes, tiling);
    const int64_t slab = slab_n * (sizes->m + 1) * keys;
    tiling->slab_n = slab_n;
    tiling->query = clf_i_round_up(3 * sizes->m * sizes->n, WIDE);
    tiling->scores = tiling->query + sizes->n * (sizes->m + 1) * depth;
    tiling->dp = tiling->scores + slab;
    tiling->keys = tiling->dp + slab;
    tiling->head_pitch = tiling->keys + (slab_n < sizes->n ? 2 * sizes->m * keys * depth : 0);
    return sizeof(float) * (size_t)tiling->head_pitch;
}

/* All n if their slab is not too large, else as many as are, evenly. */
static void choose_slab(const clf_device *device, const clf_i_floyd_sizes *sizes,
                        size_t workspace_limit, clf_i_floyd_grad_tiling *tiling) {
    const int64_t most =
        clf_i_tuning_value(device, CPU, "slab", 1 << 20, INT64_C(1) << 32, INT64_C(1) << 27);
    const int64_t row = 2 * (int64_t)sizeof(float) * (sizes->m + 1) * WIDE * tiling->key_vectors;
    int64_t parts = clf_i_divide_up(sizes->n, clf_i_larger(1, most / row));
    size_t bytes = place_slab(sizes, clf_i_divide_up(sizes->n, parts), tiling);
    while (workspace_limit > 0 && bytes > workspace_limit && tiling->slab_n > 1) {
        parts *= 2;
        bytes = place_slab(sizes, clf_i_divide_up(sizes->n, parts), tiling);
    }
    if (workspace_limit > 0 && bytes > workspace_limit) {
        tiling->slab_n = 0;
    }
}

/* Few enough for the last-level cache; more only where there would be very many launches. */
static int64_t choose_heads(const clf_device *device, const clf_i_floyd_sizes *sizes,
                            size_t workspace_limit, const clf_i_floyd_grad_tiling *tiling) {
    const int64_t cached =
        clf_i_tuning_value(device, CPU, "workspace", 1 << 20, INT64_C(1) << 32, 1 << 24);
    const int64_t most = INT64_C(1) << 27;
    const int64_t head = (int64_t)sizeof(float) * tiling->head_pitch;
    const int64_t all = sizes->batches * sizes->heads;
    int64_t heads = clf_i_larger(1, cached / head);
    heads = clf_i_larger(heads, clf_i_smaller(most / head, all / MOST_STEPS));
    if (workspace_limit > 0) {
        const size_t fitting = workspace_limit / (size_t)head;
        heads = fitting < (size_t)heads ? (int64_t)fitting : heads;
    }
    return clf_i_smaller(heads, all);
}

clf_i_floyd_grad_tiling clf_i_floyd_grad_tiling_cpu(const clf_device *device,
                                                    const clf_i_floyd_sizes *sizes,
                                                    size_t workspace_limit) {
    clf_i_floyd_grad_tiling tiling = {.slab_n = 0};
    choose_blocks(device, sizes, &tiling);
    choose_slab(device, sizes, workspace_limit, &tiling);
    tiling.heads_per_step = choose_heads(device, sizes, workspace_limit, &tiling);
    return tiling;
}

/* ---- portable ---- */

#define PORTABLE_SIDE  8
#define PORTABLE_LANES 16 /* at most */

clf_i_floyd_grad_tiling clf_i_floyd_grad_tiling_portable(const clf_device *device) {
    const clf_i_capabilities *capabilities = clf_i_device_capabilities(device);
    const int64_t squares = PORTABLE_SIDE / 2 * PORTABLE_SIDE / 2;
    const int64_t rows = PORTABLE_SIDE * PORTABLE_SIDE;
    clf_i_floyd_grad_tiling tiling = {
        .side = PORTABLE_SIDE, .lanes = PORTABLE_LANES, .key_tile = 16, .depth_chunk = 16};
    while (tiling.lanes > 1 &&
           (uint64_t)(squares * tiling.lanes) > capabilities->max_work_group_size) {
        tiling.lanes /= 2;
    }
    tiling.work_items = squares * tiling.lanes;
    tiling.local_memory =
        sizeof(float) *
        (size_t)((tiling.depth_chunk + 1) * (rows + 2 * PORTABLE_SIDE * tiling.key_tile) +
                 2 * rows * (tiling.key_tile + 1) + 3 * PORTABLE_SIDE * tiling.key_tile);
    return tiling;
}
