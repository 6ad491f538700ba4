/* Kernel sources: the manifest, and #include lines resolved from the embedded files. */
#include "device/kernel_source.h"

#include <string.h>

#include "core/failure.h"
#include "device/embedded.h"

#define CLF_KERNEL(name, file, operator_name, variant) {#name, file},

static const struct {
    const char *kernel;
    const char *file;
} manifest[] = {
#include "manifest.def"
};

#define MAX_FILES 32 /* files that one kernel may include, itself counted */

typedef struct inclusion {
    const char *paths[MAX_FILES];
    size_t num_paths;
    clf_i_text *source;
} inclusion;

const char *clf_i_kernel_file(const char *kernel) {
    for (size_t i = 0; i < sizeof manifest / sizeof manifest[0]; ++i) {
        if (strcmp(manifest[i].kernel, kernel) == 0) {
            return manifest[i].file;
        }
    }
    return NULL;
}

/* Whether the line is #include "path"; the path is found by its embedded name, so that it outlives
 * the line. */
static bool parse_include(const char *line, size_t length, char path[64]) {
    static const char start[] = "#include \"";
    const size_t prefix = sizeof start - 1;
    if (length < prefix || strncmp(line, start, prefix) != 0) {
        return false;
    }
    const size_t path_length = strcspn(line + prefix, "\"\n");
    if (path_length >= 64 || prefix + path_length >= length) {
        return false;
    }
    memcpy(path, line + prefix, path_length);
    path[path_length] = '\0';
    return true;
}

static bool is_included(const inclusion *state, const char *path) {
    for (size_t i = 0; i < state->num_paths; ++i) {
        if (strcmp(state->paths[i], path) == 0) {
            return true;
        }
    }
    return false;
}

/* The embedded table's own copy of the path, which has static storage. */
static const char *static_path(const char *path) {
    const char *candidate = NULL;
    for (size_t i = 0; (candidate = clf_i_embedded_path(i)) != NULL; ++i) {
        if (strcmp(candidate, path) == 0) {
            return candidate;
        }
    }
    return NULL;
}

static clf_status append_file(inclusion *state, const char *path) {
    const char *own_path = static_path(path);
    if (own_path == NULL || state->num_paths == MAX_FILES) {
        return clf_i_fail(CLF_ERR_INTERNAL, "kernel file %s is %s", path,
                          own_path == NULL ? "not embedded" : "one include too many");
    }
    state->paths[state->num_paths++] = own_path;
    clf_i_text_format(state->source, "#line 1 \"%s\"\n", own_path);
    int line_number = 1;
    for (const char *line = clf_i_embedded_file(own_path, NULL); *line != '\0'; ++line_number) {
        const size_t content = strcspn(line, "\n");
        const size_t length = content + (line[content] == '\n');
        char included[64];
        if (!parse_include(line, length, included)) {
            clf_i_text_append_bytes(state->source, line, length);
        } else if (!is_included(state, included)) {
            const clf_status status = append_file(state, included);
            if (status != CLF_SUCCESS) {
                return status;
            }
            clf_i_text_format(state->source, "#line %d \"%s\"\n", line_number + 1, own_path);
        } else {
            clf_i_text_append(state->source, "\n");
        }
        line += length;
    }
    return CLF_SUCCESS;
}

clf_status clf_i_kernel_source(const char *kernel, clf_i_text *source) {
    const char *file = clf_i_kernel_file(kernel);
    if (file == NULL) {
        return clf_i_fail(CLF_ERR_INTERNAL, "kernel %s is not in the manifest", kernel);
    }
    inclusion state = {.num_paths = 0, .source = source};
    const clf_status status = append_file(&state, file);
    if (status == CLF_SUCCESS && source->failed) {
        return clf_i_fail(CLF_ERR_OUT_OF_MEMORY, "out of host memory for the source of %s", kernel);
    }
    return status;
}
