/*
 * FusedFloydAttention: attention over the edges of a graph, after the CANN operators
 * FusedFloydAttention and FusedFloydAttentionGrad (torch_npu.npu_fused_floyd_attention,
 * aclnnFusedFloydAttention[Grad]). The edge (n, m) looks at every pivot k, through the edges (n, k)
 * and (k, m), as Floyd and Warshall's algorithm looks for the shortest path through k.
 *
 * Axes: B batch, H heads, N first ends, M second ends, K pivots, D head dimension.
 */
#ifndef CLFORMER_FLOYD_H
#define CLFORMER_FLOYD_H

#include <stddef.h>

#include <clformer/device.h>
#include <clformer/export.h>
#include <clformer/plan.h>
#include <clformer/status.h>
#include <clformer/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How the scores are kept. Results lie within the same bounds. */
typedef enum clf_floyd_method {
    CLF_FLOYD_METHOD_AUTO = 0,  /* the one expected to be faster */
    CLF_FLOYD_METHOD_FUSED = 1, /* in tiles of local memory: never as a tensor */
    CLF_FLOYD_METHOD_SLAB = 2   /* in the workspace, for some n at a time, by batched products */
} clf_floyd_method;

/*
 * Forward. For batch element b and head h, which the formulas leave out, and edge (n, m):
 *
 *     score(k) = scale_value * (query(n,m) . key1(n,k) + query(n,m) . key2(k,m))
 *              = -FLT_MAX where atten_mask(n,m,k) is set
 *     max      = maximum of score(k) over k
 *     sum      = sum of exp(score(k) - max) over k
 *     out(n,m) = sum of exp(score(k) - max) / sum * (value1(n,k) + value2(k,m)) over k
 *
 * One softmax over the sum of both parts of the score. Arithmetic is fp32; out is rounded once, to
 * nearest even. Where the CPU's dot products of bf16 are used (docs/floyd.md), exponentials that lead
 * to an out in bf16 are rounded to bf16 before they meet the values. A row of which all k are masked has max = -FLT_MAX, sum = K and the mean of all
 * values. A masked score is not looked at, but its values are, with weight 0, which leaves a NaN or
 * an infinity a NaN. Deterministic.
 *
 * What breaks a rule below has these statuses. CLF_ERR_PARAM_NULLPTR: a required tensor is NULL.
 * CLF_ERR_PARAM_INVALID: struct_size, dtypes, strides, buffers, overlaps, scale_value, method.
 * CLF_ERR_TILING: ranks, shapes and sizes.
 */
typedef struct clf_floyd_attention_args {
    size_t struct_size; /* set by CLF_FLOYD_ATTENTION_ARGS */

    /* fp32, fp16 or bf16, all alike; any strides. B, H, N, M, K >= 1; D 1..256. */
    const clf_tensor *query;  /* [B,H,N,M,D] */
    const clf_tensor *key1;   /* [B,H,N,K,D] */
    const clf_tensor *value1; /* [B,H,N,K,D] */
    const clf_tensor *key2;   /* [B,H,K,M,D] */
    const clf_tensor *value2; /* [B,H,K,M,D] */

    /* bool or uint8, nonzero = masked out; [B,H,N,M,K] with any of the axes 1 (repeated), such as
     * the operator document's [B,1,N,1,K]. NULL = nothing is masked. */
    const clf_tensor *atten_mask;

    double scale_value; /* any sign; finite after rounding to float, which comes first. Default 1 */

    /* Outputs; any strides, but elements must not share memory, nor overlap an input. The
     * statistics are fp32, with 8 equal copies on the last axis. */
    const clf_tensor *softmax_max;   /* [B,H,N,M,8] */
    const clf_tensor *softmax_sum;   /* [B,H,N,M,8] */
    const clf_tensor *attention_out; /* [B,H,N,M,D]; query's dtype or fp32 */

    size_t workspace_limit; /* bytes that the plan may need at most; 0: no limit but its own */
    clf_floyd_method method;
    clf_variant variant;
} clf_floyd_attention_args;

#define CLF_FLOYD_ATTENTION_ARGS                                                                   \
    {                                                                                              \
        sizeof(clf_floyd_attention_args), NULL, NULL, NULL, NULL, NULL, NULL, 1.0, NULL, NULL,     \
            NULL, 0, CLF_FLOYD_METHOD_AUTO, CLF_VARIANT_AUTO                                       \
    }

/*
 * Plans the forward operator. Slots: QUERY, KEY1, VALUE1, KEY2, VALUE2, ATTEN_MASK (if given),
 * SOFTMAX_MAX, SOFTMAX_SUM, ATTENTION_OUT. Method AUTO is FUSED with variant cpu, SLAB if only
 * that fits workspace_limit there; elsewhere a tuned parameter decides. Workspace, whatever B and H are:
 *
 *     FUSED, portable   none
 *     FUSED, cpu        the keys and values of at least one head in fp32 (in bf16 with dot
 *                       products), or 16 MiB, if that is more
 *     SLAB              about 4 (2 K M D + n (M (K + 2 D) + 2 K D)) bytes, rows of K and D padded by
 *                       up to 15 and 3 elements; n, of N, such that its part is at most 32 MiB, and
 *                       one at least. fp32 inputs that can be used where they are take none.
 *
 * CLF_ERR_UNSUPPORTED: workspace_limit is below one head's, where variant cpu with method FUSED is
 * wanted, or below that of one n with method SLAB. Further as above, and as for
 * clf_scaled_masked_softmax_plan.
 */
