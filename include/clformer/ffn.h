/*
 * FFN: two matrix products with an activation between them, also as a mixture of experts, after the
 * CANN operator FFN (torch_npu.npu_ffn, aclnnFFN[V2, V3]). Inference only.
 *
 * Axes: M tokens (all axes of x but the last), K1 x's last axis, N1 columns of weight1, K2 rows of
 * weight2, N2 columns of weight2, E experts, G groups of rows of a weight.
 */
#ifndef CLFORMER_FFN_H
#define CLFORMER_FFN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clformer/device.h>
#include <clformer/export.h>
#include <clformer/plan.h>
#include <clformer/status.h>
#include <clformer/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 *     y = activation(x weight1 + bias1) weight2 + bias2
 *
 * With experts, the tokens are cut into E consecutive ranges, one for each expert, and weights,
 * biases and scales have a leading axis E. N2 may differ from K1.
 *
 * Activations, of v, or of the halves a (columns 0 .. N1/2 - 1) and b (the rest) of a row:
 *
 *     relu       max(v, 0)                         K2 = N1
 *     silu       v * sigmoid(v)
 *     gelu       v * sigmoid(1.5957691216057308 * (v + 0.044715 * v^3))      the tanh form
 *     fastgelu   v * sigmoid(1.702 * v)
 *     reglu      a * max(b, 0)                     K2 = N1 / 2
 *     swiglu     a * silu(b)
 *     geglu      a * gelu(b)
 *
 * The data types of x and of the weights select the mode; biases are optional one by one:
 *
 *     x      weights     y             bias    further tensors
 *     fp32   fp32        fp32          fp32
 *     fp16   fp16        fp16          fp16
 *     bf16   bf16        bf16          fp32
 *     int8   int8        fp16, bf16    int32   scale, offset, deq_scale1, deq_scale2
 *     fp16   int8, int4  fp16          fp16    the four antiquant tensors, fp16
 *     bf16   int8, int4  bf16          fp32    the four antiquant tensors, bf16
 *
 * The product of matrices is summed in fp32 (int8 by int8: in int32, exactly), bias and activation
 * are computed in fp32, and the result is rounded once to the type of x (fp16 with int8 x) before
 * the second product; y is rounded once.
 *
 * int8 x: the first product is (sum + bias1) * deq_scale1, rounded to fp16 if y is fp16. The
 * activation's result becomes int8 by
 *     h = fp16(fp16(v) * fp16(scale)),  h = fp16(h + fp16(offset)),  saturate(round to even(h))
 * (NaN becomes 0), and y = (sum + bias2) * deq_scale2. K1 and K2 are at most 131071, so that no sum
 * leaves int32; one that leaves it by its bias is undefined.
 * Of a deq_scale in int64, uint64 or fp32 the upper 19 bits of the fp32 count, as on the NPU; of
 * the 64-bit types these are the lower 32 bits, and the rest is ignored.
 *
 * Quantised weights stand for (weight + antiquant_offset) * antiquant_scale, rounded to fp16 after
 * each step (bf16: computed in fp32, then rounded to bf16).
 *
 * M = 0: success, nothing is written. K1 = 0 or N1 = 0: empty sums are 0, so that with N1 = 0
 * y = bias2 (times deq_scale2), or 0. NaN and infinities propagate as IEEE 754 has it; relu leaves a
 * NaN. Deterministic.
 */
typedef struct clf_ffn_args {
    size_t struct_size; /* set by CLF_FFN_ARGS */

    const clf_tensor *x;       /* [..., K1]: rank 2..8 */
    const clf_tensor *weight1; /* [K1,N1] or [E,K1,N1]. int4: the last axis even and contiguous */
    const clf_tensor *weight2; /* [K2,N2] or [E,K2,N2]; dtype of weight1 */
    const clf_tensor *bias1;   /* [N1] or [E,N1], or NULL */
    const clf_tensor *bias2;   /* [N2] or [E,N2], or NULL */

    /* int8 x only, where they are required. */
    const clf_tensor *scale;      /* fp32: [1] or [E]; for each column [K2] or [E,K2] */
    const clf_tensor *offset;     /* fp32: [1] or [E] */
    const clf_tensor *deq_scale1; /* [N1] or [E,N1]: y fp16: int64, uint64, or, without a scale for
                                     each column, fp32; y bf16: bf16 */
    const clf_tensor *deq_scale2; /* [N2] or [E,N2]; dtype of deq_scale1 */

    /* int8 or int4 weights with fp16 or bf16 x only, where they are required; x's dtype. [N] or
     * [E,N]; int4 also, for both weights, for each of G groups of rows: [G,N] or [E,G,N], where G
     * divides K and may differ between the weights. Offsets: the scale's shape. */
    const clf_tensor *antiquant_scale1;
    const clf_tensor *antiquant_scale2;
    const clf_tensor *antiquant_offset1;
    const clf_tensor *antiquant_offset2;

    const clf_tensor *y; /* x's shape but for the last axis, N2; must not overlap an input */

    const char *activation; /* one of the names above, in any case */

    /* The experts' tokens, E values with 1 <= E <= 256, from the host (copied) or from the device.
     * At most one of the two; neither: no experts. Counts that sum to M, or, with
     * tokens_index_flag, the ends of the ranges, not decreasing, the last M. Values on the device
     * cannot be checked: a range begins where the one before ends (the first at 0), its end is
     * moved to between there and M, and rows of y in no range are left. */
    const int64_t *expert_tokens;
    size_t num_expert_tokens;               /* 0: no list */
    const clf_tensor *expert_tokens_tensor; /* int64, [E] */
    bool tokens_index_flag;

    int64_t inner_precise; /* 0 or 1; no effect: both are computed precisely */
    clf_variant variant;
} clf_ffn_args;

#define CLF_FFN_ARGS                                                                               \
    {                                                                                              \
        sizeof(clf_ffn_args), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,    \
            NULL, NULL, NULL, NULL, NULL, 0, NULL, false, 0, CLF_VARIANT_AUTO                      \
    }

/*
 * Plans the operator. Slots: X, WEIGHT1, WEIGHT2, BIAS1, BIAS2, SCALE, OFFSET, DEQ_SCALE1,
 * DEQ_SCALE2, ANTIQUANT_SCALE1, ANTIQUANT_SCALE2, ANTIQUANT_OFFSET1, ANTIQUANT_OFFSET2,
 * EXPERT_TOKENS (those given), Y. All tensors may have any strides. Workspace: the activations of a
 * chunk of tokens, 64 MiB at most unless one token needs more; where CLBlast computes a product
 * (docs/guide.md), a copy of its weight besides.
 *
 * CLF_ERR_PARAM_NULLPTR: device, args, out_plan, x, weight1, weight2, y or activation is NULL.
 * CLF_ERR_PARAM_INVALID: anything else that is not as above. Further as for
 * clf_scaled_masked_softmax_plan.
 */
CLF_API CLF_CHECK_RESULT clf_status clf_ffn_plan(clf_device *device, const clf_ffn_args *args,
                                                 clf_plan **out_plan);

#ifdef __cplusplus
}
#endif

#endif
