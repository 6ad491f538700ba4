/* Failures, notes, progress and colour. Results never pass through here. */
#include "terminal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char last_failure[FAILURE_LENGTH];
static bool is_quiet;
static bool progress_shown;

bool fail(const char *format, ...) {
    char text[FAILURE_LENGTH]; /* the arguments may point into last_failure */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(last_failure, text, sizeof text);
    return false;
}

const char *failure_text(void) {
    return last_failure;
}

void terminal_set_quiet(bool quiet) {
    is_quiet = quiet;
}

static void print_line(const char *prefix, const char *format, va_list arguments) {
    progress_clear();
    fputs(prefix, stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line("clformer-bench: ", format, arguments);
    va_end(arguments);
}

void note(const char *format, ...) {
    if (is_quiet) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    print_line("", format, arguments);
    va_end(arguments);
}

static bool is_terminal(FILE *stream) {
    const char *kind = getenv("TERM");
    return isatty(fileno(stream)) && kind && strcmp(kind, "dumb") != 0;
}

void progress(const char *format, ...) {
    if (is_quiet || !is_terminal(stderr)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, format, arguments);
    fflush(stderr);
    va_end(arguments);
    progress_shown = true;
}

void progress_clear(void) {
    if (progress_shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress_shown = false;
    }
}

palette palette_for(FILE *stream) {
    static const palette plain = {"", "", "", "", ""};
    static const palette colours = {"\033[32m", "\033[31m", "\033[2m", "\033[1m", "\033[0m"};
    const char *no_color = getenv("NO_COLOR");
    bool unwelcome = (no_color && no_color[0]) || !is_terminal(stream);
    return unwelcome ? plain : colours;
}
