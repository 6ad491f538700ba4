/* Who computes FFN's matrix products: what is refused and why, what decides, what plans say about it,
 * and what they need. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "ffn_call.h"
#include "gemm/gemm_library.h"
#include "test_json.h"
#include "test_rules.h"
#include "test_session.h"

#define VARIABLE "CLFORMER_GEMM"
#define BUDGET   ((int64_t)1 << 26) /* bytes of workspace that grow with the tokens */

/* ---- Plans from a line ---- */

/* NULL if planning fails; *status tells how. */
static json_t *describe(const test_session *session, const char *provider, const char *line,
                        clf_status *status) {
    ffn_call call;
    clf_plan *plan = NULL;
    setenv(VARIABLE, provider, 1);
    ffn_call_make(&call, line);
    *status = clf_ffn_plan(session->device, &call.args, &plan);
    unsetenv(VARIABLE);
    json_t *description = plan != NULL ? test_plan_json(plan) : NULL;
    clf_plan_destroy(plan);
    return description;
}

static const char *product_text(const json_t *description, size_t index, const char *key) {
    const char *text = json_string_value(
        json_object_get(json_array_get(json_object_get(description, "products"), index), key));
    return text != NULL ? text : "(none)";
}

static size_t count_calls(const json_t *description) {
    const json_t *steps = json_object_get(description, "steps");
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        if (json_object_get(step, "library") != NULL) {
            assert_string_equal(json_string_value(json_object_get(step, "library")), "CLBlast");
            assert_string_equal(json_string_value(json_object_get(step, "routine")), "Sgemm");
            count++;
        }
    }
    return count;
}

/* ---- Rows that are dense in part of their tensor ---- */

static void test_provider_choice_take_rows_with_one_step_and_slices_of_weights(void **state) {
    const test_session *session = (const test_session *)*state;
    static const char *const lines[] = {
        "act=relu x=5,8/20,1 w1=8,12/30,1 w2=12,6/12,1 b1=12/2 b2=6 y=5,6/9,1",
        "act=swiglu x=2,3,8/60,20,1 w1=8,24/1,8 w2=12,6/1,40 y=2,3,6/18,6,1",
        "act=gelu x=1,8 w1=8,12/12,1 w2=12,6 y=1,6/77,1",
        "act=gelu x=3,1/4,9 w1=1,12/5,1 w2=12,1/1,7 y=3,1/2,5",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        clf_status status = CLF_SUCCESS;
        json_t *description = describe(session, "clblast", lines[i], &status);
        test_succeeds(status);
        assert_int_equal(count_calls(description), 2);
        json_decref(description);
    }
}

/* ---- Refusals ---- */

