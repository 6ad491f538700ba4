/* See floyd_slabs.h. Of the products, those with one end of the edges are batched over n and those
 * with the other end over m, where rows of a matrix are M * D or M * K apart. */
#include "peers/floyd_slabs.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "peers/unfused_passes.h"

enum { STATISTIC_COPIES = 8 };

/* ---- Data ---------------------------------------------------------------------------------- */

/* A tensor of the workload in fp32; NULL if memory lacks. */
static float *widened(const workload *load, clf_slot slot) {
    size_t index = workload_tensor(load, slot);
    size_t count = (size_t)tensor_elements(&load->tensors[index]);
    void *stored = workload_contents(load, index);
    if (!stored || load->tensors[index].dtype == CLF_DTYPE_FP32) {
        return stored;
    }
    float *values = malloc(count * sizeof *values);
    if (values) {
        pass_widen(load->dtype, stored, values, count);
    }
    free(stored);
    return values;
}

/* The first copy of each row's statistic. */
static float *statistics(const workload *load, clf_slot slot) {
    size_t count = (size_t)tensor_elements(&load->tensors[workload_tensor(load, slot)]);
    float *values = widened(load, slot);
    for (size_t i = 0; values && i < count / STATISTIC_COPIES; i++) {
        values[i] = values[i * STATISTIC_COPIES];
    }
    return values;
}

static bool load_inputs(floyd_operands *out, const workload *load) {
    out->query = widened(load, CLF_SLOT_QUERY);
    out->key1 = widened(load, CLF_SLOT_KEY1);
    out->value1 = widened(load, CLF_SLOT_VALUE1);
    out->key2 = widened(load, CLF_SLOT_KEY2);
    out->value2 = widened(load, CLF_SLOT_VALUE2);
    bool ok = out->query && out->key1 && out->value1 && out->key2 && out->value2;
    if (ok && out->problem->mask != FLOYD_MASK_NONE) {
        out->mask = workload_contents(load, workload_tensor(load, CLF_SLOT_ATTEN_MASK));
        ok = out->mask != NULL;
    }
    if (ok && out->is_gradient) {
        out->grad_output = widened(load, CLF_SLOT_GRAD_OUTPUT);
        out->attention_in = widened(load, CLF_SLOT_ATTENTION_IN);
        out->maxima = statistics(load, CLF_SLOT_SOFTMAX_MAX);
        out->sums = statistics(load, CLF_SLOT_SOFTMAX_SUM);
        ok = out->grad_output && out->attention_in && out->maxima && out->sums;
    }
    return ok;
}

static float *zeros(size_t a, size_t b, size_t c) {
    return calloc(a * b * c, sizeof(float));
}

static bool allocate_results(floyd_operands *out) {
    size_t nm = out->num_heads * out->n * out->m;
    size_t nk = out->num_heads * out->n * out->k;
    size_t km = out->num_heads * out->k * out->m;
    const size_t rows[FLOYD_GRADIENTS] = {nm, nk, nk, km, km};
    if (!out->is_gradient) {
        out->out = zeros(nm, out->depth, 1);
        return out->out != NULL;
    }
    bool ok = true;
    for (int i = 0; i < FLOYD_GRADIENTS; i++) {
        out->gradients[i] = zeros(rows[i], out->depth, 1);
        ok = ok && out->gradients[i];
    }
    return ok;
}

bool floyd_operands_open(floyd_operands *out, const workload *load) {
    const floyd_problem *problem = load->problem;
    *out = (floyd_operands){.problem = problem,
                            .is_gradient = floyd_is_gradient(load),
                            .n = (size_t)problem->n,
                            .m = (size_t)problem->m,
                            .k = (size_t)problem->k,
                            .depth = (size_t)problem->depth,
                            .num_heads = (size_t)(problem->batch * problem->heads),
                            .scale = (float)problem->scale};
    return load_inputs(out, load) && allocate_results(out);
}

void floyd_operands_close(floyd_operands *operands) {
    free(operands->query);
    free(operands->key1);
    free(operands->value1);
    free(operands->key2);
    free(operands->value2);
    free(operands->mask);
    free(operands->out);
    free(operands->grad_output);
    free(operands->attention_in);
    free(operands->maxima);
    free(operands->sums);
    for (int i = 0; i < FLOYD_GRADIENTS; i++) {
        free(operands->gradients[i]);
    }
    *operands = (floyd_operands){0};
}

