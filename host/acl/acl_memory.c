/* Allocations: a reserved address range without access stands for each buffer of a device. */
#include "acl/acl_memory.h"

#include <acl/acl_rt.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "acl/acl_failure.h"

#define HOST_ALIGNMENT 64

typedef struct allocation {
    uintptr_t base;
    size_t size;
    size_t reserved;          /* bytes of address range, more than `size`; 0: host memory */
    cl_mem buffer;            /* NULL: host memory */
    clf_i_acl_device *device; /* retained; NULL: host memory */
} allocation;

static struct {
    pthread_mutex_t lock;
    allocation *entries; /* by base */
    size_t count;
    size_t capacity;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- The table; the lock is held ---- */

/* The number of allocations that begin at or below the address. */
static size_t num_below(uintptr_t address) {
    size_t low = 0;
    size_t high = table.count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (table.entries[middle].base <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool insert(const allocation *added) {
    if (table.count == table.capacity) {
        const size_t capacity = table.capacity != 0 ? 2 * table.capacity : 64;
        allocation *entries = realloc(table.entries, capacity * sizeof *entries);
        if (entries == NULL) {
            return false;
        }
        table.entries = entries;
        table.capacity = capacity;
    }
    const size_t place = num_below(added->base);
    memmove(&table.entries[place + 1], &table.entries[place],
            (table.count - place) * sizeof *table.entries);
    table.entries[place] = *added;
    table.count++;
    return true;
}

static void erase(size_t place) {
    table.count--;
    memmove(&table.entries[place], &table.entries[place + 1],
            (table.count - place) * sizeof *table.entries);
}

/* ---- Allocations ---- */

/* Gives up what an allocation holds. */
static void give_up(const allocation *freed) {
    if (freed->buffer == NULL) {
        free((void *)freed->base);
        return;
    }
    munmap((void *)freed->base, freed->reserved);
    clReleaseMemObject(freed->buffer);
    atomic_fetch_sub(&freed->device->num_bytes, freed->size);
    clf_i_acl_device_release(freed->device);
}

/* Puts an allocation into the table, or gives it up. */
static int add(const char *function, const allocation *added) {
    pthread_mutex_lock(&table.lock);
    const bool is_closed = added->device != NULL && atomic_load(&added->device->is_closed);
    const bool is_added = !is_closed && insert(added);
    pthread_mutex_unlock(&table.lock);
    if (is_added) {
        return ACL_SUCCESS;
    }
    give_up(added);
    return clf_i_acl_fail(ACL_ERROR_BAD_ALLOC, "%s: %s", function,
                          is_closed ? "the device was reset by another thread"
                                    : "out of host memory");
}

static int fail_allocation(const char *function, size_t size, const clf_i_acl_device *device,
                           cl_int code) {
    return clf_i_acl_fail(ACL_ERROR_BAD_ALLOC,
                          "%s: no %zu bytes of memory on device %d, %zu are in use (clCreateBuffer "
                          "failed with %s)",
                          function, size, (int)device->index, atomic_load(&device->num_bytes),
                          clf_i_acl_code_text(code));
}

/* A page more than the size, so that an address just behind belongs to nothing else. */
static int reserve(const char *function, allocation *made) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *range = MAP_FAILED;
    if (made->size <= SIZE_MAX / 2) {
        made->reserved = (made->size / page + 2) * page;
        range = mmap(NULL, made->reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                     -1, 0);
    }
    if (range == MAP_FAILED) {
        return clf_i_acl_fail(ACL_ERROR_BAD_ALLOC, "%s: no address range of %zu bytes is left",
                              function, made->size);
    }
    made->base = (uintptr_t)range;
    return ACL_SUCCESS;
}

static int allocate_on(const char *function, clf_i_acl_device *device, size_t size,
                       void **out_address) {
    allocation made = {.size = size, .device = device};
    int status = reserve(function, &made);
    if (status != ACL_SUCCESS) {
        return status;
    }
    cl_int code = CL_SUCCESS;
    made.buffer = clCreateBuffer(device->context, CL_MEM_READ_WRITE, size, NULL, &code);
    if (code != CL_SUCCESS) {
        munmap((void *)made.base, made.reserved);
        return fail_allocation(function, size, device, code);
    }
    clf_i_acl_device_retain(device);
    atomic_fetch_add(&device->num_bytes, size);
    status = add(function, &made);
    *out_address = status == ACL_SUCCESS ? (void *)made.base : NULL;
    return status;
}

static int allocate(const char *function, void **address, size_t size) {
    if (address == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "%s: devPtr is NULL", function);
    }
    *address = NULL;
    clf_i_acl_device *device = NULL;
    int status = clf_i_acl_current_device(function, &device);
    if (status != ACL_SUCCESS) {
        return status;
    }
    if (size == 0) {
        status = clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "%s: size is 0, accepted: 1 and more",
                                function);
    } else {
        status = allocate_on(function, device, size, address);
    }
    clf_i_acl_device_release(device);
    return status;
}

aclError aclrtMalloc(void **devPtr, size_t size, aclrtMemMallocPolicy policy) {
    (void)policy;
    return allocate("aclrtMalloc", devPtr, size);
}

aclError aclrtMallocAlign32(void **devPtr, size_t size, aclrtMemMallocPolicy policy) {
    (void)policy;
    return allocate("aclrtMallocAlign32", devPtr, size);
}