static void test_provider_choice_refusals_name_the_reason(void **state) {
    const test_session *session = (const test_session *)*state;
    static const struct {
        const char *line;
        const char *reason;
    } cases[] = {
        {"act=relu x=fp16:5,8 w1=fp16:8,12 w2=fp16:12,6 y=fp16:5,6", "sums fp16 products in fp16"},
        {"act=relu x=bf16:5,8 w1=bf16:8,12 w2=bf16:12,6 y=bf16:5,6", "no bf16"},
        {"act=relu x=int8:5,8 w1=int8:8,12 w2=int8:12,6 scale=1 offset=1 ds1=int64:12 ds2=int64:6 "
         "y=fp16:5,6",
         "no quantised products"},
        {"act=relu x=fp16:5,8 w1=int8:8,12 w2=int8:12,6 as1=fp16:12 as2=fp16:6 ao1=fp16:12 "
         "ao2=fp16:6 y=fp16:5,6",
         "no quantised products"},
        {"act=relu x=5,8 w1=2,8,12 w2=2,12,6 device=2 y=5,6", "tokens are on the device"},
        {"act=relu x=5,8/16,2 w1=8,12 w2=12,6 y=5,6", "rows of its left operand"},
        {"act=relu x=5,8/0,1 w1=8,12 w2=12,6 y=5,6", "rows of its left operand"},
        {"act=relu x=2,3,8/48,8,1 w1=8,12 w2=12,6 y=2,3,6", "rows of its left operand"},
        {"act=relu x=5,8 w1=8,12/24,2 w2=12,6 y=5,6", "rows nor columns of its weights"},
        {"act=relu x=5,8 w1=8,12 w2=12,6 y=5,6/1,5", "rows of its result"},
        {"act=relu x=17,8 w1=17,8,4 w2=17,4,6 tokens=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1 y=17,6",
         "more than 16 experts"},
        {"act=relu x=5,0 w1=0,12 w2=12,6 y=5,6", "empty sums"},
        {"act=relu x=1024,1024/4194304,1 w1=1024,4 w2=4,4 y=1024,4", "in 32 bits"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        clf_status status = CLF_SUCCESS;
        json_t *description = describe(session, "clblast", cases[i].line, &status);
        test_expect_status(status, CLF_ERR_UNSUPPORTED);
        test_expect_contains(clf_last_error(), "CLFORMER_GEMM is clblast, which cannot compute");
        test_expect_contains(clf_last_error(), cases[i].reason);
        assert_null(description);
        description = describe(session, "auto", cases[i].line, &status);
        test_succeeds(status);
        const size_t product = strcmp(cases[i].reason, "rows of its result") == 0;
        assert_string_equal(product_text(description, product, "provider"), "own");
        test_expect_contains(product_text(description, product, "reason"), cases[i].reason);
        assert_int_equal(count_calls(description), 0);
        json_decref(description);
    }
}

static const char small_line[] = "act=silu x=5,8 w1=8,12 w2=12,6 b2=6 y=5,6";

static void test_provider_choice_description_names_the_choice(void **state) {
    const test_session *session = (const test_session *)*state;
    const bool is_cpu = session->has_cpu_variant;
    const struct {
        const char *value;
        const char *provider;
        const char *reason;
    } choices[] = {
        {"clblast", "clblast", "CLFORMER_GEMM wants the library"},
        {"own", "own", "CLFORMER_GEMM wants ours"},
        {"auto", is_cpu ? "own" : "clblast", "slower on this device"},
        {"", is_cpu ? "own" : "clblast", "slower on this device"},
        {"CLBlast, please", is_cpu ? "own" : "clblast", "slower on this device"},
    };
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        const bool is_own = strcmp(choices[i].provider, "own") == 0;
        clf_status status = CLF_SUCCESS;
        json_t *description = describe(session, choices[i].value, small_line, &status);
        test_succeeds(status);
        for (size_t product = 0; product < 2; product++) {
            assert_string_equal(product_text(description, product, "provider"),
                                choices[i].provider);
            assert_string_equal(product_text(description, product, "not_taken"),
                                is_own ? "clblast" : "own");
            assert_string_equal(product_text(description, product, "reason"), choices[i].reason);
        }
        assert_int_equal(count_calls(description), is_own ? 0 : 2);
        /* The first product has an activation, the second a bias. */
        assert_int_equal(test_json_has_string(description, "clf_gemm_epilogue"), !is_own);
        json_decref(description);
    }
}

static void test_provider_choice_without_an_epilogue_add_no_step(void **state) {
    const test_session *session = (const test_session *)*state;
    clf_status status = CLF_SUCCESS;
    json_t *description =
        describe(session, "clblast", "act=relu x=5,8 w1=8,12 w2=12,6 y=5,6", &status);
    test_succeeds(status);
    assert_int_equal(json_array_size(json_object_get(description, "steps")), 3);
    json_decref(description);
}

static void test_provider_choice_workspace_stays_within_its_bound(void **state) {
    const test_session *session = (const test_session *)*state;
    static const struct {
        const char *line;
        int64_t weight_bytes; /* of the larger one, padded */
    } cases[] = {
        {"act=relu x=20000,256 w1=256,1024 w2=1024,256 b2=256 y=20000,256", 4 * 256 * 1024},
        {"act=geglu x=20000,256 w1=256,2048 w2=1024,256 y=20000,256", 4 * 256 * 2048},
        {"act=relu x=20000,256 w1=256,1024/1,256 w2=1024,256/1,1024 y=20000,256", 4 * 256 * 1024},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        clf_status status = CLF_SUCCESS;
        json_t *description = describe(session, "clblast", cases[i].line, &status);
        test_succeeds(status);
        const json_int_t workspace = json_integer_value(json_object_get(description, "workspace"));
        const json_int_t tokens = json_integer_value(
            json_object_get(json_object_get(description, "parameters"), "tokens_per_chunk"));
        printf("%lld tokens at a time, workspace %lld\n", (long long)tokens, (long long)workspace);
        assert_true(tokens >= 384 && tokens % 384 == 0);
        assert_true(workspace <= BUDGET + cases[i].weight_bytes + (1 << 20));
        assert_true(workspace >= BUDGET / 2);
        json_decref(description);
    }
}

/* ---- Tuned parameters ---- */

