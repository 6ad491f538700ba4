/* The tensors and arguments of a Floyd case, and what proves a run of them: upload, read, canaries
 * and inputs, comparison with the oracle. */
#ifndef CLF_TESTS_FLOYD_TENSORS_H
#define CLF_TESTS_FLOYD_TENSORS_H

#include "floyd_bounds.h"
#include "floyd_case.h"
#include "test_tensor.h"

/* The oracle's operands first, in its order. */
typedef enum floyd_operand {
    TEST_FLOYD_QUERY,
    TEST_FLOYD_KEY1,
    TEST_FLOYD_VALUE1,
    TEST_FLOYD_KEY2,
    TEST_FLOYD_VALUE2,
    TEST_FLOYD_GRAD_OUTPUT,
    TEST_FLOYD_ATTENTION, /* the forward's output, the gradient's input */
    TEST_FLOYD_SOFTMAX_MAX,
    TEST_FLOYD_SOFTMAX_SUM,
    TEST_FLOYD_MASK,
    TEST_FLOYD_GRAD_QUERY, /* and the other gradients, in the order of their operands */
    TEST_FLOYD_GRAD_KEY1,
    TEST_FLOYD_GRAD_VALUE1,
    TEST_FLOYD_GRAD_KEY2,
    TEST_FLOYD_GRAD_VALUE2,
    TEST_NUM_FLOYD_OPERANDS
} floyd_operand;

typedef struct floyd_tensors {
    bool is_gradient;
    test_tensor memory[TEST_NUM_FLOYD_OPERANDS]; /* an image of NULL: there is no such tensor */
    clf_floyd_attention_args args;               /* point into this struct: do not copy it */
    clf_floyd_attention_grad_args grad_args;
} floyd_tensors;

/* Host side; tests may change elements before the upload. Random numbers follow the case's seed. Of
 * a gradient, statistics and attention are what the oracle's forward gives, rounded; whoever
 * changes other operands afterwards calls floyd_tensors_set_forward. */
void floyd_tensors_make(floyd_tensors *tensors, const floyd_case *tested);
void floyd_tensors_set_forward(floyd_tensors *tensors);
void floyd_tensors_free(floyd_tensors *tensors);

/* Plans the case's operator, with buffers if there was an upload. */
clf_status floyd_tensors_plan(const floyd_tensors *tensors, clf_device *device,
                              clf_plan **out_plan);

/* The oracle's view of them; `is_gradient` chooses what it can be asked. */
void floyd_tensors_open_oracle(const floyd_tensors *tensors, bool is_gradient,
                               oracle_floyd *problem);

void floyd_tensors_upload(floyd_tensors *tensors, const test_session *session);

/* Reads everything back; "" or what is wrong with canaries and inputs. */
void floyd_tensors_read(floyd_tensors *tensors, const test_session *session, char *problem,
                        size_t capacity);

/* Compares all results with the oracle; "" or what is wrong. */
void floyd_tensors_compare(const floyd_tensors *tensors, char *problem, size_t capacity);

#endif
