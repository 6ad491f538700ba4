/* OpenBLAS is optional: a build without it answers so. */
#include "blas.h"

#ifdef CLFORMER_BENCH_HAS_OPENBLAS

#include <cblas.h>

bool blas_is_available(void) {
    return true;
}

void blas_use_callers_threads(void) {
    openblas_set_num_threads(1);
}

void blas_use_own_threads(size_t count) {
    openblas_set_num_threads((int)count);
}

void blas_multiply(const blas_product *product) {
    cblas_sgemm(CblasRowMajor, product->a_is_transposed ? CblasTrans : CblasNoTrans,
                product->b_is_transposed ? CblasTrans : CblasNoTrans, (blasint)product->rows,
                (blasint)product->columns, (blasint)product->depth, product->scale, product->a,
                (blasint)product->a_step, product->b, (blasint)product->b_step,
                product->adds ? 1.0f : 0.0f, product->c, (blasint)product->c_step);
}

#else

bool blas_is_available(void) {
    return false;
}

void blas_use_callers_threads(void) {
}

void blas_use_own_threads(size_t count) {
    (void)count;
}

void blas_multiply(const blas_product *product) {
    (void)product;
}

#endif
