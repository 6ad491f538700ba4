/* Layouts become strides: one table row per layout, one reading of it for all tensors. */
#include "attention/attention_geometry.h"

#include <inttypes.h>
#include <string.h>

#include "core/failure.h"
#include "core/integers.h"
#include "core/memory.h"
#include "shape/view.h"

#define MAX_DEPTH 768

/* Where a layout keeps each axis; NONE: it has no such axis. In fused layouts the last axis holds
 * heads times depth. */
#define NONE (-1)

typedef struct layout_rule {
    const char *name;
    int32_t rank;
    int32_t batch;
    int32_t token;
    int32_t head;
    int32_t depth;
} layout_rule;

static const layout_rule layout_rules[] = {
    {"BSH", 3, 0, 1, NONE, 2}, {"SBH", 3, 1, 0, NONE, 2}, {"BSND", 4, 0, 1, 2, 3},
    {"BNSD", 4, 0, 2, 1, 3},   {"TND", 3, NONE, 0, 1, 2},
};

static clf_status find_layout(const char *name, const layout_rule **out_rule) {
    for (size_t i = 0; i < sizeof layout_rules / sizeof layout_rules[0]; ++i) {
        if (strcmp(layout_rules[i].name, name) == 0) {
            *out_rule = &layout_rules[i];
            return CLF_SUCCESS;
        }
    }
    return clf_i_fail(CLF_ERR_PARAM_INVALID,
                      "input_layout is \"%.32s\", accepted: BSH, SBH, BSND, BNSD, TND", name);
}

/* One tensor read through its layout. In a fused layout one of `heads` and `depth` is given and the
 * other follows. */
typedef struct reading {
    int64_t batch;
    int64_t tokens;
    int64_t heads;
    int64_t depth;
    clf_i_attention_axes axes;
} reading;

typedef struct known {
    int64_t heads; /* 0: unknown */
    int64_t depth; /* 0: unknown */
} known;

static clf_status split_fused(const char *argument, int64_t hidden, known given, reading *result) {
    const bool by_heads = given.heads > 0;
    const int64_t divisor = by_heads ? given.heads : given.depth;
    if (divisor == 0 || hidden % divisor != 0) {
        return clf_i_fail(
            CLF_ERR_TILING,
            "the last axis of %s is %" PRId64 ", accepted: a multiple of the %s %" PRId64, argument,
            hidden, by_heads ? "number of heads" : "head dimension", divisor);
    }
    result->heads = by_heads ? divisor : hidden / divisor;
    result->depth = by_heads ? hidden / divisor : divisor;
    return CLF_SUCCESS;
}

static clf_status read_tensor(const layout_rule *rule, const char *argument,
                              const clf_tensor *tensor, known given, reading *result) {
    if (tensor->rank != rule->rank) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID, "%s has rank %d, accepted: %d in layout %s",
                          argument, (int)tensor->rank, (int)rule->rank, rule->name);
    }
    const bool has_batch = rule->batch != NONE;
    result->batch = has_batch ? tensor->shape[rule->batch] : 1;
    result->tokens = tensor->shape[rule->token];
    result->axes.batch = has_batch ? tensor->strides[rule->batch] : 0;
    result->axes.token = tensor->strides[rule->token];
    result->axes.depth = tensor->strides[rule->depth];
    if (rule->head != NONE) {
        result->heads = tensor->shape[rule->head];
        result->depth = tensor->shape[rule->depth];
        result->axes.head = tensor->strides[rule->head];
        return CLF_SUCCESS;
    }
    const clf_status status = split_fused(argument, tensor->shape[rule->depth], given, result);
    result->axes.head = result->depth * result->axes.depth;
    return status;
}

typedef struct readings {
    reading query;
    reading key;
    reading value;
    reading out;
} readings;

/* The name of what attention_out is: the gradient has it as an input. */
static const char *out_name(const clf_i_attention_gradients *gradients) {
    return gradients != NULL ? "attention_in" : "attention_out";
}

