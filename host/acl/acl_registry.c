/*
 * The registry: a hash table from handle to object, with open addressing. Handles count up, so that
 * their low bits are the hash. All of it is behind one lock, held for a few instructions.
 */
#include <pthread.h>
#include <stdlib.h>

#include "acl/acl_device.h"
#include "acl/acl_failure.h"
#include "acl/acl_objects.h"

#define FIRST_CAPACITY 64 /* a power of two; at most half is used */

/* A handle: serial number, kind, and a one that no address of an object has. */
#define SERIAL_SHIFT 5
#define KIND_SHIFT   1
#define KIND_MASK    15u

static struct {
    pthread_mutex_t lock;
    clf_i_acl_object **slots;
    size_t capacity;
    size_t count;
    uintptr_t last_serial;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const char *const kind_texts[CLF_I_ACL_NUM_KINDS] = {
    "a context",        "a stream",         "an event",         "an aclTensor",
    "an aclScalar",     "an aclIntArray",   "an aclFloatArray", "an aclBoolArray",
    "an aclTensorList", "an aclScalarList", "an aclOpExecutor",
};

/* ---- The table; the lock is held ---- */

static size_t home_of(uintptr_t handle, size_t capacity) {
    return (size_t)(handle >> SERIAL_SHIFT) & (capacity - 1);
}

/* The slot of a handle, or the empty slot where it would be put. */
static size_t slot_of(uintptr_t handle) {
    size_t slot = home_of(handle, registry.capacity);
    while (registry.slots[slot] != NULL && registry.slots[slot]->handle != handle) {
        slot = (slot + 1) & (registry.capacity - 1);
    }
    return slot;
}

static clf_i_acl_object *look_up(uintptr_t handle) {
    return registry.capacity != 0 ? registry.slots[slot_of(handle)] : NULL;
}

static bool make_room(void) {
    if (registry.capacity != 0 && registry.count < registry.capacity / 2) {
        return true;
    }
    const size_t old_capacity = registry.capacity;
    clf_i_acl_object **old_slots = registry.slots;
    const size_t capacity = old_capacity != 0 ? 2 * old_capacity : FIRST_CAPACITY;
    clf_i_acl_object **slots = calloc(capacity, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    registry.slots = slots;
    registry.capacity = capacity;
    for (size_t i = 0; i < old_capacity; ++i) {
        if (old_slots[i] != NULL) {
            slots[slot_of(old_slots[i]->handle)] = old_slots[i];
        }
    }
    free(old_slots);
    return true;
}

/* Empties a slot and moves up what was put behind it because it was taken. */
static void erase(size_t hole) {
    const size_t mask = registry.capacity - 1;
    for (size_t slot = (hole + 1) & mask; registry.slots[slot] != NULL; slot = (slot + 1) & mask) {
        const size_t home = home_of(registry.slots[slot]->handle, registry.capacity);
        if (((slot - home) & mask) >= ((slot - hole) & mask)) {
            registry.slots[hole] = registry.slots[slot];
            hole = slot;
        }
    }
    registry.slots[hole] = NULL;
    registry.count--;
}

/* ---- Objects ---- */

void *clf_i_acl_object_create(const char *function, clf_i_acl_kind kind, size_t size,
                              clf_i_acl_device *device, void (*clear)(clf_i_acl_object *object)) {
    clf_i_acl_object *object = calloc(1, size);
    if (object == NULL) {
        clf_i_acl_say("%s: out of host memory for %s", function, kind_texts[kind]);
        return NULL;
    }
    object->kind = kind;
    atomic_init(&object->num_references, 1);
    object->device = device;
    object->clear = clear;
    clf_i_acl_device_retain(device);
    return object;
}

void *clf_i_acl_object_publish(const char *function, void *published_object) {
    clf_i_acl_object *object = published_object;
    pthread_mutex_lock(&registry.lock);
    const bool is_closed = object->device != NULL && atomic_load(&object->device->is_closed);
    const bool has_room = !is_closed && make_room();
    uintptr_t handle = 0;
    if (has_room) {
        handle = ++registry.last_serial << SERIAL_SHIFT | (uintptr_t)object->kind << KIND_SHIFT | 1;
        object->handle = handle;
        registry.slots[slot_of(handle)] = object;
        registry.count++;
    }
    pthread_mutex_unlock(&registry.lock);
    if (!has_room) {
        clf_i_acl_say("%s: %s", function,
                      is_closed ? "the device was reset by another thread" : "out of host memory");
        clf_i_acl_release(object);
    }
    return (void *)handle;
}

void clf_i_acl_release(void *released_object) {
    clf_i_acl_object *object = released_object;
    if (object == NULL || atomic_fetch_sub(&object->num_references, 1) > 1) {
        return;
    }
    if (object->clear != NULL) {
        object->clear(object);
    }
    clf_i_acl_device *device = object->device;
    free(object);
    clf_i_acl_device_release(device);
}

/* The live object with one reference more, or with `withdraws` the registry's. */
static clf_i_acl_object *take(const void *handle, clf_i_acl_kind kind, bool withdraws) {
    pthread_mutex_lock(&registry.lock);
    clf_i_acl_object *object = look_up((uintptr_t)handle);
    if (object != NULL && object->kind != kind) {
        object = NULL;
    }
    if (object != NULL && withdraws) {
        erase(slot_of(object->handle));
    } else if (object != NULL) {
        atomic_fetch_add(&object->num_references, 1);
    }
    pthread_mutex_unlock(&registry.lock);
    return object;
}

/* What a handle that is not a live one of the wanted kind is. */
static void explain(const char *function, const char *argument, const void *handle,
                    clf_i_acl_kind wanted) {
    if (handle == NULL) {
        clf_i_acl_say("%s: %s is NULL, %s is required", function, argument, kind_texts[wanted]);
        return;
    }
    pthread_mutex_lock(&registry.lock);
    const bool is_alive = look_up((uintptr_t)handle) != NULL;
    const uintptr_t last_serial = registry.last_serial;
    pthread_mutex_unlock(&registry.lock);

    const uintptr_t bits = (uintptr_t)handle;
    const uintptr_t serial = bits >> SERIAL_SHIFT;
    const uintptr_t kind = bits >> KIND_SHIFT & KIND_MASK;
    const bool is_ours =
        (bits & 1) != 0 && kind < CLF_I_ACL_NUM_KINDS && serial > 0 && serial <= last_serial;
    if (!is_ours) {
        clf_i_acl_say("%s: %s %p is not a handle of this library, %s is required", function,
                      argument, handle, kind_texts[wanted]);
    } else if (is_alive) {
        clf_i_acl_say("%s: %s is %s, %s is required", function, argument, kind_texts[kind],
                      kind_texts[wanted]);
    } else if (kind == CLF_I_ACL_EXECUTOR) {
        clf_i_acl_say("%s: %s is an aclOpExecutor that has run or was destroyed, accepted: one "
                      "run each, or aclSetAclOpExecutorRepeatable before the first",
                      function, argument);
    } else {
        clf_i_acl_say("%s: %s is %s that was destroyed, a live one is required", function, argument,
                      kind_texts[kind]);
    }
}

void *clf_i_acl_find(const void *handle, clf_i_acl_kind kind) {
    return take(handle, kind, false);
}

void *clf_i_acl_acquire(const char *function, const char *argument, const void *handle,
                        clf_i_acl_kind kind) {
    void *object = take(handle, kind, false);
    if (object == NULL) {
        explain(function, argument, handle, kind);
    }
    return object;
}

void *clf_i_acl_withdraw(const char *function, const char *argument, const void *handle,
                         clf_i_acl_kind kind) {
    void *object = take(handle, kind, true);
    if (object == NULL) {
        explain(function, argument, handle, kind);
    }
    return object;
}

/* ---- All objects of a device ---- */

void clf_i_acl_withdraw_all(const clf_i_acl_device *device) {
    clf_i_acl_object *withdrawn = NULL;
    pthread_mutex_lock(&registry.lock);
    for (size_t i = 0; i < registry.capacity; ++i) {
        clf_i_acl_object *object = registry.slots[i];
        if (object != NULL && object->device == device) {
            object->next = withdrawn;
            withdrawn = object;
        }
    }
    for (const clf_i_acl_object *object = withdrawn; object != NULL; object = object->next) {
        erase(slot_of(object->handle));
    }
    pthread_mutex_unlock(&registry.lock);
    while (withdrawn != NULL) {
        clf_i_acl_object *object = withdrawn;
        withdrawn = object->next;
        clf_i_acl_release(object);
    }
}

clf_i_acl_object **clf_i_acl_collect(clf_i_acl_kind kind, const clf_i_acl_device *device,
                                     size_t *out_count) {
    clf_i_acl_object **found = NULL;
    size_t count = 0;
    pthread_mutex_lock(&registry.lock);
    for (size_t pass = 0; pass < 2; ++pass) {
        count = 0;
        for (size_t i = 0; i < registry.capacity; ++i) {
            clf_i_acl_object *object = registry.slots[i];
            if (object == NULL || object->kind != kind || object->device != device) {
                continue;
            }
            if (found != NULL) {
                atomic_fetch_add(&object->num_references, 1);
                found[count] = object;
            }
            count++;
        }
        if (pass == 0 && count > 0) {
            found = malloc(count * sizeof(clf_i_acl_object *));
        }
        if (found == NULL) {
            break;
        }
    }
    pthread_mutex_unlock(&registry.lock);
    *out_count = count;
    return found;
}

size_t clf_i_acl_num_registered(void) {
    pthread_mutex_lock(&registry.lock);
    const size_t count = registry.count;
    pthread_mutex_unlock(&registry.lock);
    return count;
}
