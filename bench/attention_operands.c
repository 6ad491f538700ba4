/* Attention problems: the tensors of the operator and its gradient, and their arguments. */
#include <string.h>

#include "attention_setup.h"

/* Half of the places, as the operator's own tests draw their masks. */
static const double mask_probability = 0.5;

/* Products of D such numbers, divided by sqrt(D), spread by 4/3: as peaked as trained models'. */
static const double input_range = 2.0;

/* The statistics hold this many equal copies; a compressed mask has these sizes. */
enum { STATISTIC_COPIES = 8, COMPRESSED = 2048, COMPRESSED_PREFIX_ROWS = 3072 };

bool attention_reads_mask(const attention_problem *problem) {
    return problem->mask != ATTENTION_MASK_NONE && problem->mask != ATTENTION_MASK_COMPRESSED;
}

/* ---- Tensors ------------------------------------------------------------------------------- */

enum { FORWARD = 1, GRADIENT = 2, BOTH = 3 };

/* What a tensor has the shape of. */
typedef enum shape_of { QUERY, KEY, VALUE, OUTPUT, BIAS, MASK, STATISTIC } shape_of;

/* A tensor, the operators that have it, and whether it is drawn. */
typedef struct tensor_form {
    clf_slot slot;
    const char *name;
    shape_of shape;
    int operators;
    bool is_drawn;
} tensor_form;

static const tensor_form forms[] = {
    {CLF_SLOT_QUERY, "query", QUERY, BOTH, true},
    {CLF_SLOT_KEY, "key", KEY, BOTH, true},
    {CLF_SLOT_VALUE, "value", VALUE, BOTH, true},
    {CLF_SLOT_PSE, "pse", BIAS, BOTH, true},
    {CLF_SLOT_ATTEN_MASK, "atten_mask", MASK, BOTH, true},
    {CLF_SLOT_GRAD_OUTPUT, "grad_output", OUTPUT, GRADIENT, true},
    {CLF_SLOT_SOFTMAX_MAX, "softmax_max", STATISTIC, BOTH, false},
    {CLF_SLOT_SOFTMAX_SUM, "softmax_sum", STATISTIC, BOTH, false},
    {CLF_SLOT_ATTENTION_OUT, "attention_out", OUTPUT, FORWARD, false},
    {CLF_SLOT_ATTENTION_IN, "attention_in", OUTPUT, GRADIENT, false},
    {CLF_SLOT_GRAD_QUERY, "grad_query", QUERY, GRADIENT, false},
    {CLF_SLOT_GRAD_KEY, "grad_key", KEY, GRADIENT, false},
    {CLF_SLOT_GRAD_VALUE, "grad_value", VALUE, GRADIENT, false},
    {CLF_SLOT_GRAD_PSE, "grad_pse", BIAS, GRADIENT, false},
};

static void set_sizes(tensor_info *tensor, int32_t rank, int64_t a, int64_t b, int64_t c,
                      int64_t d) {
    const int64_t sizes[] = {a, b, c, d};
    tensor->rank = rank;
    memcpy(tensor->shape, sizes, (size_t)rank * sizeof *sizes);
}

