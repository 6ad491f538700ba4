/* The disk cache's folder. */
#include "device/cache_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/environment.h"
#include "core/log.h"
#include "core/memory.h"

#define DEFAULT_LIMIT_MEBIBYTES 256u
#define STALE_SECONDS           3600

clf_i_cache_mode clf_i_cache_folder(clf_i_text *path) {
    static const char *const words[] = {"rw", "ro", "off"};
    const clf_i_cache_mode mode = (clf_i_cache_mode)clf_i_environment_choice(
        "CLFORMER_CACHE", words, sizeof words / sizeof words[0], CLF_I_CACHE_READ_WRITE);
    if (mode == CLF_I_CACHE_OFF) {
        return mode;
    }
    const char *own = clf_i_environment("CLFORMER_CACHE_DIR");
    const char *caches = clf_i_environment("XDG_CACHE_HOME");
    const char *home = clf_i_environment("HOME");
    if (own != NULL) {
        clf_i_text_append(path, own);
    } else if (caches != NULL && caches[0] == '/') { /* relative ones are to be ignored: XDG */
        clf_i_text_format(path, "%s/clformer", caches);
    } else if (home != NULL) {
        clf_i_text_format(path, "%s/.cache/clformer", home);
    }
    return path->data == NULL || path->failed ? CLF_I_CACHE_OFF : mode;
}

bool clf_i_cache_folder_make(const char *path) {
    char *partial = clf_i_copy_string(path);
    if (partial == NULL) {
        return false;
    }
    int fault = 0;
    for (char *end = partial + 1;; ++end) {
        if (*end != '/' && *end != '\0') {
            continue;
        }
        const char separator = *end;
        *end = '\0';
        fault = mkdir(partial, 0700) == 0 || errno == EEXIST ? 0 : errno;
        *end = separator;
        if (separator == '\0') {
            break;
        }
    }
    clf_i_release(partial);
    if (fault != 0) {
        clf_i_log(CLF_LOG_CACHE, "cannot make folder %.200s: %s", path, strerror(fault));
    }
    return fault == 0;
}

/* The limit in bytes. */
static uint64_t size_limit(void) {
    uint64_t mebibytes = DEFAULT_LIMIT_MEBIBYTES;
    const char *value = clf_i_environment("CLFORMER_CACHE_SIZE");
    if (value != NULL) {
        char *end = NULL;
        errno = 0;
        const unsigned long long number = strtoull(value, &end, 10);
        if (errno != 0 || *end != '\0' || value[0] == '-' || number > (1u << 20)) {
            clf_i_log(CLF_LOG_CHECK, "CLFORMER_CACHE_SIZE is \"%.64s\"; accepted: 0 to %u (MiB)",
                      value, 1u << 20);
        } else {
            mebibytes = number;
        }
    }
    return mebibytes << 20;
}

static bool ends_with(const char *text, const char *suffix) {
    const size_t length = strlen(text);
    const size_t suffix_length = strlen(suffix);
    return length >= suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

/* One pass over the folder: what all entries take, and the one that was used least recently. */
typedef struct survey {
    uint64_t total;
    clf_i_text oldest;
    time_t oldest_use;
    bool found;
} survey;

static void survey_file(survey *result, const char *folder, const char *name) {
    clf_i_text path = {0};
    clf_i_text_format(&path, "%s/%s", folder, name);
    struct stat status;
    if (path.failed || lstat(path.data, &status) != 0 || !S_ISREG(status.st_mode)) {
        clf_i_text_clear(&path);
        return;
    }
    if (!ends_with(name, CLF_I_CACHE_SUFFIX)) {
        if (strstr(name, CLF_I_CACHE_SUFFIX ".tmp.") != NULL &&
            time(NULL) - status.st_mtime > STALE_SECONDS) {
            unlink(path.data);
        }
        clf_i_text_clear(&path);
        return;
    }
    result->total += (uint64_t)status.st_size;
    if (!result->found || status.st_mtime < result->oldest_use) {
        clf_i_text_clear(&result->oldest);
        result->oldest = path;
        result->oldest_use = status.st_mtime;
        result->found = true;
    } else {
        clf_i_text_clear(&path);
    }
}

static survey survey_folder(const char *folder) {
    survey result = {0};
    DIR *directory = opendir(folder);
    if (directory == NULL) {
        return result;
    }
    for (const struct dirent *file = readdir(directory); file != NULL; file = readdir(directory)) {
        survey_file(&result, folder, file->d_name);
    }
    closedir(directory);
    return result;
}

void clf_i_cache_folder_trim(const char *path) {
    const uint64_t limit = size_limit();
    for (bool again = true; again;) {
        survey result = survey_folder(path);
        again = result.found && result.total > limit && unlink(result.oldest.data) == 0;
        if (again) {
            clf_i_log(CLF_LOG_CACHE, "removed %s to keep the folder within %llu MiB",
                      result.oldest.data, (unsigned long long)(limit >> 20));
        }
        clf_i_text_clear(&result.oldest);
    }
}
