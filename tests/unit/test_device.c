/* Opening, creating, describing and listing devices; bad selectors of every kind. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "device/device_internal.h"
#include "device/device_table.h"
#include "test_json.h"
#include "test_session.h"

static char first_name[256];

static int begin(void **state) {
    (void)state;
    test_environment_prepare();
    unsetenv("CLFORMER_DEVICE");
    clf_device *device = NULL;
    if (clf_device_open(NULL, &device) != CLF_SUCCESS) {
        print_error("no device: %s\n", clf_last_error());
        return -1;
    }
    clGetDeviceInfo(clf_device_id(device), CL_DEVICE_NAME, sizeof first_name, first_name, NULL);
    clf_device_destroy(device);
    return 0;
}

static int end(void **state) {
    (void)state;
    if (test_live_objects() > 0) {
        print_error("left behind: %s\n", test_live_objects_text());
        return -1;
    }
    return 0;
}

static void expect_opens(const char *selector) {
    clf_device *device = NULL;
    test_succeeds(clf_device_open(selector, &device));
    assert_non_null(clf_device_id(device));
    assert_non_null(clf_device_context(device));
    clf_device_destroy(device);
}

static void expect_no_device(const char *selector) {
    clf_device *device = (clf_device *)&device;
    test_expect_status(clf_device_open(selector, &device), CLF_ERR_NO_DEVICE);
    assert_null(device);
    /* All devices are listed. */
    test_expect_contains(clf_last_error(), "0:0");
    test_expect_contains(clf_last_error(), first_name);
}

static void test_open_good_selectors_find_the_device(void **state) {
    (void)state;
    expect_opens(NULL);
    expect_opens("");
    char name[256];
    snprintf(name, sizeof name, "%s", first_name);
    for (char *at = name; *at != '\0'; at++) {
        *at = (char)toupper((unsigned char)*at);
    }
    json_t *list = test_device_list_json();
    if (json_array_size(list) == 1) {
        expect_opens("0:0");
        expect_opens(first_name);
        expect_opens(name);
        expect_opens(json_string_value(json_object_get(json_array_get(list, 0), "type")));
        expect_opens(json_string_value(json_object_get(json_array_get(list, 0), "index")));
    } else {
        print_message("several devices: names and types may be ambiguous, only indices tested\n");
        for (size_t i = 0; i < json_array_size(list); i++) {
            expect_opens(json_string_value(json_object_get(json_array_get(list, i), "index")));
        }
    }
    json_decref(list);
}

static void test_open_bad_selectors_list_the_candidates(void **state) {
    (void)state;
    static const char *const selectors[] = {
        "no such device",
        "999:0",
        "0:999",
        "4294967296:0",
        "0:4294967296",
        "00000000000000000000000000000000000000000:1",
        " ",
        "gpux",
        "CPU:",
        ":0",
        "0:",
        "-1:0",
        "\xff\xfe\x80",
        "\n",
        "%s%n%d",
        "../../etc/passwd",
    };
    for (size_t i = 0; i < sizeof selectors / sizeof selectors[0]; i++) {
        clf_device *device = NULL;
        const clf_status status = clf_device_open(selectors[i], &device);
        if (status == CLF_SUCCESS) { /* " " may well be part of the name */
            assert_non_null(strstr(first_name, selectors[i]) != NULL ? first_name : NULL);
            clf_device_destroy(device);
        } else {
            expect_no_device(selectors[i]);
        }
    }
}

static void test_open_very_long_selector_is_refused(void **state) {
    (void)state;
    char *text = (char *)malloc(10241);
    assert_non_null(text);
    memset(text, 'q', 10240);
    text[10240] = '\0';
    expect_no_device(text);
    assert_true(strlen(clf_last_error()) < 10240);
    free(text);
}

static void test_open_environment_is_the_default_selector(void **state) {
    (void)state;
    setenv("CLFORMER_DEVICE", "0:0", 1);
    expect_opens(NULL);
    expect_opens("");
    setenv("CLFORMER_DEVICE", "no such device", 1);
    expect_no_device(NULL);
    test_expect_contains(clf_last_error(), "CLFORMER_DEVICE is \"no such device\"");
    expect_opens("0:0"); /* an explicit selector wins */
    setenv("CLFORMER_DEVICE", "", 1);
    expect_opens(NULL);
    unsetenv("CLFORMER_DEVICE");
}

