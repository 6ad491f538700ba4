/*
 * The gradient by slabs. For each head, and in it for each slab of n, with G = grad_output and
 * transposed copies of Q and G:
 *
 *     P = Q K1^T for each n, += Q K2^T for each m;  dS = G V1^T for each n, += G V2^T for each m
 *     P = exp(P - max) / sum;  dS = P (dS - delta)
 *     dQ = dS K1 for each n, += dS K2 for each m
 *     dK1^T = Q^T dS for each n, dV1^T = G^T P;  dK2^T += Q^T dS for each m, dV2^T += G^T P
 *
 * Sums over n go through the slabs in order, so that bits do not change from run to run.
 */
#include "floyd/floyd_slab.h"
#include "floyd/floyd_slab_steps.h"

#define SLAB_BYTES ((size_t)1 << 26)

enum { QUERY, KEY1, VALUE1, KEY2, VALUE2, GRAD_OUTPUT, NUM_INPUTS };

/* Parts of the workspace. */
enum {
    WEIGHTS,     /* [n][m][k]: scores, then P */
    DIFFERENCES, /* [n][m][k]: dP, then dS */
    GRAD_QUERY,  /* [n][m][d] */
    QUERY_N,     /* [n][d][m]: Q for each n, transposed */
    OUTPUT_N,    /* the same of G */
    QUERY_M,     /* [m][d][n] */
    OUTPUT_M,
    GRAD_KEY1, /* [n][d][k] */
    GRAD_VALUE1,
    GRAD_KEY2, /* [m][d][k] of a head */
    GRAD_VALUE2,
    NUM_PARTS
};

/* Products, in the order of their steps; the kernel on weights comes before GRAD_QUERY_N. */
enum {
    SCORES_N,
    SCORES_M,
    PRODUCTS_N,
    PRODUCTS_M,
    GRAD_QUERY_N,
    GRAD_QUERY_M,
    GRAD_KEY_N,
    GRAD_VALUE_N,
    GRAD_KEY_M,
    GRAD_VALUE_M,
    NUM_PRODUCTS
};

typedef struct gradient {
    clf_i_floyd_slab_plan slabs;
    const clf_floyd_attention_grad_args *args;
    clf_i_floyd_slab_bytes bytes;
    clf_i_floyd_matrices inputs[NUM_INPUTS];
    clf_i_floyd_part parts[NUM_PARTS];
    size_t products[NUM_PRODUCTS];
} gradient;

/* ---- Sizes ---- */

/* Floats of a part for each n, or, if it has none, for a head; from row to row of a transposed copy
 * for each m is as far as n of the slab. */
static int64_t floats_of(const gradient *self, int part, bool *has_n) {
    const clf_i_floyd_slab_plan *slabs = &self->slabs;
    const clf_i_floyd_sizes *sizes = &slabs->geometry->sizes;
    *has_n = part != GRAD_KEY2 && part != GRAD_VALUE2;
    switch (part) {
    case WEIGHTS:
    case DIFFERENCES:
        return sizes->m * slabs->key_pitch;
    case GRAD_QUERY:
        return sizes->m * slabs->depth_pitch;
    case GRAD_KEY1:
    case GRAD_VALUE1:
        return sizes->depth * slabs->key_pitch;
    case GRAD_KEY2:
    case GRAD_VALUE2:
        return sizes->m * sizes->depth * slabs->key_pitch;
    default:
        return sizes->m * sizes->depth;
    }
}

/* Steps of n and m, or, of transposed parts, of the batch and d. */
static void set_steps(gradient *self, int part) {
    const clf_i_floyd_slab_plan *slabs = &self->slabs;
    const clf_i_floyd_sizes *sizes = &slabs->geometry->sizes;
    clf_i_floyd_part *made = &self->parts[part];
    switch (part) {
    case WEIGHTS:
    case DIFFERENCES:
        made->step_m = slabs->key_pitch;
        made->step_n = sizes->m * made->step_m;
        break;
    case GRAD_QUERY:
        made->step_m = slabs->depth_pitch;
        made->step_n = sizes->m * made->step_m;
        break;
    case QUERY_N:
    case OUTPUT_N:
        made->step_m = sizes->m;
        made->step_n = sizes->depth * made->step_m;
        break;
    case QUERY_M:
    case OUTPUT_M:
        made->step_m = slabs->slab_n;
        made->step_n = sizes->depth * made->step_m;
        break;
    default:
        made->step_m = slabs->key_pitch;
        made->step_n = sizes->depth * made->step_m;
        break;
    }
}

