/* Every option: its values, which commands take it, and its line of help. */
#include <stdlib.h>
#include <string.h>

#include "choice.h"
#include "options.h"
#include "parse_values.h"
#include "terminal.h"

static bool set_device(options *out, const char *value) {
    out->device = value;
    return true;
}

static bool set_variant(options *out, const char *value) {
    static const choice choices[] = {{"auto", CLF_VARIANT_AUTO},
                                     {"portable", CLF_VARIANT_PORTABLE},
                                     {"cpu", CLF_VARIANT_CPU},
                                     {"nvidia", CLF_VARIANT_NVIDIA},
                                     {NULL, 0}};
    int chosen = 0;
    bool ok = choose("variant", value, choices, &chosen);
    out->variant = (clf_variant)chosen;
    return ok;
}

static bool set_dtype(options *out, const char *value) {
    static const clf_dtype dtypes[] = {CLF_DTYPE_FP32, CLF_DTYPE_FP16, CLF_DTYPE_BF16};
    size_t known = 0;
    size_t given = 1;
    out->num_dtypes = 0;
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (list_contains(value, clf_dtype_name(dtypes[i]))) {
            out->dtypes[out->num_dtypes++] = dtypes[i];
            known++;
        }
    }
    for (const char *c = value; *c; c++) {
        given += *c == ',';
    }
    return known == given ? true
                          : fail("--dtype: '%s' is not accepted; accepted: a list of fp32, fp16, "
                                 "bf16, each once",
                                 value);
}

static bool set_suite(options *out, const char *value) {
    out->suite = value;
    return true;
}

static bool set_cases(options *out, const char *value) {
    out->cases = value;
    return true;
}

static bool set_verify(options *out, const char *value) {
    static const choice choices[] = {
        {"full", VERIFY_FULL}, {"sample", VERIFY_SAMPLE}, {"off", VERIFY_OFF}, {NULL, 0}};
    int chosen = 0;
    bool ok = choose("verify", value, choices, &chosen);
    out->verify = (verify_mode)chosen;
    return ok;
}

static bool set_measure(options *out, const char *value) {
    static const choice choices[] = {
        {"time", MEASURE_TIME}, {"overhead", MEASURE_OVERHEAD}, {NULL, 0}};
    int chosen = 0;
    bool ok = choose("measure", value, choices, &chosen);
    out->measure = (measure_mode)chosen;
    return ok;
}

static bool set_format(options *out, const char *value) {
    static const choice choices[] = {
        {"console", REPORT_CONSOLE}, {"json", REPORT_JSON}, {"csv", REPORT_CSV}, {NULL, 0}};
    int chosen = 0;
    bool ok = choose("format", value, choices, &chosen);
    out->format = (report_format)chosen;
    return ok;
}

static bool set_output(options *out, const char *value) {
    out->output = value;
    return true;
}

static bool set_peers(options *out, const char *value) {
    out->peers = value;
    return true;
}

static bool set_runs(options *out, const char *value) {
    uint64_t runs = 0;
    bool ok = parse_unsigned(value, 1, 200, &runs);
    out->timing.runs = (size_t)runs;
    return ok ? true : fail("--runs: '%s' is not accepted; accepted: 1 to 200", value);
}

static bool set_min_time(options *out, const char *value) {
    double seconds = -1.0;
    bool ok = parse_double(value, &seconds) && seconds >= 0.0 && seconds <= 3600.0;
    out->timing.min_seconds = seconds;
    return ok ? true : fail("--min-time: '%s' is not accepted; accepted: 0 to 3600 seconds", value);
}

static bool set_seed(options *out, const char *value) {
    return parse_unsigned(value, 0, UINT64_MAX, &out->seed)
               ? true
               : fail("--seed: '%s' is not accepted; accepted: a number from 0 to 2^64-1", value);
}

static bool set_threshold(options *out, const char *value) {
    double share = -1.0;
    bool ok = parse_double(value, &share) && share >= 0.0 && share < 1.0;
    out->threshold = share;
    return ok ? true
              : fail("--threshold: '%s' is not accepted; accepted: 0 to below 1, e.g. 0.10", value);
}

