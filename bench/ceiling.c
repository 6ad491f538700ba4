/* Copy ceilings. Samples are taken between those of the candidate, so both see the same machine. */
#include "ceiling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

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

bool ceiling_open(ceiling *out, const session *session, ceiling_kind kind, double moved_bytes) {
    double half = moved_bytes / 2;
    size_t bytes = half < LEAST_BYTES ? LEAST_BYTES : half > MOST_BYTES ? MOST_BYTES : (size_t)half;
    *out = (ceiling){.kind = kind, .session = session};
    out->bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    bool ok =
        (kind == CEILING_HOST_COPY ? open_host(out) : open_device(out)) && ceiling_sample(out);
    if (!ok) {
        ceiling_close(out);
        return false;
    }
    out->best_rate = 0.0; /* that was the warm-up */
    return true;
}

void ceiling_close(ceiling *ceiling) {
    for (size_t i = 0; i < 2; i++) {
        free(ceiling->host[i]);
        if (ceiling->device[i]) {
            clReleaseMemObject(ceiling->device[i]);
        }
        ceiling->host[i] = NULL;
        ceiling->device[i] = NULL;
    }
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

static bool keep_best(ceiling *ceiling, double seconds) {
    double rate = seconds > 0.0 ? 2.0 * (double)ceiling->bytes / seconds : 0.0;
    ceiling->best_rate = rate > ceiling->best_rate ? rate : ceiling->best_rate;
    return seconds >= 0.0;
}

bool ceiling_sample(ceiling *ceiling) {
    if (ceiling->kind == CEILING_HOST_COPY) {
        return keep_best(ceiling, thread_team_run(ceiling->session->team, copy_share, ceiling));
    }
    return keep_best(ceiling, device_copy_seconds(ceiling, false)) &&
           keep_best(ceiling, device_copy_seconds(ceiling, true));
}

void ceiling_name(const ceiling *ceiling, char *out, size_t size) {
    size_t threads = thread_team_size(ceiling->session->team);
    if (ceiling->kind == CEILING_HOST_COPY) {
        snprintf(out, size, "memcpy, %zu thread%s", threads, threads == 1 ? "" : "s");
    } else {
        snprintf(out, size, "device copy");
    }
}

ceiling_kind ceiling_kind_for(const session *session) {
    return session->is_cpu ? CEILING_HOST_COPY : CEILING_DEVICE_COPY;
}
