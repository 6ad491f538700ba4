/* See attention_oracle.h. Layouts, batch elements, places, and the pairs that are computed; the
 * arithmetic is in attention_rows.c. */
#include "attention_oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attention_internal.h"
#include "attention_predicates.h"
#include "storage_types.h"

/* ---- Layouts ---- */

static bool read_layout(const char *name, oracle_attention_layout *layout) {
    static const char *const names[] = {"BSH", "SBH", "BSND", "BNSD", "TND"};
    for (int i = 0; i < 5; i++) {
        if (strcmp(name, names[i]) == 0) {
            *layout = (oracle_attention_layout)i;
            return true;
        }
    }
    return false;
}

int64_t oracle_attention_token_place(const oracle_attention *problem, const clf_tensor *tensor,
                                     const oracle_attention_token *token, int64_t depth,
                                     int64_t d) {
    const int64_t *s = tensor->strides;
    const int64_t offset = (int64_t)tensor->offset;
    const int64_t hidden = token->head * depth + d;
    switch (problem->layout) {
    case ORACLE_BSH:
        return offset + token->batch * s[0] + token->token * s[1] + hidden * s[2];
    case ORACLE_SBH:
        return offset + token->token * s[0] + token->batch * s[1] + hidden * s[2];
    case ORACLE_BSND:
        return offset + token->batch * s[0] + token->token * s[1] + token->head * s[2] + d * s[3];
    case ORACLE_BNSD:
        return offset + token->batch * s[0] + token->head * s[1] + token->token * s[2] + d * s[3];
    default:
        return offset + token->token * s[0] + token->head * s[1] + d * s[2];
    }
}

oracle_attention_token oracle_attention_query_token(const oracle_attention *problem,
                                                    const oracle_attention_place *place) {
    const int64_t begin = problem->elements[place->element].query_begin;
    return (oracle_attention_token){place->element, begin + place->row, place->head};
}

/* Heads and head dimension of a tensor; one of them is known in the fused layouts. */
static void read_heads(const oracle_attention *problem, const clf_tensor *tensor,
                       int64_t known_heads, int64_t known_depth, int64_t *heads, int64_t *depth) {
    const int64_t last = tensor->shape[tensor->rank - 1];
    switch (problem->layout) {
    case ORACLE_BSH:
    case ORACLE_SBH:
        *heads = known_heads > 0 ? known_heads : known_depth > 0 ? last / known_depth : 0;
        *depth = known_heads > 0 ? last / known_heads : known_depth;
        break;
    case ORACLE_BNSD:
        *heads = tensor->shape[1];
        *depth = last;
        break;
    default:
        *heads = tensor->shape[tensor->rank - 2];
        *depth = last;
        break;
    }
}

int64_t oracle_attention_num_tokens(const oracle_attention *problem, const clf_tensor *tensor) {
    switch (problem->layout) {
    case ORACLE_BSH:
    case ORACLE_BSND:
        return tensor->shape[1];
    case ORACLE_BNSD:
        return tensor->shape[2];
    default:
        return tensor->shape[0];
    }
}

/* ---- Batch elements ---- */

static bool make_dense(oracle_attention *problem) {
    const clf_tensor *query = problem->args.query;
    problem->num_batch = query->shape[problem->layout == ORACLE_SBH ? 1 : 0];
    problem->num_elements = problem->num_batch;
    problem->elements = (oracle_attention_element *)calloc((size_t)problem->num_elements + 1,
                                                           sizeof *problem->elements);
    if (problem->elements == NULL) {
        return false;
    }
    for (int64_t b = 0; b < problem->num_elements; b++) {
        problem->elements[b].query_length = oracle_attention_num_tokens(problem, query);
        problem->elements[b].key_length =
            problem->num_key_heads > 0 ? oracle_attention_num_tokens(problem, problem->args.key)
                                       : 0;
    }
    return true;
}

/* Lengths from cumulative ends; a smaller end than the one before (trailing zeros) means none. */
static int64_t length_from_ends(const int64_t *ends, int64_t b, int64_t begin) {
    return ends[b] > begin ? ends[b] - begin : 0;
}

