/* The parameters of the matrix library's kernel Xgemm, and what they must fulfil. */
#ifndef CLF_GEMM_XGEMM_PARAMETERS_H
#define CLF_GEMM_XGEMM_PARAMETERS_H

#include "device/capabilities.h"

#define CLF_I_XGEMM_PARAMETERS 16

/* `values` in the order GEMMK, KREG, KWG, KWI, MDIMA, MDIMC, MWG, NDIMB, NDIMC, NWG, SA, SB, STRM,
 * STRN, VWM, VWN. NULL, or the rule that is broken, which else a compiler would find out. */
const char *clf_i_xgemm_broken_rule(const size_t *values, const clf_i_capabilities *device);

#endif
