// The README's example in C++11, not in place and through an event; prints the same numbers.
#include <clformer/clformer.h>

#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>

namespace {

void check(clf_status status) {
    if (status != CLF_SUCCESS)
        throw std::runtime_error(clf_last_error());
}

void run() {
    clf_device *raw_device = nullptr;
    check(clf_device_open(nullptr, &raw_device));
    std::unique_ptr<clf_device, decltype(&clf_device_destroy)> device(raw_device,
                                                                      clf_device_destroy);
    cl_context context = clf_device_context(device.get());

    std::array<float, 8> x = {{1, 2, 3, 4, 0, 0, 0, 0}};
    std::array<cl_uchar, 4> mask = {{0, 0, 0, 1}};
    const cl_mem_flags flags = CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR;
    cl_mem x_buffer = clCreateBuffer(context, flags, sizeof x, x.data(), nullptr);
    cl_mem mask_buffer = clCreateBuffer(context, flags, sizeof mask, mask.data(), nullptr);
    cl_mem y_buffer = clCreateBuffer(context, CL_MEM_WRITE_ONLY, sizeof x, nullptr, nullptr);
    cl_command_queue queue = clCreateCommandQueue(context, clf_device_id(device.get()), 0, nullptr);

    const int64_t shape[] = {2, 4};
    const clf_tensor x_tensor = clf_tensor_contiguous(x_buffer, CLF_DTYPE_FP32, 2, shape);
    const clf_tensor mask_tensor = clf_tensor_contiguous(mask_buffer, CLF_DTYPE_BOOL, 1, shape + 1);
    const clf_tensor y_tensor = clf_tensor_contiguous(y_buffer, CLF_DTYPE_FP32, 2, shape);
    clf_scaled_masked_softmax_args args = CLF_SCALED_MASKED_SOFTMAX_ARGS;
    args.x = &x_tensor;
    args.mask = &mask_tensor;
    args.y = &y_tensor;
    args.scale = 0.5;
    clf_plan *plan = nullptr;
    check(clf_scaled_masked_softmax_plan(device.get(), &args, &plan));

    cl_event done = nullptr;
    check(clf_plan_enqueue(plan, queue, nullptr, 0, nullptr, &done));
    if (clEnqueueReadBuffer(queue, y_buffer, CL_TRUE, 0, sizeof x, x.data(), 1, &done, nullptr) !=
        CL_SUCCESS)
        throw std::runtime_error("clEnqueueReadBuffer failed");
    for (std::size_t row = 0; row < x.size(); row += 4)
        std::printf("%.4f %.4f %.4f %.4f\n", x[row], x[row + 1], x[row + 2], x[row + 3]);

    clReleaseEvent(done);
    clf_plan_destroy(plan);
    clReleaseCommandQueue(queue);
    for (cl_mem buffer : {x_buffer, mask_buffer, y_buffer})
        clReleaseMemObject(buffer);
}

} // namespace

int main() {
    try {
        run();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
