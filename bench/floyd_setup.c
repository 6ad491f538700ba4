/* Floyd problems: what the attributes make together, tensors, and the operators' arguments. */
#include "floyd_setup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "parse_values.h"
#include "terminal.h"

/* Half of the places, as masks are drawn for the other operators. */
static const double mask_probability = 0.5;

/* Two products of D such numbers, divided by sqrt(D), spread by 4/3: as peaked as trained models'
 * scores. */
static const double input_range = 1.7;

/* The library has its own, sharper checks. */
static const int64_t most_elements = INT64_C(1) << 40;

enum { RANK = 5, STATISTIC_COPIES = 8 };

static const char *const mask_names[] = {"none", "zeros", "b1n1k", "bhnmk"};
static const char *const method_names[] = {"auto", "fused", "slab"};

/* ---- What the attributes make together ----------------------------------------------------- */

static bool check_size(const floyd_problem *problem) {
    const int64_t sizes[] = {problem->batch, problem->heads, problem->n,
                             problem->m,     problem->k,     problem->depth};
    int64_t elements = 1;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i] > most_elements / elements) {
            return fail("--shape: B * H * N * M * K * D is more than 2^40");
        }
        elements *= sizes[i];
    }
    return true;
}

bool floyd_complete(void *opaque, const char *data_folder) {
    floyd_problem *problem = opaque;
    (void)data_folder;
    if (!problem->has_shape) {
        return fail("--shape is missing");
    }
    if (!problem->has_scale) {
        problem->scale = 1.0 / sqrt((double)problem->depth);
    }
    return check_size(problem);
}

bool floyd_reduce(void *opaque) {
    floyd_problem *problem = opaque;
    int64_t *axes[] = {&problem->batch, &problem->heads, &problem->n};
    for (size_t i = 0; i < sizeof axes / sizeof axes[0]; i++) {
        if (*axes[i] > 1) {
            *axes[i] /= 2;
            return true;
        }
    }
    return false;
}

void floyd_print(const void *opaque, problem_text *out) {
    const floyd_problem *problem = opaque;
    const int64_t shape[] = {problem->batch, problem->heads, problem->n,
                             problem->m,     problem->k,     problem->depth};
    size_t length = 0;
    print_shape(6, shape, out->shape, sizeof out->shape);
    snprintf(out->mask, sizeof out->mask, "%s", mask_names[problem->mask]);
    length += (size_t)snprintf(out->attributes, sizeof out->attributes, "scale=%g", problem->scale);
    if (problem->method != CLF_FLOYD_METHOD_AUTO) {
        length += (size_t)snprintf(out->attributes + length, sizeof out->attributes - length,
                                   " method=%s", method_names[problem->method]);
    }
    if (problem->workspace_limit > 0) {
        snprintf(out->attributes + length, sizeof out->attributes - length, " workspace-limit=%lld",
                 (long long)problem->workspace_limit);
    }
}

double floyd_products(const floyd_problem *problem) {
    return (double)problem->batch * (double)problem->heads * (double)problem->n *
           (double)problem->m * (double)problem->k * (double)problem->depth;
}

/* ---- Tensors ------------------------------------------------------------------------------- */

enum { FORWARD = 1, GRADIENT = 2, BOTH = 3 };

/* All tensors but the mask: axes 2, 3 and 4, by the header's letters (8: the copies of a statistic),
 * the operators that have it, and whether it is drawn. */
typedef struct tensor_form {
    clf_slot slot;
    const char *name;
    const char *axes;
    int operators;
    bool is_drawn;
} tensor_form;

static const tensor_form forms[] = {
    {CLF_SLOT_QUERY, "query", "NMD", BOTH, true},
    {CLF_SLOT_KEY1, "key1", "NKD", BOTH, true},
    {CLF_SLOT_VALUE1, "value1", "NKD", BOTH, true},
    {CLF_SLOT_KEY2, "key2", "KMD", BOTH, true},
    {CLF_SLOT_VALUE2, "value2", "KMD", BOTH, true},
    {CLF_SLOT_GRAD_OUTPUT, "grad_output", "NMD", GRADIENT, true},
    {CLF_SLOT_SOFTMAX_MAX, "softmax_max", "NM8", BOTH, false},
    {CLF_SLOT_SOFTMAX_SUM, "softmax_sum", "NM8", BOTH, false},
    {CLF_SLOT_ATTENTION_OUT, "attention_out", "NMD", FORWARD, false},
    {CLF_SLOT_ATTENTION_IN, "attention_in", "NMD", GRADIENT, false},
    {CLF_SLOT_GRAD_QUERY, "grad_query", "NMD", GRADIENT, false},
    {CLF_SLOT_GRAD_KEY1, "grad_key1", "NKD", GRADIENT, false},
    {CLF_SLOT_GRAD_VALUE1, "grad_value1", "NKD", GRADIENT, false},
    {CLF_SLOT_GRAD_KEY2, "grad_key2", "KMD", GRADIENT, false},
    {CLF_SLOT_GRAD_VALUE2, "grad_value2", "KMD", GRADIENT, false},
};

static int64_t size_of_axis(const floyd_problem *problem, char axis) {
    switch (axis) {
    case 'N':
        return problem->n;
    case 'M':
        return problem->m;
    case 'K':
        return problem->k;
    case 'D':
        return problem->depth;
    default:
        return STATISTIC_COPIES;
    }
}

static tensor_info make_tensor(const floyd_problem *problem, clf_dtype dtype,
                               const tensor_form *form) {
    tensor_info tensor = {.slot = form->slot,
                          .name = form->name,
                          .dtype = form->axes[2] == '8' ? CLF_DTYPE_FP32 : dtype,
                          .rank = RANK,
                          .shape = {problem->batch, problem->heads},
                          .fill = form->is_drawn ? FILL_UNIFORM : FILL_NONE,
                          .low = -input_range,
                          .high = input_range};
    for (int axis = 0; axis < 3; axis++) {
        tensor.shape[2 + axis] = size_of_axis(problem, form->axes[axis]);
    }
    return tensor;
}

