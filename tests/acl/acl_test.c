/* See acl_test.h. */
#include "acl_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_session.h"

void acl_test_prepare(void) {
    setenv("POCL_AFFINITY", "1", 0);
    setenv("POCL_CACHE_DIR", TEST_CACHE_FOLDER "/pocl", 0);
    setenv("CLFORMER_CACHE_DIR", TEST_CACHE_FOLDER "/clformer", 0);
    unsetenv("CLFORMER_ACL_STRICT");
}

int acl_test_begin(void **state) {
    (void)state;
    acl_test_prepare();
    acl_succeeds(aclInit(NULL));
    acl_succeeds(aclrtSetDevice(0));
    printf("live OpenCL objects counted: %s\n",
           test_live_objects() < 0 ? "no (OPENCL_LAYERS does not name the counter)" : "yes");
    return 0;
}

int acl_test_end(void **state) {
    (void)state;
    acl_succeeds(aclrtResetDevice(0));
    acl_succeeds(aclFinalize());
    acl_test_nothing_is_left();
    return 0;
}

void acl_test_nothing_is_left(void) {
    assert_int_equal(clf_acl_num_live_objects(), 0);
    const long live = test_live_objects();
    if (live > 0) {
        fail_msg("OpenCL objects are left: %s", test_live_objects_text());
    }
}

void acl_test_status(int status, int expected, const char *part, const char *expression,
                     const char *file, int line) {
    const char *message = aclGetRecentErrMsg();
    if (status != expected) {
        print_error("%s\n  returned %d, expected %d; the sentence: %s\n", expression, status,
                    expected, message);
        _fail(file, line);
    }
    if (part != NULL && strstr(message, part) == NULL) {
        print_error("%s\n  said: %s\n  which has no: %s\n", expression, message, part);
        _fail(file, line);
    }
}

void *acl_test_upload(const void *bytes, size_t size) {
    void *address = NULL;
    acl_succeeds(aclrtMalloc(&address, size, ACL_MEM_MALLOC_HUGE_FIRST));
    acl_succeeds(aclrtMemcpy(address, size, bytes, size, ACL_MEMCPY_HOST_TO_DEVICE));
    return address;
}
