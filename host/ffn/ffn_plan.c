/* clf_ffn_plan: the request becomes products over chunks of tokens. */
#include <string.h>

#include "core/failure.h"
#include "core/memory.h"
#include "device/plan_builder.h"
#include "ffn/ffn_arguments.h"
#include "ffn/ffn_text.h"
#include "gemm/gemm_plan.h"
#include "shape/view.h"

/* Workspace of a chunk, if it is more than one row, without what does not grow with the rows. */
#define CHUNK_BYTES  ((double)(1 << 26))
#define CHUNK_ROWS   384 /* chunks are multiples of it, where that fits */
#define NUM_PRODUCTS 2

/* A plan in the making. */
typedef struct building {
    clf_plan *plan;
    const clf_i_ffn_request *request;
    clf_variant variant;
    int64_t *ends; /* of the experts' ranges, or, without experts, of the one range */
    clf_i_gemm gemm;
    clf_i_gemm_operand hidden;
    int64_t chunk_rows;
} building;

/* ---- Tensors ---- */

static clf_status add_tensors(const clf_ffn_args *args, clf_plan *plan) {
    const clf_i_plan_tensor tensors[] = {
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
    return clf_i_plan_add_tensors(plan, tensors, sizeof tensors / sizeof tensors[0]);
}

static clf_i_gemm_operand operand_of(clf_slot slot, const clf_tensor *tensor) {
    clf_i_gemm_operand operand = {.is_given = tensor != NULL, .slot = slot};
    if (tensor != NULL) {
        operand.dtype = tensor->dtype;
    }
    return operand;
}

/* ---- Ranges of tokens ---- */

static clf_status make_ends(building *building) {
    const clf_i_ffn_experts *experts = &building->request->experts;
    const size_t count = experts->is_given ? (size_t)experts->count : 1;
    building->ends = clf_i_allocate(count, sizeof *building->ends);
    if (building->ends == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for the experts' tokens");
    }
    for (size_t i = 0; i < count; ++i) {
        building->ends[i] =
            experts->is_given ? experts->ranges[i].end : building->request->num_tokens;
    }
    return CLF_SUCCESS;
}

static clf_status make_ranges(building *building, clf_i_gemm_ranges *ranges) {
    const clf_i_ffn_experts *experts = &building->request->experts;
    memset(ranges, 0, sizeof *ranges);
    ranges->num_groups = experts->is_given ? experts->count : 1;
    ranges->is_on_device = experts->is_on_device;
    if (experts->is_on_device) {
        ranges->slot = CLF_SLOT_EXPERT_TOKENS;
        ranges->stride = experts->stride;
        ranges->is_index = building->request->args.tokens_index_flag;
        return CLF_SUCCESS;
    }
    const clf_status status = make_ends(building);
    ranges->ends = building->ends;
    ranges->is_index = true;
    return status;
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

/* Both products of the chunk that begins with `first_row`; returns how many have columns. */
static size_t describe_products(const building *building, int64_t first_row,
                                clf_i_gemm_request products[NUM_PRODUCTS]) {
    memset(products, 0, NUM_PRODUCTS * sizeof products[0]);
    describe_first(building, first_row, &products[0]);
    describe_second(building, first_row, &products[1]);
    if (products[0].problem.columns > 0) {
        return NUM_PRODUCTS;
    }
    products[0] = products[1]; /* there is nothing to compute but its bias */
    return 1;
}

static clf_status add_chunk(building *building, int64_t first_row) {
    clf_i_gemm_request products[NUM_PRODUCTS];
    const size_t count = describe_products(building, first_row, products);
    const int64_t num_tokens = building->request->num_tokens;
    const int64_t end = first_row + building->chunk_rows;
    clf_status status =
        clf_i_gemm_begin_rows(&building->gemm, first_row, end < num_tokens ? end : num_tokens);
    for (size_t i = 0; i < count && status == CLF_SUCCESS; ++i) {
        status = clf_i_gemm_add(&building->gemm, i, &products[i]);
    }
    return status;
}

static clf_status decide_products(building *building) {
    clf_i_gemm_request products[NUM_PRODUCTS];
    const size_t count = describe_products(building, 0, products);
    clf_status status = CLF_SUCCESS;
    for (size_t i = 0; i < count && status == CLF_SUCCESS; ++i) {
        status = clf_i_gemm_decide(&building->gemm, i, &products[i]);
    }
    return status;
}

/* Tokens at a time, and workspace for them. */
static clf_status choose_chunks(building *building) {
    const clf_i_ffn_request *request = building->request;
    const int64_t hidden_bytes =
        request->layers[1].depth * (int64_t)clf_dtype_size(request->hidden_dtype);
    const double row_bytes = (double)hidden_bytes + clf_i_gemm_row_bytes(&building->gemm);
    const double most = row_bytes > 0.0 ? CHUNK_BYTES / row_bytes : (double)request->num_tokens;
    int64_t rows = request->num_tokens;
    if (most < (double)rows) {
        rows = most >= CHUNK_ROWS ? (int64_t)most / CHUNK_ROWS * CHUNK_ROWS : (int64_t)most;
        rows = rows > 1 ? rows : 1;
    }
    building->chunk_rows = rows;
    building->hidden.offset =
        clf_i_plan_reserve_workspace(building->plan, (size_t)(rows * hidden_bytes));
    clf_i_gemm_request products[NUM_PRODUCTS];
    const size_t count = describe_products(building, 0, products);
    const clf_status status = clf_i_plan_set_parameter(building->plan, "tokens_per_chunk", rows);
    return status == CLF_SUCCESS ? clf_i_gemm_reserve(&building->gemm, rows, products, count)
                                 : status;
}

static clf_status add_steps(building *building) {
    const clf_i_ffn_request *request = building->request;
    clf_i_gemm_ranges ranges;
    clf_status status = make_ranges(building, &ranges);
    if (status != CLF_SUCCESS) {
        return status;
    }
    building->hidden = (clf_i_gemm_operand){
        .is_given = true,
        .is_in_workspace = true,
        .dtype = request->hidden_dtype,
    };
    clf_i_gemm_begin(&building->gemm, building->plan, building->variant, &ranges,
                     request->num_tokens);
    status = decide_products(building);
    if (status == CLF_SUCCESS) {
        status = choose_chunks(building);
    }
    for (int64_t row = 0; row < request->num_tokens && status == CLF_SUCCESS;
         row += building->chunk_rows) {
        status = add_chunk(building, row);
    }
    return status;
}

/* ---- Description ---- */

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
        clf_i_view_bytes(request->args.x) + clf_i_view_bytes(request->args.y) +
        share * (clf_i_view_bytes(request->args.weight1) + clf_i_view_bytes(request->args.weight2));
    clf_i_plan_set_cost(building->plan, 2.0 * (double)request->num_tokens * products, bytes);
}

/* ---- The plan ---- */

static clf_status fill_plan(building *building) {
    clf_status status = add_tensors(&building->request->args, building->plan);
    if (status == CLF_SUCCESS) {
        status = clf_i_ffn_set_text(building->request, building->plan);
    }
    if (status == CLF_SUCCESS) {
        status = clf_i_plan_choose_either_variant(building->plan, building->request->args.variant,
                                                  &building->variant);
    }
    if (status == CLF_SUCCESS && !building->request->out_is_empty) {
        status = add_steps(building);
        if (status == CLF_SUCCESS) {
            set_cost(building);
        }
    }
    return status == CLF_SUCCESS ? clf_i_plan_finish(building->plan) : status;
}

clf_status clf_ffn_plan(clf_device *device, const clf_ffn_args *args, clf_plan **out_plan) {
    clf_status status = clf_i_plan_check_call(device, args, out_plan);
    if (status != CLF_SUCCESS) {
        return status;
    }
    clf_i_ffn_request request;
    building building;
    memset(&building, 0, sizeof building);
    building.request = &request;
    status = clf_i_ffn_request_make(args, &request);
    if (status == CLF_SUCCESS) {
        status = clf_i_plan_create(device, "ffn", &building.plan);
    }
    if (status == CLF_SUCCESS) {
        status = fill_plan(&building);
    }
    clf_i_ffn_request_clear(&request);
    clf_i_release(building.ends);
    return clf_i_plan_hand_over(building.plan, status, out_plan);
}
