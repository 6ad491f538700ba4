/*
 * The disk cache by itself, without OpenCL: whatever happens to its folder and files, a load gives
 * the stored value or nothing.
 */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "core/hash.h"
#include "core/memory.h"
#include "device/cache_folder.h"
#include "device/disk_cache.h"
#include "test_process.h"
#include "test_random.h"

static const char key[] = "a key of some length, with\nlines";
static const char value[] =
    "the value: \x01\x02\x03 and more of it, to make it longer than the header";
#define FRAME_BYTES (32 + 16) /* header and checksum */

static char folder[512];

static int begin(void **state) {
    (void)state;
    test_folder_make(folder, sizeof folder);
    unsetenv("CLFORMER_CACHE");
    unsetenv("CLFORMER_CACHE_SIZE");
    unsetenv("CLFORMER_VERBOSE");
    setenv("CLFORMER_CACHE_DIR", folder, 1);
    return 0;
}

static int end(void **state) {
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static void store(void) {
    clf_i_disk_cache_store(key, sizeof key, value, sizeof value);
}

/* True on a hit; a wrong value fails the test. */
static bool loads(void) {
    void *loaded = NULL;
    size_t size = 0;
    if (!clf_i_disk_cache_load(key, sizeof key, &loaded, &size)) {
        return false;
    }
    assert_int_equal(size, sizeof value);
    assert_memory_equal(loaded, value, size);
    clf_i_release(loaded);
    return true;
}

static void entry_path(const void *of_key, size_t size, char *path, size_t capacity) {
    char name[CLF_I_HASH_TEXT];
    clf_i_hash_text(clf_i_hash_bytes(of_key, size), name);
    snprintf(path, capacity, "%s/%s%s", folder, name, CLF_I_CACHE_SUFFIX);
}

static size_t read_file(const char *path, unsigned char *bytes, size_t capacity) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, capacity, file);
    fclose(file);
    return size;
}

static void write_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* ---- Files ---- */

static void test_cache_stored_value_is_loaded(void **state) {
    (void)state;
    assert_false(loads());
    store();
    assert_true(loads());
    store(); /* again over the old file */
    assert_true(loads());
    assert_int_equal(test_folder_count(folder, ""), 1);
    void *loaded = NULL;
    size_t size = 0;
    assert_false(clf_i_disk_cache_load(key, sizeof key - 1, &loaded, &size));
}

static void test_cache_file_truncated_at_any_length_is_a_miss(void **state) {
    (void)state;
    char path[800];
    unsigned char bytes[1024];
    store();
    entry_path(key, sizeof key, path, sizeof path);
    const size_t size = read_file(path, bytes, sizeof bytes);
    assert_int_equal(size, FRAME_BYTES + sizeof key + sizeof value);
    for (size_t length = 0; length < size; length++) {
        write_file(path, bytes, length);
        assert_false(loads());
    }
    write_file(path, bytes, size);
    assert_true(loads());
    memset(bytes + size, 0, 8);
    write_file(path, bytes, size + 8);
    assert_false(loads());
    store(); /* a damaged file is replaced */
    assert_true(loads());
}

static void test_cache_file_with_any_bit_flipped_is_a_miss(void **state) {
    (void)state;
    char path[800];
    unsigned char bytes[1024];
    store();
    entry_path(key, sizeof key, path, sizeof path);
    const size_t size = read_file(path, bytes, sizeof bytes);
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (unsigned char)(1 << bit);
            write_file(path, bytes, size);
            assert_false(loads());
            bytes[i] ^= (unsigned char)(1 << bit);
        }
    }
    write_file(path, bytes, size);
    assert_true(loads());
    printf("%zu cases\n", size * 8);
}

static void test_cache_file_of_another_key_is_a_miss(void **state) {
    (void)state;
    static const char other[] = "another key";
    char path[800];
    char other_path[800];
    unsigned char bytes[1024];
    store();
    clf_i_disk_cache_store(other, sizeof other, "wrong", 5);
    entry_path(key, sizeof key, path, sizeof path);
    entry_path(other, sizeof other, other_path, sizeof other_path);
    const size_t size = read_file(other_path, bytes, sizeof bytes);
    write_file(path, bytes, size); /* as if the hashes collided */
    assert_false(loads());
    store();
    assert_true(loads());
}

static void test_cache_entry_that_is_no_file_is_a_miss(void **state) {
    (void)state;
    char path[800];
    store();
    entry_path(key, sizeof key, path, sizeof path);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(loads());
    store();
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(loads()); /* and comes back, though nobody writes */
    unlink(path);
    assert_int_equal(symlink("/dev/zero", path), 0);
    assert_false(loads());
    unlink(path);
    assert_int_equal(symlink(path, path), 0);
    assert_false(loads());
    unlink(path);
    store();
    assert_true(loads());
}

