/* clformer-bench: the benchmark and its command line. Only dispatches. */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "options.h"
#include "terminal.h"

const command_entry command_table[] = {
    {"info", FOR_INFO, "info [options]",
     "Devices, capabilities, usable variants; measured bandwidth and arithmetic.", command_info},
    {"list", FOR_LIST, "list [options]", "Operators with their suites, cases and peers.",
     command_list},
    {"run", FOR_RUN, "run OPERATOR [options]",
     "Times and checks cases: one line each, with the share of the measured ceiling.", command_run},
    {"explain", FOR_EXPLAIN, "explain OPERATOR [options]",
     "The plan of each case (the first of the suite unless --case or --shape is given).",
     command_explain},
    {"compare", FOR_COMPARE, "compare OLD NEW [options]",
     "Two files of JSON records: exit code 3 if a share of the ceiling fell.", command_compare},
    {"demo", FOR_DEMO, "demo [options]",
     "Every operator on recorded tensors of a real model and its document's cases.", command_demo},
    {"tune", FOR_TUNE, "tune gemm [options]",
     "Searches CLBlast's parameters and writes rules for CLFORMER_TUNE_PATH.", command_tune},
    {NULL, 0, NULL, NULL, NULL},
};

int main(int argc, char **argv) {
    options options;
    int exit_code = EXIT_OK;
    /* Before the first OpenCL call: without it PoCL may place two workers on one core, and timings
     * then vary by a factor of two. */
    setenv("POCL_AFFINITY", "1", 0);
    if (options_read(argc, argv, &options, &exit_code)) {
        exit_code = options.command->run(&options);
        progress_clear();
    }
    if (fflush(stdout) || ferror(stdout)) {
        complain("stdout could not be written");
        exit_code = exit_code == EXIT_OK ? EXIT_CASE_FAILED : exit_code;
    }
    return exit_code;
}
