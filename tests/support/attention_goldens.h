/*
 * A worked example of attention: B = N = 1, Sq = 2, Skv = 3, D = 2, scale 0.5. With slopes, which
 * need Sq = Skv, a third query would not change the two rows.
 */
#ifndef CLF_TESTS_ATTENTION_GOLDENS_H
#define CLF_TESTS_ATTENTION_GOLDENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clformer/tensor.h>

extern const float attention_golden_query[6]; /* the third query is zeros */
extern const float attention_golden_key[6];
extern const float attention_golden_value[6];
extern const float attention_golden_pse[6];
extern const float attention_golden_slope[1];
extern const unsigned char attention_golden_mask[6];
extern const unsigned char attention_golden_keep[1]; /* bits 1 0 1, 0 1 1 */

typedef struct attention_golden {
    const char *name;
    int64_t pse_type; /* -1: no pse */
    bool has_mask;
    int64_t inner_precise;
    double keep_prob; /* 1: no drop mask */
    double out[4];
    double max[2];
    double sum[2];
} attention_golden;

extern const attention_golden attention_goldens[];
extern const size_t attention_num_goldens;

extern const float attention_golden_grad_output[4];

/* Gradients, printed to five decimals; always with pse. */
typedef struct attention_grad_golden {
    const char *name;
    int64_t pse_type;
    bool has_mask;
    int64_t inner_precise; /* of the forward */
    double keep_prob;      /* 1: no drop mask */
    double query[4];
    double key[6];
    double value[6];
    double pse[6];
} attention_grad_golden;

extern const attention_grad_golden attention_grad_goldens[];
extern const size_t attention_num_grad_goldens;

/* Published dropout masks of 128 elements. */
typedef struct attention_dropout_golden {
    clf_dtype dtype;
    double drop_probability;
    uint64_t seed;
    uint64_t offset;
    int kept;
    unsigned char bytes[16];
} attention_dropout_golden;

extern const attention_dropout_golden attention_dropout_goldens[];
extern const size_t attention_num_dropout_goldens;

#endif
