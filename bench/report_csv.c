/* Records as CSV: the scalar fields of the JSON record, nested ones flattened with '_'. */
#include <string.h>

#include "report.h"

typedef struct csv_column {
    const char *name;
    const char *key;
    const char *inner; /* NULL: the key's own value */
} csv_column;

static const csv_column columns[] = {
    {"schema_version", "schema_version", NULL},
    {"tool_version", "tool_version", NULL},
    {"commit", "commit", NULL},
    {"build", "build", NULL},
    {"date", "date", NULL},
    {"device_name", "device", "name"},
    {"device_driver", "device", "driver"},
    {"device_platform", "device", "platform"},
    {"host_cpu", "host_cpu", NULL},
    {"operator", "operator", NULL},
    {"suite", "suite", NULL},
    {"case", "case", NULL},
    {"shape", "shape", NULL},
    {"mask", "mask", NULL},
    {"attributes", "attributes", NULL},
    {"dtype", "dtype", NULL},
    {"requested_variant", "requested_variant", NULL},
    {"variant", "variant", NULL},
    {"seed", "seed", NULL},
    {"reduced", "reduced", NULL},
    {"original_shape", "original", "shape"},
    {"runs", "runs", NULL},
    {"median_s", "median_s", NULL},
    {"mad_s", "mad_s", NULL},
    {"min_s", "min_s", NULL},
    {"bytes", "bytes", NULL},
    {"flops", "flops", NULL},
    {"gb_per_s", "gb_per_s", NULL},
    {"gflop_per_s", "gflop_per_s", NULL},
    {"ceiling_name", "ceiling", "name"},
    {"ceiling_rate", "ceiling", "rate"},
    {"ratio", "ratio", NULL},
    {"best_ratio", "best_ratio", NULL},
    {"workspace_bytes", "workspace_bytes", NULL},
    {"plan_ms", "plan_ms", NULL},
    {"enqueue_us", "enqueue_us", NULL},
    {"verify", "verify", NULL},
    {"rows_checked", "rows_checked", NULL},
    {"error", "error", NULL},
    {"bound", "bound", NULL},
    {"stored_error", "stored_error", NULL},
    {"ok", "ok", NULL},
    {"state", "state", NULL},
    {"reason", "reason", NULL},
    {"plan_cold_ms", "overhead", "plan_cold_ms"},
    {"plan_disk_ms", "overhead", "plan_disk_ms"},
    {"plan_memory_ms", "overhead", "plan_memory_ms"},
    {"plan_enqueue_us", "overhead", "enqueue_us"},
    {"driver_enqueue_us", "overhead", "driver_enqueue_us"},
};

enum { NUM_COLUMNS = sizeof columns / sizeof columns[0] };

/* Quoted if it must be (RFC 4180); names and texts only. */
static void print_text(FILE *file, const char *text) {
    if (!strpbrk(text, ",\"\n\r")) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (; *text; text++) {
        if (*text == '"') {
            fputc('"', file);
        }
        fputc(*text, file);
    }
    fputc('"', file);
}

static void print_value(FILE *file, const json_t *value) {
    if (json_is_string(value)) {
        print_text(file, json_string_value(value));
    } else if (json_is_integer(value)) {
        fprintf(file, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        fprintf(file, "%.9g", json_real_value(value));
    } else if (json_is_boolean(value)) {
        fputs(json_is_true(value) ? "true" : "false", file);
    }
}

/* The peers of a record are few and differ by operator: name=median_s/ratio, separated by ';'. */
static void print_peers(FILE *file, const record *record) {
    for (size_t i = 0; i < record->num_peers; i++) {
        const peer_record *peer = &record->peers[i];
        if (peer->result.available) {
            fprintf(file, "%s%s=%.9g/%.4g", i ? ";" : "", peer->name, peer->result.time.median,
                    peer->ratio);
        }
    }
}

void report_csv_record(report *report, const record *record) {
    if (!report->header_done) {
        for (size_t i = 0; i < NUM_COLUMNS; i++) {
            fprintf(report->file, "%s,", columns[i].name);
        }
        fputs("peers\n", report->file);
        report->header_done = true;
    }
    json_t *object = record_to_json(record);
    for (size_t i = 0; i < NUM_COLUMNS; i++) {
        const json_t *value = json_object_get(object, columns[i].key);
        print_value(report->file,
                    columns[i].inner ? json_object_get(value, columns[i].inner) : value);
        fputc(',', report->file);
    }
    print_peers(report->file, record);
    fputc('\n', report->file);
    json_decref(object);
}
