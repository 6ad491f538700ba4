/*
 * Attention as it was composed before it was fused: for each batch element and head a product
 * query * key', a masked softmax over its rows, a product with the values. All host threads share
 * the rows. 16-bit inputs are widened to fp32 before the clock runs, and the result stays in fp32.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_bounds.h"
#include "attention_visits.h"
#include "blas.h"
#include "peers/peer_attention.h"
#include "peers/peer_result.h"
#include "peers/unfused_passes.h"
#include "storage_types.h"
#include "workload.h"

enum { RUNS = 5, LONG_RUNS = 3, CHECKED_ROWS = 8, MAX_TEAM = 1024 };

static const double long_run_seconds = 1.0;

/* A tensor in fp32, and the distance of one head's rows in it. */
typedef struct operand {
    float *values;
    size_t row_step;
    size_t head_step;
    size_t batch_step;
} operand;

typedef struct composed {
    const workload *load;
    const attention_problem *problem;
    void *stored[MAX_TENSORS]; /* the inputs' contents */
    const uint8_t *mask;       /* of those; NULL: the mode says it all */
    size_t mask_rows;          /* of one matrix of the mask */
    size_t mask_columns;
    operand query;
    operand key;
    operand value;
    operand out;
    size_t num_units;
    size_t heads_per_unit; /* heads with the same keys that follow one another, as one matrix */
    float *scores[MAX_TEAM];
} composed;

/* Rows of one product: one head of one sequence, or all heads that share its keys. */
typedef struct unit {
    size_t index; /* of the sequence */
    size_t head;  /* the first */
    attention_sequence sequence;
    size_t rows;
} unit;

static unit unit_at(const composed *data, size_t number) {
    size_t per_sequence = (size_t)data->problem->heads / data->heads_per_unit;
    unit out = {.index = number / per_sequence,
                .head = number % per_sequence * data->heads_per_unit};
    out.sequence = attention_sequence_at(data->problem, out.index);
    out.rows = (size_t)out.sequence.query_length * data->heads_per_unit;
    return out;
}

static float *place(const composed *data, const operand *operand, const unit *unit, size_t head,
                    int64_t first_token) {
    size_t batch = data->problem->num_sequences ? 0 : unit->index;
    return operand->values + batch * operand->batch_step + head * operand->head_step +
           (size_t)first_token * operand->row_step;
}

static const uint8_t *mask_row(const composed *data, const unit *unit, size_t head, size_t row) {
    size_t matrix = 0;
    if (data->problem->mask == ATTENTION_MASK_B1SS) {
        matrix = unit->index;
    } else if (data->problem->mask == ATTENTION_MASK_BNSS) {
        matrix = unit->index * (size_t)data->problem->heads + head;
    }
    return data->mask + (matrix * data->mask_rows + row) * data->mask_columns;
}

/* Keys that the row does not meet get the probability 0. */
static void softmax_row(const composed *data, const unit *unit, size_t unit_row, float *scores) {
    size_t length = (size_t)unit->sequence.query_length;
    size_t row = unit_row % length;
    int64_t begin = 0;
    int64_t end = 0;
    attention_row_keys(&unit->sequence, (int64_t)row, &begin, &end);
    size_t width = (size_t)(end - begin);
    if (data->mask) {
        const uint8_t *mask = mask_row(data, unit, unit->head + unit_row / length, row);
        pass_masked_fill(scores + begin, mask + begin, 1, -FLT_MAX, width);
    }
    if (width) {
        pass_softmax_row(scores + begin, width);
    }
    memset(scores, 0, (size_t)begin * sizeof *scores);
    memset(scores + end, 0, (size_t)(unit->sequence.key_length - end) * sizeof *scores);
}

