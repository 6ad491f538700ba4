/*
 * Floyd attention and its gradient as einsums over OpenBLAS. As an expert composes them: the host's
 * threads share the heads, or the n of each head if the heads cannot be shared evenly, and compute
 * their products themselves, for as many n at a time as proves fastest. Plainly: one head after the
 * other, its scores as a whole, and OpenBLAS's threads share each product.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "blas.h"
#include "floyd_reference.h"
#include "peers/floyd_slabs.h"
#include "peers/peer_floyd.h"
#include "peers/peer_result.h"
#include "peers/unfused_passes.h"
#include "timing.h"

enum { RUNS = 5, LONG_RUNS = 3, MAX_TEAM = 1024 };

static const double long_run_seconds = 1.0;

/* OpenBLAS's threads spin so long, at most, after their last product. */
static const useconds_t spin_microseconds = 200000;

typedef struct composed {
    const workload *load;
    floyd_operands operands;
    size_t num_threads;
    bool shares_heads;  /* each thread has heads of its own */
    size_t slab_length; /* n */
    float *scores[MAX_TEAM];
    float *grads[MAX_TEAM];
    /* Of key2 and value2, [K][M][D]: the first thread adds to the results themselves. */
    float *partial_keys[MAX_TEAM];
    float *partial_values[MAX_TEAM];
    pthread_barrier_t meeting;
} composed;

/* ---- As an expert --------------------------------------------------------------------------- */

static size_t head_elements(const composed *data) {
    const floyd_operands *operands = &data->operands;
    return operands->k * operands->m * operands->depth;
}

/* Slabs of the n in [begin, end) of a head, by one thread. */
static void run_slabs(composed *data, size_t thread, size_t head, size_t begin, size_t end) {
    const floyd_operands *operands = &data->operands;
    size_t place = head * head_elements(data);
    bool is_partial = data->partial_keys[thread] != NULL;
    floyd_slab slab = {.head = head, .scores = data->scores[thread], .grads = data->grads[thread]};
    if (operands->is_gradient) {
        slab.grad_key2 = is_partial ? data->partial_keys[thread] : operands->gradients[3] + place;
        slab.grad_value2 =
            is_partial ? data->partial_values[thread] : operands->gradients[4] + place;
    }
    for (slab.begin = begin; slab.begin < end; slab.begin = slab.end) {
        size_t left = end - slab.begin;
        slab.end = slab.begin + (left < data->slab_length ? left : data->slab_length);
        slab.adds = slab.begin > begin;
        floyd_slab_scores(operands, &slab);
        floyd_slab_rows(operands, &slab, 0, (slab.end - slab.begin) * operands->m);
        floyd_slab_results(operands, &slab);
    }
}

/* This thread's part of the sums over all threads that had an n. */
static void add_partial_sums(composed *data, size_t thread, size_t head) {
    size_t elements = head_elements(data);
    size_t place = head * elements;
    size_t begin = 0;
    size_t end = 0;
    team_share(elements, thread, data->num_threads, &begin, &end);
    for (size_t i = 1; i < data->num_threads && i < data->operands.n; i++) {
        pass_add(data->operands.gradients[3] + place + begin, data->partial_keys[i] + begin,
                 end - begin);
        pass_add(data->operands.gradients[4] + place + begin, data->partial_values[i] + begin,
                 end - begin);
    }
}

static void run_share(void *context, size_t index, size_t count) {
    composed *data = context;
    const floyd_operands *operands = &data->operands;
    size_t begin = 0;
    size_t end = 0;
    if (data->shares_heads) {
        team_share(operands->num_heads, index, count, &begin, &end);
        for (size_t head = begin; head < end; head++) {
            run_slabs(data, index, head, 0, operands->n);
        }
        return;
    }
    for (size_t head = 0; head < operands->num_heads; head++) {
        team_share(operands->n, index, count, &begin, &end);
        run_slabs(data, index, head, begin, end);
        if (operands->is_gradient) {
            pthread_barrier_wait(&data->meeting);
            add_partial_sums(data, index, head);
            pthread_barrier_wait(&data->meeting);
        }
    }
}

static double run_expertly(composed *data) {
    return thread_team_run(data->load->session->team, run_share, data);
}

/* ---- Plainly -------------------------------------------------------------------------------- */

typedef struct row_share {
    const floyd_operands *operands;
    const floyd_slab *slab;
} row_share;

static void run_rows(void *context, size_t index, size_t count) {
    const row_share *share = context;
    size_t begin = 0;
    size_t end = 0;
    team_share(share->operands->n * share->operands->m, index, count, &begin, &end);
    floyd_slab_rows(share->operands, share->slab, begin, end);
}

static double run_plainly(composed *data) {
    const floyd_operands *operands = &data->operands;
    double begin = now_seconds();
    for (size_t head = 0; head < operands->num_heads; head++) {
        size_t place = head * head_elements(data);
        floyd_slab slab = {
            .head = head, .end = operands->n, .scores = data->scores[0], .grads = data->grads[0]};
        const row_share share = {operands, &slab};
        if (operands->is_gradient) {
            slab.grad_key2 = operands->gradients[3] + place;
            slab.grad_value2 = operands->gradients[4] + place;
        }
        floyd_slab_scores(operands, &slab);
        thread_team_run(data->load->session->team, run_rows, (void *)&share);
        floyd_slab_results(operands, &slab);
    }
    return now_seconds() - begin;
}

/* ---- Memory --------------------------------------------------------------------------------- */

/* The n that one thread may have at a time, at most. */
static size_t longest_slab(const composed *data) {
    const floyd_problem *problem = data->load->problem;
    size_t n = (size_t)problem->n;
    return data->shares_heads ? n : (n + data->num_threads - 1) / data->num_threads;
}

