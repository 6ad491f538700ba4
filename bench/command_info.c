/* info: the devices of this machine, the chosen one in detail, and what it reaches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "blas.h"
#include "ceiling.h"
#include "commands.h"
#include "json_print.h"
#include "terminal.h"

enum { SAMPLES = 9 };

/* Read plus written; beyond any cache. */
static const double copied_bytes = 256.0 * 1024.0 * 1024.0;

static const char *text_of(json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "?";
}

static bool print_devices(void) {
    char *text = device_list_description();
    json_t *list = text ? json_loads(text, 0, NULL) : NULL;
    size_t index = 0;
    json_t *device = NULL;
    bool ok = list ? true : fail("clf_device_list: %s", text ? "not JSON" : failure_text());
    if (ok && json_array_size(list) == 0) {
        printf("No OpenCL device. Install a driver, e.g. pocl-opencl-icd for the CPU.\n");
    }
    json_array_foreach(list, index, device) {
        printf("%-6s %-4s %s (%s, driver %s)\n", text_of(device, "index"), text_of(device, "type"),
               text_of(device, "name"), text_of(device, "platform"), text_of(device, "driver"));
    }
    json_decref(list);
    free(text);
    return ok;
}

static bool print_ceiling(const session *session, ceiling_kind kind, const char *unit) {
    ceiling ceiling;
    char name[64];
    const ceiling_request request = {.kind = kind, .moved_bytes = copied_bytes};
    if (!ceiling_open(&ceiling, session, &request)) {
        return false;
    }
    ceiling_name(&ceiling, name, sizeof name);
    bool ok = true;
    for (int i = 0; ok && i < SAMPLES; i++) {
        progress("measuring %s %d/%d", name, i + 1, SAMPLES);
        ok = ceiling_sample(&ceiling);
    }
    progress_clear();
    if (ok) {
        printf("  %-34s %8.1f %s\n", name, 1e-9 * ceiling.best_rate, unit);
    }
    ceiling_close(&ceiling);
    return ok;
}

static bool print_peaks(const session *session) {
    printf("Measured, best of several:\n");
    return (!session->is_cpu ||
            print_ceiling(session, CEILING_HOST_COPY, "GB/s, read and written")) &&
           print_ceiling(session, CEILING_DEVICE_COPY, "GB/s, read and written") &&
           (!session->is_cpu || !blas_is_available() ||
            print_ceiling(session, CEILING_HOST_GEMM, "GFLOP/s")) &&
           print_ceiling(session, CEILING_DEVICE_FMA, "GFLOP/s");
}

static bool print_session(const session *session, bool peaks) {
    char *text = device_description(session->device);
    if (text) {
        printf("\nChosen: %s\n", session->name);
        print_description(stdout, text, 2);
    }
    fflush(stdout);
    bool ok = text && (!peaks || print_peaks(session));
    free(text);
    return ok;
}

int command_info(const options *options) {
    session session;
    const char *affinity = getenv("POCL_AFFINITY");
    printf("%s\nHost: %s, POCL_AFFINITY=%s\n\n", clf_build_info(), host_cpu_name(),
           affinity ? affinity : "");
    if (!print_devices()) {
        complain("%s", failure_text());
        return EXIT_CASE_FAILED;
    }
    fflush(stdout);
    int code = open_chosen_device(options, &session);
    if (code != EXIT_OK) {
        return code;
    }
    if (!print_session(&session, options->peaks)) {
        complain("%s", failure_text());
        code = EXIT_CASE_FAILED;
    }
    session_close(&session);
    return code;
}
