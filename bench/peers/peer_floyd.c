/* The peers of Floyd attention and its gradient. */
#include "peers/peer_floyd.h"

#include "floyd_setup.h"

static const char composed_help[] =
    "composed, in fp32: OpenBLAS sgemm and passes in C; on all host threads, by slabs of n";
static const char plain_help[] =
    "the same, the scores of a head as a whole, OpenBLAS's threads in each product";
static const char torch_help[] =
    "PyTorch, if $CLFORMER_PYTHON or python3 has it: einsum, masked_fill, softmax";

const peer_entry floyd_peers[] = {
    {"openblas", composed_help, peer_composed_floyd},
    {"openblas-plain", plain_help, peer_plain_floyd},
    {"torch", torch_help, peer_torch_floyd},
    {NULL, NULL, NULL},
};

const peer_entry floyd_grad_peers[] = {
    {"openblas", composed_help, peer_composed_floyd},
    {"openblas-plain", plain_help, peer_plain_floyd},
    {"torch", torch_help, peer_torch_floyd},
    {NULL, NULL, NULL},
};
