/* Strict readers for numbers and lists of sizes. */
#ifndef CLFORMER_BENCH_PARSE_VALUES_H
#define CLFORMER_BENCH_PARSE_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The whole text must be a number; false otherwise, with *out untouched. */
bool parse_double(const char *text, double *out);
bool parse_unsigned(const char *text, uint64_t lowest, uint64_t highest, uint64_t *out);

/* One count of a list, and what ends it: ',', ':' or 0; *text moves behind that. Negative if it is
 * no count. */
int64_t parse_next_count(const char **text, char *end);

/* "8,16,512,512": 1 to CLF_MAX_RANK positive sizes. */
bool parse_shape(const char *text, int32_t *rank, int64_t *shape);
void print_shape(int32_t rank, const int64_t *shape, char *out, size_t size);

#endif
