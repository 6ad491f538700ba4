/*
 * Plan creation cold, from the disk cache and from memory; enqueue beside the bare OpenCL call.
 * Enqueues wait for a user event, so that the device sleeps while the host's calls are timed.
 */
#include "overhead.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "terminal.h"
#include "timing.h"

enum { ENQUEUES = 32, ROUNDS = 5 };

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

/* Plans on this device without buffers; negative after fail(). */
static double plan_seconds(const workload *load, clf_device *device, clf_variant variant) {
    clf_plan *plan = NULL;
    clf_tensor views[MAX_TENSORS];
    for (size_t i = 0; i < load->num_tensors; i++) {
        views[i] = load->views[i];
        views[i].buffer = NULL;
    }
    double begin = now_seconds();
    clf_status status = load->benchmark->plan(device, load->problem, views, variant, &plan);
    double seconds = now_seconds() - begin;
    clf_plan_destroy(plan);
    return clformer_ok(status, load->benchmark->name) ? seconds : -1.0;
}

/* Plans twice on a device opened for it: *first after opening, *again from the device's memory. */
static bool plan_on_new_device(const workload *load, clf_variant variant, double *first,
                               double *again) {
    clf_device *device = NULL;
    if (!clformer_ok(clf_device_create(load->session->context, load->session->id, &device),
                     "clf_device_create")) {
        return false;
    }
    *first = plan_seconds(load, device, variant);
    *again = *first < 0.0 ? -1.0 : plan_seconds(load, device, variant);
    clf_device_destroy(device);
    return *again >= 0.0;
}

static bool plan_cold_and_warm(const workload *load, clf_variant variant, overhead_figures *out) {
    double ignored = 0.0;
    return plan_on_new_device(load, variant, &out->plan_cold_seconds, &ignored) &&
           plan_on_new_device(load, variant, &out->plan_disk_seconds, &out->plan_memory_seconds);
}

/* Sets a variable for the time of the measurement; `saved` (NULL: it was unset) is restored. */
static void restore(const char *name, char *saved) {
    if (saved) {
        setenv(name, saved, 1);
    } else {
        unsetenv(name);
    }
    free(saved);
}

static char *saved_value(const char *name) {
    const char *value = getenv(name);
    return value ? strdup(value) : NULL;
}

static bool measure_plans(const workload *load, clf_variant variant, overhead_figures *out) {
    const char *base = getenv("TMPDIR");
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/clformer-bench-XXXXXX", base && base[0] ? base : P_tmpdir);
    if (!mkdtemp(folder)) {
        return fail("no temporary folder %s for the cache", folder);
    }
    char *mode = saved_value("CLFORMER_CACHE");
    char *place = saved_value("CLFORMER_CACHE_DIR");
    setenv("CLFORMER_CACHE", "rw", 1);
    setenv("CLFORMER_CACHE_DIR", folder, 1);
    bool ok = plan_cold_and_warm(load, variant, out);
    restore("CLFORMER_CACHE", mode);
    restore("CLFORMER_CACHE_DIR", place);
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    return ok;
}

static bool enqueue_plans(const workload *load, cl_kernel kernel, cl_event gate) {
    (void)kernel;
    for (size_t i = 0; i < ENQUEUES; i++) {
        if (!clformer_ok(clf_plan_enqueue(load->plan, load->session->queue, NULL, 1, &gate, NULL),
                         "clf_plan_enqueue")) {
            return false;
        }
    }
    return true;
}

static bool enqueue_bare(const workload *load, cl_kernel kernel, cl_event gate) {
    const size_t one = 1;
    for (size_t i = 0; i < ENQUEUES; i++) {
        if (!opencl_ok(clEnqueueNDRangeKernel(load->session->queue, kernel, 1, NULL, &one, &one, 1,
                                              &gate, NULL),
                       "clEnqueueNDRangeKernel")) {
            return false;
        }
    }
    return true;
}

typedef bool (*enqueue_many)(const workload *load, cl_kernel kernel, cl_event gate);

/* Seconds per call; negative after fail(). */
static double gated_seconds(const workload *load, cl_kernel kernel, enqueue_many enqueue) {
    cl_int code = CL_SUCCESS;
    cl_event gate = clCreateUserEvent(load->session->context, &code);
    if (!opencl_ok(code, "clCreateUserEvent")) {
        return -1.0;
    }
    double begin = now_seconds();
    bool ok = enqueue(load, kernel, gate);
    double seconds = (now_seconds() - begin) / ENQUEUES;
    code = clSetUserEventStatus(gate, CL_COMPLETE);
    code |= clFinish(load->session->queue);
    clReleaseEvent(gate);
    return opencl_ok(code, "clFinish") && ok ? seconds : -1.0;
}

/* Median of several rounds; negative after fail(). */
static double enqueue_seconds(const workload *load, cl_kernel kernel, enqueue_many enqueue) {
    double rounds[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        rounds[i] = gated_seconds(load, kernel, enqueue);
        if (rounds[i] < 0.0) {
            return -1.0;
        }
    }
    return summarize(rounds, ROUNDS).median;
}

bool overhead_measure(const workload *load, clf_variant variant, overhead_figures *out) {
    cl_kernel empty = session_kernel(load->session, "__kernel void empty(void) {}\n", "empty");
    if (!empty) {
        return false;
    }
    out->enqueue_seconds = enqueue_seconds(load, empty, enqueue_plans);
    out->driver_seconds =
        out->enqueue_seconds < 0.0 ? -1.0 : enqueue_seconds(load, empty, enqueue_bare);
    clReleaseKernel(empty);
    out->measured = out->driver_seconds >= 0.0 && measure_plans(load, variant, out);
    return out->measured;
}
