/* Rows of the Floyd operators in double, with the effect of single roundings. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "floyd_internal.h"
#include "storage_types.h"

/* Half a unit in the last place of fp32, relative. */
static const double unit = 0x1p-24;

/* Exponential functions err by about this many of them, and by as many as the score is large. */
static const double exponential_units = 3.0;

/* Exponentials below the normal fp32 numbers may be 0 (flush to zero), all of them lost. */
static const double all_of_an_exponential = 1.0;

static double square(double value) {
    return value * value;
}

/* ---- Effects of many roundings ---- */

/* Errors of different terms go in independent directions, those of equal terms, computed from equal
 * numbers, in the same one: they are added before they are squared. */
typedef struct effects {
    double squares;
    double run; /* of the equal terms at hand */
} effects;

static void add_effect(effects *total, bool goes_on, double moved) {
    if (!goes_on) {
        total->squares += square(total->run);
        total->run = 0.0;
    }
    total->run += fabs(moved);
}

static double size_of_effects(const effects *total) {
    return sqrt(total->squares + square(total->run));
}

/* A sum, and how far it moves with its terms and with the roundings of its partial sums. */
typedef struct moving_sum {
    double value;
    double last; /* term */
    double last_moved;
    effects terms;
    effects steps;
} moving_sum;

/* A term of one part, or of two that are added one after the other. Terms that are exactly 0, such
 * as masked ones, leave a run of equal terms as it is. */
static void add_term(moving_sum *sum, double first, double second, double moved) {
    const double term = first + second;
    if (term == 0.0 && moved == 0.0) {
        return;
    }
    const bool goes_on = term == sum->last && moved == sum->last_moved;
    if (second != 0.0) {
        add_effect(&sum->steps, goes_on, sum->value + first);
    }
    sum->value += term;
    sum->last = term;
    sum->last_moved = moved;
    add_effect(&sum->terms, goes_on, moved);
    add_effect(&sum->steps, goes_on, sum->value);
}

static double moved_by(const moving_sum *sum) {
    return size_of_effects(&sum->terms) + unit * size_of_effects(&sum->steps);
}

/* ---- Products of an edge with both of its other vectors ---- */

/* a . (b + c), and how far roundings move it: the partial sums of a random walk of 2 D steps. */
static double dot_both(const oracle_floyd *problem, const float *a, const float *b, const float *c,
                       double *product_unit) {
    double product = 0.0;
    double squares = 0.0;
    for (int64_t d = 0; d < problem->depth; d++) {
        const double first = (double)a[d] * (double)b[d];
        const double second = (double)a[d] * (double)c[d];
        product += first + second;
        squares += first * first + second * second;
    }
    *product_unit = unit * sqrt(2.0 * (double)problem->depth * squares);
    return product;
}

/* One score and how far roundings move it; masked ones are exact. */
static double score_of(const oracle_floyd *problem, const oracle_floyd_triple *at,
                       double *score_unit) {
    *score_unit = 0.0;
    if (oracle_floyd_is_masked(problem, at->n, at->m, at->k)) {
        return -(double)FLT_MAX;
    }
    double product_unit = 0.0;
    const double product =
        dot_both(problem, oracle_floyd_at(problem, ORACLE_FLOYD_QUERY, at->n, at->m),
                 oracle_floyd_at(problem, ORACLE_FLOYD_KEY1, at->n, at->k),
                 oracle_floyd_at(problem, ORACLE_FLOYD_KEY2, at->k, at->m), &product_unit);
    const double score = problem->scale * product;
    *score_unit = fabs(problem->scale) * product_unit + 2.0 * unit * fabs(score);
    return score;
}

/* ---- Forward ---- */

static void compute_scores(oracle_floyd *problem, const oracle_floyd_place *place,
                           oracle_floyd_row *result) {
    double *scores = problem->work;
    double *units = problem->work + problem->k;
    result->max = -(double)INFINITY;
    for (int64_t k = 0; k < problem->k; k++) {
        const oracle_floyd_triple at = {.n = place->i, .m = place->j, .k = k};
        scores[k] = score_of(problem, &at, &units[k]);
        result->num_live += !oracle_floyd_is_masked(problem, at.n, at.m, at.k);
        result->is_nan |= isnan(scores[k]);
        if (scores[k] > result->max) {
            result->max = scores[k];
            result->max_unit = units[k] + unit * fabs(scores[k]);
        }
    }
}

/* Scores become exponentials, their units those of the exponentials, relative. */
static void compute_exponentials(oracle_floyd *problem, oracle_floyd_row *result) {
    double *scores = problem->work;
    double *units = problem->work + problem->k;
    moving_sum sum;
    memset(&sum, 0, sizeof sum);
    for (int64_t k = 0; k < problem->k; k++) {
        const double distance = result->max - scores[k];
        scores[k] = exp(-distance);
        units[k] += unit * (distance + exponential_units);
        units[k] = scores[k] < (double)FLT_MIN ? all_of_an_exponential : units[k];
        add_term(&sum, scores[k], 0.0, scores[k] * units[k]);
    }
    result->sum = sum.value;
    result->sum_unit = size_of_effects(&sum.terms) / result->sum + result->max_unit + unit;
}

