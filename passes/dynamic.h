/* Static shapes for dynamic ones: the parts of the pass (static_shapes.c says what it does).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_DYNAMIC_H
#define TN_PASSES_DYNAMIC_H

#include "passes/make.h"

/* A value whose shape was dynamic, and the s32 scalars that say how much of it there is: one
 * for each dynamic dim, arrays of a tuple one behind the other.                          */
typedef struct {
  const tn_shape *shape; /* as it was; NULL: it was static */
  tn_inst **sizes;
} tn_known;

typedef struct {
  tn_module *module;
  tn_arena *scratch;
  TN_VEC(tn_known) known; /* by instruction id */
} tn_sizes;

int tn_dynamic_dims(const tn_shape *shape);                              /* how many, deep */
const tn_shape *tn_static_shape(tn_arena *arena, const tn_shape *shape); /* bounds for sizes, deep */

const tn_known *tn_known_of(const tn_sizes *s, const tn_inst *inst); /* shape NULL if it is static */
/* Dim d of an array was dynamic. */
bool tn_was_dynamic(const tn_sizes *s, const tn_inst *inst, int d);
/* Its size, an s32 scalar. */
tn_inst *tn_size_of(const tn_sizes *s, tn_site site, const tn_inst *inst, int d);

/* Elements of x whose index along each of `dims` that was dynamic in `like` is below the size
 * keep their value; the others are `fill`, a scalar. x itself if none was.                */
tn_inst *tn_masked(const tn_sizes *s, tn_site site, tn_inst *x, const tn_inst *like, tn_dims dims,
                   tn_inst *fill);
/* The same as a pred of the shape; NULL if none was. */
tn_inst *tn_valid(const tn_sizes *s, tn_site site, const tn_shape *shape, const tn_inst *like, tn_dims dims);

/* ---- dynamic_rules.c ---- */
/* NULL, or why an instruction with dynamic operands or results cannot be made static. */
const char *tn_dynamic_refusal(const tn_inst *inst);
/* Does it: what stands for inst, of a static shape, and the sizes of its dims that were
 * dynamic. Control flow, parameters and tuples are not its business.                     */
tn_inst *tn_make_static(tn_sizes *s, tn_inst *inst, tn_inst **sizes);

#endif
