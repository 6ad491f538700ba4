/* See floyd_oracle.h. Operands, places and the mask; the arithmetic is in floyd_rows.c. */
#include "floyd_oracle.h"

#include <stdlib.h>
#include <string.h>

#include "floyd_internal.h"
#include "storage_types.h"

static bool is_statistic(int operand) {
    return operand == ORACLE_FLOYD_SOFTMAX_MAX || operand == ORACLE_FLOYD_SOFTMAX_SUM;
}

static int num_operands(const oracle_floyd *problem) {
    return problem->inputs.is_gradient ? ORACLE_FLOYD_NUM_OPERANDS : ORACLE_FLOYD_NUM_GRADIENTS;
}

/* Elements of the last axis that count. */
static int64_t width_of(const oracle_floyd *problem, int operand) {
    return is_statistic(operand) ? 1 : problem->depth;
}

/* Axes 2 and 3. */
static int64_t axis_of(const oracle_floyd *problem, int operand, int axis) {
    switch (operand) {
    case ORACLE_FLOYD_KEY1:
    case ORACLE_FLOYD_VALUE1:
        return axis == 2 ? problem->n : problem->k;
    case ORACLE_FLOYD_KEY2:
    case ORACLE_FLOYD_VALUE2:
        return axis == 2 ? problem->k : problem->m;
    default:
        return axis == 2 ? problem->n : problem->m;
    }
}

bool oracle_floyd_open(oracle_floyd *problem, const oracle_floyd_inputs *inputs) {
    memset(problem, 0, sizeof *problem);
    const int64_t *query = inputs->operands[ORACLE_FLOYD_QUERY].view.shape;
    problem->inputs = *inputs;
    problem->scale = (double)(float)inputs->scale;
    problem->heads = query[1];
    problem->n = query[2];
    problem->m = query[3];
    problem->depth = query[4];
    problem->k = inputs->operands[ORACLE_FLOYD_KEY1].view.shape[3];
    problem->at_batch = -1;
    problem->at_head = -1;
    bool has_all = true;
    for (int i = 0; i < num_operands(problem); i++) {
        const int64_t count =
            axis_of(problem, i, 2) * axis_of(problem, i, 3) * width_of(problem, i);
        problem->values[i] = (float *)calloc((size_t)count, sizeof(float));
        has_all &= problem->values[i] != NULL;
    }
    problem->work = (double *)calloc(2 * (size_t)problem->k, sizeof(double));
    has_all &= problem->work != NULL;
    if (!has_all) {
        oracle_floyd_close(problem);
    }
    return has_all;
}

void oracle_floyd_close(oracle_floyd *problem) {
    for (int i = 0; i < ORACLE_FLOYD_NUM_OPERANDS; i++) {
        free(problem->values[i]);
        problem->values[i] = NULL;
    }
    free(problem->work);
    problem->work = NULL;
}

/* ---- Rows ---- */

int64_t oracle_floyd_num_rows(const oracle_floyd *problem, oracle_floyd_operand like) {
    return problem->inputs.operands[ORACLE_FLOYD_QUERY].view.shape[0] * problem->heads *
           axis_of(problem, (int)like, 2) * axis_of(problem, (int)like, 3);
}

oracle_floyd_place oracle_floyd_row_place(const oracle_floyd *problem, oracle_floyd_operand like,
                                          int64_t row) {
    const int64_t rows = axis_of(problem, (int)like, 2);
    const int64_t columns = axis_of(problem, (int)like, 3);
    return (oracle_floyd_place){.batch = row / columns / rows / problem->heads,
                                .head = row / columns / rows % problem->heads,
                                .i = row / columns % rows,
                                .j = row % columns};
}

static void load_operand(oracle_floyd *problem, int operand) {
    const oracle_tensor *tensor = &problem->inputs.operands[operand];
    const clf_tensor *view = &tensor->view;
    const size_t size = oracle_dtype_size(view->dtype);
    const int64_t width = width_of(problem, operand);
    const int64_t start = (int64_t)view->offset + problem->at_batch * view->strides[0] +
                          problem->at_head * view->strides[1];
    float *value = problem->values[operand];
    for (int64_t i = 0; i < axis_of(problem, operand, 2); i++) {
        for (int64_t j = 0; j < axis_of(problem, operand, 3); j++) {
            const int64_t place = start + i * view->strides[2] + j * view->strides[3];
            for (int64_t d = 0; d < width; d++) {
                const int64_t element = place + d * view->strides[4];
                *value++ = (float)oracle_decode(view->dtype, (const char *)tensor->bytes +
                                                                 (size_t)element * size);
            }
        }
    }
}

oracle_floyd_place oracle_floyd_enter(oracle_floyd *problem, oracle_floyd_operand like,
                                      int64_t row) {
    const oracle_floyd_place place = oracle_floyd_row_place(problem, like, row);
    if (place.batch != problem->at_batch || place.head != problem->at_head) {
        problem->at_batch = place.batch;
        problem->at_head = place.head;
        for (int i = 0; i < num_operands(problem); i++) {
            load_operand(problem, i);
        }
    }
    return place;
}

const float *oracle_floyd_at(const oracle_floyd *problem, oracle_floyd_operand operand, int64_t i,
                             int64_t j) {
    return problem->values[operand] +
           (i * axis_of(problem, (int)operand, 3) + j) * width_of(problem, (int)operand);
}

bool oracle_floyd_is_masked(const oracle_floyd *problem, int64_t n, int64_t m, int64_t k) {
    const clf_tensor *view = &problem->inputs.mask.view;
    const int64_t index[] = {problem->at_batch, problem->at_head, n, m, k};
    if (problem->inputs.mask.bytes == NULL) {
        return false;
    }
    int64_t place = (int64_t)view->offset;
    for (int axis = 0; axis < 5; axis++) {
        place += view->shape[axis] == 1 ? 0 : index[axis] * view->strides[axis];
    }
    return ((const unsigned char *)problem->inputs.mask.bytes)[place] != 0;
}

/* ---- The sums of gradients ---- */

int64_t oracle_floyd_sum_length(const oracle_floyd *problem, oracle_floyd_operand of) {
    switch (of) {
    case ORACLE_FLOYD_KEY1:
    case ORACLE_FLOYD_VALUE1:
        return problem->m;
    case ORACLE_FLOYD_KEY2:
    case ORACLE_FLOYD_VALUE2:
        return problem->n;
    default:
        return problem->k;
    }
}

oracle_floyd_triple oracle_floyd_sum_term(oracle_floyd_operand of, const oracle_floyd_place *place,
                                          int64_t term) {
    switch (of) {
    case ORACLE_FLOYD_KEY1:
    case ORACLE_FLOYD_VALUE1:
        return (oracle_floyd_triple){.n = place->i, .m = term, .k = place->j};
    case ORACLE_FLOYD_KEY2:
    case ORACLE_FLOYD_VALUE2:
        return (oracle_floyd_triple){.n = term, .m = place->j, .k = place->i};
    default:
        return (oracle_floyd_triple){.n = place->i, .m = place->j, .k = term};
    }
}
