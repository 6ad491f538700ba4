/* A Python of the user's that runs peers/torch_peer.py: started once, asked by lines of JSON. */
#ifndef CLFORMER_BENCH_PEERS_TORCH_HELPER_H
#define CLFORMER_BENCH_PEERS_TORCH_HELPER_H

#include <jansson.h>

#include "operator_benchmark.h"

/* Adds to `request`, which describes the problem and is consumed, what every request has (operator,
 * dtype, device, threads, runs), asks, and takes the answer or the reason why there is none. */
void torch_helper_ask(const workload *load, json_t *request, peer_result *out);

#endif
