/* Who else computes Floyd attention and its gradient: run functions of the peer tables. */
#ifndef CLFORMER_BENCH_PEERS_PEER_FLOYD_H
#define CLFORMER_BENCH_PEERS_PEER_FLOYD_H

#include "operator_benchmark.h"

/* Forward or gradient, as the workload is. */
void peer_composed_floyd(const workload *load, peer_result *out);
void peer_plain_floyd(const workload *load, peer_result *out);
void peer_torch_floyd(const workload *load, peer_result *out);

#endif
