/* Strict readers: no leading blanks, no trailing characters, no silent overflow. */
#include "parse_values.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <clformer/tensor.h>

bool parse_double(const char *text, double *out) {
    char *end = NULL;
    if (!text[0] || isspace((unsigned char)text[0])) {
        return false;
    }
    double value = strtod(text, &end);
    if (*end || !isfinite(value)) {
        return false;
    }
    *out = value;
    return true;
}

bool parse_unsigned(const char *text, uint64_t lowest, uint64_t highest, uint64_t *out) {
    char *end = NULL;
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || *end || value < lowest || value > highest) {
        return false;
    }
    *out = value;
    return true;
}

int64_t parse_next_count(const char **text, char *end) {
    char digits[20];
    uint64_t count = 0;
    size_t length = strcspn(*text, ",:");
    snprintf(digits, sizeof digits, "%.*s", (int)(length < 19 ? length : 19), *text);
    *end = (*text)[length];
    *text += length + (*end != '\0');
    return parse_unsigned(digits, 0, UINT64_C(1) << 32, &count) ? (int64_t)count : -1;
}

bool parse_shape(const char *text, int32_t *rank, int64_t *shape) {
    int64_t sizes[CLF_MAX_RANK];
    int32_t count = 0;
    for (;;) {
        char *end = NULL;
        errno = 0;
        long long size = isdigit((unsigned char)text[0]) ? strtoll(text, &end, 10) : 0;
        if (size <= 0 || errno || count == CLF_MAX_RANK) {
            return false;
        }
        sizes[count++] = size;
        if (!*end) {
            break;
        }
        if (*end != ',') {
            return false;
        }
        text = end + 1;
    }
    *rank = count;
    for (int32_t axis = 0; axis < count; axis++) {
        shape[axis] = sizes[axis];
    }
    return true;
}

void print_shape(int32_t rank, const int64_t *shape, char *out, size_t size) {
    size_t used = 0;
    out[0] = '\0';
    for (int32_t axis = 0; axis < rank && used < size; axis++) {
        int written =
            snprintf(out + used, size - used, "%s%lld", axis ? "," : "", (long long)shape[axis]);
        used += written > 0 ? (size_t)written : 0;
    }
}
