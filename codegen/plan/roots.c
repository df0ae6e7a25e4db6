/* How the results of one kernel share its loops.
 *
 *   y = f32[64,128] …        lse = f32[64] …             loop d0:64 {
 *                                                    =>    …  lse[d0] = …
 *                                                          loop d1:128 { y[d0, d1] = … }
 *                                                        }
 *
 * The loops are the dims of the wide roots, which all have the same ones, those of size 1
 * apart. A narrow root has some of them: it is stored in the body of the outer loops. Which
 * ones it has, a reduction on the way to it says, if there is one; else they are the first.
 * Any assignment of dims of equal sizes gives the right values; a good one lets the results
 * share what they are made of.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower.h"

enum { MOST_DIMS = 60, MOST_VISITS = 256 };

static const tn_shape *shape_of(tn_inst *const *roots, int i) {
  const tn_shape *shape = roots[i]->shape;
  return tn_shape_is_tuple(shape) ? shape->elements[i] : shape;
}

static int count_dims(const tn_shape *shape) { /* of size above 1 */
  int count = 0;
  for (int d = 0; d < shape->rank; d++) count += shape->dims[d] != 1;
  return count;
}

/* dim_of[d] of each dim of `shape`: the next dim of `wide` that `taken` names; -1 of size 1. */
static bool assign(const tn_shape *shape, const tn_shape *wide, uint64_t taken, int *dim_of) {
  int w = 0;
  for (int d = 0; d < shape->rank; d++) {
    dim_of[d] = -1;
    if (shape->dims[d] == 1) continue;
    while (w < wide->rank && (wide->dims[w] == 1 || !(taken >> w & 1))) w++;
    if (w == wide->rank || wide->dims[w] != shape->dims[d]) return false;
    dim_of[d] = w++;
  }
  while (w < wide->rank && (wide->dims[w] == 1 || !(taken >> w & 1))) w++;
  return w == wide->rank;
}

/* Where dim `dim` of `shape`, which has the dims of `wide` but for ones, lies in `wide`. */
static int in_wide(const tn_shape *shape, const tn_shape *wide, int64_t dim) {
  int n = 0, w = 0;
  for (int64_t d = 0; d < dim; d++) n += shape->dims[d] != 1;
  for (; w < wide->rank; w++)
    if (wide->dims[w] != 1 && n-- == 0) return w;
  return -1;
}

/* The dims that a reduction of something wide leaves to what `inst` is made of; 0: none. */
static uint64_t kept_dims(const tn_inst *inst, const tn_shape *wide, int *visits) {
  if (++*visits > MOST_VISITS) return 0;
  if (inst->op == TN_OP_REDUCE) {
    const tn_shape *from = inst->operands[0]->shape;
    int dim_of[MOST_DIMS];
    uint64_t kept = 0;
    if (from->rank > MOST_DIMS || !assign(from, wide, ~UINT64_C(0), dim_of)) return 0;
    for (int d = 0; d < from->rank; d++)
      if (from->dims[d] != 1 && !tn_dims_contain(inst->attr.reduce.dims, d))
        kept |= UINT64_C(1) << in_wide(from, wide, d);
    return kept;
  }
  bool passes = tn_op_is(inst->op, TN_OP_ELEMENTWISE) || inst->op == TN_OP_RESHAPE ||
                inst->op == TN_OP_GET_TUPLE_ELEMENT;
  for (int i = 0; passes && i < inst->n_operands; i++) {
    uint64_t kept = kept_dims(inst->operands[i], wide, visits);
    if (kept) return kept;
  }
  return 0;
}

static uint64_t first_dims(const tn_shape *wide, int count) {
  uint64_t dims = 0;
  for (int w = 0; w < wide->rank && count; w++)
    if (wide->dims[w] != 1) dims |= UINT64_C(1) << w, count--;
  return dims;
}

/* The narrow root's dims: all narrow ones have the same. */
static bool place_narrow(const tn_inst *root, const tn_shape *shape, tn_root_places *out, int *dim_of) {
  int visits = 0;
  uint64_t dims = kept_dims(root, out->wide, &visits);
  if (!dims || !assign(shape, out->wide, dims, dim_of)) dims = first_dims(out->wide, count_dims(shape));
  if (!assign(shape, out->wide, dims, dim_of)) return false;
  if (out->n_narrow++ && out->outer != dims) return false;
  out->outer = dims;
  return true;
}

bool tn_place_roots(tn_arena *arena, tn_inst *const *roots, int n_roots, tn_root_places *out) {
  *out = (tn_root_places){.dim_of = TN_NEW_ARRAY(arena, int *, n_roots),
                          .is_narrow = TN_NEW_ARRAY(arena, bool, n_roots)};
  for (int i = 0; i < n_roots; i++) {
    const tn_shape *shape = shape_of(roots, i);
    if (!tn_shape_is_array(shape) || shape->rank > MOST_DIMS) return false;
    if (!out->wide || count_dims(shape) > count_dims(out->wide)) out->wide = shape;
  }
  for (int i = 0; i < n_roots; i++) {
    const tn_shape *shape = shape_of(roots, i);
    int *dim_of = out->dim_of[i] = TN_NEW_ARRAY(arena, int, shape->rank);
    if (assign(shape, out->wide, ~UINT64_C(0), dim_of)) continue;
    out->is_narrow[i] = true;
    if (tn_shape_elements(out->wide) == 0 || !place_narrow(roots[i], shape, out, dim_of)) return false;
  }
  return true;
}
