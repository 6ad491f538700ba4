/* Attention problems from text: each attribute by itself; what they make together is elsewhere. */
#include <string.h>

#include "attention_setup.h"
#include "choice.h"
#include "parse_values.h"
#include "terminal.h"

const attribute_entry attention_attributes[] = {
    {"shape", "SIZES", "B,N,S,D of the query, e.g. 1,8,2048,64; or B,N,Sq,Skv,D"},
    {"kv-heads", "N", "heads of key and value, a divisor of the query's (the same number)"},
    {"value-dim", "N", "head dimension of the values, up to D (D)"},
    {"layout", "LAYOUT", "BNSD (default), BSND, BSH, SBH; TND follows from --lengths"},
    {"lengths", "LENGTHS",
     "several sequences in one call (TND), e.g. 1000,96,952 or, with other\n"
     "lengths of the keys, 16:1000,16:48; B is then 1, S their sum"},
    {"mask", "MASK",
     "none; causal (aligned bottom right, as in flash-attn; mode 3),\n"
     "causal-top-left (mode 2), band (mode 4), prefix (mode 6); or a tensor\n"
     "with half of its places masked: dense ([Sq,Skv]), b1ss, bnss"},
    {"sparse-mode", "N", "the operator's modes 0 to 8, instead of what --mask implies"},
    {"pre-tokens", "N", "modes 0, 4, 7, 8: how far a band reaches back, or all (default)"},
    {"next-tokens", "N", "modes 0, 4, 7, 8: how far it reaches ahead (0 in a band), or all"},
    {"prefix", "N", "mode 6: keys that every query meets"},
    {"pse", "BIAS", "none, bias (a tensor [1,N,Sq,Skv]), alibi (a slope per head)"},
    {"keep-prob", "NUMBER", "above 0, up to 1 (1); below 1 there is dropout"},
    {"scale", "NUMBER", "factor of the products, e.g. 0.125 (1 / sqrt(D) if not given)"},
    {NULL, NULL, NULL},
};

static bool set_shape(attention_problem *problem, const char *value) {
    int32_t rank = 0;
    int64_t sizes[CLF_MAX_RANK];
    if (!parse_shape(value, &rank, sizes) || (rank != 4 && rank != 5)) {
        return fail("--shape: '%s' is not accepted; accepted: 4 positive sizes B,N,S,D or 5, "
                    "B,N,Sq,Skv,D",
                    value);
    }
    problem->has_shape = true;
    problem->batch = sizes[0];
    problem->heads = sizes[1];
    problem->query_length = sizes[2];
    problem->key_length = sizes[rank - 2];
    problem->depth = sizes[rank - 1];
    return true;
}

static bool set_layout(attention_problem *problem, const char *value) {
    static const choice choices[] = {{"BNSD", ATTENTION_BNSD}, {"BSND", ATTENTION_BSND},
                                     {"BSH", ATTENTION_BSH},   {"SBH", ATTENTION_SBH},
                                     {"TND", ATTENTION_TND},   {NULL, 0}};
    int chosen = (int)problem->layout;
    problem->has_layout = choose("layout", value, choices, &chosen);
    problem->layout = (attention_layout)chosen;
    return problem->has_layout;
}

/* A word is a form and the mode it implies. */
static bool set_mask(attention_problem *problem, const char *value) {
    enum { NONE, CAUSAL, TOP_LEFT, BAND, PREFIX, DENSE, B1SS, BNSS };
    static const choice choices[] = {
        {"none", NONE}, {"causal", CAUSAL}, {"causal-top-left", TOP_LEFT},
        {"band", BAND}, {"prefix", PREFIX}, {"dense", DENSE},
        {"b1ss", B1SS}, {"bnss", BNSS},     {NULL, 0}};
    static const struct {
        attention_mask mask;
        int64_t mode;
    } meanings[] = {
        [NONE] = {ATTENTION_MASK_NONE, 0},           [CAUSAL] = {ATTENTION_MASK_COMPRESSED, 3},
        [TOP_LEFT] = {ATTENTION_MASK_COMPRESSED, 2}, [BAND] = {ATTENTION_MASK_COMPRESSED, 4},
        [PREFIX] = {ATTENTION_MASK_COMPRESSED, 6},   [DENSE] = {ATTENTION_MASK_SS, 1},
        [B1SS] = {ATTENTION_MASK_B1SS, 1},           [BNSS] = {ATTENTION_MASK_BNSS, 1},
    };
    int chosen = NONE;
    if (!choose("mask", value, choices, &chosen)) {
        return false;
    }
    problem->mask = meanings[chosen].mask;
    problem->sparse_mode = problem->has_mode ? problem->sparse_mode : meanings[chosen].mode;
    problem->has_mask = true;
    return true;
}

