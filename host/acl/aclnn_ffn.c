/* aclnnFFN, V2 and V3: one function of all their parameters, with the rules that CANN has beyond
 * clformer/ffn.h. */
#include <acl/acl_clformer.h>
#include <aclnnop/aclnn_ffn.h>
#include <aclnnop/aclnn_ffn_v2.h>
#include <aclnnop/aclnn_ffn_v3.h>
#include <clformer/ffn.h>
#include <strings.h>

#include "acl/aclnn_checks.h"

#define MAX_DEPTH 65535 /* of K1 and K2 */

typedef struct ffn_parameters {
    const char *function;
    const aclTensor *x;
    const aclTensor *weight1;
    const aclTensor *weight2;
    const aclIntArray *tokens;      /* V1, V2 */
    const aclTensor *device_tokens; /* V3 */
    const aclTensor *bias1;
    const aclTensor *bias2;
    const aclTensor *scale;
    const aclTensor *offset;
    const aclTensor *deq_scale1;
    const aclTensor *deq_scale2;
    const aclTensor *antiquant_scale1;
    const aclTensor *antiquant_scale2;
    const aclTensor *antiquant_offset1;
    const aclTensor *antiquant_offset2;
    const char *activation;
    int64_t inner_precise;
    bool tokens_index_flag;
    const aclTensor *y;
} ffn_parameters;

/* The halving activation of the name, in small letters; NULL for another. */
static const char *halving(const char *activation) {
    static const char *const names[] = {"geglu", "swiglu", "reglu"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(activation, names[i]) == 0) {
            return names[i];
        }
    }
    return NULL;
}

/* CANN looks at the activation before the tensors. */
static aclnnStatus check_activation(const char *function, const char *activation) {
    static const char *const names[] = {"fastgelu", "gelu", "relu", "silu"};
    if (activation == NULL) {
        return clf_i_acl_fail(ACLNN_ERR_PARAM_NULLPTR,
                              "%s: activation is NULL, a string is required", function);
    }
    if (halving(activation) != NULL) {
        return ACLNN_SUCCESS;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(activation, names[i]) == 0) {
            return ACLNN_SUCCESS;
        }
    }
    return clf_i_acl_fail(
        ACLNN_ERR_PARAM_INVALID,
        "%s: activation is \"%.32s\", accepted: fastgelu, gelu, relu, silu, geglu, "
        "swiglu, reglu",
        function, activation);
}

static aclnnStatus check_halving(clf_i_acl_call *call, const clf_ffn_args *args, const char *name) {
    if (args->x->dtype != CLF_DTYPE_FP16 || args->weight1->dtype != CLF_DTYPE_FP16) {
        return clf_i_acl_call_refuse(
            call, ACLNN_ERR_PARAM_INVALID,
            "x and weight1 have dtypes %s and %s, accepted with activation %s: fp16",
            clf_dtype_name(args->x->dtype), clf_dtype_name(args->weight1->dtype), name);
    }
    if (args->inner_precise != 1) {
        return clf_i_acl_call_refuse(call, ACLNN_ERR_PARAM_INVALID,
                                     "innerPrecise is %lld, accepted with activation %s: 1",
                                     (long long)args->inner_precise, name);
    }
    if (args->num_expert_tokens > 0 || args->expert_tokens_tensor != NULL) {
        return clf_i_acl_call_refuse(call, ACLNN_ERR_PARAM_INVALID,
                                     "expert tokens are given, accepted with activation %s: none",
                                     name);
    }
    return ACLNN_SUCCESS;
}

/* Ranks that are not right are the native function's to refuse. */
static aclnnStatus check_sizes(clf_i_acl_call *call, const clf_ffn_args *args,
                               bool needs_equal_width) {
    const clf_tensor *weight2 = args->weight2;
    if (args->x->rank < 2 || weight2->rank < 2) {
        return ACLNN_SUCCESS;
    }
    const int64_t k1 = args->x->shape[args->x->rank - 1];
    const int64_t k2 = weight2->shape[weight2->rank - 2];
    const int64_t n2 = weight2->shape[weight2->rank - 1];
    if (k1 > MAX_DEPTH || k2 > MAX_DEPTH) {
        return clf_i_acl_call_refuse(call, ACLNN_ERR_PARAM_INVALID, "%s is %lld, accepted: 0 to %d",
                                     k1 > MAX_DEPTH ? "x's last axis" : "weight2's number of rows",
                                     (long long)(k1 > MAX_DEPTH ? k1 : k2), MAX_DEPTH);
    }
    if (needs_equal_width && n2 != k1) {
        return clf_i_acl_call_refuse(call, ACLNN_ERR_PARAM_INVALID,
                                     "weight2 has %lld columns, accepted: %lld, as x",
                                     (long long)n2, (long long)k1);
    }
    return ACLNN_SUCCESS;
}

