/* Floyd problems from text: each attribute by itself. */
#include <string.h>

#include "choice.h"
#include "floyd_setup.h"
#include "parse_values.h"
#include "terminal.h"

enum { MOST_MEBIBYTES = 1 << 20 };

const attribute_entry floyd_attributes[] = {
    {"shape", "SIZES", "B,H,N,M,K,D, e.g. 1,1,256,256,256,128"},
    {"mask", "MASK",
     "none; zeros ([B,1,N,1,K], nothing masked); b1n1k, bhnmk (of these\n"
     "shapes, half of their places masked)"},
    {"scale", "NUMBER", "factor of the scores, e.g. 0.125 (1 / sqrt(D) if not given)"},
    {"method", "METHOD", "auto (default), fused, slab"},
    {"workspace-limit", "MIB", "MiB that the plan may need at most (no limit if not given)"},
    {NULL, NULL, NULL},
};

static bool set_shape(floyd_problem *problem, const char *value) {
    int32_t rank = 0;
    int64_t sizes[CLF_MAX_RANK];
    if (!parse_shape(value, &rank, sizes) || rank != 6) {
        return fail("--shape: '%s' is not accepted; accepted: 6 positive sizes B,H,N,M,K,D", value);
    }
    problem->has_shape = true;
    problem->batch = sizes[0];
    problem->heads = sizes[1];
    problem->n = sizes[2];
    problem->m = sizes[3];
    problem->k = sizes[4];
    problem->depth = sizes[5];
    return true;
}

static bool set_mask(floyd_problem *problem, const char *value) {
    static const choice choices[] = {{"none", FLOYD_MASK_NONE},
                                     {"zeros", FLOYD_MASK_ZEROS},
                                     {"b1n1k", FLOYD_MASK_B1N1K},
                                     {"bhnmk", FLOYD_MASK_BHNMK},
                                     {NULL, 0}};
    int chosen = (int)problem->mask;
    bool ok = choose("mask", value, choices, &chosen);
    problem->mask = (floyd_mask)chosen;
    return ok;
}

static bool set_scale(floyd_problem *problem, const char *value) {
    problem->has_scale = parse_double(value, &problem->scale);
    return problem->has_scale
               ? true
               : fail("--scale: '%s' is not accepted; accepted: a finite number", value);
}

static bool set_method(floyd_problem *problem, const char *value) {
    static const choice choices[] = {{"auto", CLF_FLOYD_METHOD_AUTO},
                                     {"fused", CLF_FLOYD_METHOD_FUSED},
                                     {"slab", CLF_FLOYD_METHOD_SLAB},
                                     {NULL, 0}};
    int chosen = (int)problem->method;
    bool ok = choose("method", value, choices, &chosen);
    problem->method = (clf_floyd_method)chosen;
    return ok;
}

bool floyd_set_attribute(void *opaque, const char *name, const char *value) {
    floyd_problem *problem = opaque;
    static const struct {
        const char *name;
        bool (*set)(floyd_problem *problem, const char *value);
    } setters[] = {
        {"shape", set_shape}, {"mask", set_mask}, {"scale", set_scale}, {"method", set_method}};
    for (size_t i = 0; i < sizeof setters / sizeof setters[0]; i++) {
        if (strcmp(setters[i].name, name) == 0) {
            return setters[i].set(problem, value);
        }
    }
    return choose_count(name, value, 1, MOST_MEBIBYTES, &problem->workspace_limit);
}
