/* Copies and arithmetic. Samples are taken between the candidate's, so both see the same machine. */
#include "ceiling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "terminal.h"
#include "timing.h"

/* Matrices of GEMM_SIZE squared: large enough for a matrix product to reach its best. */
enum { GEMM_SIZE = 2048, LEAST_SAMPLES = 4 };

/* Far beyond any cache of a host or device; small enough to allocate beside the candidate. */
enum { MOST_BYTES = 256 << 20, LEAST_BYTES = 4096, COPY_UNIT = 16 };

static const char *const copy_source =
    "__kernel void copy(__global const uint4 *source, __global uint4 *destination) {\n"
    "    size_t i = get_global_id(0);\n"
    "    destination[i] = source[i];\n"
    "}\n";

/* Threads share out whole pages: each page lies where the thread that copies it runs. */
enum { PAGE = 4096 };

static void touch_share(void *context, size_t index, size_t count) {
    ceiling *ceiling = context;
    size_t begin = 0;
    size_t end = 0;
    team_share(ceiling->bytes / PAGE, index, count, &begin, &end);
    memset(ceiling->host[0] + begin * PAGE, 1, (end - begin) * PAGE);
    memset(ceiling->host[1] + begin * PAGE, 2, (end - begin) * PAGE);
}

static void copy_share(void *context, size_t index, size_t count) {
    ceiling *ceiling = context;
    size_t begin = 0;
    size_t end = 0;
    team_share(ceiling->bytes / PAGE, index, count, &begin, &end);
    memcpy(ceiling->host[1] + begin * PAGE, ceiling->host[0] + begin * PAGE, (end - begin) * PAGE);
}

static bool open_host(ceiling *out) {
    for (size_t i = 0; i < 2; i++) {
        out->host[i] = aligned_alloc(PAGE, out->bytes);
        if (!out->host[i]) {
            return fail("no host memory for two buffers of %zu bytes to copy", out->bytes);
        }
    }
    thread_team_run(out->session->team, touch_share, out);
    return true;
}

static bool open_device(ceiling *out) {
    const cl_uint pattern = 1;
    for (size_t i = 0; i < 2; i++) {
        out->device[i] = session_buffer(out->session, out->bytes);
        if (!out->device[i] ||
            !opencl_ok(clEnqueueFillBuffer(out->session->queue, out->device[i], &pattern,
                                           sizeof pattern, 0, out->bytes, 0, NULL, NULL),
                       "clEnqueueFillBuffer")) {
            return false;
        }
    }
    out->kernel = session_kernel(out->session, copy_source, "copy");
    return out->kernel &&
           opencl_ok(clSetKernelArg(out->kernel, 0, sizeof(cl_mem), &out->device[0]),
                     "clSetKernelArg") &&
           opencl_ok(clSetKernelArg(out->kernel, 1, sizeof(cl_mem), &out->device[1]),
                     "clSetKernelArg");
}

/* The most nearly square grid of `count` parts has this many columns. */
static size_t grid_columns(size_t count) {
    size_t columns = 1;
    for (size_t i = 1; i * i <= count; i++) {
        columns = count % i == 0 ? i : columns;
    }
    return columns;
}

/* Each thread computes its own tile of the product. */
static void multiply_share(void *context, size_t index, size_t count) {
    const ceiling *ceiling = context;
    size_t columns = grid_columns(count);
    size_t row = 0;
    size_t last_row = 0;
    size_t column = 0;
    size_t last_column = 0;
    team_share(GEMM_SIZE, index / columns, count / columns, &row, &last_row);
    team_share(GEMM_SIZE, index % columns, columns, &column, &last_column);
    const blas_product tile = {
        .rows = last_row - row,
        .columns = last_column - column,
        .depth = GEMM_SIZE,
        .scale = 1.0f,
        .a = (const float *)(void *)ceiling->host[0] + row * GEMM_SIZE,
        .a_step = GEMM_SIZE,
        .b = (const float *)(void *)ceiling->host[1] + column,
        .b_step = GEMM_SIZE,
        .c = (float *)(void *)ceiling->host[2] + row * GEMM_SIZE + column,
        .c_step = GEMM_SIZE,
    };
    blas_multiply(&tile);
}

static bool open_gemm(ceiling *out) {
    const size_t elements = (size_t)GEMM_SIZE * GEMM_SIZE;
    for (size_t i = 0; i < 3; i++) {
        out->host[i] = aligned_alloc(PAGE, elements * sizeof(float));
        if (!out->host[i]) {
            return fail("no host memory for a matrix of %zu elements", elements);
        }
        float *matrix = (float *)(void *)out->host[i];
        for (size_t j = 0; j < elements; j++) {
            matrix[j] = 1.0f / (float)(1 + j % 97);
        }
    }
    blas_use_callers_threads();
    return true;
}

static bool open_kind(ceiling *out) {
    switch (out->kind) {
    case CEILING_HOST_COPY:
        return open_host(out);
    case CEILING_DEVICE_COPY:
        return open_device(out);
    case CEILING_HOST_GEMM:
        return open_gemm(out);
    case CEILING_DEVICE_FMA:
        return peak_probe_open(&out->probe, out->session);
    }
    return fail("no such ceiling");
}

