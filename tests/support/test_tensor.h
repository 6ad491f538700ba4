/*
 * Device tensors of any layout with their host image. At least 256 bytes of a NaN pattern lie
 * before and after the elements and between strided ones; a check after each run finds any byte
 * that changed and should not have.
 */
#ifndef CLF_TESTS_TEST_TENSOR_H
#define CLF_TESTS_TEST_TENSOR_H

#include "softmax_oracle.h"
#include "test_random.h"
#include "test_session.h"

typedef enum test_layout {
    TEST_CONTIGUOUS,
    TEST_TRANSPOSED,    /* the last two axes change places in memory                       */
    TEST_GAPS,          /* a slice: every second column, padded rows and matrices          */
    TEST_NEGATIVE,      /* first and last axis run backwards                               */
    TEST_BROADCAST_ROW, /* inputs only: the axis before the last has stride 0              */
    TEST_BROADCAST_ALL  /* inputs only: every axis but the last has stride 0               */
} test_layout;
#define TEST_NUM_LAYOUTS 6
const char *test_layout_name(test_layout layout);

typedef struct test_tensor {
    clf_tensor view;
    size_t num_bytes;
    unsigned char *image;  /* what the buffer must hold                            */
    unsigned char *result; /* what it holds after test_tensor_read                 */
    unsigned char *owned;  /* 1 for the bytes of elements                          */
    bool is_output;
} test_tensor;

/* Host side only, elements zero; `misalign` more elements lie before the first one. */
test_tensor test_tensor_make(clf_dtype dtype, int32_t rank, const int64_t *shape,
                             test_layout layout, size_t misalign);
void test_tensor_free(test_tensor *tensor);

int64_t test_tensor_count(const test_tensor *tensor);
/* Elements are numbered in row-major order of the shape. */
void test_tensor_set(test_tensor *tensor, int64_t index, double value);
double test_tensor_get(const test_tensor *tensor, int64_t index);        /* of the image  */
double test_tensor_get_result(const test_tensor *tensor, int64_t index); /* of the result */
void *test_tensor_bits(test_tensor *tensor, int64_t index);              /* of the image  */
/* Where the element lies in the image and in the result, in bytes. */
size_t test_tensor_place(const test_tensor *tensor, int64_t index);

void test_tensor_fill_normal(test_tensor *tensor, test_random *random, double deviation);
void test_tensor_fill_mask(test_tensor *tensor, test_random *random, double density);

/* Makes the buffer from the image, with the flags (CL_MEM_READ_WRITE and so on). */
void test_tensor_upload(test_tensor *tensor, const test_session *session, cl_mem_flags flags);
/* Blocking read of the whole buffer. */
void test_tensor_read(test_tensor *tensor, const test_session *session);
/* NULL if every byte outside an output's elements is as it was, else a sentence. After a read. */
const char *test_tensor_damage(const test_tensor *tensor);

oracle_tensor test_tensor_input(const test_tensor *tensor);  /* the image  */
oracle_tensor test_tensor_output(const test_tensor *tensor); /* the result */

/* Whether two results of one shape have the same bits, element by element. */
bool test_tensor_same_results(const test_tensor *a, const test_tensor *b);

#endif
