/*
 * Device memory behind addresses that programs do arithmetic on, and host memory from
 * aclrtMallocHost. Both stand in one table, ordered by address.
 */
#ifndef CLF_ACL_MEMORY_H
#define CLF_ACL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "acl/acl_device.h"

/* Where an address lies; keeps buffer and device until ..._done. */
typedef struct clf_i_acl_place {
    cl_mem buffer; /* NULL: host memory */
    size_t offset; /* of the address, in bytes; at most `size` */
    size_t size;   /* of the allocation */
    clf_i_acl_device *device;
} clf_i_acl_place;

/* Whether the address lies in an allocation, its end included; fills *out_place if so. */
bool clf_i_acl_locate(const void *address, clf_i_acl_place *out_place);
void clf_i_acl_place_done(clf_i_acl_place *place);

/* Frees all memory of a device; of the host for NULL. */
void clf_i_acl_memory_free_all(const clf_i_acl_device *device);

size_t clf_i_acl_num_allocations(void);

#endif