static size_t slab_elements(const composed *data) {
    const floyd_problem *problem = data->load->problem;
    return longest_slab(data) * (size_t)problem->m * (size_t)problem->k;
}

static double bytes_needed(const composed *data) {
    const floyd_problem *problem = data->load->problem;
    bool is_gradient = floyd_is_gradient(data->load);
    double threads = (double)data->num_threads;
    double elements = threads * (is_gradient ? 2.0 : 1.0) * (double)slab_elements(data);
    if (is_gradient && !data->shares_heads) {
        elements += (threads - 1.0) * 2.0 * (double)problem->k * (double)problem->m *
                    (double)problem->depth;
    }
    return elements * sizeof(float) + 2.0 * floyd_operands_bytes(data->load);
}

static bool allocate_slabs(composed *data) {
    bool is_gradient = data->operands.is_gradient;
    bool ok = true;
    for (size_t i = 0; ok && i < data->num_threads; i++) {
        data->scores[i] = malloc(slab_elements(data) * sizeof(float));
        ok = data->scores[i] != NULL;
        if (ok && is_gradient) {
            data->grads[i] = malloc(slab_elements(data) * sizeof(float));
            ok = data->grads[i] != NULL;
        }
        if (ok && is_gradient && !data->shares_heads && i > 0) {
            data->partial_keys[i] = malloc(head_elements(data) * sizeof(float));
            data->partial_values[i] = malloc(head_elements(data) * sizeof(float));
            ok = data->partial_keys[i] && data->partial_values[i];
        }
    }
    return ok;
}

static void release(composed *data) {
    for (size_t i = 0; i < data->num_threads; i++) {
        free(data->scores[i]);
        free(data->grads[i]);
        free(data->partial_keys[i]);
        free(data->partial_values[i]);
    }
    floyd_operands_close(&data->operands);
}

/* ---- The peers ------------------------------------------------------------------------------ */

/* The slab length with the shortest run; the first run, which touches all memory, is not timed. */
static void choose_slab_length(composed *data) {
    static const size_t lengths[] = {16, 32, 64};
    double least = 0.0;
    size_t best = longest_slab(data);
    data->slab_length = best;
    run_expertly(data);
    least = run_expertly(data);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        if (lengths[i] < longest_slab(data)) {
            data->slab_length = lengths[i];
            double seconds = run_expertly(data);
            best = seconds < least ? lengths[i] : best;
            least = seconds < least ? seconds : least;
        }
    }
    data->slab_length = best;
}

static void time_runs(composed *data, double (*run)(composed *data), peer_result *out) {
    double samples[RUNS];
    double seconds = run(data);
    size_t runs = seconds > long_run_seconds ? LONG_RUNS : RUNS;
    if (!floyd_is_right(data->load, floyd_operands_results(&data->operands))) {
        peer_unavailable(out, "its result is wrong");
        return;
    }
    for (size_t i = 0; i < runs; i++) {
        samples[i] = run(data);
    }
    out->time = summarize(samples, runs);
    out->available = true;
}

static void time_expertly(composed *data, peer_result *out) {
    blas_use_callers_threads();
    if (pthread_barrier_init(&data->meeting, NULL, (unsigned)data->num_threads)) {
        peer_unavailable(out, "no barrier for its threads");
        return;
    }
    choose_slab_length(data);
    time_runs(data, run_expertly, out);
    pthread_barrier_destroy(&data->meeting);
    if (out->available) {
        snprintf(out->detail, sizeof out->detail, "%zu threads with %s each, %zu n at a time%s",
                 data->num_threads, data->shares_heads ? "heads" : "n", data->slab_length,
                 data->load->dtype == CLF_DTYPE_FP32 ? "" : "; in fp32");
    }
}

static void time_plainly(composed *data, peer_result *out) {
    blas_use_own_threads(data->num_threads);
    time_runs(data, run_plainly, out);
    blas_use_callers_threads();
    usleep(spin_microseconds);
    if (out->available) {
        snprintf(out->detail, sizeof out->detail, "%zu threads in each product%s",
                 data->num_threads, data->load->dtype == CLF_DTYPE_FP32 ? "" : "; in fp32");
    }
}

static void run_peer(const workload *load, bool is_plain, peer_result *out) {
    const floyd_problem *problem = load->problem;
    size_t num_heads = (size_t)(problem->batch * problem->heads);
    *out = (peer_result){0};
    if (!blas_is_available()) {
        peer_unavailable(out, "this build has no OpenBLAS");
        return;
    }
    if (!load->session->is_cpu) {
        peer_unavailable(out, "it runs on the host, the candidate does not");
        return;
    }
    composed *data = calloc(1, sizeof *data);
    if (!data || thread_team_size(load->session->team) > MAX_TEAM) {
        peer_unavailable(out, "no host memory");
        free(data);
        return;
    }
    data->load = load;
    data->num_threads = thread_team_size(load->session->team);
    data->shares_heads = is_plain || num_heads % data->num_threads == 0;
    double bytes = bytes_needed(data);
    if (bytes > 0.8 * (double)host_memory_available()) {
        peer_unavailable(out, "it needs %.1f GB of host memory", 1e-9 * bytes);
    } else if (!floyd_operands_open(&data->operands, load) || !allocate_slabs(data)) {
        peer_unavailable(out, "no host memory");
    } else if (is_plain) {
        time_plainly(data, out);
    } else {
        time_expertly(data, out);
    }
    release(data);
    free(data);
}

void peer_composed_floyd(const workload *load, peer_result *out) {
    run_peer(load, false, out);
}

void peer_plain_floyd(const workload *load, peer_result *out) {
    run_peer(load, true, out);
}
