/* The checks of attention's arguments that need no device: the table of violations, and random
 * modes and tokens against the document's rules. */
#include <stdio.h>
#include <string.h>

#include "attention/attention_arguments.h"
#include "attention/attention_window.h"
#include "attention_call.h"
#include "attention_predicates.h"
#include "attention_violations.h"
#include "cmocka_all.h"
#include "test_random.h"

typedef enum direction { FORWARD, GRADIENT } direction;

static clf_status check_call(const attention_call *call, direction checked) {
    clf_i_attention_request request;
    const clf_status status = checked == FORWARD
                                  ? clf_i_attention_request_make(&call->args, &request)
                                  : clf_i_attention_grad_request_make(&call->grad_args, &request);
    clf_i_attention_request_clear(&request);
    return status;
}

/* Whether the sentence is the expected one, which may name the forward's output. */
static bool holds_message(const char *sentence, const char *expected, direction checked) {
    static const char forward_name[] = "attention_out";
    char message[256];
    const char *found = strstr(expected, forward_name);
    if (checked == FORWARD || found == NULL) {
        return strstr(sentence, expected) != NULL;
    }
    snprintf(message, sizeof message, "%.*sattention_in%s", (int)(found - expected), expected,
             found + sizeof forward_name - 1);
    return strstr(sentence, message) != NULL;
}

/* The number of lines that do not have their code and sentence. */
static size_t check_violations(const attention_violation *lines, size_t count, direction checked) {
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        const attention_violation *line = &lines[i];
        attention_call call;
        char text[1024];
        snprintf(text, sizeof text, "%s %s", line->base, line->change);
        attention_call_make(&call, text);
        const clf_status status = check_call(&call, checked);
        const char *sentence = status == CLF_SUCCESS ? "" : clf_last_error();
        const bool is_right =
            status == line->status &&
            (line->message == NULL || holds_message(sentence, line->message, checked));
        if (!is_right) {
            print_error("%s%s\n  is %s \"%s\", expected %s with \"%s\"\n", line->base, line->change,
                        clf_status_name(status), sentence, clf_status_name(line->status),
                        line->message != NULL ? line->message : "");
        }
        wrong += !is_right;
    }
    printf("%zu lines\n", count);
    return wrong;
}

static void test_attention_checks_each_violation_has_its_code_and_sentence(void **state) {
    (void)state;
    assert_int_equal(check_violations(attention_violations, attention_num_violations, FORWARD), 0);
}

/* The gradient's other tensors are like the forward's there, and right if those are. */
static void test_attention_checks_gradient_has_every_violation_of_the_forward(void **state) {
    (void)state;
    assert_int_equal(check_violations(attention_violations, attention_num_violations, GRADIENT), 0);
}

static void test_attention_checks_gradient_has_its_own_violations(void **state) {
    (void)state;
    assert_int_equal(
        check_violations(attention_grad_violations, attention_num_grad_violations, GRADIENT), 0);
}

static void test_attention_checks_every_other_struct_size_is_refused(void **state) {
    (void)state;
    attention_call call;
    attention_call_make(&call, attention_violations[0].base);
    for (int i = 0; i < 5; i++) {
        const size_t forward = sizeof call.args;
        const size_t gradient = sizeof call.grad_args;
        const size_t others[][2] = {{0, 0},
                                    {1, 1},
                                    {forward - 1, gradient - 1},
                                    {forward + 8, gradient + 8},
                                    {SIZE_MAX, SIZE_MAX}};
        call.args.struct_size = others[i][0];
        call.grad_args.struct_size = others[i][1];
        assert_int_equal(check_call(&call, FORWARD), CLF_ERR_PARAM_INVALID);
        assert_non_null(strstr(clf_last_error(), "CLF_FLASH_ATTENTION_ARGS"));
        assert_int_equal(check_call(&call, GRADIENT), CLF_ERR_PARAM_INVALID);
        assert_non_null(strstr(clf_last_error(), "CLF_FLASH_ATTENTION_GRAD_ARGS"));
    }
}

/* ---- Modes and tokens ---- */

#define MAX_BATCH 3

typedef struct window_case {
    clf_flash_attention_args args;
    clf_i_attention_geometry geometry;
    clf_i_attention_span spans[MAX_BATCH];
    int64_t prefix[MAX_BATCH];
} window_case;

/* Dense calls have one length for all batch elements. */
static void random_window(window_case *made, test_random *random, bool is_varlen) {
    const clf_flash_attention_args defaults = CLF_FLASH_ATTENTION_ARGS;
    memset(made, 0, sizeof *made);
    made->args = defaults;
    made->args.sparse_mode = test_random_between(random, 0, is_varlen ? 8 : 6);
    made->args.sparse_mode += is_varlen && made->args.sparse_mode == 5;
    made->args.pre_tokens =
        test_random_chance(random, 0.3) ? CLF_ALL_TOKENS : test_random_between(random, -8, 9);
    made->args.next_tokens =
        test_random_chance(random, 0.2) ? CLF_ALL_TOKENS : test_random_between(random, -8, 9);
    made->args.prefix = made->prefix;
    made->geometry.is_varlen = is_varlen;
    made->geometry.batch = test_random_between(random, 1, MAX_BATCH);
    made->args.num_prefix = (size_t)made->geometry.batch;
    made->geometry.spans = made->spans;
    for (int64_t b = 0; b < made->geometry.batch; b++) {
        const bool repeats = !is_varlen && b > 0;
        clf_i_attention_span *span = &made->spans[b];
        span->query_length = repeats ? made->spans[0].query_length
                                     : test_random_between(random, is_varlen ? 0 : 1, 7);
        span->key_length = repeats ? made->spans[0].key_length
                           : span->query_length == 0 || !test_random_chance(random, 0.3)
                               ? test_random_between(random, span->query_length > 0, 9)
                               : span->query_length;
        made->prefix[b] = test_random_between(random, -1, span->key_length + 1);
    }
    made->geometry.query_length = made->spans[0].query_length;
    made->geometry.key_length = made->spans[0].key_length;
}

