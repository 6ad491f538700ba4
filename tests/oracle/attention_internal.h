/* Between the parts of the attention oracle. */
#ifndef CLF_TESTS_ATTENTION_INTERNAL_H
#define CLF_TESTS_ATTENTION_INTERNAL_H

#include "attention_oracle.h"

/* The operator takes no larger head dimension. */
#define ORACLE_ATTENTION_MAX_DEPTH 768

/* A token of a tensor in the problem's layout; `batch` is 0 or ignored in TND, `token` counts from
 * the tensor's first one. */
typedef struct oracle_attention_token {
    int64_t batch;
    int64_t token;
    int64_t head;
} oracle_attention_token;
oracle_attention_token oracle_attention_query_token(const oracle_attention *problem,
                                                    const oracle_attention_place *place);

/* Element number of one value of query, key, value, attention_out or a gradient; `depth` is the
 * tensor's head dimension. */
int64_t oracle_attention_token_place(const oracle_attention *problem, const clf_tensor *tensor,
                                     const oracle_attention_token *token, int64_t depth, int64_t d);
int64_t oracle_attention_num_tokens(const oracle_attention *problem, const clf_tensor *tensor);
double oracle_attention_load(const void *bytes, const clf_tensor *tensor, int64_t place);

/* Decodes keys and values of the row's key head, unless they are at hand. */
void oracle_attention_load_head(oracle_attention *problem, const oracle_attention_place *place);
double oracle_attention_query(const oracle_attention *problem, const oracle_attention_place *place,
                              int64_t d);

/* Without a bias the operator has no value for it: ask first. */
bool oracle_attention_has_bias(const oracle_attention *problem);
double oracle_attention_bias(const oracle_attention *problem, const oracle_attention_place *place,
                             int64_t key);

/* One logit of the key head at hand and how far a rounding moves it; and in plain fp32. `query` is
 * the row's. */
double oracle_attention_logit(const oracle_attention *problem, const oracle_attention_place *place,
                              const double *query, int64_t key, double *logit_unit);
float oracle_attention_plain_logit(const oracle_attention *problem,
                                   const oracle_attention_place *place, const double *query,
                                   int64_t key);

/* keep / keep_prob of a pair; 1 without dropout. */
double oracle_attention_keep(const oracle_attention *problem, const oracle_attention_place *place,
                             int64_t key);

#endif
