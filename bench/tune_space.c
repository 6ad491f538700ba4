/* See tune_space.h. */
#include "tune_space.h"

#include <string.h>

enum { KWG, KWI, MDIMA, MDIMC, MWG, NDIMB, NDIMC, NWG, SA, SB, STRM, STRN, VWM, VWN };
enum { MOST_VALUES = 6 };

static const struct {
    const char *name;
    int num_values;
    int values[MOST_VALUES];
} parameters[TUNE_PARAMETERS] = {
    [KWG] = {"KWG", 3, {16, 32, 64}},
    [KWI] = {"KWI", 4, {1, 2, 4, 8}},
    [MDIMA] = {"MDIMA", 5, {2, 4, 8, 16, 32}},
    [MDIMC] = {"MDIMC", 5, {2, 4, 8, 16, 32}},
    [MWG] = {"MWG", 4, {16, 32, 64, 128}},
    [NDIMB] = {"NDIMB", 5, {2, 4, 8, 16, 32}},
    [NDIMC] = {"NDIMC", 5, {2, 4, 8, 16, 32}},
    [NWG] = {"NWG", 4, {16, 32, 64, 128}},
    [SA] = {"SA", 2, {0, 1}},
    [SB] = {"SB", 2, {0, 1}},
    [STRM] = {"STRM", 2, {0, 1}},
    [STRN] = {"STRN", 2, {0, 1}},
    [VWM] = {"VWM", 4, {1, 2, 4, 8}},
    [VWN] = {"VWN", 4, {1, 2, 4, 8}},
};

const tune_point tune_known_points[TUNE_KNOWN_POINTS] = {
    {{[KWG] = 32,
      [KWI] = 1,
      [MDIMA] = 2,
      [MDIMC] = 2,
      [MWG] = 64,
      [NDIMB] = 2,
      [NDIMC] = 2,
      [NWG] = 16,
      [VWM] = 8,
      [VWN] = 8}},
    {{[KWG] = 32,
      [KWI] = 2,
      [MDIMA] = 16,
      [MDIMC] = 16,
      [MWG] = 128,
      [NDIMB] = 8,
      [NDIMC] = 8,
      [NWG] = 64,
      [SA] = 1,
      [SB] = 1,
      [VWM] = 4,
      [VWN] = 4}},
};

/* ---- Drawing ---- */

/* xorshift64 (Marsaglia, 2003). */
static int draw_below(tune_random *random, int count) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (int)(*random % (uint64_t)count);
}

tune_point tune_point_random(tune_random *random) {
    tune_point point;
    for (int i = 0; i < TUNE_PARAMETERS; i++) {
        point.values[i] = parameters[i].values[draw_below(random, parameters[i].num_values)];
    }
    return point;
}

static void step(tune_point *point, int index, bool up) {
    const int *values = parameters[index].values;
    for (int i = 0; i < parameters[index].num_values; i++) {
        if (values[i] == point->values[index]) {
            int next = up ? i + 1 : i - 1;
            if (next >= 0 && next < parameters[index].num_values) {
                point->values[index] = values[next];
            }
            return;
        }
    }
}

tune_point tune_point_neighbour(const tune_point *point, tune_random *random) {
    tune_point neighbour = *point;
    int count = 1 + draw_below(random, 2);
    for (int i = 0; i < count; i++) {
        step(&neighbour, draw_below(random, TUNE_PARAMETERS), draw_below(random, 2) != 0);
    }
    return neighbour;
}

/* ---- Validity ---- */

static bool divides(int divisor, int value) {
    return divisor > 0 && value > 0 && value % divisor == 0;
}

bool tune_point_is_valid(const tune_point *point) {
    const int *v = point->values;
    int group = v[MDIMC] * v[NDIMC];
    return divides(v[KWI], v[KWG]) && divides(v[MDIMC] * v[VWM], v[MWG]) &&
           divides(v[NDIMC] * v[VWN], v[NWG]) && divides(v[MDIMA] * v[VWM], v[MWG]) &&
           divides(v[NDIMB] * v[VWN], v[NWG]) && divides(v[MDIMA], group) &&
           divides(v[NDIMB], group) && divides(group / v[MDIMA], v[KWG]) &&
           divides(group / v[NDIMB], v[KWG]);
}

bool tune_points_equal(const tune_point *a, const tune_point *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

/* ---- Text ---- */

void tune_point_print(const tune_point *point, char *text, size_t size) {
    size_t length = 0;
    for (int i = 0; i < TUNE_PARAMETERS && length < size; i++) {
        length += (size_t)snprintf(text + length, size - length, "%s%s %d", i ? ", " : "",
                                   parameters[i].name, point->values[i]);
    }
}

static json_t *parameter_values(const tune_point *point, int prefer_clblast) {
    json_t *values = json_object();
    if (prefer_clblast >= 0) {
        json_object_set_new(values, "prefer_clblast", json_integer(prefer_clblast));
    }
    for (int i = 0; point && i < TUNE_PARAMETERS; i++) {
        char name[32];
        snprintf(name, sizeof name, "Xgemm.%s", parameters[i].name);
        json_object_set_new(values, name, json_integer(point->values[i]));
    }
    if (point) {
        /* The only form searched, and Xgemm for all sizes. */
        json_object_set_new(values, "Xgemm.GEMMK", json_integer(0));
        json_object_set_new(values, "Xgemm.KREG", json_integer(1));
        json_object_set_new(values, "GemmRoutine.XGEMM_MIN_INDIRECT_SIZE", json_integer(1));
    }
    return values;
}

json_t *tune_rules(const char *device, const tune_point *point, int prefer_clblast,
                   const char *note) {
    json_t *rule =
        json_pack("{s:s, s:{s:s}, s:o, s:s*}", "kernel", "clf_gemm", "device", "name", device,
                  "parameters", parameter_values(point, prefer_clblast), "note", note);
    return json_pack("{s:s, s:[o]}", "format", "clformer-tuning-1", "rules", rule);
}
