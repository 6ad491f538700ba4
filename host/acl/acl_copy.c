/* Copies between host and devices, and setting memory. */
#include <acl/acl_rt.h>
#include <stdlib.h>
#include <string.h>

#include "acl/acl_failure.h"
#include "acl/acl_memory.h"

#define STAGING_BYTES ((size_t)16 << 20) /* between two devices, at a time */

/* One end of a copy. */
typedef struct copy_end {
    const char *argument;
    void *address;
    bool is_ours; /* found among the allocations */
    clf_i_acl_place place;
} copy_end;

typedef struct copy {
    const char *function;
    copy_end dst, src;
    size_t count;
} copy;

/* What each kind says about destination and source: 'h'ost, 'd'evice, or whatever it '?' is. */
static const char kind_ends[][2] = {
    [ACL_MEMCPY_HOST_TO_HOST] = {'h', 'h'},
    [ACL_MEMCPY_HOST_TO_DEVICE] = {'d', 'h'},
    [ACL_MEMCPY_DEVICE_TO_HOST] = {'h', 'd'},
    [ACL_MEMCPY_DEVICE_TO_DEVICE] = {'d', 'd'},
    [ACL_MEMCPY_DEFAULT] = {'?', '?'},
    [ACL_MEMCPY_HOST_TO_BUF_TO_DEVICE] = {'d', 'h'},
    [ACL_MEMCPY_INNER_DEVICE_TO_DEVICE] = {'d', 'd'},
    [ACL_MEMCPY_INTER_DEVICE_TO_DEVICE] = {'d', 'd'},
};

/* ---- Checks ---- */

static bool is_on_device(const copy_end *end) {
    return end->place.buffer != NULL;
}

/* Looks an end up and checks it against the kind and the bytes wanted of it. */
static int open_end(const char *function, copy_end *end, char wanted, size_t count) {
    end->is_ours = clf_i_acl_locate(end->address, &end->place);
    if (wanted == 'd' && !is_on_device(end)) {
        return clf_i_acl_fail(ACL_ERROR_RT_PARAM_INVALID,
                              "%s: %s is %p, which is not device memory (never was or was freed), "
                              "accepted for this kind: an address from aclrtMalloc",
                              function, end->argument, end->address);
    }
    if (wanted == 'h' && is_on_device(end)) {
        return clf_i_acl_fail(ACL_ERROR_RT_PARAM_INVALID,
                              "%s: %s is %p, which is device memory, accepted for this kind: host "
                              "memory",
                              function, end->argument, end->address);
    }
    if (end->is_ours && count > end->place.size - end->place.offset) {
        return clf_i_acl_fail(ACL_ERROR_RT_PARAM_INVALID,
                              "%s: %zu bytes from byte %zu of %s's allocation of %zu bytes leave "
                              "it, accepted: up to %zu",
                              function, count, end->place.offset, end->argument, end->place.size,
                              end->place.size - end->place.offset);
    }
    return ACL_SUCCESS;
}

static void close_copy(copy *job) {
    clf_i_acl_place_done(&job->dst.place);
    clf_i_acl_place_done(&job->src.place);
}

static int open_copy(copy *job, size_t room, aclrtMemcpyKind kind) {
    const char *const function = job->function;
    if (job->dst.address == NULL || job->src.address == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "%s: %s is NULL", function,
                              job->dst.address == NULL ? "dst" : "src");
    }
    if ((unsigned)kind >= sizeof kind_ends / sizeof kind_ends[0]) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "%s: kind is %d, accepted: 0 to 7", function,
                              (int)kind);
    }
    if (job->count > room) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM,
                              "%s: count is %zu, accepted: up to destMax, which is %zu", function,
                              job->count, room);
    }
    int status = open_end(function, &job->dst, kind_ends[kind][0], job->count);
    if (status == ACL_SUCCESS) {
        status = open_end(function, &job->src, kind_ends[kind][1], job->count);
    }
    if (status != ACL_SUCCESS) {
        close_copy(job);
    }
    return status;
}

/* ---- Copying ---- */

/* Ranges of one buffer that overlap go through another buffer. */
static int copy_through_buffer(const copy *job, cl_command_queue queue) {
    const clf_i_acl_place *dst = &job->dst.place;
    const clf_i_acl_place *src = &job->src.place;
    cl_int code = CL_SUCCESS;
    cl_mem between =
        clCreateBuffer(dst->device->context, CL_MEM_READ_WRITE, job->count, NULL, &code);
    if (code != CL_SUCCESS) {
        return clf_i_acl_check_cl(job->function, "clCreateBuffer", code);
    }
    code =
        clEnqueueCopyBuffer(queue, src->buffer, between, src->offset, 0, job->count, 0, NULL, NULL);
    if (code == CL_SUCCESS) {
        code = clEnqueueCopyBuffer(queue, between, dst->buffer, 0, dst->offset, job->count, 0, NULL,
                                   NULL);
    }
    clReleaseMemObject(between);
    return clf_i_acl_check_cl(job->function, "clEnqueueCopyBuffer", code);
}

