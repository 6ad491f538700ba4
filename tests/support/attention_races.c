/* The cases: even and ragged, each option at least once, few enough keys for a simulator. */
#include "attention_races.h"

#include <stdio.h>
#include <string.h>

#include "attention_grad_tensors.h"
#include "test_json.h"

typedef struct attention_race {
    const char *kernel;
    clf_variant variant;
    clf_dtype dtype;
    int64_t heads;
    int64_t key_heads;
    int64_t query_length;
    int64_t key_length;
    int64_t depth;
    attention_mask_form mask_form;
    int64_t mode;
    attention_bias_form bias_form;
    attention_dropout dropout;
} attention_race;

#define PORTABLE "clf_flash_attention_portable", CLF_VARIANT_PORTABLE
#define CPU      "clf_flash_attention_cpu", CLF_VARIANT_CPU
#define FEW_ROWS "clf_flash_attention_few_rows_cpu", CLF_VARIANT_CPU
#define RESET    "clf_flash_attention_reset", CLF_VARIANT_CPU
#define MERGE    "clf_flash_attention_merge", CLF_VARIANT_PORTABLE
#define GRAD     "clf_flash_attention_grad_portable", CLF_VARIANT_PORTABLE
#define ZERO     "clf_flash_attention_grad_zero", CLF_VARIANT_PORTABLE
#define GRAD_CPU "clf_flash_attention_grad_cpu", CLF_VARIANT_CPU
#define ROWS     "clf_flash_attention_grad_rows_cpu", CLF_VARIANT_CPU
#define SUM      "clf_flash_attention_grad_sum_cpu", CLF_VARIANT_CPU
#define BATCHES  "clf_flash_attention_grad_shared_bias_cpu", CLF_VARIANT_CPU
#define BIAS_SUM "clf_flash_attention_grad_bias_sum_cpu", CLF_VARIANT_CPU
#define NO_MASK  TEST_ATTENTION_NO_MASK, 0
#define NO_EXTRA TEST_BIAS_NONE, TEST_DROPOUT_NONE

