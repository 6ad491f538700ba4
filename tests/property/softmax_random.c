/* Random cases of the softmax operators; CLFORMER_TEST_CASES sets how many of each. */
#include <stdio.h>

#include "cmocka_all.h"
#include "softmax_factors.h"

static void run_random(const test_session *session, bool is_gradient) {
    test_random random = test_random_from(test_seed() ^ (is_gradient ? 0x5A5A : 0));
    const size_t count = test_num_cases(120);
    for (size_t i = 0; i < count; i++) {
        const softmax_case tested =
            softmax_case_random(&random, is_gradient, session->has_cpu_variant);
        if (!softmax_case_run(session, &tested)) {
            const softmax_case smallest = softmax_case_shrink(session, tested);
            char text[512];
            softmax_case_text(&smallest, text, sizeof text);
            fail_msg("case %zu of %zu failed; the simplest that still fails: %s", i + 1, count,
                     text);
        }
    }
    printf("%zu cases\n", count);
}

static void test_softmax_random_cases_match_the_reference(void **state) {
    run_random((const test_session *)*state, false);
}

static void test_softmax_grad_random_cases_match_the_reference(void **state) {
    run_random((const test_session *)*state, true);
}

/* An argument chooses tests by name, with * and ?. */
int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_random_cases_match_the_reference),
        cmocka_unit_test(test_softmax_grad_random_cases_match_the_reference),
    };
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
