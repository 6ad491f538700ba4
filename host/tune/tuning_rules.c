/* Tuning files: every key and type is checked; what is wrong is named and left out. */
#include "tune/tuning_rules.h"

#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "core/log.h"
#include "core/memory.h"
#include "device/kernel_source.h"

static const char *const format_name = "clformer-tuning-1";

/* How a rule names its device. */
static const struct {
    const char *key;
    clf_i_closeness closeness;
} device_keys[] = {
    {"type", CLF_I_CLOSENESS_TYPE},
    {"vendor", CLF_I_CLOSENESS_VENDOR},
    {"name_part", CLF_I_CLOSENESS_NAME_PART},
    {"name", CLF_I_CLOSENESS_NAME},
};

/* What has parameters beside the kernels: the choice and the parameters of a library's products. */
static const char *const other_names[] = {"clf_gemm"};

/* Where a complaint comes from. */
typedef struct place {
    const char *file;
    size_t rule; /* counted from 1 */
} place;

static void complain(place where, const char *what, const char *text, const char *accepted) {
    clf_i_log(CLF_LOG_CHECK, "tuning file %s, rule %zu: %s \"%s\" is not understood, accepted: %s",
              where.file, where.rule, what, text, accepted);
}

/* Whether all keys of the object are among the words; the first other one is complained about. */
static bool has_only(const json_t *object, const char *const *words, size_t num_words,
                     const char *accepted, place where) {
    for (void *at = json_object_iter((json_t *)object); at != NULL;
         at = json_object_iter_next((json_t *)object, at)) {
        const char *key = json_object_iter_key(at);
        bool is_known = false;
        for (size_t i = 0; i < num_words; ++i) {
            is_known = is_known || strcmp(key, words[i]) == 0;
        }
        if (!is_known) {
            complain(where, "key", key, accepted);
            return false;
        }
    }
    return true;
}

/* Copies a JSON string that is neither empty nor too long. */
static bool copy_string(const json_t *value, char *text, size_t capacity, const char *what,
                        place where) {
    const char *string = json_string_value(value);
    const size_t length = string == NULL ? 0 : strlen(string);
    if (length == 0 || length >= capacity) {
        complain(where, what, string == NULL ? "(not a string)" : string,
                 "a string of ordinary length");
        return false;
    }
    memcpy(text, string, length + 1);
    return true;
}

static bool read_kernel(const json_t *value, clf_i_tuning_rule *rule, place where) {
    if (!copy_string(value, rule->kernel, sizeof rule->kernel, "kernel", where)) {
        return false;
    }
    for (size_t i = 0; i < sizeof other_names / sizeof other_names[0]; ++i) {
        if (strcmp(rule->kernel, other_names[i]) == 0) {
            return true;
        }
    }
    if (clf_i_kernel_file(rule->kernel) == NULL) {
        complain(where, "kernel", rule->kernel, "a kernel of cl-kernels/manifest.def, or clf_gemm");
        return false;
    }
    return true;
}

static bool is_device_type(const char *text) {
    return strcmp(text, clf_i_device_type_name(CLF_I_DEVICE_CPU)) == 0 ||
           strcmp(text, clf_i_device_type_name(CLF_I_DEVICE_GPU)) == 0 ||
           strcmp(text, clf_i_device_type_name(CLF_I_DEVICE_ACCELERATOR)) == 0;
}

/* "device": absent or {} is any device, else exactly one of device_keys. */
static bool read_device(const json_t *value, clf_i_tuning_rule *rule, place where) {
    static const char accepted[] = "an object with none or one of name, name_part, vendor, type";
    rule->closeness = CLF_I_CLOSENESS_ANY;
    if (value == NULL || (json_is_object(value) && json_object_size(value) == 0)) {
        return true;
    }
    if (!json_is_object(value) || json_object_size(value) > 1) {
        complain(where, "value of key", "device", accepted);
        return false;
    }
    const char *key = json_object_iter_key(json_object_iter((json_t *)value));
    for (size_t i = 0; i < sizeof device_keys / sizeof device_keys[0]; ++i) {
        if (strcmp(key, device_keys[i].key) != 0) {
            continue;
        }
        rule->closeness = device_keys[i].closeness;
        if (!copy_string(json_object_get(value, key), rule->device, sizeof rule->device, key,
                         where)) {
            return false;
        }
        if (rule->closeness == CLF_I_CLOSENESS_TYPE && !is_device_type(rule->device)) {
            complain(where, "type", rule->device, "cpu, gpu, accelerator");
            return false;
        }
        return true;
    }
    complain(where, "key", key, accepted);
    return false;
}

