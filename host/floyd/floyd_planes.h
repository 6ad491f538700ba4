/*
 * The Floyd gradient's tensors by where they lie: each on a plane of two of the axes N, M and K.
 * Its kernels know these as x, y and z, in an order that each launch chooses.
 */
#ifndef CLF_FLOYD_FLOYD_PLANES_H
#define CLF_FLOYD_FLOYD_PLANES_H

#include "device/plan_builder.h"
#include "floyd/floyd_arguments.h"
#include "floyd/floyd_records.h"

/* Which axes are x, y and z: letters N, M, K. */
typedef struct clf_i_floyd_roles {
    char x;
    char y;
    char z;
} clf_i_floyd_roles;

/* What lies on a plane: query and grad_output, or a key and its value; and their gradients, of
 * which grad_output has none (a slot of 0). */
typedef struct clf_i_floyd_plane {
    clf_slot operands[2];
    clf_slot gradients[2];
} clf_i_floyd_plane;

/* Of two axes, in any order. */
const clf_i_floyd_plane *clf_i_floyd_plane_of(char one, char other);

/* Adds all tensors to the plan. */
clf_status clf_i_floyd_planes_add_tensors(const clf_i_floyd_grad_request *request, clf_plan *plan);

/* Bytes of all tensors, each moved once. */
double clf_i_floyd_planes_bytes(const clf_i_floyd_grad_request *request);

clf_i_floyd_grad_problem clf_i_floyd_planes_problem(const clf_i_floyd_grad_request *request,
                                                    const clf_i_floyd_roles *roles);

#endif