static bool make_varlen(oracle_attention *problem) {
    const clf_flash_attention_args *args = &problem->args;
    int64_t query_end = 0;
    int64_t key_end = 0;
    problem->num_batch = (int64_t)args->num_actual_seq_qlen;
    problem->num_elements = problem->num_batch;
    problem->elements = (oracle_attention_element *)calloc((size_t)problem->num_elements + 1,
                                                           sizeof *problem->elements);
    if (problem->elements == NULL) {
        return false;
    }
    for (int64_t b = 0; b < problem->num_batch; b++) {
        oracle_attention_element *element = &problem->elements[b];
        element->query_begin = query_end;
        element->key_begin = key_end;
        element->query_length = length_from_ends(args->actual_seq_qlen, b, query_end);
        element->key_length = length_from_ends(args->actual_seq_kvlen, b, key_end);
        query_end += element->query_length;
        key_end += element->key_length;
    }
    if (query_end < args->query->shape[0]) {
        oracle_attention_element *rest = &problem->elements[problem->num_elements++];
        rest->query_begin = query_end;
        rest->query_length = args->query->shape[0] - query_end;
    }
    return true;
}

static void measure_elements(oracle_attention *problem) {
    int64_t bits = 0;
    for (int64_t b = 0; b < problem->num_batch; b++) {
        oracle_attention_element *element = &problem->elements[b];
        element->first_bit = bits;
        bits += problem->num_heads * element->query_length * element->key_length;
        problem->longest_query = problem->longest_query > element->query_length
                                     ? problem->longest_query
                                     : element->query_length;
        problem->longest_key =
            problem->longest_key > element->key_length ? problem->longest_key : element->key_length;
    }
}

static void find_slice(oracle_attention *problem) {
    problem->sliced_element = -1;
    for (int64_t b = 0; b < problem->num_batch; b++) {
        const bool has_rows = problem->elements[b].query_length > 0;
        const bool is_first = problem->sliced_element < 0;
        if (has_rows &&
            (problem->args.sparse_mode == 7 || (problem->args.sparse_mode == 8 && is_first))) {
            problem->sliced_element = b;
        }
    }
}

/* ---- Pairs ---- */

static bool is_given(const clf_tensor *tensor) {
    bool given = tensor != NULL;
    for (int32_t axis = 0; given && axis < tensor->rank; axis++) {
        given = tensor->shape[axis] > 0;
    }
    return given;
}

static oracle_sparse sparse_of(const oracle_attention *problem, int64_t element) {
    const clf_flash_attention_args *args = &problem->args;
    const bool has_list = args->prefix != NULL && args->num_prefix == (size_t)problem->num_batch;
    return (oracle_sparse){.mode = args->sparse_mode,
                           .pre_tokens = args->pre_tokens,
                           .next_tokens = args->next_tokens,
                           .prefix = has_list ? args->prefix[element] : -1,
                           .has_mask = is_given(args->atten_mask),
                           .is_slice = element == problem->sliced_element};
}

/* In TND only mode 6 may leave rows empty by its geometry. */
static bool empty_rows_become_zeros(const oracle_attention *problem) {
    bool automatic = false;
    for (int64_t b = 0; b < problem->num_batch; b++) {
        const oracle_sparse sparse = sparse_of(problem, b);
        const oracle_attention_element *element = &problem->elements[b];
        const bool counts = problem->layout != ORACLE_TND || sparse.mode == 6;
        automatic |= counts && oracle_mode_has_empty_rows(&sparse, element->query_length,
                                                          element->key_length);
    }
    return automatic || problem->args.inner_precise == 2;
}

static bool masks_pair(const oracle_attention *problem, const oracle_attention_place *place,
                       int64_t key) {
    const clf_tensor *mask = problem->args.atten_mask;
    const int64_t *s = mask->strides;
    const oracle_attention_element *element = &problem->elements[place->element];
    int64_t where = (int64_t)mask->offset;
    if (mask->rank == 4) {
        where += (mask->shape[0] > 1 ? place->element * s[0] : 0) +
                 (mask->shape[1] > 1 ? place->head * s[1] : 0) + place->row * s[2] + key * s[3];
    } else {
        const bool is_total =
            problem->layout == ORACLE_TND &&
            (mask->shape[0] != problem->longest_query || mask->shape[1] != problem->longest_key);
        where += ((is_total ? element->query_begin : 0) + place->row) * s[0] +
                 ((is_total ? element->key_begin : 0) + key) * s[1];
    }
    return ((const unsigned char *)problem->inputs.atten_mask)[where] != 0;
}

