/* See floyd_method.h. */
#include "floyd/floyd_method.h"

#include "tune/tuning.h"

void clf_i_floyd_method_append(clf_floyd_method wanted, clf_i_text *text) {
    if (wanted != CLF_FLOYD_METHOD_AUTO) {
        clf_i_text_append(text,
                          wanted == CLF_FLOYD_METHOD_SLAB ? " --method slab" : " --method fused");
    }
}

/* Whether slabs are settled before a variant is chosen. */
static bool needs_slab(const clf_plan *plan, const clf_i_floyd_ways *ways) {
    const bool is_open = ways->wanted_method == CLF_FLOYD_METHOD_AUTO &&
                         ways->wanted_variant != CLF_VARIANT_PORTABLE;
    const bool has_cpu =
        clf_i_variant_refusal(clf_i_plan_capabilities(plan), CLF_VARIANT_CPU) == NULL;
    return ways->wanted_method == CLF_FLOYD_METHOD_SLAB ||
           (is_open && has_cpu && ways->limit_refusal != NULL && ways->slab.slab_n > 0);
}

static clf_status choose_fused_variant(clf_plan *plan, const clf_i_floyd_ways *ways,
                                       clf_variant *out_variant) {
    const clf_i_capabilities *capabilities = clf_i_plan_capabilities(plan);
    const char *cpu_refusal = clf_i_variant_refusal(capabilities, CLF_VARIANT_CPU);
    if (cpu_refusal == NULL) {
        cpu_refusal = ways->limit_refusal;
    }
    if (cpu_refusal == NULL && ways->local_memory > capabilities->local_memory) {
        cpu_refusal = ways->tile_refusal;
    }
    const clf_i_variant_option options[] = {
        {CLF_VARIANT_CPU, cpu_refusal},
        {CLF_VARIANT_PORTABLE, clf_i_variant_refusal(capabilities, CLF_VARIANT_PORTABLE)},
    };
    return clf_i_plan_choose_variant(plan, ways->wanted_variant, options,
                                     sizeof options / sizeof options[0], out_variant);
}

/* The portable kernels add and multiply what they have just read from local memory; matrix products
 * read less of it, but all scores go through global memory, which GPUs have the bandwidth for. */
static bool prefers_slab(const clf_plan *plan, const clf_i_floyd_ways *ways) {
    const bool is_gpu = clf_i_plan_capabilities(plan)->type == CLF_I_DEVICE_GPU;
    return ways->slab.slab_n > 0 &&
           clf_i_tuning_value(clf_i_plan_device(plan), ways->portable_kernel, "prefers_slab", 0, 1,
                              is_gpu) != 0;
}

clf_status clf_i_floyd_choose_way(clf_plan *plan, const clf_i_floyd_ways *ways,
                                  clf_variant *out_variant, clf_floyd_method *out_method) {
    bool is_slab = needs_slab(plan, ways);
    const clf_status status =
        is_slab ? clf_i_plan_choose_either_variant(plan, ways->wanted_variant, out_variant)
                : choose_fused_variant(plan, ways, out_variant);
    if (status != CLF_SUCCESS) {
        return status;
    }
    is_slab |= ways->wanted_method == CLF_FLOYD_METHOD_AUTO && *out_variant != CLF_VARIANT_CPU &&
               prefers_slab(plan, ways);
    *out_method = is_slab ? CLF_FLOYD_METHOD_SLAB : CLF_FLOYD_METHOD_FUSED;
    const size_t fused_workspace = *out_variant == CLF_VARIANT_CPU ? ways->workspace : 0;
    const clf_i_plan_parameter parameters[] = {
        {"method", *out_method},
        {"fused_workspace", (int64_t)fused_workspace},
        {"slab_workspace", (int64_t)ways->slab.workspace},
    };
    return clf_i_plan_set_parameters(plan, parameters, sizeof parameters / sizeof parameters[0]);
}
