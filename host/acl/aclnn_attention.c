/* See aclnn_attention.h. */
#include "acl/aclnn_attention.h"

#include <acl/acl_clformer.h>
#include <string.h>

static aclnnStatus check_layout(clf_i_acl_call *call, const clf_i_aclnn_attention *given) {
    const char *layout = given->input_layout;
    if (layout == NULL) {
        return clf_i_acl_call_refuse(call, ACLNN_ERR_PARAM_NULLPTR,
                                     "inputLayout is NULL, a string is required");
    }
    if ((strcmp(layout, "TND") == 0) != given->is_varlen) {
        return clf_i_acl_call_refuse(call, ACLNN_ERR_PARAM_INVALID,
                                     "inputLayout is \"%.32s\", accepted by this function: %s",
                                     layout, given->is_varlen ? "TND" : "BSH, SBH, BSND, BNSD");
    }
    return ACLNN_SUCCESS;
}

/* An array's values into *out_values and *out_count; further arrays once `status` is a failure are
 * not looked at. */
static aclnnStatus take_array(clf_i_acl_call *call, aclnnStatus status, const char *name,
                              const aclIntArray *array, const int64_t **out_values,
                              size_t *out_count) {
    uint64_t count = 0;
    if (status == ACLNN_SUCCESS) {
        status = clf_i_acl_call_int_array(call, name, array, out_values, &count);
        *out_count = (size_t)count;
    }
    return status;
}

/* The first value of an array, which may be missing: 0. */
static aclnnStatus take_first(clf_i_acl_call *call, aclnnStatus status, const char *name,
                              const aclIntArray *array, int64_t *out_value) {
    const int64_t *values = NULL;
    size_t count = 0;
    status = take_array(call, status, name, array, &values, &count);
    *out_value = count > 0 ? values[0] : 0;
    return status;
}

static aclnnStatus take_arrays(clf_i_acl_call *call, const clf_i_aclnn_attention *given,
                               clf_flash_attention_args *args) {
    aclnnStatus status = ACLNN_SUCCESS;
    status =
        take_array(call, status, "prefixOptional", given->prefix, &args->prefix, &args->num_prefix);
    status = take_array(call, status, "actualSeqQLenOptional", given->query_ends,
                        &args->actual_seq_qlen, &args->num_actual_seq_qlen);
    status = take_array(call, status, "actualSeqKvLenOptional", given->key_ends,
                        &args->actual_seq_kvlen, &args->num_actual_seq_kvlen);
    status = take_first(call, status, "qStartIdxOptional", given->query_start, &args->q_start_idx);
    return take_first(call, status, "kvStartIdxOptional", given->key_start, &args->kv_start_idx);
}

static bool is_contiguous(const clf_tensor *tensor) {
    int64_t expected = 1;
    for (int32_t axis = tensor->rank; axis-- > 0;) {
        if (tensor->shape[axis] != 1 && tensor->strides[axis] != expected) {
            return false;
        }
        expected *= tensor->shape[axis];
    }
    return true;
}

/* The documents declare the statistics of TND as [N,T,8], most programs as [T,N,8]. The memory is
 * the same: batch elements one after the other. */
static void swap_axes_of_statistic(clf_tensor *view, const clf_i_aclnn_attention *given) {
    const bool is_in_order = given->softmax_layout != NULL && given->softmax_layout[0] != '\0';
    if (given->is_varlen && !is_in_order && view->rank == 3 && view->shape[0] == given->head_num &&
        view->shape[1] != given->head_num && is_contiguous(view)) {
        view->shape[0] = view->shape[1];
        view->shape[1] = given->head_num;
        view->strides[0] = view->shape[1] * view->shape[2];
        view->strides[1] = view->shape[2];
    }
}

/* The documents' upper limits. Ranks and layouts that are not right are the native function's to
 * refuse. */