aclError aclrtMallocHost(void **hostPtr, size_t size) {
    const char *const function = "aclrtMallocHost";
    if (hostPtr == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "%s: hostPtr is NULL", function);
    }
    *hostPtr = NULL;
    int status = clf_i_acl_check_initialized(function);
    if (status != ACL_SUCCESS) {
        return status;
    }
    if (size == 0) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "%s: size is 0, accepted: 1 and more",
                              function);
    }
    void *memory = NULL;
    if (posix_memalign(&memory, HOST_ALIGNMENT, size) != 0) {
        return clf_i_acl_fail(ACL_ERROR_BAD_ALLOC, "%s: no %zu bytes of host memory", function,
                              size);
    }
    const allocation made = {.base = (uintptr_t)memory, .size = size};
    status = add(function, &made);
    *hostPtr = status == ACL_SUCCESS ? memory : NULL;
    return status;
}

/* ---- Freeing ---- */

static int fail_free(const char *function, const void *address, bool is_known, bool is_inside) {
    return clf_i_acl_fail(ACL_ERROR_RT_PARAM_INVALID, "%s: %p %s, accepted: what %s gave, once",
                          function, address,
                          is_inside  ? "lies inside an allocation"
                          : is_known ? "is memory of the other kind"
                                     : "is not an address of this library, or was freed",
                          strcmp(function, "aclrtFree") == 0 ? "aclrtMalloc" : "aclrtMallocHost");
}

static int free_address(const char *function, void *address, bool is_on_host) {
    const int status = clf_i_acl_check_initialized(function);
    if (status != ACL_SUCCESS) {
        return status;
    }
    if (address == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "%s: the address is NULL", function);
    }
    allocation freed = {0};
    const uintptr_t wanted = (uintptr_t)address;
    pthread_mutex_lock(&table.lock);
    const size_t below = num_below(wanted);
    const bool is_known =
        below > 0 && wanted - table.entries[below - 1].base <= table.entries[below - 1].size;
    if (is_known) {
        freed = table.entries[below - 1];
    }
    const bool is_start = is_known && freed.base == wanted;
    const bool fits = is_start && (freed.buffer == NULL) == is_on_host;
    if (fits) {
        erase(below - 1);
    }
    pthread_mutex_unlock(&table.lock);
    if (!fits) {
        return fail_free(function, address, is_known, is_known && !is_start);
    }
    give_up(&freed);
    return ACL_SUCCESS;
}

aclError aclrtFree(void *devPtr) {
    return free_address("aclrtFree", devPtr, false);
}

aclError aclrtFreeHost(void *hostPtr) {
    return free_address("aclrtFreeHost", hostPtr, true);
}

void clf_i_acl_memory_free_all(const clf_i_acl_device *device) {
    for (;;) {
        allocation freed = {0};
        bool is_found = false;
        pthread_mutex_lock(&table.lock);
        for (size_t i = table.count; i > 0 && !is_found; --i) {
            is_found = table.entries[i - 1].device == device;
            if (is_found) {
                freed = table.entries[i - 1];
                erase(i - 1);
            }
        }
        if (table.count == 0) {
            free(table.entries);
            table.entries = NULL;
            table.capacity = 0;
        }
        pthread_mutex_unlock(&table.lock);
        if (!is_found) {
            return;
        }
        give_up(&freed);
    }
}

/* ---- Looking up ---- */

bool clf_i_acl_locate(const void *address, clf_i_acl_place *out_place) {
    const uintptr_t wanted = (uintptr_t)address;
    memset(out_place, 0, sizeof *out_place);
    pthread_mutex_lock(&table.lock);
    const size_t below = num_below(wanted);
    const allocation *found = below > 0 ? &table.entries[below - 1] : NULL;
    /* The byte behind host memory may be another's; behind device memory lies a page of its own. */
    const bool is_found =
        found != NULL && wanted - found->base < found->size + (found->buffer != NULL ? 1 : 0);
    if (is_found) {
        out_place->buffer = found->buffer;
        out_place->offset = (size_t)(wanted - found->base);
        out_place->size = found->size;
        out_place->device = found->device;
        clf_i_acl_device_retain(found->device);
        if (found->buffer != NULL) {
            clRetainMemObject(found->buffer);
        }
    }
    pthread_mutex_unlock(&table.lock);
    return is_found;
}

void clf_i_acl_place_done(clf_i_acl_place *place) {
    if (place->buffer != NULL) {
        clReleaseMemObject(place->buffer);
        place->buffer = NULL;
    }
    clf_i_acl_device_release(place->device);
    place->device = NULL;
}

size_t clf_i_acl_num_allocations(void) {
    pthread_mutex_lock(&table.lock);
    const size_t count = table.count;
    pthread_mutex_unlock(&table.lock);
    return count;
}

aclError aclrtGetMemInfo(aclrtMemAttr attr, size_t *free, size_t *total) {
    const char *const function = "aclrtGetMemInfo";
    (void)attr;
    if (free == NULL || total == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "%s: %s is NULL", function,
                              free == NULL ? "free" : "total");
    }
    clf_i_acl_device *device = NULL;
    int status = clf_i_acl_current_device(function, &device);
    if (status != ACL_SUCCESS) {
        return status;
    }
    cl_ulong size = 0;
    status = clf_i_acl_check_cl(
        function, "clGetDeviceInfo",
        clGetDeviceInfo(device->id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof size, &size, NULL));
    if (status == ACL_SUCCESS) {
        const size_t used = atomic_load(&device->num_bytes);
        *total = (size_t)size;
        *free = *total > used ? *total - used : 0;
    }
    clf_i_acl_device_release(device);
    return status;
}
