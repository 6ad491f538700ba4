/* aclInit to aclFinalize: which devices are open, and each thread's own. */
#include <acl/acl_clformer.h>
#include <aclnn/aclnn_base.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acl/acl_device.h"
#include "acl/acl_failure.h"
#include "acl/acl_memory.h"
#include "acl/acl_objects.h"

typedef struct open_device {
    clf_i_acl_device *device; /* NULL: not open */
    size_t num_users;         /* aclrtSetDevice calls and contexts not taken back */
} open_device;

/* The lock is held while a device is opened, and not while one is closed. */
static struct {
    pthread_mutex_t lock;
    bool is_initialized;
    bool was_queried; /* the list is there */
    clf_i_acl_device_list list;
    open_device *open; /* of list.count */
} runtime = {.lock = PTHREAD_MUTEX_INITIALIZER};

static atomic_bool strict_limits;

/* A context's handle; no longer alive once its device was reset. */
static _Thread_local aclrtContext current_context;

/* ---- Beginning and end ---- */

void clf_acl_set_strict(bool is_strict) {
    atomic_store(&strict_limits, is_strict);
}

bool clf_acl_is_strict(void) {
    return atomic_load(&strict_limits);
}

size_t clf_acl_num_live_objects(void) {
    return clf_i_acl_num_registered() + clf_i_acl_num_allocations();
}

static int read_environment(void) {
    const char *value = getenv("CLFORMER_ACL_STRICT");
    if (value == NULL || value[0] == '\0') {
        return ACL_SUCCESS;
    }
    if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM,
                              "aclInit: CLFORMER_ACL_STRICT is \"%.64s\", accepted: 0, 1", value);
    }
    clf_acl_set_strict(value[0] == '1');
    return ACL_SUCCESS;
}

aclError aclInit(const char *configPath) {
    if (configPath != NULL && configPath[0] != '\0' && access(configPath, R_OK) != 0) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM,
                              "aclInit: configPath is \"%.512s\", which cannot be read, accepted: "
                              "NULL or a file (whose content is ignored)",
                              configPath);
    }
    pthread_mutex_lock(&runtime.lock);
    int status = ACL_SUCCESS;
    if (runtime.is_initialized) {
        status =
            clf_i_acl_fail(ACL_ERROR_REPEAT_INITIALIZE,
                           "aclInit: it was called already, accepted: once before aclFinalize");
    } else {
        status = read_environment();
        runtime.is_initialized = status == ACL_SUCCESS;
    }
    pthread_mutex_unlock(&runtime.lock);
    return status;
}

aclError aclFinalize(void) {
    pthread_mutex_lock(&runtime.lock);
    if (!runtime.is_initialized) {
        pthread_mutex_unlock(&runtime.lock);
        return clf_i_acl_fail(ACL_ERROR_REPEAT_FINALIZE,
                              "aclFinalize: there is nothing to end, aclInit was not called or "
                              "aclFinalize was");
    }
    runtime.is_initialized = false;
    open_device *open = runtime.open;
    const size_t count = runtime.list.count;
    runtime.open = NULL;
    runtime.was_queried = false;
    clf_i_acl_device_list_clear(&runtime.list);
    pthread_mutex_unlock(&runtime.lock);

    for (size_t i = 0; open != NULL && i < count; ++i) {
        if (open[i].device != NULL) {
            clf_i_acl_device_close(open[i].device);
        }
    }
    free(open);
    clf_i_acl_memory_free_all(NULL); /* the host's */
    return ACL_SUCCESS;
}

aclnnStatus aclnnInit(const char *configPath) {
    const int status = aclInit(configPath);
    return status == ACL_ERROR_REPEAT_INITIALIZE ? ACL_SUCCESS : status;
}

aclnnStatus aclnnFinalize(void) {
    const int status = aclFinalize();
    return status == ACL_ERROR_REPEAT_FINALIZE ? ACL_SUCCESS : status;
}

aclError aclrtGetVersion(int32_t *majorVersion, int32_t *minorVersion, int32_t *patchVersion) {
    if (majorVersion == NULL || minorVersion == NULL || patchVersion == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM,
                              "aclrtGetVersion: a version's pointer is NULL, three are required");
    }
    *majorVersion = ACL_MAJOR_VERSION;
    *minorVersion = ACL_MINOR_VERSION;
    *patchVersion = ACL_PATCH_VERSION;
    return ACL_SUCCESS;
}

int clf_i_acl_check_initialized(const char *function) {
    pthread_mutex_lock(&runtime.lock);
    const bool is_initialized = runtime.is_initialized;
    pthread_mutex_unlock(&runtime.lock);
    return is_initialized ? ACL_SUCCESS
                          : clf_i_acl_fail(ACL_ERROR_UNINITIALIZE,
                                           "%s: aclInit was not called, or aclFinalize was, "
                                           "accepted: calls between the two",
                                           function);
}

/* ---- Devices ---- */

