/* See onednn.h. Without its header, or without the library, everything answers so. */
#include "peers/onednn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef CLFORMER_BENCH_HAS_ONEDNN

#include <dlfcn.h>
#include <dnnl.h>

#define MAJOR_TEXT_(number) #number
#define MAJOR_TEXT(number)  MAJOR_TEXT_(number)
#define LIBRARY             "libdnnl.so." MAJOR_TEXT(DNNL_VERSION_MAJOR)

/* The functions used, by their names without "dnnl_". */
#define FUNCTIONS(_)                                                                               \
    _(version)                                                                                     \
    _(engine_create)                                                                               \
    _(engine_destroy)                                                                              \
    _(stream_create)                                                                               \
    _(stream_wait)                                                                                 \
    _(stream_destroy)                                                                              \
    _(memory_desc_init_by_strides)                                                                 \
    _(memory_create)                                                                               \
    _(memory_get_data_handle)                                                                      \
    _(memory_destroy)                                                                              \
    _(matmul_desc_init)                                                                            \
    _(reorder_primitive_desc_create)                                                               \
    _(primitive_attr_create)                                                                       \
    _(primitive_attr_set_output_scales)                                                            \
    _(primitive_attr_set_post_ops)                                                                 \
    _(primitive_attr_destroy)                                                                      \
    _(post_ops_create)                                                                             \
    _(post_ops_append_eltwise)                                                                     \
    _(post_ops_append_binary)                                                                      \
    _(post_ops_destroy)                                                                            \
    _(primitive_desc_create)                                                                       \
    _(primitive_desc_query_md)                                                                     \
    _(primitive_desc_destroy)                                                                      \
    _(primitive_create)                                                                            \
    _(primitive_execute)                                                                           \
    _(primitive_destroy)

struct onednn {
    void *handle;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    char version_text[32];
#define DECLARE(name) __typeof__(dnnl_##name) *name;
    FUNCTIONS(DECLARE)
#undef DECLARE
};

enum { MEMORY_A, MEMORY_B, MEMORY_BIAS, MEMORY_FACTOR, MEMORY_C, NUM_MEMORIES };

struct onednn_product {
    onednn *library;
    dnnl_primitive_t primitive;
    dnnl_memory_t memories[NUM_MEMORIES];
    int num_arguments;
    dnnl_exec_arg_t arguments[NUM_MEMORIES];
};

/* ---- The library --------------------------------------------------------------------------- */

static bool find_functions(onednn *library) {
    bool ok = true;
#define FIND(name)                                                                                 \
    *(void **)&library->name = dlsym(library->handle, "dnnl_" #name);                              \
    ok = ok && library->name;
    FUNCTIONS(FIND)
#undef FIND
    return ok;
}

/* oneDNN computes with OpenMP's threads. */
static void set_threads(const onednn *library, size_t count) {
    void (*set)(int) = NULL;
    *(void **)&set = dlsym(library->handle, "omp_set_num_threads");
    if (set) {
        set((int)count);
    }
}

onednn *onednn_open(size_t num_threads, char *why, size_t size) {
    onednn *out = calloc(1, sizeof *out);
    if (!out) {
        snprintf(why, size, "no host memory");
        return NULL;
    }
    out->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!out->handle || !find_functions(out)) {
        snprintf(why, size, "%s is not installed", LIBRARY);
        onednn_close(out);
        return NULL;
    }
    const dnnl_version_t *version = out->version();
    snprintf(out->version_text, sizeof out->version_text, "%d.%d.%d", version->major,
             version->minor, version->patch);
    set_threads(out, num_threads);
    if (out->engine_create(&out->engine, dnnl_cpu, 0) != dnnl_success ||
        out->stream_create(&out->stream, out->engine, dnnl_stream_default_flags) != dnnl_success) {
        snprintf(why, size, "oneDNN %s does not start", out->version_text);
        onednn_close(out);
        return NULL;
    }
    return out;
}

void onednn_close(onednn *library) {
    if (!library) {
        return;
    }
    if (library->stream) {
        library->stream_destroy(library->stream);
    }
    if (library->engine) {
        library->engine_destroy(library->engine);
    }
    /* Stays loaded: OpenMP's threads would lose their code. */
    free(library);
}

const char *onednn_version(const onednn *library) {
    return library->version_text;
}

/* ---- Products ------------------------------------------------------------------------------ */

static dnnl_data_type_t type_of(clf_dtype dtype) {
    return dtype == CLF_DTYPE_BF16 ? dnnl_bf16 : dtype == CLF_DTYPE_INT8 ? dnnl_s8 : dnnl_f32;
}

