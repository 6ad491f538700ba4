/* Tile sizes. The formulas of local memory and workspace are those of the kernels' head comments. */
#include "floyd/floyd_tiling.h"

#include "core/integers.h"
#include "tune/tuning.h"

#define WIDE           16  /* keys or depths in a vector, cpu */
#define SUM_VECTORS    16  /* of sums in registers, about, cpu */
#define PORTABLE_SIDE  8   /* rows of a portable tile along each of its sides */
#define PORTABLE_LANES 16  /* at most */
#define MOST_STEPS     512 /* launches of the attention kernel, if the workspace allows */

/* ---- cpu ---- */

static int64_t padded_depth(const clf_i_floyd_problem *problem, const clf_i_floyd_tiling *tiling) {
    return clf_i_round_up(problem->depth, WIDE * tiling->depth_vectors);
}

int64_t clf_i_floyd_depth_vectors(int64_t depth) {
    const int64_t vectors = clf_i_divide_up(depth, WIDE);
    if (vectors <= 4) {
        return vectors;
    }
    int64_t best = 4;
    for (int64_t each = 3; each >= 2; --each) {
        best = clf_i_round_up(vectors, each) < clf_i_round_up(vectors, best) ? each : best;
    }
    return best;
}

/*
 * The block of keys with the least work, the padding of K included. What a size costs beside that,
 * in percent: short blocks load and store sums more often; and with long ones the panels of deep
 * keys leave the first-level cache.
 */
static int64_t choose_key_vectors(const clf_i_floyd_problem *problem) {
    static const struct {
        int64_t vectors;
        int64_t shallow; /* percent, D up to 64 */
        int64_t deep;
    } sizes[] = {{8, 100, 106}, {4, 103, 100}, {2, 125, 125}, {1, 170, 170}};
    int64_t best = 0;
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
        const int64_t percent = problem->depth <= 64 ? sizes[i].shallow : sizes[i].deep;
        const int64_t blocks = clf_i_divide_up(problem->k, WIDE * sizes[i].vectors);
        const int64_t cost = blocks * sizes[i].vectors * percent;
        if (cost < least) {
            least = cost;
            best = sizes[i].vectors;
        }
    }
    return best;
}

static void set_key_vectors(clf_i_floyd_tiling *tiling, int64_t vectors) {
    tiling->key_vectors = vectors;
    tiling->score_rows = clf_i_smaller(SUM_VECTORS / vectors, 8);
}

static size_t cpu_local_memory(const clf_i_floyd_problem *problem,
                               const clf_i_floyd_tiling *tiling) {
    const int64_t keys = WIDE * tiling->key_vectors;
    const int64_t of_n =
        2 * (tiling->rows_m * padded_depth(problem, tiling) + 16) + tiling->rows_m * keys + 16 + 16;
    return (size_t)(4 * (tiling->rows_n * of_n + tiling->rows_n * tiling->rows_m * 18));
}

/* Tiles shrink until they fit, and until there is one for each compute unit. */
static void shrink_cpu(const clf_i_floyd_problem *problem, size_t limit, int64_t units,
                       clf_i_floyd_tiling *tiling) {
    while (cpu_local_memory(problem, tiling) > limit) {
        if (tiling->rows_n > 16) {
            tiling->rows_n /= 2;
        } else if (tiling->rows_m > 8) {
            tiling->rows_m /= 2;
        } else if (tiling->key_vectors > 1) {
            set_key_vectors(tiling, tiling->key_vectors / 2);
        } else if (tiling->rows_m > 1) {
            tiling->rows_m /= 2;
        } else {
            break;
        }
    }
    const int64_t heads = problem->batches * problem->heads;
    if (heads * clf_i_divide_up(problem->n, tiling->rows_n) *
            clf_i_divide_up(problem->m, tiling->rows_m) <
        units) {
        tiling->rows_n = 16;
        tiling->rows_m = clf_i_smaller(tiling->rows_m, 8);
    }
    tiling->score_rows = clf_i_smaller(tiling->score_rows, tiling->rows_m);
    tiling->out_rows = clf_i_smaller(tiling->out_rows, tiling->rows_m);
}

