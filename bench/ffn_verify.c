/* Checks tokens of the device's result against the double-precision reference, on all host threads,
 * each with a reference of its own: neighbouring tokens share an expert's weights. */
#include <stdio.h>
#include <stdlib.h>

#include "ffn_reference.h"
#include "terminal.h"

typedef struct ffn_check {
    ffn_reference reference;
    void *y;
    size_t num_tokens;
    int64_t *tokens; /* in order */
    size_t num_parts;
    oracle_ffn *parts; /* for each thread */
    oracle_verdict *verdicts;
} ffn_check;

static void check_release(ffn_check *check) {
    for (size_t i = 0; check->parts && i < check->num_parts; i++) {
        oracle_ffn_close(&check->parts[i]);
    }
    free(check->parts);
    free(check->verdicts);
    free(check->tokens);
    free(check->y);
    ffn_reference_close(&check->reference);
}

static bool choose_tokens(ffn_check *check, const workload *load, const verify_request *request) {
    const ffn_problem *problem = load->problem;
    uint64_t seed = request->seed;
    check->num_tokens = request->full ? (size_t)problem->tokens : ffn_sample_size(load);
    check->tokens = malloc(check->num_tokens * sizeof *check->tokens);
    for (size_t i = 0; check->tokens && i < check->num_tokens; i++) {
        check->tokens[i] = ffn_sample_token(problem->tokens, i, check->num_tokens, &seed);
    }
    return check->tokens ? true : fail("no host memory for the verification");
}

/* Not more references than tokens: each has its own copy of an expert's weights. */
static bool open_parts(ffn_check *check, const workload *load) {
    size_t threads = thread_team_size(load->session->team);
    check->num_parts = check->num_tokens < threads ? check->num_tokens : threads;
    check->parts = calloc(check->num_parts, sizeof *check->parts);
    check->verdicts = calloc(check->num_parts, sizeof *check->verdicts);
    bool ok = check->parts && check->verdicts;
    for (size_t i = 0; ok && i < check->num_parts; i++) {
        ok = oracle_ffn_open(&check->parts[i], &check->reference.call.args,
                             &check->reference.inputs);
    }
    return ok ? true : fail("no host memory for the reference");
}

static void check_share(void *context, size_t index, size_t count) {
    ffn_check *check = context;
    size_t begin = 0;
    size_t end = 0;
    (void)count;
    if (index >= check->num_parts) {
        return;
    }
    check->verdicts[index] = oracle_verdict_empty();
    team_share(check->num_tokens, index, check->num_parts, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        oracle_verdict part =
            oracle_check_ffn(&check->parts[index], check->y, check->tokens[i], 1, 1);
        oracle_verdict_merge(&check->verdicts[index], &part);
    }
}

bool ffn_verify(const workload *load, const verify_request *request, verify_result *out) {
    ffn_check check = {0};
    bool ok = ffn_reference_open(&check.reference, load) && choose_tokens(&check, load, request) &&
              open_parts(&check, load) &&
              (check.y = workload_contents(load, load->num_tensors - 1)) != NULL;
    if (ok) {
        *out = (verify_result){.verdict = oracle_verdict_empty(), .num_rows = check.num_tokens};
        thread_team_run(load->session->team, check_share, &check);
        for (size_t i = 0; i < check.num_parts; i++) {
            oracle_verdict_merge(&out->verdict, &check.verdicts[i]);
        }
    }
    check_release(&check);
    return ok;
}
