/* Making a plan: tensors are in plan_binding.c, tables and launches in plan_steps.c; here the
 * variant, the figures, the workspace, and the end. */
#include "device/plan_builder.h"

#include <string.h>
#include <time.h>

#include "core/environment.h"
#include "core/failure.h"
#include "core/log.h"
#include "core/memory.h"
#include "device/opencl.h"
#include "device/plan_internal.h"
#include "device/program_cache.h"

/* OpenCL's strictest type is 128 bytes (long16). */
#define WORKSPACE_ALIGNMENT 128u

double clf_i_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

clf_status clf_i_plan_check_call(const clf_device *device, const void *args, clf_plan **out_plan) {
    const struct {
        const void *pointer;
        const char *sentence;
    } needed[] = {
        {out_plan, "out_plan is NULL, a place for the plan is required"},
        {device, "device is NULL, a device is required"},
        {args, "args is NULL, a struct of arguments is required"},
    };
    if (out_plan != NULL) {
        *out_plan = NULL;
    }
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; ++i) {
        if (needed[i].pointer == NULL) {
            return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "%s", needed[i].sentence);
        }
    }
    return CLF_SUCCESS;
}

clf_status clf_i_plan_create(clf_device *device, const char *operator_name, clf_plan **out_plan) {
    if (atomic_load(&device->closed)) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID,
                          "device was destroyed, accepted: one that is alive");
    }
    clf_plan *plan = clf_i_allocate(1, sizeof *plan);
    if (plan == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a plan");
    }
    plan->seconds_to_plan = -clf_i_seconds();
    plan->operator_name = operator_name;
    plan->parameters = json_object();
    plan->passed_over = json_array();
    plan->products = json_array();
    plan->device = device;
    clf_i_device_retain(device);
    *out_plan = plan;
    if (plan->parameters == NULL || plan->passed_over == NULL || plan->products == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a plan");
    }
    return CLF_SUCCESS;
}

const clf_i_capabilities *clf_i_plan_capabilities(const clf_plan *plan) {
    return &plan->device->capabilities;
}

clf_device *clf_i_plan_device(const clf_plan *plan) {
    return plan->device;
}

/* ---- The variant ---- */

static clf_variant variant_of_environment(void) {
    static const char *const words[] = {CLF_I_VARIANT_NAMES};
    return (clf_variant)clf_i_environment_choice("CLFORMER_VARIANT", words, CLF_I_NUM_VARIANTS,
                                                 CLF_VARIANT_AUTO);
}

static void pass_over(clf_plan *plan, clf_variant variant, const char *reason) {
    clf_i_log(CLF_LOG_DISPATCH, "%s: variant %s not taken: %s", plan->operator_name,
              clf_i_variant_name(variant), reason);
    json_array_append_new(
        plan->passed_over,
        json_pack("{s:s, s:s}", "variant", clf_i_variant_name(variant), "reason", reason));
}

static clf_status choose_wanted(clf_variant wanted, const clf_i_variant_option *options,
                                size_t num_options, size_t *out_chosen) {
    for (size_t i = 0; i < num_options; ++i) {
        if (options[i].variant == wanted && options[i].refusal == NULL) {
            *out_chosen = i;
            return CLF_SUCCESS;
        }
        if (options[i].variant == wanted) {
            return clf_i_fail(CLF_ERR_UNSUPPORTED, "variant %s cannot run here: %s",
                              clf_i_variant_name(wanted), options[i].refusal);
        }
    }
    return clf_i_fail(CLF_ERR_UNSUPPORTED, "this operator has no variant %s",
                      clf_i_variant_name(wanted));
}

static clf_status choose_best(const clf_i_variant_option *options, size_t num_options,
                              size_t *out_chosen) {
    for (size_t i = 0; i < num_options; ++i) {
        if (options[i].refusal == NULL) {
            *out_chosen = i;
            return CLF_SUCCESS;
        }
    }
    return clf_i_fail(CLF_ERR_UNSUPPORTED, "no variant can run on this device; the last one: %s",
                      num_options > 0 ? options[num_options - 1].refusal : "there is none");
}

clf_status clf_i_plan_choose_variant(clf_plan *plan, clf_variant wanted,
                                     const clf_i_variant_option *options, size_t num_options,
                                     clf_variant *out_variant) {
    if ((int)wanted < 0 || (int)wanted >= CLF_I_NUM_VARIANTS) {
        return clf_i_fail(CLF_ERR_PARAM_INVALID, "variant is %d, accepted: 0 to %d (clf_variant)",
                          (int)wanted, CLF_I_NUM_VARIANTS - 1);
    }
    const bool forced_by_caller = wanted != CLF_VARIANT_AUTO;
    if (!forced_by_caller) {
        wanted = variant_of_environment();
    }
    size_t chosen = 0;
    const clf_status status = wanted == CLF_VARIANT_AUTO
                                  ? choose_best(options, num_options, &chosen)
                                  : choose_wanted(wanted, options, num_options, &chosen);
    if (status != CLF_SUCCESS) {
        return status;
    }
    for (size_t i = 0; i < num_options; ++i) {
        if (i != chosen) {
            pass_over(plan, options[i].variant,
                      options[i].refusal != NULL   ? options[i].refusal
                      : forced_by_caller           ? "the caller wants another"
                      : wanted != CLF_VARIANT_AUTO ? "CLFORMER_VARIANT wants another"
                                                   : "slower on this device");
        }
    }
    plan->variant = options[chosen].variant;
    *out_variant = plan->variant;
    return CLF_SUCCESS;
}

