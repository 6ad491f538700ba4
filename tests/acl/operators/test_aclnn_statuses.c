/*
 * Statuses and sentences of attention's and Floyd's aclnn functions: every violation of the native
 * tables by every function that can express it, where CANN decides otherwise with its status. Of the
 * lines that are right, which would build many kernels, only the plain ones.
 */
#include <stdio.h>
#include <string.h>

#include "aclnn_row.h"
#include "attention_call.h"
#include "attention_violations.h"
#include "cmocka_all.h"
#include "floyd_call.h"
#include "floyd_violations.h"

static aclnn_bridge bridge;

/* ---- Attention ---- */

typedef struct attention_function {
    const char *name;
    bool varlen;
    bool is_gradient;
    aclnn_version version;
} attention_function;

static const attention_function attention_functions[] = {
    {"aclnnFlashAttentionScore", false, false, ACLNN_V1},
    {"aclnnFlashAttentionScoreV2", false, false, ACLNN_V2},
    {"aclnnFlashAttentionVarLenScore", true, false, ACLNN_V1},
    {"aclnnFlashAttentionVarLenScoreV2", true, false, ACLNN_V2},
    {"aclnnFlashAttentionVarLenScoreV4", true, false, ACLNN_V4},
    {"aclnnFlashAttentionScoreGrad", false, true, ACLNN_V1},
    {"aclnnFlashAttentionScoreGradV2", false, true, ACLNN_V2},
    {"aclnnFlashAttentionUnpaddingScoreGrad", true, true, ACLNN_V1},
    {"aclnnFlashAttentionUnpaddingScoreGradV2", true, true, ACLNN_V2},
    {"aclnnFlashAttentionUnpaddingScoreGradV4", true, true, ACLNN_V4},
};
#define NUM_ATTENTION_FUNCTIONS (sizeof attention_functions / sizeof attention_functions[0])

typedef struct attention_row {
    const attention_function *function;
    const attention_call *call;
} attention_row;

static aclnnStatus plan_attention(aclnn_bridge *of, const void *row) {
    const attention_row *planned = (const attention_row *)row;
    const attention_function *function = planned->function;
    return function->is_gradient ? aclnn_plan_attention_grad(of, &planned->call->grad_args,
                                                             function->varlen, function->version)
                                 : aclnn_plan_attention(of, &planned->call->args, function->varlen,
                                                        function->version);
}

static bool can_express(const attention_function *function, const char *base,
                        const clf_flash_attention_args *args) {
    const bool has_types = args->pse_type != 1 || args->q_start_idx != 0 || args->kv_start_idx != 0;
    return function->varlen == (strstr(base, "layout=TND") != NULL) && !args->generate_dropout &&
           (function->version == ACLNN_V2 || !has_types) &&
           (function->version == ACLNN_V4 || args->softmax_layout == NULL);
}

/* Where CANN decides otherwise than the native function. */
static aclnnStatus attention_status(const attention_violation *line,
                                    const attention_function *function,
                                    const attention_call *call) {
    const clf_tensor *max = call->args.softmax_max;
    if (function->is_gradient && line->message != NULL &&
        (strcmp(line->message, "grad_pse is given") == 0 ||
         strcmp(line->message, "grad_pse has dtype fp32") == 0)) {
        return ACLNN_SUCCESS; /* dpseOut is left alone */
    }
    if (function->varlen && line->status == CLF_ERR_TILING && max != NULL && max->rank == 3 &&
        max->shape[0] == call->args.head_num && max->shape[2] == 8) {
        return ACLNN_SUCCESS; /* [N,T,8], as the document declares it */
    }
    return (aclnnStatus)line->status;
}

static void check_attention_lines(const attention_violation *lines, size_t count,
                                  const attention_function *function, aclnn_tally *tally) {
    for (size_t i = 0; i < count; i++) {
        attention_call call;
        char text[1024];
        snprintf(text, sizeof text, "%s %s", lines[i].base, lines[i].change);
        attention_call_make(&call, text);
        const bool is_other_success = lines[i].status == CLF_SUCCESS && lines[i].change[0] != '\0';
        if (can_express(function, lines[i].base, &call.args) && !is_other_success) {
            const attention_row row = {function, &call};
            aclnn_row_check(&bridge, function->name, text, plan_attention, &row,
                            attention_status(&lines[i], function, &call), NULL, tally);
        }
    }
}

static void test_attention_functions_have_every_status(void **state) {
    (void)state;
    aclnn_tally tally = {0};
    for (size_t i = 0; i < NUM_ATTENTION_FUNCTIONS; i++) {
        const attention_function *function = &attention_functions[i];
        const size_t before = tally.checked;
        check_attention_lines(attention_violations, attention_num_violations, function, &tally);
        if (function->is_gradient) {
            check_attention_lines(attention_grad_violations, attention_num_grad_violations,
                                  function, &tally);
        }
        attention_call call;
        const attention_row row = {function, &call};
        attention_call_make(&call, function->varlen
                                       ? "layout=TND heads=4 query=10,4,16 key=12,2,16 "
                                         "value=12,2,16 out=10,4,16 max=10,4,8 sum=10,4,8 "
                                         "qlen=4,10 kvlen=5,12"
                                       : "layout=BSH heads=4 query=2,6,64 key=2,6,32 value=2,6,32 "
                                         "out=2,6,64 max=2,4,6,8 sum=2,4,6,8");
        aclnn_row_check_results(&bridge, function->name, plan_attention, &row, &tally);
        /* The other kind of layout: 161002. */
        call.args.input_layout = call.grad_args.input_layout = function->varlen ? "BSND" : "TND";
        aclnn_row_check(&bridge, function->name, "the other layout", plan_attention, &row,
                        ACLNN_ERR_PARAM_INVALID, "accepted by this function", &tally);
        assert_true(tally.checked > before + 20);
    }
    printf("%zu rows, %zu tensors refused before\n", tally.checked, tally.refused_before);
    assert_int_equal(tally.wrong, 0);
}

