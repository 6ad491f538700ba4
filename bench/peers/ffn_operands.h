/* FFN's tensors in fp32, as peers take them. */
#ifndef CLFORMER_BENCH_PEERS_FFN_OPERANDS_H
#define CLFORMER_BENCH_PEERS_FFN_OPERANDS_H

#include "ffn_setup.h"
#include "peers/unfused_passes.h"
#include "workload.h"

/* A tensor's numbers, widened, weights as [E,K,N], dequantising scales as the numbers they stand for;
 * the caller frees them. *missing is set if there is no memory; NULL also if the problem has no such tensor. */
float *ffn_operand(const workload *load, clf_slot slot, bool *missing);

/* Whether the problem has such a tensor, and which. */
bool ffn_find_tensor(const workload *load, clf_slot slot, size_t *index);

/* The activation of a GLU's right half, or of all. */
pass_activation ffn_pass_activation(const ffn_problem *problem);

#endif
