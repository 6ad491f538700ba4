/* The wall around OpenCL: every failed call becomes a status and a sentence that names it. */
#ifndef CLF_DEVICE_OPENCL_H
#define CLF_DEVICE_OPENCL_H

#include <clformer/status.h>
#include <clformer/tensor.h>

/* "CL_OUT_OF_RESOURCES"; "unknown OpenCL error" for a code without a name. */
const char *clf_i_cl_error_name(cl_int code);

/* Fails with the status that fits the code and "<call> failed with <name> (<code>)". */
clf_status clf_i_cl_fail(const char *call, cl_int code);

/* CLF_SUCCESS for CL_SUCCESS, else as clf_i_cl_fail. */
clf_status clf_i_cl_check(const char *call, cl_int code);

#endif