/* ---- Floyd ---- */

static aclnnStatus plan_floyd(aclnn_bridge *of, const void *call) {
    return aclnn_plan_floyd(of, &((const floyd_call *)call)->args);
}

static aclnnStatus plan_floyd_grad(aclnn_bridge *of, const void *call) {
    return aclnn_plan_floyd_grad(of, &((const floyd_call *)call)->grad_args);
}

/* The table is in fp32, which CANN does not take: fp32, fp16, bf16 become fp16, bf16, fp32, but not
 * the statistics, and attention_out not where it is the fp32 output of other inputs. */
static void change_dtypes(floyd_call *call) {
    static clf_dtype changed[64];
    changed[CLF_DTYPE_FP32] = CLF_DTYPE_FP16;
    changed[CLF_DTYPE_FP16] = CLF_DTYPE_BF16;
    changed[CLF_DTYPE_BF16] = CLF_DTYPE_FP32;
    const clf_tensor *out = call->args.attention_out;
    const bool keeps_out = out != NULL && out->dtype == CLF_DTYPE_FP32 &&
                           call->args.query != NULL && call->args.query->dtype != CLF_DTYPE_FP32;
    for (size_t i = 0; i < TEST_NUM_FLOYD_CALL_TENSORS; i++) {
        clf_tensor *tensor = &call->tensors[i];
        const bool is_statistic =
            tensor == call->args.softmax_max || tensor == call->args.softmax_sum ||
            tensor == call->grad_args.softmax_max || tensor == call->grad_args.softmax_sum;
        const bool is_float = tensor->dtype == CLF_DTYPE_FP32 || tensor->dtype == CLF_DTYPE_FP16 ||
                              tensor->dtype == CLF_DTYPE_BF16;
        if (is_float && tensor->rank > 0 && !is_statistic && tensor != call->args.atten_mask &&
            !(keeps_out && tensor == out)) {
            tensor->dtype = changed[tensor->dtype];
        }
    }
}

static bool has_zero_axis(const clf_tensor *tensor, int32_t first, int32_t end) {
    for (int32_t axis = first; axis < end && axis < tensor->rank; axis++) {
        if (tensor->shape[axis] == 0) {
            return true;
        }
    }
    return false;
}

/* Where CANN decides otherwise than the native functions. */
static aclnnStatus floyd_status(const floyd_violation *line, const floyd_call *call,
                                bool is_gradient) {
    const clf_tensor *query = call->args.query;
    const clf_tensor *mask = call->args.atten_mask;
    if (line->status == CLF_ERR_PARAM_NULLPTR || query == NULL) {
        return (aclnnStatus)line->status;
    }
    if (!is_gradient && query->rank == 5 && has_zero_axis(query, 0, 4)) {
        return ACLNN_SUCCESS; /* no output has elements */
    }
    if (mask != NULL && has_zero_axis(mask, 0, 5)) {
        return ACLNN_SUCCESS; /* counts as absent */
    }
    return query->dtype == CLF_DTYPE_FP32 ? ACLNN_ERR_PARAM_INVALID : (aclnnStatus)line->status;
}

static void check_floyd(bool is_gradient) {
    const char *function =
        is_gradient ? "aclnnFusedFloydAttentionGrad" : "aclnnFusedFloydAttention";
    const floyd_direction direction = is_gradient ? TEST_GRADIENT : TEST_FORWARD;
    const aclnn_row_plan plan = is_gradient ? plan_floyd_grad : plan_floyd;
    aclnn_tally tally = {0};
    floyd_call call;
    for (size_t i = 0; i < floyd_num_violations; i++) {
        const floyd_violation *line = &floyd_violations[i];
        char text[2048];
        const bool is_native = strstr(line->change, "size=") != NULL ||
                               strstr(line->change, "method=") != NULL ||
                               strstr(line->change, "limit=") != NULL;
        const bool is_other_success = line->status == CLF_SUCCESS && line->change[0] != '\0';
        if (is_native || is_other_success || (line->direction & direction) == 0) {
            continue;
        }
        snprintf(text, sizeof text, "%s %s", floyd_violations_base, line->change);
        floyd_call_make(&call, text);
        change_dtypes(&call);
        aclnn_row_check(&bridge, function, line->change, plan, &call,
                        floyd_status(line, &call, is_gradient), NULL, &tally);
    }
    floyd_call_make(&call, floyd_violations_base);
    change_dtypes(&call);
    aclnn_row_check_results(&bridge, function, plan, &call, &tally);
    printf("%zu rows, %zu tensors refused before\n", tally.checked, tally.refused_before);
    assert_int_equal(tally.wrong, 0);
    assert_true(tally.checked > 60);
}

static void test_floyd_function_has_every_status(void **state) {
    (void)state;
    check_floyd(false);
}

static void test_floyd_grad_function_has_every_status(void **state) {
    (void)state;
    check_floyd(true);
}

static int begin(void **state) {
    if (test_session_begin(state) != 0) {
        return -1;
    }
    aclnn_bridge_begin(&bridge);
    return 0;
}

static int end(void **state) {
    aclnn_bridge_end(&bridge);
    return test_session_end(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_functions_have_every_status),
        cmocka_unit_test(test_floyd_function_has_every_status),
        cmocka_unit_test(test_floyd_grad_function_has_every_status),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
