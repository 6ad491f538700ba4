/* See tune_trial.h. The child writes its tune_result into a pipe. */
#include "tune_trial.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "timing.h"

/* Few tokens, square, and a model's layer. */
const tune_shape tune_shapes[TUNE_SHAPES] = {{32, 1024, 4096}, {512, 512, 512}, {512, 768, 3072}};

enum { NUM_TENSORS = 4, TENSOR_X = 0, TENSOR_Y = 3, LEAST_RUNS = 3 };
#define LEAST_SECONDS 0.1
#define MOST_ERROR    1e-3 /* relative to the largest result; parameters are right or far off */

double tune_shape_flops(const tune_shape *shape) {
    return 4.0 * (double)shape->tokens * (double)shape->width * (double)shape->hidden;
}

/* ---- In the child ---- */

typedef struct layer {
    clf_tensor tensors[NUM_TENSORS]; /* x, weight1, weight2, y */
    clf_plan *plan;
} layer;

static bool make_tensor(const session *session, int64_t rows, int64_t columns, clf_tensor *out) {
    const int64_t shape[] = {rows, columns};
    size_t count = (size_t)(rows * columns);
    float *values = malloc(count * sizeof *values);
    uint32_t state = 1;
    if (!values) {
        return fail("out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u; /* Numerical Recipes' generator */
        values[i] = (float)(state >> 8) * 0x1p-23f - 1.0f;
    }
    cl_mem buffer = session_buffer(session, count * sizeof *values);
    *out = clf_tensor_contiguous(buffer, CLF_DTYPE_FP32, 2, shape);
    bool ok =
        buffer && opencl_ok(clEnqueueWriteBuffer(session->queue, buffer, CL_TRUE, 0,
                                                 count * sizeof *values, values, 0, NULL, NULL),
                            "clEnqueueWriteBuffer");
    free(values);
    return ok;
}

static bool make_tensors(const session *session, const tune_shape *shape, layer *out) {
    memset(out, 0, sizeof *out);
    return make_tensor(session, shape->tokens, shape->width, &out->tensors[TENSOR_X]) &&
           make_tensor(session, shape->width, shape->hidden, &out->tensors[1]) &&
           make_tensor(session, shape->hidden, shape->width, &out->tensors[2]) &&
           make_tensor(session, shape->tokens, shape->width, &out->tensors[TENSOR_Y]);
}

static void free_layer(layer *layer) {
    clf_plan_destroy(layer->plan);
    for (int i = 0; i < NUM_TENSORS; i++) {
        if (layer->tensors[i].buffer) {
            clReleaseMemObject(layer->tensors[i].buffer);
        }
    }
}

static clf_status make_plan(const session *session, layer *layer, const char *provider) {
    clf_ffn_args args = CLF_FFN_ARGS;
    args.x = &layer->tensors[TENSOR_X];
    args.weight1 = &layer->tensors[1];
    args.weight2 = &layer->tensors[2];
    args.y = &layer->tensors[TENSOR_Y];
    args.activation = "relu";
    clf_plan_destroy(layer->plan);
    layer->plan = NULL;
    setenv("CLFORMER_GEMM", provider, 1);
    return clf_ffn_plan(session->device, &args, &layer->plan);
}

static bool run_once(const session *session, const layer *layer, double *seconds) {
    double before = now_seconds();
    bool ok = clformer_ok(clf_plan_enqueue(layer->plan, session->queue, NULL, 0, NULL, NULL),
                          "clf_plan_enqueue") &&
              opencl_ok(clFinish(session->queue), "clFinish");
    *seconds = now_seconds() - before;
    return ok;
}

/* The fastest run. */
static bool measure(const session *session, const layer *layer, double *best) {
    double total = 0.0;
    double seconds = 0.0;
    bool ok = run_once(session, layer, &seconds); /* compiles what is compiled late */
    *best = INFINITY;
    for (int runs = 0; ok && (runs < LEAST_RUNS || total < LEAST_SECONDS); runs++) {
        ok = run_once(session, layer, &seconds);
        total += seconds;
        *best = fmin(*best, seconds);
    }
    return ok;
}

static bool read_result(const session *session, const layer *layer, float *values) {
    const clf_tensor *y = &layer->tensors[TENSOR_Y];
    size_t bytes = (size_t)(y->shape[0] * y->shape[1]) * sizeof *values;
    return opencl_ok(
        clEnqueueReadBuffer(session->queue, y->buffer, CL_TRUE, 0, bytes, values, 0, NULL, NULL),
        "clEnqueueReadBuffer");
}

/* Whether our own tiles find what is in y now. */
static bool agrees_with_own(const session *session, layer *layer, bool *agrees) {
    const clf_tensor *y = &layer->tensors[TENSOR_Y];
    size_t count = (size_t)(y->shape[0] * y->shape[1]);
    float *given = malloc(count * sizeof *given);
    float *own = malloc(count * sizeof *own);
    double seconds = 0.0;
    bool has_memory = given != NULL && own != NULL;
    bool ok = has_memory && read_result(session, layer, given) &&
              clformer_ok(make_plan(session, layer, "own"), "clf_ffn_plan") &&
              run_once(session, layer, &seconds) && read_result(session, layer, own);
    double largest = 0.0;
    double error = 0.0;
    for (size_t i = 0; has_memory && ok && i < count; i++) {
        double difference = fabs((double)given[i] - (double)own[i]);
        largest = fmax(largest, fabs((double)own[i]));
        error = isnan(difference) ? INFINITY : fmax(error, difference);
    }
    *agrees = error <= MOST_ERROR * largest;
    free(given);
    free(own);
    return has_memory ? ok : fail("out of memory");
}

static tune_outcome try_shape(const session *session, const tune_request *request, size_t index,
                              tune_result *result) {
    layer layer;
    tune_outcome outcome = TUNE_LOST;
    if (make_tensors(session, &tune_shapes[index], &layer)) {
        clf_status status = make_plan(session, &layer, request->provider);
        bool agrees = false;
        if (status != CLF_SUCCESS) {
            outcome = TUNE_REFUSED;
            fail("%s", clf_last_error());
        } else if (measure(session, &layer, &result->seconds[index]) &&
                   agrees_with_own(session, &layer, &agrees)) {
            outcome = agrees ? TUNE_MEASURED : TUNE_WRONG;
        }
    }
    free_layer(&layer);
    return outcome;
}

static void run_child(const tune_request *request, tune_result *result) {
    session session;
    result->outcome = TUNE_NO_DEVICE;
    if (request->rules) {
        setenv("CLFORMER_TUNE_PATH", request->rules, 1);
    }
    if (session_open(&session, request->device)) {
        memcpy(result->device, session.name, sizeof result->device);
        result->outcome = TUNE_MEASURED;
        for (size_t i = 0; i < TUNE_SHAPES && result->outcome == TUNE_MEASURED; i++) {
            result->outcome = try_shape(&session, request, i, result);
        }
        session_close(&session);
    }
    snprintf(result->reason, sizeof result->reason, "%s", failure_text());
}

static void child_main(const tune_request *request, int pipe_end) {
    tune_result result = {.outcome = TUNE_LOST};
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
    terminal_set_quiet(true);
    run_child(request, &result);
    ssize_t written = write(pipe_end, &result, sizeof result); /* less than a pipe holds */
    _exit(written == (ssize_t)sizeof result ? 0 : 1);
}

/* ---- In the parent ---- */

/* What the child writes until it ends or the time is over. */
static size_t receive(int pipe_end, double deadline, void *data, size_t size) {
    size_t length = 0;
    while (length < size) {
        double left = deadline - now_seconds();
        struct pollfd polled = {.fd = pipe_end, .events = POLLIN};
        int ready = left > 0.0 ? poll(&polled, 1, (int)(1e3 * left) + 1) : 0;
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        ssize_t count = ready > 0 ? read(pipe_end, (char *)data + length, size - length) : 0;
        if (count <= 0) {
            break;
        }
        length += (size_t)count;
    }
    return length;
}

bool tune_trial_run(const tune_request *request, tune_result *result) {
    int ends[2];
    *result = (tune_result){.outcome = TUNE_LOST};
    if (pipe(ends) != 0) {
        return fail("pipe: %s", strerror(errno));
    }
    fflush(stdout);
    fflush(stderr);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        child_main(request, ends[1]);
    }
    close(ends[1]);
    bool ok = child > 0;
    if (ok) {
        tune_result received;
        int status = 0;
        if (receive(ends[0], request->deadline, &received, sizeof received) == sizeof received) {
            *result = received;
        } else {
            kill(child, SIGKILL);
        }
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
    } else {
        fail("fork: %s", strerror(errno));
    }
    close(ends[0]);
    return ok;
}
