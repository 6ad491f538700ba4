/* FFN problems: what the attributes make together, tensors, and the operator's arguments. */
#include "ffn_setup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "parse_values.h"
#include "terminal.h"

/* The library has its own, sharper checks. */
static const int64_t most_elements = INT64_C(1) << 40;

bool ffn_is_glu(const ffn_problem *problem) {
    return problem->activation >= FFN_GEGLU;
}

const char *ffn_activation_name(ffn_activation activation) {
    static const char *const names[] = {"fastgelu", "gelu",  "relu",  "silu",
                                        "geglu",    "reglu", "swiglu"};
    return names[activation];
}

size_t ffn_num_ranges(const ffn_problem *problem) {
    return problem->num_experts ? (size_t)problem->num_experts : 1;
}

int64_t ffn_range_tokens(const ffn_problem *problem, size_t range) {
    return problem->num_experts ? problem->counts[range] : problem->tokens;
}

/* Only int8 weights for x in int8 leave a choice of y; the quantised modes have no fp32. */
bool ffn_has_dtype(const void *opaque, clf_dtype dtype) {
    const ffn_problem *problem = opaque;
    return problem->mode == FFN_MODE_FLOAT || dtype != CLF_DTYPE_FP32;
}

/* ---- What the attributes make together ----------------------------------------------------- */

static bool complete_experts(ffn_problem *problem) {
    int64_t sum = 0;
    if (!problem->num_experts) {
        return problem->has_tokens_from ? fail("--tokens-from: there are no experts; accepted with "
                                               "--experts or --expert-tokens")
                                        : true;
    }
    for (int64_t i = 0; i < problem->num_experts; i++) {
        if (!problem->has_counts) {
            problem->counts[i] = problem->tokens / problem->num_experts +
                                 (i < problem->tokens % problem->num_experts);
        }
        sum += problem->counts[i];
    }
    return sum == problem->tokens
               ? true
               : fail("--expert-tokens: they sum up to %lld; accepted: the %lld tokens of --shape",
                      (long long)sum, (long long)problem->tokens);
}

static bool complete_groups(const ffn_problem *problem) {
    for (int i = 0; problem->has_group_size && i < 2; i++) {
        const ffn_product *product = &problem->products[i];
        if (product->depth % product->group_size != 0) {
            return fail("--group-size: %lld does not divide K%d = %lld",
                        (long long)product->group_size, i + 1, (long long)product->depth);
        }
    }
    return true;
}

static bool complete_mode(ffn_problem *problem) {
    if (problem->has_group_size && problem->mode != FFN_MODE_WEIGHT_INT4) {
        return fail("--group-size: accepted with --mode weight-int4 only");
    }
    if ((problem->has_scale_per || problem->has_deq_dtype) && problem->mode != FFN_MODE_INT8) {
        return fail("--%s: accepted with --mode int8 only",
                    problem->has_scale_per ? "scale-per" : "deq-scale");
    }
    if (problem->scale_per_column && problem->deq_dtype == CLF_DTYPE_FP32 &&
        problem->has_deq_dtype) {
        return fail("--deq-scale: 'fp32' is not accepted with --scale-per column; accepted: int64, "
                    "uint64");
    }
    if (!problem->has_deq_dtype) {
        problem->deq_dtype = CLF_DTYPE_INT64;
    }
    if (problem->mode == FFN_MODE_WEIGHT_INT4 && problem->is_transposed) {
        return fail("--weight-layout: 'nk' is not accepted with --mode weight-int4; accepted: kn");
    }
    if (problem->mode == FFN_MODE_WEIGHT_INT4 &&
        (problem->products[0].width % 2 || problem->products[1].width % 2)) {
        return fail("--shape: N1 and N2 must be even with --mode weight-int4");
    }
    return complete_groups(problem);
}

static bool check_size(const ffn_problem *problem) {
    int64_t widest = problem->tokens > problem->num_experts ? problem->tokens : 1;
    for (int i = 0; i < 2; i++) {
        const ffn_product *product = &problem->products[i];
        int64_t rows = widest > product->depth ? widest : product->depth;
        rows = rows > product->width ? rows : product->width;
        int64_t limit = most_elements / (int64_t)ffn_num_ranges(problem);
        if (rows > limit / product->depth || rows > limit / product->width) {
            return fail("--shape: a tensor would have more than 2^40 elements");
        }
    }
    return true;
}

