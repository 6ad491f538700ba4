/* Running a function in a process of its own: for what is read once per process, for environments
 * that must differ, and for processes that are to die. */
#ifndef CLF_TESTS_TEST_PROCESS_H
#define CLF_TESTS_TEST_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct test_child {
    int pid;
    int output; /* what it writes to stdout and stderr */
} test_child;

/* The child runs `body` and exits with what it returns. The parent must not have used OpenCL
 * before, because drivers do not survive a fork. */
test_child test_child_start(int (*body)(void *), void *argument);
/* Waits; returns the exit code, 128 + signal if it was killed. `text` receives its output. */
int test_child_finish(test_child *child, char *text, size_t capacity);
/* Both. */
int test_child_run(int (*body)(void *), void *argument, char *text, size_t capacity);

/* A new empty folder below the test cache folder; the path is written to `path`. */
void test_folder_make(char *path, size_t capacity);
/* Removes a folder and everything in it. */
void test_folder_remove(const char *path);
/* The number of files in the folder (not below it) whose names contain `part`; -1 if unreadable. */
int test_folder_count(const char *path, const char *part);

#endif
