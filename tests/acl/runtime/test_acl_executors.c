/* Executors: one run or many, workspaces anywhere, tensors destroyed, moved, misplaced. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "acl_operator.h"
#include "acl_test.h"

#define ROWS    3
#define COLUMNS 8
#define COUNT   (ROWS * COLUMNS)

static void fill(float *values, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        values[i] = (float)((i * 37) % 19) * 0.25f - 2;
    }
}

/* Softmax of rows in double precision. */
static void expect_softmax(const float *x, const void *device) {
    float y[COUNT];
    acl_succeeds(aclrtMemcpy(y, sizeof y, device, sizeof y, ACL_MEMCPY_DEVICE_TO_HOST));
    for (size_t row = 0; row < ROWS; ++row) {
        double sum = 0;
        for (size_t i = 0; i < COLUMNS; ++i) {
            sum += exp((double)x[row * COLUMNS + i]);
        }
        for (size_t i = 0; i < COLUMNS; ++i) {
            const double wanted = exp((double)x[row * COLUMNS + i]) / sum;
            assert_true(fabs((double)y[row * COLUMNS + i] - wanted) < 1e-6);
        }
    }
}

typedef struct softmax_memory {
    float x[COUNT];
    void *device_x, *device_y;
} softmax_memory;

static void make_memory(softmax_memory *memory) {
    const float nothing[COUNT] = {0};
    fill(memory->x, COUNT);
    memory->device_x = acl_test_upload(memory->x, sizeof memory->x);
    memory->device_y = acl_test_upload(nothing, sizeof nothing);
}

static void free_memory(softmax_memory *memory) {
    acl_succeeds(aclrtFree(memory->device_x));
    acl_succeeds(aclrtFree(memory->device_y));
}

/* The first phase with tensors that are destroyed right after it. */
static aclOpExecutor *plan_softmax(void *x_address, void *y_address) {
    uint64_t size = 99;
    aclOpExecutor *executor = NULL;
    aclTensor *x = own_tensor(ROWS, COLUMNS, x_address);
    aclTensor *y = own_tensor(ROWS, COLUMNS, y_address);
    acl_succeeds(own_softmax_plan(x, y, &size, &executor));
    assert_int_equal(size, 0);
    assert_non_null(executor);
    acl_succeeds(aclDestroyTensor(x));
    acl_succeeds(aclDestroyTensor(y));
    return executor;
}

static void test_an_executor_runs_once(void **state) {
    (void)state;
    softmax_memory memory;
    aclrtStream stream = NULL;
    make_memory(&memory);
    acl_succeeds(aclrtCreateStream(&stream));
    aclOpExecutor *executor = plan_softmax(memory.device_x, memory.device_y);
    acl_succeeds(own_softmax(NULL, 0, executor, stream));
    acl_succeeds(aclrtSynchronizeStream(stream));
    expect_softmax(memory.x, memory.device_y);
    acl_fails(own_softmax(NULL, 0, executor, stream), ACLNN_ERR_PARAM_INVALID, "has run");
    acl_fails(aclSetAclOpExecutorRepeatable(executor), ACLNN_ERR_PARAM_INVALID, "has run");
    acl_fails(aclDestroyAclOpExecutor(executor), ACLNN_ERR_PARAM_INVALID, "has run");
    acl_succeeds(aclrtDestroyStream(stream));
    free_memory(&memory);
}

static void test_a_repeatable_executor_runs_until_it_is_destroyed(void **state) {
    (void)state;
    softmax_memory memory;
    make_memory(&memory);
    aclOpExecutor *executor = plan_softmax(memory.device_x, memory.device_y);
    acl_succeeds(aclSetAclOpExecutorRepeatable(executor));
    for (int round = 0; round < 3; ++round) {
        acl_succeeds(aclrtMemset(memory.device_y, sizeof memory.x, 0, sizeof memory.x));
        acl_succeeds(own_softmax(NULL, 0, executor, NULL));
        acl_succeeds(aclrtSynchronizeStream(NULL));
        expect_softmax(memory.x, memory.device_y);
    }
    acl_succeeds(aclDestroyAclOpExecutor(executor));
    acl_fails(own_softmax(NULL, 0, executor, NULL), ACLNN_ERR_PARAM_INVALID, "was destroyed");
    acl_succeeds(aclDestroyAclOpExecutor(NULL));
    free_memory(&memory);
}

