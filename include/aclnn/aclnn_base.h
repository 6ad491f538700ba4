/*
 * The two-phase operator functions: what all of them share.
 *
 *     aclnn<Operator>GetWorkspaceSize(tensors, attributes, &workspaceSize, &executor)
 *     aclnn<Operator>(workspace, workspaceSize, executor, stream)
 *
 * The first phase checks everything and plans; the second enqueues on the stream and returns without
 * waiting. `workspace` is device memory of at least workspaceSize bytes; NULL where that is 0.
 * Statuses of every second phase: ACLNN_ERR_PARAM_NULLPTR for no executor, no workspace though one is
 * needed, or a tensor that has no address yet; ACLNN_ERR_PARAM_INVALID for an executor that is not
 * alive or another operator's, a stream that is not alive or another device's, a workspace that is
 * too small or not device memory; ACLNN_ERR_RUNTIME_ERROR if the device fails.
 */
#ifndef CLFORMER_ACLNN_ACLNN_BASE_H
#define CLFORMER_ACLNN_ACLNN_BASE_H

#include <aclnn/acl_meta.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACLNN_SUCCESS 0

#define ACLNN_ERR_PARAM_NULLPTR 161001
#define ACLNN_ERR_PARAM_INVALID 161002

#define ACLNN_ERR_RUNTIME_ERROR 361001

#define ACLNN_ERR_INNER                    561000
#define ACLNN_ERR_INNER_INFERSHAPE_ERROR   561001
#define ACLNN_ERR_INNER_TILING_ERROR       561002
#define ACLNN_ERR_INNER_FIND_KERNEL_ERROR  561003
#define ACLNN_ERR_INNER_CREATE_EXECUTOR    561101
#define ACLNN_ERR_INNER_NOT_TRANS_EXECUTOR 561102
#define ACLNN_ERR_INNER_NULLPTR            561103

/* As aclInit and aclFinalize, but a repetition is a success. */
CLF_ACL_API aclnnStatus aclnnInit(const char *configPath);
CLF_ACL_API aclnnStatus aclnnFinalize(void);

#ifdef __cplusplus
}
#endif

#endif
