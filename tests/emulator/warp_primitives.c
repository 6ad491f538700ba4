/* The functions that kernels call: those of emulated_warp.clh, built-in functions of OpenCL C under
 * the names that clang gives them, and checks of memory under those of its address sanitizer. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "storage_types.h"
#include "warp_fibers.h"

#define EXPORTED __attribute__((visibility("default"), used))

static bool products_are_broken;

void warp_emulator_break_products(bool broken) {
    products_are_broken = broken;
}

/* ---- Memory ---- */

enum { MAX_COPIES = 1024 };

typedef struct pending_copy {
    uint32_t to;
    uint32_t valid;
    const void *from;
    uint32_t group;
} pending_copy;

typedef struct item_copies {
    pending_copy copies[MAX_COPIES];
    size_t count;
    uint32_t group;
} item_copies;

static item_copies copies_of[WARP_MAX_ITEMS];
static uintptr_t local_begin; /* 0: no shared address was asked for yet */

void warp_memory_begin_group(void) {
    local_begin = 0;
    for (size_t item = 0; item < warp_fibers_job()->group_size; item++) {
        copies_of[item].count = 0;
        copies_of[item].group = 0;
    }
}

static bool lies_in(warp_emulator_range range, uintptr_t address, size_t size) {
    return address >= range.begin && address <= range.end && size <= range.end - address;
}

static bool is_global(uintptr_t address, size_t size) {
    const warp_emulator_job *job = warp_fibers_job();
    for (size_t i = 0; i < job->num_ranges; i++) {
        if (lies_in(job->ranges[i], address, size)) {
            return true;
        }
    }
    return false;
}

static void check_access(uintptr_t address, size_t size) {
    if (!lies_in(warp_fibers_stack(), address, size) &&
        !lies_in(warp_fibers_job()->module->writable, address, size) && !is_global(address, size)) {
        warp_fibers_fail("%zu bytes at 0x%zx lie in no buffer", size, (size_t)address);
    }
}

#define CHECKS(bytes)                                                                              \
    EXPORTED void __asan_load##bytes##_noabort(uintptr_t address);                                 \
    EXPORTED void __asan_store##bytes##_noabort(uintptr_t address);                                \
    void __asan_load##bytes##_noabort(uintptr_t address) {                                         \
        check_access(address, bytes);                                                              \
    }                                                                                              \
    void __asan_store##bytes##_noabort(uintptr_t address) {                                        \
        check_access(address, bytes);                                                              \
    }
CHECKS(1)
CHECKS(2)
CHECKS(4)
CHECKS(8)
CHECKS(16)

EXPORTED void __asan_loadN_noabort(uintptr_t address, size_t size);
EXPORTED void __asan_storeN_noabort(uintptr_t address, size_t size);
EXPORTED void *__asan_memcpy(void *to, const void *from, size_t size);
EXPORTED void *__asan_memset(void *to, int value, size_t size);

void __asan_loadN_noabort(uintptr_t address, size_t size) {
    check_access(address, size);
}
void __asan_storeN_noabort(uintptr_t address, size_t size) {
    check_access(address, size);
}
void *__asan_memcpy(void *to, const void *from, size_t size) {
    check_access((uintptr_t)to, size);
    check_access((uintptr_t)from, size);
    return memcpy(to, from, size);
}
void *__asan_memset(void *to, int value, size_t size) {
    check_access((uintptr_t)to, size);
    return memset(to, value, size);
}

/* The place of `size` bytes of local memory at a shared address, a multiple of `alignment`. */
static void *local_place(const char *name, uint32_t address, size_t size, uint32_t alignment) {
    if (local_begin == 0 ||
        !lies_in(warp_fibers_job()->module->writable, local_begin + address, size)) {
        warp_fibers_fail("%s: shared address %u is outside local memory", name, address);
    }
    if (address % alignment != 0) {
        warp_fibers_fail("%s: shared address %u is no multiple of %u", name, address, alignment);
    }
    return (void *)(local_begin + address); /* NOLINT(performance-no-int-to-ptr) */
}

