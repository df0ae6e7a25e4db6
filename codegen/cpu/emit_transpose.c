/* Loads across the vector dim that run along an unrolled one: transposed in registers.
 *
 *   y[i, j] = x[j, i]    vector j:L, unroll i:L
 *
 * Lane l of point i wants x[j + l, i]: one load a lane gives L points, and log2(L) rounds
 * of shuffles exchange lanes and points. In round s, of each pair of vectors p and p + s,
 * the elements whose lane has bit s in the first change places with those whose lane has
 * it not in the second.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

/* Position in jam of the dim along which the load's elements are neighbours, if that has
 * as many points as there are lanes; else -1.                                           */
static int neighbour_dim(const tn_emitter *e, const tn_index *offset) {
  for (int j = 0; j < e->n_jam; j++) {
    int dim = e->jam[j], uses = 0;
    if (dim == e->vector || e->dims[dim].points != e->lanes) continue;
    for (int i = 0; i < offset->n_terms; i++) {
      const tn_term *term = &offset->terms[i];
      if (term->kind == TN_TERM_VALUE) return -1;
      uses += term->kind != TN_TERM_DIM ? 2 : term->dim == dim ? (term->scale == 1 ? 1 : 2) : 0;
    }
    if (uses == 1) return j;
  }
  return -1;
}

static LLVMValueRef exchange(tn_emitter *e, LLVMValueRef a, LLVMValueRef b, int bit, bool second) {
  LLVMValueRef order[256];
  for (int l = 0; l < e->lanes; l++) {
    bool has = (l & bit) != 0;
    int from = second ? (has ? e->lanes + l : l + bit) : (has ? e->lanes + l - bit : l);
    order[l] = LLVMConstInt(e->u->i32, (uint64_t)from, false);
  }
  return LLVMBuildShuffleVector(e->b, a, b, LLVMConstVector(order, (unsigned)e->lanes), "");
}

/* The point of `values` and those beside it along one dim; false: another way is needed. */
bool tn_emit_transposed(tn_emitter *e, tn_values *values) {
  const tn_expr *expr = values->lazy;
  LLVMValueRef rows[256];
  if (e->lane >= 0 || !values->vector || e->lanes < 4 || tn_active_lanes(e) != e->lanes) return false;
  if (expr->load.fill || e->local_lanes[expr->load.buffer] > 1 || expr->type == TN_PRED) return false;
  const tn_index *offset = tn_offset_of(e, expr, expr->load.buffer, expr->load.at);
  int j = neighbour_dim(e, offset), lanes = e->lanes;
  if (j < 0) return false;
  int here = e->at[j];
  e->at[j] = 0;
  for (e->lane = 0; e->lane < lanes; e->lane++) rows[e->lane] = tn_load_vector(e, expr, offset, lanes);
  e->lane = -1;
  for (int bit = 1; bit < lanes; bit *= 2)
    for (int p = 0; p < lanes; p++) {
      LLVMValueRef a = rows[p], b = rows[p | bit];
      if (p & bit) continue;
      rows[p] = exchange(e, a, b, bit, false);
      rows[p | bit] = exchange(e, a, b, bit, true);
    }
  for (e->at[j] = 0; e->at[j] < lanes; e->at[j]++)
    values->at[tn_point_number(e, values->dims)] = rows[e->at[j]];
  e->at[j] = here;
  return true;
}
