/* See ffn_oracle.h. Arguments, places and numbers; the arithmetic is in ffn_rows.c. */
#include "ffn_oracle.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ffn_internal.h"
#include "storage_types.h"

/* ---- Elements ---- */

/* Values of all 16-bit patterns, because decoding one takes too long for large weights. */
static float tables[2][65536];

static const float *table_of(clf_dtype dtype) {
    return tables[dtype == CLF_DTYPE_FP16 ? 0 : 1];
}

/* The opening thread's: references may then be used by a thread each. */
static void fill_tables(void) {
    static bool is_filled;
    for (uint32_t bits = 0; bits < 65536 && !is_filled; bits++) {
        const uint16_t element = (uint16_t)bits;
        tables[0][bits] = (float)oracle_decode(CLF_DTYPE_FP16, &element);
        tables[1][bits] = (float)oracle_decode(CLF_DTYPE_BF16, &element);
    }
    is_filled = true;
}

static double load(const oracle_operand *operand, int64_t place) {
    const clf_dtype dtype = operand->tensor->dtype;
    if (dtype == CLF_DTYPE_INT4) {
        return oracle_decode_int4(operand->bytes, place);
    }
    const char *element = (const char *)operand->bytes + (size_t)place * oracle_dtype_size(dtype);
    if (dtype == CLF_DTYPE_FP16 || dtype == CLF_DTYPE_BF16) {
        uint16_t bits;
        memcpy(&bits, element, sizeof bits);
        return (double)table_of(dtype)[bits];
    }
    return oracle_decode(dtype, element);
}

/* Place of [expert][...][column]: `middle` axes lie between, of which `row` is in the only one. */
static int64_t place_of(const oracle_ffn *problem, const clf_tensor *tensor, int64_t expert,
                        int64_t row, int64_t column) {
    const int32_t last = tensor->rank - 1;
    const int32_t leading = problem->has_experts ? 1 : 0;
    int64_t place = (int64_t)tensor->offset + column * tensor->strides[last];
    if (leading > 0 && last > 0) {
        place += expert * tensor->strides[0];
    }
    if (last - leading == 1) {
        place += row * tensor->strides[last - 1];
    }
    return place;
}

/* Place of a token's column, the token's number taken apart into the leading axes. */
static int64_t token_place(const clf_tensor *tensor, int64_t token, int64_t column) {
    const int32_t last = tensor->rank - 1;
    int64_t place = (int64_t)tensor->offset + column * tensor->strides[last];
    for (int32_t axis = last - 1; axis >= 0; axis--) {
        place += token % tensor->shape[axis] * tensor->strides[axis];
        token /= tensor->shape[axis];
    }
    return place;
}

double oracle_ffn_x(const oracle_ffn *problem, int64_t token, int64_t column) {
    const oracle_operand x = {problem->args.x, problem->inputs.x};
    return load(&x, token_place(x.tensor, token, column));
}

int64_t oracle_ffn_y_place(const oracle_ffn *problem, int64_t token, int64_t column) {
    return token_place(problem->args.y, token, column);
}

double oracle_ffn_column(const oracle_ffn *problem, const oracle_operand *operand, int64_t expert,
                         int64_t column, double missing) {
    return operand->tensor == NULL
               ? missing
               : load(operand, place_of(problem, operand->tensor, expert, 0, column));
}

double oracle_ffn_deq_scale(const oracle_ffn *problem, const oracle_operand *operand,
                            int64_t expert, int64_t column) {
    const clf_tensor *tensor = operand->tensor;
    const int64_t place = place_of(problem, tensor, expert, 0, column);
    if (tensor->dtype == CLF_DTYPE_BF16) {
        return load(operand, place);
    }
    uint64_t bits = 0; /* its lower bytes come first */
    const size_t size = oracle_dtype_size(tensor->dtype);
    for (size_t i = 0; i < size; i++) {
        const unsigned char *element = (const unsigned char *)operand->bytes + (size_t)place * size;
        bits |= (uint64_t)element[i] << (8 * i);
    }
    const uint32_t upper = (uint32_t)bits & UINT32_C(0xFFFFE000);
    return oracle_decode(CLF_DTYPE_FP32, &upper);
}

