/* Tile sizes. The formulas of local memory and workspace are those of the kernels' head comments.
 */
#include "attention/attention_tiling.h"

#include "core/integers.h"
#include "device/cpu_extensions.h"
#include "tune/tuning.h"

#define WIDE              16 /* rows in a vector, cpu */
#define WORKSPACE_HEAD    64 /* bytes before the partial results */
#define SUMS_PER_ITEM     64 /* portable: private sums of a work-item that still fit its registers */
#define MOST_ROWS         64
#define FEW_ROWS          8  /* rows up to which the decoding kernel is the faster one */
#define GROUPED_MOST_ROWS 16 /* query rows up to which the heads of a group share a tile */

/* The smallest power of two that is at least `value`, or `limit`, a power of two, at most. */
static int64_t power_of_two_from(int64_t value, int64_t limit) {
    int64_t power = 1;
    while (power < value && power < limit) {
        power *= 2;
    }
    return power;
}

static int64_t group_of(const clf_i_attention_request *request) {
    const clf_i_attention_geometry *geometry = &request->geometry;
    return geometry->num_key_heads > 0 ? geometry->num_heads / geometry->num_key_heads : 1;
}

int64_t clf_i_attention_num_unit_heads(const clf_i_attention_request *request,
                                       const clf_i_attention_tiling *tiling) {
    return request->geometry.num_heads / tiling->heads_per_tile;
}

/* Of whole keys, as far as `enough`. */
static int64_t count_units(const clf_i_attention_request *request,
                           const clf_i_attention_tiling *tiling, int64_t enough) {
    const clf_i_attention_geometry *geometry = &request->geometry;
    int64_t units = 0;
    for (int64_t b = 0; b < geometry->batch && units < enough; ++b) {
        const int64_t rows = geometry->spans[b].query_length * tiling->heads_per_tile;
        units +=
            clf_i_divide_up(rows, tiling->rows) * clf_i_attention_num_unit_heads(request, tiling);
    }
    return units;
}

size_t clf_i_attention_workspace_size(const clf_i_attention_request *request,
                                      const clf_i_attention_tile_sizes *sizes, size_t num_tiles) {
    if (!sizes->merges) {
        return WORKSPACE_HEAD;
    }
    const size_t units =
        num_tiles * (size_t)clf_i_attention_num_unit_heads(request, &sizes->tiling);
    const size_t floats = (size_t)(sizes->tiling.rows * (2 + request->geometry.value_depth));
    return WORKSPACE_HEAD + units * floats * sizeof(float);
}

/* ---- cpu, lanes are rows ---- */

static size_t cpu_local_memory(const clf_i_attention_request *request,
                               const clf_i_attention_tile_sizes *sizes) {
    const int64_t depth = clf_i_round_up(request->geometry.depth, WIDE);
    const int64_t value_depth = clf_i_round_up(request->geometry.value_depth, WIDE);
    const int64_t rows = sizes->row_vectors * WIDE;
    const int64_t keys = sizes->tiling.key_tile;
    int64_t bytes = 4 * rows * (sizes->panels * (depth + value_depth) + keys);
    if (sizes->uses_bf16_dot) {
        bytes = 4 * rows * (sizes->panels * (depth / 2 + value_depth) + keys + keys / 2) +
                2 * keys * (depth + value_depth);
    }
    bytes += sizes->is_staged ? 4 * keys * (depth + value_depth) : 0;
    bytes += request->pairs.bias_kind == CLF_I_BIAS_TENSOR ? 4 * rows * keys : 0;
    bytes += request->pairs.reads_mask ? rows * keys : 0;
    bytes += request->pairs.dropout_kind != CLF_I_DROPOUT_NONE ? rows * keys / 8 : 0;
    return (size_t)bytes;
}

/* Neighbouring keys lie apart: reading them in place would touch a page for each. */
static bool keys_lie_apart(const clf_i_attention_geometry *geometry) {
    return geometry->key.token != geometry->depth || geometry->value.token != geometry->value_depth;
}