static int copy_within_device(const copy *job, cl_command_queue queue, bool is_blocking) {
    const clf_i_acl_place *dst = &job->dst.place;
    const clf_i_acl_place *src = &job->src.place;
    const size_t distance =
        dst->offset > src->offset ? dst->offset - src->offset : src->offset - dst->offset;
    int status = ACL_SUCCESS;
    if (dst->buffer == src->buffer && distance == 0) {
        status = ACL_SUCCESS; /* onto itself */
    } else if (dst->buffer == src->buffer && distance < job->count) {
        status = copy_through_buffer(job, queue);
    } else {
        status =
            clf_i_acl_check_cl(job->function, "clEnqueueCopyBuffer",
                               clEnqueueCopyBuffer(queue, src->buffer, dst->buffer, src->offset,
                                                   dst->offset, job->count, 0, NULL, NULL));
    }
    if (status != ACL_SUCCESS) {
        return status;
    }
    return is_blocking ? clf_i_acl_check_cl(job->function, "clFinish", clFinish(queue))
                       : clf_i_acl_check_cl(job->function, "clFlush", clFlush(queue));
}

/* Over the host, piece by piece; at once. */
static int copy_between_devices(const copy *job) {
    const clf_i_acl_place *dst = &job->dst.place;
    const clf_i_acl_place *src = &job->src.place;
    const size_t piece = job->count < STAGING_BYTES ? job->count : STAGING_BYTES;
    void *staging = malloc(piece);
    if (staging == NULL) {
        return clf_i_acl_fail(ACL_ERROR_BAD_ALLOC, "%s: out of host memory", job->function);
    }
    cl_int code = CL_SUCCESS;
    for (size_t done = 0; done < job->count && code == CL_SUCCESS; done += piece) {
        const size_t size = job->count - done < piece ? job->count - done : piece;
        code = clEnqueueReadBuffer(src->device->default_queue, src->buffer, CL_TRUE,
                                   src->offset + done, size, staging, 0, NULL, NULL);
        if (code == CL_SUCCESS) {
            code = clEnqueueWriteBuffer(dst->device->default_queue, dst->buffer, CL_TRUE,
                                        dst->offset + done, size, staging, 0, NULL, NULL);
        }
    }
    free(staging);
    return clf_i_acl_check_cl(job->function, "clEnqueueReadBuffer or clEnqueueWriteBuffer", code);
}

/* `queue` is of the device of the ends, if one of them is on a device. */
static int run_copy(const copy *job, cl_command_queue queue, bool is_blocking) {
    const clf_i_acl_place *dst = &job->dst.place;
    const clf_i_acl_place *src = &job->src.place;
    const cl_bool blocking = is_blocking ? CL_TRUE : CL_FALSE;
    cl_int code = CL_SUCCESS;
    if (is_on_device(&job->dst) && is_on_device(&job->src)) {
        return copy_within_device(job, queue, is_blocking);
    }
    if (is_on_device(&job->dst)) {
        code = clEnqueueWriteBuffer(queue, dst->buffer, blocking, dst->offset, job->count,
                                    job->src.address, 0, NULL, NULL);
    } else {
        code = clEnqueueReadBuffer(queue, src->buffer, blocking, src->offset, job->count,
                                   job->dst.address, 0, NULL, NULL);
    }
    if (code == CL_SUCCESS && !is_blocking) {
        code = clFlush(queue);
    }
    return clf_i_acl_check_cl(
        job->function, is_on_device(&job->dst) ? "clEnqueueWriteBuffer" : "clEnqueueReadBuffer",
        code);
}

static bool is_host_copy(const copy *job) {
    return !is_on_device(&job->dst) && !is_on_device(&job->src);
}

static bool is_between_devices(const copy *job) {
    return is_on_device(&job->dst) && is_on_device(&job->src) &&
           job->dst.place.device != job->src.place.device;
}

aclError aclrtMemcpy(void *dst, size_t destMax, const void *src, size_t count,
                     aclrtMemcpyKind kind) {
    copy job = {.function = "aclrtMemcpy",
                .dst = {.argument = "dst", .address = dst},
                .src = {.argument = "src", .address = (void *)(uintptr_t)src},
                .count = count};
    int status = clf_i_acl_check_initialized(job.function);
    if (status == ACL_SUCCESS) {
        status = open_copy(&job, destMax, kind);
    }
    if (status != ACL_SUCCESS) {
        return status;
    }
    if (count == 0) {
        status = ACL_SUCCESS;
    } else if (is_host_copy(&job)) {
        memmove(dst, src, count);
    } else if (is_between_devices(&job)) {
        status = copy_between_devices(&job);
    } else {
        const copy_end *end = is_on_device(&job.dst) ? &job.dst : &job.src;
        status = run_copy(&job, end->place.device->default_queue, true);
    }
    close_copy(&job);
    return status;
}