/* The document's slices: mode 7 the last element with rows, mode 8 the first. */
static bool is_slice(const window_case *made, int64_t b) {
    bool later = false;
    bool earlier = false;
    for (int64_t other = 0; other < made->geometry.batch; other++) {
        later |= other > b && made->spans[other].query_length > 0;
        earlier |= other < b && made->spans[other].query_length > 0;
    }
    return made->spans[b].query_length > 0 &&
           ((made->args.sparse_mode == 7 && !later) || (made->args.sparse_mode == 8 && !earlier));
}

static oracle_sparse sparse_of(const window_case *made, int64_t b) {
    return (oracle_sparse){.mode = made->args.sparse_mode,
                           .pre_tokens = made->args.pre_tokens,
                           .next_tokens = made->args.next_tokens,
                           .prefix = made->prefix[b],
                           .has_mask = true,
                           .is_slice = is_slice(made, b)};
}

static void window_text(const window_case *made, char *text, size_t capacity) {
    size_t length = (size_t)snprintf(
        text, capacity, "%s mode %lld pre %lld next %lld",
        made->geometry.is_varlen ? "TND" : "dense", (long long)made->args.sparse_mode,
        (long long)made->args.pre_tokens, (long long)made->args.next_tokens);
    for (int64_t b = 0; b < made->geometry.batch; b++) {
        length +=
            (size_t)snprintf(text + length, capacity - length, " [%lld x %lld prefix %lld]",
                             (long long)made->spans[b].query_length,
                             (long long)made->spans[b].key_length, (long long)made->prefix[b]);
    }
}

static void test_attention_checks_random_windows_follow_the_rules(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    size_t wrong = 0;
    size_t accepted = 0;
    for (int round = 0; round < 200000 && wrong < 10; round++) {
        window_case made;
        random_window(&made, &random, round % 2 == 1);
        bool expected = true;
        for (int64_t b = 0; b < made.geometry.batch; b++) {
            const oracle_sparse sparse = sparse_of(&made, b);
            expected &=
                oracle_mode_is_accepted(&sparse, made.geometry.is_varlen,
                                        made.spans[b].query_length, made.spans[b].key_length);
        }
        accepted += expected;
        const clf_status status = clf_i_attention_check_window(&made.args, &made.geometry);
        if (status != (expected ? CLF_SUCCESS : CLF_ERR_TILING)) {
            char text[512];
            window_text(&made, text, sizeof text);
            print_error("%s\n  is %s, must be %s: %s\n", text, clf_status_name(status),
                        expected ? "accepted" : "refused",
                        status == CLF_SUCCESS ? "" : clf_last_error());
            wrong++;
        }
    }
    assert_true(accepted > 20000);
    assert_int_equal(wrong, 0);
}

/* When rows without a pair become zeros by themselves. */
static void test_attention_checks_automatic_zero_rows_follow_the_table(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    size_t wrong = 0;
    for (int round = 0; round < 200000 && wrong < 10; round++) {
        window_case made;
        random_window(&made, &random, round % 2 == 1);
        const bool has_mask = !test_random_chance(&random, 0.1);
        made.args.inner_precise = test_random_between(&random, 0, 2);
        bool expected = made.args.inner_precise == 2;
        bool is_accepted = true;
        for (int64_t b = 0; b < made.geometry.batch; b++) {
            oracle_sparse sparse = sparse_of(&made, b);
            is_accepted &=
                oracle_mode_is_accepted(&sparse, made.geometry.is_varlen,
                                        made.spans[b].query_length, made.spans[b].key_length);
            sparse.has_mask = has_mask;
            expected |= (!made.geometry.is_varlen || made.args.sparse_mode == 6) &&
                        oracle_mode_has_empty_rows(&sparse, made.spans[b].query_length,
                                                   made.spans[b].key_length);
        }
        const bool given =
            clf_i_attention_empty_rows_are_zero(&made.args, &made.geometry, has_mask);
        if (is_accepted && given != expected) {
            char text[512];
            window_text(&made, text, sizeof text);
            print_error("%s mask %d\n  zeros %d, must be %d\n", text, has_mask, given, expected);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_checks_each_violation_has_its_code_and_sentence),
        cmocka_unit_test(test_attention_checks_gradient_has_every_violation_of_the_forward),
        cmocka_unit_test(test_attention_checks_gradient_has_its_own_violations),
        cmocka_unit_test(test_attention_checks_every_other_struct_size_is_refused),
        cmocka_unit_test(test_attention_checks_random_windows_follow_the_rules),
        cmocka_unit_test(test_attention_checks_automatic_zero_rows_follow_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
