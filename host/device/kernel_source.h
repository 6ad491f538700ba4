/* The source text of a kernel, made from the embedded files. */
#ifndef CLF_DEVICE_KERNEL_SOURCE_H
#define CLF_DEVICE_KERNEL_SOURCE_H

#include "core/text.h"
#include <clformer/status.h>

/* The manifest's index of `kernel`, as a path relative to cl-kernels/; NULL if it is not there. */
const char *clf_i_kernel_file(const char *kernel);

/*
 * Appends the kernel's file with every #include "..." line replaced by the named embedded file,
 * each file once, and #line markers that let compiler messages name the real file and line.
 */
clf_status clf_i_kernel_source(const char *kernel, clf_i_text *source);

#endif
