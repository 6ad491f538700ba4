/* Causal attention with grouped heads, in the layout [batch, tokens, heads, head_dim]. */
#include <clformer/clformer.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKENS = 4, HEADS = 2, KEY_HEADS = 1, DEPTH = 4 };

static void check(clf_status status) {
    if (status != CLF_SUCCESS) {
        fprintf(stderr, "%s: %s\n", clf_status_name(status), clf_last_error());
        exit(EXIT_FAILURE);
    }
}

int main(void) {
    const int64_t query_shape[4] = {1, TOKENS, HEADS, DEPTH};
    const int64_t key_shape[4] = {1, TOKENS, KEY_HEADS, DEPTH};
    const int64_t statistics_shape[4] = {1, HEADS, TOKENS, 8};
    const int64_t mask_shape[2] = {2048, 2048};
    float query[TOKENS][HEADS][DEPTH], key[TOKENS][DEPTH], value[TOKENS][DEPTH];
    clf_device *device;
    clf_plan *plan;

    /* Head 0 weighs all tokens alike, head 1 prefers later ones. */
    for (int token = 0; token < TOKENS; ++token) {
        for (int d = 0; d < DEPTH; ++d) {
            query[token][0][d] = 0.0f;
            query[token][1][d] = 0.5f;
            key[token][d] = (float)token;
            value[token][d] = (float)(token + 10 * d);
        }
    }

    check(clf_device_open(NULL, &device));
    cl_context context = clf_device_context(device);
    cl_command_queue queue = clCreateCommandQueue(context, clf_device_id(device), 0, NULL);
    const cl_mem_flags input = CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR;
    const size_t statistics_size = sizeof(float) * HEADS * TOKENS * 8;
    cl_mem buffers[6] = {
        clCreateBuffer(context, input, sizeof query, query, NULL),
        clCreateBuffer(context, input, sizeof key, key, NULL),
        clCreateBuffer(context, input, sizeof value, value, NULL),
        clCreateBuffer(context, CL_MEM_WRITE_ONLY, sizeof query, NULL, NULL),
        clCreateBuffer(context, CL_MEM_WRITE_ONLY, statistics_size, NULL, NULL),
        clCreateBuffer(context, CL_MEM_WRITE_ONLY, statistics_size, NULL, NULL),
    };

    clf_tensor tensors[6] = {
        clf_tensor_contiguous(buffers[0], CLF_DTYPE_FP32, 4, query_shape),
        clf_tensor_contiguous(buffers[1], CLF_DTYPE_FP32, 4, key_shape),
        clf_tensor_contiguous(buffers[2], CLF_DTYPE_FP32, 4, key_shape),
        clf_tensor_contiguous(buffers[3], CLF_DTYPE_FP32, 4, query_shape),
        clf_tensor_contiguous(buffers[4], CLF_DTYPE_FP32, 4, statistics_shape),
        clf_tensor_contiguous(buffers[5], CLF_DTYPE_FP32, 4, statistics_shape),
    };
    /* The mode says which pairs are computed: the mask is not read and needs no buffer. */
    clf_tensor mask = clf_tensor_contiguous(NULL, CLF_DTYPE_BOOL, 2, mask_shape);

    clf_flash_attention_args args = CLF_FLASH_ATTENTION_ARGS;
    args.query = &tensors[0];
    args.key = &tensors[1];
    args.value = &tensors[2];
    args.attention_out = &tensors[3];
    args.softmax_max = &tensors[4];
    args.softmax_sum = &tensors[5];
    args.atten_mask = &mask;
    args.sparse_mode = 2; /* causal */
    args.input_layout = "BSND";
    args.head_num = HEADS;
    args.scale = 0.5; /* 1 / sqrt(DEPTH) */
    check(clf_flash_attention_plan(device, &args, &plan));
    check(clf_plan_enqueue(plan, queue, NULL, 0, NULL, NULL));

    float out[TOKENS][HEADS][DEPTH];
    clEnqueueReadBuffer(queue, buffers[3], CL_TRUE, 0, sizeof out, out, 0, NULL, NULL);
    for (int token = 0; token < TOKENS; ++token)
        for (int head = 0; head < HEADS; ++head)
            printf("token %d head %d: %.4f %.4f %.4f %.4f\n", token, head, out[token][head][0],
                   out[token][head][1], out[token][head][2], out[token][head][3]);

    clf_plan_destroy(plan);
    for (int i = 0; i < 6; ++i)
        clReleaseMemObject(buffers[i]);
    clReleaseCommandQueue(queue);
    clf_device_destroy(device);
    return EXIT_SUCCESS;
}
