/* Who else computes FFN: run functions of the peer table. */
#ifndef CLFORMER_BENCH_PEERS_PEER_FFN_H
#define CLFORMER_BENCH_PEERS_PEER_FFN_H

#include "operator_benchmark.h"

void peer_composed_ffn(const workload *load, peer_result *out);
void peer_onednn_ffn(const workload *load, peer_result *out);

#endif