bool ceiling_open(ceiling *out, const session *session, ceiling_kind kind, double moved_bytes) {
    double half = moved_bytes / 2;
    size_t bytes = half < LEAST_BYTES ? LEAST_BYTES : half > MOST_BYTES ? MOST_BYTES : (size_t)half;
    *out = (ceiling){.kind = kind, .session = session};
    out->bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    if (!open_kind(out) || !ceiling_sample(out)) {
        ceiling_close(out);
        return false;
    }
    out->best_rate = 0.0; /* that was the warm-up */
    out->spent = 0.0;
    out->num_samples = 0;
    return true;
}

void ceiling_close(ceiling *ceiling) {
    for (size_t i = 0; i < 3; i++) {
        free(ceiling->host[i]);
        ceiling->host[i] = NULL;
    }
    for (size_t i = 0; i < 2; i++) {
        if (ceiling->device[i]) {
            clReleaseMemObject(ceiling->device[i]);
        }
        ceiling->device[i] = NULL;
    }
    peak_probe_close(&ceiling->probe);
    if (ceiling->kernel) {
        clReleaseKernel(ceiling->kernel);
        ceiling->kernel = NULL;
    }
}

/* Seconds that the command took on the device; releases the event. Negative after fail(). */
static double command_seconds(cl_event event) {
    cl_ulong begin = 0;
    cl_ulong end = 0;
    cl_int code = clWaitForEvents(1, &event);
    code |= clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof begin, &begin, NULL);
    code |= clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
    clReleaseEvent(event);
    return opencl_ok(code, "clGetEventProfilingInfo") ? 1e-9 * (double)(end - begin) : -1.0;
}

static double device_copy_seconds(const ceiling *ceiling, bool by_kernel) {
    cl_event event = NULL;
    size_t items = ceiling->bytes / COPY_UNIT;
    cl_int code =
        by_kernel ? clEnqueueNDRangeKernel(ceiling->session->queue, ceiling->kernel, 1, NULL,
                                           &items, NULL, 0, NULL, &event)
                  : clEnqueueCopyBuffer(ceiling->session->queue, ceiling->device[0],
                                        ceiling->device[1], 0, 0, ceiling->bytes, 0, NULL, &event);
    return opencl_ok(code, "copying on the device") ? command_seconds(event) : -1.0;
}

/* False if the measurement failed, which is a negative time or none at all. */
static bool keep_best(ceiling *ceiling, double amount, double seconds) {
    double rate = seconds > 0.0 ? amount / seconds : 0.0;
    ceiling->best_rate = rate > ceiling->best_rate ? rate : ceiling->best_rate;
    return seconds >= 0.0;
}

static bool sample_kind(ceiling *ceiling) {
    const double moved = 2.0 * (double)ceiling->bytes;
    thread_team *team = ceiling->session->team;
    double seconds = 0.0;
    switch (ceiling->kind) {
    case CEILING_HOST_COPY:
        return keep_best(ceiling, moved, thread_team_run(team, copy_share, ceiling));
    case CEILING_DEVICE_COPY:
        return keep_best(ceiling, moved, device_copy_seconds(ceiling, false)) &&
               keep_best(ceiling, moved, device_copy_seconds(ceiling, true));
    case CEILING_HOST_GEMM:
        return keep_best(ceiling, 2.0 * GEMM_SIZE * GEMM_SIZE * GEMM_SIZE,
                         thread_team_run(team, multiply_share, ceiling));
    case CEILING_DEVICE_FMA:
        seconds = peak_probe_seconds(&ceiling->probe);
        return seconds > 0.0 && keep_best(ceiling, ceiling->probe.flops, seconds);
    }
    return false;
}

bool ceiling_sample(ceiling *ceiling) {
    double begin = now_seconds();
    bool ok = sample_kind(ceiling);
    ceiling->spent += now_seconds() - begin;
    ceiling->num_samples++;
    return ok;
}

static bool is_arithmetic(const ceiling *ceiling) {
    return ceiling->kind == CEILING_HOST_GEMM || ceiling->kind == CEILING_DEVICE_FMA;
}

bool ceiling_keep_pace(ceiling *ceiling, double seconds) {
    return is_arithmetic(ceiling) && ceiling->spent > seconds ? true : ceiling_sample(ceiling);
}

bool ceiling_complete(ceiling *ceiling) {
    bool ok = true;
    while (ok && is_arithmetic(ceiling) && ceiling->num_samples < LEAST_SAMPLES) {
        ok = ceiling_sample(ceiling);
    }
    return ok;
}

void ceiling_name(const ceiling *ceiling, char *out, size_t size) {
    size_t threads = thread_team_size(ceiling->session->team);
    const char *plural = threads == 1 ? "" : "s";
    switch (ceiling->kind) {
    case CEILING_HOST_COPY:
        snprintf(out, size, "memcpy, %zu thread%s", threads, plural);
        break;
    case CEILING_DEVICE_COPY:
        snprintf(out, size, "device copy");
        break;
    case CEILING_HOST_GEMM:
        snprintf(out, size, "OpenBLAS sgemm %d^3, %zu thread%s", GEMM_SIZE, threads, plural);
        break;
    case CEILING_DEVICE_FMA:
        snprintf(out, size, "fp32 multiply-add");
        break;
    }
}

ceiling_kind ceiling_kind_for(const session *session, metric metric) {
    if (metric == METRIC_BYTES) {
        return session->is_cpu ? CEILING_HOST_COPY : CEILING_DEVICE_COPY;
    }
    return session->is_cpu && blas_is_available() ? CEILING_HOST_GEMM : CEILING_DEVICE_FMA;
}
