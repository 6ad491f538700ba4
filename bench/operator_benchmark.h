/*
 * What the tool must know of an operator to run it: its attributes and cases, the tensors of a
 * problem, how to plan it, how to check it, and who else can do the same. One entry per operator in
 * operator_registry.c; everything else (options, buffers, timing, reports) follows from the entry.
 */
#ifndef CLFORMER_BENCH_OPERATOR_BENCHMARK_H
#define CLFORMER_BENCH_OPERATOR_BENCHMARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clformer/clformer.h>

#include "bounds.h"
#include "data_source.h"
#include "session.h"
#include "statistics.h"

/* An option of this operator's problems: `--name value` on the command line. */
typedef struct attribute_entry {
    const char *name;
    const char *argument;
    const char *help; /* what it is, and the values accepted */
} attribute_entry;

/* One line of a case table; `problem` is a list of name=value, separated by blanks. */
typedef struct case_entry {
    const char *suite;
    const char *name;
    const char *problem;
} case_entry;

/* What bounds a problem, hence the unit of its figures and its ceiling. READS: bytes of which nearly
 * all are read. */
typedef enum metric { METRIC_BYTES, METRIC_READS, METRIC_FLOPS } metric;

/* FP32_BITS: 64-bit integers whose lower half is a uniform fp32. */
typedef enum fill { FILL_NONE, FILL_UNIFORM, FILL_FP32_BITS, FILL_MASK } fill;

/* One tensor of a problem: dense, row-major; of int4, an even number of elements. */
typedef struct tensor_info {
    clf_slot slot;
    const char *name; /* as in the operator's arguments */
    clf_dtype dtype;
    int32_t rank;
    int64_t shape[CLF_MAX_RANK];
    fill fill;
    double low; /* bounds. MASK: low is the probability of 1 */
    double high;
} tensor_info;

#define MAX_TENSORS 16

typedef struct work_amount {
    double bytes; /* moved if every stored byte is moved once: reads and writes */
    double flops;
} work_amount;

/* A product of matrices: [rows][depth] by [depth][columns]. */
typedef struct product_sizes {
    size_t rows;
    size_t columns;
    size_t depth;
} product_sizes;

enum { MAX_PRODUCTS = 512 };

#define PROBLEM_TEXT 128

/* A problem as text, for reports and to tell cases apart. */
typedef struct problem_text {
    char shape[PROBLEM_TEXT];
    char mask[PROBLEM_TEXT]; /* or what else the operator's `mask_title` names; "none" if nothing */
    char attributes[PROBLEM_TEXT]; /* the rest, as name=value */
} problem_text;

/* A problem made real on a device. */
typedef struct workload {
    const struct operator_benchmark *benchmark;
    const void *problem;
    const session *session;
    clf_dtype dtype;
    size_t num_tensors;
    tensor_info tensors[MAX_TENSORS];
    clf_tensor views[MAX_TENSORS];
    data_source sources[MAX_TENSORS];
    clf_plan *plan;
    float *expected; /* stored result of another program, or NULL; of the last tensor's shape */
} workload;

/* Which part of the result to check. */
typedef struct verify_request {
    bool full;
    uint64_t seed;
} verify_request;

typedef struct verify_result {
    oracle_verdict verdict;
    uint64_t num_rows;
    bool has_stored;     /* a stored result was compared as well */
    double stored_error; /* max |result - stored| */
} verify_result;

/* One other implementation's time for the same problem. */
typedef struct peer_result {
    summary time;
    char detail[96]; /* version or threads; or why there is no time */
    bool available;
} peer_result;

typedef struct peer_entry {
    const char *name;
    const char *help;
    void (*run)(const workload *load, peer_result *out);
} peer_entry;

typedef struct operator_benchmark {
    const char *name;                  /* on the command line */
    const char *summary;               /* one line for `list` */
    const char *mask_title;            /* of the reports' column: "mask" */
    metric metric;                     /* without a metric_of */
    const attribute_entry *attributes; /* ended by a NULL name, as the other tables */
    const case_entry *cases;
    const peer_entry *peers;
    size_t problem_size;

    /* Each returns false after fail(). A problem starts as all zero bytes. */
    bool (*set_attribute)(void *problem, const char *name, const char *value);
    /* Defaults, and what must fit together; `data_folder` holds the tensors of real models. */
    bool (*complete)(void *problem, const char *data_folder);
    /* Halves the problem along its leading axes; false, without fail(), if it cannot. */
    bool (*reduce)(void *problem);
    void (*print)(const void *problem, problem_text *out);
    size_t (*tensors)(const void *problem, clf_dtype dtype, tensor_info out[MAX_TENSORS]);
    work_amount (*work)(const void *problem, clf_dtype dtype);
    /* Optional: which types of --dtype the problem has (all), what bounds it, and the products that
     * its arithmetic is made of, at most MAX_PRODUCTS: the ceiling is then those of a matrix
     * library, else one large product. */
    bool (*has_dtype)(const void *problem, clf_dtype dtype);
    metric (*metric_of)(const void *problem);
    size_t (*products)(const void *problem, product_sizes out[MAX_PRODUCTS]);
    /* Views may have NULL buffers. */
    clf_status (*plan)(clf_device *device, const void *problem, const clf_tensor *views,
                       clf_variant variant, clf_plan **out_plan);
    /* Fills the sources from the data folder instead; only for problems for which is_real. */
    bool (*is_real)(const void *problem);
    bool (*load_real)(workload *load, const char *data_folder);
    /* Inputs that are results of other operators; NULL if there are none. */
    bool (*prepare)(workload *load);
    bool (*verify)(const workload *load, const verify_request *request, verify_result *out);
} operator_benchmark;

/* NULL-terminated. */
extern const operator_benchmark *const operator_registry[];
const operator_benchmark *operator_find(const char *name);

bool operator_has_dtype(const operator_benchmark *benchmark, const void *problem, clf_dtype dtype);
metric operator_metric(const operator_benchmark *benchmark, const void *problem);
/* "GB/s" or "GFLOP/s"; and the part of the work that counts. */
const char *metric_unit(metric metric);
double metric_amount(metric metric, const work_amount *work);

#endif
