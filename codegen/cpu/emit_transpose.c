/* Loads and stores across the vector dim that run along an unrolled one: transposed in registers.
 *
 *   y[i, j] = x[j, i]    vector j:L, unroll i:L
 *
 * Lane l of point i wants x[j + l, i]: one load a lane gives L points, and log2(L) rounds
 * of shuffles exchange lanes and points. In round s, of each pair of vectors p and p + s,
 * the elements whose lane has bit s in the first change places with those whose lane has
 * it not in the second.
 *
 * A store y[j, i] is the same backwards, of as many points as there are, if they are a power of
 * two: P vectors become the P elements of each lane side by side, L stores instead of P·L.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

/* Are neighbours along `dim` neighbours in memory, whatever the values of the other dims? */
static bool moves_by_one(const tn_index *offset, int dim) {
  int uses = 0;
  for (int i = 0; i < offset->n_terms; i++) {
    const tn_term *term = &offset->terms[i];
    if (term->kind != TN_TERM_DIM) return false;
    if (term->dim == dim) uses += term->scale == 1 ? 1 : 2;
  }
  return uses == 1;
}

/* Position in jam of the dim along which the load's elements are neighbours, if that has
 * as many points as there are lanes; else -1.                                           */
static int neighbour_dim(const tn_emitter *e, const tn_index *offset) {
  for (int j = 0; j < e->n_jam; j++) {
    int dim = e->jam[j];
    if (dim == e->vector || e->dims[dim].points != e->lanes) continue;
    if (moves_by_one(offset, dim)) return j;
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

/* All rounds: element l of row p becomes element p of row l, among `count` lanes and rows. */
static void exchange_all(tn_emitter *e, LLVMValueRef *rows, int count) {
  for (int bit = 1; bit < count; bit *= 2)
    for (int p = 0; p < count; p++) {
      LLVMValueRef a = rows[p], b = rows[p | bit];
      if (p & bit) continue;
      rows[p] = exchange(e, a, b, bit, false);
      rows[p | bit] = exchange(e, a, b, bit, true);
    }
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
  exchange_all(e, rows, lanes);
  for (e->at[j] = 0; e->at[j] < lanes; e->at[j]++)
    values->at[tn_point_number(e, values->dims)] = rows[e->at[j]];
  e->at[j] = here;
  return true;
}

/* ---- stores ---- */

/* Position in jam of the dim along which what is stored lies side by side; -1: none. */
static int store_dim(const tn_emitter *e, const tn_index *offset) {
  for (int j = 0; j < e->n_jam; j++) {
    int dim = e->jam[j], count = e->count[j];
    if (dim == e->vector || count < 4 || count > e->lanes || (count & (count - 1))) continue;
    if (moves_by_one(offset, dim)) return j;
  }
  return -1;
}

static LLVMValueRef part_of(tn_emitter *e, LLVMValueRef vector, int first, int count) {
  LLVMValueRef order[256];
  for (int i = 0; i < count; i++) order[i] = LLVMConstInt(e->u->i32, (uint64_t)(first + i), false);
  return LLVMBuildShuffleVector(e->b, vector, LLVMGetPoison(LLVMTypeOf(vector)),
                                LLVMConstVector(order, (unsigned)count), "");
}

/* The points from the current one on along jam j. */
static void store_rows(tn_emitter *e, const tn_stmt *store, tn_values *values, int j) {
  LLVMValueRef rows[256];
  tn_type type = e->k->buffers[store->buffer].shape->type;
  int count = e->count[j], active = tn_active_lanes(e);
  for (int p = 0; p < count; p++) {
    e->at[j] = e->low[j] + p;
    rows[p] = tn_to_memory(e, type, tn_convert(e, store->expr->type, type, tn_value_at(e, values, true)));
  }
  e->at[j] = e->low[j];
  exchange_all(e, rows, count);
  for (int lane = 0; lane < active; lane++) {
    LLVMValueRef row = part_of(e, rows[lane % count], lane / count * count, count);
    e->lane = lane;
    tn_store_vector(e, store, row);
  }
  e->lane = -1;
}

/* All points of the group; false: another way is needed. */
bool tn_emit_transposed_store(tn_emitter *e, const tn_stmt *store, tn_values *values, uint64_t dims) {
  const tn_index *offset = tn_offset_of(e, store, store->buffer, store->at);
  int64_t stride;
  bool vector = e->vector >= 0 && e->lane < 0 && (dims >> e->vector & 1);
  if (!vector || store->condition || e->local_lanes[store->buffer] > 1) return false;
  if (tn_lane_stride(e, offset, &stride) && stride == 1) return false;
  int j = store_dim(e, offset);
  if (j < 0) return false;
  for (bool more = tn_first_point(e, dims); more; more = tn_next_point(e, dims))
    if (e->at[j] == e->low[j]) store_rows(e, store, values, j);
  return true;
}
