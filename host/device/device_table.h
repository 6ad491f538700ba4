/* All OpenCL devices of the machine, counted as `clinfo -l` counts them. */
#ifndef CLF_DEVICE_DEVICE_TABLE_H
#define CLF_DEVICE_DEVICE_TABLE_H

#include <stddef.h>

#include "device/capabilities.h"

typedef struct clf_i_device_entry {
    cl_platform_id platform;
    cl_device_id id;
    clf_i_capabilities capabilities;
} clf_i_device_entry;

typedef struct clf_i_device_table {
    clf_i_device_entry *entries;
    size_t num_entries;
} clf_i_device_table;

/* Platforms without devices count as platforms. No platform at all is an empty table, no error. */
clf_status clf_i_device_table_query(clf_i_device_table *out_table);
void clf_i_device_table_clear(clf_i_device_table *table);

/* The entry that `selector` means (NULL: the default); CLF_ERR_NO_DEVICE with all candidates listed
 * if there is none or more than one. */
clf_status clf_i_device_table_select(const clf_i_device_table *table, const char *selector,
                                     const clf_i_device_entry **out_entry);

#endif
