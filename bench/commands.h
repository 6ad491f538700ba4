/* The commands; each returns an exit code. */
#ifndef CLFORMER_BENCH_COMMANDS_H
#define CLFORMER_BENCH_COMMANDS_H

#include "options.h"

int command_info(const options *options);
int command_list(const options *options);
int command_run(const options *options);
int command_explain(const options *options);
int command_compare(const options *options);
int command_demo(const options *options);
int command_tune(const options *options);

#endif
