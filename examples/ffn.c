/* A mixture of two experts in fp32: token 0 goes to the first, tokens 1 and 2 to the second. */
#include <clformer/clformer.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKENS = 3, EXPERTS = 2, WIDTH = 2, HIDDEN = 4 };

static void check(clf_status status) {
    if (status != CLF_SUCCESS) {
        fprintf(stderr, "%s: %s\n", clf_status_name(status), clf_last_error());
        exit(EXIT_FAILURE);
    }
}

int main(void) {
    const int64_t x_shape[2] = {TOKENS, WIDTH};
    const int64_t weight1_shape[3] = {EXPERTS, WIDTH, HIDDEN};
    const int64_t weight2_shape[3] = {EXPERTS, HIDDEN, WIDTH};
    const int64_t tokens[EXPERTS] = {1, 2};
    float x[TOKENS][WIDTH] = {{1, 2}, {3, -1}, {0.5f, 0.25f}};
    float weight1[EXPERTS][WIDTH][HIDDEN], weight2[EXPERTS][HIDDEN][WIDTH];
    clf_device *device;
    clf_plan *plan;

    for (int i = 0; i < EXPERTS * WIDTH * HIDDEN; ++i) {
        (&weight1[0][0][0])[i] = 0.25f * (float)(i % 5) - 0.5f;
        (&weight2[0][0][0])[i] = 0.5f * (float)(i % 3) - 0.5f;
    }

    check(clf_device_open(NULL, &device));
    cl_context context = clf_device_context(device);
    cl_command_queue queue = clCreateCommandQueue(context, clf_device_id(device), 0, NULL);
    const cl_mem_flags input = CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR;
    cl_mem buffers[4] = {
        clCreateBuffer(context, input, sizeof x, x, NULL),
        clCreateBuffer(context, input, sizeof weight1, weight1, NULL),
        clCreateBuffer(context, input, sizeof weight2, weight2, NULL),
        clCreateBuffer(context, CL_MEM_WRITE_ONLY, sizeof x, NULL, NULL),
    };
    clf_tensor tensors[4] = {
        clf_tensor_contiguous(buffers[0], CLF_DTYPE_FP32, 2, x_shape),
        clf_tensor_contiguous(buffers[1], CLF_DTYPE_FP32, 3, weight1_shape),
        clf_tensor_contiguous(buffers[2], CLF_DTYPE_FP32, 3, weight2_shape),
        clf_tensor_contiguous(buffers[3], CLF_DTYPE_FP32, 2, x_shape),
    };

    clf_ffn_args args = CLF_FFN_ARGS;
    args.x = &tensors[0];
    args.weight1 = &tensors[1];
    args.weight2 = &tensors[2];
    args.y = &tensors[3];
    args.activation = "relu";
    args.expert_tokens = tokens;
    args.num_expert_tokens = EXPERTS;
    check(clf_ffn_plan(device, &args, &plan));
    check(clf_plan_enqueue(plan, queue, NULL, 0, NULL, NULL));

    float y[TOKENS][WIDTH];
    clEnqueueReadBuffer(queue, buffers[3], CL_TRUE, 0, sizeof y, y, 0, NULL, NULL);
    for (int token = 0; token < TOKENS; ++token)
        printf("%.4f %.4f\n", y[token][0], y[token][1]);

    clf_plan_destroy(plan);
    for (int i = 0; i < 4; ++i)
        clReleaseMemObject(buffers[i]);
    clReleaseCommandQueue(queue);
    clf_device_destroy(device);
    return EXIT_SUCCESS;
}
