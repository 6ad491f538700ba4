/* Element types: sizes and names. */
#include <clformer/tensor.h>

static const struct {
    clf_dtype dtype;
    size_t bits;
    const char *name;
} dtypes[] = {
    {CLF_DTYPE_FP32, 32, "fp32"},     {CLF_DTYPE_FP16, 16, "fp16"},  {CLF_DTYPE_INT8, 8, "int8"},
    {CLF_DTYPE_INT32, 32, "int32"},   {CLF_DTYPE_UINT8, 8, "uint8"}, {CLF_DTYPE_INT64, 64, "int64"},
    {CLF_DTYPE_UINT64, 64, "uint64"}, {CLF_DTYPE_BOOL, 8, "bool"},   {CLF_DTYPE_BF16, 16, "bf16"},
    {CLF_DTYPE_INT4, 4, "int4"},
};
#define NUM_DTYPES (sizeof dtypes / sizeof dtypes[0])

size_t clf_dtype_bits(clf_dtype dtype) {
    for (size_t i = 0; i < NUM_DTYPES; ++i) {
        if (dtypes[i].dtype == dtype) {
            return dtypes[i].bits;
        }
    }
    return 0;
}

size_t clf_dtype_size(clf_dtype dtype) {
    return clf_dtype_bits(dtype) / 8;
}

const char *clf_dtype_name(clf_dtype dtype) {
    for (size_t i = 0; i < NUM_DTYPES; ++i) {
        if (dtypes[i].dtype == dtype) {
            return dtypes[i].name;
        }
    }
    return "unknown";
}
