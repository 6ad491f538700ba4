/* Batched products of the GEMM room by every provider against sums in double: odd and even sizes,
 * gaps, either order of the right operand, former values of C; and what planning says. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "device/plan_builder.h"
#include "gemm/gemm_batch_plan.h"
#include "gemm/gemm_library.h"
#include "test_json.h"
#include "test_random.h"
#include "test_rules.h"
#include "test_session.h"

#define VARIABLE "CLFORMER_GEMM"
#define EPSILON  ldexp(1.0, -24)

enum { A, B, C, NUM_MATRICES };

/* One product, and a smaller one added by the same decision. */
typedef struct batch_case {
    clf_i_gemm_batch full;
    clf_i_gemm_batch part;
    bool b_by_columns;
    int64_t lengths[NUM_MATRICES]; /* floats */
    uint64_t seed;
} batch_case;

typedef struct batch_run {
    clf_plan *plan;
    cl_mem buffers[2];
    float *numbers[NUM_MATRICES]; /* of C: before */
    float *results;
    size_t c_offset; /* of the workspace */
} batch_run;

/* ---- Cases ---- */

static int64_t draw_size(test_random *random) {
    static const int64_t edges[] = {1, 2, 7, 8, 9, 16, 31, 32, 64, 65, 96, 128, 130};
    return test_random_chance(random, 0.5)
               ? edges[test_random_below(random, sizeof edges / sizeof edges[0])]
               : test_random_between(random, 1, 70);
}

/* Dense along columns. With `nested`, batches lie within rows: as those of the other axis do. */
static clf_i_gemm_matrix draw_matrix(test_random *random, int64_t count, int64_t rows,
                                     int64_t columns, int64_t *length) {
    const int64_t width = columns + test_random_between(random, 1, 20);
    const bool nested = test_random_chance(random, 0.5);
    const clf_i_gemm_matrix drawn = {
        .first = test_random_between(random, 0, 5),
        .batch_step = nested ? width : width * rows + test_random_between(random, 0, 9),
        .row_step = nested ? width * count : width,
        .column_step = 1,
    };
    *length = drawn.first + (count - 1) * drawn.batch_step + (rows - 1) * drawn.row_step + columns;
    return drawn;
}

static clf_i_gemm_matrix transposed(clf_i_gemm_matrix matrix) {
    const int64_t row_step = matrix.row_step;
    matrix.row_step = matrix.column_step;
    matrix.column_step = row_step;
    return matrix;
}

static batch_case draw_case(test_random *random) {
    batch_case drawn;
    memset(&drawn, 0, sizeof drawn);
    clf_i_gemm_batch *full = &drawn.full;
    full->count = test_random_between(random, 1, 9);
    full->rows = draw_size(random);
    full->columns = draw_size(random);
    full->depth = draw_size(random);
    full->accumulates = test_random_chance(random, 0.5);
    full->a = draw_matrix(random, full->count, full->rows, full->depth, &drawn.lengths[A]);
    drawn.b_by_columns = test_random_chance(random, 0.5);
    full->b = drawn.b_by_columns
                  ? transposed(draw_matrix(random, full->count, full->columns, full->depth,
                                           &drawn.lengths[B]))
                  : draw_matrix(random, full->count, full->depth, full->columns, &drawn.lengths[B]);
    full->c = draw_matrix(random, full->count, full->rows, full->columns, &drawn.lengths[C]);
    drawn.part = *full;
    drawn.part.count = test_random_between(random, 1, full->count);
    drawn.part.rows = test_random_between(random, 1, full->rows);
    drawn.part.c.first += drawn.lengths[C];
    drawn.lengths[C] *= 2;
    drawn.seed = test_random_next(random);
    return drawn;
}

static void print_case(const batch_case *tested) {
    const clf_i_gemm_batch *full = &tested->full;
    print_error("case: %d x [%d,%d] x %d, part %d x %d, %s%s, steps %d,%d %d,%d,%d %d,%d\n",
                (int)full->count, (int)full->rows, (int)full->columns, (int)full->depth,
                (int)tested->part.count, (int)tested->part.rows,
                tested->b_by_columns ? "B by columns" : "B by rows",
                full->accumulates ? ", added" : "", (int)full->a.batch_step, (int)full->a.row_step,
                (int)full->b.batch_step, (int)full->b.row_step, (int)full->b.column_step,
                (int)full->c.batch_step, (int)full->c.row_step);
}