static bool set_budget(options *out, const char *value) {
    double seconds = -1.0;
    bool ok = parse_double(value, &seconds) && seconds >= 1.0 && seconds <= 86400.0;
    out->budget = seconds;
    return ok ? true : fail("--budget: '%s' is not accepted; accepted: 1 to 86400 seconds", value);
}

static bool set_peaks(options *out, const char *value) {
    (void)value;
    out->peaks = true;
    return true;
}

static bool set_no_peaks(options *out, const char *value) {
    (void)value;
    out->peaks = false;
    return true;
}

static bool set_data(options *out, const char *value) {
    out->data_folder = value;
    return true;
}

static bool set_quiet(options *out, const char *value) {
    (void)value;
    out->quiet = true;
    return true;
}

#define FOR_CASES   (FOR_RUN | FOR_EXPLAIN)
#define FOR_DEVICES (FOR_INFO | FOR_RUN | FOR_EXPLAIN | FOR_DEMO | FOR_TUNE)

const option_entry option_table[] = {
    {"device", 'd', "D", FOR_DEVICES, set_device,
     "gpu, cpu, accelerator, platform:device as in `clinfo -l`, or part of a\n"
     "name. Default: $CLFORMER_DEVICE, else the best device"},
    {"suite", 's', "SUITE", FOR_CASES | FOR_LIST, set_suite,
     "seed (the operator document's cases, the default), quick, extra, real,\n"
     "demo; as in `list`"},
    {"case", 'c', "NAMES", FOR_CASES, set_cases, "only these cases, e.g. 1,6; names as in `list`"},
    {"dtype", 't', "TYPES", FOR_CASES | FOR_DEMO, set_dtype,
     "list of fp32, fp16, bf16 (all of them)"},
    {"variant", 0, "V", FOR_CASES, set_variant, "auto (default), portable, cpu, nvidia"},
    {"verify", 0, "MODE", FOR_RUN | FOR_DEMO, set_verify,
     "full: every row; sample: random rows (default); off"},
    {"peers", 'p', "NAMES", FOR_RUN, set_peers,
     "also time these: a list of peers as in `list`, all, or none (default)"},
    {"measure", 0, "WHAT", FOR_RUN, set_measure,
     "time (default), or overhead: plan creation and enqueue as well"},
    {"runs", 'n', "N", FOR_RUN | FOR_TUNE, set_runs,
     "exactly N timed runs, 1 to 200; tune: new configurations, at most"},
    {"min-time", 0, "SECONDS", FOR_RUN | FOR_DEMO, set_min_time,
     "timed runs last at least this long together (0.3)"},
    {"seed", 0, "N", FOR_RUN | FOR_DEMO | FOR_TUNE, set_seed,
     "seed of test data, sampled rows, and the search (1)"},
    {"format", 'f', "FORMAT", FOR_RUN, set_format,
     "console (default), json (one object a line), csv"},
    {"output", 'o', "FILE", FOR_RUN | FOR_TUNE, set_output,
     "write results to FILE instead of stdout"},
    {"budget", 0, "SECONDS", FOR_TUNE, set_budget, "time of the search, 1 to 86400 (300)"},
    {"data", 0, "DIR", FOR_CASES | FOR_DEMO, set_data,
     "folder with recorded tensors of real models"},
    {"threshold", 0, "SHARE", FOR_COMPARE, set_threshold,
     "tolerated loss of a share of the ceiling (0.10)"},
    {"peaks", 0, NULL, FOR_INFO | FOR_EXPLAIN, set_peaks,
     "measure copy bandwidth and arithmetic (default)"},
    {"no-peaks", 0, NULL, FOR_INFO | FOR_EXPLAIN, set_no_peaks, "measure nothing"},
    {"quiet", 'q', NULL, FOR_ALL, set_quiet, "no progress and no notes on stderr"},
    {NULL, 0, NULL, 0, NULL, NULL},
};
