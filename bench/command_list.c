/* list: operators, their cases by suite, and their peers. */
#include <stdio.h>
#include <string.h>

#include "case_selection.h"
#include "commands.h"
#include "terminal.h"

/* A suite whose data is not installed is listed with the reason. */
static void print_cases(const operator_benchmark *benchmark, const options *options,
                        const char *suite) {
    case_selection selection;
    struct options only_suite = *options;
    only_suite.suite = suite;
    if (!selection_create(benchmark, &only_suite, suite, &selection)) {
        printf("  %-6s not available: %s\n", suite, failure_text());
    }
    for (size_t i = 0; i < selection.count; i++) {
        problem_text text;
        benchmark->print(selection.cases[i].problem, &text);
        printf("  %-6s %-9s %-20s %s %-20s %s\n", suite, selection.cases[i].name, text.shape,
               benchmark->mask_title, text.mask, text.attributes);
    }
    selection_release(&selection);
}

static void print_operator(const operator_benchmark *benchmark, const options *options) {
    const char *previous = "";
    printf("%s: %s\n", benchmark->name, benchmark->summary);
    for (const case_entry *entry = benchmark->cases; entry->name; entry++) {
        bool wanted = !options->suite || strcmp(options->suite, entry->suite) == 0;
        if (wanted && strcmp(entry->suite, previous) != 0) {
            print_cases(benchmark, options, entry->suite);
        }
        previous = entry->suite;
    }
    for (const peer_entry *peer = benchmark->peers; peer->name; peer++) {
        printf("  peer   %-9s %s\n", peer->name, peer->help);
    }
}

int command_list(const options *options) {
    for (size_t i = 0; operator_registry[i]; i++) {
        if (options->suite && !suite_check(operator_registry[i], options->suite)) {
            complain("%s", failure_text());
            return EXIT_USAGE;
        }
    }
    for (size_t i = 0; operator_registry[i]; i++) {
        print_operator(operator_registry[i], options);
    }
    return EXIT_OK;
}
