/* One row of attention: in double, with the effect of single roundings; and in plain fp32. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "attention_internal.h"
#include "storage_types.h"

/* Half a unit in the last place of fp32, relative. */
static const double unit = 0x1p-24;
/* Exponential functions err by about this many of them, and by as many as the logit is large. */
static const double exponential_units = 3.0;
/* Exponentials below the normal fp32 numbers may be 0 (flush to zero), all of them lost. This shows
 * where dropout drops every larger one of the row. */
static const double all_of_an_exponential = 1.0;

#define NOT_COMPUTED (-1.0)

static void clear_row(const oracle_attention *problem, oracle_attention_row *result) {
    const size_t bytes = (size_t)problem->value_depth * sizeof(double);
    memset(result->out, 0, bytes);
    if (result->out_unit != NULL) {
        memset(result->out_unit, 0, bytes);
    }
    result->max = 0.0;
    result->max_unit = 0.0;
    result->sum = 0.0;
    result->sum_unit = 0.0;
    result->num_computed = 0;
    result->is_nan = false;
}

/* A row without keys, and one whose pairs are all left out: fixed values. Returns whether the
 * probabilities are uniform, so that the mean of the values is left to compute. */
static bool settle_statistics(const oracle_attention *problem, int64_t key_length,
                              oracle_attention_row *result) {
    if (key_length == 0 || problem->depth == 0) {
        return false;
    }
    result->max = -(double)FLT_MAX;
    result->sum = problem->empty_rows_are_zero ? (double)FLT_MAX : (double)key_length;
    return !problem->empty_rows_are_zero;
}

/* ---- Double ---- */

double oracle_attention_logit(const oracle_attention *problem, const oracle_attention_place *place,
                              const double *query, int64_t key, double *logit_unit) {
    const clf_flash_attention_args *args = &problem->args;
    const double scale = (double)(float)args->scale;
    const float *row = problem->keys + key * problem->depth;
    double product = 0.0;
    double squares = 0.0;
    for (int64_t d = 0; d < problem->depth; d++) {
        const double term = query[d] * (double)row[d];
        product += term;
        squares += term * term;
    }
    /* The partial sums of a random walk of D steps. */
    *logit_unit = unit * fabs(scale) * sqrt((double)problem->depth * squares);
    double logit = product * scale;
    if (oracle_attention_has_bias(problem)) {
        const double bias = oracle_attention_bias(problem, place, key);
        logit = args->pse_type == 1 ? (product + bias) * scale : product * scale + bias;
        *logit_unit += unit * fabs(args->pse_type == 1 ? bias * scale : bias);
    }
    *logit_unit += 2.0 * unit * fabs(logit);
    return logit;
}

static void read_query(const oracle_attention *problem, const oracle_attention_place *place,
                       double *query) {
    for (int64_t d = 0; d < problem->depth; d++) {
        query[d] = oracle_attention_query(problem, place, d);
    }
}

/* Fills logits (NaN-free mark of what is left out: `computed`) and the maximum. */
static void compute_logits(oracle_attention *problem, const oracle_attention_place *place,
                           int64_t key_length, const double *query, oracle_attention_row *result) {
    double *logits = problem->logits;
    double *units = problem->logits + key_length;
    result->max = -(double)INFINITY;
    for (int64_t j = 0; j < key_length; j++) {
        logits[j] = -(double)INFINITY;
        units[j] = 0.0;
        if (oracle_attention_is_computed(problem, place, j)) {
            logits[j] = oracle_attention_logit(problem, place, query, j, &units[j]);
            result->num_computed++;
            result->is_nan |= isnan(logits[j]);
            if (logits[j] > result->max) {
                result->max = logits[j];
                result->max_unit = units[j] + unit * fabs(logits[j]);
            }
        }
    }
}

