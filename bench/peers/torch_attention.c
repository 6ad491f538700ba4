/* Attention or its gradient as a question to PyTorch: sequences, each with the band of its pairs. */
#include "attention_visits.h"
#include "peers/peer_attention.h"
#include "peers/peer_result.h"
#include "peers/torch_helper.h"

/* A band's end, or null if it limits nothing. */
static json_t *limit(int64_t offset, bool is_free) {
    return is_free ? json_null() : json_integer(offset);
}

static json_t *sequences(const attention_problem *problem) {
    json_t *array = json_array();
    size_t count = problem->num_sequences ? problem->num_sequences : 1;
    for (size_t i = 0; i < count; i++) {
        attention_sequence sequence = attention_sequence_at(problem, i);
        json_array_append_new(
            array,
            json_pack("{s:I, s:I, s:o, s:o}", "queries", (json_int_t)sequence.query_length, "keys",
                      (json_int_t)sequence.key_length, "low",
                      limit(sequence.low, -sequence.low >= sequence.query_length - 1), "high",
                      limit(sequence.high, sequence.high >= sequence.key_length - 1)));
    }
    return array;
}

static const char *mask_form(const attention_problem *problem) {
    static const char *const forms[] = {"none", "ss", "b1ss", "bnss", "none"};
    return forms[problem->mask];
}

void peer_torch_attention(const workload *load, peer_result *out) {
    const attention_problem *problem = load->problem;
    if (problem->bias != ATTENTION_BIAS_NONE || problem->keep_prob < 1.0 ||
        problem->sparse_mode == 6) {
        peer_unavailable(out, "position bias, dropout and prefixes are not put to it");
        return;
    }
    torch_helper_ask(load,
                     json_pack("{s:I, s:I, s:I, s:I, s:I, s:s, s:f, s:o}", "batch",
                               (json_int_t)problem->batch, "heads", (json_int_t)problem->heads,
                               "key_heads", (json_int_t)problem->key_heads, "depth",
                               (json_int_t)problem->depth, "value_depth",
                               (json_int_t)problem->value_depth, "mask", mask_form(problem),
                               "scale", problem->scale, "sequences", sequences(problem)),
                     out);
}