/* ---- Running ---- */

static clf_i_gemm_operand operand_of(clf_slot slot) {
    return (clf_i_gemm_operand){.is_given = true, .slot = slot, .dtype = CLF_DTYPE_FP32};
}

static void begin_run(batch_run *self, const test_session *session, const batch_case *tested) {
    test_random random = test_random_from(tested->seed);
    memset(self, 0, sizeof *self);
    for (int i = 0; i < NUM_MATRICES; i++) {
        const size_t bytes = sizeof(float) * (size_t)tested->lengths[i];
        self->numbers[i] = (float *)malloc(bytes);
        assert_non_null(self->numbers[i]);
        for (int64_t j = 0; j < tested->lengths[i]; j++) {
            self->numbers[i][j] = (float)test_random_normal(&random);
        }
        if (i != C) {
            cl_int code = CL_SUCCESS;
            self->buffers[i] =
                clCreateBuffer(session->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes,
                               self->numbers[i], &code);
            assert_int_equal(code, CL_SUCCESS);
        }
    }
    self->results = (float *)calloc((size_t)tested->lengths[C], sizeof(float));
    assert_non_null(self->results);
}

static void end_run(batch_run *self) {
    clf_plan_destroy(self->plan);
    for (int i = 0; i < NUM_MATRICES; i++) {
        free(self->numbers[i]);
        if (i != C) {
            clReleaseMemObject(self->buffers[i]);
        }
    }
    free(self->results);
}

static clf_status add_steps(batch_run *self, const batch_case *tested, clf_variant variant) {
    clf_i_gemm_batches batches;
    size_t index = 0;
    clf_i_gemm_batch products[] = {tested->full, tested->part};
    for (int i = 0; i < 2; i++) {
        products[i].a.operand = operand_of(CLF_SLOT_X);
        products[i].b.operand = operand_of(CLF_SLOT_WEIGHT1);
        products[i].c.operand = operand_of(CLF_SLOT_Y);
        products[i].c.operand.is_in_workspace = true;
        products[i].c.operand.offset = self->c_offset;
    }
    clf_i_gemm_batches_begin(&batches, self->plan, variant);
    clf_i_gemm_batch largest = products[0];
    largest.c.first = products[1].c.first;
    clf_status status = clf_i_gemm_batches_decide(&batches, &largest, &index);
    for (int i = 0; i < 2 && status == CLF_SUCCESS; i++) {
        status = clf_i_gemm_batches_add(&batches, index, &products[i]);
    }
    return status;
}

static clf_status plan_case(batch_run *self, const test_session *session, const batch_case *tested,
                            clf_variant variant) {
    const clf_i_variant_option option = {variant, NULL};
    clf_variant chosen = variant;
    test_succeeds(clf_i_plan_create(session->device, "test_gemm_batched", &self->plan));
    test_succeeds(clf_i_plan_choose_variant(self->plan, variant, &option, 1, &chosen));
    const clf_slot slots[] = {CLF_SLOT_X, CLF_SLOT_WEIGHT1};
    for (int i = 0; i < 2; i++) {
        const clf_tensor tensor =
            clf_tensor_contiguous(self->buffers[i], CLF_DTYPE_FP32, 1, &tested->lengths[i]);
        test_succeeds(clf_i_plan_add_tensor(self->plan, slots[i], "matrix", &tensor, CLF_I_READ));
    }
    (void)clf_i_plan_reserve_workspace(self->plan, 256); /* C does not begin at 0 */
    self->c_offset =
        clf_i_plan_reserve_workspace(self->plan, sizeof(float) * (size_t)tested->lengths[C]);
    const clf_status status = add_steps(self, tested, variant);
    return status == CLF_SUCCESS ? clf_i_plan_finish(self->plan) : status;
}