double floyd_operands_bytes(const workload *load) {
    double bytes = 0.0;
    for (size_t i = 0; i < load->num_tensors; i++) {
        bytes += sizeof(float) * (double)tensor_elements(&load->tensors[i]);
    }
    return bytes;
}

float *const *floyd_operands_results(const floyd_operands *operands) {
    return operands->is_gradient ? operands->gradients : &operands->out;
}

/* ---- Products ------------------------------------------------------------------------------ */

/* Where (n, m) of a slab's head begins in a tensor like query, (n, k) in one like key1 with k = 0,
 * (k, m) in one like key2 with k = 0, and the scores of (n, m). */
static size_t edge(const floyd_operands *operands, const floyd_slab *slab, size_t n, size_t m) {
    return ((slab->head * operands->n + n) * operands->m + m) * operands->depth;
}

static size_t first_side(const floyd_operands *operands, const floyd_slab *slab, size_t n) {
    return (slab->head * operands->n + n) * operands->k * operands->depth;
}

static size_t second_side(const floyd_operands *operands, const floyd_slab *slab, size_t m) {
    return (slab->head * operands->k * operands->m + m) * operands->depth;
}

static size_t scores_of(const floyd_operands *operands, const floyd_slab *slab, size_t n,
                        size_t m) {
    return ((n - slab->begin) * operands->m + m) * operands->k;
}

/* scores[n][m][k] = scale * vectors[n][m][.] . (sides1[n][k][.] + sides2[k][m][.]) */
static void multiply_sides(const floyd_operands *operands, const floyd_slab *slab,
                           const float *vectors, const float *sides1, const float *sides2,
                           float scale, float *scores) {
    const size_t depth = operands->depth;
    for (size_t n = slab->begin; n < slab->end; n++) {
        const blas_product product = {.rows = operands->m,
                                      .columns = operands->k,
                                      .depth = depth,
                                      .scale = scale,
                                      .a = vectors + edge(operands, slab, n, 0),
                                      .a_step = depth,
                                      .b = sides1 + first_side(operands, slab, n),
                                      .b_step = depth,
                                      .b_is_transposed = true,
                                      .c = scores + scores_of(operands, slab, n, 0),
                                      .c_step = operands->k};
        blas_multiply(&product);
    }
    for (size_t m = 0; m < operands->m; m++) {
        const blas_product product = {.rows = slab->end - slab->begin,
                                      .columns = operands->k,
                                      .depth = depth,
                                      .scale = scale,
                                      .a = vectors + edge(operands, slab, slab->begin, m),
                                      .a_step = operands->m * depth,
                                      .b = sides2 + second_side(operands, slab, m),
                                      .b_step = operands->m * depth,
                                      .b_is_transposed = true,
                                      .c = scores + scores_of(operands, slab, slab->begin, m),
                                      .c_step = operands->m * operands->k,
                                      .adds = true};
        blas_multiply(&product);
    }
}

/* out[n][m][.] = scale * sum over k of weights[n][m][k] * (sides1[n][k][.] + sides2[k][m][.]) */
static void weigh_sides(const floyd_operands *operands, const floyd_slab *slab,
                        const float *weights, const float *sides1, const float *sides2, float scale,
                        float *out) {
    const size_t depth = operands->depth;
    for (size_t n = slab->begin; n < slab->end; n++) {
        const blas_product product = {.rows = operands->m,
                                      .columns = depth,
                                      .depth = operands->k,
                                      .scale = scale,
                                      .a = weights + scores_of(operands, slab, n, 0),
                                      .a_step = operands->k,
                                      .b = sides1 + first_side(operands, slab, n),
                                      .b_step = depth,
                                      .c = out + edge(operands, slab, n, 0),
                                      .c_step = depth};
        blas_multiply(&product);
    }
    for (size_t m = 0; m < operands->m; m++) {
        const blas_product product = {.rows = slab->end - slab->begin,
                                      .columns = depth,
                                      .depth = operands->k,
                                      .scale = scale,
                                      .a = weights + scores_of(operands, slab, slab->begin, m),
                                      .a_step = operands->m * operands->k,
                                      .b = sides2 + second_side(operands, slab, m),
                                      .b_step = operands->m * depth,
                                      .c = out + edge(operands, slab, slab->begin, m),
                                      .c_step = operands->m * depth,
                                      .adds = true};
        blas_multiply(&product);
    }
}

