/* Overlap against brute force on small random views, and by known answers on large ones. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmocka_all.h"
#include "shape/view.h"
#include "test_random.h"

#define BYTES     4096
#define MAX_PLACE 4096

static clf_tensor random_view(test_random *random, int64_t largest_stride) {
    static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BOOL,
                                       CLF_DTYPE_INT4};
    clf_tensor tensor;
    memset(&tensor, 0, sizeof tensor);
    tensor.dtype = dtypes[test_random_below(random, 4)];
    tensor.rank = (int32_t)test_random_between(random, 1, 4);
    tensor.offset = 256;
    for (int32_t axis = 0; axis < tensor.rank; axis++) {
        tensor.shape[axis] =
            test_random_between(random, test_random_chance(random, 0.03) ? 0 : 1, 4);
        tensor.strides[axis] = test_random_between(random, -largest_stride, largest_stride);
        tensor.strides[axis] *= tensor.dtype == CLF_DTYPE_INT4 ? 2 : 1;
    }
    if (tensor.dtype == CLF_DTYPE_INT4) {
        tensor.shape[tensor.rank - 1] *= 2;
        tensor.strides[tensor.rank - 1] = 1;
    }
    return tensor;
}

/* Marks every byte of the view, or of int4 its half; true if an element's place was marked before. */
static bool mark(const clf_tensor *tensor, int64_t base, unsigned char *marks) {
    const bool is_half = tensor->dtype == CLF_DTYPE_INT4;
    const int64_t size = is_half ? 1 : (int64_t)clf_dtype_size(tensor->dtype);
    bool shared = false;
    int64_t count = 1;
    for (int32_t axis = 0; axis < tensor->rank; axis++) {
        count *= tensor->shape[axis];
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i;
        int64_t place = 0;
        for (int32_t axis = tensor->rank - 1; axis >= 0; axis--) {
            place += (rest % tensor->shape[axis]) * tensor->strides[axis];
            rest /= tensor->shape[axis];
        }
        const unsigned char bits = !is_half ? 0xFF : place % 2 == 0 ? 0x0F : 0xF0;
        for (int64_t byte = 0; byte < size; byte++) {
            const int64_t step = is_half ? (place - (place % 2 != 0)) / 2 : place * size;
            unsigned char *const at = &marks[base + step + byte];
            shared = shared || (*at & bits) != 0;
            *at |= bits;
        }
    }
    return shared;
}

static void test_self_overlap_equals_brute_force(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    int num_overlapping = 0;
    for (int round = 0; round < 20000; round++) {
        unsigned char marks[BYTES] = {0};
        const clf_tensor tensor = random_view(&random, 1 + round % 30);
        const bool expected = mark(&tensor, BYTES / 2, marks);
        num_overlapping += expected;
        if (clf_i_view_self_overlaps(&tensor) != expected) {
            fail_msg("round %d: expected %d", round, expected);
        }
    }
    assert_in_range(num_overlapping, 1000, 19000);
    printf("20000 cases, %d overlap themselves\n", num_overlapping);
}

static bool brute_force_overlap(clf_i_placed_view a, clf_i_placed_view b) {
    unsigned char marks_a[BYTES] = {0};
    unsigned char marks_b[BYTES] = {0};
    mark(a.tensor, a.base, marks_a);
    mark(b.tensor, b.base, marks_b);
    for (int i = 0; i < BYTES; i++) {
        if (marks_a[i] && marks_b[i]) {
            return true;
        }
    }
    return false;
}

static void test_overlap_of_two_views_equals_brute_force(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed() + 1);
    int num_overlapping = 0;
    for (int round = 0; round < 20000; round++) {
        const clf_tensor first = random_view(&random, 1 + round % 25);
        const clf_tensor second = random_view(&random, 1 + round % 25);
        const clf_i_placed_view a = {&first, BYTES / 2};
        const clf_i_placed_view b = {&second, BYTES / 2 + test_random_between(&random, -300, 300)};
        const bool expected = brute_force_overlap(a, b);
        num_overlapping += expected;
        if (clf_i_views_overlap(a, b) != expected || clf_i_views_overlap(b, a) != expected) {
            fail_msg("round %d: expected %d", round, expected);
        }
    }
    assert_in_range(num_overlapping, 1000, 19000);
    printf("20000 cases, %d overlap\n", num_overlapping);
}

