/* See test_process.h. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "test_process.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_all.h"

test_child test_child_start(int (*body)(void *), void *argument) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(stdout);
    fflush(stderr);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        exit(body(argument));
    }
    close(ends[1]);
    return (test_child){(int)pid, ends[0]};
}

int test_child_finish(test_child *child, char *text, size_t capacity) {
    size_t length = 0;
    char chunk[1024];
    for (;;) {
        const ssize_t count = read(child->output, chunk, sizeof chunk);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            break;
        }
        for (ssize_t i = 0; i < count && text != NULL && length + 1 < capacity; i++) {
            text[length++] = chunk[i];
        }
    }
    if (text != NULL) {
        text[length] = '\0';
    }
    close(child->output);
    int status = 0;
    while (waitpid(child->pid, &status, 0) < 0) {
        assert_int_equal(errno, EINTR);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int test_child_run(int (*body)(void *), void *argument, char *text, size_t capacity) {
    test_child child = test_child_start(body, argument);
    return test_child_finish(&child, text, capacity);
}

void test_folder_make(char *path, size_t capacity) {
    snprintf(path, capacity, "%s/folder-XXXXXX", TEST_CACHE_FOLDER);
    mkdir(TEST_CACHE_FOLDER, 0700);
    assert_non_null(mkdtemp(path));
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void test_folder_remove(const char *path) {
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int test_folder_count(const char *path, const char *part) {
    DIR *folder = opendir(path);
    int count = 0;
    if (folder == NULL) {
        return -1;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        count += entry->d_name[0] != '.' && strstr(entry->d_name, part) != NULL;
    }
    closedir(folder);
    return count;
}