clf_status clf_i_plan_choose_either_variant(clf_plan *plan, clf_variant wanted,
                                            clf_variant *out_variant) {
    const clf_i_capabilities *capabilities = clf_i_plan_capabilities(plan);
    const clf_i_variant_option options[] = {
        {CLF_VARIANT_CPU, clf_i_variant_refusal(capabilities, CLF_VARIANT_CPU)},
        {CLF_VARIANT_PORTABLE, clf_i_variant_refusal(capabilities, CLF_VARIANT_PORTABLE)},
    };
    return clf_i_plan_choose_variant(plan, wanted, options, sizeof options / sizeof options[0],
                                     out_variant);
}

/* ---- Figures ---- */

clf_status clf_i_plan_set_parameter(clf_plan *plan, const char *name, int64_t value) {
    if (json_object_set_new(plan->parameters, name, json_integer(value)) != 0) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a plan's parameter");
    }
    return CLF_SUCCESS;
}

clf_status clf_i_plan_set_parameters(clf_plan *plan, const clf_i_plan_parameter *parameters,
                                     size_t count) {
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < count && status == CLF_SUCCESS; ++i) {
        status = clf_i_plan_set_parameter(plan, parameters[i].name, parameters[i].value);
    }
    return status;
}

clf_status clf_i_plan_add_product(clf_plan *plan, const char *provider, const char *not_taken,
                                  const char *reason) {
    json_t *product = json_pack("{s:s, s:s, s:s}", "provider", provider, "not_taken", not_taken,
                                "reason", reason);
    if (json_array_append_new(plan->products, product) != 0) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a plan's products");
    }
    clf_i_log(CLF_LOG_DISPATCH, "%s: matrix product by %s, not by %s: %s", plan->operator_name,
              provider, not_taken, reason);
    return CLF_SUCCESS;
}

void clf_i_plan_set_cost(clf_plan *plan, double flops, double bytes) {
    plan->flops = flops;
    plan->bytes = bytes;
}

clf_status clf_i_plan_set_problem(clf_plan *plan, clf_i_text *problem) {
    clf_i_text_clear(&plan->problem);
    plan->problem = *problem;
    *problem = (clf_i_text){0};
    return plan->problem.failed
               ? clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a plan's problem")
               : CLF_SUCCESS;
}

size_t clf_i_plan_reserve_workspace(clf_plan *plan, size_t size) {
    const size_t offset = plan->workspace_size;
    plan->workspace_size +=
        (size + WORKSPACE_ALIGNMENT - 1) / WORKSPACE_ALIGNMENT * WORKSPACE_ALIGNMENT;
    return offset;
}

size_t clf_i_plan_reserve_region(clf_plan *plan, size_t size) {
    const size_t given = plan->device->capabilities.base_alignment;
    const size_t alignment = given > WORKSPACE_ALIGNMENT ? given : WORKSPACE_ALIGNMENT;
    plan->workspace_size = (plan->workspace_size + alignment - 1) / alignment * alignment;
    return clf_i_plan_reserve_workspace(plan, size);
}

/* ---- The end ---- */

clf_status clf_i_plan_finish(clf_plan *plan) {
    const clf_status status = clf_i_plan_check_overlap(plan);
    if (status != CLF_SUCCESS) {
        return status;
    }
    plan->seconds_to_plan += clf_i_seconds();
    clf_i_log(CLF_LOG_CREATE, "%s,%s,%s,%.3f ms", plan->operator_name,
              clf_i_variant_name(plan->variant),
              plan->problem.data != NULL ? plan->problem.data : "", 1e3 * plan->seconds_to_plan);
    return CLF_SUCCESS;
}

clf_status clf_i_plan_hand_over(clf_plan *plan, clf_status status, clf_plan **out_plan) {
    if (status != CLF_SUCCESS) {
        clf_plan_destroy(plan);
        return status;
    }
    *out_plan = plan;
    return CLF_SUCCESS;
}

static void clear_launch(clf_i_launch *launch) {
    clf_i_foreign_destroy(launch->foreign);
    if (launch->kernel != NULL) {
        clReleaseKernel(launch->kernel);
    }
    clf_i_text_clear(&launch->options);
    clf_i_release(launch->moving);
}

void clf_plan_destroy(clf_plan *plan) {
    if (plan == NULL) {
        return;
    }
    for (size_t i = 0; i < plan->num_launches; ++i) {
        clear_launch(&plan->launches[i]);
    }
    for (size_t i = 0; i < plan->num_bindings; ++i) {
        clf_i_binding_clear(&plan->bindings[i]);
    }
    for (size_t i = 0; i < plan->num_tables; ++i) {
        clReleaseMemObject(plan->tables[i]);
    }
    if (plan->own_workspace != NULL) {
        clReleaseMemObject(plan->own_workspace);
    }
    clf_i_release(plan->launches);
    clf_i_text_clear(&plan->problem);
    json_decref(plan->parameters);
    json_decref(plan->passed_over);
    json_decref(plan->products);
    clf_i_device_release(plan->device);
    clf_i_release(plan);
}
