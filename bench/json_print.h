/* Prints the library's JSON descriptions for people. */
#ifndef CLFORMER_BENCH_JSON_PRINT_H
#define CLFORMER_BENCH_JSON_PRINT_H

#include <stdio.h>

/* One "name: value" per line, nested parts indented; `indent` blanks before each line. Text that is
 * not JSON is printed as it is. */
void print_description(FILE *file, const char *text, int indent);

#endif
