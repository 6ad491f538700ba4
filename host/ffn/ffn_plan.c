/* clf_ffn_plan: the request becomes products over chunks of tokens. */
#include <string.h>

#include "core/failure.h"
#include "core/memory.h"
#include "device/plan_builder.h"
#include "ffn/ffn_arguments.h"
#include "ffn/ffn_text.h"
#include "gemm/own_tiles.h"
#include "shape/view.h"

#define HIDDEN_BYTES ((int64_t)1 << 26) /* of a chunk's hidden activations, if more than one row */
#define CHUNK_ROWS   384                /* chunks are multiples of it, where that fits */

/* A plan in the making. */
typedef struct building {
    clf_plan *plan;
    const clf_i_ffn_request *request;
    clf_variant variant;
    clf_i_gemm_ranges ranges;
    clf_i_gemm_tiling tiling;
    clf_i_gemm_operand hidden;
    int64_t chunk_rows;
} building;

/* ---- Tensors ---- */

static clf_status add_tensors(const clf_ffn_args *args, clf_plan *plan) {
    const struct {
        clf_slot slot;
        const char *argument;
        const clf_tensor *tensor;
        clf_i_access access;
    } tensors[] = {
        {CLF_SLOT_X, "x", args->x, CLF_I_READ},
        {CLF_SLOT_WEIGHT1, "weight1", args->weight1, CLF_I_READ},
        {CLF_SLOT_WEIGHT2, "weight2", args->weight2, CLF_I_READ},
        {CLF_SLOT_BIAS1, "bias1", args->bias1, CLF_I_READ},
        {CLF_SLOT_BIAS2, "bias2", args->bias2, CLF_I_READ},
        {CLF_SLOT_SCALE, "scale", args->scale, CLF_I_READ},
        {CLF_SLOT_OFFSET, "offset", args->offset, CLF_I_READ},
        {CLF_SLOT_DEQ_SCALE1, "deq_scale1", args->deq_scale1, CLF_I_READ},
        {CLF_SLOT_DEQ_SCALE2, "deq_scale2", args->deq_scale2, CLF_I_READ},
        {CLF_SLOT_ANTIQUANT_SCALE1, "antiquant_scale1", args->antiquant_scale1, CLF_I_READ},
        {CLF_SLOT_ANTIQUANT_SCALE2, "antiquant_scale2", args->antiquant_scale2, CLF_I_READ},
        {CLF_SLOT_ANTIQUANT_OFFSET1, "antiquant_offset1", args->antiquant_offset1, CLF_I_READ},
        {CLF_SLOT_ANTIQUANT_OFFSET2, "antiquant_offset2", args->antiquant_offset2, CLF_I_READ},
        {CLF_SLOT_EXPERT_TOKENS, "expert_tokens_tensor", args->expert_tokens_tensor, CLF_I_READ},
        {CLF_SLOT_Y, "y", args->y, CLF_I_WRITE},
    };
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0] && status == CLF_SUCCESS; ++i) {
        if (tensors[i].tensor != NULL) {
            status = clf_i_plan_add_tensor(plan, tensors[i].slot, tensors[i].argument,
                                           tensors[i].tensor, tensors[i].access);
        }
    }
    return status;
}

static clf_i_gemm_operand operand_of(clf_slot slot, const clf_tensor *tensor) {
    clf_i_gemm_operand operand = {.is_given = tensor != NULL, .slot = slot};
    if (tensor != NULL) {
        operand.dtype = tensor->dtype;
    }
    return operand;
}

/* ---- Ranges of tokens ---- */

/* The ends of the experts' ranges, or, without experts, of the one range. */
static clf_status add_ends(building *building) {
    const clf_i_ffn_experts *experts = &building->request->experts;
    const size_t count = experts->is_given ? (size_t)experts->count : 1;
    int64_t *ends = clf_i_allocate(count, sizeof *ends);
    if (ends == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for the experts' tokens");
    }
    for (size_t i = 0; i < count; ++i) {
        ends[i] = experts->is_given ? experts->ranges[i].end : building->request->num_tokens;
    }
    const clf_status status =
        clf_i_plan_add_table(building->plan, ends, count * sizeof *ends, &building->ranges.table);
    clf_i_release(ends);
    return status;
}