EXPORTED uint32_t warp_emulator_shared_address(const void *address);
EXPORTED void warp_emulator_copy(uint32_t to, const void *from, uint32_t valid);
EXPORTED void warp_emulator_copy_commit(void);
EXPORTED void warp_emulator_copy_wait(int pending);

/* The group's first call decides where address 0 is, and fills what is behind it with NaN. */
uint32_t warp_emulator_shared_address(const void *address) {
    if (local_begin == 0) {
        local_begin = (uintptr_t)address;
        memset((void *)local_begin, /* NOLINT(performance-no-int-to-ptr) */
               0xff, warp_fibers_job()->module->writable.end - local_begin);
    }
    return (uint32_t)((uintptr_t)address - local_begin);
}

void warp_emulator_copy(uint32_t to, const void *from, uint32_t valid) {
    item_copies *own = &copies_of[warp_fibers_item()];
    void *place = local_place("copy", to, 16, 16);
    if (valid > 16 || (uintptr_t)from % 16 != 0) {
        warp_fibers_fail("copy: %u bytes of 16 from 0x%zx, no multiple of 16", valid,
                         (size_t)(uintptr_t)from);
    }
    if (valid > 0 && !is_global((uintptr_t)from, valid)) {
        warp_fibers_fail("copy: %u bytes at 0x%zx lie in no buffer", valid,
                         (size_t)(uintptr_t)from);
    }
    if (own->count == MAX_COPIES) {
        warp_fibers_fail("copy: more than %d are never waited for", MAX_COPIES);
    }
    own->copies[own->count++] = (pending_copy){to, valid, from, own->group};
    memset(place, 0xff, 16);
}

void warp_emulator_copy_commit(void) {
    copies_of[warp_fibers_item()].group++;
}

void warp_emulator_copy_wait(int pending) {
    item_copies *own = &copies_of[warp_fibers_item()];
    size_t left = 0;
    for (size_t i = 0; i < own->count; i++) {
        const pending_copy copy = own->copies[i];
        if (copy.group + (uint32_t)pending < own->group) {
            char *place = local_place("copy", copy.to, 16, 16);
            memset(place, 0, 16);
            memcpy(place, copy.from, copy.valid);
        } else {
            own->copies[left++] = copy;
        }
    }
    own->count = left;
}

/* ---- Calls of a warp ---- */

static float number(uint32_t word, uint32_t which, uint32_t is_bf16) {
    const uint16_t bits = (uint16_t)(word >> 16 * which);
    return (float)oracle_decode(is_bf16 ? CLF_DTYPE_BF16 : CLF_DTYPE_FP16, &bits);
}

/* Lanes whose rows lie in the same banks take turns: counted, not an error. */
static void count_conflicts(warp_call *calls[WARP_SIZE]) {
    warp_emulator_report *report = warp_fibers_report();
    for (int matrix = 0; matrix < 4; matrix++) {
        for (int i = 0; i < 8; i++) {
            for (int j = 0; j < i; j++) {
                const uint32_t a = calls[8 * matrix + i]->in[0], b = calls[8 * matrix + j]->in[0];
                if (a != b && a / 16 % 8 == b / 16 % 8) {
                    report->num_bank_conflicts++;
                }
            }
        }
    }
    report->num_matrix_loads++;
}

static void perform_load(warp_call *calls[WARP_SIZE]) {
    count_conflicts(calls);
    for (uint32_t lane = 0; lane < WARP_SIZE; lane++) {
        const uint32_t g = lane / 4, t = lane % 4;
        for (uint32_t matrix = 0; matrix < 4; matrix++) {
            uint32_t word = 0;
            for (uint32_t e = 0; e < 2; e++) {
                const uint32_t row = calls[lane]->flag ? 2 * t + e : g;
                const uint32_t column = calls[lane]->flag ? g : 2 * t + e;
                uint16_t bits = 0;
                memcpy(&bits,
                       (const char *)local_place("load_matrices", calls[8 * matrix + row]->in[0],
                                                 16, 16) +
                           2 * column,
                       sizeof bits);
                word |= (uint32_t)bits << 16 * e;
            }
            calls[lane]->out[matrix] = word;
        }
    }
}

