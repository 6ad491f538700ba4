/*
 * What the fused operator replaces: every step a pass of its own over whole tensors in memory, on
 * all pinned host threads. 16-bit tensors are widened to fp32 first and narrowed last.
 */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include "peers/peer_result.h"
#include "peers/peer_softmax.h"
#include "peers/unfused_passes.h"
#include "softmax_setup.h"
#include "timing.h"
#include "workload.h"

enum { RUNS = 5, CHECKED_ROWS = 8 };

typedef struct unfused {
    const workload *load;
    const softmax_problem *problem;
    clf_dtype dtype;
    bool is_grad;
    size_t num_rows;
    size_t width;
    uint8_t *mask;    /* contents of the mask tensor; for triu a triangle; NULL: none */
    void *inputs[2];  /* as stored: x; or grad_output and y */
    void *output;     /* as stored */
    float *values[2]; /* the inputs in fp32: the same memory if they are stored so */
    float *result;    /* in fp32: likewise */
} unfused;

typedef void (*row_pass)(const unfused *data, size_t row);

typedef struct pass_run {
    const unfused *data;
    row_pass pass;
} pass_run;

static void widen(const unfused *data, size_t row, size_t which) {
    size_t first = row * data->width;
    size_t size = clf_dtype_size(data->dtype);
    pass_widen(data->dtype, (const char *)data->inputs[which] + first * size,
               data->values[which] + first, data->width);
}

static void widen_first(const unfused *data, size_t row) {
    widen(data, row, 0);
}

static void widen_second(const unfused *data, size_t row) {
    widen(data, row, 1);
}

static void scale_input(const unfused *data, size_t row) {
    size_t first = row * data->width;
    pass_scale(data->values[0] + first, data->result + first, (float)data->problem->scale,
               data->width);
}

static void scale_result(const unfused *data, size_t row) {
    size_t first = row * data->width;
    pass_scale(data->result + first, data->result + first, (float)data->problem->scale,
               data->width);
}

/* Softmax fills with the lowest number, the gradient with zero. */
static void fill_masked(const unfused *data, size_t row) {
    int64_t step = 1;
    int64_t start = 0;
    if (data->problem->mask == SOFTMAX_MASK_TENSOR) {
        start = softmax_mask_row(data->problem, (int64_t)row, &step);
    } else {
        int64_t rank = data->problem->rank;
        int64_t height = rank > 1 ? data->problem->shape[rank - 2] : 1;
        start = (int64_t)row % height * (int64_t)data->width;
    }
    pass_masked_fill(data->result + row * data->width, data->mask + start, (size_t)step,
                     data->is_grad ? 0.0f : -FLT_MAX, data->width);
}

static void softmax(const unfused *data, size_t row) {
    pass_softmax_row(data->result + row * data->width, data->width);
}

static void softmax_gradient(const unfused *data, size_t row) {
    const float *g = data->values[0] + row * data->width;
    const float *y = data->values[1] + row * data->width;
    float *result = data->result + row * data->width;
    float sum = pass_multiply_sum(g, y, result, data->width);
    pass_subtract_scaled(result, y, sum, data->width);
}

static void narrow(const unfused *data, size_t row) {
    size_t first = row * data->width;
    size_t size = clf_dtype_size(data->dtype);
    pass_narrow(data->dtype, data->result + first, (char *)data->output + first * size,
                data->width);
}

static void run_share(void *context, size_t index, size_t count) {
    const pass_run *run = context;
    size_t begin = 0;
    size_t end = 0;
    team_share(run->data->num_rows, index, count, &begin, &end);
    for (size_t row = begin; row < end; row++) {
        run->pass(run->data, row);
    }
}

static void run_pass(const unfused *data, row_pass pass) {
    pass_run run = {data, pass};
    thread_team_run(data->load->session->team, run_share, &run);
}

static double run_once(const unfused *data) {
    bool is_wide = data->dtype == CLF_DTYPE_FP32;
    const row_pass forward[] = {is_wide ? NULL : widen_first, scale_input,
                                data->mask ? fill_masked : NULL, softmax, is_wide ? NULL : narrow};
    const row_pass gradient[] = {is_wide ? NULL : widen_first,
                                 is_wide ? NULL : widen_second,
                                 softmax_gradient,
                                 scale_result,
                                 data->mask ? fill_masked : NULL,
                                 is_wide ? NULL : narrow};
    const row_pass *passes = data->is_grad ? gradient : forward;
    size_t count =
        data->is_grad ? sizeof gradient / sizeof gradient[0] : sizeof forward / sizeof forward[0];
    double begin = now_seconds();
    for (size_t i = 0; i < count; i++) {
        if (passes[i]) {
            run_pass(data, passes[i]);
        }
    }
    return now_seconds() - begin;
}

static void release(unfused *data) {
    bool is_wide = data->dtype == CLF_DTYPE_FP32;
    for (size_t i = 0; i < 2; i++) {
        free(is_wide ? NULL : data->values[i]);
        free(data->inputs[i]);
    }
    free(is_wide ? NULL : data->result);
    free(data->output);
    free(data->mask);
}

