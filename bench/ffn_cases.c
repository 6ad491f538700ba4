/*
 * Cases of FFN. Suite "seed": the examples of the operator's document and of its own tests, each in
 * every mode: `one` token by 1280 x 10240 x 1280, `moe` of 16 experts, `wide` (8192 tokens), `few`
 * tokens for 16 experts; and a `square` one. `dense` has the tokens of `moe` and one expert. Suite
 * "quick": small ones with every option. Suite "demo": some of the document's.
 */
#include "ffn_setup.h"

#define ONE "shape=1,1280,10240"
#define MOE                                                                                        \
    "shape=1954,2560,5120 "                                                                        \
    "expert-tokens=227,62,78,126,178,27,122,1,19,182,166,118,66,217,122,243"
#define DENSE  "shape=1954,2560,5120"
#define WIDE   "shape=8192,320,2560 activation=gelu"
#define FEW    "shape=340,5120,2560 experts=16 activation=silu"
#define SQUARE "shape=2048,2560,1280 activation=gelu"

const case_entry ffn_cases[] = {
    {"seed", "one", ONE},
    {"seed", "one-nk", ONE " weight-layout=nk"},
    {"seed", "one-q", ONE " mode=int8"},
    {"seed", "one-w8", ONE " mode=weight-int8"},
    {"seed", "one-w4", ONE " mode=weight-int4 group-size=128"},
    {"seed", "moe", MOE},
    {"seed", "moe-q", MOE " mode=int8"},
    {"seed", "moe-w8", MOE " mode=weight-int8"},
    {"seed", "moe-w4", MOE " mode=weight-int4 group-size=128"},
    {"seed", "dense", DENSE},
    {"seed", "dense-q", DENSE " mode=int8"},
    {"seed", "wide", WIDE},
    {"seed", "wide-glu", "shape=8192,320,2560 activation=geglu"},
    {"seed", "wide-q", WIDE " mode=int8"},
    {"seed", "wide-w8", WIDE " mode=weight-int8"},
    {"seed", "few", FEW},
    {"seed", "few-q", FEW " mode=int8"},
    {"seed", "few-w8", FEW " mode=weight-int8"},
    {"seed", "square", SQUARE},
    {"seed", "square-nk", SQUARE " weight-layout=nk"},
    {"seed", "square-q", SQUARE " mode=int8"},
    {"seed", "square-w8", SQUARE " mode=weight-int8"},
    {"quick", "plain", "shape=37,70,96 activation=gelu"},
    {"quick", "swiglu", "shape=19,40,132,24 activation=swiglu bias=second"},
    {"quick", "moe", "shape=50,33,66 expert-tokens=7,0,42,1 tokens-from=device activation=silu"},
    {"quick", "nk", "shape=21,35,50,20 activation=reglu experts=2 weight-layout=nk"},
    {"quick", "w8-nk", "shape=21,35,50 mode=weight-int8 weight-layout=nk"},
    {"quick", "int8", "shape=29,129,64 mode=int8 scale-per=column experts=3"},
    {"quick", "w8", "shape=29,65,40 mode=weight-int8 activation=relu"},
    {"quick", "w4", "shape=29,64,96 mode=weight-int4 group-size=32,48 experts=2 bias=first"},
    {"demo", "one", ONE},
    {"demo", "wide", WIDE},
    {"demo", "square", SQUARE},
    {"demo", "square-w8", SQUARE " mode=weight-int8"},
    {NULL, NULL, NULL},
};
