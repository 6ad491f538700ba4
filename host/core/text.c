/* A growing string. */
#include "core/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"

static bool reserve(clf_i_text *text, size_t additional) {
    if (text->failed || additional >= SIZE_MAX / 2 - text->length) {
        text->failed = true;
        return false;
    }
    const size_t needed = text->length + additional + 1;
    if (needed <= text->capacity) {
        return true;
    }
    size_t capacity = text->capacity == 0 ? 256 : text->capacity;
    while (capacity < needed) {
        capacity *= 2;
    }
    char *data = clf_i_allocate(capacity, 1);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    if (text->length > 0) {
        memcpy(data, text->data, text->length);
    }
    clf_i_release(text->data);
    text->data = data;
    text->capacity = capacity;
    return true;
}

void clf_i_text_append_bytes(clf_i_text *text, const char *bytes, size_t count) {
    if (!reserve(text, count)) {
        return;
    }
    memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

void clf_i_text_append(clf_i_text *text, const char *string) {
    clf_i_text_append_bytes(text, string, strlen(string));
}

void clf_i_text_format(clf_i_text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        text->failed = true;
    } else if (reserve(text, (size_t)length)) {
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

void clf_i_text_clear(clf_i_text *text) {
    clf_i_release(text->data);
    memset(text, 0, sizeof *text);
}
