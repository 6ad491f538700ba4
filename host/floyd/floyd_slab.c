/*
 * Forward by slabs. For each head, and in it for each slab of n:
 *
 *     S = Q K1^T for each n;  S += Q K2^T for each m;  S = exp(S - max), with max and sum
 *     O = S V1 for each n;    O += S V2 for each m;    attention_out = O / sum
 */
#include "floyd/floyd_slab.h"

#include "floyd/floyd_slab_steps.h"

#define SLAB_BYTES ((size_t)1 << 25)

enum { QUERY, KEY1, VALUE1, KEY2, VALUE2, NUM_INPUTS };
enum { SCORES1, SCORES2, OUT1, OUT2, NUM_PRODUCTS };

typedef struct forward {
    clf_i_floyd_slab_plan slabs;
    const clf_floyd_attention_args *args;
    clf_i_floyd_slab_bytes bytes;
    clf_i_floyd_matrices inputs[NUM_INPUTS];
    clf_i_floyd_part scores;
    clf_i_floyd_part out;
    size_t sums;
    size_t products[NUM_PRODUCTS];
} forward;

/* ---- Sizes ---- */

static void begin(forward *self, const clf_i_floyd_request *request) {
    const clf_floyd_attention_args *args = &request->args;
    const clf_i_floyd_sizes *sizes = &request->geometry.sizes;
    const struct {
        clf_slot slot;
        const clf_tensor *tensor;
        bool has_n;
    } inputs[NUM_INPUTS] = {{CLF_SLOT_QUERY, args->query, true},
                            {CLF_SLOT_KEY1, args->key1, true},
                            {CLF_SLOT_VALUE1, args->value1, true},
                            {CLF_SLOT_KEY2, args->key2, false},
                            {CLF_SLOT_VALUE2, args->value2, false}};
    self->args = args;
    self->bytes = (clf_i_floyd_slab_bytes){.all_of_n = SLAB_BYTES};
    clf_i_floyd_slab_begin(&self->slabs, &request->geometry);
    for (int i = 0; i < NUM_INPUTS; ++i) {
        self->inputs[i] = clf_i_floyd_matrices_make(&self->slabs, inputs[i].slot, inputs[i].tensor,
                                                    inputs[i].has_n, i != QUERY, &self->bytes);
    }
    clf_i_floyd_slab_count_part(sizes->m * self->slabs.key_pitch, 0, &self->bytes);
    clf_i_floyd_slab_count_part(sizes->m * self->slabs.depth_pitch, 0, &self->bytes);
    clf_i_floyd_slab_count_part(sizes->m, 0, &self->bytes);
    for (int i = 0; i < NUM_PRODUCTS; ++i) {
        const bool is_over_n = i == SCORES1 || i == OUT1;
        clf_i_floyd_slab_count_product(&self->slabs, is_over_n, is_over_n ? sizes->m : 0,
                                       &self->bytes);
    }
    self->slabs.slab_n = clf_i_floyd_slab_fit(&self->slabs, &self->bytes, args->workspace_limit);
}

clf_i_floyd_slab_estimate clf_i_floyd_slab_estimate_forward(const clf_i_floyd_request *request) {
    forward self;
    begin(&self, request);
    const int64_t slab_n = self.slabs.slab_n;
    return (clf_i_floyd_slab_estimate){
        .slab_n = slab_n,
        .workspace = clf_i_floyd_slab_workspace(&self.bytes, slab_n > 0 ? slab_n : 1),
    };
}

static clf_i_floyd_part reserve_part(const forward *self, int64_t pitch) {
    const int64_t m = self->slabs.geometry->sizes.m;
    const size_t size = sizeof(float) * (size_t)(self->slabs.slab_n * m * pitch);
    return (clf_i_floyd_part){.offset = clf_i_plan_reserve_workspace(self->slabs.plan, size),
                              .step_n = m * pitch,
                              .step_m = pitch};
}

static void reserve(forward *self) {
    const clf_i_floyd_slab_plan *slabs = &self->slabs;
    for (int i = 0; i < NUM_INPUTS; ++i) {
        clf_i_floyd_matrices_reserve(slabs, &self->inputs[i]);
    }
    self->scores = reserve_part(self, slabs->key_pitch);
    self->out = reserve_part(self, slabs->depth_pitch);
    self->sums = clf_i_plan_reserve_workspace(
        slabs->plan, sizeof(float) * (size_t)(slabs->slab_n * slabs->geometry->sizes.m));
}

/* ---- Products ---- */

