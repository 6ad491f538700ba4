/*
 * Statuses and sentences of the FFN functions: the rows of the operator document's table of checks, in
 * its order, whose numbers are in the headings. All by every version that can express them.
 */
#include <stdio.h>
#include <string.h>

#include "aclnn_row.h"
#include "cmocka_all.h"
#include "ffn_call.h"

#define NULLPTR ACLNN_ERR_PARAM_NULLPTR
#define INVALID ACLNN_ERR_PARAM_INVALID
#define OKAY    ACLNN_SUCCESS

static aclnn_bridge bridge;

/* M 6, K1 = N2 = 8, N1 = K2 16 (GLU: K2 8), E 3. */
static const char half[] =
    "act=relu x=fp16:6,8 w1=fp16:8,16 w2=fp16:16,8 b1=fp16:16 b2=fp16:8 y=fp16:6,8 ";
static const char brain[] = "act=silu x=bf16:6,8 w1=bf16:8,16 w2=bf16:16,8 b1=16 b2=8 y=bf16:6,8 ";
static const char glu[] =
    "act=swiglu x=fp16:6,8 w1=fp16:8,16 w2=fp16:8,8 b1=fp16:16 b2=fp16:8 y=fp16:6,8 precise=1 ";
static const char experts[] = "act=gelu x=fp16:2,3,8 w1=fp16:3,8,16 w2=fp16:3,16,8 b1=fp16:3,16 "
                              "b2=fp16:3,8 y=fp16:2,3,8 tokens=1,0,5 ";
static const char device[] = "act=gelu x=fp16:2,3,8 w1=fp16:3,8,16 w2=fp16:3,16,8 b1=fp16:3,16 "
                             "b2=fp16:3,8 y=fp16:2,3,8 device=3 ";
static const char int8[] = "act=gelu x=int8:6,8 w1=int8:8,16 w2=int8:16,8 b1=int32:16 b2=int32:8 "
                           "scale=1 offset=1 ds1=int64:16 ds2=int64:8 y=fp16:6,8 ";
static const char int8_bf16[] =
    "act=gelu x=int8:6,8 w1=int8:8,16 w2=int8:16,8 b1=int32:16 b2=int32:8 "
    "scale=1 offset=1 ds1=bf16:16 ds2=bf16:8 y=bf16:6,8 ";
static const char anti[] = "act=gelu x=fp16:6,8 w1=int8:8,16 w2=int8:16,8 b1=fp16:16 b2=fp16:8 "
                           "as1=fp16:16 as2=fp16:8 ao1=fp16:16 ao2=fp16:8 y=fp16:6,8 ";
static const char anti_bf16[] = "act=gelu x=bf16:6,8 w1=int8:8,16 w2=int8:16,8 b1=16 b2=8 "
                                "as1=bf16:16 as2=bf16:8 ao1=bf16:16 ao2=bf16:8 y=bf16:6,8 ";
/* G1 2, G2 4 */
static const char int4[] =
    "act=gelu x=fp16:6,8 w1=int4:8,16 w2=int4:16,8 b1=fp16:16 b2=fp16:8 as1=fp16:2,16 "
    "as2=fp16:4,8 ao1=fp16:2,16 ao2=fp16:4,8 y=fp16:6,8 ";

