/* explain: the plan of a case without running it, and what it costs at the ceiling. */
#include <stdio.h>
#include <stdlib.h>

#include "case_selection.h"
#include "ceiling.h"
#include "commands.h"
#include "json_print.h"
#include "run_case.h"
#include "terminal.h"
#include "workload.h"

enum { CEILING_SAMPLES = 7 };

/* Best rate of the problem's ceiling; 0 after fail(). */
static double measure_ceiling(const session *session, const operator_benchmark *benchmark,
                              const void *problem, clf_dtype dtype, char *name, size_t size) {
    ceiling ceiling;
    if (!ceiling_open_for(&ceiling, session, benchmark, problem, dtype)) {
        return 0.0;
    }
    bool ok = true;
    for (int i = 0; ok && i < CEILING_SAMPLES; i++) {
        ok = ceiling_sample(&ceiling);
    }
    double rate = ok ? ceiling.best_rate : 0.0;
    ceiling_name(&ceiling, name, size);
    ceiling_close(&ceiling);
    return rate;
}

static bool print_cost(const session *session, const options *options, const void *problem,
                       clf_dtype dtype) {
    const operator_benchmark *benchmark = options->benchmark;
    const metric metric = operator_metric(benchmark, problem);
    const work_amount work = benchmark->work(problem, dtype);
    char name[64] = "";
    printf("  least traffic: %.6g MB; arithmetic: %.6g MFLOP; %.2f FLOP per byte\n",
           1e-6 * work.bytes, 1e-6 * work.flops, work.flops / work.bytes);
    if (!options->peaks) {
        return true;
    }
    double rate = measure_ceiling(session, benchmark, problem, dtype, name, sizeof name);
    if (rate > 0.0) {
        printf("  ceiling: %s, %.1f %s; %.3f ms at the ceiling\n", name, 1e-9 * rate,
               metric_unit(metric), 1e3 * metric_amount(metric, &work) / rate);
    }
    return rate > 0.0;
}

/* Plans without buffers: nothing is allocated or run. */
static bool print_plan(const session *session, const options *options, const void *problem,
                       clf_dtype dtype) {
    const operator_benchmark *benchmark = options->benchmark;
    tensor_info tensors[MAX_TENSORS];
    clf_tensor views[MAX_TENSORS];
    clf_plan *plan = NULL;
    size_t count = benchmark->tensors(problem, dtype, tensors);
    for (size_t i = 0; i < count; i++) {
        views[i] = clf_tensor_contiguous(NULL, tensors[i].dtype, tensors[i].rank, tensors[i].shape);
    }
    if (!clformer_ok(benchmark->plan(session->device, problem, views, options->variant, &plan),
                     benchmark->name)) {
        return false;
    }
    char *text = plan_description(plan);
    if (text) {
        print_description(stdout, text, 2);
    }
    free(text);
    clf_plan_destroy(plan);
    return text != NULL;
}

static bool explain_case(const session *session, const options *options,
                         const selected_case *selected, clf_dtype dtype) {
    const operator_benchmark *benchmark = options->benchmark;
    problem_text text;
    char why[256];
    benchmark->print(selected->problem, &text);
    printf("%s case %s: shape %s, %s %s, %s, %s\n", benchmark->name, selected->name, text.shape,
           benchmark->mask_title, text.mask, text.attributes, clf_dtype_name(dtype));
    if (!workload_fits(session, benchmark, selected->problem, dtype, why, sizeof why)) {
        printf("  does not fit this device: %s\n", why);
    }
    return print_plan(session, options, selected->problem, dtype) &&
           print_cost(session, options, selected->problem, dtype);
}

static bool explain_all(const session *session, const options *options,
                        const case_selection *selection) {
    bool chosen = options->suite || options->cases;
    size_t count = chosen ? selection->count : 1;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        for (size_t j = 0; ok && j < options->num_dtypes; j++) {
            if (operator_has_dtype(options->benchmark, selection->cases[i].problem,
                                   options->dtypes[j])) {
                ok = explain_case(session, options, &selection->cases[i], options->dtypes[j]);
            }
        }
    }
    return ok;
}

int command_explain(const options *options) {
    case_selection selection;
    session session;
    if (!selection_create(options->benchmark, options, "seed", &selection) ||
        !selection_check_dtypes(options->benchmark, options, &selection)) {
        complain("%s", failure_text());
        selection_release(&selection);
        return EXIT_USAGE;
    }
    int code = open_chosen_device(options, &session);
    if (code == EXIT_OK && !explain_all(&session, options, &selection)) {
        complain("%s", failure_text());
        code = EXIT_CASE_FAILED;
    }
    session_close(&session);
    selection_release(&selection);
    return code;
}
