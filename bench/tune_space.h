/* The parameters of CLBlast's kernel Xgemm, with the values tried, as they stand in tuning rules. */
#ifndef CLFORMER_BENCH_TUNE_SPACE_H
#define CLFORMER_BENCH_TUNE_SPACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#define TUNE_PARAMETERS 14

typedef struct tune_point {
    int values[TUNE_PARAMETERS];
} tune_point;

/* Good ones elsewhere, to begin with: for CPUs through PoCL, and for GPUs. */
#define TUNE_KNOWN_POINTS 2
extern const tune_point tune_known_points[TUNE_KNOWN_POINTS];

/* A state of a random sequence; any value but 0 begins one. */
typedef uint64_t tune_random;

/* Anywhere in the space; most points of it do not fit together. */
tune_point tune_point_random(tune_random *random);
/* The same point with one or two values changed by a step. */
tune_point tune_point_neighbour(const tune_point *point, tune_random *random);

/* Whether Xgemm can be compiled so, as far as that does not depend on the device. */
bool tune_point_is_valid(const tune_point *point);
bool tune_points_equal(const tune_point *a, const tune_point *b);

/* "MWG 64, NWG 16, ..." */
void tune_point_print(const tune_point *point, char *text, size_t size);

/* A rules file for one device: the point's values (NULL: none) and prefer_clblast (negative: not
 * given). `note` may be NULL. The caller frees it; NULL: no memory. */
json_t *tune_rules(const char *device, const tune_point *point, int prefer_clblast,
                   const char *note);

#endif
