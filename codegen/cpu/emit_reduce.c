/* Reduces: accumulators in registers, partial results and how they come together.
 *
 * An accumulator has a value at each jammed point that it varies over; loops of the reduce
 * make phis of them. With `vector d:L*U` on a reduced dim there are U vectors of L partial
 * results instead: element i joins number i mod L*U. They start at the join's identity,
 * fold by halves, i with i + n/2, and the initial value comes last:
 * join(initial, folded). So the bits depend on L*U alone.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

typedef struct {
  const tn_stmt *reduce;
  int vector_dim;     /* of its dims, or -1 */
  int slots;          /* U */
  int lanes;          /* L */
  LLVMValueRef fetch; /* where the next prefetch goes, or NULL */
} reduction;

int tn_value_slots(tn_emitter *e, uint64_t dims) {
  int slots = 1;
  for (int j = 0; j < e->n_jam; j++)
    if (dims >> e->jam[j] & 1) slots *= e->dims[e->jam[j]].slots;
  return slots;
}

static bool check(tn_emitter *e, const reduction *r) {
  const tn_dim_schedule *s = &e->k->schedule.dims[r->vector_dim];
  const char *dim = e->k->dims[r->vector_dim].name;
  int wide = r->lanes * r->slots;
  if (wide & (wide - 1))
    return tn_unit_fail(e->u, TN_UNSUPPORTED,
                        "kernel %s: vector %s: %d partial results do not fold by halves", e->k->name, dim,
                        wide);
  for (int i = 0; i < s->n_tiles; i++)
    if (s->tiles[i] % wide)
      return tn_unit_fail(e->u, TN_UNSUPPORTED, "kernel %s: vector %s: a tile of %lld is no multiple of %d",
                          e->k->name, dim, (long long)s->tiles[i], wide);
  if (!tn_reduce_splits(e->k, r->reduce))
    return tn_unit_fail(e->u, TN_INVALID, "kernel %s: vector %s: the reduce has no join and runs in order",
                        e->k->name, dim);
  return true;
}

static reduction reduction_of(tn_emitter *e, const tn_stmt *reduce) {
  reduction r = {reduce, -1, 1, 0, NULL};
  for (int i = 0; i < reduce->n_dims && e->k->schedule.dims; i++) {
    const tn_dim_schedule *s = &e->k->schedule.dims[reduce->dims[i]];
    if (s->lanes) r = (reduction){reduce, reduce->dims[i], s->vectors, s->lanes, NULL};
  }
  return r;
}

/* The accumulator's values before the first iteration, at all points. */
tn_values *tn_initial_values(tn_emitter *e, const tn_accumulator *acc) {
  uint64_t dims =
      e->value_dims[acc->value] & (tn_jam_mask(e) | (e->vector >= 0 ? UINT64_C(1) << e->vector : 0));
  bool vector = e->vector >= 0 && (dims >> e->vector & 1);
  tn_values *from = tn_emit_values(e, acc->initial), *to = tn_new_values(e, dims, vector);
  for (bool more = tn_first_point(e, to->dims); more; more = tn_next_point(e, to->dims)) {
    LLVMValueRef value = tn_value_at(e, from, vector);
    to->at[tn_point_number(e, to->dims)] =
        tn_convert(e, acc->initial->type, e->k->values[acc->value].type, value);
  }
  return to;
}

/* U vectors of partial results for each point of `whole`: number * U + u in `at`. */
static tn_values partial_values(tn_emitter *e, const reduction *r, int i, const tn_values *whole) {
  tn_type type = e->k->values[r->reduce->accumulators[i].value].type;
  uint64_t bits[2];
  int slots = tn_value_slots(e, whole->dims) * r->slots;
  tn_join_identity(tn_reduce_join(e->k, r->reduce, i), type, bits);
  tn_values partial = {.dims = whole->dims, .vector = true};
  if (r->slots > 1) partial.dims |= UINT64_C(1) << r->vector_dim;
  partial.at = TN_NEW_ARRAY(e->arena, LLVMValueRef, slots);
  partial.splat = TN_NEW_ARRAY(e->arena, LLVMValueRef, slots);
  LLVMValueRef identity = tn_splat(e, tn_constant_value(e, type, bits[0]), r->lanes);
  for (int s = 0; s < slots; s++) partial.at[s] = identity;
  return partial;
}

static LLVMValueRef upper_half(tn_emitter *e, LLVMValueRef value, int lanes) {
  LLVMValueRef order[256];
  for (int i = 0; i < lanes / 2; i++) order[i] = LLVMConstInt(e->u->i32, (uint64_t)(i + lanes / 2), false);
  return LLVMBuildShuffleVector(e->b, value, LLVMGetPoison(LLVMTypeOf(value)),
                                LLVMConstVector(order, (unsigned)(lanes / 2)), "");
}

