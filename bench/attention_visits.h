/* Which pairs of a query and a key are visited, from the operator document's modes alone. */
#ifndef CLFORMER_BENCH_ATTENTION_VISITS_H
#define CLFORMER_BENCH_ATTENTION_VISITS_H

#include "attention_setup.h"

/* One batch element, or one of several sequences in a call; begins count in tokens. */
typedef struct attention_sequence {
    int64_t query_begin;
    int64_t query_length;
    int64_t key_begin;
    int64_t key_length;
    /* Query i meets the keys from i + low to i + high, and those before `prefix`. */
    int64_t low;
    int64_t high;
    int64_t prefix;
} attention_sequence;

size_t attention_num_sequences(const attention_problem *problem);
attention_sequence attention_sequence_at(const attention_problem *problem, size_t index);

/* The keys [*begin, *end) of one query, both counted in the sequence; what a mask's content leaves
 * out counts as visited. */
void attention_row_keys(const attention_sequence *sequence, int64_t row, int64_t *begin,
                        int64_t *end);

/* All of a problem's, over all heads. */
double attention_visited_pairs(const attention_problem *problem);

#endif
