/* See test_json.h. */
#include "test_json.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "test_session.h"

static clf_status describe(const clf_device *device, const clf_plan *plan, char *json,
                           size_t *size) {
    return plan != NULL     ? clf_plan_describe(plan, json, size)
           : device != NULL ? clf_device_describe(device, json, size)
                            : clf_device_list(json, size);
}

static json_t *parse(const clf_device *device, const clf_plan *plan) {
    size_t size = 0;
    test_succeeds(describe(device, plan, NULL, &size));
    assert_true(size > 2);
    char *text = (char *)malloc(size);
    assert_non_null(text);
    test_succeeds(describe(device, plan, text, &size));
    assert_int_equal(strlen(text) + 1, size);
    json_error_t error;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL) {
        fail_msg("not JSON: %s: %s", error.text, text);
    }
    free(text);
    return value;
}

json_t *test_plan_json(const clf_plan *plan) {
    return parse(NULL, plan);
}

json_t *test_device_json(const clf_device *device) {
    return parse(device, NULL);
}

json_t *test_device_list_json(void) {
    return parse(NULL, NULL);
}

bool test_json_has_string(const json_t *value, const char *text) {
    if (json_is_string(value)) {
        return strcmp(json_string_value(value), text) == 0;
    }
    size_t index;
    const json_t *element;
    json_array_foreach(value, index, element) {
        if (test_json_has_string(element, text)) {
            return true;
        }
    }
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, key, member) {
        if (test_json_has_string(member, text)) {
            return true;
        }
    }
    return false;
}

bool test_plan_launches(clf_status planned, clf_plan *plan, const char *kernel) {
    if (planned != CLF_SUCCESS) {
        printf("%s\n", clf_last_error());
        return false;
    }
    json_t *description = test_plan_json(plan);
    const bool launches = test_json_has_string(description, kernel);
    json_decref(description);
    clf_plan_destroy(plan);
    if (!launches) {
        printf("the plan does not launch %s\n", kernel);
    }
    return launches;
}
