/* Small integer arithmetic of sizes: operands are not negative, divisors positive. */
#ifndef CLF_CORE_INTEGERS_H
#define CLF_CORE_INTEGERS_H

#include <stdint.h>

static inline int64_t clf_i_smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t clf_i_larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static inline int64_t clf_i_divide_up(int64_t dividend, int64_t divisor) {
    return dividend / divisor + (dividend % divisor != 0);
}

static inline int64_t clf_i_round_up(int64_t value, int64_t multiple) {
    return clf_i_divide_up(value, multiple) * multiple;
}

#endif