static void weigh_values(const oracle_floyd *problem, const oracle_floyd_place *place,
                         oracle_floyd_row *result) {
    for (int64_t k = 0; k < problem->k; k++) {
        const float *value1 = oracle_floyd_at(problem, ORACLE_FLOYD_VALUE1, place->i, k);
        const float *value2 = oracle_floyd_at(problem, ORACLE_FLOYD_VALUE2, k, place->j);
        for (int64_t d = 0; d < problem->depth; d++) {
            result->out[d] += problem->work[k] * ((double)value1[d] + (double)value2[d]);
        }
    }
    for (int64_t d = 0; d < problem->depth; d++) {
        result->out[d] /= result->sum;
    }
}

/* Effect of errors of each exponential, and of every partial sum. */
static void find_out_units(const oracle_floyd *problem, const oracle_floyd_place *place,
                           oracle_floyd_row *result) {
    const double *exponentials = problem->work;
    const double *units = problem->work + problem->k;
    moving_sum sums[ORACLE_FLOYD_MAX_DEPTH];
    memset(sums, 0, sizeof sums);
    for (int64_t k = 0; k < problem->k; k++) {
        const float *value1 = oracle_floyd_at(problem, ORACLE_FLOYD_VALUE1, place->i, k);
        const float *value2 = oracle_floyd_at(problem, ORACLE_FLOYD_VALUE2, k, place->j);
        for (int64_t d = 0; exponentials[k] > 0.0 && d < problem->depth; d++) {
            const double first = (double)value1[d];
            const double second = (double)value2[d];
            add_term(&sums[d], exponentials[k] * first, exponentials[k] * second,
                     exponentials[k] * units[k] * (first + second - result->out[d]));
        }
    }
    for (int64_t d = 0; d < problem->depth; d++) {
        result->out_unit[d] = moved_by(&sums[d]) / result->sum + unit * fabs(result->out[d]);
    }
}

/* Effect of rounding exponentials to bf16: of equal ones in one direction, of others in independent
 * ones. */
static void find_out_roundings(const oracle_floyd *problem, const oracle_floyd_place *place,
                               oracle_floyd_row *result) {
    const double *exponentials = problem->work;
    double squares[ORACLE_FLOYD_MAX_DEPTH] = {0.0};
    double run[ORACLE_FLOYD_MAX_DEPTH] = {0.0};
    for (int64_t k = 0; k < problem->k; k++) {
        const float *value1 = oracle_floyd_at(problem, ORACLE_FLOYD_VALUE1, place->i, k);
        const float *value2 = oracle_floyd_at(problem, ORACLE_FLOYD_VALUE2, k, place->j);
        const bool goes_on = k > 0 && exponentials[k] == exponentials[k - 1];
        const double rounding = 0.5 * oracle_ulp(CLF_DTYPE_BF16, exponentials[k]);
        for (int64_t d = 0; d < problem->depth; d++) {
            squares[d] += goes_on ? 0.0 : square(run[d]);
            run[d] = (goes_on ? run[d] : 0.0) + rounding * ((double)value1[d] + (double)value2[d]);
        }
    }
    for (int64_t d = 0; d < problem->depth; d++) {
        result->out_rounding[d] = sqrt(squares[d] + square(run[d])) / result->sum;
    }
}

void oracle_floyd_compute_row(oracle_floyd *problem, int64_t row, oracle_floyd_row *result) {
    const oracle_floyd_place place = oracle_floyd_enter(problem, ORACLE_FLOYD_QUERY, row);
    memset(result, 0, sizeof *result);
    compute_scores(problem, &place, result);
    if (result->is_nan) {
        for (int64_t d = 0; d < problem->depth; d++) {
            result->out[d] = (double)NAN;
        }
        return;
    }
    compute_exponentials(problem, result);
    weigh_values(problem, &place, result);
    find_out_units(problem, &place, result);
    find_out_roundings(problem, &place, result);
}

/* ---- Gradients ---- */

/* p or ds of one triple, and how far roundings move it. */
typedef struct weight {
    double value;
    double moved;
} weight;

