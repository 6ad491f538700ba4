/*
 * FFN by oneDNN: for each expert two matrix products with everything else fused into them (a GLU
 * takes three). Weights are in oneDNN's own layout before the clock runs; x and the result are not.
 * fp32, bf16, and int8 by int8 with y in fp32 instead of fp16, which oneDNN lacks on CPUs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ffn_reference.h"
#include "peers/ffn_operands.h"
#include "peers/onednn.h"
#include "peers/peer_ffn.h"
#include "peers/peer_result.h"
#include "timing.h"

enum { RUNS = 5, LONG_RUNS = 3, MOST_PRODUCTS = 3 * FFN_MOST_EXPERTS };

static const double long_run_seconds = 1.0;

typedef struct network {
    const workload *load;
    const ffn_problem *problem;
    onednn *library;
    clf_dtype dtype; /* of x, weights and hidden activations */
    clf_dtype y_dtype;
    unsigned char *staging; /* one expert's weight */
    unsigned char *x;
    unsigned char *hidden;
    unsigned char *gate; /* GLU: the right half, activated */
    unsigned char *y;
    float *bias[2];
    float *scale[2];
    float *quant_scale;
    float *quant_offset;
    size_t num_products;
    onednn_product *products[MOST_PRODUCTS];
} network;

/* ---- Products ------------------------------------------------------------------------------ */

/* Columns of product `which` of an expert from `first_column` on. */
static onednn_request request_for(const network *network, int which, size_t expert, int64_t rows,
                                  int64_t first_column, int64_t columns) {
    const ffn_product *product = &network->problem->products[which];
    const size_t place = expert * (size_t)product->width + (size_t)first_column;
    const bool is_transposed = network->problem->is_transposed;
    const int64_t b_place = is_transposed ? first_column * product->depth : first_column;
    return (onednn_request){
        .rows = rows,
        .columns = columns,
        .depth = product->depth,
        .dtype = network->dtype,
        .c_dtype = network->dtype,
        .a_step = product->depth,
        .b = network->staging + dtype_bytes(network->dtype, (uint64_t)b_place),
        .b_step = is_transposed ? product->depth : product->width,
        .b_is_transposed = is_transposed,
        .bias = network->bias[which] ? network->bias[which] + place : NULL,
        .scale = network->scale[which] ? network->scale[which] + place : NULL,
        .factor_dtype = CLF_DTYPE_FP32,
        .c_step = columns,
    };
}

static bool add(network *network, const onednn_request *request) {
    onednn_product *product = onednn_product_create(network->library, request);
    if (product) {
        network->products[network->num_products++] = product;
    }
    return product != NULL;
}

static void stage_weight(const network *network, int which, size_t expert) {
    static const clf_slot slots[] = {CLF_SLOT_WEIGHT1, CLF_SLOT_WEIGHT2};
    const ffn_product *product = &network->problem->products[which];
    const size_t count = (size_t)product->depth * (size_t)product->width;
    const size_t index = workload_tensor(network->load, slots[which]);
    data_source_copy(&network->load->sources[index], (uint64_t)expert * count, count,
                     network->staging);
}

static bool add_first(network *network, size_t expert, int64_t row, int64_t rows) {
    stage_weight(network, 0, expert);
    const ffn_problem *problem = network->problem;
    const int64_t columns = problem->products[1].depth;
    const bool is_glu = ffn_is_glu(problem);
    const void *x =
        network->x + dtype_bytes(network->dtype, (uint64_t)(row * problem->products[0].depth));
    float quantise[2] = {1.0f, 0.0f};
    if (is_glu) {
        onednn_request gate = request_for(network, 0, expert, rows, columns, columns);
        gate.a = x;
        gate.c = network->gate + dtype_bytes(CLF_DTYPE_FP32, (uint64_t)(row * columns));
        gate.c_dtype = CLF_DTYPE_FP32;
        gate.is_activated = true;
        gate.activation = ffn_pass_activation(problem);
        if (!add(network, &gate)) {
            return false;
        }
    }
    onednn_request hidden = request_for(network, 0, expert, rows, 0, columns);
    hidden.a = x;
    hidden.c = network->hidden + dtype_bytes(network->dtype, (uint64_t)(row * columns));
    hidden.is_activated = !is_glu;
    hidden.activation = ffn_pass_activation(problem);
    if (is_glu) {
        hidden.factor = network->gate + dtype_bytes(CLF_DTYPE_FP32, (uint64_t)(row * columns));
    }
    if (network->quant_scale) {
        quantise[0] = network->quant_scale[expert];
        quantise[1] = network->quant_offset[expert];
        hidden.quantise = quantise;
    }
    return add(network, &hidden);
}

