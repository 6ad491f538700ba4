/* See call_words.h. */
#include "call_words.h"

#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

void call_read_words(void *call, const char *text, call_setter set) {
    while (*text != '\0') {
        const size_t word = strcspn(text, " ");
        const char *equals = (const char *)memchr(text, '=', word);
        if (word > 0) {
            if (equals == NULL) {
                fail_msg("no '=' in \"%s\"", text);
                return;
            }
            if (!set(call, text, (size_t)(equals - text), equals + 1)) {
                fail_msg("unknown word in \"%s\"", text);
            }
        }
        text += word + (text[word] == ' ');
    }
}

bool call_is_word(const char *word, const char *key, size_t length) {
    return strlen(word) == length && strncmp(word, key, length) == 0;
}

bool call_is_null(const char *value) {
    return call_is_word("null", value, strcspn(value, " "));
}

static clf_dtype read_dtype(const char *name, size_t length) {
    for (int number = 0; number < 64; number++) {
        if (clf_dtype_bits((clf_dtype)number) > 0 &&
            call_is_word(clf_dtype_name((clf_dtype)number), name, length)) {
            return (clf_dtype)number;
        }
    }
    return (clf_dtype)99;
}

/* *text moves on to what comes after the numbers. */
static size_t read_numbers(const char **text, int64_t *numbers, size_t capacity) {
    size_t count = 0;
    while (**text == '-' || (**text >= '0' && **text <= '9')) {
        char *end = NULL;
        const int64_t number = strtoll(*text, &end, 10);
        if (count < capacity) {
            numbers[count] = number;
        }
        count++;
        *text = *end == ',' ? end + 1 : end;
    }
    return count;
}

static void expect_end(const char *at, const char *value) {
    if (*at != ' ' && *at != '\0') {
        fail_msg("cannot read \"%s\"", value);
    }
}

size_t call_read_numbers(const char *value, int64_t *numbers, size_t capacity) {
    const char *at = value;
    const size_t count = read_numbers(&at, numbers, capacity);
    expect_end(at, value);
    return count;
}

const clf_tensor *call_read_tensor(clf_tensor *tensor, const char *value, clf_dtype usual) {
    int64_t sizes[CLF_MAX_RANK] = {0};
    if (call_is_null(value)) {
        return NULL;
    }
    const char *colon = (const char *)memchr(value, ':', strcspn(value, " "));
    const clf_dtype dtype = colon != NULL ? read_dtype(value, (size_t)(colon - value)) : usual;
    const char *at = colon != NULL ? colon + 1 : value;
    const size_t rank = read_numbers(&at, sizes, CLF_MAX_RANK);
    *tensor = clf_tensor_contiguous(NULL, dtype, (int32_t)rank, sizes);
    if (*at == '/') {
        at++;
        assert_int_equal(read_numbers(&at, tensor->strides, CLF_MAX_RANK), rank);
    }
    if (*at == '@') {
        char *end = NULL;
        tensor->offset = (size_t)strtoull(at + 1, &end, 10);
        at = end;
    }
    expect_end(at, value);
    return tensor;
}

const char *call_read_string(char *word, size_t capacity, const char *value) {
    const size_t length = strcspn(value, " ");
    if (call_is_null(value)) {
        return NULL;
    }
    assert_true(length < capacity);
    memcpy(word, value, length);
    word[length] = '\0';
    return word;
}
