/* FlashAttentionScore: work, plans, recorded inputs. */
#include "benchmark_attention.h"

#include <stdlib.h>
#include <string.h>

#include "attention_setup.h"
#include "attention_visits.h"
#include "real_data.h"
#include "terminal.h"
#include "workload.h"

/* Two products of vectors for each pair that is visited; the exponential is not counted. Every
 * tensor moves once, a compressed mask not at all. */
static work_amount forward_work(const void *opaque, clf_dtype dtype) {
    const attention_problem *problem = opaque;
    tensor_info tensors[MAX_TENSORS];
    size_t count = attention_tensors(problem, dtype, tensors);
    double per_pair = 2.0 * (double)(problem->depth + problem->value_depth);
    work_amount work = {.flops = per_pair * attention_visited_pairs(problem)};
    for (size_t i = 0; i < count; i++) {
        bool is_unread =
            tensors[i].slot == CLF_SLOT_ATTEN_MASK && problem->mask == ATTENTION_MASK_COMPRESSED;
        double size = (double)clf_dtype_size(tensors[i].dtype);
        work.bytes += is_unread ? 0.0 : (double)tensor_elements(&tensors[i]) * size;
    }
    return work;
}

static clf_status forward_plan(clf_device *device, const void *problem, const clf_tensor *views,
                               clf_variant variant, clf_plan **out_plan) {
    attention_call call;
    attention_fill_call(problem, views, &call);
    call.args.variant = variant;
    return clf_flash_attention_plan(device, &call.args, out_plan);
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
