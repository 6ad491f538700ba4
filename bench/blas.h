/* Matrix products by OpenBLAS: for ceilings and peers only. The one place that names it. */
#ifndef CLFORMER_BENCH_BLAS_H
#define CLFORMER_BENCH_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/* c [rows][columns] = scale * a [rows][depth] * b [depth][columns], row-major; a `step` is the
 * distance of rows in memory. If a_is_transposed, a is [depth][rows]; if b_is_transposed, b is
 * [columns][depth]. If it adds, the product is added to c. */
typedef struct blas_product {
    size_t rows;
    size_t columns;
    size_t depth;
    float scale;
    const float *a;
    size_t a_step;
    bool a_is_transposed;
    const float *b;
    size_t b_step;
    bool b_is_transposed;
    float *c;
    size_t c_step;
    bool adds;
} blas_product;

/* False in a build without OpenBLAS: nothing else of this file may be called then. */
bool blas_is_available(void);

/* From now on a product is computed by the thread that asks for it: the benchmark's threads are
 * pinned, those of OpenBLAS are not, and spin for a while after each product. */
void blas_use_callers_threads(void);
/* Until then, OpenBLAS's own threads share each product: what a program gets that does nothing of
 * its own. Only for a peer that is this program. */
void blas_use_own_threads(size_t count);
void blas_multiply(const blas_product *product);

#endif
