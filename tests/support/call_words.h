/*
 * Arguments of an operator as one line of text: words "key=value" with blanks between them. What
 * attention_call, ffn_call and floyd_call have in common; a text that cannot be read fails the test.
 *
 * A value ends with its word. A tensor, which has no buffer: sizes, after a dtype if it is not the
 * usual one, contiguous unless strides follow, and perhaps an offset: "4,8", "fp16:4,8",
 * "4,8/1,4@2"; "null" for none.
 */
#ifndef CLF_TESTS_CALL_WORDS_H
#define CLF_TESTS_CALL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include <clformer/tensor.h>

/* Sets the argument that `key`, `length` characters, names; false if it names none. */
typedef bool (*call_setter)(void *call, const char *key, size_t length, const char *value);
void call_read_words(void *call, const char *text, call_setter set);

bool call_is_word(const char *word, const char *key, size_t length);
bool call_is_null(const char *value);

/* Returns `tensor`, or NULL for "null". A dtype that does not exist is 99. */
const clf_tensor *call_read_tensor(clf_tensor *tensor, const char *value, clf_dtype usual);

/* Comma-separated numbers; returns how many there are, which may be more than are stored. */
size_t call_read_numbers(const char *value, int64_t *numbers, size_t capacity);

/* A copy of the value in `word`, or NULL for "null". */
const char *call_read_string(char *word, size_t capacity, const char *value);

#endif
