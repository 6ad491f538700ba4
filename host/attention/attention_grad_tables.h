/* The tables that the kernels of attention's gradient read: sequences of queries and of keys, and
 * tiles of either. */
#ifndef CLF_ATTENTION_ATTENTION_GRAD_TABLES_H
#define CLF_ATTENTION_ATTENTION_GRAD_TABLES_H

#include "attention/attention_arguments.h"
#include "attention/attention_grad_records.h"
#include "attention/attention_tables.h"

typedef struct clf_i_attention_grad_tables {
    clf_i_attention_tables common; /* sequences; tiles of queries, those with most keys first */
    clf_i_attention_grad_sequence *sequences; /* as many as common.sequences */
    clf_i_attention_tile *key_tiles; /* keys [key_begin, key_end); those that most rows see first */
    size_t num_key_tiles;
    int64_t num_rows; /* query rows of all sequences */
} clf_i_attention_grad_tables;

/* Of a problem with keys; tiles have that many query rows and keys. The caller ends with
 * clf_i_attention_grad_tables_clear, also on failure. */
clf_status clf_i_attention_grad_tables_make(const clf_i_attention_request *request,
                                            int64_t rows_per_tile, int64_t keys_per_tile,
                                            clf_i_attention_grad_tables *tables);
void clf_i_attention_grad_tables_clear(clf_i_attention_grad_tables *tables);

#endif