/* The list of devices is there afterwards. The lock is held. */
static int query_devices(const char *function) {
    if (!runtime.is_initialized) {
        return clf_i_acl_fail(ACL_ERROR_UNINITIALIZE,
                              "%s: aclInit was not called, or aclFinalize was, accepted: calls "
                              "between the two",
                              function);
    }
    if (runtime.was_queried) {
        return ACL_SUCCESS;
    }
    int status = clf_i_acl_device_list_query(function, &runtime.list);
    if (status == ACL_SUCCESS && runtime.list.count > 0) {
        runtime.open = calloc(runtime.list.count, sizeof *runtime.open);
        if (runtime.open == NULL) {
            clf_i_acl_device_list_clear(&runtime.list);
            return clf_i_acl_fail(ACL_ERROR_BAD_ALLOC, "%s: out of host memory", function);
        }
    }
    runtime.was_queried = status == ACL_SUCCESS;
    return status;
}

static int check_device_id(const char *function, int32_t id) {
    if (id >= 0 && (size_t)id < runtime.list.count) {
        return ACL_SUCCESS;
    }
    if (runtime.list.count == 0) {
        return clf_i_acl_fail(ACL_ERROR_RT_INVALID_DEVICEID,
                              "%s: deviceId is %d, but this machine has no OpenCL device", function,
                              (int)id);
    }
    return clf_i_acl_fail(ACL_ERROR_RT_INVALID_DEVICEID,
                          "%s: deviceId is %d, accepted: 0 to %zu, the OpenCL devices", function,
                          (int)id, runtime.list.count - 1);
}

/* Opens the device if it is not, and counts one user more. */
static int use_device(const char *function, int32_t id, clf_i_acl_device **out_device) {
    *out_device = NULL;
    pthread_mutex_lock(&runtime.lock);
    int status = query_devices(function);
    if (status == ACL_SUCCESS) {
        status = check_device_id(function, id);
    }
    if (status == ACL_SUCCESS && runtime.open[id].device == NULL) {
        const char *selector = runtime.list.selectors[id];
        status = clf_i_acl_device_open(function, selector, id, &runtime.open[id].device);
        runtime.open[id].num_users = 0;
    }
    if (status == ACL_SUCCESS) {
        runtime.open[id].num_users++;
        *out_device = runtime.open[id].device;
        clf_i_acl_device_retain(*out_device);
    }
    pthread_mutex_unlock(&runtime.lock);
    return status;
}

/* Takes back one use of a device, or all, and closes it after the last. */
static int leave_device(const char *function, int32_t id, bool leaves_all) {
    clf_i_acl_device *closing = NULL;
    pthread_mutex_lock(&runtime.lock);
    int status = query_devices(function);
    if (status == ACL_SUCCESS) {
        status = check_device_id(function, id);
    }
    if (status == ACL_SUCCESS && runtime.open[id].device == NULL) {
        status = clf_i_acl_fail(ACL_ERROR_RT_INVALID_DEVICEID,
                                "%s: device %d is not in use, accepted: one that aclrtSetDevice "
                                "was called for",
                                function, (int)id);
    }
    if (status == ACL_SUCCESS) {
        open_device *open = &runtime.open[id];
        open->num_users = leaves_all ? 0 : open->num_users - 1;
        if (open->num_users == 0) {
            closing = open->device;
            open->device = NULL;
        }
    }
    pthread_mutex_unlock(&runtime.lock);
    if (closing != NULL) {
        clf_i_acl_device_close(closing);
    }
    return status;
}

aclError aclrtSetDevice(int32_t deviceId) {
    clf_i_acl_device *device = NULL;
    const int status = use_device("aclrtSetDevice", deviceId, &device);
    if (status == ACL_SUCCESS) {
        current_context = device->default_context;
        clf_i_acl_device_release(device);
    }
    return status;
}

aclError aclrtResetDevice(int32_t deviceId) {
    return leave_device("aclrtResetDevice", deviceId, false);
}

aclError aclrtResetDeviceForce(int32_t deviceId) {
    return leave_device("aclrtResetDeviceForce", deviceId, true);
}

int clf_i_acl_current_device(const char *function, clf_i_acl_device **out_device) {
    *out_device = NULL;
    const int status = clf_i_acl_check_initialized(function);
    if (status != ACL_SUCCESS) {
        return status;
    }
    clf_i_acl_object *context = clf_i_acl_find(current_context, CLF_I_ACL_CONTEXT);
    if (context == NULL) {
        return clf_i_acl_fail(ACL_ERROR_RT_CONTEXT_NULL,
                              "%s: this thread has no device, accepted: a call after "
                              "aclrtSetDevice or aclrtSetCurrentContext in the same thread",
                              function);
    }
    *out_device = context->device;
    clf_i_acl_device_retain(*out_device);
    clf_i_acl_release(context);
    return ACL_SUCCESS;
}