static clf_status read_all(const layout_rule *rule, const clf_flash_attention_args *args,
                           const char *out_argument, readings *all) {
    clf_status status =
        read_tensor(rule, "query", args->query, (known){.heads = args->head_num}, &all->query);
    if (status == CLF_SUCCESS) {
        /* An empty query cannot tell the head dimension; then nothing will be computed either. */
        const known given = {.heads = all->query.depth == 0 ? args->head_num : 0,
                             .depth = all->query.depth};
        status = read_tensor(rule, "key", args->key, given, &all->key);
    }
    if (status == CLF_SUCCESS) {
        const known given = {.heads = all->key.heads > 0 ? all->key.heads : args->head_num};
        status = read_tensor(rule, "value", args->value, given, &all->value);
    }
    if (status == CLF_SUCCESS) {
        status = read_tensor(rule, out_argument, args->attention_out,
                             (known){.heads = args->head_num}, &all->out);
    }
    return status;
}

/* ---- Agreement of the tensors ---- */

static clf_status check_depths(const readings *all) {
    if (all->query.depth != all->key.depth) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "key has head dimension %" PRId64 ", accepted: %" PRId64
                          ", that of query",
                          all->key.depth, all->query.depth);
    }
    if (all->query.depth > MAX_DEPTH) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "query has head dimension %" PRId64 ", accepted: 0 to %d",
                          all->query.depth, MAX_DEPTH);
    }
    const bool empty_value = all->value.depth == 0 && all->query.depth > 0 && all->key.tokens > 0;
    if (all->value.depth > all->key.depth || empty_value) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "value has head dimension %" PRId64 ", accepted: 1 to %" PRId64
                          ", that of key",
                          all->value.depth, all->key.depth);
    }
    return CLF_SUCCESS;
}

static clf_status check_equal(const char *argument, const char *axis, int64_t given,
                              const char *other, int64_t accepted) {
    if (given == accepted) {
        return CLF_SUCCESS;
    }
    return clf_i_fail(CLF_ERR_TILING, "%s has %s %" PRId64 ", accepted: %" PRId64 ", that of %s",
                      argument, axis, given, accepted, other);
}

static clf_status check_heads(const readings *all, int64_t head_num) {
    if (all->query.heads != head_num) {
        return clf_i_fail(CLF_ERR_TILING,
                          "head_num is %" PRId64 ", accepted: %" PRId64 ", the heads of query",
                          head_num, all->query.heads);
    }
    const bool divides = all->key.heads > 0 && head_num % all->key.heads == 0;
    if (!divides && all->key.heads > 0) {
        return clf_i_fail(CLF_ERR_TILING,
                          "key has %" PRId64 " heads, accepted: a divisor of head_num %" PRId64,
                          all->key.heads, head_num);
    }
    return CLF_SUCCESS;
}

static clf_status check_agreement(const readings *all, int64_t head_num, const char *out_argument) {
    const struct {
        const char *argument;
        const char *axis;
        int64_t given;
        const char *other;
        int64_t accepted;
    } rules[] = {
        {"key", "batch size", all->key.batch, "query", all->query.batch},
        {"value", "batch size", all->value.batch, "query", all->query.batch},
        {"value", "length", all->value.tokens, "key", all->key.tokens},
        {"value", "head count", all->value.heads, "key", all->key.heads},
        {out_argument, "batch size", all->out.batch, "query", all->query.batch},
        {out_argument, "length", all->out.tokens, "query", all->query.tokens},
        {out_argument, "head count", all->out.heads, "query", all->query.heads},
        {out_argument, "head dimension", all->out.depth, "value", all->value.depth},
    };
    clf_status status = check_depths(all);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && status == CLF_SUCCESS; ++i) {
        status = check_equal(rules[i].argument, rules[i].axis, rules[i].given, rules[i].other,
                             rules[i].accepted);
    }
    return status == CLF_SUCCESS ? check_heads(all, head_num) : status;
}

/* ---- Batch elements ---- */

static clf_status allocate_spans(clf_i_attention_geometry *geometry) {
    geometry->spans = clf_i_allocate((size_t)geometry->batch, sizeof *geometry->spans);
    return geometry->spans != NULL
               ? CLF_SUCCESS
               : clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for the batch elements");
}

static clf_status make_dense_spans(clf_i_attention_geometry *geometry) {
    const clf_status status = allocate_spans(geometry);
    for (int64_t b = 0; status == CLF_SUCCESS && b < geometry->batch; ++b) {
        geometry->spans[b].query_length = geometry->query_length;
        geometry->spans[b].key_length = geometry->key_length;
    }
    return status;
}

/* The cumulative ends of one list. From a zero after a positive end on, everything must be zero and
 * the elements are empty. */
