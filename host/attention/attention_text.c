/* The tool has no word for some forms (one prefix for all batch elements, dense tensors only): the
 * text then names the nearest. */
#include "attention/attention_text.h"

#include <inttypes.h>
#include <string.h>

#include "core/text.h"

static void append_shape(const clf_i_attention_request *request, clf_i_text *text) {
    const clf_i_attention_geometry *geometry = &request->geometry;
    clf_i_text_format(text, "%s --shape %" PRId64 ",%" PRId64 ",",
                      request->is_gradient ? "attention_grad" : "attention",
                      geometry->is_varlen ? 1 : geometry->batch, geometry->num_heads);
    clf_i_text_format(text, "%" PRId64 ",%" PRId64 ",%" PRId64 " --dtype %s",
                      geometry->query_tokens, geometry->key_tokens, geometry->depth,
                      clf_dtype_name(request->args.query->dtype));
    if (geometry->num_key_heads != geometry->num_heads) {
        clf_i_text_format(text, " --kv-heads %" PRId64, geometry->num_key_heads);
    }
    if (geometry->value_depth != geometry->depth) {
        clf_i_text_format(text, " --value-dim %" PRId64, geometry->value_depth);
    }
    if (!geometry->is_varlen && strcmp(request->args.input_layout, "BNSD") != 0) {
        clf_i_text_format(text, " --layout %s", request->args.input_layout);
    }
    /* Empty problems are not looked at further: they have no spans. */
    for (int64_t b = 0; geometry->spans != NULL && geometry->is_varlen && b < geometry->batch;
         ++b) {
        clf_i_text_format(text, "%s%" PRId64 ":%" PRId64, b == 0 ? " --lengths " : ",",
                          geometry->spans[b].query_length, geometry->spans[b].key_length);
    }
}

static void append_tokens(const char *option, int64_t tokens, clf_i_text *text) {
    if (tokens >= CLF_ALL_TOKENS) {
        clf_i_text_format(text, " --%s all", option);
    } else {
        clf_i_text_format(text, " --%s %" PRId64, option, tokens);
    }
}

static const char *mask_word(const clf_i_attention_pairs *pairs, int64_t mode) {
    static const char *const of_mode[] = {[2] = "causal-top-left", [3] = "causal", [4] = "band",
                                          [6] = "prefix",          [7] = "causal", [8] = "causal"};
    if (!pairs->has_mask) {
        return "none";
    }
    if (!pairs->reads_mask) {
        return of_mode[mode];
    }
    return pairs->mask.head != 0 ? "bnss" : pairs->mask.batch != 0 ? "b1ss" : "dense";
}

static void append_mask(const clf_i_attention_request *request, clf_i_text *text) {
    const clf_flash_attention_args *args = &request->args;
    const int64_t mode = args->sparse_mode;
    clf_i_text_format(text, " --mask %s", mask_word(&request->pairs, mode));
    if (!request->pairs.has_mask) {
        return;
    }
    if (mode == 0 || mode == 5 || mode >= 7) {
        clf_i_text_format(text, " --sparse-mode %" PRId64, mode);
    }
    if (mode == 0 || mode == 4 || mode >= 7) {
        append_tokens("pre-tokens", args->pre_tokens, text);
        append_tokens("next-tokens", args->next_tokens, text);
    }
    if (mode == 6 && args->num_prefix > 0) {
        clf_i_text_format(text, " --prefix %" PRId64, args->prefix[0]);
    }
}

clf_status clf_i_attention_set_text(const clf_i_attention_request *request, clf_plan *plan) {
    const clf_i_attention_pairs *pairs = &request->pairs;
    clf_i_text text = {0};
    append_shape(request, &text);
    append_mask(request, &text);
    if (pairs->bias_kind != CLF_I_BIAS_NONE) {
        clf_i_text_format(&text, " --pse %s",
                          pairs->bias_kind == CLF_I_BIAS_TENSOR ? "bias" : "alibi");
    }
    if (pairs->dropout_kind != CLF_I_DROPOUT_NONE) {
        clf_i_text_format(&text, " --keep-prob %.9g", request->args.keep_prob);
    }
    clf_i_text_format(&text, " --scale %.9g", request->args.scale);
    return clf_i_plan_set_problem(plan, &text);
}
