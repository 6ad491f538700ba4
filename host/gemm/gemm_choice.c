/* See gemm_choice.h. */
#include "gemm/gemm_choice.h"

#include "core/environment.h"
#include "gemm/gemm_library.h"
#include "tune/tuning.h"

const char clf_i_gemm_own_name[] = "own";

clf_i_gemm_mode clf_i_gemm_mode_of_environment(void) {
    const char *const words[CLF_I_GEMM_NUM_MODES] = {"auto", clf_i_gemm_the_library.name,
                                                     clf_i_gemm_own_name};
    return (clf_i_gemm_mode)clf_i_environment_choice("CLFORMER_GEMM", words, CLF_I_GEMM_NUM_MODES,
                                                     CLF_I_GEMM_AUTO);
}

/* On CPUs our own tiles are the faster ones; elsewhere the library's are tuned for more devices. */
bool clf_i_gemm_prefers_library(const clf_plan *plan) {
    const bool is_gpu = clf_i_plan_capabilities(plan)->type == CLF_I_DEVICE_GPU;
    return clf_i_tuning_value(clf_i_plan_device(plan), "clf_gemm",
                              clf_i_gemm_the_library.preference, 0, 1, is_gpu) != 0;
}