EXPORTED void warp_emulator_load_matrices(uint32_t *words, uint32_t row, int transposed);
void warp_emulator_load_matrices(uint32_t *words, uint32_t row, int transposed) {
    warp_call call = {.name = transposed ? "load_transposed" : "load_matrices",
                      .perform = perform_load,
                      .in = {row},
                      .flag = (uint32_t)transposed,
                      .out = words};
    warp_fibers_call(&call);
}

static void perform_product(warp_call *calls[WARP_SIZE]) {
    float left[16][16];
    float right[16][8];
    const uint32_t is_bf16 = calls[0]->flag;
    warp_fibers_report()->num_products++;
    for (uint32_t lane = 0; lane < WARP_SIZE; lane++) {
        const uint32_t g = lane / 4, t = lane % 4;
        for (uint32_t e = 0; e < 2; e++) {
            for (uint32_t word = 0; word < 4; word++) {
                left[g + 8 * (word % 2)][2 * t + 8 * (word / 2) + e] =
                    number(calls[lane]->in[word], e, is_bf16);
            }
            right[2 * t + e][g] = number(calls[lane]->in[4], e, is_bf16);
            right[2 * t + 8 + e][g] = number(calls[lane]->in[5], e, is_bf16);
        }
    }
    for (uint32_t lane = 0; lane < WARP_SIZE; lane++) {
        float sums[4];
        memcpy(sums, calls[lane]->out, sizeof sums);
        for (uint32_t i = 0; i < 4; i++) {
            const uint32_t row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
            for (uint32_t k = 0; k < 16; k++) {
                sums[i] += left[row][k] * right[k][column];
            }
            sums[i] += products_are_broken ? 1.0F : 0.0F;
        }
        memcpy(calls[lane]->out, sums, sizeof sums);
    }
}

EXPORTED void warp_emulator_multiply_add(float *sum, const uint32_t *left, uint32_t right0,
                                         uint32_t right1, int is_bf16);
void warp_emulator_multiply_add(float *sum, const uint32_t *left, uint32_t right0, uint32_t right1,
                                int is_bf16) {
    uint32_t sums[4];
    memcpy(sums, sum, sizeof sums);
    warp_call call = {.name = "multiply_add",
                      .perform = perform_product,
                      .in = {left[0], left[1], left[2], left[3], right0, right1},
                      .flag = (uint32_t)is_bf16,
                      .out = sums};
    warp_fibers_call(&call);
    memcpy(sum, sums, sizeof sums);
}

static void perform_shuffle(warp_call *calls[WARP_SIZE]) {
    for (uint32_t lane = 0; lane < WARP_SIZE; lane++) {
        *calls[lane]->out = calls[(lane ^ calls[lane]->in[1]) % WARP_SIZE]->in[0];
    }
}

EXPORTED uint32_t warp_emulator_shuffle_xor(uint32_t value, uint32_t lanes);
uint32_t warp_emulator_shuffle_xor(uint32_t value, uint32_t lanes) {
    uint32_t result = 0;
    warp_call call = {
        .name = "shuffle_xor", .perform = perform_shuffle, .in = {value, lanes}, .out = &result};
    warp_fibers_call(&call);
    return result;
}

static void perform_any(warp_call *calls[WARP_SIZE]) {
    uint32_t any = 0;
    for (uint32_t lane = 0; lane < WARP_SIZE; lane++) {
        any |= calls[lane]->in[0];
    }
    for (uint32_t lane = 0; lane < WARP_SIZE; lane++) {
        *calls[lane]->out = any != 0;
    }
}

