/*
 * Fills a tensor of any strides with zeros: gradients of what takes part in nothing, and of biases
 * that have none.
 *
 * Work-item (c, r) writes column c of row r; more work-items than that do nothing. Global size: the
 * width in dimension 0, the number of rows in dimension 1, each rounded up to the work-group's, 64
 * and 1. Arguments: the tensor and its offset in elements, the row space with it as operand 0.
 *
 * Macros: lib/dtype.clh.
 */
#include "lib/dtype.clh"
#include "lib/row_space.clh"

__kernel __attribute__((reqd_work_group_size(64, 1, 1))) void
clf_flash_attention_grad_zero(__global clf_storage *tensor, long offset, clf_row_space space) {
    const long column = (long)get_global_id(0);
    clf_row_cursor cursor;
    clf_row_locate(&space, (long)get_global_id(1), &cursor);
    if (column < space.width)
        clf_store(0.0f, tensor + offset + cursor.offset[0] + column * space.column_strides[0]);
}
