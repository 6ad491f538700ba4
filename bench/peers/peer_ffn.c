/* The peers of FFN. */
#include "peers/peer_ffn.h"

#include "ffn_setup.h"

const peer_entry ffn_peers[] = {
    {"openblas",
     "composed, in fp32: OpenBLAS sgemm, bias and activation in C, sgemm; on all host threads",
     peer_composed_ffn},
    {"onednn", "oneDNN, if libdnnl is installed: two fused matrix products for each expert",
     peer_onednn_ffn},
    {NULL, NULL, NULL},
};