static const struct {
    const char *base;
    const char *change;
    aclnnStatus status;
    const char *message;
} rows[] = {
    /* The other bases are right, too; the messages below tell, and kernels would have to be built. */
    {half, "", OKAY, NULL},
    {experts, "", OKAY, NULL},
    {int8, "", OKAY, NULL},
    {anti, "", OKAY, NULL},

    /* 1, 2: the activation, before the tensors */
    {half, "act=null", NULLPTR, "activation is NULL"},
    {half, "act=elu", INVALID, "activation is \"elu\", accepted: fastgelu, gelu"},
    {half, "act=elu x=null", INVALID, "activation is \"elu\""},
    {half, "act=", INVALID, "activation is \"\""},
    {half, "act=ReLU", OKAY, NULL},

    /* 3: required tensors */
    {half, "x=null", NULLPTR, "x is NULL"},
    {half, "w1=null", NULLPTR, "weight1 is NULL"},
    {half, "w2=null", NULLPTR, "weight2 is NULL"},
    {half, "y=null", NULLPTR, "y is NULL"},
    {half, "x=uint8:3 y=null", NULLPTR, "y is NULL"},

    /* 4: the data types of the two deqScales */
    {int8, "ds2=uint64:8", INVALID, "deq_scale2 has dtype uint64"},

    /* 5: tokens */
    {experts, "tokens=-1,2,5", INVALID, "expert_tokens[0] is -1"},
    {experts, "tokens=1,0,4", INVALID, "expert_tokens has the sum 5"},
    {experts, "tokens=1,2,6 index=1", OKAY, NULL},
    {experts, "tokens=4,2,6 index=1", INVALID, "expert_tokens[1] is 2"},
    {experts, "tokens=1,2,5 index=1", INVALID, "expert_tokens ends at 5"},
    {half, "tokens=", OKAY, NULL}, /* an empty list: no experts */
    {half, "device=0", OKAY, NULL},

    /* 7: y */
    {half, "y=fp16:1,6,8", INVALID, "y has shape [1, 6, 8]"},
    {half, "y=fp16:6,16", INVALID, "y has shape [6, 16]"},

    /* 8: ranks, K1, K2 */
    {half, "x=fp16:8 y=fp16:8", INVALID, "x has rank 1"},
    {half, "x=fp16:6,65536 w1=fp16:65536,16 w2=fp16:16,65536 b2=null y=fp16:6,65536", INVALID,
     "x's last axis is 65536, accepted: 0 to 65535"},
    {half, "w1=fp16:8,65536 w2=fp16:65536,8 b1=null", INVALID,
     "weight2's number of rows is 65536, accepted: 0 to 65535"},
    {half, "w1=fp16:1,8,16", INVALID, "weight1 has rank 3"},
    {experts, "w2=fp16:16,8", INVALID, "weight2 has rank 2"},
    {half, "x=fp16:6,7 w2=fp16:16,7 b2=fp16:7 y=fp16:6,7", INVALID, "weight1 has 8 rows"},

    /* 9: N1, K2, N2 */
    {glu, "w1=fp16:8,17 b1=fp16:17", INVALID, "weight1 has 17 columns"},
    {glu, "w2=fp16:16,8", INVALID, "weight2 has 16 rows"},
    {half, "w2=fp16:8,8", INVALID, "weight2 has 8 rows"},
    {half, "w2=fp16:16,12 b2=fp16:12 y=fp16:6,12", INVALID,
     "weight2 has 12 columns, accepted: 8, as x"},
    {glu, "w2=fp16:8,12 b2=fp16:12 y=fp16:6,12", OKAY, NULL}, /* CANN checks it there not */

    /* 10: experts of the weights */
    {experts, "w1=fp16:2,8,16", INVALID, "weight1 has 2 experts"},
    {device, "w2=fp16:4,16,8", INVALID, "weight2 has 4 experts"},

    /* 11: biases */
    {half, "b1=fp16:1,16", INVALID, "bias1 has shape [1, 16]"},
    {half, "b2=fp16:16", INVALID, "bias2 has shape [16]"},
    {experts, "b1=fp16:2,16", INVALID, "bias1 has shape [2, 16]"},

    /* 12: data types of x and the weights */
    {half, "x=6,8", INVALID, "x has dtype fp32 (0), accepted: fp16, bf16, int8"},
    {half, "x=int32:6,8", INVALID, "x has dtype int32"},
    {half, "w2=bf16:16,8", INVALID, "weight2 has dtype bf16"},
    {half, "w1=8,16 w2=16,8", INVALID, "weight1 has dtype fp32"},

    /* 13: halving activations */
    {brain, "act=geglu w2=bf16:8,8", INVALID, "accepted with activation geglu: fp16"},
    {anti, "act=reglu w2=int8:8,8 precise=1", INVALID, "accepted with activation reglu: fp16"},
    {glu, "precise=0", INVALID, "innerPrecise is 0, accepted with activation swiglu: 1"},
    {experts, "act=swiglu w2=fp16:3,8,8 precise=1", INVALID, "expert tokens are given"},
    {device, "act=swiglu w2=fp16:3,8,8 precise=1", INVALID, "expert tokens are given"},
    {glu, "b1=16", INVALID, "bias1 has dtype fp32"},
    {glu, "scale=1", INVALID, "scale is given"},

    /* 14: bf16 */
    {brain, "y=fp16:6,8", INVALID, "y has dtype fp16"},
    {brain, "precise=1", INVALID, "innerPrecise is 1, accepted with bf16: 0"},
    {brain, "b1=bf16:16", INVALID, "bias1 has dtype bf16"},
    {brain, "ds1=bf16:16", INVALID, "deq_scale1 is given"},
    {brain, "ao2=bf16:8", INVALID, "antiquant_offset2 is given"},

    /* 15: int8; what is missing is 161002, not 161001 */
    {int8, "w1=fp16:8,16", INVALID, "weight1 has dtype fp16"},
    {int8, "b1=fp16:16", INVALID, "bias1 has dtype fp16"},
    {int8, "y=6,8", INVALID, "y has dtype fp32"},
    {int8, "scale=null", INVALID, "scale is NULL"},
    {int8, "offset=null", INVALID, "offset is NULL"},
    {int8, "ds1=null", INVALID, "deq_scale1 is NULL"},
    {int8, "ds2=null", INVALID, "deq_scale2 is NULL"},
    {int8_bf16, "ds1=int64:16 ds2=int64:8", INVALID, "deq_scale1 has dtype int64"},
    {int8, "scale=fp16:1", INVALID, "scale has dtype fp16"},
    {int8, "offset=fp16:1", INVALID, "offset has dtype fp16"},
    {int8, "as1=fp16:16", INVALID, "antiquant_scale1 is given"},
    {int8, "ds1=int64:8", INVALID, "deq_scale1 has shape [8]"},
    {int8, "scale=16 ds1=16 ds2=8", INVALID, "for each column"},
    {int8, "scale=8", INVALID, "scale has shape [8]"},

    /* 16: fp16 */
    {half, "b1=16", INVALID, "bias1 has dtype fp32"},
    {half, "ds2=int64:8", INVALID, "deq_scale2 is given"},
    {half, "as1=fp16:16", INVALID, "antiquant_scale1 is given"},
    {half, "precise=2", INVALID, "inner_precise is 2"},

    /* 17: quantised weights */
    {anti, "as1=null", INVALID, "antiquant_scale1 is NULL"},
    {anti, "ao2=null", INVALID, "antiquant_offset2 is NULL"},
    {anti, "as2=bf16:8", INVALID, "antiquant_scale2 has dtype bf16"},
    {anti, "as1=fp16:2,16 ao1=fp16:2,16", INVALID, "groups of rows only with int4 weights"},
    {anti, "scale=1", INVALID, "scale is given"},
    {anti_bf16, "b1=bf16:16", INVALID, "bias1 has dtype bf16"},
    {int4, "as1=fp16:3,16 ao1=fp16:3,16", INVALID, "antiquant_scale1 has 3 groups"},
    {int4, "as2=fp16:8 ao2=fp16:8", INVALID, "antiquant_scale2 has rank 1"},
    {int4, "w1=int4:8,15", INVALID, "weight1 has dtype int4, shape [8, 15]"},

    /* 18: how many experts */
    {device, "device=257 w1=fp16:257,8,16 w2=fp16:257,16,8 b1=null b2=null", INVALID, "257"},

    /* Nothing to do */
    {half, "x=fp16:0,8 y=fp16:0,8", OKAY, NULL},
};

