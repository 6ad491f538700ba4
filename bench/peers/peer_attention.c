/* The peers of attention and its gradient. */
#include "peers/peer_attention.h"

#include "attention_setup.h"

const peer_entry attention_peers[] = {
    {"openblas",
     "composed, in fp32: OpenBLAS sgemm, masked softmax in C, sgemm; on all host threads",
     peer_composed_attention},
    {"torch", "PyTorch, if $CLFORMER_PYTHON or python3 has it: scaled_dot_product_attention",
     peer_torch_attention},
    {NULL, NULL, NULL},
};

const peer_entry attention_grad_peers[] = {
    {"torch",
     "PyTorch, if $CLFORMER_PYTHON or python3 has it: scaled_dot_product_attention's backward",
     peer_torch_attention},
    {NULL, NULL, NULL},
};
