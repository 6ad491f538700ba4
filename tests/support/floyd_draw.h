/*
 * Where random Floyd cases come from. What a kernel may be built for (types, mask, strides, depth,
 * method, variant) is a kind, because each may be compiled anew; many cases of other shapes, masks
 * and numbers are then drawn for each.
 */
#ifndef CLF_TESTS_FLOYD_DRAW_H
#define CLF_TESTS_FLOYD_DRAW_H

#include "floyd_case.h"

typedef struct floyd_kind {
    bool is_gradient;
    clf_dtype dtype;
    bool has_mask;
    bool is_contiguous; /* inputs and outputs */
    int64_t depth;
    clf_floyd_method method;
    clf_variant variant;
} floyd_kind;

/* Every combination of a direction's properties but for the depth, which is drawn. Kinds are
 * numbered. */
size_t floyd_num_kinds(bool has_cpu_variant);
floyd_kind floyd_kind_draw(test_random *random, size_t number, bool is_gradient);

/* A case of the kind with B H N M K D of about `budget` at most. */
floyd_case floyd_case_draw(test_random *random, const floyd_kind *kind, double budget);

/* Makes a failing case simpler while it still fails; `fails` runs it. */
typedef bool (*floyd_case_fails)(const floyd_case *tested, const void *context);
floyd_case floyd_case_shrink(floyd_case failing, floyd_case_fails fails, const void *context);

#endif
