/* The operator document's table of checks, in its order. Numbers in the headings are its rows. */
#include "ffn_violations.h"

#define NULLPTR CLF_ERR_PARAM_NULLPTR
#define INVALID CLF_ERR_PARAM_INVALID
#define OK      CLF_SUCCESS

/* M 6, K1 8, N1 = K2 16, N2 12. */
static const char plain[] = "act=gelu x=6,8 w1=8,16 w2=16,12 b1=16 b2=12 y=6,12 ";
static const char half[] =
    "act=relu x=fp16:6,8 w1=fp16:8,16 w2=fp16:16,12 b1=fp16:16 b2=fp16:12 y=fp16:6,12 ";
static const char brain[] =
    "act=silu x=bf16:6,8 w1=bf16:8,16 w2=bf16:16,12 b1=16 b2=12 y=bf16:6,12 ";
/* K2 8 */
static const char glu[] =
    "act=swiglu x=fp16:6,8 w1=fp16:8,16 w2=fp16:8,12 b1=fp16:16 b2=fp16:12 y=fp16:6,12 precise=1 ";
/* E 3 */
static const char experts[] =
    "act=gelu x=2,3,8 w1=3,8,16 w2=3,16,12 b1=3,16 b2=3,12 y=2,3,12 tokens=1,0,5 ";
static const char device[] =
    "act=gelu x=2,3,8 w1=3,8,16 w2=3,16,12 b1=3,16 b2=3,12 y=2,3,12 device=3 ";
static const char int8[] = "act=gelu x=int8:6,8 w1=int8:8,16 w2=int8:16,12 b1=int32:16 b2=int32:12 "
                           "scale=1 offset=1 ds1=int64:16 ds2=int64:12 y=fp16:6,12 ";
static const char int8_bf16[] =
    "act=gelu x=int8:6,8 w1=int8:8,16 w2=int8:16,12 b1=int32:16 b2=int32:12 "
    "scale=1 offset=1 ds1=bf16:16 ds2=bf16:12 y=bf16:6,12 ";
static const char int8_experts[] =
    "act=gelu x=int8:6,8 w1=int8:3,8,16 w2=int8:3,16,12 b1=int32:3,16 b2=int32:3,12 "
    "scale=3 offset=3 ds1=uint64:3,16 ds2=uint64:3,12 y=fp16:6,12 tokens=1,0,5 ";
static const char int8_glu[] =
    "act=geglu x=int8:6,8 w1=int8:8,16 w2=int8:8,12 b1=int32:16 b2=int32:12 "
    "scale=1 offset=1 ds1=int64:16 ds2=int64:12 y=fp16:6,12 ";
static const char anti[] = "act=gelu x=fp16:6,8 w1=int8:8,16 w2=int8:16,12 b1=fp16:16 b2=fp16:12 "
                           "as1=fp16:16 as2=fp16:12 ao1=fp16:16 ao2=fp16:12 y=fp16:6,12 ";
static const char anti_bf16[] = "act=gelu x=bf16:6,8 w1=int8:8,16 w2=int8:16,12 b1=16 b2=12 "
                                "as1=bf16:16 as2=bf16:12 ao1=bf16:16 ao2=bf16:12 y=bf16:6,12 ";
/* G1 2, G2 4 */
static const char int4[] =
    "act=gelu x=fp16:6,8 w1=int4:8,16 w2=int4:16,12 b1=fp16:16 b2=fp16:12 as1=fp16:2,16 "
    "as2=fp16:4,12 ao1=fp16:2,16 ao2=fp16:4,12 y=fp16:6,12 ";
static const char int4_experts[] =
    "act=gelu x=bf16:6,8 w1=int4:3,8,16 w2=int4:3,16,12 as1=bf16:3,2,16 as2=bf16:3,4,12 "
    "ao1=bf16:3,2,16 ao2=bf16:3,4,12 y=bf16:6,12 device=3 ";

#define FIRST_WEIGHT "w1=fp16:8,17 b1=fp16:17 "