static clf_status make_ranges(building *building) {
    const clf_i_ffn_experts *experts = &building->request->experts;
    building->ranges.num_groups = experts->is_given ? experts->count : 1;
    building->ranges.is_on_device = experts->is_on_device;
    if (experts->is_on_device) {
        building->ranges.slot = CLF_SLOT_EXPERT_TOKENS;
        building->ranges.stride = experts->stride;
        building->ranges.is_index = building->request->args.tokens_index_flag;
        return CLF_SUCCESS;
    }
    building->ranges.is_index = true;
    return add_ends(building);
}

/* ---- Products ---- */

static void copy_strides(const clf_i_ffn_strides *strides, int64_t copy[3]) {
    copy[0] = strides->expert;
    copy[1] = strides->row;
    copy[2] = strides->column;
}

static void copy_vector_strides(const clf_i_ffn_strides *strides, int64_t copy[2]) {
    copy[0] = strides->expert;
    copy[1] = strides->column;
}

static void set_layer(const clf_i_ffn_layer *layer, clf_i_gemm_problem *problem) {
    problem->depth = layer->depth;
    copy_strides(&layer->weight, problem->b_strides);
    copy_vector_strides(&layer->bias, problem->bias_strides);
    copy_vector_strides(&layer->deq_scale, problem->dequant_strides);
    copy_strides(&layer->antiquant_scale, problem->antiquant_scale_strides);
    copy_strides(&layer->antiquant_offset, problem->antiquant_offset_strides);
    problem->antiquant_depth = layer->group_size;
}

/* Operand `which` of the rows becomes dense, of `width` columns. */
static void set_dense(clf_i_row_space *rows, int which, int64_t width) {
    int64_t step = width;
    for (int32_t axis = rows->num_axes - 1; axis >= 0; --axis) {
        rows->strides[which][axis] = step;
        step *= rows->shape[axis];
    }
    rows->column_strides[which] = 1;
}

/* Product 1: x to the hidden activations of the chunk. */
static void describe_first(const building *building, int64_t first_row,
                           clf_i_gemm_request *product) {
    const clf_i_ffn_request *request = building->request;
    const clf_ffn_args *args = &request->args;
    const int64_t hidden_width = request->layers[1].depth;
    product->a = operand_of(CLF_SLOT_X, args->x);
    product->b = operand_of(CLF_SLOT_WEIGHT1, args->weight1);
    product->c = building->hidden;
    product->bias = operand_of(CLF_SLOT_BIAS1, args->bias1);
    product->dequant = operand_of(CLF_SLOT_DEQ_SCALE1, args->deq_scale1);
    product->quant_scale = operand_of(CLF_SLOT_SCALE, args->scale);
    product->quant_offset = operand_of(CLF_SLOT_OFFSET, args->offset);
    product->antiquant_scale = operand_of(CLF_SLOT_ANTIQUANT_SCALE1, args->antiquant_scale1);
    product->antiquant_offset = operand_of(CLF_SLOT_ANTIQUANT_OFFSET1, args->antiquant_offset1);
    product->rounds_to_fp16 =
        request->mode == CLF_I_FFN_QUANTISED && args->y->dtype == CLF_DTYPE_FP16;
    product->is_glu = request->is_glu;
    product->activation = (int)request->activation;
    clf_i_gemm_problem *problem = &product->problem;
    problem->rows = request->x_rows;
    set_dense(&problem->rows, 1, hidden_width);
    problem->columns = hidden_width;
    problem->c_base = -first_row * hidden_width;
    set_layer(&request->layers[0], problem);
    copy_vector_strides(&request->scale, problem->quant_scale_strides);
    problem->quant_offset_stride = request->offset.expert;
}