static void run_plan(batch_run *self, const test_session *session, const batch_case *tested) {
    cl_int code = CL_SUCCESS;
    const size_t bytes = sizeof(float) * (size_t)tested->lengths[C];
    cl_mem workspace = clCreateBuffer(session->context, CL_MEM_READ_WRITE,
                                      clf_plan_workspace_size(self->plan), NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    assert_int_equal(clEnqueueWriteBuffer(session->queue, workspace, CL_TRUE, self->c_offset, bytes,
                                          self->numbers[C], 0, NULL, NULL),
                     CL_SUCCESS);
    test_succeeds(clf_plan_enqueue(self->plan, session->queue, workspace, 0, NULL, NULL));
    assert_int_equal(clEnqueueReadBuffer(session->queue, workspace, CL_TRUE, self->c_offset, bytes,
                                         self->results, 0, NULL, NULL),
                     CL_SUCCESS);
    clReleaseMemObject(workspace);
}

/* ---- Comparing ---- */

static bool is_element_right(const batch_run *self, const clf_i_gemm_batch *batch, int64_t item,
                             int64_t row, int64_t column, int64_t place) {
    const float *a =
        self->numbers[A] + batch->a.first + item * batch->a.batch_step + row * batch->a.row_step;
    const float *b = self->numbers[B] + batch->b.first + item * batch->b.batch_step +
                     column * batch->b.column_step;
    double sum = batch->accumulates ? self->numbers[C][place] : 0.0;
    double size = fabs(sum);
    for (int64_t k = 0; k < batch->depth; k++) {
        const double product = (double)a[k] * (double)b[k * batch->b.row_step];
        sum += product;
        size += fabs(product);
    }
    const double bound = ((double)batch->depth + 2.0) * EPSILON * size;
    return fabs((double)self->results[place] - sum) <= bound;
}

/* Every element of both products, and nothing else, has changed. */
static bool is_right(batch_run *self, const batch_case *tested) {
    const clf_i_gemm_batch *products[] = {&tested->full, &tested->part};
    bool right = true;
    for (int i = 0; i < 2; i++) {
        const clf_i_gemm_batch *batch = products[i];
        for (int64_t item = 0; item < batch->count; item++) {
            for (int64_t at = 0; at < batch->rows * batch->columns && right; at++) {
                const int64_t row = at / batch->columns;
                const int64_t column = at % batch->columns;
                const int64_t place =
                    batch->c.first + item * batch->c.batch_step + row * batch->c.row_step + column;
                right = is_element_right(self, batch, item, row, column, place);
                if (!right) {
                    print_error("product %d of %d, row %d, column %d: %.9g\n", (int)item, i,
                                (int)row, (int)column, (double)self->results[place]);
                }
                self->results[place] = self->numbers[C][place];
            }
        }
    }
    const bool unharmed =
        memcmp(self->results, self->numbers[C], sizeof(float) * (size_t)tested->lengths[C]) == 0;
    if (right && !unharmed) {
        print_error("something beside C's elements has changed\n");
    }
    return right && unharmed;
}

static bool run_case(const test_session *session, const batch_case *tested, const char *provider,
                     clf_variant variant) {
    batch_run run;
    begin_run(&run, session, tested);
    setenv(VARIABLE, provider, 1);
    test_succeeds(plan_case(&run, session, tested, variant));
    unsetenv(VARIABLE);
    run_plan(&run, session, tested);
    const bool right = is_right(&run, tested);
    if (!right) {
        print_case(tested);
        print_error("  computed by %s, variant %d\n", provider, (int)variant);
    }
    end_run(&run);
    return right;
}

static void run_cases(const test_session *session, const char *provider, clf_variant variant,
                      int num_cases) {
    test_random random = test_random_from(test_seed());
    int failures = 0;
    for (int i = 0; i < num_cases && failures < 3; i++) {
        const batch_case drawn = draw_case(&random);
        failures += !run_case(session, &drawn, provider, variant);
    }
    assert_int_equal(failures, 0);
}

/* ---- Tests ---- */

static bool has_library(void) {
    if (clf_i_gemm_the_batch_library.prepare == NULL) {
        printf("left out: this build has no CLBlast\n");
        return false;
    }
    return true;
}

static void test_batched_products_by_portable_tiles(void **state) {
    run_cases((const test_session *)*state, "own", CLF_VARIANT_PORTABLE, 60);
}

static void test_batched_products_by_cpu_tiles(void **state) {
    const test_session *session = (const test_session *)*state;
    if (!session->has_cpu_variant) {
        printf("left out: the device has no variant cpu\n");
        return;
    }
    run_cases(session, "own", CLF_VARIANT_CPU, 60);
}

/* Rules by which CLBlast takes its kernel for small products. */
#define DIRECT_RULE "\"GemmRoutine.XGEMM_MIN_INDIRECT_SIZE\": 4096"

static void test_batched_products_by_the_library(void **state) {
    char folder[512];
    if (has_library()) {
        test_rules_begin(folder, sizeof folder, DIRECT_RULE);
        run_cases((const test_session *)*state, "clblast", CLF_VARIANT_PORTABLE, 60);
        test_rules_end(folder);
    }
}

/* Sizes that fill the library's tiles. */
static batch_case make_even_case(void) {
    test_random random = test_random_from(1);
    batch_case made = draw_case(&random);
    clf_i_gemm_batch *full = &made.full;
    full->count = 3;
    full->rows = full->columns = full->depth = 128;
    clf_i_gemm_matrix *const matrices[] = {&full->a, &full->b, &full->c};
    for (int i = 0; i < NUM_MATRICES; i++) {
        *matrices[i] = (clf_i_gemm_matrix){
            .first = 0, .batch_step = 130 * 128, .row_step = 130, .column_step = 1};
        made.lengths[i] = 2 * 3 * 130 * 128;
    }
    made.part = made.full;
    made.part.c.first = made.lengths[C] / 2;
    return made;
}

static void expect_refusal(const test_session *session, const batch_case *tested,
                           const char *reason) {
    batch_run run;
    begin_run(&run, session, tested);
    setenv(VARIABLE, "clblast", 1);
    test_expect_status(plan_case(&run, session, tested, CLF_VARIANT_PORTABLE), CLF_ERR_UNSUPPORTED);
    test_expect_contains(clf_last_error(), reason);
    unsetenv(VARIABLE);
    end_run(&run);
}

static void test_batched_products_refusals_name_the_reason(void **state) {
    const test_session *session = (const test_session *)*state;
    batch_case tested = make_even_case();
    char folder[512];
    if (!has_library()) {
        expect_refusal(session, &tested, "built without");
        return;
    }
    test_rules_begin(folder, sizeof folder, "\"GemmRoutine.XGEMM_MIN_INDIRECT_SIZE\": 128");
    expect_refusal(session, &tested, "memory of its own");
    test_rules_end(folder);
    test_rules_begin(folder, sizeof folder, DIRECT_RULE);
    assert_true(run_case(session, &tested, "clblast", CLF_VARIANT_PORTABLE));
    tested = make_even_case();
    tested.full.a.first = INT64_C(1) << 31;
    expect_refusal(session, &tested, "32 bits");
    tested = make_even_case();
    tested.full.b.column_step = 2;
    expect_refusal(session, &tested, "neither rows nor columns");
    test_rules_end(folder);
}

static void test_batched_products_descriptions_name_the_choice(void **state) {
    const test_session *session = (const test_session *)*state;
    const batch_case tested = make_even_case();
    static const char *const providers[] = {"own", "clblast"};
    for (int i = 0; i < 2; i++) {
        batch_run run;
        char folder[512];
        if (i == 1 && !has_library()) {
            break;
        }
        begin_run(&run, session, &tested);
        test_rules_begin(folder, sizeof folder, DIRECT_RULE);
        setenv(VARIABLE, providers[i], 1);
        test_succeeds(plan_case(&run, session, &tested, CLF_VARIANT_PORTABLE));
        unsetenv(VARIABLE);
        test_rules_end(folder);
        json_t *description = test_plan_json(run.plan);
        const json_t *product = json_array_get(json_object_get(description, "products"), 0);
        assert_string_equal(json_string_value(json_object_get(product, "provider")), providers[i]);
        test_expect_contains(json_string_value(json_object_get(product, "reason")), VARIABLE);
        assert_true(test_json_has_string(description, "SgemmStridedBatched") == (i == 1));
        assert_true(test_json_has_string(description, "clf_gemm_equal_tiles") == (i == 0));
        json_decref(description);
        end_run(&run);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batched_products_by_portable_tiles),
        cmocka_unit_test(test_batched_products_by_cpu_tiles),
        cmocka_unit_test(test_batched_products_by_the_library),
        cmocka_unit_test(test_batched_products_refusals_name_the_reason),
        cmocka_unit_test(test_batched_products_descriptions_name_the_choice),
    };
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