const ffn_violation ffn_violations[] = {
    {plain, "", OK, NULL},
    {half, "", OK, NULL},
    {brain, "", OK, NULL},
    {glu, "", OK, NULL},
    {experts, "", OK, NULL},
    {device, "", OK, NULL},
    {int8, "", OK, NULL},
    {int8_bf16, "", OK, NULL},
    {int8_experts, "", OK, NULL},
    {int8_glu, "", OK, NULL},
    {anti, "", OK, NULL},
    {anti_bf16, "", OK, NULL},
    {int4, "", OK, NULL},
    {int4_experts, "", OK, NULL},
    {plain, "b1=null", OK, NULL},
    {plain, "b2=null", OK, NULL},
    {plain, "b1=null b2=null", OK, NULL},
    {int8, "b1=null b2=null", OK, NULL},

    /* The struct */
    {plain, "size=0", INVALID, "struct_size is 0"},
    {plain, "size=8", INVALID, "struct_size is 8"},
    {plain, "size=18446744073709551615", INVALID, "struct_size is 18446744073709551615"},

    /* 1, 2: activation; it comes before the tensors */
    {plain, "act=null", NULLPTR, "activation is NULL"},
    {plain, "act=null x=null", NULLPTR, "activation is NULL"},
    {plain, "act=", INVALID, "activation is \"\""},
    {plain, "act=elu", INVALID, "activation is \"elu\", accepted: fastgelu, gelu, relu, silu"},
    {plain, "act=gelu_", INVALID, "activation is \"gelu_\""},
    {plain, "act=gel", INVALID, "activation is \"gel\""},
    {plain, "act=elu x=null", INVALID, "activation"},
    {plain, "act=FastGELU", OK, NULL},
    {plain, "act=RELU", OK, NULL},
    {plain, "act=Silu", OK, NULL},
    {glu, "act=GeGLU", OK, NULL},
    {glu, "act=reglu", OK, NULL},

    /* 3: required tensors */
    {plain, "x=null", NULLPTR, "x is NULL"},
    {plain, "w1=null", NULLPTR, "weight1 is NULL"},
    {plain, "w2=null", NULLPTR, "weight2 is NULL"},
    {plain, "y=null", NULLPTR, "y is NULL"},

    /* 4: the two deq_scales */
    {int8, "ds2=uint64:12", INVALID, "deq_scale2 has dtype uint64 (10), accepted: int64"},
    {int8, "ds2=12", INVALID, "deq_scale2 has dtype fp32 (0), accepted: int64"},
    {int8, "ds1=16", INVALID, "deq_scale2 has dtype int64 (9), accepted: fp32"},

    /* 5: tokens */
    {experts, "tokens=-1,2,5", INVALID, "expert_tokens[0] is -1, accepted: 0 to 6"},
    {experts, "tokens=1,0,4", INVALID, "expert_tokens has the sum 5, accepted: 6"},
    {experts, "tokens=1,0,6", INVALID, "expert_tokens[2] is 6, accepted: 0 to 5"},
    {experts, "tokens=1,9223372036854775807,9223372036854775807", INVALID, "expert_tokens[1] is"},
    {experts, "tokens=6,0,0", OK, NULL},
    {experts, "tokens=0,0,6", OK, NULL},
    {experts, "tokens=1,1,6 index=1", OK, NULL},
    {experts, "tokens=0,6,6 index=1", OK, NULL},
    {experts, "tokens=1,1,5 index=1", INVALID, "expert_tokens ends at 5, accepted: 6"},
    {experts, "tokens=4,2,6 index=1", INVALID, "expert_tokens[1] is 2, accepted: 4 to 6"},
    {experts, "tokens=-1,2,6 index=1", INVALID, "expert_tokens[0] is -1, accepted: 0 to 6"},
    {experts, "tokens=1,7,7 index=1", INVALID, "expert_tokens[1] is 7, accepted: 1 to 6"},
    {experts, "device=3", INVALID, "expert_tokens and expert_tokens_tensor are both given"},
    {experts, "tokens=null num=3", INVALID, "expert_tokens is NULL and num_expert_tokens is 3"},
    {plain, "tokens=", OK, NULL}, /* an empty list: no experts */
    {device, "tokens=", OK, NULL},
    {device, "index=1", OK, NULL},
    {device, "device=int32:3", INVALID,
     "expert_tokens_tensor has dtype int32 (3), accepted: int64"},
    {device, "device=1,3", INVALID, "expert_tokens_tensor has rank 2"},
    {device, "device=0", INVALID, "expert_tokens_tensor has 0 values, accepted: 1 to 256"},
    {device, "device=3/-1@2", OK, NULL},
    {device, "device=3/0", OK, NULL},

    /* 7: y */
    {plain, "y=12", INVALID, "y has shape [12], accepted: [6, 12]"},
    {plain, "y=1,6,12", INVALID, "y has shape [1, 6, 12], accepted: [6, 12]"},
    {plain, "y=6,8", INVALID, "y has shape [6, 8], accepted: [6, 12]"},
    {plain, "y=5,12", INVALID, "y has shape [5, 12]"},
    {experts, "y=6,12", INVALID, "y has shape [6, 12], accepted: [2, 3, 12]"},
    {experts, "y=3,2,12", INVALID, "y has shape [3, 2, 12]"},

    /* 8: ranks, K1 */
    {plain, "x=8 y=12", INVALID, "x has rank 1, accepted: 2 to 8"},
    {plain, "x=1,1,1,2,1,3,1,8 y=1,1,1,2,1,3,1,12", OK, NULL},
    {plain, "w1=1,8,16", INVALID, "weight1 has rank 3, accepted: 2 without experts"},
    {plain, "w2=1,16,12", INVALID, "weight2 has rank 3, accepted: 2 without experts"},
    {plain, "w1=128", INVALID, "weight1 has rank 1"},
    {experts, "w1=8,16", INVALID, "weight1 has rank 2, accepted: 3 with experts"},
    {device, "w2=16,12", INVALID, "weight2 has rank 2, accepted: 3 with experts"},
    {plain, "x=6,7", INVALID, "weight1 has 8 rows, accepted: 7, as x tells"},
    {plain, "x=6,70000 w1=70000,16", OK, NULL}, /* a limit of the document's device only */
    {int8, "x=int8:6,131071 w1=int8:131071,16", OK, NULL},
    {int8, "x=int8:6,131072 w1=int8:131072,16", INVALID,
     "weight1 has 131072 rows, accepted: at "
     "most 131071 in int8"},
    {int8, "w1=int8:8,131072 w2=int8:131072,12 b1=null ds1=int64:131072", INVALID,
     "weight2 has 131072 rows"},

    /* 9: N1 and K2 */
    {glu, FIRST_WEIGHT, INVALID,
     "weight1 has 17 columns, accepted: an even number with activation "
     "swiglu"},
    {glu, "w2=fp16:16,12", INVALID, "weight2 has 16 rows, accepted: 8, as weight1 tells"},
    {half, "w2=fp16:8,12", INVALID, "weight2 has 8 rows, accepted: 16, as weight1 tells"},
    {half, "w2=fp16:17,12", INVALID, "weight2 has 17 rows"},
    {half, "w2=fp16:16,8 b2=fp16:8 y=fp16:6,8", OK, NULL}, /* K1 = N2, as the document wants it */

    /* 10: experts of the weights */
    {experts, "w1=2,8,16", INVALID, "weight1 has 2 experts, accepted: 3"},
    {experts, "w2=4,16,12", INVALID, "weight2 has 4 experts, accepted: 3"},
    {device, "device=2", INVALID, "weight1 has 3 experts, accepted: 2"},

    /* 11: biases */
    {plain, "b1=1,16", INVALID, "bias1 has shape [1, 16], accepted: [16]"},
    {plain, "b1=12", INVALID, "bias1 has shape [12], accepted: [16]"},
    {plain, "b2=16", INVALID, "bias2 has shape [16], accepted: [12]"},
    {plain, "b2=0", INVALID, "bias2 has shape [0], accepted: [12]"},
    {experts, "b1=16", INVALID, "bias1 has shape [16], accepted: [3, 16]"},
    {experts, "b2=2,12", INVALID, "bias2 has shape [2, 12], accepted: [3, 12]"},
    {glu, "b1=fp16:8", INVALID, "bias1 has shape [8], accepted: [16]"},

    /* 12: dtypes of x and the weights */
    {plain, "x=int32:6,8", INVALID, "x has dtype int32 (3), accepted: fp32, fp16, int8, bf16"},
    {plain, "x=uint8:6,8", INVALID, "x has dtype uint8"},
    {plain, "x=int4:6,8", INVALID, "x has dtype int4"},
    {plain, "x=other:6,8", INVALID, "x has dtype unknown (99)"},
    {plain, "w1=fp16:8,16", INVALID, "weight1 has dtype fp16 (1), accepted: fp32"},
    {plain, "w1=int8:8,16", INVALID, "weight1 has dtype int8 (2), accepted: fp32"},
    {plain, "w2=fp16:16,12", INVALID, "weight2 has dtype fp16 (1), accepted: fp32"},
    {half, "w1=bf16:8,16", INVALID, "weight1 has dtype bf16 (27), accepted: fp16, int8, int4"},
    {half, "w2=bf16:16,12", INVALID, "weight2 has dtype bf16 (27), accepted: fp16"},
    {brain, "w1=fp16:8,16", INVALID, "weight1 has dtype fp16 (1), accepted: int8, bf16, int4"},
    {anti, "w2=int4:16,12", INVALID, "weight2 has dtype int4 (29), accepted: int8"},
    {half, "w1=uint8:8,16", INVALID, "weight1 has dtype uint8"},

    /* 13: GLU goes with every type and with experts here */
    {plain, "act=reglu w2=8,12", OK, NULL},
    {brain, "act=geglu w2=bf16:8,12", OK, NULL},
    {experts, "act=swiglu w2=3,8,12", OK, NULL},
    {anti, "act=geglu w2=int8:8,12", OK, NULL},
    {int4_experts, "act=swiglu w2=int4:3,8,12", OK, NULL},
    {glu, "precise=0", OK, NULL},
    {glu, "b1=16", INVALID, "bias1 has dtype fp32 (0), accepted: fp16"},
    {glu, "scale=1", INVALID, "scale is given, accepted: NULL with x of fp16 and weights of fp16"},

    /* 14: bf16 */
    {brain, "y=fp16:6,12", INVALID, "y has dtype fp16 (1), accepted: bf16"},
    {brain, "y=6,12", INVALID, "y has dtype fp32 (0), accepted: bf16"},
    {brain, "b1=bf16:16", INVALID, "bias1 has dtype bf16 (27), accepted: fp32"},
    {brain, "b2=fp16:12", INVALID, "bias2 has dtype fp16 (1), accepted: fp32"},
    {brain, "scale=1", INVALID, "scale is given"},
    {brain, "offset=1", INVALID, "offset is given"},
    {brain, "ds1=bf16:16", INVALID, "deq_scale1 is given"},
    {brain, "ds2=bf16:12", INVALID, "deq_scale2 is given"},
    {brain, "as1=bf16:16", INVALID, "antiquant_scale1 is given, accepted: NULL with x of bf16"},
    {brain, "as2=bf16:12", INVALID, "antiquant_scale2 is given"},
    {brain, "ao1=bf16:16", INVALID, "antiquant_offset1 is given"},
    {brain, "ao2=bf16:12", INVALID, "antiquant_offset2 is given"},
    {brain, "precise=1", OK, NULL}, /* has no effect */

    /* 15: int8 */
    {int8, "w1=fp16:8,16", INVALID, "weight1 has dtype fp16 (1), accepted: int8"},
    {int8, "w1=int4:8,16", INVALID, "weight1 has dtype int4 (29), accepted: int8"},
    {int8, "b1=fp16:16", INVALID, "bias1 has dtype fp16 (1), accepted: int32"},
    {int8, "b2=12", INVALID, "bias2 has dtype fp32 (0), accepted: int32"},
    {int8, "y=int8:6,12", INVALID, "y has dtype int8 (2), accepted: fp16, bf16"},
    {int8, "y=6,12", INVALID, "y has dtype fp32 (0), accepted: fp16, bf16"},
    {int8, "scale=null", INVALID, "scale is NULL, accepted: a tensor with x of int8"},
    {int8, "offset=null", INVALID, "offset is NULL"},
    {int8, "ds1=null", INVALID, "deq_scale1 is NULL"},
    {int8, "ds2=null", INVALID, "deq_scale2 is NULL"},
    {int8, "ds1=16 ds2=12", OK, NULL},
    {int8, "ds1=uint64:16 ds2=uint64:12", OK, NULL},
    {int8, "ds1=bf16:16 ds2=bf16:12", INVALID,
     "deq_scale1 has dtype bf16 (27), accepted: fp32, int64, uint64"},
    {int8_bf16, "ds1=int64:16 ds2=int64:12", INVALID,
     "deq_scale1 has dtype int64 (9), accepted: bf16"},
    {int8_bf16, "ds1=16 ds2=12", INVALID, "deq_scale1 has dtype fp32 (0), accepted: bf16"},
    {int8, "scale=fp16:1", INVALID, "scale has dtype fp16 (1), accepted: fp32"},
    {int8, "offset=bf16:1", INVALID, "offset has dtype bf16 (27), accepted: fp32"},
    {int8, "as1=fp16:16", INVALID, "antiquant_scale1 is given, accepted: NULL with x of int8"},
    {int8, "as2=fp16:12", INVALID, "antiquant_scale2 is given"},
    {int8, "ao1=fp16:16", INVALID, "antiquant_offset1 is given"},
    {int8, "ao2=fp16:12", INVALID, "antiquant_offset2 is given"},
    {int8, "ds1=int64:12", INVALID, "deq_scale1 has shape [12], accepted: [16]"},
    {int8, "ds2=int64:1", INVALID, "deq_scale2 has shape [1], accepted: [12]"},
    {int8, "ds1=int64:1,16", INVALID, "deq_scale1 has shape [1, 16]"},
    {int8, "scale=16", OK, NULL},
    {int8_bf16, "scale=16", OK, NULL},
    {int8, "scale=16 ds1=16 ds2=12", INVALID,
     "deq_scale1 has dtype fp32, accepted: int64, uint64 with a scale for each column"},
    {int8, "scale=8", INVALID, "scale has shape [8], accepted: [1], or [16] for each column"},
    {int8, "scale=1,16", INVALID, "scale has shape [1, 16], accepted: [16]"},
    {int8, "offset=16", INVALID, "offset has shape [16], accepted: [1]"},
    {int8, "offset=1,1", INVALID, "offset has shape [1, 1], accepted: [1]"},
    {int8_experts, "scale=3,16", OK, NULL},
    {int8_experts, "scale=1", INVALID, "scale has shape [1], accepted: [3], or [3, 16] for each"},
    {int8_experts, "scale=16", INVALID, "scale has shape [16], accepted: [3], or [3, 16]"},
    {int8_experts, "scale=3,1", INVALID, "scale has shape [3, 1], accepted: [3, 16]"},
    {int8_experts, "offset=1", INVALID, "offset has shape [1], accepted: [3]"},
    {int8_experts, "ds1=uint64:16", INVALID, "deq_scale1 has shape [16], accepted: [3, 16]"},
    {int8_experts, "ds1=3,16 ds2=3,12", OK, NULL},
    {int8_experts, "scale=3,16 ds1=3,16 ds2=3,12", INVALID, "for each column"},
    {int8_glu, "scale=8", OK, NULL}, /* K2 */
    {int8_glu, "scale=16", INVALID, "scale has shape [16], accepted: [1], or [8]"},

    /* 16: fp16, and fp32 likewise */
    {half, "b1=16", INVALID, "bias1 has dtype fp32 (0), accepted: fp16"},
    {half, "y=6,12", INVALID, "y has dtype fp32 (0), accepted: fp16"},
    {half, "y=bf16:6,12", INVALID, "y has dtype bf16 (27), accepted: fp16"},
    {half, "scale=1", INVALID, "scale is given"},
    {half, "offset=1", INVALID, "offset is given"},
    {half, "ds1=int64:16", INVALID, "deq_scale1 is given"},
    {half, "ds2=int64:12", INVALID, "deq_scale2 is given"},
    {half, "as1=fp16:16", INVALID, "antiquant_scale1 is given"},
    {half, "as2=fp16:12", INVALID, "antiquant_scale2 is given"},
    {half, "ao1=fp16:16", INVALID, "antiquant_offset1 is given"},
    {half, "ao2=fp16:12", INVALID, "antiquant_offset2 is given"},
    {half, "precise=1", OK, NULL},
    {half, "precise=2", INVALID, "inner_precise is 2, accepted: 0 or 1"},
    {half, "precise=-1", INVALID, "inner_precise is -1"},
    {plain, "y=fp16:6,12", INVALID, "y has dtype fp16 (1), accepted: fp32"},
    {plain, "b2=fp16:12", INVALID, "bias2 has dtype fp16 (1), accepted: fp32"},
    {plain, "as1=16", INVALID, "antiquant_scale1 is given"},

    /* 17: quantised weights */
    {anti, "as1=null", INVALID, "antiquant_scale1 is NULL, accepted: a tensor with x of fp16"},
    {anti, "as2=null", INVALID, "antiquant_scale2 is NULL"},
    {anti, "ao1=null", INVALID, "antiquant_offset1 is NULL"},
    {anti, "ao2=null", INVALID, "antiquant_offset2 is NULL"},
    {anti, "as1=16", INVALID, "antiquant_scale1 has dtype fp32 (0), accepted: fp16"},
    {anti, "ao2=bf16:12", INVALID, "antiquant_offset2 has dtype bf16 (27), accepted: fp16"},
    {anti_bf16, "as2=fp16:12", INVALID, "antiquant_scale2 has dtype fp16 (1), accepted: bf16"},
    {anti, "as1=fp16:12 ao1=fp16:12", INVALID, "antiquant_scale1 has shape [12], accepted: [16]"},
    {anti, "as1=fp16:1 ao1=fp16:1", INVALID, "antiquant_scale1 has shape [1], accepted: [16]"},
    {anti, "ao1=fp16:12", INVALID, "antiquant_offset1 has shape [12], accepted: [16]"},
    {anti, "as1=fp16:1,1,16", INVALID, "antiquant_scale1 has shape [1, 1, 16], accepted: [16]"},
    {anti, "as1=fp16:2,16 ao1=fp16:2,16", INVALID, "groups of rows only with int4 weights"},
    {anti, "scale=1", INVALID, "scale is given, accepted: NULL with x of fp16 and weights of int8"},
    {anti, "offset=1", INVALID, "offset is given"},
    {anti, "ds1=int64:16", INVALID, "deq_scale1 is given"},
    {anti, "ds2=int64:12", INVALID, "deq_scale2 is given"},
    {anti, "b1=16", INVALID, "bias1 has dtype fp32 (0), accepted: fp16"},
    {anti_bf16, "b1=bf16:16", INVALID, "bias1 has dtype bf16 (27), accepted: fp32"},
    {anti, "y=bf16:6,12", INVALID, "y has dtype bf16 (27), accepted: fp16"},
    {anti_bf16, "y=fp16:6,12", INVALID, "y has dtype fp16 (1), accepted: bf16"},
    {anti, "precise=1", OK, NULL},
    {int4, "as1=fp16:16 as2=fp16:12 ao1=fp16:16 ao2=fp16:12", OK, NULL},
    {int4, "as2=fp16:12 ao2=fp16:12", INVALID, "antiquant_scale2 has rank 1, accepted: 2"},
    {int4, "as1=fp16:3,16 ao1=fp16:3,16", INVALID,
     "antiquant_scale1 has 3 groups, accepted: a divisor of the 8 rows of weight1"},
    {int4, "as1=fp16:0,16 ao1=fp16:0,16", INVALID, "antiquant_scale1 has 0 groups"},
    {int4, "as2=fp16:32,12 ao2=fp16:32,12", INVALID, "antiquant_scale2 has 32 groups"},
    {int4, "as1=fp16:8,16 ao1=fp16:8,16 as2=fp16:1,12 ao2=fp16:1,12", OK, NULL},
    {int4, "as1=fp16:2,12", INVALID, "antiquant_scale1 has shape [2, 12], accepted: [2, 16]"},
    {int4, "ao1=fp16:4,16", INVALID, "antiquant_offset1 has shape [4, 16], accepted: [2, 16]"},
    {int4_experts, "as1=bf16:2,2,16", INVALID,
     "antiquant_scale1 has shape [2, 2, 16], accepted: "
     "[3, 2, 16]"},
    {int4_experts, "as1=bf16:3,16 ao1=bf16:3,16 as2=bf16:3,12 ao2=bf16:3,12", OK, NULL},
    {int4, "w1=int4:8,15", INVALID, "weight1 has dtype int4, shape [8, 15]"},
    {int4, "w2=int4:16,11", INVALID, "weight2 has dtype int4, shape [16, 11]"},
    {int4, "w1=int4:8,16/17,1", INVALID, "strides [17, 1]"},
    {int4, "w1=int4:8,16/1,8", INVALID, "strides [1, 8]"},
    {int4, "w1=int4:8,16/16,1@3", INVALID, "offset 3"},
    {int4, "w1=int4:8,16/20,1@6", OK, NULL},
    {int4, "w1=int4:8,16/0,1", OK, NULL},
    {int4, "w1=int4:8,16/-16,1@112", OK, NULL},

    /* 18: how many experts */
    {plain, "device=256 w1=256,8,16 w2=256,16,12 b1=null b2=null", OK, NULL},
    {plain, "device=257 w1=257,8,16 w2=257,16,12 b1=null b2=null", INVALID,
     "expert_tokens_tensor has 257 values, accepted: 1 to 256"},

    /* Views of every tensor are checked: strides, places, sizes */
    {plain, "x=6,8/1,6", OK, NULL},
    {plain, "x=6,8/-8,1@40", OK, NULL},
    {plain, "x=6,8/-8,1@39", INVALID, "x has shape [6, 8], strides [-8, 1] and offset 39"},
    {plain, "w1=8,16/0,0 w2=16,12/1,16 b1=16/0 b2=12/-1@11", OK, NULL},
    {plain, "w1=8,16/-1,-8", INVALID, "weight1 has shape [8, 16], strides [-1, -8]"},
    {plain, "w2=16,12/9223372036854775807,1", INVALID, "weight2 has shape [16, 12]"},
    {plain, "b1=16/-1@14", INVALID, "bias1 has shape [16], strides [-1]"},
    {plain, "b2=-12", INVALID, "bias2 has shape [-12]"},
    {plain, "y=6,12/-12,1@59", INVALID, "y has shape [6, 12], strides [-12, 1]"},
    {plain, "x=4294967296,4294967296,8", INVALID, "whose element count exceeds"},
    {plain, "x=4611686018427387904,8", INVALID, "x has shape [4611686018427387904, 8]"},

    {int8, "scale=1/-1", OK, NULL}, /* an axis of size 1 is not stepped */
    {int8, "offset=1/1@18446744073709551615", INVALID, "offset has shape [1]"},
    {int8, "ds1=int64:16/-1@14", INVALID, "deq_scale1 has shape [16], strides [-1]"},
    {anti, "ao1=fp16:16/-1@14", INVALID, "antiquant_offset1 has shape [16], strides [-1]"},
    {device, "device=3/-1@1", INVALID, "expert_tokens_tensor has shape [3], strides [-1]"},

    /* Nothing to compute, or little */
    {plain, "x=0,8 y=0,12", OK, NULL},
    {plain, "x=3,0,8 y=3,0,12", OK, NULL},
    {experts, "x=0,8 y=0,12 tokens=0,0,0", OK, NULL},
    {experts, "x=0,8 y=0,12 tokens=0,0,1", INVALID, "expert_tokens[2] is 1, accepted: 0 to 0"},
    {plain, "w1=8,0 w2=0,12 b1=0", OK, NULL},
    {plain, "x=6,0 w1=0,16", OK, NULL},
    {plain, "w2=16,0 b2=0 y=6,0", OK, NULL},
    {glu, "w1=fp16:8,0 w2=fp16:0,12 b1=fp16:0", OK, NULL},
    {int8, "w1=int8:8,0 w2=int8:0,12 b1=int32:0 ds1=int64:0", OK, NULL},
    {int4, "x=fp16:6,0 w1=int4:0,16", OK, NULL},
};
const size_t ffn_num_violations = sizeof ffn_violations / sizeof ffn_violations[0];