/* Tokens and heads in the problem's layout. */
static tensor_info token_tensor(const attention_problem *problem, clf_dtype dtype, shape_of shape) {
    bool has_queries = shape == QUERY || shape == OUTPUT;
    bool has_values = shape == VALUE || shape == OUTPUT;
    int64_t tokens = has_queries ? problem->query_length : problem->key_length;
    int64_t heads = has_queries ? problem->heads : problem->key_heads;
    int64_t depth = has_values ? problem->value_depth : problem->depth;
    tensor_info tensor = {
        .dtype = dtype, .fill = FILL_UNIFORM, .low = -input_range, .high = input_range};
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
    tensor_info tensor = {.dtype = CLF_DTYPE_BOOL, .fill = FILL_MASK, .low = mask_probability};
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
    tensor_info tensor = {.dtype = is_full ? dtype : CLF_DTYPE_FP32,
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

static tensor_info statistic_tensor(const attention_problem *problem) {
    tensor_info tensor = {.dtype = CLF_DTYPE_FP32};
    if (problem->num_sequences) {
        set_sizes(&tensor, 3, problem->query_length, problem->heads, STATISTIC_COPIES, 0);
    } else {
        set_sizes(&tensor, 4, problem->batch, problem->heads, problem->query_length,
                  STATISTIC_COPIES);
    }
    return tensor;
}

static tensor_info make_tensor(const attention_problem *problem, clf_dtype dtype,
                               const tensor_form *form) {
    tensor_info tensor = form->shape == MASK        ? mask_tensor(problem)
                         : form->shape == BIAS      ? bias_tensor(problem, dtype)
                         : form->shape == STATISTIC ? statistic_tensor(problem)
                                                    : token_tensor(problem, dtype, form->shape);
    tensor.slot = form->slot;
    tensor.name = form->name;
    tensor.fill = form->is_drawn ? tensor.fill : FILL_NONE;
    return tensor;
}

/* Slopes have no gradient. */
static bool has_tensor(const attention_problem *problem, const tensor_form *form) {
    if (form->shape == MASK) {
        return problem->mask != ATTENTION_MASK_NONE;
    }
    if (form->slot == CLF_SLOT_GRAD_PSE) {
        return problem->bias == ATTENTION_BIAS_FULL;
    }
    return form->shape != BIAS || problem->bias != ATTENTION_BIAS_NONE;
}

static size_t make_tensors(const attention_problem *problem, clf_dtype dtype, int operator,
                           tensor_info out[MAX_TENSORS]) {
    size_t count = 0;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if ((forms[i].operators & operator) && has_tensor(problem, &forms[i])) {
            out[count++] = make_tensor(problem, dtype, &forms[i]);
        }
    }
    return count;
}

size_t attention_tensors(const void *opaque, clf_dtype dtype, tensor_info out[MAX_TENSORS]) {
    return make_tensors(opaque, dtype, FORWARD, out);
}

size_t attention_grad_tensors(const void *opaque, clf_dtype dtype, tensor_info out[MAX_TENSORS]) {
    return make_tensors(opaque, dtype, GRADIENT, out);
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

static const clf_tensor *view_of(const attention_views *from, clf_slot slot) {
    size_t index = 0;
    return attention_find_tensor(from->tensors, from->count, slot, &index) ? &from->views[index]
                                                                           : NULL;
}

/* The gradient's attention_in is the forward's attention_out. */
static void point_at_views(const attention_views *from, clf_flash_attention_args *args) {
    const clf_tensor *out = view_of(from, CLF_SLOT_ATTENTION_OUT);
    args->query = view_of(from, CLF_SLOT_QUERY);
    args->key = view_of(from, CLF_SLOT_KEY);
    args->value = view_of(from, CLF_SLOT_VALUE);
    args->pse = view_of(from, CLF_SLOT_PSE);
    args->atten_mask = view_of(from, CLF_SLOT_ATTEN_MASK);
    args->softmax_max = view_of(from, CLF_SLOT_SOFTMAX_MAX);
    args->softmax_sum = view_of(from, CLF_SLOT_SOFTMAX_SUM);
    args->attention_out = out ? out : view_of(from, CLF_SLOT_ATTENTION_IN);
}

void attention_fill_call(const attention_problem *problem, const attention_views *from,
                         attention_call *out) {
    *out = (attention_call){.args = CLF_FLASH_ATTENTION_ARGS};
    clf_flash_attention_args *args = &out->args;
    point_at_views(from, args);
    args->input_layout = attention_layout_names[problem->layout];
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

void attention_fill_grad_call(const attention_problem *problem, const attention_views *from,
                              attention_grad_call *out) {
    *out = (attention_grad_call){.args = CLF_FLASH_ATTENTION_GRAD_ARGS};
    attention_fill_call(problem, from, &out->forward);
    const clf_flash_attention_args *forward = &out->forward.args;
    clf_flash_attention_grad_args *args = &out->args;
    args->query = forward->query;
    args->key = forward->key;
    args->value = forward->value;
    args->pse = forward->pse;
    args->atten_mask = forward->atten_mask;
    args->grad_output = view_of(from, CLF_SLOT_GRAD_OUTPUT);
    args->attention_in = forward->attention_out;
    args->softmax_max = forward->softmax_max;
    args->softmax_sum = forward->softmax_sum;
    args->grad_query = view_of(from, CLF_SLOT_GRAD_QUERY);
    args->grad_key = view_of(from, CLF_SLOT_GRAD_KEY);
    args->grad_value = view_of(from, CLF_SLOT_GRAD_VALUE);
    args->grad_pse = view_of(from, CLF_SLOT_GRAD_PSE);
    args->input_layout = forward->input_layout;
    args->head_num = forward->head_num;
    args->scale = forward->scale;
    args->keep_prob = forward->keep_prob;
    args->generate_dropout = forward->generate_dropout;
    args->seed = forward->seed;
    args->sparse_mode = forward->sparse_mode;
    args->pre_tokens = forward->pre_tokens;
    args->next_tokens = forward->next_tokens;
    args->pse_type = forward->pse_type;
    args->prefix = forward->prefix;
    args->num_prefix = forward->num_prefix;
    args->actual_seq_qlen = forward->actual_seq_qlen;
    args->num_actual_seq_qlen = forward->num_actual_seq_qlen;
    args->actual_seq_kvlen = forward->actual_seq_kvlen;
    args->num_actual_seq_kvlen = forward->num_actual_seq_kvlen;
}
