/* One row of a gradient: a sum of weights times vectors over query-key pairs; in double, with the
 * effect of single roundings, and in plain fp32. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "attention_grad_internal.h"
#include "storage_types.h"

/* Half a unit in the last place of fp32, relative. */
static const double unit = 0x1p-24;
/* Exponential functions err by about this many of them, and by as many as the logit is large; the
 * division by the sum adds one. */
static const double exponential_units = 4.0;
/* The saved maximum is in natural units: computing in powers of two takes two more roundings. */
static const double maximum_units = 2.0;
/* Probabilities below the normal fp32 numbers may be 0 (flush to zero), all of them lost. */
static const double all_of_a_probability = 1.0;

static double square(double value) {
    return value * value;
}

/* ---- The pairs that a row sums over ---- */

typedef struct pair {
    oracle_attention_place place; /* the query row */
    int64_t number;               /* of the query row within the key head at hand */
    int64_t key;
} pair;

typedef struct summation summation;
typedef void (*add_pair)(summation *sum, const pair *at);

struct summation {
    oracle_attention_grad *problem;
    oracle_gradient of;
    add_pair add;
    double *values;
    double *squares; /* of independent errors of the weights */
    double *walk;    /* of the terms */
    double *shared;  /* by how much the row's delta moves the result; grad_query only */
    double num_terms;
};

/* All keys of a query row, or one. */
static void add_query_row(summation *sum, const oracle_attention_place *place, int64_t begin,
                          int64_t end) {
    const oracle_attention_grad *problem = sum->problem;
    const int64_t length = problem->forward.elements[place->element].query_length;
    pair at = {*place, place->head % problem->group * length + place->row, 0};
    for (at.key = begin; at.key < end; at.key++) {
        const oracle_grad_row_kind kind = problem->rows[at.number].kind;
        if (kind == ORACLE_ROW_UNIFORM ||
            (kind == ORACLE_ROW_COMPUTED &&
             oracle_attention_is_computed(&problem->forward, place, at.key))) {
            sum->add(sum, &at);
        }
    }
}

/* The sequence of a key token, -1 if it is behind them all; and its number there. */
static int64_t find_element(const oracle_attention *of, const oracle_attention_token *token,
                            int64_t *key) {
    *key = token->token;
    if (of->layout != ORACLE_TND) {
        return token->batch;
    }
    for (int64_t b = 0; b < of->num_batch; b++) {
        const oracle_attention_element *element = &of->elements[b];
        if (token->token >= element->key_begin &&
            token->token < element->key_begin + element->key_length) {
            *key = token->token - element->key_begin;
            return b;
        }
    }
    return -1;
}

static void add_key_row(summation *sum, int64_t row) {
    oracle_attention_grad *problem = sum->problem;
    const oracle_attention_token token = oracle_attention_grad_key_token(&problem->forward, row);
    int64_t key = 0;
    const int64_t element = find_element(&problem->forward, &token, &key);
    if (element < 0) {
        return;
    }
    oracle_attention_grad_enter(problem, element, token.head);
    const int64_t length = problem->forward.elements[element].query_length;
    for (int64_t number = 0; number < problem->group * length; number++) {
        const oracle_attention_place place = {
            element, token.head * problem->group + number / length, number % length};
        add_query_row(sum, &place, key, key + 1);
    }
}

/* Slopes, and biases given by their last rows, have no gradient. */
static bool bias_has_gradient(const oracle_attention_grad *problem) {
    const clf_tensor *pse = problem->args.pse;
    const bool is_compressed =
        problem->forward.layout == ORACLE_TND ||
        (pse->rank == 4 && pse->shape[2] == 1024 && problem->forward.longest_query > 1024);
    return problem->args.pse_type < 2 && !is_compressed;
}

static void add_bias_row(summation *sum, int64_t row) {
    oracle_attention_grad *problem = sum->problem;
    const int64_t *shape = problem->args.pse->shape;
    if (!bias_has_gradient(problem)) {
        return;
    }
    const int64_t head = row / shape[2] % shape[1];
    for (int64_t b = 0; b < problem->forward.num_batch; b++) {
        if (shape[0] > 1 && b != row / shape[2] / shape[1]) {
            continue;
        }
        oracle_attention_grad_enter(problem, b, head / problem->group);
        for (int64_t i = 0; i < problem->forward.longest_query; i++) {
            const oracle_attention_place place = {b, head, i};
            if (shape[2] == 1 || i == row % shape[2]) {
                sum->num_terms += 1.0;
                add_query_row(sum, &place, 0, problem->forward.elements[b].key_length);
            }
        }
    }
}

