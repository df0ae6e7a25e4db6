/* A kernel's function, and the statements under its loops.
 *
 *   void kernel(ptr context, i64 begin, i64 end, i32 worker)
 *
 * context[i] is the address of the kernel's i-th parameter; after those stand the address
 * of all workers' scratch memory and the bytes of one. begin … end is the part of the
 * range that the schedule lets threads share.
 *
 * Lets and stores that follow each other run together over groups of points: large enough
 * that independent chains hide each other's latency, small enough that their temporaries
 * stay in registers.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"
#include "codegen/plan/native.h"

/* ---- groups of points ---- */

static int leaf_cost(const tn_stmt *first, const tn_stmt *end, const tn_stmt *reduce) {
  int cost = 0;
  for (const tn_stmt *s = first; s != end; s = s->next)
    cost += tn_expr_cost(s->expr) + (s->condition ? tn_expr_cost(s->condition) : 0);
  for (int i = 0; reduce && i < reduce->n_accumulators; i++)
    cost += tn_expr_cost(reduce->accumulators[i].update);
  return cost;
}

/* Points of a group: all of them for a bare multiply-add or copy. */
static int group_size(const tn_emitter *e, int cost) {
  if (cost <= 2) return INT32_MAX;
  int registers = e->u->cpu->vector_registers, size = cost <= 8 ? registers / 4 : registers / 8;
  int bytes = e->vector >= 0 ? e->lanes * 4 : 4, parts = bytes / e->u->cpu->vector_bytes;
  size = parts > 1 ? size / parts : size;
  return size > 1 ? size : 1;
}

/* Products of complex numbers read each operand's parts twice: rows of a tile one after the
 * other, each along the dim with the fewest points, so that a row's parts need not stay.     */
static bool goes_by_rows(const tn_stmt *reduce) {
  if (!reduce || reduce->n_accumulators != 2) return false;
  for (int i = 0; i < 2; i++) {
    const tn_expr *update = reduce->accumulators[i].update;
    if (update->kind != TN_EXPR_FMA || update->op.operands[2]->kind != TN_EXPR_FMA) return false;
  }
  return true;
}

/* Cuts the points into groups of at most `size`, inner dims whole first: whole[j] along
 * each jammed dim, less at its end.                                                     */
static void first_group(tn_emitter *e, int size, int *whole) {
  for (int i = e->n_jam - 1; i >= 0; i--) {
    int j = e->cut[i];
    int points = e->dims[e->jam[j]].points;
    e->low[j] = e->at[j] = 0;
    whole[j] = e->count[j] = points < size ? points : size;
    size /= e->count[j] ? e->count[j] : 1;
    if (size < 1) size = 1;
  }
}

static bool next_group(tn_emitter *e, const int *whole) {
  for (int i = e->n_jam - 1; i >= 0; i--) {
    int j = e->cut[i];
    int points = e->dims[e->jam[j]].points;
    e->low[j] += whole[j];
    bool more = e->low[j] < points;
    if (!more) e->low[j] = 0;
    e->count[j] = points - e->low[j] < whole[j] ? points - e->low[j] : whole[j];
    e->at[j] = e->low[j];
    if (more) return true;
  }
  return false;
}

/* What does not vary over a dim happens in the first group along it. */
static bool first_for(const tn_emitter *e, uint64_t dims) {
  for (int j = 0; j < e->n_jam; j++)
    if (!(dims >> e->jam[j] & 1) && e->low[j] > 0) return false;
  return true;
}

/* ---- leaves ---- */

static bool is_vector(const tn_emitter *e, uint64_t dims) {
  return e->vector >= 0 && (dims >> e->vector & 1);
}

static void open_let(tn_emitter *e, const tn_stmt *let) {
  uint64_t dims = e->value_dims[let->value];
  e->values[let->value] = *tn_new_values(e, dims, is_vector(e, dims));
}

static void emit_let(tn_emitter *e, const tn_stmt *let) {
  tn_values *to = &e->values[let->value];
  if (!first_for(e, to->dims)) return;
  tn_values *from = tn_emit_values(e, let->expr);
  for (bool more = tn_first_point(e, to->dims); more; more = tn_next_point(e, to->dims)) {
    LLVMValueRef value = tn_value_at(e, from, to->vector);
    to->at[tn_point_number(e, to->dims)] =
        tn_convert(e, let->expr->type, e->k->values[let->value].type, value);
  }
}