/* Operands in the order of the prototype. */
enum {
    X,
    WEIGHT1,
    WEIGHT2,
    EXPERT_TOKENS,
    BIAS1,
    BIAS2,
    SCALE,
    OFFSET,
    DEQ_SCALE1,
    DEQ_SCALE2,
    ANTIQUANT_SCALE1,
    ANTIQUANT_SCALE2,
    ANTIQUANT_OFFSET1,
    ANTIQUANT_OFFSET2,
    Y
};

static aclnnStatus check(clf_i_acl_call *call, const clf_ffn_args *args) {
    static const int x_dtypes[] = {CLF_DTYPE_FP16, CLF_DTYPE_BF16, CLF_DTYPE_INT8, -1};
    const char *halves = halving(args->activation);
    aclnnStatus status = clf_i_aclnn_expect_dtype(call, X, x_dtypes);
    if (status == ACLNN_SUCCESS) {
        status = check_sizes(call, args, halves == NULL || clf_acl_is_strict());
    }
    if (status == ACLNN_SUCCESS && halves != NULL) {
        status = check_halving(call, args, halves);
    }
    if (status == ACLNN_SUCCESS && args->x->dtype == CLF_DTYPE_BF16 &&
        args->weight1->dtype == CLF_DTYPE_BF16 && args->inner_precise != 0) {
        status = clf_i_acl_call_refuse(call, ACLNN_ERR_PARAM_INVALID,
                                       "innerPrecise is %lld, accepted with bf16: 0",
                                       (long long)args->inner_precise);
    }
    return status;
}

static void set_tensors(const clf_i_acl_call *call, clf_ffn_args *args) {
    args->x = clf_i_acl_given(call, X);
    args->weight1 = clf_i_acl_given(call, WEIGHT1);
    args->weight2 = clf_i_acl_given(call, WEIGHT2);
    args->expert_tokens_tensor = clf_i_aclnn_present(call, EXPERT_TOKENS);
    args->bias1 = clf_i_acl_given(call, BIAS1);
    args->bias2 = clf_i_acl_given(call, BIAS2);
    args->scale = clf_i_acl_given(call, SCALE);
    args->offset = clf_i_acl_given(call, OFFSET);
    args->deq_scale1 = clf_i_acl_given(call, DEQ_SCALE1);
    args->deq_scale2 = clf_i_acl_given(call, DEQ_SCALE2);
    args->antiquant_scale1 = clf_i_acl_given(call, ANTIQUANT_SCALE1);
    args->antiquant_scale2 = clf_i_acl_given(call, ANTIQUANT_SCALE2);
    args->antiquant_offset1 = clf_i_acl_given(call, ANTIQUANT_OFFSET1);
    args->antiquant_offset2 = clf_i_acl_given(call, ANTIQUANT_OFFSET2);
    args->y = clf_i_acl_given(call, Y);
}

static aclnnStatus begin(clf_i_acl_call *call, const ffn_parameters *given,
                         uint64_t *workspace_size, aclOpExecutor **executor) {
    const clf_i_acl_role optional = CLF_I_ACL_OPTIONAL_INPUT;
    const clf_i_acl_operand operands[] = {
        {"x", given->x, CLF_SLOT_X, CLF_I_ACL_INPUT},
        {"weight1", given->weight1, CLF_SLOT_WEIGHT1, CLF_I_ACL_INPUT},
        {"weight2", given->weight2, CLF_SLOT_WEIGHT2, CLF_I_ACL_INPUT},
        {"expertTokensOptional", given->device_tokens, CLF_SLOT_EXPERT_TOKENS, optional},
        {"bias1", given->bias1, CLF_SLOT_BIAS1, optional},
        {"bias2", given->bias2, CLF_SLOT_BIAS2, optional},
        {"scale", given->scale, CLF_SLOT_SCALE, optional},
        {"offset", given->offset, CLF_SLOT_OFFSET, optional},
        {"deqScale1", given->deq_scale1, CLF_SLOT_DEQ_SCALE1, optional},
        {"deqScale2", given->deq_scale2, CLF_SLOT_DEQ_SCALE2, optional},
        {"antiquantScale1", given->antiquant_scale1, CLF_SLOT_ANTIQUANT_SCALE1, optional},
        {"antiquantScale2", given->antiquant_scale2, CLF_SLOT_ANTIQUANT_SCALE2, optional},
        {"antiquantOffset1", given->antiquant_offset1, CLF_SLOT_ANTIQUANT_OFFSET1, optional},
        {"antiquantOffset2", given->antiquant_offset2, CLF_SLOT_ANTIQUANT_OFFSET2, optional},
        {"y", given->y, CLF_SLOT_Y, CLF_I_ACL_OUTPUT},
    };
    return CLF_I_ACL_BEGIN(call, given->function, operands, workspace_size, executor);
}

