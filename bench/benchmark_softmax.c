/* ScaledMaskedSoftmax and its gradient: tensors, work, plans, inputs. */
#include "benchmark_softmax.h"

#include <stdlib.h>
#include <string.h>

#include "real_data.h"
#include "softmax_setup.h"
#include "terminal.h"
#include "workload.h"

/* Scale, subtract, exponential, sum, divide; multiply, add, subtract, multiply, scale. */
static const double flops_per_element = 5.0;

static tensor_info data_tensor(const softmax_problem *problem, clf_dtype dtype, clf_slot slot,
                               const char *name, fill fill) {
    tensor_info tensor = {.slot = slot,
                          .name = name,
                          .dtype = dtype,
                          .rank = problem->rank,
                          .fill = fill,
                          .low = -5.0,
                          .high = 5.0};
    memcpy(tensor.shape, problem->shape, sizeof tensor.shape);
    return tensor;
}

static size_t forward_tensors(const void *opaque, clf_dtype dtype, tensor_info out[MAX_TENSORS]) {
    const softmax_problem *problem = opaque;
    size_t count = 0;
    out[count++] = data_tensor(problem, dtype, CLF_SLOT_X, "x", FILL_UNIFORM);
    count += softmax_mask_tensor(problem, &out[count]) ? 1 : 0;
    out[count++] = data_tensor(problem, dtype, CLF_SLOT_Y, "y", FILL_NONE);
    return count;
}

static size_t grad_tensors(const void *opaque, clf_dtype dtype, tensor_info out[MAX_TENSORS]) {
    const softmax_problem *problem = opaque;
    size_t count = 0;
    out[count++] = data_tensor(problem, dtype, CLF_SLOT_GRAD_OUTPUT, "grad_output", FILL_UNIFORM);
    out[count++] = data_tensor(problem, dtype, CLF_SLOT_Y, "y", FILL_NONE);
    count += softmax_mask_tensor(problem, &out[count]) ? 1 : 0;
    /* Holds x until y has been computed from it. */
    out[count++] = data_tensor(problem, dtype, CLF_SLOT_GRAD_X, "grad_x", FILL_UNIFORM);
    return count;
}

/* Inputs are read where they count, outputs are written everywhere. */
static work_amount work_of(const softmax_problem *problem, clf_dtype dtype, double num_inputs) {
    double live = softmax_live_elements(problem);
    double all = (double)softmax_num_rows(problem) * (double)softmax_width(problem);
    work_amount work = {(num_inputs * live + all) * (double)clf_dtype_size(dtype),
                        flops_per_element * live};
    tensor_info mask;
    if (softmax_mask_tensor(problem, &mask)) {
        work.bytes += (double)tensor_elements(&mask);
    }
    return work;
}

static work_amount forward_work(const void *problem, clf_dtype dtype) {
    return work_of(problem, dtype, 1.0);
}

static work_amount grad_work(const void *problem, clf_dtype dtype) {
    return work_of(problem, dtype, 2.0);
}

static const clf_tensor *mask_view(const softmax_problem *problem, const clf_tensor *view) {
    return problem->mask == SOFTMAX_MASK_TENSOR ? view : NULL;
}

static clf_status forward_plan(clf_device *device, const void *opaque, const clf_tensor *views,
                               clf_variant variant, clf_plan **out_plan) {
    const softmax_problem *problem = opaque;
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    args.x = &views[0];
    args.mask = mask_view(problem, &views[1]);
    args.y = &views[args.mask ? 2 : 1];
    args.scale = problem->scale;
    args.fixed_triu_mask = problem->mask == SOFTMAX_MASK_TRIU;
    args.variant = variant;
    return clf_scaled_masked_softmax_plan(device, &args, out_plan);
}

static clf_status grad_plan(clf_device *device, const void *opaque, const clf_tensor *views,
                            clf_variant variant, clf_plan **out_plan) {
    const softmax_problem *problem = opaque;
    clf_scaled_masked_softmax_grad_args args = CLF_SCALED_MASKED_SOFTMAX_GRAD_ARGS;
    args.grad_output = &views[0];
    args.y = &views[1];
    args.mask = mask_view(problem, &views[2]);
    args.grad_x = &views[args.mask ? 3 : 2];
    args.scale = problem->scale;
    args.fixed_triu_mask = problem->mask == SOFTMAX_MASK_TRIU;
    args.variant = variant;
    return clf_scaled_masked_softmax_grad_plan(device, &args, out_plan);
}

