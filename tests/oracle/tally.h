/* One compared tensor: the largest errors of its elements, and the judgement on them by the rule of
 * bounds.c. */
#ifndef CLF_TESTS_TALLY_H
#define CLF_TESTS_TALLY_H

#include "bounds.h"

typedef struct oracle_tally {
    const char *name;
    clf_dtype dtype;
    double factor;
    double max_error;
    double max_plain;
    double max_unit;
    double max_reference;
} oracle_tally;

/* One element of it. */
typedef struct oracle_tally_element {
    double value;
    double reference;
    double plain;
    double unit;
    double divisor; /* of all errors but the unit's; 1, or what they are relative to */
} oracle_tally_element;

void oracle_tally_count(oracle_tally *total, const oracle_tally_element *element);

/* Returns what is allowed; `added` is allowed beyond the rule. */
double oracle_tally_judge(const oracle_tally *total, double added, oracle_verdict *verdict);

/* The figures of the verdict are those of this tensor. */
void oracle_tally_report(const oracle_tally *total, double allowed, oracle_verdict *verdict);

#endif
