/* The recorded tensors of a real model (tests/data/minilm): found by their JSON description. */
#ifndef CLFORMER_BENCH_REAL_DATA_H
#define CLFORMER_BENCH_REAL_DATA_H

#include "softmax_setup.h"

/* Shape, mask and scale of the recorded attention scores. False after fail(). */
bool real_data_softmax(softmax_problem *problem, const char *data_folder);

/* The recorded shape of one tensor; a number of the description, e.g. "scale". False after fail().
 */
bool real_data_shape(const char *data_folder, const char *name, int32_t *rank, int64_t *shape);
bool real_data_number(const char *data_folder, const char *name, double *out);

/* All values of a recorded tensor; the caller frees them. `dtype` is its name in the description
 * ("float32", "uint8"), *count its number of elements. NULL after fail(). */
void *real_data_tensor(const char *data_folder, const char *name, const char *dtype, size_t *count);

#endif
