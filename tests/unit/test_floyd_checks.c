/* The checks of the Floyd operators' arguments that need no device: the table of violations, and
 * what a request says. */
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "floyd/floyd_arguments.h"
#include "floyd_call.h"
#include "floyd_violations.h"

static clf_status make_request(const char *change, floyd_direction direction,
                               clf_i_floyd_geometry *geometry) {
    floyd_call call;
    char text[4096];
    snprintf(text, sizeof text, "%s %s", floyd_violations_base, change);
    floyd_call_make(&call, text);
    if (direction == TEST_FORWARD) {
        clf_i_floyd_request request;
        const clf_status status = clf_i_floyd_request_make(&call.args, &request);
        *geometry = request.geometry;
        return status;
    }
    clf_i_floyd_grad_request request;
    const clf_status status = clf_i_floyd_grad_request_make(&call.grad_args, &request);
    *geometry = request.geometry;
    return status;
}

static bool check_violation(const floyd_violation *line, floyd_direction direction) {
    clf_i_floyd_geometry geometry;
    const clf_status status = make_request(line->change, direction, &geometry);
    const char *sentence = status == CLF_SUCCESS ? "" : clf_last_error();
    const bool is_right = status == line->status &&
                          (line->message == NULL || strstr(sentence, line->message) != NULL);
    if (!is_right) {
        print_error("%s: %s\n  is %s \"%s\", expected %s with \"%s\"\n",
                    direction == TEST_FORWARD ? "forward" : "gradient", line->change,
                    clf_status_name(status), sentence, clf_status_name(line->status),
                    line->message != NULL ? line->message : "");
    }
    return is_right;
}

static void test_floyd_checks_each_violation_has_its_code_and_sentence(void **state) {
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < floyd_num_violations; i++) {
        const floyd_violation *line = &floyd_violations[i];
        for (int direction = TEST_FORWARD; direction <= TEST_GRADIENT; direction++) {
            if (((int)line->direction & direction) != 0) {
                wrong += !check_violation(line, (floyd_direction)direction);
            }
        }
    }
    printf("%zu lines\n", floyd_num_violations);
    assert_int_equal(wrong, 0);
}

static void expect_sizes(const clf_i_floyd_geometry *geometry) {
    assert_int_equal(geometry->sizes.batches, 2);
    assert_int_equal(geometry->sizes.heads, 3);
    assert_int_equal(geometry->sizes.n, 4);
    assert_int_equal(geometry->sizes.m, 5);
    assert_int_equal(geometry->sizes.k, 6);
    assert_int_equal(geometry->sizes.depth, 16);
}

static void test_floyd_checks_request_tells_sizes_and_mask_strides(void **state) {
    (void)state;
    static const struct {
        const char *change;
        int64_t strides[CLF_I_FLOYD_RANK];
    } masks[] = {
        {"atten_mask=2,3,4,5,6", {360, 120, 30, 6, 1}},
        {"atten_mask=2,1,4,1,6", {24, 0, 6, 0, 1}},
        {"atten_mask=1,3,1,5,1", {0, 5, 0, 1, 0}},
        {"atten_mask=1,1,1,1,1", {0, 0, 0, 0, 0}},
    };
    for (int direction = TEST_FORWARD; direction <= TEST_GRADIENT; direction++) {
        clf_i_floyd_geometry geometry;
        assert_int_equal(make_request("scale=-0.1", (floyd_direction)direction, &geometry),
                         CLF_SUCCESS);
        expect_sizes(&geometry);
        assert_false(geometry.has_mask);
        assert_true(geometry.scale == -0.1F);
        for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
            assert_int_equal(make_request(masks[i].change, (floyd_direction)direction, &geometry),
                             CLF_SUCCESS);
            expect_sizes(&geometry);
            assert_true(geometry.has_mask);
            assert_memory_equal(geometry.mask_strides, masks[i].strides, sizeof masks[i].strides);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floyd_checks_each_violation_has_its_code_and_sentence),
        cmocka_unit_test(test_floyd_checks_request_tells_sizes_and_mask_strides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
