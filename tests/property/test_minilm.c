/* Scores of a real model's attention on real text: the softmax with the padding mask at the model's
 * scale must give the probabilities that were stored with them. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "cmocka_all.h"
#include "storage_types.h"
#include "test_tensor.h"

typedef struct stored {
    clf_dtype dtype;
    int32_t rank;
    int64_t shape[CLF_MAX_RANK];
    int64_t count;
    unsigned char *bytes;
} stored;

static json_t *find_tensor(json_t *description, const char *name) {
    json_t *entry = json_object_get(json_object_get(description, "tensors"), name);
    if (entry == NULL) {
        fail_msg("minilm.json describes no tensor \"%s\"", name);
    }
    return entry;
}

static stored load_stored(json_t *description, const char *name) {
    json_t *entry = find_tensor(description, name);
    const char *file_name = json_string_value(json_object_get(entry, "file"));
    json_t *shape = json_object_get(entry, "shape");
    stored tensor;
    char path[1024];
    assert_non_null(file_name);
    memset(&tensor, 0, sizeof tensor);
    tensor.rank = (int32_t)json_array_size(shape);
    tensor.count = 1;
    for (int32_t axis = 0; axis < tensor.rank; axis++) {
        tensor.shape[axis] = json_integer_value(json_array_get(shape, (size_t)axis));
        tensor.count *= tensor.shape[axis];
    }
    tensor.dtype = strstr(file_name, ".u8") != NULL ? CLF_DTYPE_UINT8 : CLF_DTYPE_FP32;
    const size_t size = (size_t)tensor.count * oracle_dtype_size(tensor.dtype);
    snprintf(path, sizeof path, "%s/%s", MINILM_FOLDER, file_name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("cannot open %s", path);
    }
    tensor.bytes = (unsigned char *)malloc(size + 1);
    assert_non_null(tensor.bytes);
    assert_int_equal(fread(tensor.bytes, 1, size + 1, file), size);
    fclose(file);
    return tensor;
}

static test_tensor tensor_from(const stored *from, clf_dtype dtype) {
    test_tensor tensor = test_tensor_make(dtype, from->rank, from->shape, TEST_CONTIGUOUS, 0);
    for (int64_t i = 0; i < from->count; i++) {
        const size_t place = (size_t)i * oracle_dtype_size(from->dtype);
        test_tensor_set(&tensor, i, oracle_decode(from->dtype, from->bytes + place));
    }
    return tensor;
}

typedef struct model {
    json_t *description;
    double scale;
    stored scores;
    stored mask;
    stored probabilities;
} model;

static model load_model(void) {
    model loaded;
    json_error_t error;
    loaded.description = json_load_file(MINILM_FOLDER "/minilm.json", 0, &error);
    if (loaded.description == NULL) {
        fail_msg("minilm.json, line %d: %s", error.line, error.text);
    }
    loaded.scale = json_real_value(json_object_get(loaded.description, "scale"));
    assert_true(loaded.scale > 0.0);
    loaded.scores = load_stored(loaded.description, "scores");
    loaded.mask = load_stored(loaded.description, "padding_mask");
    loaded.probabilities = load_stored(loaded.description, "probabilities");
    return loaded;
}

static void free_model(model *loaded) {
    json_decref(loaded->description);
    free(loaded->scores.bytes);
    free(loaded->mask.bytes);
    free(loaded->probabilities.bytes);
}

static void compare_with_stored(const model *loaded, const test_tensor *y) {
    for (int64_t i = 0; i < loaded->probabilities.count; i++) {
        const double expected =
            oracle_decode(CLF_DTYPE_FP32, loaded->probabilities.bytes + (size_t)i * 4);
        const double value = test_tensor_get_result(y, i);
        if (!oracle_close_to_stored(CLF_DTYPE_FP32, value, expected)) {
            fail_msg("element %lld: %.9g, stored %.9g", (long long)i, value, expected);
        }
        assert_int_equal(value == 0.0, expected == 0.0);
    }
}

static void run_model(const test_session *session, const model *loaded, clf_dtype dtype,
                      clf_variant variant) {
    test_tensor x = tensor_from(&loaded->scores, dtype);
    test_tensor mask = tensor_from(&loaded->mask, CLF_DTYPE_UINT8);
    test_tensor y =
        test_tensor_make(dtype, loaded->scores.rank, loaded->scores.shape, TEST_CONTIGUOUS, 0);
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    clf_plan *plan = NULL;
    y.is_output = true;
    test_tensor_upload(&x, session, CL_MEM_READ_ONLY);
    test_tensor_upload(&mask, session, CL_MEM_READ_ONLY);
    test_tensor_upload(&y, session, CL_MEM_WRITE_ONLY);
    args.x = &x.view;
    args.mask = &mask.view;
    args.y = &y.view;
    args.scale = loaded->scale;
    args.variant = variant;
    test_succeeds(clf_scaled_masked_softmax_plan(session->device, &args, &plan));
    test_succeeds(clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL));
    test_tensor_read(&y, session);
    assert_null(test_tensor_damage(&y));

    oracle_softmax problem;
    memset(&problem, 0, sizeof problem);
    const oracle_tensor oracle_mask = test_tensor_input(&mask);
    problem.x = test_tensor_input(&x);
    problem.mask = &oracle_mask;
    problem.scale = loaded->scale;
    const oracle_tensor result = test_tensor_output(&y);
    const oracle_verdict verdict =
        oracle_check_softmax(&problem, &result, 0, oracle_num_rows(&y.view));
    if (!verdict.ok) {
        fail_msg("%s: %s", clf_dtype_name(dtype), verdict.reason);
    }
    printf("%s: largest error %.3g (allowed %.3g) of %lld probabilities\n", clf_dtype_name(dtype),
           verdict.max_error, verdict.allowed, (long long)loaded->scores.count);
    if (dtype == CLF_DTYPE_FP32) {
        compare_with_stored(loaded, &y);
    }
    clf_plan_destroy(plan);
    test_tensor_free(&x);
    test_tensor_free(&mask);
    test_tensor_free(&y);
}

static void test_minilm_scores_give_the_stored_probabilities(void **state) {
    const test_session *session = (const test_session *)*state;
    static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};
    model loaded = load_model();
    for (size_t d = 0; d < 3; d++) {
        for (int v = CLF_VARIANT_PORTABLE; v <= (session->has_cpu_variant ? 2 : 1); v++) {
            run_model(session, &loaded, dtypes[d], (clf_variant)v);
        }
    }
    free_model(&loaded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minilm_scores_give_the_stored_probabilities),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
