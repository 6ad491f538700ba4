/* What reaches the user besides results: failures, notes, progress; and whether to use colour. */
#ifndef CLFORMER_BENCH_TERMINAL_H
#define CLFORMER_BENCH_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/* The tool's exit codes; documented in docs/benchmarking.md. */
enum { EXIT_OK = 0, EXIT_CASE_FAILED = 1, EXIT_USAGE = 2, EXIT_REGRESSION = 3 };

#define FAILURE_LENGTH 768

/* Stores the sentence that says what went wrong and returns false. Main thread only. */
bool fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *failure_text(void);

/* Prints "clformer-bench: <sentence>" on stderr. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line of information on stderr, unless --quiet. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void terminal_set_quiet(bool quiet);

/* Replaces the progress line on stderr; nothing unless stderr is a terminal. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void progress_clear(void);

/* Escape sequences, or "" where colour is unwelcome (no terminal, NO_COLOR, TERM=dumb). */
typedef struct palette {
    const char *good;
    const char *bad;
    const char *dim;
    const char *bold;
    const char *reset;
} palette;

palette palette_for(FILE *stream);

#endif
