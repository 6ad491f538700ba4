/* Records as a table: time, rate, share of the ceiling and error on one line. */
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "terminal.h"

static void print_header(report *report, const record *record, const palette *colours) {
    fprintf(report->file, "%s%s%s on %s (%s, driver %s)%s%s\n", report->header_done ? "\n" : "",
            colours->bold, record->benchmark->name, record->session->name,
            record->session->platform, record->session->driver,
            record->ceiling_name[0] ? ", share of: " : "", record->ceiling_name);
    fprintf(report->file, "%-9s %-20s %-20s %-5s %-8s %8s %10s %6s %8s %6s %6s %9s %9s  %s%s\n",
            "case", "shape", record->benchmark->mask_title, "dtype", "variant", "work MiB",
            "median ms", "+-", metric_unit(record->metric), "share", "best", "error", "allowed",
            "ok", colours->reset);
}

static void print_error(FILE *file, const record *record) {
    if (record->verified) {
        fprintf(file, " %9.2e %9.2e", record->check.verdict.max_error,
                record->check.verdict.allowed);
    } else {
        fprintf(file, " %9s %9s", "-", "-");
    }
}

static void print_state(FILE *file, const record *record, const palette *colours) {
    if (record->state == RECORD_OK) {
        bool known = record->verified;
        fprintf(file, "  %s%s%s", known ? colours->good : "", known ? "ok" : "-",
                known ? colours->reset : "");
    } else {
        fprintf(file, "  %s%s%s", colours->bad, record->state == RECORD_WRONG ? "WRONG" : "FAILED",
                colours->reset);
    }
}

/* What does not fit the columns: indented lines below the record's. */
static void print_details(FILE *file, const record *record) {
    if (record->reduced) {
        fprintf(file, "          reduced from %s", record->original.shape);
        if (record->state == RECORD_OK) {
            fprintf(file, ": %s", record->reason);
        }
        fputc('\n', file);
    }
    if (record->state != RECORD_OK) {
        fprintf(file, "          %s\n", record->reason);
    }
    if (record->check.has_stored) {
        fprintf(file, "          largest difference from PyTorch's stored result: %.2e\n",
                record->check.stored_error);
    }
    for (size_t i = 0; i < record->num_peers; i++) {
        const peer_record *peer = &record->peers[i];
        if (peer->result.available) {
            fprintf(file, "          %s: %.3f ms, %.2fx our time (%s)\n", peer->name,
                    1e3 * peer->result.time.median, peer->ratio, peer->result.detail);
        } else {
            fprintf(file, "          %s: left out: %s\n", peer->name, peer->result.detail);
        }
    }
    if (record->overhead.measured) {
        const overhead_figures *figures = &record->overhead;
        fprintf(file,
                "          plan: %.2f ms cold, %.2f ms from disk, %.3f ms from memory; enqueue: "
                "%.1f us, of which %.1f us the driver's\n",
                1e3 * figures->plan_cold_seconds, 1e3 * figures->plan_disk_seconds,
                1e3 * figures->plan_memory_seconds, 1e6 * figures->enqueue_seconds,
                1e6 * figures->driver_seconds);
    }
}

void report_console_record(report *report, const record *record) {
    palette colours = palette_for(report->file);
    FILE *file = report->file;
    /* A failed record may have no ceiling. */
    bool same_ceiling =
        !record->ceiling_name[0] || strcmp(report->ceiling_name, record->ceiling_name) == 0;
    if (report->benchmark != record->benchmark || !same_ceiling) {
        print_header(report, record, &colours);
        memcpy(report->ceiling_name, record->ceiling_name, sizeof report->ceiling_name);
    }
    report->header_done = true;
    report->benchmark = record->benchmark;
    fprintf(file, "%-9s %-20s %-20s %-5s %-8s", record->case_name, record->problem.shape,
            record->problem.mask, clf_dtype_name(record->dtype), record->variant);
    if (record->state == RECORD_FAILED) {
        fprintf(file, " %8s %10s %6s %8s %6s %6s %9s %9s", "-", "-", "-", "-", "-", "-", "-", "-");
    } else {
        double spread = record->measured.time.mad / record->measured.time.median;
        fprintf(file, " %8.1f %10.3f %5.1f%% %8.2f %6.3f %6.3f", (double)record->workspace / 0x1p20,
                1e3 * record->measured.time.median, 1e2 * spread, 1e-9 * record->rate,
                record->ratio, record->best_ratio);
        print_error(file, record);
    }
    print_state(file, record, &colours);
    fputc('\n', file);
    print_details(file, record);
}
