/* Devices as JSON. */
#include <jansson.h>

#include <clformer/device.h>

#include "core/deliver.h"
#include "core/failure.h"
#include "device/device_internal.h"
#include "device/device_table.h"
#include "device/warp_probe.h"

static json_t *index_value(const clf_i_capabilities *capabilities) {
    return capabilities->index[0] != '\0' ? json_string(capabilities->index) : json_null();
}

/* Drivers may give names that are not UTF-8, which JSON cannot hold. */
static json_t *text_value(const char *text) {
    json_t *value = json_string(text);
    return value != NULL ? value : json_string("(name is not UTF-8)");
}

static json_t *identity(const clf_i_capabilities *capabilities) {
    return json_pack(
        "{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "index", index_value(capabilities), "type",
        clf_i_device_type_name(capabilities->type), "name", text_value(capabilities->name),
        "platform", text_value(capabilities->platform), "vendor", text_value(capabilities->vendor),
        "driver", text_value(capabilities->driver), "version", text_value(capabilities->version));
}

static json_t *variants(const clf_device *device) {
    json_t *list = json_array();
    for (int i = CLF_VARIANT_AUTO + 1; i < CLF_I_NUM_VARIANTS; ++i) {
        const char *refusal = i == CLF_VARIANT_NVIDIA
                                  ? clf_i_nvidia_refusal(device)
                                  : clf_i_variant_refusal(&device->capabilities, (clf_variant)i);
        json_array_append_new(list, json_pack("{s:s, s:b, s:s?}", "variant",
                                              clf_i_variant_name((clf_variant)i), "available",
                                              refusal == NULL, "reason", refusal));
    }
    return list;
}

static json_t *cpu_extensions(const clf_device *device) {
    json_t *list = json_array();
    for (int i = 0; i < CLF_I_NUM_CPU_EXTENSIONS; ++i) {
        const char *refusal = clf_i_cpu_extension_refusal(device, (clf_i_cpu_extension)i);
        json_array_append_new(list, json_pack("{s:s, s:b, s:s?}", "extension",
                                              clf_i_cpu_extension_name((clf_i_cpu_extension)i),
                                              "available", refusal == NULL, "reason", refusal));
    }
    return list;
}

static json_t *capability_values(const clf_device *device) {
    const clf_i_capabilities *capabilities = &device->capabilities;
    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:o, s:o}",
                     "platform_version", text_value(capabilities->platform_version),
                     "language_version", text_value(capabilities->language_version),
                     "compute_units", (json_int_t)capabilities->compute_units, "global_memory",
                     (json_int_t)capabilities->global_memory, "max_allocation",
                     (json_int_t)capabilities->max_allocation, "local_memory",
                     (json_int_t)capabilities->local_memory, "max_work_group_size",
                     (json_int_t)capabilities->max_work_group_size, "base_alignment",
                     (json_int_t)capabilities->base_alignment, "max_sub_groups",
                     (json_int_t)capabilities->max_sub_groups, "fp16", (int)capabilities->has_fp16,
                     "fp64", (int)capabilities->has_fp64, "pocl", (int)capabilities->is_pocl,
                     "variants", variants(device), "cpu_extensions", cpu_extensions(device));
}

clf_status clf_device_describe(const clf_device *device, char *json, size_t *size) {
    if (device == NULL || size == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "%s is NULL, a %s is required",
                          device == NULL ? "device" : "size",
                          device == NULL ? "device" : "place for the size");
    }
    json_t *value = identity(&device->capabilities);
    if (json_object_update_new(value, capability_values(device)) != 0) {
        json_decref(value);
        value = NULL;
    }
    return clf_i_deliver_json(value, json, size);
}

clf_status clf_device_list(char *json, size_t *size) {
    if (size == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "size is NULL, a place for the size is required");
    }
    clf_i_device_table table;
    const clf_status status = clf_i_device_table_query(&table);
    if (status != CLF_SUCCESS) {
        return status;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < table.num_entries; ++i) {
        json_array_append_new(list, identity(&table.entries[i].capabilities));
    }
    clf_i_device_table_clear(&table);
    return clf_i_deliver_json(list, json, size);
}
