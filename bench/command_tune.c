/*
 * tune gemm: searches CLBlast's parameters for this device within a budget of time, measures our
 * own tiles on the same shapes, and writes the better choice as a rules file for CLFORMER_TUNE_PATH.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "terminal.h"
#include "timing.h"
#include "tune_space.h"
#include "tune_trial.h"

enum { MOST_POINTS = 4096, MOST_DRAWS = 100000 };

/* Half of the time for anything, half for neighbours of the best. */
#define RANDOM_SHARE 0.5

typedef struct search {
    const options *options;
    double end;
    char rules_path[64];
    tune_random random;
    tune_result own;
    /* Scores: geometric mean over the shapes of CLBlast's time by that of our own tiles. */
    tune_result in_force; /* CLBlast with the rules that are in force */
    double in_force_score;
    tune_result best; /* of the points */
    double best_score;
    tune_point best_point;
    double longest; /* seconds of a trial */
    size_t num_points;
    tune_point points[MOST_POINTS];
    size_t num_measured;
    size_t num_invalid; /* points that do not fit together, or were refused, wrong or lost */
} search;

static double score_of(const tune_result *result, const tune_result *own) {
    double sum = 0.0;
    for (int i = 0; i < TUNE_SHAPES; i++) {
        sum += log(result->seconds[i] / own->seconds[i]);
    }
    return exp(sum / TUNE_SHAPES);
}

static bool try_provider(search *search, const char *provider, const char *rules,
                         tune_result *result) {
    double before = now_seconds();
    tune_request request = {search->options->device, provider, rules, search->end};
    bool ok = tune_trial_run(&request, result);
    search->longest = fmax(search->longest, now_seconds() - before);
    return ok;
}

/* ---- Points ---- */

static bool write_rules(const char *path, json_t *rules) {
    bool ok = rules && json_dump_file(rules, path, JSON_INDENT(2)) == 0;
    json_decref(rules);
    return ok ? true : fail("'%s' cannot be written: %s", path, strerror(errno));
}

static bool is_known(const search *search, const tune_point *point) {
    for (size_t i = 0; i < search->num_points; i++) {
        if (tune_points_equal(&search->points[i], point)) {
            return true;
        }
    }
    return false;
}

static void report_progress(const search *search) {
    progress("tune gemm: %zu measured, %zu invalid, best %.2f times the time of our own tiles, "
             "%.0f s left",
             search->num_measured, search->num_invalid,
             fmin(search->best_score, search->in_force_score),
             fmax(search->end - now_seconds(), 0.0));
}

/* False after fail(); a bad point is counted only. */
static bool try_point(search *search, const tune_point *point) {
    tune_result result;
    search->points[search->num_points++] = *point;
    if (!write_rules(search->rules_path, tune_rules(search->own.device, point, -1, NULL)) ||
        !try_provider(search, "clblast", search->rules_path, &result)) {
        return false;
    }
    if (result.outcome != TUNE_MEASURED) {
        search->num_invalid++;
        return true;
    }
    search->num_measured++;
    double score = score_of(&result, &search->own);
    if (score < search->best_score) {
        char text[256];
        search->best = result;
        search->best_point = *point;
        search->best_score = score;
        tune_point_print(point, text, sizeof text);
        progress_clear();
        note("%.2f times the time of our own tiles: %s", score, text);
    }
    return true;
}

/* A new valid point, first the known ones; false: none was found. */
static bool draw_point(search *search, tune_point *point) {
    bool near_best = isfinite(search->best_score) &&
                     search->end - now_seconds() < (1.0 - RANDOM_SHARE) * search->options->budget;
    for (size_t i = 0; i < TUNE_KNOWN_POINTS; i++) {
        if (!is_known(search, &tune_known_points[i])) {
            *point = tune_known_points[i];
            return true;
        }
    }
    for (int draws = 0; draws < MOST_DRAWS; draws++) {
        /* In the end no neighbour may be left. */
        bool near = near_best && draws < MOST_DRAWS / 2;
        *point = near ? tune_point_neighbour(&search->best_point, &search->random)
                      : tune_point_random(&search->random);
        if (!tune_point_is_valid(point)) {
            search->num_invalid += !near;
        } else if (!is_known(search, point)) {
            return true;
        }
    }
    return false;
}

/* ---- The search ---- */

