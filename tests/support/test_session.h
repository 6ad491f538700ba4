/* What every test on a device needs: the device, a queue, and proof that nothing leaked. */
#ifndef CLF_TESTS_TEST_SESSION_H
#define CLF_TESTS_TEST_SESSION_H

#include <clformer/clformer.h>

typedef struct test_session {
    clf_device *device;
    cl_context context;
    cl_device_id id;
    cl_command_queue queue;
    bool has_cpu_variant;
} test_session;

/*
 * Defaults for variables that are not set: POCL_AFFINITY, and caches inside the build folder, so
 * that tests neither use nor fill the user's. Call before the first OpenCL call.
 */
void test_environment_prepare(void);

/* Group fixtures of cmocka: *state becomes a test_session. Opens $CLFORMER_DEVICE or the best one;
 * the end checks that no OpenCL object is left (where the counting layer is loaded). */
int test_session_begin(void **state);
int test_session_end(void **state);

/* Live OpenCL objects of all kinds, counted by references; -1 if the layer is not loaded. */
long test_live_objects(void);
/* "contexts 1, queues 0, ..." for messages. */
const char *test_live_objects_text(void);

/* Fails the test, with clf_last_error(), unless the status is as expected. */
#define test_expect_status(status, expected)                                                       \
    test_expect_status_at((status), (expected), #status, __FILE__, __LINE__)
void test_expect_status_at(clf_status status, clf_status expected, const char *expression,
                           const char *file, int line);
#define test_succeeds(status) test_expect_status(status, CLF_SUCCESS)

/* Fails the test unless `text` contains `part`. */
#define test_expect_contains(text, part) test_expect_contains_at((text), (part), __FILE__, __LINE__)
void test_expect_contains_at(const char *text, const char *part, const char *file, int line);

#endif
