/* An expression at a set of points.
 *
 * The points are those of the jammed dims (unrolled and vector dims of the loops around),
 * restricted to a box. Each sub-expression is emitted once for each combination of the
 * dims that it varies over: the operand of a matrix product that does not know the columns
 * once a row, the weights once a column vector. Operations are emitted for all points in
 * turn, so that independent chains lie side by side; loads only when the first operation
 * asks for them, so that few are alive at once.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

#include <assert.h>

/* ---- points ---- */

uint64_t tn_jam_mask(const tn_emitter *e) {
  uint64_t mask = 0;
  for (int j = 0; j < e->n_jam; j++) mask |= UINT64_C(1) << e->jam[j];
  return mask;
}

static bool in_mask(const tn_emitter *e, uint64_t dims, int j) { return dims >> e->jam[j] & 1; }

int tn_point_number(tn_emitter *e, uint64_t dims) {
  int number = 0;
  for (int j = 0; j < e->n_jam; j++)
    if (in_mask(e, dims, j)) number = number * e->dims[e->jam[j]].slots + e->at[j];
  return number;
}

bool tn_first_point(tn_emitter *e, uint64_t dims) {
  for (int j = 0; j < e->n_jam; j++) {
    if (e->count[j] <= 0) return false;
    if (in_mask(e, dims, j)) e->at[j] = e->low[j];
  }
  return true;
}

bool tn_next_point(tn_emitter *e, uint64_t dims) {
  for (int i = e->n_jam - 1; i >= 0; i--) {
    int j = e->walk[i];
    if (!in_mask(e, dims, j)) continue;
    if (++e->at[j] < e->low[j] + e->count[j]) return true;
    e->at[j] = e->low[j];
  }
  return false;
}

/* The walk over a tile has the dim with the fewest points innermost: of a product, those
 * operands stay in registers that are few, and the others are there one at a time.      */
static bool walks_inside(const tn_emitter *e, int j, int other) {
  int points = e->dims[e->jam[j]].points, others = e->dims[e->jam[other]].points;
  return points < others || (points == others && e->jam[j] == e->vector);
}

void tn_full_box(tn_emitter *e) {
  for (int j = 0; j < e->n_jam; j++) {
    e->at[j] = e->low[j] = 0;
    e->count[j] = e->dims[e->jam[j]].points;
  }
  for (int j = 0; j < e->n_jam; j++) { /* insertion sort */
    int i = j;
    for (; i > 0 && walks_inside(e, e->walk[i - 1], j); i--) e->walk[i] = e->walk[i - 1];
    e->walk[i] = j;
  }
}

tn_values *tn_new_values(tn_emitter *e, uint64_t dims, bool vector) {
  tn_values *values = TN_NEW(e->arena, tn_values);
  int slots = 1;
  values->dims = dims & tn_jam_mask(e);
  for (int j = 0; j < e->n_jam; j++)
    if (in_mask(e, values->dims, j)) slots *= e->dims[e->jam[j]].slots;
  values->vector = vector;
  values->at = TN_NEW_ARRAY(e->arena, LLVMValueRef, slots);
  values->splat = TN_NEW_ARRAY(e->arena, LLVMValueRef, slots);
  return values;
}

static bool is_vector(const tn_emitter *e, uint64_t dims) {
  return e->vector >= 0 && e->lane < 0 && (dims >> e->vector & 1);
}

/* ---- values ---- */

LLVMValueRef tn_splat(tn_emitter *e, LLVMValueRef scalar, int lanes) {
  LLVMTypeRef type = tn_shaped(LLVMTypeOf(scalar), lanes);
  if (LLVMIsConstant(scalar)) {
    LLVMValueRef all[256];
    for (int i = 0; i < lanes; i++) all[i] = scalar;
    return LLVMConstVector(all, (unsigned)lanes);
  }
  LLVMValueRef first = LLVMConstInt(e->u->i32, 0, false);
  LLVMValueRef one = LLVMBuildInsertElement(e->b, LLVMGetPoison(type), scalar, first, "");
  LLVMValueRef mask = LLVMConstNull(tn_shaped(e->u->i32, lanes));
  return LLVMBuildShuffleVector(e->b, one, LLVMGetPoison(type), mask, "");
}

LLVMValueRef tn_value_at(tn_emitter *e, tn_values *values, bool vector) {
  int number = tn_point_number(e, values->dims);
  LLVMValueRef *at = &values->at[number];
  if (!*at && values->lazy && !tn_emit_transposed(e, values)) *at = tn_emit_load(e, values->lazy);
  assert(*at);
  if (values->vector && e->lane >= 0)
    return LLVMBuildExtractElement(e->b, *at, LLVMConstInt(e->u->i32, (uint64_t)e->lane, false), "");
  if (!vector || values->vector) return *at;
  if (!values->splat[number]) values->splat[number] = tn_splat(e, *at, e->lanes);
  return values->splat[number];
}

