/*
 * Status codes, the sentence that explains the last one, and the log.
 *
 * Where CANN (the Ascend software stack whose operators these are) has a code for a situation, the
 * same number is used here, so that a program ported from it keeps its comparisons.
 */
#ifndef CLFORMER_STATUS_H
#define CLFORMER_STATUS_H

#include <clformer/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers are part of the contract and never change. */
typedef enum clf_status {
    CLF_SUCCESS = 0,

    /* The caller's mistakes: found before any device work. */
    CLF_ERR_PARAM_NULLPTR = 161001, /* a required pointer, tensor or buffer is NULL */
    CLF_ERR_PARAM_INVALID = 161002, /* dtype, rank, shape, stride, attribute, queue or buffer */
    CLF_ERR_TILING = 561002,        /* shapes or lengths break a constraint of the operator */

    /* The device's or the system's. */
    CLF_ERR_OUT_OF_MEMORY = 200000, /* host or device memory could not be had */
    CLF_ERR_UNSUPPORTED = 200001,   /* this device or build cannot do it; the message says why */
    CLF_ERR_NO_DEVICE = 200002,     /* no OpenCL device fits the selector, or several do */
    CLF_ERR_RUNTIME = 361001,       /* an OpenCL call failed; the message names it and its code */
    CLF_ERR_BUILD = 561003,         /* a kernel could not be built; the message has the first
                                       error line, the device, the driver and the options */
    CLF_ERR_INTERNAL = 561000       /* a defect of clformer itself; please report it */
} clf_status;

/* The enumerator's name, e.g. "CLF_ERR_PARAM_INVALID"; "CLF_ERR_UNKNOWN" for any other number.
 * Static storage; any thread. */
CLF_API const char *clf_status_name(clf_status status);

/*
 * One sentence on the calling thread's most recent failure: which argument, the value given, the
 * values accepted; for an OpenCL failure the call and its symbolic code. "" before the first
 * failure. Successful calls leave it as it is. The text belongs to the thread and stays valid until
 * its next failing clformer call.
 */
CLF_API const char *clf_last_error(void);

/*
 * The log: what the library did and why, one line per event, no newline at its end.
 *
 * Without a callback, nothing is printed unless the environment asks for it: CLFORMER_VERBOSE
 * (a comma-separated list of error, check, create, exec, dispatch, cache, or all) sends the lines
 * of those groups to stderr. With a callback, every line of those groups (all groups if the
 * variable is unset) goes to it instead.
 */
typedef enum clf_log_group {
    CLF_LOG_ERROR = 1,     /* a public function is about to return an error */
    CLF_LOG_CHECK = 2,     /* an environment variable or file was not understood */
    CLF_LOG_CREATE = 4,    /* a plan was made: the problem in clformer-bench's syntax, time taken */
    CLF_LOG_EXEC = 8,      /* a plan was enqueued */
    CLF_LOG_DISPATCH = 16, /* a variant was chosen or passed over, and why */
    CLF_LOG_CACHE = 32     /* program cache: hit, miss, stored, damaged, not writable */
} clf_log_group;

/* May be called from any thread that uses the library; must not call the library. */
typedef void (*clf_log_callback)(clf_log_group group, const char *line, void *user);

/* Sets the process-wide callback; NULL removes it. Any thread; takes effect for later events. */
CLF_API void clf_log_set_callback(clf_log_callback callback, void *user);

#ifdef __cplusplus
}
#endif

#endif