/* The machine may have one device only: ambiguity is tried on a made-up table. */
static void test_select_ambiguous_selector_lists_the_candidates(void **state) {
    (void)state;
    static const struct {
        const char *index;
        const char *name;
        clf_i_device_type type;
    } made_up[] = {{"0:0", "Foo 100", CLF_I_DEVICE_CPU},
                   {"1:0", "Foo 200", CLF_I_DEVICE_GPU},
                   {"1:1", "Bar 200", CLF_I_DEVICE_GPU}};
    clf_i_device_entry entries[3];
    const clf_i_device_table table = {entries, 3};
    const clf_i_device_entry *found = NULL;
    memset(entries, 0, sizeof entries);
    for (int i = 0; i < 3; i++) {
        snprintf(entries[i].capabilities.index, 24, "%s", made_up[i].index);
        snprintf(entries[i].capabilities.name, CLF_I_NAME, "%s", made_up[i].name);
        snprintf(entries[i].capabilities.platform, CLF_I_NAME, "Platform %c", 'A' + i);
        entries[i].capabilities.type = made_up[i].type;
    }
    static const char *const ambiguous[] = {"gpu", "foo", "200", "platform"};
    for (size_t i = 0; i < sizeof ambiguous / sizeof ambiguous[0]; i++) {
        test_expect_status(clf_i_device_table_select(&table, ambiguous[i], &found),
                           CLF_ERR_NO_DEVICE);
        test_expect_contains(clf_last_error(), ambiguous[i]);
        for (int j = 0; j < 3; j++) {
            test_expect_contains(clf_last_error(), made_up[j].index);
            test_expect_contains(clf_last_error(), made_up[j].name);
        }
    }
    static const struct {
        const char *selector;
        int index;
    } clear[] = {{"cpu", 0},        {"foo 2", 1}, {"BAR", 2}, {"1:1", 2},
                 {"platform b", 1}, {NULL, 1},    {"", 1}};
    for (size_t i = 0; i < sizeof clear / sizeof clear[0]; i++) {
        test_succeeds(clf_i_device_table_select(&table, clear[i].selector, &found));
        assert_ptr_equal(found, &entries[clear[i].index]);
    }
    test_expect_status(clf_i_device_table_select(&table, "accelerator", &found), CLF_ERR_NO_DEVICE);
    const clf_i_device_table empty = {NULL, 0};
    test_expect_status(clf_i_device_table_select(&empty, NULL, &found), CLF_ERR_NO_DEVICE);
    test_expect_status(clf_i_device_table_select(&empty, "cpu", &found), CLF_ERR_NO_DEVICE);
}

static void test_open_null_place_is_refused(void **state) {
    (void)state;
    test_expect_status(clf_device_open(NULL, NULL), CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "out_device is NULL");
}

/* ---- A context of the caller ---- */

static void test_create_uses_and_keeps_the_callers_context(void **state) {
    (void)state;
    clf_device *opened = NULL;
    clf_device *created = NULL;
    cl_int code = CL_SUCCESS;
    test_succeeds(clf_device_open(NULL, &opened));
    cl_device_id id = clf_device_id(opened);
    cl_context context = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    test_succeeds(clf_device_create(context, id, &created));
    assert_ptr_equal(clf_device_context(created), context);
    assert_ptr_equal(clf_device_id(created), id);
    cl_uint references = 0;
    clGetContextInfo(context, CL_CONTEXT_REFERENCE_COUNT, sizeof references, &references, NULL);
    assert_true(references >= 2);
    clReleaseContext(context);
    json_decref(test_device_json(created));
    clf_device_destroy(created);
    clf_device_destroy(opened);
}

static void test_create_bad_arguments_are_refused(void **state) {
    (void)state;
    clf_device *opened = NULL;
    test_succeeds(clf_device_open(NULL, &opened));
    cl_context context = clf_device_context(opened);
    cl_device_id id = clf_device_id(opened);
    clf_device *created = (clf_device *)&created;
    test_expect_status(clf_device_create(NULL, id, &created), CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "context is NULL");
    assert_null(created);
    created = (clf_device *)&created;
    test_expect_status(clf_device_create(context, NULL, &created), CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "id is NULL");
    assert_null(created);
    test_expect_status(clf_device_create(context, id, NULL), CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "out_device is NULL");
    /* A device that is not the context's: any other handle will do, it is only compared. */
    created = (clf_device *)&created;
    test_expect_status(clf_device_create(context, (cl_device_id)(uintptr_t)&created, &created),
                       CLF_ERR_PARAM_INVALID);
    test_expect_contains(clf_last_error(), "id is not one of");
    assert_null(created);
    clf_device_destroy(opened);
}

