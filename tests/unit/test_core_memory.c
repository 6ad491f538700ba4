/* Memory, growing text and hashes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "core/hash.h"
#include "core/memory.h"
#include "core/text.h"
#include "failing_allocator.h"

static void test_allocate_memory_is_zeroed(void **state) {
    (void)state;
    unsigned char *memory = (unsigned char *)clf_i_allocate(1000, 3);
    assert_non_null(memory);
    for (size_t i = 0; i < 3000; i++) {
        assert_int_equal(memory[i], 0);
    }
    clf_i_release(memory);
}

static void test_allocate_product_that_overflows_gives_null(void **state) {
    (void)state;
    assert_null(clf_i_allocate(SIZE_MAX / 2, 3));
    assert_null(clf_i_allocate(SIZE_MAX, SIZE_MAX));
}

static void test_allocate_zero_bytes_gives_memory(void **state) {
    (void)state;
    void *memory = clf_i_allocate(0, 8);
    assert_non_null(memory);
    clf_i_release(memory);
    memory = clf_i_allocate(8, 0);
    assert_non_null(memory);
    clf_i_release(memory);
    clf_i_release(NULL);
}

static void test_copy_string_gives_an_equal_string(void **state) {
    (void)state;
    char *copy = clf_i_copy_string("");
    assert_string_equal(copy, "");
    clf_i_release(copy);
    copy = clf_i_copy_string("abc");
    assert_string_equal(copy, "abc");
    clf_i_release(copy);
}

static void test_allocator_replacement_gets_every_call(void **state) {
    (void)state;
    failing_allocator allocator = {2, false, 0, 0};
    failing_allocator_install(&allocator);
    void *first = clf_i_allocate(1, 1);
    void *second = clf_i_allocate(1, 1);
    char *third = clf_i_copy_string("x");
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    assert_int_equal(allocator.count, 3);
    assert_int_equal(allocator.outstanding, 2);
    clf_i_release(first);
    clf_i_release(third);
    clf_i_release(NULL);
    assert_int_equal(allocator.outstanding, 0);
    failing_allocator_remove();
}

static void test_text_appending_gives_the_whole(void **state) {
    (void)state;
    clf_i_text text = {0};
    char expected[20001] = "";
    size_t length = 0;
    assert_null(text.data);
    for (int i = 0; i < 1000; i++) {
        clf_i_text_append(&text, "ab");
        clf_i_text_format(&text, "%d;", i);
        clf_i_text_append_bytes(&text, "c\0d", 1);
        length += (size_t)snprintf(expected + length, sizeof expected - length, "ab%d;c", i);
        assert_int_equal(text.length, length);
        assert_int_equal(text.data[length], '\0');
    }
    assert_false(text.failed);
    assert_string_equal(text.data, expected);
    clf_i_text_clear(&text);
    assert_null(text.data);
    assert_int_equal(text.length, 0);
}

static void test_text_bytes_with_zeros_are_kept(void **state) {
    (void)state;
    clf_i_text text = {0};
    clf_i_text_append_bytes(&text, "a\0b", 3);
    clf_i_text_append_bytes(&text, "", 0);
    assert_int_equal(text.length, 3);
    assert_memory_equal(text.data, "a\0b", 4);
    clf_i_text_clear(&text);
}

static void test_text_long_format_is_not_cut(void **state) {
    (void)state;
    clf_i_text text = {0};
    clf_i_text_format(&text, "%5000d|%s", 7, "end");
    assert_int_equal(text.length, 5004);
    assert_string_equal(text.data + 4999, "7|end");
    clf_i_text_clear(&text);
}

static void test_text_failed_allocation_is_remembered(void **state) {
    (void)state;
    failing_allocator allocator = {0};
    failing_allocator_install(&allocator);
    for (size_t failing = 1; failing <= 4; failing++) {
        clf_i_text text = {0};
        allocator.count = 0;
        allocator.failing = failing;
        for (int i = 0; i < 1000; i++) {
            clf_i_text_append(&text, "0123456789");
        }
        assert_true(text.failed);
        clf_i_text_clear(&text);
        assert_false(text.failed);
    }
    assert_int_equal(allocator.outstanding, 0);
    failing_allocator_remove();
}

static void test_hash_changes_with_every_byte(void **state) {
    (void)state;
    unsigned char bytes[300];
    char first[CLF_I_HASH_TEXT];
    char second[CLF_I_HASH_TEXT];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 7);
    }
    clf_i_hash_text(clf_i_hash_bytes(bytes, sizeof bytes), first);
    assert_int_equal(strlen(first), 32);
    assert_int_equal(strspn(first, "0123456789abcdef"), 32);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] ^= 1;
        clf_i_hash_text(clf_i_hash_bytes(bytes, sizeof bytes), second);
        assert_string_not_equal(first, second);
        bytes[i] ^= 1;
    }
    clf_i_hash_text(clf_i_hash_bytes(bytes, sizeof bytes), second);
    assert_string_equal(first, second);
    clf_i_hash_text(clf_i_hash_bytes(bytes, sizeof bytes - 1), second);
    assert_string_not_equal(first, second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocate_memory_is_zeroed),
        cmocka_unit_test(test_allocate_product_that_overflows_gives_null),
        cmocka_unit_test(test_allocate_zero_bytes_gives_memory),
        cmocka_unit_test(test_copy_string_gives_an_equal_string),
        cmocka_unit_test(test_allocator_replacement_gets_every_call),
        cmocka_unit_test(test_text_appending_gives_the_whole),
        cmocka_unit_test(test_text_bytes_with_zeros_are_kept),
        cmocka_unit_test(test_text_long_format_is_not_cut),
        cmocka_unit_test(test_text_failed_allocation_is_remembered),
        cmocka_unit_test(test_hash_changes_with_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
