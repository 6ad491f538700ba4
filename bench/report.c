/* Opens the output and hands records to the format asked for. */
#include "report.h"

#include <errno.h>
#include <string.h>

#include "terminal.h"

const char *record_state_name(record_state state) {
    switch (state) {
    case RECORD_OK:
        return "ok";
    case RECORD_WRONG:
        return "wrong";
    case RECORD_FAILED:
        return "failed";
    }
    return "unknown";
}

bool report_open(report *out, report_format format, const char *path) {
    *out = (report){.file = stdout, .format = format};
    if (path) {
        out->file = fopen(path, "w");
        if (!out->file) {
            return fail("--output: '%s' cannot be written: %s", path, strerror(errno));
        }
    }
    return true;
}

bool report_add(report *report, const record *record) {
    static void (*const writers[])(struct report *, const struct record *) = {
        [REPORT_CONSOLE] = report_console_record,
        [REPORT_JSON] = report_json_record,
        [REPORT_CSV] = report_csv_record,
    };
    report->num_records++;
    report->num_bad += record->state != RECORD_OK;
    writers[report->format](report, record);
    return fflush(report->file) == 0 ? true : fail("results could not be written");
}

bool report_close(report *report) {
    bool ok = fflush(report->file) == 0 && !ferror(report->file);
    if (report->file != stdout) {
        ok = fclose(report->file) == 0 && ok;
    }
    return ok ? true : fail("results could not be written");
}
