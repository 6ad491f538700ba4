/*
 * How an operator makes a plan. All functions return a status whose sentence is already stored.
 *
 *     clf_i_plan_create -> clf_i_plan_add_tensors -> clf_i_plan_choose_variant
 *         -> clf_i_plan_set_parameters / clf_i_plan_add_step ... -> clf_i_plan_finish
 *         -> clf_i_plan_hand_over, also after a failure
 */
#ifndef CLF_DEVICE_PLAN_BUILDER_H
#define CLF_DEVICE_PLAN_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <clformer/plan.h>

#include "core/text.h"
#include "device/capabilities.h"

/* The pointers that every planning function takes: none may be NULL. Sets *out_plan to NULL. */
clf_status clf_i_plan_check_call(const clf_device *device, const void *args, clf_plan **out_plan);

/* `operator_name` has static storage: "scaled_masked_softmax". Checks that the device is alive. */
clf_status clf_i_plan_create(clf_device *device, const char *operator_name, clf_plan **out_plan);

const clf_i_capabilities *clf_i_plan_capabilities(const clf_plan *plan);
clf_device *clf_i_plan_device(const clf_plan *plan);

typedef enum clf_i_access { CLF_I_READ, CLF_I_WRITE } clf_i_access;

/*
 * Gives the plan a tensor that clf_i_view_check accepted, and checks its buffer: same context,
 * large enough, access flags. An output that overlaps itself, or another tensor other than in
 * place, is refused here or in clf_i_plan_finish. `argument` has static storage and names it in
 * messages.
 */
clf_status clf_i_plan_add_tensor(clf_plan *plan, clf_slot slot, const char *argument,
                                 const clf_tensor *tensor, clf_i_access access);

typedef struct clf_i_plan_tensor {
    clf_slot slot;
    const char *argument;
    const clf_tensor *tensor; /* NULL: there is none */
    clf_i_access access;
} clf_i_plan_tensor;

/* Each of the table that is not NULL. */
clf_status clf_i_plan_add_tensors(clf_plan *plan, const clf_i_plan_tensor *tensors, size_t count);

/* One way to run the operator: `refusal` is NULL if it can run here, else one sentence why not. */
typedef struct clf_i_variant_option {
    clf_variant variant;
    const char *refusal;
} clf_i_variant_option;

/*
 * Takes the first possible option, best first, or the one that the caller (or CLFORMER_VARIANT, if
 * the caller left it to us) wants; records why the others were not taken.
 * CLF_ERR_PARAM_INVALID: `wanted` is no enumerator; CLF_ERR_UNSUPPORTED: it cannot run here.
 */
clf_status clf_i_plan_choose_variant(clf_plan *plan, clf_variant wanted,
                                     const clf_i_variant_option *options, size_t num_options,
                                     clf_variant *out_variant);

/* The same of an operator that runs in both variants, wherever the device can. */
clf_status clf_i_plan_choose_either_variant(clf_plan *plan, clf_variant wanted,
                                            clf_variant *out_variant);

/* Records a tile size or other choice for clf_plan_describe. */
clf_status clf_i_plan_set_parameter(clf_plan *plan, const char *name, int64_t value);

typedef struct clf_i_plan_parameter {
    const char *name;
    int64_t value;
} clf_i_plan_parameter;

clf_status clf_i_plan_set_parameters(clf_plan *plan, const clf_i_plan_parameter *parameters,
                                     size_t count);

/* Work of one enqueue: arithmetic operations, and bytes that must move if each is moved once. */
void clf_i_plan_set_cost(clf_plan *plan, double flops, double bytes);

/* The problem in clformer-bench's syntax ("softmax --shape 8,16,512,512 --dtype fp32"), for the log
 * and clf_plan_describe, so that a logged line can be run again. Takes the text over, also when it
 * fails because the text has failed. */
clf_status clf_i_plan_set_problem(clf_plan *plan, clf_i_text *problem);

/* Asks for `size` more bytes of workspace; returns their byte offset, aligned for any device type.
 */
size_t clf_i_plan_reserve_workspace(clf_plan *plan, size_t size);

/* The same, aligned so that the part can be a buffer of its own (CLF_I_REGION). */
size_t clf_i_plan_reserve_region(clf_plan *plan, size_t size);

/*
 * Gives the plan constant data that its kernels read: copied to a buffer on the device now.
 * `*out_table` is the number to name it by in CLF_I_TABLE.
 */
clf_status clf_i_plan_add_table(clf_plan *plan, const void *data, size_t size, size_t *out_table);

