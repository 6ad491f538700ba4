/*
 * FlashAttentionScoreGrad: the gradient of fused attention, which stores no score matrix either,
 * after the CANN operator FlashAttentionScoreGrad (torch_npu.npu_fusion_attention_grad,
 * aclnnFlashAttentionScoreGrad[V2], aclnnFlashAttentionUnpaddingScoreGrad[V2, V4]). Recomputation
 * from the saved statistics: Dao et al., FlashAttention, 2022, and FlashAttention-2, 2023.
 *
 * Axes as in attention.h.
 */
#ifndef CLFORMER_ATTENTION_GRAD_H
#define CLFORMER_ATTENTION_GRAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clformer/attention.h>
#include <clformer/device.h>
#include <clformer/export.h>
#include <clformer/plan.h>
#include <clformer/status.h>
#include <clformer/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Gradients of the sum of grad_output * out. The probabilities are computed again from the saved
 * statistics; logit, pairs and keep as in the forward, with the same arguments:
 *
 *     p(i, j)  = exp(logit(i, j) - softmax_max(i)) / softmax_sum(i)     0 if (i, j) is not computed
 *     dp(i, j) = grad_output(i) . value(j) * (keep / keep_prob)
 *     delta(i) = grad_output(i) . attention_in(i)
 *     ds(i, j) = p(i, j) * (dp(i, j) - delta(i))
 *
 *     grad_query(i) = scale * sum over j of ds(i, j) * key(j)
 *     grad_key(j)   = scale * sum over i of ds(i, j) * query(i)
 *     grad_value(j) = sum over i of p(i, j) * (keep / keep_prob) * grad_output(i)
 *     grad_pse(i, j) = ds(i, j), with pse_type 1 scale * ds(i, j)
 *
 * grad_key and grad_value are sums over the G query heads of a key head, too, and grad_pse over the
 * axes of size 1 of pse. grad_pse is zeros for slopes and for biases given by their last 1024 rows.
 *
 * Rows without a computed pair: as saved. softmax_sum = FLT_MAX (or more): p = 0. softmax_max =
 * -FLT_MAX with another sum: p = 1 / sum for every key, so that their gradients are not 0. Elements
 * that nothing is computed for (no keys, no queries, tokens behind the last sequence) get zeros.
 * Arithmetic is fp32, each gradient is rounded once. Never NaN, unless inputs of computed pairs are.
 */
typedef struct clf_flash_attention_grad_args {
    size_t struct_size; /* set by CLF_FLASH_ATTENTION_GRAD_ARGS */

    /* The forward's inputs, as there. */
    const clf_tensor *query;
    const clf_tensor *key;
    const clf_tensor *value;
    const clf_tensor *pse;
    const clf_tensor *drop_mask;
    const clf_tensor *padding_mask; /* must be NULL */
    const clf_tensor *atten_mask;

    const clf_tensor *grad_output; /* attention_out's shape; query's dtype */

    /* The forward's results; of the 8 copies of a statistic only the first is read. */
    const clf_tensor *attention_in;
    const clf_tensor *softmax_max;
    const clf_tensor *softmax_sum;

    /* Outputs; shape and dtype of what each is the gradient of. Any strides, but elements must not
     * share memory. */
    const clf_tensor *grad_query;
    const clf_tensor *grad_key;
    const clf_tensor *grad_value;
    const clf_tensor *grad_pse; /* NULL: not wanted; must be NULL (or empty) without pse */

    /* As the forward had them. */
    const char *input_layout;
    int64_t head_num;
    double scale;
    double keep_prob;
    int64_t pre_tokens;
    int64_t next_tokens;
    int64_t inner_precise; /* without effect: the statistics tell what the forward did */
    int64_t sparse_mode;
    int64_t pse_type;
    int64_t q_start_idx;
    int64_t kv_start_idx;
    const int64_t *prefix;
    size_t num_prefix;
    const int64_t *actual_seq_qlen;
    size_t num_actual_seq_qlen;
    const int64_t *actual_seq_kvlen;
    size_t num_actual_seq_kvlen;
    const char *softmax_layout; /* of both statistics */
    bool generate_dropout;
    uint64_t seed;
    uint64_t offset;

    clf_variant variant;
} clf_flash_attention_grad_args;

#define CLF_FLASH_ATTENTION_GRAD_ARGS                                                              \
    {                                                                                              \
        sizeof(clf_flash_attention_grad_args), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,     \
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1.0, 1.0, CLF_ALL_TOKENS,           \
            CLF_ALL_TOKENS, 0, 0, 1, 0, 0, NULL, 0, NULL, 0, NULL, 0, NULL, false, 0, 0,           \
            CLF_VARIANT_AUTO                                                                       \
    }

/*
 * Plans the gradient. Slots: QUERY, KEY, VALUE, PSE, DROP_MASK, ATTEN_MASK (those given and read),
 * GRAD_OUTPUT, ATTENTION_IN, SOFTMAX_MAX, SOFTMAX_SUM, GRAD_QUERY, GRAD_KEY, GRAD_VALUE, GRAD_PSE
 * (if given). Gradients must not overlap each other or an input. Workspace: 12 bytes for each query
 * row of each head; the variant cpu adds D floats, D rounded up to 16, as many times as it splits
 * the keys (with few heads, at most once for each 256 keys), and, if grad_pse is a sum over rows, a
 * float for each key of each head and batch element, keys rounded up to 64. Deterministic: the same
 * bits each time, and on devices of the same kind with as many compute units. Variants: portable, cpu (where a
 * grad_pse that is a sum over batch elements and not over rows costs two fifths more).
 *
 * CLF_ERR_PARAM_NULLPTR: a required pointer is NULL. CLF_ERR_PARAM_INVALID: dtype, layout, rank,
 * head_num, head dimension, buffer, grad_pse without pse. CLF_ERR_TILING: shapes, lengths, tokens,
 * prefix or modes that break the operator's constraints. Further as for
 * clf_scaled_masked_softmax_plan.
 */
CLF_API CLF_CHECK_RESULT clf_status clf_flash_attention_grad_plan(
    clf_device *device, const clf_flash_attention_grad_args *args, clf_plan **out_plan);

#ifdef __cplusplus
}
#endif

#endif