EXPORTED int warp_emulator_any(int condition);
int warp_emulator_any(int condition) {
    uint32_t result = 0;
    warp_call call = {
        .name = "any", .perform = perform_any, .in = {condition != 0}, .out = &result};
    warp_fibers_call(&call);
    return (int)result;
}

/* ---- Of one work-item ---- */

static uint32_t rounded_bits(float value, clf_dtype dtype) {
    uint16_t bits = 0;
    oracle_encode(dtype, (double)value, &bits);
    return bits;
}

EXPORTED uint32_t warp_emulator_pack(float first, float second, int is_bf16);
uint32_t warp_emulator_pack(float first, float second, int is_bf16) {
    const clf_dtype dtype = is_bf16 ? CLF_DTYPE_BF16 : CLF_DTYPE_FP16;
    return rounded_bits(first, dtype) | rounded_bits(second, dtype) << 16;
}

EXPORTED float warp_emulator_exp2(float x);
float warp_emulator_exp2(float x) {
    const float power = exp2f(x);
    return power < 0x1p-126F ? 0.0F : power;
}

/* ---- Built-in functions of OpenCL C ---- */

#define BUILTIN(type, name, symbol, parameters, result)                                            \
    EXPORTED type name parameters __asm__(symbol);                                                 \
    type name parameters {                                                                         \
        return result;                                                                             \
    }

BUILTIN(size_t, builtin_local_id, "_Z12get_local_idj", (unsigned axis),
        axis == 0 ? warp_fibers_item() : 0)
BUILTIN(size_t, builtin_group_id, "_Z12get_group_idj", (unsigned axis),
        axis == 0 ? warp_fibers_group() : 0)
BUILTIN(int64_t, builtin_min_long, "_Z3minll", (int64_t a, int64_t b), a < b ? a : b)
BUILTIN(int64_t, builtin_max_long, "_Z3maxll", (int64_t a, int64_t b), a > b ? a : b)
BUILTIN(int, builtin_min_int, "_Z3minii", (int a, int b), a < b ? a : b)
BUILTIN(int, builtin_max_int, "_Z3maxii", (int a, int b), a > b ? a : b)
BUILTIN(float, builtin_fma, "_Z3fmafff", (float a, float b, float c), fmaf(a, b, c))
BUILTIN(float, builtin_fabs, "_Z4fabsf", (float a), fabsf(a))
BUILTIN(float, builtin_sqrt, "_Z4sqrtf", (float a), sqrtf(a))
BUILTIN(float, builtin_ceil, "_Z4ceilf", (float a), ceilf(a))
BUILTIN(int, builtin_isnan, "_Z5isnanf", (float a), isnan(a))
BUILTIN(int, builtin_isfinite, "_Z8isfinitef", (float a), isfinite(a))
BUILTIN(uint32_t, builtin_mul_hi, "_Z6mul_hijj", (uint32_t a, uint32_t b),
        (uint32_t)((uint64_t)a *b >> 32))

EXPORTED void builtin_barrier(unsigned fence) __asm__("_Z7barrierj");
void builtin_barrier(unsigned fence) {
    (void)fence;
    warp_fibers_barrier();
}

EXPORTED float builtin_vload_half(size_t place,
                                  const uint16_t *from) __asm__("_Z10vload_halfmPU8CLglobalKDh");
float builtin_vload_half(size_t place, const uint16_t *from) {
    check_access((uintptr_t)(from + place), sizeof *from);
    return (float)oracle_decode(CLF_DTYPE_FP16, from + place);
}

EXPORTED void builtin_vstore_half(float value, size_t place,
                                  uint16_t *to) __asm__("_Z15vstore_half_rtefmPU8CLglobalDh");
void builtin_vstore_half(float value, size_t place, uint16_t *to) {
    check_access((uintptr_t)(to + place), sizeof *to);
    to[place] = (uint16_t)rounded_bits(value, CLF_DTYPE_FP16);
}
