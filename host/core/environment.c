/* Environment variables. */
#include "core/environment.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/text.h"

const char *clf_i_environment(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

#define MAX_WARNED 16

/* True the first time it is called with `name`, which has static storage. */
static bool first_warning(const char *name) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static const char *warned[MAX_WARNED];
    static size_t num_warned;

    pthread_mutex_lock(&lock);
    bool is_first = num_warned < MAX_WARNED;
    for (size_t i = 0; i < num_warned; ++i) {
        is_first = is_first && strcmp(warned[i], name) != 0;
    }
    if (is_first) {
        warned[num_warned++] = name;
    }
    pthread_mutex_unlock(&lock);
    return is_first;
}

static void warn_unknown_value(const char *name, const char *value, const char *const *words,
                               size_t num_words, size_t fallback) {
    clf_i_text accepted = {0};
    for (size_t i = 0; i < num_words; ++i) {
        clf_i_text_format(&accepted, "%s%s", i == 0 ? "" : ", ", words[i]);
    }
    clf_i_log(CLF_LOG_CHECK, "%s is \"%.64s\"; accepted: %s; using %s", name, value,
              accepted.failed ? "?" : accepted.data, words[fallback]);
    clf_i_text_clear(&accepted);
}

size_t clf_i_environment_choice(const char *name, const char *const *words, size_t num_words,
                                size_t fallback) {
    const char *value = clf_i_environment(name);
    if (value == NULL) {
        return fallback;
    }
    for (size_t i = 0; i < num_words; ++i) {
        if (strcmp(words[i], value) == 0) {
            return i;
        }
    }
    if (clf_i_log_wanted(CLF_LOG_CHECK) && first_warning(name)) {
        warn_unknown_value(name, value, words, num_words, fallback);
    }
    return fallback;
}
