/* The launch of a softmax kernel: its defines, work-groups and arguments. */
#ifndef CLF_SOFTMAX_SOFTMAX_LAUNCH_H
#define CLF_SOFTMAX_SOFTMAX_LAUNCH_H

#include "softmax/softmax_problem.h"

/* The values of CLF_SOFTMAX_MASKING in cl-kernels/lib/softmax.clh. */
typedef enum clf_i_softmax_masking {
    CLF_I_SOFTMAX_MASKING_NONE = 0,
    CLF_I_SOFTMAX_MASKING_TENSOR = 1,
    CLF_I_SOFTMAX_MASKING_TRIANGLE = 2
} clf_i_softmax_masking;

/* How the portable kernels deal out rows; a function of its own so that it can be tested. */
typedef struct clf_i_softmax_tiling {
    int64_t lanes;       /* work-items per row, a power of two */
    int64_t rows;        /* rows per work-group                */
    int64_t packets;     /* per lane in registers; 0: any width */
    size_t local_memory; /* bytes, as the kernels declare      */
} clf_i_softmax_tiling;

/* `packet_size`: elements of 16 bytes. `packets_per_lane` is what to aim at, 1 to 8. */
clf_i_softmax_tiling clf_i_softmax_tiling_make(int64_t width, int64_t packet_size,
                                               int64_t packets_per_lane, int64_t work_group_size);

/* Adds the launch for a problem that is not empty. */
clf_status clf_i_softmax_add_launch(clf_plan *plan, const clf_i_softmax_problem *problem,
                                    const clf_i_row_space *space, clf_i_softmax_masking masking,
                                    clf_variant variant);

#endif
