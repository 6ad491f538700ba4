/* Help and version. */
#ifndef CLFORMER_BENCH_HELP_TEXT_H
#define CLFORMER_BENCH_HELP_TEXT_H

#include <stdio.h>

void print_help(FILE *stream);     /* fits 80 columns, 24 lines */
void print_help_all(FILE *stream); /* every option and exit code */
void print_version(FILE *stream);

#endif
