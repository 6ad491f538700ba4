/* One line of a report. */
#ifndef CLFORMER_BENCH_RECORD_H
#define CLFORMER_BENCH_RECORD_H

#include "measure.h"
#include "operator_benchmark.h"

enum { MAX_PEERS = 4, REASON_LENGTH = 768 };

typedef struct peer_record {
    const char *name;
    peer_result result;
    double own_seconds; /* our time just before and after */
    double ratio;       /* peer's time / that: above 1 we are faster */
} peer_record;

/* Times that matter once per plan or per call, not per byte. */
typedef struct overhead_figures {
    bool measured;
    double plan_cold_seconds;   /* nothing cached */
    double plan_disk_seconds;   /* program from the disk cache, by a fresh device */
    double plan_memory_seconds; /* program from the device's own cache */
    double enqueue_seconds;     /* clf_plan_enqueue, device idle */
    double driver_seconds;      /* clEnqueueNDRangeKernel of an empty kernel, likewise */
} overhead_figures;

typedef enum record_state { RECORD_OK, RECORD_WRONG, RECORD_FAILED } record_state;

typedef struct record {
    const session *session;
    const operator_benchmark *benchmark;
    const char *suite;
    const char *case_name;
    clf_dtype dtype;
    metric metric;
    problem_text problem;
    bool reduced;
    problem_text original;
    char reason[REASON_LENGTH]; /* why reduced, wrong or failed */
    record_state state;

    char variant[32];   /* that ran */
    char requested[32]; /* that was asked for */
    uint64_t seed;
    size_t workspace;    /* bytes that the plan needs */
    double plan_seconds; /* as met: caches may have been cold or warm */
    measurement measured;
    work_amount work;
    char ceiling_name[64];
    double ceiling_rate;
    double rate;       /* bytes or flops per second */
    double ratio;      /* rate / ceiling_rate */
    double best_ratio; /* the same for the fastest run: what others on the machine disturb least */

    bool verified;
    bool verified_fully;
    verify_result check;

    overhead_figures overhead;
    size_t num_peers;
    peer_record peers[MAX_PEERS];
} record;

#endif
