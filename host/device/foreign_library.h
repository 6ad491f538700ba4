/*
 * What another library, one that is called in the steps of plans, needs around them: something kept
 * with each device, and trial runs while a plan is made, so that it compiles its kernels then.
 */
#ifndef CLF_DEVICE_FOREIGN_LIBRARY_H
#define CLF_DEVICE_FOREIGN_LIBRARY_H

#include "device/plan_builder.h"

/*
 * Runs `use` with the state that the library keeps with the device, one thread at a time. At the
 * first call it is `size` zeroed bytes; at the device's end `release` is called, and the bytes are
 * freed.
 */
typedef clf_status (*clf_i_library_use)(void *state, clf_device *device, void *data);
clf_status clf_i_foreign_use(clf_device *device, size_t size, void (*release)(void *state),
                             clf_i_library_use use, void *data);

/* Calls the library on a queue of its own with new buffers of these sizes, full of zeros and as many
 * as a step may have places, and waits for the end. */
clf_status clf_i_foreign_try(clf_device *device, const size_t *sizes, size_t num_sizes,
                             clf_i_foreign_call call, const void *data);

#endif