static void test_cache_empty_value_and_large_value_survive(void **state) {
    (void)state;
    void *loaded = NULL;
    size_t size = 1;
    clf_i_disk_cache_store("empty", 5, "", 0);
    if (clf_i_disk_cache_load("empty", 5, &loaded, &size)) {
        assert_int_equal(size, 0);
        clf_i_release(loaded);
    }
    const size_t large = 5 << 20;
    unsigned char *bytes = (unsigned char *)malloc(large);
    assert_non_null(bytes);
    for (size_t i = 0; i < large; i++) {
        bytes[i] = (unsigned char)(i * 31 >> 3);
    }
    clf_i_disk_cache_store("large", 5, bytes, large);
    assert_true(clf_i_disk_cache_load("large", 5, &loaded, &size));
    assert_int_equal(size, large);
    assert_memory_equal(loaded, bytes, large);
    clf_i_release(loaded);
    free(bytes);
}

/* ---- Modes and folders ---- */

static void test_cache_off_neither_reads_nor_writes(void **state) {
    (void)state;
    store();
    setenv("CLFORMER_CACHE", "off", 1);
    assert_false(loads());
    clf_i_disk_cache_store("other", 5, "value", 5);
    assert_int_equal(test_folder_count(folder, ""), 1);
    setenv("CLFORMER_CACHE", "ro", 1);
    assert_true(loads());
    clf_i_disk_cache_store("other", 5, "value", 5);
    assert_int_equal(test_folder_count(folder, ""), 1);
    setenv("CLFORMER_CACHE", "rw", 1);
    assert_true(loads());
    setenv("CLFORMER_CACHE", "garbage", 1);
    assert_true(loads());
    setenv("CLFORMER_CACHE", "", 1);
    assert_true(loads());
    unsetenv("CLFORMER_CACHE");
}

static void test_cache_missing_folder_is_made(void **state) {
    (void)state;
    char deep[600];
    snprintf(deep, sizeof deep, "%s/a/b/c", folder);
    setenv("CLFORMER_CACHE_DIR", deep, 1);
    assert_false(loads());
    store();
    assert_true(loads());
    assert_int_equal(test_folder_count(deep, ""), 1);
    struct stat status;
    assert_int_equal(stat(deep, &status), 0);
    assert_int_equal(status.st_mode & 077, 0); /* nobody else's business */
}

static void test_cache_folder_that_cannot_be_used_is_harmless(void **state) {
    (void)state;
    char file[600];
    char below[700];
    char *long_path = (char *)calloc(10241, 1);
    assert_non_null(long_path);
    memset(long_path, 'd', 10240);
    long_path[0] = '/';
    snprintf(file, sizeof file, "%s/file", folder);
    snprintf(below, sizeof below, "%s/file/folder", folder);
    write_file(file, "x", 1);
    const char *const folders[] = {file,   below,       "/proc/clformer", "/dev/null",
                                   "/sys", "/dev/full", long_path,        "\xff\xfe/\x80"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        setenv("CLFORMER_CACHE_DIR", folders[i], 1);
        store();
        if (folders[i][0] != '\xff') {
            assert_false(loads());
        }
    }
    test_folder_remove("\xff\xfe");
    free(long_path);
}

static int read_and_try_to_write(void) {
    void *loaded = NULL;
    size_t size = 0;
    if (!loads()) {
        return 1;
    }
    clf_i_disk_cache_store("other", 5, "value", 5);
    return clf_i_disk_cache_load("other", 5, &loaded, &size) ? 2 : 0;
}

/* root may write anywhere, so that a child gives up its privileges for a while. */
static int use_read_only_folder(void *unused) {
    const bool is_root = geteuid() == 0;
    (void)unused;
    if (is_root && (setegid(65534) != 0 || seteuid(65534) != 0)) {
        return 3;
    }
    const int result = read_and_try_to_write();
    if (is_root && (seteuid(0) != 0 || setegid(0) != 0)) {
        return 3;
    }
    return result;
}

static void test_cache_read_only_folder_is_read(void **state) {
    (void)state;
    char path[800];
    char text[512];
    /* The folder must be reachable for the unprivileged child. */
    char public_folder[] = P_tmpdir "/clformer-test-XXXXXX";
    assert_non_null(mkdtemp(public_folder));
    setenv("CLFORMER_CACHE_DIR", public_folder, 1);
    store();
    snprintf(path, sizeof path, "chmod -R a+rX '%s'; chmod a-w '%s'", public_folder, public_folder);
    assert_int_equal(system(path), 0);
    const int result = test_child_run(use_read_only_folder, NULL, text, sizeof text);
    chmod(public_folder, 0700);
    test_folder_remove(public_folder);
    if (result == 3) {
        print_message("not tested: cannot give up root's privileges\n");
        skip();
    }
    assert_int_equal(result, 0);
}

