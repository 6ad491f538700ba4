/* Floyd attention as a question to PyTorch. */
#include "floyd_setup.h"
#include "peers/peer_floyd.h"
#include "peers/torch_helper.h"

void peer_torch_floyd(const workload *load, peer_result *out) {
    static const char *const masks[] = {"none", "zeros", "b1n1k", "bhnmk"};
    const floyd_problem *problem = load->problem;
    torch_helper_ask(load,
                     json_pack("{s:[I,I,I,I,I,I], s:s, s:f}", "shape", (json_int_t)problem->batch,
                               (json_int_t)problem->heads, (json_int_t)problem->n,
                               (json_int_t)problem->m, (json_int_t)problem->k,
                               (json_int_t)problem->depth, "mask", masks[problem->mask], "scale",
                               problem->scale),
                     out);
}
