/* The results are printed to six decimals. */
#include "attention_goldens.h"

#include <float.h>

const float attention_golden_query[6] = {1.0F, 0.5F, -0.5F, 2.0F, 0.0F, 0.0F};
const float attention_golden_key[6] = {0.5F, 1.0F, 1.0F, -1.0F, 2.0F, 0.25F};
const float attention_golden_value[6] = {1.0F, 2.0F, 3.0F, -1.0F, 0.5F, 4.0F};
const float attention_golden_pse[6] = {0.1F, -0.2F, 0.3F, 0.0F, 0.5F, -0.5F};
const float attention_golden_slope[1] = {0.25F};
const unsigned char attention_golden_mask[6] = {0, 1, 0, 1, 1, 1};
const unsigned char attention_golden_keep[1] = {0x35};

const attention_golden attention_goldens[] = {
    {"no pse", -1, false, 0, 1.0, {1.192445, 2.332132, 1.053002, 2.201516}, {1.0625, 0.875},
     {2.013530, 1.444085}},
    {"type 1", 1, false, 0, 1.0, {1.102722, 2.517544, 1.128211, 2.032438}, {1.2125, 0.875},
     {1.861152, 1.406195}},
    {"type 0", 0, false, 0, 1.0, {1.022063, 2.687100, 1.211912, 1.858726}, {1.3625, 0.875},
     {1.735645, 1.393823}},
    {"type 2", 2, false, 0, 1.0, {1.254889, 2.115835, 1.097688, 2.128037}, {0.5625, 0.625},
     {2.509196, 1.478007}},
    {"type 3", 3, false, 0, 1.0, {1.210247, 2.227259, 1.097688, 2.128037}, {0.708947, 0.625},
     {2.303601, 1.478007}},
    {"mask", -1, true, 0, 1.0, {0.681485, 3.274062, 1.5, 1.666667}, {1.0625, -FLT_MAX},
     {1.569783, 3.0}},
    {"mask, zeros", -1, true, 2, 1.0, {0.681485, 3.274062, 0.0, 0.0}, {1.0625, -FLT_MAX},
     {1.569783, FLT_MAX}},
    {"dropout", -1, false, 0, 0.5, {1.062594, 5.105030, 0.721045, 1.633112}, {1.0625, 0.875},
     {2.013530, 1.444085}},
};
const size_t attention_num_goldens = sizeof attention_goldens / sizeof attention_goldens[0];
