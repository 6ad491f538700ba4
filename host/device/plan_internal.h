/* What a clf_plan is made of; for host/device only. */
#ifndef CLF_DEVICE_PLAN_INTERNAL_H
#define CLF_DEVICE_PLAN_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/text.h"
#include "device/device_internal.h"
#include "device/plan_builder.h"

#define CLF_I_MAX_BINDINGS 32
#define CLF_I_MAX_TABLES   4

/* One tensor of a plan and the buffer it is bound to. */
typedef struct clf_i_binding {
    clf_slot slot;
    const char *argument;
    clf_i_access access;
    clf_tensor tensor; /* buffer (retained) and offset are the current binding's; NULL: unbound */
    cl_mem root; /* the memory object that `tensor.buffer` is part of, or itself              */
    uint64_t root_offset; /* bytes from the root's start to the buffer's */
} clf_i_binding;

/* A kernel argument that is set anew when buffers change; values are set once. */
typedef struct clf_i_moving_argument {
    cl_uint index; /* of the buffer; its offset follows */
    clf_i_argument_kind kind;
    clf_slot slot;
    size_t offset; /* WORKSPACE: units */
} clf_i_moving_argument;

/* A call into another library; all copied from the step. */
typedef struct clf_i_foreign {
    const char *library;
    const char *routine;
    clf_i_foreign_call call;
    void *data;
    clf_i_argument arguments[CLF_I_MAX_PLACES];
    size_t num_arguments;
    clf_i_define *figures;
    size_t num_figures;
} clf_i_foreign;

typedef struct clf_i_launch {
    clf_i_foreign *foreign; /* if it is not NULL, nothing else here is used */
    cl_kernel kernel;
    const char *name;
    clf_i_text options;
    cl_uint dimensions;
    size_t global[3];
    size_t local[3];
    size_t local_memory;
    clf_i_moving_argument *moving;
    size_t num_moving;
} clf_i_launch;

struct clf_plan {
    clf_device *device;
    const char *operator_name;
    clf_variant variant;
    clf_i_binding bindings[CLF_I_MAX_BINDINGS];
    size_t num_bindings;
    bool overlap_is_checked; /* for the current bindings */
    bool arguments_are_set;  /* for the current bindings and `workspace` */
    cl_mem tables[CLF_I_MAX_TABLES];
    size_t num_tables;
    clf_i_launch *launches;
    size_t num_launches;
    size_t launch_capacity;
    size_t workspace_size;
    cl_mem workspace;     /* the one whose kernel arguments are set; not retained */
    cl_mem own_workspace; /* made when an enqueue gives none */
    double flops;
    double bytes;
    clf_i_text problem;
    json_t *parameters;  /* name -> value */
    json_t *passed_over; /* [{variant, reason}] */
    json_t *products;    /* [{provider, not_taken, reason}] */
    double seconds_to_plan;
};

/* Checks and takes a buffer (retained) for a binding; the former one is released on success only.
 */
clf_status clf_i_binding_set(const clf_plan *plan, clf_i_binding *binding, cl_mem buffer,
                             size_t offset);
void clf_i_binding_clear(clf_i_binding *binding);

/* Every output apart from every other tensor, or exactly in place of an input. */
clf_status clf_i_plan_check_overlap(clf_plan *plan);

clf_i_binding *clf_i_plan_find_binding(clf_plan *plan, clf_slot slot);

/* A new step at the plan's end, zeroed. NULL after clf_i_fail. */
clf_i_launch *clf_i_plan_new_launch(clf_plan *plan);

/* Steps that are calls into other libraries; see plan_foreign.c. `wait` as of clf_plan_enqueue. */
clf_status clf_i_foreign_run(clf_plan *plan, const clf_i_foreign *foreign, cl_command_queue queue,
                             cl_uint num_wait, const cl_event *wait, cl_event *done);
void clf_i_foreign_destroy(clf_i_foreign *foreign);

double clf_i_seconds(void); /* monotonic */

#endif
