/* Reads tuning files; knows nothing of their contents. */
#include "tune/tuning_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/log.h"
#include "core/memory.h"
#include "core/text.h"
#include "device/embedded.h"

#define LARGEST_FILE (1 << 20) /* bytes; a tuning file is a few kilobytes */

static bool has_suffix(const char *name, const char *suffix) {
    const size_t length = strlen(name);
    const size_t suffix_length = strlen(suffix);
    return length > suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

bool clf_i_tuning_read_embedded(clf_i_tuning_rules *rules) {
    static const char folder[] = "tuned/";
    const char *path = NULL;
    for (size_t i = 0; (path = clf_i_embedded_path(i)) != NULL; ++i) {
        size_t size = 0;
        if (strncmp(path, folder, sizeof folder - 1) != 0 || !has_suffix(path, ".json")) {
            continue;
        }
        const char *json = clf_i_embedded_file(path, &size);
        if (!clf_i_tuning_rules_parse(rules, path, json, size, false)) {
            return false;
        }
    }
    return true;
}

static void complain(const char *path, const char *why) {
    clf_i_log(CLF_LOG_CHECK, "tuning file %s is left out: %s", path, why);
}

static bool read_file(clf_i_tuning_rules *rules, const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        complain(path, strerror(errno));
        return true;
    }
    bool has_memory = false;
    char *bytes = clf_i_allocate(LARGEST_FILE + 1, 1);
    if (bytes != NULL) {
        const size_t size = fread(bytes, 1, LARGEST_FILE + 1, file);
        has_memory = true;
        if (ferror(file)) {
            complain(path, "it cannot be read");
        } else if (size > LARGEST_FILE) {
            complain(path, "it is larger than 1 MiB");
        } else {
            has_memory = clf_i_tuning_rules_parse(rules, path, bytes, size, true);
        }
    }
    clf_i_release(bytes);
    fclose(file);
    return has_memory;
}

static int is_json(const struct dirent *entry) {
    return has_suffix(entry->d_name, ".json");
}

static bool read_folder(clf_i_tuning_rules *rules, const char *path) {
    struct dirent **entries = NULL;
    const int count = scandir(path, &entries, is_json, alphasort);
    if (count < 0) {
        complain(path, strerror(errno));
        return true;
    }
    bool has_memory = true;
    for (int i = 0; i < count; ++i) {
        clf_i_text file = {0};
        clf_i_text_format(&file, "%s/%s", path, entries[i]->d_name);
        has_memory = has_memory && !file.failed && read_file(rules, file.data);
        clf_i_text_clear(&file);
        free(entries[i]); /* scandir's memory */
    }
    free(entries);
    return has_memory;
}

bool clf_i_tuning_read_path(clf_i_tuning_rules *rules, const char *path) {
    struct stat status;
    const bool is_folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    return is_folder ? read_folder(rules, path) : read_file(rules, path);
}
