/* Handing text to a caller's buffer, and JSON values as text. */
#ifndef CLF_CORE_DELIVER_H
#define CLF_CORE_DELIVER_H

#include <stddef.h>

#include <jansson.h>

#include <clformer/status.h>

/*
 * The size-then-fill convention of the public describe functions: `*size` is the capacity on entry
 * and the bytes needed on return; buffer == NULL asks for the size. Consumes `value`, which may be
 * NULL (a failed allocation).
 */
clf_status clf_i_deliver_json(json_t *value, char *buffer, size_t *size);

#endif