static bool set_mode(attention_problem *problem, const char *value) {
    problem->has_mode = choose_count("sparse-mode", value, 0, 8, &problem->sparse_mode);
    return problem->has_mode;
}

static bool set_tokens(const char *option, const char *value, int64_t *out) {
    bool is_negative = value[0] == '-';
    uint64_t number = 0;
    if (strcmp(value, "all") == 0) {
        *out = CLF_ALL_TOKENS;
        return true;
    }
    if (!parse_unsigned(value + is_negative, 0, (uint64_t)CLF_ALL_TOKENS, &number)) {
        return fail("--%s: '%s' is not accepted; accepted: a whole number or all", option, value);
    }
    *out = is_negative ? -(int64_t)number : (int64_t)number;
    return true;
}

/* Reads the list to its end; false at the first thing that is no length. */
static bool read_lengths(attention_problem *problem, const char *text) {
    int64_t query_end = 0;
    int64_t key_end = 0;
    char end = ',';
    problem->num_sequences = 0;
    while (end == ',') {
        int64_t query = parse_next_count(&text, &end);
        int64_t key = end == ':' ? parse_next_count(&text, &end) : query;
        size_t index = problem->num_sequences++;
        if (query < 0 || key < 0 || index == ATTENTION_MOST_SEQUENCES) {
            return false;
        }
        query_end += query;
        key_end += key;
        problem->query_ends[index] = query_end;
        problem->key_ends[index] = key_end;
    }
    return end == '\0';
}

static bool set_lengths(attention_problem *problem, const char *value) {
    return read_lengths(problem, value)
               ? true
               : fail("--lengths: '%s' is not accepted; accepted: 1 to %d lengths of sequences or "
                      "pairs Sq:Skv, separated by commas",
                      value, ATTENTION_MOST_SEQUENCES);
}

static bool set_bias(attention_problem *problem, const char *value) {
    static const choice choices[] = {{"none", ATTENTION_BIAS_NONE},
                                     {"bias", ATTENTION_BIAS_FULL},
                                     {"alibi", ATTENTION_BIAS_SLOPES},
                                     {NULL, 0}};
    int chosen = (int)problem->bias;
    bool ok = choose("pse", value, choices, &chosen);
    problem->bias = (attention_bias)chosen;
    return ok;
}

static bool set_keep_prob(attention_problem *problem, const char *value) {
    return parse_double(value, &problem->keep_prob) && problem->keep_prob > 0.0 &&
                   problem->keep_prob <= 1.0
               ? true
               : fail("--keep-prob: '%s' is not accepted; accepted: above 0, up to 1", value);
}

static bool set_scale(attention_problem *problem, const char *value) {
    problem->has_scale = parse_double(value, &problem->scale);
    return problem->has_scale
               ? true
               : fail("--scale: '%s' is not accepted; accepted: a finite number", value);
}

bool attention_set_attribute(void *opaque, const char *name, const char *value) {
    attention_problem *problem = opaque;
    static const struct {
        const char *name;
        bool (*set)(attention_problem *problem, const char *value);
    } setters[] = {{"shape", set_shape},      {"layout", set_layout}, {"lengths", set_lengths},
                   {"mask", set_mask},        {"pse", set_bias},      {"keep-prob", set_keep_prob},
                   {"sparse-mode", set_mode}, {"scale", set_scale}};
    for (size_t i = 0; i < sizeof setters / sizeof setters[0]; i++) {
        if (strcmp(setters[i].name, name) == 0) {
            return setters[i].set(problem, value);
        }
    }
    if (strcmp(name, "tensors") == 0) { /* in case tables only */
        problem->is_real = true;
        return true;
    }
    if (strcmp(name, "kv-heads") == 0) {
        return choose_count(name, value, 1, 65536, &problem->key_heads);
    }
    if (strcmp(name, "value-dim") == 0) {
        return choose_count(name, value, 1, 65536, &problem->value_depth);
    }
    if (strcmp(name, "prefix") == 0) {
        problem->has_prefix = choose_count(name, value, 0, CLF_ALL_TOKENS, &problem->prefix);
        return problem->has_prefix;
    }
    bool is_pre = strcmp(name, "pre-tokens") == 0;
    problem->has_pre_tokens |= is_pre;
    problem->has_next_tokens |= !is_pre;
    return set_tokens(name, value, is_pre ? &problem->pre_tokens : &problem->next_tokens);
}