/* Logits become exponentials, their units become units of the exponentials, relative. */
static void compute_exponentials(const oracle_attention *problem, int64_t key_length,
                                 oracle_attention_row *result) {
    double *logits = problem->logits;
    double *units = problem->logits + key_length;
    double squares = 0.0;
    for (int64_t j = 0; j < key_length; j++) {
        const double distance = result->max - logits[j];
        const double exponential = isinf(distance) ? 0.0 : exp(-distance);
        units[j] += isinf(distance) ? 0.0 : unit * (distance + exponential_units);
        units[j] = exponential < (double)FLT_MIN ? all_of_an_exponential : units[j];
        logits[j] = exponential;
        result->sum += exponential;
        squares += exponential * units[j] * exponential * units[j];
    }
    if (result->is_nan) {
        result->sum = NAN;
    }
    result->sum_unit = sqrt(squares) / result->sum + result->max_unit + unit;
}

/* keep / keep_prob of each pair, and NOT_COMPUTED for what is left out. */
static double *find_keeps(oracle_attention *problem, const oracle_attention_place *place,
                          int64_t key_length, bool all_count) {
    double *keeps = problem->logits + 2 * key_length;
    for (int64_t j = 0; j < key_length; j++) {
        keeps[j] = all_count || oracle_attention_is_computed(problem, place, j)
                       ? oracle_attention_keep(problem, place, j)
                       : NOT_COMPUTED;
    }
    return keeps;
}

/* Effect of independent errors: of each exponential, of rounding it to storage, and of the sums. */
static void find_out_units(const oracle_attention *problem, int64_t key_length,
                           oracle_attention_row *result) {
    const double *exponentials = problem->logits;
    const double *units = problem->logits + key_length;
    const double *keeps = problem->logits + 2 * key_length;
    const int64_t depth = problem->value_depth;
    double squares[ORACLE_ATTENTION_MAX_DEPTH] = {0.0};
    double walk[ORACLE_ATTENTION_MAX_DEPTH] = {0.0};
    double num_terms = 0.0;
    for (int64_t j = 0; j < key_length; j++) {
        const float *values = problem->values + j * depth;
        if (keeps[j] == NOT_COMPUTED || exponentials[j] == 0.0) {
            continue;
        }
        num_terms += 1.0;
        const double weight = keeps[j] * exponentials[j];
        const double rounding =
            weight > 0.0 ? 0.5 * oracle_ulp(problem->args.query->dtype, weight) : 0.0;
        for (int64_t d = 0; d < depth; d++) {
            const double value = (double)values[d];
            const double moved = exponentials[j] * units[j] * (keeps[j] * value - result->out[d]);
            squares[d] += moved * moved + rounding * value * rounding * value;
            walk[d] += weight * value * weight * value;
        }
    }
    for (int64_t d = 0; d < depth; d++) {
        result->out_unit[d] = (sqrt(squares[d]) + unit * sqrt(num_terms * walk[d])) / result->sum +
                              unit * fabs(result->out[d]);
    }
}

/* out = sum of weight * keep * value / sum; the weights are in problem->logits. */
static void weigh_values(oracle_attention *problem, const oracle_attention_place *place,
                         int64_t key_length, bool is_uniform, oracle_attention_row *result) {
    const int64_t depth = problem->value_depth;
    const double *keeps = find_keeps(problem, place, key_length, is_uniform);
    for (int64_t j = 0; j < key_length; j++) {
        const double weight = problem->logits[j] * keeps[j];
        for (int64_t d = 0; keeps[j] != NOT_COMPUTED && d < depth; d++) {
            result->out[d] += weight * (double)problem->values[j * depth + d];
        }
    }
    for (int64_t d = 0; d < depth; d++) {
        result->out[d] = result->is_nan ? (double)NAN : result->out[d] / result->sum;
    }
    if (result->out_unit != NULL && !result->is_nan) {
        find_out_units(problem, key_length, result);
    }
}

void oracle_attention_compute_row(oracle_attention *problem, const oracle_attention_place *place,
                                  oracle_attention_row *result) {
    const int64_t key_length = problem->elements[place->element].key_length;
    double query[ORACLE_ATTENTION_MAX_DEPTH];
    clear_row(problem, result);
    oracle_attention_load_head(problem, place);
    read_query(problem, place, query);
    compute_logits(problem, place, key_length, query, result);
    bool is_uniform = false;
    if (problem->depth == 0 || result->num_computed == 0) {
        clear_row(problem, result);
        is_uniform = settle_statistics(problem, key_length, result);
        for (int64_t j = 0; is_uniform && j < key_length; j++) {
            problem->logits[j] = 1.0;
            problem->logits[key_length + j] = 0.0;
        }
    } else {
        compute_exponentials(problem, key_length, result);
    }
    if (result->num_computed > 0 || is_uniform) {
        weigh_values(problem, place, key_length, is_uniform, result);
    }
}

