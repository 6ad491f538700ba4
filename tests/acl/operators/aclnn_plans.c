/* First phases of all operators; see aclnn_bridge.h. */
#include <aclnnop/aclnn_ffn.h>
#include <aclnnop/aclnn_ffn_v2.h>
#include <aclnnop/aclnn_ffn_v3.h>
#include <aclnnop/aclnn_flash_attention_score.h>
#include <aclnnop/aclnn_flash_attention_score_grad.h>
#include <aclnnop/aclnn_fused_floyd_attention.h>
#include <aclnnop/aclnn_fused_floyd_attention_grad.h>
#include <aclnnop/aclnn_scaled_masked_softmax.h>
#include <aclnnop/aclnn_scaled_masked_softmax_backward.h>

#include "aclnn_bridge.h"
#include "cmocka_all.h"

static void *address_of(const aclnn_bridge *bridge, const clf_tensor *view) {
    for (size_t i = 0; i < bridge->num_places; i++) {
        if (bridge->places[i].view == view) {
            return bridge->places[i].address;
        }
    }
    return NULL;
}

static aclTensor *tensor_of(aclnn_bridge *bridge, const clf_tensor *view) {
    if (view == NULL) {
        return NULL;
    }
    void *address = address_of(bridge, view);
    const aclFormat format =
        bridge->num_tensors == bridge->format_of ? bridge->format : ACL_FORMAT_ND;
    aclTensor *tensor =
        aclCreateTensor(view->shape, (uint64_t)view->rank, (aclDataType)view->dtype, view->strides,
                        (int64_t)view->offset, format, view->shape, (uint64_t)view->rank,
                        bridge->places_later ? NULL : address);
    if (tensor == NULL) {
        bridge->creation_failed = true;
        return NULL;
    }
    assert_true(bridge->num_tensors < ACLNN_BRIDGE_MAX_TENSORS);
    bridge->addresses[bridge->num_tensors] = address;
    bridge->tensors[bridge->num_tensors++] = tensor;
    return tensor;
}

static aclIntArray *array_of(aclnn_bridge *bridge, const int64_t *values, size_t count) {
    if (values == NULL) {
        return NULL;
    }
    aclIntArray *array = aclCreateIntArray(values, count);
    assert_non_null(array);
    assert_true(bridge->num_arrays < ACLNN_BRIDGE_MAX_ARRAYS);
    bridge->arrays[bridge->num_arrays++] = array;
    return array;
}

static void start(aclnn_bridge *bridge) {
    bridge->creation_failed = false;
    bridge->workspace_size = 12345;
    bridge->executor = (aclOpExecutor *)bridge; /* not an executor: must be overwritten */
}

#define T(view) tensor_of(bridge, (view))
#define RESULTS                                                                                    \
    bridge->without_size ? NULL : &bridge->workspace_size,                                         \
        bridge->without_executor ? NULL : &bridge->executor
#define A(values, number) array_of(bridge, (values), (number))

aclnnStatus aclnn_plan_softmax(aclnn_bridge *bridge, const clf_scaled_masked_softmax_args *args) {
    start(bridge);
    return aclnnScaledMaskedSoftmaxGetWorkspaceSize(T(args->x), T(args->mask), args->scale,
                                                    args->fixed_triu_mask, T(args->y), RESULTS);
}

aclnnStatus aclnn_plan_softmax_grad(aclnn_bridge *bridge,
                                    const clf_scaled_masked_softmax_grad_args *args) {
    start(bridge);
    return aclnnScaledMaskedSoftmaxBackwardGetWorkspaceSize(
        T(args->grad_output), T(args->y), T(args->mask), args->scale, args->fixed_triu_mask,
        T(args->grad_x), RESULTS);
}

#define FFN_TENSORS                                                                                \
    T(args->bias1), T(args->bias2), T(args->scale), T(args->offset), T(args->deq_scale1),          \
        T(args->deq_scale2), T(args->antiquant_scale1), T(args->antiquant_scale2),                 \
        T(args->antiquant_offset1), T(args->antiquant_offset2), args->activation,                  \
        args->inner_precise

