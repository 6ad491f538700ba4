/*
 * Checks rows of the device's result against the double-precision reference, on all host threads,
 * each with a reference of its own.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "attention_bounds.h"
#include "attention_sample.h"
#include "storage_types.h"
#include "terminal.h"

enum { MAX_TEAM = 1024 };

/* Products of a query's and a key's numbers that a sample may cost: a second or so. */
static const double sample_products = 0x1p25;

typedef struct attention_check {
    const workload *load;
    attention_contents contents;
    attention_call call;
    oracle_attention_inputs inputs;
    oracle_attention_outputs outputs;
    attention_sample sample;
    oracle_verdict verdicts[MAX_TEAM];
} attention_check;

static void check_release(attention_check *check) {
    if (check) {
        attention_contents_release(&check->contents);
    }
    free(check);
}

static attention_check *check_create(const workload *load) {
    attention_check *out = calloc(1, sizeof *out);
    if (!out) {
        fail("no host memory for the verification");
        return NULL;
    }
    out->load = load;
    if (!attention_contents_load(&out->contents, load)) {
        check_release(out);
        return NULL;
    }
    const attention_contents *contents = &out->contents;
    const attention_views views = attention_contents_views(contents);
    attention_fill_call(load->problem, &views, &out->call);
    out->inputs = attention_contents_inputs(contents);
    out->outputs = (oracle_attention_outputs){
        .attention_out = attention_contents_of(contents, CLF_SLOT_ATTENTION_OUT),
        .softmax_max = attention_contents_of(contents, CLF_SLOT_SOFTMAX_MAX),
        .softmax_sum = attention_contents_of(contents, CLF_SLOT_SOFTMAX_SUM)};
    return out;
}

/* Thread `index` takes its share of the rows, or of the groups of a sample. */
static void check_share(void *context, size_t index, size_t count) {
    attention_check *check = context;
    const attention_sample *sample = &check->sample;
    oracle_attention reference;
    size_t begin = 0;
    size_t end = 0;
    if (index >= MAX_TEAM) {
        return;
    }
    oracle_verdict *verdict = &check->verdicts[index];
    *verdict = oracle_verdict_empty();
    if (!oracle_attention_open(&reference, &check->call.args, &check->inputs)) {
        *verdict = attention_no_memory_verdict();
    } else if (sample->is_full) {
        team_share((size_t)oracle_attention_num_rows(&reference), index, count, &begin, &end);
        *verdict = oracle_check_attention(&reference, &check->outputs, (int64_t)begin, 1,
                                          (int64_t)(end - begin));
    } else {
        team_share(sample->num_groups, index, count, &begin, &end);
        for (size_t i = begin; i < end; i++) {
            oracle_verdict part =
                oracle_check_attention(&reference, &check->outputs, sample->first_rows[i],
                                       sample->step, sample->rows_per_group);
            oracle_verdict_merge(verdict, &part);
        }
    }
    oracle_attention_close(&reference);
}

/* The longest vector of D numbers. */
static double longest_vector(const attention_check *check, clf_slot slot) {
    const attention_problem *problem = check->load->problem;
    size_t index = workload_tensor(check->load, slot);
    size_t count = (size_t)tensor_elements(&check->load->tensors[index]);
    size_t size = clf_dtype_size(check->load->dtype);
    double longest = 0.0;
    double squares = 0.0;
    for (size_t i = 0; i < count; i++) {
        double value =
            oracle_decode(check->load->dtype, (char *)check->contents.stored[index] + i * size);
        squares = i % (size_t)problem->depth ? squares + value * value : value * value;
        longest = fmax(longest, squares);
    }
    return sqrt(longest);
}

/* A recorded result is that of another program in fp32: it must agree with ours. */
static void compare_stored(const attention_check *check, verify_result *out) {
    const attention_problem *problem = check->load->problem;
    const float *expected = check->load->expected;
    const float *result = check->outputs.attention_out;
    size_t last = check->load->num_tensors - 1;
    size_t count = (size_t)tensor_elements(&check->load->tensors[last]);
    const oracle_attention_reach reach = {.value = longest_vector(check, CLF_SLOT_VALUE),
                                          .logit = fabs(problem->scale) *
                                                   longest_vector(check, CLF_SLOT_QUERY) *
                                                   longest_vector(check, CLF_SLOT_KEY)};
    for (size_t i = 0; i < count; i++) {
        double value = (double)result[i];
        double stored = (double)expected[i];
        out->stored_error = fmax(out->stored_error, fabs(value - stored));
        if (out->verdict.ok &&
            !oracle_attention_outputs_agree(CLF_DTYPE_FP32, value, stored, reach)) {
            out->verdict.ok = false;
            snprintf(out->verdict.reason, sizeof out->verdict.reason,
                     "element %zu: %.9g, recorded %.9g", i, value, stored);
        }
    }
    out->has_stored = true;
}

bool attention_verify(const workload *load, const verify_request *request, verify_result *out) {
    const attention_problem *problem = load->problem;
    attention_check *check = check_create(load);
    if (!check) {
        return false;
    }
    int64_t num_rows = problem->batch * problem->heads * problem->query_length;
    const attention_sample_request sample = {.num_rows = num_rows,
                                             .rows_per_head = problem->query_length,
                                             .row_cost = (double)problem->key_length *
                                                         (double)problem->depth,
                                             .most_cost = sample_products,
                                             .seed = request->seed};
    check->sample = attention_sample_choose(&sample);
    check->sample.is_full = check->sample.is_full || request->full || load->expected;
    *out = (verify_result){.verdict = oracle_verdict_empty()};
    thread_team_run(load->session->team, check_share, check);
    size_t count = thread_team_size(load->session->team);
    for (size_t i = 0; i < count && i < MAX_TEAM; i++) {
        oracle_verdict_merge(&out->verdict, &check->verdicts[i]);
    }
    if (load->expected) {
        compare_stored(check, out);
    }
    out->num_rows = attention_sample_rows(&check->sample, num_rows);
    check_release(check);
    return true;
}
