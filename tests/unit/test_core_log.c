/* The log, its callback, CLFORMER_VERBOSE, environment choices, statuses and the last error.
 * Children are used where the library reads the environment once. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <clformer/clformer.h>

#include "cmocka_all.h"
#include "core/environment.h"
#include "core/failure.h"
#include "core/log.h"
#include "test_process.h"
#include "test_session.h"

typedef struct heard {
    int count;
    clf_log_group group;
    char line[6000];
} heard;

static void listen(clf_log_group group, const char *line, void *user) {
    heard *all = (heard *)user;
    all->count++;
    all->group = group;
    snprintf(all->line, sizeof all->line, "%s", line);
}

static int log_each_group(void *unused) {
    (void)unused;
    for (int bit = 0; bit < 6; bit++) {
        clf_i_log((clf_log_group)(1 << bit), "event %d", 1 << bit);
    }
    return 0;
}

/* What a child with this CLFORMER_VERBOSE prints. */
static void run_verbose(const char *value, char *text, size_t capacity) {
    if (value != NULL) {
        setenv("CLFORMER_VERBOSE", value, 1);
    } else {
        unsetenv("CLFORMER_VERBOSE");
    }
    assert_int_equal(test_child_run(log_each_group, NULL, text, capacity), 0);
    unsetenv("CLFORMER_VERBOSE");
}

static void test_verbose_unset_prints_nothing(void **state) {
    (void)state;
    char text[4096];
    run_verbose(NULL, text, sizeof text);
    assert_string_equal(text, "");
    run_verbose("", text, sizeof text);
    assert_string_equal(text, "");
}

static void test_verbose_words_choose_groups(void **state) {
    (void)state;
    static const struct {
        const char *value;
        const char *printed;
    } table[] = {
        {"error", "event 1\n"},       {"check", "event 2\n"},     {"create", "event 4\n"},
        {"exec", "event 8\n"},        {"dispatch", "event 16\n"}, {"cache", "event 32\n"},
        {"exec,cache", "event 32\n"}, {"all", "event 16\n"},
    };
    char text[4096];
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        run_verbose(table[i].value, text, sizeof text);
        test_expect_contains(text, table[i].printed);
    }
    run_verbose("exec,cache", text, sizeof text);
    test_expect_contains(text, "event 8\n");
    assert_null(strstr(text, "event 1\n"));
    assert_null(strstr(text, "event 16\n"));
}

static void test_verbose_unknown_word_is_reported_and_harmless(void **state) {
    (void)state;
    static const char *const values[] = {"loud", "all,loud", ",,", "\xff\xfe", "ALL"};
    char text[4096];
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        run_verbose(values[i], text, sizeof text);
        test_expect_contains(text, "CLFORMER_VERBOSE");
        test_expect_contains(text, "error, check, create, exec, dispatch, cache, all");
    }
    char *long_value = (char *)calloc(10241, 1);
    memset(long_value, 'x', 10240);
    run_verbose(long_value, text, sizeof text);
    test_expect_contains(text, "CLFORMER_VERBOSE");
    assert_true(strlen(text) < 1000);
    free(long_value);
}

static void test_callback_receives_every_group(void **state) {
    (void)state;
    heard all;
    memset(&all, 0, sizeof all);
    clf_log_set_callback(listen, &all);
    for (int bit = 0; bit < 6; bit++) {
        clf_i_log((clf_log_group)(1 << bit), "number %d", bit);
        assert_int_equal(all.group, 1 << bit);
        assert_int_equal(all.count, bit + 1);
        assert_null(strchr(all.line, '\n'));
    }
    test_expect_contains(all.line, "number 5");
    clf_log_set_callback(NULL, NULL);
    clf_i_log(CLF_LOG_ERROR, "nobody hears this");
    assert_int_equal(all.count, 6);
}

static void test_callback_long_line_is_cut_not_overrun(void **state) {
    (void)state;
    heard all;
    memset(&all, 0, sizeof all);
    clf_log_set_callback(listen, &all);
    clf_i_log(CLF_LOG_CHECK, "%20000d", 1);
    clf_log_set_callback(NULL, NULL);
    assert_int_equal(all.count, 1);
    assert_true(strlen(all.line) > 1000);
}

static int callback_with_filter(void *unused) {
    heard all;
    (void)unused;
    memset(&all, 0, sizeof all);
    clf_log_set_callback(listen, &all);
    log_each_group(NULL);
    printf("heard %d last %d", all.count, (int)all.group);
    return 0;
}

static void test_callback_gets_only_the_groups_of_the_environment(void **state) {
    (void)state;
    char text[4096];
    setenv("CLFORMER_VERBOSE", "create,exec", 1);
    assert_int_equal(test_child_run(callback_with_filter, NULL, text, sizeof text), 0);
    unsetenv("CLFORMER_VERBOSE");
    assert_string_equal(text, "heard 2 last 8");
}

static void test_failure_is_logged_in_the_error_group(void **state) {
    (void)state;
    heard all;
    memset(&all, 0, sizeof all);
    clf_log_set_callback(listen, &all);
    assert_int_equal(clf_i_fail(CLF_ERR_TILING, "thing is %d, accepted: 1", 2), CLF_ERR_TILING);
    clf_log_set_callback(NULL, NULL);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.group, CLF_LOG_ERROR);
    test_expect_contains(all.line, "thing is 2, accepted: 1");
    assert_string_equal(clf_last_error(), "thing is 2, accepted: 1");
}

