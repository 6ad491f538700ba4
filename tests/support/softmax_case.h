/*
 * One test case of ScaledMaskedSoftmax or its gradient as plain data, and the run that proves it:
 * make tensors, plan, enqueue, compare with the oracle, check canaries and inputs.
 */
#ifndef CLF_TESTS_SOFTMAX_CASE_H
#define CLF_TESTS_SOFTMAX_CASE_H

#include "bounds.h"
#include "test_tensor.h"

typedef enum test_mask_form {
    TEST_MASK_NONE,
    TEST_MASK_FULL,       /* x's shape                                                       */
    TEST_MASK_LEADING,    /* axes of `mask_axes` (bits, leading axes only) have size 1       */
    TEST_MASK_ONE_ROW,    /* [..., 1, W]                                                     */
    TEST_MASK_ONE_COLUMN, /* [..., H, 1]                                                     */
    TEST_MASK_FEWER_RANK, /* the last axis or two only                                       */
    TEST_MASK_ONE,        /* a single byte for all                                           */
    TEST_MASK_TRIANGLE    /* fixed_triu_mask                                                 */
} test_mask_form;
#define TEST_NUM_MASK_FORMS 8

typedef enum test_in_place {
    TEST_NOT_IN_PLACE,
    TEST_IN_PLACE,       /* the output is x, or grad_output                               */
    TEST_IN_PLACE_SECOND /* the gradient's output is y                                    */
} test_in_place;

typedef struct softmax_case {
    bool is_gradient;
    clf_dtype dtype;
    int32_t rank;
    int64_t shape[CLF_MAX_RANK];
    test_mask_form mask_form;
    unsigned mask_axes;
    clf_dtype mask_dtype;
    double mask_density;
    test_layout input_layout;
    test_layout mask_layout;
    test_layout output_layout;
    test_in_place in_place;
    size_t misalign;
    double scale;
    double deviation; /* of the scores' normal distribution */
    clf_variant variant;
    uint64_t seed;
} softmax_case;

/* Contiguous fp32 forward of shape [3, 33] without a mask, scale 1, variant auto, inputs N(0, 2).
 */
softmax_case softmax_case_default(void);

/* "gradient fp16 [2, 3, 7] mask=full ..." */
void softmax_case_text(const softmax_case *tested, char *text, size_t capacity);

/* The tensors of a case, filled; x and grad_output are one: `input`. */
typedef struct softmax_tensors {
    test_tensor input;
    test_tensor y;       /* the gradient's second input */
    test_tensor mask;    /* image NULL if there is none */
    test_tensor output;  /* image NULL if in place      */
    test_tensor *result; /* the one of them that the operator writes */
    bool is_gradient;
    oracle_tensor oracle_mask;
} softmax_tensors;

/* Host side; tests may change elements before the upload. The gradient's y is the oracle's forward,
 * rounded, so that it is what a forward would give. */
void softmax_tensors_make(softmax_tensors *tensors, const softmax_case *tested);
void softmax_tensors_upload(softmax_tensors *tensors, const test_session *session);
void softmax_tensors_free(softmax_tensors *tensors);

/* Plans either operator for uploaded tensors. */
clf_status softmax_tensors_plan(const softmax_tensors *tensors, const softmax_case *tested,
                                clf_device *device, clf_plan **out_plan);
/* Reads everything back and compares; "" or what is wrong. */
void softmax_tensors_check(softmax_tensors *tensors, const softmax_case *tested,
                           const test_session *session, char *problem, size_t capacity);

/* Changes tensors before they are uploaded. */
typedef void (*softmax_edit)(softmax_tensors *tensors);

/* Make, edit (NULL: nothing), upload, plan, enqueue, check. Prints the case and what is wrong, if
 * anything is; true if nothing. */
bool softmax_case_run_edited(const test_session *session, const softmax_case *tested,
                             softmax_edit edit);
bool softmax_case_run(const test_session *session, const softmax_case *tested);

/* The same without a comparison: the tensors are made, edited, run and read; the caller looks at
 * them and frees them. A failure of the library fails the test. */
void softmax_case_execute(const test_session *session, const softmax_case *tested,
                          softmax_edit edit, softmax_tensors *tensors);

#endif
