/* Making an OpenCL program from source or from a binary, and asking it for its binary. */
#ifndef CLF_DEVICE_PROGRAM_BUILD_H
#define CLF_DEVICE_PROGRAM_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/text.h"
#include "device/device_internal.h"

typedef struct clf_i_program_source {
    const char *kernel;
    const char *options;
    clf_i_text text;
} clf_i_program_source;

/*
 * CLF_ERR_BUILD with device, driver, options and the compiler's first error line; the whole
 * compiler log goes to the log (group CLF_LOG_ERROR), the source to a file in CLFORMER_DUMP_DIR if
 * that is set. A program without the wanted kernel is a failure, too.
 */
clf_status clf_i_program_from_source(clf_device *device, const clf_i_program_source *source,
                                     cl_program *out_program);

/* False, with a log line, if the driver does not take the binary. */
bool clf_i_program_from_binary(clf_device *device, const clf_i_program_source *source,
                               const void *binary, size_t size, cl_program *out_program);

/* The program's binary in a block to release with clf_i_release; NULL if the driver gives none. */
void *clf_i_program_binary(cl_program program, size_t *out_size);

#endif
