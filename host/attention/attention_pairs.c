/* Accepted forms of mask, bias and drop mask, as tables of axes. */
#include "attention/attention_pairs.h"

#include <inttypes.h>
#include <string.h>

#include "attention/attention_window.h"
#include "core/failure.h"
#include "shape/view.h"
#include "shape/visibility.h"

#define COMPRESSED_SIDE        INT64_C(2048)
#define COMPRESSED_PREFIX_ROWS INT64_C(3072)

bool clf_i_attention_is_given(const clf_tensor *tensor) {
    return tensor != NULL && clf_i_view_num_elements(tensor) > 0;
}

/* One accepted form: `rank` sizes. */
typedef struct form {
    int32_t rank;
    int64_t shape[4];
} form;

static bool has_form(const clf_tensor *tensor, const form *accepted) {
    bool same = tensor->rank == accepted->rank;
    for (int32_t axis = 0; same && axis < accepted->rank; ++axis) {
        same = tensor->shape[axis] == accepted->shape[axis];
    }
    return same;
}

/* Index of the form that the tensor has, `count` if none. */
static size_t find_form(const clf_tensor *tensor, const form *accepted, size_t count) {
    size_t i = 0;
    while (i < count && !has_form(tensor, &accepted[i])) {
        ++i;
    }
    return i;
}

/* The last four axes as batch, head, row, column; axes of size 1 and missing ones repeat. */
static clf_i_pair_strides pair_strides(const clf_tensor *tensor) {
    int64_t strides[4] = {0, 0, 0, 0};
    for (int32_t axis = 0; axis < tensor->rank; ++axis) {
        const int32_t place = axis + 4 - tensor->rank;
        strides[place] = tensor->shape[axis] == 1 ? 0 : tensor->strides[axis];
    }
    return (clf_i_pair_strides){strides[0], strides[1], strides[2], strides[3]};
}

static clf_status fail_shape(const char *argument, const clf_tensor *tensor, const char *accepted) {
    char shape[CLF_I_SHAPE_TEXT];
    return clf_i_fail(CLF_ERR_TILING, "%s has shape %s, accepted: %s", argument,
                      clf_i_shape_text(tensor->rank, tensor->shape, shape), accepted);
}

/* ---- The mask ---- */

static clf_status check_compressed_mask(const clf_flash_attention_args *args) {
    const int64_t rows = args->sparse_mode == 6 ? COMPRESSED_PREFIX_ROWS : COMPRESSED_SIDE;
    const form accepted[] = {
        {2, {rows, COMPRESSED_SIDE}},
        {4, {1, 1, rows, COMPRESSED_SIDE}},
    };
    return find_form(args->atten_mask, accepted, 2) < 2
               ? CLF_SUCCESS
               : fail_shape("atten_mask", args->atten_mask,
                            args->sparse_mode == 6 ? "[3072, 2048] in sparse_mode 6"
                                                   : "[2048, 2048] in this sparse_mode");
}

static clf_status read_dense_mask(const clf_flash_attention_args *args,
                                  const clf_i_attention_geometry *geometry,
                                  clf_i_attention_pairs *pairs) {
    const int64_t b = geometry->batch;
    const int64_t n = geometry->num_heads;
    const int64_t q = geometry->query_length;
    const int64_t k = geometry->key_length;
    const form accepted[] = {{4, {b, n, q, k}}, {4, {b, 1, q, k}}, {4, {1, 1, q, k}}, {2, {q, k}}};
    const size_t found = find_form(args->atten_mask, accepted, 4);
    if (found == 4) {
        return fail_shape("atten_mask", args->atten_mask,
                          "[B, N, Sq, Skv], [B, 1, Sq, Skv], [1, 1, Sq, Skv] or [Sq, Skv]");
    }
    if (args->sparse_mode == 5 && found > 1 && b > 1) {
        return fail_shape("atten_mask", args->atten_mask,
                          "[B, N, Sq, Skv] or [B, 1, Sq, Skv] in sparse_mode 5");
    }
    pairs->mask = pair_strides(args->atten_mask);
    return CLF_SUCCESS;
}