/* step 0: any layout. */
static bool describe(const onednn *library, clf_dtype dtype, int64_t rows, int64_t columns,
                     int64_t step, dnnl_memory_desc_t *out) {
    const dnnl_dims_t sizes = {rows, columns};
    const dnnl_dims_t steps = {step ? step : columns, 1};
    bool ok =
        library->memory_desc_init_by_strides(out, 2, sizes, type_of(dtype), steps) == dnnl_success;
    if (!step) {
        out->format_kind = dnnl_format_kind_any;
        memset(&out->format_desc, 0, sizeof out->format_desc);
    }
    return ok;
}

static bool append_activation(const onednn *library, const onednn_request *request,
                              dnnl_post_ops_t operations) {
    static const struct {
        dnnl_alg_kind_t kind;
        float alpha;
    } kinds[] = {[PASS_RELU] = {dnnl_eltwise_relu, 0.0f},
                 [PASS_SILU] = {dnnl_eltwise_swish, 1.0f},
                 [PASS_GELU] = {dnnl_eltwise_gelu_tanh, 0.0f},
                 [PASS_FASTGELU] = {dnnl_eltwise_swish, 1.702f}};
    return !request->is_activated ||
           library->post_ops_append_eltwise(operations, 1.0f, kinds[request->activation].kind,
                                            kinds[request->activation].alpha, 0.0f) == dnnl_success;
}

static bool append_factor(const onednn *library, const onednn_request *request,
                          dnnl_post_ops_t operations) {
    dnnl_memory_desc_t factor;
    return !request->factor ||
           (describe(library, request->factor_dtype, request->rows, request->columns,
                     request->columns, &factor) &&
            library->post_ops_append_binary(operations, dnnl_binary_mul, &factor) == dnnl_success);
}

static bool append_quantise(const onednn *library, const onednn_request *request,
                            dnnl_post_ops_t operations) {
    return !request->quantise || library->post_ops_append_eltwise(
                                     operations, 1.0f, dnnl_eltwise_linear, request->quantise[0],
                                     request->quantise[1]) == dnnl_success;
}

static bool set_attributes(const onednn *library, const onednn_request *request,
                           dnnl_primitive_attr_t attributes) {
    dnnl_post_ops_t operations = NULL;
    bool ok = library->post_ops_create(&operations) == dnnl_success &&
              append_activation(library, request, operations) &&
              append_factor(library, request, operations) &&
              append_quantise(library, request, operations) &&
              library->primitive_attr_set_post_ops(attributes, operations) == dnnl_success;
    if (ok && request->scale) {
        ok = library->primitive_attr_set_output_scales(attributes, request->columns, 1 << 1,
                                                       request->scale) == dnnl_success;
    }
    library->post_ops_destroy(operations);
    return ok;
}

static bool add_memory(onednn_product *product, int which, int argument,
                       const dnnl_memory_desc_t *desc, const void *data) {
    void *handle = data ? (void *)(uintptr_t)data : DNNL_MEMORY_ALLOCATE;
    if (product->library->memory_create(&product->memories[which], desc, product->library->engine,
                                        handle) != dnnl_success) {
        return false;
    }
    product->arguments[product->num_arguments++] =
        (dnnl_exec_arg_t){argument, product->memories[which]};
    return true;
}

/* b in the layout that the primitive wants. */
static bool reorder_b(onednn_product *product, const onednn_request *request,
                      const dnnl_memory_desc_t *wanted) {
    onednn *library = product->library;
    dnnl_memory_desc_t plain;
    dnnl_memory_t source = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t reorder = NULL;
    const dnnl_dims_t sizes = {request->depth, request->columns};
    const dnnl_dims_t steps = {request->b_is_transposed ? 1 : request->b_step,
                               request->b_is_transposed ? request->b_step : 1};
    bool ok = library->memory_desc_init_by_strides(&plain, 2, sizes, type_of(request->dtype),
                                                   steps) == dnnl_success &&
              library->memory_create(&source, &plain, library->engine,
                                     (void *)(uintptr_t)request->b) == dnnl_success &&
              add_memory(product, MEMORY_B, DNNL_ARG_WEIGHTS, wanted, NULL) &&
              library->reorder_primitive_desc_create(&desc, &plain, library->engine, wanted,
                                                     library->engine, NULL) == dnnl_success &&
              library->primitive_create(&reorder, desc) == dnnl_success;
    if (ok) {
        const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, source},
                                             {DNNL_ARG_TO, product->memories[MEMORY_B]}};
        ok = library->primitive_execute(reorder, library->stream, 2, arguments) == dnnl_success &&
             onednn_wait(library);
    }
    library->primitive_destroy(reorder);
    library->primitive_desc_destroy(desc);
    library->memory_destroy(source);
    return ok;
}

