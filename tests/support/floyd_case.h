/* One test case of a Floyd operator as plain data: everything but the numbers, which follow from
 * its seed. */
#ifndef CLF_TESTS_FLOYD_CASE_H
#define CLF_TESTS_FLOYD_CASE_H

#include <stdbool.h>

#include <clformer/floyd.h>

#include "test_tensor.h"

#define TEST_FLOYD_RANK 5

typedef struct floyd_case {
    bool is_gradient;
    clf_dtype dtype;
    bool has_fp32_out; /* the forward's attention_out is fp32 whatever dtype is */
    int64_t batches;
    int64_t heads;
    int64_t n;
    int64_t m;
    int64_t k;
    int64_t depth;
    bool has_mask;
    bool mask_axes[TEST_FLOYD_RANK]; /* of [B,H,N,M,K]: the axis' size, else 1 */
    clf_dtype mask_dtype;
    double mask_density;
    double masked_rows; /* share of the mask's rows that leave nothing */
    double scale;
    double deviation; /* of query and keys */
    test_layout input_layout;
    test_layout mask_layout;
    test_layout statistic_layout;
    test_layout output_layout;
    bool swaps_heads; /* in memory, axis H lies inside of axis N, but for mask and statistics */
    size_t misalign;
    size_t workspace_limit;
    clf_floyd_method method;
    clf_variant variant;
    uint64_t seed;
} floyd_case;

/* Forward, fp32, [1, 2, 3, 5, 4, 7] for B H N M K D, no mask, scale 1 / sqrt(D). */
floyd_case floyd_case_default(void);

void floyd_case_set_sizes(floyd_case *tested, int64_t n, int64_t m, int64_t k, int64_t depth);

/* One line that tells everything. */
void floyd_case_text(const floyd_case *tested, char *text, size_t capacity);

#endif
