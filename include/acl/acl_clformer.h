/* What clformer adds to the interface of CANN. Programs that are to run elsewhere leave it alone. */
#ifndef CLFORMER_ACL_ACL_CLFORMER_H
#define CLFORMER_ACL_ACL_CLFORMER_H

#include <acl/acl_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Whether the aclnn functions also refuse what only an NPU cannot do (docs/coming-from-cann.md lists
 * the limits). Off at first; aclInit sets it from the environment variable CLFORMER_ACL_STRICT (0 or
 * 1) if that is set. Counts for first phases that begin later, in all threads.
 */
CLF_ACL_API void clf_acl_set_strict(bool is_strict);
CLF_ACL_API bool clf_acl_is_strict(void);

/* Tensors, arrays, scalars, streams, events, contexts, executors, device and host memory that are
 * alive: 0 where a program has destroyed all that it made. For tests of programs. */
CLF_ACL_API size_t clf_acl_num_live_objects(void);

#ifdef __cplusplus
}
#endif

#endif