static uint64_t store_dims(tn_emitter *e, const tn_stmt *store) {
  const tn_shape *shape = e->k->buffers[store->buffer].shape;
  uint64_t dims = tn_expr_dims(e, store->expr) | e->buffer_dims[store->buffer];
  for (int i = 0; i < shape->rank; i++) dims |= tn_index_dims(e, store->at[i]);
  return dims;
}

static void emit_store(tn_emitter *e, const tn_stmt *store) {
  const tn_shape *shape = e->k->buffers[store->buffer].shape;
  uint64_t dims = store_dims(e, store);
  if (store->condition) dims |= tn_expr_dims(e, store->condition);
  if (!first_for(e, dims)) return;
  tn_values *values = tn_emit_values(e, store->expr);
  if (tn_emit_transposed_store(e, store, values, dims)) return;
  tn_values *conditions = store->condition ? tn_emit_values(e, store->condition) : NULL;
  for (bool more = tn_first_point(e, dims); more; more = tn_next_point(e, dims)) {
    LLVMValueRef value = tn_value_at(e, values, is_vector(e, dims));
    LLVMValueRef condition = conditions ? tn_value_at(e, conditions, conditions->vector) : NULL;
    tn_emit_store(e, store, tn_convert(e, store->expr->type, shape->type, value), condition);
  }
}

/* Both values are there before the first is stored. */
static void emit_pair(tn_emitter *e, const tn_stmt *first, const tn_stmt *second) {
  uint64_t dims = store_dims(e, first) | store_dims(e, second);
  if (!first_for(e, dims)) return;
  tn_values *values[2] = {tn_emit_values(e, first->expr), tn_emit_values(e, second->expr)};
  for (bool more = tn_first_point(e, dims); more; more = tn_next_point(e, dims)) {
    LLVMValueRef both[2];
    for (int i = 0; i < 2; i++) both[i] = tn_value_at(e, values[i], is_vector(e, dims));
    tn_emit_pair(e, first, second, both);
  }
}

/* All new values are there before the first old one is replaced. Elements past the end of
 * a vector dim leave the partial results alone.                                           */
static void emit_updates(tn_emitter *e, const tn_stmt *reduce) {
  tn_values **updates = TN_NEW_ARRAY(e->arena, tn_values *, reduce->n_accumulators);
  for (int i = 0; i < reduce->n_accumulators; i++) {
    const tn_accumulator *acc = &reduce->accumulators[i];
    tn_values *to = &e->values[acc->value];
    tn_type type = e->k->values[acc->value].type;
    if (!first_for(e, to->dims)) continue;
    tn_values *from = tn_emit_values(e, acc->update);
    updates[i] = tn_new_values(e, to->dims, to->vector);
    for (bool more = tn_first_point(e, to->dims); more; more = tn_next_point(e, to->dims)) {
      int number = tn_point_number(e, to->dims), active = tn_active_lanes(e);
      LLVMValueRef value = tn_convert(e, acc->update->type, type, tn_value_at(e, from, to->vector));
      bool partial = to->vector && active < e->lanes && e->k->dims[e->vector].kind == TN_DIM_REDUCED;
      if (partial) value = tn_select(e, tn_lane_mask(e, active), value, to->at[number]);
      updates[i]->at[number] = value;
    }
  }
  for (int i = 0; i < reduce->n_accumulators; i++) {
    tn_values *to = &e->values[reduce->accumulators[i].value];
    for (bool more = updates[i] && tn_first_point(e, to->dims); more; more = tn_next_point(e, to->dims)) {
      int number = tn_point_number(e, to->dims);
      to->at[number] = updates[i]->at[number];
    }
  }
}

