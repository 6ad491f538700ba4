/*
 * Grouped products by CLBlast: fp32, dense rows, ranges known to the host; one call of Sgemm for each
 * group with rows, then our epilogue. Only this file, clblast_batches.c and clblast_call.[ch] name
 * CLBlast.
 */
#include "gemm/gemm_library.h"

#ifdef CLFORMER_HAS_CLBLAST

#include <limits.h>

#include "core/failure.h"
#include "gemm/blas_call.h"
#include "gemm/clblast_call.h"
#include "gemm/gemm_epilogue.h"

/* A call waits for the one before: many small ones would be slower than one launch of our tiles. */
#define MAX_CALLS 16

/* ---- What it cannot compute ---- */

static int64_t begin_of(const clf_i_gemm_ranges *ranges, int64_t group) {
    return group > 0 ? ranges->ends[group - 1] : 0;
}

static const char *refuse_type(const clf_i_gemm_request *product) {
    const clf_dtype type = product->a.dtype;
    if (product->dequant.is_given || product->quant_scale.is_given ||
        product->antiquant_scale.is_given || product->rounds_to_fp16) {
        return "CLBlast has no quantised products";
    }
    if (type == CLF_DTYPE_FP16) {
        return "CLBlast sums fp16 products in fp16, beyond the error bounds";
    }
    if (type == CLF_DTYPE_BF16) {
        return "CLBlast has no bf16";
    }
    return type == CLF_DTYPE_FP32 && product->b.dtype == CLF_DTYPE_FP32 &&
                   product->c.dtype == CLF_DTYPE_FP32
               ? NULL
               : "CLBlast takes one type for all operands, here fp32";
}

static const char *refuse_groups(const clf_i_gemm_ranges *ranges) {
    int64_t busy = 0;
    if (ranges->is_on_device) {
        return "the experts' tokens are on the device, CLBlast's calls need them on the host";
    }
    for (int64_t group = 0; group < ranges->num_groups; ++group) {
        busy += ranges->ends[group] > begin_of(ranges, group);
    }
    return busy > MAX_CALLS ? "more than 16 experts have tokens, each of which is a call" : NULL;
}

static const char *refuse(const clf_i_gemm_ranges *ranges, int64_t num_rows,
                          const clf_i_gemm_request *product) {
    clf_i_blas_call call;
    const char *refusal = refuse_type(product);
    if (refusal == NULL) {
        refusal = refuse_groups(ranges);
    }
    if (refusal == NULL && product->problem.depth == 0) {
        refusal = "CLBlast has no empty sums";
    }
    if (refusal == NULL) {
        refusal = clf_i_blas_call_make(product, num_rows, &call);
    }
    /* What is in the workspace has few rows at a time. */
    const bool has_a = !product->a.is_in_workspace;
    const bool has_c = !product->c.is_in_workspace && !clf_i_gemm_needs_scratch(product);
    if (refusal == NULL &&
        ((has_a && clf_i_blas_a_extent(&call) > INT_MAX) || clf_i_blas_b_extent(&call) > INT_MAX ||
         (has_c && clf_i_blas_c_extent(&call) > INT_MAX))) {
        refusal = "CLBlast counts elements in 32 bits";
    }
    return refusal;
}

/* ---- Planning ---- */

static clf_status make_call(const clf_i_gemm_request *product, int64_t num_rows,
                            clf_i_blas_call *call) {
    const char *refusal = clf_i_blas_call_make(product, num_rows, call);
    return refusal == NULL ? CLF_SUCCESS
                           : clf_i_fail(CLF_ERR_INTERNAL, "a product for CLBlast: %s", refusal);
}

static clf_status prepare(clf_plan *plan, int64_t num_rows, const clf_i_gemm_request *product) {
    const clf_i_gemm_operand workspace = {.is_in_workspace = true};
    const clf_i_gemm_operand *const operands[] = {
        &product->a, &product->b, clf_i_gemm_needs_scratch(product) ? &workspace : &product->c};
    clf_i_blas_call call;
    clf_status status = make_call(product, num_rows, &call);
    if (status == CLF_SUCCESS) {
        status = clf_i_clblast_apply_tuning(plan);
    }
    return status == CLF_SUCCESS ? clf_i_clblast_try(plan, operands, &call) : status;
}

/* ---- The workspace ---- */

