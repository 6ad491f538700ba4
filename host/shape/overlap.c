/*
 * Whether strided views share bytes. Two byte addresses are equal when a bounded linear equation in
 * the indices has a solution; a depth-first search over the axes, largest stride first, with bounds
 * and divisibility as pruning, decides it at once for all ordinary views. The equation is NP-hard
 * in general: past a fixed number of steps the answer is "overlaps", the safe one.
 */
#include <stdlib.h>
#include <string.h>

#include "shape/view.h"

#define MAX_TERMS (2 * CLF_MAX_RANK + 2)
#define MAX_STEPS 100000

/* One unknown: coefficient * i with i in [lowest, highest]. */
typedef struct term {
    int64_t coefficient; /* > 0 */
    int64_t lowest;
    int64_t highest;
} term;

/* Is sum of coefficient * i equal to target for some i? __int128 keeps every sum exact. */
typedef struct equation {
    term terms[MAX_TERMS];
    int num_terms;
    bool exclude_zero; /* the solution with every i = 0 does not count */
    __int128 rest_lowest[MAX_TERMS + 1];
    __int128 rest_highest[MAX_TERMS + 1];
    int64_t rest_divisor[MAX_TERMS + 1];
    int steps;
} equation;

static int64_t greatest_common_divisor(int64_t a, int64_t b) {
    while (b != 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static void add_term(equation *e, int64_t coefficient, int64_t lowest, int64_t highest) {
    if (coefficient == 0 && !e->exclude_zero) {
        return;
    }
    if (coefficient < 0) {
        coefficient = -coefficient;
        const int64_t mirrored = -lowest;
        lowest = -highest;
        highest = mirrored;
    }
    e->terms[e->num_terms++] = (term){coefficient, lowest, highest};
}

static int descending_coefficient(const void *a, const void *b) {
    const int64_t left = ((const term *)a)->coefficient;
    const int64_t right = ((const term *)b)->coefficient;
    return left < right ? 1 : left > right ? -1 : 0;
}

/*
 * Joins two unknowns where the set of values that they reach together is again evenly spaced
 * without gaps: equal coefficients, or a larger one that is a multiple of the smaller and whose
 * steps the smaller one's range fills. That leaves one unknown of a contiguous view, and two of a
 * slice of one. Not where the zero solution is excluded: it would become indistinguishable.
 */
static bool join(term *small, const term *large) {
    if (large->coefficient % small->coefficient != 0) {
        return false;
    }
    const int64_t ratio = large->coefficient / small->coefficient;
    if (ratio - 1 > small->highest - small->lowest) {
        return false;
    }
    small->lowest += ratio * large->lowest;
    small->highest += ratio * large->highest;
    return true;
}

static void join_terms(equation *e) {
    for (int large = 0; large + 1 < e->num_terms;) {
        int small = large + 1;
        while (small < e->num_terms && !join(&e->terms[small], &e->terms[large])) {
            ++small;
        }
        if (small == e->num_terms) {
            ++large;
            continue;
        }
        --e->num_terms;
        memmove(&e->terms[large], &e->terms[large + 1],
                (size_t)(e->num_terms - large) * sizeof e->terms[0]);
        large = 0; /* the wider range may take in another one */
    }
}

static void prepare(equation *e) {
    qsort(e->terms, (size_t)e->num_terms, sizeof e->terms[0], descending_coefficient);
    if (!e->exclude_zero) {
        join_terms(e);
    }
    for (int i = e->num_terms - 1; i >= 0; --i) {
        const term *t = &e->terms[i];
        e->rest_lowest[i] = e->rest_lowest[i + 1] + (__int128)t->coefficient * t->lowest;
        e->rest_highest[i] = e->rest_highest[i + 1] + (__int128)t->coefficient * t->highest;
        e->rest_divisor[i] = greatest_common_divisor(t->coefficient, e->rest_divisor[i + 1]);
    }
}

static __int128 divide_down(__int128 value, int64_t divisor) {
    return value / divisor - (value % divisor != 0 && value < 0 ? 1 : 0);
}

static bool has_solution(equation *e, int index, __int128 target, bool all_zero) {
    if (++e->steps > MAX_STEPS) {
        return true;
    }
    if (index == e->num_terms) {
        return target == 0 && !(e->exclude_zero && all_zero);
    }
    if (target < e->rest_lowest[index] || target > e->rest_highest[index]) {
        return false;
    }
    if (e->rest_divisor[index] != 0 && target % e->rest_divisor[index] != 0) {
        return false;
    }
    const term *t = &e->terms[index];
    __int128 first = t->lowest;
    __int128 last = t->highest;
    if (t->coefficient != 0) {
        /* The remaining terms must be able to make up the difference. */
        const __int128 low = -divide_down(-(target - e->rest_highest[index + 1]), t->coefficient);
        const __int128 high = divide_down(target - e->rest_lowest[index + 1], t->coefficient);
        first = low > first ? low : first;
        last = high < last ? high : last;
    }
    for (__int128 i = first; i <= last; ++i) {
        if (has_solution(e, index + 1, target - t->coefficient * i, all_zero && i == 0)) {
            return true;
        }
    }
    return false;
}

bool clf_i_view_self_overlaps(const clf_tensor *tensor) {
    if (clf_i_view_num_elements(tensor) == 0) {
        return false;
    }
    /* Differences of two indices; the zero difference is the same element. */
    equation e;
    memset(&e, 0, sizeof e);
    e.exclude_zero = true;
    for (int32_t axis = 0; axis < tensor->rank; ++axis) {
        if (tensor->shape[axis] > 1) {
            add_term(&e, tensor->strides[axis], 1 - tensor->shape[axis], tensor->shape[axis] - 1);
        }
    }
    prepare(&e);
    return has_solution(&e, 0, 0, true);
}

/* In bytes: the address of an element, and the bytes within it. Of types smaller than a byte the
 * last axis counts bytes, each of which all its elements share. */
static void add_addresses(equation *e, const clf_tensor *tensor, int64_t sign) {
    const int64_t bits = (int64_t)clf_dtype_bits(tensor->dtype);
    const int64_t per_byte = bits < 8 ? 8 / bits : 1;
    const int64_t size = bits < 8 ? 1 : bits / 8;
    for (int32_t axis = 0; axis < tensor->rank; ++axis) {
        const bool is_packed = per_byte > 1 && axis == tensor->rank - 1;
        const int64_t count = tensor->shape[axis] / (is_packed ? per_byte : 1);
        const int64_t step = is_packed ? 1 : size * tensor->strides[axis] / per_byte;
        if (count > 1) {
            add_term(e, sign * step, 0, count - 1);
        }
    }
    add_term(e, sign, 0, size - 1);
}

bool clf_i_views_overlap(clf_i_placed_view a, clf_i_placed_view b) {
    if (clf_i_view_num_elements(a.tensor) == 0 || clf_i_view_num_elements(b.tensor) == 0) {
        return false;
    }
    /* address in a + byte of its element = address in b + byte of its element */
    equation e;
    memset(&e, 0, sizeof e);
    add_addresses(&e, a.tensor, 1);
    add_addresses(&e, b.tensor, -1);
    prepare(&e);
    return has_solution(&e, 0, (__int128)b.base - a.base, true);
}

bool clf_i_views_identical(clf_i_placed_view a, clf_i_placed_view b) {
    bool same =
        a.base == b.base && a.tensor->dtype == b.tensor->dtype && a.tensor->rank == b.tensor->rank;
    for (int32_t axis = 0; same && axis < a.tensor->rank; ++axis) {
        same = a.tensor->shape[axis] == b.tensor->shape[axis] &&
               (a.tensor->shape[axis] == 1 || a.tensor->strides[axis] == b.tensor->strides[axis]);
    }
    return same;
}
