/*
 * PyTorch as a peer: peers/torch_softmax.py runs in a Python of the user's, one process per
 * question, and is asked by a line of JSON. Without PyTorch the answer says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "peers/peer_softmax.h"
#include "share_folder.h"
#include "softmax_setup.h"

enum { RUNS = 5 };

typedef struct helper {
    pid_t process;
    FILE *to;
    FILE *from;
} helper;

static const char *python_name(void) {
    const char *python = getenv("CLFORMER_PYTHON");
    return python && python[0] ? python : "python3";
}

/* In the child: standard input and output are the pipes; a Python that is not there ends it. */
static void become_helper(const int to[2], const int from[2]) {
    char script[4096 + 32];
    snprintf(script, sizeof script, "%s/torch_softmax.py", share_folder(SHARE_PEERS));
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    close(to[0]);
    close(to[1]);
    close(from[0]);
    close(from[1]);
    execlp(python_name(), python_name(), script, (char *)NULL);
    _exit(127);
}

static bool start_helper(helper *out) {
    int to[2];
    int from[2];
    if (pipe(to)) {
        return false;
    }
    if (pipe(from)) {
        close(to[0]);
        close(to[1]);
        return false;
    }
    out->process = fork();
    if (out->process == 0) {
        become_helper(to, from);
    }
    close(to[0]);
    close(from[1]);
    out->to = fdopen(to[1], "w");
    out->from = fdopen(from[0], "r");
    return out->process > 0 && out->to && out->from;
}

static void stop_helper(helper *helper) {
    if (helper->to) {
        fclose(helper->to);
    }
    if (helper->from) {
        fclose(helper->from);
    }
    if (helper->process > 0) {
        waitpid(helper->process, NULL, 0);
    }
}

static json_t *sizes(int32_t rank, const int64_t *shape) {
    json_t *array = json_array();
    for (int32_t axis = 0; axis < rank; axis++) {
        json_array_append_new(array, json_integer(shape[axis]));
    }
    return array;
}

static json_t *make_request(const workload *load) {
    const softmax_problem *problem = load->problem;
    json_t *mask = problem->mask == SOFTMAX_MASK_TENSOR
                       ? sizes(problem->mask_rank, problem->mask_shape)
                       : json_string(problem->mask == SOFTMAX_MASK_TRIU ? "triu" : "none");
    return json_pack("{s:s, s:o, s:o, s:f, s:s, s:s, s:i, s:i}", "operator", load->benchmark->name,
                     "shape", sizes(problem->rank, problem->shape), "mask", mask, "scale",
                     problem->scale, "dtype", clf_dtype_name(load->dtype), "device",
                     load->session->is_cpu ? "cpu" : "cuda", "threads",
                     (int)thread_team_size(load->session->team), "runs", RUNS);
}

/* Sends the request and reads the answer; NULL if the process died. */
static json_t *ask(const helper *helper, const workload *load) {
    json_t *request = make_request(load);
    char *line = NULL;
    size_t capacity = 0;
    json_t *answer = NULL;
    json_dumpf(request, helper->to, JSON_COMPACT);
    fputc('\n', helper->to);
    fflush(helper->to);
    if (getline(&line, &capacity, helper->from) > 0) {
        answer = json_loads(line, 0, NULL);
    }
    free(line);
    json_decref(request);
    return answer;
}

static void take_answer(const json_t *answer, peer_result *out) {
    const char *error = json_string_value(json_object_get(answer, "error"));
    const char *version = json_string_value(json_object_get(answer, "torch"));
    if (!answer) {
        peer_unavailable(out, "%s does not run %s", python_name(), "torch_softmax.py");
    } else if (error || !version) {
        peer_unavailable(out, "%.90s", error ? error : "its answer is not understood");
    } else {
        out->time.count = RUNS;
        out->time.median = json_number_value(json_object_get(answer, "median_s"));
        out->time.mad = json_number_value(json_object_get(answer, "mad_s"));
        out->time.minimum = json_number_value(json_object_get(answer, "min_s"));
        out->available = out->time.median > 0.0;
        snprintf(out->detail, sizeof out->detail, "PyTorch %.80s", version);
    }
}

void peer_torch_softmax(const workload *load, peer_result *out) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    helper helper = {0};
    *out = (peer_result){0};
    sigaction(SIGPIPE, &ignore, &before); /* a helper that dies must not end us */
    if (start_helper(&helper)) {
        json_t *answer = ask(&helper, load);
        take_answer(answer, out);
        json_decref(answer);
    } else {
        peer_unavailable(out, "no process for Python: %s", strerror(errno));
    }
    stop_helper(&helper);
    sigaction(SIGPIPE, &before, NULL);
}
