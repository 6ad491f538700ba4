/* See test_tensor.h. */
#include "test_tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "storage_types.h"

#define CANARY_BYTES 256

const char *test_layout_name(test_layout layout) {
    static const char *const names[TEST_NUM_LAYOUTS] = {
        "contiguous", "transposed", "gaps", "negative", "broadcast_row", "broadcast_all"};
    return names[layout];
}

/* NaN in every floating-point type wherever an element begins, and "masked" as a mask; differs from
 * byte to byte so that a shifted copy is noticed. */
static unsigned char canary_byte(size_t position) {
    const unsigned mixed = (unsigned)(position * 2654435761U >> 7);
    return (unsigned char)(position % 2 == 1 ? 0xFF : 0x81 | (mixed & 0x7E));
}

static void dense_strides(clf_tensor *view, const int32_t *order, int64_t column_step,
                          int64_t row_padding) {
    int64_t stride = column_step;
    for (int32_t i = view->rank - 1; i >= 0; i--) {
        const int32_t axis = order[i];
        view->strides[axis] = stride;
        stride = stride * (view->shape[axis] > 0 ? view->shape[axis] : 1) + row_padding;
    }
}

static void layout_strides(clf_tensor *view, test_layout layout) {
    const int32_t last = view->rank - 1;
    int32_t order[CLF_MAX_RANK];
    for (int32_t axis = 0; axis <= last; axis++) {
        order[axis] = axis;
    }
    if (layout == TEST_TRANSPOSED && last > 0) {
        order[last] = last - 1;
        order[last - 1] = last;
    }
    dense_strides(view, order, layout == TEST_GAPS ? 2 : 1, layout == TEST_GAPS ? 3 : 0);
    if (layout == TEST_NEGATIVE) {
        view->strides[last] = -view->strides[last];
        if (last > 0) {
            view->strides[0] = -view->strides[0];
        }
    }
    for (int32_t axis = 0; axis < last; axis++) {
        if (layout == TEST_BROADCAST_ALL || (layout == TEST_BROADCAST_ROW && axis == last - 1)) {
            view->strides[axis] = 0;
        }
    }
}

int64_t test_tensor_count(const test_tensor *tensor) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < tensor->view.rank; axis++) {
        count *= tensor->view.shape[axis];
    }
    return count;
}

static void extent(const clf_tensor *view, int64_t *lowest, int64_t *highest) {
    *lowest = 0;
    *highest = 0;
    for (int32_t axis = 0; axis < view->rank; axis++) {
        const int64_t reach =
            view->shape[axis] > 0 ? (view->shape[axis] - 1) * view->strides[axis] : 0;
        *(reach < 0 ? lowest : highest) += reach;
    }
}

static void *need(size_t size) {
    void *memory = calloc(size > 0 ? size : 1, 1);
    assert_non_null(memory);
    return memory;
}

size_t test_tensor_place(const test_tensor *tensor, int64_t index) {
    const clf_tensor *view = &tensor->view;
    int64_t place = (int64_t)view->offset;
    for (int32_t axis = view->rank - 1; axis >= 0; axis--) {
        place += (index % view->shape[axis]) * view->strides[axis];
        index /= view->shape[axis];
    }
    return (size_t)place * oracle_dtype_size(view->dtype);
}

test_tensor test_tensor_make(clf_dtype dtype, int32_t rank, const int64_t *shape,
                             test_layout layout, size_t misalign) {
    test_tensor tensor;
    memset(&tensor, 0, sizeof tensor);
    tensor.view.dtype = dtype;
    tensor.view.rank = rank;
    memcpy(tensor.view.shape, shape, (size_t)rank * sizeof *shape);
    layout_strides(&tensor.view, layout);

    int64_t lowest = 0;
    int64_t highest = 0;
    extent(&tensor.view, &lowest, &highest);
    const size_t size = oracle_dtype_size(dtype);
    const size_t before = CANARY_BYTES / size + misalign;
    tensor.view.offset = before + (size_t)-lowest;
    tensor.num_bytes = (before + (size_t)(highest - lowest) + 1) * size + CANARY_BYTES;
    tensor.image = (unsigned char *)need(tensor.num_bytes);
    tensor.result = (unsigned char *)need(tensor.num_bytes);
    tensor.owned = (unsigned char *)need(tensor.num_bytes);
    for (size_t i = 0; i < tensor.num_bytes; i++) {
        tensor.image[i] = canary_byte(i);
    }
    for (int64_t i = test_tensor_count(&tensor) - 1; i >= 0; i--) {
        const size_t place = test_tensor_place(&tensor, i);
        memset(tensor.owned + place, 1, size);
        memset(tensor.image + place, 0, size);
    }
    return tensor;
}

