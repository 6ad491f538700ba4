/* An attention problem in the syntax of clformer-bench, for the log and for descriptions. */
#ifndef CLF_ATTENTION_ATTENTION_TEXT_H
#define CLF_ATTENTION_ATTENTION_TEXT_H

#include "attention/attention_arguments.h"
#include "device/plan_builder.h"

/* CLF_ERR_OUT_OF_MEMORY. */
clf_status clf_i_attention_set_text(const clf_i_attention_request *request, clf_plan *plan);

#endif
