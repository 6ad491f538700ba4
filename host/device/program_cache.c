/* Programs of a device: looked up by everything that determines their binary. */
#include "device/program_cache.h"

#include <string.h>

#include "core/failure.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/text.h"
#include "device/disk_cache.h"
#include "device/kernel_source.h"
#include "device/opencl.h"
#include "device/program_build.h"

struct clf_i_program {
    clf_i_program *next;
    clf_i_hash hash; /* of the key below */
    clf_i_text key;
    cl_program program;
};

/* Source, options, device, driver and this layout's version: a change of any is another program. */
static void append_key(clf_i_text *key, const clf_i_capabilities *device,
                       const clf_i_program_source *source) {
    clf_i_text_format(
        key,
        "clformer program key 1\nplatform: %s\nplatform version: %s\ndevice: %s\n"
        "vendor: %s\ndevice version: %s\ndriver: %s\nkernel: %s\noptions: %s\nsource:\n",
        device->platform, device->platform_version, device->name, device->vendor, device->version,
        device->driver, source->kernel, source->options);
    clf_i_text_append_bytes(key, source->text.data, source->text.length);
}

static clf_i_program *find(const clf_device *device, const clf_i_text *key, clf_i_hash hash) {
    for (clf_i_program *entry = device->programs; entry != NULL; entry = entry->next) {
        if (entry->hash.low == hash.low && entry->hash.high == hash.high &&
            entry->key.length == key->length &&
            memcmp(entry->key.data, key->data, key->length) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* From disk: a hit that the driver does not take is a miss. */
static bool load(clf_device *device, const clf_i_program_source *source, const clf_i_text *key,
                 cl_program *out_program) {
    void *binary = NULL;
    size_t size = 0;
    if (!clf_i_disk_cache_load(key->data, key->length, &binary, &size)) {
        return false;
    }
    const bool loaded = clf_i_program_from_binary(device, source, binary, size, out_program);
    clf_i_release(binary);
    return loaded;
}

static clf_status build_and_store(clf_device *device, const clf_i_program_source *source,
                                  const clf_i_text *key, cl_program *out_program) {
    const clf_status status = clf_i_program_from_source(device, source, out_program);
    if (status != CLF_SUCCESS) {
        return status;
    }
    size_t size = 0;
    void *binary = clf_i_program_binary(*out_program, &size);
    if (binary != NULL) {
        clf_i_disk_cache_store(key->data, key->length, binary, size);
        clf_i_release(binary);
    }
    return CLF_SUCCESS;
}

/* Takes over the key on success. */
static clf_status add(clf_device *device, const clf_i_program_source *source, clf_i_text *key,
                      clf_i_hash hash, cl_program *out_program) {
    clf_i_program *entry = clf_i_allocate(1, sizeof *entry);
    if (entry == NULL) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a program");
    }
    clf_status status = CLF_SUCCESS;
    if (!load(device, source, key, &entry->program)) {
        status = build_and_store(device, source, key, &entry->program);
    }
    if (status != CLF_SUCCESS) {
        clf_i_release(entry);
        return status;
    }
    entry->hash = hash;
    entry->key = *key;
    memset(key, 0, sizeof *key);
    entry->next = device->programs;
    device->programs = entry;
    *out_program = entry->program;
    return CLF_SUCCESS;
}

/* Builds happen under the lock: two threads that want the same program build it once. */
static clf_status find_or_add(clf_device *device, const clf_i_program_source *source,
                              clf_i_text *key, cl_program *out_program) {
    const clf_i_hash hash = clf_i_hash_bytes(key->data, key->length);
    clf_status status = CLF_SUCCESS;
    pthread_mutex_lock(&device->programs_lock);
    const clf_i_program *entry = find(device, key, hash);
    if (entry != NULL) {
        *out_program = entry->program;
    } else {
        status = add(device, source, key, hash, out_program);
    }
    pthread_mutex_unlock(&device->programs_lock);
    return status;
}

clf_status clf_i_program_get(clf_device *device, const char *kernel, const char *options,
                             cl_program *out_program) {
    clf_i_program_source source = {.kernel = kernel, .options = options};
    clf_status status = clf_i_kernel_source(kernel, &source.text);
    clf_i_text key = {0};
    if (status == CLF_SUCCESS) {
        append_key(&key, &device->capabilities, &source);
        status = key.failed ? clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for a program")
                            : find_or_add(device, &source, &key, out_program);
    }
    clf_i_text_clear(&key);
    clf_i_text_clear(&source.text);
    return status;
}

void clf_i_program_cache_clear(clf_device *device) {
    while (device->programs != NULL) {
        clf_i_program *entry = device->programs;
        device->programs = entry->next;
        clReleaseProgram(entry->program);
        clf_i_text_clear(&entry->key);
        clf_i_release(entry);
    }
}
