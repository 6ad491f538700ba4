/* Fused or by slabs: the choice that both Floyd operators make in the same way. */
#ifndef CLF_FLOYD_FLOYD_METHOD_H
#define CLF_FLOYD_FLOYD_METHOD_H

#include <stdbool.h>

#include <clformer/floyd.h>

#include "core/text.h"
#include "device/plan_builder.h"
#include "floyd/floyd_slab.h"

/* " --method slab" for the plan's problem, if the caller wants one. */
void clf_i_floyd_method_append(clf_floyd_method wanted, clf_i_text *text);

/* What a call would take of either, and what the choice goes by. */
typedef struct clf_i_floyd_ways {
    clf_floyd_method wanted_method;
    clf_variant wanted_variant;
    /* Fused by variant cpu. */
    const char *limit_refusal; /* NULL: it fits the workspace_limit */
    const char *tile_refusal;  /* if the device has less local memory than that */
    size_t local_memory;
    size_t workspace; /* without a limit, if it does not fit that */
    /* Fused by variant portable: its tuned parameter prefers_slab decides. */
    const char *portable_kernel;
    clf_i_floyd_slab_estimate slab;
} clf_i_floyd_ways;

/*
 * Slabs run in both variants, wherever matrix products do. Taken is what is wanted; else fused by
 * variant cpu, or slabs where only they fit the workspace_limit; else slabs if the tuned parameter
 * prefers them and they fit. Describes the choice.
 */
clf_status clf_i_floyd_choose_way(clf_plan *plan, const clf_i_floyd_ways *ways,
                                  clf_variant *out_variant, clf_floyd_method *out_method);

#endif
