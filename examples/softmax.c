/* Masked softmax of two rows, in place, on the best OpenCL device of this machine. */
#include <clformer/clformer.h>
#include <stdio.h>
#include <stdlib.h>

static void check(clf_status status) {
    if (status != CLF_SUCCESS) {
        fprintf(stderr, "%s: %s\n", clf_status_name(status), clf_last_error());
        exit(EXIT_FAILURE);
    }
}

int main(void) {
    float x[2][4] = {{1, 2, 3, 4}, {0, 0, 0, 0}};
    unsigned char mask[4] = {0, 0, 0, 1}; /* nonzero: leave this column out of every row */
    const int64_t shape[2] = {2, 4};
    const cl_mem_flags flags = CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR;
    clf_device *device;
    clf_plan *plan;

    check(clf_device_open(NULL, &device));
    cl_context context = clf_device_context(device);
    cl_command_queue queue = clCreateCommandQueue(context, clf_device_id(device), 0, NULL);
    cl_mem x_buffer = clCreateBuffer(context, flags, sizeof x, x, NULL);
    cl_mem mask_buffer = clCreateBuffer(context, flags, sizeof mask, mask, NULL);

    clf_tensor x_tensor = clf_tensor_contiguous(x_buffer, CLF_DTYPE_FP32, 2, shape);
    clf_tensor mask_tensor = clf_tensor_contiguous(mask_buffer, CLF_DTYPE_BOOL, 1, shape + 1);
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    args.x = args.y = &x_tensor;
    args.mask = &mask_tensor;
    args.scale = 0.5;
    check(clf_scaled_masked_softmax_plan(device, &args, &plan)); /* slow: once per shape */
    check(clf_plan_enqueue(plan, queue, NULL, 0, NULL, NULL));   /* quick: any number of times */

    clEnqueueReadBuffer(queue, x_buffer, CL_TRUE, 0, sizeof x, x, 0, NULL, NULL);
    for (int row = 0; row < 2; ++row)
        printf("%.4f %.4f %.4f %.4f\n", x[row][0], x[row][1], x[row][2], x[row][3]);

    clf_plan_destroy(plan);
    clReleaseMemObject(mask_buffer);
    clReleaseMemObject(x_buffer);
    clReleaseCommandQueue(queue);
    clf_device_destroy(device);
    return EXIT_SUCCESS;
}