CLF_API CLF_CHECK_RESULT clf_status clf_floyd_attention_plan(clf_device *device,
                                                             const clf_floyd_attention_args *args,
                                                             clf_plan **out_plan);

/*
 * Gradients of the sum of grad_output * out. With score as in the forward, and
 *
 *     p(n,m,k)  = exp(score(k) - softmax_max(n,m)) / softmax_sum(n,m)
 *     dp(n,m,k) = grad_output(n,m) . value1(n,k) + grad_output(n,m) . value2(k,m)
 *     delta     = grad_output(n,m) . attention_in(n,m)
 *     ds(n,m,k) = p(n,m,k) * (dp(n,m,k) - delta(n,m))
 *
 * they are
 *
 *     grad_query(n,m)  = scale_value * sum of ds(n,m,k) * (key1(n,k) + key2(k,m)) over k
 *     grad_key1(n,k)   = scale_value * sum of ds(n,m,k) * query(n,m) over m
 *     grad_value1(n,k) =               sum of p(n,m,k) * grad_output(n,m) over m
 *     grad_key2(k,m)   = scale_value * sum of ds(n,m,k) * query(n,m) over n
 *     grad_value2(k,m) =               sum of p(n,m,k) * grad_output(n,m) over n
 *
 * in fp32, each rounded once; where the CPU's dot products of bf16 are used (docs/floyd.md), p and
 * ds in these sums are rounded to bf16. (The operator document divides by sqrt(D) instead, which is
 * right only if scale_value is 1 / sqrt(D).) Rows of which all k are masked have p = 1 / K and are no
 * exception, as in CANN: their ds is not 0. Deterministic: the same bits each time.
 * Statuses as in the forward.
 */
typedef struct clf_floyd_attention_grad_args {
    size_t struct_size; /* set by CLF_FLOYD_ATTENTION_GRAD_ARGS */

    /* The forward's inputs, as there. */
    const clf_tensor *query;
    const clf_tensor *key1;
    const clf_tensor *value1;
    const clf_tensor *key2;
    const clf_tensor *value2;

    const clf_tensor *grad_output; /* [B,H,N,M,D], query's dtype */
    const clf_tensor *atten_mask;  /* the forward's, or NULL */

    /* The forward's results. Of the statistics only the first of 8 copies is read. */
    const clf_tensor *softmax_max;  /* fp32, [B,H,N,M,8] */
    const clf_tensor *softmax_sum;  /* fp32, [B,H,N,M,8] */
    const clf_tensor *attention_in; /* [B,H,N,M,D], query's dtype */

    double scale_value; /* the forward's */

    /* Outputs; shape and dtype of what each is the gradient of. Any strides, but elements must not
     * share memory, nor overlap an input. */
    const clf_tensor *grad_query;
    const clf_tensor *grad_key1;
    const clf_tensor *grad_value1;
    const clf_tensor *grad_key2;
    const clf_tensor *grad_value2;

    size_t workspace_limit; /* as in the forward */
    clf_floyd_method method;
    clf_variant variant;
} clf_floyd_attention_grad_args;

#define CLF_FLOYD_ATTENTION_GRAD_ARGS                                                              \
    {                                                                                              \
        sizeof(clf_floyd_attention_grad_args), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,     \
            NULL, NULL, 1.0, NULL, NULL, NULL, NULL, NULL, 0, CLF_FLOYD_METHOD_AUTO,               \
            CLF_VARIANT_AUTO                                                                       \
    }

/*
 * Plans the gradient. Slots: QUERY, KEY1, VALUE1, KEY2, VALUE2, GRAD_OUTPUT, ATTEN_MASK (if given),
 * SOFTMAX_MAX, SOFTMAX_SUM, ATTENTION_IN, GRAD_QUERY, GRAD_KEY1, GRAD_VALUE1, GRAD_KEY2,
 * GRAD_VALUE2. Workspace: variant portable none, at twice the time or more; variant cpu, of at least
 * one head, grad_query in fp32 and a slab of scores: two numbers for all m, up to 128 k, and all n or
 * as many as fit 128 MiB. If these are not all, the gradients of these k of key2 and value2 in fp32,
 * too. A workspace_limit lowers the number of n down to 1.
 *
 * With method SLAB it is about 4 (2 M D K + 2 K M D + n (M (2 K + 7 D) + 4 K D)) bytes, rows of K and
 * D padded as in the forward, and n such that its part is at most 64 MiB, and one at least.
 *
 * CLF_ERR_UNSUPPORTED: workspace_limit is below that of one n, with variant cpu or method SLAB.
 * Further as for the forward.
 */
CLF_API CLF_CHECK_RESULT clf_status clf_floyd_attention_grad_plan(
    clf_device *device, const clf_floyd_attention_grad_args *args, clf_plan **out_plan);

#ifdef __cplusplus
}
#endif

#endif
