/* Tuning files: which rule wins, what is left out and said about it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "device/device_internal.h"
#include "failing_allocator.h"
#include "test_process.h"
#include "test_session.h"
#include "tune/tuning.h"
#include "tune/tuning_rules.h"

#define KERNEL "clf_scaled_masked_softmax_portable"

static char folder[512];
static char heard[8192];
static clf_device device; /* only its capabilities are looked at */

static void listen(clf_log_group group, const char *line, void *user) {
    const size_t length = strlen(heard);
    (void)user;
    if (group == CLF_LOG_CHECK) {
        snprintf(heard + length, sizeof heard - length, "%s\n", line);
    }
}

static int begin(void **state) {
    (void)state;
    test_environment_prepare();
    test_folder_make(folder, sizeof folder);
    memset(&device, 0, sizeof device);
    snprintf(device.capabilities.name, CLF_I_NAME, "Foo Device 100");
    snprintf(device.capabilities.vendor, CLF_I_NAME, "Foo Corporation");
    device.capabilities.type = CLF_I_DEVICE_GPU;
    heard[0] = '\0';
    clf_log_set_callback(listen, NULL);
    return 0;
}

static int end(void **state) {
    (void)state;
    clf_log_set_callback(NULL, NULL);
    unsetenv("CLFORMER_TUNE_PATH");
    clf_i_tuning_forget();
    test_folder_remove(folder);
    return 0;
}

static void use_file(const char *name, const char *contents) {
    char path[700];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(contents, file);
    fclose(file);
    setenv("CLFORMER_TUNE_PATH", path, 1);
    clf_i_tuning_forget();
}

static void use_rules(const char *rules) {
    char text[4096];
    snprintf(text, sizeof text, "{\"format\": \"clformer-tuning-1\", \"rules\": [%s]}", rules);
    use_file("rules.json", text);
}

static int64_t value(void) {
    return clf_i_tuning_value(&device, KERNEL, "test_parameter", 1, 1000, 7);
}

#define RULE(which, number)                                                                        \
    "{\"kernel\": \"" KERNEL "\", \"device\": {" which                                             \
    "}, \"parameters\": {\"test_parameter\": " #number "}}"

static void test_tuning_without_a_rule_gives_the_fallback(void **state) {
    (void)state;
    unsetenv("CLFORMER_TUNE_PATH");
    clf_i_tuning_forget();
    assert_int_equal(value(), 7);
    use_rules("");
    assert_int_equal(value(), 7);
    assert_string_equal(heard, "");
}

static void test_tuning_closest_rule_wins(void **state) {
    (void)state;
    static const struct {
        const char *rules;
        int64_t expected;
    } table[] = {
        {RULE("", 10), 10},
        {RULE("\"type\": \"gpu\"", 11) "," RULE("", 10), 11},
        {RULE("\"vendor\": \"foo\"", 12) "," RULE("\"type\": \"gpu\"", 11), 12},
        {RULE("\"name_part\": \"device 1\"", 13) "," RULE("\"vendor\": \"foo\"", 12), 13},
        {RULE("\"name\": \"Foo Device 100\"", 14) "," RULE("\"name_part\": \"Device\"", 13), 14},
        {RULE("", 10) "," RULE("", 20), 20}, /* of equally close ones the later */
        {RULE("\"name\": \"foo device 100\"", 14) "," RULE("", 10), 10}, /* a name is exact */
        {RULE("\"type\": \"cpu\"", 11) "," RULE("", 10), 10},
        {RULE("\"vendor\": \"Bar\"", 12), 7},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        use_rules(table[i].rules);
        assert_int_equal(value(), table[i].expected);
    }
    assert_string_equal(heard, "");
}

static void test_tuning_value_out_of_range_gives_the_fallback_and_a_line(void **state) {
    (void)state;
    static const char *const rules[] = {RULE("", 0), RULE("", 1001), RULE("", -5),
                                        RULE("", 9223372036854775807)};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        heard[0] = '\0';
        use_rules(rules[i]);
        assert_int_equal(value(), 7);
        test_expect_contains(heard, "test_parameter");
        test_expect_contains(heard, "1 to 1000");
    }
    use_rules(RULE("", 1));
    assert_int_equal(value(), 1);
    use_rules(RULE("", 1000));
    assert_int_equal(value(), 1000);
}