static bool is_over_n(int product) {
    return product == SCORES_N || product == PRODUCTS_N || product == GRAD_QUERY_N ||
           product == GRAD_KEY_N || product == GRAD_VALUE_N;
}

/* Of the products whose rows are d. */
static bool is_by_depths(int product) {
    return product >= GRAD_KEY_N;
}

static void begin(gradient *self, const clf_i_floyd_grad_request *request) {
    const clf_floyd_attention_grad_args *args = &request->args;
    const clf_i_floyd_sizes *sizes = &request->geometry.sizes;
    const struct {
        clf_slot slot;
        const clf_tensor *tensor;
        bool has_n;
        bool is_right;
    } inputs[NUM_INPUTS] = {{CLF_SLOT_QUERY, args->query, true, false},
                            {CLF_SLOT_KEY1, args->key1, true, true},
                            {CLF_SLOT_VALUE1, args->value1, true, true},
                            {CLF_SLOT_KEY2, args->key2, false, true},
                            {CLF_SLOT_VALUE2, args->value2, false, true},
                            {CLF_SLOT_GRAD_OUTPUT, args->grad_output, true, false}};
    self->args = args;
    self->bytes = (clf_i_floyd_slab_bytes){.all_of_n = SLAB_BYTES};
    clf_i_floyd_slab_begin(&self->slabs, &request->geometry);
    for (int i = 0; i < NUM_INPUTS; ++i) {
        self->inputs[i] =
            clf_i_floyd_matrices_make(&self->slabs, inputs[i].slot, inputs[i].tensor,
                                      inputs[i].has_n, inputs[i].is_right, &self->bytes);
    }
    for (int i = 0; i < NUM_PARTS; ++i) {
        bool has_n = false;
        const int64_t floats = floats_of(self, i, &has_n);
        clf_i_floyd_slab_count_part(has_n ? floats : 0, has_n ? 0 : floats, &self->bytes);
    }
    for (int i = 0; i < NUM_PRODUCTS; ++i) {
        const int64_t rows = is_by_depths(i) ? sizes->depth : is_over_n(i) ? sizes->m : 0;
        clf_i_floyd_slab_count_product(&self->slabs, is_over_n(i), rows, &self->bytes);
    }
    self->slabs.slab_n = clf_i_floyd_slab_fit(&self->slabs, &self->bytes, args->workspace_limit);
}

clf_i_floyd_slab_estimate
clf_i_floyd_slab_estimate_gradient(const clf_i_floyd_grad_request *request) {
    gradient self;
    begin(&self, request);
    const int64_t slab_n = self.slabs.slab_n;
    return (clf_i_floyd_slab_estimate){
        .slab_n = slab_n,
        .workspace = clf_i_floyd_slab_workspace(&self.bytes, slab_n > 0 ? slab_n : 1),
    };
}

static void reserve(gradient *self) {
    const clf_i_floyd_slab_plan *slabs = &self->slabs;
    for (int i = 0; i < NUM_INPUTS; ++i) {
        clf_i_floyd_matrices_reserve(slabs, &self->inputs[i]);
    }
    for (int i = 0; i < NUM_PARTS; ++i) {
        bool has_n = false;
        const int64_t floats = floats_of(self, i, &has_n) * (has_n ? slabs->slab_n : 1);
        self->parts[i].offset =
            clf_i_plan_reserve_workspace(slabs->plan, sizeof(float) * (size_t)floats);
        set_steps(self, i);
    }
}

/* ---- Products ---- */

