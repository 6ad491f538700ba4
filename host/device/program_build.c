/* OpenCL programs from source and from binaries, and what to say when a build fails. */
#include "device/program_build.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/environment.h"
#include "core/failure.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/memory.h"
#include "device/opencl.h"

/* The compiler's log, to release with clf_i_release; NULL if there is none. */
static char *build_log(cl_program program, cl_device_id id) {
    size_t size = 0;
    if (clGetProgramBuildInfo(program, id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) != CL_SUCCESS ||
        size == 0) {
        return NULL;
    }
    char *text = clf_i_allocate(size + 1, 1);
    if (text != NULL &&
        clGetProgramBuildInfo(program, id, CL_PROGRAM_BUILD_LOG, size, text, NULL) != CL_SUCCESS) {
        clf_i_release(text);
        text = NULL;
    }
    return text;
}

/* The line that names the error, else the first that is not empty: its start and length. */
static const char *telling_line(const char *log, size_t *length) {
    const char *start = strstr(log, "error");
    if (start != NULL) {
        while (start > log && start[-1] != '\n') {
            --start;
        }
    } else {
        start = log + strspn(log, " \t\r\n");
    }
    *length = strcspn(start, "\r\n");
    return start;
}

/* Writes the source where the user wants to see it; appends "; source in <file>" on success. */
static void dump_source(const clf_i_program_source *source, clf_i_text *note) {
    const char *folder = clf_i_environment("CLFORMER_DUMP_DIR");
    if (folder == NULL) {
        return;
    }
    char name[CLF_I_HASH_TEXT];
    clf_i_hash_text(clf_i_hash_bytes(source->text.data, source->text.length), name);
    clf_i_text path = {0};
    clf_i_text_format(&path, "%s/%s-%.8s.cl", folder, source->kernel, name);
    FILE *file = path.failed ? NULL : fopen(path.data, "w");
    bool written = file != NULL;
    if (file != NULL) {
        written = fprintf(file, "// options: %s\n", source->options) > 0 &&
                  fwrite(source->text.data, 1, source->text.length, file) == source->text.length;
        written = fclose(file) == 0 && written;
    }
    if (written) {
        clf_i_text_format(note, "; source in %s", path.data);
    } else {
        clf_i_log(CLF_LOG_CHECK,
                  "cannot write the source of %s into CLFORMER_DUMP_DIR \"%.200s\": %s",
                  source->kernel, folder, strerror(errno));
    }
    clf_i_text_clear(&path);
}

static clf_status fail_build(const clf_device *device, const clf_i_program_source *source,
                             cl_program program, cl_int code) {
    if (code == CL_OUT_OF_HOST_MEMORY || code == CL_OUT_OF_RESOURCES) {
        return clf_i_cl_fail("clBuildProgram", code);
    }
    char *log = build_log(program, device->id);
    const char *shown = log != NULL ? log : "no compiler log";
    size_t length = 0;
    const char *line = telling_line(shown, &length);
    clf_i_text note = {0};
    dump_source(source, &note);
    clf_i_log(CLF_LOG_ERROR, "compiler log of %s: %s", source->kernel, shown);
    const clf_status status =
        clf_i_fail(CLF_ERR_BUILD,
                   "kernel %s could not be built for device \"%s\", driver \"%s\", options \"%s\": "
                   "clBuildProgram failed with %s (%d): %.*s%s",
                   source->kernel, device->capabilities.name, device->capabilities.driver,
                   source->options, clf_i_cl_error_name(code), (int)code,
                   (int)(length < 1024 ? length : 1024), line, note.data == NULL ? "" : note.data);
    clf_i_text_clear(&note);
    clf_i_release(log);
    return status;
}

/* Some drivers finish the compilation only when a kernel is made, and only then have a binary. */
static cl_int try_kernel(cl_program program, const char *name) {
    cl_int code = CL_SUCCESS;
    const cl_kernel kernel = clCreateKernel(program, name, &code);
    if (code == CL_SUCCESS) {
        clReleaseKernel(kernel);
    }
    return code;
}

