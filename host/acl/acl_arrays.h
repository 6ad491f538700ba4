/* What all descriptive objects have in common. */
#ifndef CLF_ACL_ARRAYS_H
#define CLF_ACL_ARRAYS_H

#include "acl/acl_objects.h"

/* clf_i_acl_acquire with aclnn's statuses: 161001 for NULL, 161002 for what is no live object of the
 * kind. `out_object` points to a pointer to the kind's struct. */
aclnnStatus clf_i_acl_open(const char *function, const char *argument, const void *handle,
                           clf_i_acl_kind kind, void *out_object);

/* Ends an object; NULL is a success. */
aclnnStatus clf_i_acl_destroy(const char *function, const char *argument, const void *handle,
                              clf_i_acl_kind kind);

#endif