static bool begin_search(search *search) {
    if (!try_provider(search, "own", NULL, &search->own)) {
        return false;
    }
    if (search->own.outcome != TUNE_MEASURED) {
        return search->own.outcome == TUNE_LOST
                   ? fail("our own tiles were not measured within --budget")
                   : fail("our own tiles cannot be measured: %s", search->own.reason);
    }
    if (!try_provider(search, "clblast", NULL, &search->in_force)) {
        return false;
    }
    /* Parameters in force that do not suit the device are no reason to give up. */
    if (search->in_force.outcome == TUNE_REFUSED &&
        strstr(search->in_force.reason, "built without")) {
        return fail("%s", search->in_force.reason);
    }
    search->best_score = INFINITY;
    search->in_force_score = INFINITY;
    if (search->in_force.outcome == TUNE_MEASURED) {
        search->num_measured++;
        search->in_force_score = score_of(&search->in_force, &search->own);
    }
    return true;
}

static bool run_search(search *search) {
    tune_point point;
    size_t runs = search->options->timing.runs;
    size_t most = runs > 0 ? runs : MOST_POINTS;
    while (now_seconds() + search->longest < search->end && search->num_points < most &&
           draw_point(search, &point)) {
        report_progress(search);
        if (!try_point(search, &point)) {
            return false;
        }
    }
    progress_clear();
    return search->num_measured > 0
               ? true
               : fail("no parameters of CLBlast were measured within --budget; %zu were invalid",
                      search->num_invalid);
}

/* ---- Results ---- */

static bool point_is_best(const search *search) {
    return search->best_score < search->in_force_score;
}

static void print_times(FILE *file, const search *search) {
    bool by_point = point_is_best(search);
    const tune_result *best = by_point ? &search->best : &search->in_force;
    fprintf(file, "%-22s %16s %16s\n", "FFN, relu, fp32", "own [GFLOP/s]", "CLBlast [GFLOP/s]");
    for (int i = 0; i < TUNE_SHAPES; i++) {
        char text[64];
        double flops = tune_shape_flops(&tune_shapes[i]);
        snprintf(text, sizeof text, "%ld x %ld x %ld", tune_shapes[i].tokens, tune_shapes[i].width,
                 tune_shapes[i].hidden);
        fprintf(file, "%-22s %16.1f %16.1f\n", text, 1e-9 * flops / search->own.seconds[i],
                1e-9 * flops / best->seconds[i]);
    }
    fprintf(file, "CLBlast takes %.2f times as long%s; %zu measured, %zu invalid\n",
            by_point ? search->best_score : search->in_force_score,
            by_point ? "" : " with the parameters in force, the best found", search->num_measured,
            search->num_invalid);
}

static bool deliver(const search *search) {
    char note_text[256];
    bool by_point = point_is_best(search);
    double score = by_point ? search->best_score : search->in_force_score;
    const char *path = search->options->output;
    snprintf(note_text, sizeof note_text,
             "clformer-bench tune gemm: CLBlast takes %.2f times as long as our own tiles, "
             "geometric mean of %d FFN shapes in fp32; %zu configurations measured",
             score, TUNE_SHAPES, search->num_measured);
    json_t *rules = tune_rules(search->own.device, by_point ? &search->best_point : NULL,
                               score <= 1.0, note_text);
    if (path) {
        print_times(stdout, search);
        return write_rules(path, rules);
    }
    bool ok = rules && json_dumpf(rules, stdout, JSON_INDENT(2)) == 0;
    json_decref(rules);
    putchar('\n');
    if (!search->options->quiet) {
        print_times(stderr, search);
    }
    return ok ? true : fail("the rules could not be written");
}

/* Before any time is spent. */
static bool output_can_be_written(const char *path) {
    FILE *file = path ? fopen(path, "a") : NULL;
    if (path && !file) {
        return fail("--output: '%s' cannot be written: %s", path, strerror(errno));
    }
    if (file) {
        fclose(file);
    }
    return true;
}

int command_tune(const options *options) {
    static search search;
    double begin = now_seconds();
    search.options = options;
    search.end = begin + options->budget;
    search.random = options->seed * 2 + 1;
    if (!output_can_be_written(options->output)) {
        complain("%s", failure_text());
        return EXIT_USAGE;
    }
    snprintf(search.rules_path, sizeof search.rules_path, "/tmp/clformer-tune-XXXXXX");
    int file = mkstemp(search.rules_path);
    bool ok = file >= 0 ? true : fail("/tmp: %s", strerror(errno));
    ok = ok && begin_search(&search) && run_search(&search) && deliver(&search);
    if (file >= 0) {
        close(file);
        unlink(search.rules_path);
    }
    if (!ok) {
        complain("%s", failure_text());
    }
    bool is_usage = search.own.outcome == TUNE_NO_DEVICE && options->device;
    return ok ? EXIT_OK : is_usage ? EXIT_USAGE : EXIT_CASE_FAILED;
}
