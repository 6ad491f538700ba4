/* See ffn_tensors.h: making and filling. Running is in ffn_run.c. */
#include "ffn_tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "storage_types.h"

/* Mean square of a uniform int8 and int4. */
#define INT8_SPREAD 73.9
#define INT4_SPREAD 4.6

typedef struct type_row {
    clf_dtype x;
    clf_dtype weight;
    clf_dtype bias;
    clf_dtype y;
} type_row;

static const type_row type_rows[TEST_NUM_FFN_TYPES] = {
    {CLF_DTYPE_FP32, CLF_DTYPE_FP32, CLF_DTYPE_FP32, CLF_DTYPE_FP32},
    {CLF_DTYPE_FP16, CLF_DTYPE_FP16, CLF_DTYPE_FP16, CLF_DTYPE_FP16},
    {CLF_DTYPE_BF16, CLF_DTYPE_BF16, CLF_DTYPE_FP32, CLF_DTYPE_BF16},
    {CLF_DTYPE_INT8, CLF_DTYPE_INT8, CLF_DTYPE_INT32, CLF_DTYPE_FP16},
    {CLF_DTYPE_INT8, CLF_DTYPE_INT8, CLF_DTYPE_INT32, CLF_DTYPE_BF16},
    {CLF_DTYPE_FP16, CLF_DTYPE_INT8, CLF_DTYPE_FP16, CLF_DTYPE_FP16},
    {CLF_DTYPE_FP16, CLF_DTYPE_INT4, CLF_DTYPE_FP16, CLF_DTYPE_FP16},
    {CLF_DTYPE_BF16, CLF_DTYPE_INT8, CLF_DTYPE_FP32, CLF_DTYPE_BF16},
    {CLF_DTYPE_BF16, CLF_DTYPE_INT4, CLF_DTYPE_FP32, CLF_DTYPE_BF16},
};

/* What is being made. */
typedef struct maker {
    ffn_tensors *tensors;
    const ffn_case *tested;
    const type_row *types;
    test_random random;
    bool has_experts;
} maker;

/* ---- Numbers: drawn from a table, because drawing and rounding each would take too long ---- */

#define POOL 509

typedef double (*draw_number)(maker *made, double a, double b);

static double draw_normal(maker *made, double mean, double deviation) {
    return mean + deviation * test_random_normal(&made->random);
}

static double draw_uniform(maker *made, double lowest, double highest) {
    return test_random_uniform(&made->random, lowest, highest);
}

static double draw_integer(maker *made, double lowest, double highest) {
    return (double)test_random_between(&made->random, (int64_t)lowest, (int64_t)highest);
}

static double draw_power(maker *made, double lowest, double highest) {
    return exp2(nearbyint(log2(test_random_uniform(&made->random, lowest, highest))));
}

static void fill(maker *made, int operand, draw_number draw, double a, double b) {
    unsigned char pool[POOL][8];
    test_tensor *tensor = &made->tensors->memory[operand];
    const size_t size = oracle_dtype_size(tensor->view.dtype);
    const int64_t count = test_tensor_count(tensor);
    for (size_t i = 0; i < POOL; i++) {
        oracle_encode(tensor->view.dtype, draw(made, a, b), pool[i]);
    }
    for (int64_t i = 0; i < count; i++) {
        memcpy(test_tensor_bits(tensor, i), pool[test_random_below(&made->random, POOL)], size);
    }
}

/* The lower half is the bits of an fp32, with all its fraction; the upper half is junk. */
static void fill_encoded(maker *made, int operand, draw_number draw, double a, double b) {
    test_tensor *tensor = &made->tensors->memory[operand];
    const int64_t count = test_tensor_count(tensor);
    for (int64_t i = 0; i < count; i++) {
        const float scale = (float)draw(made, a, b);
        uint32_t bits;
        memcpy(&bits, &scale, sizeof bits);
        const uint64_t encoded = bits | (test_random_next(&made->random) << 32);
        memcpy(test_tensor_bits(tensor, i), &encoded, sizeof encoded);
    }
}

/* ---- Tensors ---- */

/* Places of [E,] and the given sizes; those without experts leave E out. */
static int32_t with_experts(const maker *made, int64_t *shape, const int64_t *sizes, int32_t rank) {
    const int32_t leading = made->has_experts ? 1 : 0;
    shape[0] = made->tested->num_experts;
    memcpy(shape + leading, sizes, (size_t)rank * sizeof *sizes);
    return leading + rank;
}

