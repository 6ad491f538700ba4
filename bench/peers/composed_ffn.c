/*
 * FFN as it was composed before it was fused: for each expert a product, a pass of bias and
 * activation over the hidden activations, a second product. All host threads share the longer side
 * of each product. Everything is widened to fp32, and weights are dequantised, before the clock
 * runs; the result stays in fp32. With int8 x, the products are those of whole numbers in fp32.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "blas.h"
#include "ffn_reference.h"
#include "peers/ffn_operands.h"
#include "peers/peer_ffn.h"
#include "peers/peer_result.h"

enum { RUNS = 5, LONG_RUNS = 3 };

static const double long_run_seconds = 1.0;

typedef struct layer {
    size_t depth;
    size_t width;
    float *weight;
    float *bias;  /* or NULL */
    float *scale; /* dequantising; or NULL */
} layer;

typedef struct composed {
    const workload *load;
    const ffn_problem *problem;
    pass_activation activation;
    float *x;
    float *first; /* [tokens][N1]; its left part becomes the hidden activations */
    float *y;
    float *quant_scale; /* int8; or NULL */
    float *quant_offset;
    layer layers[2];
    pthread_barrier_t between;
} composed;

/* Rows and columns of one thread's part of a product. */
typedef struct part {
    size_t row;
    size_t last_row;
    size_t column;
    size_t last_column;
} part;

static part part_of(size_t rows, size_t columns, size_t index, size_t count) {
    part part = {.last_row = rows, .last_column = columns};
    if (columns > rows) {
        team_share(columns, index, count, &part.column, &part.last_column);
    } else {
        team_share(rows, index, count, &part.row, &part.last_row);
    }
    return part;
}

/* Part of a product of an expert, at columns moved by `shift`, with bias and scale. */
static void multiply(const layer *layer, size_t expert, const float *a, size_t a_step, float *c,
                     const part *part, size_t shift) {
    size_t column = part->column + shift;
    size_t columns = part->last_column - part->column;
    const blas_product product = {.rows = part->last_row - part->row,
                                  .columns = columns,
                                  .depth = layer->depth,
                                  .scale = 1.0f,
                                  .a = a + part->row * a_step,
                                  .a_step = a_step,
                                  .b =
                                      layer->weight + expert * layer->depth * layer->width + column,
                                  .b_step = layer->width,
                                  .c = c + part->row * layer->width + column,
                                  .c_step = layer->width};
    if (!product.rows || !columns) {
        return;
    }
    blas_multiply(&product);
    size_t place = expert * layer->width + column;
    for (size_t i = part->row; i < part->last_row; i++) {
        pass_bias(c + i * layer->width + column, layer->bias ? layer->bias + place : NULL,
                  layer->scale ? layer->scale + place : NULL, columns);
    }
}

static void activate(const composed *data, size_t expert, float *first, const part *part) {
    const ffn_problem *problem = data->problem;
    size_t width = data->layers[0].width;
    size_t half = data->layers[1].depth;
    size_t columns = part->last_column - part->column;
    size_t step = problem->scale_per_column;
    for (size_t i = part->row; i < part->last_row; i++) {
        float *row = first + i * width + part->column;
        if (ffn_is_glu(problem)) {
            pass_activate(data->activation, row + half, columns);
            pass_multiply(row, row + half, columns);
        } else {
            pass_activate(data->activation, row, columns);
        }
        if (data->quant_scale) {
            pass_quantise(row, data->quant_scale + expert * (step ? half : 1) + step * part->column,
                          step, data->quant_offset[expert], columns);
        }
    }
}

static void run_share(void *context, size_t index, size_t count) {
    composed *data = context;
    const layer *layers = data->layers;
    size_t row = 0;
    for (size_t i = 0; i < ffn_num_ranges(data->problem); i++) {
        size_t rows = (size_t)ffn_range_tokens(data->problem, i);
        const part part = part_of(rows, layers[1].depth, index, count);
        const float *x = data->x + row * layers[0].depth;
        float *first = data->first + row * layers[0].width;
        multiply(&layers[0], i, x, layers[0].depth, first, &part, 0);
        if (ffn_is_glu(data->problem)) {
            multiply(&layers[0], i, x, layers[0].depth, first, &part, layers[1].depth);
        }
        activate(data, i, first, &part);
        row += rows;
    }
    pthread_barrier_wait(&data->between);
    row = 0;
    for (size_t i = 0; i < ffn_num_ranges(data->problem); i++) {
        size_t rows = (size_t)ffn_range_tokens(data->problem, i);
        const part part = part_of(rows, layers[1].width, index, count);
        multiply(&layers[1], i, data->first + row * layers[0].width, layers[0].width,
                 data->y + row * layers[1].width, &part, 0);
        row += rows;
    }
}

/* ---- Data ---------------------------------------------------------------------------------- */

