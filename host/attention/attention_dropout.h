/* Dropout's numbers: which bits of a random word decide, and the probability in the dtype's
 * precision. */
#ifndef CLF_ATTENTION_ATTENTION_DROPOUT_H
#define CLF_ATTENTION_ATTENTION_DROPOUT_H

#include <stdint.h>

#include <clformer/tensor.h>

/* Bits of each 32-bit random word: 10 for fp16, 7 for bf16, 23 for fp32. */
uint32_t clf_i_dropout_bits(clf_dtype dtype);

/* `probability`, in [0, 1], rounded to the dtype, to nearest even. */
float clf_i_dropout_round(float probability, clf_dtype dtype);

#endif
