/*
 * One process for all questions: importing PyTorch takes seconds. It ends when its standard input
 * does, at the latest when we do. Without PyTorch the answer says so.
 */
#include "peers/torch_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peers/peer_result.h"
#include "share_folder.h"

enum { RUNS = 5 };

#define SCRIPT "torch_peer.py"

typedef struct helper {
    pid_t process; /* 0: none */
    FILE *to;
    FILE *from;
} helper;

static helper the_helper;

static const char *python_name(void) {
    const char *python = getenv("CLFORMER_PYTHON");
    return python && python[0] ? python : "python3";
}

/* In the child: standard input and output are the pipes; a Python that is not there ends it. */
static void become_helper(const int to[2], const int from[2]) {
    char script[4096 + 32];
    snprintf(script, sizeof script, "%s/" SCRIPT, share_folder(SHARE_PEERS));
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    close(to[0]);
    close(to[1]);
    close(from[0]);
    close(from[1]);
    execlp(python_name(), python_name(), script, (char *)NULL);
    _exit(127);
}

static void stop_helper(void) {
    if (the_helper.to) {
        fclose(the_helper.to);
    }
    if (the_helper.from) {
        fclose(the_helper.from);
    }
    if (the_helper.process > 0) {
        waitpid(the_helper.process, NULL, 0);
    }
    the_helper = (helper){0};
}

static bool start_helper(void) {
    static bool is_registered;
    int to[2];
    int from[2];
    if (pipe2(to, O_CLOEXEC)) {
        return false;
    }
    if (pipe2(from, O_CLOEXEC)) {
        close(to[0]);
        close(to[1]);
        return false;
    }
    the_helper.process = fork();
    if (the_helper.process == 0) {
        become_helper(to, from);
    }
    close(to[0]);
    close(from[1]);
    the_helper.to = fdopen(to[1], "w");
    the_helper.from = fdopen(from[0], "r");
    if (!is_registered) {
        is_registered = atexit(stop_helper) == 0;
    }
    return the_helper.process > 0 && the_helper.to && the_helper.from;
}

/* Sends the request and reads the answer; NULL if the process died. */
static json_t *ask(const json_t *request) {
    char *line = NULL;
    size_t capacity = 0;
    json_t *answer = NULL;
    json_dumpf(request, the_helper.to, JSON_COMPACT);
    fputc('\n', the_helper.to);
    fflush(the_helper.to);
    if (getline(&line, &capacity, the_helper.from) > 0) {
        answer = json_loads(line, 0, NULL);
    }
    free(line);
    return answer;
}

static void take_answer(const json_t *answer, peer_result *out) {
    const char *error = json_string_value(json_object_get(answer, "error"));
    const char *version = json_string_value(json_object_get(answer, "torch"));
    const char *how = json_string_value(json_object_get(answer, "how"));
    if (!answer) {
        peer_unavailable(out, "%s does not run " SCRIPT, python_name());
    } else if (error || !version) {
        peer_unavailable(out, "%.90s", error ? error : "its answer is not understood");
    } else {
        out->time.count = (size_t)json_integer_value(json_object_get(answer, "runs"));
        out->time.median = json_number_value(json_object_get(answer, "median_s"));
        out->time.mad = json_number_value(json_object_get(answer, "mad_s"));
        out->time.minimum = json_number_value(json_object_get(answer, "min_s"));
        out->available = out->time.median > 0.0;
        snprintf(out->detail, sizeof out->detail, "PyTorch %.40s%s%.40s", version, how ? ", " : "",
                 how ? how : "");
    }
}

static void complete_request(const workload *load, json_t *request) {
    json_object_set_new(request, "operator", json_string(load->benchmark->name));
    json_object_set_new(request, "dtype", json_string(clf_dtype_name(load->dtype)));
    json_object_set_new(request, "device", json_string(load->session->is_cpu ? "cpu" : "cuda"));
    json_object_set_new(request, "threads",
                        json_integer((json_int_t)thread_team_size(load->session->team)));
    json_object_set_new(request, "runs", json_integer(RUNS));
}

void torch_helper_ask(const workload *load, json_t *request, peer_result *out) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    *out = (peer_result){0};
    complete_request(load, request);
    sigaction(SIGPIPE, &ignore, &before); /* a helper that dies must not end us */
    if (the_helper.process > 0 || start_helper()) {
        json_t *answer = ask(request);
        take_answer(answer, out);
        if (!json_object_get(answer, "torch")) {
            stop_helper(); /* it has ended; the next question starts another */
        }
        json_decref(answer);
    } else {
        peer_unavailable(out, "no process for Python: %s", strerror(errno));
    }
    sigaction(SIGPIPE, &before, NULL);
    json_decref(request);
}
