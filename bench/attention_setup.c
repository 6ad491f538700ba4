/* Attention problems: what the attributes make together, tensors, and the operator's arguments. */
#include "attention_setup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "parse_values.h"
#include "real_data.h"
#include "terminal.h"

/* Half of the places, as the operator's own tests draw their masks. */
static const double mask_probability = 0.5;

/* Products of D such numbers, divided by sqrt(D), spread by 4/3: as peaked as trained models'. */
static const double input_range = 2.0;

/* The library has its own, sharper checks. */
static const int64_t most_elements = INT64_C(1) << 40;

static const char *const layout_names[] = {"BNSD", "BSND", "BSH", "SBH", "TND"};

/* The statistics hold this many equal copies; a compressed mask has these sizes. */
enum { STATISTIC_COPIES = 8, COMPRESSED = 2048, COMPRESSED_PREFIX_ROWS = 3072 };

static bool mode_is_compressed(int64_t mode) {
    return mode != 0 && mode != 1 && mode != 5;
}

bool attention_reads_mask(const attention_problem *problem) {
    return problem->mask != ATTENTION_MASK_NONE && problem->mask != ATTENTION_MASK_COMPRESSED;
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
        return fail("--layout: with --lengths it is TND, not %s", layout_names[problem->layout]);
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
        snprintf(text, sizeof text, " layout=%s", layout_names[problem->layout]);
        append(out->attributes, sizeof out->attributes, text);
    }
    append(out->attributes, sizeof out->attributes, biases[problem->bias]);
    if (problem->keep_prob < 1.0) {
        snprintf(text, sizeof text, " keep-prob=%g", problem->keep_prob);
        append(out->attributes, sizeof out->attributes, text);
    }
    print_lengths(problem, out->attributes, sizeof out->attributes);
}

/* ---- Tensors ------------------------------------------------------------------------------- */

static void set_sizes(tensor_info *tensor, int32_t rank, int64_t a, int64_t b, int64_t c,
                      int64_t d) {
    const int64_t sizes[] = {a, b, c, d};
    tensor->rank = rank;
    memcpy(tensor->shape, sizes, (size_t)rank * sizeof *sizes);
}

/* Query, key, value or output, in the problem's layout. */
static tensor_info token_tensor(const attention_problem *problem, clf_dtype dtype, clf_slot slot,
                                const char *name) {
    bool has_queries = slot == CLF_SLOT_QUERY || slot == CLF_SLOT_ATTENTION_OUT;
    int64_t tokens = has_queries ? problem->query_length : problem->key_length;
    int64_t heads = has_queries ? problem->heads : problem->key_heads;
    int64_t depth = slot == CLF_SLOT_VALUE || slot == CLF_SLOT_ATTENTION_OUT ? problem->value_depth
                                                                             : problem->depth;
    tensor_info tensor = {.slot = slot,
                          .name = name,
                          .dtype = dtype,
                          .fill = slot == CLF_SLOT_ATTENTION_OUT ? FILL_NONE : FILL_UNIFORM,
                          .low = -input_range,
                          .high = input_range};
    switch (problem->layout) {
    case ATTENTION_BNSD:
        set_sizes(&tensor, 4, problem->batch, heads, tokens, depth);
        break;
    case ATTENTION_BSND:
        set_sizes(&tensor, 4, problem->batch, tokens, heads, depth);
        break;
    case ATTENTION_BSH:
        set_sizes(&tensor, 3, problem->batch, tokens, heads * depth, 0);
        break;
    case ATTENTION_SBH:
        set_sizes(&tensor, 3, tokens, problem->batch, heads * depth, 0);
        break;
    case ATTENTION_TND:
        set_sizes(&tensor, 3, tokens, heads, depth, 0);
        break;
    }
    return tensor;
}

static int64_t longest(const int64_t *ends, size_t count) {
    int64_t most = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t length = ends[i] - (i ? ends[i - 1] : 0);
        most = length > most ? length : most;
    }
    return most;
}

static tensor_info mask_tensor(const attention_problem *problem) {
    tensor_info tensor = {.slot = CLF_SLOT_ATTEN_MASK,
                          .name = "atten_mask",
                          .dtype = CLF_DTYPE_BOOL,
                          .fill = FILL_MASK,
                          .low = mask_probability};
    int64_t rows = problem->query_length;
    int64_t columns = problem->key_length;
    if (problem->num_sequences) {
        rows = longest(problem->query_ends, problem->num_sequences);
        columns = longest(problem->key_ends, problem->num_sequences);
    }
    if (problem->mask == ATTENTION_MASK_COMPRESSED) {
        tensor.fill = FILL_NONE;
        set_sizes(&tensor, 2, problem->sparse_mode == 6 ? COMPRESSED_PREFIX_ROWS : COMPRESSED,
                  COMPRESSED, 0, 0);
    } else if (problem->mask == ATTENTION_MASK_SS) {
        set_sizes(&tensor, 2, rows, columns, 0, 0);
    } else {
        set_sizes(&tensor, 4, problem->batch,
                  problem->mask == ATTENTION_MASK_BNSS ? problem->heads : 1, rows, columns);
    }
    return tensor;
}

