/* Plans as JSON. */
#include "core/deliver.h"
#include "core/failure.h"
#include "device/plan_internal.h"

static json_t *integers(const int64_t *values, int32_t count) {
    json_t *list = json_array();
    for (int32_t i = 0; i < count; ++i) {
        json_array_append_new(list, json_integer(values[i]));
    }
    return list;
}

static json_t *sizes(const size_t *values, cl_uint count) {
    json_t *list = json_array();
    for (cl_uint i = 0; i < count; ++i) {
        json_array_append_new(list, json_integer((json_int_t)values[i]));
    }
    return list;
}

static json_t *tensor_value(const clf_i_binding *binding) {
    const clf_tensor *tensor = &binding->tensor;
    return json_pack("{s:s, s:s, s:o, s:o, s:b, s:s}", "argument", binding->argument, "dtype",
                     clf_dtype_name(tensor->dtype), "shape", integers(tensor->shape, tensor->rank),
                     "strides", integers(tensor->strides, tensor->rank), "bound",
                     tensor->buffer != NULL, "access",
                     binding->access == CLF_I_READ ? "read" : "write");
}

static json_t *foreign_value(const clf_i_foreign *foreign) {
    json_t *figures = json_object();
    for (size_t i = 0; i < foreign->num_figures; ++i) {
        json_object_set_new(figures, foreign->figures[i].name,
                            json_integer(foreign->figures[i].value));
    }
    return json_pack("{s:s, s:s, s:o}", "library", foreign->library, "routine", foreign->routine,
                     "figures", figures);
}

static json_t *step_value(const clf_i_launch *launch) {
    if (launch->foreign != NULL) {
        return foreign_value(launch->foreign);
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:I}", "kernel", launch->name, "options",
                     launch->options.data, "global", sizes(launch->global, launch->dimensions),
                     "local", sizes(launch->local, launch->dimensions), "local_memory",
                     (json_int_t)launch->local_memory);
}

static json_t *plan_value(const clf_plan *plan) {
    json_t *tensors = json_array();
    for (size_t i = 0; i < plan->num_bindings; ++i) {
        json_array_append_new(tensors, tensor_value(&plan->bindings[i]));
    }
    json_t *steps = json_array();
    size_t local_memory = 0;
    for (size_t i = 0; i < plan->num_launches; ++i) {
        json_array_append_new(steps, step_value(&plan->launches[i]));
        const size_t own = plan->launches[i].local_memory;
        local_memory = own > local_memory ? own : local_memory;
    }
    /* Only plans with matrix products have the key. */
    json_t *products = json_array_size(plan->products) > 0 ? plan->products : NULL;
    return json_pack("{s:s, s:s, s:s, s:s, s:O, s:O*, s:o, s:O, s:o, s:f, s:f, s:I, s:I, s:f}",
                     "operator", plan->operator_name, "device", plan->device->capabilities.name,
                     "problem", plan->problem.data != NULL ? plan->problem.data : "", "variant",
                     clf_i_variant_name(plan->variant), "variants_not_taken", plan->passed_over,
                     "products", products, "tensors", tensors, "parameters", plan->parameters,
                     "steps", steps, "flops", plan->flops, "bytes", plan->bytes, "local_memory",
                     (json_int_t)local_memory, "workspace", (json_int_t)plan->workspace_size,
                     "seconds_to_plan", plan->seconds_to_plan);
}

clf_status clf_plan_describe(const clf_plan *plan, char *json, size_t *size) {
    if (plan == NULL || size == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "%s is NULL, a %s is required",
                          plan == NULL ? "plan" : "size",
                          plan == NULL ? "plan" : "place for the size");
    }
    return clf_i_deliver_json(plan_value(plan), json, size);
}