/* Interleaved views: every second column, and the columns between. */
static void test_overlap_interleaved_slices_do_not_overlap(void **state) {
    (void)state;
    const clf_tensor even = {NULL, 0, CLF_DTYPE_FP16, 2, {1 << 20, 1 << 20}, {2 << 20, 2}};
    const clf_i_placed_view a = {&even, 0};
    assert_false(clf_i_view_self_overlaps(&even));
    assert_false(clf_i_views_overlap(a, (clf_i_placed_view){&even, 2}));
    assert_true(clf_i_views_overlap(a, (clf_i_placed_view){&even, 1}));
    assert_true(clf_i_views_overlap(a, (clf_i_placed_view){&even, 4}));
}

static void test_overlap_huge_ordinary_views_are_decided_quickly(void **state) {
    (void)state;
    const clf_tensor dense = {
        NULL, 0, CLF_DTYPE_FP32, 4, {64, 64, 4096, 4096}, {1LL << 30, 1LL << 24, 4096, 1}};
    const clf_tensor turned = {
        NULL, 0, CLF_DTYPE_FP32, 4, {64, 64, 4096, 4096}, {1LL << 30, 1LL << 24, 1, 4096}};
    const clf_tensor clash = {
        NULL, 0, CLF_DTYPE_FP32, 4, {64, 64, 4096, 4096}, {1LL << 30, 1LL << 24, 4095, 1}};
    const clock_t start = clock();
    for (int i = 0; i < 100; i++) {
        assert_false(clf_i_view_self_overlaps(&dense));
        assert_false(clf_i_view_self_overlaps(&turned));
        assert_true(clf_i_view_self_overlaps(&clash));
        assert_false(clf_i_views_overlap((clf_i_placed_view){&dense, 0},
                                         (clf_i_placed_view){&turned, 1LL << 38}));
        assert_true(clf_i_views_overlap((clf_i_placed_view){&dense, 0},
                                        (clf_i_placed_view){&turned, (1LL << 38) - 4}));
    }
    assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
}

/* A knapsack in disguise: the search may give up, but then it must say "overlap" and come back. */
static void test_overlap_hard_views_end_and_are_never_missed(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed() + 2);
    const clock_t start = clock();
    for (int round = 0; round < 200; round++) {
        clf_tensor tensor;
        memset(&tensor, 0, sizeof tensor);
        tensor.dtype = CLF_DTYPE_FP32;
        tensor.rank = 8;
        for (int32_t axis = 0; axis < 8; axis++) {
            tensor.shape[axis] = test_random_between(&random, 2, 9);
            tensor.strides[axis] = test_random_between(&random, 1000000, 9000000);
        }
        (void)clf_i_view_self_overlaps(&tensor);
        /* Two axes with one stride: certain to share places. */
        tensor.strides[3] = tensor.strides[6];
        assert_true(clf_i_view_self_overlaps(&tensor));
    }
    assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
}

static void test_identical_views_are_recognised(void **state) {
    (void)state;
    const clf_tensor one = {NULL, 0, CLF_DTYPE_FP32, 3, {2, 1, 4}, {4, 77, 1}};
    const clf_tensor same = {NULL, 9, CLF_DTYPE_FP32, 3, {2, 1, 4}, {4, -5, 1}};
    const clf_tensor other = {NULL, 0, CLF_DTYPE_FP32, 3, {2, 1, 4}, {5, 77, 1}};
    const clf_tensor type = {NULL, 0, CLF_DTYPE_FP16, 3, {2, 1, 4}, {4, 77, 1}};
    const clf_i_placed_view a = {&one, 64};
    assert_true(clf_i_views_identical(a, (clf_i_placed_view){&same, 64}));
    assert_false(clf_i_views_identical(a, (clf_i_placed_view){&same, 68}));
    assert_false(clf_i_views_identical(a, (clf_i_placed_view){&other, 64}));
    assert_false(clf_i_views_identical(a, (clf_i_placed_view){&type, 64}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_self_overlap_equals_brute_force),
        cmocka_unit_test(test_overlap_of_two_views_equals_brute_force),
        cmocka_unit_test(test_overlap_interleaved_slices_do_not_overlap),
        cmocka_unit_test(test_overlap_huge_ordinary_views_are_decided_quickly),
        cmocka_unit_test(test_overlap_hard_views_end_and_are_never_missed),
        cmocka_unit_test(test_identical_views_are_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