static void test_wrong_second_phases_are_refused_and_the_right_one_follows(void **state) {
    (void)state;
    softmax_memory memory;
    char foreign[8] = {0};
    aclrtStream gone = NULL;
    make_memory(&memory);
    acl_succeeds(aclrtCreateStream(&gone));
    acl_succeeds(aclrtDestroyStream(gone));
    aclOpExecutor *executor = plan_softmax(memory.device_x, memory.device_y);
    acl_fails(own_softmax(NULL, 0, NULL, NULL), ACLNN_ERR_PARAM_NULLPTR, "executor is NULL");
    acl_fails(own_softmax(NULL, 0, (aclOpExecutor *)(void *)foreign, NULL), ACLNN_ERR_PARAM_INVALID,
              "not a handle");
    acl_fails(own_ffn(NULL, 0, executor, NULL), ACLNN_ERR_PARAM_INVALID,
              "own_ffn: executor is of own_softmax");
    acl_fails(own_softmax(NULL, 0, executor, gone), ACLNN_ERR_PARAM_INVALID, "was destroyed");
    acl_fails(own_softmax(NULL, 0, executor, foreign), ACLNN_ERR_PARAM_INVALID, "not a handle");
    acl_succeeds(own_softmax(NULL, 0, executor, NULL));
    acl_succeeds(aclrtSynchronizeStream(NULL));
    expect_softmax(memory.x, memory.device_y);
    free_memory(&memory);
}

static void test_wrong_first_phases_are_refused(void **state) {
    (void)state;
    const int64_t shape[2] = {ROWS, COLUMNS};
    float on_host[COUNT] = {0};
    softmax_memory memory;
    uint64_t size = 0;
    aclOpExecutor *executor = (aclOpExecutor *)(void *)on_host;
    make_memory(&memory);
    unsigned char *freed = acl_test_upload(on_host, sizeof on_host);
    acl_succeeds(aclrtFree(freed));
    aclTensor *x = own_tensor(ROWS, COLUMNS, memory.device_x);
    aclTensor *y = own_tensor(ROWS, COLUMNS, memory.device_y);
    aclTensor *gone = own_tensor(ROWS, COLUMNS, memory.device_y);
    acl_succeeds(aclDestroyTensor(gone));
    acl_fails(own_softmax_plan(x, y, NULL, &executor), ACLNN_ERR_PARAM_NULLPTR, "workspaceSize");
    acl_fails(own_softmax_plan(x, y, &size, NULL), ACLNN_ERR_PARAM_NULLPTR, "executor");
    acl_fails(own_softmax_plan(NULL, y, &size, &executor), ACLNN_ERR_PARAM_NULLPTR, "x is NULL");
    assert_null(executor);
    acl_fails(own_softmax_plan(x, NULL, &size, &executor), ACLNN_ERR_PARAM_NULLPTR, "y is NULL");
    acl_fails(own_softmax_plan(x, gone, &size, &executor), ACLNN_ERR_PARAM_INVALID,
              "y is an aclTensor that was destroyed");

    const struct {
        aclDataType dtype;
        aclFormat format;
        int64_t offset;
        void *address;
        const char *part;
    } cases[] = {
        {ACL_FLOAT, ACL_FORMAT_FRACTAL_NZ, 0, memory.device_x, "the format of x is 29"},
        {ACL_DOUBLE, ACL_FORMAT_ND, 0, memory.device_x, "the data type of x is 11"},
        {ACL_INT8, ACL_FORMAT_ND, 0, memory.device_x, "x"}, /* the native function's sentence */
        {ACL_FLOAT, ACL_FORMAT_ND, 0, on_host, "not device memory"},
        {ACL_FLOAT, ACL_FORMAT_ND, 0, freed, "not device memory"},
        {ACL_FLOAT, ACL_FORMAT_ND, 0, (char *)memory.device_x + 2, "lies 2 bytes into"},
        {ACL_FLOAT, ACL_FORMAT_ND, -1, memory.device_x, "the offset of x is -1"},
        {ACL_FLOAT, ACL_FORMAT_ND, 1, memory.device_x, "x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        aclTensor *wrong = aclCreateTensor(shape, 2, cases[i].dtype, NULL, cases[i].offset,
                                           cases[i].format, shape, 2, cases[i].address);
        acl_fails(own_softmax_plan(wrong, y, &size, &executor), ACLNN_ERR_PARAM_INVALID,
                  cases[i].part);
        assert_null(executor);
        acl_succeeds(aclDestroyTensor(wrong));
    }
    acl_succeeds(aclDestroyTensor(x));
    acl_succeeds(aclDestroyTensor(y));
    free_memory(&memory);
}

