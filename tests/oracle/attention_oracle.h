/*
 * The reference for FlashAttentionScore: plain loops in double precision, after the operator
 * document's formulas and tables and nothing else. Shares no code with the library, only its
 * argument struct. A caller may look at chosen query rows of a large problem: keys and values are
 * decoded for one batch element and head at a time, so rows of one head should come together.
 */
#ifndef CLF_TESTS_ATTENTION_ORACLE_H
#define CLF_TESTS_ATTENTION_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include <clformer/attention.h>

/* What the inputs' buffers hold, from the buffers' starts; NULL where the argument is NULL. */
typedef struct oracle_attention_inputs {
    const void *query;
    const void *key;
    const void *value;
    const void *pse;
    const void *drop_mask;
    const void *atten_mask; /* not looked at in compressed modes */
} oracle_attention_inputs;

typedef enum oracle_attention_layout {
    ORACLE_BSH,
    ORACLE_SBH,
    ORACLE_BSND,
    ORACLE_BNSD,
    ORACLE_TND
} oracle_attention_layout;

/* One batch element; `query_begin` and `key_begin` are its first tokens (TND, else 0). */
typedef struct oracle_attention_element {
    int64_t query_begin;
    int64_t query_length;
    int64_t key_begin;
    int64_t key_length;
    int64_t first_bit; /* of its dropout bits */
} oracle_attention_element;

typedef struct oracle_attention {
    clf_flash_attention_args args;
    oracle_attention_inputs inputs;
    oracle_attention_layout layout;
    int64_t num_heads;
    int64_t num_key_heads;
    int64_t depth;
    int64_t value_depth;
    int64_t longest_query;
    int64_t longest_key;
    int64_t num_elements; /* batch elements; TND: and, if there are any, the tokens behind them */
    int64_t num_batch;    /* without the latter */
    oracle_attention_element *elements;
    int64_t sliced_element; /* of modes 7 and 8; else -1 */
    bool empty_rows_are_zero;
    bool has_dropout;

    /* The key head at hand. */
    int64_t at_element;
    int64_t at_key_head;
    float *keys;    /* [key_length][depth]       */
    float *values;  /* [key_length][value_depth] */
    double *logits; /* a row's work space, [3][key_length] */
} oracle_attention;

/* One row of one head. */
typedef struct oracle_attention_place {
    int64_t element;
    int64_t head;
    int64_t row;
} oracle_attention_place;

/* One row's result. The units say how far it moves, to first order, when every intermediate value
 * of an fp32 computation that rounds probabilities to the storage type is off by half a unit in its
 * last place, independently of the others. */
typedef struct oracle_attention_row {
    double *out;      /* [value_depth] */
    double *out_unit; /* [value_depth], or NULL if no unit is wanted */
    double max;
    double max_unit;
    double sum;
    double sum_unit; /* relative to sum */
    int64_t num_computed;
    bool is_nan; /* a logit is NaN: the statistics are not defined */
} oracle_attention_row;

/* Reads arguments that the library would accept, with outputs that are not empty; false if they
 * cannot be read or memory lacks. Arrays of `args` and the inputs must stay. */
bool oracle_attention_open(oracle_attention *problem, const clf_flash_attention_args *args,
                           const oracle_attention_inputs *inputs);
void oracle_attention_close(oracle_attention *problem);

/* All rows of all heads of all elements, numbered head by head. */
int64_t oracle_attention_num_rows(const oracle_attention *problem);
oracle_attention_place oracle_attention_row_place(const oracle_attention *problem, int64_t number);

/* Whether the pair is computed: the mode's predicate and the mask. */
bool oracle_attention_is_computed(const oracle_attention *problem,
                                  const oracle_attention_place *place, int64_t key);

/* One row in double, and the straightforward computation of it: fp32 in the order of the formulas,
 * probabilities rounded to the storage type before they meet the values, the result rounded. */
void oracle_attention_compute_row(oracle_attention *problem, const oracle_attention_place *place,
                                  oracle_attention_row *result);
void oracle_attention_compute_row_plain(oracle_attention *problem,
                                        const oracle_attention_place *place,
                                        oracle_attention_row *result);

/* Element numbers from the buffers' starts: attention_out, and the first of a statistic's copies
 * (`statistic` is the view of softmax_max or softmax_sum). */
int64_t oracle_attention_out_place(const oracle_attention *problem,
                                   const oracle_attention_place *place, int64_t depth);
int64_t oracle_attention_statistic_place(const oracle_attention *problem,
                                         const oracle_attention_place *place,
                                         const clf_tensor *statistic);

#endif
