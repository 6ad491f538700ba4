/* Records as JSON, one object per line; the schema is described in docs/benchmarking.md. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "report.h"

#include "schema.h"

/* JSON has no NaN and no infinity: null. */
static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

/* The word behind "commit " in the library's description of itself. */
static void set_commit(json_t *object) {
    const char *build = clf_build_info();
    const char *commit = strstr(build, "commit ");
    commit = commit ? commit + strlen("commit ") : build;
    json_object_set_new(object, "commit", json_stringn(commit, strcspn(commit, ", ")));
    json_object_set_new(object, "build", json_string(build));
}

static void set_date(json_t *object) {
    char text[32] = "";
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc)) {
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    json_object_set_new(object, "date", json_string(text));
}

static json_t *device_object(const session *session) {
    return json_pack("{s:s, s:s, s:s, s:s}", "name", session->name, "driver", session->driver,
                     "platform", session->platform, "type", session->is_cpu ? "cpu" : "other");
}

static json_t *problem_object(const problem_text *problem) {
    return json_pack("{s:s, s:s, s:s}", "shape", problem->shape, "mask", problem->mask,
                     "attributes", problem->attributes);
}

static void set_identity(json_t *object, const record *record) {
    json_object_set_new(object, "schema", json_string(SCHEMA_NAME));
    json_object_set_new(object, "schema_version", json_integer(SCHEMA_VERSION));
    json_object_set_new(object, "tool_version", json_string(clf_version()));
    set_commit(object);
    set_date(object);
    json_object_set_new(object, "device", device_object(record->session));
    json_object_set_new(object, "host_cpu", json_string(host_cpu_name()));
    json_object_set_new(object, "operator", json_string(record->benchmark->name));
    json_object_set_new(object, "suite", json_string(record->suite));
    json_object_set_new(object, "case", json_string(record->case_name));
    json_object_set_new(object, "shape", json_string(record->problem.shape));
    json_object_set_new(object, "mask", json_string(record->problem.mask));
    json_object_set_new(object, "attributes", json_string(record->problem.attributes));
    json_object_set_new(object, "dtype", json_string(clf_dtype_name(record->dtype)));
    json_object_set_new(object, "requested_variant", json_string(record->requested));
    json_object_set_new(object, "variant", json_string(record->variant));
    json_object_set_new(object, "seed", json_integer((json_int_t)record->seed));
    json_object_set_new(object, "reduced", json_boolean(record->reduced));
    json_object_set_new(object, "original",
                        record->reduced ? problem_object(&record->original) : json_null());
}

static void set_times(json_t *object, const record *record) {
    const summary *time = &record->measured.time;
    json_object_set_new(object, "runs", json_integer((json_int_t)time->count));
    json_object_set_new(object, "median_s", number(time->median));
    json_object_set_new(object, "mad_s", number(time->mad));
    json_object_set_new(object, "min_s", number(time->minimum));
    json_object_set_new(object, "bytes", number(record->work.bytes));
    json_object_set_new(object, "flops", number(record->work.flops));
    json_object_set_new(object, "gb_per_s", number(1e-9 * record->work.bytes / time->median));
    json_object_set_new(object, "gflop_per_s", number(1e-9 * record->work.flops / time->median));
    json_object_set_new(object, "ceiling",
                        json_pack("{s:s, s:s, s:o}", "name", record->ceiling_name, "unit",
                                  metric_unit(record->metric), "rate",
                                  number(1e-9 * record->ceiling_rate)));
    json_object_set_new(object, "ratio", number(record->ratio));
    json_object_set_new(object, "best_ratio", number(record->best_ratio));
    json_object_set_new(object, "workspace_bytes", json_integer((json_int_t)record->workspace));
    json_object_set_new(object, "plan_ms", number(1e3 * record->plan_seconds));
    json_object_set_new(object, "enqueue_us", number(1e6 * record->measured.enqueue.median));
}

static void set_check(json_t *object, const record *record) {
    const verify_result *check = &record->check;
    bool known = record->verified;
    json_object_set_new(object, "verify",
                        json_string(!known                   ? "off"
                                    : record->verified_fully ? "full"
                                                             : "sample"));
    json_object_set_new(object, "rows_checked", json_integer((json_int_t)check->num_rows));
    json_object_set_new(object, "error", known ? number(check->verdict.max_error) : json_null());
    json_object_set_new(object, "bound", known ? number(check->verdict.allowed) : json_null());
    json_object_set_new(object, "stored_error",
                        check->has_stored ? number(check->stored_error) : json_null());
    json_object_set_new(object, "ok",
                        record->state == RECORD_OK && !known
                            ? json_null()
                            : json_boolean(record->state == RECORD_OK));
    json_object_set_new(object, "state", json_string(record_state_name(record->state)));
    json_object_set_new(object, "reason",
                        record->reason[0] ? json_string(record->reason) : json_null());
}

static json_t *peers_array(const record *record) {
    json_t *array = json_array();
    for (size_t i = 0; i < record->num_peers; i++) {
        const peer_record *peer = &record->peers[i];
        bool known = peer->result.available;
        json_array_append_new(array,
                              json_pack("{s:s, s:o, s:o, s:o, s:s}", "name", peer->name, "median_s",
                                        known ? number(peer->result.time.median) : json_null(),
                                        "own_s", known ? number(peer->own_seconds) : json_null(),
                                        "ratio", known ? number(peer->ratio) : json_null(),
                                        "detail", peer->result.detail));
    }
    return array;
}

static json_t *overhead_object(const overhead_figures *figures) {
    if (!figures->measured) {
        return json_null();
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "plan_cold_ms",
                     number(1e3 * figures->plan_cold_seconds), "plan_disk_ms",
                     number(1e3 * figures->plan_disk_seconds), "plan_memory_ms",
                     number(1e3 * figures->plan_memory_seconds), "enqueue_us",
                     number(1e6 * figures->enqueue_seconds), "driver_enqueue_us",
                     number(1e6 * figures->driver_seconds));
}

json_t *record_to_json(const record *record) {
    json_t *object = json_object();
    set_identity(object, record);
    if (record->state != RECORD_FAILED) {
        set_times(object, record);
    }
    set_check(object, record);
    json_object_set_new(object, "peers", peers_array(record));
    json_object_set_new(object, "overhead", overhead_object(&record->overhead));
    return object;
}

void report_json_record(report *report, const record *record) {
    json_t *object = record_to_json(record);
    json_dumpf(object, report->file, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', report->file);
    json_decref(object);
}