static void test_views_inside_an_allocation_are_used(void **state) {
    (void)state;
    /* x: every second column of rows that run backwards, 64 bytes into the allocation. */
    float image[16 + 2 * COUNT] = {0};
    float x[COUNT];
    uint64_t size = 0;
    aclOpExecutor *executor = NULL;
    fill(x, COUNT);
    for (size_t row = 0; row < ROWS; ++row) {
        for (size_t i = 0; i < COLUMNS; ++i) {
            image[16 + (ROWS - 1 - row) * 2 * COLUMNS + 2 * i] = x[row * COLUMNS + i];
        }
    }
    char *device_x = acl_test_upload(image, sizeof image);
    char *device_y = acl_test_upload(image, sizeof image); /* more than the view needs */
    const int64_t shape[2] = {ROWS, COLUMNS};
    const int64_t strides[2] = {-2 * COLUMNS, 2};
    aclTensor *tensor_x = aclCreateTensor(shape, 2, ACL_FLOAT, strides, 2 * COLUMNS * (ROWS - 1),
                                          ACL_FORMAT_ND, shape, 2, device_x + 64);
    aclTensor *tensor_y = own_tensor(ROWS, COLUMNS, device_y + 32);
    acl_succeeds(own_softmax_plan(tensor_x, tensor_y, &size, &executor));
    acl_succeeds(own_softmax(NULL, 0, executor, NULL));
    acl_succeeds(aclrtSynchronizeStream(NULL));
    expect_softmax(x, device_y + 32);
    float outside = 0;
    acl_succeeds(aclrtMemcpy(&outside, 4, device_y + 64 + 4 * COUNT, 4, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_true(outside == image[16 + COUNT]);
    acl_succeeds(aclDestroyTensor(tensor_x));
    acl_succeeds(aclDestroyTensor(tensor_y));
    acl_succeeds(aclrtFree(device_x));
    acl_succeeds(aclrtFree(device_y));
}

static void test_tensors_without_an_address_are_planned_and_given_one(void **state) {
    (void)state;
    softmax_memory memory;
    uint64_t size = 0;
    aclOpExecutor *executor = NULL;
    make_memory(&memory);
    aclTensor *x = own_tensor(ROWS, COLUMNS, NULL);
    aclTensor *y = own_tensor(ROWS, COLUMNS, NULL);
    acl_succeeds(own_softmax_plan(x, y, &size, &executor));
    acl_fails(own_softmax(NULL, 0, executor, NULL), ACLNN_ERR_PARAM_NULLPTR, "own_softmax:");
    acl_succeeds(aclSetTensorAddr(executor, 0, x, memory.device_x));
    acl_fails(aclSetTensorAddr(executor, 1, NULL, NULL), ACLNN_ERR_PARAM_INVALID, "address of y");
    acl_succeeds(aclSetOutputTensorAddr(executor, 0, y, memory.device_y));
    acl_succeeds(own_softmax(NULL, 0, executor, NULL));
    acl_succeeds(aclrtSynchronizeStream(NULL));
    expect_softmax(memory.x, memory.device_y);
    acl_succeeds(aclDestroyTensor(x));
    acl_succeeds(aclDestroyTensor(y));
    free_memory(&memory);
}

static void test_tensors_of_a_repeatable_executor_are_moved(void **state) {
    (void)state;
    softmax_memory memory;
    float other[COUNT + 4];
    make_memory(&memory);
    fill(other, COUNT + 4);
    float *device_other = acl_test_upload(other, sizeof other);
    float *device_far = acl_test_upload(other, sizeof other);
    aclOpExecutor *executor = plan_softmax(memory.device_x, memory.device_y);
    acl_succeeds(aclSetAclOpExecutorRepeatable(executor));
    acl_succeeds(own_softmax(NULL, 0, executor, NULL));
    /* The tensors are destroyed: by place, with the absent mask not counted. */
    acl_succeeds(aclSetInputTensorAddr(executor, 0, NULL, device_other + 4));
    acl_succeeds(AclSetOutputTensorAddr(executor, 0, NULL, device_far + 1));
    acl_succeeds(own_softmax(NULL, 0, executor, NULL));
    acl_succeeds(aclrtSynchronizeStream(NULL));
    expect_softmax(memory.x, memory.device_y);
    expect_softmax(other + 4, device_far + 1);

    acl_succeeds(aclSetTensorAddr(executor, 1, NULL, device_far)); /* inputs first: the output */
    acl_succeeds(own_softmax(NULL, 0, executor, NULL));
    acl_succeeds(aclrtSynchronizeStream(NULL));
    expect_softmax(other + 4, device_far);
    acl_fails(aclSetTensorAddr(executor, 2, NULL, device_far), ACLNN_ERR_PARAM_INVALID,
              "index is 2");
    acl_fails(aclSetInputTensorAddr(executor, 1, NULL, device_far), ACLNN_ERR_PARAM_INVALID,
              "index is 1");
    acl_fails(aclSetInputTensorAddr(executor, 0, NULL, device_other + 5), ACLNN_ERR_PARAM_INVALID,
              "aclSetInputTensorAddr:"); /* 4 bytes too few */
    acl_fails(aclSetInputTensorAddr(NULL, 0, NULL, device_other), ACLNN_ERR_PARAM_NULLPTR, "NULL");
    acl_succeeds(aclDestroyAclOpExecutor(executor));
    acl_succeeds(aclrtFree(device_other));
    acl_succeeds(aclrtFree(device_far));
    free_memory(&memory);
}

/* ---- Workspaces ---- */

#define TOKENS 5
#define INNER  12

typedef struct ffn_memory {
    float x[TOKENS * INNER], weight1[INNER * INNER], weight2[INNER * INNER];
    float expected[TOKENS * INNER];
    char *arena; /* x, weight1, weight2, y and a workspace, all in one allocation */
    char *addresses[5];
    aclTensor *tensors[4];
    uint64_t workspace_size;
    aclOpExecutor *executor;
} ffn_memory;

static void compute_ffn(ffn_memory *memory) {
    for (size_t row = 0; row < TOKENS; ++row) {
        float hidden[INNER];
        for (size_t j = 0; j < INNER; ++j) {
            float sum = 0;
            for (size_t k = 0; k < INNER; ++k) {
                sum += memory->x[row * INNER + k] * memory->weight1[k * INNER + j];
            }
            hidden[j] = sum > 0 ? sum : 0;
        }
        for (size_t j = 0; j < INNER; ++j) {
            float sum = 0;
            for (size_t k = 0; k < INNER; ++k) {
                sum += hidden[k] * memory->weight2[k * INNER + j];
            }
            memory->expected[row * INNER + j] = sum;
        }
    }
}

static void begin_ffn(ffn_memory *memory) {
    static const int64_t rows[4] = {TOKENS, INNER, INNER, TOKENS};
    const void *images[3] = {memory->x, memory->weight1, memory->weight2};
    const size_t arena_size = 1 << 20;
    void *arena = NULL;
    fill(memory->x, TOKENS * INNER); /* quarters: sums are exact */
    fill(memory->weight1, INNER * INNER);
    fill(memory->weight2, INNER * INNER);
    compute_ffn(memory);
    acl_succeeds(aclrtMalloc(&arena, arena_size, ACL_MEM_MALLOC_HUGE_FIRST));
    memory->arena = arena;
    size_t used = 0;
    for (size_t i = 0; i < 4; ++i) {
        const size_t size = (size_t)rows[i] * INNER * sizeof(float);
        memory->addresses[i] = memory->arena + used;
        memory->tensors[i] = own_tensor(rows[i], INNER, memory->addresses[i]);
        if (i < 3) {
            acl_succeeds(aclrtMemcpy(memory->addresses[i], size, images[i], size,
                                     ACL_MEMCPY_HOST_TO_DEVICE));
        }
        used += size;
    }
    memory->addresses[4] = memory->arena + used + 1; /* nowhere a sub-buffer could begin */
    acl_succeeds(own_ffn_plan(memory->tensors[0], memory->tensors[1], memory->tensors[2], NULL,
                              memory->tensors[3], &memory->workspace_size, &memory->executor));
    assert_true(memory->workspace_size < arena_size / 2);
}

static void expect_ffn(const ffn_memory *memory) {
    float y[TOKENS * INNER];
    acl_succeeds(aclrtSynchronizeDevice());
    acl_succeeds(
        aclrtMemcpy(y, sizeof y, memory->addresses[3], sizeof y, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_memory_equal(y, memory->expected, sizeof y);
}

static void end_ffn(ffn_memory *memory) {
    for (size_t i = 0; i < 4; ++i) {
        acl_succeeds(aclDestroyTensor(memory->tensors[i]));
    }
    acl_succeeds(aclrtFree(memory->arena));
}

static void test_a_workspace_may_lie_in_the_middle_of_an_allocation(void **state) {
    (void)state;
    ffn_memory memory;
    begin_ffn(&memory);
    assert_true(memory.workspace_size > 0); /* or this test tests nothing */
    acl_succeeds(aclSetAclOpExecutorRepeatable(memory.executor));
    for (size_t shift = 0; shift < 300; shift += 37) {
        acl_succeeds(aclrtMemset(memory.addresses[3], sizeof memory.x, 0, sizeof memory.x));
        acl_succeeds(
            own_ffn(memory.addresses[4] + shift, memory.workspace_size, memory.executor, NULL));
        expect_ffn(&memory);
    }
    void *own = NULL; /* exactly what was asked for */
    acl_succeeds(aclrtMalloc(&own, memory.workspace_size, ACL_MEM_MALLOC_HUGE_FIRST));
    acl_succeeds(own_ffn(own, memory.workspace_size, memory.executor, NULL));
    expect_ffn(&memory);
    acl_succeeds(aclrtFree(own));
    acl_succeeds(aclDestroyAclOpExecutor(memory.executor));
    end_ffn(&memory);
}

static void test_workspaces_that_do_not_do_are_refused(void **state) {
    (void)state;
    ffn_memory memory;
    char on_host[8] = {0};
    begin_ffn(&memory);
    acl_fails(own_ffn(NULL, 0, memory.executor, NULL), ACLNN_ERR_PARAM_NULLPTR,
              "workspace is NULL");
    acl_fails(own_ffn(on_host, memory.workspace_size, memory.executor, NULL),
              ACLNN_ERR_PARAM_INVALID, "workspace is");
    acl_fails(own_ffn(memory.addresses[4], 1, memory.executor, NULL), ACLNN_ERR_PARAM_INVALID,
              "workspace has 1 bytes");
    acl_fails(own_ffn(memory.arena + (1 << 20) - 8, memory.workspace_size, memory.executor, NULL),
              ACLNN_ERR_PARAM_INVALID, "workspace has 8 bytes");
    acl_succeeds(own_ffn(memory.addresses[4], memory.workspace_size, memory.executor, NULL));
    expect_ffn(&memory);
    end_ffn(&memory);
}

static void test_arrays_are_read_and_copied(void **state) {
    (void)state;
    ffn_memory memory;
    aclOpExecutor *executor = NULL;
    uint64_t size = 0;
    int64_t values[99] = {TOKENS};
    begin_ffn(&memory);
    acl_succeeds(aclDestroyAclOpExecutor(memory.executor)); /* it has not run */
    const int64_t shape[3] = {1, INNER, INNER};
    aclTensor *weights[2];
    for (size_t i = 0; i < 2; ++i) {
        weights[i] = aclCreateTensor(shape, 3, ACL_FLOAT, NULL, 0, ACL_FORMAT_ND, shape, 3,
                                     memory.addresses[1 + i]);
    }
    aclIntArray *tokens = aclCreateIntArray(values, 1);
    aclIntArray *too_many = aclCreateIntArray(values, 99);
    acl_fails(own_ffn_plan(memory.tensors[0], weights[0], weights[1],
                           (aclIntArray *)(void *)weights[0], memory.tensors[3], &size, &executor),
              ACLNN_ERR_PARAM_INVALID, "tokens is an aclTensor");
    acl_fails(own_ffn_plan(memory.tensors[0], weights[0], weights[1], too_many, memory.tensors[3],
                           &size, &executor),
              ACLNN_ERR_INNER_TILING_ERROR, "own_ffn: tokens has 99 values");
    acl_succeeds(own_ffn_plan(memory.tensors[0], weights[0], weights[1], tokens, memory.tensors[3],
                              &size, &executor));
    acl_succeeds(aclDestroyIntArray(tokens));
    acl_succeeds(aclDestroyIntArray(too_many));
    acl_succeeds(aclDestroyTensor(weights[0]));
    acl_succeeds(aclDestroyTensor(weights[1]));
    acl_succeeds(own_ffn(memory.addresses[4], memory.workspace_size, executor, NULL));
    expect_ffn(&memory);
    end_ffn(&memory);
}

static void test_memory_freed_between_the_phases_is_kept_for_the_executor(void **state) {
    (void)state;
    softmax_memory memory;
    make_memory(&memory);
    aclOpExecutor *executor = plan_softmax(memory.device_x, memory.device_y);
    free_memory(&memory);
    acl_succeeds(own_softmax(NULL, 0, executor, NULL));
    acl_succeeds(aclrtSynchronizeStream(NULL));
}

static void test_executors_end_with_their_device(void **state) {
    (void)state;
    softmax_memory memory;
    acl_succeeds(aclrtSetDevice(0));
    make_memory(&memory);
    aclOpExecutor *executor = plan_softmax(memory.device_x, memory.device_y);
    acl_succeeds(aclFinalize());
    acl_test_nothing_is_left();
    acl_fails(own_softmax(NULL, 0, executor, NULL), ACLNN_ERR_RUNTIME_ERROR, "aclInit");
    aclTensor *x = own_tensor(1, 1, NULL);
    uint64_t size = 0;
    acl_fails(own_softmax_plan(x, x, &size, &executor), ACLNN_ERR_RUNTIME_ERROR, "aclInit");
    acl_succeeds(aclInit(NULL));
    acl_fails(own_softmax_plan(x, x, &size, &executor), ACLNN_ERR_RUNTIME_ERROR, "no device");
    acl_succeeds(aclDestroyTensor(x));
    acl_succeeds(aclrtSetDevice(0)); /* as the group's end expects */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_executor_runs_once),
        cmocka_unit_test(test_a_repeatable_executor_runs_until_it_is_destroyed),
        cmocka_unit_test(test_wrong_second_phases_are_refused_and_the_right_one_follows),
        cmocka_unit_test(test_wrong_first_phases_are_refused),
        cmocka_unit_test(test_views_inside_an_allocation_are_used),
        cmocka_unit_test(test_tensors_without_an_address_are_planned_and_given_one),
        cmocka_unit_test(test_tensors_of_a_repeatable_executor_are_moved),
        cmocka_unit_test(test_a_workspace_may_lie_in_the_middle_of_an_allocation),
        cmocka_unit_test(test_workspaces_that_do_not_do_are_refused),
        cmocka_unit_test(test_arrays_are_read_and_copied),
        cmocka_unit_test(test_memory_freed_between_the_phases_is_kept_for_the_executor),
        cmocka_unit_test(test_executors_end_with_their_device),
    };
    return cmocka_run_group_tests(tests, acl_test_begin, acl_test_end);
}
