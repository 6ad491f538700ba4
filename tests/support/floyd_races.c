/* Each storage type, masks, strides, several blocks of keys, and a slab that holds not all n. Slabs
 * have few n and m: the simulator takes most of a second for each product of a batch. For that reason,
 * too, a case by slabs stands for all kernels that it launches and runs once. */
#include "floyd_races.h"

#include "floyd_run.h"
#include "test_json.h"

typedef struct floyd_race {
    const char *kernel;
    bool is_gradient;
    clf_variant variant;
    clf_floyd_method method;
    clf_dtype dtype;
    int64_t heads;
    int64_t sizes[4]; /* N, M, K, D */
    bool has_mask;
    test_layout layout;
    size_t workspace_limit;
} floyd_race;

#define FUSED         CLF_VARIANT_PORTABLE, CLF_FLOYD_METHOD_FUSED
#define FUSED_CPU     CLF_VARIANT_CPU, CLF_FLOYD_METHOD_FUSED
#define SLAB          CLF_VARIANT_PORTABLE, CLF_FLOYD_METHOD_SLAB
#define PORTABLE      "clf_floyd_attention_portable", false, FUSED
#define PACK          "clf_floyd_pack_cpu", false, FUSED_CPU
#define CPU           "clf_floyd_attention_cpu", false, FUSED_CPU
#define GRAD_PORTABLE "clf_floyd_attention_grad_portable", true, FUSED
#define GRAD_CPU      "clf_floyd_attention_grad_cpu", true, FUSED_CPU
#define SLAB_FORWARD  "clf_floyd_slab_softmax", false, SLAB
#define SLAB_GRADIENT "clf_floyd_slab_weights", true, SLAB

static const floyd_race races[] = {
    {PORTABLE, CLF_DTYPE_FP32, 1, {8, 8, 16, 16}, false, TEST_CONTIGUOUS, 0},
    {PORTABLE, CLF_DTYPE_FP16, 2, {3, 9, 17, 5}, true, TEST_GAPS, 0},
    {PORTABLE, CLF_DTYPE_BF16, 1, {9, 2, 5, 19}, true, TEST_CONTIGUOUS, 0},
    {PACK, CLF_DTYPE_FP32, 1, {4, 4, 16, 16}, false, TEST_CONTIGUOUS, 0},
    {PACK, CLF_DTYPE_FP16, 2, {3, 5, 7, 5}, false, TEST_NEGATIVE, 0},
    {PACK, CLF_DTYPE_BF16, 1, {2, 3, 19, 17}, false, TEST_GAPS, 0},
    {CPU, CLF_DTYPE_FP32, 1, {4, 4, 16, 16}, false, TEST_CONTIGUOUS, 0},
    {CPU, CLF_DTYPE_FP16, 2, {3, 5, 21, 5}, true, TEST_GAPS, 0},
    {CPU, CLF_DTYPE_BF16, 1, {2, 3, 19, 17}, true, TEST_NEGATIVE, 0},
    {GRAD_PORTABLE, CLF_DTYPE_FP32, 1, {8, 8, 16, 16}, false, TEST_CONTIGUOUS, 0},
    {GRAD_PORTABLE, CLF_DTYPE_FP16, 2, {3, 9, 17, 5}, true, TEST_GAPS, 0},
    {GRAD_PORTABLE, CLF_DTYPE_BF16, 1, {9, 2, 5, 19}, true, TEST_CONTIGUOUS, 0},
    {GRAD_CPU, CLF_DTYPE_FP32, 1, {8, 8, 16, 16}, false, TEST_CONTIGUOUS, 0},
    {GRAD_CPU, CLF_DTYPE_FP16, 2, {3, 5, 21, 5}, true, TEST_GAPS, 0},
    {GRAD_CPU, CLF_DTYPE_BF16, 1, {9, 3, 150, 17}, true, TEST_NEGATIVE, 0},
    {GRAD_CPU, CLF_DTYPE_FP32, 1, {7, 3, 5, 3}, true, TEST_CONTIGUOUS, 8000},
    {SLAB_FORWARD, CLF_DTYPE_FP32, 1, {2, 2, 64, 16}, false, TEST_CONTIGUOUS, 0},
    {SLAB_FORWARD, CLF_DTYPE_FP16, 2, {1, 3, 7, 5}, true, TEST_GAPS, 0},
    {SLAB_FORWARD, CLF_DTYPE_BF16, 1, {1, 3, 67, 3}, true, TEST_NEGATIVE, 0},
    {SLAB_GRADIENT, CLF_DTYPE_FP32, 1, {2, 2, 64, 8}, false, TEST_CONTIGUOUS, 0},
    {SLAB_GRADIENT, CLF_DTYPE_FP16, 1, {1, 3, 7, 5}, true, TEST_GAPS, 0},
    {SLAB_GRADIENT, CLF_DTYPE_BF16, 1, {3, 1, 67, 3}, true, TEST_NEGATIVE, 0},
};
#define NUM_RACES (sizeof races / sizeof races[0])

