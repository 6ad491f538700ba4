/* Shortest ways between four towns: each step lets every way go through any one town, as in Floyd
 * and Warshall's algorithm. A large negative scale makes the softmax choose the shortest. */
#include <clformer/clformer.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOWNS = 4 };

static void check(clf_status status) {
    if (status != CLF_SUCCESS) {
        fprintf(stderr, "%s: %s\n", clf_status_name(status), clf_last_error());
        exit(EXIT_FAILURE);
    }
}

int main(void) {
    const int64_t shape[5] = {1, 1, TOWNS, TOWNS, 1}; /* batch, heads, from, to, depth */
    const int64_t statistics_shape[5] = {1, 1, TOWNS, TOWNS, 8};
    float ways[TOWNS][TOWNS] = {{0, 3, 8, 90}, {3, 0, 2, 90}, {8, 2, 0, 1}, {90, 90, 1, 0}};
    float query[TOWNS][TOWNS];
    clf_device *device;
    clf_plan *plan;

    for (int i = 0; i < TOWNS * TOWNS; ++i)
        (&query[0][0])[i] = 1.0f;

    check(clf_device_open(NULL, &device));
    cl_context context = clf_device_context(device);
    cl_command_queue queue = clCreateCommandQueue(context, clf_device_id(device), 0, NULL);
    const cl_mem_flags copy = CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR;
    cl_mem buffers[5] = {
        clCreateBuffer(context, copy, sizeof query, query, NULL),
        clCreateBuffer(context, copy, sizeof ways, ways, NULL),
        clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof ways, NULL, NULL),
        clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof ways * 8, NULL, NULL),
        clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof ways * 8, NULL, NULL),
    };
    clf_tensor tensors[5];
    for (int i = 0; i < 5; ++i)
        tensors[i] =
            clf_tensor_contiguous(buffers[i], CLF_DTYPE_FP32, 5, i < 3 ? shape : statistics_shape);

    /* From n to m through k: the score is -20 times the length of both parts, the value the length
     * itself. */
    clf_floyd_attention_args args = CLF_FLOYD_ATTENTION_ARGS;
    args.query = &tensors[0];
    args.key1 = args.value1 = args.key2 = args.value2 = &tensors[1];
    args.attention_out = &tensors[2];
    args.softmax_max = &tensors[3];
    args.softmax_sum = &tensors[4];
    args.scale_value = -20.0;
    check(clf_floyd_attention_plan(device, &args, &plan));

    for (int step = 1; step <= 2; ++step) {
        check(clf_plan_enqueue(plan, queue, NULL, 0, NULL, NULL));
        clEnqueueCopyBuffer(queue, buffers[2], buffers[1], 0, 0, sizeof ways, 0, NULL, NULL);
        clEnqueueReadBuffer(queue, buffers[1], CL_TRUE, 0, sizeof ways, ways, 0, NULL, NULL);
        printf("through one more town each, step %d:\n", step);
        for (int town = 0; town < TOWNS; ++town)
            printf("%7.2f %7.2f %7.2f %7.2f\n", ways[town][0], ways[town][1], ways[town][2],
                   ways[town][3]);
    }

    clf_plan_destroy(plan);
    for (int i = 0; i < 5; ++i)
        clReleaseMemObject(buffers[i]);
    clReleaseCommandQueue(queue);
    clf_device_destroy(device);
    return EXIT_SUCCESS;
}
