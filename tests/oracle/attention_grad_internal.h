/* Between the parts of the reference of attention's gradient. */
#ifndef CLF_TESTS_ATTENTION_GRAD_INTERNAL_H
#define CLF_TESTS_ATTENTION_GRAD_INTERNAL_H

#include "attention_grad_oracle.h"
#include "attention_internal.h"

/* Decodes a key head of a batch element and what its query rows have, unless it is at hand. */
void oracle_attention_grad_enter(oracle_attention_grad *problem, int64_t element, int64_t key_head);

/* Which token a row of grad_key or grad_value is of; `batch` is 0 in TND. */
oracle_attention_token oracle_attention_grad_key_token(const oracle_attention *of, int64_t row);

#endif
