/* Random FFN cases against the oracle, CLFORMER_TEST_CASES of them, of kinds that hold every two of
 * their properties. By default 300 of a third of the kinds, drawn anew each time, since each kind
 * takes kernels of its own to be built. */
#include <stdio.h>

#include "cmocka_all.h"
#include "ffn_draw.h"
#include "ffn_tensors.h"

#define MAX_KINDS    160
#define MAX_FAILURES 5
#define BUDGET       1.5e6 /* multiplications of one case */
#define FEW_CASES    300   /* more: of all kinds */
#define FEW_SHARE    3     /* of a share of the kinds */

static bool case_fails(const ffn_case *tested, const void *context) {
    return !ffn_case_run((const test_session *)context, tested);
}

/* Runs a case; on the first failure also looks for a simpler one. Returns the failures so far. */
static size_t run_case(const test_session *session, const ffn_case *tested, size_t failures) {
    if (ffn_case_run(session, tested)) {
        return failures;
    }
    if (failures == 0) {
        char text[1024];
        const ffn_case smallest = ffn_case_shrink(*tested, case_fails, session);
        ffn_case_text(&smallest, text, sizeof text);
        print_error("the simplest that still fails: %s\n", text);
    }
    return failures + 1;
}

static void shuffle(test_random *random, ffn_kind *kinds, size_t count) {
    for (size_t i = count; i > 1; i--) {
        const size_t other = test_random_below(random, i);
        const ffn_kind moved = kinds[i - 1];
        kinds[i - 1] = kinds[other];
        kinds[other] = moved;
    }
}

static void test_ffn_random_cases_match_the_reference(void **state) {
    const test_session *session = (const test_session *)*state;
    static ffn_kind kinds[MAX_KINDS];
    test_random random = test_random_from(test_seed());
    size_t missing = 0;
    size_t failures = 0;
    size_t run = 0;
    const size_t num_kinds =
        ffn_kinds_draw(&random, session->has_cpu_variant, kinds, MAX_KINDS, &missing);
    assert_int_equal(missing, 0);
    const size_t wanted = test_num_cases(FEW_CASES);
    const size_t num_used =
        wanted > FEW_CASES ? num_kinds : (num_kinds + FEW_SHARE - 1) / FEW_SHARE;
    shuffle(&random, kinds, num_kinds);
    for (size_t i = 0; i < wanted && failures < MAX_FAILURES; i++, run++) {
        /* All cases of a kind after each other: its kernels are built once and stay in the cache.
         */
        const ffn_case drawn = ffn_case_draw(&random, &kinds[i * num_used / wanted], BUDGET);
        failures = run_case(session, &drawn, failures);
    }
    printf("%zu cases of %zu of %zu kinds, %zu failed\n", run, num_used, num_kinds, failures);
    assert_int_equal(failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ffn_random_cases_match_the_reference),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
