/* Experts: from counts or ends of ranges to ranges. */
#include "ffn/ffn_experts.h"

#include <inttypes.h>
#include <string.h>

#include "core/failure.h"
#include "core/memory.h"
#include "shape/view.h"

static clf_status check_count(const char *argument, int64_t count) {
    if (count >= 1 && count <= CLF_I_FFN_MAX_EXPERTS) {
        return CLF_SUCCESS;
    }
    return clf_i_fail(CLF_ERR_PARAM_INVALID, "%s has %" PRId64 " values, accepted: 1 to %d",
                      argument, count, CLF_I_FFN_MAX_EXPERTS);
}

static clf_status read_device_tokens(const clf_tensor *tokens, clf_i_ffn_experts *experts) {
    clf_status status =
        clf_i_view_check("expert_tokens_tensor", tokens, CLF_I_DTYPE_BIT(CLF_DTYPE_INT64));
    if (status != CLF_SUCCESS) {
        return status;
    }
    if (tokens->rank != 1) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID, "expert_tokens_tensor has rank %d, accepted: 1",
                          (int)tokens->rank);
    }
    experts->is_on_device = true;
    experts->count = tokens->shape[0];
    experts->stride = tokens->strides[0];
    return check_count("expert_tokens_tensor", experts->count);
}

static clf_status fail_value(size_t i, int64_t given, int64_t lowest, int64_t highest) {
    return clf_i_fail(CLF_ERR_PARAM_INVALID,
                      "expert_tokens[%zu] is %" PRId64 ", accepted: %" PRId64 " to %" PRId64, i,
                      given, lowest, highest);
}

/* A count may take what is left; an end lies between the one before and the last token. */
static clf_status read_host_tokens(const clf_ffn_args *args, int64_t num_tokens,
                                   clf_i_ffn_experts *experts) {
    int64_t begin = 0;
    for (size_t i = 0; i < args->num_expert_tokens; ++i) {
        const int64_t given = args->expert_tokens[i];
        const int64_t lowest = args->tokens_index_flag ? begin : 0;
        const int64_t highest = args->tokens_index_flag ? num_tokens : num_tokens - begin;
        if (given < lowest || given > highest) {
            return fail_value(i, given, lowest, highest);
        }
        experts->ranges[i].begin = begin;
        begin = args->tokens_index_flag ? given : begin + given;
        experts->ranges[i].end = begin;
    }
    if (begin != num_tokens) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "expert_tokens %s %" PRId64 ", accepted: %" PRId64 ", the tokens of x",
                          args->tokens_index_flag ? "ends at" : "has the sum", begin, num_tokens);
    }
    return CLF_SUCCESS;
}

clf_status clf_i_ffn_experts_make(const clf_ffn_args *args, int64_t num_tokens,
                                  clf_i_ffn_experts *experts) {
    memset(experts, 0, sizeof *experts);
    const bool has_list = args->num_expert_tokens > 0;
    if (has_list && args->expert_tokens == NULL) {
        return clf_i_fail(
            CLF_ERR_PARAM_INVALID,
            "expert_tokens is NULL and num_expert_tokens is %zu, accepted: a list, or "
            "0",
            args->num_expert_tokens);
    }
    if (has_list && args->expert_tokens_tensor != NULL) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "expert_tokens and expert_tokens_tensor are both given, accepted: at "
                          "most one");
    }
    experts->is_given = has_list || args->expert_tokens_tensor != NULL;
    if (args->expert_tokens_tensor != NULL) {
        return read_device_tokens(args->expert_tokens_tensor, experts);
    }
    experts->count = 1;
    if (has_list) {
        const size_t count = args->num_expert_tokens;
        experts->count = count <= INT64_MAX ? (int64_t)count : INT64_MAX;
        const clf_status status = check_count("expert_tokens", experts->count);
        if (status != CLF_SUCCESS) {
            return status;
        }
    }
    experts->ranges = clf_i_allocate((size_t)experts->count, sizeof *experts->ranges);
    if (experts->ranges == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "no memory for %" PRId64 " experts",
                          experts->count);
    }
    if (has_list) {
        return read_host_tokens(args, num_tokens, experts);
    }
    experts->ranges[0].end = num_tokens;
    return CLF_SUCCESS;
}

void clf_i_ffn_experts_clear(clf_i_ffn_experts *experts) {
    clf_i_release(experts->ranges);
    experts->ranges = NULL;
}