static void place_view(maker *made, int operand) {
    made->tensors->views[operand] = made->tensors->memory[operand].view;
}

static void make(maker *made, int operand, clf_dtype dtype, int32_t rank, const int64_t *shape,
                 test_layout layout) {
    made->tensors->memory[operand] = test_tensor_make(
        dtype, rank, shape, layout, (made->tested->misalign * (size_t)(operand + 1)) % 8);
    place_view(made, operand);
}

/* Rows of bytes, in a tensor whose rows are longer if the layout has gaps. */
static void make_int4(maker *made, int operand, int32_t rank, const int64_t *shape) {
    const test_layout layout = made->tested->weight_layout;
    const bool repeats = layout == TEST_BROADCAST_ROW || layout == TEST_BROADCAST_ALL;
    int64_t bytes[CLF_MAX_RANK];
    memcpy(bytes, shape, (size_t)rank * sizeof *shape);
    bytes[rank - 1] = shape[rank - 1] / 2 + (layout == TEST_GAPS ? 3 : 0);
    make(made, operand, CLF_DTYPE_UINT8, rank, bytes, repeats ? layout : TEST_CONTIGUOUS);
    fill(made, operand, draw_integer, 0.0, 255.0);
    clf_tensor *view = &made->tensors->views[operand];
    view->dtype = CLF_DTYPE_INT4;
    view->offset *= 2;
    memcpy(view->shape, shape, (size_t)rank * sizeof *shape);
    for (int32_t axis = 0; axis < rank - 1; axis++) {
        view->strides[axis] *= 2;
    }
}

static void make_weight(maker *made, int operand, int64_t depth, int64_t width) {
    const int64_t sizes[] = {depth, width};
    const double deviation = 1.0 / sqrt((double)(depth > 0 ? depth : 1));
    int64_t shape[CLF_MAX_RANK];
    const int32_t rank = with_experts(made, shape, sizes, 2);
    const clf_dtype dtype = made->types->weight;
    if (dtype == CLF_DTYPE_INT4) {
        make_int4(made, operand, rank, shape);
        return;
    }
    make(made, operand, dtype, rank, shape, made->tested->weight_layout);
    if (dtype == CLF_DTYPE_INT8) {
        fill(made, operand, draw_integer, -128.0, 127.0);
    } else {
        fill(made, operand, draw_normal, 0.0, deviation);
    }
}

static void make_vector(maker *made, int operand, clf_dtype dtype, int64_t groups, int64_t width) {
    const int64_t sizes[] = {groups, width};
    int64_t shape[CLF_MAX_RANK];
    const int32_t rank =
        with_experts(made, shape, groups > 0 ? sizes : sizes + 1, groups > 0 ? 2 : 1);
    make(made, operand, dtype, rank, shape, made->tested->vector_layout);
}

static void make_bias(maker *made, int operand, int64_t depth, int64_t width) {
    make_vector(made, operand, made->types->bias, 0, width);
    if (made->types->bias == CLF_DTYPE_INT32) {
        const double reach = 1.0 + INT8_SPREAD * INT8_SPREAD * sqrt((double)depth);
        fill(made, operand, draw_integer, -reach, reach);
    } else {
        fill(made, operand, draw_normal, 0.0, 1.0);
    }
}

static void make_deq_scale(maker *made, int operand, int64_t width, double usual) {
    const draw_number draw = made->tested->is_dyadic ? draw_power : draw_uniform;
    const clf_dtype dtype =
        made->types->y == CLF_DTYPE_BF16 ? CLF_DTYPE_BF16 : made->tested->deq_dtype;
    make_vector(made, operand, dtype, 0, width);
    if (dtype == CLF_DTYPE_INT64 || dtype == CLF_DTYPE_UINT64) {
        fill_encoded(made, operand, draw, 0.5 * usual, 1.5 * usual);
    } else {
        fill(made, operand, draw, 0.5 * usual, 1.5 * usual);
    }
}

