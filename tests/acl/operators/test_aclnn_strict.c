/* Softmax's and the dropout mask's statuses, and the strict switch of every operator: what it refuses
 * is accepted without it. */
#include <acl/acl_clformer.h>
#include <aclnnop/aclnn_dropout_gen_mask_v2.h>
#include <stdio.h>
#include <string.h>

#include "aclnn_row.h"
#include "attention_call.h"
#include "cmocka_all.h"
#include "ffn_call.h"
#include "floyd_call.h"

#define NULLPTR ACLNN_ERR_PARAM_NULLPTR
#define INVALID ACLNN_ERR_PARAM_INVALID
#define TILING  ACLNN_ERR_INNER_TILING_ERROR
#define OKAY    ACLNN_SUCCESS

static aclnn_bridge bridge;

/* ---- Softmax, in words of ffn_call.h: x or gradOutput is x, w1 the mask, w2 the backward's y, y the
 * output, index fixTriuMask ---- */

static aclnnStatus plan_softmax(aclnn_bridge *of, const void *words) {
    const ffn_call *call = (const ffn_call *)words;
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    args.x = call->args.x;
    args.mask = call->args.weight1;
    args.y = call->args.y;
    args.fixed_triu_mask = call->args.tokens_index_flag;
    return aclnn_plan_softmax(of, &args);
}

static aclnnStatus plan_backward(aclnn_bridge *of, const void *words) {
    const ffn_call *call = (const ffn_call *)words;
    clf_scaled_masked_softmax_grad_args args = CLF_SCALED_MASKED_SOFTMAX_GRAD_ARGS;
    args.grad_output = call->args.x;
    args.mask = call->args.weight1;
    args.y = call->args.weight2;
    args.grad_x = call->args.y;
    args.fixed_triu_mask = call->args.tokens_index_flag;
    return aclnn_plan_softmax_grad(of, &args);
}

static const char softmax_base[] = "x=2,3,4,5 w1=bool:2,1,4,5 w2=2,3,4,5 y=2,3,4,5 ";

static const struct {
    const char *change;
    aclnnStatus status;
    aclnnStatus strict;
} softmax_rows[] = {
    {"", OKAY, OKAY},
    {"x=fp16:2,3,4,5 w2=fp16:2,3,4,5 y=fp16:2,3,4,5", OKAY, OKAY},
    {"w1=bool:1,3,4,5", OKAY, OKAY},
    {"x=null", NULLPTR, NULLPTR},
    {"w1=null", NULLPTR, NULLPTR},
    {"y=null", NULLPTR, NULLPTR},
    {"w1=null index=1", OKAY, INVALID},
    {"index=1", OKAY, INVALID},
    {"x=uint8:2,3,4,5", INVALID, INVALID},
    {"x=int32:2,3,4,5 w2=int32:2,3,4,5 y=int32:2,3,4,5", INVALID, INVALID},
    {"w1=uint8:2,1,4,5", INVALID, INVALID},
    {"w1=2,1,4,5", INVALID, INVALID},
    {"y=fp16:2,3,4,5", INVALID, INVALID},
    {"x=6,4,5 w2=6,4,5 y=6,4,5", INVALID, INVALID},
    {"x=1,2,3,4,5 w2=1,2,3,4,5 y=1,2,3,4,5", INVALID, INVALID},
    {"w1=bool:4,5", INVALID, INVALID},
    {"w1=bool:2,2,4,5", INVALID, INVALID},
    {"w1=bool:3,1,4,5", INVALID, INVALID},
    {"w1=bool:2,1,1,5", INVALID, INVALID},
    {"w1=bool:2,1,4,1", INVALID, INVALID},
    {"y=2,3,4,6", INVALID, INVALID},
    {"y=2,3,5,4", INVALID, INVALID},
    {"y=2,3,4,5/60,20,5,0", INVALID, INVALID},
    {"x=2,3,4,0 w1=bool:2,1,4,0 w2=2,3,4,0 y=2,3,4,0", OKAY, INVALID},
    {"x=0,3,4,5 w1=bool:1,1,4,5 w2=0,3,4,5 y=0,3,4,5", OKAY, OKAY},
    {"x=1,1,2,4097 w1=bool:1,1,2,4097 w2=1,1,2,4097 y=1,1,2,4097", OKAY, INVALID},
};

