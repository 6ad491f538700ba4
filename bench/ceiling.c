/* Copies and arithmetic. Samples are taken between the candidate's, so both see the same machine. */
#include "ceiling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "peers/unfused_passes.h"
#include "terminal.h"
#include "timing.h"

/* Matrices of GEMM_SIZE squared: large enough for a matrix product to reach its best. */
enum { GEMM_SIZE = 2048, LEAST_SAMPLES = 4 };

static const product_sizes square_product = {GEMM_SIZE, GEMM_SIZE, GEMM_SIZE};

/* Of the free memory: what the matrices of a problem's own sizes may take. */
static const double most_memory = 0.5;

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

static void read_share(void *context, size_t index, size_t count) {
    const ceiling *ceiling = context;
    size_t begin = 0;
    size_t end = 0;
    team_share(ceiling->bytes / PAGE, index, count, &begin, &end);
    volatile uint64_t sum = pass_read(ceiling->host[0] + begin * PAGE, (end - begin) * PAGE);
    (void)sum;
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

/* Each thread computes its own tile of every product; the tiles are cut along the longer side. */
static void multiply_share(void *context, size_t index, size_t count) {
    const ceiling *ceiling = context;
    const float *a = (const float *)(void *)ceiling->host[0];
    const float *b = (const float *)(void *)ceiling->host[1];
    float *c = (float *)(void *)ceiling->host[2];
    for (size_t i = 0; i < ceiling->num_products; i++) {
        const product_sizes *sizes = &ceiling->products[i];
        size_t few = grid_columns(count);
        bool is_wide = sizes->columns > sizes->rows;
        size_t row = 0;
        size_t last_row = 0;
        size_t column = 0;
        size_t last_column = 0;
        if (is_wide) {
            team_share(sizes->rows, index % few, few, &row, &last_row);
            team_share(sizes->columns, index / few, count / few, &column, &last_column);
        } else {
            team_share(sizes->rows, index / few, count / few, &row, &last_row);
            team_share(sizes->columns, index % few, few, &column, &last_column);
        }
        const blas_product tile = {
            .rows = last_row - row,
            .columns = last_column - column,
            .depth = sizes->depth,
            .scale = 1.0f,
            .a = a + row * sizes->depth,
            .a_step = sizes->depth,
            .b = b + column,
            .b_step = sizes->columns,
            .c = c + row * sizes->columns + column,
            .c_step = sizes->columns,
        };
        if (tile.rows && tile.columns) {
            blas_multiply(&tile);
        }
        a += sizes->rows * sizes->depth;
        b += sizes->depth * sizes->columns;
        c += sizes->rows * sizes->columns;
    }
}

static void fill_share(void *context, size_t index, size_t count) {
    const ceiling *ceiling = context;
    for (size_t i = 0; i < 3; i++) {
        size_t begin = 0;
        size_t end = 0;
        float *matrix = (float *)(void *)ceiling->host[i];
        team_share(ceiling->elements[i], index, count, &begin, &end);
        for (size_t j = begin, k = begin % 97; j < end; j++, k = k == 96 ? 0 : k + 1) {
            matrix[j] = 1.0f / (float)(1 + k);
        }
    }
}

static void set_products(ceiling *out, const product_sizes *products, size_t count) {
    memset(out->elements, 0, sizeof out->elements);
    memcpy(out->products, products, count * sizeof *products);
    out->num_products = count;
    out->is_square = products == &square_product;
    for (size_t i = 0; i < count; i++) {
        out->elements[0] += products[i].rows * products[i].depth;
        out->elements[1] += products[i].depth * products[i].columns;
        out->elements[2] += products[i].rows * products[i].columns;
    }
}

/* The problem's own products, unless their matrices are too large. */
static bool open_gemm(ceiling *out, const ceiling_request *request) {
    out->products = calloc(request->num_products + 1, sizeof *out->products);
    if (!out->products) {
        return fail("no host memory for %zu matrix products", request->num_products);
    }
    if (request->num_products) {
        set_products(out, request->products, request->num_products);
    }
    double bytes = (double)sizeof(float) *
                   ((double)out->elements[0] + (double)out->elements[1] + (double)out->elements[2]);
    if (!request->num_products || bytes > most_memory * (double)host_memory_available()) {
        set_products(out, &square_product, 1);
    }
    for (size_t i = 0; i < 3; i++) {
        size_t pages = (out->elements[i] * sizeof(float) + PAGE - 1) / PAGE;
        out->host[i] = aligned_alloc(PAGE, pages * PAGE);
        if (!out->host[i]) {
            return fail("no host memory for matrices of %zu elements", out->elements[i]);
        }
    }
    thread_team_run(out->session->team, fill_share, out);
    blas_use_callers_threads();
    return true;
}

static bool open_kind(ceiling *out, const ceiling_request *request) {
    switch (out->kind) {
    case CEILING_HOST_COPY:
    case CEILING_HOST_READ:
        return open_host(out);
    case CEILING_DEVICE_COPY:
        return open_device(out);
    case CEILING_HOST_GEMM:
        return open_gemm(out, request);
    case CEILING_DEVICE_FMA:
        return peak_probe_open(&out->probe, out->session);
    }
    return fail("no such ceiling");
}

bool ceiling_open(ceiling *out, const session *session, const ceiling_request *request) {
    /* A copy moves every byte twice. */
    double half =
        request->kind == CEILING_HOST_READ ? request->moved_bytes : request->moved_bytes / 2;
    size_t bytes = half < LEAST_BYTES ? LEAST_BYTES : half > MOST_BYTES ? MOST_BYTES : (size_t)half;
    *out = (ceiling){.kind = request->kind, .session = session};
    out->bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    if (!open_kind(out, request) || !ceiling_sample(out)) {
        ceiling_close(out);
        return false;
    }
    out->best_rate = 0.0; /* that was the warm-up */
    out->spent = 0.0;
    out->num_samples = 0;
    return true;
}

bool ceiling_open_for(ceiling *out, const session *session, const operator_benchmark *benchmark,
                      const void *problem, clf_dtype dtype) {
    product_sizes products[MAX_PRODUCTS];
    work_amount work = benchmark->work(problem, dtype);
    const ceiling_request request = {
        .kind = ceiling_kind_for(session, operator_metric(benchmark, problem)),
        .moved_bytes = work.bytes,
        .num_products = benchmark->products ? benchmark->products(problem, products) : 0,
        .products = products};
    return ceiling_open(out, session, &request);
}

void ceiling_close(ceiling *ceiling) {
    free(ceiling->products);
    ceiling->products = NULL;
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

static double product_flops(const ceiling *ceiling) {
    double flops = 0.0;
    for (size_t i = 0; i < ceiling->num_products; i++) {
        const product_sizes *sizes = &ceiling->products[i];
        flops += 2.0 * (double)sizes->rows * (double)sizes->columns * (double)sizes->depth;
    }
    return flops;
}

static bool sample_kind(ceiling *ceiling) {
    const double moved = 2.0 * (double)ceiling->bytes;
    thread_team *team = ceiling->session->team;
    double seconds = 0.0;
    switch (ceiling->kind) {
    case CEILING_HOST_COPY:
        return keep_best(ceiling, moved, thread_team_run(team, copy_share, ceiling));
    case CEILING_HOST_READ:
        return keep_best(ceiling, (double)ceiling->bytes,
                         thread_team_run(team, read_share, ceiling));
    case CEILING_DEVICE_COPY:
        return keep_best(ceiling, moved, device_copy_seconds(ceiling, false)) &&
               keep_best(ceiling, moved, device_copy_seconds(ceiling, true));
    case CEILING_HOST_GEMM:
        return keep_best(ceiling, product_flops(ceiling),
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
    case CEILING_HOST_READ:
        snprintf(out, size, "reading, %zu thread%s", threads, plural);
        break;
    case CEILING_DEVICE_COPY:
        snprintf(out, size, "device copy");
        break;
    case CEILING_HOST_GEMM:
        if (ceiling->is_square) {
            snprintf(out, size, "OpenBLAS sgemm %d^3, %zu thread%s", GEMM_SIZE, threads, plural);
        } else {
            snprintf(out, size, "OpenBLAS sgemm of these sizes, %zu thread%s", threads, plural);
        }
        break;
    case CEILING_DEVICE_FMA:
        snprintf(out, size, "fp32 multiply-add");
        break;
    }
}

ceiling_kind ceiling_kind_for(const session *session, metric metric) {
    if (metric != METRIC_FLOPS) {
        return !session->is_cpu         ? CEILING_DEVICE_COPY
               : metric == METRIC_READS ? CEILING_HOST_READ
                                        : CEILING_HOST_COPY;
    }
    return session->is_cpu && blas_is_available() ? CEILING_HOST_GEMM : CEILING_DEVICE_FMA;
}