static const attention_race races[] = {
    {PORTABLE, CLF_DTYPE_FP32, 1, 1, 16, 32, 16, NO_MASK, NO_EXTRA},
    {PORTABLE, CLF_DTYPE_FP16, 2, 1, 13, 37, 7, TEST_MASK_SS, 0, TEST_BIAS_BNSS, TEST_DROPOUT_BITS},
    {PORTABLE, CLF_DTYPE_BF16, 1, 1, 19, 19, 40, TEST_MASK_COMPRESSED, 2, TEST_BIAS_SLOPES,
     TEST_DROPOUT_GENERATED},
    {CPU, CLF_DTYPE_FP32, 1, 1, 32, 64, 16, NO_MASK, NO_EXTRA},
    {CPU, CLF_DTYPE_FP16, 2, 1, 17, 37, 7, TEST_MASK_SS, 0, TEST_BIAS_BNSS, TEST_DROPOUT_BITS},
    {CPU, CLF_DTYPE_BF16, 1, 1, 35, 35, 24, TEST_MASK_COMPRESSED, 2, TEST_BIAS_SLOPES,
     TEST_DROPOUT_GENERATED},
    {FEW_ROWS, CLF_DTYPE_FP32, 1, 1, 1, 64, 16, NO_MASK, NO_EXTRA},
    {FEW_ROWS, CLF_DTYPE_FP16, 2, 1, 3, 37, 7, TEST_MASK_SS, 0, TEST_BIAS_BNSS, TEST_DROPOUT_BITS},
    {FEW_ROWS, CLF_DTYPE_BF16, 4, 2, 1, 99, 24, NO_MASK, NO_EXTRA},
    {RESET, CLF_DTYPE_FP32, 1, 1, 9, 16, 8, NO_MASK, NO_EXTRA},
    {RESET, CLF_DTYPE_FP32, 1, 1, 11, 13, 5, NO_MASK, NO_EXTRA},
    {RESET, CLF_DTYPE_FP16, 1, 1, 12, 20, 8, NO_MASK, NO_EXTRA},
    {MERGE, CLF_DTYPE_FP32, 1, 1, 2, 1100, 8, NO_MASK, NO_EXTRA},
    {MERGE, CLF_DTYPE_FP16, 1, 1, 3, 1101, 5, NO_MASK, TEST_BIAS_NONE, TEST_DROPOUT_BITS},
    {MERGE, CLF_DTYPE_BF16, 1, 1, 1, 1027, 8, TEST_MASK_SS, 0, NO_EXTRA},
    {GRAD, CLF_DTYPE_FP32, 1, 1, 16, 32, 16, NO_MASK, NO_EXTRA},
    {GRAD, CLF_DTYPE_FP16, 2, 1, 13, 37, 7, TEST_MASK_SS, 0, TEST_BIAS_BNSS, TEST_DROPOUT_BITS},
    {GRAD, CLF_DTYPE_BF16, 1, 1, 19, 19, 40, TEST_MASK_COMPRESSED, 2, TEST_BIAS_SLOPES,
     TEST_DROPOUT_GENERATED},
    {GRAD, CLF_DTYPE_FP32, 1, 1, 70, 11, 5, NO_MASK, TEST_BIAS_BN1S, TEST_DROPOUT_NONE},
    {GRAD_CPU, CLF_DTYPE_FP32, 1, 1, 32, 64, 16, NO_MASK, NO_EXTRA},
    {GRAD_CPU, CLF_DTYPE_FP16, 2, 1, 17, 37, 7, TEST_MASK_SS, 0, TEST_BIAS_BNSS, TEST_DROPOUT_BITS},
    {GRAD_CPU, CLF_DTYPE_BF16, 1, 1, 35, 35, 24, TEST_MASK_COMPRESSED, 2, TEST_BIAS_SLOPES,
     TEST_DROPOUT_GENERATED},
    {ROWS, CLF_DTYPE_FP32, 1, 1, 16, 16, 16, NO_MASK, NO_EXTRA},
    {ROWS, CLF_DTYPE_FP16, 2, 1, 13, 11, 7, NO_MASK, NO_EXTRA},
    {ROWS, CLF_DTYPE_BF16, 1, 1, 9, 16, 24, NO_MASK, NO_EXTRA},
    {SUM, CLF_DTYPE_FP32, 1, 1, 5, 512, 16, NO_MASK, NO_EXTRA},
    {SUM, CLF_DTYPE_FP16, 1, 1, 7, 523, 7, NO_MASK, NO_EXTRA},
    {SUM, CLF_DTYPE_BF16, 1, 1, 6, 512, 24, NO_MASK, NO_EXTRA},
    {BATCHES, CLF_DTYPE_FP32, 1, 1, 16, 32, 16, NO_MASK, TEST_BIAS_1NSS, TEST_DROPOUT_NONE},
    {BATCHES, CLF_DTYPE_FP16, 2, 1, 17, 37, 7, TEST_MASK_SS, 0, TEST_BIAS_1NSS, TEST_DROPOUT_BITS},
    {BATCHES, CLF_DTYPE_BF16, 1, 1, 21, 21, 24, TEST_MASK_COMPRESSED, 2, TEST_BIAS_1NSS,
     TEST_DROPOUT_GENERATED},
    {BIAS_SUM, CLF_DTYPE_FP32, 1, 1, 5, 16, 16, NO_MASK, TEST_BIAS_BN1S, TEST_DROPOUT_NONE},
    {BIAS_SUM, CLF_DTYPE_FP16, 2, 1, 7, 37, 7, NO_MASK, TEST_BIAS_1N1S, TEST_DROPOUT_NONE},
    {BIAS_SUM, CLF_DTYPE_BF16, 1, 1, 6, 70, 8, NO_MASK, TEST_BIAS_BN1S, TEST_DROPOUT_NONE},
    {ZERO, CLF_DTYPE_FP32, 1, 1, 0, 16, 8, NO_MASK, NO_EXTRA},
    {ZERO, CLF_DTYPE_FP16, 2, 1, 0, 37, 7, NO_MASK, NO_EXTRA},
    {ZERO, CLF_DTYPE_BF16, 1, 1, 19, 19, 8, NO_MASK, TEST_BIAS_SLOPES, TEST_DROPOUT_NONE},
};
#define NUM_RACES (sizeof races / sizeof races[0])

