/* FFN problems from text: each attribute by itself; what they make together is elsewhere. */
#include <stddef.h>
#include <string.h>

#include "choice.h"
#include "ffn_setup.h"
#include "parse_values.h"
#include "terminal.h"

const attribute_entry ffn_attributes[] = {
    {"shape", "SIZES", "tokens,K1,N1, e.g. 1954,2560,5120; or tokens,K1,N1,N2 (N2 = K1)"},
    {"activation", "NAME",
     "fastgelu (default), gelu, relu, silu; geglu, reglu, swiglu, which halve\n"
     "the N1 columns"},
    {"mode", "MODE",
     "float (default); int8 (x and weights; --dtype is y's); weight-int8 or\n"
     "weight-int4 (x in --dtype)"},
    {"experts", "N", "experts with about equally many tokens (none)"},
    {"expert-tokens", "COUNTS", "each expert's tokens, which sum up to all, e.g. 227,62,0,11"},
    {"tokens-from", "PLACE", "host (default), or device: the counts are a tensor"},
    {"weight-layout", "LAYOUT",
     "kn (default), or nk: in memory each weight is [N,K], as in PyTorch"},
    {"bias", "WHICH", "both (default), first, second, none"},
    {"scale-per", "WHAT", "mode int8: a scale for each tensor (default) or column"},
    {"deq-scale", "TYPE", "mode int8 with y in fp16: int64 (default), uint64, fp32"},
    {"group-size", "ROWS",
     "mode weight-int4: rows that share their scales (all), e.g. 128; or as\n"
     "128,64 for the two weights"},
    {NULL, NULL, NULL},
};

static bool set_shape(ffn_problem *problem, const char *value) {
    int32_t rank = 0;
    int64_t sizes[CLF_MAX_RANK];
    if (!parse_shape(value, &rank, sizes) || (rank != 3 && rank != 4)) {
        return fail("--shape: '%s' is not accepted; accepted: 3 positive sizes tokens,K1,N1 or 4, "
                    "tokens,K1,N1,N2",
                    value);
    }
    problem->has_shape = true;
    problem->tokens = sizes[0];
    problem->products[0].depth = sizes[1];
    problem->products[0].width = sizes[2];
    problem->products[1].width = rank == 4 ? sizes[3] : sizes[1];
    return true;
}

static bool set_activation(ffn_problem *problem, const char *value) {
    static const choice choices[] = {{"fastgelu", FFN_FASTGELU}, {"gelu", FFN_GELU},
                                     {"relu", FFN_RELU},         {"silu", FFN_SILU},
                                     {"geglu", FFN_GEGLU},       {"reglu", FFN_REGLU},
                                     {"swiglu", FFN_SWIGLU},     {NULL, 0}};
    int chosen = 0;
    problem->has_activation = choose("activation", value, choices, &chosen);
    problem->activation = (ffn_activation)chosen;
    return problem->has_activation;
}

static bool set_mode(ffn_problem *problem, const char *value) {
    static const choice choices[] = {{"float", FFN_MODE_FLOAT},
                                     {"int8", FFN_MODE_INT8},
                                     {"weight-int8", FFN_MODE_WEIGHT_INT8},
                                     {"weight-int4", FFN_MODE_WEIGHT_INT4},
                                     {NULL, 0}};
    int chosen = 0;
    bool ok = choose("mode", value, choices, &chosen);
    problem->mode = (ffn_mode)chosen;
    return ok;
}

static bool set_experts(ffn_problem *problem, const char *value) {
    problem->has_counts = false;
    return choose_count("experts", value, 1, FFN_MOST_EXPERTS, &problem->num_experts);
}

static bool read_counts(ffn_problem *problem, const char *text) {
    char end = ',';
    problem->num_experts = 0;
    while (end == ',') {
        int64_t count = parse_next_count(&text, &end);
        if (count < 0 || problem->num_experts == FFN_MOST_EXPERTS) {
            return false;
        }
        problem->counts[problem->num_experts++] = count;
    }
    return end == '\0';
}

