/* Where an expansion puts what it builds.
 *
 * An expansion writes one instruction as many. Each goes right before the one that it
 * replaces and inherits its location and annotations; the helpers below say the shapes
 * that need no thought, so that expansions read like the formulas in their heads.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_SITE_H
#define TN_PASSES_SITE_H

#include "passes/dims.h"
#include "passes/rewrite.h"

typedef struct {
  tn_comp *comp;
  tn_inst *before; /* in comp; NULL: at its end */
  tn_inst *about;  /* what is replaced */
} tn_site;

static inline tn_site tn_site_of(tn_inst *inst) { return (tn_site){inst->parent, inst, inst}; }
static inline tn_arena *tn_site_arena(tn_site s) { return s.comp->module->arena; }

/* Any instruction; attributes are the caller's to set. */
tn_inst *tn_site_inst(tn_site s, tn_op op, const tn_shape *shape, int n_operands, tn_inst *const *operands);

tn_inst *tn_site_unary(tn_site s, tn_op op, tn_inst *a);
tn_inst *tn_site_binary(tn_site s, tn_op op, tn_inst *a, tn_inst *b);
tn_inst *tn_site_compare(tn_site s, tn_direction direction, tn_inst *a, tn_inst *b);
tn_inst *tn_site_select(tn_site s, tn_inst *pred, tn_inst *on_true, tn_inst *on_false);
/* The value itself where it has the type. */
tn_inst *tn_site_convert(tn_site s, tn_inst *a, tn_type type);

/* A scalar of any number type: `value` is exact in it. */
tn_inst *tn_site_scalar(tn_site s, tn_type type, double value);
/* An array of one value. */
tn_inst *tn_site_filled(tn_site s, const tn_shape *shape, double value);
tn_inst *tn_site_iota(tn_site s, const tn_shape *shape, int64_t dim);
/* dims[i] of the result is dim i of `a`. */
tn_inst *tn_site_broadcast(tn_site s, tn_inst *a, const tn_shape *shape, int n, const int64_t *dims);
tn_inst *tn_site_reshape(tn_site s, tn_inst *a, int rank, const int64_t *dims);
/* Dim i of the result is dim order[i] of `a`; `a` itself where nothing moves. */
tn_inst *tn_site_transpose(tn_site s, tn_inst *a, const int64_t *order);
/* The box starts … starts + sizes. */
tn_inst *tn_site_slice(tn_site s, tn_inst *a, const int64_t *starts, const int64_t *sizes);
tn_inst *tn_site_concatenate(tn_site s, int64_t dim, int count, tn_inst *const *parts);
tn_inst *tn_site_sum(tn_site s, tn_inst *a, int64_t dim);
/* result[i…] = operand[…, clamp(indices[i…]), …] at dim `dim`, which is replaced by the dims of
 * the indices.                                                                            */
tn_inst *tn_site_take(tn_site s, tn_inst *operand, int64_t dim, tn_inst *indices);
/* A dot of two sides with the dims given; its shape follows. */
tn_inst *tn_site_dot(tn_site s, tn_type type, tn_inst *const sides[2], const tn_dot_side dims[2]);

tn_dims tn_site_dims(tn_site s, int count, const int64_t *at); /* a copy in the module */

#endif
