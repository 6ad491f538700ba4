/* What decides between our own tiles and the library, for grouped and for batched products. */
#ifndef CLF_GEMM_GEMM_CHOICE_H
#define CLF_GEMM_GEMM_CHOICE_H

#include <stdbool.h>

#include "device/plan_builder.h"

typedef enum clf_i_gemm_mode {
    CLF_I_GEMM_AUTO,
    CLF_I_GEMM_LIBRARY,
    CLF_I_GEMM_OWN,
    CLF_I_GEMM_NUM_MODES
} clf_i_gemm_mode;

extern const char clf_i_gemm_own_name[];

clf_i_gemm_mode clf_i_gemm_mode_of_environment(void);

/* Whether the library is the faster one, by the tuned parameters. */
bool clf_i_gemm_prefers_library(const clf_plan *plan);

#endif
