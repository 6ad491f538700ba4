/* Attention problems: what the attributes make together, and as text. */
#include "attention_setup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "parse_values.h"
#include "real_data.h"
#include "terminal.h"

/* The library has its own, sharper checks. */
static const int64_t most_elements = INT64_C(1) << 40;

const char *const attention_layout_names[] = {"BNSD", "BSND", "BSH", "SBH", "TND"};

static bool mode_is_compressed(int64_t mode) {
    return mode != 0 && mode != 1 && mode != 5;
}

/* ---- What the attributes make together ----------------------------------------------------- */

static bool complete_mode(attention_problem *problem) {
    bool compressed = mode_is_compressed(problem->sparse_mode);
    if (problem->has_mode && !problem->has_mask) {
        problem->mask = compressed ? ATTENTION_MASK_COMPRESSED : ATTENTION_MASK_SS;
    } else if (problem->has_mode && problem->mask == ATTENTION_MASK_NONE) {
        return fail("--sparse-mode: without a mask the mode has no effect; leave out --mask none");
    }
    bool is_tensor = attention_reads_mask(problem);
    if (problem->mask != ATTENTION_MASK_NONE && compressed == is_tensor) {
        return fail("--sparse-mode: mode %lld does not go with this --mask; modes 0, 1 and 5 go "
                    "with dense, b1ss and bnss, the others with causal, band and prefix",
                    (long long)problem->sparse_mode);
    }
    if (!problem->has_pre_tokens) {
        problem->pre_tokens = CLF_ALL_TOKENS;
    }
    if (!problem->has_next_tokens) {
        problem->next_tokens = problem->sparse_mode == 0 ? CLF_ALL_TOKENS : 0;
    }
    if (problem->sparse_mode == 6 && !problem->has_prefix) {
        return fail("--prefix is missing: how many keys every query meets");
    }
    return problem->sparse_mode != 6 || problem->batch <= ATTENTION_MOST_SEQUENCES
               ? true
               : fail("--prefix: with more than %d batch elements", ATTENTION_MOST_SEQUENCES);
}

static bool complete_lengths(attention_problem *problem) {
    size_t count = problem->num_sequences;
    if (!count) {
        return problem->layout != ATTENTION_TND
                   ? true
                   : fail("--layout: TND needs --lengths, the lengths of the sequences");
    }
    if (problem->has_layout && problem->layout != ATTENTION_TND) {
        return fail("--layout: with --lengths it is TND, not %s",
                    attention_layout_names[problem->layout]);
    }
    problem->layout = ATTENTION_TND;
    int64_t queries = problem->query_ends[count - 1];
    int64_t keys = problem->key_ends[count - 1];
    return problem->batch == 1 && queries == problem->query_length && keys == problem->key_length
               ? true
               : fail("--lengths: they sum up to Sq = %lld and Skv = %lld; --shape must have that, "
                      "and B = 1",
                      (long long)queries, (long long)keys);
}

static bool complete_heads(attention_problem *problem) {
    problem->key_heads = problem->key_heads ? problem->key_heads : problem->heads;
    problem->value_depth = problem->value_depth ? problem->value_depth : problem->depth;
    if (problem->heads % problem->key_heads != 0) {
        return fail("--kv-heads: %lld does not divide the query's %lld heads",
                    (long long)problem->key_heads, (long long)problem->heads);
    }
    return problem->value_depth <= problem->depth
               ? true
               : fail("--value-dim: %lld is more than the query's head dimension %lld",
                      (long long)problem->value_depth, (long long)problem->depth);
}

static bool check_size(const attention_problem *problem) {
    const int64_t sizes[] = {problem->batch, problem->heads,
                             problem->query_length > problem->key_length ? problem->query_length
                                                                         : problem->key_length,
                             problem->depth};
    int64_t elements = 1;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i] > most_elements / elements) {
            return fail("--shape: a tensor would have more than 2^40 elements");
        }
        elements *= sizes[i];
    }
    return true;
}

/* The recorded layer: queries, keys and values, and a mask of the padding. */
static bool take_real_sizes(attention_problem *problem, const char *data_folder) {
    int32_t rank = 0;
    int64_t shape[CLF_MAX_RANK];
    if (!real_data_shape(data_folder, "query", &rank, shape) ||
        !real_data_number(data_folder, "scale", &problem->scale)) {
        return false;
    }
    if (rank != 4) {
        return fail("minilm.json: tensor 'query' has not the 4 sizes B,N,S,D");
    }
    problem->batch = shape[0];
    problem->heads = shape[1];
    problem->query_length = shape[2];
    problem->key_length = shape[2];
    problem->depth = shape[3];
    problem->mask = ATTENTION_MASK_B1SS;
    problem->sparse_mode = 1;
    problem->has_shape = problem->has_mask = problem->has_scale = true;
    return true;
}