static aclnnStatus plan_ffn(const ffn_parameters *given, uint64_t *workspace_size,
                            aclOpExecutor **executor) {
    clf_i_acl_call call;
    clf_ffn_args args = CLF_FFN_ARGS;
    clf_plan *plan = NULL;
    uint64_t num_tokens = 0;
    if (executor != NULL) {
        *executor = NULL;
    }
    aclnnStatus status = check_activation(given->function, given->activation);
    if (status == ACLNN_SUCCESS) {
        status = begin(&call, given, workspace_size, executor);
    }
    if (status == ACLNN_SUCCESS) {
        status = clf_i_acl_call_int_array(&call, "expertTokens", given->tokens, &args.expert_tokens,
                                          &num_tokens);
    }
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    set_tensors(&call, &args);
    args.num_expert_tokens = (size_t)num_tokens;
    args.activation = given->activation;
    args.tokens_index_flag = given->tokens_index_flag;
    args.inner_precise = given->inner_precise;
    status = check(&call, &args);
    if (status != ACLNN_SUCCESS) {
        return status;
    }
    const clf_status planned = clf_ffn_plan(call.native_device, &args, &plan);
    return clf_i_acl_call_finish(&call, planned, plan);
}

/* The parameters that all versions have, by their names. */
#define COMMON_PARAMETERS                                                                          \
    .x = x, .weight1 = weight1, .weight2 = weight2, .bias1 = bias1, .bias2 = bias2,                \
    .scale = scale, .offset = offset, .deq_scale1 = deqScale1, .deq_scale2 = deqScale2,            \
    .antiquant_scale1 = antiquantScale1, .antiquant_scale2 = antiquantScale2,                      \
    .antiquant_offset1 = antiquantOffset1, .antiquant_offset2 = antiquantOffset2,                  \
    .activation = activation, .inner_precise = innerPrecise, .y = y

aclnnStatus aclnnFFNGetWorkspaceSize(
    const aclTensor *x, const aclTensor *weight1, const aclTensor *weight2,
    const aclIntArray *expertTokens, const aclTensor *bias1, const aclTensor *bias2,
    const aclTensor *scale, const aclTensor *offset, const aclTensor *deqScale1,
    const aclTensor *deqScale2, const aclTensor *antiquantScale1, const aclTensor *antiquantScale2,
    const aclTensor *antiquantOffset1, const aclTensor *antiquantOffset2, const char *activation,
    int64_t innerPrecise, const aclTensor *y, uint64_t *workspaceSize, aclOpExecutor **executor) {
    const ffn_parameters given = {
        .function = "aclnnFFN", .tokens = expertTokens, COMMON_PARAMETERS};
    return plan_ffn(&given, workspaceSize, executor);
}

aclnnStatus
aclnnFFNV2GetWorkspaceSize(const aclTensor *x, const aclTensor *weight1, const aclTensor *weight2,
                           const aclIntArray *expertTokens, const aclTensor *bias1,
                           const aclTensor *bias2, const aclTensor *scale, const aclTensor *offset,
                           const aclTensor *deqScale1, const aclTensor *deqScale2,
                           const aclTensor *antiquantScale1, const aclTensor *antiquantScale2,
                           const aclTensor *antiquantOffset1, const aclTensor *antiquantOffset2,
                           const char *activation, int64_t innerPrecise, bool tokensIndexFlag,
                           const aclTensor *y, uint64_t *workspaceSize, aclOpExecutor **executor) {
    const ffn_parameters given = {.function = "aclnnFFNV2",
                                  .tokens = expertTokens,
                                  .tokens_index_flag = tokensIndexFlag,
                                  COMMON_PARAMETERS};
    return plan_ffn(&given, workspaceSize, executor);
}

aclnnStatus
aclnnFFNV3GetWorkspaceSize(const aclTensor *x, const aclTensor *weight1, const aclTensor *weight2,
                           const aclTensor *expertTokensOptional, const aclTensor *bias1,
                           const aclTensor *bias2, const aclTensor *scale, const aclTensor *offset,
                           const aclTensor *deqScale1, const aclTensor *deqScale2,
                           const aclTensor *antiquantScale1, const aclTensor *antiquantScale2,
                           const aclTensor *antiquantOffset1, const aclTensor *antiquantOffset2,
                           const char *activation, int64_t innerPrecise, bool tokensIndexFlag,
                           const aclTensor *y, uint64_t *workspaceSize, aclOpExecutor **executor) {
    const ffn_parameters given = {.function = "aclnnFFNV3",
                                  .device_tokens = expertTokensOptional,
                                  .tokens_index_flag = tokensIndexFlag,
                                  COMMON_PARAMETERS};
    return plan_ffn(&given, workspaceSize, executor);
}

CLF_I_ACL_SECOND_PHASE(aclnnFFN)

CLF_I_ACL_SECOND_PHASE(aclnnFFNV2)

CLF_I_ACL_SECOND_PHASE(aclnnFFNV3)