/* What each case by slabs launches besides. */
static const char *const slab_kernels[] = {"clf_floyd_slab_copy", "clf_gemm_equal_tiles"};
#define NUM_SLAB_KERNELS (sizeof slab_kernels / sizeof slab_kernels[0])

static size_t num_kernels(const floyd_race *race) {
    return 1 + (race->method == CLF_FLOYD_METHOD_SLAB ? NUM_SLAB_KERNELS : 0);
}

size_t floyd_races_count(void) {
    size_t count = 0;
    for (size_t i = 0; i < NUM_RACES; i++) {
        count += num_kernels(&races[i]);
    }
    return count;
}

/* The case that an index belongs to; *index becomes the number of its kernel. */
static const floyd_race *race_of(size_t *index) {
    const floyd_race *race = races;
    while (*index >= num_kernels(race)) {
        *index -= num_kernels(race++);
    }
    return race;
}

const char *floyd_race_kernel(size_t index) {
    const floyd_race *race = race_of(&index);
    return index == 0 ? race->kernel : slab_kernels[index - 1];
}

bool floyd_race_is_ragged(size_t index) {
    const int64_t *sizes = race_of(&index)->sizes;
    return sizes[0] % 2 != 0 && sizes[1] % 2 != 0 && sizes[2] % 2 != 0;
}

static floyd_case case_of(const floyd_race *race) {
    floyd_case tested = floyd_case_default();
    tested.is_gradient = race->is_gradient;
    tested.variant = race->variant;
    tested.method = race->method;
    tested.dtype = race->dtype;
    tested.heads = race->heads;
    tested.n = race->sizes[0];
    tested.m = race->sizes[1];
    tested.k = race->sizes[2];
    tested.depth = race->sizes[3];
    tested.has_mask = race->has_mask;
    tested.mask_axes[2] = tested.mask_axes[4] = true;
    tested.masked_rows = 0.2;
    tested.input_layout = race->layout;
    tested.output_layout = race->layout;
    tested.statistic_layout = race->layout;
    tested.misalign = race->layout == TEST_CONTIGUOUS ? 0 : 1;
    tested.workspace_limit = race->workspace_limit;
    return tested;
}

static bool launches(const test_session *session, const floyd_case *tested, const char *kernel) {
    floyd_tensors tensors;
    clf_plan *plan = NULL;
    floyd_tensors_make(&tensors, tested);
    const clf_status planned = floyd_tensors_plan(&tensors, session->device, &plan);
    const bool found = test_plan_launches(planned, plan, kernel);
    floyd_tensors_free(&tensors);
    return found;
}

bool floyd_race_run(const test_session *session, size_t index) {
    const char *kernel = floyd_race_kernel(index);
    const floyd_case tested = case_of(race_of(&index));
    return launches(session, &tested, kernel) && (index > 0 || floyd_case_run(session, &tested));
}
