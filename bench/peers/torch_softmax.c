/* Softmax and its gradient as questions to PyTorch. */
#include "peers/peer_softmax.h"
#include "peers/torch_helper.h"
#include "softmax_setup.h"

static json_t *sizes(int32_t rank, const int64_t *shape) {
    json_t *array = json_array();
    for (int32_t axis = 0; axis < rank; axis++) {
        json_array_append_new(array, json_integer(shape[axis]));
    }
    return array;
}

void peer_torch_softmax(const workload *load, peer_result *out) {
    const softmax_problem *problem = load->problem;
    json_t *mask = problem->mask == SOFTMAX_MASK_TENSOR
                       ? sizes(problem->mask_rank, problem->mask_shape)
                       : json_string(problem->mask == SOFTMAX_MASK_TRIU ? "triu" : "none");
    torch_helper_ask(load,
                     json_pack("{s:o, s:o, s:f}", "shape", sizes(problem->rank, problem->shape),
                               "mask", mask, "scale", problem->scale),
                     out);
}
