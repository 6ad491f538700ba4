/* Where records go. */
#ifndef CLFORMER_BENCH_REPORT_H
#define CLFORMER_BENCH_REPORT_H

#include <stdio.h>

#include <jansson.h>

#include "record.h"

typedef enum report_format { REPORT_CONSOLE, REPORT_JSON, REPORT_CSV } report_format;

typedef struct report {
    FILE *file;
    report_format format;
    bool show_overhead;
    bool header_done;
    const operator_benchmark *benchmark; /* of the table under way */
    char ceiling_name[64];               /* likewise */
    size_t num_records;
    size_t num_bad; /* wrong or failed */
} report;

/* `path` NULL: stdout. False after fail(). */
bool report_open(report *out, report_format format, const char *path);
bool report_add(report *report, const record *record);
/* False after fail() if anything could not be written. */
bool report_close(report *report);

void report_console_record(report *report, const record *record);
void report_json_record(report *report, const record *record);
void report_csv_record(report *report, const record *record);

/* The record as the JSON object of docs/benchmarking.md; NULL without memory. */
json_t *record_to_json(const record *record);

const char *record_state_name(record_state state);

#endif
