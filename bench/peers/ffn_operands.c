/* See ffn_operands.h. */
#include "peers/ffn_operands.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 20 }; /* elements, an even number */

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

bool ffn_operand_part(const workload *load, clf_slot slot, uint64_t first, size_t count,
                      float *out) {
    const size_t index = workload_tensor(load, slot);
    const clf_dtype dtype = load->tensors[index].dtype;
    const bool is_deq_scale = slot == CLF_SLOT_DEQ_SCALE1 || slot == CLF_SLOT_DEQ_SCALE2;
    unsigned char *stored = malloc(dtype_bytes(dtype, PIECE));
    for (size_t done = 0; stored && done < count; done += PIECE) {
        size_t part = count - done < PIECE ? count - done : PIECE;
        data_source_copy(&load->sources[index], first + done, part, stored);
        if (is_deq_scale && dtype != CLF_DTYPE_BF16) {
            read_scales(dtype, stored, out + done, part);
        } else {
            pass_widen(dtype, stored, out + done, part);
        }
    }
    free(stored);
    return stored != NULL;
}

float *ffn_operand(const workload *load, clf_slot slot, bool *missing) {
    size_t index = 0;
    if (!ffn_find_tensor(load, slot, &index)) {
        return NULL;
    }
    size_t count = (size_t)tensor_elements(&load->tensors[index]);
    float *out = malloc((count + 1) * sizeof *out);
    if (!out || !ffn_operand_part(load, slot, 0, count, out)) {
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