/* weight = (weight + offset) * scale, for each expert and row. */
static bool dequantise(const composed *data, int which) {
    static const clf_slot scales[] = {CLF_SLOT_ANTIQUANT_SCALE1, CLF_SLOT_ANTIQUANT_SCALE2};
    static const clf_slot offsets[] = {CLF_SLOT_ANTIQUANT_OFFSET1, CLF_SLOT_ANTIQUANT_OFFSET2};
    const layer *layer = &data->layers[which];
    bool missing = false;
    float *scale = ffn_operand(data->load, scales[which], &missing);
    float *offset = ffn_operand(data->load, offsets[which], &missing);
    size_t group = (size_t)data->problem->products[which].group_size;
    group = group ? group : layer->depth;
    if (scale && offset) {
        for (size_t i = 0; i < ffn_num_ranges(data->problem) * layer->depth; i++) {
            size_t place = i / group * layer->width;
            pass_dequantise(layer->weight + i * layer->width, offset + place, scale + place,
                            layer->width);
        }
    }
    free(scale);
    free(offset);
    return !missing;
}

static bool load_layer(composed *data, int which) {
    static const clf_slot weights[] = {CLF_SLOT_WEIGHT1, CLF_SLOT_WEIGHT2};
    static const clf_slot biases[] = {CLF_SLOT_BIAS1, CLF_SLOT_BIAS2};
    static const clf_slot scales[] = {CLF_SLOT_DEQ_SCALE1, CLF_SLOT_DEQ_SCALE2};
    layer *layer = &data->layers[which];
    bool missing = false;
    layer->depth = (size_t)data->problem->products[which].depth;
    layer->width = (size_t)data->problem->products[which].width;
    layer->weight = ffn_operand(data->load, weights[which], &missing);
    layer->bias = ffn_operand(data->load, biases[which], &missing);
    layer->scale = ffn_operand(data->load, scales[which], &missing);
    return !missing && dequantise(data, which);
}

static bool load_all(composed *data) {
    const workload *load = data->load;
    bool missing = false;
    data->x = ffn_operand(load, CLF_SLOT_X, &missing);
    data->quant_scale = ffn_operand(load, CLF_SLOT_SCALE, &missing);
    data->quant_offset = ffn_operand(load, CLF_SLOT_OFFSET, &missing);
    if (missing || !load_layer(data, 0) || !load_layer(data, 1)) {
        return false;
    }
    size_t tokens = (size_t)data->problem->tokens;
    data->first = calloc(tokens * data->layers[0].width, sizeof *data->first);
    data->y = calloc(tokens * data->layers[1].width, sizeof *data->y);
    return data->first && data->y;
}

static void release(composed *data) {
    for (int i = 0; i < 2; i++) {
        free(data->layers[i].weight);
        free(data->layers[i].bias);
        free(data->layers[i].scale);
    }
    free(data->x);
    free(data->first);
    free(data->y);
    free(data->quant_scale);
    free(data->quant_offset);
}

/* ---- The peer ------------------------------------------------------------------------------ */

static void time_runs(composed *data, peer_result *out) {
    thread_team *team = data->load->session->team;
    double samples[RUNS];
    double seconds = thread_team_run(team, run_share, data);
    size_t runs = seconds > long_run_seconds ? LONG_RUNS : RUNS;
    if (!ffn_is_right(data->load, data->y)) {
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

/* Weights in fp32, and once more as stored while the result is checked. */
static double bytes_needed(const workload *load) {
    const ffn_problem *problem = load->problem;
    double elements = (double)problem->tokens * (double)problem->products[0].width;
    for (size_t i = 0; i < load->num_tensors; i++) {
        elements += 2.0 * (double)tensor_elements(&load->tensors[i]);
    }
    return elements * sizeof(float);
}

void peer_composed_ffn(const workload *load, peer_result *out) {
    const double bytes = bytes_needed(load);
    composed data = {
        .load = load, .problem = load->problem, .activation = ffn_pass_activation(load->problem)};
    *out = (peer_result){0};
    if (!blas_is_available()) {
        peer_unavailable(out, "this build has no OpenBLAS");
        return;
    }
    if (!load->session->is_cpu) {
        peer_unavailable(out, "it runs on the host, the candidate does not");
        return;
    }
    if (bytes > 0.8 * (double)host_memory_available()) {
        peer_unavailable(out, "it needs %.1f GB of host memory", 1e-9 * bytes);
        return;
    }
    if (pthread_barrier_init(&data.between, NULL,
                             (unsigned)thread_team_size(load->session->team))) {
        peer_unavailable(out, "no barrier for its threads");
        return;
    }
    blas_use_callers_threads();
    if (load_all(&data)) {
        time_runs(&data, out);
    } else {
        peer_unavailable(out, "no host memory");
    }
    release(&data);
    pthread_barrier_destroy(&data.between);
}