/* Takes a recorded fp32 tensor as the contents of tensor `index`. */
static bool load_values(workload *load, size_t index, const char *folder, const char *name) {
    size_t count = 0;
    float *values = real_data_tensor(folder, name, "float32", &count);
    bool ok = values && (count == tensor_elements(&load->tensors[index])
                             ? data_source_values(&load->sources[index], load->dtype, values, count)
                             : fail("minilm.json: tensor '%s' has another shape", name));
    free(values);
    return ok;
}

static bool load_mask(workload *load, const char *folder) {
    size_t count = 0;
    unsigned char *bytes = real_data_tensor(folder, "padding_mask", "uint8", &count);
    size_t index = workload_tensor(load, CLF_SLOT_MASK);
    bool ok = bytes && data_source_bytes(&load->sources[index], bytes, count);
    free(bytes);
    return ok;
}

/* PyTorch's probabilities are comparable where the scores were not rounded: in fp32. */
static bool load_expected(workload *load, const char *folder) {
    size_t count = 0;
    if (load->dtype != CLF_DTYPE_FP32) {
        return true;
    }
    load->expected = real_data_tensor(folder, "probabilities", "float32", &count);
    return load->expected && count == tensor_elements(&load->tensors[0])
               ? true
               : fail("minilm.json: the probabilities do not have the scores' shape");
}

static bool forward_load_real(workload *load, const char *folder) {
    return load_values(load, 0, folder, "scores") && load_mask(load, folder) &&
           load_expected(load, folder);
}

/* No gradient was recorded: the scores are real, the incoming gradient is generated. */
static bool grad_load_real(workload *load, const char *folder) {
    const tensor_info *incoming = &load->tensors[0];
    return data_source_uniform(&load->sources[0], load->dtype, incoming->low, incoming->high, 1) &&
           load_values(load, workload_tensor(load, CLF_SLOT_GRAD_X), folder, "scores") &&
           load_mask(load, folder);
}

/* y must be a softmax of something: the forward operator makes it, from x in grad_x's buffer. */
static bool grad_prepare(workload *load) {
    const softmax_problem *problem = load->problem;
    bool has_mask = problem->mask == SOFTMAX_MASK_TENSOR;
    clf_tensor views[3];
    clf_plan *plan = NULL;
    size_t count = 0;
    views[count++] = load->views[workload_tensor(load, CLF_SLOT_GRAD_X)];
    if (has_mask) {
        views[count++] = load->views[workload_tensor(load, CLF_SLOT_MASK)];
    }
    views[count++] = load->views[workload_tensor(load, CLF_SLOT_Y)];
    clf_status status =
        forward_plan(load->session->device, problem, views, CLF_VARIANT_AUTO, &plan);
    if (status == CLF_SUCCESS) {
        status = clf_plan_enqueue(plan, load->session->queue, NULL, 0, NULL, NULL);
    }
    bool ok = clformer_ok(status, "the forward operator, for y") &&
              opencl_ok(clFinish(load->session->queue), "clFinish");
    clf_plan_destroy(plan);
    return ok;
}

const operator_benchmark softmax_benchmark = {
    .name = "softmax",
    .summary = "ScaledMaskedSoftmax: softmax(mask(scale * x)) over the last axis",
    .mask_title = "mask",
    .metric = METRIC_BYTES,
    .attributes = softmax_attributes,
    .cases = softmax_cases,
    .peers = softmax_peers,
    .problem_size = sizeof(softmax_problem),
    .set_attribute = softmax_set_attribute,
    .complete = softmax_complete,
    .reduce = softmax_reduce,
    .print = softmax_print,
    .tensors = forward_tensors,
    .work = forward_work,
    .plan = forward_plan,
    .is_real = softmax_is_real,
    .load_real = forward_load_real,
    .verify = softmax_verify,
};

const operator_benchmark softmax_grad_benchmark = {
    .name = "softmax_grad",
    .summary = "ScaledMaskedSoftmaxGrad: the gradient with respect to x",
    .mask_title = "mask",
    .metric = METRIC_BYTES,
    .attributes = softmax_attributes,
    .cases = softmax_cases,
    .peers = softmax_grad_peers,
    .problem_size = sizeof(softmax_problem),
    .set_attribute = softmax_set_attribute,
    .complete = softmax_complete,
    .reduce = softmax_reduce,
    .print = softmax_print,
    .tensors = grad_tensors,
    .work = grad_work,
    .plan = grad_plan,
    .is_real = softmax_is_real,
    .load_real = grad_load_real,
    .prepare = grad_prepare,
    .verify = softmax_grad_verify,
};
