/* What can be wrong with the tensors that only the gradient has. Numbers in the headings are rows of
 * the operator document's table of checks. */
#include "attention_violations.h"

#define NULLPTR CLF_ERR_PARAM_NULLPTR
#define INVALID CLF_ERR_PARAM_INVALID
#define TILING  CLF_ERR_TILING
#define OK      CLF_SUCCESS

/* B 2, N 4, Nkv 2, Sq 5, Skv 6, D 16, Dv 8. */
static const char dense[] = "layout=BNSD heads=4 query=2,4,5,16 key=2,2,6,16 value=2,2,6,8 "
                            "out=2,4,5,8 max=2,4,5,8 sum=2,4,5,8 ";
static const char fused[] = "layout=SBH heads=4 query=5,2,64 key=6,2,32 value=6,2,16 out=5,2,32 "
                            "max=2,4,5,8 sum=2,4,5,8 ";
/* Sequences 4 x 5 and 6 x 7. */
static const char varlen[] = "layout=TND heads=4 query=10,4,16 key=12,2,16 value=12,2,8 "
                             "out=10,4,8 max=10,4,8 sum=10,4,8 qlen=4,10 kvlen=5,12 ";
static const char half[] =
    "layout=BNSD heads=4 query=fp16:2,4,5,16 key=fp16:2,2,6,16 value=fp16:2,2,6,8 "
    "out=fp16:2,4,5,8 max=2,4,5,8 sum=2,4,5,8 ";

const attention_violation attention_grad_violations[] = {
    {dense, "", OK, NULL},
    {fused, "", OK, NULL},
    {varlen, "", OK, NULL},
    {half, "", OK, NULL},

    /* 2 and 3: required pointers; the shared ones are among the forward's */
    {dense, "gout=null", NULLPTR, "grad_output is NULL"},
    {dense, "out=null gout=2,4,5,8", NULLPTR, "attention_in is NULL"},
    {dense, "gquery=null", NULLPTR, "grad_query is NULL"},
    {dense, "gkey=null", NULLPTR, "grad_key is NULL"},
    {dense, "gvalue=null", NULLPTR, "grad_value is NULL"},
    {dense, "max=null", NULLPTR, "softmax_max is NULL"},
    {dense, "sum=null", NULLPTR, "softmax_sum is NULL"},
    {dense, "pse=2,4,5,6 gpse=null", OK, NULL},

    /* 4 and 5: dtypes */
    {dense, "gout=fp16:2,4,5,8", INVALID, "grad_output has dtype fp16"},
    {dense, "gquery=bf16:2,4,5,16", INVALID, "grad_query has dtype bf16"},
    {dense, "gkey=fp16:2,2,6,16", INVALID, "grad_key has dtype fp16"},
    {dense, "gvalue=bool:2,2,6,8", INVALID, "grad_value has dtype bool"},
    {half, "gquery=2,4,5,16", INVALID, "grad_query has dtype fp32"},
    {half, "out=2,4,5,8 gout=fp16:2,4,5,8", INVALID, "attention_in has dtype fp32"},
    {half, "pse=fp16:2,4,5,6 gpse=2,4,5,6", INVALID, "grad_pse has dtype fp32"},
    {half, "pse=fp16:2,4,5,6", OK, NULL},
    {half, "layout=BNSD key=fp16:2,2,5,16 value=fp16:2,2,5,8 pse=4 pse_type=2 gpse=fp16:4", INVALID,
     "grad_pse has dtype fp16"},
    {half, "layout=BNSD key=fp16:2,2,5,16 value=fp16:2,2,5,8 pse=4 pse_type=2", OK, NULL},

    /* 28: ranks */
    {dense, "gout=8,5,8", INVALID, "grad_output has rank 3"},
    {dense, "gquery=40,16", INVALID, "grad_query has rank 2"},
    {dense, "gkey=24,16", INVALID, "grad_key has rank 2"},
    {dense, "gvalue=2,2,1,6,8", INVALID, "grad_value has rank 5"},
    {fused, "gquery=5,2,4,16", INVALID, "grad_query has rank 4"},
    {varlen, "out=10,32 gout=10,4,8", INVALID, "attention_in has rank 2"},
    {varlen, "gout=40,8", INVALID, "grad_output has rank 2"},

    /* 29: shapes */
    {dense, "gout=2,4,6,8", TILING, "grad_output has shape [2, 4, 6, 8]"},
    {dense, "gout=2,4,5,16", TILING, "grad_output has shape [2, 4, 5, 16]"},
    {dense, "gquery=2,5,4,16", TILING, "grad_query has shape [2, 5, 4, 16]"},
    {dense, "gquery=2,4,5,8", TILING, "accepted: [2, 4, 5, 16], that of query"},
    {dense, "gkey=2,4,6,16", TILING, "grad_key has shape [2, 4, 6, 16]"},
    {dense, "gvalue=2,2,6,16", TILING, "grad_value has shape [2, 2, 6, 16]"},
    {dense, "gvalue=1,2,6,8", TILING, "grad_value has shape [1, 2, 6, 8]"},
    {fused, "gquery=5,2,48", TILING, "grad_query has shape [5, 2, 48]"},
    {fused, "gquery=5,2,63", TILING, "grad_query is 63"},
    {varlen, "gkey=11,2,16", TILING, "grad_key has shape [11, 2, 16]"},
    {varlen, "out=9,4,8 gout=9,4,8", TILING, "attention_in has length 9"},
    {dense, "out=2,4,6,8 gout=2,4,6,8", TILING, "attention_in has length 6"},
    {dense, "out=2,2,5,8 gout=2,2,5,8", TILING, "attention_in has head count 2"},
    {dense, "max=2,4,6,8", TILING, "softmax_max has shape [2, 4, 6, 8]"},
    {dense, "sum=2,4,5,1", TILING, "softmax_sum has shape [2, 4, 5, 1]"},
    {varlen, "sum=2,4,5,8", TILING, "softmax_sum has shape [2, 4, 5, 8]"},

    /* The gradient of the bias */
    {dense, "gpse=2,4,5,6", INVALID, "grad_pse is given"},
    {dense, "pse=1,4,5,6 gpse=2,4,5,6", TILING, "grad_pse has shape [2, 4, 5, 6]"},
    {dense, "pse=2,4,1,6 gpse=2,4,5,6", TILING, "that of pse"},
    {dense, "pse=2,4,1,6", OK, NULL},
    {dense, "gpse=0", OK, NULL},

    /* Nothing to compute: shapes of what is to be zero count still. */
    {dense, "query=2,4,0,16 out=2,4,0,8 max=2,4,0,8 sum=2,4,0,8", OK, NULL},
    {dense, "query=2,4,0,16 out=2,4,0,8 max=2,4,0,8 sum=2,4,0,8 gkey=2,2,5,16", TILING,
     "grad_key has shape [2, 2, 5, 16]"},
    {dense, "key=2,2,0,16 value=2,2,0,8", OK, NULL},
    {dense, "query=0,4,5,16 key=0,2,6,16 value=0,2,6,8 out=0,4,5,8 max=0,4,5,8 sum=0,4,5,8", OK,
     NULL},
    {varlen, "query=0,4,16 out=0,4,8 max=0,4,8 sum=0,4,8 qlen=null kvlen=null", OK, NULL},
};
const size_t attention_num_grad_violations =
    sizeof attention_grad_violations / sizeof attention_grad_violations[0];
