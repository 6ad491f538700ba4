/* A child process that opens a device, runs cases of both operators and checks them: the proof that
 * an environment does no harm. */
#ifndef CLF_TESTS_TEST_SOLVER_H
#define CLF_TESTS_TEST_SOLVER_H

#include <stddef.h>

enum {
    SOLVED = 0,       /* results right, no OpenCL object left                             */
    SOLVED_WRONG = 1, /* a result was wrong, or a call failed that should not have        */
    NO_DEVICE = 2,    /* clf_device_open refused; its message is printed after "refused:" */
    NOT_PLANNED = 3   /* planning failed; its message is printed after "not planned:"     */
};

/* Runs the child with the environment as it is now. All lines of the log are in `text`. */
int test_solve(char *text, size_t capacity);

/* The same body, for test_child_start. */
int test_solver_body(void *unused);

#endif
