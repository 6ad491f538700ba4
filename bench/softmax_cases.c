/*
 * Case tables of softmax and its gradient. Suite "seed": the cases of the ScaledMaskedSoftmax
 * operator document (CANN), numbered as there. Suite "quick": small ones. Suite "extra": what the
 * document leaves out. Suite "real": recorded tensors of a model.
 */
#include "softmax_setup.h"

const case_entry softmax_cases[] = {
    {"seed", "1", "shape=1,8,4096,4096 mask=1,1,4096,4096 scale=0.5"},
    {"seed", "2", "shape=4,32,2048,2048 mask=4,1,2048,2048 scale=0.5"},
    {"seed", "3", "shape=8,16,512,2048 mask=full scale=0.5"},
    {"seed", "4", "shape=8,16,512,1536 mask=full scale=0.5"},
    {"seed", "5", "shape=8,16,512,1024 mask=full scale=0.5"},
    {"seed", "6", "shape=8,16,512,512 mask=full scale=0.5"},
    {"seed", "7", "shape=8,16,512,256 mask=full scale=0.5"},
    {"seed", "8", "shape=4,4,2048,2048 mask=full scale=0.5"},
    {"quick", "square", "shape=4,4,256,256 mask=4,1,256,256 scale=0.5"},
    {"quick", "ragged", "shape=3,5,97,203 mask=3,1,97,203 scale=-0.5"},
    {"quick", "long", "shape=64,8193 mask=none scale=1"},
    {"extra", "unmasked", "shape=8,16,512,512 mask=none scale=0.5"},
    {"extra", "triu", "shape=8,16,512,512 mask=triu scale=0.5"},
    {"extra", "unmasked-2048", "shape=4,4,2048,2048 mask=none scale=0.5"},
    {"extra", "triu-2048", "shape=4,4,2048,2048 mask=triu scale=0.5"},
    {"extra", "unmasked-cached", "shape=1,8,512,512 mask=none scale=0.5"},
    {"extra", "triu-cached", "shape=1,8,512,512 mask=triu scale=0.5"},
    {"extra", "shared", "shape=8,16,512,512 mask=8,1,512,512 scale=0.5"},
    {"extra", "odd", "shape=8,16,509,1023 mask=8,1,509,1023 scale=0.5"},
    {"extra", "narrow", "shape=8,16,4096,32 mask=full scale=0.5"},
    {"extra", "huge", "shape=256,131072 mask=none scale=1"},
    {"real", "minilm", "tensors=minilm"},
    {NULL, NULL, NULL},
};