static weight weight_of(const oracle_floyd *problem, bool is_of_value,
                        const oracle_floyd_triple *at) {
    const double max = (double)*oracle_floyd_at(problem, ORACLE_FLOYD_SOFTMAX_MAX, at->n, at->m);
    const double sum = (double)*oracle_floyd_at(problem, ORACLE_FLOYD_SOFTMAX_SUM, at->n, at->m);
    double score_unit = 0.0;
    const double distance = max - score_of(problem, at, &score_unit);
    const double exponential = exp(-distance);
    const double p = exponential / sum;
    const double p_unit = p == 0.0 ? 0.0
                          : exponential < (double)FLT_MIN
                              ? all_of_an_exponential
                              : score_unit + unit * (fabs(distance) + exponential_units + 1.0);
    if (is_of_value) {
        return (weight){p, fabs(p) * p_unit};
    }
    const float *grad_output = oracle_floyd_at(problem, ORACLE_FLOYD_GRAD_OUTPUT, at->n, at->m);
    const float *attention = oracle_floyd_at(problem, ORACLE_FLOYD_ATTENTION_IN, at->n, at->m);
    double dp_unit = 0.0;
    const double dp =
        dot_both(problem, grad_output, oracle_floyd_at(problem, ORACLE_FLOYD_VALUE1, at->n, at->k),
                 oracle_floyd_at(problem, ORACLE_FLOYD_VALUE2, at->k, at->m), &dp_unit);
    double delta = 0.0;
    double squares = 0.0;
    for (int64_t d = 0; d < problem->depth; d++) {
        delta += (double)grad_output[d] * (double)attention[d];
        squares += square((double)grad_output[d] * (double)attention[d]);
    }
    const double delta_unit = unit * sqrt((double)problem->depth * squares);
    const double ds = p * (dp - delta);
    const double moved = sqrt(square(ds * p_unit) + square(p * dp_unit) + square(p * delta_unit));
    return (weight){ds, moved + 2.0 * unit * fabs(ds)};
}

/* How far rounding a weight to bf16, if its gradient is, moves it. */
static double rounding_of(const oracle_floyd *problem, oracle_floyd_operand of, double weight) {
    const bool is_bf16 = problem->inputs.operands[of].view.dtype == CLF_DTYPE_BF16;
    return is_bf16 ? 0.5 * oracle_ulp(CLF_DTYPE_BF16, weight) : 0.0;
}

/* The vectors that a weight meets: query's gradient has two, the others one and NULL. */
static void vectors_of(const oracle_floyd *problem, oracle_floyd_operand of,
                       const oracle_floyd_triple *at, const float *vectors[2]) {
    vectors[1] = NULL;
    switch (of) {
    case ORACLE_FLOYD_QUERY:
        vectors[0] = oracle_floyd_at(problem, ORACLE_FLOYD_KEY1, at->n, at->k);
        vectors[1] = oracle_floyd_at(problem, ORACLE_FLOYD_KEY2, at->k, at->m);
        break;
    case ORACLE_FLOYD_KEY1:
    case ORACLE_FLOYD_KEY2:
        vectors[0] = oracle_floyd_at(problem, ORACLE_FLOYD_QUERY, at->n, at->m);
        break;
    default:
        vectors[0] = oracle_floyd_at(problem, ORACLE_FLOYD_GRAD_OUTPUT, at->n, at->m);
        break;
    }
}

void oracle_floyd_compute_grad_row(oracle_floyd *problem, oracle_floyd_operand of, int64_t row,
                                   double *values, double *units) {
    const oracle_floyd_place place = oracle_floyd_enter(problem, of, row);
    const bool is_of_value = of == ORACLE_FLOYD_VALUE1 || of == ORACLE_FLOYD_VALUE2;
    const int64_t length = oracle_floyd_sum_length(problem, of);
    const double num_terms = (double)length * (of == ORACLE_FLOYD_QUERY ? 2.0 : 1.0);
    const double factor = is_of_value ? 1.0 : problem->scale;
    moving_sum sums[ORACLE_FLOYD_MAX_DEPTH];
    double walk[ORACLE_FLOYD_MAX_DEPTH] = {0.0};
    memset(sums, 0, sizeof sums);
    for (int64_t term = 0; term < length; term++) {
        const oracle_floyd_triple at = oracle_floyd_sum_term(of, &place, term);
        const weight w = weight_of(problem, is_of_value, &at);
        const double rounding = rounding_of(problem, of, w.value);
        const float *vectors[2];
        vectors_of(problem, of, &at, vectors);
        for (int64_t d = 0; d < problem->depth; d++) {
            const double first = (double)vectors[0][d];
            const double second = vectors[1] != NULL ? (double)vectors[1][d] : 0.0;
            add_term(&sums[d], w.value * first, w.value * second,
                     (w.moved + rounding) * (first + second));
            walk[d] += square(w.value * first) + square(w.value * second);
        }
    }
    for (int64_t d = 0; d < problem->depth; d++) {
        /* A sum in another order has other partial sums: those of a random walk. */
        const double random_walk = unit * sqrt(num_terms * walk[d]);
        values[d] = factor * sums[d].value;
        units[d] = fabs(factor) * (moved_by(&sums[d]) + random_walk) + 2.0 * unit * fabs(values[d]);
    }
}
