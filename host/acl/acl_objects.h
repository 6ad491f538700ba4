/*
 * What handles stand for. A handle is a number that is never used twice; a registry knows the live
 * ones, so that foreign, destroyed and mistaken handles are told apart without touching them.
 */
#ifndef CLF_ACL_OBJECTS_H
#define CLF_ACL_OBJECTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aclnn/acl_meta.h>
#include <clformer/tensor.h>

typedef enum clf_i_acl_kind {
    CLF_I_ACL_CONTEXT = 0,
    CLF_I_ACL_STREAM,
    CLF_I_ACL_EVENT,
    CLF_I_ACL_TENSOR,
    CLF_I_ACL_SCALAR,
    CLF_I_ACL_INT_ARRAY,
    CLF_I_ACL_FLOAT_ARRAY,
    CLF_I_ACL_BOOL_ARRAY,
    CLF_I_ACL_TENSOR_LIST,
    CLF_I_ACL_SCALAR_LIST,
    CLF_I_ACL_EXECUTOR,
    CLF_I_ACL_NUM_KINDS
} clf_i_acl_kind;

/* Begins every object. The registry holds one reference, every acquirer one more. */
typedef struct clf_i_acl_object {
    clf_i_acl_kind kind;
    atomic_int num_references;
    uintptr_t handle;
    struct clf_i_acl_device *device;                /* NULL for what describes only */
    void (*clear)(struct clf_i_acl_object *object); /* before it is freed; NULL: nothing to do */
} clf_i_acl_object;

/* An open device; acl_device.h. */
struct clf_i_acl_device;

typedef struct clf_i_acl_tensor {
    clf_i_acl_object object;
    int32_t rank; /* 0..CLF_MAX_RANK */
    int32_t storage_rank;
    int64_t shape[CLF_MAX_RANK];
    int64_t strides[CLF_MAX_RANK];
    int64_t storage_shape[CLF_MAX_RANK];
    int64_t offset; /* in elements, from `address` */
    aclDataType dtype;
    aclFormat format;
    void *address; /* NULL: none yet */
} clf_i_acl_tensor;

/* Arrays, scalars (one element) and lists (of handles). */
typedef struct clf_i_acl_array {
    clf_i_acl_object object;
    uint64_t count;
    aclDataType dtype;
    void *values;
} clf_i_acl_array;

/*
 * A zeroed object of `size` bytes, referenced once, by the caller, and not yet in the registry. NULL
 * without memory. `device` is retained for it.
 */
void *clf_i_acl_object_create(clf_i_acl_kind kind, size_t size, struct clf_i_acl_device *device,
                              void (*clear)(clf_i_acl_object *object));

/* Gives the caller's reference to the registry; returns the new handle, or NULL (and the object is
 * released) without memory. */
void *clf_i_acl_object_publish(void *object);

/*
 * The live object of a kind behind a handle, with a reference that the caller releases; NULL with a
 * sentence, beginning with `function`, if there is none. `argument` names the handle.
 */
void *clf_i_acl_acquire(const char *function, const char *argument, const void *handle,
                        clf_i_acl_kind kind);

/* The same, and the handle is no longer alive. */
void *clf_i_acl_withdraw(const char *function, const char *argument, const void *handle,
                         clf_i_acl_kind kind);

/* Gives a reference back; NULL is allowed. */
void clf_i_acl_release(void *object);

/* Takes any one live object of the device out of the registry, the last made first; NULL if there is
 * none. */
clf_i_acl_object *clf_i_acl_withdraw_any(const struct clf_i_acl_device *device);

/* Calls `visit` with every live object of a kind and device; the registry is locked meanwhile. */
void clf_i_acl_visit(clf_i_acl_kind kind, const struct clf_i_acl_device *device,
                     void (*visit)(clf_i_acl_object *object, void *user), void *user);

size_t clf_i_acl_num_live(void);

/* "an aclTensor", "a stream", ... */
const char *clf_i_acl_kind_text(clf_i_acl_kind kind);

#endif
