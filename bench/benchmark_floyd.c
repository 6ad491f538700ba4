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

/* Two products for the scores and two for dp, once more; two for grad_query; four for the others. */
static work_amount grad_work(const void *problem, clf_dtype dtype) {
    tensor_info tensors[MAX_TENSORS];
    size_t count = floyd_grad_tensors(problem, dtype, tensors);
    return work_of(problem, tensors, count, 10.0);
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

static clf_status grad_plan(clf_device *device, const void *problem, const clf_tensor *views,
                            clf_variant variant, clf_plan **out_plan) {
    tensor_info tensors[MAX_TENSORS];
    clf_floyd_attention_grad_args args;
    size_t count = floyd_grad_tensors(problem, views[0].dtype, tensors);
    floyd_fill_grad_args(problem, tensors, views, count, &args);
    args.variant = variant;
    return clf_floyd_attention_grad_plan(device, &args, out_plan);
}

/* Statistics and attention_in must belong to the inputs: the forward operator makes them. */
static bool grad_prepare(workload *load) {
    clf_floyd_attention_args args;
    clf_plan *plan = NULL;
    floyd_fill_args(load->problem, load->tensors, load->views, load->num_tensors, &args);
    args.attention_out = &load->views[workload_tensor(load, CLF_SLOT_ATTENTION_IN)];
    args.method = CLF_FLOYD_METHOD_AUTO;
    args.workspace_limit = 0;
    clf_status status = clf_floyd_attention_plan(load->session->device, &args, &plan);
    if (status == CLF_SUCCESS) {
        status = clf_plan_enqueue(plan, load->session->queue, NULL, 0, NULL, NULL);
    }
    bool ok = clformer_ok(status, "the forward operator, for attention_in") &&
              opencl_ok(clFinish(load->session->queue), "clFinish");
    clf_plan_destroy(plan);
    return ok;
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

const operator_benchmark floyd_grad_benchmark = {
    .name = "floyd_grad",
    .summary = "FusedFloydAttentionGrad: the gradients of query, both keys and both values",
    .mask_title = "mask",
    .metric = METRIC_FLOPS,
    .attributes = floyd_attributes,
    .cases = floyd_cases,
    .peers = floyd_grad_peers,
    .problem_size = sizeof(floyd_problem),
    .set_attribute = floyd_set_attribute,
    .complete = floyd_complete,
    .reduce = floyd_reduce,
    .print = floyd_print,
    .tensors = floyd_grad_tensors,
    .work = grad_work,
    .plan = grad_plan,
    .is_real = is_real,
    .prepare = grad_prepare,
    .verify = floyd_verify,
};
