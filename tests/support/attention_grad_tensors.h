/* The tensors and arguments of a case of attention's gradient, and the run that proves it. The
 * forward's results, which it takes, are the reference's. */
#ifndef CLF_TESTS_ATTENTION_GRAD_TENSORS_H
#define CLF_TESTS_ATTENTION_GRAD_TENSORS_H

#include "attention_goldens.h"
#include "attention_grad_oracle.h"
#include "attention_tensors.h"

typedef struct attention_grad_tensors {
    attention_tensors forward; /* out, max and sum are inputs here */
    test_tensor grad_output;
    test_tensor gradients[ORACLE_NUM_GRADIENTS]; /* an image of NULL: not wanted */
    clf_flash_attention_grad_args args;          /* points into this struct: do not copy it */
} attention_grad_tensors;

/* Host side; tests may change elements before the upload, and then call _finish again. Random
 * numbers follow the case's seed. */
void attention_grad_tensors_make(attention_grad_tensors *tensors, const attention_case *tested);
void attention_grad_tensors_make_golden(attention_grad_tensors *tensors,
                                        const attention_grad_golden *golden);
/* The forward's results from its inputs; with `poisoned` NaN in what no computed pair needs. */
void attention_grad_tensors_finish(attention_grad_tensors *tensors, bool poisoned);
void attention_grad_tensors_free(attention_grad_tensors *tensors);

/* The oracle's view of them. */
void attention_grad_tensors_open_oracle(const attention_grad_tensors *tensors,
                                        oracle_attention_grad *problem);

void attention_grad_tensors_upload(attention_grad_tensors *tensors, const test_session *session);

/* Reads everything back; "" or what is wrong with canaries and inputs. */
void attention_grad_tensors_read(attention_grad_tensors *tensors, const test_session *session,
                                 char *problem, size_t capacity);

/* Make, upload, plan, enqueue, read, compare. Prints the case and what is wrong, if anything is;
 * true if nothing. */
bool attention_grad_case_run(const test_session *session, const attention_case *tested);

/* The same of tensors made and perhaps changed, without a comparison. A failure of the library, or
 * a byte changed that should not be, fails the test. */
void attention_grad_tensors_execute(const test_session *session, attention_grad_tensors *tensors);

/* All tensors by name; those without image are not there. */
#define TEST_NUM_ATTENTION_GRAD_TENSORS 14
typedef struct attention_grad_named {
    const char *name;
    test_tensor *tensor;
} attention_grad_named;
void attention_grad_tensors_list(attention_grad_tensors *tensors,
                                 attention_grad_named list[TEST_NUM_ATTENTION_GRAD_TENSORS]);

#endif
