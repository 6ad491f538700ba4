/*
 * Random cases of attention and of its gradient against their references: every two of their
 * properties together, at least CLFORMER_TEST_CASES of them (by default 800, and 400 of the
 * gradient, of five and four head dimensions, since each takes programs of its own; from MANY_CASES
 * on of all). CTest runs each by its filter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_draw.h"
#include "attention_grad_tensors.h"
#include "attention_tensors.h"
#include "cmocka_all.h"

#define MAX_KINDS    72
#define MANY_CASES   1000
#define MAX_FAILURES 5
#define BUDGET       1.5e6 /* multiplications of one case */
/* Draws, not run, that show which pairs of properties can occur at all. */
#define NUM_TRIALS 30000
#define MAX_EXTRA  400

typedef struct pair_set {
    bool has[TEST_NUM_ATTENTION_FACTORS][TEST_MAX_FACTOR_VALUES][TEST_NUM_ATTENTION_FACTORS]
            [TEST_MAX_FACTOR_VALUES];
    size_t count;
} pair_set;

/* Adds the case's pairs that `within` holds (NULL: all); returns how many were new. */
static size_t add_pairs(pair_set *set, const pair_set *within, const attention_case *tested,
                        bool keep) {
    unsigned values[TEST_NUM_ATTENTION_FACTORS];
    size_t added = 0;
    attention_case_factors(tested, values);
    for (size_t f = 0; f < TEST_NUM_ATTENTION_FACTORS; f++) {
        for (size_t g = f + 1; g < TEST_NUM_ATTENTION_FACTORS; g++) {
            bool *has = &set->has[f][values[f]][g][values[g]];
            if (!*has && (within == NULL || within->has[f][values[f]][g][values[g]])) {
                added++;
                *has = keep;
            }
        }
    }
    set->count += keep ? added : 0;
    return added;
}

/* One of the operators. */
typedef struct subject {
    const test_session *session;
    bool (*run)(const test_session *session, const attention_case *tested);
    bool has_cpu_variant;
    size_t num_cases;  /* by default: enough for all pairs */
    size_t num_depths; /* by default */
} subject;

static bool case_fails(const attention_case *tested, const void *context) {
    const subject *of = (const subject *)context;
    return !of->run(of->session, tested);
}

/* Runs a case; on the first failure also looks for a simpler one. Returns the failures so far. */
static size_t run_case(const subject *of, const attention_case *tested, size_t failures) {
    if (of->run(of->session, tested)) {
        return failures;
    }
    if (failures == 0) {
        char text[1024];
        const attention_case smallest = attention_case_shrink(*tested, case_fails, of);
        attention_case_text(&smallest, text, sizeof text);
        print_error("the simplest that still fails: %s\n", text);
    }
    return failures + 1;
}

/* A case that covers new pairs, if a few draws find one. */
static attention_case draw_for_pairs(test_random *random, const attention_kind *kind,
                                     pair_set *covered, const pair_set *possible) {
    attention_case best = attention_case_draw(random, kind, BUDGET);
    size_t most = add_pairs(covered, possible, &best, false);
    for (int candidate = 0; candidate < 3; candidate++) {
        const attention_case drawn = attention_case_draw(random, kind, BUDGET);
        const size_t gain = add_pairs(covered, possible, &drawn, false);
        if (gain > most) {
            most = gain;
            best = drawn;
        }
    }
    return best;
}

static void run_all(const subject *of) {
    static attention_kind kinds[MAX_KINDS];
    pair_set *covered = (pair_set *)calloc(1, sizeof *covered);
    pair_set *possible = (pair_set *)calloc(1, sizeof *possible);
    test_random random = test_random_from(test_seed());
    size_t missing = 0;
    size_t failures = 0;
    size_t run = 0;
    assert_non_null(covered);
    assert_non_null(possible);
    const size_t wanted = test_num_cases(of->num_cases);
    const size_t num_kinds = attention_kinds_draw(
        &random, of->has_cpu_variant, wanted >= MANY_CASES ? TEST_ALL_DEPTHS : of->num_depths,
        kinds, MAX_KINDS, &missing);
    assert_int_equal(missing, 0);
    for (size_t i = 0; i < NUM_TRIALS; i++) {
        const attention_case trial = attention_case_draw(&random, &kinds[i % num_kinds], BUDGET);
        add_pairs(possible, NULL, &trial, true);
    }
    for (size_t i = 0; i < wanted && failures < MAX_FAILURES; i++, run++) {
        /* All cases of a kind after each other: its kernels are built once and stay in the cache.
         */
        const attention_kind *kind = &kinds[i * num_kinds / wanted];
        const attention_case drawn = draw_for_pairs(&random, kind, covered, possible);
        failures = run_case(of, &drawn, failures);
        add_pairs(covered, possible, &drawn, true);
    }
    for (size_t extra = 0; wanted >= of->num_cases && covered->count < possible->count &&
                           extra < MAX_EXTRA && failures < MAX_FAILURES;
         extra++, run++) {
        attention_case drawn;
        do {
            drawn =
                attention_case_draw(&random, &kinds[test_random_below(&random, num_kinds)], BUDGET);
        } while (add_pairs(covered, possible, &drawn, false) == 0);
        failures = run_case(of, &drawn, failures);
        add_pairs(covered, possible, &drawn, true);
    }
    printf("%zu cases of %zu kinds, %zu of %zu pairs of properties, %zu failed\n", run, num_kinds,
           covered->count, possible->count, failures);
    assert_int_equal(failures, 0);
    assert_true(wanted < of->num_cases || covered->count == possible->count);
    free(covered);
    free(possible);
}

static void test_attention_random_cases_match_the_reference(void **state) {
    const test_session *session = (const test_session *)*state;
    const subject of = {.session = session,
                        .run = attention_case_run,
                        .has_cpu_variant = session->has_cpu_variant,
                        .num_cases = 800,
                        .num_depths = 5};
    run_all(&of);
}

static void test_attention_grad_random_cases_match_the_reference(void **state) {
    const test_session *session = (const test_session *)*state;
    const subject of = {.session = session,
                        .run = attention_grad_case_run,
                        .has_cpu_variant = session->has_cpu_variant,
                        .num_cases = 400,
                        .num_depths = 4};
    run_all(&of);
}

/* An argument chooses tests by name, with * and ?. */
int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_random_cases_match_the_reference),
        cmocka_unit_test(test_attention_grad_random_cases_match_the_reference),
    };
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
