/* One opened device with what every benchmark needs of it. */
#ifndef CLFORMER_BENCH_SESSION_H
#define CLFORMER_BENCH_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include <clformer/clformer.h>

#include "thread_team.h"

#define IDENTITY_LENGTH 160

typedef struct session {
    clf_device *device;
    cl_context context;
    cl_device_id id;
    cl_command_queue queue; /* in-order, with profiling */
    thread_team *team;
    bool no_such_device; /* session_open failed because nothing, or too much, fits the selector */
    bool is_cpu;
    uint64_t max_allocation;
    uint64_t global_memory;
    char name[IDENTITY_LENGTH];
    char driver[IDENTITY_LENGTH];
    char platform[IDENTITY_LENGTH];
} session;

/* False after fail(). `selector` as in clf_device_open. */
bool session_open(session *out, const char *selector);
void session_close(session *session);

/* Bytes of host memory that can be had without pushing anything out. */
uint64_t host_memory_available(void);
/* The host CPU's model name; static storage. */
const char *host_cpu_name(void);

/* Runs `call`'s result through fail(): true for CL_SUCCESS. */
bool opencl_ok(cl_int code, const char *call);
/* The same for a clformer status, with clf_last_error(). */
bool clformer_ok(clf_status status, const char *call);

/* A buffer of at least one byte, or NULL after fail(). */
cl_mem session_buffer(const session *session, size_t bytes);

/* Builds a program of the benchmark's own and returns its kernel; NULL after fail(). */
cl_kernel session_kernel(const session *session, const char *source, const char *name);

/* Fetches a description of unknown length; the caller frees it. NULL after fail(). */
char *device_description(const clf_device *device);
char *device_list_description(void);
char *plan_description(const clf_plan *plan);

#endif
