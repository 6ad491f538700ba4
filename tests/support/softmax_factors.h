/* Where softmax test cases come from: pairwise combinations of listed values, and random ones. */
#ifndef CLF_TESTS_SOFTMAX_FACTORS_H
#define CLF_TESTS_SOFTMAX_FACTORS_H

#include "softmax_case.h"

/*
 * Cases in which every two values of different factors (dtype, mask form, layouts, scale, width,
 * rows, variant, alignment) occur together at least once. Returns how many; the caller frees
 * *out_cases.
 */
size_t softmax_cases_pairwise(test_random *random, bool is_gradient, bool has_cpu_variant,
                              softmax_case **out_cases);

/* Any valid case of at most about 50 000 elements. */
softmax_case softmax_case_random(test_random *random, bool is_gradient, bool has_cpu_variant);

/* Makes a failing case simpler while it still fails; runs it many times. */
softmax_case softmax_case_shrink(const test_session *session, softmax_case failing);

#endif
