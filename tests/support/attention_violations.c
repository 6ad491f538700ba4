/* The operator document's table of checks, in its order. Numbers in the headings are its rows. */
#include "attention_violations.h"

#define NULLPTR CLF_ERR_PARAM_NULLPTR
#define INVALID CLF_ERR_PARAM_INVALID
#define TILING  CLF_ERR_TILING
#define OK      CLF_SUCCESS

/* B 2, N 4, Nkv 2, Sq = Skv = 6, D 16. */
static const char dense[] = "layout=BNSD heads=4 query=2,4,6,16 key=2,2,6,16 value=2,2,6,16 "
                            "out=2,4,6,16 max=2,4,6,8 sum=2,4,6,8 ";
/* The same, Sq 4, Skv 7. */
static const char uneven[] = "layout=BNSD heads=4 query=2,4,4,16 key=2,2,7,16 value=2,2,7,16 "
                             "out=2,4,4,16 max=2,4,4,8 sum=2,4,4,8 ";
/* Sq 7, Skv 4. */
static const char tall[] = "layout=BNSD heads=4 query=2,4,7,16 key=2,2,4,16 value=2,2,4,16 "
                           "out=2,4,7,16 max=2,4,7,8 sum=2,4,7,8 ";
static const char fused[] = "layout=BSH heads=4 query=2,6,64 key=2,6,32 value=2,6,32 out=2,6,64 "
                            "max=2,4,6,8 sum=2,4,6,8 ";
/* Sequences 4 x 5 and 6 x 7. */
static const char varlen[] = "layout=TND heads=4 query=10,4,16 key=12,2,16 value=12,2,16 "
                             "out=10,4,16 max=10,4,8 sum=10,4,8 qlen=4,10 kvlen=5,12 ";
/* Sequences 3 x 3 and 5 x 5. */
static const char square[] = "layout=TND heads=4 query=8,4,16 key=8,2,16 value=8,2,16 "
                             "out=8,4,16 max=8,4,8 sum=8,4,8 qlen=3,8 kvlen=3,8 ";
/* One of 1500 x 1500, for compressed biases. */
static const char longer[] = "layout=BNSD heads=2 query=1,2,1500,16 key=1,2,1500,16 "
                             "value=1,2,1500,16 out=1,2,1500,16 max=1,2,1500,8 sum=1,2,1500,8 ";

#define COMPRESSED "mask=2048,2048 "
#define PREFIXED   "mask=3072,2048 mode=6 "