static bool load_mask(unfused *data) {
    const softmax_problem *problem = data->problem;
    tensor_info info;
    if (softmax_mask_tensor(problem, &info)) {
        size_t count = (size_t)tensor_elements(&info);
        size_t index = workload_tensor(data->load, CLF_SLOT_MASK);
        data->mask = malloc(count);
        if (data->mask) {
            data_source_copy(&data->load->sources[index], 0, count, data->mask);
        }
        return data->mask != NULL;
    }
    if (problem->mask != SOFTMAX_MASK_TRIU) {
        return true;
    }
    size_t height = problem->rank > 1 ? (size_t)problem->shape[problem->rank - 2] : 1;
    data->mask = malloc(height * data->width);
    for (size_t i = 0; data->mask && i < height * data->width; i++) {
        data->mask[i] = i % data->width > i / data->width;
    }
    return data->mask != NULL;
}

/* Inputs come from where the candidate's came from; what it computed is read from the device. */
static bool load_input(unfused *data, size_t which, size_t tensor) {
    size_t count = data->num_rows * data->width;
    const data_source *source = &data->load->sources[tensor];
    data->inputs[which] = malloc(count * clf_dtype_size(data->dtype));
    data->values[which] =
        data->dtype == CLF_DTYPE_FP32 ? data->inputs[which] : malloc(count * sizeof(float));
    if (!data->inputs[which] || !data->values[which]) {
        return false;
    }
    if (source->stored) {
        data_source_copy(source, 0, count, data->inputs[which]);
        return true;
    }
    return workload_read(data->load, tensor, 0, count, data->inputs[which]);
}

static bool load_all(unfused *data) {
    size_t count = data->num_rows * data->width;
    data->output = malloc(count * clf_dtype_size(data->dtype));
    data->result = data->dtype == CLF_DTYPE_FP32 ? data->output : malloc(count * sizeof(float));
    return data->output && data->result && load_mask(data) && load_input(data, 0, 0) &&
           (!data->is_grad || load_input(data, 1, workload_tensor(data->load, CLF_SLOT_Y)));
}

static oracle_tensor host_tensor(const unfused *data, const void *bytes) {
    return (oracle_tensor){
        bytes, clf_tensor_contiguous(NULL, data->dtype, data->problem->rank, data->problem->shape)};
}

/* A peer that computes something else would be no peer. */
static bool is_right(const unfused *data, oracle_verdict *verdict) {
    const softmax_problem *problem = data->problem;
    oracle_tensor mask = {
        data->mask,
        clf_tensor_contiguous(NULL, CLF_DTYPE_BOOL, problem->mask_rank, problem->mask_shape)};
    oracle_tensor output = host_tensor(data, data->output);
    oracle_softmax reference = {.x = host_tensor(data, data->inputs[0]),
                                .grad_output = host_tensor(data, data->inputs[0]),
                                .y = host_tensor(data, data->inputs[1]),
                                .mask = problem->mask == SOFTMAX_MASK_TENSOR ? &mask : NULL,
                                .scale = problem->scale,
                                .fixed_triu_mask = problem->mask == SOFTMAX_MASK_TRIU};
    int64_t rows = data->num_rows < CHECKED_ROWS ? (int64_t)data->num_rows : CHECKED_ROWS;
    *verdict = data->is_grad ? oracle_check_softmax_grad(&reference, &output, 0, rows)
                             : oracle_check_softmax(&reference, &output, 0, rows);
    return verdict->ok;
}

static void time_runs(unfused *data, peer_result *out) {
    double samples[RUNS];
    oracle_verdict verdict;
    run_once(data);
    if (!is_right(data, &verdict)) {
        peer_unavailable(out, "its result is wrong: %.60s", verdict.reason);
        return;
    }
    for (size_t i = 0; i < RUNS; i++) {
        samples[i] = run_once(data);
    }
    out->time = summarize(samples, RUNS);
    out->available = true;
    snprintf(out->detail, sizeof out->detail, "%zu threads",
             thread_team_size(data->load->session->team));
}

static void run_unfused(const workload *load, bool is_grad, peer_result *out) {
    unfused data = {
        .load = load, .problem = load->problem, .dtype = load->dtype, .is_grad = is_grad};
    *out = (peer_result){0};
    data.num_rows = (size_t)softmax_num_rows(data.problem);
    data.width = (size_t)softmax_width(data.problem);
    double size = (double)clf_dtype_size(load->dtype);
    double per_element = size + (load->dtype == CLF_DTYPE_FP32 ? 0.0 : sizeof(float)) + 0.5;
    double bytes = (double)data.num_rows * (double)data.width * per_element * (is_grad ? 3 : 2);
    if (!load->session->is_cpu) {
        peer_unavailable(out, "it runs on the host, the candidate does not");
    } else if (bytes > 0.8 * (double)host_memory_available()) {
        peer_unavailable(out, "it needs %.1f GB of host memory", 1e-9 * bytes);
    } else if (!load_all(&data)) {
        peer_unavailable(out, "no host memory");
    } else {
        time_runs(&data, out);
    }
    release(&data);
}

void peer_unfused_softmax(const workload *load, peer_result *out) {
    run_unfused(load, false, out);
}

void peer_unfused_softmax_grad(const workload *load, peer_result *out) {
    run_unfused(load, true, out);
}