/* Tiles shrink until they fit the second-level cache, where most of a tile lives. */
static void shrink_cpu(const clf_i_attention_request *request, size_t limit,
                       clf_i_attention_tile_sizes *sizes) {
    while (cpu_local_memory(request, sizes) > limit) {
        if (sizes->panels > 1) {
            sizes->panels /= 2;
        } else if (sizes->tiling.key_tile > 32) {
            sizes->tiling.key_tile -= 32;
        } else if (sizes->row_vectors > 1) {
            sizes->row_vectors /= 2;
        } else {
            return;
        }
    }
}

/* As many as the rows fill, while each compute unit still gets two tiles or more. */
static int64_t choose_panels(const clf_device *device, const clf_i_attention_request *request,
                             int64_t panel_rows, int64_t packed_rows) {
    const int64_t wanted = 2 * (int64_t)clf_i_device_capabilities(device)->compute_units;
    clf_i_attention_tiling tiling = {.heads_per_tile = 1};
    int64_t panels =
        power_of_two_from(clf_i_divide_up(packed_rows, panel_rows),
                          clf_i_tuning_value(device, "clf_flash_attention_cpu", "panels", 1, 8, 4));
    for (; panels > 1; panels /= 2) {
        tiling.rows = panels * panel_rows;
        if (count_units(request, &tiling, wanted) >= wanted) {
            break;
        }
    }
    return panels;
}

static void choose_cpu(const clf_device *device, const clf_i_attention_request *request,
                       int64_t packed_rows, clf_i_attention_tile_sizes *sizes) {
    sizes->kernel = "clf_flash_attention_cpu";
    const char *kernel = sizes->kernel;
    const int64_t local_memory = (int64_t)clf_i_device_capabilities(device)->local_memory;
    const int64_t limit =
        clf_i_tuning_value(device, kernel, "local_memory", 1 << 15, 1 << 24, 1 << 19);
    const bool apart = keys_lie_apart(&request->geometry);
    sizes->row_vectors =
        power_of_two_from((packed_rows + WIDE - 1) / WIDE,
                          clf_i_tuning_value(device, kernel, "row_vectors", 1, 4, 4));
    sizes->panels = choose_panels(device, request, sizes->row_vectors * WIDE, packed_rows);
    sizes->uses_bf16_dot = request->args.query->dtype == CLF_DTYPE_BF16 &&
                           clf_i_cpu_extension_refusal(device, CLF_I_CPU_BF16_DOT) == NULL;
    sizes->is_staged =
        !sizes->uses_bf16_dot && (apart || request->args.query->dtype != CLF_DTYPE_FP32);
    sizes->tiling.key_tile =
        clf_i_round_up(clf_i_tuning_value(device, kernel, "key_tile", 32, 128, 64), 32);
    shrink_cpu(request, (size_t)clf_i_smaller(limit, local_memory), sizes);
    sizes->tiling.rows = sizes->row_vectors * WIDE * sizes->panels;
    sizes->local_memory = cpu_local_memory(request, sizes);
}

/* ---- cpu, lanes are depths: decoding ---- */

static size_t few_rows_local_memory(const clf_i_attention_request *request, int64_t rows,
                                    int64_t keys) {
    const int64_t depth = clf_i_round_up(request->geometry.depth, WIDE);
    const int64_t value_depth =
        clf_i_round_up(request->geometry.value_depth, clf_i_larger(256 / rows, WIDE));
    return (size_t)(4 * rows * (depth + value_depth + keys + 256) + 64);
}

static void choose_few_rows(const clf_device *device, const clf_i_attention_request *request,
                            int64_t packed_rows, clf_i_attention_tile_sizes *sizes) {
    sizes->kernel = "clf_flash_attention_few_rows_cpu";
    sizes->merges = true;
    sizes->tiling.rows = power_of_two_from(packed_rows, FEW_ROWS);
    sizes->tiling.key_tile =
        clf_i_round_up(clf_i_tuning_value(device, sizes->kernel, "key_tile", 32, 64, 64), 32);
    sizes->local_memory =
        few_rows_local_memory(request, sizes->tiling.rows, sizes->tiling.key_tile);
}

/* ---- portable ---- */

