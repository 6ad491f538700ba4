/*
 * Checks rows of the device's result against the double-precision reference, on all host threads.
 * Rows are gathered into dense batches with their mask spelled out, so that any sample of any
 * problem looks the same to the reference.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "softmax_setup.h"
#include "terminal.h"
#include "workload.h"

/* A batch has at least one row; a sample at most this many rows and about as many elements. */
enum { BATCH_ELEMENTS = 1 << 20, SAMPLE_ROWS = 256, MAX_TEAM = 1024 };

typedef oracle_verdict (*check_function)(const oracle_softmax *problem, const oracle_tensor *result,
                                         int64_t first_row, int64_t num_rows);

typedef struct batch {
    const workload *load;
    const softmax_problem *problem;
    check_function check;
    size_t width;
    size_t capacity; /* rows */
    size_t num_rows;
    bool is_contiguous;       /* the rows follow one another */
    int64_t *rows;            /* numbers of the rows in x */
    unsigned char *inputs[2]; /* x; or grad_output and y */
    unsigned char *output;
    unsigned char *mask;
    unsigned char *mask_row; /* before it is spread over the columns */
    oracle_verdict verdicts[MAX_TEAM];
} batch;

static void batch_release(batch *batch) {
    free(batch->rows);
    free(batch->inputs[0]);
    free(batch->inputs[1]);
    free(batch->output);
    free(batch->mask);
    free(batch->mask_row);
    free(batch);
}

static batch *batch_create(const workload *load, check_function check) {
    batch *out = calloc(1, sizeof *out);
    if (!out) {
        fail("no host memory for the verification");
        return NULL;
    }
    size_t size = clf_dtype_size(load->dtype);
    out->load = load;
    out->problem = load->problem;
    out->check = check;
    out->width = (size_t)softmax_width(out->problem);
    out->capacity = BATCH_ELEMENTS / out->width + 1;
    size_t elements = out->capacity * out->width;
    out->rows = malloc(out->capacity * sizeof *out->rows);
    out->inputs[0] = malloc(elements * size);
    out->inputs[1] = malloc(elements * size);
    out->output = malloc(elements * size);
    out->mask = malloc(elements);
    out->mask_row = malloc(out->width);
    if (!out->rows || !out->inputs[0] || !out->inputs[1] || !out->output || !out->mask ||
        !out->mask_row) {
        batch_release(out);
        fail("no host memory for the verification");
        return NULL;
    }
    return out;
}

/* The row's mask: from the mask's contents, or the triangle. */
static void gather_mask(batch *batch, size_t place) {
    const softmax_problem *problem = batch->problem;
    unsigned char *out = batch->mask + place * batch->width;
    if (problem->mask == SOFTMAX_MASK_TENSOR) {
        int64_t step = 0;
        int64_t start = softmax_mask_row(problem, batch->rows[place], &step);
        const data_source *source =
            &batch->load->sources[workload_tensor(batch->load, CLF_SLOT_MASK)];
        data_source_copy(source, (uint64_t)start, step ? batch->width : 1, out);
        if (!step) {
            memset(out + 1, out[0], batch->width - 1);
        }
    } else if (problem->mask == SOFTMAX_MASK_TRIU) {
        int64_t height = problem->rank > 1 ? problem->shape[problem->rank - 2] : 1;
        size_t h = (size_t)(batch->rows[place] % height);
        for (size_t w = 0; w < batch->width; w++) {
            out[w] = w > h;
        }
    }
}

/* Takes the rows of a tensor from where they came from: generated contents, or the device. */
static bool gather_rows(const batch *batch, size_t tensor, unsigned char *out) {
    const data_source *source = &batch->load->sources[tensor];
    bool is_input = source->stored && tensor + 1 != batch->load->num_tensors;
    size_t row_bytes = batch->width * clf_dtype_size(batch->load->dtype);
    if (!is_input && batch->is_contiguous) {
        return workload_read(batch->load, tensor, (uint64_t)batch->rows[0] * batch->width,
                             batch->num_rows * batch->width, out);
    }
    for (size_t i = 0; i < batch->num_rows; i++, out += row_bytes) {
        uint64_t first = (uint64_t)batch->rows[i] * batch->width;
        if (is_input) {
            data_source_copy(source, first, batch->width, out);
        } else if (!workload_read(batch->load, tensor, first, batch->width, out)) {
            return false;
        }
    }
    return true;
}

static bool gather(batch *batch) {
    const workload *load = batch->load;
    bool is_grad = load->tensors[0].slot == CLF_SLOT_GRAD_OUTPUT;
    for (size_t i = 0; i < batch->num_rows; i++) {
        gather_mask(batch, i);
    }
    return gather_rows(batch, 0, batch->inputs[0]) &&
           (!is_grad || gather_rows(batch, workload_tensor(load, CLF_SLOT_Y), batch->inputs[1])) &&
           gather_rows(batch, load->num_tensors - 1, batch->output);
}