aclError aclrtGetDevice(int32_t *deviceId) {
    if (deviceId == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "aclrtGetDevice: deviceId is NULL");
    }
    clf_i_acl_device *device = NULL;
    const int status = clf_i_acl_current_device("aclrtGetDevice", &device);
    if (status == ACL_SUCCESS) {
        *deviceId = device->index;
        clf_i_acl_device_release(device);
    }
    return status;
}

aclError aclrtGetDeviceCount(uint32_t *count) {
    if (count == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "aclrtGetDeviceCount: count is NULL");
    }
    pthread_mutex_lock(&runtime.lock);
    const int status = query_devices("aclrtGetDeviceCount");
    *count = status == ACL_SUCCESS ? (uint32_t)runtime.list.count : 0;
    pthread_mutex_unlock(&runtime.lock);
    return status;
}

aclError aclrtSynchronizeDevice(void) {
    clf_i_acl_device *device = NULL;
    int status = clf_i_acl_current_device("aclrtSynchronizeDevice", &device);
    if (status == ACL_SUCCESS) {
        status = clf_i_acl_device_finish("aclrtSynchronizeDevice", device);
        clf_i_acl_device_release(device);
    }
    return status;
}

aclError aclrtGetRunMode(aclrtRunMode *runMode) {
    if (runMode == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "aclrtGetRunMode: runMode is NULL");
    }
    *runMode = ACL_HOST;
    return ACL_SUCCESS;
}

const char *aclrtGetSocName(void) {
    static _Thread_local char name[256];
    clf_i_acl_device *device = NULL;
    if (clf_i_acl_current_device("aclrtGetSocName", &device) != ACL_SUCCESS) {
        return NULL;
    }
    const cl_int code = clGetDeviceInfo(device->id, CL_DEVICE_NAME, sizeof name, name, NULL);
    clf_i_acl_device_release(device);
    return clf_i_acl_check_cl("aclrtGetSocName", "clGetDeviceInfo", code) == ACL_SUCCESS ? name
                                                                                         : NULL;
}

/* ---- Contexts ---- */

aclError aclrtCreateContext(aclrtContext *context, int32_t deviceId) {
    const char *const function = "aclrtCreateContext";
    if (context == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "%s: context is NULL", function);
    }
    *context = NULL;
    clf_i_acl_device *device = NULL;
    const int status = use_device(function, deviceId, &device);
    if (status != ACL_SUCCESS) {
        return status;
    }
    clf_i_acl_object *object =
        clf_i_acl_object_create(function, CLF_I_ACL_CONTEXT, sizeof *object, device, NULL);
    void *handle = object != NULL ? clf_i_acl_object_publish(function, object) : NULL;
    clf_i_acl_device_release(device);
    if (handle == NULL) {
        (void)leave_device(function, deviceId, false);
        return ACL_ERROR_BAD_ALLOC;
    }
    *context = current_context = handle;
    return ACL_SUCCESS;
}

aclError aclrtDestroyContext(aclrtContext context) {
    const char *const function = "aclrtDestroyContext";
    const int status = clf_i_acl_check_initialized(function);
    if (status != ACL_SUCCESS) {
        return status;
    }
    clf_i_acl_object *object = clf_i_acl_acquire(function, "context", context, CLF_I_ACL_CONTEXT);
    if (object == NULL) {
        return ACL_ERROR_RT_PARAM_INVALID;
    }
    const int32_t id = object->device->index;
    const bool is_default = object->device->default_context == context;
    clf_i_acl_release(object);
    if (is_default) {
        return clf_i_acl_fail(ACL_ERROR_RT_PARAM_INVALID,
                              "%s: context is a device's own, accepted: one of "
                              "aclrtCreateContext (aclrtResetDevice ends a device)",
                              function);
    }
    object = clf_i_acl_withdraw(function, "context", context, CLF_I_ACL_CONTEXT);
    if (object == NULL) {
        return ACL_ERROR_RT_PARAM_INVALID;
    }
    clf_i_acl_release(object);
    return leave_device(function, id, false);
}

aclError aclrtSetCurrentContext(aclrtContext context) {
    const char *const function = "aclrtSetCurrentContext";
    const int status = clf_i_acl_check_initialized(function);
    if (status != ACL_SUCCESS) {
        return status;
    }
    clf_i_acl_object *object = clf_i_acl_acquire(function, "context", context, CLF_I_ACL_CONTEXT);
    if (object == NULL) {
        return ACL_ERROR_RT_PARAM_INVALID;
    }
    current_context = context;
    clf_i_acl_release(object);
    return ACL_SUCCESS;
}

aclError aclrtGetCurrentContext(aclrtContext *context) {
    if (context == NULL) {
        return clf_i_acl_fail(ACL_ERROR_INVALID_PARAM, "aclrtGetCurrentContext: context is NULL");
    }
    clf_i_acl_device *device = NULL;
    const int status = clf_i_acl_current_device("aclrtGetCurrentContext", &device);
    *context = status == ACL_SUCCESS ? current_context : NULL;
    clf_i_acl_device_release(device);
    return status;
}