/* Sums over k or d: rows m for each n, or n for each m. */
static clf_i_gemm_batch row_product(const gradient *self, const clf_i_floyd_slab *slab,
                                    int product) {
    static const struct {
        int left; /* an input; of GRAD_QUERY the differences */
        int right[2];
        int result;
    } operands[] = {{QUERY, {KEY1, KEY2}, WEIGHTS},
                    {GRAD_OUTPUT, {VALUE1, VALUE2}, DIFFERENCES},
                    {-1, {KEY1, KEY2}, GRAD_QUERY}};
    const clf_i_floyd_slab_plan *slabs = &self->slabs;
    const clf_i_floyd_sizes *sizes = &slabs->geometry->sizes;
    const bool over_n = is_over_n(product);
    const bool is_query = product >= GRAD_QUERY_N;
    const int which = product / 2;
    const clf_i_floyd_part *differences = &self->parts[DIFFERENCES];
    const clf_i_floyd_part *result = &self->parts[operands[which].result];
    const clf_i_floyd_matrices *left = &self->inputs[is_query ? QUERY : operands[which].left];
    const clf_i_floyd_matrices *right = &self->inputs[operands[which].right[over_n ? 0 : 1]];
    clf_i_gemm_batch batch = {.accumulates = !over_n,
                              .columns = is_query ? sizes->depth : sizes->k,
                              .depth = is_query ? sizes->k : sizes->depth};
    if (over_n) {
        batch.count = slab->num_n;
        batch.rows = sizes->m;
        batch.a = is_query ? clf_i_floyd_part_for_each_n(differences)
                           : clf_i_floyd_for_each_n(slabs, slab, left);
        batch.b = clf_i_floyd_for_each_n(slabs, slab, right);
        batch.c = clf_i_floyd_part_for_each_n(result);
    } else {
        batch.count = sizes->m;
        batch.rows = slab->num_n;
        batch.a = is_query ? clf_i_floyd_part_for_each_m(differences)
                           : clf_i_floyd_for_each_m(slabs, slab, left);
        batch.b = clf_i_floyd_for_each_m(slabs, slab, right);
        batch.c = clf_i_floyd_part_for_each_m(result);
    }
    if (!is_query) {
        batch.b = clf_i_floyd_transposed(batch.b);
    }
    return batch;
}

/* Sums over m or n: rows d for each n, or for each m. */
static clf_i_gemm_batch depth_product(const gradient *self, const clf_i_floyd_slab *slab,
                                      int product) {
    static const struct {
        int left;
        int right;
        int result;
    } operands[] = {{QUERY_N, DIFFERENCES, GRAD_KEY1},
                    {OUTPUT_N, WEIGHTS, GRAD_VALUE1},
                    {QUERY_M, DIFFERENCES, GRAD_KEY2},
                    {OUTPUT_M, WEIGHTS, GRAD_VALUE2}};
    const clf_i_floyd_sizes *sizes = &self->slabs.geometry->sizes;
    const int which = product - GRAD_KEY_N;
    const bool over_n = is_over_n(product);
    const clf_i_floyd_part *right = &self->parts[operands[which].right];
    return (clf_i_gemm_batch){
        .count = over_n ? slab->num_n : sizes->m,
        .rows = sizes->depth,
        .columns = sizes->k,
        .depth = over_n ? sizes->m : slab->num_n,
        .accumulates = !over_n && slab->first_n > 0,
        .a = clf_i_floyd_part_for_each_n(&self->parts[operands[which].left]),
        .b = over_n ? clf_i_floyd_part_for_each_n(right) : clf_i_floyd_part_for_each_m(right),
        .c = clf_i_floyd_part_for_each_n(&self->parts[operands[which].result]),
    };
}

static clf_i_gemm_batch product_of(const gradient *self, const clf_i_floyd_slab *slab,
                                   int product) {
    return is_by_depths(product) ? depth_product(self, slab, product)
                                 : row_product(self, slab, product);
}

static clf_status decide_products(gradient *self) {
    const clf_i_floyd_slab largest = clf_i_floyd_slab_largest(&self->slabs);
    clf_status status = CLF_SUCCESS;
    clf_i_gemm_batches_begin(&self->slabs.products, self->slabs.plan, self->slabs.variant);
    for (int i = 0; i < NUM_PRODUCTS && status == CLF_SUCCESS; ++i) {
        const clf_i_gemm_batch product = product_of(self, &largest, i);
        status = clf_i_gemm_batches_decide(&self->slabs.products, &product, &self->products[i]);
    }
    return status;
}

