/* The checks of FFN's arguments that need no device: the table of violations, the number of
 * experts, random tokens against the document's rules, and what a request says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "failing_allocator.h"
#include "ffn/ffn_arguments.h"
#include "ffn_call.h"
#include "ffn_violations.h"
#include "test_random.h"
#include "test_session.h"

static bool check_violation(size_t number) {
    const ffn_violation *line = &ffn_violations[number];
    ffn_call call;
    char text[1024];
    clf_i_ffn_request request;
    snprintf(text, sizeof text, "%s %s", line->base, line->change);
    ffn_call_make(&call, text);
    const clf_status status = clf_i_ffn_request_make(&call.args, &request);
    clf_i_ffn_request_clear(&request);
    const char *sentence = status == CLF_SUCCESS ? "" : clf_last_error();
    const bool is_right = status == line->status &&
                          (line->message == NULL || strstr(sentence, line->message) != NULL);
    if (!is_right) {
        print_error("%s%s\n  is %s \"%s\", expected %s with \"%s\"\n", line->base, line->change,
                    clf_status_name(status), sentence, clf_status_name(line->status),
                    line->message != NULL ? line->message : "");
    }
    return is_right;
}

static void test_ffn_checks_each_violation_has_its_code_and_sentence(void **state) {
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < ffn_num_violations; i++) {
        wrong += !check_violation(i);
    }
    printf("%zu lines\n", ffn_num_violations);
    assert_int_equal(wrong, 0);
}

/* ---- Experts ---- */

static clf_status make_experts(size_t count, int64_t each, clf_i_ffn_request *request) {
    static int64_t tokens[TEST_MAX_FFN_TOKENS];
    char text[256];
    ffn_call call;
    const long long num_tokens = (long long)each * (long long)count;
    snprintf(text, sizeof text, "act=relu x=%lld,2 w1=%zu,2,3 w2=%zu,3,2 y=%lld,2", num_tokens,
             count, count, num_tokens);
    ffn_call_make(&call, text);
    for (size_t i = 0; i < TEST_MAX_FFN_TOKENS; i++) {
        tokens[i] = each;
    }
    call.args.expert_tokens = tokens;
    call.args.num_expert_tokens = count;
    return clf_i_ffn_request_make(&call.args, request);
}

static void test_ffn_checks_there_are_at_most_256_experts(void **state) {
    (void)state;
    clf_i_ffn_request request;
    test_succeeds(make_experts(256, 3, &request));
    assert_int_equal(request.experts.count, 256);
    assert_int_equal(request.experts.ranges[255].begin, 765);
    assert_int_equal(request.experts.ranges[255].end, 768);
    assert_null(request.args.expert_tokens);
    clf_i_ffn_request_clear(&request);
    test_expect_status(make_experts(257, 3, &request), CLF_ERR_PARAM_INVALID);
    test_expect_contains(clf_last_error(), "expert_tokens has 257 values, accepted: 1 to 256");
    clf_i_ffn_request_clear(&request);
}

static void test_ffn_checks_an_absurd_number_of_experts_is_not_read(void **state) {
    (void)state;
    ffn_call call;
    clf_i_ffn_request request;
    ffn_call_make(&call, "act=relu x=1,2 w1=1,2,3 w2=1,3,2 y=1,2 tokens=1");
    call.args.num_expert_tokens = SIZE_MAX;
    test_expect_status(clf_i_ffn_request_make(&call.args, &request), CLF_ERR_PARAM_INVALID);
    clf_i_ffn_request_clear(&request);
}

static void test_ffn_checks_lack_of_memory_is_reported(void **state) {
    (void)state;
    clf_i_ffn_request request;
    failing_allocator allocator = {.failing = 1};
    failing_allocator_install(&allocator);
    const clf_status status = make_experts(4, 1, &request);
    clf_i_ffn_request_clear(&request);
    failing_allocator_remove();
    test_expect_status(status, CLF_ERR_OUT_OF_MEMORY);
    assert_int_equal(allocator.outstanding, 0);
}

#define MAX_RANDOM_EXPERTS 5