static bool add_second(network *network, size_t expert, int64_t row, int64_t rows) {
    stage_weight(network, 1, expert);
    const ffn_product *product = &network->problem->products[1];
    onednn_request out = request_for(network, 1, expert, rows, 0, product->width);
    out.a = network->hidden + dtype_bytes(network->dtype, (uint64_t)(row * product->depth));
    out.c = network->y + dtype_bytes(network->y_dtype, (uint64_t)(row * product->width));
    out.c_dtype = network->y_dtype;
    return add(network, &out);
}

static bool add_products(network *network) {
    int64_t row = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < ffn_num_ranges(network->problem); i++) {
        const int64_t rows = ffn_range_tokens(network->problem, i);
        ok = rows == 0 || (add_first(network, i, row, rows) && add_second(network, i, row, rows));
        row += rows;
    }
    return ok;
}

/* ---- Data ---------------------------------------------------------------------------------- */

static bool load_vectors(network *network) {
    const workload *load = network->load;
    bool missing = false;
    network->bias[0] = ffn_operand(load, CLF_SLOT_BIAS1, &missing);
    network->bias[1] = ffn_operand(load, CLF_SLOT_BIAS2, &missing);
    network->scale[0] = ffn_operand(load, CLF_SLOT_DEQ_SCALE1, &missing);
    network->scale[1] = ffn_operand(load, CLF_SLOT_DEQ_SCALE2, &missing);
    network->quant_scale = ffn_operand(load, CLF_SLOT_SCALE, &missing);
    network->quant_offset = ffn_operand(load, CLF_SLOT_OFFSET, &missing);
    return !missing;
}

static bool load_all(network *network) {
    const ffn_problem *problem = network->problem;
    const ffn_product *products = problem->products;
    const uint64_t tokens = (uint64_t)problem->tokens;
    const uint64_t first = (uint64_t)products[0].depth * (uint64_t)products[0].width;
    const uint64_t second = (uint64_t)products[1].depth * (uint64_t)products[1].width;
    const uint64_t hidden = tokens * (uint64_t)products[1].depth;
    network->x = workload_contents(network->load, workload_tensor(network->load, CLF_SLOT_X));
    network->staging = malloc(dtype_bytes(network->dtype, first > second ? first : second));
    network->hidden = malloc(dtype_bytes(network->dtype, hidden));
    network->gate = malloc(dtype_bytes(CLF_DTYPE_FP32, ffn_is_glu(problem) ? hidden : 1));
    network->y = malloc(dtype_bytes(network->y_dtype, tokens * (uint64_t)products[1].width));
    return network->x && network->staging && network->hidden && network->gate && network->y &&
           load_vectors(network);
}

static void release(network *network) {
    for (size_t i = 0; i < network->num_products; i++) {
        onednn_product_destroy(network->products[i]);
    }
    for (int i = 0; i < 2; i++) {
        free(network->bias[i]);
        free(network->scale[i]);
    }
    free(network->quant_scale);
    free(network->quant_offset);
    free(network->x);
    free(network->staging);
    free(network->hidden);
    free(network->gate);
    free(network->y);
    onednn_close(network->library);
    free(network);
}

/* ---- The peer ------------------------------------------------------------------------------ */