static clf_status read_varlen_mask(const clf_flash_attention_args *args,
                                   const clf_i_attention_geometry *geometry,
                                   clf_i_attention_pairs *pairs) {
    const form accepted[] = {
        {2, {geometry->query_length, geometry->key_length}},
        {2, {geometry->query_tokens, geometry->key_tokens}},
    };
    const size_t found = find_form(args->atten_mask, accepted, 2);
    if (found == 2) {
        return fail_shape("atten_mask", args->atten_mask,
                          "[longest query, longest key] or [Tq, Tkv] in layout TND");
    }
    pairs->mask_is_per_token = found == 1;
    pairs->mask = pair_strides(args->atten_mask);
    return CLF_SUCCESS;
}

static clf_status read_mask(const clf_flash_attention_args *args,
                            const clf_i_attention_geometry *geometry,
                            clf_i_attention_pairs *pairs) {
    pairs->has_mask = clf_i_attention_is_given(args->atten_mask);
    if (!pairs->has_mask) {
        return CLF_SUCCESS;
    }
    const clf_status status = clf_i_attention_check_window(args, geometry);
    if (status != CLF_SUCCESS) {
        return status;
    }
    pairs->reads_mask = !clf_i_sparse_mode_is_compressed(args->sparse_mode);
    if (!pairs->reads_mask) {
        return check_compressed_mask(args);
    }
    return geometry->is_varlen ? read_varlen_mask(args, geometry, pairs)
                               : read_dense_mask(args, geometry, pairs);
}

/* ---- The bias ---- */

static clf_status check_bias_dtype(const clf_flash_attention_args *args) {
    const clf_dtype wanted = args->pse_type >= 2 ? CLF_DTYPE_FP32 : args->query->dtype;
    if (args->pse->dtype == wanted) {
        return CLF_SUCCESS;
    }
    return clf_i_fail(CLF_ERR_PARAM_INVALID,
                      "pse has dtype %s, accepted: %s with pse_type %" PRId64,
                      clf_dtype_name(args->pse->dtype), clf_dtype_name(wanted), args->pse_type);
}

/* Whether row i sees no key beyond its own position: compressed biases hold nothing else. */
static bool is_causal(const clf_flash_attention_args *args,
                      const clf_i_attention_geometry *geometry, bool has_mask) {
    if (!has_mask) {
        return false;
    }
    const bool equal_lengths = geometry->query_length == geometry->key_length;
    return (args->sparse_mode == 0 && args->pre_tokens >= geometry->query_length &&
            args->next_tokens == 0) ||
           args->sparse_mode == 2 || (args->sparse_mode == 3 && equal_lengths);
}

static clf_status read_slopes(const clf_flash_attention_args *args,
                              const clf_i_attention_geometry *geometry,
                              clf_i_attention_pairs *pairs) {
    const form accepted[] = {{1, {geometry->num_heads}},
                             {2, {geometry->batch, geometry->num_heads}}};
    const size_t found = find_form(args->pse, accepted, 2);
    if (found == 2) {
        return fail_shape("pse", args->pse, "slopes [N] or [B, N] with pse_type 2 or 3");
    }
    pairs->bias.head = args->pse->strides[found];
    pairs->bias.batch = found == 1 ? args->pse->strides[0] : 0;
    return CLF_SUCCESS;
}

static clf_status read_dense_bias(const clf_flash_attention_args *args,
                                  const clf_i_attention_geometry *geometry,
                                  clf_i_attention_pairs *pairs) {
    const int64_t n = geometry->num_heads;
    const int64_t q = geometry->query_length;
    const int64_t k = geometry->key_length;
    const int64_t compressed = CLF_I_COMPRESSED_BIAS_ROWS;
    const int64_t batches[] = {geometry->batch, 1};
    for (size_t i = 0; i < 2; ++i) {
        const form plain[] = {{4, {batches[i], n, q, k}}, {4, {batches[i], n, 1, k}}};
        const form last_rows = {4, {batches[i], n, compressed, k}};
        pairs->bias = pair_strides(args->pse);
        if (find_form(args->pse, plain, 2) < 2) {
            return CLF_SUCCESS;
        }
        if (q > compressed && q == k && has_form(args->pse, &last_rows)) {
            pairs->bias_is_compressed = true;
            return is_causal(args, geometry, pairs->has_mask)
                       ? CLF_SUCCESS
                       : fail_shape("pse", args->pse,
                                    "the last 1024 rows of a bias only with a causal sparse_mode");
        }
    }
    return fail_shape(
        "pse", args->pse,
        "[B or 1, N, Sq, Skv], [B or 1, N, 1, Skv], or [B or 1, N, 1024, Skv] if Sq = Skv "
        "> 1024");
}