bool oracle_attention_is_computed(const oracle_attention *problem,
                                  const oracle_attention_place *place, int64_t key) {
    const oracle_sparse sparse = sparse_of(problem, place->element);
    const oracle_attention_element *element = &problem->elements[place->element];
    const bool reads_mask =
        sparse.has_mask && (sparse.mode == 0 || sparse.mode == 1 || sparse.mode == 5);
    return oracle_pair_is_in_mode(&sparse, element->query_length, element->key_length, place->row,
                                  key) &&
           !(reads_mask && masks_pair(problem, place, key));
}

/* ---- Bias ---- */

#define COMPRESSED_ROWS 1024

double oracle_attention_load(const void *bytes, const clf_tensor *tensor, int64_t place) {
    const size_t size = oracle_dtype_size(tensor->dtype);
    return oracle_decode(tensor->dtype, (const char *)bytes + (size_t)place * size);
}

/* Slope times the distance of the positions, counted from where the slices begin. */
static double slope_bias(const oracle_attention *problem, const oracle_attention_place *place,
                         int64_t key) {
    const clf_flash_attention_args *args = &problem->args;
    const clf_tensor *pse = args->pse;
    const bool shifts = args->sparse_mode != 8 || place->element == 0;
    const int64_t shift = shifts ? args->kv_start_idx - args->q_start_idx : 0;
    const int64_t difference = key - place->row + shift;
    const double distance = (double)(difference < 0 ? -difference : difference);
    const int64_t where =
        (int64_t)pse->offset +
        (pse->rank == 1 ? place->head * pse->strides[0]
                        : place->element * pse->strides[0] + place->head * pse->strides[1]);
    const double slope = oracle_attention_load(problem->inputs.pse, pse, where);
    return -slope * (args->pse_type == 3 ? sqrt(distance) : distance);
}

/* The document's index map of compressed biases: rows S - 1024 .. S - 1 of the longest sequence;
 * shorter ones lie at its bottom right. */
static void compressed_place(const oracle_attention *problem, const oracle_attention_place *place,
                             int64_t *row, int64_t *key) {
    const int64_t longest = problem->longest_key;
    const int64_t shift = longest - problem->elements[place->element].key_length;
    const int64_t first = longest - COMPRESSED_ROWS;
    const int64_t i = place->row + shift;
    const int64_t j = *key + shift;
    if (i >= first) {
        *row = i - first;
        *key = j;
    } else {
        *row = ((i % COMPRESSED_ROWS) + COMPRESSED_ROWS) % COMPRESSED_ROWS;
        *key = j - i + first + *row;
    }
}

static double tensor_bias(const oracle_attention *problem, const oracle_attention_place *place,
                          int64_t key) {
    const clf_tensor *pse = problem->args.pse;
    const int64_t *s = pse->strides;
    int64_t row = pse->shape[2] == 1 ? 0 : place->row;
    const bool is_compressed =
        problem->layout == ORACLE_TND ||
        (pse->shape[2] == COMPRESSED_ROWS && problem->elements[0].query_length > COMPRESSED_ROWS);
    if (is_compressed) {
        compressed_place(problem, place, &row, &key);
    }
    const int64_t batch = pse->shape[0] == 1 ? 0 : place->element;
    return oracle_attention_load(problem->inputs.pse, pse,
                                 (int64_t)pse->offset + batch * s[0] + place->head * s[1] +
                                     row * s[2] + key * s[3]);
}

bool oracle_attention_has_bias(const oracle_attention *problem) {
    return is_given(problem->args.pse);
}

double oracle_attention_bias(const oracle_attention *problem, const oracle_attention_place *place,
                             int64_t key) {
    return problem->args.pse_type >= 2 ? slope_bias(problem, place, key)
                                       : tensor_bias(problem, place, key);
}

/* ---- Opening, rows, places ---- */

bool oracle_attention_open(oracle_attention *problem, const clf_flash_attention_args *args,
                           const oracle_attention_inputs *inputs) {
    int64_t value_heads = 0;
    int64_t key_depth = 0;
    memset(problem, 0, sizeof *problem);
    problem->args = *args;
    problem->inputs = *inputs;
    problem->at_element = -1;
    if (!read_layout(args->input_layout, &problem->layout)) {
        return false;
    }
    read_heads(problem, args->query, args->head_num, 0, &problem->num_heads, &problem->depth);
    read_heads(problem, args->key, 0, problem->depth, &problem->num_key_heads, &key_depth);
    read_heads(problem, args->value, problem->num_key_heads, 0, &value_heads,
               &problem->value_depth);
    problem->has_dropout =
        is_given(args->drop_mask) || (args->generate_dropout && args->keep_prob < 1.0);
    if (!(problem->layout == ORACLE_TND ? make_varlen(problem) : make_dense(problem))) {
        return false;
    }
    measure_elements(problem);
    find_slice(problem);
    problem->empty_rows_are_zero = empty_rows_become_zeros(problem);
    const size_t keys = (size_t)problem->longest_key + 1;
    problem->keys = (float *)calloc(keys * (size_t)(problem->depth + 1), sizeof(float));
    problem->values = (float *)calloc(keys * (size_t)(problem->value_depth + 1), sizeof(float));
    problem->logits = (double *)calloc(keys * 3, sizeof(double));
    return problem->keys != NULL && problem->values != NULL && problem->logits != NULL;
}

