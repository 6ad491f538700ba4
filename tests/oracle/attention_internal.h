/* Between the parts of the attention oracle. */
#ifndef CLF_TESTS_ATTENTION_INTERNAL_H
#define CLF_TESTS_ATTENTION_INTERNAL_H

#include "attention_oracle.h"

/* The operator takes no larger head dimension. */
#define ORACLE_ATTENTION_MAX_DEPTH 768

/* Decodes keys and values of the row's key head, unless they are at hand. */
void oracle_attention_load_head(oracle_attention *problem, const oracle_attention_place *place);
double oracle_attention_query(const oracle_attention *problem, const oracle_attention_place *place,
                              int64_t d);

/* Without a bias the operator has no value for it: ask first. */
bool oracle_attention_has_bias(const oracle_attention *problem);
double oracle_attention_bias(const oracle_attention *problem, const oracle_attention_place *place,
                             int64_t key);

/* keep / keep_prob of a pair; 1 without dropout. */
double oracle_attention_keep(const oracle_attention *problem, const oracle_attention_place *place,
                             int64_t key);

#endif