static void check_softmax(const char *function, aclnn_row_plan plan, aclnn_tally *tally) {
    ffn_call call;
    for (size_t i = 0; i < sizeof softmax_rows / sizeof softmax_rows[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s %s", softmax_base, softmax_rows[i].change);
        ffn_call_make(&call, text);
        aclnn_row_check(&bridge, function, text, plan, &call, softmax_rows[i].status, NULL, tally);
        clf_acl_set_strict(true);
        aclnn_row_check(&bridge, function, text, plan, &call, softmax_rows[i].strict, NULL, tally);
        clf_acl_set_strict(false);
    }
    ffn_call_make(&call, softmax_base);
    aclnn_row_check_results(&bridge, function, plan, &call, tally);
}

static void test_softmax_functions_have_every_status(void **state) {
    (void)state;
    aclnn_tally tally = {0};
    check_softmax("aclnnScaledMaskedSoftmax", plan_softmax, &tally);
    check_softmax("aclnnScaledMaskedSoftmaxBackward", plan_backward, &tally);
    ffn_call call;
    ffn_call_make(&call, "x=2,3,4,5 w1=bool:2,1,4,5 y=2,3,4,5");
    aclnn_row_check(&bridge, "aclnnScaledMaskedSoftmaxBackward", "y=NULL", plan_backward, &call,
                    NULLPTR, "y is NULL", &tally);
    ffn_call_make(&call, "x=2,3,4,5 w1=bool:2,1,4,5 w2=2,3,4,6 y=2,3,4,5");
    aclnn_row_check(&bridge, "aclnnScaledMaskedSoftmaxBackward", "y's shape", plan_backward, &call,
                    INVALID, "y has shape", &tally);
    assert_int_equal(tally.refused_before, 0);
    assert_int_equal(tally.wrong, 0);
}

/* ---- Dropout ---- */

typedef struct dropout_call {
    int64_t sizes[2];
    uint64_t rank; /* 9: no array */
    double prob;
    aclDataType prob_dtype;
    aclDataType dtype;
    int64_t num_bytes; /* -1: no tensor */
} dropout_call;

static aclnnStatus plan_dropout(aclnn_bridge *of, const void *given) {
    const dropout_call *call = (const dropout_call *)given;
    aclTensor *out = call->num_bytes < 0
                         ? NULL
                         : aclCreateTensor(&call->num_bytes, 1, call->dtype, NULL, 0, ACL_FORMAT_ND,
                                           &call->num_bytes, 1, NULL);
    aclIntArray *shape = call->rank == 9 ? NULL : aclCreateIntArray(call->sizes, call->rank);
    const aclnnStatus status = aclnnDropoutGenMaskV2GetWorkspaceSize(
        shape, call->prob, 7, 9, call->prob_dtype, out,
        of->without_size ? NULL : &of->workspace_size, of->without_executor ? NULL : &of->executor);
    if (out != NULL) {
        of->tensors[of->num_tensors++] = out;
    }
    if (shape != NULL) {
        of->arrays[of->num_arrays++] = shape;
    }
    return status;
}

static void test_dropout_function_has_every_status(void **state) {
    (void)state;
    static const struct {
        dropout_call call;
        aclnnStatus status;
    } rows[] = {
        {{{2, 64}, 2, 0.25, ACL_FLOAT16, ACL_UINT8, 16}, OKAY},
        {{{2, 64}, 2, 0, ACL_FLOAT, ACL_UINT8, 17}, OKAY},
        {{{2, 65}, 2, 0.25, ACL_BF16, ACL_UINT8, 32}, OKAY},
        {{{2, 65}, 2, 0.25, ACL_BF16, ACL_UINT8, 31}, INVALID},
        {{{2, 0}, 2, 0.25, ACL_FLOAT, ACL_UINT8, 0}, OKAY},
        {{{2, 64}, 9, 0.25, ACL_FLOAT16, ACL_UINT8, 16}, NULLPTR},
        {{{2, 64}, 2, 0.25, ACL_FLOAT16, ACL_UINT8, -1}, NULLPTR},
        {{{2, 64}, 2, 1, ACL_FLOAT16, ACL_UINT8, 16}, INVALID},
        {{{2, 64}, 2, -0.1, ACL_FLOAT16, ACL_UINT8, 16}, INVALID},
        {{{2, 64}, 2, 0.25, ACL_INT8, ACL_UINT8, 16}, INVALID},
        {{{2, 64}, 2, 0.25, ACL_FLOAT16, ACL_BOOL, 16}, INVALID},
        {{{2, -64}, 2, 0.25, ACL_FLOAT16, ACL_UINT8, 16}, INVALID},
        {{{INT64_MAX, 2}, 2, 0.25, ACL_FLOAT16, ACL_UINT8, 16}, INVALID},
    };
    aclnn_tally tally = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[32];
        snprintf(text, sizeof text, "row %zu", i);
        bridge.creation_failed = false;
        aclnn_row_check(&bridge, "aclnnDropoutGenMaskV2", text, plan_dropout, &rows[i].call,
                        rows[i].status, NULL, &tally);
    }
    aclnn_row_check_results(&bridge, "aclnnDropoutGenMaskV2", plan_dropout, &rows[0].call, &tally);
    assert_int_equal(tally.wrong, 0);
}

