/* FlashAttentionScore and its gradient: work, plans, the gradient's inputs, recorded inputs. */
#include "benchmark_attention.h"

#include <stdlib.h>
#include <string.h>

#include "attention_setup.h"
#include "attention_visits.h"
#include "real_data.h"
#include "terminal.h"
#include "workload.h"

/* Every tensor moves once, a compressed mask not at all; the exponential is not counted. */
static work_amount work_of(const attention_problem *problem, const tensor_info *tensors,
                           size_t count, double per_pair) {
    work_amount work = {.flops = per_pair * attention_visited_pairs(problem)};
    for (size_t i = 0; i < count; i++) {
        bool is_unread =
            tensors[i].slot == CLF_SLOT_ATTEN_MASK && problem->mask == ATTENTION_MASK_COMPRESSED;
        double size = (double)clf_dtype_size(tensors[i].dtype);
        work.bytes += is_unread ? 0.0 : (double)tensor_elements(&tensors[i]) * size;
    }
    return work;
}

/* Two products of vectors for each pair that is visited. */
static work_amount forward_work(const void *opaque, clf_dtype dtype) {
    const attention_problem *problem = opaque;
    tensor_info tensors[MAX_TENSORS];
    size_t count = attention_tensors(problem, dtype, tensors);
    return work_of(problem, tensors, count, 2.0 * (double)(problem->depth + problem->value_depth));
}

/* Five: the score once more, grad_output with the value, and one for each of three gradients. */
static work_amount grad_work(const void *opaque, clf_dtype dtype) {
    const attention_problem *problem = opaque;
    tensor_info tensors[MAX_TENSORS];
    size_t count = attention_grad_tensors(problem, dtype, tensors);
    return work_of(problem, tensors, count,
                   2.0 * (double)(3 * problem->depth + 2 * problem->value_depth));
}

static clf_status forward_plan(clf_device *device, const void *problem, const clf_tensor *views,
                               clf_variant variant, clf_plan **out_plan) {
    tensor_info tensors[MAX_TENSORS];
    attention_call call;
    size_t count = attention_tensors(problem, views[0].dtype, tensors);
    const attention_views from = {tensors, views, count};
    attention_fill_call(problem, &from, &call);
    call.args.variant = variant;
    return clf_flash_attention_plan(device, &call.args, out_plan);
}

static clf_status grad_plan(clf_device *device, const void *problem, const clf_tensor *views,
                            clf_variant variant, clf_plan **out_plan) {
    tensor_info tensors[MAX_TENSORS];
    attention_grad_call call;
    size_t count = attention_grad_tensors(problem, views[0].dtype, tensors);
    const attention_views from = {tensors, views, count};
    attention_fill_grad_call(problem, &from, &call);
    call.args.variant = variant;
    return clf_flash_attention_grad_plan(device, &call.args, out_plan);
}

/* Statistics and attention_in must belong to the inputs: the forward operator makes them. */
static bool grad_prepare(workload *load) {
    attention_call call;
    clf_plan *plan = NULL;
    const attention_views from = {load->tensors, load->views, load->num_tensors};
    attention_fill_call(load->problem, &from, &call);
    clf_status status = clf_flash_attention_plan(load->session->device, &call.args, &plan);
    if (status == CLF_SUCCESS) {
        status = clf_plan_enqueue(plan, load->session->queue, NULL, 0, NULL, NULL);
    }
    bool ok = clformer_ok(status, "the forward operator, for attention_in") &&
              opencl_ok(clFinish(load->session->queue), "clFinish");
    clf_plan_destroy(plan);
    return ok;
}

static bool load_values(workload *load, const char *folder, clf_slot slot, const char *name) {
    size_t count = 0;
    size_t index = workload_tensor(load, slot);
    float *values = real_data_tensor(folder, name, "float32", &count);
    bool ok = values && (count == tensor_elements(&load->tensors[index])
                             ? data_source_values(&load->sources[index], load->dtype, values, count)
                             : fail("minilm.json: tensor '%s' has another shape", name));
    free(values);
    return ok;
}

static bool load_mask(workload *load, const char *folder) {
    size_t count = 0;
    size_t index = workload_tensor(load, CLF_SLOT_ATTEN_MASK);
    unsigned char *bytes = real_data_tensor(folder, "padding_mask", "uint8", &count);
    bool ok = bytes && (count == tensor_elements(&load->tensors[index])
                            ? data_source_bytes(&load->sources[index], bytes, count)
                            : fail("minilm.json: tensor 'padding_mask' has another shape"));
    free(bytes);
    return ok;
}

/* PyTorch's result is comparable where the inputs were not rounded: in fp32. */
static bool load_expected(workload *load, const char *folder) {
    size_t count = 0;
    if (load->dtype != CLF_DTYPE_FP32) {
        return true;
    }
    load->expected = real_data_tensor(folder, "context", "float32", &count);
    if (!load->expected) {
        return false;
    }
    return count == tensor_elements(&load->tensors[load->num_tensors - 1])
               ? true
               : fail("minilm.json: tensor 'context' has another shape");
}

static bool forward_load_real(workload *load, const char *folder) {
    return load_values(load, folder, CLF_SLOT_QUERY, "query") &&
           load_values(load, folder, CLF_SLOT_KEY, "key") &&
           load_values(load, folder, CLF_SLOT_VALUE, "value") && load_mask(load, folder) &&
           load_expected(load, folder);
}

const operator_benchmark attention_benchmark = {
    .name = "attention",
    .summary = "FlashAttentionScore: softmax(mask(query * key' * scale)) * value",
    .mask_title = "mask",
    .metric = METRIC_FLOPS,
    .attributes = attention_attributes,
    .cases = attention_cases,
    .peers = attention_peers,
    .problem_size = sizeof(attention_problem),
    .set_attribute = attention_set_attribute,
    .complete = attention_complete,
    .reduce = attention_reduce,
    .print = attention_print,
    .tensors = attention_tensors,
    .work = forward_work,
    .plan = forward_plan,
    .is_real = attention_is_real,
    .load_real = forward_load_real,
    .verify = attention_verify,
};

const operator_benchmark attention_grad_benchmark = {
    .name = "attention_grad",
    .summary = "FlashAttentionScoreGrad: the gradients of query, key, value and position bias",
    .mask_title = "mask",
    .metric = METRIC_FLOPS,
    .attributes = attention_attributes,
    .cases = attention_grad_cases,
    .peers = attention_grad_peers,
    .problem_size = sizeof(attention_problem),
    .set_attribute = attention_set_attribute,
    .complete = attention_complete,
    .reduce = attention_reduce,
    .print = attention_print,
    .tensors = attention_grad_tensors,
    .work = grad_work,
    .plan = grad_plan,
    .is_real = attention_is_real,
    .prepare = grad_prepare,
    .verify = attention_grad_verify,
};