static void choose_portable(const clf_device *device, const clf_i_attention_request *request,
                            int64_t packed_rows, clf_i_attention_tile_sizes *sizes) {
    sizes->kernel = "clf_flash_attention_portable";
    const char *kernel = sizes->kernel;
    const int64_t side = clf_i_tuning_value(device, kernel, "group_side", 1, 16, 8);
    const int64_t keys =
        clf_i_round_up(clf_i_tuning_value(device, kernel, "key_tile", 8, 64, 32), side);
    const int64_t chunk =
        clf_i_round_up(clf_i_tuning_value(device, kernel, "depth_chunk", 8, 64, 32), side);
    /* A work-item sums rows / side * value_depth / side places. */
    const int64_t value_depth = clf_i_larger(request->geometry.value_depth, 1);
    int64_t rows = clf_i_smaller(MOST_ROWS, SUMS_PER_ITEM * side * side / value_depth);
    rows = clf_i_larger(side, clf_i_smaller(rows, packed_rows) / side * side);
    sizes->tiling.rows = rows;
    sizes->tiling.key_tile = keys;
    sizes->depth_chunk = chunk;
    sizes->group_rows = side;
    sizes->group_columns = side;
    sizes->local_memory =
        (size_t)(4 * ((rows + keys) * (chunk + 1) + rows * (keys + 1) + rows * side + 1));
}

/* ---- nvidia ---- */

enum { NVIDIA_STAGES = 3, NVIDIA_BLOCK = 16, NVIDIA_CHUNK = 8, NVIDIA_MOST_DEPTH = 128 };

/* What the registers hold without spilling: ci/nvidia-offline checks these entries. The first one
 * that fits is taken. */
static const struct nvidia_tiles {
    int64_t padded_depth;
    int64_t most_rows; /* packed rows up to which it is taken; 0: any number */
    int64_t warps;
    int64_t row_blocks;
    int64_t key_tile;
    int64_t softmax_keys;
    bool is_plain; /* only without mask, bias and dropout */
} nvidia_table[] = {
    {64, 16, 1, 1, 64, 32, false}, {64, 64, 4, 1, 64, 32, false}, {64, 0, 4, 2, 64, 32, true},
    {64, 0, 8, 1, 64, 32, false},  {128, 16, 1, 1, 32, 32, true}, {128, 64, 4, 1, 32, 32, true},
    {128, 0, 8, 1, 32, 32, true},  {128, 0, 8, 1, 32, 16, false},
};

static bool is_chunked(const clf_i_attention_axes *axes) {
    return axes->depth == 1 && axes->token % NVIDIA_CHUNK == 0 && axes->head % NVIDIA_CHUNK == 0;
}

const char *clf_i_attention_nvidia_refusal(const clf_i_attention_request *request,
                                           const clf_i_attention_tables *tables) {
    const clf_i_attention_geometry *geometry = &request->geometry;
    bool chunked = is_chunked(&geometry->query) && is_chunked(&geometry->key) &&
                   is_chunked(&geometry->value) && is_chunked(&geometry->out);
    if (request->args.query->dtype == CLF_DTYPE_FP32) {
        return "it computes fp16 and bf16 only";
    }
    if (geometry->depth > NVIDIA_MOST_DEPTH || geometry->depth % NVIDIA_CHUNK != 0 ||
        geometry->value_depth % NVIDIA_CHUNK != 0) {
        return "it needs head dimensions up to 128 that are multiples of 8";
    }
    for (size_t i = 0; i < tables->num_sequences && chunked; ++i) {
        const clf_i_attention_sequence *sequence = &tables->sequences[i];
        chunked = sequence->query_offset % NVIDIA_CHUNK == 0 &&
                  sequence->key_offset % NVIDIA_CHUNK == 0 &&
                  sequence->value_offset % NVIDIA_CHUNK == 0 &&
                  sequence->out_offset % NVIDIA_CHUNK == 0;
    }
    return chunked ? NULL : "it needs strides that are multiples of 8 elements, and 1 along depths";
}