/* Numbers of elements of the dropout mask's cases. */
static const int64_t mask_elements[] = {1, 128, 8193};
#define NUM_MASKS (sizeof mask_elements / sizeof mask_elements[0])

static bool is_mask(size_t index) {
    return index >= NUM_RACES;
}

size_t attention_races_count(void) {
    return NUM_RACES + NUM_MASKS;
}

const char *attention_race_kernel(size_t index) {
    return is_mask(index) ? "clf_dropout_mask" : races[index].kernel;
}

bool attention_race_is_ragged(size_t index) {
    return is_mask(index) ? mask_elements[index - NUM_RACES] % 128 != 0
                          : races[index].key_length % 2 != 0 && races[index].depth % 2 != 0;
}

static attention_case case_of(const attention_race *race) {
    attention_case tested = attention_case_default();
    tested.batch = race->bias_form == TEST_BIAS_1NSS || race->bias_form == TEST_BIAS_1N1S ? 2 : 1;
    tested.variant = race->variant;
    tested.dtype = race->dtype;
    tested.heads = race->heads;
    tested.key_heads = race->key_heads;
    tested.depth = race->depth;
    tested.value_depth = race->depth;
    attention_case_set_lengths(&tested, race->query_length, race->key_length);
    tested.mask_form = race->mask_form;
    tested.mode = race->mode;
    tested.bias_form = race->bias_form;
    tested.pse_type = race->bias_form == TEST_BIAS_SLOPES ? 2 : 1;
    tested.dropout = race->dropout;
    tested.keep_prob = race->dropout == TEST_DROPOUT_NONE ? 1.0 : 0.75;
    return tested;
}

static bool is_gradient(const attention_race *race) {
    return strstr(race->kernel, "_grad_") != NULL;
}

static bool gradient_launches(const test_session *session, const attention_case *tested,
                              const char *kernel) {
    attention_grad_tensors tensors;
    clf_plan *plan = NULL;
    attention_grad_tensors_make(&tensors, tested);
    const clf_status planned = clf_flash_attention_grad_plan(session->device, &tensors.args, &plan);
    const bool found = test_plan_launches(planned, plan, kernel);
    attention_grad_tensors_free(&tensors);
    return found;
}

static bool launches(const test_session *session, const attention_case *tested,
                     const char *kernel) {
    attention_tensors tensors;
    clf_plan *plan = NULL;
    attention_tensors_make(&tensors, tested);
    const clf_status planned = clf_flash_attention_plan(session->device, &tensors.args, &plan);
    const bool found = test_plan_launches(planned, plan, kernel);
    attention_tensors_free(&tensors);
    return found;
}

static bool run_case(const test_session *session, const attention_race *race) {
    const attention_case tested = case_of(race);
    if (is_gradient(race)) {
        return gradient_launches(session, &tested, race->kernel) &&
               attention_grad_case_run(session, &tested);
    }
    return launches(session, &tested, race->kernel) && attention_case_run(session, &tested);
}

/* Only that it runs: test_attention_dropout compares the bits. */
static bool run_mask(const test_session *session, int64_t num_elements) {
    const int64_t size = (num_elements + 127) / 128 * 16;
    test_tensor mask = test_tensor_make(CLF_DTYPE_UINT8, 1, &size, TEST_CONTIGUOUS, 1);
    clf_dropout_mask_args args = CLF_DROPOUT_MASK_ARGS;
    clf_plan *plan = NULL;
    mask.is_output = true;
    test_tensor_upload(&mask, session, CL_MEM_WRITE_ONLY);
    args.mask = &mask.view;
    args.num_elements = num_elements;
    args.drop_probability = 0.25;
    bool right = clf_dropout_mask_plan(session->device, &args, &plan) == CLF_SUCCESS &&
                 clf_plan_enqueue(plan, session->queue, NULL, 0, NULL, NULL) == CLF_SUCCESS;
    if (!right) {
        printf("%s\n", clf_last_error());
    }
    test_tensor_read(&mask, session);
    right = right && test_tensor_damage(&mask) == NULL;
    clf_plan_destroy(plan);
    test_tensor_free(&mask);
    return right;
}

bool attention_race_run(const test_session *session, size_t index) {
    return is_mask(index) ? run_mask(session, mask_elements[index - NUM_RACES])
                          : run_case(session, &races[index]);
}