static void test_failure_long_sentence_is_cut(void **state) {
    (void)state;
    assert_int_equal(clf_i_fail(CLF_ERR_INTERNAL, "begin %100000d", 1), CLF_ERR_INTERNAL);
    assert_memory_equal(clf_last_error(), "begin ", 6);
    assert_true(strlen(clf_last_error()) < 100000);
    /* The former message may be part of the next one. */
    assert_int_equal(clf_i_fail(CLF_ERR_INTERNAL, "short"), CLF_ERR_INTERNAL);
    assert_int_equal(clf_i_fail(CLF_ERR_INTERNAL, "again: %s", clf_last_error()), CLF_ERR_INTERNAL);
    assert_string_equal(clf_last_error(), "again: short");
}

static void *fail_on_thread(void *unused) {
    (void)unused;
    const bool was_empty = clf_last_error()[0] == '\0';
    const clf_status status = clf_i_fail(CLF_ERR_RUNTIME, "on the thread");
    return was_empty && status == CLF_ERR_RUNTIME ? &fail_on_thread : NULL;
}

static void test_last_error_belongs_to_the_thread(void **state) {
    (void)state;
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(clf_i_fail(CLF_ERR_RUNTIME, "on the main thread"), CLF_ERR_RUNTIME);
    assert_int_equal(pthread_create(&thread, NULL, fail_on_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_non_null(result);
    assert_string_equal(clf_last_error(), "on the main thread");
}

static void test_status_numbers_are_pinned_and_named(void **state) {
    (void)state;
    static const struct {
        int number;
        const char *name;
    } pinned[] = {
        {0, "CLF_SUCCESS"},
        {161001, "CLF_ERR_PARAM_NULLPTR"},
        {161002, "CLF_ERR_PARAM_INVALID"},
        {561002, "CLF_ERR_TILING"},
        {200000, "CLF_ERR_OUT_OF_MEMORY"},
        {200001, "CLF_ERR_UNSUPPORTED"},
        {200002, "CLF_ERR_NO_DEVICE"},
        {361001, "CLF_ERR_RUNTIME"},
        {561003, "CLF_ERR_BUILD"},
        {561000, "CLF_ERR_INTERNAL"},
        {1, "CLF_ERR_UNKNOWN"},
        {-1, "CLF_ERR_UNKNOWN"},
    };
    for (size_t i = 0; i < sizeof pinned / sizeof pinned[0]; i++) {
        assert_string_equal(clf_status_name((clf_status)pinned[i].number), pinned[i].name);
    }
}

static void test_environment_empty_counts_as_unset(void **state) {
    (void)state;
    setenv("CLFORMER_TEST_WORD", "", 1);
    assert_null(clf_i_environment("CLFORMER_TEST_WORD"));
    setenv("CLFORMER_TEST_WORD", "x", 1);
    assert_string_equal(clf_i_environment("CLFORMER_TEST_WORD"), "x");
    unsetenv("CLFORMER_TEST_WORD");
    assert_null(clf_i_environment("CLFORMER_TEST_WORD"));
}

static void test_environment_choice_unknown_warns_once_with_the_list(void **state) {
    (void)state;
    static const char *const words[] = {"first", "second", "third"};
    heard all;
    memset(&all, 0, sizeof all);
    clf_log_set_callback(listen, &all);
    unsetenv("CLFORMER_TEST_CHOICE");
    assert_int_equal(clf_i_environment_choice("CLFORMER_TEST_CHOICE", words, 3, 1), 1);
    setenv("CLFORMER_TEST_CHOICE", "third", 1);
    assert_int_equal(clf_i_environment_choice("CLFORMER_TEST_CHOICE", words, 3, 1), 2);
    assert_int_equal(all.count, 0);
    setenv("CLFORMER_TEST_CHOICE", "third\xff ", 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(clf_i_environment_choice("CLFORMER_TEST_CHOICE", words, 3, 0), 0);
    }
    assert_int_equal(all.count, 1);
    assert_int_equal(all.group, CLF_LOG_CHECK);
    test_expect_contains(all.line, "CLFORMER_TEST_CHOICE");
    test_expect_contains(all.line, "first, second, third");
    clf_log_set_callback(NULL, NULL);
    unsetenv("CLFORMER_TEST_CHOICE");
}

static void test_version_matches_the_header(void **state) {
    (void)state;
    char expected[64];
    snprintf(expected, sizeof expected, "%d.%d.%d", CLF_VERSION_MAJOR, CLF_VERSION_MINOR,
             CLF_VERSION_PATCH);
    assert_string_equal(clf_version(), expected);
    test_expect_contains(clf_build_info(), expected);
    assert_null(strchr(clf_build_info(), '\n'));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbose_unset_prints_nothing),
        cmocka_unit_test(test_verbose_words_choose_groups),
        cmocka_unit_test(test_verbose_unknown_word_is_reported_and_harmless),
        cmocka_unit_test(test_callback_gets_only_the_groups_of_the_environment),
        cmocka_unit_test(test_callback_receives_every_group),
        cmocka_unit_test(test_callback_long_line_is_cut_not_overrun),
        cmocka_unit_test(test_failure_is_logged_in_the_error_group),
        cmocka_unit_test(test_failure_long_sentence_is_cut),
        cmocka_unit_test(test_last_error_belongs_to_the_thread),
        cmocka_unit_test(test_status_numbers_are_pinned_and_named),
        cmocka_unit_test(test_environment_empty_counts_as_unset),
        cmocka_unit_test(test_environment_choice_unknown_warns_once_with_the_list),
        cmocka_unit_test(test_version_matches_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