static void choose_nvidia(const clf_i_attention_request *request, int64_t packed_rows,
                          clf_i_attention_tile_sizes *sizes) {
    const struct nvidia_tiles *chosen = nvidia_table;
    const clf_i_attention_pairs *pairs = &request->pairs;
    const bool is_plain = !pairs->reads_mask && pairs->bias_kind == CLF_I_BIAS_NONE &&
                          pairs->dropout_kind == CLF_I_DROPOUT_NONE;
    while (request->geometry.depth > chosen->padded_depth || (chosen->is_plain && !is_plain) ||
           (chosen->most_rows != 0 && packed_rows > chosen->most_rows)) {
        ++chosen;
    }
    sizes->kernel = "clf_flash_attention_nvidia";
    sizes->padded_depth = chosen->padded_depth;
    sizes->warps = chosen->warps;
    sizes->row_blocks = chosen->row_blocks;
    sizes->softmax_keys = chosen->softmax_keys;
    sizes->tiling.rows = NVIDIA_BLOCK * chosen->warps * chosen->row_blocks;
    sizes->tiling.key_tile = chosen->key_tile;
    sizes->local_memory =
        (size_t)(2 * chosen->padded_depth *
                 clf_i_larger(NVIDIA_STAGES * 2 * chosen->key_tile, sizes->tiling.rows));
}

/* ---- all ---- */

/* Few tiles and many keys: parts of the keys become units of their own, so that all compute units
 * work. The number depends on the shapes and the device only, and with it the bits of the result.
 */
static int64_t choose_splits(const clf_device *device, const char *kernel,
                             const clf_i_attention_request *request,
                             const clf_i_attention_tiling *tiling) {
    const clf_i_attention_geometry *geometry = &request->geometry;
    const int64_t units_per_compute_unit =
        clf_i_tuning_value(device, kernel, "split_units", 1, 64, 4);
    const int64_t least_keys = clf_i_tuning_value(device, kernel, "split_keys", 64, 1 << 20, 512);
    const int64_t wanted =
        units_per_compute_unit * (int64_t)clf_i_device_capabilities(device)->compute_units;
    const int64_t units = count_units(request, tiling, wanted);
    if (units == 0 || units >= wanted) {
        return 1;
    }
    return clf_i_larger(
        1, clf_i_smaller(clf_i_divide_up(wanted, units), geometry->key_length / least_keys));
}

static clf_i_attention_tile_sizes begin_sizes(const clf_i_attention_request *request) {
    clf_i_attention_tile_sizes sizes = {.tiling = {.heads_per_tile = 1, .num_splits = 1}};
    if (request->geometry.query_length <= GROUPED_MOST_ROWS) {
        sizes.tiling.heads_per_tile = group_of(request);
    }
    return sizes;
}

clf_i_attention_tile_sizes clf_i_attention_portable_tiles(const clf_device *device,
                                                          const clf_i_attention_request *request) {
    clf_i_attention_tile_sizes sizes = begin_sizes(request);
    choose_portable(device, request, request->geometry.query_length * sizes.tiling.heads_per_tile,
                    &sizes);
    return sizes;
}

clf_i_attention_tile_sizes clf_i_attention_choose_tiles(const clf_plan *plan, clf_variant variant,
                                                        const clf_i_attention_request *request) {
    const clf_device *device = clf_i_plan_device(plan);
    clf_i_attention_tile_sizes sizes = begin_sizes(request);
    const int64_t packed_rows = request->geometry.query_length * sizes.tiling.heads_per_tile;
    if (variant == CLF_VARIANT_NVIDIA) {
        choose_nvidia(request, packed_rows, &sizes);
    } else if (variant != CLF_VARIANT_CPU) {
        choose_portable(device, request, packed_rows, &sizes);
    } else if (packed_rows <= FEW_ROWS) {
        choose_few_rows(device, request, packed_rows, &sizes);
    } else {
        choose_cpu(device, request, packed_rows, &sizes);
    }
    sizes.tiling.num_splits = choose_splits(device, sizes.kernel, request, &sizes.tiling);
    sizes.merges = sizes.merges || sizes.tiling.num_splits > 1;
    return sizes;
}