static clf_i_gemm_batch product_of(const forward *self, const clf_i_floyd_slab *slab, int which) {
    const clf_i_floyd_sizes *sizes = &self->slabs.geometry->sizes;
    const bool is_over_n = which == SCORES1 || which == OUT1;
    const bool is_scores = which == SCORES1 || which == SCORES2;
    const clf_i_floyd_matrices *right =
        &self->inputs[is_scores ? (is_over_n ? KEY1 : KEY2) : (is_over_n ? VALUE1 : VALUE2)];
    const clf_i_floyd_matrices *query = &self->inputs[QUERY];
    clf_i_gemm_matrix (*const of_inputs)(const clf_i_floyd_slab_plan *, const clf_i_floyd_slab *,
                                         const clf_i_floyd_matrices *) =
        is_over_n ? clf_i_floyd_for_each_n : clf_i_floyd_for_each_m;
    clf_i_gemm_matrix (*const of_parts)(const clf_i_floyd_part *) =
        is_over_n ? clf_i_floyd_part_for_each_n : clf_i_floyd_part_for_each_m;
    const clf_i_gemm_matrix b = of_inputs(&self->slabs, slab, right);
    return (clf_i_gemm_batch){
        .count = is_over_n ? slab->num_n : sizes->m,
        .rows = is_over_n ? sizes->m : slab->num_n,
        .columns = is_scores ? sizes->k : sizes->depth,
        .depth = is_scores ? sizes->depth : sizes->k,
        .accumulates = !is_over_n,
        .a = is_scores ? of_inputs(&self->slabs, slab, query) : of_parts(&self->scores),
        .b = is_scores ? clf_i_floyd_transposed(b) : b,
        .c = of_parts(is_scores ? &self->scores : &self->out),
    };
}

static clf_status add_product(forward *self, const clf_i_floyd_slab *slab, int which) {
    const clf_i_gemm_batch product = product_of(self, slab, which);
    return clf_i_gemm_batches_add(&self->slabs.products, self->products[which], &product);
}

static clf_status decide_products(forward *self) {
    const clf_i_floyd_slab largest = clf_i_floyd_slab_largest(&self->slabs);
    clf_status status = CLF_SUCCESS;
    clf_i_gemm_batches_begin(&self->slabs.products, self->slabs.plan, self->slabs.variant);
    for (int i = 0; i < NUM_PRODUCTS && status == CLF_SUCCESS; ++i) {
        const clf_i_gemm_batch product = product_of(self, &largest, i);
        status = clf_i_gemm_batches_decide(&self->slabs.products, &product, &self->products[i]);
    }
    return status;
}

/* ---- Steps ---- */

static clf_status add_softmax(const forward *self, const clf_i_floyd_slab *slab) {
    const clf_floyd_attention_args *args = self->args;
    clf_i_floyd_slab_rows rows =
        clf_i_floyd_slab_rows_make(&self->slabs, slab, args->softmax_max, args->softmax_sum);
    clf_i_argument arguments[6];
    size_t count = 0;
    arguments[count++] =
        (clf_i_argument)CLF_I_WORKSPACE_ELEMENTS(self->scores.offset, sizeof(float));
    arguments[count++] = (clf_i_argument)CLF_I_WORKSPACE_ELEMENTS(self->sums, sizeof(float));
    if (self->slabs.geometry->has_mask) {
        arguments[count++] = (clf_i_argument)CLF_I_TENSOR(CLF_SLOT_ATTEN_MASK);
    }
    arguments[count++] = (clf_i_argument)CLF_I_TENSOR(CLF_SLOT_SOFTMAX_MAX);
    arguments[count++] = (clf_i_argument)CLF_I_TENSOR(CLF_SLOT_SOFTMAX_SUM);
    arguments[count++] = (clf_i_argument)CLF_I_VALUE(rows);
    return clf_i_floyd_slab_add_rows(&self->slabs, "clf_floyd_slab_softmax", CLF_DTYPE_FP32,
                                     arguments, count, &rows);
}

static clf_status add_result(const forward *self, const clf_i_floyd_slab *slab) {
    const clf_tensor *result = self->args->attention_out;
    const clf_i_floyd_sizes *sizes = &self->slabs.geometry->sizes;
    const clf_i_floyd_copy copy = {
        .sizes = {slab->num_n, sizes->m, sizes->depth},
        .from_strides = {self->out.step_n, self->out.step_m, 1},
        .to_base = clf_i_floyd_slab_base(&self->slabs, slab, result->strides, true),
        .to_strides = {result->strides[2], result->strides[3], result->strides[4]},
        .divisor_strides = {sizes->m, 1},
        .factor = 1.0f,
    };
    const clf_i_gemm_operand from = clf_i_floyd_in_workspace(self->out.offset);
    const clf_i_gemm_operand to = clf_i_floyd_in_tensor(CLF_SLOT_ATTENTION_OUT, result->dtype);
    const clf_i_gemm_operand sums = clf_i_floyd_in_workspace(self->sums);
    return clf_i_floyd_slab_add_copy(&self->slabs, &from, &to, &sums, &copy);
}

static clf_status add_slab(forward *self, const clf_i_floyd_slab *slab) {
    clf_status status = CLF_SUCCESS;
    for (int i = 0; i < NUM_INPUTS && status == CLF_SUCCESS; ++i) {
        status = clf_i_floyd_matrices_copy(&self->slabs, slab, &self->inputs[i]);
    }
    for (int i = 0; i < NUM_PRODUCTS && status == CLF_SUCCESS; ++i) {
        status = i == OUT1 ? add_softmax(self, slab) : CLF_SUCCESS;
        if (status == CLF_SUCCESS) {
            status = add_product(self, slab, i);
        }
    }
    return status == CLF_SUCCESS ? add_result(self, slab) : status;
}

clf_status clf_i_floyd_slab_add_forward(clf_plan *plan, clf_variant variant,
                                        const clf_i_floyd_request *request) {
    forward self;
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
