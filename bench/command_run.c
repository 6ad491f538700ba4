/* run: the selected cases in each dtype, one record each. */
#include <stdlib.h>

#include "case_selection.h"
#include "commands.h"
#include "run_case.h"
#include "terminal.h"

/* Runs everything selected; false after fail() if results could not be written. */
static bool run_all(const session *session, const options *options, const case_selection *selection,
                    report *report) {
    record *record = malloc(sizeof *record);
    bool ok = record ? true : fail("no host memory");
    for (size_t i = 0; ok && i < selection->count; i++) {
        for (size_t j = 0; ok && j < options->num_dtypes; j++) {
            if (!operator_has_dtype(options->benchmark, selection->cases[i].problem,
                                    options->dtypes[j])) {
                continue;
            }
            run_case(session, options->benchmark, &selection->cases[i], options->dtypes[j], options,
                     record);
            ok = report_add(report, record);
        }
    }
    free(record);
    return ok;
}

static int run_on_device(const options *options, const case_selection *selection, report *report) {
    session session;
    int code = open_chosen_device(options, &session);
    if (code != EXIT_OK) {
        return code;
    }
    if (options->verify == VERIFY_SAMPLE) {
        note("data and sampled rows: --seed %llu", (unsigned long long)options->seed);
    }
    bool ok = run_all(&session, options, selection, report);
    session_close(&session);
    if (!ok) {
        complain("%s", failure_text());
    }
    return ok && report->num_bad == 0 ? EXIT_OK : EXIT_CASE_FAILED;
}

int command_run(const options *options) {
    case_selection selection = {0};
    report report;
    if (!peers_check(options->benchmark, options->peers) ||
        !selection_create(options->benchmark, options, "seed", &selection) ||
        !selection_check_dtypes(options->benchmark, options, &selection)) {
        complain("%s", failure_text());
        selection_release(&selection);
        return EXIT_USAGE;
    }
    int code = EXIT_USAGE;
    if (report_open(&report, options->format, options->output)) {
        code = run_on_device(options, &selection, &report);
        if (!report_close(&report)) {
            complain("%s", failure_text());
            code = EXIT_CASE_FAILED;
        }
    } else {
        complain("%s", failure_text());
    }
    selection_release(&selection);
    return code;
}
