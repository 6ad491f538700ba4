/* Row spaces: walking them must visit, in order, what walking the original axes visits. */
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"
#include "shape/row_space.h"
#include "test_random.h"

typedef struct operands {
    int32_t rank;
    int64_t shape[CLF_MAX_RANK];
    int32_t count;
    int64_t strides[CLF_I_ROW_OPERANDS][CLF_MAX_RANK];
    const int64_t *pointers[CLF_I_ROW_OPERANDS];
} operands;

static int64_t dense_stride(const operands *all, int32_t axis) {
    int64_t stride = 1;
    for (int32_t later = axis + 1; later < all->rank; later++) {
        stride *= all->shape[later];
    }
    return stride;
}

static operands random_operands(test_random *random) {
    operands all;
    memset(&all, 0, sizeof all);
    all.rank = (int32_t)test_random_between(random, 1, CLF_MAX_RANK);
    all.count = (int32_t)test_random_between(random, 1, CLF_I_ROW_OPERANDS);
    for (int32_t axis = 0; axis < all.rank; axis++) {
        all.shape[axis] = test_random_between(random, 1, 3);
    }
    for (int32_t operand = 0; operand < all.count; operand++) {
        const size_t kind = test_random_below(random, 4);
        for (int32_t axis = 0; axis < all.rank; axis++) {
            all.strides[operand][axis] = kind == 0   ? test_random_between(random, -50, 50)
                                         : kind == 1 ? dense_stride(&all, axis) * 2
                                         : kind == 2 && test_random_chance(random, 0.3)
                                             ? 0
                                             : dense_stride(&all, axis);
        }
    }
    return all;
}

static int64_t row_of_axes(const operands *all, int32_t operand, int64_t row) {
    int64_t place = 0;
    for (int32_t axis = all->rank - 2; axis >= 0; axis--) {
        place += row % all->shape[axis] * all->strides[operand][axis];
        row /= all->shape[axis];
    }
    return place;
}

static int64_t row_of_space(const clf_i_row_space *space, int32_t operand, int64_t row) {
    int64_t place = 0;
    for (int32_t axis = space->num_axes - 1; axis >= 0; axis--) {
        place += row % space->shape[axis] * space->strides[operand][axis];
        row /= space->shape[axis];
    }
    return place;
}

static void check_space(operands *all, bool keep_row_axis) {
    for (int32_t operand = 0; operand < all->count; operand++) {
        all->pointers[operand] = all->strides[operand];
    }
    const clf_i_row_space space =
        clf_i_row_space_make(all->rank, all->shape, all->count, all->pointers, keep_row_axis);
    int64_t num_rows = 1;
    for (int32_t axis = 0; axis + 1 < all->rank; axis++) {
        num_rows *= all->shape[axis];
    }
    assert_int_equal(space.num_rows, num_rows);
    assert_int_equal(space.width, all->shape[all->rank - 1]);
    assert_in_range(space.num_axes, 1, CLF_I_ROW_AXES);
    assert_int_equal(space.reserved, 0);
    if (keep_row_axis) {
        const int64_t height = all->rank > 1 ? all->shape[all->rank - 2] : 1;
        assert_int_equal(space.shape[space.num_axes - 1], height);
    }
    for (int32_t operand = 0; operand < all->count; operand++) {
        assert_int_equal(space.column_strides[operand], all->strides[operand][all->rank - 1]);
        for (int64_t row = 0; row < num_rows; row++) {
            assert_int_equal(row_of_space(&space, operand, row), row_of_axes(all, operand, row));
        }
    }
}

static void test_row_space_visits_what_the_axes_visit(void **state) {
    (void)state;
    test_random random = test_random_from(test_seed());
    for (int round = 0; round < 5000; round++) {
        operands all = random_operands(&random);
        check_space(&all, round % 2 == 0);
    }
    printf("5000 cases\n");
}

static int32_t axes_of_dense(int32_t rank, const int64_t *shape, bool keep_row_axis) {
    int64_t strides[CLF_MAX_RANK];
    int64_t stride = 1;
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        strides[axis] = stride;
        stride *= shape[axis];
    }
    const int64_t *const pointers[] = {strides};
    return clf_i_row_space_make(rank, shape, 1, pointers, keep_row_axis).num_axes;
}

static void test_row_space_dense_axes_merge_into_one(void **state) {
    (void)state;
    static const int64_t shape[] = {2, 3, 4, 5, 6, 7, 8, 9};
    for (int32_t rank = 1; rank <= CLF_MAX_RANK; rank++) {
        assert_int_equal(axes_of_dense(rank, shape, false), 1);
    }
    assert_int_equal(axes_of_dense(4, shape, true), 2);
    assert_int_equal(axes_of_dense(2, shape, true), 1);
    assert_int_equal(axes_of_dense(1, shape, true), 1);
}

static void test_row_space_empty_shapes_have_no_rows_or_no_width(void **state) {
    (void)state;
    static const int64_t shapes[][3] = {{0, 3, 4}, {2, 0, 4}, {2, 3, 0}, {0, 0, 0}};
    static const int64_t strides[] = {12, 4, 1};
    const int64_t *const pointers[] = {strides};
    for (size_t i = 0; i < 4; i++) {
        for (int keep = 0; keep < 2; keep++) {
            const clf_i_row_space space =
                clf_i_row_space_make(3, shapes[i], 1, pointers, keep != 0);
            assert_true(space.num_rows == 0 || space.width == 0);
        }
    }
}

static void test_row_space_layout_matches_the_kernels(void **state) {
    (void)state;
    /* cl-kernels/lib/row_space.clh declares the same members: eight-byte ones, then two of four. */
    assert_int_equal(
        sizeof(clf_i_row_space),
        8 * (2 + CLF_I_ROW_AXES + CLF_I_ROW_OPERANDS * CLF_I_ROW_AXES + CLF_I_ROW_OPERANDS) + 8);
    assert_int_equal(offsetof(clf_i_row_space, width), 8);
    assert_int_equal(offsetof(clf_i_row_space, num_axes), sizeof(clf_i_row_space) - 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_space_visits_what_the_axes_visit),
        cmocka_unit_test(test_row_space_dense_axes_merge_into_one),
        cmocka_unit_test(test_row_space_empty_shapes_have_no_rows_or_no_width),
        cmocka_unit_test(test_row_space_layout_matches_the_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