void test_tensor_free(test_tensor *tensor) {
    if (tensor->view.buffer != NULL) {
        clReleaseMemObject(tensor->view.buffer);
    }
    free(tensor->image);
    free(tensor->result);
    free(tensor->owned);
    memset(tensor, 0, sizeof *tensor);
}

void *test_tensor_bits(test_tensor *tensor, int64_t index) {
    return tensor->image + test_tensor_place(tensor, index);
}

void test_tensor_set(test_tensor *tensor, int64_t index, double value) {
    oracle_encode(tensor->view.dtype, value, test_tensor_bits(tensor, index));
}

double test_tensor_get(const test_tensor *tensor, int64_t index) {
    return oracle_decode(tensor->view.dtype, tensor->image + test_tensor_place(tensor, index));
}

double test_tensor_get_result(const test_tensor *tensor, int64_t index) {
    return oracle_decode(tensor->view.dtype, tensor->result + test_tensor_place(tensor, index));
}

void test_tensor_fill_normal(test_tensor *tensor, test_random *random, double deviation) {
    const int64_t count = test_tensor_count(tensor);
    for (int64_t i = 0; i < count; i++) {
        test_tensor_set(tensor, i, deviation * test_random_normal(random));
    }
}

void test_tensor_fill_mask(test_tensor *tensor, test_random *random, double density) {
    /* Any nonzero byte masks. */
    static const unsigned char truths[] = {1, 1, 2, 127, 128, 255};
    const int64_t count = test_tensor_count(tensor);
    for (int64_t i = 0; i < count; i++) {
        *(unsigned char *)test_tensor_bits(tensor, i) =
            test_random_chance(random, density) ? truths[test_random_below(random, sizeof truths)]
                                                : 0;
    }
}

void test_tensor_upload(test_tensor *tensor, const test_session *session, cl_mem_flags flags) {
    cl_int code = CL_SUCCESS;
    assert_null(tensor->view.buffer);
    tensor->view.buffer = clCreateBuffer(session->context, flags | CL_MEM_COPY_HOST_PTR,
                                         tensor->num_bytes, tensor->image, &code);
    assert_int_equal(code, CL_SUCCESS);
}

void test_tensor_read(test_tensor *tensor, const test_session *session) {
    const cl_int code = clEnqueueReadBuffer(session->queue, tensor->view.buffer, CL_TRUE, 0,
                                            tensor->num_bytes, tensor->result, 0, NULL, NULL);
    assert_int_equal(code, CL_SUCCESS);
}

const char *test_tensor_damage(const test_tensor *tensor) {
    static char text[160];
    for (size_t i = 0; i < tensor->num_bytes; i++) {
        const bool may_change = tensor->is_output && tensor->owned[i];
        if (!may_change && tensor->image[i] != tensor->result[i]) {
            snprintf(text, sizeof text,
                     "byte %zu of %zu (%s, elements begin at %zu) changed from %02x to %02x", i,
                     tensor->num_bytes, tensor->owned[i] ? "an input's element" : "canary or gap",
                     tensor->view.offset * oracle_dtype_size(tensor->view.dtype), tensor->image[i],
                     tensor->result[i]);
            return text;
        }
    }
    return NULL;
}

oracle_tensor test_tensor_input(const test_tensor *tensor) {
    return (oracle_tensor){tensor->image, tensor->view};
}

oracle_tensor test_tensor_output(const test_tensor *tensor) {
    return (oracle_tensor){tensor->result, tensor->view};
}

bool test_tensor_same_results(const test_tensor *a, const test_tensor *b) {
    const size_t size = oracle_dtype_size(a->view.dtype);
    const int64_t count = test_tensor_count(a);
    for (int64_t i = 0; i < count; i++) {
        if (memcmp(a->result + test_tensor_place(a, i), b->result + test_tensor_place(b, i),
                   size) != 0) {
            return false;
        }
    }
    return true;
}