/* [1], [E], [K2] or [E,K2]. */
double oracle_ffn_scale(const oracle_ffn *problem, int64_t expert, int64_t column) {
    const oracle_operand scale = {problem->args.scale, problem->inputs.scale};
    const clf_tensor *tensor = scale.tensor;
    const bool is_per_column = problem->has_experts ? tensor->rank == 2 : tensor->shape[0] != 1;
    const int64_t *s = tensor->strides;
    const int64_t step = !is_per_column         ? expert * s[0]
                         : problem->has_experts ? expert * s[0] + column * s[1]
                                                : column * s[0];
    return load(&scale, (int64_t)tensor->offset + step);
}

double oracle_ffn_offset(const oracle_ffn *problem, int64_t expert) {
    const oracle_operand offset = {problem->args.offset, problem->inputs.offset};
    return load(&offset, (int64_t)offset.tensor->offset + expert * offset.tensor->strides[0]);
}

/* ---- Weights ---- */

/* (weight + offset) * scale with the roundings of the type of x. */
static double dequantised(clf_dtype dtype, double weight, double offset, double scale) {
    if (dtype == CLF_DTYPE_FP16) {
        return oracle_round(dtype, oracle_round(dtype, weight + offset) * scale);
    }
    const float moved = (float)weight + (float)offset;
    return oracle_round(dtype, (double)(moved * (float)scale));
}

static double weight_at(const oracle_ffn *problem, const oracle_ffn_layer *layer, int64_t expert,
                        int64_t k, int64_t n) {
    const double stored =
        load(&layer->weight, place_of(problem, layer->weight.tensor, expert, k, n));
    const clf_tensor *scale = layer->antiquant_scale.tensor;
    if (scale == NULL) {
        return stored;
    }
    const bool has_groups = scale->rank == (problem->has_experts ? 3 : 2);
    const int64_t groups = has_groups ? scale->shape[scale->rank - 2] : 1;
    const int64_t group = k / (layer->depth / groups);
    return dequantised(problem->args.x->dtype, stored,
                       load(&layer->antiquant_offset,
                            place_of(problem, layer->antiquant_offset.tensor, expert, group, n)),
                       load(&layer->antiquant_scale, place_of(problem, scale, expert, group, n)));
}

void oracle_ffn_load_expert(oracle_ffn *problem, int64_t expert) {
    if (problem->at_expert == expert) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        oracle_ffn_layer *layer = &problem->layers[i];
        for (int64_t k = 0; k < layer->depth; k++) {
            for (int64_t n = 0; n < layer->width; n++) {
                layer->values[k * layer->width + n] =
                    (float)weight_at(problem, layer, expert, k, n);
            }
        }
    }
    problem->at_expert = expert;
}

/* ---- Experts ---- */

static int64_t given_token(const oracle_ffn *problem, int64_t i) {
    const clf_tensor *tensor = problem->args.expert_tokens_tensor;
    if (tensor == NULL) {
        return problem->args.expert_tokens[i];
    }
    int64_t value;
    memcpy(&value,
           (const char *)problem->inputs.expert_tokens_tensor +
               (size_t)((int64_t)tensor->offset + i * tensor->strides[0]) * sizeof value,
           sizeof value);
    return value;
}

/* Every range begins where the one before ends; its end is moved to between there and M. */
static bool read_experts(oracle_ffn *problem) {
    const clf_ffn_args *args = &problem->args;
    const clf_tensor *tensor = args->expert_tokens_tensor;
    const int64_t listed = tensor != NULL ? tensor->shape[0] : (int64_t)args->num_expert_tokens;
    problem->has_experts = listed > 0;
    problem->num_experts = listed > 0 ? listed : 1;
    problem->ends = (int64_t *)calloc((size_t)problem->num_experts, sizeof *problem->ends);
    if (problem->ends == NULL) {
        return false;
    }
    problem->ends[0] = problem->num_tokens;
    int64_t begin = 0;
    for (int64_t i = 0; i < listed; i++) {
        const int64_t value = given_token(problem, i);
        const int64_t left = problem->num_tokens - begin;
        const int64_t lowest = args->tokens_index_flag ? begin : 0;
        const int64_t highest = args->tokens_index_flag ? problem->num_tokens : left;
        const int64_t cut = value < lowest ? lowest : value > highest ? highest : value;
        begin = args->tokens_index_flag ? cut : begin + cut;
        problem->ends[i] = begin;
    }
    return true;
}

int64_t oracle_ffn_expert(const oracle_ffn *problem, int64_t token) {
    for (int64_t i = 0; i < problem->num_experts; i++) {
        if (token < problem->ends[i]) {
            return i;
        }
    }
    return -1;
}

/* ---- Opening ---- */

