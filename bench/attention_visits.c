/* See attention_visits.h. Every mode's pairs lie in one band; mode 6 adds the keys of its prefix. */
#include "attention_visits.h"

size_t attention_num_sequences(const attention_problem *problem) {
    return problem->num_sequences ? problem->num_sequences : (size_t)problem->batch;
}

/* Modes 7 and 8 treat one sequence as a part of a longer one: the last or first that has rows. */
static bool is_slice(const attention_problem *problem, size_t index) {
    size_t slice = problem->num_sequences;
    for (size_t i = 0; i < problem->num_sequences; i++) {
        int64_t begin = i ? problem->query_ends[i - 1] : 0;
        bool has_rows = problem->query_ends[i] > begin;
        if (has_rows && (problem->sparse_mode == 7 || slice == problem->num_sequences)) {
            slice = i;
        }
    }
    return problem->sparse_mode >= 7 && slice == index;
}

static void set_band(const attention_problem *problem, size_t index, attention_sequence *out) {
    int64_t shift = out->key_length - out->query_length;
    out->low = -CLF_ALL_TOKENS;
    out->high = CLF_ALL_TOKENS;
    if (problem->mask == ATTENTION_MASK_NONE) {
        return;
    }
    switch (problem->sparse_mode) {
    case 0:
        out->low = -problem->pre_tokens;
        out->high = problem->next_tokens;
        break;
    case 2:
        out->high = 0;
        break;
    case 4:
        out->low = shift - problem->pre_tokens;
        out->high = shift + problem->next_tokens;
        break;
    case 3:
    case 6:
    case 7:
        out->high = shift + (is_slice(problem, index) ? problem->next_tokens : 0);
        out->prefix = problem->sparse_mode == 6 ? problem->prefix : 0;
        break;
    case 8:
        out->high = is_slice(problem, index) ? shift + problem->next_tokens : 0;
        break;
    default: /* 1 and 5: the mask alone decides */
        break;
    }
}

attention_sequence attention_sequence_at(const attention_problem *problem, size_t index) {
    attention_sequence out = {.query_length = problem->query_length,
                              .key_length = problem->key_length};
    if (problem->num_sequences) {
        out.query_begin = index ? problem->query_ends[index - 1] : 0;
        out.key_begin = index ? problem->key_ends[index - 1] : 0;
        out.query_length = problem->query_ends[index] - out.query_begin;
        out.key_length = problem->key_ends[index] - out.key_begin;
    }
    set_band(problem, index, &out);
    return out;
}

static int64_t clamp(int64_t value, int64_t highest) {
    return value < 0 ? 0 : value > highest ? highest : value;
}

void attention_row_keys(const attention_sequence *sequence, int64_t row, int64_t *begin,
                        int64_t *end) {
    *begin = clamp(row + sequence->low, sequence->key_length);
    *end = clamp(row + sequence->high + 1, sequence->key_length);
    if (sequence->prefix > *end) { /* the band has no lower end there */
        *end = clamp(sequence->prefix, sequence->key_length);
    }
    *end = *end < *begin ? *begin : *end;
}

double attention_visited_pairs(const attention_problem *problem) {
    size_t count = attention_num_sequences(problem);
    size_t different = problem->num_sequences ? count : count > 0;
    double pairs = 0.0;
    for (size_t i = 0; i < different; i++) {
        attention_sequence sequence = attention_sequence_at(problem, i);
        for (int64_t row = 0; row < sequence.query_length; row++) {
            int64_t begin = 0;
            int64_t end = 0;
            attention_row_keys(&sequence, row, &begin, &end);
            pairs += (double)(end - begin);
        }
    }
    double copies = different ? (double)count / (double)different : 0.0;
    return pairs * copies * (double)problem->heads;
}
