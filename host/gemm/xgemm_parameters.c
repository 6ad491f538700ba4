/* See xgemm_parameters.h. Tiles are MWG x NWG, KWG depths at a time; work-groups MDIMC x NDIMC. */
#include "gemm/xgemm_parameters.h"

enum { GEMMK, KREG, KWG, KWI, MDIMA, MDIMC, MWG, NDIMB, NDIMC, NWG, SA, SB, STRM, STRN, VWM, VWN };

static bool is_multiple(size_t value, size_t of) {
    return of > 0 && value > 0 && value % of == 0;
}

static bool is_width(size_t value) {
    return value == 1 || value == 2 || value == 4 || value == 8;
}

const char *clf_i_xgemm_broken_rule(const size_t *v, const clf_i_capabilities *device) {
    const size_t group = v[MDIMC] * v[NDIMC];
    const struct {
        bool holds;
        const char *rule;
    } rules[] = {
        {v[GEMMK] == 0 && v[KREG] == 1, "GEMMK is 0 and KREG 1"},
        {v[SA] <= 1 && v[SB] <= 1 && v[STRM] <= 1 && v[STRN] <= 1,
         "SA, SB, STRM and STRN are 0 or 1"},
        {is_width(v[VWM]) && is_width(v[VWN]), "VWM and VWN are 1, 2, 4 or 8"},
        {v[KWG] <= 512 && v[MWG] <= 512 && v[NWG] <= 512, "KWG, MWG and NWG are 512 at most"},
        {is_multiple(v[KWG], v[KWI]), "KWI divides KWG"},
        {is_multiple(v[MWG], v[MDIMC] * v[VWM]), "MDIMC VWM divides MWG"},
        {is_multiple(v[NWG], v[NDIMC] * v[VWN]), "NDIMC VWN divides NWG"},
        {is_multiple(v[MWG], v[MDIMA] * v[VWM]), "MDIMA VWM divides MWG"},
        {is_multiple(v[NWG], v[NDIMB] * v[VWN]), "NDIMB VWN divides NWG"},
        {is_multiple(group, v[MDIMA]) && is_multiple(v[KWG], group / v[MDIMA]),
         "MDIMA divides MDIMC NDIMC, and the quotient KWG"},
        {is_multiple(group, v[NDIMB]) && is_multiple(v[KWG], group / v[NDIMB]),
         "NDIMB divides MDIMC NDIMC, and the quotient KWG"},
        {group <= device->max_work_group_size, "the device has work-groups of MDIMC NDIMC"},
        {sizeof(float) * v[KWG] * (v[SA] * v[MWG] + v[SB] * v[NWG]) <= device->local_memory,
         "4 KWG (SA MWG + SB NWG) bytes fit the local memory"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; ++i) {
        if (!rules[i].holds) {
            return rules[i].rule;
        }
    }
    return NULL;
}