/* Rows [first, first + rows) of a unit. */
static void compute_rows(const composed *data, const unit *unit, size_t first, size_t rows,
                         float *scores) {
    const attention_problem *problem = data->problem;
    const attention_sequence *sequence = &unit->sequence;
    size_t keys = (size_t)sequence->key_length;
    size_t key_head = unit->head / (size_t)(problem->heads / problem->key_heads);
    size_t row_begin = first * data->query.row_step;
    const blas_product logits = {
        .rows = rows,
        .columns = keys,
        .depth = (size_t)problem->depth,
        .scale = (float)problem->scale,
        .a = place(data, &data->query, unit, unit->head, sequence->query_begin) + row_begin,
        .a_step = data->query.row_step,
        .b = place(data, &data->key, unit, key_head, sequence->key_begin),
        .b_step = data->key.row_step,
        .b_is_transposed = true,
        .c = scores,
        .c_step = keys};
    const blas_product out = {.rows = rows,
                              .columns = (size_t)problem->value_depth,
                              .depth = keys,
                              .scale = 1.0f,
                              .a = scores,
                              .a_step = keys,
                              .b = place(data, &data->value, unit, key_head, sequence->key_begin),
                              .b_step = data->value.row_step,
                              .c =
                                  place(data, &data->out, unit, unit->head, sequence->query_begin) +
                                  first * data->out.row_step,
                              .c_step = data->out.row_step};
    blas_multiply(&logits);
    for (size_t i = 0; i < rows; i++) {
        softmax_row(data, unit, first + i, scores + i * keys);
    }
    blas_multiply(&out);
}

static size_t total_rows(const composed *data) {
    size_t rows = 0;
    for (size_t i = 0; i < data->num_units; i++) {
        rows += unit_at(data, i).rows;
    }
    return rows;
}

static void run_share(void *context, size_t index, size_t count) {
    const composed *data = context;
    size_t begin = 0;
    size_t end = 0;
    size_t unit_begin = 0;
    team_share(total_rows(data), index, count, &begin, &end);
    for (size_t i = 0; i < data->num_units && begin < end; i++) {
        unit unit = unit_at(data, i);
        size_t unit_end = unit_begin + unit.rows;
        if (begin < unit_end) {
            size_t last = end < unit_end ? end : unit_end;
            if (unit.sequence.key_length > 0) {
                compute_rows(data, &unit, begin - unit_begin, last - begin, data->scores[index]);
            }
            begin = last;
        }
        unit_begin = unit_end;
    }
}

/* ---- Data ---------------------------------------------------------------------------------- */

static void set_steps(const attention_problem *problem, int64_t tokens, int64_t heads,
                      int64_t depth, operand *out) {
    size_t row = (size_t)(heads * depth);
    size_t head = (size_t)depth;
    size_t batch = row * (size_t)tokens;
    if (problem->layout == ATTENTION_BNSD) {
        row = (size_t)depth;
        head = row * (size_t)tokens;
    } else if (problem->layout == ATTENTION_SBH) {
        batch = row;
        row *= (size_t)problem->batch;
    }
    out->row_step = row;
    out->head_step = head;
    out->batch_step = batch;
}

static bool load_stored(composed *data) {
    const workload *load = data->load;
    bool ok = true;
    for (size_t i = 0; ok && i < load->num_tensors; i++) {
        if (load->sources[i].stored) {
            data->stored[i] = workload_contents(load, i);
            ok = data->stored[i] != NULL;
        }
    }
    return ok;
}

static bool load_operand(const composed *data, clf_slot slot, operand *out) {
    const attention_problem *problem = data->problem;
    size_t index = workload_tensor(data->load, slot);
    size_t count = (size_t)tensor_elements(&data->load->tensors[index]);
    bool has_queries = slot == CLF_SLOT_QUERY || slot == CLF_SLOT_ATTENTION_OUT;
    bool has_values = slot == CLF_SLOT_VALUE || slot == CLF_SLOT_ATTENTION_OUT;
    out->values = calloc(count, sizeof *out->values);
    set_steps(problem, has_queries ? problem->query_length : problem->key_length,
              has_queries ? problem->heads : problem->key_heads,
              has_values ? problem->value_depth : problem->depth, out);
    if (out->values && data->stored[index]) {
        pass_widen(data->load->dtype, data->stored[index], out->values, count);
    }
    return out->values != NULL;
}

