/* Attention problems from text: each attribute by itself; what they make together is elsewhere. */
#include <stdio.h>
#include <string.h>

#include "attention_setup.h"
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

typedef struct word {
    const char *text;
    int value;
    int64_t mode; /* masks: the mode they imply */
} word;

static const word *find_word(const word *words, const char *text) {
    for (; words->text; words++) {
        if (strcmp(words->text, text) == 0) {
            return words;
        }
    }
    return NULL;
}

static const word *choose(const char *option, const char *value, const word *words) {
    const word *found = find_word(words, value);
    char accepted[160] = "";
    for (size_t i = 0; !found && words[i].text; i++) {
        strncat(accepted, i ? ", " : "", sizeof accepted - strlen(accepted) - 1);
        strncat(accepted, words[i].text, sizeof accepted - strlen(accepted) - 1);
    }
    if (!found) {
        fail("--%s: '%s' is not accepted; accepted: %s", option, value, accepted);
    }
    return found;
}

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
    static const word words[] = {{"BNSD", ATTENTION_BNSD, 0}, {"BSND", ATTENTION_BSND, 0},
                                 {"BSH", ATTENTION_BSH, 0},   {"SBH", ATTENTION_SBH, 0},
                                 {"TND", ATTENTION_TND, 0},   {NULL, 0, 0}};
    const word *found = choose("layout", value, words);
    problem->layout = found ? (attention_layout)found->value : problem->layout;
    problem->has_layout = true;
    return found != NULL;
}

static bool set_mask(attention_problem *problem, const char *value) {
    static const word words[] = {{"none", ATTENTION_MASK_NONE, 0},
                                 {"causal", ATTENTION_MASK_COMPRESSED, 3},
                                 {"causal-top-left", ATTENTION_MASK_COMPRESSED, 2},
                                 {"band", ATTENTION_MASK_COMPRESSED, 4},
                                 {"prefix", ATTENTION_MASK_COMPRESSED, 6},
                                 {"dense", ATTENTION_MASK_SS, 1},
                                 {"b1ss", ATTENTION_MASK_B1SS, 1},
                                 {"bnss", ATTENTION_MASK_BNSS, 1},
                                 {NULL, 0, 0}};
    const word *found = choose("mask", value, words);
    if (found) {
        problem->mask = (attention_mask)found->value;
        problem->sparse_mode = problem->has_mode ? problem->sparse_mode : found->mode;
        problem->has_mask = true;
    }
    return found != NULL;
}

static bool set_count(const char *option, const char *value, int64_t lowest, int64_t highest,
                      int64_t *out) {
    uint64_t number = 0;
    if (!parse_unsigned(value, (uint64_t)lowest, (uint64_t)highest, &number)) {
        return fail("--%s: '%s' is not accepted; accepted: %lld to %lld", option, value,
                    (long long)lowest, (long long)highest);
    }
    *out = (int64_t)number;
    return true;
}

static bool set_mode(attention_problem *problem, const char *value) {
    problem->has_mode = set_count("sparse-mode", value, 0, 8, &problem->sparse_mode);
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

/* One length of the list, and what ends it: ',', ':' or 0. Negative if it is no length. */
static int64_t read_length(const char **text, char *end) {
    char digits[20];
    uint64_t length = 0;
    size_t count = strcspn(*text, ",:");
    snprintf(digits, sizeof digits, "%.*s", (int)(count < 19 ? count : 19), *text);
    *end = (*text)[count];
    *text += count + (*end != '\0');
    return parse_unsigned(digits, 0, UINT64_C(1) << 32, &length) ? (int64_t)length : -1;
}

/* Reads the list to its end; false at the first thing that is no length. */
static bool read_lengths(attention_problem *problem, const char *text) {
    int64_t query_end = 0;
    int64_t key_end = 0;
    char end = ',';
    problem->num_sequences = 0;
    while (end == ',') {
        int64_t query = read_length(&text, &end);
        int64_t key = end == ':' ? read_length(&text, &end) : query;
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
    static const word words[] = {{"none", ATTENTION_BIAS_NONE, 0},
                                 {"bias", ATTENTION_BIAS_FULL, 0},
                                 {"alibi", ATTENTION_BIAS_SLOPES, 0},
                                 {NULL, 0, 0}};
    const word *found = choose("pse", value, words);
    problem->bias = found ? (attention_bias)found->value : problem->bias;
    return found != NULL;
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
        return set_count(name, value, 1, 65536, &problem->key_heads);
    }
    if (strcmp(name, "value-dim") == 0) {
        return set_count(name, value, 1, 65536, &problem->value_depth);
    }
    if (strcmp(name, "prefix") == 0) {
        problem->has_prefix = set_count(name, value, 0, CLF_ALL_TOKENS, &problem->prefix);
        return problem->has_prefix;
    }
    bool is_pre = strcmp(name, "pre-tokens") == 0;
    problem->has_pre_tokens |= is_pre;
    problem->has_next_tokens |= !is_pre;
    return set_tokens(name, value, is_pre ? &problem->pre_tokens : &problem->next_tokens);
}
