/* A training step: forward, loss, gradient; a check of the gradient, and a step against it. */
#include <clformer/clformer.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKENS = 6, HEADS = 2, DEPTH = 4, ELEMENTS = HEADS * TOKENS * DEPTH };
enum { QUERY, KEY, VALUE, OUT, GRAD_OUTPUT, GRAD_QUERY, GRAD_KEY, GRAD_VALUE, MAX, SUM, NUM };

typedef struct trainer {
    cl_command_queue queue;
    cl_mem buffers[NUM];
    clf_plan *forward;
    clf_plan *gradient;
    float inputs[3][ELEMENTS]; /* query, key, value */
    float target[ELEMENTS];
} trainer;

static void check(clf_status status) {
    if (status != CLF_SUCCESS) {
        fprintf(stderr, "%s: %s\n", clf_status_name(status), clf_last_error());
        exit(EXIT_FAILURE);
    }
}

static void make_plans(trainer *made, clf_device *device) {
    const int64_t shape[4] = {1, HEADS, TOKENS, DEPTH};
    const int64_t statistics_shape[4] = {1, HEADS, TOKENS, 8};
    const int64_t mask_shape[2] = {2048, 2048};
    clf_tensor tensors[NUM];
    for (int i = 0; i < NUM; ++i) {
        const bool is_statistic = i == MAX || i == SUM;
        const size_t size = is_statistic ? 8 * HEADS * TOKENS : ELEMENTS;
        made->buffers[i] = clCreateBuffer(clf_device_context(device), CL_MEM_READ_WRITE,
                                          size * sizeof(float), NULL, NULL);
        tensors[i] = clf_tensor_contiguous(made->buffers[i], CLF_DTYPE_FP32, 4,
                                           is_statistic ? statistics_shape : shape);
    }
    const clf_tensor mask = clf_tensor_contiguous(NULL, CLF_DTYPE_BOOL, 2, mask_shape);

    clf_flash_attention_args args = CLF_FLASH_ATTENTION_ARGS;
    args.query = &tensors[QUERY];
    args.key = &tensors[KEY];
    args.value = &tensors[VALUE];
    args.atten_mask = &mask;
    args.attention_out = &tensors[OUT];
    args.softmax_max = &tensors[MAX];
    args.softmax_sum = &tensors[SUM];
    args.sparse_mode = 2; /* causal */
    args.input_layout = "BNSD";
    args.head_num = HEADS;
    args.scale = 0.5; /* 1 / sqrt(DEPTH) */
    check(clf_flash_attention_plan(device, &args, &made->forward));

    clf_flash_attention_grad_args grad_args = CLF_FLASH_ATTENTION_GRAD_ARGS;
    grad_args.query = &tensors[QUERY];
    grad_args.key = &tensors[KEY];
    grad_args.value = &tensors[VALUE];
    grad_args.atten_mask = &mask;
    grad_args.grad_output = &tensors[GRAD_OUTPUT];
    grad_args.attention_in = &tensors[OUT];
    grad_args.softmax_max = &tensors[MAX];
    grad_args.softmax_sum = &tensors[SUM];
    grad_args.grad_query = &tensors[GRAD_QUERY];
    grad_args.grad_key = &tensors[GRAD_KEY];
    grad_args.grad_value = &tensors[GRAD_VALUE];
    grad_args.sparse_mode = 2;
    grad_args.input_layout = "BNSD";
    grad_args.head_num = HEADS;
    grad_args.scale = 0.5;
    check(clf_flash_attention_grad_plan(device, &grad_args, &made->gradient));
}

static void transfer(const trainer *of, int which, float *data, bool writes) {
    const size_t size = ELEMENTS * sizeof *data;
    if (writes)
        clEnqueueWriteBuffer(of->queue, of->buffers[which], CL_TRUE, 0, size, data, 0, NULL, NULL);
    else
        clEnqueueReadBuffer(of->queue, of->buffers[which], CL_TRUE, 0, size, data, 0, NULL, NULL);
}

/* Half the square of the distance to the target, of inputs moved by `step` along the gradients;
 * `grad_output`, if not NULL, receives the loss's derivative. */
static double loss(const trainer *of, float gradients[3][ELEMENTS], float step,
                   float *grad_output) {
    float out[ELEMENTS];
    double sum = 0.0;
    for (int which = 0; which < 3; ++which) {
        float moved[ELEMENTS];
        for (int i = 0; i < ELEMENTS; ++i)
            moved[i] = of->inputs[which][i] + step * gradients[which][i];
        transfer(of, QUERY + which, moved, true);
    }
    check(clf_plan_enqueue(of->forward, of->queue, NULL, 0, NULL, NULL));
    transfer(of, OUT, out, false);
    for (int i = 0; i < ELEMENTS; ++i) {
        const float difference = out[i] - of->target[i];
        sum += 0.5 * (double)difference * (double)difference;
        if (grad_output != NULL)
            grad_output[i] = difference;
    }
    return sum;
}

int main(void) {
    static trainer made;
    static float gradients[3][ELEMENTS];
    float grad_output[ELEMENTS];
    clf_device *device;
    for (int i = 0; i < ELEMENTS; ++i) {
        made.inputs[0][i] = (float)(i * 7 % 11 - 5) * 0.2f;
        made.inputs[1][i] = (float)(i * 5 % 13 - 6) * 0.2f;
        made.inputs[2][i] = (float)(i * 3 % 17 - 8) * 0.2f;
        made.target[i] = (float)(i % 3) - 1.0f;
    }
    check(clf_device_open(NULL, &device));
    made.queue = clCreateCommandQueue(clf_device_context(device), clf_device_id(device), 0, NULL);
    make_plans(&made, device);

    const double before = loss(&made, gradients, 0.0f, grad_output);
    transfer(&made, GRAD_OUTPUT, grad_output, true);
    check(clf_plan_enqueue(made.gradient, made.queue, NULL, 0, NULL, NULL));
    double square = 0.0;
    for (int which = 0; which < 3; ++which) {
        transfer(&made, GRAD_QUERY + which, gradients[which], false);
        for (int i = 0; i < ELEMENTS; ++i)
            square += (double)gradients[which][i] * (double)gradients[which][i];
    }

    /* Along the gradient the loss rises by the gradient's square. */
    const float step = 0.01f;
    const double slope =
        (loss(&made, gradients, step, NULL) - loss(&made, gradients, -step, NULL)) / (2.0 * step);
    printf("loss %.3f, square of the gradient %.2f, slope %.2f\n", before, square, slope);
    printf("loss after a step against the gradient: %.3f\n", loss(&made, gradients, -0.3f, NULL));

    clf_plan_destroy(made.forward);
    clf_plan_destroy(made.gradient);
    for (int i = 0; i < NUM; ++i)
        clReleaseMemObject(made.buffers[i]);
    clReleaseCommandQueue(made.queue);
    clf_device_destroy(device);
    return EXIT_SUCCESS;
}
