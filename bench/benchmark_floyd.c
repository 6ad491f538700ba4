/* FusedFloydAttention and its gradient: work, plans, the gradient's inputs. */
#include "benchmark_floyd.h"

#include "floyd_setup.h"
#include "terminal.h"
#include "workload.h"

/* Every tensor moves once; the exponential is not counted. */
static work_amount work_of(const floyd_problem *problem, const tensor_info *tensors, size_t count,
                           double num_products) {
    work_amount work = {.flops = 2.0 * num_products * floyd_products(problem)};
    for (size_t i = 0; i < count; i++) {
        work.bytes += (double)dtype_bytes(tensors[i].dtype, tensor_elements(&tensors[i]));
    }
    return work;
}

static work_amount forward_work(const void *problem, clf_dtype dtype) {
    tensor_info tensors[MAX_TENSORS];
    size_t count = floyd_tensors(problem, dtype, tensors);
    return work_of(problem, tensors, count, 4.0);
}

static clf_status forward_plan(clf_device *device, const void *problem, const clf_tensor *views,
                               clf_variant variant, clf_plan **out_plan) {
    tensor_info tensors[MAX_TENSORS];
    clf_floyd_attention_args args;
    size_t count = floyd_tensors(problem, views[0].dtype, tensors);
    floyd_fill_args(problem, tensors, views, count, &args);
    args.variant = variant;
    return clf_floyd_attention_plan(device, &args, out_plan);
}

static bool is_real(const void *problem) {
    (void)problem;
    return false;
}

const operator_benchmark floyd_benchmark = {
    .name = "floyd",
    .summary = "FusedFloydAttention: attention over graph edges with a pivot axis",
    .mask_title = "mask",
    .metric = METRIC_FLOPS,
    .attributes = floyd_attributes,
    .cases = floyd_cases,
    .peers = floyd_peers,
    .problem_size = sizeof(floyd_problem),
    .set_attribute = floyd_set_attribute,
    .complete = floyd_complete,
    .reduce = floyd_reduce,
    .print = floyd_print,
    .tensors = floyd_tensors,
    .work = forward_work,
    .plan = forward_plan,
    .is_real = is_real,
    .verify = floyd_verify,
};