/* ---- The strict switch ---- */

static aclnnStatus plan_ffn(aclnn_bridge *of, const void *words) {
    return aclnn_plan_ffn(of, &((const ffn_call *)words)->args, ACLNN_V2);
}

static aclnnStatus plan_floyd(aclnn_bridge *of, const void *words) {
    return aclnn_plan_floyd(of, &((const floyd_call *)words)->args);
}

static aclnnStatus plan_floyd_grad(aclnn_bridge *of, const void *words) {
    return aclnn_plan_floyd_grad(of, &((const floyd_call *)words)->grad_args);
}

static aclnnStatus plan_attention(aclnn_bridge *of, const void *words) {
    return aclnn_plan_attention(of, &((const attention_call *)words)->args, false, ACLNN_V1);
}

static aclnnStatus plan_varlen(aclnn_bridge *of, const void *words) {
    return aclnn_plan_attention(of, &((const attention_call *)words)->args, true, ACLNN_V1);
}

/* With the switch; `strict` NULL: accepted. */
static void check_strictly(const char *function, const char *text, aclnn_row_plan plan,
                           const void *call, aclnnStatus status, const char *strict,
                           aclnn_tally *tally) {
    clf_acl_set_strict(true);
    aclnn_row_check(&bridge, function, text, plan, call, strict == NULL ? OKAY : status, strict,
                    tally);
    clf_acl_set_strict(false);
}

/* Without the switch, where all is accepted, and with it. */
static void check_both(const char *function, const char *text, aclnn_row_plan plan,
                       const void *call, aclnnStatus status, const char *strict,
                       aclnn_tally *tally) {
    aclnn_row_check(&bridge, function, text, plan, call, OKAY, NULL, tally);
    check_strictly(function, text, plan, call, status, strict, tally);
}

static void test_ffn_strict_limits(void **state) {
    (void)state;
    aclnn_tally tally = {0};
    ffn_call call;
    const char *text = "act=swiglu x=fp16:6,8 w1=fp16:8,16 w2=fp16:8,12 y=fp16:6,12 precise=1";
    ffn_call_make(&call, text);
    check_both("aclnnFFNV2", text, plan_ffn, &call, INVALID, "weight2 has 12 columns", &tally);
    text = "act=swiglu x=fp16:6,8 w1=fp16:8,16 w2=fp16:8,8 y=fp16:6,8 precise=1";
    ffn_call_make(&call, text);
    check_both("aclnnFFNV2", text, plan_ffn, &call, INVALID, NULL, &tally);
    assert_int_equal(tally.wrong, 0);
}

static const struct {
    int64_t sizes[6]; /* B H N M K D */
    const char *strict;
} floyd_rows[] = {
    {{1, 1, 16, 128, 128, 32}, NULL},           {{1, 1, 15, 128, 128, 32}, "(N) is 15"},
    {{1, 1, 24, 128, 128, 32}, "(N) is 24"},    {{1, 1, 16, 127, 128, 32}, "(M) is 127"},
    {{1, 1, 16, 192, 128, 32}, "(M) is 192"},   {{1, 1, 16, 128, 100, 32}, "(K) is 100"},
    {{1, 1, 16, 128, 128, 16}, "(D) is 16"},    {{1, 1, 16, 128, 128, 96}, "(D) is 96"},
    {{1, 257, 16, 128, 128, 32}, "(H) is 257"}, {{2049, 1, 16, 128, 128, 32}, "(B) is 2049"},
};

