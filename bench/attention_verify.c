/*
 * Checks rows of the device's result against the double-precision reference, on all host threads,
 * each with a reference of its own. A sample is made of groups of rows: those of one group are
 * spread over one head, whose keys the reference then decodes once.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_bounds.h"
#include "attention_setup.h"
#include "storage_types.h"
#include "terminal.h"
#include "workload.h"

enum { MAX_TEAM = 1024, MOST_GROUPS = 32, MOST_ROWS = 8, LEAST_GROUPS = 4, LEAST_ROWS = 4 };

/* Products of a query's and a key's numbers that a sample may cost: a second or so. */
static const double sample_products = 0x1p25;

typedef struct attention_check {
    const workload *load;
    attention_call call;
    clf_tensor views[MAX_TENSORS];
    void *contents[MAX_TENSORS]; /* of all tensors, as stored */
    oracle_attention_inputs inputs;
    oracle_attention_outputs outputs;
    bool is_full;
    size_t num_groups;
    int64_t first_rows[MOST_GROUPS];
    int64_t step;
    int64_t rows_per_group;
    oracle_verdict verdicts[MAX_TEAM];
} attention_check;

static void check_release(attention_check *check) {
    for (size_t i = 0; check && i < MAX_TENSORS; i++) {
        free(check->contents[i]);
    }
    free(check);
}

/* Inputs come from where the device's came from, outputs from the device. */
static bool load_contents(attention_check *check) {
    const workload *load = check->load;
    for (size_t i = 0; i < load->num_tensors; i++) {
        const tensor_info *tensor = &load->tensors[i];
        bool is_output = tensor->slot >= CLF_SLOT_ATTENTION_OUT;
        check->views[i] = clf_tensor_contiguous(NULL, tensor->dtype, tensor->rank, tensor->shape);
        if (!is_output && !load->sources[i].stored) {
            continue; /* a compressed mask */
        }
        check->contents[i] = workload_contents(load, i);
        if (!check->contents[i]) {
            return false;
        }
    }
    return true;
}

static void *contents_of(const attention_check *check, clf_slot slot) {
    size_t index = 0;
    return attention_find_tensor(check->load->tensors, check->load->num_tensors, slot, &index)
               ? check->contents[index]
               : NULL;
}

static attention_check *check_create(const workload *load) {
    attention_check *out = calloc(1, sizeof *out);
    if (!out) {
        fail("no host memory for the verification");
        return NULL;
    }
    out->load = load;
    if (!load_contents(out)) {
        check_release(out);
        return NULL;
    }
    attention_fill_call(load->problem, out->views, &out->call);
    out->inputs = (oracle_attention_inputs){.query = contents_of(out, CLF_SLOT_QUERY),
                                            .key = contents_of(out, CLF_SLOT_KEY),
                                            .value = contents_of(out, CLF_SLOT_VALUE),
                                            .pse = contents_of(out, CLF_SLOT_PSE),
                                            .atten_mask = contents_of(out, CLF_SLOT_ATTEN_MASK)};
    out->outputs =
        (oracle_attention_outputs){.attention_out = contents_of(out, CLF_SLOT_ATTENTION_OUT),
                                   .softmax_max = contents_of(out, CLF_SLOT_SOFTMAX_MAX),
                                   .softmax_sum = contents_of(out, CLF_SLOT_SOFTMAX_SUM)};
    return out;
}

static oracle_verdict no_memory_verdict(void) {
    oracle_verdict verdict = oracle_verdict_empty();
    verdict.ok = false;
    snprintf(verdict.reason, sizeof verdict.reason, "no host memory for the reference");
    return verdict;
}

/* Thread `index` takes its share of the rows, or of the groups of a sample. */
static void check_share(void *context, size_t index, size_t count) {
    attention_check *check = context;
    oracle_attention reference;
    size_t begin = 0;
    size_t end = 0;
    if (index >= MAX_TEAM) {
        return;
    }
    oracle_verdict *verdict = &check->verdicts[index];
    *verdict = oracle_verdict_empty();
    if (!oracle_attention_open(&reference, &check->call.args, &check->inputs)) {
        *verdict = no_memory_verdict();
    } else if (check->is_full) {
        team_share((size_t)oracle_attention_num_rows(&reference), index, count, &begin, &end);
        *verdict = oracle_check_attention(&reference, &check->outputs, (int64_t)begin, 1,
                                          (int64_t)(end - begin));
    } else {
        team_share(check->num_groups, index, count, &begin, &end);
        for (size_t i = begin; i < end; i++) {
            oracle_verdict part =
                oracle_check_attention(&reference, &check->outputs, check->first_rows[i],
                                       check->step, check->rows_per_group);
            oracle_verdict_merge(verdict, &part);
        }
    }
    oracle_attention_close(&reference);
}

/* The first group holds the first row, the last one the last; the others lie anywhere. */
static void choose_rows(attention_check *check, int64_t num_rows, uint64_t seed) {
    const attention_problem *problem = check->load->problem;
    double row_cost = (double)problem->key_length * (double)problem->depth;
    double rows = sample_products / row_cost;
    double groups = rows / MOST_ROWS;
    check->num_groups = groups > MOST_GROUPS    ? MOST_GROUPS
                        : groups < LEAST_GROUPS ? LEAST_GROUPS
                                                : (size_t)groups;
    check->rows_per_group = groups < LEAST_GROUPS ? LEAST_ROWS : MOST_ROWS;
    check->step = problem->query_length / check->rows_per_group;
    check->step = check->step < 1 ? 1 : check->step;
    int64_t span = (check->rows_per_group - 1) * check->step + 1;
    check->is_full = num_rows <= (int64_t)check->num_groups * check->rows_per_group;
    for (size_t i = 0; !check->is_full && i < check->num_groups; i++) {
        int64_t last = num_rows - span;
        check->first_rows[i] = i == 0 ? 0
                               : i == check->num_groups - 1
                                   ? last
                                   : (int64_t)(random_bits(&seed) % (uint64_t)(last + 1));
    }
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
        double value = oracle_decode(check->load->dtype, (char *)check->contents[index] + i * size);
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
    choose_rows(check, num_rows, request->seed);
    check->is_full = check->is_full || request->full || load->expected;
    *out = (verify_result){.verdict = oracle_verdict_empty()};
    thread_team_run(load->session->team, check_share, check);
    size_t count = thread_team_size(load->session->team);
    for (size_t i = 0; i < count && i < MAX_TEAM; i++) {
        oracle_verdict_merge(&out->verdict, &check->verdicts[i]);
    }
    if (load->expected) {
        compare_stored(check, out);
    }
    out->num_rows =
        (uint64_t)(check->is_full ? num_rows : (int64_t)check->num_groups * check->rows_per_group);
    check_release(check);
    return true;
}
