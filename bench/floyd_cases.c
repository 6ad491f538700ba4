/*
 * Cases of Floyd attention and its gradient. Suite "seed": the sample of the operator document,
 * `256d128`, and its neighbours, named by N and D, each with the sample's mask of zeros, without a
 * mask, and with half of the pairs (n, k) masked. Suite "quick": small ones. Suite "demo": the
 * sample and what takes seconds.
 */
#include "floyd_setup.h"

#define SAMPLE    "shape=1,1,256,256,256,128"
#define NARROW    "shape=1,1,16,256,256,64"
#define FEW_HEADS "shape=1,4,128,128,128,64"
#define HEADS     "shape=1,32,128,128,128,32"
#define LARGE     "shape=1,32,256,256,256,32"

const case_entry floyd_cases[] = {
    {"seed", "256d128", SAMPLE " mask=zeros"},
    {"seed", "256d128-n", SAMPLE},
    {"seed", "256d128-m", SAMPLE " mask=b1n1k"},
    {"seed", "16d64", NARROW " mask=zeros"},
    {"seed", "16d64-n", NARROW},
    {"seed", "16d64-m", NARROW " mask=b1n1k"},
    {"seed", "128d64", FEW_HEADS " mask=zeros"},
    {"seed", "128d64-n", FEW_HEADS},
    {"seed", "128d64-m", FEW_HEADS " mask=b1n1k"},
    {"seed", "128d32", HEADS " mask=zeros"},
    {"seed", "128d32-n", HEADS},
    {"seed", "128d32-m", HEADS " mask=b1n1k"},
    {"seed", "256d32", LARGE " mask=zeros"},
    {"seed", "256d32-n", LARGE},
    {"seed", "256d32-m", LARGE " mask=b1n1k"},
    {"quick", "even", "shape=1,2,16,32,48,32"},
    {"quick", "odd", "shape=2,3,5,7,11,13 mask=b1n1k scale=-0.5"},
    {"quick", "ragged", "shape=1,2,33,17,70,40 mask=bhnmk"},
    {"demo", "256d128", SAMPLE " mask=zeros"},
    {"demo", "16d64", NARROW " mask=zeros"},
    {"demo", "128d64", FEW_HEADS " mask=zeros"},
    {"demo", "128d32", HEADS " mask=zeros"},
    {NULL, NULL, NULL},
};
