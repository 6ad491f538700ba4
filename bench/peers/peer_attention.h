/* Who else computes attention: run functions of the peer table. */
#ifndef CLFORMER_BENCH_PEERS_PEER_ATTENTION_H
#define CLFORMER_BENCH_PEERS_PEER_ATTENTION_H

#include "operator_benchmark.h"

void peer_composed_attention(const workload *load, peer_result *out);
void peer_torch_attention(const workload *load, peer_result *out);

#endif