const attention_violation attention_violations[] = {
    {dense, "", OK, NULL},
    {uneven, "", OK, NULL},
    {tall, "", OK, NULL},
    {fused, "", OK, NULL},
    {varlen, "", OK, NULL},
    {square, "", OK, NULL},
    {longer, "", OK, NULL},

    /* 1: required pointers */
    {dense, "query=null", NULLPTR, "query"},
    {dense, "key=null", NULLPTR, "key"},
    {dense, "value=null", NULLPTR, "value"},
    {dense, "layout=null", NULLPTR, "input_layout"},
    {dense, "max=null", NULLPTR, "softmax_max"},
    {dense, "sum=null", NULLPTR, "softmax_sum"},
    {dense, "out=null", NULLPTR, "attention_out"},

    /* 4: dtypes */
    {dense, "query=uint8:2,4,6,16", INVALID, "query has dtype uint8"},
    {dense, "query=bool:2,4,6,16", INVALID, "query has dtype bool"},
    {dense, "query=other:2,4,6,16", INVALID, "query has dtype"},
    {dense, "key=fp16:2,2,6,16", INVALID, "key has dtype fp16"},
    {dense, "value=bf16:2,2,6,16", INVALID, "value has dtype bf16"},
    {dense, "out=fp16:2,4,6,16", INVALID, "attention_out has dtype fp16"},
    {dense, "query=bf16:2,4,6,16", INVALID, "dtype"},
    {dense, "query=fp16:2,4,6,16 key=fp16:2,2,6,16 value=fp16:2,2,6,16 out=fp16:2,4,6,16", OK,
     NULL},
    {dense, "query=bf16:2,4,6,16 key=bf16:2,2,6,16 value=bf16:2,2,6,16 out=bf16:2,4,6,16", OK,
     NULL},

    /* 5: dtype of pse */
    {dense, "pse=fp16:2,4,6,6", INVALID, "pse has dtype fp16"},
    {dense, "pse=fp16:2,4,6,6 pse_type=0", INVALID, "pse has dtype fp16"},
    {dense, "pse=fp16:4 pse_type=2", INVALID, "pse has dtype fp16"},
    {dense, "pse=bf16:4 pse_type=3", INVALID, "pse has dtype bf16"},
    {dense, "pse=uint8:2,4,6,6", INVALID, "pse has dtype uint8"},

    /* 6: layout and ranks */
    {dense, "layout=NBSD", INVALID, "input_layout is \"NBSD\""},
    {dense, "layout=bnsd", INVALID, "input_layout is \"bnsd\""},
    {dense, "layout=", INVALID, "input_layout is \"\""},
    {dense, "query=2,24,16", INVALID, "query has rank 3"},
    {dense, "key=2,12,16", INVALID, "key has rank 3"},
    {dense, "value=2,12,16", INVALID, "value has rank 3"},
    {dense, "out=2,24,16", INVALID, "attention_out has rank 3"},
    {fused, "query=2,6,4,16", INVALID, "query has rank 4"},
    {varlen, "query=10,64", INVALID, "query has rank 2"},
    {varlen, "layout=BSND", INVALID, "rank"},

    /* 7: head_num */
    {dense, "heads=0", INVALID, "head_num is 0"},
    {dense, "heads=-4", INVALID, "head_num is -4"},

    /* 8: head dimensions */
    {dense, "key=2,2,6,15", INVALID, "key has head dimension 15"},
    {dense, "value=2,2,6,17 out=2,4,6,17", INVALID, "value has head dimension 17"},
    {dense, "value=2,2,6,9 out=2,4,6,9", OK, NULL},
    {dense, "query=2,4,6,769 key=2,2,6,769", INVALID, "head dimension 769"},
    {dense, "query=2,4,6,768 key=2,2,6,768", OK, NULL},
    {fused, "value=2,6,34 out=2,6,68", INVALID, "value has head dimension 17"},
    {fused, "value=2,6,10 out=2,6,20", OK, NULL},

    /* 10: dtypes of masks and statistics; the reserved argument */
    {dense, "mask=fp32:6,6 mode=1", INVALID, "atten_mask has dtype fp32"},
    {dense, "mask=uint8:6,6 mode=1", OK, NULL},
    {dense, "drop=bool:36", INVALID, "drop_mask has dtype bool"},
    {dense, "max=fp16:2,4,6,8", INVALID, "softmax_max has dtype fp16"},
    {dense, "sum=bf16:2,4,6,8", INVALID, "softmax_sum has dtype bf16"},
    {dense, "padding=2,4,6,6", INVALID, "padding_mask"},

    /* 11: axes that must agree */
    {dense, "key=3,2,6,16", TILING, "key has batch size 3"},
    {dense, "value=1,2,6,16", TILING, "value has batch size 1"},
    {dense, "value=2,2,5,16", TILING, "value has length 5"},
    {dense, "value=2,1,6,16", TILING, "value has head count 1"},
    {dense, "out=2,4,5,16", TILING, "attention_out has length 5"},
    {dense, "out=2,2,6,16", TILING, "attention_out has head count 2"},
    {dense, "out=1,4,6,16", TILING, "attention_out has batch size 1"},
    {dense, "out=2,4,6,15", TILING, "attention_out has head dimension 15"},
    {dense, "max=2,4,6,7", TILING, "softmax_max has shape [2, 4, 6, 7]"},
    {dense, "max=2,6,4,8", TILING, "softmax_max has shape [2, 6, 4, 8]"},
    {dense, "sum=2,4,48", TILING, "softmax_sum has shape [2, 4, 48]"},
    {varlen, "max=4,10,8", TILING, "softmax_max has shape [4, 10, 8]"},
    {varlen, "sum=10,4,1", TILING, "softmax_sum has shape [10, 4, 1]"},
    {varlen, "order=BNSD", INVALID, "softmax_layout is \"BNSD\""},
    {varlen, "order=TND", OK, NULL},
    {varlen, "order=same_as_input", OK, NULL},
    {varlen, "value=11,2,16", TILING, "value has length 11"},

    /* 12: heads */
    {dense, "heads=2", TILING, "head_num is 2"},
    {varlen, "heads=8", TILING, "head_num is 8"},
    {dense, "key=2,3,6,16 value=2,3,6,16", TILING, "key has 3 heads"},
    {dense, "key=2,8,6,16 value=2,8,6,16", TILING, "key has 8 heads"},
    {dense, "key=2,1,6,16 value=2,1,6,16", OK, NULL},
    {dense, "key=2,4,6,16 value=2,4,6,16", OK, NULL},
    {fused, "heads=5", TILING, "query is 64"},
    {fused, "key=2,6,40", TILING, "key is 40"},
    {fused, "value=2,6,33", TILING, "value is 33"},

    /* 13: keep_prob */
    {dense, "keep=0", TILING, "keep_prob is 0"},
    {dense, "keep=-0.5", TILING, "keep_prob is -0.5"},
    {dense, "keep=1.5", TILING, "keep_prob is 1.5"},
    {dense, "keep=nan", TILING, "keep_prob is"},
    {dense, "keep=0.001 generate=1", OK, NULL},

    /* 14: sparse_mode; ignored without a mask */
    {dense, "mode=-1 mask=6,6", TILING, "sparse_mode is -1"},
    {dense, "mode=7 " COMPRESSED, TILING, "sparse_mode is 7"},
    {dense, "mode=8 " COMPRESSED, TILING, "sparse_mode is 8"},
    {varlen, "mode=5 mask=6,7", TILING, "sparse_mode is 5"},
    {varlen, "mode=9 " COMPRESSED, TILING, "sparse_mode is 9"},
    {varlen, "mode=-2 mask=6,7", TILING, "sparse_mode is -2"},
    {dense, "mode=8", OK, NULL},
    {dense, "mode=0 pre=-100 next=-100", OK, NULL},

    /* 15: pse_type */
    {dense, "pse_type=4 pse=2,4,6,6", TILING, "pse_type is 4"},
    {dense, "pse_type=-1 pse=2,4,6,6", TILING, "pse_type is -1"},
    {dense, "pse_type=0", TILING, "pse is NULL"},
    {dense, "pse_type=2", TILING, "pse is NULL"},
    {dense, "pse_type=3", TILING, "pse is NULL"},

    /* 16: shapes of pse */
    {dense, "pse=2,4,6,6", OK, NULL},
    {dense, "pse=1,4,6,6 pse_type=0", OK, NULL},
    {dense, "pse=2,4,1,6", OK, NULL},
    {dense, "pse=1,4,1,6", OK, NULL},
    {dense, "pse=4,6,6", TILING, "pse has shape [4, 6, 6]"},
    {dense, "pse=2,1,6,6", TILING, "pse has shape [2, 1, 6, 6]"},
    {dense, "pse=3,4,6,6", TILING, "pse has shape [3, 4, 6, 6]"},
    {dense, "pse=2,4,6,1", TILING, "pse has shape [2, 4, 6, 1]"},
    {dense, "pse=2,4,1024,6 mode=2 " COMPRESSED, TILING, "pse has shape [2, 4, 1024, 6]"},
    {dense, "pse=4 pse_type=2", OK, NULL},
    {dense, "pse=2,4 pse_type=3", OK, NULL},
    {dense, "pse=2 pse_type=2", TILING, "pse has shape [2]"},
    {dense, "pse=1,4 pse_type=2", TILING, "pse has shape [1, 4]"},
    {dense, "pse=2,4,6,6 pse_type=2", TILING, "pse has shape [2, 4, 6, 6]"},
    {uneven, "pse=4 pse_type=2", TILING, "lengths 4 and 7"},
    {tall, "pse=4 pse_type=3", TILING, "lengths 7 and 4"},
    {longer, "pse=1,2,1024,1500 mode=2 " COMPRESSED, OK, NULL},
    {longer, "pse=1,2,1024,1500 mode=3 " COMPRESSED, OK, NULL},
    {longer, "pse=1,2,1024,1500 mode=0 next=0 mask=1500,1500", OK, NULL},
    {longer, "pse=1,2,1024,1500", TILING, "causal"},
    {longer, "pse=1,2,1024,1500 mode=1 mask=1500,1500", TILING, "causal"},
    {longer, "pse=1,2,1024,1500 mode=0 mask=1500,1500", TILING, "causal"},
    {longer, "pse=1,2,1024,1500 mode=0 next=0 pre=1499 mask=1500,1500", TILING, "causal"},
    {longer, "pse=1,2,1024,1500 mode=4 next=0 " COMPRESSED, TILING, "causal"},
    {longer, "pse=1,2,1023,1500 mode=2 " COMPRESSED, TILING, "pse has shape [1, 2, 1023, 1500]"},
    {square, "pse=2,4,1024,5 mode=2 " COMPRESSED, OK, NULL},
    {square, "pse=1,4,1024,5 mode=3 " COMPRESSED, OK, NULL},
    {square, "pse=1,4,1024,5 mode=0 next=0 mask=5,5", OK, NULL},
    {square, "pse=1,4,1024,5", TILING, "causal"},
    {square, "pse=1,4,1024,8 mode=2 " COMPRESSED, TILING, "pse has shape [1, 4, 1024, 8]"},
    {square, "pse=2,4,5,5 mode=2 " COMPRESSED, TILING, "pse has shape [2, 4, 5, 5]"},
    {square, "pse=1,4,1024,5 mode=7 next=0 " COMPRESSED, TILING, "pse"},
    {square, "pse=1,4,1024,5 mode=8 next=0 " COMPRESSED, TILING, "pse"},
    {varlen, "pse=2,4,1024,7 mode=2 " COMPRESSED, TILING, "lengths 4 and 5"},
    {square, "qlen=3,3,8 kvlen=3,3,8 pse=1,4,1024,5 mode=2 " COMPRESSED, TILING, "no query"},
    {square, "pse=4 pse_type=2", OK, NULL},
    {square, "pse=2,4 pse_type=3 mode=2 " COMPRESSED, OK, NULL},
    {square, "pse=4 pse_type=2 mode=7 next=0 " COMPRESSED, TILING, "pse_type is 2"},
    {square, "pse=4 pse_type=2 mode=8 next=0 " COMPRESSED, OK, NULL},
    {square, "pse=4 pse_type=2 mode=8 next=0 qstart=1 " COMPRESSED, TILING, "start_idx"},
    {varlen, "pse=4 pse_type=2 mode=8 next=0 qstart=1 " COMPRESSED, TILING, "lengths 6 and 7"},
    {square,
     "key=10,2,16 value=10,2,16 kvlen=5,10 pse=4 pse_type=2 mode=8 next=0 qstart=2 " COMPRESSED, OK,
     NULL},
    {square,
     "key=10,2,16 value=10,2,16 kvlen=5,10 pse=4 pse_type=3 mode=8 next=0 qstart=1 " COMPRESSED,
     TILING, "start_idx"},
    {varlen, "pse=4 pse_type=2", TILING, "lengths 4 and 5"},

    /* 17: shapes of the mask */
    {dense, "mask=2,4,6,6", OK, NULL},
    {dense, "mask=2,1,6,6", OK, NULL},
    {dense, "mask=1,1,6,6", OK, NULL},
    {dense, "mask=6,6", OK, NULL},
    {uneven, "mask=2,4,4,7 mode=1", OK, NULL},
    {dense, "mask=1,4,6,6", TILING, "atten_mask has shape [1, 4, 6, 6]"},
    {dense, "mask=2,1,1,6", TILING, "atten_mask has shape [2, 1, 1, 6]"},
    {dense, "mask=2,6", TILING, "atten_mask has shape [2, 6]"},
    {dense, "mask=2,6,6", TILING, "atten_mask has shape [2, 6, 6]"},
    {dense, "mask=2,2,6,6", TILING, "atten_mask has shape [2, 2, 6, 6]"},
    {dense, "mask=2048,2048", TILING, "atten_mask has shape [2048, 2048]"},
    {uneven, "mask=7,4", TILING, "atten_mask has shape [7, 4]"},
    {dense, "mode=2 mask=6,6", TILING, "[2048, 2048]"},
    {dense, "mode=3 mask=2048,2047", TILING, "[2048, 2048]"},
    {dense, "mode=4 mask=3072,2048", TILING, "[2048, 2048]"},
    {dense, "mode=2 mask=2,1,2048,2048", TILING, "[2048, 2048]"},
    {dense, "mode=2 mask=1,1,2048,2048", OK, NULL},
    {dense, "mode=2 " COMPRESSED, OK, NULL},
    {dense, "mode=3 " COMPRESSED, OK, NULL},
    {dense, "mode=6 prefix=0,6 mask=2048,2048", TILING, "[3072, 2048]"},
    {varlen, "mask=6,7", OK, NULL},
    {varlen, "mask=10,12", OK, NULL},
    {varlen, "mask=7,6", TILING, "atten_mask has shape [7, 6]"},
    {varlen, "mask=1,1,6,7", TILING, "atten_mask has shape [1, 1, 6, 7]"},
    {varlen, "mode=7 next=0 mask=6,7", TILING, "[2048, 2048]"},
    {varlen, "mode=8 next=0 mask=6,7", TILING, "[2048, 2048]"},

    /* 18: the drop mask: 288 bits in dense, 4 * (4 * 5 + 6 * 7) = 248 in varlen */
    {dense, "drop=36", OK, NULL},
    {dense, "drop=35", TILING, "drop_mask has shape [35]"},
    {dense, "drop=2,4,36", TILING, "drop_mask has shape [2, 4, 36]"},
    {varlen, "drop=31", OK, NULL},
    {varlen, "drop=30", TILING, "drop_mask has shape [30]"},
    {uneven, "drop=28", OK, NULL},
    {uneven, "drop=27", TILING, "drop_mask has shape [27]"},

    /* 19: prefix of mode 6 */
    {dense, PREFIXED, TILING, "prefix has 0 entries"},
    {dense, PREFIXED "prefix=1", TILING, "prefix has 1 entries"},
    {dense, PREFIXED "prefix=1,2,3", TILING, "prefix has 3 entries"},
    {dense, PREFIXED "prefix=0,6", OK, NULL},
    {dense, PREFIXED "prefix=0,7", TILING, "prefix[1] is 7"},
    {dense, PREFIXED "prefix=-1,6", TILING, "prefix[0] is -1"},
    {uneven, PREFIXED "prefix=2,7", TILING, "prefix[0] is 2"},
    {uneven, PREFIXED "prefix=3,7", OK, NULL},
    {varlen, PREFIXED "prefix=1,0", TILING, "prefix[1] is 0"},
    {varlen, PREFIXED "prefix=1,7", OK, NULL},

    /* 20: mode 5 */
    {dense, "mode=5 mask=2,4,6,6", OK, NULL},
    {dense, "mode=5 mask=2,1,6,6 prefix=9", OK, NULL},
    {dense, "mode=5 mask=1,1,6,6", TILING, "sparse_mode 5"},
    {dense, "mode=5 mask=6,6", TILING, "sparse_mode 5"},
    {longer, "mode=5 mask=1500,1500", OK, NULL},

    /* 21: windows without a valid pair; Sq 4, Skv 7 */
    {uneven, "mode=0 mask=4,7 pre=-1 next=-1", TILING, "leave no pair"},
    {uneven, "mode=0 mask=4,7 pre=-6 next=6", OK, NULL},
    {uneven, "mode=0 mask=4,7 pre=-7 next=8", TILING, "leave no pair"},
    {uneven, "mode=0 mask=4,7 pre=-3 next=2", TILING, "leave no pair"},
    {uneven, "mode=0 mask=4,7 pre=-3 next=3", OK, NULL},
    {uneven, "mode=0 mask=4,7 pre=3 next=-3", OK, NULL},
    {uneven, "mode=0 mask=4,7 pre=4 next=-4", TILING, "leave no pair"},
    {uneven, "mode=0 mask=4,7 pre=2 next=-3", TILING, "leave no pair"},
    {uneven, "mode=0 mask=4,7 pre=100 next=0", OK, NULL},
    {uneven, "mode=4 pre=-10 next=-1 " COMPRESSED, TILING, "leave no pair"},
    {uneven, "mode=4 pre=6 next=-6 " COMPRESSED, OK, NULL},
    {uneven, "mode=4 pre=6 next=-7 " COMPRESSED, TILING, "leave no pair"},
    {uneven, "mode=4 pre=-3 next=3 " COMPRESSED, OK, NULL},
    {uneven, "mode=4 pre=-4 next=4 " COMPRESSED, TILING, "leave no pair"},
    {tall, "mode=4 pre=0 next=0 " COMPRESSED, OK, NULL},
    {tall, "mode=3 " COMPRESSED, OK, NULL},

    /* 22: lists of ends */
    {varlen, "qlen=null", TILING, "actual_seq_qlen is missing"},
    {varlen, "kvlen=null", TILING, "actual_seq_kvlen is missing"},
    {varlen, "kvlen=12", TILING, "actual_seq_kvlen has 1 entries"},
    {varlen, "qlen=4,11", TILING, "actual_seq_qlen[1] is 11"},
    {varlen, "kvlen=5,13", TILING, "actual_seq_kvlen[1] is 13"},
    {varlen, "qlen=6,4", TILING, "actual_seq_qlen[1] is 4"},
    {varlen, "qlen=-1,10", TILING, "actual_seq_qlen[0] is -1"},
    {varlen, "qlen=4,10,0,0 kvlen=5,12,0,0", OK, NULL},
    {varlen, "qlen=4,0,10 kvlen=5,0,12", TILING, "trailing zero"},
    {varlen, "qlen=4,8 kvlen=5,10", OK, NULL},
    {varlen, "qlen=0,4,4,10 kvlen=0,5,5,12", OK, NULL},
    {varlen, "qlen=4,4,10 kvlen=5,7,12", OK, NULL},

    /* 23: windows in varlen; 4 x 5 and 6 x 7 */
    {varlen, "mask=6,7 mode=0 pre=2 next=-1", TILING, "next_tokens >= 0"},
    {varlen, "mask=6,7 mode=0 pre=-1 next=1", OK, NULL},
    {varlen, "mask=6,7 mode=0 pre=-1 next=0", TILING, "sparse_mode 0"},
    {varlen, "mask=6,7 mode=0 pre=-2 next=2", TILING, "sparse_mode 0"},
    {varlen, "mask=6,7 mode=0 pre=6 next=0", OK, NULL},
    {varlen, "mask=6,7 mode=0 pre=1 next=1", OK, NULL},

    /* 24: mode 3 in varlen needs no more queries than keys */
    {varlen, "mode=3 " COMPRESSED, OK, NULL},
    {varlen, "mode=3 kvlen=3,12 " COMPRESSED, TILING, "batch element 0 with lengths 4 and 3"},
    {varlen, "mode=3 kvlen=7,12 " COMPRESSED, TILING, "batch element 1 with lengths 6 and 5"},

    /* 25: bands in varlen */
    {varlen, "mode=4 pre=-1 next=5 " COMPRESSED, TILING, "sparse_mode 4"},
    {varlen, "mode=4 pre=0 next=-1 " COMPRESSED, TILING, "sparse_mode 4"},
    {varlen, "mode=4 pre=1 next=-1 " COMPRESSED, OK, NULL},
    {varlen, "mode=4 pre=9 next=-2 " COMPRESSED, TILING, "sparse_mode 4"},
    {varlen, "mode=4 pre=0 next=0 kvlen=3,12 " COMPRESSED, TILING, "batch element 0"},
    {varlen, "mode=4 pre=0 next=1 kvlen=3,12 " COMPRESSED, OK, NULL},

    /* 26: mode 7; the last element, 6 x 7, is the slice */
    {varlen, "mode=7 pre=7 next=0 " COMPRESSED, OK, NULL},
    {varlen, "mode=7 pre=7 next=-1 " COMPRESSED, OK, NULL},
    {varlen, "mode=7 pre=7 next=-2 " COMPRESSED, TILING, "sparse_mode 7"},
    {varlen, "mode=7 pre=6 next=0 " COMPRESSED, TILING, "sparse_mode 7"},
    {varlen, "mode=7 pre=7 next=1 " COMPRESSED, TILING, "sparse_mode 7"},
    {varlen, "mode=7 pre=7 next=0 kvlen=3,12 " COMPRESSED, TILING, "batch element 0"},
    {varlen, "mode=7 qlen=6,10 kvlen=8,12 pre=4 next=0 " COMPRESSED, OK, NULL},
    {varlen, "mode=7 qlen=4,10,10 kvlen=5,12,12 pre=7 next=-1 " COMPRESSED, OK, NULL},

    /* 27: mode 8; the first element, 4 x 5, is the slice */
    {varlen, "mode=8 pre=5 next=0 " COMPRESSED, OK, NULL},
    {varlen, "mode=8 pre=5 next=-1 " COMPRESSED, OK, NULL},
    {varlen, "mode=8 pre=5 next=-2 " COMPRESSED, TILING, "sparse_mode 8"},
    {varlen, "mode=8 pre=4 next=0 " COMPRESSED, TILING, "sparse_mode 8"},
    {varlen, "mode=8 pre=5 next=4 " COMPRESSED, OK, NULL},
    {varlen, "mode=8 qlen=0,4,10 kvlen=0,5,12 pre=5 next=-1 " COMPRESSED, OK, NULL},

    /* Nothing to compute: success before all checks but those of pointers. */
    {dense, "query=0,4,6,16 key=0,2,6,16 value=0,2,6,16 out=0,4,6,16 max=0,4,6,8 sum=0,4,6,8", OK,
     NULL},
    {dense, "query=2,4,0,16 out=2,4,0,16 max=2,4,0,8 sum=2,4,0,8", OK, NULL},
    {varlen, "query=0,4,16 out=0,4,16 max=0,4,8 sum=0,4,8 qlen=null kvlen=null mode=-3", OK, NULL},
    {dense, "query=2,4,0,16 out=2,4,0,16 max=2,4,0,8 sum=2,4,0,8 keep=7", OK, NULL},
    {dense, "key=2,2,0,16 value=2,2,0,16", OK, NULL},
    {dense, "query=2,4,6,0 key=2,2,6,0 value=2,2,6,0 out=2,4,6,0", OK, NULL},
    /* Optional tensors without elements count as absent. */
    {dense, "pse=0", OK, NULL},
    {dense, "mask=0,6 mode=2", OK, NULL},
    {dense, "drop=0", OK, NULL},
    {dense, "pse=0 pse_type=2", TILING, "pse"},
};
const size_t attention_num_violations =
    sizeof attention_violations / sizeof attention_violations[0];