/* One kernel argument. */
typedef enum clf_i_argument_kind {
    CLF_I_ARGUMENT_TENSOR, /* two kernel arguments: the buffer, and its offset in elements (long) */
    CLF_I_ARGUMENT_VALUE,  /* copied when the step is added                                       */
    CLF_I_ARGUMENT_TABLE,  /* one kernel argument: the table's buffer */
    CLF_I_ARGUMENT_WORKSPACE, /* two kernel arguments: the buffer, and an offset in units (long) */
    CLF_I_ARGUMENT_REGION     /* foreign steps only: part of the workspace as a buffer of its own */
} clf_i_argument_kind;

typedef struct clf_i_argument {
    clf_i_argument_kind kind;
    clf_slot slot;     /* TENSOR */
    const void *value; /* VALUE */
    size_t size;       /* VALUE, REGION: bytes; WORKSPACE: bytes of a unit */
    size_t offset;     /* WORKSPACE, REGION: bytes; TABLE: its number */
} clf_i_argument;

#define CLF_I_TENSOR(slot_)                                                                        \
    { CLF_I_ARGUMENT_TENSOR, slot_, NULL, 0, 0 }
#define CLF_I_VALUE(variable)                                                                      \
    { CLF_I_ARGUMENT_VALUE, (clf_slot)0, &(variable), sizeof(variable), 0 }
#define CLF_I_WORKSPACE(offset_)                                                                   \
    { CLF_I_ARGUMENT_WORKSPACE, (clf_slot)0, NULL, 1, offset_ }
/* As a tensor's: the offset, a multiple of the element's size, counts elements. */
#define CLF_I_WORKSPACE_ELEMENTS(offset_, size_)                                                   \
    { CLF_I_ARGUMENT_WORKSPACE, (clf_slot)0, NULL, size_, offset_ }
/* Of clf_i_plan_reserve_region. */
#define CLF_I_REGION(offset_, size_)                                                               \
    { CLF_I_ARGUMENT_REGION, (clf_slot)0, NULL, size_, offset_ }
#define CLF_I_TABLE(table_)                                                                        \
    { CLF_I_ARGUMENT_TABLE, (clf_slot)0, NULL, 0, table_ }

/* A preprocessor definition the kernel is built with. */
typedef struct clf_i_define {
    const char *name;
    int64_t value;
} clf_i_define;

/* One launch. Arrays are read during the call only. */
typedef struct clf_i_step {
    const char *kernel; /* a name of cl-kernels/manifest.def */
    const clf_i_define *defines;
    size_t num_defines;
    const clf_i_argument *arguments;
    size_t num_arguments;
    size_t dimensions; /* 1..3 */
    size_t global[3];
    size_t local[3];
    size_t local_memory; /* bytes the kernel declares; refused here if the device has less, because
                            some drivers abort instead of failing */
    bool is_overfull;    /* step_builder.h: a definition or argument found no room; refused */
} clf_i_step;

/* Builds the program (or takes it from a cache) and adds the launch. */
clf_status clf_i_plan_add_step(clf_plan *plan, const clf_i_step *step);

/* Where an argument of a foreign step lies now. */
typedef struct clf_i_place {
    cl_mem buffer;
    size_t offset; /* in elements of a tensor, in units of the workspace; 0 in a region */
} clf_i_place;

/*
 * A call into another library, which enqueues its commands and waits for none of them. `done`, if
 * it is not NULL, receives an event that is complete when all of them are. `data` is the step's.
 */
typedef clf_status (*clf_i_foreign_call)(cl_command_queue queue, const clf_i_place *places,
                                         const void *data, cl_event *done);

#define CLF_I_MAX_PLACES 4

typedef struct clf_i_foreign_step {
    const char *library; /* both have static storage; for clf_plan_describe */
    const char *routine;
    clf_i_foreign_call call;
    const void *data; /* copied */
    size_t data_size;
    const clf_i_argument *arguments; /* TENSOR, WORKSPACE or REGION: one place each */
    size_t num_arguments;            /* at most CLF_I_MAX_PLACES */
    const clf_i_define *figures;     /* for clf_plan_describe; names have static storage */
    size_t num_figures;
} clf_i_foreign_step;

/*
 * Adds the call. It runs in its turn: on an out-of-order queue, and where it is the first step with
 * events to wait for, a barrier in the queue goes before it, because such libraries take no events.
 */
clf_status clf_i_plan_add_foreign_step(clf_plan *plan, const clf_i_foreign_step *step);

/* For clf_plan_describe: what computes the plan's next matrix product, and why the other one does
 * not. Strings with static storage, but for the reason, which is copied. */
clf_status clf_i_plan_add_product(clf_plan *plan, const char *provider, const char *not_taken,
                                  const char *reason);

/* Last checks and the log line; `*plan` is usable afterwards. */
clf_status clf_i_plan_finish(clf_plan *plan);

/* How a planning function ends: the plan becomes the caller's, or is destroyed if the status says
 * that making it has failed. Returns the status. */
clf_status clf_i_plan_hand_over(clf_plan *plan, clf_status status, clf_plan **out_plan);

#endif
