/* The step of kernel clf_gemm_epilogue. */
#include "gemm/gemm_epilogue.h"

enum { GROUP_SIZE = 64, NO_ACTIVATION = 0, MAX_ARGUMENTS = 4 };

bool clf_i_gemm_has_epilogue(const clf_i_gemm_request *product) {
    return product->bias.is_given || product->is_glu || product->activation != NO_ACTIVATION;
}

bool clf_i_gemm_needs_scratch(const clf_i_gemm_request *product) {
    return clf_i_gemm_has_epilogue(product) && (product->is_glu || !product->c.is_in_workspace);
}

static clf_i_argument argument_of(const clf_i_gemm_operand *operand) {
    const clf_i_argument workspace =
        CLF_I_WORKSPACE_ELEMENTS(operand->offset, clf_dtype_size(operand->dtype));
    const clf_i_argument tensor = CLF_I_TENSOR(operand->slot);
    return operand->is_in_workspace ? workspace : tensor;
}

clf_status clf_i_gemm_add_epilogue(clf_plan *plan, const clf_i_gemm_request *product,
                                   const clf_i_gemm_operand *sums,
                                   const clf_i_gemm_epilogue *epilogue) {
    const clf_i_define defines[] = {
        {"CLF_GEMM_BIAS", product->bias.is_given ? (int64_t)product->bias.dtype : -1},
        {"CLF_GEMM_GLU", product->is_glu},
        {"CLF_ACTIVATION", product->activation},
    };
    clf_i_argument arguments[MAX_ARGUMENTS];
    size_t num_arguments = 0;
    arguments[num_arguments++] = argument_of(sums);
    if (product->bias.is_given) {
        arguments[num_arguments++] = argument_of(&product->bias);
    }
    arguments[num_arguments++] = argument_of(&product->c);
    arguments[num_arguments++] = (clf_i_argument)CLF_I_VALUE(*epilogue);
    const int64_t blocks = (epilogue->columns + GROUP_SIZE - 1) / GROUP_SIZE;
    const clf_i_step step = {
        .kernel = "clf_gemm_epilogue",
        .defines = defines,
        .num_defines = sizeof defines / sizeof defines[0],
        .arguments = arguments,
        .num_arguments = num_arguments,
        .dimensions = 1,
        .global = {(size_t)(epilogue->num_rows * blocks) * GROUP_SIZE},
        .local = {GROUP_SIZE},
    };
    return clf_i_plan_add_step(plan, &step);
}
