/*
 * Where random FFN cases come from. What a kernel may be built for (types, activation, biases,
 * strides, variant) is drawn first, because each such choice may be compiled anew; many cases of
 * other shapes, experts and numbers are then drawn for each.
 */
#ifndef CLF_TESTS_FFN_DRAW_H
#define CLF_TESTS_FFN_DRAW_H

#include "ffn_case.h"

typedef struct ffn_kind {
    ffn_types types;
    int activation;
    bool has_bias1;
    bool has_bias2;
    bool has_experts;
    bool has_options;   /* int4: groups; int8: a scale for each column */
    bool is_contiguous; /* x, weights and y */
    clf_variant variant;
} ffn_kind;

/* Kinds that together hold every two of their properties' values. Returns how many, at most
 * `capacity`; `*out_missing` is the number of pairs that found no place. */
size_t ffn_kinds_draw(test_random *random, bool has_cpu_variant, ffn_kind *kinds, size_t capacity,
                      size_t *out_missing);

/* A valid case of the kind, whose work is about `budget` multiplications at most. */
ffn_case ffn_case_draw(test_random *random, const ffn_kind *kind, double budget);

/* Makes a failing case simpler while it still fails; `fails` runs it. */
typedef bool (*ffn_case_fails)(const ffn_case *tested, const void *context);
ffn_case ffn_case_shrink(ffn_case failing, ffn_case_fails fails, const void *context);

#endif