static clf_status add_products(gradient *self, const clf_i_floyd_slab *slab, int first, int end) {
    clf_status status = CLF_SUCCESS;
    for (int i = first; i < end && status == CLF_SUCCESS; ++i) {
        const clf_i_gemm_batch product = product_of(self, slab, i);
        status = clf_i_gemm_batches_add(&self->slabs.products, self->products[i], &product);
    }
    return status;
}

/* ---- Steps ---- */

/* Transposed copies of query and grad_output, for each n and for each m. */
static clf_status add_transposed(const gradient *self, const clf_i_floyd_slab *slab) {
    static const struct {
        int input;
        int part;
        bool over_n;
    } copies[] = {{QUERY, QUERY_N, true},
                  {GRAD_OUTPUT, OUTPUT_N, true},
                  {QUERY, QUERY_M, false},
                  {GRAD_OUTPUT, OUTPUT_M, false}};
    const clf_i_floyd_sizes *sizes = &self->slabs.geometry->sizes;
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof copies / sizeof copies[0] && status == CLF_SUCCESS; ++i) {
        const clf_i_floyd_matrices *input = &self->inputs[copies[i].input];
        const clf_i_floyd_part *part = &self->parts[copies[i].part];
        const bool over_n = copies[i].over_n;
        const int64_t *strides = input->tensor->strides;
        const clf_i_floyd_copy copy = {
            .sizes = {over_n ? slab->num_n : sizes->m, sizes->depth,
                      over_n ? sizes->m : slab->num_n},
            .from_base = clf_i_floyd_slab_base(&self->slabs, slab, strides, true),
            .from_strides = {strides[over_n ? 2 : 3], strides[4], strides[over_n ? 3 : 2]},
            .to_strides = {part->step_n, part->step_m, 1},
            .factor = 1.0f,
        };
        const clf_i_gemm_operand from = clf_i_floyd_in_tensor(input->slot, input->tensor->dtype);
        const clf_i_gemm_operand to = clf_i_floyd_in_workspace(part->offset);
        status = clf_i_floyd_slab_add_copy(&self->slabs, &from, &to, NULL, &copy);
    }
    return status;
}

static clf_status add_weights(const gradient *self, const clf_i_floyd_slab *slab) {
    const clf_floyd_attention_grad_args *args = self->args;
    clf_i_floyd_slab_rows rows =
        clf_i_floyd_slab_rows_make(&self->slabs, slab, args->softmax_max, args->softmax_sum);
    rows.grad_output = clf_i_floyd_slab_place_of(&self->slabs, slab, args->grad_output->strides);
    rows.attention_in = clf_i_floyd_slab_place_of(&self->slabs, slab, args->attention_in->strides);
    clf_i_argument arguments[8];
    size_t count = 0;
    arguments[count++] =
        (clf_i_argument)CLF_I_WORKSPACE_ELEMENTS(self->parts[WEIGHTS].offset, sizeof(float));
    arguments[count++] =
        (clf_i_argument)CLF_I_WORKSPACE_ELEMENTS(self->parts[DIFFERENCES].offset, sizeof(float));
    if (self->slabs.geometry->has_mask) {
        arguments[count++] = (clf_i_argument)CLF_I_TENSOR(CLF_SLOT_ATTEN_MASK);
    }
    arguments[count++] = (clf_i_argument)CLF_I_TENSOR(CLF_SLOT_SOFTMAX_MAX);
    arguments[count++] = (clf_i_argument)CLF_I_TENSOR(CLF_SLOT_SOFTMAX_SUM);
    arguments[count++] = (clf_i_argument)CLF_I_TENSOR(CLF_SLOT_GRAD_OUTPUT);
    arguments[count++] = (clf_i_argument)CLF_I_TENSOR(CLF_SLOT_ATTENTION_IN);
    arguments[count++] = (clf_i_argument)CLF_I_VALUE(rows);
    return clf_i_floyd_slab_add_rows(&self->slabs, "clf_floyd_slab_weights",
                                     args->grad_output->dtype, arguments, count, &rows);
}