static void test_ffn_checks_random_tokens_follow_the_rules(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    size_t accepted = 0;
    for (int round = 0; round < 100000; round++) {
        clf_ffn_args args = CLF_FFN_ARGS;
        int64_t tokens[MAX_RANDOM_EXPERTS];
        clf_i_ffn_experts experts;
        args.expert_tokens = tokens;
        args.num_expert_tokens = (size_t)test_random_between(&random, 1, MAX_RANDOM_EXPERTS);
        args.tokens_index_flag = test_random_chance(&random, 0.5);
        int64_t end = 0;
        bool is_valid = true;
        for (size_t i = 0; i < args.num_expert_tokens; i++) {
            tokens[i] = test_random_between(&random, -1, 4) + (args.tokens_index_flag ? end : 0);
            const int64_t next = args.tokens_index_flag ? tokens[i] : end + tokens[i];
            is_valid &= next >= end;
            end = next;
        }
        const int64_t m = end + (test_random_chance(&random, 0.1) ? 1 : 0);
        is_valid &= m == end;
        if (m < 0) {
            continue;
        }
        const clf_status status = clf_i_ffn_experts_make(&args, m, &experts);
        assert_int_equal(status, is_valid ? CLF_SUCCESS : CLF_ERR_PARAM_INVALID);
        for (size_t i = 0; is_valid && i < args.num_expert_tokens; i++) {
            const clf_i_ffn_range *range = &experts.ranges[i];
            assert_int_equal(range->begin, i == 0 ? 0 : experts.ranges[i - 1].end);
            assert_int_equal(args.tokens_index_flag ? range->end : range->end - range->begin,
                             tokens[i]);
        }
        accepted += is_valid;
        clf_i_ffn_experts_clear(&experts);
    }
    assert_true(accepted > 10000);
}

/* ---- What a request says ---- */

static void expect_strides(clf_i_ffn_strides strides, int64_t expert, int64_t row, int64_t column) {
    assert_int_equal(strides.expert, expert);
    assert_int_equal(strides.row, row);
    assert_int_equal(strides.column, column);
}

static void request_of(const char *text, clf_i_ffn_request *request) {
    static ffn_call call; /* the request points into it */
    ffn_call_make(&call, text);
    test_succeeds(clf_i_ffn_request_make(&call.args, request));
}

static void test_ffn_request_of_a_plain_call(void **state) {
    (void)state;
    clf_i_ffn_request request;
    request_of("act=FastGelu x=2,3,8/64,16,2 w1=8,16/1,8 w2=16,12 b2=12/-1@11 y=2,3,12/100,12,1",
               &request);
    assert_int_equal(request.mode, CLF_I_FFN_FLOAT);
    assert_int_equal(request.activation, CLF_I_FFN_FASTGELU);
    assert_false(request.is_glu);
    assert_int_equal(request.hidden_dtype, CLF_DTYPE_FP32);
    assert_int_equal(request.num_tokens, 6);
    assert_false(request.out_is_empty);
    assert_false(request.experts.is_given);
    assert_int_equal(request.experts.count, 1);
    assert_int_equal(request.experts.ranges[0].begin, 0);
    assert_int_equal(request.experts.ranges[0].end, 6);
    assert_int_equal(request.layers[0].depth, 8);
    assert_int_equal(request.layers[0].width, 16);
    assert_int_equal(request.layers[1].depth, 16);
    assert_int_equal(request.layers[1].width, 12);
    expect_strides(request.layers[0].weight, 0, 1, 8);
    expect_strides(request.layers[1].weight, 0, 12, 1);
    assert_null(request.layers[0].tensors.bias);
    expect_strides(request.layers[1].bias, 0, 0, -1);
    assert_int_equal(request.x_rows.num_axes, 2); /* 64 is not 3 times 16 */
    assert_int_equal(request.x_rows.strides[0][1], 16);
    assert_int_equal(request.x_rows.column_strides[0], 2);
    assert_int_equal(request.y_rows.num_axes, 2);
    clf_i_ffn_request_clear(&request);
    request_of("act=relu x=2,3,8 w1=8,16 w2=16,12 y=2,3,12", &request);
    assert_int_equal(request.x_rows.num_axes, 1);
    assert_int_equal(request.x_rows.strides[0][0], 8);
    assert_int_equal(request.y_rows.strides[0][0], 12);
    clf_i_ffn_request_clear(&request);
}