bool ffn_complete(void *opaque, const char *data_folder) {
    ffn_problem *problem = opaque;
    (void)data_folder;
    if (!problem->has_shape) {
        return fail("--shape is missing");
    }
    int64_t width = problem->products[0].width;
    if (ffn_is_glu(problem) && width % 2) {
        return fail("--shape: N1 is %lld, which must be even with --activation %s",
                    (long long)width, ffn_activation_name(problem->activation));
    }
    problem->products[1].depth = ffn_is_glu(problem) ? width / 2 : width;
    if (!problem->has_biases) {
        problem->biases = FFN_BIAS_FIRST | FFN_BIAS_SECOND;
    }
    return check_size(problem) && complete_experts(problem) && complete_mode(problem);
}

/* Half of the experts with their tokens, or of the tokens. */
bool ffn_reduce(void *opaque) {
    ffn_problem *problem = opaque;
    int64_t left = 0;
    if (problem->num_experts > 1) {
        for (int64_t i = 0; i < problem->num_experts / 2; i++) {
            left += problem->counts[i];
        }
    }
    if (left > 0) {
        problem->num_experts /= 2;
        problem->tokens = left;
        return true;
    }
    if (problem->num_experts || problem->tokens == 1) {
        return false;
    }
    problem->tokens /= 2;
    return true;
}

/* ---- As text ------------------------------------------------------------------------------- */

static void append(char *out, const char *text) {
    strncat(out, text, PROBLEM_TEXT - strlen(out) - 1);
}

static void print_counts(const ffn_problem *problem, char *out) {
    for (int64_t i = 0; i < problem->num_experts; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s%lld",
                 i ? "," : " expert-tokens=", (long long)problem->counts[i]);
        append(out, text);
    }
}

void ffn_print(const void *opaque, problem_text *out) {
    const ffn_problem *problem = opaque;
    static const char *const modes[] = {"float", "int8", "weight-int8", "weight-int4"};
    static const char *const biases[] = {" bias=none", " bias=first", " bias=second", ""};
    const int64_t shape[] = {problem->tokens, problem->products[0].depth,
                             problem->products[0].width, problem->products[1].width};
    char text[64];
    print_shape(4, shape, out->shape, sizeof out->shape);
    snprintf(out->mask, sizeof out->mask, "%s", modes[problem->mode]);
    if (problem->num_experts) {
        snprintf(text, sizeof text, ", E %lld", (long long)problem->num_experts);
        append(out->mask, text);
    }
    snprintf(out->attributes, sizeof out->attributes, "activation=%s",
             ffn_activation_name(problem->activation));
    append(out->attributes, biases[problem->biases]);
    if (problem->has_group_size) {
        snprintf(text, sizeof text, " group-size=%lld,%lld",
                 (long long)problem->products[0].group_size,
                 (long long)problem->products[1].group_size);
        append(out->attributes, text);
    }
    append(out->attributes, problem->scale_per_column ? " scale-per=column" : "");
    if (problem->deq_dtype != CLF_DTYPE_INT64) {
        snprintf(text, sizeof text, " deq-scale=%s", clf_dtype_name(problem->deq_dtype));
        append(out->attributes, text);
    }
    append(out->attributes, problem->is_transposed ? " weight-layout=nk" : "");
    append(out->attributes, problem->tokens_on_device ? " tokens-from=device" : "");
    print_counts(problem, out->attributes);
}

/* ---- Tensors ------------------------------------------------------------------------------- */

/* Standard deviations of uniform test data; hidden activations spread by 1, as trained ones do. */
#define UNIT  1.7320508075688772 /* half the width of a uniform distribution that spreads by 1 */
#define INT8  73.3
#define INT4  4.6
#define LEVEL 32.0 /* of the int8 that an activation of 1 becomes */

typedef struct list {
    const ffn_problem *problem;
    clf_dtype dtype; /* of the case */
    tensor_info *tensors;
    size_t count;
} list;

/* Uniform data in [middle - spread, middle + spread]. */
static tensor_info *add(list *list, clf_slot slot, const char *name, clf_dtype dtype, double middle,
                        double spread) {
    tensor_info *tensor = &list->tensors[list->count++];
    *tensor = (tensor_info){.slot = slot,
                            .name = name,
                            .dtype = dtype,
                            .fill = FILL_UNIFORM,
                            .low = middle - spread,
                            .high = middle + spread};
    return tensor;
}

static void set_sizes(tensor_info *tensor, int64_t a, int64_t b) {
    tensor->rank = b ? 2 : 1;
    tensor->shape[0] = a;
    tensor->shape[1] = b;
}

/* Of each expert: a leading axis. */
static void set_expert_sizes(const list *list, tensor_info *tensor, int64_t a, int64_t b) {
    set_sizes(tensor, a, b);
    if (list->problem->num_experts) {
        memmove(tensor->shape + 1, tensor->shape, 2 * sizeof *tensor->shape);
        tensor->shape[0] = list->problem->num_experts;
        tensor->rank++;
    }
}