aclnnStatus aclnn_plan_ffn(aclnn_bridge *bridge, const clf_ffn_args *args, aclnn_version version) {
    start(bridge);
    aclTensor *x = T(args->x);
    aclTensor *weight1 = T(args->weight1);
    aclTensor *weight2 = T(args->weight2);
    aclTensor *y = T(args->y);
    if (version == ACLNN_V3) {
        return aclnnFFNV3GetWorkspaceSize(x, weight1, weight2, T(args->expert_tokens_tensor),
                                          FFN_TENSORS, args->tokens_index_flag, y, RESULTS);
    }
    aclIntArray *tokens = A(args->expert_tokens, args->num_expert_tokens);
    return version == ACLNN_V2
               ? aclnnFFNV2GetWorkspaceSize(x, weight1, weight2, tokens, FFN_TENSORS,
                                            args->tokens_index_flag, y, RESULTS)
               : aclnnFFNGetWorkspaceSize(x, weight1, weight2, tokens, FFN_TENSORS, y, RESULTS);
}

aclnn_phase2 aclnn_run_of_ffn(aclnn_version version) {
    return version == ACLNN_V3 ? aclnnFFNV3 : version == ACLNN_V2 ? aclnnFFNV2 : aclnnFFN;
}

aclnnStatus aclnn_plan_floyd(aclnn_bridge *bridge, const clf_floyd_attention_args *args) {
    start(bridge);
    return aclnnFusedFloydAttentionGetWorkspaceSize(
        T(args->query), T(args->key1), T(args->value1), T(args->key2), T(args->value2),
        T(args->atten_mask), args->scale_value, T(args->softmax_max), T(args->softmax_sum),
        T(args->attention_out), RESULTS);
}

aclnnStatus aclnn_plan_floyd_grad(aclnn_bridge *bridge, const clf_floyd_attention_grad_args *args) {
    start(bridge);
    return aclnnFusedFloydAttentionGradGetWorkspaceSize(
        T(args->query), T(args->key1), T(args->value1), T(args->key2), T(args->value2),
        T(args->grad_output), T(args->atten_mask), T(args->softmax_max), T(args->softmax_sum),
        T(args->attention_in), args->scale_value, T(args->grad_query), T(args->grad_key1),
        T(args->grad_value1), T(args->grad_key2), T(args->grad_value2), RESULTS);
}

/* ---- Attention ---- */

#define ATTENTION_SCALARS                                                                          \
    args->scale, args->keep_prob, args->pre_tokens, args->next_tokens, args->head_num,             \
        (char *)args->input_layout, args->inner_precise, args->sparse_mode
#define PREFIX A(args->prefix, args->num_prefix)
#define ENDS                                                                                       \
    A(args->actual_seq_qlen, args->num_actual_seq_qlen),                                           \
        A(args->actual_seq_kvlen, args->num_actual_seq_kvlen)
#define STARTS     A(&args->q_start_idx, 1), A(&args->kv_start_idx, 1)
#define STATISTICS T(args->softmax_max), T(args->softmax_sum)
#define FORWARD_INPUTS                                                                             \
    T(args->query), T(args->key), T(args->value), T(args->pse), T(args->drop_mask),                \
        T(args->padding_mask), T(args->atten_mask)
#define FORWARD_OUTPUTS STATISTICS, NULL, T(args->attention_out)

