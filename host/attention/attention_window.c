/* Sparse modes, tokens and prefixes against the operator's rules: one function for each rule. */
#include "attention/attention_window.h"

#include <inttypes.h>

#include "core/failure.h"

/* Tokens are compared with sums of lengths: kept far from overflow. */
static int64_t bounded(int64_t tokens) {
    return tokens > CLF_I_UNLIMITED    ? CLF_I_UNLIMITED
           : tokens < -CLF_I_UNLIMITED ? -CLF_I_UNLIMITED
                                       : tokens;
}

static int64_t shift_of(const clf_i_attention_span *span) {
    return span->key_length - span->query_length;
}

int64_t clf_i_attention_slice_element(const clf_flash_attention_args *args,
                                      const clf_i_attention_geometry *geometry) {
    int64_t found = -1;
    for (int64_t b = 0; b < geometry->batch; ++b) {
        if (geometry->spans[b].query_length == 0) {
            continue;
        }
        if (args->sparse_mode == 7 || (args->sparse_mode == 8 && found < 0)) {
            found = b; /* mode 7: the last one, mode 8: the first one */
        }
    }
    return found;
}

static clf_status check_mode(const clf_flash_attention_args *args, bool is_varlen) {
    const int64_t mode = args->sparse_mode;
    const bool fits = is_varlen ? mode >= 0 && mode <= 8 && mode != 5 : mode >= 0 && mode <= 6;
    return fits ? CLF_SUCCESS
                : clf_i_fail(CLF_ERR_TILING, "sparse_mode is %" PRId64 ", accepted: %s", mode,
                             is_varlen ? "0 to 8 but 5 in layout TND"
                                       : "0 to 6 (7 and 8 in layout TND only)");
}

/* Mode 0 where tokens are the causal triangle or no limit at all. */
static bool is_plain_mode_0(int64_t pre, int64_t next, const clf_i_attention_span *span) {
    return pre >= span->query_length && (next == 0 || next >= span->key_length);
}

/* A window without a valid pair; tokens measured from the top left corner. */
static clf_status check_window_dense(const clf_flash_attention_args *args,
                                     const clf_i_attention_span *span) {
    int64_t pre = bounded(args->pre_tokens);
    int64_t next = bounded(args->next_tokens);
    if (args->sparse_mode == 0 && is_plain_mode_0(pre, next, span)) {
        return CLF_SUCCESS;
    }
    if (args->sparse_mode == 4) {
        pre -= shift_of(span);
        next += shift_of(span);
    }
    const bool none = pre < 0 && next < 0;
    const bool right_of_all = pre < 0 && !(next >= -pre && -pre < span->key_length);
    const bool below_all = next < 0 && !(pre >= -next && -next < span->query_length);
    if (!none && !right_of_all && !below_all) {
        return CLF_SUCCESS;
    }
    return clf_i_fail(CLF_ERR_TILING,
                      "pre_tokens %" PRId64 " and next_tokens %" PRId64
                      " leave no pair in sparse_mode %" PRId64 " with lengths %" PRId64
                      " and %" PRId64 ", accepted: a window that meets the score matrix",
                      args->pre_tokens, args->next_tokens, args->sparse_mode, span->query_length,
                      span->key_length);
}

/* ---- TND: each batch element ---- */

static clf_status fail_element(const clf_flash_attention_args *args, int64_t b,
                               const clf_i_attention_span *span, const char *accepted) {
    return clf_i_fail(CLF_ERR_TILING,
                      "pre_tokens %" PRId64 " and next_tokens %" PRId64 " in sparse_mode %" PRId64
                      " do not fit batch element %" PRId64 " with lengths %" PRId64 " and %" PRId64
                      ", accepted: %s",
                      args->pre_tokens, args->next_tokens, args->sparse_mode, b, span->query_length,
                      span->key_length, accepted);
}

static clf_status check_element_0(const clf_flash_attention_args *args, int64_t b,
                                  const clf_i_attention_span *span) {
    const int64_t pre = bounded(args->pre_tokens);
    const int64_t next = bounded(args->next_tokens);
    const bool fits =
        is_plain_mode_0(pre, next, span) ||
        (next >= 0 && span->key_length + pre >= span->query_length && (pre >= 0 || next >= -pre));
    return fits ? CLF_SUCCESS
                : fail_element(args, b, span,
                               "next_tokens >= 0, key length + pre_tokens >= query length, and "
                               "next_tokens >= -pre_tokens");
}

static clf_status check_element_3(const clf_flash_attention_args *args, int64_t b,
                                  const clf_i_attention_span *span) {
    return span->query_length <= span->key_length
               ? CLF_SUCCESS
               : fail_element(args, b, span, "query length at most key length");
}

static clf_status check_element_4(const clf_flash_attention_args *args, int64_t b,
                                  const clf_i_attention_span *span) {
    const int64_t pre = bounded(args->pre_tokens);
    const int64_t next = bounded(args->next_tokens);
    const bool fits = pre >= 0 && (next >= 0 || pre + next >= 0) &&
                      (span->query_length == 0 || span->query_length - next <= span->key_length);
    return fits ? CLF_SUCCESS
                : fail_element(args, b, span,
                               "pre_tokens >= 0, pre_tokens + next_tokens >= 0, and query length - "
                               "next_tokens at most key length");
}