void tn_emit_leaves(tn_emitter *e, const tn_stmt *first, const tn_stmt *end, const tn_stmt *reduce) {
  int cost = leaf_cost(first, end, reduce), size = group_size(e, cost);
  for (const tn_stmt *s = first; s != end; s = s->next) {
    if (s->kind == TN_STMT_LET) open_let(e, s);
    bool pair = s->next != end && tn_stores_pair(e, s, s->next);
    if (pair && cost > 2 && size > 1) size /= 2; /* two values a point */
  }
  int whole[64];
  bool rows = e->n_jam > 1 && goes_by_rows(reduce);
  for (int j = 0; j < e->n_jam; j++) e->cut[j] = rows ? e->walk[j] : j;
  if (rows) size = e->dims[e->jam[e->walk[e->n_jam - 1]]].points;
  first_group(e, size, whole);
  do {
    for (const tn_stmt *s = first; s != end && !e->u->failed; s = s->next) {
      if (s->kind == TN_STMT_LET) {
        emit_let(e, s);
      } else if (s->next != end && tn_stores_pair(e, s, s->next)) {
        emit_pair(e, s, s->next);
        s = s->next;
      } else {
        emit_store(e, s);
      }
    }
    if (reduce) emit_updates(e, reduce);
  } while (!e->u->failed && next_group(e, whole));
  tn_full_box(e);
}

/* ---- statements ---- */

/* Small locals are on the stack, others in the worker's scratch memory; a body's end
 * gives scratch back.                                                                */
static void emit_local(tn_emitter *e, const tn_stmt *stmt) {
  int b = stmt->buffer;
  const tn_shape *shape = e->k->buffers[b].shape;
  uint64_t jam = tn_jam_mask(e);
  int64_t instances = 1;
  for (int j = 0; j < e->n_jam; j++) instances *= e->dims[e->jam[j]].slots;
  e->local_lanes[b] = e->vector >= 0 ? e->lanes : 1;
  e->local_jam[b] = jam;
  e->local_bytes[b] = tn_shape_elements(shape) * (int64_t)tn_type_bytes(shape->type) * e->local_lanes[b];
  int64_t bytes = (e->local_bytes[b] * instances + 63) / 64 * 64;
  if (bytes > 1024) {
    LLVMValueRef offset = LLVMConstInt(e->u->i64, (uint64_t)e->scratch_used, false);
    e->buffers[b] = LLVMBuildGEP2(e->b, e->u->i8, e->scratch, &offset, 1, "");
    e->scratch_used += bytes;
    if (e->scratch_used > e->scratch_bytes) e->scratch_bytes = e->scratch_used;
    return;
  }
  if (e->local_slot[b]) { /* of another segment */
    e->buffers[b] = e->local_slot[b];
    return;
  }
  LLVMBasicBlockRef here = LLVMGetInsertBlock(e->b);
  LLVMPositionBuilderBefore(e->b, e->loops[0].anchor);
  e->buffers[b] = e->local_slot[b] = LLVMBuildAlloca(e->b, LLVMArrayType2(e->u->i8, 1024), "");
  LLVMSetAlignment(e->buffers[b], 64);
  LLVMPositionBuilderAtEnd(e->b, here);
}

static void emit_body(tn_emitter *e, void *loop) { tn_emit_statements(e, ((const tn_stmt *)loop)->body); }

static bool is_leaf(const tn_stmt *s) { return s->kind == TN_STMT_LET || s->kind == TN_STMT_STORE; }

static tn_nest_body *loops_to_open(tn_emitter *e, const tn_stmt *loop, tn_loop_ref *loops, int *count) {
  tn_nest_body *blocked = tn_blocked_loops(e, loop, loops, count);
  if (!blocked) *count = tn_loops_of(e, loop, loops);
  return blocked ? blocked : emit_body;
}

static void emit_loop(tn_emitter *e, const tn_stmt *loop) {
  tn_loop_ref loops[TN_MAX_LOOPS];
  int count;
  tn_nest_body *body = loops_to_open(e, loop, loops, &count);
  tn_emit_nest(e, loops, count, body, (void *)loop);
}

