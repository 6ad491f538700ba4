/*
 * The native operators' arguments, as the tests of those have them, given to the aclnn functions:
 * tensors become aclTensors at the address of their copy in ACL's device memory, or without one.
 */
#ifndef CLF_TESTS_ACLNN_BRIDGE_H
#define CLF_TESTS_ACLNN_BRIDGE_H

#include <acl/acl.h>
#include <aclnn/aclnn_base.h>
#include <clformer/clformer.h>

#include "test_tensor.h"

#define ACLNN_BRIDGE_MAX_TENSORS 20
#define ACLNN_BRIDGE_MAX_ARRAYS  5

/* A tensor whose bytes are in ACL's device memory. */
typedef struct aclnn_place {
    const clf_tensor *view; /* as the arguments point to it */
    const test_tensor *memory;
    void *address;
    size_t num_bytes;
} aclnn_place;

typedef struct aclnn_bridge {
    aclrtStream stream;
    aclnn_place places[ACLNN_BRIDGE_MAX_TENSORS];
    size_t num_places;
    aclTensor *tensors[ACLNN_BRIDGE_MAX_TENSORS];
    void *addresses[ACLNN_BRIDGE_MAX_TENSORS]; /* of the tensors' places */
    bool places_later; /* tensors are made without them; see aclnn_bridge_set_addresses */
    size_t num_tensors;
    aclIntArray *arrays[ACLNN_BRIDGE_MAX_ARRAYS];
    size_t num_arrays;
    bool creation_failed;  /* aclCreateTensor refused a tensor */
    bool without_size;     /* the next first phases get NULL as workspaceSize ... */
    bool without_executor; /* ... or as executor */
    aclFormat format;      /* of tensor number `format_of`; of the others ND */
    size_t format_of;
    uint64_t workspace_size;
    aclOpExecutor *executor;
} aclnn_bridge;

typedef aclnnStatus (*aclnn_phase2)(void *workspace, uint64_t workspace_size,
                                    aclOpExecutor *executor, aclrtStream stream);

/* aclInit .. aclrtCreateStream, and back; a failure fails the test. */
void aclnn_bridge_begin(aclnn_bridge *bridge);
void aclnn_bridge_end(aclnn_bridge *bridge);

/* Copies the memory's image to the device. `memory` NULL: zeros, as much as the view needs, if it is
 * contiguous. */
void aclnn_bridge_place(aclnn_bridge *bridge, const clf_tensor *view, const test_tensor *memory);

/* "" or which byte of which place is not as in the native result. */
void aclnn_bridge_compare(const aclnn_bridge *bridge, char *problem, size_t capacity);

/* Destroys tensors and arrays (between the phases) and frees places (afterwards). */
void aclnn_bridge_forget(aclnn_bridge *bridge);
void aclnn_bridge_free_places(aclnn_bridge *bridge);

/* First phases, by version: bridge->workspace_size and executor receive the results. */
typedef enum aclnn_version { ACLNN_V1 = 1, ACLNN_V2, ACLNN_V3, ACLNN_V4 } aclnn_version;
aclnnStatus aclnn_plan_softmax(aclnn_bridge *bridge, const clf_scaled_masked_softmax_args *args);
aclnnStatus aclnn_plan_softmax_grad(aclnn_bridge *bridge,
                                    const clf_scaled_masked_softmax_grad_args *args);
aclnnStatus aclnn_plan_ffn(aclnn_bridge *bridge, const clf_ffn_args *args, aclnn_version version);
aclnnStatus aclnn_plan_floyd(aclnn_bridge *bridge, const clf_floyd_attention_args *args);
aclnnStatus aclnn_plan_floyd_grad(aclnn_bridge *bridge, const clf_floyd_attention_grad_args *args);
/* Dense layouts: Score and V2; `varlen`: VarLenScore, V2 and V4. */
aclnnStatus aclnn_plan_attention(aclnn_bridge *bridge, const clf_flash_attention_args *args,
                                 bool varlen, aclnn_version version);
aclnnStatus aclnn_plan_attention_grad(aclnn_bridge *bridge,
                                      const clf_flash_attention_grad_args *args, bool varlen,
                                      aclnn_version version);

/* The second phases of the two above. */
aclnn_phase2 aclnn_run_of_attention(bool varlen, aclnn_version version);
aclnn_phase2 aclnn_run_of_attention_grad(bool varlen, aclnn_version version);
aclnn_phase2 aclnn_run_of_ffn(aclnn_version version);

/* Makes the executor repeatable and gives its tensors their addresses, which they had not. */
void aclnn_bridge_set_addresses(aclnn_bridge *bridge);
/* Copies the images to the device once more. */
void aclnn_bridge_restore(aclnn_bridge *bridge);

/* Phase 2 with a workspace of its own, and the end of the work. */
aclnnStatus aclnn_bridge_run(aclnn_bridge *bridge, aclnn_phase2 phase2);

/* Fails the test, with aclGetRecentErrMsg(), unless the status is as expected. */
#define aclnn_expect_status(status, expected)                                                      \
    aclnn_expect_status_at((status), (expected), #status, __FILE__, __LINE__)
void aclnn_expect_status_at(int status, int expected, const char *expression, const char *file,
                            int line);
#define aclnn_succeeds(status) aclnn_expect_status(status, 0)

#endif
