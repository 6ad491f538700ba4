/* A plan of attention's gradient in the making: what its variants share. */
#ifndef CLF_ATTENTION_ATTENTION_GRAD_BUILDING_H
#define CLF_ATTENTION_ATTENTION_GRAD_BUILDING_H

#include "attention/attention_grad_tables.h"
#include "attention/attention_launch.h"

enum { CLF_I_ATTENTION_ROW_FLOATS = 3 }; /* that the workspace has of each query row */

/* What a launch of the portable kernel owns; CLF_ATTENTION_GRAD_OF. */
typedef enum clf_i_attention_owned {
    CLF_I_OF_QUERY,
    CLF_I_OF_KEY,
    CLF_I_OF_PSE
} clf_i_attention_owned;

/* Portable. The formulas of sizes and local memory are those of the kernel's head comment. */
typedef struct clf_i_attention_grad_sizes {
    int64_t rows[3];  /* own tokens of a tile, by what is owned */
    int64_t key_tile; /* tokens of a block of the other side */
    int64_t depth_chunk;
    int64_t side; /* of a work-group */
} clf_i_attention_grad_sizes;

/* cpu. */
typedef struct clf_i_attention_grad_cpu_sizes {
    int64_t rows;        /* of a block */
    int64_t key_vectors; /* vectors of 16 keys in a block */
    int64_t num_chunks;  /* units that share the keys of a head; parts of grad_query */
    size_t local_memory; /* bytes */
} clf_i_attention_grad_cpu_sizes;

typedef struct clf_i_attention_grad_building {
    clf_plan *plan;
    const clf_i_attention_request *request;
    clf_variant variant;
    clf_i_attention_grad_sizes sizes; /* cpu: for grad_pse */
    clf_i_attention_grad_cpu_sizes cpu;
    clf_i_attention_grad_tables tables;
    clf_i_attention_problem problem;
    clf_i_attention_grad_problem grad_problem;
    size_t sequence_table;
    size_t grad_sequence_table;
    size_t query_tiles;
    size_t key_tiles; /* portable */
    size_t rows;      /* offset in the workspace */
    bool pse_has_gradient;
    bool pse_is_per_pair; /* and the cpu variant stores it as it goes */
} clf_i_attention_grad_building;

/* Definitions of dtype, depths, options and strides. */
void clf_i_attention_grad_define(const clf_i_attention_grad_building *building,
                                 clf_i_step_builder *launch);

/* Block sizes; all but the chunks, which depend on the tables. */
clf_i_attention_grad_cpu_sizes
clf_i_attention_grad_cpu_sizes_make(const clf_device *device,
                                    const clf_i_attention_request *request);
int64_t clf_i_attention_grad_cpu_chunks(const clf_i_attention_grad_building *building);

/* The launches of the cpu variant that make grad_query, grad_key and grad_value; they leave what
 * the workspace has of each row. */
clf_status clf_i_attention_grad_add_cpu(const clf_i_attention_grad_building *building);

#endif
