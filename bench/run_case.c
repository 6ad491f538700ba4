/* One line of the report: fit the problem to the device, run, check, time, ask the peers. */
#include "run_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "overhead.h"
#include "terminal.h"

/* A run longer than this is not worth repeating: the problem is halved. */
static const double most_seconds = 6.0;

const char *variant_name(clf_variant variant) {
    switch (variant) {
    case CLF_VARIANT_AUTO:
        return "auto";
    case CLF_VARIANT_PORTABLE:
        return "portable";
    case CLF_VARIANT_CPU:
        return "cpu";
    case CLF_VARIANT_NVIDIA:
        return "nvidia";
    }
    return "unknown";
}

bool peers_check(const operator_benchmark *benchmark, const char *names) {
    char known[128] = "all, none";
    size_t found = 0;
    size_t given = 1;
    for (const peer_entry *peer = benchmark->peers; peer->name; peer++) {
        found += list_contains(names, peer->name) ? 1 : 0;
        strncat(known, ", ", sizeof known - strlen(known) - 1);
        strncat(known, peer->name, sizeof known - strlen(known) - 1);
    }
    for (const char *c = names; *c; c++) {
        given += *c == ',';
    }
    bool special = strcmp(names, "all") == 0 || strcmp(names, "none") == 0;
    return special || found == given ? true
                                     : fail("--peers: '%s' is not accepted for %s; accepted: %s",
                                            names, benchmark->name, known);
}

/* Halves the problem until it fits; false after fail() if it never does. */
static bool fit_problem(const session *session, void *problem, record *out) {
    const operator_benchmark *benchmark = out->benchmark;
    char why[256];
    benchmark->print(problem, &out->original);
    out->problem = out->original;
    while (!workload_fits(session, benchmark, problem, out->dtype, why, sizeof why)) {
        if (!benchmark->reduce(problem)) {
            return fail("does not fit, and cannot be reduced along its leading axes: %s", why);
        }
        if (!out->reduced) {
            snprintf(out->reason, sizeof out->reason, "%s", why);
        }
        out->reduced = true;
        benchmark->print(problem, &out->problem);
    }
    return true;
}

/* The variant that the plan says it uses, and its workspace. */
static void read_plan(const workload *load, record *out) {
    char *text = plan_description(load->plan);
    json_t *description = text ? json_loads(text, 0, NULL) : NULL;
    const char *variant = json_string_value(json_object_get(description, "variant"));
    snprintf(out->variant, sizeof out->variant, "%s", variant ? variant : "unknown");
    out->workspace = clf_plan_workspace_size(load->plan);
    json_decref(description);
    free(text);
}

static bool verify(const workload *load, const options *options, record *out) {
    const verify_request request = {options->verify == VERIFY_FULL, options->seed};
    if (options->verify == VERIFY_OFF) {
        return true;
    }
    if (!out->benchmark->verify(load, &request, &out->check)) {
        return false;
    }
    out->verified = true;
    out->verified_fully = request.full;
    if (!out->check.verdict.ok) {
        out->state = RECORD_WRONG;
        snprintf(out->reason, sizeof out->reason, "%s", out->check.verdict.reason);
    }
    return true;
}

static bool time_case(const workload *load, const options *options, record *out) {
    ceiling ceiling;
    if (!ceiling_open_for(&ceiling, load->session, out->benchmark, load->problem, load->dtype)) {
        return false;
    }
    bool ok = measure_run(load, &ceiling, &options->timing, &out->measured);
    double amount = metric_amount(out->metric, &out->work);
    out->ceiling_rate = ceiling.best_rate;
    ceiling_name(&ceiling, out->ceiling_name, sizeof out->ceiling_name);
    out->rate = ok ? amount / out->measured.time.median : 0.0;
    out->ratio = ok && ceiling.best_rate > 0.0 ? out->rate / ceiling.best_rate : 0.0;
    out->best_ratio =
        ok ? out->ratio * out->measured.time.median / out->measured.time.minimum : 0.0;
    ceiling_close(&ceiling);
    return ok;
}

/* The console's table says it anyhow; other formats get a line on stderr when the reason is new. */
static void note_missing_peer(const char *name, const char *reason) {
    static char last[128];
    char text[128];
    snprintf(text, sizeof text, "%s: %s", name, reason);
    if (strcmp(text, last) != 0) {
        note("peer %s: its times are missing: %s", name, reason);
        memcpy(last, text, sizeof last);
    }
}

