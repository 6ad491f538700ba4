/* Each type of operand and each step of the epilogue at least once. */
#include "ffn_races.h"

#include <stdlib.h>
#include <string.h>

#include "ffn_tensors.h"
#include "gemm/gemm_library.h"
#include "test_json.h"

typedef struct ffn_race {
    const char *kernel;
    clf_variant variant;
    ffn_types types;
    int activation;
    int64_t tokens;
    int64_t depth1;
    int64_t depth2;
    int64_t width2;
    ffn_expert_form experts;
} ffn_race;

#define PORTABLE "clf_gemm_portable", CLF_VARIANT_PORTABLE
#define CPU      "clf_gemm_cpu", CLF_VARIANT_CPU
#define TILES    "clf_gemm_tiles", CLF_VARIANT_PORTABLE
#define EPILOGUE "clf_gemm_epilogue", CLF_VARIANT_PORTABLE
#define GLU      4 /* of test_ffn_activations: the first that takes halves */

static const ffn_race races[] = {
    {PORTABLE, TEST_FFN_FP32, 1, 8, 16, 32, 16, TEST_EXPERTS_NONE},
    {PORTABLE, TEST_FFN_FP16, GLU, 5, 7, 9, 11, TEST_EXPERTS_NONE},
    {PORTABLE, TEST_FFN_INT8_TO_FP16, 2, 5, 19, 7, 5, TEST_EXPERTS_COUNTS},
    {PORTABLE, TEST_FFN_BF16_INT4, 3, 3, 17, 18, 20, TEST_EXPERTS_NONE},
    {CPU, TEST_FFN_FP32, 1, 8, 16, 32, 16, TEST_EXPERTS_NONE},
    {CPU, TEST_FFN_FP16, GLU, 5, 7, 9, 11, TEST_EXPERTS_NONE},
    {CPU, TEST_FFN_INT8_TO_FP16, 2, 5, 19, 7, 5, TEST_EXPERTS_COUNTS},
    {CPU, TEST_FFN_BF16_INT4, 3, 3, 17, 18, 20, TEST_EXPERTS_NONE},
    /* More than 8 tokens for an expert: by panels of rows. */
    {CPU, TEST_FFN_FP32, 1, 12, 16, 32, 16, TEST_EXPERTS_NONE},
    {CPU, TEST_FFN_FP16, GLU, 13, 7, 9, 11, TEST_EXPERTS_NONE},
    {CPU, TEST_FFN_INT8_TO_FP16, 2, 27, 19, 7, 5, TEST_EXPERTS_COUNTS},
    {CPU, TEST_FFN_BF16_INT4, 3, 9, 17, 18, 20, TEST_EXPERTS_NONE},
    {TILES, TEST_FFN_FP32, 0, 4, 4, 4, 4, TEST_EXPERTS_ENDS},
    {TILES, TEST_FFN_FP32, 0, 7, 3, 5, 3, TEST_EXPERTS_DEVICE_COUNTS},
    {TILES, TEST_FFN_BF16, 0, 6, 4, 4, 4, TEST_EXPERTS_DEVICE_ENDS},
    {EPILOGUE, TEST_FFN_FP32, 2, 8, 16, 64, 16, TEST_EXPERTS_NONE},
    {EPILOGUE, TEST_FFN_FP32, GLU, 5, 7, 9, 70, TEST_EXPERTS_COUNTS},
    {EPILOGUE, TEST_FFN_FP32, 0, 3, 5, 65, 3, TEST_EXPERTS_NONE},
};
#define NUM_RACES (sizeof races / sizeof races[0])

size_t ffn_races_count(void) {
    return NUM_RACES;
}

const char *ffn_race_kernel(size_t index) {
    return races[index].kernel;
}

bool ffn_race_is_ragged(size_t index) {
    return races[index].tokens % 2 != 0 && races[index].depth1 % 2 != 0;
}

static ffn_case case_of(const ffn_race *race) {
    ffn_case tested = ffn_case_default();
    tested.variant = race->variant;
    tested.types = race->types;
    tested.activation = race->activation;
    tested.has_bias1 = true;
    tested.has_bias2 = true;
    tested.num_axes = 1;
    tested.tokens[0] = race->tokens;
    tested.depth1 = race->depth1;
    tested.depth2 = race->depth2;
    tested.width2 = race->width2;
    tested.expert_form = race->experts;
    if (race->experts != TEST_EXPERTS_NONE) {
        test_random random = test_random_from(1);
        tested.num_experts = 3;
        ffn_case_spread(&tested, &random);
    }
    return tested;
}

static bool launches(const test_session *session, const ffn_case *tested, const char *kernel) {
    ffn_tensors tensors;
    clf_plan *plan = NULL;
    ffn_tensors_make(&tensors, tested);
    const clf_status planned = clf_ffn_plan(session->device, &tensors.args, &plan);
    const bool found = test_plan_launches(planned, plan, kernel);
    ffn_tensors_free(&tensors);
    return found;
}

static bool is_epilogue(const char *kernel) {
    return strcmp(kernel, "clf_gemm_epilogue") == 0;
}

bool ffn_race_can_run(const char *kernel) {
    return !is_epilogue(kernel) || clf_i_gemm_the_library.prepare != NULL;
}

bool ffn_race_run(const test_session *session, size_t index) {
    const ffn_case tested = case_of(&races[index]);
    if (is_epilogue(races[index].kernel)) {
        setenv("CLFORMER_GEMM", "clblast", 1); /* our own tiles have theirs inside */
    }
    const bool passed =
        launches(session, &tested, races[index].kernel) && ffn_case_run(session, &tested);
    unsetenv("CLFORMER_GEMM");
    return passed;
}