/* A stream of another device than both ends is a mistake. */
static int check_stream(const copy *job, const clf_i_acl_queue *queue) {
    const clf_i_acl_device *dst = job->dst.place.device;
    const clf_i_acl_device *src = job->src.place.device;
    if ((dst == NULL && src == NULL) || queue->device == dst || queue->device == src) {
        return ACL_SUCCESS;
    }
    return clf_i_acl_fail(ACL_ERROR_RT_STREAM_CONTEXT,
                          "%s: stream is of device %d and the memory of device %d, accepted: a "
                          "stream of the memory's device",
                          job->function, (int)queue->device->index,
                          (int)(dst != NULL ? dst->index : src->index));
}

/* Host to host and device to device: the stream is waited for, so that the order holds. */
static int run_copy_on(const copy *job, cl_command_queue queue) {
    if (!is_host_copy(job) && !is_between_devices(job)) {
        return run_copy(job, queue, false);
    }
    int status = clf_i_acl_check_cl(job->function, "clFinish", clFinish(queue));
    if (status == ACL_SUCCESS && is_between_devices(job)) {
        status = copy_between_devices(job);
    } else if (status == ACL_SUCCESS) {
        memmove(job->dst.address, job->src.address, job->count);
    }
    return status;
}

aclError aclrtMemcpyAsync(void *dst, size_t destMax, const void *src, size_t count,
                          aclrtMemcpyKind kind, aclrtStream stream) {
    copy job = {.function = "aclrtMemcpyAsync",
                .dst = {.argument = "dst", .address = dst},
                .src = {.argument = "src", .address = (void *)(uintptr_t)src},
                .count = count};
    clf_i_acl_queue queue;
    int status = clf_i_acl_queue_of(job.function, stream, &queue);
    if (status != ACL_SUCCESS) {
        return status;
    }
    status = open_copy(&job, destMax, kind);
    if (status == ACL_SUCCESS) {
        status = check_stream(&job, &queue);
        if (status == ACL_SUCCESS && count > 0) {
            status = run_copy_on(&job, queue.queue);
        }
        close_copy(&job);
    }
    clf_i_acl_queue_done(&queue);
    return status;
}

/* ---- Setting ---- */

/* Sets on the queue given, or at once for NULL. */
static int set_memory(const char *function, void *address, size_t room, int32_t value, size_t count,
                      const clf_i_acl_queue *queue) {
    if (address == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "%s: devPtr is NULL", function);
    }
    if (count > room) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM,
                              "%s: count is %zu, accepted: up to maxCount, which is %zu", function,
                              count, room);
    }
    copy job = {.function = function, .dst = {.argument = "devPtr", .address = address}};
    int status = open_end(function, &job.dst, '?', count);
    if (status == ACL_SUCCESS && !job.dst.is_ours) {
        status = clf_i_acl_fail(ACL_ERROR_RT_PARAM_INVALID,
                                "%s: devPtr is %p, which is no memory of this library (never was "
                                "or was freed), accepted: aclrtMalloc's or aclrtMallocHost's",
                                function, address);
    }
    if (status == ACL_SUCCESS && queue != NULL) {
        status = check_stream(&job, queue);
    }
    const clf_i_acl_place *place = &job.dst.place;
    const unsigned char byte = (unsigned char)value;
    if (status == ACL_SUCCESS && count > 0 && place->buffer == NULL) {
        status = queue != NULL ? clf_i_acl_check_cl(function, "clFinish", clFinish(queue->queue))
                               : ACL_SUCCESS;
        memset(address, byte, count);
    } else if (status == ACL_SUCCESS && count > 0) {
        cl_command_queue target = queue != NULL ? queue->queue : place->device->default_queue;
        cl_int code = clEnqueueFillBuffer(target, place->buffer, &byte, sizeof byte, place->offset,
                                          count, 0, NULL, NULL);
        if (code == CL_SUCCESS) {
            code = queue != NULL ? clFlush(target) : clFinish(target);
        }
        status = clf_i_acl_check_cl(function, "clEnqueueFillBuffer", code);
    }
    close_copy(&job);
    return status;
}

aclError aclrtMemset(void *devPtr, size_t maxCount, int32_t value, size_t count) {
    const int status = clf_i_acl_check_initialized("aclrtMemset");
    return status != ACL_SUCCESS ? status
                                 : set_memory("aclrtMemset", devPtr, maxCount, value, count, NULL);
}

aclError aclrtMemsetAsync(void *devPtr, size_t maxCount, int32_t value, size_t count,
                          aclrtStream stream) {
    clf_i_acl_queue queue;
    int status = clf_i_acl_queue_of("aclrtMemsetAsync", stream, &queue);
    if (status == ACL_SUCCESS) {
        status = set_memory("aclrtMemsetAsync", devPtr, maxCount, value, count, &queue);
        clf_i_acl_queue_done(&queue);
    }
    return status;
}
