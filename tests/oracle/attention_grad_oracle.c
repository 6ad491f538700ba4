/* See attention_grad_oracle.h. Arguments, the key head at hand, rows and places; the arithmetic is
 * in attention_grad_rows.c. */
#include "attention_grad_oracle.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attention_grad_internal.h"
#include "attention_internal.h"

/* Half a unit in the last place of fp32, relative. */
static const double unit = 0x1p-24;

static clf_flash_attention_args forward_args(const clf_flash_attention_grad_args *args) {
    clf_flash_attention_args forward = CLF_FLASH_ATTENTION_ARGS;
    forward.query = args->query;
    forward.key = args->key;
    forward.value = args->value;
    forward.pse = args->pse;
    forward.drop_mask = args->drop_mask;
    forward.atten_mask = args->atten_mask;
    forward.attention_out = args->attention_in;
    forward.softmax_max = args->softmax_max;
    forward.softmax_sum = args->softmax_sum;
    forward.input_layout = args->input_layout;
    forward.head_num = args->head_num;
    forward.scale = args->scale;
    forward.keep_prob = args->keep_prob;
    forward.pre_tokens = args->pre_tokens;
    forward.next_tokens = args->next_tokens;
    forward.sparse_mode = args->sparse_mode;
    forward.pse_type = args->pse_type;
    forward.q_start_idx = args->q_start_idx;
    forward.kv_start_idx = args->kv_start_idx;
    forward.prefix = args->prefix;
    forward.num_prefix = args->num_prefix;
    forward.actual_seq_qlen = args->actual_seq_qlen;
    forward.num_actual_seq_qlen = args->num_actual_seq_qlen;
    forward.actual_seq_kvlen = args->actual_seq_kvlen;
    forward.num_actual_seq_kvlen = args->num_actual_seq_kvlen;
    forward.softmax_layout = args->softmax_layout;
    forward.generate_dropout = args->generate_dropout;
    forward.seed = args->seed;
    forward.offset = args->offset;
    return forward;
}

bool oracle_attention_grad_open(oracle_attention_grad *problem,
                                const clf_flash_attention_grad_args *args,
                                const oracle_attention_grad_inputs *inputs) {
    const clf_flash_attention_args forward = forward_args(args);
    memset(problem, 0, sizeof *problem);
    problem->args = *args;
    problem->inputs = *inputs;
    problem->at_element = -1;
    if (!oracle_attention_open(&problem->forward, &forward, &inputs->forward)) {
        return false;
    }
    const oracle_attention *of = &problem->forward;
    problem->group = of->num_key_heads > 0 ? of->num_heads / of->num_key_heads : 1;
    int64_t longest = of->longest_query; /* the tokens behind the last element are one, too */
    for (int64_t b = 0; b < of->num_elements; b++) {
        longest = of->elements[b].query_length > longest ? of->elements[b].query_length : longest;
    }
    int64_t widest = 1;
    for (int i = 0; i < ORACLE_NUM_GRADIENTS; i++) {
        const int64_t width = oracle_attention_grad_width(problem, (oracle_gradient)i);
        widest = width > widest ? width : widest;
    }
    const size_t rows = (size_t)(problem->group * longest) + 1;
    problem->queries = (double *)calloc(rows * (size_t)(of->depth + 1), sizeof(double));
    problem->grad_outputs = (double *)calloc(rows * (size_t)(of->value_depth + 1), sizeof(double));
    problem->rows = (oracle_grad_row *)calloc(rows, sizeof *problem->rows);
    problem->work = (double *)calloc((size_t)widest * 3, sizeof(double));
    return problem->queries != NULL && problem->grad_outputs != NULL && problem->rows != NULL &&
           problem->work != NULL;
}

void oracle_attention_grad_close(oracle_attention_grad *problem) {
    oracle_attention_close(&problem->forward);
    free(problem->queries);
    free(problem->grad_outputs);
    free(problem->rows);
    free(problem->work);
    memset(problem, 0, sizeof *problem);
}

/* ---- The key head at hand ---- */

/* The document's rule for rows without a computed pair: the saved statistics tell. */
static oracle_grad_row_kind kind_of(double max, double sum, int64_t key_length) {
    if (key_length == 0 || sum >= (double)FLT_MAX) {
        return ORACLE_ROW_ZERO;
    }
    return max == -(double)FLT_MAX ? ORACLE_ROW_UNIFORM : ORACLE_ROW_COMPUTED;
}