static void make_quantisation(maker *made) {
    const ffn_case *tested = made->tested;
    const draw_number draw = tested->is_dyadic ? draw_power : draw_uniform;
    const double k1 = (double)(tested->depth1 > 0 ? tested->depth1 : 1);
    const double k2 = (double)(tested->depth2 > 0 ? tested->depth2 : 1);
    const int64_t for_each[] = {made->has_experts ? tested->num_experts : 1};
    if (tested->scale_per_column) {
        make_vector(made, TEST_FFN_SCALE, CLF_DTYPE_FP32, 0, tested->depth2);
    } else {
        make(made, TEST_FFN_SCALE, CLF_DTYPE_FP32, 1, for_each, tested->vector_layout);
    }
    fill(made, TEST_FFN_SCALE, draw, 10.0, 70.0);
    make(made, TEST_FFN_OFFSET, CLF_DTYPE_FP32, 1, for_each, tested->vector_layout);
    fill(made, TEST_FFN_OFFSET, tested->is_dyadic ? draw_integer : draw_normal, -3.0, 3.0);
    make_deq_scale(made, TEST_FFN_DEQ_SCALE1, ffn_case_width1(tested),
                   1.5 / (INT8_SPREAD * INT8_SPREAD * sqrt(k1)));
    make_deq_scale(made, TEST_FFN_DEQ_SCALE2, tested->width2,
                   1.0 / (INT8_SPREAD * 40.0 * sqrt(k2)));
}

static void make_antiquant(maker *made, int scale, int offset, int64_t depth, int64_t groups,
                           int64_t width) {
    const double spread = made->types->weight == CLF_DTYPE_INT4 ? INT4_SPREAD : INT8_SPREAD;
    const double usual = 1.0 / (spread * sqrt((double)(depth > 0 ? depth : 1)));
    make_vector(made, scale, made->types->x, groups, width);
    fill(made, scale, draw_uniform, 0.5 * usual, 1.5 * usual);
    make_vector(made, offset, made->types->x, groups, width);
    fill(made, offset, draw_normal, 0.0, 0.3 * spread);
}

/* ---- Tokens ---- */

/* Values that no caller should give. */
static int64_t wild_token(test_random *random) {
    static const int64_t values[] = {-1, INT64_MIN, INT64_MAX, 0, 3, -7, 100000};
    return values[test_random_below(random, sizeof values / sizeof values[0])];
}

static void make_tokens(maker *made) {
    const ffn_case *tested = made->tested;
    ffn_tensors *tensors = made->tensors;
    const bool as_ends =
        tested->expert_form == TEST_EXPERTS_ENDS || tested->expert_form == TEST_EXPERTS_DEVICE_ENDS;
    int64_t end = 0;
    for (int64_t i = 0; i < tested->num_experts; i++) {
        end += tested->counts[i];
        tensors->tokens[i] = as_ends ? end : tested->counts[i];
        if (tested->wild_tokens && test_random_chance(&made->random, 0.4)) {
            tensors->tokens[i] = wild_token(&made->random);
        }
    }
    tensors->args.tokens_index_flag = as_ends;
    if (tested->expert_form == TEST_EXPERTS_COUNTS || tested->expert_form == TEST_EXPERTS_ENDS) {
        tensors->args.expert_tokens = tensors->tokens;
        tensors->args.num_expert_tokens = (size_t)tested->num_experts;
        return;
    }
    make(made, TEST_FFN_EXPERT_TOKENS, CLF_DTYPE_INT64, 1, &tested->num_experts,
         tested->vector_layout);
    for (int64_t i = 0; i < tested->num_experts; i++) {
        memcpy(test_tensor_bits(&tensors->memory[TEST_FFN_EXPERT_TOKENS], i), &tensors->tokens[i],
               sizeof tensors->tokens[i]);
    }
}

/* ---- All of them ---- */

static void make_x_and_y(maker *made) {
    const ffn_case *tested = made->tested;
    int64_t shape[CLF_MAX_RANK];
    memcpy(shape, tested->tokens, sizeof tested->tokens);
    shape[tested->num_axes] = tested->depth1;
    make(made, TEST_FFN_X, made->types->x, tested->num_axes + 1, shape, tested->x_layout);
    if (made->types->x == CLF_DTYPE_INT8) {
        fill(made, TEST_FFN_X, draw_integer, -128.0, 127.0);
    } else {
        fill(made, TEST_FFN_X, draw_normal, 0.0, tested->deviation);
    }
    shape[tested->num_axes] = tested->width2;
    make(made, TEST_FFN_Y, made->types->y, tested->num_axes + 1, shape, tested->y_layout);
    test_tensor *y = &made->tensors->memory[TEST_FFN_Y];
    y->is_output = true;
    for (size_t i = 0; i < y->num_bytes; i++) { /* rows of no expert must keep it */
        y->image[i] = y->owned[i] ? 0x5A : y->image[i];
    }
}

