/* What FFN plans tell about their problem: the words of clformer-bench. */
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "ffn_call.h"
#include "test_json.h"
#include "test_session.h"

/* A call, and the same in clformer-bench's words. */
static const struct {
    const char *call;
    const char *text;
} described[] = {
    {"act=GELU x=5,8 w1=8,6 w2=6,4 b1=6 b2=4 y=5,4",
     "ffn --shape 5,8,6,4 --dtype fp32 --activation gelu"},
    {"act=swiglu x=fp16:2,5,8 w1=fp16:8,6 w2=fp16:3,4 b2=fp16:4 y=fp16:2,5,4",
     "ffn --shape 10,8,6,4 --dtype fp16 --activation swiglu --bias second"},
    {"act=reglu x=bf16:5,8 w1=bf16:8,6 w2=bf16:3,4 b1=6 y=bf16:5,4",
     "ffn --shape 5,8,6,4 --dtype bf16 --activation reglu --bias first"},
    {"act=geglu x=5,8 w1=2,8,6 w2=2,3,4 y=5,4 tokens=3,5 index=1",
     "ffn --shape 5,8,6,4 --dtype fp32 --activation geglu --expert-tokens 3,2 --bias none"},
    {"act=relu x=5,8 w1=8,6/1,8 w2=6,4/1,6 b1=6 b2=4 y=5,4",
     "ffn --shape 5,8,6,4 --dtype fp32 --activation relu --weight-layout nk"},
    {"act=silu x=5,8 w1=2,8,6 w2=2,6,4 b1=2,6 b2=2,4 y=5,4 device=2",
     "ffn --shape 5,8,6,4 --dtype fp32 --activation silu --experts 2 --tokens-from device"},
    {"act=relu x=int8:5,8 w1=int8:8,6 w2=int8:6,4 b1=int32:6 b2=int32:4 y=fp16:5,4 scale=1 "
     "offset=1 ds1=uint64:6 ds2=uint64:4",
     "ffn --shape 5,8,6,4 --dtype fp16 --activation relu --mode int8 --deq-scale uint64"},
    {"act=fastgelu x=int8:5,8 w1=int8:2,8,6 w2=int8:2,6,4 b1=int32:2,6 b2=int32:2,4 y=bf16:5,4 "
     "scale=2,6 offset=2 ds1=bf16:2,6 ds2=bf16:2,4 tokens=5,0",
     "ffn --shape 5,8,6,4 --dtype bf16 --activation fastgelu --mode int8 --scale-per column "
     "--expert-tokens 5,0"},
    {"act=relu x=fp16:5,8 w1=int8:8,6 w2=int8:6,4 b1=fp16:6 b2=fp16:4 y=fp16:5,4 as1=fp16:6 "
     "as2=fp16:4 ao1=fp16:6 ao2=fp16:4",
     "ffn --shape 5,8,6,4 --dtype fp16 --activation relu --mode weight-int8"},
    {"act=relu x=bf16:5,8 w1=int4:8,6 w2=int4:6,4 b1=6 b2=4 y=bf16:5,4 as1=bf16:4,6 "
     "as2=bf16:2,4 ao1=bf16:4,6 ao2=bf16:2,4",
     "ffn --shape 5,8,6,4 --dtype bf16 --activation relu --mode weight-int4 --group-size 2,3"},
};

static void test_ffn_text_tells_the_problem(void **state) {
    const test_session *session = (const test_session *)*state;
    for (size_t i = 0; i < sizeof described / sizeof described[0]; i++) {
        ffn_call call;
        clf_plan *plan = NULL;
        ffn_call_make(&call, described[i].call);
        test_succeeds(clf_ffn_plan(session->device, &call.args, &plan));
        json_t *description = test_plan_json(plan);
        assert_string_equal(json_string_value(json_object_get(description, "problem")),
                            described[i].text);
        json_decref(description);
        clf_plan_destroy(plan);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ffn_text_tells_the_problem)};
    return cmocka_run_group_tests(tests, test_session_begin, test_session_end);
}