static void add_all(summation *sum, int64_t row) {
    if (sum->of == ORACLE_GRAD_PSE) {
        add_bias_row(sum, row);
        return;
    }
    if (sum->of != ORACLE_GRAD_QUERY) {
        add_key_row(sum, row);
        return;
    }
    const oracle_attention_place place = oracle_attention_row_place(&sum->problem->forward, row);
    oracle_attention_grad_enter(sum->problem, place.element, place.head / sum->problem->group);
    add_query_row(sum, &place, 0, sum->problem->forward.elements[place.element].key_length);
}

/* What multiplies the sum. */
static double factor_of(const oracle_attention_grad *problem, oracle_gradient of) {
    const bool scales = of == ORACLE_GRAD_QUERY || of == ORACLE_GRAD_KEY ||
                        (of == ORACLE_GRAD_PSE && problem->args.pse_type == 1);
    return scales ? (double)(float)problem->args.scale : 1.0;
}

/* Element `d` of the vector that a pair's weight meets. */
static double vector_at(const oracle_attention_grad *problem, oracle_gradient of, const pair *at,
                        int64_t d) {
    const oracle_attention *forward = &problem->forward;
    switch (of) {
    case ORACLE_GRAD_QUERY:
        return (double)forward->keys[at->key * forward->depth + d];
    case ORACLE_GRAD_KEY:
        return problem->queries[at->number * forward->depth + d];
    default:
        return problem->grad_outputs[at->number * forward->value_depth + d];
    }
}

/* ---- Double ---- */

/* p, and by how much roundings move it. */
static double probability_of(const oracle_attention_grad *problem, const pair *at, double *moved) {
    const oracle_grad_row *row = &problem->rows[at->number];
    double relative = unit;
    double p = 1.0 / row->sum;
    if (row->kind == ORACLE_ROW_COMPUTED) {
        double logit_unit = 0.0;
        const double logit = oracle_attention_logit(
            &problem->forward, &at->place, problem->queries + at->number * problem->forward.depth,
            at->key, &logit_unit);
        p = exp(logit - row->max) / row->sum;
        relative = logit_unit + unit * (fabs(row->max - logit) + exponential_units +
                                        maximum_units * fabs(row->max) + fabs(log(row->sum)));
        relative = p < (double)FLT_MIN ? all_of_a_probability : relative;
    }
    *moved = p * relative;
    return p;
}

/* ds; `moved`: by errors of its own, `moved_delta`: by that of the row's delta. */
static double score_gradient(const oracle_attention_grad *problem, const pair *at, double *moved,
                             double *moved_delta) {
    const int64_t depth = problem->forward.value_depth;
    const oracle_grad_row *row = &problem->rows[at->number];
    const double *grad_output = problem->grad_outputs + at->number * depth;
    const float *value = problem->forward.values + at->key * depth;
    const double keep = oracle_attention_keep(&problem->forward, &at->place, at->key);
    double product = 0.0;
    double squares = 0.0;
    for (int64_t d = 0; d < depth; d++) {
        product += grad_output[d] * (double)value[d];
        squares += square(grad_output[d] * (double)value[d]);
    }
    double p_moved = 0.0;
    const double p = probability_of(problem, at, &p_moved);
    const double difference = product * keep - row->delta;
    const double product_unit = unit * sqrt((double)depth * squares);
    *moved = sqrt(square(p_moved * difference) + square(p * keep * product_unit) +
                  square(p * unit * product * keep)) +
             2.0 * unit * fabs(p * difference);
    *moved_delta = p * row->delta_unit;
    return p * difference;
}

static double rounding_of(const oracle_attention_grad *problem, double weight) {
    return weight != 0.0 && isfinite(weight) ? 0.5 * oracle_ulp(problem->args.query->dtype, weight)
                                             : 0.0;
}

/* Adds a weight times its vector. */
static void add_weighted(summation *sum, const pair *at, double weight, double moved,
                         double moved_delta) {
    const oracle_attention_grad *problem = sum->problem;
    const int64_t width = oracle_attention_grad_width(problem, sum->of);
    const double rounding = rounding_of(problem, weight);
    sum->num_terms += 1.0;
    for (int64_t d = 0; d < width; d++) {
        const double value = vector_at(problem, sum->of, at, d);
        sum->values[d] += weight * value;
        sum->squares[d] += square(moved * value) + square(rounding * value);
        sum->walk[d] += square(weight * value);
        sum->shared[d] += moved_delta * value;
    }
}