static void point_args(ffn_tensors *tensors) {
    clf_ffn_args *args = &tensors->args;
    const clf_tensor **const fields[TEST_NUM_FFN_OPERANDS] = {&args->x,
                                                              &args->weight1,
                                                              &args->weight2,
                                                              &args->bias1,
                                                              &args->bias2,
                                                              &args->scale,
                                                              &args->offset,
                                                              &args->deq_scale1,
                                                              &args->deq_scale2,
                                                              &args->antiquant_scale1,
                                                              &args->antiquant_scale2,
                                                              &args->antiquant_offset1,
                                                              &args->antiquant_offset2,
                                                              &args->expert_tokens_tensor,
                                                              &args->y};
    for (int i = 0; i < TEST_NUM_FFN_OPERANDS; i++) {
        *fields[i] = tensors->memory[i].image != NULL ? &tensors->views[i] : NULL;
    }
}

void ffn_tensors_make(ffn_tensors *tensors, const ffn_case *tested) {
    const clf_ffn_args defaults = CLF_FFN_ARGS;
    maker made = {.tensors = tensors,
                  .tested = tested,
                  .types = &type_rows[tested->types],
                  .random = test_random_from(tested->seed),
                  .has_experts = tested->expert_form != TEST_EXPERTS_NONE};
    const int64_t width1 = ffn_case_width1(tested);
    memset(tensors, 0, sizeof *tensors);
    tensors->args = defaults;
    make_x_and_y(&made);
    make_weight(&made, TEST_FFN_WEIGHT1, tested->depth1, width1);
    make_weight(&made, TEST_FFN_WEIGHT2, tested->depth2, tested->width2);
    if (tested->has_bias1) {
        make_bias(&made, TEST_FFN_BIAS1, tested->depth1, width1);
    }
    if (tested->has_bias2) {
        make_bias(&made, TEST_FFN_BIAS2, tested->depth2, tested->width2);
    }
    if (ffn_case_is_int8(tested)) {
        make_quantisation(&made);
    }
    if (ffn_case_is_antiquant(tested)) {
        make_antiquant(&made, TEST_FFN_ANTIQUANT_SCALE1, TEST_FFN_ANTIQUANT_OFFSET1, tested->depth1,
                       tested->groups1, width1);
        make_antiquant(&made, TEST_FFN_ANTIQUANT_SCALE2, TEST_FFN_ANTIQUANT_OFFSET2, tested->depth2,
                       tested->groups2, tested->width2);
    }
    if (made.has_experts) {
        make_tokens(&made);
    }
    point_args(tensors);
    tensors->args.activation = test_ffn_activations[tested->activation];
    tensors->args.inner_precise = tested->inner_precise;
    tensors->args.variant = tested->variant;
}

void ffn_tensors_free(ffn_tensors *tensors) {
    for (int i = 0; i < TEST_NUM_FFN_OPERANDS; i++) {
        if (tensors->memory[i].image != NULL) {
            test_tensor_free(&tensors->memory[i]);
        }
    }
}

void ffn_tensors_open_oracle(const ffn_tensors *tensors, oracle_ffn *problem) {
    const test_tensor *m = tensors->memory;
    const oracle_ffn_inputs inputs = {m[TEST_FFN_X].image,
                                      m[TEST_FFN_WEIGHT1].image,
                                      m[TEST_FFN_WEIGHT2].image,
                                      m[TEST_FFN_BIAS1].image,
                                      m[TEST_FFN_BIAS2].image,
                                      m[TEST_FFN_SCALE].image,
                                      m[TEST_FFN_OFFSET].image,
                                      m[TEST_FFN_DEQ_SCALE1].image,
                                      m[TEST_FFN_DEQ_SCALE2].image,
                                      m[TEST_FFN_ANTIQUANT_SCALE1].image,
                                      m[TEST_FFN_ANTIQUANT_SCALE2].image,
                                      m[TEST_FFN_ANTIQUANT_OFFSET1].image,
                                      m[TEST_FFN_ANTIQUANT_OFFSET2].image,
                                      m[TEST_FFN_EXPERT_TOKENS].image};
    assert_true(oracle_ffn_open(problem, &tensors->args, &inputs));
}