static bool copy_bias(onednn_product *product, const onednn_request *request,
                      const dnnl_memory_desc_t *desc) {
    void *place = NULL;
    if (!request->bias) {
        return true;
    }
    if (!add_memory(product, MEMORY_BIAS, DNNL_ARG_BIAS, desc, NULL) ||
        product->library->memory_get_data_handle(product->memories[MEMORY_BIAS], &place) !=
            dnnl_success) {
        return false;
    }
    memcpy(place, request->bias, (size_t)request->columns * sizeof *request->bias);
    return true;
}

static bool create_primitive(onednn_product *product, const onednn_request *request,
                             dnnl_primitive_attr_t attributes) {
    onednn *library = product->library;
    dnnl_memory_desc_t a;
    dnnl_memory_desc_t b;
    dnnl_memory_desc_t bias;
    dnnl_memory_desc_t factor;
    dnnl_memory_desc_t c;
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_desc_t desc = NULL;
    const int factor_argument =
        DNNL_ARG_ATTR_MULTIPLE_POST_OP(request->is_activated ? 1 : 0) | DNNL_ARG_SRC_1;
    bool ok =
        describe(library, request->dtype, request->rows, request->depth, request->a_step, &a) &&
        describe(library, request->dtype, request->depth, request->columns, 0, &b) &&
        describe(library, CLF_DTYPE_FP32, 1, request->columns, request->columns, &bias) &&
        describe(library, request->factor_dtype, request->rows, request->columns, request->columns,
                 &factor) &&
        describe(library, request->c_dtype, request->rows, request->columns, request->c_step, &c) &&
        library->matmul_desc_init(&matmul, &a, &b, request->bias ? &bias : NULL, &c) ==
            dnnl_success &&
        library->primitive_desc_create(&desc, &matmul, attributes, library->engine, NULL) ==
            dnnl_success &&
        library->primitive_create(&product->primitive, desc) == dnnl_success &&
        add_memory(product, MEMORY_A, DNNL_ARG_SRC, &a, request->a) &&
        reorder_b(product, request,
                  library->primitive_desc_query_md(desc, dnnl_query_weights_md, 0)) &&
        copy_bias(product, request, &bias) &&
        (!request->factor ||
         add_memory(product, MEMORY_FACTOR, factor_argument, &factor, request->factor)) &&
        add_memory(product, MEMORY_C, DNNL_ARG_DST, &c, request->c);
    library->primitive_desc_destroy(desc);
    return ok;
}

onednn_product *onednn_product_create(onednn *library, const onednn_request *request) {
    dnnl_primitive_attr_t attributes = NULL;
    onednn_product *out = calloc(1, sizeof *out);
    if (!out) {
        return NULL;
    }
    out->library = library;
    bool ok = library->primitive_attr_create(&attributes) == dnnl_success &&
              set_attributes(library, request, attributes) &&
              create_primitive(out, request, attributes);
    library->primitive_attr_destroy(attributes);
    if (!ok) {
        onednn_product_destroy(out);
        return NULL;
    }
    return out;
}

void onednn_product_destroy(onednn_product *product) {
    if (!product) {
        return;
    }
    for (size_t i = 0; i < NUM_MEMORIES; i++) {
        product->library->memory_destroy(product->memories[i]);
    }
    product->library->primitive_destroy(product->primitive);
    free(product);
}

bool onednn_product_start(onednn_product *product) {
    return product->library->primitive_execute(product->primitive, product->library->stream,
                                               product->num_arguments,
                                               product->arguments) == dnnl_success;
}

bool onednn_wait(onednn *library) {
    return library->stream_wait(library->stream) == dnnl_success;
}

#else

onednn *onednn_open(size_t num_threads, char *why, size_t size) {
    (void)num_threads;
    snprintf(why, size, "this build has no oneDNN");
    return NULL;
}

void onednn_close(onednn *library) {
    (void)library;
}

const char *onednn_version(const onednn *library) {
    (void)library;
    return "";
}

onednn_product *onednn_product_create(onednn *library, const onednn_request *request) {
    (void)library;
    (void)request;
    return NULL;
}

void onednn_product_destroy(onednn_product *product) {
    (void)product;
}

bool onednn_product_start(onednn_product *product) {
    (void)product;
    return false;
}

bool onednn_wait(onednn *library) {
    (void)library;
    return false;
}

#endif
