/* The library's JSON descriptions, parsed. */
#ifndef CLF_TESTS_TEST_JSON_H
#define CLF_TESTS_TEST_JSON_H

#include <stdbool.h>

#include <jansson.h>

#include <clformer/clformer.h>

/* The caller frees the value with json_decref; a description that is no JSON fails the test. */
json_t *test_plan_json(const clf_plan *plan);
json_t *test_device_json(const clf_device *device);
json_t *test_device_list_json(void);

/* Whether any string in `value`, at any depth, equals `text`. */
bool test_json_has_string(const json_t *value, const char *text);

/* Whether planning succeeded and the plan launches the kernel; prints why it did not. Destroys the
 * plan. */
bool test_plan_launches(clf_status planned, clf_plan *plan, const char *kernel);

#endif