static tensor_info make_mask(const floyd_problem *problem) {
    bool is_full = problem->mask == FLOYD_MASK_BHNMK;
    return (tensor_info){.slot = CLF_SLOT_ATTEN_MASK,
                         .name = "atten_mask",
                         .dtype = CLF_DTYPE_BOOL,
                         .rank = RANK,
                         .shape = {problem->batch, is_full ? problem->heads : 1, problem->n,
                                   is_full ? problem->m : 1, problem->k},
                         .fill = FILL_MASK,
                         .low = problem->mask == FLOYD_MASK_ZEROS ? 0.0 : mask_probability};
}

/* The operator's, the mask, if there is one, before the first that is not drawn. */
static size_t make_tensors(const floyd_problem *problem, clf_dtype dtype, int operator,
                           tensor_info out[MAX_TENSORS]) {
    size_t count = 0;
    bool needs_mask = problem->mask != FLOYD_MASK_NONE;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (!(forms[i].operators & operator)) {
            continue;
        }
        if (needs_mask && !forms[i].is_drawn) {
            out[count++] = make_mask(problem);
            needs_mask = false;
        }
        out[count++] = make_tensor(problem, dtype, &forms[i]);
    }
    return count;
}

size_t floyd_tensors(const void *opaque, clf_dtype dtype, tensor_info out[MAX_TENSORS]) {
    return make_tensors(opaque, dtype, FORWARD, out);
}

size_t floyd_grad_tensors(const void *opaque, clf_dtype dtype, tensor_info out[MAX_TENSORS]) {
    return make_tensors(opaque, dtype, GRADIENT, out);
}

bool floyd_is_gradient(const workload *load) {
    return load->tensors[load->num_tensors - 1].slot == CLF_SLOT_GRAD_VALUE2;
}

/* ---- Arguments ----------------------------------------------------------------------------- */

static const clf_tensor *view_of(const tensor_info *tensors, const clf_tensor *views, size_t count,
                                 clf_slot slot) {
    for (size_t i = 0; i < count; i++) {
        if (tensors[i].slot == slot) {
            return &views[i];
        }
    }
    return NULL;
}

static size_t limit_in_bytes(const floyd_problem *problem) {
    return (size_t)problem->workspace_limit << 20;
}

void floyd_fill_args(const floyd_problem *problem, const tensor_info *tensors,
                     const clf_tensor *views, size_t count, clf_floyd_attention_args *out) {
    *out = (clf_floyd_attention_args)CLF_FLOYD_ATTENTION_ARGS;
    out->query = view_of(tensors, views, count, CLF_SLOT_QUERY);
    out->key1 = view_of(tensors, views, count, CLF_SLOT_KEY1);
    out->value1 = view_of(tensors, views, count, CLF_SLOT_VALUE1);
    out->key2 = view_of(tensors, views, count, CLF_SLOT_KEY2);
    out->value2 = view_of(tensors, views, count, CLF_SLOT_VALUE2);
    out->atten_mask = view_of(tensors, views, count, CLF_SLOT_ATTEN_MASK);
    out->scale_value = problem->scale;
    out->softmax_max = view_of(tensors, views, count, CLF_SLOT_SOFTMAX_MAX);
    out->softmax_sum = view_of(tensors, views, count, CLF_SLOT_SOFTMAX_SUM);
    out->attention_out = view_of(tensors, views, count, CLF_SLOT_ATTENTION_OUT);
    out->workspace_limit = limit_in_bytes(problem);
    out->method = problem->method;
}

void floyd_fill_grad_args(const floyd_problem *problem, const tensor_info *tensors,
                          const clf_tensor *views, size_t count,
                          clf_floyd_attention_grad_args *out) {
    *out = (clf_floyd_attention_grad_args)CLF_FLOYD_ATTENTION_GRAD_ARGS;
    out->query = view_of(tensors, views, count, CLF_SLOT_QUERY);
    out->key1 = view_of(tensors, views, count, CLF_SLOT_KEY1);
    out->value1 = view_of(tensors, views, count, CLF_SLOT_VALUE1);
    out->key2 = view_of(tensors, views, count, CLF_SLOT_KEY2);
    out->value2 = view_of(tensors, views, count, CLF_SLOT_VALUE2);
    out->grad_output = view_of(tensors, views, count, CLF_SLOT_GRAD_OUTPUT);
    out->atten_mask = view_of(tensors, views, count, CLF_SLOT_ATTEN_MASK);
    out->softmax_max = view_of(tensors, views, count, CLF_SLOT_SOFTMAX_MAX);
    out->softmax_sum = view_of(tensors, views, count, CLF_SLOT_SOFTMAX_SUM);
    out->attention_in = view_of(tensors, views, count, CLF_SLOT_ATTENTION_IN);
    out->scale_value = problem->scale;
    out->grad_query = view_of(tensors, views, count, CLF_SLOT_GRAD_QUERY);
    out->grad_key1 = view_of(tensors, views, count, CLF_SLOT_GRAD_KEY1);
    out->grad_value1 = view_of(tensors, views, count, CLF_SLOT_GRAD_VALUE1);
    out->grad_key2 = view_of(tensors, views, count, CLF_SLOT_GRAD_KEY2);
    out->grad_value2 = view_of(tensors, views, count, CLF_SLOT_GRAD_VALUE2);
    out->workspace_limit = limit_in_bytes(problem);
    out->method = problem->method;
}