/* Our time is taken again on both sides of the peer's: the machine may have changed its pace. */
static bool ask_peer(const workload *load, const peer_entry *peer, record *out) {
    peer_record *own = &out->peers[out->num_peers++];
    own->name = peer->name;
    progress("%s case %s %s: peer %s", out->benchmark->name, out->case_name,
             clf_dtype_name(out->dtype), peer->name);
    double before = measure_beside(load, out->measured.time.median);
    peer->run(load, &own->result);
    if (!own->result.available || before < 0.0) {
        return before >= 0.0;
    }
    double after = measure_beside(load, out->measured.time.median);
    own->own_seconds = 0.5 * (before + after);
    own->ratio = own->result.time.median / own->own_seconds;
    return after >= 0.0;
}

static bool ask_peers(const workload *load, const options *options, record *out) {
    bool all = strcmp(options->peers, "all") == 0;
    bool ok = true;
    for (const peer_entry *peer = out->benchmark->peers; ok && peer->name; peer++) {
        if ((!all && !list_contains(options->peers, peer->name)) || out->num_peers == MAX_PEERS) {
            continue;
        }
        ok = ask_peer(load, peer, out);
        const peer_result *result = &out->peers[out->num_peers - 1].result;
        if (!result->available && options->format != REPORT_CONSOLE) {
            note_missing_peer(peer->name, result->detail);
        }
    }
    return ok;
}

static bool measure_all(const workload *load, const options *options, record *out) {
    read_plan(load, out);
    return verify(load, options, out) && time_case(load, options, out) &&
           (options->measure == MEASURE_TIME ||
            overhead_measure(load, options->variant, &out->overhead));
}

/* The first run compiles; only a second one says how long a run takes. */
static bool warm_up(const workload *load, double *seconds) {
    return measure_warm_up(load, seconds) &&
           (*seconds <= most_seconds || measure_warm_up(load, seconds));
}

/* Makes the problem real and warms it up, halved until one run is quick enough to be repeated. */
static bool open_workload(const session *session, const workload_request *request, void *problem,
                          workload *load, record *out) {
    for (;;) {
        double seconds = 0.0;
        if (!workload_create(load, session, request, &out->plan_seconds)) {
            return false;
        }
        if (!warm_up(load, &seconds)) {
            break;
        }
        if (seconds <= most_seconds || !out->benchmark->reduce(problem)) {
            return true;
        }
        workload_destroy(load);
        if (!out->reduced) {
            snprintf(out->reason, sizeof out->reason, "one run takes %.1f s", seconds);
        }
        out->reduced = true;
        out->benchmark->print(problem, &out->problem);
    }
    workload_destroy(load);
    return false;
}

static bool run_problem(const session *session, void *problem, const options *options,
                        record *out) {
    workload load;
    const workload_request request = {.benchmark = out->benchmark,
                                      .problem = problem,
                                      .dtype = out->dtype,
                                      .variant = options->variant,
                                      .seed = options->seed,
                                      .data_folder = data_folder(options)};
    if (!fit_problem(session, problem, out) ||
        !open_workload(session, &request, problem, &load, out)) {
        return false;
    }
    out->work = out->benchmark->work(problem, out->dtype);
    out->metric = operator_metric(out->benchmark, problem); /* it may have been reduced */
    bool ok = measure_all(&load, options, out) && ask_peers(&load, options, out);
    workload_destroy(&load);
    return ok;
}

void run_case(const session *session, const operator_benchmark *benchmark,
              const selected_case *selected, clf_dtype dtype, const options *options, record *out) {
    *out = (record){.session = session,
                    .benchmark = benchmark,
                    .suite = selected->suite,
                    .case_name = selected->name,
                    .dtype = dtype,
                    .metric = operator_metric(benchmark, selected->problem),
                    .seed = options->seed};
    snprintf(out->requested, sizeof out->requested, "%s", variant_name(options->variant));
    progress("%s case %s %s", benchmark->name, selected->name, clf_dtype_name(dtype));
    void *problem = malloc(benchmark->problem_size);
    bool ok = false;
    if (problem) {
        memcpy(problem, selected->problem, benchmark->problem_size);
        ok = run_problem(session, problem, options, out);
    } else {
        fail("no host memory");
    }
    if (!ok) {
        out->state = RECORD_FAILED;
        snprintf(out->reason, sizeof out->reason, "%s", failure_text());
    }
    free(problem);
    progress_clear();
}