void tn_emit_statements(tn_emitter *e, const tn_stmt *first) {
  int64_t scratch = e->scratch_used;
  const tn_stmt *end;
  for (const tn_stmt *s = first; s && !e->u->failed; s = end) {
    end = s->next;
    switch (s->kind) {
    case TN_STMT_LOCAL: emit_local(e, s); break;
    case TN_STMT_LOOP: emit_loop(e, s); break;
    case TN_STMT_REDUCE: tn_emit_reduce(e, s); break;
    case TN_STMT_SORT: tn_emit_sort(e, s); break;
    case TN_STMT_LET:
    case TN_STMT_STORE:
      while (end && is_leaf(end)) end = end->next;
      tn_emit_leaves(e, s, end, NULL);
      break;
    }
  }
  e->scratch_used = scratch;
}

/* ---- the function ---- */

LLVMValueRef tn_declare_kernel(tn_unit *u, int number) {
  LLVMTypeRef parameters[4] = {u->ptr, u->i64, u->i64, u->i32};
  LLVMTypeRef type = LLVMFunctionType(u->nothing, parameters, 4, false);
  LLVMValueRef f = LLVMAddFunction(u->module, u->plan->kernels[number]->name, type);
  LLVMSetVisibility(f, LLVMHiddenVisibility);
  return f;
}

static LLVMValueRef new_function(tn_unit *u, int number) {
  LLVMValueRef f = tn_declare_kernel(u, number);
  LLVMSetLinkage(f, u->kernel_linkage);
  tn_function_attributes(u, f);
  return f;
}

/* Block of what does not depend on any loop. Ends in the anchor of depth 0. */
static void open_function(tn_emitter *e) {
  tn_unit *u = e->u;
  LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(u->context, e->function, "");
  LLVMBasicBlockRef body = LLVMAppendBasicBlockInContext(u->context, e->function, "");
  LLVMPositionBuilderAtEnd(e->b, entry);
  LLVMValueRef context = LLVMGetParam(e->function, 0), slots[2];
  for (int i = 0; i < e->k->n_parameters + 2; i++) {
    LLVMValueRef at = LLVMConstInt(u->i64, (uint64_t)i, false);
    LLVMValueRef slot = LLVMBuildGEP2(e->b, u->ptr, context, &at, 1, "");
    LLVMValueRef value = LLVMBuildLoad2(e->b, i > e->k->n_parameters ? u->i64 : u->ptr, slot, "");
    if (i < e->k->n_parameters)
      e->buffers[i] = value;
    else
      slots[i - e->k->n_parameters] = value;
  }
  LLVMValueRef worker = LLVMBuildSExt(e->b, LLVMGetParam(e->function, 3), u->i64, "");
  LLVMValueRef offset = LLVMBuildMul(e->b, worker, slots[1], "");
  e->scratch = LLVMBuildGEP2(e->b, u->i8, slots[0], &offset, 1, "");
  e->loops[0] = (tn_open_loop){LLVMBuildBr(e->b, body), entry, 0};
  e->n_loops = 1;
  LLVMPositionBuilderAtEnd(e->b, body);
}

void tn_init_emitter(tn_emitter *e) {
  const tn_kernel *k = e->k;
  e->buffers = TN_NEW_ARRAY(e->arena, LLVMValueRef, k->n_buffers);
  e->local_slot = TN_NEW_ARRAY(e->arena, LLVMValueRef, k->n_buffers);
  e->buffer_dims = TN_NEW_ARRAY(e->arena, uint64_t, k->n_buffers);
  e->local_bytes = TN_NEW_ARRAY(e->arena, int64_t, k->n_buffers);
  e->local_jam = TN_NEW_ARRAY(e->arena, uint64_t, k->n_buffers);
  e->local_lanes = TN_NEW_ARRAY(e->arena, int, k->n_buffers);
  e->value_dims = TN_NEW_ARRAY(e->arena, uint64_t, k->n_values);
  e->values = TN_NEW_ARRAY(e->arena, tn_values, k->n_values);
  e->dims = TN_NEW_ARRAY(e->arena, tn_dim_state, k->n_dims);
  for (int i = 0; i < k->n_buffers; i++) e->local_lanes[i] = 1;
  for (int i = 0; i < k->n_dims; i++)
    e->dims[i] = (tn_dim_state){.extent = k->dims[i].size,
                                .pending = k->dims[i].size > 0 ? k->dims[i].size - 1 : 0,
                                .slots = 1,
                                .points = 1,
                                .jam_at = -1};
  e->vector = e->lane = -1;
  e->variants = 1;
  tn_find_value_dims(e);
  tn_find_guards(e, k->body);
}

