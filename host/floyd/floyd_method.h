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

/* Whether slabs are settled before a variant is chosen: they are wanted, or fit a workspace_limit that
 * the fused kernel of variant cpu, which is not ruled out else, does not. */
bool clf_i_floyd_needs_slab(const clf_plan *plan, clf_floyd_method wanted, clf_variant variant,
                            bool fused_fits, const clf_i_floyd_slab_estimate *slab);

/* What a call would take of either. */
typedef struct clf_i_floyd_methods {
    clf_floyd_method wanted;   /* SLAB, too, where it is needed */
    clf_variant fused_variant; /* chosen, unless slabs are wanted */
    size_t fused_workspace;    /* of that variant */
    clf_i_floyd_slab_estimate slab;
    const char *fused_kernel; /* portable: its tuned parameter prefers_slab decides */
} clf_i_floyd_methods;

/*
 * The variants of slabs, which run wherever matrix products do: chosen if slabs are wanted.
 */
clf_status clf_i_floyd_choose_slab_variant(clf_plan *plan, clf_variant wanted,
                                           clf_variant *out_variant);

/* The wanted one; else fused by variant cpu; else, slabs if a tuned parameter prefers them and they
 * fit the limit. Describes the choice. */
clf_status clf_i_floyd_choose_method(clf_plan *plan, const clf_i_floyd_methods *methods,
                                     clf_floyd_method *out_method);

#endif
