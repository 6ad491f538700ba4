/*
 * The reference of attention's gradient itself: worked goldens, difference quotients of the
 * forward's reference, laws of the formulas, poisoned inputs, and wrong results that its check must
 * refuse.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_bounds.h"
#include "attention_draw.h"
#include "attention_goldens.h"
#include "attention_grad_tensors.h"
#include "cmocka_all.h"

/* ---- The tiny golden: B = N = 1, Sq = 2, Skv = 3, D = 2, scale 0.5 ---- */

static void check_golden(const attention_grad_golden *golden) {
    const double *const expected[ORACLE_NUM_GRADIENTS] = {golden->query, golden->key, golden->value,
                                                          golden->pse};
    attention_grad_tensors tensors;
    oracle_attention_grad problem;
    attention_grad_tensors_make_golden(&tensors, golden);
    attention_grad_tensors_open_oracle(&tensors, &problem);
    for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
        const oracle_gradient which = (oracle_gradient)of;
        const int64_t width = oracle_attention_grad_width(&problem, which);
        const int64_t rows = oracle_attention_grad_num_rows(&problem, which);
        assert_int_equal(rows * width, of == ORACLE_GRAD_QUERY ? 4 : 6);
        for (int64_t row = 0; row < rows; row++) {
            double values[3];
            double units[3];
            double plain[3];
            oracle_attention_compute_grad_row(&problem, which, row, values, units);
            oracle_attention_compute_grad_row_plain(&problem, which, row, plain);
            for (int64_t d = 0; d < width; d++) {
                const double printed = expected[of][row * width + d];
                if (!oracle_close_to_printed_gradient(values[d], printed) ||
                    !oracle_close_to_printed_gradient(plain[d], printed) || units[d] > 1e-5) {
                    fail_msg("%s, gradient %d [%d][%d]: %.7f, plain %.7f, unit %g, printed %.5f",
                             golden->name, of, (int)row, (int)d, values[d], plain[d], units[d],
                             printed);
                }
            }
        }
    }
    oracle_attention_grad_close(&problem);
    attention_grad_tensors_free(&tensors);
}

static void test_attention_grad_oracle_gives_the_worked_goldens(void **state) {
    (void)state;
    for (size_t i = 0; i < attention_num_grad_goldens; i++) {
        check_golden(&attention_grad_goldens[i]);
    }
}

/* ---- Random cases ---- */

/* Small ones in fp32, of every kind that has a gradient; keys do not share memory. */
static attention_case draw_case(test_random *random) {
    attention_kind kind = {
        .dtype = CLF_DTYPE_FP32,
        .depth = test_random_between(random, 1, 9),
        .reads_mask = test_random_chance(random, 0.5),
        .bias = (attention_bias_class)test_random_below(random, TEST_NUM_BIAS_CLASSES),
        .dropout = (attention_dropout)test_random_below(random, TEST_NUM_DROPOUTS),
        .is_contiguous = test_random_chance(random, 0.5),
        .fewest_rows = 1,
        .most_rows = 12,
        .variant = CLF_VARIANT_PORTABLE};
    kind.value_depth = test_random_between(random, 1, kind.depth);
    if (kind.bias == TEST_BIAS_CLASS_LAST_ROWS) { /* tensors of thousands of rows */
        kind.bias = TEST_BIAS_CLASS_TENSOR;
    }
    attention_case drawn = attention_case_draw(random, &kind, 6000.0);
    if (drawn.key_strides == TEST_STRIDES_BROADCAST) {
        drawn.key_strides = TEST_STRIDES_CONTIGUOUS;
    }
    if (drawn.value_strides == TEST_STRIDES_BROADCAST) {
        drawn.value_strides = TEST_STRIDES_CONTIGUOUS;
    }
    drawn.deviation = fmin(drawn.deviation, 1.0);
    drawn.without_grad_pse = false;
    return drawn;
}

/* The gradients' references, dense and in the order of their rows. */
typedef struct references {
    oracle_attention_grad problem;
    double *values[ORACLE_NUM_GRADIENTS];
    double *plain[ORACLE_NUM_GRADIENTS];
    int64_t count[ORACLE_NUM_GRADIENTS];
} references;

