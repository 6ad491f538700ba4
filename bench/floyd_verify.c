/*
 * Checks rows of the device's results against the double-precision reference, head by head, on the
 * host's threads, each with a reference of its own. A sample is made of groups of rows of some
 * heads, each spread over the head.
 */
#include <stdio.h>
#include <stdlib.h>

#include "floyd_reference.h"
#include "terminal.h"

enum { MOST_PARTS = 8, SAMPLE_HEADS = 4, GROUP_ROWS = 8, LEAST_GROUPS = 2, MOST_GROUPS = 8 };

/* Products of numbers that a sample of one head may cost: a fraction of a second. */
static const double sample_products = 0x1p21;

typedef struct head_check {
    const workload *load;
    floyd_reference reference;
    oracle_floyd_outputs outputs; /* forward */
    bool is_full;
    size_t num_groups;
    size_t num_parts;
    uint64_t seed;
    uint64_t num_rows[MOST_PARTS];
    oracle_verdict verdicts[MOST_PARTS];
} head_check;

static const clf_slot gradient_slots[ORACLE_FLOYD_NUM_GRADIENTS] = {
    CLF_SLOT_GRAD_QUERY, CLF_SLOT_GRAD_KEY1, CLF_SLOT_GRAD_VALUE1, CLF_SLOT_GRAD_KEY2,
    CLF_SLOT_GRAD_VALUE2};

/* `count` rows, `step` apart. */
static void check_rows(head_check *check, size_t part, oracle_floyd *oracle,
                       oracle_floyd_operand of, int64_t first, int64_t step, int64_t count) {
    oracle_verdict verdict;
    if (oracle->inputs.is_gradient) {
        const oracle_tensor gradient =
            floyd_reference_tensor(&check->reference, gradient_slots[of]);
        verdict = oracle_check_floyd_grad(oracle, of, &gradient, first, step, count);
    } else {
        verdict = oracle_check_floyd(oracle, &check->outputs, first, step, count);
    }
    oracle_verdict_merge(&check->verdicts[part], &verdict);
    check->num_rows[part] += (uint64_t)count;
}

/* The first group begins with the first row, the last one ends with the last. An odd step meets
 * other places on every axis. */
static void check_group(head_check *check, size_t part, oracle_floyd *oracle,
                        oracle_floyd_operand of, size_t group) {
    const int64_t rows = oracle_floyd_num_rows(oracle, of);
    int64_t step = rows / GROUP_ROWS;
    step = step < 2 ? 1 : step - (step % 2 == 0);
    const int64_t last = rows - 1 - step * (GROUP_ROWS - 1);
    uint64_t seed = check->seed + 16 * group + (uint64_t)of;
    const int64_t first = group == 0 ? 0
                          : group == check->num_groups - 1
                              ? last
                              : (int64_t)(random_bits(&seed) % (uint64_t)(last + 1));
    check_rows(check, part, oracle, of, first, step, GROUP_ROWS);
}

static void check_operand(head_check *check, size_t part, oracle_floyd *oracle,
                          oracle_floyd_operand of) {
    const int64_t rows = oracle_floyd_num_rows(oracle, of);
    size_t begin = 0;
    size_t end = 0;
    if (check->is_full || rows <= (int64_t)check->num_groups * GROUP_ROWS) {
        team_share((size_t)rows, part, check->num_parts, &begin, &end);
        check_rows(check, part, oracle, of, (int64_t)begin, 1, (int64_t)(end - begin));
        return;
    }
    team_share(check->num_groups, part, check->num_parts, &begin, &end);
    for (size_t group = begin; group < end; group++) {
        check_group(check, part, oracle, of, group);
    }
}

static void check_share(void *context, size_t index, size_t count) {
    head_check *check = context;
    oracle_floyd oracle;
    (void)count;
    if (index >= check->num_parts) {
        return;
    }
    if (!oracle_floyd_open(&oracle, &check->reference.inputs)) {
        oracle_verdict *verdict = &check->verdicts[index];
        verdict->ok = false;
        snprintf(verdict->reason, sizeof verdict->reason, "no host memory for the reference");
        return;
    }
    const int last = oracle.inputs.is_gradient ? ORACLE_FLOYD_VALUE2 : ORACLE_FLOYD_QUERY;
    for (int of = ORACLE_FLOYD_QUERY; of <= last; of++) {
        check_operand(check, index, &oracle, (oracle_floyd_operand)of);
    }
    oracle_floyd_close(&oracle);
}

static bool check_head(head_check *check, int64_t head, verify_result *out) {
    const workload *load = check->load;
    bool ok = floyd_reference_open(&check->reference, load, head);
    if (ok && !check->reference.inputs.is_gradient) {
        check->outputs = (oracle_floyd_outputs){
            .out = floyd_reference_tensor(&check->reference, CLF_SLOT_ATTENTION_OUT),
            .max = floyd_reference_tensor(&check->reference, CLF_SLOT_SOFTMAX_MAX),
            .sum = floyd_reference_tensor(&check->reference, CLF_SLOT_SOFTMAX_SUM)};
    }
    if (ok) {
        for (size_t i = 0; i < check->num_parts; i++) {
            check->verdicts[i] = oracle_verdict_empty();
            check->num_rows[i] = 0;
        }
        thread_team_run(load->session->team, check_share, check);
        for (size_t i = 0; i < check->num_parts; i++) {
            oracle_verdict_merge(&out->verdict, &check->verdicts[i]);
            out->num_rows += check->num_rows[i];
        }
    }
    floyd_reference_close(&check->reference);
    return ok;
}

/* In a sample the first head, the last one, and any between them. */
static int64_t head_at(int64_t index, int64_t count, int64_t num_heads, uint64_t *seed) {
    return count == num_heads   ? index
           : index == 0         ? 0
           : index == count - 1 ? num_heads - 1
                                : (int64_t)(random_bits(seed) % (uint64_t)num_heads);
}

bool floyd_verify(const workload *load, const verify_request *request, verify_result *out) {
    const floyd_problem *problem = load->problem;
    const int64_t num_heads = problem->batch * problem->heads;
    const int64_t count = request->full || num_heads < SAMPLE_HEADS ? num_heads : SAMPLE_HEADS;
    const double groups = sample_products / ((double)problem->k * (double)problem->depth);
    const size_t threads = thread_team_size(load->session->team);
    uint64_t seed = request->seed;
    head_check *check = calloc(1, sizeof *check);
    bool ok = check ? true : fail("no host memory for the verification");
    *out = (verify_result){.verdict = oracle_verdict_empty()};
    if (ok) {
        check->load = load;
        check->is_full = request->full;
        check->num_parts = threads < MOST_PARTS ? threads : MOST_PARTS;
        check->num_groups = groups > MOST_GROUPS    ? MOST_GROUPS
                            : groups < LEAST_GROUPS ? LEAST_GROUPS
                                                    : (size_t)groups;
    }
    for (int64_t i = 0; ok && i < count; i++) {
        check->seed = random_bits(&seed);
        ok = check_head(check, head_at(i, count, num_heads, &seed), out);
    }
    free(check);
    return ok;
}
