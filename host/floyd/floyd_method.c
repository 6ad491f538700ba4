/* See floyd_method.h. */
#include "floyd/floyd_method.h"

#include "tune/tuning.h"

void clf_i_floyd_method_append(clf_floyd_method wanted, clf_i_text *text) {
    if (wanted != CLF_FLOYD_METHOD_AUTO) {
        clf_i_text_append(text,
                          wanted == CLF_FLOYD_METHOD_SLAB ? " --method slab" : " --method fused");
    }
}

bool clf_i_floyd_needs_slab(const clf_plan *plan, clf_floyd_method wanted, clf_variant variant,
                            bool fused_fits, const clf_i_floyd_slab_estimate *slab) {
    const bool is_open = wanted == CLF_FLOYD_METHOD_AUTO && variant != CLF_VARIANT_PORTABLE;
    const bool has_cpu =
        clf_i_variant_refusal(clf_i_plan_capabilities(plan), CLF_VARIANT_CPU) == NULL;
    return wanted == CLF_FLOYD_METHOD_SLAB ||
           (is_open && has_cpu && !fused_fits && slab->slab_n > 0);
}

clf_status clf_i_floyd_choose_slab_variant(clf_plan *plan, clf_variant wanted,
                                           clf_variant *out_variant) {
    const clf_i_capabilities *capabilities = clf_i_plan_capabilities(plan);
    const clf_i_variant_option options[] = {
        {CLF_VARIANT_CPU, clf_i_variant_refusal(capabilities, CLF_VARIANT_CPU)},
        {CLF_VARIANT_PORTABLE, clf_i_variant_refusal(capabilities, CLF_VARIANT_PORTABLE)},
    };
    return clf_i_plan_choose_variant(plan, wanted, options, sizeof options / sizeof options[0],
                                     out_variant);
}

/* The portable kernels add and multiply what they have just read from local memory; matrix products
 * read less of it, but all scores go through global memory, which GPUs have the bandwidth for. */
static bool prefers_slab(const clf_plan *plan, const char *kernel) {
    const bool is_gpu = clf_i_plan_capabilities(plan)->type == CLF_I_DEVICE_GPU;
    return clf_i_tuning_value(clf_i_plan_device(plan), kernel, "prefers_slab", 0, 1, is_gpu) != 0;
}

static bool takes_slab(const clf_plan *plan, const clf_i_floyd_methods *methods) {
    if (methods->wanted != CLF_FLOYD_METHOD_AUTO) {
        return methods->wanted == CLF_FLOYD_METHOD_SLAB;
    }
    return methods->fused_variant != CLF_VARIANT_CPU && methods->slab.slab_n > 0 &&
           prefers_slab(plan, methods->fused_kernel);
}

clf_status clf_i_floyd_choose_method(clf_plan *plan, const clf_i_floyd_methods *methods,
                                     clf_floyd_method *out_method) {
    *out_method = takes_slab(plan, methods) ? CLF_FLOYD_METHOD_SLAB : CLF_FLOYD_METHOD_FUSED;
    const struct {
        const char *name;
        int64_t value;
    } parameters[] = {
        {"method", *out_method},
        {"fused_workspace", (int64_t)methods->fused_workspace},
        {"slab_workspace", (int64_t)methods->slab.workspace},
    };
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0] && status == CLF_SUCCESS; ++i) {
        status = clf_i_plan_set_parameter(plan, parameters[i].name, parameters[i].value);
    }
    return status;
}
