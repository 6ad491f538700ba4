/* Softmax problems: attributes, defaults, reduction, and how a mask is laid over x. */
#include "softmax_setup.h"

#include <stdio.h>
#include <string.h>

#include "parse_values.h"
#include "real_data.h"
#include "terminal.h"

/* Half of the places: the operator's own tests draw their masks so. */
static const double mask_probability = 0.5;

/* Sizes are multiplied as int64 here; the library has its own, sharper checks. */
static const int64_t most_elements = INT64_C(1) << 40;

const attribute_entry softmax_attributes[] = {
    {"shape", "SIZES", "x, 1 to 8 sizes, e.g. 8,16,512,512; the last axis is normalised"},
    {"mask", "MASK",
     "none, full (x's shape), triu (w > h, fixed_triu_mask), or sizes that\n"
     "broadcast to x, e.g. 8,1,512,512; half of its places are masked"},
    {"scale", "NUMBER", "factor of x, e.g. 0.125 or -1 (1 if not given)"},
    {NULL, NULL, NULL},
};

static bool set_mask(softmax_problem *problem, const char *value) {
    problem->mask_is_full = strcmp(value, "full") == 0;
    if (strcmp(value, "none") == 0) {
        problem->mask = SOFTMAX_MASK_NONE;
    } else if (strcmp(value, "triu") == 0) {
        problem->mask = SOFTMAX_MASK_TRIU;
    } else if (problem->mask_is_full ||
               parse_shape(value, &problem->mask_rank, problem->mask_shape)) {
        problem->mask = SOFTMAX_MASK_TENSOR;
    } else {
        return fail("--mask: '%s' is not accepted; accepted: none, full, triu, or 1 to %d "
                    "positive sizes separated by commas",
                    value, CLF_MAX_RANK);
    }
    return true;
}

bool softmax_set_attribute(void *opaque, const char *name, const char *value) {
    softmax_problem *problem = opaque;
    if (strcmp(name, "mask") == 0) {
        return set_mask(problem, value);
    }
    if (strcmp(name, "scale") == 0) {
        problem->has_scale = parse_double(value, &problem->scale);
        return problem->has_scale
                   ? true
                   : fail("--scale: '%s' is not accepted; accepted: a finite number", value);
    }
    if (strcmp(name, "tensors") == 0) { /* in case tables only */
        problem->is_real = true;
        return true;
    }
    return parse_shape(value, &problem->rank, problem->shape)
               ? true
               : fail("--shape: '%s' is not accepted; accepted: 1 to %d positive sizes separated "
                      "by commas",
                      value, CLF_MAX_RANK);
}

static bool check_mask(const softmax_problem *problem) {
    int32_t missing = problem->rank - problem->mask_rank;
    bool fits = missing >= 0;
    for (int32_t axis = 0; fits && axis < problem->mask_rank; axis++) {
        int64_t size = problem->mask_shape[axis];
        fits = size == 1 || size == problem->shape[axis + missing];
    }
    return fits ? true
                : fail("--mask: each size, counted from the last axis, must be that of --shape "
                       "or 1");
}

bool softmax_complete(void *opaque, const char *data_folder) {
    softmax_problem *problem = opaque;
    if (problem->is_real && !real_data_softmax(problem, data_folder)) {
        return false;
    }
    if (problem->rank == 0) {
        return fail("--shape is missing");
    }
    int64_t elements = 1;
    for (int32_t axis = 0; axis < problem->rank; axis++) {
        if (problem->shape[axis] > most_elements / elements) {
            return fail("--shape: more than 2^40 elements");
        }
        elements *= problem->shape[axis];
    }
    if (problem->mask_is_full) {
        problem->mask_rank = problem->rank;
        memcpy(problem->mask_shape, problem->shape, sizeof problem->shape);
    }
    problem->scale = problem->has_scale ? problem->scale : 1.0;
    return problem->mask == SOFTMAX_MASK_TENSOR ? check_mask(problem) : true;
}

bool softmax_reduce(void *opaque) {
    softmax_problem *problem = opaque;
    if (problem->is_real) {
        return false;
    }
    int32_t missing = problem->rank - problem->mask_rank;
    for (int32_t axis = 0; axis < problem->rank - 2; axis++) {
        if (problem->shape[axis] > 1) {
            problem->shape[axis] /= 2;
            if (problem->mask == SOFTMAX_MASK_TENSOR && axis >= missing &&
                problem->mask_shape[axis - missing] > 1) {
                problem->mask_shape[axis - missing] = problem->shape[axis];
            }
            return true;
        }
    }
    return false;
}

void softmax_print(const void *opaque, problem_text *out) {
    const softmax_problem *problem = opaque;
    print_shape(problem->rank, problem->shape, out->shape, sizeof out->shape);
    if (problem->mask == SOFTMAX_MASK_TENSOR) {
        print_shape(problem->mask_rank, problem->mask_shape, out->mask, sizeof out->mask);
    } else {
        snprintf(out->mask, sizeof out->mask, "%s",
                 problem->mask == SOFTMAX_MASK_TRIU ? "triu" : "none");
    }
    snprintf(out->attributes, sizeof out->attributes, "scale=%g", problem->scale);
}

bool softmax_is_real(const void *problem) {
    return ((const softmax_problem *)problem)->is_real;
}

int64_t softmax_width(const softmax_problem *problem) {
    return problem->shape[problem->rank - 1];
}

int64_t softmax_num_rows(const softmax_problem *problem) {
    int64_t rows = 1;
    for (int32_t axis = 0; axis < problem->rank - 1; axis++) {
        rows *= problem->shape[axis];
    }
    return rows;
}

static int64_t softmax_height(const softmax_problem *problem) {
    return problem->rank > 1 ? problem->shape[problem->rank - 2] : 1;
}

bool softmax_mask_tensor(const softmax_problem *problem, tensor_info *out) {
    if (problem->mask != SOFTMAX_MASK_TENSOR) {
        return false;
    }
    *out = (tensor_info){.slot = CLF_SLOT_MASK,
                         .name = "mask",
                         .dtype = CLF_DTYPE_BOOL,
                         .rank = problem->mask_rank,
                         .fill = FILL_MASK,
                         .low = mask_probability};
    memcpy(out->shape, problem->mask_shape, sizeof out->shape);
    return true;
}

double softmax_live_elements(const softmax_problem *problem) {
    int64_t width = softmax_width(problem);
    int64_t rows = softmax_num_rows(problem);
    if (problem->mask != SOFTMAX_MASK_TRIU) {
        return (double)rows * (double)width;
    }
    int64_t height = softmax_height(problem);
    double live = 0.0;
    for (int64_t h = 0; h < height; h++) {
        live += (double)(h + 1 < width ? h + 1 : width);
    }
    int64_t matrices = rows / height;
    return live * (double)matrices;
}

int64_t softmax_mask_row(const softmax_problem *problem, int64_t row, int64_t *column_step) {
    const int64_t *mask_shape = problem->mask_shape;
    int32_t missing = problem->rank - problem->mask_rank;
    int64_t stride = mask_shape[problem->mask_rank - 1];
    int64_t start = 0;
    *column_step = stride > 1 ? 1 : 0;
    for (int32_t axis = problem->rank - 2; axis >= missing; axis--) {
        int64_t index = row % problem->shape[axis];
        int64_t size = mask_shape[axis - missing];
        row /= problem->shape[axis];
        start += size > 1 ? index * stride : 0;
        stride *= size;
    }
    return start;
}