typedef struct ends {
    const char *argument;
    const int64_t *values;
    size_t count;
    int64_t tokens; /* of the tensor */
} ends;

static clf_status next_end(const ends *list, size_t b, int64_t previous, int64_t *end) {
    const int64_t value = list->values[b];
    const bool is_trailing = value == 0 && previous > 0;
    *end = is_trailing ? previous : value;
    for (size_t rest = b; is_trailing && rest < list->count; ++rest) {
        if (list->values[rest] != 0) {
            return clf_i_fail(CLF_ERR_TILING,
                              "%s[%zu] is %" PRId64 " behind a trailing zero, accepted: 0",
                              list->argument, rest, list->values[rest]);
        }
    }
    if (*end < previous) {
        return clf_i_fail(CLF_ERR_TILING,
                          "%s[%zu] is %" PRId64 ", accepted: at least %" PRId64
                          ", the end before it (ends are cumulative)",
                          list->argument, b, value, previous);
    }
    if (*end > list->tokens) {
        return clf_i_fail(CLF_ERR_TILING,
                          "%s[%zu] is %" PRId64 ", accepted: at most %" PRId64
                          ", the tensor's tokens",
                          list->argument, b, value, list->tokens);
    }
    return CLF_SUCCESS;
}

static clf_status fill_spans(clf_i_attention_geometry *geometry, const ends *queries,
                             const ends *keys) {
    int64_t query_end = 0;
    int64_t key_end = 0;
    for (int64_t b = 0; b < geometry->batch; ++b) {
        clf_i_attention_span *span = &geometry->spans[b];
        span->query_begin = query_end;
        span->key_begin = key_end;
        clf_status status = next_end(queries, (size_t)b, span->query_begin, &query_end);
        if (status == CLF_SUCCESS) {
            status = next_end(keys, (size_t)b, span->key_begin, &key_end);
        }
        if (status != CLF_SUCCESS) {
            return status;
        }
        span->query_length = query_end - span->query_begin;
        span->key_length = key_end - span->key_begin;
        geometry->query_length = clf_i_larger(geometry->query_length, span->query_length);
        geometry->key_length = clf_i_larger(geometry->key_length, span->key_length);
    }
    geometry->covered_query_tokens = query_end;
    return CLF_SUCCESS;
}

static clf_status make_varlen_spans(const clf_flash_attention_args *args,
                                    clf_i_attention_geometry *geometry) {
    const ends queries = {"actual_seq_qlen", args->actual_seq_qlen, args->num_actual_seq_qlen,
                          geometry->query_tokens};
    const ends keys = {"actual_seq_kvlen", args->actual_seq_kvlen, args->num_actual_seq_kvlen,
                       geometry->key_tokens};
    if (queries.values == NULL || keys.values == NULL || queries.count == 0) {
        return clf_i_fail(
            CLF_ERR_TILING,
            "%s is missing, accepted: the cumulative ends of the sequences, which layout "
            "TND needs",
            keys.values == NULL && queries.values != NULL ? keys.argument : queries.argument);
    }
    if (queries.count != keys.count) {
        return clf_i_fail(
            CLF_ERR_TILING,
            "actual_seq_kvlen has %zu entries, accepted: %zu, as many as actual_seq_qlen",
            keys.count, queries.count);
    }
    geometry->batch = (int64_t)queries.count;
    geometry->query_length = 0;
    geometry->key_length = 0;
    const clf_status status = allocate_spans(geometry);
    return status == CLF_SUCCESS ? fill_spans(geometry, &queries, &keys) : status;
}

/* ---- All together ---- */

static void take_sizes(const readings *all, clf_i_attention_geometry *geometry) {
    geometry->batch = all->query.batch;
    geometry->num_heads = all->query.heads;
    geometry->num_key_heads = all->key.heads;
    geometry->query_length = all->query.tokens;
    geometry->key_length = all->key.heads > 0 ? all->key.tokens : 0;
    geometry->query_tokens = all->query.tokens;
    geometry->key_tokens = all->key.tokens;
    geometry->covered_query_tokens = all->query.tokens;
    geometry->depth = all->query.depth;
    geometry->value_depth = all->value.depth;
    geometry->query = all->query.axes;
    geometry->key = all->key.axes;
    geometry->value = all->value.axes;
    geometry->out = all->out.axes;
    geometry->out_is_empty =
        all->query.batch == 0 || all->query.heads == 0 || all->query.tokens == 0;
}