static void test_ffn_request_of_quantised_calls(void **state) {
    (void)state;
    clf_i_ffn_request request;
    request_of("act=swiglu x=int8:6,8 w1=int8:3,8,16 w2=int8:3,8,12 scale=3,8 offset=3/2 "
               "ds1=uint64:3,16/1,3 ds2=uint64:3,12 y=bf16:6,12 tokens=1,0,5 "
               "ds1=bf16:3,16/1,3 ds2=bf16:3,12",
               &request);
    assert_int_equal(request.mode, CLF_I_FFN_QUANTISED);
    assert_int_equal(request.activation, CLF_I_FFN_SILU);
    assert_true(request.is_glu);
    assert_int_equal(request.hidden_dtype, CLF_DTYPE_INT8);
    assert_true(request.scale_is_per_column);
    expect_strides(request.scale, 8, 0, 1);
    expect_strides(request.offset, 2, 0, 0);
    expect_strides(request.layers[0].deq_scale, 1, 0, 3);
    expect_strides(request.layers[1].deq_scale, 12, 0, 1);
    expect_strides(request.layers[0].weight, 128, 16, 1);
    assert_int_equal(request.experts.ranges[1].begin, 1);
    assert_int_equal(request.experts.ranges[1].end, 1);
    clf_i_ffn_request_clear(&request);
    request_of("act=relu x=int8:6,8 w1=int8:8,1 w2=int8:1,12 scale=1 offset=1 ds1=1 ds2=12 "
               "y=fp16:6,12",
               &request);
    assert_false(request.scale_is_per_column); /* N1 = 1: one for all */
    expect_strides(request.scale, 0, 0, 0);
    clf_i_ffn_request_clear(&request);
}

static void test_ffn_request_of_grouped_weights(void **state) {
    (void)state;
    clf_i_ffn_request request;
    request_of("act=gelu x=bf16:6,8 w1=int4:3,8,16 w2=int4:3,16,12 as1=bf16:3,2,16 "
               "as2=bf16:3,4,12/1,3,12 ao1=bf16:3,2,16/0,0,0 ao2=bf16:3,4,12 y=bf16:6,12 "
               "device=3/2",
               &request);
    assert_int_equal(request.mode, CLF_I_FFN_ANTIQUANT);
    assert_int_equal(request.hidden_dtype, CLF_DTYPE_BF16);
    assert_true(request.experts.is_on_device);
    assert_null(request.experts.ranges);
    assert_int_equal(request.experts.stride, 2);
    assert_int_equal(request.layers[0].group_size, 4);
    assert_int_equal(request.layers[1].group_size, 4);
    expect_strides(request.layers[0].antiquant_scale, 32, 16, 1);
    expect_strides(request.layers[0].antiquant_offset, 0, 0, 0);
    expect_strides(request.layers[1].antiquant_scale, 1, 3, 12);
    expect_strides(request.layers[1].antiquant_offset, 48, 12, 1);
    clf_i_ffn_request_clear(&request);
    request_of("act=gelu x=fp16:6,8 w1=int8:8,16 w2=int8:16,12 as1=fp16:16/2 as2=fp16:12 "
               "ao1=fp16:16 ao2=fp16:12 y=fp16:6,12",
               &request);
    assert_int_equal(request.layers[0].group_size, 8);
    expect_strides(request.layers[0].antiquant_scale, 0, 0, 2);
    clf_i_ffn_request_clear(&request);
}

static void test_ffn_request_knows_when_nothing_is_written(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is_empty;
    } table[] = {
        {"act=relu x=0,8 w1=8,16 w2=16,12 y=0,12", true},
        {"act=relu x=2,0,8 w1=8,16 w2=16,12 y=2,0,12", true},
        {"act=relu x=2,8 w1=8,16 w2=16,0 y=2,0", true},
        {"act=relu x=2,8 w1=8,0 w2=0,12 y=2,12", false},
        {"act=relu x=2,0 w1=0,16 w2=16,12 y=2,12", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        clf_i_ffn_request request;
        request_of(table[i].text, &request);
        assert_int_equal(request.out_is_empty, table[i].is_empty);
        clf_i_ffn_request_clear(&request);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ffn_checks_each_violation_has_its_code_and_sentence),
        cmocka_unit_test(test_ffn_checks_there_are_at_most_256_experts),
        cmocka_unit_test(test_ffn_checks_an_absurd_number_of_experts_is_not_read),
        cmocka_unit_test(test_ffn_checks_lack_of_memory_is_reported),
        cmocka_unit_test(test_ffn_checks_random_tokens_follow_the_rules),
        cmocka_unit_test(test_ffn_request_of_a_plain_call),
        cmocka_unit_test(test_ffn_request_of_quantised_calls),
        cmocka_unit_test(test_ffn_request_of_grouped_weights),
        cmocka_unit_test(test_ffn_request_knows_when_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