static void test_cache_folder_follows_xdg_and_home(void **state) {
    (void)state;
    char path[700];
    char home[600];
    unsetenv("CLFORMER_CACHE_DIR");
    char *old_home = getenv("HOME") != NULL ? strdup(getenv("HOME")) : NULL;
    snprintf(home, sizeof home, "%s/home", folder);
    setenv("HOME", home, 1);
    setenv("XDG_CACHE_HOME", folder, 1);
    store();
    assert_true(loads());
    snprintf(path, sizeof path, "%s/clformer", folder);
    assert_int_equal(test_folder_count(path, ""), 1);
    /* Relative ones and empty ones do not count; $HOME/.cache then. */
    static const char *const ignored[] = {"relative/path", "", NULL};
    for (size_t i = 0; i < 3; i++) {
        if (ignored[i] != NULL) {
            setenv("XDG_CACHE_HOME", ignored[i], 1);
        } else {
            unsetenv("XDG_CACHE_HOME");
        }
        store();
        assert_true(loads());
    }
    snprintf(path, sizeof path, "%s/.cache/clformer", home);
    assert_int_equal(test_folder_count(path, ""), 1);
    unsetenv("HOME"); /* no folder at all */
    store();
    assert_false(loads());
    if (old_home != NULL) {
        setenv("HOME", old_home, 1);
        free(old_home);
    }
}

/* ---- Full disks ---- */

/* A file size limit makes write() fail half way, as a full disk does. */
static int store_with_size_limit(void *argument) {
    const struct rlimit limit = {*(const rlim_t *)argument, *(const rlim_t *)argument};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 3;
    }
    store();
    return loads() ? 1 : 0;
}

static void test_cache_write_that_fails_leaves_nothing(void **state) {
    (void)state;
    static const rlim_t limits[] = {0, 1, 31, 32, 100};
    char text[2048];
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        rlim_t limit = limits[i];
        assert_int_equal(test_child_run(store_with_size_limit, &limit, text, sizeof text), 0);
        assert_int_equal(test_folder_count(folder, ""), 0);
    }
    store();
    assert_true(loads());
}

static void test_cache_full_disk_is_harmless(void **state) {
    (void)state;
    char mount_point[600];
    char command[800];
    snprintf(mount_point, sizeof mount_point, "%s/small", folder);
    mkdir(mount_point, 0700);
    snprintf(command, sizeof command, "mount -t tmpfs -o size=64k none '%s' 2>/dev/null",
             mount_point);
    if (system(command) != 0) {
        print_message("not tested: a small tmpfs cannot be mounted here (no privilege); the file "
                      "size limit above stands for it\n");
        skip();
    }
    setenv("CLFORMER_CACHE_DIR", mount_point, 1);
    unsigned char *large = (unsigned char *)calloc(1 << 20, 1);
    assert_non_null(large);
    void *loaded = NULL;
    size_t size = 0;
    clf_i_disk_cache_store("large", 5, large, 1 << 20);
    const bool found = clf_i_disk_cache_load("large", 5, &loaded, &size);
    const int left = test_folder_count(mount_point, "");
    store();
    const bool small_fits = loads();
    snprintf(command, sizeof command, "umount '%s'", mount_point);
    assert_int_equal(system(command), 0);
    free(large);
    assert_false(found);
    assert_int_equal(left, 0);
    assert_true(small_fits);
}

/* ---- Size ---- */

static void test_cache_least_recently_used_files_go_first(void **state) {
    (void)state;
    const size_t size = 400 << 10;
    unsigned char *bytes = (unsigned char *)calloc(size, 1);
    assert_non_null(bytes);
    setenv("CLFORMER_CACHE_SIZE", "1", 1);
    for (int i = 0; i < 4; i++) {
        char name[] = "entry0";
        char path[800];
        name[5] = (char)('0' + i);
        clf_i_disk_cache_store(name, sizeof name, bytes, size);
        entry_path(name, sizeof name, path, sizeof path);
        const struct timespec times[2] = {{1000000000 + i, 0}, {1000000000 + i, 0}};
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    void *loaded = NULL;
    size_t loaded_size = 0;
    assert_false(clf_i_disk_cache_load("entry0", 7, &loaded, &loaded_size));
    assert_false(clf_i_disk_cache_load("entry1", 7, &loaded, &loaded_size));
    assert_true(clf_i_disk_cache_load("entry2", 7, &loaded, &loaded_size));
    clf_i_release(loaded);
    assert_true(clf_i_disk_cache_load("entry3", 7, &loaded, &loaded_size));
    clf_i_release(loaded);
    free(bytes);
    static const char *const garbage[] = {"-1", "1e3", "lots", "99999999999999999999", "\xff", " "};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        setenv("CLFORMER_CACHE_SIZE", garbage[i], 1);
        store();
        assert_true(loads());
    }
    unsetenv("CLFORMER_CACHE_SIZE");
}

