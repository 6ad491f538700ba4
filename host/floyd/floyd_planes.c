/* See floyd_planes.h: one table of the tensors, one of the planes. */
#include "floyd/floyd_planes.h"

#include <string.h>

#include "shape/view.h"

#define RANK CLF_I_FLOYD_RANK

/* ---- Tensors ---- */

#define NUM_TENSORS 15

static void list_tensors(const clf_i_floyd_grad_request *request,
                         clf_i_plan_tensor list[NUM_TENSORS]) {
    const clf_floyd_attention_grad_args *args = &request->args;
    const clf_i_plan_tensor all[NUM_TENSORS] = {
        {CLF_SLOT_QUERY, "query", args->query, CLF_I_READ},
        {CLF_SLOT_KEY1, "key1", args->key1, CLF_I_READ},
        {CLF_SLOT_VALUE1, "value1", args->value1, CLF_I_READ},
        {CLF_SLOT_KEY2, "key2", args->key2, CLF_I_READ},
        {CLF_SLOT_VALUE2, "value2", args->value2, CLF_I_READ},
        {CLF_SLOT_GRAD_OUTPUT, "grad_output", args->grad_output, CLF_I_READ},
        {CLF_SLOT_ATTEN_MASK, "atten_mask", args->atten_mask, CLF_I_READ},
        {CLF_SLOT_SOFTMAX_MAX, "softmax_max", args->softmax_max, CLF_I_READ},
        {CLF_SLOT_SOFTMAX_SUM, "softmax_sum", args->softmax_sum, CLF_I_READ},
        {CLF_SLOT_ATTENTION_IN, "attention_in", args->attention_in, CLF_I_READ},
        {CLF_SLOT_GRAD_QUERY, "grad_query", args->grad_query, CLF_I_WRITE},
        {CLF_SLOT_GRAD_KEY1, "grad_key1", args->grad_key1, CLF_I_WRITE},
        {CLF_SLOT_GRAD_VALUE1, "grad_value1", args->grad_value1, CLF_I_WRITE},
        {CLF_SLOT_GRAD_KEY2, "grad_key2", args->grad_key2, CLF_I_WRITE},
        {CLF_SLOT_GRAD_VALUE2, "grad_value2", args->grad_value2, CLF_I_WRITE},
    };
    memcpy(list, all, sizeof all);
}

clf_status clf_i_floyd_planes_add_tensors(const clf_i_floyd_grad_request *request, clf_plan *plan) {
    clf_i_plan_tensor list[NUM_TENSORS];
    list_tensors(request, list);
    return clf_i_plan_add_tensors(plan, list, NUM_TENSORS);
}

double clf_i_floyd_planes_bytes(const clf_i_floyd_grad_request *request) {
    clf_i_plan_tensor list[NUM_TENSORS];
    list_tensors(request, list);
    double bytes = 0.0;
    for (size_t i = 0; i < NUM_TENSORS; ++i) {
        bytes += clf_i_view_bytes(list[i].tensor);
    }
    return bytes;
}

/* ---- Planes ---- */

static const struct {
    char axes[2];
    clf_i_floyd_plane plane;
} planes[] = {
    {{'N', 'M'}, {{CLF_SLOT_QUERY, CLF_SLOT_GRAD_OUTPUT}, {CLF_SLOT_GRAD_QUERY, (clf_slot)0}}},
    {{'N', 'K'}, {{CLF_SLOT_KEY1, CLF_SLOT_VALUE1}, {CLF_SLOT_GRAD_KEY1, CLF_SLOT_GRAD_VALUE1}}},
    {{'K', 'M'}, {{CLF_SLOT_KEY2, CLF_SLOT_VALUE2}, {CLF_SLOT_GRAD_KEY2, CLF_SLOT_GRAD_VALUE2}}},
};
#define NUM_PLANES (sizeof planes / sizeof planes[0])

static size_t find_plane(char one, char other) {
    size_t found = 0;
    for (size_t i = 0; i < NUM_PLANES; ++i) {
        const bool has_one = planes[i].axes[0] == one || planes[i].axes[1] == one;
        const bool has_other = planes[i].axes[0] == other || planes[i].axes[1] == other;
        found = has_one && has_other ? i : found;
    }
    return found;
}

const clf_i_floyd_plane *clf_i_floyd_plane_of(char one, char other) {
    return &planes[find_plane(one, other)].plane;
}

/* Strides of B, H, `first`, the plane's other axis, and the last one. */
static void set_strides(const clf_i_plan_tensor *list, clf_slot slot, size_t plane, char first,
                        int64_t strides[RANK]) {
    for (size_t i = 0; i < NUM_TENSORS; ++i) {
        if (list[i].slot == slot) {
            memcpy(strides, list[i].tensor->strides, RANK * sizeof *strides);
        }
    }
    if (planes[plane].axes[0] != first) {
        const int64_t second = strides[2];
        strides[2] = strides[3];
        strides[3] = second;
    }
}

static void set_plane(const clf_i_plan_tensor *list, char first, char second,
                      int64_t operands[2][RANK], int64_t gradients[2][RANK]) {
    const size_t number = find_plane(first, second);
    const clf_i_floyd_plane *plane = &planes[number].plane;
    for (int i = 0; i < 2; ++i) {
        set_strides(list, plane->operands[i], number, first, operands[i]);
        if (gradients != NULL && plane->gradients[i] != (clf_slot)0) {
            set_strides(list, plane->gradients[i], number, first, gradients[i]);
        }
    }
}

static int64_t size_of(const clf_i_floyd_sizes *sizes, char axis) {
    return axis == 'N' ? sizes->n : axis == 'M' ? sizes->m : sizes->k;
}

static int64_t mask_stride(const int64_t strides[RANK], char axis) {
    return strides[axis == 'N' ? 2 : axis == 'M' ? 3 : 4];
}

clf_i_floyd_grad_problem clf_i_floyd_planes_problem(const clf_i_floyd_grad_request *request,
                                                    const clf_i_floyd_roles *roles) {
    const clf_i_floyd_geometry *geometry = &request->geometry;
    const size_t of_query = find_plane('N', 'M');
    /* On query's plane, whose first axis is x or y. */
    const char first = roles->x == 'K' ? roles->y : roles->x;
    clf_i_plan_tensor list[NUM_TENSORS];
    clf_i_floyd_grad_problem problem;
    memset(&problem, 0, sizeof problem);
    list_tensors(request, list);
    problem.heads = geometry->sizes.heads;
    problem.x = size_of(&geometry->sizes, roles->x);
    problem.y = size_of(&geometry->sizes, roles->y);
    problem.z = size_of(&geometry->sizes, roles->z);
    set_plane(list, roles->x, roles->y, problem.xy, problem.xy_out);
    set_plane(list, roles->x, roles->z, problem.xz, problem.xz_out);
    set_plane(list, roles->y, roles->z, problem.yz, NULL);
    set_strides(list, CLF_SLOT_ATTENTION_IN, of_query, first, problem.attention);
    set_strides(list, CLF_SLOT_SOFTMAX_MAX, of_query, first, problem.max);
    set_strides(list, CLF_SLOT_SOFTMAX_SUM, of_query, first, problem.sum);
    problem.mask[0] = geometry->mask_strides[0];
    problem.mask[1] = geometry->mask_strides[1];
    problem.mask[2] = mask_stride(geometry->mask_strides, roles->x);
    problem.mask[3] = mask_stride(geometry->mask_strides, roles->y);
    problem.mask[4] = mask_stride(geometry->mask_strides, roles->z);
    problem.scale = geometry->scale;
    return problem;
}
