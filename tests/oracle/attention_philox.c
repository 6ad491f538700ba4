/* See attention_philox.h; and which bit belongs to which attention probability. */
#include "attention_philox.h"

#include <math.h>

#include "attention_internal.h"
#include "storage_types.h"

void oracle_philox(const uint32_t counter[4], const uint32_t key[2], int rounds,
                   uint32_t words[4]) {
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
    uint32_t k[2] = {key[0], key[1]};
    for (int round = 0; round < rounds; round++) {
        const uint64_t product0 = (uint64_t)0xD2511F53 * c[0];
        const uint64_t product1 = (uint64_t)0xCD9E8D57 * c[2];
        const uint32_t next[4] = {(uint32_t)(product1 >> 32) ^ c[1] ^ k[0], (uint32_t)product1,
                                  (uint32_t)(product0 >> 32) ^ c[3] ^ k[1], (uint32_t)product0};
        for (int i = 0; i < 4; i++) {
            c[i] = next[i];
        }
        k[0] += 0x9E3779B9;
        k[1] += 0xBB67AE85;
    }
    for (int i = 0; i < 4; i++) {
        words[i] = c[i];
    }
}

static int counted_bits(clf_dtype dtype) {
    return dtype == CLF_DTYPE_FP16 ? 10 : dtype == CLF_DTYPE_BF16 ? 7 : 23;
}

static double rounded_probability(const oracle_dropout *dropout) {
    return oracle_round(dropout->dtype, (double)(float)dropout->drop_probability);
}

bool oracle_dropout_keeps(const oracle_dropout *dropout, uint64_t element) {
    const uint64_t block = element / 4;
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32),
                                 (uint32_t)dropout->offset, (uint32_t)(dropout->offset >> 32)};
    const uint32_t key[2] = {(uint32_t)dropout->seed, (uint32_t)(dropout->seed >> 32)};
    const int bits = counted_bits(dropout->dtype);
    uint32_t words[4];
    oracle_philox(counter, key, 10, words);
    const uint32_t low = words[element % 4] % (UINT32_C(1) << bits);
    return ldexp((double)low, -bits) >= rounded_probability(dropout);
}

double oracle_dropout_kept_fraction(const oracle_dropout *dropout) {
    const double steps = ldexp(1.0, counted_bits(dropout->dtype));
    return 1.0 - ceil(rounded_probability(dropout) * steps) / steps;
}

double oracle_attention_keep(const oracle_attention *problem, const oracle_attention_place *place,
                             int64_t key) {
    const clf_flash_attention_args *args = &problem->args;
    const oracle_attention_element *element = &problem->elements[place->element];
    if (!problem->has_dropout) {
        return 1.0;
    }
    const uint64_t bit =
        (uint64_t)(element->first_bit +
                   (place->head * element->query_length + place->row) * element->key_length + key);
    bool keeps = false;
    if (problem->inputs.drop_mask != NULL) {
        const unsigned char *bytes =
            (const unsigned char *)problem->inputs.drop_mask + args->drop_mask->offset;
        keeps = (bytes[bit / 8] >> (bit % 8) & 1) != 0;
    } else {
        const oracle_dropout dropout = {
            args->seed, args->offset, (double)(1.0F - (float)args->keep_prob), args->query->dtype};
        keeps = oracle_dropout_keeps(&dropout, bit);
    }
    return keeps ? 1.0 / (double)(float)args->keep_prob : 0.0;
}
