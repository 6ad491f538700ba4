/* What a peer answers if it cannot measure. */
#ifndef CLFORMER_BENCH_PEERS_PEER_RESULT_H
#define CLFORMER_BENCH_PEERS_PEER_RESULT_H

#include "operator_benchmark.h"

/* Says why there is no time. */
void peer_unavailable(peer_result *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
