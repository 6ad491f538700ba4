/* Random Floyd cases against the oracle: kinds of the forward, fused and by slabs, and of the
 * gradient. From more than 96 of CLFORMER_TEST_CASES on, so many cases of either and every kind; by
 * default half of that, drawn anew each time, since each kind takes kernels of its own to be built. */
#include <stdio.h>

#include "cmocka_all.h"
#include "floyd_draw.h"
#include "floyd_run.h"

#define MAX_FAILURES 5
#define FEW_CASES    96 /* more: of all kinds; else of about half of them */
/* B H N M K D of one case */
#define FORWARD_BUDGET  1.5e6
#define GRADIENT_BUDGET 0.6e6

static bool case_fails(const floyd_case *tested, const void *context) {
    return !floyd_case_run((const test_session *)context, tested);
}

/* Runs a case; on the first failure also looks for a simpler one. Returns the failures so far. */
static size_t run_case(const test_session *session, const floyd_case *tested, size_t failures) {
    if (floyd_case_run(session, tested)) {
        return failures;
    }
    if (failures == 0) {
        char text[1024];
        const floyd_case smallest = floyd_case_shrink(*tested, case_fails, session);
        floyd_case_text(&smallest, text, sizeof text);
        print_error("the simplest that still fails: %s\n", text);
    }
    return failures + 1;
}

static void run_cases(const test_session *session, bool is_gradient) {
    test_random random = test_random_from(test_seed());
    const size_t num_kinds = floyd_num_kinds(session->has_cpu_variant);
    const size_t wanted = test_num_cases(FEW_CASES);
    const size_t cases_of_kind = (wanted + num_kinds - 1) / num_kinds;
    size_t failures = 0;
    size_t run = 0;
    for (size_t number = 0; number < num_kinds && failures < MAX_FAILURES; number++) {
        /* All cases of a kind after each other: its kernels are built once. */
        const floyd_kind kind = floyd_kind_draw(&random, number, is_gradient);
        if (wanted <= FEW_CASES && test_random_chance(&random, 0.5)) {
            continue;
        }
        for (size_t i = 0; i < cases_of_kind && failures < MAX_FAILURES; i++, run++) {
            const floyd_case drawn =
                floyd_case_draw(&random, &kind, is_gradient ? GRADIENT_BUDGET : FORWARD_BUDGET);
            failures = run_case(session, &drawn, failures);
        }
    }
    printf("%zu cases, %zu failed\n", run, failures);
    assert_int_equal(failures, 0);
}

static void test_floyd_random_cases_match_the_reference(void **state) {
    run_cases((const test_session *)*state, false);
}

static void test_floyd_random_gradients_match_the_reference(void **state) {
    run_cases((const test_session *)*state, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floyd_random_cases_match_the_reference),
        cmocka_unit_test(test_floyd_random_gradients_match_the_reference),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
