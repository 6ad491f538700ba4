/* Who else computes softmax: run functions of the peer tables. */
#ifndef CLFORMER_BENCH_PEERS_PEER_SOFTMAX_H
#define CLFORMER_BENCH_PEERS_PEER_SOFTMAX_H

#include "operator_benchmark.h"

void peer_unfused_softmax(const workload *load, peer_result *out);
void peer_unfused_softmax_grad(const workload *load, peer_result *out);
/* Forward and gradient: the request names the operator. */
void peer_torch_softmax(const workload *load, peer_result *out);

#endif
