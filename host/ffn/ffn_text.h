/* An FFN problem in the syntax of clformer-bench, for the log and for descriptions. */
#ifndef CLF_FFN_FFN_TEXT_H
#define CLF_FFN_FFN_TEXT_H

#include "device/plan_builder.h"
#include "ffn/ffn_arguments.h"

/* CLF_ERR_OUT_OF_MEMORY. */
clf_status clf_i_ffn_set_text(const clf_i_ffn_request *request, clf_plan *plan);

#endif