static void add_x(list *list) {
    const ffn_problem *problem = list->problem;
    bool is_int8 = problem->mode == FFN_MODE_INT8;
    tensor_info *x = add(list, CLF_SLOT_X, "x", is_int8 ? CLF_DTYPE_INT8 : list->dtype, 0.0,
                         is_int8 ? 127.0 : UNIT);
    set_sizes(x, problem->tokens, problem->products[0].depth);
}

static void add_weight(list *list, int which) {
    static const clf_slot slots[] = {CLF_SLOT_WEIGHT1, CLF_SLOT_WEIGHT2};
    static const char *const names[] = {"weight1", "weight2"};
    const ffn_product *product = &list->problem->products[which];
    double spread = UNIT / sqrt((double)product->depth);
    tensor_info *weight = NULL;
    if (list->problem->mode == FFN_MODE_FLOAT) {
        weight = add(list, slots[which], names[which], list->dtype, 0.0, spread);
    } else if (list->problem->mode == FFN_MODE_WEIGHT_INT4) {
        weight = add(list, slots[which], names[which], CLF_DTYPE_INT4, -0.5, 7.5);
    } else {
        weight = add(list, slots[which], names[which], CLF_DTYPE_INT8, 0.0, 127.0);
    }
    bool is_transposed = list->problem->is_transposed;
    set_expert_sizes(list, weight, is_transposed ? product->width : product->depth,
                     is_transposed ? product->depth : product->width);
}

/* What a sum of the integer products spreads by. */
static double integer_sum(const list *list, int which) {
    return INT8 * (which ? 0.6 * LEVEL : INT8) * sqrt((double)list->problem->products[which].depth);
}

static void add_bias(list *list, int which) {
    static const clf_slot slots[] = {CLF_SLOT_BIAS1, CLF_SLOT_BIAS2};
    static const char *const names[] = {"bias1", "bias2"};
    bool is_int8 = list->problem->mode == FFN_MODE_INT8;
    clf_dtype dtype = is_int8                         ? CLF_DTYPE_INT32
                      : list->dtype == CLF_DTYPE_BF16 ? CLF_DTYPE_FP32
                                                      : list->dtype;
    double spread = is_int8 ? floor(0.5 * integer_sum(list, which)) : 0.5;
    if (list->problem->biases & (which ? FFN_BIAS_SECOND : FFN_BIAS_FIRST)) {
        tensor_info *bias = add(list, slots[which], names[which], dtype, 0.0, spread);
        set_expert_sizes(list, bias, list->problem->products[which].width, 0);
    }
}

static void add_quantisation(list *list) {
    const ffn_problem *problem = list->problem;
    tensor_info *scale = add(list, CLF_SLOT_SCALE, "scale", CLF_DTYPE_FP32, LEVEL, 0.25 * LEVEL);
    tensor_info *offset = add(list, CLF_SLOT_OFFSET, "offset", CLF_DTYPE_FP32, 0.0, 4.0);
    set_sizes(offset, (int64_t)ffn_num_ranges(problem), 0);
    set_sizes(scale, (int64_t)ffn_num_ranges(problem), 0);
    if (problem->scale_per_column) {
        set_expert_sizes(list, scale, problem->products[1].depth, 0);
    }
}

static void add_deq_scale(list *list, int which) {
    static const clf_slot slots[] = {CLF_SLOT_DEQ_SCALE1, CLF_SLOT_DEQ_SCALE2};
    static const char *const names[] = {"deq_scale1", "deq_scale2"};
    clf_dtype dtype = list->dtype == CLF_DTYPE_BF16 ? CLF_DTYPE_BF16 : list->problem->deq_dtype;
    double middle = 1.0 / integer_sum(list, which);
    tensor_info *scale = add(list, slots[which], names[which], dtype, middle, 0.2 * middle);
    if (clf_dtype_size(dtype) == sizeof(int64_t)) {
        scale->fill = FILL_FP32_BITS;
    }
    set_expert_sizes(list, scale, list->problem->products[which].width, 0);
}

static void add_antiquant(list *list, int which, bool is_scale) {
    static const clf_slot slots[2][2] = {{CLF_SLOT_ANTIQUANT_OFFSET1, CLF_SLOT_ANTIQUANT_SCALE1},
                                         {CLF_SLOT_ANTIQUANT_OFFSET2, CLF_SLOT_ANTIQUANT_SCALE2}};
    static const char *const names[2][2] = {{"antiquant_offset1", "antiquant_scale1"},
                                            {"antiquant_offset2", "antiquant_scale2"}};
    const ffn_product *product = &list->problem->products[which];
    double spread = list->problem->mode == FFN_MODE_WEIGHT_INT4 ? INT4 : INT8;
    double middle = 1.0 / (spread * sqrt((double)product->depth));
    tensor_info *tensor = add(list, slots[which][is_scale], names[which][is_scale], list->dtype,
                              is_scale ? middle : 0.0, is_scale ? 0.2 * middle : 0.1 * spread);
    if (product->group_size) {
        set_expert_sizes(list, tensor, product->depth / product->group_size, product->width);
    } else {
        set_expert_sizes(list, tensor, product->width, 0);
    }
}

