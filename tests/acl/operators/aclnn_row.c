/* See aclnn_row.h. */
#include "aclnn_row.h"

#include <string.h>

#include "cmocka_all.h"

/* A failure has a sentence that begins with the function, no executor and no workspace. */
static const char *look_at_results(const aclnn_bridge *bridge, const char *function,
                                   aclnnStatus status, const char *sentence, const char *message) {
    const size_t length = strlen(function);
    if (status == ACLNN_SUCCESS) {
        return bridge->executor == NULL ? "no executor" : NULL;
    }
    if (strncmp(sentence, function, length) != 0 || strncmp(sentence + length, ": ", 2) != 0) {
        return "the sentence does not begin with the function";
    }
    if (message != NULL && strstr(sentence, message) == NULL) {
        return "the sentence lacks what is expected";
    }
    const bool is_told = !bridge->without_executor && !bridge->without_size;
    return is_told && bridge->executor != NULL ? "an executor in spite of it" : NULL;
}

void aclnn_row_check(aclnn_bridge *bridge, const char *function, const char *text,
                     aclnn_row_plan plan, const void *call, aclnnStatus expected,
                     const char *message, aclnn_tally *tally) {
    const aclnnStatus status = plan(bridge, call);
    const char *sentence = aclGetRecentErrMsg();
    const char *problem = NULL;
    if (bridge->creation_failed) {
        tally->refused_before++;
        problem = status == ACLNN_SUCCESS || expected == ACLNN_SUCCESS ? "aclCreateTensor" : NULL;
    } else {
        tally->checked++;
        problem = status != expected ? "the status"
                                     : look_at_results(bridge, function, status, sentence, message);
    }
    if (status == ACLNN_SUCCESS) {
        aclnn_succeeds(aclDestroyAclOpExecutor(bridge->executor));
    }
    aclnn_bridge_forget(bridge);
    if (problem != NULL) {
        print_error("%s %s\n  %s: %d \"%s\", expected %d with \"%s\"\n", function, text, problem,
                    status, sentence, expected, message != NULL ? message : "");
        tally->wrong++;
    }
}

void aclnn_row_check_results(aclnn_bridge *bridge, const char *function, aclnn_row_plan plan,
                             const void *call, aclnn_tally *tally) {
    aclnn_row_check(bridge, function, "as it should be", plan, call, ACLNN_SUCCESS, NULL, tally);
    bridge->without_size = true;
    aclnn_row_check(bridge, function, "workspaceSize=NULL", plan, call, ACLNN_ERR_PARAM_NULLPTR,
                    "workspaceSize is NULL", tally);
    bridge->without_size = false;
    bridge->without_executor = true;
    aclnn_row_check(bridge, function, "executor=NULL", plan, call, ACLNN_ERR_PARAM_NULLPTR,
                    "executor is NULL", tally);
    bridge->without_executor = false;
}
