/* Device and host memory, addresses inside allocations, copies of all kinds, setting. */
#include <stdlib.h>
#include <string.h>

#include "acl_test.h"

#define SIZE 10007

static void fill(unsigned char *bytes, size_t size, unsigned seed) {
    for (size_t i = 0; i < size; ++i) {
        bytes[i] = (unsigned char)((i * 167 + seed * 31) >> 2);
    }
}

static void *device_memory(size_t size) {
    void *address = NULL;
    acl_succeeds(aclrtMalloc(&address, size, ACL_MEM_MALLOC_NORMAL_ONLY));
    return address;
}

static void expect_on_device(const void *address, const void *expected, size_t size) {
    unsigned char *found = calloc(size, 1);
    acl_succeeds(aclrtMemcpy(found, size, address, size, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_memory_equal(found, expected, size);
    free(found);
}

static void test_addresses_inside_allocations_work(void **state) {
    (void)state;
    unsigned char *image = calloc(SIZE, 1);
    fill(image, SIZE, 1);
    unsigned char *device = acl_test_upload(image, SIZE);
    static const size_t places[] = {0, 1, 3, 4095, 4096, 5003, SIZE - 9};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; ++i) {
        unsigned char patch[9];
        fill(patch, sizeof patch, 7 + (unsigned)i);
        memcpy(image + places[i], patch, sizeof patch);
        acl_succeeds(aclrtMemcpy(device + places[i], SIZE - places[i], patch, sizeof patch,
                                 ACL_MEMCPY_HOST_TO_DEVICE));
        expect_on_device(device + places[i], image + places[i], SIZE - places[i]);
    }
    expect_on_device(device, image, SIZE);
    acl_fails(aclrtFree(device + 1), ACL_ERROR_RT_PARAM_INVALID, "lies inside an allocation");
    acl_fails(aclrtFree(device + SIZE), ACL_ERROR_RT_PARAM_INVALID, "lies inside an allocation");
    acl_succeeds(aclrtFree(device));
    acl_fails(aclrtFree(device), ACL_ERROR_RT_PARAM_INVALID, "or was freed");
    acl_fails(aclrtFree(NULL), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtFree(image), ACL_ERROR_RT_PARAM_INVALID, "not an address of this library");
    free(image);
}

static void test_ranges_may_not_leave_their_allocation(void **state) {
    (void)state;
    unsigned char bytes[64] = {0};
    unsigned char *device = acl_test_upload(bytes, 64);
    acl_fails(aclrtMemcpy(device + 1, 64, bytes, 64, ACL_MEMCPY_HOST_TO_DEVICE),
              ACL_ERROR_RT_PARAM_INVALID, "64 bytes from byte 1 of dst's allocation of 64");
    acl_fails(aclrtMemcpy(bytes, 64, device + 60, 5, ACL_MEMCPY_DEVICE_TO_HOST),
              ACL_ERROR_RT_PARAM_INVALID, "5 bytes from byte 60 of src's");
    acl_fails(aclrtMemset(device + 63, 2, 0, 2), ACL_ERROR_RT_PARAM_INVALID,
              "2 bytes from byte 63");
    acl_fails(aclrtMemcpy(device, 10, bytes, 11, ACL_MEMCPY_HOST_TO_DEVICE),
              ACL_ERROR_INVALID_PARAM, "count is 11, accepted: up to destMax, which is 10");
    acl_fails(aclrtMemset(device, 10, 0, 11), ACL_ERROR_INVALID_PARAM, "which is 10");
    acl_fails(aclrtMemcpy(device + 100, 1, bytes, 1, ACL_MEMCPY_HOST_TO_DEVICE),
              ACL_ERROR_RT_PARAM_INVALID, "not device memory");
    acl_succeeds(aclrtMemcpy(device + 64, 0, bytes, 0, ACL_MEMCPY_HOST_TO_DEVICE));
    acl_succeeds(aclrtFree(device));
}

static void test_kinds_that_do_not_fit_are_refused(void **state) {
    (void)state;
    unsigned char bytes[16] = {0};
    void *device = acl_test_upload(bytes, 16);
    const struct {
        void *dst;
        const void *src;
        aclrtMemcpyKind kind;
        int status;
        const char *part;
    } cases[] = {
        {bytes, bytes, ACL_MEMCPY_HOST_TO_DEVICE, ACL_ERROR_RT_PARAM_INVALID, "dst is"},
        {device, device, ACL_MEMCPY_HOST_TO_DEVICE, ACL_ERROR_RT_PARAM_INVALID, "src is"},
        {device, bytes, ACL_MEMCPY_DEVICE_TO_HOST, ACL_ERROR_RT_PARAM_INVALID, "dst is"},
        {bytes, bytes, ACL_MEMCPY_DEVICE_TO_HOST, ACL_ERROR_RT_PARAM_INVALID, "src is"},
        {device, bytes, ACL_MEMCPY_DEVICE_TO_DEVICE, ACL_ERROR_RT_PARAM_INVALID, "src is"},
        {device, bytes, ACL_MEMCPY_HOST_TO_HOST, ACL_ERROR_RT_PARAM_INVALID, "dst is"},
        {device, bytes, (aclrtMemcpyKind)8, ACL_ERROR_INVALID_PARAM, "kind is 8"},
        {NULL, bytes, ACL_MEMCPY_HOST_TO_HOST, ACL_ERROR_INVALID_PARAM, "dst is NULL"},
        {device, NULL, ACL_MEMCPY_HOST_TO_DEVICE, ACL_ERROR_INVALID_PARAM, "src is NULL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        acl_fails(aclrtMemcpy(cases[i].dst, 16, cases[i].src, 16, cases[i].kind), cases[i].status,
                  cases[i].part);
        acl_fails(aclrtMemcpyAsync(cases[i].dst, 16, cases[i].src, 16, cases[i].kind, NULL),
                  cases[i].status, cases[i].part);
    }
    acl_succeeds(aclrtFree(device));
}

/* Blocking for a NULL stream's sign, else on the stream and waited for. */
static void copy(void *dst, const void *src, size_t size, aclrtMemcpyKind kind, bool is_async,
                 aclrtStream stream) {
    if (is_async) {
        acl_succeeds(aclrtMemcpyAsync(dst, size, src, size, kind, stream));
        acl_succeeds(aclrtSynchronizeStream(stream));
    } else {
        acl_succeeds(aclrtMemcpy(dst, size, src, size, kind));
    }
}

static void copy_in_all_ways(bool is_async, aclrtStream stream) {
    unsigned char *image = calloc(SIZE, 1);
    unsigned char *back = calloc(SIZE, 1);
    unsigned char *first = device_memory(SIZE + 5);
    unsigned char *second = device_memory(SIZE + 3);
    fill(image, SIZE, is_async ? 3 : 4);
    copy(first + 5, image, SIZE, ACL_MEMCPY_HOST_TO_DEVICE, is_async, stream);
    copy(second + 3, first + 5, SIZE, ACL_MEMCPY_DEVICE_TO_DEVICE, is_async, stream);
    copy(back, second + 3, SIZE, ACL_MEMCPY_DEVICE_TO_HOST, is_async, stream);
    assert_memory_equal(back, image, SIZE);
    fill(image, SIZE, 5);
    copy(first, image, SIZE, ACL_MEMCPY_DEFAULT, is_async, stream);
    copy(second, first, SIZE, ACL_MEMCPY_DEFAULT, is_async, stream);
    copy(back, second, SIZE, ACL_MEMCPY_DEFAULT, is_async, stream);
    assert_memory_equal(back, image, SIZE);
    fill(image, SIZE, 6);
    copy(back, image, SIZE, ACL_MEMCPY_HOST_TO_HOST, is_async, stream);
    assert_memory_equal(back, image, SIZE);
    copy(first, image, SIZE, ACL_MEMCPY_HOST_TO_BUF_TO_DEVICE, is_async, stream);
    copy(second, first, SIZE, ACL_MEMCPY_INNER_DEVICE_TO_DEVICE, is_async, stream);
    expect_on_device(second, image, SIZE);
    acl_succeeds(aclrtFree(first));
    acl_succeeds(aclrtFree(second));
    free(image);
    free(back);
}

static void test_copies_of_all_kinds_arrive(void **state) {
    (void)state;
    aclrtStream stream = NULL;
    acl_succeeds(aclrtCreateStream(&stream));
    copy_in_all_ways(false, NULL);
    copy_in_all_ways(true, NULL);
    copy_in_all_ways(true, stream);
    acl_succeeds(aclrtDestroyStream(stream));
}

static void test_overlapping_ranges_are_copied_as_if_read_first(void **state) {
    (void)state;
    static const struct {
        size_t dst, src, size;
    } cases[] = {{0, 1, SIZE - 1},  {1, 0, SIZE - 1}, {100, 4000, 5000},
                 {4000, 100, 5000}, {77, 77, 900},    {0, SIZE / 2, SIZE / 2}};
    unsigned char *image = calloc(SIZE, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        for (int is_async = 0; is_async < 2; ++is_async) {
            fill(image, SIZE, 10 + (unsigned)i);
            unsigned char *device = acl_test_upload(image, SIZE);
            copy(device + cases[i].dst, device + cases[i].src, cases[i].size,
                 ACL_MEMCPY_DEVICE_TO_DEVICE, is_async != 0, NULL);
            memmove(image + cases[i].dst, image + cases[i].src, cases[i].size);
            expect_on_device(device, image, SIZE);
            acl_succeeds(aclrtFree(device));
        }
    }
    free(image);
}

static void test_memory_is_set(void **state) {
    (void)state;
    unsigned char *image = calloc(SIZE, 1);
    fill(image, SIZE, 20);
    unsigned char *device = acl_test_upload(image, SIZE);
    unsigned char *host = NULL;
    acl_succeeds(aclrtMallocHost((void **)&host, SIZE));

    acl_succeeds(aclrtMemset(device + 13, SIZE - 13, 0x1a5, 701)); /* the lowest byte counts */
    memset(image + 13, 0xa5, 701);
    acl_succeeds(aclrtMemsetAsync(device + 5000, 100, -1, 100, NULL));
    memset(image + 5000, 0xff, 100);
    acl_succeeds(aclrtMemset(device, SIZE, 1, 0));
    acl_succeeds(aclrtSynchronizeStream(NULL));
    expect_on_device(device, image, SIZE);

    acl_succeeds(aclrtMemset(host, SIZE, 3, SIZE));
    acl_succeeds(aclrtMemsetAsync(host + 1, SIZE - 1, 4, 1, NULL));
    acl_succeeds(aclrtSynchronizeStream(NULL));
    assert_true(host[0] == 3 && host[1] == 4 && host[2] == 3 && host[SIZE - 1] == 3);
    acl_fails(aclrtMemset(image, SIZE, 0, SIZE), ACL_ERROR_RT_PARAM_INVALID,
              "no memory of this library");
    acl_fails(aclrtMemset(NULL, SIZE, 0, SIZE), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_succeeds(aclrtFreeHost(host));
    acl_succeeds(aclrtFree(device));
    free(image);
}

static void test_host_memory_is_its_own(void **state) {
    (void)state;
    unsigned char *host = NULL;
    unsigned char bytes[100];
    fill(bytes, sizeof bytes, 30);
    void *device = acl_test_upload(bytes, sizeof bytes);
    acl_succeeds(aclrtMallocHost((void **)&host, 100));
    assert_int_equal((uintptr_t)host % 64, 0);
    acl_succeeds(aclrtMemcpy(host, 100, device, 100, ACL_MEMCPY_DEVICE_TO_HOST));
    assert_memory_equal(host, bytes, 100);
    acl_fails(aclrtMemcpy(host + 1, 100, device, 100, ACL_MEMCPY_DEVICE_TO_HOST),
              ACL_ERROR_RT_PARAM_INVALID, "leave it");
    acl_fails(aclrtFree(host), ACL_ERROR_RT_PARAM_INVALID, "memory of the other kind");
    acl_fails(aclrtFreeHost(device), ACL_ERROR_RT_PARAM_INVALID, "memory of the other kind");
    acl_fails(aclrtFreeHost(bytes), ACL_ERROR_RT_PARAM_INVALID, "not an address");
    acl_fails(aclrtFreeHost(host + 8), ACL_ERROR_RT_PARAM_INVALID, "inside an allocation");
    acl_succeeds(aclrtFreeHost(host));
    acl_fails(aclrtFreeHost(host), ACL_ERROR_RT_PARAM_INVALID, "was freed");
    acl_fails(aclrtMallocHost(NULL, 1), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtMallocHost((void **)&host, 0), ACL_ERROR_INVALID_PARAM, "size is 0");
    acl_succeeds(aclrtFree(device));
}

static void test_sizes_that_cannot_be_had_are_refused(void **state) {
    (void)state;
    void *address = &address;
    acl_fails(aclrtMalloc(&address, 0, ACL_MEM_MALLOC_HUGE_FIRST), ACL_ERROR_INVALID_PARAM,
              "size is 0");
    assert_null(address);
    acl_fails(aclrtMalloc(NULL, 8, ACL_MEM_MALLOC_HUGE_FIRST), ACL_ERROR_INVALID_PARAM, "NULL");
    acl_fails(aclrtMalloc(&address, (size_t)1 << 45, ACL_MEM_MALLOC_HUGE_FIRST),
              ACL_ERROR_BAD_ALLOC, "aclrtMalloc: no");
    acl_fails(aclrtMalloc(&address, SIZE_MAX, ACL_MEM_MALLOC_HUGE_FIRST), ACL_ERROR_BAD_ALLOC,
              "aclrtMalloc: no");
    assert_null(address);
}

static void test_memory_in_use_is_counted(void **state) {
    (void)state;
    size_t before = 0;
    size_t after = 0;
    size_t total = 0;
    acl_succeeds(aclrtGetMemInfo(ACL_HBM_MEM, &before, &total));
    assert_true(before > 0 && before <= total);
    void *address = device_memory(SIZE);
    acl_succeeds(aclrtGetMemInfo(ACL_HBM_MEM, &after, &total));
    assert_int_equal(before - after, SIZE);
    acl_succeeds(aclrtFree(address));
    acl_succeeds(aclrtGetMemInfo(ACL_HBM_MEM, &after, &total));
    assert_int_equal(before, after);
    acl_fails(aclrtGetMemInfo(ACL_HBM_MEM, NULL, &total), ACL_ERROR_INVALID_PARAM, "free is NULL");
}

static void test_many_allocations_are_found_again(void **state) {
    (void)state;
    enum { COUNT = 300 };
    unsigned char *addresses[COUNT];
    for (size_t i = 0; i < COUNT; ++i) {
        addresses[i] = device_memory(i + 1);
        acl_succeeds(aclrtMemset(addresses[i], i + 1, (int32_t)i, i + 1));
    }
    for (size_t i = 0; i < COUNT; i += 2) {
        acl_succeeds(aclrtFree(addresses[i]));
    }
    for (size_t i = 1; i < COUNT; i += 2) {
        unsigned char last = 0;
        acl_succeeds(aclrtMemcpy(&last, 1, addresses[i] + i, 1, ACL_MEMCPY_DEVICE_TO_HOST));
        assert_int_equal(last, i % 256);
        acl_succeeds(aclrtFree(addresses[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_inside_allocations_work),
        cmocka_unit_test(test_ranges_may_not_leave_their_allocation),
        cmocka_unit_test(test_kinds_that_do_not_fit_are_refused),
        cmocka_unit_test(test_copies_of_all_kinds_arrive),
        cmocka_unit_test(test_overlapping_ranges_are_copied_as_if_read_first),
        cmocka_unit_test(test_memory_is_set),
        cmocka_unit_test(test_host_memory_is_its_own),
        cmocka_unit_test(test_sizes_that_cannot_be_had_are_refused),
        cmocka_unit_test(test_memory_in_use_is_counted),
        cmocka_unit_test(test_many_allocations_are_found_again),
    };
    return cmocka_run_group_tests(tests, acl_test_begin, acl_test_end);
}