static void test_accessors_of_null_give_null(void **state) {
    (void)state;
    assert_null(clf_device_context(NULL));
    assert_null(clf_device_id(NULL));
}

/* ---- Descriptions ---- */

static void test_describe_has_the_documented_members(void **state) {
    (void)state;
    static const char *const members[] = {
        "index",        "name",    "vendor",           "driver",
        "type",         "version", "language_version", "compute_units",
        "fp16",         "fp64",    "global_memory",    "max_allocation",
        "local_memory", "variants"};
    clf_device *device = NULL;
    test_succeeds(clf_device_open(NULL, &device));
    json_t *value = test_device_json(device);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (json_object_get(value, members[i]) == NULL) {
            fail_msg("the description lacks \"%s\"", members[i]);
        }
    }
    assert_string_equal(json_string_value(json_object_get(value, "name")), first_name);
    json_t *variants = json_object_get(value, "variants");
    assert_int_equal(json_array_size(variants), 3);
    for (size_t i = 0; i < 3; i++) {
        json_t *variant = json_array_get(variants, i);
        const bool available = json_is_true(json_object_get(variant, "available"));
        assert_int_equal(json_is_string(json_object_get(variant, "reason")), !available);
    }
    json_decref(value);
    clf_device_destroy(device);
}

static void test_describe_bad_arguments_are_refused(void **state) {
    (void)state;
    clf_device *device = NULL;
    size_t size = 0;
    char text[8] = "#######";
    test_succeeds(clf_device_open(NULL, &device));
    test_expect_status(clf_device_describe(NULL, NULL, &size), CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "device is NULL");
    test_expect_status(clf_device_describe(device, NULL, NULL), CLF_ERR_PARAM_NULLPTR);
    test_expect_contains(clf_last_error(), "size is NULL");
    size = sizeof text;
    test_expect_status(clf_device_describe(device, text, &size), CLF_ERR_PARAM_INVALID);
    assert_true(size > sizeof text);
    assert_string_equal(text, "#######");
    test_expect_contains(clf_last_error(), "size is 8");
    test_expect_status(clf_device_list(NULL, NULL), CLF_ERR_PARAM_NULLPTR);
    size = 1;
    test_expect_status(clf_device_list(text, &size), CLF_ERR_PARAM_INVALID);
    assert_string_equal(text, "#######");
    clf_device_destroy(device);
}

static void test_list_agrees_with_the_opened_devices(void **state) {
    (void)state;
    json_t *list = test_device_list_json();
    assert_true(json_is_array(list));
    assert_true(json_array_size(list) >= 1);
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *entry = json_array_get(list, i);
        clf_device *device = NULL;
        test_succeeds(clf_device_open(json_string_value(json_object_get(entry, "index")), &device));
        json_t *described = test_device_json(device);
        assert_true(json_equal(json_object_get(entry, "name"), json_object_get(described, "name")));
        assert_true(
            json_equal(json_object_get(entry, "index"), json_object_get(described, "index")));
        json_decref(described);
        clf_device_destroy(device);
    }
    json_decref(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_good_selectors_find_the_device),
        cmocka_unit_test(test_open_bad_selectors_list_the_candidates),
        cmocka_unit_test(test_open_very_long_selector_is_refused),
        cmocka_unit_test(test_open_environment_is_the_default_selector),
        cmocka_unit_test(test_select_ambiguous_selector_lists_the_candidates),
        cmocka_unit_test(test_open_null_place_is_refused),
        cmocka_unit_test(test_create_uses_and_keeps_the_callers_context),
        cmocka_unit_test(test_create_bad_arguments_are_refused),
        cmocka_unit_test(test_accessors_of_null_give_null),
        cmocka_unit_test(test_describe_has_the_documented_members),
        cmocka_unit_test(test_describe_bad_arguments_are_refused),
        cmocka_unit_test(test_list_agrees_with_the_opened_devices),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
