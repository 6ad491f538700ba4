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

struct clf_i_acl_device; /* acl_device.h */

/* Begins every object. The registry holds one reference, every acquirer one more. */
typedef struct clf_i_acl_object {
    clf_i_acl_kind kind;
    atomic_int num_references;
    uintptr_t handle;
    struct clf_i_acl_device *device;                /* retained; NULL for what describes only */
    void (*clear)(struct clf_i_acl_object *object); /* before it is freed; NULL: nothing to do */
    struct clf_i_acl_object *next;                  /* in a list of withdrawn ones */
} clf_i_acl_object;

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
 * A zeroed object of `size` bytes with one reference, the caller's, not yet in the registry; NULL
 * with a sentence without memory. `device` is retained for it.
 */
void *clf_i_acl_object_create(const char *function, clf_i_acl_kind kind, size_t size,
                              struct clf_i_acl_device *device,
                              void (*clear)(clf_i_acl_object *object));

/* Gives the caller's reference to the registry. NULL with a sentence, and the object is released,
 * without memory or if its device was closed meanwhile; else the new handle. */
void *clf_i_acl_object_publish(const char *function, void *published_object);

/*
 * The live object of a kind behind a handle, with a reference that the caller releases; NULL with a
 * sentence, beginning with `function`, if there is none. `argument` names the handle.
 */
void *clf_i_acl_acquire(const char *function, const char *argument, const void *handle,
                        clf_i_acl_kind kind);

/* The same, and the handle is no longer alive. */
void *clf_i_acl_withdraw(const char *function, const char *argument, const void *handle,
                         clf_i_acl_kind kind);

/* The same as acquire, without a sentence. */
void *clf_i_acl_find(const void *handle, clf_i_acl_kind kind);

/* Gives a reference back; NULL is allowed. */
void clf_i_acl_release(void *released_object);

/* Withdraws all live objects of a device and releases them. */
void clf_i_acl_withdraw_all(const struct clf_i_acl_device *device);

/*
 * The live objects of a kind and device, each with a reference, as a list that is freed by the
 * caller; *out_count of them. NULL with a count of 0 for none, and with a count above 0 without
 * memory.
 */
clf_i_acl_object **clf_i_acl_collect(clf_i_acl_kind kind, const struct clf_i_acl_device *device,
                                     size_t *out_count);

size_t clf_i_acl_num_registered(void);

#endif