static void test_provider_choice_rules_choose_the_library(void **state) {
    const test_session *session = (const test_session *)*state;
    static const char *const providers[] = {"own", "clblast"};
    for (size_t preferred = 0; preferred < 2; preferred++) {
        char folder[512];
        char rule[64];
        clf_status status = CLF_SUCCESS;
        snprintf(rule, sizeof rule, "\"prefer_clblast\": %zu", preferred);
        test_rules_begin(folder, sizeof folder, rule);
        json_t *description = describe(session, "auto", small_line, &status);
        test_rules_end(folder);
        test_succeeds(status);
        assert_string_equal(product_text(description, 0, "provider"), providers[preferred]);
        assert_string_equal(product_text(description, 1, "provider"), providers[preferred]);
        json_decref(description);
    }
}

static void test_provider_choice_rules_that_do_not_fit_are_refused(void **state) {
    const test_session *session = (const test_session *)*state;
    static const struct {
        const char *rules;
        const char *reason;
    } cases[] = {
        {"\"prefer_clblast\": 1, \"Xgemm.MWG\": 40", "MDIMC VWM divides MWG"},
        {"\"prefer_clblast\": 1, \"Xgemm.VWN\": 3", "VWM and VWN are 1, 2, 4 or 8"},
        {"\"prefer_clblast\": 1, \"Xgemm.GEMMK\": 1", "GEMMK is 0"},
        {"\"prefer_clblast\": 1, \"Xgemm.SA\": 1, \"Xgemm.KWG\": 512, \"Xgemm.MWG\": 512, "
         "\"Xgemm.SB\": 1, \"Xgemm.NWG\": 512",
         "fit the local memory"},
        {"\"prefer_clblast\": 1, \"Xgemm.MWG\": -5", "give 15 of the 16 parameters"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char folder[512];
        clf_status status = CLF_SUCCESS;
        test_rules_begin(folder, sizeof folder, cases[i].rules);
        assert_null(describe(session, "clblast", small_line, &status));
        test_expect_status(status, CLF_ERR_UNSUPPORTED);
        test_expect_contains(clf_last_error(), cases[i].reason);
        json_t *description = describe(session, "auto", small_line, &status);
        test_rules_end(folder);
        test_succeeds(status);
        assert_string_equal(product_text(description, 0, "provider"), "own");
        test_expect_contains(product_text(description, 0, "reason"), cases[i].reason);
        json_decref(description);
    }
}

/* ---- Silence ---- */

/* What `body` writes to stdout and stderr, CLBlast's messages included. */
static size_t capture(void (*body)(const test_session *), const test_session *session, char *text,
                      size_t capacity) {
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    fflush(stderr);
    const int out = dup(STDOUT_FILENO);
    const int err = dup(STDERR_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    body(session);
    fflush(stdout);
    fflush(stderr);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    rewind(file);
    const size_t length = fread(text, 1, capacity - 1, file);
    text[length] = '\0';
    fclose(file);
    return length;
}

/* Good and bad: everything is decided before CLBlast is called. */
static void plan_many(const test_session *session) {
    static const char *const lines[] = {
        small_line,
        "act=swiglu x=5,8 w1=8,24/1,8 w2=12,6 y=5,6",
        "act=relu x=fp16:5,8 w1=fp16:8,12 w2=fp16:12,6 y=fp16:5,6",
        "act=relu x=5,8/0,1 w1=8,12 w2=12,6 y=5,6",
        "act=relu x=5,0 w1=0,12 w2=12,6 y=5,6",
        "act=relu x=0,8 w1=8,12 w2=12,6 y=0,6",
        "act=relu x=5,8 w1=8,0 w2=0,6 b2=6 y=5,6",
        "act=relu x=1024,1024/4194304,1 w1=1024,4 w2=4,4 y=1024,4",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        clf_status status = CLF_SUCCESS;
        json_decref(describe(session, "clblast", lines[i], &status));
    }
}

static void test_provider_choice_print_nothing(void **state) {
    const test_session *session = (const test_session *)*state;
    char text[4096];
    const size_t length = capture(plan_many, session, text, sizeof text);
    if (length != 0) {
        fail_msg("printed: %s", text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_provider_choice_take_rows_with_one_step_and_slices_of_weights),
        cmocka_unit_test(test_provider_choice_refusals_name_the_reason),
        cmocka_unit_test(test_provider_choice_description_names_the_choice),
        cmocka_unit_test(test_provider_choice_without_an_epilogue_add_no_step),
        cmocka_unit_test(test_provider_choice_workspace_stays_within_its_bound),
        cmocka_unit_test(test_provider_choice_rules_choose_the_library),
        cmocka_unit_test(test_provider_choice_rules_that_do_not_fit_are_refused),
        cmocka_unit_test(test_provider_choice_print_nothing),
    };
    if (clf_i_gemm_the_library.prepare == NULL) {
        printf("skipped: this build has no CLBlast, and nothing to choose from\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