static void test_tuning_bad_rules_are_left_out_and_named(void **state) {
    (void)state;
    static const char *const bad[] = {
        "1",
        "null",
        "[]",
        "{}",
        "{\"kernel\": \"no_such_kernel\", \"parameters\": {\"test_parameter\": 5}}",
        "{\"kernel\": 5, \"parameters\": {\"test_parameter\": 5}}",
        "{\"kernel\": \"\", \"parameters\": {\"test_parameter\": 5}}",
        "{\"kernel\": \"" KERNEL "\"}",
        "{\"kernel\": \"" KERNEL "\", \"parameters\": {}}",
        "{\"kernel\": \"" KERNEL "\", \"parameters\": 5}",
        "{\"kernel\": \"" KERNEL "\", \"parameters\": {\"test_parameter\": 5.5}}",
        "{\"kernel\": \"" KERNEL "\", \"parameters\": {\"test_parameter\": \"5\"}}",
        "{\"kernel\": \"" KERNEL "\", \"parameters\": {\"test_parameter\": 5}, \"typo\": 1}",
        "{\"kernel\": \"" KERNEL "\", \"device\": 5, \"parameters\": {\"test_parameter\": 5}}",
        RULE("\"type\": \"toaster\"", 5),
        RULE("\"colour\": \"red\"", 5),
        RULE("\"name\": 3", 5),
        RULE("\"name\": \"a\", \"type\": \"gpu\"", 5),
        RULE("\"vendor\": \"\"", 5),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char rules[2048];
        heard[0] = '\0';
        snprintf(rules, sizeof rules, "%s, %s", bad[i], RULE("", 30));
        use_rules(rules);
        if (value() != 30) { /* the good rule after it still counts */
            fail_msg("after %s", bad[i]);
        }
        test_expect_contains(heard, "rules.json, rule 1");
        test_expect_contains(heard, "accepted");
    }
    printf("%zu cases\n", sizeof bad / sizeof bad[0]);
}

static void test_tuning_bad_files_are_left_out_and_named(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "no JSON",
        "[]",
        "{\"rules\": []}",
        "{\"format\": \"clformer-tuning-2\", \"rules\": []}",
        "{\"format\": \"clformer-tuning-1\"}",
        "{\"format\": \"clformer-tuning-1\", \"rules\": {}}",
        "{\"format\": \"clformer-tuning-1\", \"rules\": [], \"rules\": []}",
        "{\"format\": \"clformer-tuning-1\", \"rules\": [], \"typo\": 1}",
        "\xff\xfe",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        heard[0] = '\0';
        use_file("bad.json", bad[i]);
        assert_int_equal(value(), 7);
        test_expect_contains(heard, "bad.json");
    }
    heard[0] = '\0';
    setenv("CLFORMER_TUNE_PATH", "/no/such/file.json", 1);
    clf_i_tuning_forget();
    assert_int_equal(value(), 7);
    test_expect_contains(heard, "/no/such/file.json");
}

static void test_tuning_folder_is_read_in_alphabetical_order(void **state) {
    (void)state;
    use_file("b.json", "{\"format\": \"clformer-tuning-1\", \"rules\": [" RULE("", 40) "]}");
    use_file("a.json", "{\"format\": \"clformer-tuning-1\", \"rules\": [" RULE("", 41) "]}");
    use_file("c.txt", "not a tuning file");
    setenv("CLFORMER_TUNE_PATH", folder, 1);
    clf_i_tuning_forget();
    assert_int_equal(value(), 40);
    assert_string_equal(heard, "");
}

static void test_tuning_embedded_files_are_understood(void **state) {
    (void)state;
    unsetenv("CLFORMER_TUNE_PATH");
    clf_i_tuning_forget();
    (void)value();
    assert_string_equal(heard, ""); /* every embedded rule was accepted */
}

static void test_tuning_out_of_memory_gives_the_fallback(void **state) {
    (void)state;
    failing_allocator allocator = {1, true, 0, 0};
    use_rules(RULE("", 50));
    for (size_t failing = 1; failing <= 3; failing++) {
        memset(&allocator, 0, sizeof allocator);
        allocator.failing = failing;
        allocator.is_sticky = true;
        clf_i_tuning_forget();
        failing_allocator_install(&allocator);
        const int64_t found = value();
        assert_true(found == 7 || (found == 50 && allocator.count < failing));
        clf_i_tuning_forget();
        assert_int_equal(allocator.outstanding, 0);
        failing_allocator_remove();
    }
    assert_int_equal(value(), 50);
}

#define TUNING_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TUNING_TEST(test_tuning_without_a_rule_gives_the_fallback),
        TUNING_TEST(test_tuning_closest_rule_wins),
        TUNING_TEST(test_tuning_value_out_of_range_gives_the_fallback_and_a_line),
        TUNING_TEST(test_tuning_bad_rules_are_left_out_and_named),
        TUNING_TEST(test_tuning_bad_files_are_left_out_and_named),
        TUNING_TEST(test_tuning_folder_is_read_in_alphabetical_order),
        TUNING_TEST(test_tuning_embedded_files_are_understood),
        TUNING_TEST(test_tuning_out_of_memory_gives_the_fallback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