/* Types are the verifier's: what it lets through is native. */
static bool check_types(tn_unit *u, const tn_kernel *k) {
  for (int i = 0; i < k->n_buffers; i++) {
    const tn_shape *shape = k->buffers[i].shape;
    if (!tn_type_is_native(shape->type))
      return tn_unit_fail(u, TN_BUG, "kernel %s: a buffer of %s, which is not native", k->name,
                          tn_type_name(shape->type));
    if (shape->layout && shape->layout->element_bits && shape->layout->element_bits < 8)
      return tn_unit_fail(u, TN_UNSUPPORTED, "kernel %s: no native code for E(%d) yet", k->name,
                          shape->layout->element_bits);
  }
  for (int i = 0; i < k->n_values; i++)
    if (!tn_type_is_native(k->values[i].type))
      return tn_unit_fail(u, TN_BUG, "kernel %s: a value of %s, which is not native", k->name,
                          tn_type_name(k->values[i].type));
  return true;
}

static bool check_kernel(tn_unit *u, const tn_kernel *k) {
  if (k->n_dims > 62)
    return tn_unit_fail(u, TN_LIMIT, "kernel %s: %d dims, more than 62", k->name, k->n_dims);
  if (!check_types(u, k)) return false;
  for (int i = 0; i < k->n_dims && k->schedule.dims; i++) {
    const tn_dim_schedule *s = &k->schedule.dims[i];
    if (s->lanes > 256 || (s->lanes & (s->lanes - 1)))
      return tn_unit_fail(u, TN_UNSUPPORTED, "kernel %s: vectors of %d lanes", k->name, s->lanes);
  }
  return true;
}

/* Of an element, in vector operations. */
enum { SORT_WORK = 4 };

/* Vector operations of the whole kernel, roughly: what threads are worth. */
static double work_of(const tn_kernel *k, const tn_stmt *first, double around) {
  double work = 0;
  for (const tn_stmt *s = first; s; s = s->next) {
    double inside = around;
    for (int i = 0; i < s->n_dims; i++) {
      const tn_dim_schedule *d = k->schedule.dims ? &k->schedule.dims[s->dims[i]] : NULL;
      inside *= (double)k->dims[s->dims[i]].size / (d && d->lanes ? d->lanes : 1);
    }
    if (s->kind == TN_STMT_SORT) inside *= SORT_WORK * (double)k->buffers[s->sorted[0]].shape->dims[0];
    if (s->expr) work += inside * (1 + tn_expr_cost(s->expr));
    if (s->condition) work += inside * (1 + tn_expr_cost(s->condition));
    for (int i = 0; i < s->n_accumulators; i++) work += inside * tn_expr_cost(s->accumulators[i].update);
    work += work_of(k, s->body, inside);
  }
  return work;
}

bool tn_emit_kernel(tn_unit *u, int number) {
  tn_arena *scratch = tn_arena_create();
  tn_emitter *e = TN_NEW(scratch, tn_emitter);
  tn_kernel_code *code = &u->kernels[number];
  tn_loop_ref loops[TN_MAX_LOOPS];
  *e = (tn_emitter){.u = u, .b = u->builder, .k = u->plan->kernels[number], .arena = scratch};
  if (check_kernel(u, e->k)) {
    tn_init_emitter(e);
    e->function = code->function = new_function(u, number);
    open_function(e);
    const tn_stmt *root = e->k->body;
    int count;
    tn_nest_body *body = loops_to_open(e, root, loops, &count);
    code->count = tn_emit_shared_nest(e, loops, count, body, (void *)root);
    LLVMBuildRetVoid(e->b);
    code->work = work_of(e->k, root, 1);
    code->scratch = (e->scratch_bytes + 63) / 64 * 64;
    if (code->scratch > u->scratch) u->scratch = code->scratch;
  }
  tn_arena_destroy(scratch);
  return !u->failed;
}
