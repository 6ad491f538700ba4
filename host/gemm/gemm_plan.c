/* Which provider computes a matrix product, and the steps in common. */
#include "gemm/gemm_plan.h"

#include <string.h>

#include "core/failure.h"
#include "gemm/gemm_choice.h"

void clf_i_gemm_begin(clf_i_gemm *gemm, clf_plan *plan, clf_variant variant,
                      const clf_i_gemm_ranges *ranges, int64_t num_rows) {
    memset(gemm, 0, sizeof *gemm);
    gemm->plan = plan;
    gemm->variant = variant;
    gemm->ranges = *ranges;
    gemm->num_rows = num_rows;
}

/* ---- The choice ---- */

static clf_status take_own(clf_i_gemm *gemm, size_t index, const clf_i_gemm_request *product,
                           const char *reason) {
    const int64_t columns = product->problem.columns;
    gemm->is_own[index] = true;
    ++gemm->num_own;
    gemm->own_columns = columns > gemm->own_columns ? columns : gemm->own_columns;
    return clf_i_plan_add_product(gemm->plan, clf_i_gemm_own_name, clf_i_gemm_the_library.name,
                                  reason);
}

/* The growth of what the library needs, from one number of rows to twice that. */
static clf_status count_row_bytes(clf_i_gemm *gemm, const clf_i_gemm_request *product) {
    enum { ROWS = 2048 };
    clf_i_gemm_needs few = {0, 0};
    clf_i_gemm_needs many = {0, 0};
    clf_status status = clf_i_gemm_the_library.measure(gemm->plan, ROWS, product, &few);
    if (status == CLF_SUCCESS) {
        status = clf_i_gemm_the_library.measure(gemm->plan, (int64_t)2 * ROWS, product, &many);
    }
    const double before = (double)few.scratch + (double)few.region;
    const double growth = ((double)many.scratch + (double)many.region - before) / ROWS;
    gemm->row_bytes = growth > gemm->row_bytes ? growth : gemm->row_bytes;
    return status;
}

static clf_status prepare_library(clf_i_gemm *gemm, const clf_i_gemm_request *product) {
    const clf_status status = clf_i_gemm_the_library.prepare(gemm->plan, gemm->num_rows, product);
    return status == CLF_SUCCESS ? count_row_bytes(gemm, product) : status;
}

clf_status clf_i_gemm_decide(clf_i_gemm *gemm, size_t index, const clf_i_gemm_request *product) {
    const clf_i_gemm_library *library = &clf_i_gemm_the_library;
    const clf_i_gemm_mode mode = clf_i_gemm_mode_of_environment();
    if (mode == CLF_I_GEMM_OWN) {
        return take_own(gemm, index, product, "CLFORMER_GEMM wants ours");
    }
    const char *refusal = library->refuse(&gemm->ranges, gemm->num_rows, product);
    if (refusal != NULL) {
        return mode == CLF_I_GEMM_AUTO
                   ? take_own(gemm, index, product, refusal)
                   : clf_i_fail(CLF_ERR_UNSUPPORTED,
                                "CLFORMER_GEMM is %s, which cannot compute matrix product %zu: %s",
                                library->name, index + 1, refusal);
    }
    if (mode == CLF_I_GEMM_AUTO && !clf_i_gemm_prefers_library(gemm->plan)) {
        return take_own(gemm, index, product, "slower on this device");
    }
    const clf_status status = prepare_library(gemm, product);
    if (status != CLF_SUCCESS) {
        return mode == CLF_I_GEMM_AUTO ? take_own(gemm, index, product, clf_last_error()) : status;
    }
    return clf_i_plan_add_product(gemm->plan, library->name, clf_i_gemm_own_name,
                                  mode == CLF_I_GEMM_AUTO ? "slower on this device"
                                                          : "CLFORMER_GEMM wants the library");
}

double clf_i_gemm_row_bytes(const clf_i_gemm *gemm) {
    return gemm->row_bytes;
}

/* ---- The workspace ---- */

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static clf_status reserve_library(clf_i_gemm *gemm, int64_t chunk_rows,
                                  const clf_i_gemm_request *products, size_t num_products) {
    clf_i_gemm_needs *needs = &gemm->area.needs;
    for (size_t i = 0; i < num_products; ++i) {
        clf_i_gemm_needs own = {0, 0};
        const clf_status status =
            gemm->is_own[i]
                ? CLF_SUCCESS
                : clf_i_gemm_the_library.measure(gemm->plan, chunk_rows, &products[i], &own);
        if (status != CLF_SUCCESS) {
            return status;
        }
        needs->scratch = larger(needs->scratch, own.scratch);
        needs->region = larger(needs->region, own.region);
    }
    if (needs->scratch > 0) {
        gemm->area.scratch = clf_i_plan_reserve_workspace(gemm->plan, needs->scratch);
    }
    if (needs->region > 0) {
        gemm->area.region = clf_i_plan_reserve_region(gemm->plan, needs->region);
    }
    return CLF_SUCCESS;
}

static clf_status reserve_own(clf_i_gemm *gemm, int64_t chunk_rows) {
    clf_i_own_tiles_choose(gemm->plan, gemm->variant, chunk_rows, gemm->own_columns,
                           gemm->ranges.num_groups, &gemm->tiling);
    const clf_i_plan_parameter parameters[] = {
        {"rows_per_tile", gemm->tiling.rows},
        {"columns_per_tile", gemm->tiling.columns},
        {"depths_per_block", gemm->tiling.depth},
    };
    clf_status status =
        clf_i_plan_set_parameters(gemm->plan, parameters, sizeof parameters / sizeof parameters[0]);
    if (status == CLF_SUCCESS && !gemm->ranges.is_on_device) {
        status = clf_i_plan_add_table(gemm->plan, gemm->ranges.ends,
                                      (size_t)gemm->ranges.num_groups * sizeof(int64_t),
                                      &gemm->ranges.table);
    }
    return status;
}

clf_status clf_i_gemm_reserve(clf_i_gemm *gemm, int64_t chunk_rows,
                              const clf_i_gemm_request *products, size_t num_products) {
    const clf_status status = gemm->num_own > 0 ? reserve_own(gemm, chunk_rows) : CLF_SUCCESS;
    return status == CLF_SUCCESS ? reserve_library(gemm, chunk_rows, products, num_products)
                                 : status;
}

/* ---- Steps ---- */

clf_status clf_i_gemm_begin_rows(clf_i_gemm *gemm, int64_t first_row, int64_t end_row) {
    gemm->area.first_row = first_row;
    gemm->area.end_row = end_row;
    return gemm->num_own > 0 ? clf_i_own_tiles_add_table(gemm->plan, &gemm->tiling, &gemm->ranges,
                                                         gemm->num_rows, first_row, end_row)
                             : CLF_SUCCESS;
}

clf_status clf_i_gemm_add(clf_i_gemm *gemm, size_t index, const clf_i_gemm_request *product) {
    return gemm->is_own[index]
               ? clf_i_own_tiles_add_product(gemm->plan, &gemm->tiling, product)
               : clf_i_gemm_the_library.add(gemm->plan, &gemm->area, &gemm->ranges, product);
}
