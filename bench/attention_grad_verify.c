/*
 * Checks rows of the device's gradients against the double-precision reference, on all host threads,
 * each with a reference of its own. The reference takes the statistics and attention_in that the
 * device has.
 */
#include <stdlib.h>

#include "attention_grad_oracle.h"
#include "attention_sample.h"
#include "terminal.h"

enum { MAX_TEAM = 1024 };

/* Products of two vectors' numbers that the sample of one gradient may cost: each pair of a row
 * takes some more than in the forward. */
static const double sample_products = 0x1p23;

static const clf_slot gradient_slots[ORACLE_NUM_GRADIENTS] = {
    CLF_SLOT_GRAD_QUERY, CLF_SLOT_GRAD_KEY, CLF_SLOT_GRAD_VALUE, CLF_SLOT_GRAD_PSE};

typedef struct grad_check {
    attention_contents contents;
    attention_grad_call call;
    oracle_attention_grad_inputs inputs;
    void *results[ORACLE_NUM_GRADIENTS]; /* NULL: the problem has no such gradient */
    attention_sample samples[ORACLE_NUM_GRADIENTS];
    oracle_verdict verdicts[MAX_TEAM];
} grad_check;

static bool load_check(grad_check *out, const workload *load) {
    const attention_contents *contents = &out->contents;
    if (!attention_contents_load(&out->contents, load)) {
        return false;
    }
    const attention_views views = attention_contents_views(contents);
    attention_fill_grad_call(load->problem, &views, &out->call);
    out->inputs = (oracle_attention_grad_inputs){
        .forward = attention_contents_inputs(contents),
        .grad_output = attention_contents_of(contents, CLF_SLOT_GRAD_OUTPUT),
        .attention_in = attention_contents_of(contents, CLF_SLOT_ATTENTION_IN),
        .softmax_max = attention_contents_of(contents, CLF_SLOT_SOFTMAX_MAX),
        .softmax_sum = attention_contents_of(contents, CLF_SLOT_SOFTMAX_SUM)};
    for (size_t of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
        out->results[of] = attention_contents_of(contents, gradient_slots[of]);
    }
    return true;
}

/* A thread's share of the rows of one gradient, or of the groups of its sample. */
static oracle_verdict check_gradient(const grad_check *check, oracle_attention_grad *reference,
                                     oracle_gradient of, size_t index, size_t count) {
    const attention_sample *sample = &check->samples[of];
    const void *result = check->results[of];
    oracle_verdict verdict = oracle_verdict_empty();
    size_t begin = 0;
    size_t end = 0;
    if (sample->is_full) {
        team_share((size_t)oracle_attention_grad_num_rows(reference, of), index, count, &begin,
                   &end);
        return oracle_check_attention_grad(reference, of, result, (int64_t)begin, 1,
                                           (int64_t)(end - begin));
    }
    team_share(sample->num_groups, index, count, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        oracle_verdict part = oracle_check_attention_grad(
            reference, of, result, sample->first_rows[i], sample->step, sample->rows_per_group);
        oracle_verdict_merge(&verdict, &part);
    }
    return verdict;
}

static void check_share(void *context, size_t index, size_t count) {
    grad_check *check = context;
    oracle_attention_grad reference;
    if (index >= MAX_TEAM) {
        return;
    }
    oracle_verdict *verdict = &check->verdicts[index];
    *verdict = oracle_verdict_empty();
    if (!oracle_attention_grad_open(&reference, &check->call.args, &check->inputs)) {
        *verdict = attention_no_memory_verdict();
    } else {
        for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
            if (check->results[of]) {
                oracle_verdict part =
                    check_gradient(check, &reference, (oracle_gradient)of, index, count);
                oracle_verdict_merge(verdict, &part);
            }
        }
    }
    oracle_attention_grad_close(&reference);
}

/* Rows of a gradient, those of one head, and the pairs that a row meets. */
static uint64_t choose_rows(const attention_problem *problem, const verify_request *request,
                            oracle_gradient of, attention_sample *out) {
    const bool is_of_keys = of == ORACLE_GRAD_KEY || of == ORACLE_GRAD_VALUE;
    const int64_t batch = of == ORACLE_GRAD_PSE ? 1 : problem->batch;
    const int64_t heads = is_of_keys ? problem->key_heads : problem->heads;
    const int64_t rows_per_head = is_of_keys ? problem->key_length : problem->query_length;
    const int64_t num_rows = batch * heads * rows_per_head;
    const double pairs = (double)problem->batch * (double)problem->heads *
                         (double)problem->query_length * (double)problem->key_length;
    const attention_sample_request sample = {.num_rows = num_rows,
                                             .rows_per_head = rows_per_head,
                                             .row_cost =
                                                 pairs / (double)num_rows * (double)problem->depth,
                                             .most_cost = sample_products,
                                             .seed = request->seed + (uint64_t)of};
    *out = attention_sample_choose(&sample);
    out->is_full = out->is_full || request->full;
    return attention_sample_rows(out, num_rows);
}

static void check_all(grad_check *check, const verify_request *request, verify_result *out) {
    const workload *load = check->contents.load;
    const size_t count = thread_team_size(load->session->team);
    for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
        if (check->results[of]) {
            out->num_rows +=
                choose_rows(load->problem, request, (oracle_gradient)of, &check->samples[of]);
        }
    }
    thread_team_run(load->session->team, check_share, check);
    for (size_t i = 0; i < count && i < MAX_TEAM; i++) {
        oracle_verdict_merge(&out->verdict, &check->verdicts[i]);
    }
}

bool attention_grad_verify(const workload *load, const verify_request *request,
                           verify_result *out) {
    grad_check *check = calloc(1, sizeof *check);
    if (!check) {
        return fail("no host memory for the verification");
    }
    *out = (verify_result){.verdict = oracle_verdict_empty()};
    bool ok = load_check(check, load);
    if (ok) {
        check_all(check, request, out);
    }
    attention_contents_release(&check->contents);
    free(check);
    return ok;
}
