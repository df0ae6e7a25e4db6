/* Building blocks for passes that write an operation out as many: each function makes one
 * instruction before `site->before`, which gives it location and annotations.
 *
 * Shapes follow from the operands; results carry no layout. Scalars are spread by the
 * functions that say so.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_MAKE_H
#define TN_PASSES_MAKE_H

#include "passes/pass.h"

enum { TN_MADE_RANK = 72 }; /* front ends end at 64 */

typedef struct {
  tn_comp *comp;
  tn_inst *before;
} tn_site;

static inline tn_site tn_site_of(tn_inst *inst) { return (tn_site){inst->parent, inst}; }

/* ---- values ---- */
tn_inst *tn_make_float(const tn_site *site, tn_type type, double value);
tn_inst *tn_make_integer(const tn_site *site, tn_type type, int64_t value);
tn_inst *tn_make_zero(const tn_site *site, tn_type type);
/* A constant of `shape` with the data given, which is kept. */
tn_inst *tn_make_array(const tn_site *site, const tn_shape *shape, const void *data);
tn_inst *tn_make_iota(const tn_site *site, const tn_shape *shape, int dim);
/* A scalar in every element. */
tn_inst *tn_make_spread(const tn_site *site, tn_inst *scalar, const tn_shape *shape);
/* operand dim i lies along dims[i] of the result. */
tn_inst *tn_make_broadcast(const tn_site *site, tn_inst *operand, const tn_shape *shape, const int64_t *dims);

/* ---- elementwise ---- */
tn_inst *tn_make_unary(const tn_site *site, tn_op op, tn_inst *operand);
tn_inst *tn_make_binary(const tn_site *site, tn_op op, tn_inst *lhs, tn_inst *rhs);
/* The right side is a scalar. */
tn_inst *tn_make_by_scalar(const tn_site *site, tn_op op, tn_inst *lhs, tn_inst *scalar);
tn_inst *tn_make_complex(const tn_site *site, tn_inst *re, tn_inst *im);
tn_inst *tn_make_compare(const tn_site *site, tn_direction direction, tn_inst *lhs, tn_inst *rhs);
tn_inst *tn_make_select(const tn_site *site, tn_inst *pred, tn_inst *on_true, tn_inst *on_false);
tn_inst *tn_make_convert(const tn_site *site, tn_inst *operand,
                         tn_type type); /* the operand where it is that */
/* The bits of an element as one of another type: the last dim goes or comes where the width changes. */
tn_inst *tn_make_bitcast(const tn_site *site, tn_inst *operand, tn_type type);

/* ---- movement ---- */
tn_inst *tn_make_reshape(const tn_site *site, tn_inst *operand, int rank, const int64_t *dims);
tn_inst *tn_make_reshape_to(const tn_site *site, tn_inst *operand, const tn_shape *shape);
/* Elements start, start + stride … below limit of one dim; the operand where that is all. */
tn_inst *tn_make_slice(const tn_site *site, tn_inst *operand, int dim, int64_t start, int64_t limit,
                       int64_t stride);
tn_inst *tn_make_concatenate(const tn_site *site, int dim, int count, tn_inst *const *parts);
/* The parts along a new dim before `dim`. */
tn_inst *tn_make_stack(const tn_site *site, int dim, int count, tn_inst *const *parts);
tn_inst *tn_make_reverse(const tn_site *site, tn_inst *operand, int dim);
tn_inst *tn_make_transpose(const tn_site *site, tn_inst *operand, const int64_t *permutation);
tn_inst *tn_make_pad(const tn_site *site, tn_inst *operand, tn_inst *value, int dim, int64_t low,
                     int64_t high);

/* ---- structure ---- */
tn_inst *tn_make_dot(const tn_site *site, tn_inst *lhs, tn_inst *rhs, tn_dot_side left, tn_dot_side right);
tn_inst *tn_make_tuple(const tn_site *site, int count, tn_inst *const *parts);
tn_inst *tn_make_element(const tn_site *site, tn_inst *tuple, int index);

#endif