typedef struct ffn_row {
    const ffn_call *call;
    aclnn_version version;
} ffn_row;

static aclnnStatus plan(aclnn_bridge *of, const void *row) {
    const ffn_row *planned = (const ffn_row *)row;
    return aclnn_plan_ffn(of, &planned->call->args, planned->version);
}

static bool can_express(aclnn_version version, const clf_ffn_args *args) {
    return version == ACLNN_V3 ? args->expert_tokens == NULL
                               : args->expert_tokens_tensor == NULL &&
                                     (version == ACLNN_V2 || !args->tokens_index_flag);
}

static void test_ffn_functions_have_every_status(void **state) {
    (void)state;
    static const char *const names[] = {"aclnnFFN", "aclnnFFNV2", "aclnnFFNV3"};
    aclnn_tally tally = {0};
    ffn_call call;
    for (int version = ACLNN_V1; version <= ACLNN_V3; version++) {
        const ffn_row row = {&call, (aclnn_version)version};
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            char text[1024];
            snprintf(text, sizeof text, "%s %s", rows[i].base, rows[i].change);
            ffn_call_make(&call, text);
            if (can_express(row.version, &call.args)) {
                aclnn_row_check(&bridge, names[version - 1], text, plan, &row, rows[i].status,
                                rows[i].message, &tally);
            }
        }
        ffn_call_make(&call, half);
        aclnn_row_check_results(&bridge, names[version - 1], plan, &row, &tally);
    }
    printf("%zu rows, %zu tensors refused before\n", tally.checked, tally.refused_before);
    assert_int_equal(tally.wrong, 0);
}

/* 6: a format that is an NPU's tiling, on any tensor. */
static void test_ffn_private_formats_are_refused(void **state) {
    (void)state;
    ffn_call call;
    ffn_call_make(&call, half);
    bridge.format = ACL_FORMAT_FRACTAL_NZ;
    for (bridge.format_of = 0; bridge.format_of < 6; bridge.format_of++) {
        aclnn_expect_status(aclnn_plan_ffn(&bridge, &call.args, ACLNN_V2), INVALID);
        test_expect_contains(aclGetRecentErrMsg(), "tiling of an NPU");
        aclnn_bridge_forget(&bridge);
    }
    bridge.format = ACL_FORMAT_ND;
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
        cmocka_unit_test(test_ffn_functions_have_every_status),
        cmocka_unit_test(test_ffn_private_formats_are_refused),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