/* Product 2: from there to y. */
static void describe_second(const building *building, int64_t first_row,
                            clf_i_gemm_request *product) {
    const clf_i_ffn_request *request = building->request;
    const clf_ffn_args *args = &request->args;
    const int64_t hidden_width = request->layers[1].depth;
    product->a = building->hidden;
    product->b = operand_of(CLF_SLOT_WEIGHT2, args->weight2);
    product->c = operand_of(CLF_SLOT_Y, args->y);
    product->bias = operand_of(CLF_SLOT_BIAS2, args->bias2);
    product->dequant = operand_of(CLF_SLOT_DEQ_SCALE2, args->deq_scale2);
    product->antiquant_scale = operand_of(CLF_SLOT_ANTIQUANT_SCALE2, args->antiquant_scale2);
    product->antiquant_offset = operand_of(CLF_SLOT_ANTIQUANT_OFFSET2, args->antiquant_offset2);
    clf_i_gemm_problem *problem = &product->problem;
    problem->rows = request->y_rows;
    memcpy(problem->rows.strides[1], request->y_rows.strides[0], sizeof problem->rows.strides[1]);
    problem->rows.column_strides[1] = request->y_rows.column_strides[0];
    set_dense(&problem->rows, 0, hidden_width);
    problem->columns = request->layers[1].width;
    problem->a_base = -first_row * hidden_width;
    set_layer(&request->layers[1], problem);
}

static clf_status add_chunk(building *building, int64_t first_row) {
    typedef void (*describe)(const struct building *, int64_t, clf_i_gemm_request *);
    static const describe products[] = {describe_first, describe_second};
    const int64_t num_tokens = building->request->num_tokens;
    const int64_t end = first_row + building->chunk_rows;
    clf_status status =
        clf_i_own_tiles_add_table(building->plan, &building->tiling, &building->ranges, num_tokens,
                                  first_row, end < num_tokens ? end : num_tokens);
    for (size_t i = 0; i < 2 && status == CLF_SUCCESS; ++i) {
        clf_i_gemm_request product;
        memset(&product, 0, sizeof product);
        products[i](building, first_row, &product);
        if (product.problem.columns > 0) {
            status = clf_i_own_tiles_add_product(building->plan, &building->tiling, &product);
        }
    }
    return status;
}

static void choose_chunks(building *building) {
    const clf_i_ffn_request *request = building->request;
    const int64_t row_bytes =
        request->layers[1].depth * (int64_t)clf_dtype_size(request->hidden_dtype);
    int64_t rows = row_bytes > 0 ? HIDDEN_BYTES / row_bytes : request->num_tokens;
    if (rows >= CHUNK_ROWS) {
        rows = rows / CHUNK_ROWS * CHUNK_ROWS;
    }
    rows = rows > 1 ? rows : 1;
    building->chunk_rows = rows < request->num_tokens ? rows : request->num_tokens;
    building->hidden = (clf_i_gemm_operand){
        .is_given = true,
        .is_in_workspace = true,
        .offset = clf_i_plan_reserve_workspace(building->plan,
                                               (size_t)(building->chunk_rows * row_bytes)),
        .dtype = request->hidden_dtype,
    };
}

static clf_status add_steps(building *building) {
    const clf_i_ffn_request *request = building->request;
    choose_chunks(building);
    clf_status status = make_ranges(building);
    if (status != CLF_SUCCESS) {
        return status;
    }
    const int64_t hidden_width = request->layers[1].depth;
    const int64_t out_width = request->layers[1].width;
    clf_i_own_tiles_choose(building->plan, building->variant, building->chunk_rows,
                           hidden_width > out_width ? hidden_width : out_width,
                           building->ranges.num_groups, &building->tiling);
    for (int64_t row = 0; row < request->num_tokens && status == CLF_SUCCESS;
         row += building->chunk_rows) {
        status = add_chunk(building, row);
    }
    return status;
}

/* ---- Description ---- */