static void load_mask(composed *data) {
    size_t index = 0;
    const workload *load = data->load;
    if (attention_reads_mask(data->problem) &&
        attention_find_tensor(load->tensors, load->num_tensors, CLF_SLOT_ATTEN_MASK, &index)) {
        const tensor_info *tensor = &load->tensors[index];
        data->mask = data->stored[index];
        data->mask_rows = (size_t)tensor->shape[tensor->rank - 2];
        data->mask_columns = (size_t)tensor->shape[tensor->rank - 1];
    }
}

/* Elements that one thread's scores have at most. */
static size_t scores_per_thread(const composed *data) {
    size_t threads = thread_team_size(data->load->session->team);
    size_t share = total_rows(data) / threads + 1;
    size_t most = 1;
    for (size_t i = 0; i < data->num_units; i++) {
        unit unit = unit_at(data, i);
        size_t rows = unit.rows < share ? unit.rows : share;
        size_t elements = rows * (size_t)unit.sequence.key_length;
        most = elements > most ? elements : most;
    }
    return most;
}

static bool load_all(composed *data) {
    size_t elements = scores_per_thread(data);
    for (size_t i = 0; i < thread_team_size(data->load->session->team); i++) {
        data->scores[i] = malloc(elements * sizeof(float));
        if (!data->scores[i]) {
            return false;
        }
    }
    if (!load_stored(data)) {
        return false;
    }
    load_mask(data);
    return load_operand(data, CLF_SLOT_QUERY, &data->query) &&
           load_operand(data, CLF_SLOT_KEY, &data->key) &&
           load_operand(data, CLF_SLOT_VALUE, &data->value) &&
           load_operand(data, CLF_SLOT_ATTENTION_OUT, &data->out);
}

static void release(composed *data) {
    for (size_t i = 0; i < MAX_TENSORS; i++) {
        free(data->stored[i]);
    }
    for (size_t i = 0; i < MAX_TEAM; i++) {
        free(data->scores[i]);
    }
    free(data->query.values);
    free(data->key.values);
    free(data->value.values);
    free(data->out.values);
    free(data);
}

/* ---- Its result ---------------------------------------------------------------------------- */

static void *stored_of(const composed *data, clf_slot slot) {
    size_t index = 0;
    return attention_find_tensor(data->load->tensors, data->load->num_tensors, slot, &index)
               ? data->stored[index]
               : NULL;
}

static double largest(const composed *data, clf_slot slot, const operand *operand) {
    size_t count = (size_t)tensor_elements(&data->load->tensors[workload_tensor(data->load, slot)]);
    double most = 0.0;
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)operand->values[i]));
    }
    return most;
}

static bool row_is_right(const composed *data, oracle_attention *reference, int64_t number,
                         oracle_attention_reach reach) {
    oracle_attention_place where = oracle_attention_row_place(reference, number);
    double out[ATTENTION_MOST_DEPTH];
    oracle_attention_row row = {.out = out};
    oracle_attention_compute_row(reference, &where, &row);
    bool ok = true;
    for (int64_t d = 0; d < data->problem->value_depth; d++) {
        double value = (double)data->out.values[oracle_attention_out_place(reference, &where, d)];
        /* Rows without a pair have the mean of the values, which nobody composes. */
        ok = ok && (row.num_computed == 0 ||
                    oracle_attention_outputs_agree(CLF_DTYPE_FP32, value, row.out[d], reach));
    }
    return ok;
}