static oracle_tensor dense(const batch *batch, const unsigned char *bytes, clf_dtype dtype) {
    int64_t shape[2] = {(int64_t)batch->num_rows, (int64_t)batch->width};
    return (oracle_tensor){bytes, clf_tensor_contiguous(NULL, dtype, 2, shape)};
}

static void check_share(void *context, size_t index, size_t count) {
    batch *batch = context;
    clf_dtype dtype = batch->load->dtype;
    oracle_tensor mask = dense(batch, batch->mask, CLF_DTYPE_BOOL);
    oracle_tensor output = dense(batch, batch->output, dtype);
    oracle_softmax problem = {
        .x = dense(batch, batch->inputs[0], dtype),
        .grad_output = dense(batch, batch->inputs[0], dtype),
        .y = dense(batch, batch->inputs[1], dtype),
        .mask = batch->problem->mask == SOFTMAX_MASK_NONE ? NULL : &mask,
        .scale = batch->problem->scale,
    };
    size_t begin = 0;
    size_t end = 0;
    team_share(batch->num_rows, index, count, &begin, &end);
    if (index < MAX_TEAM) {
        batch->verdicts[index] =
            batch->check(&problem, &output, (int64_t)begin, (int64_t)(end - begin));
    }
}

/* A recorded result is compared with both: the reference must agree with it, and so must we. */
static void compare_stored(const batch *batch, verify_result *out) {
    oracle_tensor output = dense(batch, batch->output, batch->load->dtype);
    const float *expected = batch->load->expected;
    for (size_t i = 0; i < batch->num_rows; i++) {
        oracle_row row = oracle_row_open(&output, (int64_t)i);
        for (size_t w = 0; w < batch->width; w++) {
            double stored = (double)expected[(size_t)batch->rows[i] * batch->width + w];
            double value = oracle_row_value(&row, (int64_t)w);
            out->stored_error = fmax(out->stored_error, fabs(value - stored));
            if (!oracle_close_to_stored(batch->load->dtype, value, stored) && out->verdict.ok) {
                out->verdict.ok = false;
                snprintf(out->verdict.reason, sizeof out->verdict.reason,
                         "row %lld column %zu: %.9g, recorded %.9g", (long long)batch->rows[i], w,
                         value, stored);
            }
        }
    }
    out->has_stored = true;
}

static bool check_batch(batch *batch, verify_result *out) {
    if (!gather(batch)) {
        return false;
    }
    thread_team *team = batch->load->session->team;
    thread_team_run(team, check_share, batch);
    size_t count = thread_team_size(team);
    for (size_t i = 0; i < count && i < MAX_TEAM; i++) {
        oracle_verdict_merge(&out->verdict, &batch->verdicts[i]);
    }
    if (batch->load->expected) {
        compare_stored(batch, out);
    }
    out->num_rows += batch->num_rows;
    batch->num_rows = 0;
    return true;
}

/* How many rows to look at: all, or a sample that reads about one batch. */
static int64_t rows_to_check(const batch *batch, int64_t total, bool full) {
    int64_t most = BATCH_ELEMENTS / (int64_t)batch->width;
    most = most < 16 ? 16 : most;
    most = most > SAMPLE_ROWS ? SAMPLE_ROWS : most;
    return full || total < most ? total : most;
}

/* The first row, the last one, and random ones between. */
static int64_t sampled_row(int64_t index, int64_t count, int64_t total, uint64_t *state) {
    if (count == total || index == 0) {
        return index;
    }
    return index == count - 1 ? total - 1 : (int64_t)(random_bits(state) % (uint64_t)total);
}

static bool verify_rows(const workload *load, const verify_request *request, check_function check,
                        verify_result *out) {
    batch *rows = batch_create(load, check);
    if (!rows) {
        return false;
    }
    uint64_t state = request->seed;
    int64_t total = softmax_num_rows(rows->problem);
    int64_t count = rows_to_check(rows, total, request->full || load->expected);
    bool ok = true;
    rows->is_contiguous = count == total;
    *out = (verify_result){.verdict = oracle_verdict_empty()};
    for (int64_t i = 0; ok && i < count; i++) {
        rows->rows[rows->num_rows++] = sampled_row(i, count, total, &state);
        if (rows->num_rows == rows->capacity || i == count - 1) {
            ok = check_batch(rows, out);
        }
    }
    batch_release(rows);
    return ok;
}

bool softmax_verify(const workload *load, const verify_request *request, verify_result *out) {
    return verify_rows(load, request, oracle_check_softmax, out);
}

bool softmax_grad_verify(const workload *load, const verify_request *request, verify_result *out) {
    return verify_rows(load, request, oracle_check_softmax_grad, out);
}