static void add_mode(list *list) {
    const ffn_mode mode = list->problem->mode;
    if (mode == FFN_MODE_INT8) {
        add_quantisation(list);
    }
    for (int which = 0; which < 2; which++) {
        if (mode == FFN_MODE_INT8) {
            add_deq_scale(list, which);
        } else if (mode != FFN_MODE_FLOAT) {
            add_antiquant(list, which, true);
            add_antiquant(list, which, false);
        }
    }
}

size_t ffn_tensors(const void *opaque, clf_dtype dtype, tensor_info out[MAX_TENSORS]) {
    const ffn_problem *problem = opaque;
    list list = {.problem = problem, .dtype = dtype, .tensors = out};
    add_x(&list);
    add_weight(&list, 0);
    add_weight(&list, 1);
    add_bias(&list, 0);
    add_bias(&list, 1);
    add_mode(&list);
    if (problem->tokens_on_device) {
        tensor_info *tokens =
            add(&list, CLF_SLOT_EXPERT_TOKENS, "expert_tokens_tensor", CLF_DTYPE_INT64, 0.0, 0.0);
        tokens->fill = FILL_NONE;
        set_sizes(tokens, problem->num_experts, 0);
    }
    tensor_info *y = add(&list, CLF_SLOT_Y, "y", dtype, 0.0, 0.0);
    y->fill = FILL_NONE;
    set_sizes(y, problem->tokens, problem->products[1].width);
    return list.count;
}

/* ---- Arguments ----------------------------------------------------------------------------- */

/* The weight as the operator sees it; NULL if there is none. */
static const clf_tensor *take_weight(const ffn_problem *problem, const clf_tensor *view,
                                     clf_tensor *out) {
    if (!view) {
        return NULL;
    }
    const int32_t last = view->rank - 1;
    *out = *view;
    if (problem->is_transposed) {
        out->shape[last] = view->shape[last - 1];
        out->shape[last - 1] = view->shape[last];
        out->strides[last] = view->strides[last - 1];
        out->strides[last - 1] = view->strides[last];
    }
    return out;
}

void ffn_fill_call(const ffn_problem *problem, const clf_tensor *views, ffn_call *out) {
    clf_ffn_args *args = &out->args;
    tensor_info tensors[MAX_TENSORS];
    const clf_tensor *found[CLF_SLOT_EXPERT_TOKENS + 1] = {NULL};
    /* Which tensors there are does not depend on the type. */
    size_t count = ffn_tensors(problem, CLF_DTYPE_FP16, tensors);
    for (size_t i = 0; i < count; i++) {
        found[tensors[i].slot] = &views[i];
    }
    *args = (clf_ffn_args)CLF_FFN_ARGS;
    args->x = found[CLF_SLOT_X];
    args->weight1 = take_weight(problem, found[CLF_SLOT_WEIGHT1], &out->weights[0]);
    args->weight2 = take_weight(problem, found[CLF_SLOT_WEIGHT2], &out->weights[1]);
    args->bias1 = found[CLF_SLOT_BIAS1];
    args->bias2 = found[CLF_SLOT_BIAS2];
    args->scale = found[CLF_SLOT_SCALE];
    args->offset = found[CLF_SLOT_OFFSET];
    args->deq_scale1 = found[CLF_SLOT_DEQ_SCALE1];
    args->deq_scale2 = found[CLF_SLOT_DEQ_SCALE2];
    args->antiquant_scale1 = found[CLF_SLOT_ANTIQUANT_SCALE1];
    args->antiquant_scale2 = found[CLF_SLOT_ANTIQUANT_SCALE2];
    args->antiquant_offset1 = found[CLF_SLOT_ANTIQUANT_OFFSET1];
    args->antiquant_offset2 = found[CLF_SLOT_ANTIQUANT_OFFSET2];
    args->y = found[CLF_SLOT_Y];
    args->activation = ffn_activation_name(problem->activation);
    args->expert_tokens_tensor = found[CLF_SLOT_EXPERT_TOKENS];
    if (problem->num_experts && !problem->tokens_on_device) {
        args->expert_tokens = problem->counts;
        args->num_expert_tokens = (size_t)problem->num_experts;
    }
}
