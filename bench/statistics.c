/* Median and median absolute deviation: one disturbed run in three does not move them. */
#include "statistics.h"

#include <math.h>
#include <stdlib.h>

static int compare_doubles(const void *left, const void *right) {
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median_of_sorted(const double *samples, size_t count) {
    size_t middle = count / 2;
    return count % 2 ? samples[middle] : 0.5 * (samples[middle - 1] + samples[middle]);
}

summary summarize(double *samples, size_t count) {
    summary result = {count, 0.0, 0.0, 0.0};
    if (count == 0) {
        return result;
    }
    qsort(samples, count, sizeof *samples, compare_doubles);
    result.minimum = samples[0];
    result.median = median_of_sorted(samples, count);
    for (size_t i = 0; i < count; i++) {
        samples[i] = fabs(samples[i] - result.median);
    }
    qsort(samples, count, sizeof *samples, compare_doubles);
    result.mad = median_of_sorted(samples, count);
    return result;
}