static clf_status check_equal_lengths(const clf_flash_attention_args *args,
                                      const clf_i_attention_geometry *geometry, int64_t first) {
    for (int64_t b = first; b < geometry->batch; ++b) {
        const clf_i_attention_span *span = &geometry->spans[b];
        if (span->query_length != span->key_length) {
            return clf_i_fail(CLF_ERR_TILING,
                              "batch element %" PRId64 " has lengths %" PRId64 " and %" PRId64
                              ", accepted: equal ones with pse of pse_type %" PRId64,
                              b, span->query_length, span->key_length, args->pse_type);
        }
    }
    return CLF_SUCCESS;
}

static clf_status check_no_empty_element(const clf_i_attention_geometry *geometry) {
    for (int64_t b = 0; b < geometry->batch; ++b) {
        if (geometry->spans[b].query_length == 0) {
            return clf_i_fail(CLF_ERR_TILING,
                              "batch element %" PRId64
                              " has no query, accepted: one or more with pse in layout TND",
                              b);
        }
    }
    return CLF_SUCCESS;
}

static clf_status read_varlen_bias(const clf_flash_attention_args *args,
                                   const clf_i_attention_geometry *geometry,
                                   clf_i_attention_pairs *pairs) {
    clf_status status = check_no_empty_element(geometry);
    if (status == CLF_SUCCESS) {
        status = check_equal_lengths(args, geometry, 0);
    }
    if (status != CLF_SUCCESS) {
        return status;
    }
    const form accepted[] = {
        {4,
         {geometry->batch, geometry->num_heads, CLF_I_COMPRESSED_BIAS_ROWS, geometry->key_length}},
        {4, {1, geometry->num_heads, CLF_I_COMPRESSED_BIAS_ROWS, geometry->key_length}},
    };
    if (find_form(args->pse, accepted, 2) == 2) {
        return fail_shape("pse", args->pse, "[B or 1, N, 1024, longest key] in layout TND");
    }
    if (!is_causal(args, geometry, pairs->has_mask)) {
        return fail_shape("pse", args->pse,
                          "the last 1024 rows of a bias only with sparse_mode 0 (causal), 2 or 3");
    }
    pairs->bias_is_compressed = true;
    pairs->bias = pair_strides(args->pse);
    return CLF_SUCCESS;
}

/* Slopes measure from the top left, so that lengths must be equal; in mode 8 the first element may
 * be a slice whose start indices make up the difference. */
static clf_status check_slope_lengths(const clf_flash_attention_args *args,
                                      const clf_i_attention_geometry *geometry, bool has_mask) {
    if (has_mask && args->sparse_mode == 7) {
        return clf_i_fail(CLF_ERR_TILING,
                          "pse_type is %" PRId64 ", accepted: 0 or 1 in sparse_mode 7",
                          args->pse_type);
    }
    const bool is_slice = has_mask && args->sparse_mode == 8 && geometry->batch > 0;
    if (!is_slice) {
        return check_equal_lengths(args, geometry, 0);
    }
    const clf_i_attention_span *first = &geometry->spans[0];
    const int64_t difference = first->query_length - first->key_length;
    if (difference != args->kv_start_idx - args->q_start_idx) {
        return clf_i_fail(CLF_ERR_TILING,
                          "kv_start_idx - q_start_idx is %" PRId64 ", accepted: %" PRId64
                          ", the query length less the key length of the first batch element",
                          args->kv_start_idx - args->q_start_idx, difference);
    }
    return check_equal_lengths(args, geometry, 1);
}