clf_status clf_i_program_from_source(clf_device *device, const clf_i_program_source *source,
                                     cl_program *out_program) {
    cl_int code = CL_SUCCESS;
    const char *text = source->text.data;
    const size_t length = source->text.length;
    const cl_program program = clCreateProgramWithSource(device->context, 1, &text, &length, &code);
    if (code != CL_SUCCESS) {
        return clf_i_cl_fail("clCreateProgramWithSource", code);
    }
    code = clBuildProgram(program, 1, &device->id, source->options, NULL, NULL);
    clf_status status =
        code == CL_SUCCESS ? CLF_SUCCESS : fail_build(device, source, program, code);
    if (status == CLF_SUCCESS) {
        status = clf_i_cl_check("clCreateKernel", try_kernel(program, source->kernel));
    }
    if (status != CLF_SUCCESS) {
        clReleaseProgram(program);
        return status;
    }
    *out_program = program;
    return CLF_SUCCESS;
}

bool clf_i_program_from_binary(clf_device *device, const clf_i_program_source *source,
                               const void *binary, size_t size, cl_program *out_program) {
    const unsigned char *bytes = binary;
    cl_int binary_status = CL_SUCCESS;
    cl_int code = CL_SUCCESS;
    const cl_program program = clCreateProgramWithBinary(device->context, 1, &device->id, &size,
                                                         &bytes, &binary_status, &code);
    const char *call = "clCreateProgramWithBinary";
    if (code == CL_SUCCESS && binary_status != CL_SUCCESS) {
        code = binary_status;
    }
    if (code == CL_SUCCESS) {
        call = "clBuildProgram";
        code = clBuildProgram(program, 1, &device->id, source->options, NULL, NULL);
    }
    if (code == CL_SUCCESS) {
        call = "clCreateKernel";
        code = try_kernel(program, source->kernel);
    }
    if (code != CL_SUCCESS) {
        clf_i_log(CLF_LOG_CACHE, "binary of %s not taken by the driver: %s failed with %s (%d)",
                  source->kernel, call, clf_i_cl_error_name(code), (int)code);
        if (program != NULL) {
            clReleaseProgram(program);
        }
        return false;
    }
    *out_program = program;
    return true;
}

/* The sizes of the binaries, one for each device of the program's context; only the device that the
 * program was built for has one. To release with clf_i_release. */
static size_t *binary_sizes(cl_program program, cl_uint *out_count) {
    if (clGetProgramInfo(program, CL_PROGRAM_NUM_DEVICES, sizeof *out_count, out_count, NULL) !=
        CL_SUCCESS) {
        return NULL;
    }
    size_t *sizes = clf_i_allocate(*out_count, sizeof *sizes);
    if (sizes != NULL && clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES,
                                          *out_count * sizeof *sizes, sizes, NULL) != CL_SUCCESS) {
        clf_i_release(sizes);
        sizes = NULL;
    }
    return sizes;
}

void *clf_i_program_binary(cl_program program, size_t *out_size) {
    cl_uint count = 0;
    size_t *sizes = binary_sizes(program, &count);
    if (sizes == NULL) {
        return NULL;
    }
    cl_uint own = 0;
    while (own < count && sizes[own] == 0) {
        ++own;
    }
    unsigned char *binary = own < count ? clf_i_allocate(sizes[own], 1) : NULL;
    unsigned char **binaries = clf_i_allocate(count, sizeof *binaries);
    bool filled = false;
    if (binary != NULL && binaries != NULL) {
        *out_size = sizes[own];
        binaries[own] = binary; /* the others stay NULL and are skipped */
        filled = clGetProgramInfo(program, CL_PROGRAM_BINARIES, count * sizeof *binaries, binaries,
                                  NULL) == CL_SUCCESS;
    }
    clf_i_release(binaries);
    clf_i_release(sizes);
    if (!filled) {
        clf_i_release(binary);
        return NULL;
    }
    return binary;
}
