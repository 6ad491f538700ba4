/* See ffn_reference.h. */
#include "ffn_reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

enum { MOST_TOKENS = 64, LEAST_TOKENS = 4, PEER_TOKENS = 4 };

/* Multiplications of a sample, where making an expert's weights ready costs like a token. */
static const double sample_products = 0x1p28;

/* Of a row's norm: hidden activations in 16 bits or int8 leave less than half of it. */
static const double peer_tolerance = 0.02;

static const void *contents_of(const ffn_reference *reference, const workload *load,
                               clf_slot slot) {
    for (size_t i = 0; i < load->num_tensors; i++) {
        if (load->tensors[i].slot == slot) {
            return reference->contents[i];
        }
    }
    return NULL;
}

bool ffn_reference_open(ffn_reference *out, const workload *load) {
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < load->num_tensors; i++) {
        const tensor_info *tensor = &load->tensors[i];
        out->views[i] = clf_tensor_contiguous(NULL, tensor->dtype, tensor->rank, tensor->shape);
        if (tensor->slot == CLF_SLOT_Y) {
            continue;
        }
        out->contents[i] = workload_contents(load, i);
        if (!out->contents[i]) {
            return false;
        }
    }
    ffn_fill_call(load->problem, out->views, &out->call);
    out->inputs = (oracle_ffn_inputs){
        .x = contents_of(out, load, CLF_SLOT_X),
        .weight1 = contents_of(out, load, CLF_SLOT_WEIGHT1),
        .weight2 = contents_of(out, load, CLF_SLOT_WEIGHT2),
        .bias1 = contents_of(out, load, CLF_SLOT_BIAS1),
        .bias2 = contents_of(out, load, CLF_SLOT_BIAS2),
        .scale = contents_of(out, load, CLF_SLOT_SCALE),
        .offset = contents_of(out, load, CLF_SLOT_OFFSET),
        .deq_scale1 = contents_of(out, load, CLF_SLOT_DEQ_SCALE1),
        .deq_scale2 = contents_of(out, load, CLF_SLOT_DEQ_SCALE2),
        .antiquant_scale1 = contents_of(out, load, CLF_SLOT_ANTIQUANT_SCALE1),
        .antiquant_scale2 = contents_of(out, load, CLF_SLOT_ANTIQUANT_SCALE2),
        .antiquant_offset1 = contents_of(out, load, CLF_SLOT_ANTIQUANT_OFFSET1),
        .antiquant_offset2 = contents_of(out, load, CLF_SLOT_ANTIQUANT_OFFSET2),
        .expert_tokens_tensor = contents_of(out, load, CLF_SLOT_EXPERT_TOKENS),
    };
    return true;
}

void ffn_reference_close(ffn_reference *reference) {
    for (size_t i = 0; i < MAX_TENSORS; i++) {
        free(reference->contents[i]);
        reference->contents[i] = NULL;
    }
}

int64_t ffn_sample_token(int64_t num_tokens, size_t index, size_t count, uint64_t *seed) {
    const uint64_t bits = random_bits(seed);
    size_t begin = 0;
    size_t end = 0;
    team_share((size_t)num_tokens, index, count, &begin, &end);
    return index == 0           ? 0
           : index == count - 1 ? num_tokens - 1
                                : (int64_t)(begin + bits % (end > begin ? end - begin : 1));
}

size_t ffn_sample_size(const workload *load) {
    const ffn_problem *problem = load->problem;
    double products = 0.0;
    for (int i = 0; i < 2; i++) {
        products += (double)problem->products[i].depth * (double)problem->products[i].width;
    }
    double tokens = sample_products / products;
    size_t most = tokens > MOST_TOKENS    ? MOST_TOKENS
                  : tokens < LEAST_TOKENS ? LEAST_TOKENS
                                          : (size_t)tokens;
    return (uint64_t)problem->tokens < most ? (size_t)problem->tokens : most;
}

static bool row_is_right(oracle_ffn *oracle, int64_t token, const float *y, oracle_range *row) {
    double difference = 0.0;
    double norm = 0.0;
    oracle_ffn_row(oracle, token, row);
    for (int64_t n = 0; n < oracle->layers[1].width; n++) {
        double error = (double)y[n] - row[n].value;
        difference += error * error;
        norm += row[n].value * row[n].value;
    }
    return difference <= peer_tolerance * peer_tolerance * norm;
}

bool ffn_is_right(const workload *load, const float *y) {
    ffn_reference reference;
    oracle_ffn oracle = {0};
    uint64_t seed = 1;
    bool ok = ffn_reference_open(&reference, load) &&
              oracle_ffn_open(&oracle, &reference.call.args, &reference.inputs);
    size_t width = ok ? (size_t)oracle.layers[1].width : 0;
    oracle_range *row = calloc(width + 1, sizeof *row);
    ok = ok && row;
    size_t count = ok && oracle.num_tokens < PEER_TOKENS ? (size_t)oracle.num_tokens : PEER_TOKENS;
    for (size_t i = 0; ok && i < count; i++) {
        int64_t token = ffn_sample_token(oracle.num_tokens, i, count, &seed);
        ok = row_is_right(&oracle, token, y + (size_t)token * width, row);
    }
    free(row);
    oracle_ffn_close(&oracle);
    ffn_reference_close(&reference);
    return ok;
}
