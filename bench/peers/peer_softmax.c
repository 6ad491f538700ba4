/* The peers of softmax and its gradient. */
#include "peers/peer_softmax.h"

#include "softmax_setup.h"

static const char unfused_help[] =
    "plain C on all host threads: scale, mask and softmax as passes of their own";
static const char torch_help[] =
    "PyTorch, if $CLFORMER_PYTHON or python3 has it: the same from its operators";

const peer_entry softmax_peers[] = {
    {"unfused", unfused_help, peer_unfused_softmax},
    {"torch", torch_help, peer_torch_softmax},
    {NULL, NULL, NULL},
};

const peer_entry softmax_grad_peers[] = {
    {"unfused", unfused_help, peer_unfused_softmax_grad},
    {"torch", torch_help, peer_torch_softmax},
    {NULL, NULL, NULL},
};