static bool append(clf_i_tuning_rules *rules, const clf_i_tuning_rule *rule) {
    if (rules->count == rules->capacity) {
        const size_t capacity = rules->capacity == 0 ? 16 : 2 * rules->capacity;
        clf_i_tuning_rule *grown = clf_i_allocate(capacity, sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        if (rules->count > 0) {
            memcpy(grown, rules->rules, rules->count * sizeof *grown);
        }
        clf_i_release(rules->rules);
        rules->rules = grown;
        rules->capacity = capacity;
    }
    rules->rules[rules->count++] = *rule;
    return true;
}

/* Checks all before appending any, so that a rule counts as a whole. */
static bool are_parameters(const json_t *parameters, place where) {
    if (!json_is_object(parameters) || json_object_size(parameters) == 0) {
        complain(where, "value of key", "parameters", "an object of integers, at least one");
        return false;
    }
    for (void *at = json_object_iter((json_t *)parameters); at != NULL;
         at = json_object_iter_next((json_t *)parameters, at)) {
        const char *name = json_object_iter_key(at);
        if (!json_is_integer(json_object_iter_value(at)) || strlen(name) >= CLF_I_TUNING_NAME) {
            complain(where, "parameter", name, "a short name with an integer");
            return false;
        }
    }
    return true;
}

static bool append_parameters(clf_i_tuning_rules *rules, clf_i_tuning_rule *rule,
                              const json_t *parameters) {
    for (void *at = json_object_iter((json_t *)parameters); at != NULL;
         at = json_object_iter_next((json_t *)parameters, at)) {
        const char *name = json_object_iter_key(at);
        memcpy(rule->parameter, name, strlen(name) + 1);
        rule->value = json_integer_value(json_object_iter_value(at));
        if (!append(rules, rule)) {
            return false;
        }
    }
    return true;
}

/* False only if memory is out: a rule that is not understood is left out. */
static bool read_rule(clf_i_tuning_rules *rules, const json_t *value, place where, bool is_users) {
    static const char *const keys[] = {"kernel", "device", "parameters", "note"};
    clf_i_tuning_rule rule;
    memset(&rule, 0, sizeof rule);
    rule.is_users = is_users;
    if (!json_is_object(value)) {
        complain(where, "value", "(not an object)", "an object");
        return true;
    }
    const json_t *parameters = json_object_get(value, "parameters");
    if (!has_only(value, keys, sizeof keys / sizeof keys[0], "kernel, device, parameters, note",
                  where) ||
        !read_kernel(json_object_get(value, "kernel"), &rule, where) ||
        !read_device(json_object_get(value, "device"), &rule, where) ||
        !are_parameters(parameters, where)) {
        return true;
    }
    return append_parameters(rules, &rule, parameters);
}

static bool read_rules(clf_i_tuning_rules *rules, const json_t *root, const char *file,
                       bool is_users) {
    static const char *const keys[] = {"format", "rules", "note"};
    const json_t *list = json_object_get(root, "rules");
    const char *format = json_string_value(json_object_get(root, "format"));
    if (format == NULL || strcmp(format, format_name) != 0 || !json_is_array(list)) {
        clf_i_log(CLF_LOG_CHECK,
                  "tuning file %s is left out: accepted: an object with \"format\": \"%s\" and an "
                  "array \"rules\"",
                  file, format_name);
        return true;
    }
    if (!has_only(root, keys, sizeof keys / sizeof keys[0], "format, rules, note",
                  (place){file, 0})) {
        return true;
    }
    for (size_t i = 0; i < json_array_size(list); ++i) {
        if (!read_rule(rules, json_array_get(list, i), (place){file, i + 1}, is_users)) {
            return false;
        }
    }
    return true;
}

bool clf_i_tuning_rules_parse(clf_i_tuning_rules *rules, const char *file, const char *json,
                              size_t size, bool is_users) {
    json_error_t error;
    json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        clf_i_log(CLF_LOG_CHECK, "tuning file %s is left out: line %d, column %d: %s", file,
                  error.line, error.column, error.text);
        return true;
    }
    const bool has_memory = read_rules(rules, root, file, is_users);
    json_decref(root);
    return has_memory;
}

static bool contains_ignoring_case(const char *text, const char *part) {
    const size_t length = strlen(part);
    for (; strlen(text) >= length; ++text) {
        if (strncasecmp(text, part, length) == 0) {
            return true;
        }
    }
    return false;
}

bool clf_i_tuning_rule_fits(const clf_i_tuning_rule *rule, const clf_i_capabilities *device) {
    switch (rule->closeness) {
    case CLF_I_CLOSENESS_ANY:
        return true;
    case CLF_I_CLOSENESS_TYPE:
        return strcmp(rule->device, clf_i_device_type_name(device->type)) == 0;
    case CLF_I_CLOSENESS_VENDOR:
        return contains_ignoring_case(device->vendor, rule->device);
    case CLF_I_CLOSENESS_NAME_PART:
        return contains_ignoring_case(device->name, rule->device);
    case CLF_I_CLOSENESS_NAME:
        return strcmp(rule->device, device->name) == 0;
    }
    return false;
}

void clf_i_tuning_rules_clear(clf_i_tuning_rules *rules) {
    clf_i_release(rules->rules);
    memset(rules, 0, sizeof *rules);
}
