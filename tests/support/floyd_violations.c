/* The operators' rules in the order of their checks: the struct, required tensors, dtypes, ranks,
 * shapes, sizes, attributes. */
#include "floyd_violations.h"

#define NULLPTR CLF_ERR_PARAM_NULLPTR
#define INVALID CLF_ERR_PARAM_INVALID
#define TILING  CLF_ERR_TILING
#define OK      CLF_SUCCESS

const char floyd_violations_base[] =
    "query=2,3,4,5,16 key1=2,3,4,6,16 value1=2,3,4,6,16 key2=2,3,6,5,16 value2=2,3,6,5,16 "
    "softmax_max=2,3,4,5,8 softmax_sum=2,3,4,5,8 attention_out=2,3,4,5,16 attention_in=2,3,4,5,16 "
    "grad_output=2,3,4,5,16 grad_query=2,3,4,5,16 grad_key1=2,3,4,6,16 grad_value1=2,3,4,6,16 "
    "grad_key2=2,3,6,5,16 grad_value2=2,3,6,5,16 ";

/* All floating-point tensors but the statistics, in another dtype or of other sizes. */
#define ALL_OF(dtype)                                                                              \
    "query=" dtype ":2,3,4,5,16 key1=" dtype ":2,3,4,6,16 value1=" dtype ":2,3,4,6,16 key2=" dtype \
    ":2,3,6,5,16 value2=" dtype ":2,3,6,5,16 attention_out=" dtype                                 \
    ":2,3,4,5,16 attention_in=" dtype ":2,3,4,5,16 grad_output=" dtype                             \
    ":2,3,4,5,16 grad_query=" dtype ":2,3,4,5,16 grad_key1=" dtype                                 \
    ":2,3,4,6,16 grad_value1=" dtype ":2,3,4,6,16 grad_key2=" dtype                                \
    ":2,3,6,5,16 grad_value2=" dtype ":2,3,6,5,16 "
#define ALL_SIZES(bhnm, bhnk, bhkm, depth)                                                         \
    "query=" bhnm "," depth " key1=" bhnk "," depth " value1=" bhnk "," depth " key2=" bhkm        \
    "," depth " value2=" bhkm "," depth " attention_out=" bhnm "," depth " attention_in=" bhnm     \
    "," depth " grad_output=" bhnm "," depth " grad_query=" bhnm "," depth " grad_key1=" bhnk      \
    "," depth " grad_value1=" bhnk "," depth " grad_key2=" bhkm "," depth " grad_value2=" bhkm     \
    "," depth " softmax_max=" bhnm ",8 softmax_sum=" bhnm ",8 "

