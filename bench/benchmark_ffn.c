/* FFN: work, what bounds it, plans, the experts' tokens on the device. */
#include "benchmark_ffn.h"

#include "ffn_setup.h"
#include "terminal.h"
#include "workload.h"

/* With no more tokens than this for each expert's weights, reading the weights is the limit. */
static const int64_t few_tokens = 4;

static int64_t busy_ranges(const ffn_problem *problem) {
    int64_t busy = 0;
    for (size_t i = 0; i < ffn_num_ranges(problem); i++) {
        busy += ffn_range_tokens(problem, i) > 0;
    }
    return busy;
}

/* Two products; activation and scales are not counted. Every tensor moves once, of the weights
 * those of experts with tokens. */
static work_amount ffn_work(const void *opaque, clf_dtype dtype) {
    const ffn_problem *problem = opaque;
    tensor_info tensors[MAX_TENSORS];
    work_amount work = {0};
    size_t count = ffn_tensors(problem, dtype, tensors);
    double share = (double)busy_ranges(problem) / (double)ffn_num_ranges(problem);
    for (int i = 0; i < 2; i++) {
        const ffn_product *product = &problem->products[i];
        work.flops +=
            2.0 * (double)problem->tokens * (double)product->depth * (double)product->width;
    }
    for (size_t i = 0; i < count; i++) {
        bool is_weight = tensors[i].slot == CLF_SLOT_WEIGHT1 || tensors[i].slot == CLF_SLOT_WEIGHT2;
        double bytes = (double)dtype_bytes(tensors[i].dtype, tensor_elements(&tensors[i]));
        work.bytes += is_weight ? share * bytes : bytes;
    }
    return work;
}

static metric ffn_metric(const void *opaque) {
    const ffn_problem *problem = opaque;
    return problem->tokens <= few_tokens * busy_ranges(problem) ? METRIC_READS : METRIC_FLOPS;
}

static size_t ffn_products(const void *opaque, product_sizes out[MAX_PRODUCTS]) {
    const ffn_problem *problem = opaque;
    size_t count = 0;
    for (size_t i = 0; i < ffn_num_ranges(problem); i++) {
        for (int which = 0; which < 2 && ffn_range_tokens(problem, i) > 0; which++) {
            out[count++] = (product_sizes){.rows = (size_t)ffn_range_tokens(problem, i),
                                           .columns = (size_t)problem->products[which].width,
                                           .depth = (size_t)problem->products[which].depth};
        }
    }
    return count;
}

static clf_status ffn_plan(clf_device *device, const void *problem, const clf_tensor *views,
                           clf_variant variant, clf_plan **out_plan) {
    ffn_call call;
    ffn_fill_call(problem, views, &call);
    call.args.variant = variant;
    return clf_ffn_plan(device, &call.args, out_plan);
}

static bool is_real(const void *problem) {
    (void)problem;
    return false;
}

/* Counts of tokens are no test data. */
static bool write_counts(workload *load) {
    const ffn_problem *problem = load->problem;
    size_t index = workload_tensor(load, CLF_SLOT_EXPERT_TOKENS);
    return !problem->tokens_on_device ||
           opencl_ok(clEnqueueWriteBuffer(load->session->queue, load->views[index].buffer, CL_TRUE,
                                          0, (size_t)problem->num_experts * sizeof(int64_t),
                                          problem->counts, 0, NULL, NULL),
                     "clEnqueueWriteBuffer");
}

const operator_benchmark ffn_benchmark = {
    .name = "ffn",
    .summary = "FFN: activation(x * weight1 + bias1) * weight2 + bias2, also of experts",
    .mask_title = "mode",
    .attributes = ffn_attributes,
    .cases = ffn_cases,
    .peers = ffn_peers,
    .problem_size = sizeof(ffn_problem),
    .set_attribute = ffn_set_attribute,
    .complete = ffn_complete,
    .reduce = ffn_reduce,
    .print = ffn_print,
    .tensors = ffn_tensors,
    .work = ffn_work,
    .has_dtype = ffn_has_dtype,
    .metric_of = ffn_metric,
    .products = ffn_products,
    .plan = ffn_plan,
    .is_real = is_real,
    .prepare = write_counts,
    .verify = ffn_verify,
};