static void floyd_text(char *text, size_t capacity, const int64_t sizes[6], const char *mask) {
    const int b = (int)sizes[0], h = (int)sizes[1], n = (int)sizes[2];
    const int m = (int)sizes[3], k = (int)sizes[4], d = (int)sizes[5];
    static const char *const like_query[] = {"query", "attention_out", "attention_in",
                                             "grad_output", "grad_query"};
    static const char *const like_key1[] = {"key1", "value1", "grad_key1", "grad_value1"};
    static const char *const like_key2[] = {"key2", "value2", "grad_key2", "grad_value2"};
    size_t length =
        (size_t)snprintf(text, capacity, "softmax_max=%d,%d,%d,%d,8 softmax_sum=%d,%d,%d,%d,8 %s ",
                         b, h, n, m, b, h, n, m, mask);
    for (size_t i = 0; i < 5; i++) {
        length += (size_t)snprintf(text + length, capacity - length, "%s=fp16:%d,%d,%d,%d,%d ",
                                   like_query[i], b, h, n, m, d);
    }
    for (size_t i = 0; i < 4; i++) {
        length += (size_t)snprintf(text + length, capacity - length,
                                   "%s=fp16:%d,%d,%d,%d,%d %s=fp16:%d,%d,%d,%d,%d ", like_key1[i],
                                   b, h, n, k, d, like_key2[i], b, h, k, m, d);
    }
}

static void test_floyd_strict_limits(void **state) {
    (void)state;
    aclnn_tally tally = {0};
    floyd_call call;
    char text[2048];
    for (size_t i = 0; i < sizeof floyd_rows / sizeof floyd_rows[0]; i++) {
        floyd_text(text, sizeof text, floyd_rows[i].sizes, "");
        floyd_call_make(&call, text);
        if (i < 2) { /* the native tests accept other sizes; here they would build more kernels */
            check_both("aclnnFusedFloydAttention", text, plan_floyd, &call, TILING,
                       floyd_rows[i].strict, &tally);
        }
        if (floyd_rows[i].strict != NULL) {
            check_strictly("aclnnFusedFloydAttention", text, plan_floyd, &call, TILING,
                           floyd_rows[i].strict, &tally);
            check_strictly("aclnnFusedFloydAttentionGrad", text, plan_floyd_grad, &call, TILING,
                           floyd_rows[i].strict, &tally);
        }
    }
    floyd_text(text, sizeof text, floyd_rows[0].sizes, "atten_mask=1,1,16,128,128");
    floyd_call_make(&call, text);
    check_strictly("aclnnFusedFloydAttention", text, plan_floyd, &call, TILING, NULL, &tally);
    check_strictly("aclnnFusedFloydAttentionGrad", text, plan_floyd_grad, &call, TILING,
                   "attenMaskOptional has size 128 on axis 3", &tally);
    assert_int_equal(tally.wrong, 0);
}

static void test_attention_strict_limits(void **state) {
    (void)state;
    aclnn_tally tally = {0};
    attention_call call;
    static const struct {
        const char *text;
        bool varlen;
        const char *strict;
    } rows[] = {
        {"layout=BNSD heads=256 query=1,256,2,16 key=1,1,3,16 value=1,1,3,16 out=1,256,2,16 "
         "max=1,256,2,8 sum=1,256,2,8",
         false, NULL},
        {"layout=BNSD heads=257 query=1,257,2,16 key=1,1,3,16 value=1,1,3,16 out=1,257,2,16 "
         "max=1,257,2,8 sum=1,257,2,8",
         false, "headNum is 257"},
        {"layout=SBH heads=1 query=1,2097153,16 key=1,2097153,16 value=1,2097153,16 "
         "out=1,2097153,16 max=2097153,1,1,8 sum=2097153,1,1,8",
         false, "the batch size is 2097153"},
        {"layout=BSND heads=1 query=1,1048577,1,16 key=1,3,1,16 value=1,3,1,16 out=1,1048577,1,16 "
         "max=1,1,1048577,8 sum=1,1,1048577,8",
         false, "query's length is 1048577"},
        {"layout=BSH heads=1 query=1,1,16 key=1,1048577,16 value=1,1048577,16 out=1,1,16 "
         "max=1,1,1,8 sum=1,1,1,8",
         false, "key's length is 1048577"},
        {"layout=TND heads=1 query=1048577,1,16 key=3,1,16 value=3,1,16 out=1048577,1,16 "
         "max=1048577,1,8 sum=1048577,1,8 qlen=4 kvlen=3",
         true, "query's length is 1048577"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        attention_call_make(&call, rows[i].text);
        check_both(rows[i].varlen ? "aclnnFlashAttentionVarLenScore" : "aclnnFlashAttentionScore",
                   rows[i].text, rows[i].varlen ? plan_varlen : plan_attention, &call, TILING,
                   rows[i].strict, &tally);
    }
    assert_int_equal(tally.wrong, 0);
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
        cmocka_unit_test(test_softmax_functions_have_every_status),
        cmocka_unit_test(test_dropout_function_has_every_status),
        cmocka_unit_test(test_ffn_strict_limits),
        cmocka_unit_test(test_floyd_strict_limits),
        cmocka_unit_test(test_attention_strict_limits),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
