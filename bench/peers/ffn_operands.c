/* See ffn_operands.h. */
#include "peers/ffn_operands.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 20, TILE = 32 }; /* elements; the first is even */

bool ffn_find_tensor(const workload *load, clf_slot slot, size_t *index) {
    *index = workload_tensor(load, slot);
    return load->tensors[*index].slot == slot;
}

/* Of a dequantising scale the upper 19 bits count. */
static void read_scales(clf_dtype dtype, const unsigned char *stored, float *out, size_t count) {
    const size_t size = clf_dtype_size(dtype);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = 0; /* a little-endian host's lower half */
        memcpy(&bits, stored + i * size, sizeof bits);
        bits &= UINT32_C(0xFFFFE000);
        memcpy(&out[i], &bits, sizeof bits);
    }
}

static bool widen(const workload *load, size_t index, size_t count, float *out) {
    const tensor_info *tensor = &load->tensors[index];
    const bool is_deq_scale =
        tensor->slot == CLF_SLOT_DEQ_SCALE1 || tensor->slot == CLF_SLOT_DEQ_SCALE2;
    unsigned char *stored = malloc(dtype_bytes(tensor->dtype, PIECE));
    for (size_t done = 0; stored && done < count; done += PIECE) {
        size_t part = count - done < PIECE ? count - done : PIECE;
        data_source_copy(&load->sources[index], done, part, stored);
        if (is_deq_scale && tensor->dtype != CLF_DTYPE_BF16) {
            read_scales(tensor->dtype, stored, out + done, part);
        } else {
            pass_widen(tensor->dtype, stored, out + done, part);
        }
    }
    free(stored);
    return stored != NULL;
}

/* [rows][columns] becomes [columns][rows], by tiles that fit the caches. */
static void transpose(const float *values, size_t rows, size_t columns, float *out) {
    for (size_t row = 0; row < rows; row += TILE) {
        for (size_t column = 0; column < columns; column += TILE) {
            for (size_t i = row; i < row + TILE && i < rows; i++) {
                for (size_t j = column; j < column + TILE && j < columns; j++) {
                    out[j * rows + i] = values[i * columns + j];
                }
            }
        }
    }
}

/* Each matrix of the last two axes. */
static bool transpose_all(const tensor_info *tensor, size_t count, float *values) {
    const size_t rows = (size_t)tensor->shape[tensor->rank - 2];
    const size_t columns = (size_t)tensor->shape[tensor->rank - 1];
    float *copy = malloc(rows * columns * sizeof *copy);
    for (size_t place = 0; copy && place < count; place += rows * columns) {
        memcpy(copy, values + place, rows * columns * sizeof *copy);
        transpose(copy, rows, columns, values + place);
    }
    free(copy);
    return copy != NULL;
}

float *ffn_operand(const workload *load, clf_slot slot, bool *missing) {
    const ffn_problem *problem = load->problem;
    const bool is_weight = slot == CLF_SLOT_WEIGHT1 || slot == CLF_SLOT_WEIGHT2;
    size_t index = 0;
    if (!ffn_find_tensor(load, slot, &index)) {
        return NULL;
    }
    const tensor_info *tensor = &load->tensors[index];
    size_t count = (size_t)tensor_elements(tensor);
    float *out = malloc((count + 1) * sizeof *out);
    if (!out || !widen(load, index, count, out) ||
        (is_weight && problem->is_transposed && !transpose_all(tensor, count, out))) {
        *missing = true;
        free(out);
        return NULL;
    }
    return out;
}

pass_activation ffn_pass_activation(const ffn_problem *problem) {
    static const pass_activation activations[] = {
        [FFN_FASTGELU] = PASS_FASTGELU, [FFN_GELU] = PASS_GELU,  [FFN_RELU] = PASS_RELU,
        [FFN_SILU] = PASS_SILU,         [FFN_GEGLU] = PASS_GELU, [FFN_REGLU] = PASS_RELU,
        [FFN_SWIGLU] = PASS_SILU};
    return activations[problem->activation];
}