static bool read_activation(oracle_ffn *problem) {
    static const struct {
        const char *name;
        oracle_activation activation;
        bool is_glu;
    } names[] = {
        {"relu", ORACLE_RELU, false}, {"silu", ORACLE_SILU, false},
        {"gelu", ORACLE_GELU, false}, {"fastgelu", ORACLE_FASTGELU, false},
        {"reglu", ORACLE_RELU, true}, {"swiglu", ORACLE_SILU, true},
        {"geglu", ORACLE_GELU, true},
    };
    char small[16] = "";
    const char *given = problem->args.activation;
    for (size_t i = 0; i + 1 < sizeof small && given[i] != '\0'; i++) {
        small[i] = (char)tolower((unsigned char)given[i]);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(small, names[i].name) == 0) {
            problem->activation = names[i].activation;
            problem->is_glu = names[i].is_glu;
            return true;
        }
    }
    return false;
}

static void read_layers(oracle_ffn *problem) {
    const clf_ffn_args *a = &problem->args;
    const oracle_ffn_inputs *b = &problem->inputs;
    problem->layers[0] = (oracle_ffn_layer){
        .weight = {a->weight1, b->weight1},
        .bias = {a->bias1, b->bias1},
        .deq_scale = {a->deq_scale1, b->deq_scale1},
        .antiquant_scale = {a->antiquant_scale1, b->antiquant_scale1},
        .antiquant_offset = {a->antiquant_offset1, b->antiquant_offset1},
    };
    problem->layers[1] = (oracle_ffn_layer){
        .weight = {a->weight2, b->weight2},
        .bias = {a->bias2, b->bias2},
        .deq_scale = {a->deq_scale2, b->deq_scale2},
        .antiquant_scale = {a->antiquant_scale2, b->antiquant_scale2},
        .antiquant_offset = {a->antiquant_offset2, b->antiquant_offset2},
    };
    for (int i = 0; i < 2; i++) {
        oracle_ffn_layer *layer = &problem->layers[i];
        const clf_tensor *weight = layer->weight.tensor;
        layer->depth = weight->shape[weight->rank - 2];
        layer->width = weight->shape[weight->rank - 1];
    }
    problem->num_tokens = 1;
    for (int32_t axis = 0; axis < a->x->rank - 1; axis++) {
        problem->num_tokens *= a->x->shape[axis];
    }
    problem->hidden_dtype = a->x->dtype;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static bool make_memory(oracle_ffn *problem) {
    const oracle_ffn_layer *l = problem->layers;
    const size_t depth = (size_t)larger(l[0].depth, l[1].depth) + 1;
    const size_t width = (size_t)larger(l[0].width, l[1].width) + 1;
    problem->input = (double *)calloc(depth, sizeof(double));
    problem->sum = (double *)calloc(width, sizeof(double));
    problem->squares = (double *)calloc(width, sizeof(double));
    problem->low = (double *)calloc(width, sizeof(double));
    problem->high = (double *)calloc(width, sizeof(double));
    problem->first = (oracle_range *)calloc(width, sizeof(oracle_range));
    problem->hidden = (oracle_range *)calloc(depth, sizeof(oracle_range));
    for (int i = 0; i < 2; i++) {
        const size_t count = (size_t)l[i].depth * (size_t)l[i].width + 1;
        problem->layers[i].values = (float *)calloc(count, sizeof(float));
    }
    return problem->input != NULL && problem->sum != NULL && problem->squares != NULL &&
           problem->low != NULL && problem->high != NULL && problem->first != NULL &&
           problem->hidden != NULL && l[0].values != NULL && l[1].values != NULL;
}

bool oracle_ffn_open(oracle_ffn *problem, const clf_ffn_args *args,
                     const oracle_ffn_inputs *inputs) {
    memset(problem, 0, sizeof *problem);
    problem->args = *args;
    problem->inputs = *inputs;
    problem->at_expert = -1;
    if (!read_activation(problem)) {
        return false;
    }
    read_layers(problem);
    fill_tables();
    return read_experts(problem) && make_memory(problem);
}

void oracle_ffn_close(oracle_ffn *problem) {
    free(problem->ends);
    free(problem->input);
    free(problem->sum);
    free(problem->squares);
    free(problem->low);
    free(problem->high);
    free(problem->first);
    free(problem->hidden);
    free(problem->layers[0].values);
    free(problem->layers[1].values);
    memset(problem, 0, sizeof *problem);
}