/* ---- Other processes ---- */

#define NUM_SHARED 4

/* Stores and loads a few keys over and over; every hit must be whole. */
static int storm(void *argument) {
    const int rounds = *(const int *)argument;
    static unsigned char bytes[40000];
    for (int round = 0; rounds == 0 || round < rounds; round++) {
        const unsigned char number = (unsigned char)(round % NUM_SHARED);
        void *loaded = NULL;
        size_t size = 0;
        memset(bytes, number + 1, sizeof bytes);
        clf_i_disk_cache_store(&number, 1, bytes, sizeof bytes);
        if (clf_i_disk_cache_load(&number, 1, &loaded, &size)) {
            if (size != sizeof bytes || memcmp(loaded, bytes, size) != 0) {
                return 1;
            }
            clf_i_release(loaded);
        }
    }
    return 0;
}

static void test_cache_concurrent_processes_see_whole_values(void **state) {
    (void)state;
    int rounds = 300;
    test_child children[4];
    for (int i = 0; i < 4; i++) {
        children[i] = test_child_start(storm, &rounds);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(test_child_finish(&children[i], NULL, 0), 0);
    }
    assert_int_equal(test_folder_count(folder, ""), NUM_SHARED);
}

static void test_cache_killed_writers_leave_a_usable_cache(void **state) {
    (void)state;
    int forever = 0;
    int once = NUM_SHARED;
    test_random random = test_random_from(test_seed());
    for (int i = 0; i < 20; i++) {
        test_child child = test_child_start(storm, &forever);
        const struct timespec pause = {0, test_random_between(&random, 2000000, 12000000)};
        nanosleep(&pause, NULL);
        kill(child.pid, SIGKILL);
        assert_int_equal(test_child_finish(&child, NULL, 0), 128 + SIGKILL);
    }
    assert_int_equal(storm(&once), 0);
    assert_true(test_folder_count(folder, "") >= NUM_SHARED);
}

static void test_cache_stale_temporary_files_are_removed(void **state) {
    (void)state;
    char path[900];
    char fresh[900];
    char entry[800];
    store();
    entry_path(key, sizeof key, entry, sizeof entry);
    snprintf(path, sizeof path, "%s.tmp.aaaaaa", entry);
    snprintf(fresh, sizeof fresh, "%s.tmp.bbbbbb", entry);
    write_file(path, "half", 4);
    write_file(fresh, "half", 4);
    const struct timespec times[2] = {{1000000000, 0}, {1000000000, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    store();
    assert_true(loads());
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(access(fresh, F_OK), 0); /* somebody may still be writing it */
}

#define CACHE_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        CACHE_TEST(test_cache_stored_value_is_loaded),
        CACHE_TEST(test_cache_file_truncated_at_any_length_is_a_miss),
        CACHE_TEST(test_cache_file_with_any_bit_flipped_is_a_miss),
        CACHE_TEST(test_cache_file_of_another_key_is_a_miss),
        CACHE_TEST(test_cache_entry_that_is_no_file_is_a_miss),
        CACHE_TEST(test_cache_empty_value_and_large_value_survive),
        CACHE_TEST(test_cache_off_neither_reads_nor_writes),
        CACHE_TEST(test_cache_missing_folder_is_made),
        CACHE_TEST(test_cache_folder_that_cannot_be_used_is_harmless),
        CACHE_TEST(test_cache_read_only_folder_is_read),
        CACHE_TEST(test_cache_folder_follows_xdg_and_home),
        CACHE_TEST(test_cache_write_that_fails_leaves_nothing),
        CACHE_TEST(test_cache_full_disk_is_harmless),
        CACHE_TEST(test_cache_least_recently_used_files_go_first),
        CACHE_TEST(test_cache_concurrent_processes_see_whole_values),
        CACHE_TEST(test_cache_killed_writers_leave_a_usable_cache),
        CACHE_TEST(test_cache_stale_temporary_files_are_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
