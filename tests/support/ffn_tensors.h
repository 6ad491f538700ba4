/* The tensors and arguments of an FFN case, and the run that proves it: make, plan, enqueue,
 * compare with the oracle, check canaries, inputs and the rows that belong to no expert. */
#ifndef CLF_TESTS_FFN_TENSORS_H
#define CLF_TESTS_FFN_TENSORS_H

#include "ffn_bounds.h"
#include "ffn_case.h"

enum {
    TEST_FFN_X,
    TEST_FFN_WEIGHT1,
    TEST_FFN_WEIGHT2,
    TEST_FFN_BIAS1,
    TEST_FFN_BIAS2,
    TEST_FFN_SCALE,
    TEST_FFN_OFFSET,
    TEST_FFN_DEQ_SCALE1,
    TEST_FFN_DEQ_SCALE2,
    TEST_FFN_ANTIQUANT_SCALE1,
    TEST_FFN_ANTIQUANT_SCALE2,
    TEST_FFN_ANTIQUANT_OFFSET1,
    TEST_FFN_ANTIQUANT_OFFSET2,
    TEST_FFN_EXPERT_TOKENS,
    TEST_FFN_Y,
    TEST_NUM_FFN_OPERANDS
};

typedef struct ffn_tensors {
    /* Memory; int4 as bytes, with half the columns. An image of NULL: there is no such tensor. */
    test_tensor memory[TEST_NUM_FFN_OPERANDS];
    clf_tensor views[TEST_NUM_FFN_OPERANDS]; /* what the arguments point to */
    int64_t tokens[TEST_MAX_EXPERTS];
    clf_ffn_args args; /* points into this struct: do not copy it */
} ffn_tensors;

/* Host side; tests may change elements before the upload. Random numbers follow the case's seed. */
void ffn_tensors_make(ffn_tensors *tensors, const ffn_case *tested);
void ffn_tensors_upload(ffn_tensors *tensors, const test_session *session);
void ffn_tensors_free(ffn_tensors *tensors);

/* The oracle's view of them. Ends with oracle_ffn_close. */
void ffn_tensors_open_oracle(const ffn_tensors *tensors, oracle_ffn *problem);

/* Reads everything back; "" or what is wrong with canaries, inputs, and rows of no expert. */
void ffn_tensors_read(ffn_tensors *tensors, const test_session *session, char *problem,
                      size_t capacity);

/* Changes tensors before they are uploaded. */
typedef void (*ffn_edit)(ffn_tensors *tensors);

/* Make, edit (NULL: nothing), upload, plan, enqueue, read, compare. Prints the case and what is
 * wrong, if anything is; true if nothing. */
bool ffn_case_run_edited(const test_session *session, const ffn_case *tested, ffn_edit edit);
bool ffn_case_run(const test_session *session, const ffn_case *tested);

/* The same without a comparison: the caller looks at the results and frees the tensors. A failure
 * of the library, or a byte changed that should not be, fails the test. */
void ffn_case_execute(const test_session *session, const ffn_case *tested, ffn_edit edit,
                      ffn_tensors *tensors);

#endif
