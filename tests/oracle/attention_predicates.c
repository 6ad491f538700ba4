/* Each mode is written out by itself, as the document has it, so that it can be read against it. */
#include "attention_predicates.h"

bool oracle_pair_is_in_mode(const oracle_sparse *sparse, int64_t query_length, int64_t key_length,
                            int64_t i, int64_t j) {
    const int64_t pre = sparse->pre_tokens;
    const int64_t next = sparse->next_tokens;
    const int64_t shift = key_length - query_length;
    if (!sparse->has_mask) {
        return true;
    }
    switch (sparse->mode) {
    case 0:
        return i - j <= pre && j - i <= next;
    case 2:
        return j <= i;
    case 3:
        return j <= i + shift;
    case 4:
        return i + shift - j <= pre && j - i - shift <= next;
    case 6:
        return j <= i + shift || j < sparse->prefix;
    case 7:
        return sparse->is_slice ? j - i - shift <= next : j <= i + shift;
    case 8:
        return sparse->is_slice ? j - i - shift <= next : j <= i;
    default: /* 1 and 5: the mask alone */
        return true;
    }
}

bool oracle_pair_is_in_whole(int64_t mode, int64_t first_row, int64_t whole_query,
                             int64_t key_length, int64_t i, int64_t j) {
    const int64_t row = first_row + i;
    return mode == 2 ? j <= row : j <= row + key_length - whole_query;
}

/* Mode 0 without a window: the causal triangle, or tokens that limit nothing. */
static bool is_windowless(int64_t pre, int64_t next, int64_t query_length, int64_t key_length) {
    return pre >= query_length && (next == 0 || next >= key_length);
}

bool oracle_mode_has_empty_rows(const oracle_sparse *sparse, int64_t query_length,
                                int64_t key_length) {
    const int64_t pre = sparse->pre_tokens;
    const int64_t next = sparse->next_tokens;
    const int64_t shift = key_length - query_length;
    if (!sparse->has_mask) {
        return false;
    }
    switch (sparse->mode) {
    case 0:
        return !is_windowless(pre, next, query_length, key_length) &&
               (next < 0 || pre < query_length - key_length);
    case 3:
        return query_length > key_length;
    case 4:
        return next + shift < 0 || pre - shift < query_length - key_length;
    case 5:
    case 6:
        return query_length > key_length && sparse->prefix == 0;
    default:
        return false;
    }
}

/* Dense modes 0 and 4 with tokens counted from the top left. */
static bool window_meets_matrix(int64_t pre, int64_t next, int64_t query_length,
                                int64_t key_length) {
    if (pre < 0 && next < 0) {
        return false;
    }
    if (pre < 0) {
        return next >= -pre && -pre < key_length;
    }
    return next >= 0 || (pre >= -next && -next < query_length);
}

static bool dense_is_accepted(const oracle_sparse *sparse, int64_t query_length,
                              int64_t key_length) {
    const int64_t shift = key_length - query_length;
    switch (sparse->mode) {
    case 0:
        return is_windowless(sparse->pre_tokens, sparse->next_tokens, query_length, key_length) ||
               window_meets_matrix(sparse->pre_tokens, sparse->next_tokens, query_length,
                                   key_length);
    case 4:
        return window_meets_matrix(sparse->pre_tokens - shift, sparse->next_tokens + shift,
                                   query_length, key_length);
    case 6:
        return sparse->prefix >= 0 && sparse->prefix >= shift && sparse->prefix <= key_length;
    default:
        return sparse->mode >= 0 && sparse->mode <= 6;
    }
}

static bool varlen_is_accepted(const oracle_sparse *sparse, int64_t query_length,
                               int64_t key_length) {
    const int64_t pre = sparse->pre_tokens;
    const int64_t next = sparse->next_tokens;
    const bool has_rows = query_length > 0;
    switch (sparse->mode) {
    case 0:
        return is_windowless(pre, next, query_length, key_length) ||
               !(next < 0 || key_length + pre < query_length || (pre < 0 && next < -pre));
    case 3:
        return query_length <= key_length;
    case 4:
        return !(pre < 0 || (next < 0 && pre + next < 0) ||
                 (has_rows && query_length - next > key_length));
    case 6:
        return dense_is_accepted(sparse, query_length, key_length);
    case 7:
        return !(has_rows && (next > 0 || query_length > key_length)) &&
               !(sparse->is_slice && (pre < key_length || query_length - next > key_length));
    case 8:
        return !sparse->is_slice || (pre >= key_length && query_length - next <= key_length);
    default:
        return sparse->mode == 1 || sparse->mode == 2;
    }
}

bool oracle_mode_is_accepted(const oracle_sparse *sparse, bool is_varlen, int64_t query_length,
                             int64_t key_length) {
    return is_varlen ? varlen_is_accepted(sparse, query_length, key_length)
                     : dense_is_accepted(sparse, query_length, key_length);
}
