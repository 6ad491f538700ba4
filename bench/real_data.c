/* Reads minilm.json and the raw files it names. Values are little-endian, as all our hosts. */
#include "real_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "terminal.h"

static json_t *load_description(const char *data_folder) {
    char path[4096];
    json_error_t error;
    snprintf(path, sizeof path, "%s/minilm/minilm.json", data_folder);
    json_t *root = json_load_file(path, 0, &error);
    if (!root) {
        fail("the recorded tensors cannot be read: %s: %s (--data names the folder that holds "
             "minilm/)",
             path, error.text);
    }
    return root;
}

/* The recorded shape of a tensor; false after fail(). */
static bool read_shape(json_t *root, const char *name, int32_t *rank, int64_t *shape) {
    json_t *sizes =
        json_object_get(json_object_get(json_object_get(root, "tensors"), name), "shape");
    size_t count = json_array_size(sizes);
    if (count == 0 || count > CLF_MAX_RANK) {
        return fail("minilm.json: tensor '%s' has no shape of 1 to %d sizes", name, CLF_MAX_RANK);
    }
    for (size_t i = 0; i < count; i++) {
        shape[i] = json_integer_value(json_array_get(sizes, i));
        if (shape[i] <= 0) {
            return fail("minilm.json: tensor '%s' has a size that is not positive", name);
        }
    }
    *rank = (int32_t)count;
    return true;
}

bool real_data_shape(const char *data_folder, const char *name, int32_t *rank, int64_t *shape) {
    json_t *root = load_description(data_folder);
    bool ok = root && read_shape(root, name, rank, shape);
    json_decref(root);
    return ok;
}

bool real_data_number(const char *data_folder, const char *name, double *out) {
    json_t *root = load_description(data_folder);
    const json_t *number = json_object_get(root, name);
    bool ok = root && (json_is_number(number) ? true : fail("minilm.json: no number '%s'", name));
    *out = json_number_value(number);
    json_decref(root);
    return ok;
}

bool real_data_softmax(softmax_problem *problem, const char *data_folder) {
    json_t *root = load_description(data_folder);
    if (!root) {
        return false;
    }
    bool ok = read_shape(root, "scores", &problem->rank, problem->shape) &&
              read_shape(root, "padding_mask", &problem->mask_rank, problem->mask_shape);
    problem->mask = SOFTMAX_MASK_TENSOR;
    problem->mask_is_full = false;
    problem->scale = json_number_value(json_object_get(root, "scale"));
    problem->has_scale = true;
    json_decref(root);
    return ok;
}

static void *read_values(const char *path, size_t bytes) {
    FILE *file = fopen(path, "rb");
    void *values = file ? malloc(bytes + 1) : NULL;
    if (!values || fread(values, 1, bytes + 1, file) != bytes) {
        fail("%s is not a file of %zu bytes", path, bytes);
        free(values);
        values = NULL;
    }
    if (file) {
        fclose(file);
    }
    return values;
}

static void *read_tensor(json_t *root, const char *data_folder, const char *name, const char *dtype,
                         size_t *count) {
    int32_t rank = 0;
    int64_t shape[CLF_MAX_RANK];
    json_t *entry = json_object_get(json_object_get(root, "tensors"), name);
    const char *file = json_string_value(json_object_get(entry, "file"));
    const char *stored = json_string_value(json_object_get(entry, "dtype"));
    if (!read_shape(root, name, &rank, shape)) {
        return NULL;
    }
    if (!file || strchr(file, '/') || !stored || strcmp(stored, dtype) != 0) {
        fail("minilm.json: tensor '%s' has no file beside it of type %s", name, dtype);
        return NULL;
    }
    *count = 1;
    for (int32_t axis = 0; axis < rank; axis++) {
        *count *= (size_t)shape[axis];
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/minilm/%s", data_folder, file);
    return read_values(path, *count * (strcmp(dtype, "float32") == 0 ? sizeof(float) : 1));
}

void *real_data_tensor(const char *data_folder, const char *name, const char *dtype,
                       size_t *count) {
    json_t *root = load_description(data_folder);
    void *values = root ? read_tensor(root, data_folder, name, dtype, count) : NULL;
    json_decref(root);
    return values;
}
