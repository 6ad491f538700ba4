/* What the tests of the ACL library share. */
#ifndef CLF_TESTS_ACL_TEST_H
#define CLF_TESTS_ACL_TEST_H

#include <acl/acl.h>
#include <acl/acl_clformer.h>
#include <aclnn/aclnn_base.h>

#include "cmocka_all.h"

/*
 * Caches inside the build folder and PoCL's affinity, where they are not set. Call before the first
 * OpenCL call.
 */
void acl_test_prepare(void);

/* Fixtures of cmocka: aclInit and aclrtSetDevice(0); the end resets and finalizes, and fails if any
 * object of the library or of OpenCL (where the counting layer is loaded) is left. */
int acl_test_begin(void **state);
int acl_test_end(void **state);

/* Fails the test unless no object of the library and of OpenCL is left. */
void acl_test_nothing_is_left(void);

/* Fails the test, with the library's sentence, unless `call` returns 0. */
#define acl_succeeds(call) acl_test_status((call), 0, NULL, #call, __FILE__, __LINE__)
/* Fails the test unless `call` returns `status` and the sentence contains `part`. */
#define acl_fails(call, status, part)                                                              \
    acl_test_status((call), (status), (part), #call, __FILE__, __LINE__)
void acl_test_status(int status, int expected, const char *part, const char *expression,
                     const char *file, int line);

/* Device memory with a copy of the bytes; fails the test if there is none. */
void *acl_test_upload(const void *bytes, size_t size);

#endif