static clf_status set_parameters(const building *building) {
    const struct {
        const char *name;
        int64_t value;
    } parameters[] = {
        {"rows_per_tile", building->tiling.rows},
        {"columns_per_tile", building->tiling.columns},
        {"depths_per_block", building->tiling.depth},
        {"tokens_per_chunk", building->chunk_rows},
    };
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0] && status == CLF_SUCCESS; ++i) {
        status = clf_i_plan_set_parameter(building->plan, parameters[i].name, parameters[i].value);
    }
    return status;
}

static double bytes_of(const clf_tensor *tensor) {
    return (double)clf_i_view_num_elements(tensor) * (double)clf_dtype_bits(tensor->dtype) / 8.0;
}

/* Every tensor moves once; of the weights, those of experts with tokens, as far as that is known. */
static void set_cost(const building *building) {
    const clf_i_ffn_request *request = building->request;
    const clf_i_ffn_experts *experts = &request->experts;
    double products = 0.0;
    double share = 1.0;
    for (int i = 0; i < 2; ++i) {
        products += (double)request->layers[i].depth * (double)request->layers[i].width;
    }
    if (experts->is_given && !experts->is_on_device) {
        int64_t busy = 0;
        for (int64_t i = 0; i < experts->count; ++i) {
            busy += experts->ranges[i].end > experts->ranges[i].begin;
        }
        share = (double)busy / (double)experts->count;
    }
    const double bytes =
        bytes_of(request->args.x) + bytes_of(request->args.y) +
        share * (bytes_of(request->args.weight1) + bytes_of(request->args.weight2));
    clf_i_plan_set_cost(building->plan, 2.0 * (double)request->num_tokens * products, bytes);
}

/* ---- The plan ---- */

static clf_status choose_variant(building *building) {
    static const clf_variant best_first[] = {CLF_VARIANT_CPU, CLF_VARIANT_PORTABLE};
    enum { NUM_VARIANTS = sizeof best_first / sizeof best_first[0] };
    clf_i_variant_option options[NUM_VARIANTS];
    for (size_t i = 0; i < NUM_VARIANTS; ++i) {
        options[i].variant = best_first[i];
        options[i].refusal =
            clf_i_variant_refusal(clf_i_plan_capabilities(building->plan), best_first[i]);
    }
    return clf_i_plan_choose_variant(building->plan, building->request->args.variant, options,
                                     NUM_VARIANTS, &building->variant);
}

static clf_status fill_plan(building *building) {
    clf_status status = add_tensors(&building->request->args, building->plan);
    if (status == CLF_SUCCESS) {
        status = clf_i_ffn_set_text(building->request, building->plan);
    }
    if (status == CLF_SUCCESS) {
        status = choose_variant(building);
    }
    if (status == CLF_SUCCESS && !building->request->out_is_empty) {
        status = add_steps(building);
        if (status == CLF_SUCCESS) {
            set_cost(building);
            status = set_parameters(building);
        }
    }
    return status == CLF_SUCCESS ? clf_i_plan_finish(building->plan) : status;
}

clf_status clf_ffn_plan(clf_device *device, const clf_ffn_args *args, clf_plan **out_plan) {
    if (out_plan != NULL) {
        *out_plan = NULL;
    }
    if (out_plan == NULL || device == NULL || args == NULL) {
        return clf_i_fail(CLF_ERR_PARAM_NULLPTR, "%s is NULL, one is required",
                          out_plan == NULL ? "out_plan"
                          : device == NULL ? "device"
                                           : "args");
    }
    clf_i_ffn_request request;
    building building;
    memset(&building, 0, sizeof building);
    building.request = &request;
    clf_status status = clf_i_ffn_request_make(args, &request);
    if (status == CLF_SUCCESS) {
        status = clf_i_plan_create(device, "ffn", &building.plan);
    }
    if (status == CLF_SUCCESS) {
        status = fill_plan(&building);
    }
    clf_i_ffn_request_clear(&request);
    if (status != CLF_SUCCESS) {
        clf_plan_destroy(building.plan);
        return status;
    }
    *out_plan = building.plan;
    return CLF_SUCCESS;
}
