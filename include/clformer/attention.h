/*
 * FlashAttentionScore: fused attention that never stores the score matrix, after the CANN operator
 * FlashAttentionScore (torch_npu.npu_fusion_attention, aclnnFlashAttentionScore[V2],
 * aclnnFlashAttentionVarLenScore[V2, V4]). Online softmax: Milakov and Gimelshein 2018; tiling: Dao
 * et al., FlashAttention, 2022, and FlashAttention-2, 2023. Its gradient: attention_grad.h.
 *
 * Axes: B batch, N query heads, Nkv key and value heads, G = N / Nkv, Sq and Skv lengths, D head
 * dimension of query and key, Dv <= D of value, T sum of the lengths (layout TND).
 */
#ifndef CLFORMER_ATTENTION_H
#define CLFORMER_ATTENTION_H

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

/* pre_tokens and next_tokens at this value do not limit anything. */
#define CLF_ALL_TOKENS INT64_C(2147483647)

/*
 * Forward. For batch element b, query head n, query position i and key position j, with key and
 * value head n / G:
 *
 *     logit(i, j) = query . key * scale + bias     pse_type 0, 2, 3; without pse the bias is 0
 *                 = (query . key + pse) * scale    pse_type 1
 *     max(i), sum(i) = maximum of logit, and sum of exp(logit - max), over the computed j
 *     out(i) = sum over computed j of exp(logit - max) / sum * (keep / keep_prob) * value(j)
 *
 * softmax_max and softmax_sum are taken before dropout, in natural units, so that partial results
 * over parts of the keys can be merged. An exponential below 2^-126 may count as 0.
 *
 * Which pairs (i, j) are computed; shift = Skv - Sq of the batch element, bounds inclusive:
 *
 *     no atten_mask   all; sparse_mode, tokens and prefix are ignored
 *     sparse_mode 0   not masked, and i - pre_tokens <= j <= i + next_tokens
 *                 1   not masked
 *                 2   j <= i                            causal, aligned at the top left
 *                 3   j <= i + shift                    causal, aligned at the bottom right
 *                 4   i + shift - pre_tokens <= j <= i + shift + next_tokens             band
 *                 5   not masked; the caller's mask holds the prefix                     not TND
 *                 6   j <= i + shift or j < prefix[b]                                    not TND
 *                 7   as 3; the last non-empty element: j <= i + shift + next_tokens     TND only
 *                 8   as 2; the first non-empty element: j <= i + shift + next_tokens    TND only
 *
 * In modes 2, 3, 4, 6, 7 and 8 atten_mask must have the operator document's compressed shape, but
 * its content, which the mode implies, is not read.
 *
 * Rows without a computed pair: max = -FLT_MAX, sum = Skv, and the mean of all values; or, if
 * inner_precise is 2 or the geometry of the mode alone makes rows empty, sum = FLT_MAX and zeros.
 * Skv = 0 or D = 0: zeros, max = sum = 0. Never NaN, unless inputs of computed pairs are.
 */
typedef struct clf_flash_attention_args {
    size_t struct_size; /* set by CLF_FLASH_ATTENTION_ARGS */

    /* fp32, fp16 or bf16, all alike; any strides; D 1..768. By input_layout:
     *            query         key             value
     *     BSH    [B,Sq,N*D]    [B,Skv,Nkv*D]   [B,Skv,Nkv*Dv]
     *     SBH    [Sq,B,N*D]    [Skv,B,Nkv*D]   [Skv,B,Nkv*Dv]
     *     BSND   [B,Sq,N,D]    [B,Skv,Nkv,D]   [B,Skv,Nkv,Dv]
     *     BNSD   [B,N,Sq,D]    [B,Nkv,Skv,D]   [B,Nkv,Skv,Dv]
     *     TND    [Tq,N,D]      [Tkv,Nkv,D]     [Tkv,Nkv,Dv] */
    const clf_tensor *query;
    const clf_tensor *key;
    const clf_tensor *value;

    /* Position bias; NULL = none.
     * Types 0 and 1, query's dtype: [B or 1,N,Sq,Skv], [B or 1,N,1,Skv], or, for biases that depend
     * on i - j only, under a causal mode, their last 1024 rows: [B or 1,N,1024,Skv]. In TND only the
     * last form.
     * Types 2 and 3, fp32: slopes, [N] or [B,N]; the bias is -slope * distance, type 3: -slope *
     * sqrt(distance), with distance = |j + kv_start_idx - i - q_start_idx|. */
    const clf_tensor *pse;

    /* Bits, uint8, one axis, least significant first; bit ((b*N + n)*Sq + i)*Skv + j set = kept. In
     * TND the bits of the batch elements follow each other. NULL: see generate_dropout. */
    const clf_tensor *drop_mask;

    const clf_tensor *padding_mask; /* reserved by the operator; must be NULL */

    /* bool or uint8, nonzero = masked out. Modes 0, 1, 5: [B,N,Sq,Skv], [B,1,Sq,Skv], [1,1,Sq,Skv]
     * or [Sq,Skv]; TND: [max Sq, max Skv] or [Tq,Tkv]. Modes 2, 3, 4, 7, 8: [2048,2048]; 6:
     * [3072,2048]. NULL = every pair is computed. */
    const clf_tensor *atten_mask;

    /* Outputs; elements must not share memory. softmax_max and softmax_sum are fp32 with 8 equal
     * copies on the last axis, which must be contiguous: [B,N,Sq,8], any other strides; TND:
     * [Tq,N,8], contiguous, in the order of softmax_layout. */
    const clf_tensor *attention_out; /* query's layout and dtype, with Dv */
    const clf_tensor *softmax_max;
    const clf_tensor *softmax_sum;

    const char *input_layout; /* "BSH", "SBH", "BSND", "BNSD", "TND" */
    int64_t head_num;         /* N */
    double scale;             /* default 1; often 1 / sqrt(D) */
    double keep_prob;         /* in (0, 1]; default 1 */
    int64_t pre_tokens;       /* default CLF_ALL_TOKENS */
    int64_t next_tokens;      /* default CLF_ALL_TOKENS */
    int64_t inner_precise;    /* 0 or 1: default; 2: rows without a computed pair give 0 */
    int64_t sparse_mode;      /* 0..8, above */
    int64_t pse_type;         /* 0..3; default 1 */
    int64_t q_start_idx;      /* pse_type 2, 3: where this slice of the queries begins */
    int64_t kv_start_idx;     /* pse_type 2, 3: where this slice of the keys begins */

    /* Host arrays, copied. prefix: one per batch element (modes 5, 6). actual_seq_*: TND only, the
     * cumulative ends of the sequences; trailing zeros: the remaining elements are not computed. */
    const int64_t *prefix;
    size_t num_prefix;
    const int64_t *actual_seq_qlen;
    size_t num_actual_seq_qlen;
    const int64_t *actual_seq_kvlen;
    size_t num_actual_seq_kvlen;

    /* TND: NULL or "" = batch elements one after the other, each [N,Sq,8]; "TND" or "same_as_input"
     * = [T,N,8]. */
    const char *softmax_layout;

    /* True, with keep_prob < 1 and no drop_mask: the kernel makes the bits from seed and offset,
     * the same as clf_dropout_mask_plan. */
    bool generate_dropout;
    uint64_t seed;
    uint64_t offset;

    clf_variant variant;
} clf_flash_attention_args;

