/* demo: every operator, first on recorded tensors of a real model, then on its document's cases. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case_selection.h"
#include "commands.h"
#include "run_case.h"
#include "statistics.h"
#include "terminal.h"

enum { MOST_SHARES = 256 };

/* The shares of one operator in one dtype, and in one mode where it has some. */
typedef struct shares {
    char name[2 * PROBLEM_TEXT];
    size_t count;
    double values[MOST_SHARES];
} shares;

enum { MOST_GROUPS = 32 };

typedef struct demo {
    session session;
    report report;
    record record;
    size_t num_groups;
    shares groups[MOST_GROUPS];
} demo;

/* "softmax fp16", "ffn float fp16 reading" */
static void name_shares(const record *record, char *out, size_t size) {
    const operator_benchmark *benchmark = record->benchmark;
    snprintf(out, size, "%s%s%s %s%s", benchmark->name, benchmark->has_dtype ? " " : "",
             benchmark->has_dtype ? record->problem.mask : "", clf_dtype_name(record->dtype),
             record->metric == METRIC_READS ? " reading" : "");
}

static void keep_share(demo *demo) {
    const record *record = &demo->record;
    shares *group = demo->groups;
    char name[sizeof group->name];
    name_shares(record, name, sizeof name);
    while (group < demo->groups + demo->num_groups && strcmp(group->name, name) != 0) {
        group++;
    }
    if (group == demo->groups + MOST_GROUPS || record->state == RECORD_FAILED) {
        return;
    }
    if (group == demo->groups + demo->num_groups) {
        demo->num_groups++;
        memcpy(group->name, name, sizeof name);
    }
    if (group->count < MOST_SHARES) {
        group->values[group->count++] = record->ratio;
    }
}

/* Runs one suite; the small real tensors say nothing about the share of the ceiling. */
static bool run_suite(demo *demo, const operator_benchmark *benchmark, const options *options,
                      const char *suite) {
    case_selection selection;
    bool ok = selection_create(benchmark, options, suite, &selection) &&
              selection_check_dtypes(benchmark, options, &selection);
    for (size_t i = 0; ok && i < selection.count; i++) {
        for (size_t j = 0; ok && j < options->num_dtypes; j++) {
            if (!operator_has_dtype(benchmark, selection.cases[i].problem, options->dtypes[j])) {
                continue;
            }
            run_case(&demo->session, benchmark, &selection.cases[i], options->dtypes[j], options,
                     &demo->record);
            ok = report_add(&demo->report, &demo->record);
            if (strcmp(suite, "real") != 0) {
                keep_share(demo);
            }
        }
    }
    selection_release(&selection);
    return ok;
}

static bool has_suite(const operator_benchmark *benchmark, const char *suite) {
    for (const case_entry *entry = benchmark->cases; entry->name; entry++) {
        if (strcmp(entry->suite, suite) == 0) {
            return true;
        }
    }
    return false;
}

/* All cases of the document where that is a matter of seconds, else those of suite "demo". */
static bool run_operators(demo *demo, const options *options) {
    bool ok = true;
    for (size_t i = 0; ok && operator_registry[i]; i++) {
        const operator_benchmark *benchmark = operator_registry[i];
        const char *document = has_suite(benchmark, "demo") ? "demo" : "seed";
        ok = (!has_suite(benchmark, "real") || run_suite(demo, benchmark, options, "real")) &&
             run_suite(demo, benchmark, options, document);
    }
    return ok;
}

static void print_verdict(demo *demo) {
    palette colours = palette_for(stdout);
    bool good = demo->report.num_bad == 0;
    printf("\n%s%zu of %zu cases correct%s%s", good ? colours.good : colours.bad,
           demo->report.num_records - demo->report.num_bad, demo->report.num_records, colours.reset,
           demo->num_groups ? "; median share of the ceiling:" : "");
    for (size_t i = 0; i < demo->num_groups; i++) {
        shares *group = &demo->groups[i];
        printf("%s %s %.2f", i ? "," : "", group->name,
               summarize(group->values, group->count).median);
    }
    printf("\n");
}

static int run_demo(demo *demo, const options *options) {
    bool ok = report_open(&demo->report, REPORT_CONSOLE, NULL) && run_operators(demo, options);
    if (!ok) {
        complain("%s", failure_text());
        return EXIT_CASE_FAILED;
    }
    print_verdict(demo);
    return demo->report.num_bad == 0 ? EXIT_OK : EXIT_CASE_FAILED;
}

int command_demo(const options *options) {
    demo *demo = calloc(1, sizeof *demo);
    if (!demo) {
        complain("no host memory");
        return EXIT_CASE_FAILED;
    }
    int code = open_chosen_device(options, &demo->session);
    if (code == EXIT_OK) {
        code = run_demo(demo, options);
    }
    session_close(&demo->session);
    free(demo);
    return code;
}