/* To the caller's strides and type: [n][m][d], [n][k][d] from [n][d][k], [k][m][d] from [m][d][k]. */
static clf_status add_result(const gradient *self, const clf_i_floyd_slab *slab, clf_slot slot,
                             const clf_tensor *result, int part) {
    const clf_i_floyd_sizes *sizes = &self->slabs.geometry->sizes;
    const clf_i_floyd_part *from_part = &self->parts[part];
    const bool is_second = part == GRAD_KEY2 || part == GRAD_VALUE2;
    const bool is_query = part == GRAD_QUERY;
    const bool is_scaled = is_query || part == GRAD_KEY1 || part == GRAD_KEY2;
    const int outer = is_second ? 3 : 2;
    const clf_i_floyd_copy copy = {
        .sizes = {is_second ? sizes->m : slab->num_n, is_query ? sizes->m : sizes->k, sizes->depth},
        .from_strides = {from_part->step_n, is_query ? from_part->step_m : 1,
                         is_query ? 1 : from_part->step_m},
        .to_base = clf_i_floyd_slab_base(&self->slabs, slab, result->strides, !is_second),
        .to_strides = {result->strides[outer], result->strides[is_second ? 2 : 3],
                       result->strides[4]},
        .factor = is_scaled ? self->slabs.geometry->scale : 1.0f,
    };
    const clf_i_gemm_operand from = clf_i_floyd_in_workspace(from_part->offset);
    const clf_i_gemm_operand to = clf_i_floyd_in_tensor(slot, result->dtype);
    return clf_i_floyd_slab_add_copy(&self->slabs, &from, &to, NULL, &copy);
}

/* Those of the second keys and values after the head's last slab. */
static clf_status add_results(const gradient *self, const clf_i_floyd_slab *slab) {
    const clf_floyd_attention_grad_args *args = self->args;
    const struct {
        clf_slot slot;
        const clf_tensor *result;
        int part;
    } results[] = {{CLF_SLOT_GRAD_QUERY, args->grad_query, GRAD_QUERY},
                   {CLF_SLOT_GRAD_KEY1, args->grad_key1, GRAD_KEY1},
                   {CLF_SLOT_GRAD_VALUE1, args->grad_value1, GRAD_VALUE1},
                   {CLF_SLOT_GRAD_KEY2, args->grad_key2, GRAD_KEY2},
                   {CLF_SLOT_GRAD_VALUE2, args->grad_value2, GRAD_VALUE2}};
    const bool is_last = slab->first_n + slab->num_n == self->slabs.geometry->sizes.n;
    const size_t count = is_last ? 5 : 3;
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < count && status == CLF_SUCCESS; ++i) {
        status = add_result(self, slab, results[i].slot, results[i].result, results[i].part);
    }
    return status;
}

static clf_status add_slab(gradient *self, const clf_i_floyd_slab *slab) {
    clf_status status = CLF_SUCCESS;
    for (int i = 0; i < NUM_INPUTS && status == CLF_SUCCESS; ++i) {
        status = clf_i_floyd_matrices_copy(&self->slabs, slab, &self->inputs[i]);
    }
    if (status == CLF_SUCCESS) {
        status = add_transposed(self, slab);
    }
    if (status == CLF_SUCCESS) {
        status = add_products(self, slab, 0, GRAD_QUERY_N);
    }
    if (status == CLF_SUCCESS) {
        status = add_weights(self, slab);
    }
    if (status == CLF_SUCCESS) {
        status = add_products(self, slab, GRAD_QUERY_N, NUM_PRODUCTS);
    }
    return status == CLF_SUCCESS ? add_results(self, slab) : status;
}

clf_status clf_i_floyd_slab_add_gradient(clf_plan *plan, clf_variant variant,
                                         const clf_i_floyd_grad_request *request) {
    gradient self;
    begin(&self, request);
    self.slabs.plan = plan;
    self.slabs.variant = variant;
    if (self.slabs.slab_n == 0) {
        return clf_i_floyd_slab_refuse(&self.bytes, request->args.workspace_limit);
    }
    reserve(&self);
    clf_status status = decide_products(&self);
    if (status == CLF_SUCCESS) {
        status = clf_i_plan_set_parameter(plan, "n_per_slab", self.slabs.slab_n);
    }
    clf_i_floyd_slab slab = {0, 0, 0};
    while (status == CLF_SUCCESS && clf_i_floyd_slab_next(&self.slabs, &slab)) {
        status = add_slab(&self, &slab);
    }
    return status;
}
