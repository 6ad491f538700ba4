/* Every two values of different factors of the softmax operators together, compared with the
 * oracle. */
#include <stdio.h>
#include <stdlib.h>

#include "cmocka_all.h"
#include "softmax_factors.h"

#define MAX_FAILURES 10

static void run_all(const test_session *session, bool is_gradient) {
    test_random random = test_random_from(test_seed() + is_gradient);
    softmax_case *cases = NULL;
    const size_t count =
        softmax_cases_pairwise(&random, is_gradient, session->has_cpu_variant, &cases);
    size_t failures = 0;
    size_t run = 0;
    for (; run < count && failures < MAX_FAILURES; run++) {
        failures += !softmax_case_run(session, &cases[run]);
    }
    free(cases);
    printf("%zu cases of %zu, %zu failed\n", run, count, failures);
    assert_int_equal(failures, 0);
}

static void test_softmax_pairwise_cases_match_the_reference(void **state) {
    run_all((const test_session *)*state, false);
}

static void test_softmax_grad_pairwise_cases_match_the_reference(void **state) {
    run_all((const test_session *)*state, true);
}

/* An argument chooses tests by name, with * and ?. */
int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_pairwise_cases_match_the_reference),
        cmocka_unit_test(test_softmax_grad_pairwise_cases_match_the_reference),
    };
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