aclnnStatus aclnn_plan_attention(aclnn_bridge *bridge, const clf_flash_attention_args *args,
                                 bool varlen, aclnn_version version) {
    start(bridge);
    if (varlen) {
        switch (version) {
        case ACLNN_V1:
            return aclnnFlashAttentionVarLenScoreGetWorkspaceSize(
                FORWARD_INPUTS, PREFIX, ENDS, ATTENTION_SCALARS, FORWARD_OUTPUTS, RESULTS);
        case ACLNN_V2:
            return aclnnFlashAttentionVarLenScoreV2GetWorkspaceSize(
                FORWARD_INPUTS, PREFIX, ENDS, STARTS, ATTENTION_SCALARS, args->pse_type,
                FORWARD_OUTPUTS, RESULTS);
        default:
            return aclnnFlashAttentionVarLenScoreV4GetWorkspaceSize(
                FORWARD_INPUTS, PREFIX, ENDS, ATTENTION_SCALARS, (char *)args->softmax_layout,
                FORWARD_OUTPUTS, RESULTS);
        }
    }
    return version == ACLNN_V1
               ? aclnnFlashAttentionScoreGetWorkspaceSize(FORWARD_INPUTS, PREFIX, ATTENTION_SCALARS,
                                                          FORWARD_OUTPUTS, RESULTS)
               : aclnnFlashAttentionScoreV2GetWorkspaceSize(FORWARD_INPUTS, PREFIX, STARTS,
                                                            ATTENTION_SCALARS, args->pse_type,
                                                            FORWARD_OUTPUTS, RESULTS);
}

aclnn_phase2 aclnn_run_of_attention(bool varlen, aclnn_version version) {
    if (varlen) {
        return version == ACLNN_V1   ? aclnnFlashAttentionVarLenScore
               : version == ACLNN_V2 ? aclnnFlashAttentionVarLenScoreV2
                                     : aclnnFlashAttentionVarLenScoreV4;
    }
    return version == ACLNN_V1 ? aclnnFlashAttentionScore : aclnnFlashAttentionScoreV2;
}

#define GRADIENT_INPUTS                                                                            \
    T(args->query), T(args->key), T(args->value), T(args->grad_output), T(args->pse),              \
        T(args->drop_mask), T(args->padding_mask), T(args->atten_mask), STATISTICS, NULL,          \
        T(args->attention_in)
#define GRADIENT_OUTPUTS                                                                           \
    T(args->grad_query), T(args->grad_key), T(args->grad_value), T(args->grad_pse)

aclnnStatus aclnn_plan_attention_grad(aclnn_bridge *bridge,
                                      const clf_flash_attention_grad_args *args, bool varlen,
                                      aclnn_version version) {
    start(bridge);
    if (varlen) {
        switch (version) {
        case ACLNN_V1:
            return aclnnFlashAttentionUnpaddingScoreGradGetWorkspaceSize(
                GRADIENT_INPUTS, PREFIX, ENDS, ATTENTION_SCALARS, GRADIENT_OUTPUTS, RESULTS);
        case ACLNN_V2:
            return aclnnFlashAttentionUnpaddingScoreGradV2GetWorkspaceSize(
                GRADIENT_INPUTS, PREFIX, ENDS, STARTS, ATTENTION_SCALARS, args->pse_type,
                GRADIENT_OUTPUTS, RESULTS);
        default:
            return aclnnFlashAttentionUnpaddingScoreGradV4GetWorkspaceSize(
                GRADIENT_INPUTS, PREFIX, ENDS, ATTENTION_SCALARS, GRADIENT_OUTPUTS,
                (char *)args->softmax_layout, RESULTS);
        }
    }
    return version == ACLNN_V1
               ? aclnnFlashAttentionScoreGradGetWorkspaceSize(
                     GRADIENT_INPUTS, PREFIX, ATTENTION_SCALARS, GRADIENT_OUTPUTS, RESULTS)
               : aclnnFlashAttentionScoreGradV2GetWorkspaceSize(GRADIENT_INPUTS, PREFIX, STARTS,
                                                                ATTENTION_SCALARS, args->pse_type,
                                                                GRADIENT_OUTPUTS, RESULTS);
}

aclnn_phase2 aclnn_run_of_attention_grad(bool varlen, aclnn_version version) {
    if (varlen) {
        return version == ACLNN_V1   ? aclnnFlashAttentionUnpaddingScoreGrad
               : version == ACLNN_V2 ? aclnnFlashAttentionUnpaddingScoreGradV2
                                     : aclnnFlashAttentionUnpaddingScoreGradV4;
    }
    return version == ACLNN_V1 ? aclnnFlashAttentionScoreGrad : aclnnFlashAttentionScoreGradV2;
}