const floyd_violation floyd_violations[] = {
    {TEST_BOTH, "", OK, NULL},
    {TEST_BOTH, ALL_OF("fp16"), OK, NULL},
    {TEST_BOTH, ALL_OF("bf16"), OK, NULL},
    {TEST_BOTH, ALL_SIZES("1,1,1,1", "1,1,1,1", "1,1,1,1", "1"), OK, NULL},
    {TEST_BOTH, ALL_SIZES("1,1,3,7", "1,1,3,2", "1,1,2,7", "256"), OK, NULL},
    {TEST_BOTH, ALL_SIZES("1,32,256,256", "1,32,256,256", "1,32,256,256", "32"), OK, NULL},

    /* The struct */
    {TEST_BOTH, "size=0", INVALID, "struct_size is 0, accepted: "},
    {TEST_BOTH, "size=8", INVALID, "struct_size is 8"},
    {TEST_FORWARD, "size=8", INVALID, "as set by CLF_FLOYD_ATTENTION_ARGS"},
    {TEST_GRADIENT, "size=8", INVALID, "as set by CLF_FLOYD_ATTENTION_GRAD_ARGS"},
    {TEST_BOTH, "size=18446744073709551615", INVALID, "struct_size is 18446744073709551615"},

    /* 161001: required tensors; before anything else is looked at */
    {TEST_BOTH, "query=null", NULLPTR, "query is NULL, one is required"},
    {TEST_BOTH, "key1=null", NULLPTR, "key1 is NULL"},
    {TEST_BOTH, "value1=null", NULLPTR, "value1 is NULL"},
    {TEST_BOTH, "key2=null", NULLPTR, "key2 is NULL"},
    {TEST_BOTH, "value2=null", NULLPTR, "value2 is NULL"},
    {TEST_BOTH, "softmax_max=null", NULLPTR, "softmax_max is NULL"},
    {TEST_BOTH, "softmax_sum=null", NULLPTR, "softmax_sum is NULL"},
    {TEST_FORWARD, "attention_out=null", NULLPTR, "attention_out is NULL"},
    {TEST_GRADIENT, "attention_in=null", NULLPTR, "attention_in is NULL"},
    {TEST_GRADIENT, "grad_output=null", NULLPTR, "grad_output is NULL"},
    {TEST_GRADIENT, "grad_query=null", NULLPTR, "grad_query is NULL"},
    {TEST_GRADIENT, "grad_key1=null", NULLPTR, "grad_key1 is NULL"},
    {TEST_GRADIENT, "grad_value1=null", NULLPTR, "grad_value1 is NULL"},
    {TEST_GRADIENT, "grad_key2=null", NULLPTR, "grad_key2 is NULL"},
    {TEST_GRADIENT, "grad_value2=null", NULLPTR, "grad_value2 is NULL"},
    {TEST_BOTH, "query=uint8:1 value2=null", NULLPTR, "value2 is NULL"},
    {TEST_BOTH, "atten_mask=null", OK, NULL},
    {TEST_FORWARD, "attention_in=null grad_output=null grad_key1=null", OK, NULL},
    {TEST_GRADIENT, "attention_out=null", OK, NULL},

    /* 161002: dtypes */
    {TEST_BOTH, "query=uint8:2,3,4,5,16", INVALID,
     "query has dtype uint8 (4), accepted: fp32, fp16, bf16"},
    {TEST_BOTH, "query=int8:2,3,4,5,16", INVALID, "query has dtype int8"},
    {TEST_BOTH, "query=int4:2,3,4,5,16", INVALID, "query has dtype int4"},
    {TEST_BOTH, "query=other:2,3,4,5,16", INVALID, "query has dtype unknown (99)"},
    {TEST_BOTH, "query=fp16:2,3,4,5,16", INVALID, "key1 has dtype fp32 (0), accepted: fp16"},
    {TEST_BOTH, "key1=fp16:2,3,4,6,16", INVALID, "key1 has dtype fp16 (1), accepted: fp32"},
    {TEST_BOTH, "value1=bf16:2,3,4,6,16", INVALID, "value1 has dtype bf16 (27), accepted: fp32"},
    {TEST_BOTH, "key2=bf16:2,3,6,5,16", INVALID, "key2 has dtype bf16"},
    {TEST_BOTH, "value2=fp16:2,3,6,5,16", INVALID, "value2 has dtype fp16"},
    {TEST_BOTH, "value2=other:2,3,6,5,16", INVALID, "value2 has dtype unknown (99)"},
    {TEST_BOTH, "softmax_max=fp16:2,3,4,5,8", INVALID,
     "softmax_max has dtype fp16 (1), accepted: fp32"},
    {TEST_BOTH, "softmax_sum=bf16:2,3,4,5,8", INVALID, "softmax_sum has dtype bf16"},
    {TEST_BOTH, ALL_OF("fp16") "softmax_sum=fp16:2,3,4,5,8", INVALID, "softmax_sum has dtype fp16"},
    {TEST_FORWARD, "attention_out=fp16:2,3,4,5,16", INVALID,
     "attention_out has dtype fp16 (1), accepted: fp32"},
    {TEST_FORWARD, ALL_OF("fp16") "attention_out=2,3,4,5,16", OK, NULL}, /* as in a sample */
    {TEST_FORWARD, ALL_OF("bf16") "attention_out=2,3,4,5,16", OK, NULL},
    {TEST_FORWARD, ALL_OF("bf16") "attention_out=fp16:2,3,4,5,16", INVALID,
     "attention_out has dtype fp16 (1), accepted: fp32, bf16"},
    {TEST_GRADIENT, ALL_OF("fp16") "attention_in=2,3,4,5,16", INVALID,
     "attention_in has dtype fp32 (0), accepted: fp16"},
    {TEST_GRADIENT, ALL_OF("fp16") "grad_output=2,3,4,5,16", INVALID,
     "grad_output has dtype fp32 (0), accepted: fp16"},
    {TEST_GRADIENT, ALL_OF("fp16") "grad_query=2,3,4,5,16", INVALID, "grad_query has dtype fp32"},
    {TEST_GRADIENT, "grad_key1=fp16:2,3,4,6,16", INVALID, "grad_key1 has dtype fp16"},
    {TEST_GRADIENT, "grad_value1=bf16:2,3,4,6,16", INVALID, "grad_value1 has dtype bf16"},
    {TEST_GRADIENT, "grad_key2=fp16:2,3,6,5,16", INVALID, "grad_key2 has dtype fp16"},
    {TEST_GRADIENT, "grad_value2=bool:2,3,6,5,16", INVALID, "grad_value2 has dtype bool"},
    {TEST_BOTH, "atten_mask=fp32:2,1,4,1,6", INVALID,
     "atten_mask has dtype fp32 (0), accepted: uint8, bool"},
    {TEST_BOTH, "atten_mask=int8:2,1,4,1,6", INVALID, "atten_mask has dtype int8"},
    {TEST_BOTH, "atten_mask=uint8:2,1,4,1,6", OK, NULL},
    {TEST_BOTH, "atten_mask=bool:2,1,4,1,6", OK, NULL},

    /* 561002: ranks */
    {TEST_BOTH, "query=3,4,5,16", TILING, "query has rank 4, accepted: 5"},
    {TEST_BOTH, "query=1,2,3,4,5,16", TILING, "query has rank 6, accepted: 5"},
    {TEST_BOTH, "query=1,1,1,1,2,3,4,5,16", TILING, "query has rank 9, accepted: 5"},
    {TEST_BOTH, "query=uint8:3,4,5,16", INVALID, "query has dtype uint8"},
    {TEST_BOTH, "key1=3,4,6,16", TILING, "key1 has rank 4"},
    {TEST_BOTH, "value1=1,2,3,4,6,16", TILING, "value1 has rank 6"},
    {TEST_BOTH, "key2=6,16", TILING, "key2 has rank 2"},
    {TEST_BOTH, "value2=16", TILING, "value2 has rank 1"},
    {TEST_BOTH, "softmax_max=2,3,4,5", TILING, "softmax_max has rank 4"},
    {TEST_BOTH, "softmax_sum=6,4,5,8", TILING, "softmax_sum has rank 4"},
    {TEST_FORWARD, "attention_out=6,4,5,16", TILING, "attention_out has rank 4"},
    {TEST_GRADIENT, "attention_in=6,4,5,16", TILING, "attention_in has rank 4"},
    {TEST_GRADIENT, "grad_output=6,4,5,16", TILING, "grad_output has rank 4"},
    {TEST_GRADIENT, "grad_query=6,4,5,16", TILING, "grad_query has rank 4"},
    {TEST_GRADIENT, "grad_key1=6,4,6,16", TILING, "grad_key1 has rank 4"},
    {TEST_GRADIENT, "grad_value1=6,4,6,16", TILING, "grad_value1 has rank 4"},
    {TEST_GRADIENT, "grad_key2=6,6,5,16", TILING, "grad_key2 has rank 4"},
    {TEST_GRADIENT, "grad_value2=6,6,5,16", TILING, "grad_value2 has rank 4"},
    {TEST_BOTH, "atten_mask=2,4,6", TILING, "atten_mask has rank 3, accepted: 5"},
    {TEST_BOTH, "atten_mask=6", TILING, "atten_mask has rank 1"},

    /* 561002: shapes, each axis by itself */
    {TEST_BOTH, "key1=3,3,4,6,16", TILING,
     "key1 has shape [3, 3, 4, 6, 16], accepted: [2, 3, 4, 6, 16], that is [B,H,N,K,D]"},
    {TEST_BOTH, "key1=2,2,4,6,16", TILING, "key1 has shape"},
    {TEST_BOTH, "key1=2,1,4,6,16", TILING, "key1 has shape"},
    {TEST_BOTH, "key1=2,3,5,6,16", TILING, "key1 has shape"},
    {TEST_BOTH, "key1=2,3,4,6,8", TILING, "key1 has shape"},
    {TEST_BOTH, "key1=2,3,4,7,16", TILING, /* K is key1's */
     "value1 has shape [2, 3, 4, 6, 16], accepted: [2, 3, 4, 7, 16]"},
    {TEST_BOTH, "value1=1,3,4,6,16", TILING, "value1 has shape"},
    {TEST_BOTH, "value1=2,1,4,6,16", TILING, "value1 has shape"},
    {TEST_BOTH, "value1=2,3,6,4,16", TILING, "value1 has shape"},
    {TEST_BOTH, "value1=2,3,4,1,16", TILING, "value1 has shape"},
    {TEST_BOTH, "value1=2,3,4,6,17", TILING, "value1 has shape"},
    {TEST_BOTH, "key2=2,3,5,6,16", TILING,
     "key2 has shape [2, 3, 5, 6, 16], accepted: [2, 3, 6, 5, 16], that is [B,H,K,M,D]"},
    {TEST_BOTH, "key2=1,3,6,5,16", TILING, "key2 has shape"},
    {TEST_BOTH, "key2=2,1,6,5,16", TILING, "key2 has shape"},
    {TEST_BOTH, "key2=2,3,6,5,15", TILING, "key2 has shape"},
    {TEST_BOTH, "key2=2,3,7,5,16 value2=2,3,7,5,16", TILING, "key2 has shape"}, /* equal alone */
    {TEST_BOTH, "key2=2,3,6,4,16 value2=2,3,6,4,16", TILING, "key2 has shape"},
    {TEST_BOTH, "value2=2,3,5,6,16", TILING, "value2 has shape"},
    {TEST_BOTH, "value2=2,3,6,5,32", TILING, "value2 has shape"},
    {TEST_BOTH, "softmax_max=2,3,4,5,1", TILING,
     "softmax_max has shape [2, 3, 4, 5, 1], accepted: [2, 3, 4, 5, 8], that is [B,H,N,M,8]"},
    {TEST_BOTH, "softmax_max=2,3,5,4,8", TILING, "softmax_max has shape"},
    {TEST_BOTH, "softmax_sum=2,3,4,5,16", TILING, "softmax_sum has shape"},
    {TEST_BOTH, "softmax_sum=1,3,4,5,8", TILING, "softmax_sum has shape"},
    {TEST_FORWARD, "attention_out=2,3,4,6,16", TILING,
     "attention_out has shape [2, 3, 4, 6, 16], accepted: [2, 3, 4, 5, 16], that is [B,H,N,M,D]"},
    {TEST_FORWARD, "attention_out=2,3,5,4,16", TILING, "attention_out has shape"},
    {TEST_GRADIENT, "grad_output=2,3,5,4,16", TILING, "grad_output has shape"},
    {TEST_GRADIENT, "attention_in=2,3,4,5,8", TILING, "attention_in has shape"},
    {TEST_GRADIENT, "grad_query=2,3,4,6,16", TILING, "grad_query has shape"},
    {TEST_GRADIENT, "grad_key1=2,3,4,5,16", TILING, "grad_key1 has shape"},
    {TEST_GRADIENT, "grad_value1=2,3,6,4,16", TILING, "grad_value1 has shape"},
    {TEST_GRADIENT, "grad_key2=2,3,5,6,16", TILING, "grad_key2 has shape"},
    {TEST_GRADIENT, "grad_value2=2,3,6,5,1", TILING, "grad_value2 has shape"},

    /* 561002: the mask, each axis its size or 1 */
    {TEST_BOTH, "atten_mask=2,3,4,5,6", OK, NULL},
    {TEST_BOTH, "atten_mask=1,1,1,1,1", OK, NULL},
    {TEST_BOTH, "atten_mask=1,3,4,5,6", OK, NULL},
    {TEST_BOTH, "atten_mask=2,3,1,5,6", OK, NULL},
    {TEST_BOTH, "atten_mask=2,3,4,1,6", OK, NULL},
    {TEST_BOTH, "atten_mask=2,3,4,5,1", OK, NULL},
    {TEST_BOTH, "atten_mask=3,1,4,1,6", TILING,
     "atten_mask has shape [3, 1, 4, 1, 6], accepted: [2, 3, 4, 5, 6], that is [B,H,N,M,K], "
     "or 1 instead of any of these"},
    {TEST_BOTH, "atten_mask=2,2,4,1,6", TILING, "atten_mask has shape"},
    {TEST_BOTH, "atten_mask=2,1,5,1,6", TILING, "atten_mask has shape"},
    {TEST_BOTH, "atten_mask=2,1,4,6,6", TILING, "atten_mask has shape"},
    {TEST_BOTH, "atten_mask=2,1,4,1,5", TILING, "atten_mask has shape"},
    {TEST_BOTH, "atten_mask=2,1,4,1,0", TILING, "atten_mask has shape"},

    /* 561002: sizes */
    {TEST_BOTH, ALL_SIZES("0,3,4,5", "0,3,4,6", "0,3,6,5", "16"), TILING,
     "axis B of query is 0, accepted: 1 or more"},
    {TEST_BOTH, ALL_SIZES("2,0,4,5", "2,0,4,6", "2,0,6,5", "16"), TILING, "axis H of query is 0"},
    {TEST_BOTH, ALL_SIZES("2,3,0,5", "2,3,0,6", "2,3,6,5", "16"), TILING, "axis N of query is 0"},
    {TEST_BOTH, ALL_SIZES("2,3,4,0", "2,3,4,6", "2,3,6,0", "16"), TILING, "axis M of query is 0"},
    {TEST_BOTH, ALL_SIZES("2,3,4,5", "2,3,4,0", "2,3,0,5", "16"), TILING, "axis K of key1 is 0"},
    {TEST_BOTH, ALL_SIZES("2,3,4,5", "2,3,4,6", "2,3,6,5", "0"), TILING, "axis D of query is 0"},
    {TEST_BOTH, ALL_SIZES("2,3,4,5", "2,3,4,6", "2,3,6,5", "257"), TILING,
     "axis D of query is 257, accepted: 1 to 256"},
    {TEST_BOTH, "query=2,3,4,-5,16", INVALID, "the size of axis 3 is negative"},

    /* Attributes */
    {TEST_BOTH, "scale=0", OK, NULL},
    {TEST_BOTH, "scale=-2.5", OK, NULL},
    {TEST_BOTH, "scale=1e-300", OK, NULL}, /* 0 in fp32 */
    {TEST_BOTH, "scale=1e39", INVALID, "scale_value is 1e+39, accepted: numbers that are finite"},
    {TEST_BOTH, "scale=-inf", INVALID, "scale_value is -inf"},
    {TEST_BOTH, "scale=nan", INVALID, "scale_value is nan"},
    {TEST_BOTH, "method=1", OK, NULL},
    {TEST_BOTH, "method=2", OK, NULL},
    {TEST_BOTH, "method=3", INVALID, "method is 3, accepted: the enumerators of clf_floyd_method"},
    {TEST_BOTH, "method=-1", INVALID, "method is -1"},
    {TEST_BOTH, "limit=1", OK, NULL}, /* what is too little, only planning knows */
};
const size_t floyd_num_violations = sizeof floyd_violations / sizeof floyd_violations[0];