static clf_status check_bias_mode(const clf_flash_attention_args *args, bool is_given,
                                  bool has_mask) {
    if (args->pse_type < 0 || args->pse_type > 3) {
        return clf_i_fail(CLF_ERR_TILING, "pse_type is %" PRId64 ", accepted: 0 to 3",
                          args->pse_type);
    }
    if (!is_given && args->pse_type != 1) {
        return clf_i_fail(CLF_ERR_TILING,
                          "pse is NULL with pse_type %" PRId64
                          ", accepted: a tensor, or pse_type 1",
                          args->pse_type);
    }
    const bool is_sliced = has_mask && (args->sparse_mode == 7 || args->sparse_mode == 8);
    if (is_given && is_sliced && args->pse_type < 2) {
        return clf_i_fail(CLF_ERR_TILING,
                          "pse is given with pse_type %" PRId64
                          ", accepted: NULL in sparse_mode 7, slopes in sparse_mode 8",
                          args->pse_type);
    }
    return CLF_SUCCESS;
}

static clf_status read_bias(const clf_flash_attention_args *args,
                            const clf_i_attention_geometry *geometry,
                            clf_i_attention_pairs *pairs) {
    const bool is_given = clf_i_attention_is_given(args->pse);
    clf_status status = check_bias_mode(args, is_given, pairs->has_mask);
    if (status != CLF_SUCCESS || !is_given) {
        return status;
    }
    status = check_bias_dtype(args);
    pairs->bias_is_after_scale = args->pse_type != 1;
    pairs->bias_kind = args->pse_type == 2   ? CLF_I_BIAS_LINEAR_SLOPE
                       : args->pse_type == 3 ? CLF_I_BIAS_SQUARE_ROOT_SLOPE
                                             : CLF_I_BIAS_TENSOR;
    if (status == CLF_SUCCESS && args->pse_type >= 2) {
        status = check_slope_lengths(args, geometry, pairs->has_mask);
        return status == CLF_SUCCESS ? read_slopes(args, geometry, pairs) : status;
    }
    if (status == CLF_SUCCESS) {
        status = geometry->is_varlen ? read_varlen_bias(args, geometry, pairs)
                                     : read_dense_bias(args, geometry, pairs);
    }
    return status;
}

/* ---- Dropout ---- */

static clf_status read_dropout(const clf_flash_attention_args *args,
                               const clf_i_attention_geometry *geometry,
                               clf_i_attention_pairs *pairs) {
    /* Not in the range, or not a number. */
    if (!(args->keep_prob > 0.0 && args->keep_prob <= 1.0)) {
        return clf_i_fail(CLF_ERR_TILING, "keep_prob is %g, accepted: above 0, at most 1",
                          args->keep_prob);
    }
    if (!clf_i_attention_is_given(args->drop_mask)) {
        const bool generates = args->generate_dropout && args->keep_prob < 1.0;
        pairs->dropout_kind = generates ? CLF_I_DROPOUT_GENERATED : CLF_I_DROPOUT_NONE;
        return CLF_SUCCESS;
    }
    const clf_tensor *mask = args->drop_mask;
    const int64_t bits = clf_i_attention_num_elements(geometry);
    const int64_t needed = bits / 8 + (bits % 8 != 0);
    if (mask->rank != 1 || mask->strides[0] != 1 || mask->shape[0] < needed) {
        char shape[CLF_I_SHAPE_TEXT];
        return clf_i_fail(CLF_ERR_TILING,
                          "drop_mask has shape %s, accepted: one contiguous axis of %" PRId64
                          " bytes or more, a bit for each probability",
                          clf_i_shape_text(mask->rank, mask->shape, shape), needed);
    }
    pairs->dropout_kind = CLF_I_DROPOUT_BITS;
    return CLF_SUCCESS;
}

clf_status clf_i_attention_pairs_make(const clf_flash_attention_args *args,
                                      const clf_i_attention_geometry *geometry,
                                      clf_i_attention_pairs *pairs) {
    memset(pairs, 0, sizeof *pairs);
    clf_status status = read_dropout(args, geometry, pairs);
    if (status == CLF_SUCCESS) {
        status = read_mask(args, geometry, pairs);
    }
    if (status == CLF_SUCCESS) {
        status = read_bias(args, geometry, pairs);
    }
    return status;
}
