/* See choice.h. */
#include "choice.h"

#include <string.h>

#include "parse_values.h"
#include "terminal.h"

bool choose(const char *option, const char *value, const choice *choices, int *out) {
    char accepted[160] = "";
    for (size_t i = 0; choices[i].word; i++) {
        if (strcmp(choices[i].word, value) == 0) {
            *out = choices[i].value;
            return true;
        }
        strncat(accepted, i ? ", " : "", sizeof accepted - strlen(accepted) - 1);
        strncat(accepted, choices[i].word, sizeof accepted - strlen(accepted) - 1);
    }
    return fail("--%s: '%s' is not accepted; accepted: %s", option, value, accepted);
}

bool choose_count(const char *option, const char *value, int64_t lowest, int64_t highest,
                  int64_t *out) {
    uint64_t number = 0;
    if (!parse_unsigned(value, (uint64_t)lowest, (uint64_t)highest, &number)) {
        return fail("--%s: '%s' is not accepted; accepted: %lld to %lld", option, value,
                    (long long)lowest, (long long)highest);
    }
    *out = (int64_t)number;
    return true;
}
