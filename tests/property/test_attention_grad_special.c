/*
 * What random cases of attention's gradient do not prove: the worked goldens on the device, the
 * forward and its gradient one after the other, laws, nothing to compute, and the same bits each
 * time.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_bounds.h"
#include "attention_goldens.h"
#include "attention_grad_tensors.h"
#include "cmocka_all.h"

/* ---- The worked goldens ---- */

static attention_case golden_case(const attention_grad_golden *golden) {
    attention_case made = attention_case_default();
    attention_case_set_lengths(&made, 2, 3);
    made.heads = made.key_heads = 1;
    made.depth = made.value_depth = 2;
    made.scale = 0.5;
    made.bias_form = TEST_BIAS_BNSS;
    made.pse_type = golden->pse_type;
    made.mask_form = golden->has_mask ? TEST_MASK_SS : TEST_ATTENTION_NO_MASK;
    made.mode = golden->has_mask ? 1 : 0;
    made.inner_precise = golden->inner_precise;
    made.dropout = golden->keep_prob < 1.0 ? TEST_DROPOUT_BITS : TEST_DROPOUT_NONE;
    made.keep_prob = golden->keep_prob;
    return made;
}

static void set_all(test_tensor *tensor, const float *values) {
    for (int64_t i = 0; tensor->image != NULL && i < test_tensor_count(tensor); i++) {
        test_tensor_set(tensor, i, (double)values[i]);
    }
}

static void set_bytes(test_tensor *tensor, const unsigned char *bytes) {
    for (int64_t i = 0; tensor->image != NULL && i < test_tensor_count(tensor); i++) {
        *(unsigned char *)test_tensor_bits(tensor, i) = bytes[i];
    }
}

static void make_golden(attention_grad_tensors *tensors, const attention_grad_golden *golden) {
    const attention_case tested = golden_case(golden);
    attention_grad_tensors_make(tensors, &tested);
    attention_tensors *forward = &tensors->forward;
    set_all(&forward->query, attention_golden_query);
    set_all(&forward->key, attention_golden_key);
    set_all(&forward->value, attention_golden_value);
    set_all(&forward->pse, attention_golden_pse);
    set_all(&tensors->grad_output, attention_golden_grad_output);
    set_bytes(&forward->atten_mask, attention_golden_mask);
    set_bytes(&forward->drop_mask, attention_golden_keep);
    attention_grad_tensors_finish(tensors, false);
}

static void test_attention_grad_worked_goldens(void **state) {
    const test_session *session = (const test_session *)*state;
    for (size_t g = 0; g < attention_num_grad_goldens; g++) {
        const attention_grad_golden *golden = &attention_grad_goldens[g];
        const double *const expected[ORACLE_NUM_GRADIENTS] = {golden->query, golden->key,
                                                              golden->value, golden->pse};
        attention_grad_tensors tensors;
        make_golden(&tensors, golden);
        attention_grad_tensors_execute(session, &tensors);
        for (int of = 0; of < ORACLE_NUM_GRADIENTS; of++) {
            const test_tensor *gradient = &tensors.gradients[of];
            for (int64_t i = 0; i < test_tensor_count(gradient); i++) {
                const double value = test_tensor_get_result(gradient, i);
                if (!oracle_close_to_printed_gradient(value, expected[of][i])) {
                    fail_msg("%s, gradient %d [%d]: %.7f, printed %.5f", golden->name, of, (int)i,
                             value, expected[of][i]);
                }
            }
        }
        attention_grad_tensors_free(&tensors);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_grad_worked_goldens),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
