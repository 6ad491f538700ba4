/* Strided views: checks, extents, broadcasting, overlap. Integers only, 64-bit, overflow-checked.
 */
#ifndef CLF_SHAPE_VIEW_H
#define CLF_SHAPE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clformer/status.h>
#include <clformer/tensor.h>

/* The lowest and highest element a view touches, relative to its offset. */
typedef struct clf_i_extent {
    int64_t lowest;  /* <= 0 */
    int64_t highest; /* >= 0 */
} clf_i_extent;

/* A set of accepted dtypes, as a bit mask over clf_dtype values. */
#define CLF_I_DTYPE_BIT(dtype) (UINT64_C(1) << (unsigned)(dtype))
#define CLF_I_DTYPES_FLOAT                                                                         \
    (CLF_I_DTYPE_BIT(CLF_DTYPE_FP32) | CLF_I_DTYPE_BIT(CLF_DTYPE_FP16) |                           \
     CLF_I_DTYPE_BIT(CLF_DTYPE_BF16))
#define CLF_I_DTYPES_MASK (CLF_I_DTYPE_BIT(CLF_DTYPE_BOOL) | CLF_I_DTYPE_BIT(CLF_DTYPE_UINT8))

/*
 * Everything about a tensor that does not depend on its buffer: not NULL (else
 * CLF_ERR_PARAM_NULLPTR), dtype in `dtypes`, rank 1..CLF_MAX_RANK, sizes >= 0, element count,
 * offsets and byte size within int64_t, no negative element address, rows of int4 in whole bytes.
 * `argument` names it in the message.
 */
clf_status clf_i_view_check(const char *argument, const clf_tensor *tensor, uint64_t dtypes);

/* Below: only for tensors that clf_i_view_check accepted. */

int64_t clf_i_view_num_elements(const clf_tensor *tensor);
/* Of its elements alone; 0 for NULL. */
double clf_i_view_bytes(const clf_tensor *tensor);
/* Of all of them together. */
double clf_i_views_bytes(const clf_tensor *const *tensors, size_t count);
clf_i_extent clf_i_view_extent(const clf_tensor *tensor); /* {0, 0} if empty */
/* Bytes from the buffer's start to the end of the last element; 0 if empty. */
uint64_t clf_i_view_end_bytes(const clf_tensor *tensor, uint64_t offset);
bool clf_i_view_is_contiguous(const clf_tensor *tensor);

/* "[2, 3, 4]" for messages. */
#define CLF_I_SHAPE_TEXT (CLF_MAX_RANK * 22 + 3)
const char *clf_i_shape_text(int32_t rank, const int64_t *shape, char text[CLF_I_SHAPE_TEXT]);

/* CLF_ERR_PARAM_INVALID with a sentence unless both have one dtype and one shape. */
clf_status clf_i_view_check_same(const char *argument, const clf_tensor *tensor,
                                 const char *other_argument, const clf_tensor *other);

/*
 * Strides that repeat `tensor` over `rank`, `shape` (axes matched from the last; size 1 and missing
 * axes get stride 0). CLF_ERR_PARAM_INVALID with a sentence if an axis fits neither way.
 */
clf_status clf_i_view_broadcast(const char *argument, const clf_tensor *tensor, int32_t rank,
                                const int64_t *shape, int64_t strides[CLF_MAX_RANK]);

/* Whether two different elements of the view may share a place. Exact for all ordinary views; where
 * the search would take too long the answer is true. */
bool clf_i_view_self_overlaps(const clf_tensor *tensor);

/* A view as bytes in a memory object: base is the byte address of the element at offset 0. */
typedef struct clf_i_placed_view {
    const clf_tensor *tensor;
    int64_t base;
} clf_i_placed_view;

/* Whether the views have a byte in common; both lie in the same memory object. Exact for all
 * ordinary views, true where the search would take too long. */
bool clf_i_views_overlap(clf_i_placed_view a, clf_i_placed_view b);

/* Whether the two are element for element the same places: the in-place case. */
bool clf_i_views_identical(clf_i_placed_view a, clf_i_placed_view b);

#endif