static clf_status check_element_7(const clf_flash_attention_args *args, int64_t b,
                                  const clf_i_attention_span *span, bool is_slice) {
    const int64_t next = bounded(args->next_tokens);
    if (span->query_length == 0) {
        return CLF_SUCCESS;
    }
    const bool slice_fits = !is_slice || (bounded(args->pre_tokens) >= span->key_length &&
                                          span->query_length - next <= span->key_length);
    const bool fits = next <= 0 && span->query_length <= span->key_length && slice_fits;
    return fits ? CLF_SUCCESS
                : fail_element(
                      args, b, span,
                      "pre_tokens at least key length, next_tokens <= 0, query length at most "
                      "key length, and for the last element query length - next_tokens too");
}

static clf_status check_element_8(const clf_flash_attention_args *args, int64_t b,
                                  const clf_i_attention_span *span, bool is_slice) {
    const bool fits =
        !is_slice || (bounded(args->pre_tokens) >= span->key_length &&
                      span->query_length - bounded(args->next_tokens) <= span->key_length);
    return fits ? CLF_SUCCESS
                : fail_element(
                      args, b, span,
                      "for the first element pre_tokens at least key length, and query length "
                      "- next_tokens at most key length");
}

static clf_status check_element(const clf_flash_attention_args *args, int64_t b,
                                const clf_i_attention_span *span, bool is_slice) {
    switch (args->sparse_mode) {
    case 0:
        return check_element_0(args, b, span);
    case 3:
        return check_element_3(args, b, span);
    case 4:
        return check_element_4(args, b, span);
    case 7:
        return check_element_7(args, b, span, is_slice);
    case 8:
        return check_element_8(args, b, span, is_slice);
    default:
        return CLF_SUCCESS;
    }
}

/* ---- Prefix ---- */

static clf_status check_prefix(const clf_flash_attention_args *args,
                               const clf_i_attention_geometry *geometry) {
    if (args->prefix == NULL || args->num_prefix != (size_t)geometry->batch) {
        return clf_i_fail(CLF_ERR_TILING,
                          "prefix has %zu entries, accepted: %" PRId64
                          ", one for each batch element, in sparse_mode 6",
                          args->prefix == NULL ? (size_t)0 : args->num_prefix, geometry->batch);
    }
    for (int64_t b = 0; b < geometry->batch; ++b) {
        const clf_i_attention_span *span = &geometry->spans[b];
        const int64_t lowest = shift_of(span) > 0 ? shift_of(span) : 0;
        if (args->prefix[b] < lowest || args->prefix[b] > span->key_length) {
            return clf_i_fail(CLF_ERR_TILING,
                              "prefix[%" PRId64 "] is %" PRId64 ", accepted: %" PRId64
                              " to %" PRId64,
                              b, args->prefix[b], lowest, span->key_length);
        }
    }
    return CLF_SUCCESS;
}

clf_status clf_i_attention_check_window(const clf_flash_attention_args *args,
                                        const clf_i_attention_geometry *geometry) {
    clf_status status = check_mode(args, geometry->is_varlen);
    if (status == CLF_SUCCESS && args->sparse_mode == 6) {
        status = check_prefix(args, geometry);
    }
    const bool has_window = args->sparse_mode == 0 || args->sparse_mode == 4;
    if (status == CLF_SUCCESS && !geometry->is_varlen && has_window && geometry->batch > 0 &&
        geometry->key_length > 0) {
        status = check_window_dense(args, &geometry->spans[0]);
    }
    const int64_t slice = clf_i_attention_slice_element(args, geometry);
    for (int64_t b = 0; geometry->is_varlen && b < geometry->batch && status == CLF_SUCCESS; ++b) {
        status = check_element(args, b, &geometry->spans[b], b == slice);
    }
    return status;
}

/* ---- Rows without a computed pair ---- */

static bool dense_geometry_has_empty_rows(const clf_flash_attention_args *args,
                                          const clf_i_attention_span *span) {
    int64_t pre = bounded(args->pre_tokens);
    int64_t next = bounded(args->next_tokens);
    switch (args->sparse_mode) {
    case 0:
        return !is_plain_mode_0(pre, next, span) && (next < 0 || pre < -shift_of(span));
    case 3:
        return shift_of(span) < 0;
    case 4:
        pre -= shift_of(span);
        next += shift_of(span);
        return next < 0 || pre < -shift_of(span);
    default:
        return false;
    }
}

/* Modes 5 and 6: an element without prefix whose rows reach above the diagonal's start. */
static bool prefix_has_empty_rows(const clf_flash_attention_args *args,
                                  const clf_i_attention_geometry *geometry) {
    const bool has_list = args->prefix != NULL && args->num_prefix == (size_t)geometry->batch;
    for (int64_t b = 0; has_list && b < geometry->batch; ++b) {
        if (args->prefix[b] == 0 && shift_of(&geometry->spans[b]) < 0) {
            return true;
        }
    }
    return false;
}

bool clf_i_attention_empty_rows_are_zero(const clf_flash_attention_args *args,
                                         const clf_i_attention_geometry *geometry, bool has_mask) {
    if (args->inner_precise == 2) {
        return true;
    }
    if (!has_mask || geometry->batch == 0) {
        return false;
    }
    if (args->sparse_mode == 5 || args->sparse_mode == 6) {
        return prefix_has_empty_rows(args, geometry);
    }
    return !geometry->is_varlen && dense_geometry_has_empty_rows(args, &geometry->spans[0]);
}