/* ---- Plain fp32 ---- */

float oracle_attention_plain_logit(const oracle_attention *problem,
                                   const oracle_attention_place *place, const double *query,
                                   int64_t key) {
    const clf_flash_attention_args *args = &problem->args;
    const float scale = (float)args->scale;
    const float *row = problem->keys + key * problem->depth;
    float product = 0.0F;
    for (int64_t d = 0; d < problem->depth; d++) {
        product += (float)query[d] * row[d];
    }
    if (!oracle_attention_has_bias(problem)) {
        return product * scale;
    }
    const float bias = (float)oracle_attention_bias(problem, place, key);
    return args->pse_type == 1 ? (product + bias) * scale : product * scale + bias;
}

static void plain_weigh(oracle_attention *problem, const oracle_attention_place *place,
                        int64_t key_length, float sum, bool is_uniform,
                        oracle_attention_row *result) {
    const clf_dtype dtype = problem->args.query->dtype;
    const int64_t depth = problem->value_depth;
    const double *keeps = find_keeps(problem, place, key_length, is_uniform);
    float out[ORACLE_ATTENTION_MAX_DEPTH] = {0.0F};
    for (int64_t j = 0; j < key_length; j++) {
        const float kept = (float)problem->logits[j] * (float)keeps[j];
        const float weight = (float)oracle_round(dtype, (double)kept);
        for (int64_t d = 0; keeps[j] != NOT_COMPUTED && d < depth; d++) {
            out[d] += weight * problem->values[j * depth + d];
        }
    }
    for (int64_t d = 0; d < depth; d++) {
        result->out[d] = oracle_round(dtype, (double)(out[d] / sum));
    }
}

/* Returns the sum of the exponentials that it puts in place of the logits. */
static float plain_exponentials(oracle_attention *problem, const oracle_attention_place *place,
                                int64_t key_length, const double *query,
                                oracle_attention_row *result) {
    float max = -INFINITY;
    float sum = 0.0F;
    for (int64_t j = 0; j < key_length; j++) {
        problem->logits[j] = -(double)INFINITY;
        if (oracle_attention_is_computed(problem, place, j)) {
            const float logit = oracle_attention_plain_logit(problem, place, query, j);
            problem->logits[j] = (double)logit;
            max = isnan(logit) || logit > max ? logit : max;
            result->num_computed++;
        }
    }
    for (int64_t j = 0; j < key_length; j++) {
        const float logit = (float)problem->logits[j];
        const float exponential = isinf(logit) ? 0.0F : expf(logit - max);
        problem->logits[j] = (double)exponential;
        sum += exponential;
    }
    result->max = (double)max;
    result->is_nan = isnan(max);
    return sum;
}

void oracle_attention_compute_row_plain(oracle_attention *problem,
                                        const oracle_attention_place *place,
                                        oracle_attention_row *result) {
    const int64_t key_length = problem->elements[place->element].key_length;
    double query[ORACLE_ATTENTION_MAX_DEPTH];
    clear_row(problem, result);
    oracle_attention_load_head(problem, place);
    read_query(problem, place, query);
    float sum = plain_exponentials(problem, place, key_length, query, result);
    bool is_uniform = false;
    if (problem->depth == 0 || result->num_computed == 0) {
        clear_row(problem, result);
        is_uniform = settle_statistics(problem, key_length, result);
        for (int64_t j = 0; is_uniform && j < key_length; j++) {
            problem->logits[j] = 1.0;
        }
        sum = (float)result->sum;
    }
    if (result->num_computed > 0 || is_uniform) {
        plain_weigh(problem, place, key_length, sum, is_uniform, result);
    }
    result->sum = (double)sum;
}