static clf_status measure(clf_plan *plan, int64_t num_rows, const clf_i_gemm_request *product,
                          clf_i_gemm_needs *needs) {
    clf_i_blas_call call;
    const clf_status status = make_call(product, num_rows, &call);
    if (status != CLF_SUCCESS) {
        return status;
    }
    needs->scratch =
        clf_i_gemm_needs_scratch(product) ? sizeof(float) * (size_t)(num_rows * call.columns) : 0;
    return clf_i_clblast_find_region(clf_i_plan_device(plan), &call, &needs->region);
}

/* ---- Steps ---- */

static clf_status add_call(clf_plan *plan, const clf_i_gemm_area *area,
                           const clf_i_gemm_request *product, const clf_i_gemm_operand *sums,
                           const clf_i_blas_call *call) {
    const clf_i_gemm_operand *const operands[] = {&product->a, &product->b, sums};
    size_t region = 0;
    clf_status status = clf_i_clblast_try(plan, operands, call);
    if (status == CLF_SUCCESS) {
        status = clf_i_clblast_find_region(clf_i_plan_device(plan), call, &region);
    }
    if (status == CLF_SUCCESS && region > area->needs.region) {
        status = clf_i_fail(CLF_ERR_INTERNAL, "CLBlast needs %zu bytes of workspace, reserved: %zu",
                            region, area->needs.region);
    }
    return status == CLF_SUCCESS
               ? clf_i_clblast_add_call(plan, operands, call, area->region, region)
               : status;
}

/* The product's call and epilogue for the rows of one group. */
static clf_status add_rows(clf_plan *plan, const clf_i_gemm_area *area, int64_t group,
                           int64_t begin, int64_t end, const clf_i_gemm_request *product) {
    const clf_i_gemm_problem *problem = &product->problem;
    const clf_i_gemm_operand scratch = {.is_given = true,
                                        .is_in_workspace = true,
                                        .offset = area->scratch,
                                        .dtype = CLF_DTYPE_FP32};
    const bool in_scratch = clf_i_gemm_needs_scratch(product);
    const clf_i_gemm_operand *sums = in_scratch ? &scratch : &product->c;
    clf_i_blas_call call;
    clf_status status = make_call(product, end - begin, &call);
    if (status != CLF_SUCCESS) {
        return status;
    }
    const int64_t c_step = clf_i_blas_result_step(product);
    const int64_t c_base = problem->c_base + begin * c_step;
    call.a_offset = problem->a_base + begin * call.a_step;
    call.b_offset = group * problem->b_strides[0];
    call.c_offset = in_scratch ? (begin - area->first_row) * call.c_step : c_base;
    const clf_i_gemm_epilogue epilogue = {
        .num_rows = end - begin,
        .columns = problem->columns,
        .sum_base = call.c_offset,
        .sum_stride = call.c_step,
        .c_base = c_base,
        .c_stride = c_step,
        .bias_base = group * problem->bias_strides[0],
        .bias_stride = problem->bias_strides[1],
    };
    status = add_call(plan, area, product, sums, &call);
    return status == CLF_SUCCESS && clf_i_gemm_has_epilogue(product)
               ? clf_i_gemm_add_epilogue(plan, product, sums, &epilogue)
               : status;
}

static clf_status add(clf_plan *plan, const clf_i_gemm_area *area, const clf_i_gemm_ranges *ranges,
                      const clf_i_gemm_request *product) {
    clf_status status = CLF_SUCCESS;
    for (int64_t group = 0; group < ranges->num_groups && status == CLF_SUCCESS; ++group) {
        const int64_t first = begin_of(ranges, group);
        const int64_t last = ranges->ends[group];
        const int64_t begin = first > area->first_row ? first : area->first_row;
        const int64_t end = last < area->end_row ? last : area->end_row;
        if (begin < end) {
            status = add_rows(plan, area, group, begin, end, product);
        }
    }
    return status;
}

const clf_i_gemm_library clf_i_gemm_the_library = {
    .name = "clblast",
    .preference = "prefer_clblast",
    .refuse = refuse,
    .prepare = prepare,
    .measure = measure,
    .add = add,
};

#else

static const char *refuse(const clf_i_gemm_ranges *ranges, int64_t num_rows,
                          const clf_i_gemm_request *product) {
    (void)ranges;
    (void)num_rows;
    (void)product;
    return "clformer was built without CLBlast (CLFORMER_WITH_CLBLAST)";
}

/* Nothing else is called. */
const clf_i_gemm_library clf_i_gemm_the_library = {
    .name = "clblast",
    .preference = "prefer_clblast",
    .refuse = refuse,
};

#endif