/* Gradients, and the gradient of the output, lie by the layout of what they belong to. Their shapes
 * count even if nothing is to be computed, because zeros are written then. */
static clf_status read_gradients(const layout_rule *rule, const clf_flash_attention_args *args,
                                 const clf_i_attention_gradients *gradients,
                                 clf_i_attention_geometry *geometry) {
    const struct {
        const char *argument;
        const clf_tensor *tensor;
        const char *other;
        const clf_tensor *like;
        int64_t depth;
        clf_i_attention_axes *axes;
    } rules[] = {
        {"grad_output", gradients->output, "attention_in", args->attention_out,
         geometry->value_depth, &geometry->grad_output},
        {"grad_query", gradients->query, "query", args->query, geometry->depth,
         &geometry->grad_query},
        {"grad_key", gradients->key, "key", args->key, geometry->depth, &geometry->grad_key},
        {"grad_value", gradients->value, "value", args->value, geometry->value_depth,
         &geometry->grad_value},
    };
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0] && status == CLF_SUCCESS; ++i) {
        reading found;
        status = read_tensor(rule, rules[i].argument, rules[i].tensor,
                             (known){.depth = rules[i].depth > 0 ? rules[i].depth : 1}, &found);
        if (status == CLF_SUCCESS) {
            status = clf_i_attention_check_same_shape(rules[i].argument, rules[i].tensor,
                                                      rules[i].other, rules[i].like);
            *rules[i].axes = found.axes;
        }
    }
    return status;
}

clf_status clf_i_attention_check_same_shape(const char *argument, const clf_tensor *tensor,
                                            const char *other, const clf_tensor *like) {
    bool same = tensor->rank == like->rank;
    for (int32_t axis = 0; same && axis < like->rank; ++axis) {
        same = tensor->shape[axis] == like->shape[axis];
    }
    if (same) {
        return CLF_SUCCESS;
    }
    char given[CLF_I_SHAPE_TEXT];
    char accepted[CLF_I_SHAPE_TEXT];
    return clf_i_fail(CLF_ERR_TILING, "%s has shape %s, accepted: %s, that of %s", argument,
                      clf_i_shape_text(tensor->rank, tensor->shape, given),
                      clf_i_shape_text(like->rank, like->shape, accepted), other);
}

clf_status clf_i_attention_geometry_make(const clf_flash_attention_args *args,
                                         const clf_i_attention_gradients *gradients,
                                         clf_i_attention_geometry *geometry) {
    memset(geometry, 0, sizeof *geometry);
    const layout_rule *rule = NULL;
    clf_status status = find_layout(args->input_layout, &rule);
    if (status == CLF_SUCCESS && args->head_num <= 0) {
        status = clf_i_fail(CLF_ERR_PARAM_INVALID, "head_num is %" PRId64 ", accepted: 1 or more",
                            args->head_num);
    }
    readings all;
    memset(&all, 0, sizeof all);
    if (status == CLF_SUCCESS) {
        status = read_all(rule, args, out_name(gradients), &all);
    }
    if (status == CLF_SUCCESS) {
        take_sizes(&all, geometry);
        geometry->is_varlen = rule->batch == NONE;
    }
    if (status == CLF_SUCCESS && gradients != NULL) {
        status = read_gradients(rule, args, gradients, geometry);
    }
    if (status != CLF_SUCCESS || geometry->out_is_empty) {
        return status; /* an empty result is a success before all other checks */
    }
    status = check_agreement(&all, args->head_num, out_name(gradients));
    if (status == CLF_SUCCESS) {
        status =
            geometry->is_varlen ? make_varlen_spans(args, geometry) : make_dense_spans(geometry);
    }
    return status;
}

void clf_i_attention_geometry_clear(clf_i_attention_geometry *geometry) {
    clf_i_release(geometry->spans);
    geometry->spans = NULL;
}

int64_t clf_i_attention_num_elements(const clf_i_attention_geometry *geometry) {
    int64_t pairs = 0;
    for (int64_t b = 0; geometry->spans != NULL && b < geometry->batch; ++b) {
        pairs += geometry->spans[b].query_length * geometry->spans[b].key_length;
    }
    return geometry->num_heads * pairs;
}