/* Seconds; negative if oneDNN failed. */
static double run_once(network *network) {
    double begin = now_seconds();
    bool ok = true;
    for (size_t i = 0; ok && i < network->num_products; i++) {
        ok = onednn_product_start(network->products[i]);
    }
    ok = onednn_wait(network->library) && ok;
    return ok ? now_seconds() - begin : -1.0;
}

static bool is_right(const network *network) {
    const ffn_problem *problem = network->problem;
    size_t count = (size_t)problem->tokens * (size_t)problem->products[1].width;
    float *y = malloc(count * sizeof *y);
    if (y) {
        pass_widen(network->y_dtype, network->y, y, count);
    }
    bool ok = y && ffn_is_right(network->load, y);
    free(y);
    return ok;
}

static void time_runs(network *network, peer_result *out) {
    double samples[RUNS] = {0};
    double seconds = run_once(network);
    size_t runs = seconds > long_run_seconds ? LONG_RUNS : RUNS;
    if (seconds < 0.0) {
        peer_unavailable(out, "oneDNN failed to run");
        return;
    }
    if (!is_right(network)) {
        peer_unavailable(out, "its result is wrong");
        return;
    }
    for (size_t i = 0; i < runs; i++) {
        samples[i] = run_once(network);
    }
    out->time = summarize(samples, runs);
    out->available = out->time.minimum > 0.0;
    snprintf(out->detail, sizeof out->detail, "oneDNN %s, %zu threads; weights in its own layout%s",
             onednn_version(network->library), thread_team_size(network->load->session->team),
             network->y_dtype == network->load->dtype ? "" : "; y in fp32");
}

/* NULL if oneDNN can do it. */
static const char *refusal(const workload *load) {
    const ffn_problem *problem = load->problem;
    if (!load->session->is_cpu) {
        return "it runs on the host, the candidate does not";
    }
    if (problem->mode == FFN_MODE_WEIGHT_INT8 || problem->mode == FFN_MODE_WEIGHT_INT4) {
        return "its matrix products take no quantised weights with such x";
    }
    if (problem->mode == FFN_MODE_FLOAT && load->dtype == CLF_DTYPE_FP16) {
        return "its matrix products have no fp16 on CPUs";
    }
    return problem->scale_per_column ? "a scale for each column is not put to it" : NULL;
}

static double bytes_needed(const workload *load) {
    double bytes = 0.0;
    for (size_t i = 0; i < load->num_tensors; i++) {
        bytes +=
            3.0 * (double)dtype_bytes(load->tensors[i].dtype, tensor_elements(&load->tensors[i]));
    }
    return bytes;
}

static void run_network(network *network, peer_result *out) {
    char why[96] = "";
    const size_t threads = thread_team_size(network->load->session->team);
    network->library = onednn_open(threads, why, sizeof why);
    if (!network->library) {
        peer_unavailable(out, "%s", why);
    } else if (!load_all(network)) {
        peer_unavailable(out, "no host memory");
    } else if (!add_products(network)) {
        peer_unavailable(out, "oneDNN %s has no such products", onednn_version(network->library));
    } else {
        time_runs(network, out);
    }
}

void peer_onednn_ffn(const workload *load, peer_result *out) {
    const char *why = refusal(load);
    const double bytes = bytes_needed(load);
    *out = (peer_result){0};
    if (why) {
        peer_unavailable(out, "%s", why);
        return;
    }
    if (bytes > 0.8 * (double)host_memory_available()) {
        peer_unavailable(out, "it needs %.1f GB of host memory", 1e-9 * bytes);
        return;
    }
    network *network = calloc(1, sizeof *network);
    if (!network) {
        peer_unavailable(out, "no host memory");
        return;
    }
    network->load = load;
    network->problem = load->problem;
    network->dtype = network->problem->mode == FFN_MODE_INT8 ? CLF_DTYPE_INT8 : load->dtype;
    network->y_dtype = load->dtype == CLF_DTYPE_BF16 ? CLF_DTYPE_BF16 : CLF_DTYPE_FP32;
    run_network(network, out);
    release(network);
}