LLVMValueRef tn_scalar_at_point(tn_emitter *e, const tn_expr *expr) {
  int low[64], count[64];
  memcpy(low, e->low, sizeof low);
  memcpy(count, e->count, sizeof count);
  for (int j = 0; j < e->n_jam; j++) e->low[j] = e->at[j], e->count[j] = 1;
  LLVMValueRef value = tn_value_at(e, tn_emit_values(e, expr), false);
  memcpy(e->low, low, sizeof low);
  memcpy(e->count, count, sizeof count);
  return value;
}

/* ---- indices as numbers ---- */

/* start, start + stride, … In 32 bits where all values fit: converting those is cheap. */
static LLVMValueRef ramp(tn_emitter *e, const tn_index *index, tn_type type, int64_t stride) {
  int64_t low, high;
  tn_point_range(e, index, &low, &high);
  bool small = low >= INT32_MIN && high <= INT32_MAX;
  LLVMTypeRef t = small ? e->u->i32 : e->u->i64;
  LLVMValueRef start = LLVMBuildTrunc(e->b, tn_emit_index_value(e, index), t, ""), steps[256];
  for (int i = 0; i < e->lanes; i++) steps[i] = LLVMConstInt(t, (uint64_t)(i * stride), true);
  LLVMValueRef all =
      LLVMBuildAdd(e->b, tn_splat(e, start, e->lanes), LLVMConstVector(steps, (unsigned)e->lanes), "");
  return tn_convert(e, small ? TN_S32 : TN_S64, type, all);
}

static LLVMValueRef index_number(tn_emitter *e, const tn_expr *expr, bool vector) {
  int64_t stride;
  if (!vector) return tn_convert(e, TN_S64, expr->type, tn_emit_index_value(e, expr->index));
  if (tn_lane_stride(e, expr->index, &stride)) return ramp(e, expr->index, expr->type, stride);
  LLVMValueRef all = LLVMConstNull(tn_shaped(tn_register_type(e->u, expr->type), e->lanes));
  int active = tn_active_lanes(e);
  for (e->lane = 0; e->lane < active; e->lane++) {
    LLVMValueRef one = tn_convert(e, TN_S64, expr->type, tn_emit_index_value(e, expr->index));
    all = LLVMBuildInsertElement(e->b, all, one, LLVMConstInt(e->u->i32, (uint64_t)e->lane, false), "");
  }
  e->lane = -1;
  return all;
}

/* ---- expressions ---- */

enum { MAX_OPERANDS = 4 };

static tn_values *evaluate_op(tn_emitter *e, const tn_expr *expr) {
  tn_values *operands[MAX_OPERANDS];
  uint64_t dims = 0;
  bool vector = false;
  assert(expr->op.n_operands <= MAX_OPERANDS);
  for (int i = 0; i < expr->op.n_operands; i++) {
    operands[i] = tn_emit_values(e, expr->op.operands[i]);
    dims |= operands[i]->dims;
    vector |= operands[i]->vector && e->lane < 0;
  }
  tn_values *values = tn_new_values(e, dims, vector);
  for (bool more = tn_first_point(e, dims); more; more = tn_next_point(e, dims)) {
    LLVMValueRef x[MAX_OPERANDS];
    for (int i = 0; i < expr->op.n_operands; i++) x[i] = tn_value_at(e, operands[i], vector);
    values->at[tn_point_number(e, dims)] = tn_emit_op(e, expr, x);
  }
  return values;
}

tn_values *tn_emit_values(tn_emitter *e, const tn_expr *expr) {
  uint64_t dims = tn_expr_dims(e, expr) & tn_jam_mask(e);
  bool vector = is_vector(e, tn_expr_dims(e, expr));
  tn_values *values;
  switch (expr->kind) {
  case TN_EXPR_CONSTANT:
    values = tn_new_values(e, 0, false);
    values->at[0] = tn_constant_value(e, expr->type, expr->bits[0]);
    return values;
  case TN_EXPR_INDEX:
    values = tn_new_values(e, dims, vector);
    for (bool more = tn_first_point(e, dims); more; more = tn_next_point(e, dims))
      values->at[tn_point_number(e, dims)] = index_number(e, expr, vector);
    return values;
  case TN_EXPR_LOAD:
    values = tn_new_values(e, dims, vector);
    values->lazy = expr;
    return values;
  case TN_EXPR_VALUE: /* its own splats: those made here need not dominate other uses */
    values = tn_new_values(e, e->values[expr->value].dims, e->values[expr->value].vector);
    values->at = e->values[expr->value].at;
    return values;
  case TN_EXPR_OP:
  case TN_EXPR_FMA: return evaluate_op(e, expr);
  }
  return NULL;
}

/* Roughly the instructions of one point: transcendental functions are some twenty. */
int tn_expr_cost(const tn_expr *expr) {
  if (expr->kind != TN_EXPR_OP && expr->kind != TN_EXPR_FMA) return 0;
  int cost = expr->kind == TN_EXPR_OP && tn_ops[expr->op.op].attributes == TN_ATTR_ACCURACY ? 20 : 1;
  for (int i = 0; i < expr->op.n_operands; i++) cost += tn_expr_cost(expr->op.operands[i]);
  return cost;
}