static void load_row(oracle_attention_grad *problem, const oracle_attention_place *place,
                     int64_t number) {
    const oracle_attention *of = &problem->forward;
    const clf_flash_attention_grad_args *args = &problem->args;
    const oracle_attention_token token = oracle_attention_query_token(of, place);
    oracle_grad_row *row = &problem->rows[number];
    double *query = problem->queries + number * of->depth;
    double *grad_output = problem->grad_outputs + number * of->value_depth;
    for (int64_t d = 0; d < of->depth; d++) {
        query[d] = oracle_attention_query(of, place, d);
    }
    double squares = 0.0;
    memset(row, 0, sizeof *row);
    for (int64_t d = 0; d < of->value_depth; d++) {
        const double out = oracle_attention_load(problem->inputs.attention_in, args->attention_in,
                                                 oracle_attention_out_place(of, place, d));
        grad_output[d] = oracle_attention_load(
            problem->inputs.grad_output, args->grad_output,
            oracle_attention_token_place(of, args->grad_output, &token, of->value_depth, d));
        row->delta += grad_output[d] * out;
        row->plain_delta += (float)grad_output[d] * (float)out;
        squares += grad_output[d] * out * grad_output[d] * out;
    }
    row->delta_unit = unit * sqrt((double)of->value_depth * squares);
    row->max =
        oracle_attention_load(problem->inputs.softmax_max, args->softmax_max,
                              oracle_attention_statistic_place(of, place, args->softmax_max));
    row->sum =
        oracle_attention_load(problem->inputs.softmax_sum, args->softmax_sum,
                              oracle_attention_statistic_place(of, place, args->softmax_sum));
    row->kind =
        kind_of(row->max, row->sum, of->depth == 0 ? 0 : of->elements[place->element].key_length);
}

void oracle_attention_grad_enter(oracle_attention_grad *problem, int64_t element,
                                 int64_t key_head) {
    const int64_t length = problem->forward.elements[element].query_length;
    const oracle_attention_place first = {element, key_head * problem->group, 0};
    if (problem->forward.num_key_heads > 0) {
        oracle_attention_load_head(&problem->forward, &first);
    }
    if (problem->at_element == element && problem->at_key_head == key_head) {
        return;
    }
    problem->at_element = element;
    problem->at_key_head = key_head;
    for (int64_t number = 0; number < problem->group * length; number++) {
        const oracle_attention_place place = {element, first.head + number / length,
                                              number % length};
        load_row(problem, &place, number);
    }
}

/* ---- Rows ---- */

const clf_tensor *oracle_attention_grad_view(const oracle_attention_grad *problem,
                                             oracle_gradient of) {
    const clf_tensor *const views[ORACLE_NUM_GRADIENTS] = {
        problem->args.grad_query, problem->args.grad_key, problem->args.grad_value,
        problem->args.grad_pse};
    return views[of];
}

int64_t oracle_attention_grad_width(const oracle_attention_grad *problem, oracle_gradient of) {
    const clf_tensor *pse = problem->args.grad_pse;
    switch (of) {
    case ORACLE_GRAD_VALUE:
        return problem->forward.value_depth;
    case ORACLE_GRAD_PSE:
        return pse != NULL ? pse->shape[pse->rank - 1] : 0;
    default:
        return problem->forward.depth;
    }
}

/* Rows of keys: all tokens, of sequences or not. */
static int64_t num_key_rows(const oracle_attention *of) {
    const int64_t batches = of->layout == ORACLE_TND ? 1 : of->num_batch;
    return batches * of->num_key_heads * oracle_attention_num_tokens(of, of->args.key);
}

int64_t oracle_attention_grad_num_rows(const oracle_attention_grad *problem, oracle_gradient of) {
    const clf_tensor *pse = problem->args.grad_pse;
    if (of == ORACLE_GRAD_QUERY) {
        return oracle_attention_num_rows(&problem->forward);
    }
    if (of != ORACLE_GRAD_PSE) {
        return num_key_rows(&problem->forward);
    }
    int64_t rows = pse != NULL ? 1 : 0;
    for (int32_t axis = 0; pse != NULL && axis < pse->rank - 1; axis++) {
        rows *= pse->shape[axis];
    }
    return rows;
}

oracle_attention_token oracle_attention_grad_key_token(const oracle_attention *of, int64_t row) {
    const int64_t tokens = oracle_attention_num_tokens(of, of->args.key);
    return (oracle_attention_token){row / tokens / of->num_key_heads, row % tokens,
                                    row / tokens % of->num_key_heads};
}

static int64_t bias_place(const clf_tensor *pse, int64_t row, int64_t column) {
    int64_t place = (int64_t)pse->offset + column * pse->strides[pse->rank - 1];
    for (int32_t axis = pse->rank - 2; axis >= 0; axis--) {
        place += row % pse->shape[axis] * pse->strides[axis];
        row /= pse->shape[axis];
    }
    return place;
}

int64_t oracle_attention_grad_place(const oracle_attention_grad *problem, oracle_gradient of,
                                    int64_t row, int64_t column) {
    const clf_tensor *view = oracle_attention_grad_view(problem, of);
    const oracle_attention *forward = &problem->forward;
    if (of == ORACLE_GRAD_PSE) {
        return bias_place(view, row, column);
    }
    oracle_attention_token token;
    if (of == ORACLE_GRAD_QUERY) {
        const oracle_attention_place place = oracle_attention_row_place(forward, row);
        token = oracle_attention_query_token(forward, &place);
    } else {
        token = oracle_attention_grad_key_token(forward, row);
    }
    return oracle_attention_token_place(forward, view, &token,
                                        oracle_attention_grad_width(problem, of), column);
}
