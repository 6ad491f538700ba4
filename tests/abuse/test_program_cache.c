/* The disk cache as the library uses it: every run of a process is right, whatever the folder
 * holds. */
#define _XOPEN_SOURCE 700
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "core/hash.h"
#include "device/cache_folder.h"
#include "test_process.h"
#include "test_session.h"
#include "test_solver.h"

static char folder[512];
static char text[1 << 18];

static int begin(void **state) {
    (void)state;
    test_environment_prepare();
    test_folder_make(folder, sizeof folder);
    unsetenv("CLFORMER_CACHE");
    unsetenv("CLFORMER_VERBOSE");
    setenv("CLFORMER_CACHE_DIR", folder, 1);
    return 0;
}

static int end(void **state) {
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static void expect_solved(void) {
    const int result = test_solve(text, sizeof text);
    if (result != SOLVED) {
        fail_msg("exit code %d: %s", result, text);
    }
}

static int count_lines(const char *part) {
    int count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

/* Calls `change` with the bytes of every entry and writes back what it leaves. */
typedef size_t (*entry_change)(unsigned char *bytes, size_t size);

static void change_entry(const char *path, entry_change change) {
    static unsigned char bytes[16 << 20];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    file = fopen(path, "wb");
    assert_non_null(file);
    const size_t left = change(bytes, size);
    assert_int_equal(fwrite(bytes, 1, left, file), left);
    fclose(file);
}

static void change_entries(entry_change change) {
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        char path[1200];
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            change_entry(path, change);
        }
    }
    closedir(directory);
}

static void test_programs_second_process_takes_them_from_disk(void **state) {
    (void)state;
    expect_solved();
    const int stored = count_lines(",stored ");
    assert_true(stored >= 2);
    assert_int_equal(test_folder_count(folder, ""), stored);
    expect_solved();
    assert_int_equal(count_lines(",hit "), stored);
    assert_int_equal(count_lines(",stored "), 0);
}

static size_t cut_in_half(unsigned char *bytes, size_t size) {
    (void)bytes;
    return size / 2;
}

static size_t flip_a_byte(unsigned char *bytes, size_t size) {
    bytes[size / 2] ^= 0x10;
    return size;
}

static size_t make_empty(unsigned char *bytes, size_t size) {
    (void)bytes;
    (void)size;
    return 0;
}

static void test_programs_damaged_files_are_noticed_and_replaced(void **state) {
    (void)state;
    static const entry_change changes[] = {cut_in_half, flip_a_byte, make_empty};
    expect_solved();
    const int stored = count_lines(",stored ");
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        change_entries(changes[i]);
        expect_solved();
        assert_int_equal(count_lines(",hit "), 0);
        assert_int_equal(count_lines(",stored "), stored);
        expect_solved();
        assert_int_equal(count_lines(",hit "), stored);
    }
}

/* A whole entry with a right checksum whose binary the driver cannot take. */
static size_t spoil_binary(unsigned char *bytes, size_t size) {
    uint64_t key_size = 0;
    memcpy(&key_size, bytes + 16, sizeof key_size);
    const size_t start = 32 + (size_t)key_size;
    memset(bytes + start, 0x5A, size - 16 - start);
    const clf_i_hash sum = clf_i_hash_bytes(bytes, size - 16);
    memcpy(bytes + size - 16, &sum, sizeof sum);
    return size;
}

static void test_programs_binary_the_driver_refuses_is_built_anew(void **state) {
    (void)state;
    expect_solved();
    change_entries(spoil_binary);
    expect_solved();
    assert_true(count_lines(",stored ") >= 2);
    expect_solved();
    assert_int_equal(count_lines(",stored "), 0);
}

static void test_programs_cache_modes_do_as_they_say(void **state) {
    (void)state;
    setenv("CLFORMER_CACHE", "off", 1);
    expect_solved();
    assert_int_equal(test_folder_count(folder, ""), 0);
    setenv("CLFORMER_CACHE", "ro", 1);
    expect_solved();
    assert_int_equal(test_folder_count(folder, ""), 0);
    setenv("CLFORMER_CACHE", "rw", 1);
    expect_solved();
    assert_true(test_folder_count(folder, "") >= 2);
    setenv("CLFORMER_CACHE", "ro", 1);
    expect_solved();
    assert_true(count_lines(",hit ") >= 2);
    setenv("CLFORMER_CACHE", "garbage", 1);
    expect_solved();
    test_expect_contains(text, "CLFORMER_CACHE is \"garbage\"");
    test_expect_contains(text, "rw, ro, off");
    unsetenv("CLFORMER_CACHE");
}

static void test_programs_unusable_folders_do_no_harm(void **state) {
    (void)state;
    static const char *const folders[] = {"/dev/null", "/proc/clformer", "/dev/full/x"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        setenv("CLFORMER_CACHE_DIR", folders[i], 1);
        expect_solved();
    }
}

static void test_programs_two_cold_processes_at_once_are_both_right(void **state) {
    (void)state;
    for (int round = 0; round < 3; round++) {
        test_child first = test_child_start(test_solver_body, NULL);
        test_child second = test_child_start(test_solver_body, NULL);
        assert_int_equal(test_child_finish(&first, text, sizeof text), SOLVED);
        assert_int_equal(test_child_finish(&second, text, sizeof text), SOLVED);
        expect_solved();
        assert_int_equal(count_lines(",stored "), 0);
        test_folder_remove(folder);
    }
}

static void test_programs_process_killed_while_it_stores_does_no_harm(void **state) {
    (void)state;
    static const long milliseconds[] = {20, 60, 120, 250};
    for (size_t i = 0; i < sizeof milliseconds / sizeof milliseconds[0]; i++) {
        test_child child = test_child_start(test_solver_body, NULL);
        const struct timespec pause = {0, milliseconds[i] * 1000000};
        nanosleep(&pause, NULL);
        kill(child.pid, SIGKILL);
        test_child_finish(&child, NULL, 0);
        expect_solved();
    }
}

#define CACHE_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CACHE_TEST(test_programs_second_process_takes_them_from_disk),
        CACHE_TEST(test_programs_damaged_files_are_noticed_and_replaced),
        CACHE_TEST(test_programs_binary_the_driver_refuses_is_built_anew),
        CACHE_TEST(test_programs_cache_modes_do_as_they_say),
        CACHE_TEST(test_programs_unusable_folders_do_no_harm),
        CACHE_TEST(test_programs_two_cold_processes_at_once_are_both_right),
        CACHE_TEST(test_programs_process_killed_while_it_stores_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
