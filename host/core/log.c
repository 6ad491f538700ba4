/* The log: one line per event, to the callback or, if the environment asks, to stderr. */
#include "core/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/environment.h"

#define LINE_CAPACITY 4352

static const struct {
    const char *word;
    unsigned groups;
} group_words[] = {
    {"error", CLF_LOG_ERROR},
    {"check", CLF_LOG_CHECK},
    {"create", CLF_LOG_CREATE},
    {"exec", CLF_LOG_EXEC},
    {"dispatch", CLF_LOG_DISPATCH},
    {"cache", CLF_LOG_CACHE},
    {"all", CLF_LOG_ERROR | CLF_LOG_CHECK | CLF_LOG_CREATE | CLF_LOG_EXEC | CLF_LOG_DISPATCH |
                CLF_LOG_CACHE},
};
#define NUM_GROUP_WORDS (sizeof group_words / sizeof group_words[0])

static pthread_once_t read_environment_once = PTHREAD_ONCE_INIT;
static bool environment_is_set;
static unsigned environment_groups;

/* The callback and its user pointer change together. */
static pthread_mutex_t callback_lock = PTHREAD_MUTEX_INITIALIZER;
static clf_log_callback current_callback;
static void *current_user;

static const char *group_word(clf_log_group group) {
    for (size_t i = 0; i < NUM_GROUP_WORDS; ++i) {
        if (group_words[i].groups == (unsigned)group) {
            return group_words[i].word;
        }
    }
    return "log";
}

static unsigned groups_of_word(const char *word, size_t length) {
    for (size_t i = 0; i < NUM_GROUP_WORDS; ++i) {
        if (strlen(group_words[i].word) == length &&
            memcmp(group_words[i].word, word, length) == 0) {
            return group_words[i].groups;
        }
    }
    return 0;
}

/* An unknown word cannot go through the log, whose set-up this is; the user asked for output on
 * stderr, so stderr says it. */
static void read_environment(void) {
    const char *list = clf_i_environment("CLFORMER_VERBOSE");
    if (list == NULL) {
        return;
    }
    environment_is_set = true;
    for (const char *word = list; *word != '\0';) {
        const size_t length = strcspn(word, ",");
        const unsigned groups = groups_of_word(word, length);
        if (groups == 0) {
            fprintf(
                stderr,
                "clformer,check,CLFORMER_VERBOSE has the word \"%.*s\"; accepted: error, check, "
                "create, exec, dispatch, cache, all\n",
                (int)(length < 64 ? length : 64), word);
        }
        environment_groups |= groups;
        word += length + (word[length] == ',');
    }
}

static clf_log_callback read_callback(void **user) {
    pthread_mutex_lock(&callback_lock);
    const clf_log_callback callback = current_callback;
    *user = current_user;
    pthread_mutex_unlock(&callback_lock);
    return callback;
}

void clf_log_set_callback(clf_log_callback callback, void *user) {
    pthread_mutex_lock(&callback_lock);
    current_callback = callback;
    current_user = user;
    pthread_mutex_unlock(&callback_lock);
}

bool clf_i_log_wanted(clf_log_group group) {
    pthread_once(&read_environment_once, read_environment);
    if (environment_is_set) {
        return (environment_groups & (unsigned)group) != 0;
    }
    void *user = NULL;
    return read_callback(&user) != NULL;
}

void clf_i_log(clf_log_group group, const char *format, ...) {
    if (!clf_i_log_wanted(group)) {
        return;
    }
    char line[LINE_CAPACITY];
    const int prefix = snprintf(line, sizeof line, "clformer,%s,", group_word(group));
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + prefix, sizeof line - (size_t)prefix, format, arguments);
    va_end(arguments);

    void *user = NULL;
    const clf_log_callback callback = read_callback(&user);
    if (callback != NULL) {
        callback(group, line, user);
    } else {
        fprintf(stderr, "%s\n", line);
    }
}
