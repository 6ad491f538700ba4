/*
 * For ci/nvidia-offline only: the built-in functions of OpenCL C that the nvidia kernels call, for
 * clang's NVPTX target, which has the language but not its library. Plain clang stands in for the
 * driver's compiler here: what it makes of a kernel is an estimate.
 */
#define asm               __asm__
#define CLF_OVERLOAD      static inline __attribute__((always_inline, overloadable))
#define get_local_id(d)   ((size_t)__nvvm_read_ptx_sreg_tid_x())
#define get_group_id(d)   ((size_t)__nvvm_read_ptx_sreg_ctaid_x())
#define get_num_groups(d) ((size_t)__nvvm_read_ptx_sreg_nctaid_x())
#define barrier(fence)    __asm__ volatile("bar.sync 0;" ::: "memory")
#define INFINITY          __builtin_inff()
#define isnan(x)          ((x) != (x))
#define CLK_LOCAL_MEM_FENCE  1
#define CLK_GLOBAL_MEM_FENCE 2
#define as_int(x)         __builtin_astype(x, int)
#define as_uint(x)        __builtin_astype(x, uint)
#define as_float(x)       __builtin_astype(x, float)
#define as_uint8(x)       __builtin_astype(x, uint8)
#define as_float8(x)      __builtin_astype(x, float8)
#define fma(a, b, c)      __builtin_fmaf(a, b, c)
#define fabs(x)           __builtin_fabsf(x)
#define sqrt(x)           __builtin_sqrtf(x)
#define ceil(x)           __builtin_ceilf(x)

typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef __SIZE_TYPE__ size_t;
typedef uint uint4 __attribute__((ext_vector_type(4)));
typedef float float8 __attribute__((ext_vector_type(8)));
typedef float float4 __attribute__((ext_vector_type(4)));
typedef uint uint8 __attribute__((ext_vector_type(8)));
typedef ushort ushort8 __attribute__((ext_vector_type(8)));

CLF_OVERLOAD long min(long a, long b) {
    return a < b ? a : b;
}
CLF_OVERLOAD int min(int a, int b) {
    return a < b ? a : b;
}
CLF_OVERLOAD long max(long a, long b) {
    return a > b ? a : b;
}
CLF_OVERLOAD uint mul_hi(uint a, uint b) {
    return (uint)((ulong)a * b >> 32);
}

static inline float vload_half(size_t place, __global const half *address) {
    float value;
    __asm__("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(((__global const ushort *)address)[place]));
    return value;
}
static inline void vstore_half_rte(float value, size_t place, __global half *address) {
    ushort bits;
    __asm__("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    ((__global ushort *)address)[place] = bits;
}
float8 vloada_half8(size_t place, __global const half *address);
void vstorea_half8_rte(float8 value, size_t place, __global half *address);
ushort8 __attribute__((overloadable)) convert_ushort8(uint8 value);
uint8 __attribute__((overloadable)) convert_uint8(ushort8 value);
