/* Building blocks for passes that write an operation out as many, so that they read like the
 * formulas in their heads: each function makes one instruction at a site, which gives it
 * location and annotations.
 *
 * Shapes follow from the operands; results carry no layout. Scalars are spread by the
 * functions that say so.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_MAKE_H
#define TN_PASSES_MAKE_H

#include "passes/dims.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

enum { TN_MADE_RANK = 72 }; /* front ends end at 64 */

typedef struct {
  tn_comp *comp;
  tn_inst *before; /* in comp; NULL: at its end */
  tn_inst *about;  /* what is written out: its location and annotations are inherited; or NULL */
} tn_site;

static inline tn_site tn_site_of(tn_inst *inst) { return (tn_site){inst->parent, inst, inst}; }
static inline tn_arena *tn_site_arena(tn_site site) { return site.comp->module->arena; }

/* Any instruction; attributes are the caller's to set. */
tn_inst *tn_make_inst(tn_site site, tn_op op, const tn_shape *shape, int count, tn_inst *const *operands);
tn_dims tn_make_dims(tn_site site, int count, const int64_t *at); /* a copy in the module */

/* ---- values ---- */
/* Of any type of numbers: `value` is exact in it. */
tn_inst *tn_make_scalar(tn_site site, tn_type type, double value);
tn_inst *tn_make_integer(tn_site site, tn_type type, int64_t value);
tn_inst *tn_make_zero(tn_site site, tn_type type);
/* A constant of `shape` with the data given, which is kept. */
tn_inst *tn_make_array(tn_site site, const tn_shape *shape, const void *data);
tn_inst *tn_make_iota(tn_site site, const tn_shape *shape, int64_t dim);
/* An array of one value. */
tn_inst *tn_make_filled(tn_site site, const tn_shape *shape, double value);
/* A scalar in every element. */
tn_inst *tn_make_spread(tn_site site, tn_inst *scalar, const tn_shape *shape);
/* operand dim i lies along dims[i] of the result. */
tn_inst *tn_make_broadcast(tn_site site, tn_inst *operand, const tn_shape *shape, const int64_t *dims);

/* ---- elementwise ---- */
tn_inst *tn_make_unary(tn_site site, tn_op op, tn_inst *operand);
tn_inst *tn_make_binary(tn_site site, tn_op op, tn_inst *lhs, tn_inst *rhs);
/* The right side is a scalar. */
tn_inst *tn_make_by_scalar(tn_site site, tn_op op, tn_inst *lhs, tn_inst *scalar);
tn_inst *tn_make_complex(tn_site site, tn_inst *re, tn_inst *im);
tn_inst *tn_make_compare(tn_site site, tn_direction direction, tn_inst *lhs, tn_inst *rhs);
tn_inst *tn_make_select(tn_site site, tn_inst *pred, tn_inst *on_true, tn_inst *on_false);
tn_inst *tn_make_convert(tn_site site, tn_inst *operand, tn_type type); /* the operand where it is that */
/* The bits of an element as one of another type: the last dim goes or comes where the width changes. */
tn_inst *tn_make_bitcast(tn_site site, tn_inst *operand, tn_type type);

/* ---- movement ---- */
tn_inst *tn_make_reshape(tn_site site, tn_inst *operand, int rank, const int64_t *dims);
tn_inst *tn_make_reshape_to(tn_site site, tn_inst *operand, const tn_shape *shape);
/* Elements start, start + stride … below limit of one dim; the operand where that is all. */
tn_inst *tn_make_slice(tn_site site, tn_inst *operand, int dim, int64_t start, int64_t limit, int64_t stride);
/* The box starts … starts + sizes. */
tn_inst *tn_make_box(tn_site site, tn_inst *operand, const int64_t *starts, const int64_t *sizes);
tn_inst *tn_make_concatenate(tn_site site, int dim, int count, tn_inst *const *parts);
/* The parts along a new dim before `dim`. */
tn_inst *tn_make_stack(tn_site site, int dim, int count, tn_inst *const *parts);
tn_inst *tn_make_reverse(tn_site site, tn_inst *operand, int dim);
/* Dim i of the result is dim order[i] of the operand; the operand where nothing moves. */
tn_inst *tn_make_transpose(tn_site site, tn_inst *operand, const int64_t *order);
/* result[i…] = operand[…, clamp(indices[i…]), …] at dim `dim`, which is replaced by the dims of
 * the indices.                                                                            */
tn_inst *tn_make_take(tn_site site, tn_inst *operand, int64_t dim, tn_inst *indices);
tn_inst *tn_make_pad(tn_site site, tn_inst *operand, tn_inst *value, int dim, int64_t low, int64_t high);
/* What a convolution's window adds to its input, ends and zeros between elements, as a pad before it with
 * `fill` in their place: then the window adds no more.                                            */
void tn_make_window_explicit(tn_inst *convolution, double fill);

/* ---- structure ---- */
/* The computation (a, b) -> a op b, which the module has once. */
tn_comp *tn_make_binary_comp(tn_site site, tn_op op, tn_type type);
tn_inst *tn_make_sum(tn_site site, tn_inst *operand, tn_dims dims);
/* A dot of type `type` of two sides with the dims given; its shape follows. */
tn_inst *tn_make_dot(tn_site site, tn_type type, tn_inst *const sides[2], const tn_dot_side dims[2]);
tn_inst *tn_make_tuple(tn_site site, int count, tn_inst *const *parts);
tn_inst *tn_make_element(tn_site site, tn_inst *tuple, int index);

#endif