static aclnnStatus check_limits(clf_i_acl_call *call, const clf_i_aclnn_attention *given,
                                const clf_flash_attention_args *args) {
    static const struct {
        const char *layout;
        int batch_axis;
        int length_axis;
    } layouts[] = {{"BSH", 0, 1}, {"SBH", 1, 0}, {"BSND", 0, 1}, {"BNSD", 0, 2}, {"TND", -1, 0}};
    const bool has_prefix =
        args->atten_mask != NULL && args->sparse_mode >= 5 && args->sparse_mode <= 6;
    const int64_t most_elements =
        given->is_varlen ? (has_prefix ? 1024 : 2048) : (has_prefix ? 2048 : 2097152);
    const aclnnStatus status = ACLNN_ERR_INNER_TILING_ERROR;
    aclnnStatus found = clf_i_aclnn_limit(call, status, "headNum", args->head_num, 1, 256);
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0] && found == ACLNN_SUCCESS; i++) {
        const int axis = layouts[i].batch_axis;
        const int length = layouts[i].length_axis;
        if (strcmp(layouts[i].layout, args->input_layout) != 0 || args->query->rank < 3 ||
            args->key->rank < 3) {
            continue;
        }
        const int64_t batch =
            axis < 0 ? (int64_t)args->num_actual_seq_qlen : args->query->shape[axis];
        found = clf_i_aclnn_limit(call, status, "the batch size", batch, 0, most_elements);
        if (found == ACLNN_SUCCESS) {
            found = clf_i_aclnn_limit(call, status, "query's length", args->query->shape[length], 0,
                                      1048576);
        }
        if (found == ACLNN_SUCCESS) {
            found = clf_i_aclnn_limit(call, status, "key's length", args->key->shape[length], 0,
                                      1048576);
        }
    }
    return found;
}

/* An optional tensor that counts as absent or is not read has no slot in the plan. */
static void take_slots_of_unread(clf_i_acl_call *call,
                                 const clf_i_aclnn_attention_operands *operands,
                                 const clf_flash_attention_args *args) {
    const bool reads_mask =
        args->atten_mask != NULL &&
        (args->sparse_mode == 0 || args->sparse_mode == 1 || args->sparse_mode == 5);
    if (!reads_mask) {
        call->operands[operands->atten_mask].slot = (clf_slot)0;
    }
    if (args->pse == NULL) {
        call->operands[operands->pse].slot = (clf_slot)0;
    }
    if (args->drop_mask == NULL) {
        call->operands[operands->drop_mask].slot = (clf_slot)0;
    }
}

aclnnStatus clf_i_aclnn_attention_convert(clf_i_acl_call *call, const clf_i_aclnn_attention *given,
                                          const clf_i_aclnn_attention_operands *operands,
                                          clf_flash_attention_args *args) {
    aclnnStatus status = check_layout(call, given);
    if (status == ACLNN_SUCCESS) {
        status = take_arrays(call, given, args);
    }
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    swap_axes_of_statistic(&call->tensors[operands->softmax_max], given);
    swap_axes_of_statistic(&call->tensors[operands->softmax_sum], given);
    args->query = clf_i_acl_given(call, operands->query);
    args->key = clf_i_acl_given(call, operands->key);
    args->value = clf_i_acl_given(call, operands->value);
    args->pse = clf_i_aclnn_present(call, operands->pse);
    args->drop_mask = clf_i_aclnn_present(call, operands->drop_mask);
    args->padding_mask = clf_i_aclnn_present(call, operands->padding_mask);
    args->atten_mask = clf_i_aclnn_present(call, operands->atten_mask);
    args->softmax_max = clf_i_acl_given(call, operands->softmax_max);
    args->softmax_sum = clf_i_acl_given(call, operands->softmax_sum);
    args->attention_out = clf_i_acl_given(call, operands->attention);
    args->scale = given->scale;
    args->keep_prob = given->keep_prob;
    args->pre_tokens = given->pre_tokens;
    args->next_tokens = given->next_tokens;
    args->head_num = given->head_num;
    args->input_layout = given->input_layout;
    args->inner_precise = given->inner_precise;
    args->sparse_mode = given->sparse_mode;
    args->pse_type = given->pse_type;
    args->softmax_layout = given->softmax_layout;
    take_slots_of_unread(call, operands, args);
    return clf_acl_is_strict() ? check_limits(call, given, args) : ACLNN_SUCCESS;
}