static bool set_counts(ffn_problem *problem, const char *value) {
    problem->has_counts = read_counts(problem, value);
    return problem->has_counts
               ? true
               : fail("--expert-tokens: '%s' is not accepted; accepted: 1 to %d numbers of tokens, "
                      "separated by commas",
                      value, FFN_MOST_EXPERTS);
}

static bool set_tokens_from(ffn_problem *problem, const char *value) {
    static const choice choices[] = {{"host", false}, {"device", true}, {NULL, 0}};
    int chosen = 0;
    problem->has_tokens_from = choose("tokens-from", value, choices, &chosen);
    problem->tokens_on_device = chosen;
    return problem->has_tokens_from;
}

static bool set_weight_layout(ffn_problem *problem, const char *value) {
    static const choice choices[] = {{"kn", false}, {"nk", true}, {NULL, 0}};
    int chosen = 0;
    bool ok = choose("weight-layout", value, choices, &chosen);
    problem->is_transposed = chosen;
    return ok;
}

static bool set_bias(ffn_problem *problem, const char *value) {
    static const choice choices[] = {{"both", FFN_BIAS_FIRST | FFN_BIAS_SECOND},
                                     {"first", FFN_BIAS_FIRST},
                                     {"second", FFN_BIAS_SECOND},
                                     {"none", FFN_BIAS_NONE},
                                     {NULL, 0}};
    problem->has_biases = choose("bias", value, choices, &problem->biases);
    return problem->has_biases;
}

static bool set_scale_per(ffn_problem *problem, const char *value) {
    static const choice choices[] = {{"tensor", false}, {"column", true}, {NULL, 0}};
    int chosen = 0;
    problem->has_scale_per = choose("scale-per", value, choices, &chosen);
    problem->scale_per_column = chosen;
    return problem->has_scale_per;
}

static bool set_deq_scale(ffn_problem *problem, const char *value) {
    static const choice choices[] = {{"int64", CLF_DTYPE_INT64},
                                     {"uint64", CLF_DTYPE_UINT64},
                                     {"fp32", CLF_DTYPE_FP32},
                                     {NULL, 0}};
    int chosen = 0;
    problem->has_deq_dtype = choose("deq-scale", value, choices, &chosen);
    problem->deq_dtype = (clf_dtype)chosen;
    return problem->has_deq_dtype;
}

static bool set_group_size(ffn_problem *problem, const char *value) {
    char end = 0;
    const char *text = value;
    int64_t first = parse_next_count(&text, &end);
    int64_t second = end == ',' ? parse_next_count(&text, &end) : first;
    problem->has_group_size = first > 0 && second > 0 && !end;
    problem->products[0].group_size = first;
    problem->products[1].group_size = second;
    return problem->has_group_size
               ? true
               : fail("--group-size: '%s' is not accepted; accepted: a positive number of rows, or "
                      "two, separated by a comma",
                      value);
}

bool ffn_set_attribute(void *opaque, const char *name, const char *value) {
    static const struct {
        const char *name;
        bool (*set)(ffn_problem *problem, const char *value);
    } setters[] = {{"shape", set_shape},
                   {"activation", set_activation},
                   {"mode", set_mode},
                   {"experts", set_experts},
                   {"expert-tokens", set_counts},
                   {"tokens-from", set_tokens_from},
                   {"weight-layout", set_weight_layout},
                   {"bias", set_bias},
                   {"scale-per", set_scale_per},
                   {"deq-scale", set_deq_scale},
                   {"group-size", set_group_size}};
    for (size_t i = 0; i < sizeof setters / sizeof setters[0]; i++) {
        if (strcmp(setters[i].name, name) == 0) {
            return setters[i].set(opaque, value);
        }
    }
    return fail("--%s is not an attribute of ffn", name);
}
