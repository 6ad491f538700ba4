/* Times a plan: repeated runs, with samples of the ceiling between them. */
#ifndef CLFORMER_BENCH_MEASURE_H
#define CLFORMER_BENCH_MEASURE_H

#include "ceiling.h"
#include "statistics.h"
#include "workload.h"

typedef struct measure_request {
    size_t runs;        /* exact number; 0: as many as min_seconds needs, within limits */
    double min_seconds; /* of the candidate's runs together */
} measure_request;

typedef struct measurement {
    summary time;    /* seconds per run */
    summary enqueue; /* seconds in clf_plan_enqueue, on the host */
} measurement;

/* Runs the plan once and waits: compiles what is compiled late. False after fail(). */
bool measure_warm_up(const workload *load, double *seconds);

/* CPU devices: wall clock around enqueue and finish. Others: the device's clock, from the end of
 * one run to the end of the next. False after fail(). */
bool measure_run(const workload *load, ceiling *ceiling, const measure_request *request,
                 measurement *out);

/* Median seconds of some runs, about a tenth of a second of them, beside somebody else's. Negative
 * after fail(). */
double measure_beside(const workload *load, double seconds_per_run);

#endif