static void references_make(references *made, const attention_grad_tensors *tensors) {
    memset(made, 0, sizeof *made);
    attention_grad_tensors_open_oracle(tensors, &made->problem);
    for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
        const oracle_gradient which = (oracle_gradient)of;
        const int64_t width = oracle_attention_grad_width(&made->problem, which);
        const int64_t rows = oracle_attention_grad_num_rows(&made->problem, which);
        made->count[of] = rows * width;
        made->values[of] = (double *)calloc((size_t)(rows * width) + 1, sizeof(double));
        made->plain[of] = (double *)calloc((size_t)(rows * width) + 1, sizeof(double));
        double *units = (double *)calloc((size_t)width + 1, sizeof *units);
        assert_non_null(made->values[of]);
        assert_non_null(made->plain[of]);
        assert_non_null(units);
        for (int64_t row = 0; row < rows; row++) {
            oracle_attention_compute_grad_row(&made->problem, which, row,
                                              made->values[of] + row * width, units);
            oracle_attention_compute_grad_row_plain(&made->problem, which, row,
                                                    made->plain[of] + row * width);
        }
        free(units);
    }
}

static void references_free(references *made) {
    oracle_attention_grad_close(&made->problem);
    for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
        free(made->values[of]);
        free(made->plain[of]);
    }
}

/* Of the inputs that have a gradient. */
static test_tensor *input_of(attention_grad_tensors *tensors, oracle_gradient of) {
    test_tensor *const inputs[ORACLE_NUM_GRADIENTS] = {
        &tensors->forward.query, &tensors->forward.key, &tensors->forward.value,
        &tensors->forward.pse};
    return inputs[of];
}

/* The place in an input of an element of its gradient. */
static int64_t input_place(references *made, attention_grad_tensors *tensors, oracle_gradient of,
                           int64_t row, int64_t column) {
    clf_flash_attention_grad_args *args = &made->problem.args;
    const clf_tensor **const gradients[ORACLE_NUM_GRADIENTS] = {&args->grad_query, &args->grad_key,
                                                                &args->grad_value, &args->grad_pse};
    const clf_tensor *own = *gradients[of];
    *gradients[of] = &input_of(tensors, of)->view; /* the same shape */
    const int64_t place = oracle_attention_grad_place(&made->problem, of, row, column);
    *gradients[of] = own;
    return place;
}

/* ---- Difference quotients ---- */

/* The sum of grad_output * out. */
static double loss_of(attention_grad_tensors *tensors) {
    oracle_attention problem;
    double out[16];
    oracle_attention_row row = {.out = out};
    double loss = 0.0;
    attention_tensors_open_oracle(&tensors->forward, &problem);
    const clf_flash_attention_args own = problem.args;
    for (int64_t r = 0; r < oracle_attention_num_rows(&problem); r++) {
        const oracle_attention_place place = oracle_attention_row_place(&problem, r);
        oracle_attention_compute_row(&problem, &place, &row);
        problem.args.attention_out = &tensors->grad_output.view;
        for (int64_t d = 0; d < problem.value_depth; d++) {
            const int64_t where = oracle_attention_out_place(&problem, &place, d);
            loss += out[d] * (double)((const float *)tensors->grad_output.image)[where];
        }
        problem.args = own;
    }
    oracle_attention_close(&problem);
    return loss;
}

/* Rows with p = 1 / Skv everywhere are no function of their logits, so that only the gradient of
 * value is a derivative. */
static bool has_uniform_rows(const oracle_attention_grad *problem) {
    oracle_attention forward = problem->forward;
    for (int64_t r = 0; r < oracle_attention_num_rows(&forward); r++) {
        const oracle_attention_place place = oracle_attention_row_place(&forward, r);
        const int64_t length = forward.elements[place.element].key_length;
        int64_t computed = 0;
        for (int64_t j = 0; j < length; j++) {
            computed += oracle_attention_is_computed(&forward, &place, j);
        }
        if (computed == 0 && length > 0 && !forward.empty_rows_are_zero) {
            return true;
        }
    }
    return false;
}

static double quotient_at(attention_grad_tensors *tensors, oracle_gradient of, int64_t place) {
    float *element = (float *)input_of(tensors, of)->image + place;
    const float before = *element;
    const float step = 0x1p-9F; /* exact in fp32 at the values' size */
    const float above = before + step;
    const float below = before - step;
    *element = above;
    const double loss_above = loss_of(tensors);
    *element = below;
    const double loss_below = loss_of(tensors);
    *element = before;
    return (loss_above - loss_below) / ((double)above - (double)below);
}