/* out1[n][k][.] = scale * sum over m of weights[n][m][k] * vectors[n][m][.]; out2, a head's [K][M][D],
 * the same over the n of the slab. */
static void weigh_edges(const floyd_operands *operands, const floyd_slab *slab,
                        const float *weights, const float *vectors, float scale, float *out1,
                        float *out2) {
    const size_t depth = operands->depth;
    for (size_t n = slab->begin; n < slab->end; n++) {
        const blas_product product = {.rows = operands->k,
                                      .columns = depth,
                                      .depth = operands->m,
                                      .scale = scale,
                                      .a = weights + scores_of(operands, slab, n, 0),
                                      .a_step = operands->k,
                                      .a_is_transposed = true,
                                      .b = vectors + edge(operands, slab, n, 0),
                                      .b_step = depth,
                                      .c = out1 + first_side(operands, slab, n),
                                      .c_step = depth};
        blas_multiply(&product);
    }
    for (size_t m = 0; m < operands->m; m++) {
        const blas_product product = {.rows = operands->k,
                                      .columns = depth,
                                      .depth = slab->end - slab->begin,
                                      .scale = scale,
                                      .a = weights + scores_of(operands, slab, slab->begin, m),
                                      .a_step = operands->m * operands->k,
                                      .a_is_transposed = true,
                                      .b = vectors + edge(operands, slab, slab->begin, m),
                                      .b_step = operands->m * depth,
                                      .c = out2 + m * depth,
                                      .c_step = operands->m * depth,
                                      .adds = slab->adds};
        blas_multiply(&product);
    }
}

/* ---- A slab -------------------------------------------------------------------------------- */

void floyd_slab_scores(const floyd_operands *operands, const floyd_slab *slab) {
    multiply_sides(operands, slab, operands->query, operands->key1, operands->key2, operands->scale,
                   slab->scores);
    if (operands->is_gradient) {
        multiply_sides(operands, slab, operands->grad_output, operands->value1, operands->value2,
                       1.0f, slab->grads);
    }
}

static void fill_masked(const floyd_operands *operands, const floyd_slab *slab, size_t row,
                        float *scores) {
    size_t mask_row = slab->begin + row / operands->m;
    if (operands->problem->mask == FLOYD_MASK_BHNMK) {
        mask_row = (slab->head * operands->n + slab->begin) * operands->m + row;
    } else {
        mask_row += slab->head / (size_t)operands->problem->heads * operands->n;
    }
    pass_masked_fill(scores, operands->mask + mask_row * operands->k, 1, -FLT_MAX, operands->k);
}

void floyd_slab_rows(const floyd_operands *operands, const floyd_slab *slab, size_t first,
                     size_t last) {
    const size_t head_row = (slab->head * operands->n + slab->begin) * operands->m;
    for (size_t row = first; row < last; row++) {
        float *scores = slab->scores + row * operands->k;
        if (operands->mask) {
            fill_masked(operands, slab, row, scores);
        }
        if (!operands->is_gradient) {
            pass_softmax_row(scores, operands->k);
            continue;
        }
        size_t place = (head_row + row) * operands->depth;
        float delta = pass_dot(operands->grad_output + place, operands->attention_in + place,
                               operands->depth);
        pass_attention_gradient_row(scores, slab->grads + row * operands->k,
                                    operands->maxima[head_row + row],
                                    operands->sums[head_row + row], delta, operands->k);
    }
}

void floyd_slab_results(const floyd_operands *operands, const floyd_slab *slab) {
    if (!operands->is_gradient) {
        weigh_sides(operands, slab, slab->scores, operands->value1, operands->value2, 1.0f,
                    operands->out);
        return;
    }
    weigh_sides(operands, slab, slab->grads, operands->key1, operands->key2, operands->scale,
                operands->gradients[0]);
    weigh_edges(operands, slab, slab->grads, operands->query, operands->scale,
                operands->gradients[1], slab->grad_key2);
    weigh_edges(operands, slab, slab->scores, operands->grad_output, 1.0f, operands->gradients[2],
                slab->grad_value2);
}
