/*
 * Timing. On a CPU device the host's clock is right, since the device is the host. Elsewhere events
 * are: a batch of runs is enqueued at once and each is timed from the end of the one before, which
 * counts every step of a plan and the gaps between them, but not the host's delays.
 */
#include "measure.h"

#include "terminal.h"
#include "timing.h"

enum { MOST_RUNS = 200, FEWEST_RUNS = 5, FEWEST_SLOW_RUNS = 3, MOST_BESIDE = 20, BATCH = 8 };

/* A run this long is not repeated more often than needed for a median. */
static const double slow_run_seconds = 1.0;

static const double beside_seconds = 0.1;

typedef struct sampling {
    const workload *load;
    ceiling *ceiling;
    size_t wanted; /* 0: until the time is up */
    double min_seconds;
    size_t count;
    double total;
    double times[MOST_RUNS];
    double enqueues[MOST_RUNS];
} sampling;

bool measure_warm_up(const workload *load, double *seconds) {
    cl_command_queue queue = load->session->queue;
    double begin = now_seconds();
    bool ok =
        clformer_ok(clf_plan_enqueue(load->plan, queue, NULL, 0, NULL, NULL), "clf_plan_enqueue") &&
        opencl_ok(clFinish(queue), "clFinish");
    *seconds = now_seconds() - begin;
    return ok;
}

static bool is_done(const sampling *samples) {
    if (samples->count == MOST_RUNS) {
        return true;
    }
    if (samples->wanted) {
        return samples->count >= samples->wanted;
    }
    bool slow = samples->count && samples->total / (double)samples->count > slow_run_seconds;
    return samples->total >= samples->min_seconds &&
           samples->count >= (slow ? FEWEST_SLOW_RUNS : FEWEST_RUNS);
}

static void add_sample(sampling *samples, double seconds) {
    samples->times[samples->count++] = seconds;
    samples->total += seconds;
}

static bool sample_host(sampling *samples) {
    const workload *load = samples->load;
    double begin = now_seconds();
    clf_status status = clf_plan_enqueue(load->plan, load->session->queue, NULL, 0, NULL, NULL);
    double enqueued = now_seconds();
    cl_int code = clFinish(load->session->queue);
    double end = now_seconds();
    samples->enqueues[samples->count] = enqueued - begin;
    add_sample(samples, end - begin);
    return clformer_ok(status, "clf_plan_enqueue") && opencl_ok(code, "clFinish");
}

/* Enqueues one run; false after fail(), and *event is then NULL. */
static bool enqueue_one(const workload *load, cl_event *event, double *seconds) {
    *event = NULL;
    double begin = now_seconds();
    clf_status status = clf_plan_enqueue(load->plan, load->session->queue, NULL, 0, NULL, event);
    *seconds = now_seconds() - begin;
    return clformer_ok(status, "clf_plan_enqueue");
}

static bool read_end(cl_event event, cl_ulong *end) {
    return opencl_ok(
        clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof *end, end, NULL),
        "clGetEventProfilingInfo");
}

static bool sample_events(sampling *samples) {
    const workload *load = samples->load;
    cl_event events[BATCH + 1] = {NULL};
    double enqueue[BATCH + 1];
    bool ok = true;
    for (size_t i = 0; ok && i <= BATCH; i++) {
        ok = enqueue_one(load, &events[i], &enqueue[i]);
    }
    ok = opencl_ok(clFinish(load->session->queue), "clFinish") && ok;
    for (size_t i = 1; ok && i <= BATCH && !is_done(samples); i++) {
        cl_ulong before = 0;
        cl_ulong after = 0;
        ok = read_end(events[i - 1], &before) && read_end(events[i], &after);
        samples->enqueues[samples->count] = enqueue[i];
        add_sample(samples, 1e-9 * (double)(after - before));
    }
    for (size_t i = 0; i <= BATCH; i++) {
        if (events[i]) {
            clReleaseEvent(events[i]);
        }
    }
    return ok;
}

bool measure_run(const workload *load, ceiling *ceiling, const measure_request *request,
                 measurement *out) {
    sampling samples = {.load = load,
                        .ceiling = ceiling,
                        .wanted = request->runs < MOST_RUNS ? request->runs : MOST_RUNS,
                        .min_seconds = request->min_seconds};
    while (!is_done(&samples)) {
        bool ok = load->session->is_cpu ? sample_host(&samples) : sample_events(&samples);
        if (!ok || !ceiling_keep_pace(ceiling, samples.total)) {
            return false;
        }
    }
    if (!ceiling_complete(ceiling)) {
        return false;
    }
    out->time = summarize(samples.times, samples.count);
    out->enqueue = summarize(samples.enqueues, samples.count);
    return true;
}

double measure_beside(const workload *load, double seconds_per_run) {
    double runs = beside_seconds / seconds_per_run;
    sampling samples = {.load = load,
                        .wanted = runs < 1.0           ? 1
                                  : runs > MOST_BESIDE ? MOST_BESIDE
                                                       : (size_t)runs};
    while (!is_done(&samples)) {
        if (!(load->session->is_cpu ? sample_host(&samples) : sample_events(&samples))) {
            return -1.0;
        }
    }
    return summarize(samples.times, samples.count).median;
}