/* A few elements of each gradient; returns how many were looked at. */
static size_t check_quotients(const attention_case *tested, test_random *random) {
    attention_grad_tensors tensors;
    references made;
    size_t count = 0;
    attention_grad_tensors_make(&tensors, tested);
    references_make(&made, &tensors);
    const bool only_value = has_uniform_rows(&made.problem) && tested->inner_precise != 2;
    for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
        const oracle_gradient which = (oracle_gradient)of;
        if (made.count[of] == 0 || (only_value && which != ORACLE_GRAD_VALUE) ||
            (which == ORACLE_GRAD_PSE && tested->pse_type >= 2)) {
            continue;
        }
        for (int i = 0; i < 3; i++, count++) {
            const int64_t number = test_random_between(random, 0, made.count[of] - 1);
            const int64_t width = oracle_attention_grad_width(&made.problem, which);
            const int64_t place =
                input_place(&made, &tensors, which, number / width, number % width);
            const double quotient = quotient_at(&tensors, which, place);
            if (!oracle_close_to_difference_quotient(made.values[of][number], quotient)) {
                char text[1024];
                attention_case_text(tested, text, sizeof text);
                fail_msg("%s\n  gradient %d, element %lld: %.9g, difference quotient %.9g", text,
                         of, (long long)number, made.values[of][number], quotient);
            }
        }
    }
    references_free(&made);
    attention_grad_tensors_free(&tensors);
    return count;
}

static void test_attention_grad_oracle_agrees_with_difference_quotients(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    size_t count = 0;
    for (int i = 0; i < 400; i++) {
        attention_case drawn = draw_case(&random);
        drawn.poison_unused = false;
        count += check_quotients(&drawn, &random);
    }
    printf("%zu elements\n", count);
    assert_true(count > 2000);
}

/* ---- Laws ---- */

static double dot_with_input(references *made, attention_grad_tensors *tensors,
                             oracle_gradient of) {
    const int64_t width = oracle_attention_grad_width(&made->problem, of);
    const float *input = (const float *)input_of(tensors, of)->image;
    double sum = 0.0;
    for (int64_t i = 0; i < made->count[of]; i++) {
        sum += made->values[of][i] *
               (double)input[input_place(made, tensors, of, i / width, i % width)];
    }
    return sum;
}

static void expect_near(const attention_case *tested, const char *law, double a, double b,
                        double allowed) {
    if (!(fabs(a - b) <= allowed)) {
        char text[1024];
        attention_case_text(tested, text, sizeof text);
        fail_msg("%s\n  %s: %.9g and %.9g", text, law, a, b);
    }
}

/* out is linear in value; logits are bilinear in query and key; the rows' ds add up to zero. */
static void test_attention_grad_oracle_obeys_the_laws(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    for (int i = 0; i < 300; i++) {
        attention_grad_tensors tensors;
        references made;
        attention_case drawn = draw_case(&random);
        drawn.poison_unused = false;
        attention_grad_tensors_make(&tensors, &drawn);
        references_make(&made, &tensors);
        const double size = (double)made.count[ORACLE_GRAD_QUERY] + 100.0;
        expect_near(&drawn, "grad_value . value and grad_output . out",
                    dot_with_input(&made, &tensors, ORACLE_GRAD_VALUE), loss_of(&tensors),
                    1e-6 * size);
        expect_near(&drawn, "grad_query . query and grad_key . key",
                    dot_with_input(&made, &tensors, ORACLE_GRAD_QUERY),
                    dot_with_input(&made, &tensors, ORACLE_GRAD_KEY), 1e-9 * size);
        double sum = 0.0;
        for (int64_t j = 0; j < made.count[ORACLE_GRAD_PSE]; j++) {
            sum += made.values[ORACLE_GRAD_PSE][j];
        }
        expect_near(&drawn, "sum of grad_pse and 0", sum, 0.0, 1e-6 * size);
        references_free(&made);
        attention_grad_tensors_free(&tensors);
    }
}

/* ---- Poison, and the plain computation ---- */

