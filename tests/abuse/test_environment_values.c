/* Every variable the library reads with values nobody should give: right results, or a clear
 * refusal where the variable names what to use. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "test_process.h"
#include "test_session.h"
#include "test_solver.h"

static char text[1 << 18];
static char long_value[10241];

typedef struct variable {
    const char *name;
    bool may_refuse;    /* garbage selects no device          */
    const char *report; /* what is said about garbage, or NULL */
} variable;

static const variable variables[] = {
    {"CLFORMER_DEVICE", true, "CLFORMER_DEVICE is \""},
    {"CLFORMER_VARIANT", false, "CLFORMER_VARIANT is \""},
    {"CLFORMER_VERBOSE", false, "CLFORMER_VERBOSE has the word"},
    {"CLFORMER_CACHE", false, "CLFORMER_CACHE is \""},
    {"CLFORMER_CACHE_DIR", false, NULL},
    {"CLFORMER_CACHE_SIZE", false, NULL}, /* looked at when something is stored */
    {"CLFORMER_TUNE_PATH", false, "tuning file "},
    {"CLFORMER_CPU_EXTENSIONS", false, NULL}, /* asked for by bf16 attention only */
    {"CLFORMER_GEMM", false, NULL},           /* asked for by FFN only */
    {"CLFORMER_DUMP_DIR", false, NULL},
    {"XDG_CACHE_HOME", false, NULL},
    {"HOME", false, NULL},
};

static void try_value(const variable *tried, const char *value, bool is_garbage) {
    setenv(tried->name, value, 1);
    const int result = test_solve(text, sizeof text);
    if (tried->may_refuse && is_garbage) {
        assert_int_equal(result, NO_DEVICE);
        test_expect_contains(text, "refused: ");
        test_expect_contains(text, "0:0");
    } else if (result != SOLVED) {
        fail_msg("%s with a bad value: exit code %d: %.3000s", tried->name, result, text);
    }
    if (tried->report != NULL && is_garbage) {
        test_expect_contains(text, tried->report);
    }
}

static void test_environment_bad_values_do_no_harm(void **state) {
    (void)state;
    char folder[512];
    char garbage[128];
    int count = 0;
    test_environment_prepare();
    test_folder_make(folder, sizeof folder);
    assert_int_equal(chdir(folder), 0); /* relative paths end here */
    memset(long_value, 'x', sizeof long_value - 1);
    setenv("CLFORMER_CACHE_DIR", folder, 1);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const variable *tried = &variables[i];
        char *before = getenv(tried->name) != NULL ? strdup(getenv(tried->name)) : NULL;
        if (strcmp(tried->name, "XDG_CACHE_HOME") == 0 || strcmp(tried->name, "HOME") == 0) {
            unsetenv("CLFORMER_CACHE_DIR"); /* or they would not be looked at */
        }
        try_value(tried, "", false);
        snprintf(garbage, sizeof garbage, "garbage for %s", tried->name);
        try_value(tried, garbage, true);
        try_value(tried, long_value, true);
        snprintf(garbage, sizeof garbage, "\xff\xfe\x80,\xc3 %s", tried->name);
        try_value(tried, garbage, true);
        count += 4;
        if (before != NULL) {
            setenv(tried->name, before, 1);
            free(before);
        } else {
            unsetenv(tried->name);
        }
        setenv("CLFORMER_CACHE_DIR", folder, 1);
    }
    assert_int_equal(chdir("/"), 0);
    test_folder_remove(folder);
    printf("%d cases\n", count);
}

static void test_environment_variant_chooses_for_auto(void **state) {
    (void)state;
    static const char *const good[] = {"auto", "portable"};
    for (size_t i = 0; i < 2; i++) {
        setenv("CLFORMER_VARIANT", good[i], 1);
        assert_int_equal(test_solve(text, sizeof text), SOLVED);
        assert_null(strstr(text, "CLFORMER_VARIANT is"));
    }
    test_expect_contains(text, ",portable,");
    unsetenv("CLFORMER_VARIANT");
}

static void test_environment_no_driver_is_reported(void **state) {
    (void)state;
    char folder[512];
    test_folder_make(folder, sizeof folder);
    setenv("OCL_ICD_VENDORS", folder, 1); /* an empty folder: no platform */
    assert_int_equal(test_solve(text, sizeof text), NO_DEVICE);
    test_expect_contains(text, "no OpenCL device was found");
    unsetenv("OCL_ICD_VENDORS");
    test_folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_environment_bad_values_do_no_harm),
        cmocka_unit_test(test_environment_variant_chooses_for_auto),
        cmocka_unit_test(test_environment_no_driver_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
