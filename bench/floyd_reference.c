/* See floyd_reference.h. */
#include "floyd_reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

enum { PEER_ROWS = 4 };

/* Times what single roundings in independent directions do to a row: blocked sums and a vectorised
 * exponential function err by less. */
static const double peer_units = 32.0;

/* A masked key has the weight exp(-87) there (unfused_passes.c), 0 here. */
static const double peer_least = 0x1p-100;

static const struct {
    clf_slot slot;
    oracle_floyd_operand operand;
} operand_slots[] = {{CLF_SLOT_QUERY, ORACLE_FLOYD_QUERY},
                     {CLF_SLOT_KEY1, ORACLE_FLOYD_KEY1},
                     {CLF_SLOT_VALUE1, ORACLE_FLOYD_VALUE1},
                     {CLF_SLOT_KEY2, ORACLE_FLOYD_KEY2},
                     {CLF_SLOT_VALUE2, ORACLE_FLOYD_VALUE2},
                     {CLF_SLOT_GRAD_OUTPUT, ORACLE_FLOYD_GRAD_OUTPUT},
                     {CLF_SLOT_ATTENTION_IN, ORACLE_FLOYD_ATTENTION_IN},
                     {CLF_SLOT_SOFTMAX_MAX, ORACLE_FLOYD_SOFTMAX_MAX},
                     {CLF_SLOT_SOFTMAX_SUM, ORACLE_FLOYD_SOFTMAX_SUM}};

uint64_t floyd_head_begin(const floyd_problem *problem, const tensor_info *of_one_head,
                          int64_t head) {
    bool is_shared = of_one_head->slot == CLF_SLOT_ATTEN_MASK && problem->mask != FLOYD_MASK_BHNMK;
    return (uint64_t)(is_shared ? head / problem->heads : head) * tensor_elements(of_one_head);
}

oracle_tensor floyd_reference_tensor(const floyd_reference *reference, clf_slot slot) {
    size_t i = 0;
    while (i + 1 < reference->num_tensors && reference->tensors[i].slot != slot) {
        i++;
    }
    const tensor_info *tensor = &reference->tensors[i];
    return (oracle_tensor){reference->contents[i],
                           clf_tensor_contiguous(NULL, tensor->dtype, tensor->rank, tensor->shape)};
}

/* The tensor's part that belongs to the head. */
static bool copy_head(floyd_reference *out, const workload *load, size_t index, int64_t head) {
    const tensor_info *tensor = &out->tensors[index];
    const data_source *source = &load->sources[index];
    uint64_t begin = floyd_head_begin(load->problem, tensor, head);
    size_t count = (size_t)tensor_elements(tensor);
    out->contents[index] = malloc(dtype_bytes(tensor->dtype, count));
    if (!out->contents[index]) {
        return fail("no host memory for the contents of %s", tensor->name);
    }
    if (source->stored) {
        data_source_copy(source, begin, count, out->contents[index]);
        return true;
    }
    return workload_read(load, index, begin, count, out->contents[index]);
}

bool floyd_reference_open(floyd_reference *out, const workload *load, int64_t head) {
    floyd_problem one_head = *(const floyd_problem *)load->problem;
    bool ok = true;
    memset(out, 0, sizeof *out);
    one_head.batch = 1;
    one_head.heads = 1;
    out->inputs.scale = one_head.scale;
    out->inputs.is_gradient = floyd_is_gradient(load);
    out->num_tensors = load->benchmark->tensors(&one_head, load->dtype, out->tensors);
    for (size_t i = 0; ok && i < out->num_tensors; i++) {
        ok = copy_head(out, load, i, head);
    }
    for (size_t i = 0; ok && i < sizeof operand_slots / sizeof operand_slots[0]; i++) {
        if (i < ORACLE_FLOYD_NUM_GRADIENTS || out->inputs.is_gradient) {
            out->inputs.operands[operand_slots[i].operand] =
                floyd_reference_tensor(out, operand_slots[i].slot);
        }
    }
    if (ok && one_head.mask != FLOYD_MASK_NONE) {
        out->inputs.mask = floyd_reference_tensor(out, CLF_SLOT_ATTEN_MASK);
    }
    return ok;
}

void floyd_reference_close(floyd_reference *reference) {
    for (size_t i = 0; i < MAX_TENSORS; i++) {
        free(reference->contents[i]);
        reference->contents[i] = NULL;
    }
}

/* ---- Peers --------------------------------------------------------------------------------- */

static bool row_is_right(oracle_floyd *oracle, oracle_floyd_operand of, int64_t row,
                         const float *result) {
    oracle_floyd_row forward;
    double values[ORACLE_FLOYD_MAX_DEPTH];
    double units[ORACLE_FLOYD_MAX_DEPTH];
    bool ok = true;
    if (oracle->inputs.is_gradient) {
        oracle_floyd_compute_grad_row(oracle, of, row, values, units);
    } else {
        oracle_floyd_compute_row(oracle, row, &forward);
        memcpy(values, forward.out, sizeof values);
        memcpy(units, forward.out_unit, sizeof units);
    }
    for (int64_t d = 0; d < oracle->depth; d++) {
        ok = ok && fabs((double)result[d] - values[d]) <= peer_units * units[d] + peer_least;
    }
    return ok;
}

static bool head_is_right(const workload *load, float *const *results, int64_t head) {
    floyd_reference reference;
    oracle_floyd oracle = {0};
    uint64_t seed = 1;
    bool ok = floyd_reference_open(&reference, load, head) &&
              oracle_floyd_open(&oracle, &reference.inputs);
    int last = floyd_is_gradient(load) ? ORACLE_FLOYD_VALUE2 : ORACLE_FLOYD_QUERY;
    for (int of = ORACLE_FLOYD_QUERY; ok && of <= last; of++) {
        int64_t rows = oracle_floyd_num_rows(&oracle, (oracle_floyd_operand)of);
        const float *result = results[of] + head * rows * oracle.depth;
        for (int64_t i = 0; ok && i < PEER_ROWS; i++) {
            int64_t row = i == 0               ? 0
                          : i == PEER_ROWS - 1 ? rows - 1
                                               : (int64_t)(random_bits(&seed) % (uint64_t)rows);
            ok = row_is_right(&oracle, (oracle_floyd_operand)of, row, result + row * oracle.depth);
        }
    }
    oracle_floyd_close(&oracle);
    floyd_reference_close(&reference);
    return ok;
}

bool floyd_is_right(const workload *load, float *const *results) {
    const floyd_problem *problem = load->problem;
    int64_t last = problem->batch * problem->heads - 1;
    return head_is_right(load, results, 0) && (last == 0 || head_is_right(load, results, last));
}
