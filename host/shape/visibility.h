/*
 * Visibility: which query-key pairs of a batch element are computed, as one record for all of the
 * operator's sparse modes. The pairs of row i are those with
 *     max(0, i + band_lowest) <= j < min(key_length, max(i + band_highest + 1, prefix))
 * and, if there is one, a zero in the dense mask. (A prefix only ever occurs with an unlimited
 * band_lowest, so that a row's keys are always one interval.) Integers only; no mode number leaves
 * this file.
 */
#ifndef CLF_SHAPE_VISIBILITY_H
#define CLF_SHAPE_VISIBILITY_H

#include <stdbool.h>
#include <stdint.h>

/* Beyond any position, and far enough from INT64's ends that sums with positions cannot overflow.
 */
#define CLF_I_UNLIMITED (INT64_C(1) << 60)

typedef struct clf_i_visibility {
    int64_t band_lowest;
    int64_t band_highest;
    int64_t prefix;
} clf_i_visibility;

/* What the caller asks for; `has_mask` false means that all pairs are computed, whatever the mode.
 */
typedef struct clf_i_sparse_request {
    int64_t mode;
    int64_t pre_tokens;
    int64_t next_tokens;
    bool has_mask;
} clf_i_sparse_request;

/* The record of one batch element. `is_slice`: it is the element that modes 7 and 8 treat as part
 * of a longer sequence. `prefix` is its entry in the prefix list, read in mode 6 only. */
clf_i_visibility clf_i_visibility_make(const clf_i_sparse_request *request, int64_t query_length,
                                       int64_t key_length, int64_t prefix, bool is_slice);

/* Whether the mode's mask is the compressed form, whose content the mode implies. */
bool clf_i_sparse_mode_is_compressed(int64_t mode);

/* The keys of row `i`: [*begin, *end), empty if *begin >= *end. */
void clf_i_visibility_row(const clf_i_visibility *visibility, int64_t i, int64_t key_length,
                          int64_t *begin, int64_t *end);

/* The number of pairs inside the band and prefix, the dense mask left aside. */
int64_t clf_i_visibility_num_pairs(const clf_i_visibility *visibility, int64_t query_length,
                                   int64_t key_length);

#endif
