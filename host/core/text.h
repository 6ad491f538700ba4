/* A growing string, for messages, kernel sources and cache keys. */
#ifndef CLF_CORE_TEXT_H
#define CLF_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Starts as {0}. After a failed allocation `failed` stays true and appending does nothing, so that
 * callers check once at the end. */
typedef struct clf_i_text {
    char *data; /* zero-terminated once anything was appended; NULL before */
    size_t length;
    size_t capacity;
    bool failed;
} clf_i_text;

void clf_i_text_append(clf_i_text *text, const char *string);
void clf_i_text_append_bytes(clf_i_text *text, const char *bytes, size_t count);
void clf_i_text_format(clf_i_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Frees the memory and makes the text empty. */
void clf_i_text_clear(clf_i_text *text);

#endif
