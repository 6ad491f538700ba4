/* The tool has no word for some forms (more than two axes of x, tokens whose number only the device
 * knows, dense tensors only): the text then names the nearest. */
#include "ffn/ffn_text.h"

#include <inttypes.h>

static const char *activation_word(const clf_i_ffn_request *request) {
    static const char *const plain[] = {
        [CLF_I_FFN_RELU] = "relu",
        [CLF_I_FFN_SILU] = "silu",
        [CLF_I_FFN_GELU] = "gelu",
        [CLF_I_FFN_FASTGELU] = "fastgelu",
    };
    static const char *const gated[] = {
        [CLF_I_FFN_RELU] = "reglu",
        [CLF_I_FFN_SILU] = "swiglu",
        [CLF_I_FFN_GELU] = "geglu",
    };
    return request->is_glu ? gated[request->activation] : plain[request->activation];
}

static void append_shape(const clf_i_ffn_request *request, clf_i_text *text) {
    const clf_i_ffn_layer *layers = request->layers;
    clf_i_text_format(text, "ffn --shape %" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64,
                      request->num_tokens, layers[0].depth, layers[0].width, layers[1].width);
    clf_i_text_format(text, " --dtype %s --activation %s", clf_dtype_name(request->args.y->dtype),
                      activation_word(request));
}

/* Both weights lie as [N,K] in memory, where that makes a difference. */
static bool is_transposed(const clf_i_ffn_layer *layers) {
    bool transposed = true;
    for (int i = 0; i < 2; ++i) {
        const clf_i_ffn_strides *steps = &layers[i].weight;
        transposed = transposed && steps->row == 1 && steps->column > 1;
    }
    return transposed;
}

static void append_experts(const clf_i_ffn_experts *experts, clf_i_text *text) {
    if (!experts->is_given) {
        return;
    }
    if (experts->is_on_device) {
        clf_i_text_format(text, " --experts %" PRId64 " --tokens-from device", experts->count);
        return;
    }
    for (int64_t i = 0; i < experts->count; ++i) {
        clf_i_text_format(text, "%s%" PRId64, i == 0 ? " --expert-tokens " : ",",
                          experts->ranges[i].end - experts->ranges[i].begin);
    }
}

static void append_mode(const clf_i_ffn_request *request, clf_i_text *text) {
    const clf_ffn_args *args = &request->args;
    if (request->mode == CLF_I_FFN_QUANTISED) {
        clf_i_text_append(text, " --mode int8");
        clf_i_text_append(text, request->scale_is_per_column ? " --scale-per column" : "");
        if (args->y->dtype == CLF_DTYPE_FP16) {
            clf_i_text_format(text, " --deq-scale %s", clf_dtype_name(args->deq_scale1->dtype));
        }
    }
    if (request->mode == CLF_I_FFN_ANTIQUANT) {
        const bool has_groups = args->antiquant_scale1->rank == (request->experts.is_given ? 3 : 2);
        clf_i_text_format(text, " --mode weight-%s", clf_dtype_name(args->weight1->dtype));
        if (has_groups) {
            clf_i_text_format(text, " --group-size %" PRId64 ",%" PRId64,
                              request->layers[0].group_size, request->layers[1].group_size);
        }
    }
}

clf_status clf_i_ffn_set_text(const clf_i_ffn_request *request, clf_plan *plan) {
    const clf_ffn_args *args = &request->args;
    clf_i_text text = {0};
    append_shape(request, &text);
    append_mode(request, &text);
    clf_i_text_append(&text, is_transposed(request->layers) ? " --weight-layout nk" : "");
    append_experts(&request->experts, &text);
    if (args->bias1 == NULL || args->bias2 == NULL) {
        clf_i_text_format(&text, " --bias %s",
                          args->bias1 != NULL   ? "first"
                          : args->bias2 != NULL ? "second"
                                                : "none");
    }
    return clf_i_plan_set_problem(plan, &text);
}