bool attention_complete(void *opaque, const char *data_folder) {
    attention_problem *problem = opaque;
    if (problem->is_real && !take_real_sizes(problem, data_folder)) {
        return false;
    }
    if (!problem->has_shape) {
        return fail("--shape is missing");
    }
    if (!problem->has_scale) {
        problem->scale = 1.0 / sqrt((double)problem->depth);
    }
    problem->keep_prob = problem->keep_prob > 0.0 ? problem->keep_prob : 1.0;
    return check_size(problem) && complete_heads(problem) && complete_lengths(problem) &&
           complete_mode(problem);
}

bool attention_reduce(void *opaque) {
    attention_problem *problem = opaque;
    if (problem->is_real) {
        return false;
    }
    if (problem->batch > 1) {
        problem->batch /= 2;
        return true;
    }
    int64_t group = problem->heads / problem->key_heads;
    if (problem->key_heads > 1) {
        problem->key_heads /= 2;
        problem->heads = group * problem->key_heads;
        return true;
    }
    if (group > 1) {
        problem->heads = group / 2;
        return true;
    }
    return false;
}

bool attention_is_real(const void *problem) {
    return ((const attention_problem *)problem)->is_real;
}

/* ---- As text ------------------------------------------------------------------------------- */

static void tokens_text(int64_t tokens, char out[24]) {
    if (tokens == CLF_ALL_TOKENS) {
        snprintf(out, 24, "all");
    } else {
        snprintf(out, 24, "%lld", (long long)tokens);
    }
}

static void print_mask(const attention_problem *problem, char *out, size_t size) {
    static const char *const forms[] = {"none", "dense", "b1ss", "bnss", ""};
    static const char *const modes[] = {"", "", "causal-top-left", "causal", "band"};
    char pre[24];
    char next[24];
    tokens_text(problem->pre_tokens, pre);
    tokens_text(problem->next_tokens, next);
    if (problem->mask != ATTENTION_MASK_COMPRESSED) {
        snprintf(out, size, "%s", forms[problem->mask]);
        if (problem->mask != ATTENTION_MASK_NONE && problem->sparse_mode == 0) {
            snprintf(out, size, "%s %s,%s", forms[problem->mask], pre, next);
        }
    } else if (problem->sparse_mode == 4) {
        snprintf(out, size, "band %s,%s", pre, next);
    } else if (problem->sparse_mode == 6) {
        snprintf(out, size, "prefix %lld", (long long)problem->prefix);
    } else if (problem->sparse_mode < 4) {
        snprintf(out, size, "%s", modes[problem->sparse_mode]);
    } else {
        snprintf(out, size, "mode %lld %s,%s", (long long)problem->sparse_mode, pre, next);
    }
}

static void append(char *out, size_t size, const char *text) {
    strncat(out, text, size - strlen(out) - 1);
}

static void print_lengths(const attention_problem *problem, char *out, size_t size) {
    for (size_t i = 0; i < problem->num_sequences; i++) {
        int64_t query = problem->query_ends[i] - (i ? problem->query_ends[i - 1] : 0);
        int64_t key = problem->key_ends[i] - (i ? problem->key_ends[i - 1] : 0);
        char text[48];
        snprintf(text, sizeof text, query == key ? "%s%lld" : "%s%lld:%lld",
                 i ? "," : " lengths=", (long long)query, (long long)key);
        append(out, size, text);
    }
}

void attention_print(const void *opaque, problem_text *out) {
    const attention_problem *problem = opaque;
    static const char *const biases[] = {"", " pse=bias", " pse=alibi"};
    const int64_t shape[] = {problem->batch, problem->heads, problem->query_length,
                             problem->key_length, problem->depth};
    char text[64];
    print_shape(5, shape, out->shape, sizeof out->shape);
    print_mask(problem, out->mask, sizeof out->mask);
    snprintf(out->attributes, sizeof out->attributes, "scale=%g", problem->scale);
    if (problem->key_heads != problem->heads) {
        snprintf(text, sizeof text, " kv-heads=%lld", (long long)problem->key_heads);
        append(out->attributes, sizeof out->attributes, text);
    }
    if (problem->value_depth != problem->depth) {
        snprintf(text, sizeof text, " value-dim=%lld", (long long)problem->value_depth);
        append(out->attributes, sizeof out->attributes, text);
    }
    if (problem->layout != ATTENTION_BNSD) {
        snprintf(text, sizeof text, " layout=%s", attention_layout_names[problem->layout]);
        append(out->attributes, sizeof out->attributes, text);
    }
    append(out->attributes, sizeof out->attributes, biases[problem->bias]);
    if (problem->keep_prob < 1.0) {
        snprintf(text, sizeof text, " keep-prob=%g", problem->keep_prob);
        append(out->attributes, sizeof out->attributes, text);
    }
    print_lengths(problem, out->attributes, sizeof out->attributes);
}
