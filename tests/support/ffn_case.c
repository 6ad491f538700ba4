/* See ffn_case.h. */
#include "ffn_case.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIRST_GLU 4

const char *const test_ffn_activations[TEST_NUM_FFN_ACTIVATIONS] = {
    "relu", "silu", "gelu", "fastgelu", "reglu", "swiglu", "geglu"};

ffn_case ffn_case_default(void) {
    ffn_case tested;
    memset(&tested, 0, sizeof tested);
    tested.num_axes = 1;
    tested.tokens[0] = 5;
    tested.depth1 = 8;
    tested.depth2 = 12;
    tested.width2 = 6;
    tested.deq_dtype = CLF_DTYPE_INT64;
    tested.deviation = 1.0;
    tested.seed = 1;
    return tested;
}

bool ffn_case_is_glu(const ffn_case *tested) {
    return tested->activation >= FIRST_GLU;
}

bool ffn_case_is_int8(const ffn_case *tested) {
    return tested->types == TEST_FFN_INT8_TO_FP16 || tested->types == TEST_FFN_INT8_TO_BF16;
}

bool ffn_case_is_antiquant(const ffn_case *tested) {
    return tested->types >= TEST_FFN_FP16_INT8;
}

int64_t ffn_case_num_tokens(const ffn_case *tested) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < tested->num_axes; axis++) {
        count *= tested->tokens[axis];
    }
    return count;
}

int64_t ffn_case_width1(const ffn_case *tested) {
    return tested->depth2 * (ffn_case_is_glu(tested) ? 2 : 1);
}

void ffn_case_spread(ffn_case *tested, test_random *random) {
    int64_t left = ffn_case_num_tokens(tested);
    memset(tested->counts, 0, sizeof tested->counts);
    for (int64_t i = 0; i < tested->num_experts && left > 0; i++) {
        const int64_t most = 1 + 2 * left / (tested->num_experts - i);
        int64_t count = test_random_between(random, 0, most < left ? most : left);
        count = test_random_chance(random, 0.25) ? 0 : count;
        tested->counts[i] = i == tested->num_experts - 1 ? left : count;
        left -= tested->counts[i];
    }
}

/* ---- Text ---- */

typedef struct writer {
    char *text;
    size_t length;
    size_t capacity;
} writer;

static void write_list(writer *out, const char *name, const int64_t *values, int64_t count) {
    for (int64_t i = 0; i < count && out->length < out->capacity; i++) {
        out->length += (size_t)snprintf(out->text + out->length, out->capacity - out->length,
                                        "%s%" PRId64, i == 0 ? name : ",", values[i]);
    }
}

void ffn_case_text(const ffn_case *tested, char *text, size_t capacity) {
    static const char *const types[TEST_NUM_FFN_TYPES] = {"fp32",      "fp16",      "bf16",
                                                          "int8>fp16", "int8>bf16", "fp16*int8",
                                                          "fp16*int4", "bf16*int8", "bf16*int4"};
    static const char *const forms[TEST_NUM_EXPERT_FORMS] = {"none", "counts", "ends",
                                                             "device counts", "device ends"};
    static const char *const variants[] = {"auto", "portable", "cpu"};
    writer out = {text, 0, capacity};
    out.length = (size_t)snprintf(text, capacity, "%s %s bias=%d%d", types[tested->types],
                                  test_ffn_activations[tested->activation], tested->has_bias1,
                                  tested->has_bias2);
    write_list(&out, " tokens=", tested->tokens, tested->num_axes);
    if (tested->expert_form != TEST_EXPERTS_NONE) {
        write_list(&out, " counts=", tested->counts,
                   tested->num_experts <= 8 ? tested->num_experts : 0);
    }
    if (out.length < capacity) {
        snprintf(text + out.length, capacity - out.length,
                 " K1=%" PRId64 " K2=%" PRId64 " N2=%" PRId64 " E=%" PRId64
                 " (%s%s) groups=%" PRId64 ",%" PRId64
                 " scale=%s deq=%s dyadic=%d layouts=%s,%s,%s,%s misalign=%zu precise=%" PRId64
                 " deviation=%g variant=%s seed=%" PRIu64,
                 tested->depth1, tested->depth2, tested->width2, tested->num_experts,
                 forms[tested->expert_form], tested->wild_tokens ? ", wild" : "", tested->groups1,
                 tested->groups2, tested->scale_per_column ? "columns" : "one",
                 clf_dtype_name(tested->deq_dtype), tested->is_dyadic,
                 test_layout_name(tested->x_layout), test_layout_name(tested->weight_layout),
                 test_layout_name(tested->vector_layout), test_layout_name(tested->y_layout),
                 tested->misalign, tested->inner_precise, tested->deviation,
                 variants[tested->variant], tested->seed);
    }
}

/* ---- Validity ---- */

static bool groups_are_accepted(const ffn_case *tested) {
    const bool is_int4 = tested->types == TEST_FFN_FP16_INT4 || tested->types == TEST_FFN_BF16_INT4;
    if (tested->groups1 == 0 && tested->groups2 == 0) {
        return true;
    }
    return is_int4 && tested->groups1 > 0 && tested->groups2 > 0 &&
           tested->depth1 % tested->groups1 == 0 && tested->depth2 % tested->groups2 == 0;
}

bool ffn_case_is_valid(const ffn_case *tested) {
    const bool is_int4 = tested->types == TEST_FFN_FP16_INT4 || tested->types == TEST_FFN_BF16_INT4;
    if (is_int4 && (ffn_case_width1(tested) % 2 != 0 || tested->width2 % 2 != 0)) {
        return false;
    }
    /* One scale for each column, and a column only: that is one scale for all. */
    const bool counts_columns = tested->scale_per_column &&
                                (tested->expert_form != TEST_EXPERTS_NONE || tested->depth2 != 1);
    if (tested->types == TEST_FFN_INT8_TO_FP16 && counts_columns &&
        tested->deq_dtype == CLF_DTYPE_FP32) {
        return false;
    }
    const bool is_on_device = tested->expert_form >= TEST_EXPERTS_DEVICE_COUNTS;
    return groups_are_accepted(tested) && (is_on_device || !tested->wild_tokens);
}
