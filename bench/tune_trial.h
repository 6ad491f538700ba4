/*
 * One trial of tuning: FFN on a few shapes, in a process of its own with its own tuning rules. What
 * a compiler or a driver makes of bad parameters stays there: its output, a crash, a hang.
 */
#ifndef CLFORMER_BENCH_TUNE_TRIAL_H
#define CLFORMER_BENCH_TUNE_TRIAL_H

#include <stdbool.h>

#include "session.h"
#include "terminal.h"

#define TUNE_SHAPES 3

typedef struct tune_shape {
    long tokens;
    long width;  /* of x and y */
    long hidden; /* between the products */
} tune_shape;
extern const tune_shape tune_shapes[TUNE_SHAPES];

/* Of both products. */
double tune_shape_flops(const tune_shape *shape);

typedef struct tune_request {
    const char *device;   /* selector, or NULL */
    const char *provider; /* of CLFORMER_GEMM */
    const char *rules;    /* file, or NULL: those in force */
    double deadline;      /* of now_seconds: the trial is ended then */
} tune_request;

typedef enum tune_outcome {
    TUNE_MEASURED,
    TUNE_REFUSED, /* the library says why in `reason` */
    TUNE_WRONG,   /* results other than those of our own tiles */
    TUNE_LOST,    /* ended by itself without a result, or at the deadline */
    TUNE_NO_DEVICE
} tune_outcome;

typedef struct tune_result {
    tune_outcome outcome;
    double seconds[TUNE_SHAPES]; /* of the fastest run */
    char device[IDENTITY_LENGTH];
    char reason[FAILURE_LENGTH];
} tune_result;

/* Must not be called by a process that has used OpenCL. False after fail(). */
bool tune_trial_run(const tune_request *request, tune_result *result);

#endif