static LLVMValueRef lower_half(tn_emitter *e, LLVMValueRef value, int lanes) {
  LLVMValueRef order[256];
  for (int i = 0; i < lanes / 2; i++) order[i] = LLVMConstInt(e->u->i32, (uint64_t)i, false);
  return LLVMBuildShuffleVector(e->b, value, LLVMGetPoison(LLVMTypeOf(value)),
                                LLVMConstVector(order, (unsigned)(lanes / 2)), "");
}

static LLVMValueRef first_lane(tn_emitter *e, LLVMValueRef value) {
  return LLVMBuildExtractElement(e->b, value, LLVMConstInt(e->u->i32, 0, false), "");
}

/* The same value, of which LLVM knows nothing. */
static LLVMValueRef hidden(tn_emitter *e, LLVMValueRef value) {
  LLVMTypeRef type = LLVMTypeOf(value), function = LLVMFunctionType(type, &type, 1, false);
  const char *constraint = e->u->cpu->vector_bytes == 64 ? "=v,0" : "=x,0";
  LLVMValueRef nothing = LLVMGetInlineAsm(function, "", 0, constraint, strlen(constraint), false, false,
                                          LLVMInlineAsmDialectATT, false);
  return LLVMBuildCall2(e->b, function, nothing, &value, 1, "");
}

/* LLVM 19 takes a sum of 16 products of bytes with constants for vpdpbusd, and then adds 4 of them. */
static bool is_mistaken(tn_emitter *e, tn_join join, tn_type type, int lanes) {
  return join == TN_JOIN_ADD && (type == TN_S32 || type == TN_U32) && lanes >= 4 &&
         lanes * 4 <= e->u->cpu->vector_bytes;
}

static LLVMValueRef fold(tn_emitter *e, const reduction *r, tn_join join, tn_type type,
                         LLVMValueRef *partial) {
  for (int half = r->slots / 2; half; half /= 2)
    for (int u = 0; u < half; u++) partial[u] = tn_emit_join(e, join, type, partial[u], partial[u + half]);
  LLVMValueRef value = partial[0];
  bool hides = true;
  for (int lanes = r->lanes; lanes > 1; lanes /= 2) {
    if (hides && is_mistaken(e, join, type, lanes)) value = hidden(e, value), hides = false;
    value = tn_emit_join(e, join, type, lower_half(e, value, lanes), upper_half(e, value, lanes));
  }
  return first_lane(e, value);
}

/* partial[a][u] of arg-min and arg-max: the value and the index go together. */
static void fold_pair(tn_emitter *e, const reduction *r, tn_join join, const tn_type types[2],
                      LLVMValueRef *const partial[2], LLVMValueRef result[2]) {
  for (int half = r->slots / 2; half; half /= 2)
    for (int u = 0; u < half; u++) {
      LLVMValueRef low[2] = {partial[0][u], partial[1][u]};
      tn_emit_arg_join(e, join, types, low, (LLVMValueRef[]){partial[0][u + half], partial[1][u + half]});
      for (int a = 0; a < 2; a++) partial[a][u] = low[a];
    }
  LLVMValueRef all[2] = {partial[0][0], partial[1][0]};
  for (int lanes = r->lanes; lanes > 1; lanes /= 2) {
    LLVMValueRef low[2], high[2];
    for (int a = 0; a < 2; a++) {
      low[a] = lower_half(e, all[a], lanes);
      high[a] = upper_half(e, all[a], lanes);
    }
    tn_emit_arg_join(e, join, types, low, high);
    for (int a = 0; a < 2; a++) all[a] = low[a];
  }
  for (int a = 0; a < 2; a++) all[a] = first_lane(e, all[a]);
  tn_emit_arg_join(e, join, types, result, all);
}

/* The index may vary over more points than the value, whose partial results are then met again. */
static void fold_pairs(tn_emitter *e, const reduction *r, tn_values **initial) {
  const tn_accumulator *acc = r->reduce->accumulators;
  tn_join join = tn_reduce_arg_join(e->k, r->reduce);
  tn_type types[2] = {e->k->values[acc[0].value].type, e->k->values[acc[1].value].type};
  tn_values *whole[2] = {tn_new_values(e, initial[0]->dims, initial[0]->vector),
                         tn_new_values(e, initial[1]->dims, initial[1]->vector)};
  uint64_t dims = initial[0]->dims | initial[1]->dims;
  for (bool more = tn_first_point(e, dims); more; more = tn_next_point(e, dims)) {
    LLVMValueRef result[2], *slots[2];
    for (int a = 0; a < 2; a++) {
      int number = tn_point_number(e, initial[a]->dims);
      result[a] = initial[a]->at[number];
      slots[a] = tn_arena_copy(e->arena, &e->values[acc[a].value].at[number * r->slots],
                               sizeof(LLVMValueRef) * (size_t)r->slots);
    }
    fold_pair(e, r, join, types, slots, result);
    for (int a = 0; a < 2; a++) whole[a]->at[tn_point_number(e, initial[a]->dims)] = result[a];
  }
  for (int a = 0; a < 2; a++) e->values[acc[a].value] = *whole[a];
}

