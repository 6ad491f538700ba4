/*
 * Independent chains of fma: enough of them in flight to hide the latency, operands that keep their
 * size, and a result that is stored so that nothing can be removed. CPU devices get wide vectors
 * and one work-item per group, others scalars and many work-items.
 */
#include "peak_probe.h"

#include "terminal.h"
#include "timing.h"

enum { CHAINS = 8, LOOPS = 4096 };

typedef struct probe_form {
    const char *source;
    size_t local;
    size_t lanes;
    size_t groups_per_unit;
} probe_form;

#define PROBE_SOURCE(type, group)                                                                  \
    "__kernel __attribute__((reqd_work_group_size(" group ", 1, 1)))\n"                            \
    "void probe(__global " type " *out, int loops, float f) {\n"                                   \
    "    " type " a = (" type ")(f), c = (" type ")(1.0f - f);\n"                                  \
    "    " type " x0 = a, x1 = a + 1, x2 = a + 2, x3 = a + 3;\n"                                   \
    "    " type " x4 = a + 4, x5 = a + 5, x6 = a + 6, x7 = a + 7;\n"                               \
    "    for (int i = 0; i < loops; i++) {\n"                                                      \
    "        x0 = fma(x0, a, c); x1 = fma(x1, a, c); x2 = fma(x2, a, c); x3 = fma(x3, a, c);\n"    \
    "        x4 = fma(x4, a, c); x5 = fma(x5, a, c); x6 = fma(x6, a, c); x7 = fma(x7, a, c);\n"    \
    "    }\n"                                                                                      \
    "    out[get_global_id(0)] = ((x0 + x1) + (x2 + x3)) + ((x4 + x5) + (x6 + x7));\n"             \
    "}\n"

static const probe_form cpu_form = {PROBE_SOURCE("float16", "1"), 1, 16, 64};
static const probe_form gpu_form = {PROBE_SOURCE("float", "256"), 256, 1, 32};

double peak_probe_seconds(const peak_probe *probe) {
    double begin = now_seconds();
    cl_int code = clEnqueueNDRangeKernel(probe->session->queue, probe->kernel, 1, NULL,
                                         &probe->items, &probe->local, 0, NULL, NULL);
    code |= clFinish(probe->session->queue);
    return opencl_ok(code, "the fp32 probe") ? now_seconds() - begin : 0.0;
}

static bool set_arguments(const peak_probe *probe) {
    const cl_int loops = LOOPS;
    const cl_float factor = 0.999f;
    cl_int code = clSetKernelArg(probe->kernel, 0, sizeof probe->out, &probe->out);
    code |= clSetKernelArg(probe->kernel, 1, sizeof loops, &loops);
    code |= clSetKernelArg(probe->kernel, 2, sizeof factor, &factor);
    return opencl_ok(code, "clSetKernelArg");
}

bool peak_probe_open(peak_probe *out, const session *session) {
    const probe_form *form = session->is_cpu ? &cpu_form : &gpu_form;
    cl_uint units = 1;
    *out = (peak_probe){.session = session, .local = form->local};
    if (!opencl_ok(
            clGetDeviceInfo(session->id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL),
            "clGetDeviceInfo")) {
        return false;
    }
    out->items = units * form->groups_per_unit * form->local;
    out->flops = 2.0 * CHAINS * LOOPS * (double)form->lanes * (double)out->items;
    out->out = session_buffer(session, out->items * form->lanes * sizeof(cl_float));
    out->kernel = out->out ? session_kernel(session, form->source, "probe") : NULL;
    if (out->kernel && set_arguments(out)) {
        return true;
    }
    peak_probe_close(out);
    return false;
}

void peak_probe_close(peak_probe *probe) {
    if (probe->kernel) {
        clReleaseKernel(probe->kernel);
    }
    if (probe->out) {
        clReleaseMemObject(probe->out);
    }
    *probe = (peak_probe){0};
}
