/* Values of options that are one of some words, or a count; complaints say what is accepted. */
#ifndef CLFORMER_BENCH_CHOICE_H
#define CLFORMER_BENCH_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct choice {
    const char *word;
    int value;
} choice;

/* The value of a word; `choices` ends with a NULL word. False after fail(). */
bool choose(const char *option, const char *value, const choice *choices, int *out);

/* False after fail(). */
bool choose_count(const char *option, const char *value, int64_t lowest, int64_t highest,
                  int64_t *out);

#endif
