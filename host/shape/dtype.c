/* Element types: sizes and names. */
#include <clformer/tensor.h>

static const struct {
    clf_dtype dtype;
    size_t size;
    const char *name;
} dtypes[] = {
    {CLF_DTYPE_FP32, 4, "fp32"}, {CLF_DTYPE_FP16, 2, "fp16"}, {CLF_DTYPE_UINT8, 1, "uint8"},
    {CLF_DTYPE_BOOL, 1, "bool"}, {CLF_DTYPE_BF16, 2, "bf16"},
};
#define NUM_DTYPES (sizeof dtypes / sizeof dtypes[0])

size_t clf_dtype_size(clf_dtype dtype) {
    for (size_t i = 0; i < NUM_DTYPES; ++i) {
        if (dtypes[i].dtype == dtype) {
            return dtypes[i].size;
        }
    }
    return 0;
}

const char *clf_dtype_name(clf_dtype dtype) {
    for (size_t i = 0; i < NUM_DTYPES; ++i) {
        if (dtypes[i].dtype == dtype) {
            return dtypes[i].name;
        }
    }
    return "unknown";
}
