/* See tally.h. */
#include "tally.h"

#include <math.h>
#include <stdio.h>

#include "storage_types.h"

static const double ulps_at_max = 4.0;

void oracle_tally_count(oracle_tally *total, const oracle_tally_element *element) {
    const double divisor = element->divisor;
    total->max_error = fmax(total->max_error, fabs(element->value - element->reference) / divisor);
    if (isfinite(element->plain)) {
        total->max_plain =
            fmax(total->max_plain, fabs(element->plain - element->reference) / divisor);
    }
    total->max_unit = fmax(total->max_unit, element->unit);
    total->max_reference = fmax(total->max_reference, fabs(element->reference) / divisor);
}

double oracle_tally_judge(const oracle_tally *total, double added, oracle_verdict *verdict) {
    const double allowed = total->factor * fmax(total->max_plain, total->max_unit) +
                           ulps_at_max * oracle_ulp(total->dtype, total->max_reference) + added;
    if (verdict->ok && !(total->max_error <= allowed)) {
        verdict->ok = false;
        snprintf(verdict->reason, sizeof verdict->reason,
                 "%s: largest error %.4g exceeds %.4g (plain computation: %.4g, single "
                 "roundings: %.4g, largest reference value %.4g)",
                 total->name, total->max_error, allowed, total->max_plain, total->max_unit,
                 total->max_reference);
    }
    return allowed;
}

void oracle_tally_report(const oracle_tally *total, double allowed, oracle_verdict *verdict) {
    verdict->allowed = allowed;
    verdict->max_error = total->max_error;
    verdict->max_error_plain = total->max_plain;
    verdict->max_reference = total->max_reference;
}