void oracle_attention_close(oracle_attention *problem) {
    free(problem->elements);
    free(problem->keys);
    free(problem->values);
    free(problem->logits);
    memset(problem, 0, sizeof *problem);
}

int64_t oracle_attention_num_rows(const oracle_attention *problem) {
    int64_t rows = 0;
    for (int64_t b = 0; b < problem->num_elements; b++) {
        rows += problem->num_heads * problem->elements[b].query_length;
    }
    return rows;
}

oracle_attention_place oracle_attention_row_place(const oracle_attention *problem, int64_t number) {
    int64_t element = 0;
    while (number >= problem->num_heads * problem->elements[element].query_length) {
        number -= problem->num_heads * problem->elements[element].query_length;
        element++;
    }
    const int64_t length = problem->elements[element].query_length;
    return (oracle_attention_place){element, number / length, number % length};
}

void oracle_attention_load_head(oracle_attention *problem, const oracle_attention_place *place) {
    const oracle_attention_element *element = &problem->elements[place->element];
    const int64_t group =
        problem->num_key_heads > 0 ? problem->num_heads / problem->num_key_heads : 1;
    const int64_t head = place->head / group;
    if (problem->at_element == place->element && problem->at_key_head == head) {
        return;
    }
    problem->at_element = place->element;
    problem->at_key_head = head;
    for (int64_t j = 0; j < element->key_length; j++) {
        const oracle_attention_token token = {place->element, element->key_begin + j, head};
        for (int64_t d = 0; d < problem->depth; d++) {
            problem->keys[j * problem->depth + d] = (float)oracle_attention_load(
                problem->inputs.key, problem->args.key,
                oracle_attention_token_place(problem, problem->args.key, &token, problem->depth,
                                             d));
        }
        for (int64_t d = 0; d < problem->value_depth; d++) {
            problem->values[j * problem->value_depth + d] = (float)oracle_attention_load(
                problem->inputs.value, problem->args.value,
                oracle_attention_token_place(problem, problem->args.value, &token,
                                             problem->value_depth, d));
        }
    }
}

double oracle_attention_query(const oracle_attention *problem, const oracle_attention_place *place,
                              int64_t d) {
    const oracle_attention_token token = oracle_attention_query_token(problem, place);
    return oracle_attention_load(
        problem->inputs.query, problem->args.query,
        oracle_attention_token_place(problem, problem->args.query, &token, problem->depth, d));
}

int64_t oracle_attention_out_place(const oracle_attention *problem,
                                   const oracle_attention_place *place, int64_t depth) {
    const oracle_attention_token token = oracle_attention_query_token(problem, place);
    return oracle_attention_token_place(problem, problem->args.attention_out, &token,
                                        problem->value_depth, depth);
}

#define COPIES 8

int64_t oracle_attention_statistic_place(const oracle_attention *problem,
                                         const oracle_attention_place *place,
                                         const clf_tensor *statistic) {
    const oracle_attention_element *element = &problem->elements[place->element];
    const int64_t n = problem->num_heads;
    const char *order = problem->args.softmax_layout;
    if (problem->layout != ORACLE_TND) {
        return (int64_t)statistic->offset + place->element * statistic->strides[0] +
               place->head * statistic->strides[1] + place->row * statistic->strides[2];
    }
    if (order != NULL && order[0] != '\0') { /* [T, N, 8] */
        return (int64_t)statistic->offset +
               ((element->query_begin + place->row) * n + place->head) * COPIES;
    }
    /* One batch element after the other, each [N, Sq_b, 8]. */
    return (int64_t)statistic->offset +
           (element->query_begin * n + place->head * element->query_length + place->row) * COPIES;
}