static void test_attention_grad_oracle_looks_at_no_poisoned_input(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    for (int i = 0; i < 300; i++) {
        attention_grad_tensors tensors;
        references made;
        attention_case drawn = draw_case(&random);
        drawn.poison_unused = true;
        attention_grad_tensors_make(&tensors, &drawn);
        references_make(&made, &tensors);
        for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
            for (int64_t j = 0; j < made.count[of]; j++) {
                assert_true(isfinite(made.values[of][j]) && isfinite(made.plain[of][j]));
            }
        }
        references_free(&made);
        attention_grad_tensors_free(&tensors);
    }
}

static void test_attention_grad_oracle_plain_computation_is_near_the_reference(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    for (int i = 0; i < 100; i++) {
        attention_grad_tensors tensors;
        references made;
        attention_case drawn = draw_case(&random);
        drawn.poison_unused = false;
        attention_grad_tensors_make(&tensors, &drawn);
        references_make(&made, &tensors);
        for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
            for (int64_t j = 0; j < made.count[of]; j++) {
                const double plain = made.plain[of][j];
                expect_near(&drawn, "plain and reference", plain, made.values[of][j],
                            2e-4 * fmax(1.0, fabs(plain)));
                assert_true(plain == (double)(float)plain);
            }
        }
        references_free(&made);
        attention_grad_tensors_free(&tensors);
    }
}

/* ---- The check ---- */

/* A result that is right, stored where the gradient's view says. */
static float *right_result(references *made, oracle_gradient of, size_t *num_places) {
    const int64_t width = oracle_attention_grad_width(&made->problem, of);
    *num_places = (size_t)made->count[of];
    float *result = (float *)calloc(*num_places + 1, sizeof *result);
    assert_non_null(result);
    for (int64_t i = 0; i < made->count[of]; i++) {
        result[oracle_attention_grad_place(&made->problem, of, i / width, i % width)] =
            (float)made->values[of][i];
    }
    return result;
}

static void test_attention_grad_oracle_check_rejects_wrong_results(void **state) {
    (void)state;
    static const struct {
        float factor;
        float added;
        bool ok;
    } changes[] = {{1.0F, 0.0F, true},     {1.0F, 1e-8F, true}, {1.0F, 3e-5F, false},
                   {-1.0F, -0.01F, false}, {1.0F, NAN, false},  {1.0F, INFINITY, false},
                   {0.0F, 1000.0F, false}};
    attention_grad_tensors tensors;
    references made;
    attention_case tested = attention_case_default();
    tested.key_heads = 1;
    tested.bias_form = TEST_BIAS_BNSS;
    attention_grad_tensors_make(&tensors, &tested);
    references_make(&made, &tensors);
    for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
        /* Views begin behind a canary; the result need not. */
        for (int i = 0; i < ORACLE_NUM_GRADIENTS; i++) {
            tensors.gradients[i].view.offset = 0;
        }
        const oracle_gradient which = (oracle_gradient)of;
        const int64_t rows = oracle_attention_grad_num_rows(&made.problem, which);
        size_t num_places = 0;
        float *result = right_result(&made, which, &num_places);
        for (size_t c = 0; c < sizeof changes / sizeof changes[0]; c++) {
            float *changed = &result[c * 7 % num_places];
            const float before = *changed;
            *changed = before * changes[c].factor + changes[c].added;
            const oracle_verdict verdict =
                oracle_check_attention_grad(&made.problem, which, result, 0, 1, rows);
            if (verdict.ok != changes[c].ok) {
                fail_msg("gradient %d, change %zu: %s", of, c,
                         verdict.ok ? "accepted" : verdict.reason);
            }
            assert_int_equal(verdict.reason[0] == '\0', verdict.ok);
            *changed = before;
        }
        free(result);
    }
    references_free(&made);
    attention_grad_tensors_free(&tensors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_grad_oracle_gives_the_worked_goldens),
        cmocka_unit_test(test_attention_grad_oracle_agrees_with_difference_quotients),
        cmocka_unit_test(test_attention_grad_oracle_obeys_the_laws),
        cmocka_unit_test(test_attention_grad_oracle_looks_at_no_poisoned_input),
        cmocka_unit_test(test_attention_grad_oracle_plain_computation_is_near_the_reference),
        cmocka_unit_test(test_attention_grad_oracle_check_rejects_wrong_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
