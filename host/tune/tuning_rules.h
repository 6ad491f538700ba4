/* Rules read from tuning files: JSON text in, checked records out. The schema is in
 * docs/kernel-guide.md. */
#ifndef CLF_TUNE_TUNING_RULES_H
#define CLF_TUNE_TUNING_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/capabilities.h"

/* What a rule says about the device, from the least to the most specific. */
typedef enum clf_i_closeness {
    CLF_I_CLOSENESS_ANY,
    CLF_I_CLOSENESS_TYPE,
    CLF_I_CLOSENESS_VENDOR,
    CLF_I_CLOSENESS_NAME_PART,
    CLF_I_CLOSENESS_NAME
} clf_i_closeness;

#define CLF_I_TUNING_NAME 64

/* One parameter of one rule. */
typedef struct clf_i_tuning_rule {
    char kernel[CLF_I_TUNING_NAME];
    char parameter[CLF_I_TUNING_NAME];
    clf_i_closeness closeness;
    char device[CLF_I_NAME]; /* what the device's type, vendor or name is compared with */
    int64_t value;
    bool is_users; /* from CLFORMER_TUNE_PATH: before all embedded rules */
} clf_i_tuning_rule;

typedef struct clf_i_tuning_rules {
    clf_i_tuning_rule *rules;
    size_t count;
    size_t capacity;
} clf_i_tuning_rules;

/*
 * Appends the rules of one file. What is not understood is logged in group CLF_LOG_CHECK with file
 * and place, and left out: a whole file, or one rule. False if memory is out.
 */
bool clf_i_tuning_rules_parse(clf_i_tuning_rules *rules, const char *file, const char *json,
                              size_t size, bool is_users);

/* Whether the rule's device is this one. */
bool clf_i_tuning_rule_fits(const clf_i_tuning_rule *rule, const clf_i_capabilities *device);

void clf_i_tuning_rules_clear(clf_i_tuning_rules *rules);

#endif