static tensor_info bias_tensor(const attention_problem *problem, clf_dtype dtype) {
    bool is_full = problem->bias == ATTENTION_BIAS_FULL;
    tensor_info tensor = {.slot = CLF_SLOT_PSE,
                          .name = "pse",
                          .dtype = is_full ? dtype : CLF_DTYPE_FP32,
                          .fill = FILL_UNIFORM,
                          .low = is_full ? -input_range : 0.0,
                          .high = is_full ? input_range : 0.5};
    if (is_full) {
        set_sizes(&tensor, 4, 1, problem->heads, problem->query_length, problem->key_length);
    } else {
        set_sizes(&tensor, 1, problem->heads, 0, 0, 0);
    }
    return tensor;
}

static tensor_info statistic_tensor(const attention_problem *problem, clf_slot slot,
                                    const char *name) {
    tensor_info tensor = {.slot = slot, .name = name, .dtype = CLF_DTYPE_FP32};
    if (problem->num_sequences) {
        set_sizes(&tensor, 3, problem->query_length, problem->heads, STATISTIC_COPIES, 0);
    } else {
        set_sizes(&tensor, 4, problem->batch, problem->heads, problem->query_length,
                  STATISTIC_COPIES);
    }
    return tensor;
}

size_t attention_tensors(const void *opaque, clf_dtype dtype, tensor_info out[MAX_TENSORS]) {
    const attention_problem *problem = opaque;
    size_t count = 0;
    out[count++] = token_tensor(problem, dtype, CLF_SLOT_QUERY, "query");
    out[count++] = token_tensor(problem, dtype, CLF_SLOT_KEY, "key");
    out[count++] = token_tensor(problem, dtype, CLF_SLOT_VALUE, "value");
    if (problem->bias != ATTENTION_BIAS_NONE) {
        out[count++] = bias_tensor(problem, dtype);
    }
    if (problem->mask != ATTENTION_MASK_NONE) {
        out[count++] = mask_tensor(problem);
    }
    out[count++] = statistic_tensor(problem, CLF_SLOT_SOFTMAX_MAX, "softmax_max");
    out[count++] = statistic_tensor(problem, CLF_SLOT_SOFTMAX_SUM, "softmax_sum");
    out[count++] = token_tensor(problem, dtype, CLF_SLOT_ATTENTION_OUT, "attention_out");
    return count;
}

bool attention_find_tensor(const tensor_info *tensors, size_t count, clf_slot slot, size_t *index) {
    for (*index = 0; *index < count; ++*index) {
        if (tensors[*index].slot == slot) {
            return true;
        }
    }
    return false;
}

/* ---- Arguments ----------------------------------------------------------------------------- */

static void point_at_views(const attention_problem *problem, const clf_tensor *views,
                           clf_flash_attention_args *args) {
    tensor_info tensors[MAX_TENSORS];
    const clf_tensor *found[CLF_SLOT_SOFTMAX_SUM + 1] = {NULL};
    size_t count = attention_tensors(problem, views[0].dtype, tensors);
    for (size_t i = 0; i < count; i++) {
        found[tensors[i].slot] = &views[i];
    }
    args->query = found[CLF_SLOT_QUERY];
    args->key = found[CLF_SLOT_KEY];
    args->value = found[CLF_SLOT_VALUE];
    args->pse = found[CLF_SLOT_PSE];
    args->atten_mask = found[CLF_SLOT_ATTEN_MASK];
    args->softmax_max = found[CLF_SLOT_SOFTMAX_MAX];
    args->softmax_sum = found[CLF_SLOT_SOFTMAX_SUM];
    args->attention_out = found[CLF_SLOT_ATTENTION_OUT];
}

void attention_fill_call(const attention_problem *problem, const clf_tensor *views,
                         attention_call *out) {
    *out = (attention_call){.args = CLF_FLASH_ATTENTION_ARGS};
    clf_flash_attention_args *args = &out->args;
    point_at_views(problem, views, args);
    args->input_layout = layout_names[problem->layout];
    args->head_num = problem->heads;
    args->scale = problem->scale;
    args->keep_prob = problem->keep_prob;
    args->generate_dropout = problem->keep_prob < 1.0;
    args->seed = 1;
    args->sparse_mode = problem->sparse_mode;
    args->pre_tokens = problem->pre_tokens;
    args->next_tokens = problem->next_tokens;
    args->pse_type = problem->bias == ATTENTION_BIAS_SLOPES ? 2 : 1;
    if (problem->sparse_mode == 6) {
        args->num_prefix = problem->num_sequences ? problem->num_sequences : (size_t)problem->batch;
        args->prefix = out->prefix;
        for (size_t i = 0; i < args->num_prefix; i++) {
            out->prefix[i] = problem->prefix;
        }
    }
    if (problem->num_sequences) {
        args->actual_seq_qlen = problem->query_ends;
        args->num_actual_seq_qlen = problem->num_sequences;
        args->actual_seq_kvlen = problem->key_ends;
        args->num_actual_seq_kvlen = problem->num_sequences;
    }
}