/* A peer that computes something else would be no peer. Some rows of the first and last head. */
static bool is_right(const composed *data) {
    const workload *load = data->load;
    const attention_problem *problem = data->problem;
    oracle_attention reference;
    attention_call call;
    clf_tensor views[MAX_TENSORS];
    for (size_t i = 0; i < load->num_tensors; i++) {
        views[i] = clf_tensor_contiguous(NULL, load->tensors[i].dtype, load->tensors[i].rank,
                                         load->tensors[i].shape);
    }
    const attention_views from = {load->tensors, views, load->num_tensors};
    attention_fill_call(problem, &from, &call);
    const oracle_attention_inputs inputs = {.query = stored_of(data, CLF_SLOT_QUERY),
                                            .key = stored_of(data, CLF_SLOT_KEY),
                                            .value = stored_of(data, CLF_SLOT_VALUE),
                                            .atten_mask = stored_of(data, CLF_SLOT_ATTEN_MASK)};
    const oracle_attention_reach reach = {.value = largest(data, CLF_SLOT_VALUE, &data->value),
                                          .logit = fabs(problem->scale) * (double)problem->depth *
                                                   largest(data, CLF_SLOT_QUERY, &data->query) *
                                                   largest(data, CLF_SLOT_KEY, &data->key)};
    bool ok = oracle_attention_open(&reference, &call.args, &inputs);
    int64_t num_rows = ok ? oracle_attention_num_rows(&reference) : 0;
    for (int64_t i = 0; ok && i < CHECKED_ROWS && i < num_rows; i++) {
        ok = row_is_right(data, &reference, i, reach) &&
             row_is_right(data, &reference, num_rows - 1 - i, reach);
    }
    oracle_attention_close(&reference);
    return ok;
}

/* ---- The peer ------------------------------------------------------------------------------ */

static void time_runs(composed *data, peer_result *out) {
    thread_team *team = data->load->session->team;
    double samples[RUNS];
    double seconds = thread_team_run(team, run_share, data);
    size_t runs = seconds > long_run_seconds ? LONG_RUNS : RUNS;
    if (!is_right(data)) {
        peer_unavailable(out, "its result is wrong");
        return;
    }
    for (size_t i = 0; i < runs; i++) {
        samples[i] = thread_team_run(team, run_share, data);
    }
    out->time = summarize(samples, runs);
    out->available = true;
    snprintf(out->detail, sizeof out->detail, "%zu threads%s", thread_team_size(team),
             data->load->dtype == CLF_DTYPE_FP32 ? "" : "; widened to fp32 before, left so after");
}

/* Heads that share their keys are one matrix where their rows follow one another. */
static void choose_units(composed *data) {
    const attention_problem *problem = data->problem;
    bool follow = problem->layout == ATTENTION_BNSD;
    data->heads_per_unit = follow ? (size_t)(problem->heads / problem->key_heads) : 1;
    data->num_units =
        attention_num_sequences(problem) * ((size_t)problem->heads / data->heads_per_unit);
}

static double bytes_needed(const composed *data) {
    const workload *load = data->load;
    double bytes = (double)thread_team_size(load->session->team) * sizeof(float) *
                   (double)scores_per_thread(data);
    for (size_t i = 0; i < load->num_tensors; i++) {
        bytes += 2.0 * sizeof(float) * (double)tensor_elements(&load->tensors[i]);
    }
    return bytes;
}

void peer_composed_attention(const workload *load, peer_result *out) {
    const attention_problem *problem = load->problem;
    *out = (peer_result){0};
    if (!blas_is_available()) {
        peer_unavailable(out, "this build has no OpenBLAS");
        return;
    }
    if (!load->session->is_cpu) {
        peer_unavailable(out, "it runs on the host, the candidate does not");
        return;
    }
    if (problem->bias != ATTENTION_BIAS_NONE || problem->keep_prob < 1.0) {
        peer_unavailable(out, "position bias and dropout are not composed");
        return;
    }
    composed *data = calloc(1, sizeof *data);
    if (!data || thread_team_size(load->session->team) > MAX_TEAM) {
        peer_unavailable(out, "no host memory");
        free(data);
        return;
    }
    data->load = load;
    data->problem = problem;
    choose_units(data);
    double bytes = bytes_needed(data);
    blas_use_callers_threads();
    if (bytes > 0.8 * (double)host_memory_available()) {
        peer_unavailable(out, "it needs %.1f GB of host memory", 1e-9 * bytes);
    } else if (!load_all(data)) {
        peer_unavailable(out, "no host memory");
    } else {
        time_runs(data, out);
    }
    release(data);
}