static void add_in_double(summation *sum, const pair *at) {
    const oracle_attention_grad *problem = sum->problem;
    const oracle_attention *of = &problem->forward;
    double moved = 0.0;
    double moved_delta = 0.0;
    if (sum->of == ORACLE_GRAD_VALUE) {
        const double keep = oracle_attention_keep(of, &at->place, at->key);
        const double p = probability_of(problem, at, &moved);
        add_weighted(sum, at, p * keep, moved * keep + unit * p * keep, 0.0);
        return;
    }
    const double ds = score_gradient(problem, at, &moved, &moved_delta);
    const double independent = sqrt(square(moved) + square(moved_delta));
    if (sum->of == ORACLE_GRAD_QUERY) {
        add_weighted(sum, at, ds, moved, moved_delta);
    } else if (sum->of == ORACLE_GRAD_KEY) {
        add_weighted(sum, at, ds, independent, 0.0);
    } else {
        sum->values[at->key] += ds;
        sum->squares[at->key] += square(independent);
        sum->walk[at->key] += square(ds);
    }
}

void oracle_attention_compute_grad_row(oracle_attention_grad *problem, oracle_gradient of,
                                       int64_t row, double *values, double *units) {
    const int64_t width = oracle_attention_grad_width(problem, of);
    const double factor = factor_of(problem, of);
    summation sum = {.problem = problem,
                     .of = of,
                     .add = add_in_double,
                     .values = values,
                     .squares = problem->work,
                     .walk = problem->work + width,
                     .shared = problem->work + 2 * width};
    memset(values, 0, (size_t)width * sizeof *values);
    memset(problem->work, 0, 3 * (size_t)width * sizeof *problem->work);
    add_all(&sum, row);
    for (int64_t d = 0; d < width; d++) {
        values[d] *= factor;
        units[d] = fabs(factor) * (sqrt(sum.squares[d]) + unit * sqrt(sum.num_terms * sum.walk[d]) +
                                   fabs(sum.shared[d])) +
                   2.0 * unit * fabs(values[d]);
    }
}

/* ---- Plain fp32 ---- */

static float plain_probability(const oracle_attention_grad *problem, const pair *at) {
    const oracle_grad_row *row = &problem->rows[at->number];
    if (row->kind == ORACLE_ROW_UNIFORM) {
        return 1.0F / (float)row->sum;
    }
    const float logit = oracle_attention_plain_logit(
        &problem->forward, &at->place, problem->queries + at->number * problem->forward.depth,
        at->key);
    return expf(logit - (float)row->max) / (float)row->sum;
}

static float plain_score_gradient(const oracle_attention_grad *problem, const pair *at) {
    const int64_t depth = problem->forward.value_depth;
    const double *grad_output = problem->grad_outputs + at->number * depth;
    const float *value = problem->forward.values + at->key * depth;
    float product = 0.0F;
    for (int64_t d = 0; d < depth; d++) {
        product += (float)grad_output[d] * value[d];
    }
    product *= (float)oracle_attention_keep(&problem->forward, &at->place, at->key);
    return plain_probability(problem, at) * (product - problem->rows[at->number].plain_delta);
}

/* Values hold fp32 numbers all the time. */
static void plain_add(double *value, float weight, float factor) {
    const float product = weight * factor;
    *value = (double)((float)*value + product);
}

static void add_in_plain(summation *sum, const pair *at) {
    const oracle_attention_grad *problem = sum->problem;
    const oracle_attention *of = &problem->forward;
    const int64_t width = oracle_attention_grad_width(problem, sum->of);
    if (sum->of == ORACLE_GRAD_PSE) {
        plain_add(&sum->values[at->key], plain_score_gradient(problem, at), 1.0F);
        return;
    }
    const float exact =
        sum->of == ORACLE_GRAD_VALUE
            ? plain_probability(problem, at) * (float)oracle_attention_keep(of, &at->place, at->key)
            : plain_score_gradient(problem, at);
    const float weight = (float)oracle_round(problem->args.query->dtype, (double)exact);
    for (int64_t d = 0; d < width; d++) {
        plain_add(&sum->values[d], weight, (float)vector_at(problem, sum->of, at, d));
    }
}

void oracle_attention_compute_grad_row_plain(oracle_attention_grad *problem, oracle_gradient of,
                                             int64_t row, double *values) {
    const int64_t width = oracle_attention_grad_width(problem, of);
    const float factor = (float)factor_of(problem, of);
    summation sum = {.problem = problem, .of = of, .add = add_in_plain, .values = values};
    memset(values, 0, (size_t)width * sizeof *values);
    add_all(&sum, row);
    for (int64_t d = 0; d < width; d++) {
        values[d] = oracle_round(oracle_attention_grad_view(problem, of)->dtype,
                                 (double)((float)values[d] * factor));
    }
}