/* Bytes, a multiple of 64. */
static size_t head_workspace(const clf_i_floyd_problem *problem, const clf_i_floyd_tiling *tiling) {
    const int64_t keys = clf_i_round_up(problem->k, WIDE * tiling->key_vectors);
    const int64_t value_rows = problem->m + (tiling->value1_in_place ? 0 : problem->n);
    return sizeof(float) * (size_t)((problem->n + problem->m) * keys * problem->depth +
                                    value_rows * problem->k * padded_depth(problem, tiling));
}

/* Few enough that what was packed is still in the last-level cache when it is read; more only where
 * there would be very many launches. */
static int64_t choose_heads(const clf_device *device, const clf_i_floyd_problem *problem,
                            const clf_i_floyd_tiling *tiling, size_t workspace_limit) {
    const char *kernel = "clf_floyd_attention_cpu";
    const int64_t cached =
        clf_i_tuning_value(device, kernel, "workspace", 1 << 20, INT64_C(1) << 32, 1 << 24);
    const int64_t most = INT64_C(1) << 27;
    const int64_t head = (int64_t)tiling->head_workspace;
    const int64_t all = problem->batches * problem->heads;
    int64_t heads = clf_i_larger(1, cached / head);
    heads = clf_i_larger(heads, clf_i_smaller(most / head, all / MOST_STEPS));
    if (workspace_limit > 0) {
        const size_t fitting = workspace_limit / tiling->head_workspace;
        heads = fitting < (size_t)heads ? (int64_t)fitting : heads;
    }
    return clf_i_smaller(heads, all);
}

clf_i_floyd_tiling clf_i_floyd_tiling_cpu(const clf_device *device,
                                          const clf_i_floyd_problem *problem, bool is_fp32,
                                          size_t workspace_limit) {
    const clf_i_capabilities *capabilities = clf_i_device_capabilities(device);
    clf_i_floyd_tiling tiling = {.rows_n = problem->n > 16 ? 32 : 16,
                                 .rows_m = problem->m > 8 ? 16 : 8};
    set_key_vectors(&tiling, choose_key_vectors(problem));
    tiling.depth_vectors = clf_i_floyd_depth_vectors(problem->depth);
    tiling.out_rows = tiling.depth_vectors > 2 ? 4 : 8;
    const int64_t limit = clf_i_tuning_value(device, "clf_floyd_attention_cpu", "local_memory",
                                             1 << 15, 1 << 24, 700 << 10);
    const bool device_has_less = capabilities->local_memory < (uint64_t)limit;
    shrink_cpu(problem, device_has_less ? (size_t)capabilities->local_memory : (size_t)limit,
               capabilities->compute_units, &tiling);
    tiling.local_memory = cpu_local_memory(problem, &tiling);
    tiling.value1_in_place =
        is_fp32 && problem->value1[4] == 1 && padded_depth(problem, &tiling) == problem->depth;
    tiling.head_workspace = head_workspace(problem, &tiling);
    tiling.heads_per_step = choose_heads(device, problem, &tiling, workspace_limit);
    return tiling;
}

/* ---- portable ---- */

clf_i_floyd_tiling clf_i_floyd_tiling_portable(const clf_device *device) {
    const clf_i_capabilities *capabilities = clf_i_device_capabilities(device);
    const int64_t squares = PORTABLE_SIDE / 2 * PORTABLE_SIDE / 2;
    clf_i_floyd_tiling tiling = {.rows_n = PORTABLE_SIDE,
                                 .rows_m = PORTABLE_SIDE,
                                 .lanes = PORTABLE_LANES,
                                 .key_tile = 16,
                                 .depth_chunk = 16};
    while (tiling.lanes > 1 &&
           (uint64_t)(squares * tiling.lanes) > capabilities->max_work_group_size) {
        tiling.lanes /= 2;
    }
    const int64_t rows = PORTABLE_SIDE * PORTABLE_SIDE;
    tiling.local_memory =
        sizeof(float) *
        (size_t)((tiling.depth_chunk + 1) * (rows + 2 * PORTABLE_SIDE * tiling.key_tile) +
                 rows * (tiling.key_tile + tiling.lanes + 2));
    return tiling;
}