#define CLF_FLASH_ATTENTION_ARGS                                                                   \
    {                                                                                              \
        sizeof(clf_flash_attention_args), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,    \
            NULL, NULL, 0, 1.0, 1.0, CLF_ALL_TOKENS, CLF_ALL_TOKENS, 0, 0, 1, 0, 0, NULL, 0, NULL, \
            0, NULL, 0, NULL, false, 0, 0, CLF_VARIANT_AUTO                                        \
    }

/*
 * Plans the forward operator. Slots: QUERY, KEY, VALUE, PSE, DROP_MASK, ATTEN_MASK (those given and
 * read), ATTENTION_OUT, SOFTMAX_MAX, SOFTMAX_SUM. Outputs must not overlap inputs. Workspace: O(Sq)
 * per head; a few bytes at most unless the keys are split among compute units. Deterministic.
 *
 * CLF_ERR_PARAM_NULLPTR: a required pointer is NULL. CLF_ERR_PARAM_INVALID: dtype, layout, rank,
 * head_num, head dimension, buffer. CLF_ERR_TILING: shapes, lengths, tokens, prefix or modes that
 * break the operator's constraints. Further as for clf_scaled_masked_softmax_plan.
 */
CLF_API CLF_CHECK_RESULT clf_status clf_flash_attention_plan(clf_device *device,
                                                             const clf_flash_attention_args *args,
                                                             clf_plan **out_plan);

/*
 * The number of attention probabilities, B * N * Sq * Skv or, in TND, N * sum of Sq_b * Skv_b: the
 * bits that a drop mask needs, and what torch_npu returns as numels. Checks no more of `args` than
 * this needs. CLF_ERR_PARAM_NULLPTR, CLF_ERR_PARAM_INVALID, CLF_ERR_TILING.
 */
CLF_API CLF_CHECK_RESULT clf_status
clf_flash_attention_num_elements(const clf_flash_attention_args *args, int64_t *out_num_elements);

/*
 * Dropout bits, after aclnnDropoutGenMaskV2 and torch_npu._npu_dropout_gen_mask: element e, in the
 * order of clf_flash_attention_args.drop_mask, is word e % 4 of Philox4x32-10 (Salmon et al. 2011)
 * at the 128-bit counter e / 4 + offset * 2^64 with key seed; it is kept if the word's lowest 10
 * (fp16), 7 (bf16) or 23 (fp32) bits, as a fraction, are not below the drop probability rounded to
 * that type.
 */
typedef struct clf_dropout_mask_args {
    size_t struct_size; /* set by CLF_DROPOUT_MASK_ARGS */
    /* uint8, one axis, ceil(num_elements / 128) * 16 bytes or more; bits beyond num_elements are
     * generated too, bytes beyond that length are left. */
    const clf_tensor *mask;
    int64_t num_elements;        /* >= 0 */
    double drop_probability;     /* in [0, 1) */
    clf_dtype probability_dtype; /* fp32, fp16 or bf16 */
    uint64_t seed;
    uint64_t offset;
} clf_dropout_mask_args;

#define CLF_DROPOUT_MASK_ARGS                                                                      \
    { sizeof(clf_dropout_mask_args), NULL, 0, 0.0, CLF_DTYPE_FP32, 0, 0 }

/* Plans the generator. Slot: DROP_MASK. Workspace: none. */
CLF_API CLF_CHECK_RESULT clf_status clf_dropout_mask_plan(clf_device *device,
                                                          const clf_dropout_mask_args *args,
                                                          clf_plan **out_plan);

#ifdef __cplusplus
}
#endif

#endif
