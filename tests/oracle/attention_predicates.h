/* The operator document's tables on sparse modes, number by number, over plain integers. */
#ifndef CLF_TESTS_ATTENTION_PREDICATES_H
#define CLF_TESTS_ATTENTION_PREDICATES_H

#include <stdbool.h>
#include <stdint.h>

typedef struct oracle_sparse {
    int64_t mode;
    int64_t pre_tokens;
    int64_t next_tokens;
    int64_t prefix; /* mode 6 */
    bool has_mask;
    bool is_slice; /* modes 7 and 8: the element that belongs to a longer sequence */
} oracle_sparse;

/* Whether mode, tokens and prefix let query i meet key j; the mask's content is not part of it. */
bool oracle_pair_is_in_mode(const oracle_sparse *sparse, int64_t query_length, int64_t key_length,
                            int64_t i, int64_t j);

/* The same through the mask as the operator document builds it for a long sequence of which the
 * element is a slice (rows begin at `first_row`, the whole has `whole_query` rows): causal, aligned
 * top left (mode 2) or bottom right (mode 3). */
bool oracle_pair_is_in_whole(int64_t mode, int64_t first_row, int64_t whole_query,
                             int64_t key_length, int64_t i, int64_t j);

/* Whether the geometry of a dense call alone leaves rows empty, so that they become zeros. */
bool oracle_mode_has_empty_rows(const oracle_sparse *sparse, int64_t query_length,
                                int64_t key_length);

/* Whether the operator accepts mode and tokens for a batch element of a call with a mask. */
bool oracle_mode_is_accepted(const oracle_sparse *sparse, bool is_varlen, int64_t query_length,
                             int64_t key_length);

#endif
