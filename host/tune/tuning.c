/* The process's tuning rules and the choice among them. */
#include "tune/tuning.h"

#include <pthread.h>
#include <string.h>

#include "core/environment.h"
#include "core/log.h"
#include "tune/tuning_files.h"
#include "tune/tuning_rules.h"

/* Guards both. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static clf_i_tuning_rules all_rules;
static bool is_loaded;

/* If memory is out the rules stay unread, and the next call tries again. */
static void load_once(void) {
    if (is_loaded) {
        return;
    }
    const char *path = clf_i_environment("CLFORMER_TUNE_PATH");
    is_loaded = clf_i_tuning_read_embedded(&all_rules) &&
                (path == NULL || clf_i_tuning_read_path(&all_rules, path));
    if (!is_loaded) {
        clf_i_tuning_rules_clear(&all_rules);
        clf_i_log(CLF_LOG_CHECK, "out of host memory for tuned parameters: defaults are used");
    }
}

/* Whether `a` goes before `b`, which stands earlier in the list. */
static bool is_preferred(const clf_i_tuning_rule *a, const clf_i_tuning_rule *b) {
    if (b == NULL || a->is_users != b->is_users) {
        return b == NULL || a->is_users;
    }
    return a->closeness >= b->closeness;
}

static const clf_i_tuning_rule *find(const clf_i_capabilities *device, const char *kernel,
                                     const char *parameter) {
    const clf_i_tuning_rule *best = NULL;
    for (size_t i = 0; i < all_rules.count; ++i) {
        const clf_i_tuning_rule *rule = &all_rules.rules[i];
        if (strcmp(rule->kernel, kernel) == 0 && strcmp(rule->parameter, parameter) == 0 &&
            clf_i_tuning_rule_fits(rule, device) && is_preferred(rule, best)) {
            best = rule;
        }
    }
    return best;
}

int64_t clf_i_tuning_value(const clf_device *device, const char *kernel, const char *parameter,
                           int64_t lowest, int64_t highest, int64_t fallback) {
    const clf_i_capabilities *capabilities = clf_i_device_capabilities(device);
    pthread_mutex_lock(&mutex);
    load_once();
    const clf_i_tuning_rule *rule = find(capabilities, kernel, parameter);
    const bool is_found = rule != NULL;
    const int64_t value = is_found ? rule->value : fallback;
    pthread_mutex_unlock(&mutex);
    if (is_found && (value < lowest || value > highest)) {
        clf_i_log(CLF_LOG_CHECK,
                  "tuned parameter %s of %s is %lld, accepted: %lld to %lld; using %lld", parameter,
                  kernel, (long long)value, (long long)lowest, (long long)highest,
                  (long long)fallback);
        return fallback;
    }
    return value;
}

void clf_i_tuning_forget(void) {
    pthread_mutex_lock(&mutex);
    clf_i_tuning_rules_clear(&all_rules);
    is_loaded = false;
    pthread_mutex_unlock(&mutex);
}