static void fold_all(tn_emitter *e, const reduction *r, tn_values **initial) {
  if (tn_reduce_arg_join(e->k, r->reduce) != TN_JOIN_ORDERED) {
    fold_pairs(e, r, initial);
    return;
  }
  for (int i = 0; i < r->reduce->n_accumulators; i++) {
    int value = r->reduce->accumulators[i].value;
    tn_type type = e->k->values[value].type;
    tn_join join = tn_reduce_join(e->k, r->reduce, i);
    tn_values partial = e->values[value], *whole = initial[i];
    for (bool more = tn_first_point(e, whole->dims); more; more = tn_next_point(e, whole->dims)) {
      int number = tn_point_number(e, whole->dims);
      LLVMValueRef folded = fold(e, r, join, type, &partial.at[number * r->slots]);
      whole->at[number] = tn_emit_join(e, join, type, whole->at[number], folded);
    }
    e->values[value] = *whole;
  }
}

static void emit_updates(tn_emitter *e, void *data) {
  reduction *r = data;
  if (r->fetch && e->step_in_order == 0) tn_prefetch_step(e, &r->fetch);
  if (tn_emit_byte_products(e, r->reduce)) return;
  tn_emit_leaves(e, r->reduce->body, NULL, r->reduce);
}

/* How many iterations run: in 0 … size. The points side by side share it. */
static LLVMValueRef end_of(tn_emitter *e, const tn_stmt *reduce) {
  tn_unit *u = e->u;
  LLVMValueRef end = tn_scalar_at_point(e, reduce->expr);
  LLVMValueRef most = LLVMConstInt(u->i64, (uint64_t)e->k->dims[reduce->dims[0]].size, false);
  return tn_intrinsic(e, "llvm.smin", u->i64, (LLVMValueRef[]){LLVMBuildSExt(e->b, end, u->i64, ""), most}, 2);
}

/* The loops, with the accumulators' values as phis. */
static void emit_loops(tn_emitter *e, reduction *r, const tn_loop_ref *loops, int count) {
  LLVMValueRef end = r->reduce->expr ? end_of(e, r->reduce) : NULL;
  e->carried.count = 0;
  for (int i = 0; i < r->reduce->n_accumulators; i++) {
    tn_values *values = &e->values[r->reduce->accumulators[i].value];
    int slots = tn_value_slots(e, values->dims) * (r->vector_dim >= 0 ? r->slots : 1);
    for (int s = 0; s < slots; s++)
      if (values->at[s]) TN_PUSH(e->arena, &e->carried, &values->at[s]);
  }
  r->fetch = r->vector_dim < 0 ? tn_prefetch_start(e, r->reduce) : NULL;
  if (r->fetch) TN_PUSH(e->arena, &e->carried, &r->fetch);
  if (end)
    tn_emit_loop_to(e, r->reduce->dims[0], end, emit_updates, r);
  else
    tn_emit_nest(e, loops, count, emit_updates, r);
  e->carried.count = 0;
}

void tn_emit_reduce_loops(tn_emitter *e, const tn_stmt *reduce, const tn_loop_ref *loops, int count) {
  reduction r = {reduce, -1, 1, 0, NULL};
  emit_loops(e, &r, loops, count);
}

void tn_emit_reduce(tn_emitter *e, const tn_stmt *reduce) {
  reduction r = reduction_of(e, reduce);
  tn_loop_ref loops[TN_MAX_LOOPS];
  tn_values **initial = TN_NEW_ARRAY(e->arena, tn_values *, reduce->n_accumulators);
  if (r.vector_dim >= 0 && !check(e, &r)) return;
  if (r.vector_dim >= 0 && e->vector >= 0) {
    tn_unit_fail(e->u, TN_UNSUPPORTED, "kernel %s: dims '%s' and '%s' are vectors of one statement",
                 e->k->name, e->k->dims[e->vector].name, e->k->dims[r.vector_dim].name);
    return;
  }
  for (int i = 0; i < reduce->n_accumulators; i++) {
    int value = reduce->accumulators[i].value;
    initial[i] = tn_initial_values(e, &reduce->accumulators[i]);
    e->values[value] = r.vector_dim < 0 ? *initial[i] : partial_values(e, &r, i, initial[i]);
  }
  emit_loops(e, &r, loops, tn_loops_of(e, reduce, loops));
  if (r.vector_dim >= 0 && !e->u->failed) fold_all(e, &r, initial);
}
