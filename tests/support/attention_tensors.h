/* The tensors and arguments of an attention case, and the run that proves it: make, plan, enqueue,
 * compare with the oracle, check canaries and inputs. */
#ifndef CLF_TESTS_ATTENTION_TENSORS_H
#define CLF_TESTS_ATTENTION_TENSORS_H

#include "attention_bounds.h"
#include "attention_case.h"
#include "test_tensor.h"

typedef struct attention_tensors {
    test_tensor query; /* an image of NULL: there is no such tensor */
    test_tensor key;
    test_tensor value;
    test_tensor pse;
    test_tensor drop_mask;
    test_tensor atten_mask;
    test_tensor out;
    test_tensor max;
    test_tensor sum;
    clf_tensor compressed_mask; /* has no buffer: its content is not read */
    int64_t query_ends[TEST_MAX_BATCH + 4];
    int64_t key_ends[TEST_MAX_BATCH + 4];
    int64_t prefix[TEST_MAX_BATCH + 4];
    clf_flash_attention_args args; /* points into this struct: do not copy it */
} attention_tensors;

/* Host side; tests may change elements before the upload. Random numbers follow the case's seed. */
void attention_tensors_make(attention_tensors *tensors, const attention_case *tested);
void attention_tensors_upload(attention_tensors *tensors, const test_session *session);
void attention_tensors_free(attention_tensors *tensors);

/* A tensor of the case's lengths, as test_tensor_make makes it, with strides of the case's kind. */
test_tensor attention_tensor_make(clf_dtype dtype, int32_t rank, const int64_t *shape,
                                  attention_strides strides, size_t misalign);
/* Normal numbers, each of which may occur several times. */
void attention_tensor_fill(test_tensor *tensor, test_random *random, double deviation);
bool attention_tensor_is_repeated(const test_tensor *tensor);

/* The oracle's view of them. */
void attention_tensors_open_oracle(const attention_tensors *tensors, oracle_attention *problem);
oracle_attention_outputs attention_tensors_outputs(const attention_tensors *tensors);

/* Puts NaN wherever no computed pair looks: keys, values, bias, tokens behind the last element. */
void attention_tensors_poison(attention_tensors *tensors);

/* Reads everything back; "" or what is wrong with canaries and inputs. */
void attention_tensors_read(attention_tensors *tensors, const test_session *session, char *problem,
                            size_t capacity);

/* Changes tensors before they are uploaded. */
typedef void (*attention_edit)(attention_tensors *tensors);

/* Make, edit (NULL: nothing), upload, plan, enqueue, read, compare. Prints the case and what is
 * wrong, if anything is; true if nothing. */
bool attention_case_run_edited(const test_session *session, const attention_case *tested,
                               attention_edit edit);
bool attention_case_run(const test_session *session, const attention_case *tested);

/* The same without a comparison: the caller looks at the results and frees the tensors. A failure
 * of the library, or a byte changed that should not be, fails the test. */
void attention_case_execute(const test_session *session, const attention_case *tested,
                            attention_edit edit, attention_tensors *tensors);
/* Of tensors made and perhaps changed, but not uploaded. */
void attention_tensors_execute(const test_session *session, attention_tensors *tensors);

/* Statistics and output of one row: element numbers for test_tensor_get_result. In BNSD. */
double attention_result_out(const attention_tensors *tensors, int64_t b, int64_t n, int64_t i,
                            int64_t d);
double attention_result_max(const attention_tensors *tensors, int64_t b, int64_t n, int64_t i);
double attention_result_sum(const attention_tensors *tensors, int64_t b, int64_t n, int64_t i);

#endif
