/* Reduces whose outer loops stand outside loops of the nest around them: K blocking.
 *
 *   loop m n { reduce k { acc … } y = f(acc) }    order k m n k'
 *
 *     for k: for m, n:                            mid loops
 *       acc = first k ? initial : memory          one accumulator for each point of m, n
 *       for k': update                            tail loops, accumulators in registers
 *       if last k: y = f(acc) else memory = acc
 *
 * The memory is the worker's scratch: [mid dims in the statement's order][vector dim], in
 * register form, whole vectors. Loops of the nest that come after the reduce's but have
 * one step do not make a nest blocked: they are opened first.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

typedef struct {
  const tn_stmt *loop, *reduce;
  tn_loop_ref *order; /* of both statements: prefix | mid | tail */
  int n_prefix, n_mid, n_all;
} blocking;

static bool has_dim(const tn_stmt *stmt, int dim) {
  for (int i = 0; i < stmt->n_dims; i++)
    if (stmt->dims[i] == dim) return true;
  return false;
}

/* Most steps that the loop takes. */
static int64_t most_steps(const tn_emitter *e, tn_loop_ref loop) {
  const tn_dim_schedule *s = &e->k->schedule.dims[loop.dim];
  int64_t size = e->k->dims[loop.dim].size, step = s->unroll > 1 ? s->unroll : 1;
  if (loop.level && s->tiles[loop.level - 1] < size) size = s->tiles[loop.level - 1];
  if (s->lanes) step = (int64_t)s->lanes * s->vectors;
  if (loop.level < s->n_tiles) step = s->tiles[loop.level];
  return (size + step - 1) / step;
}

/* The nest's loops in the tail have one step: they are opened with the mid loops. */
static void move_single_steps(blocking *b) {
  int end = b->n_prefix + b->n_mid;
  for (int i = end; i < b->n_all; i++) {
    tn_loop_ref ref = b->order[i];
    if (!has_dim(b->loop, ref.dim)) continue;
    memmove(&b->order[end + 1], &b->order[end], sizeof ref * (size_t)(i - end));
    b->order[end++] = ref;
  }
  b->n_mid = end - b->n_prefix;
}

static bool find_blocking(tn_emitter *e, const tn_stmt *loop, blocking *b) {
  const tn_schedule *schedule = &e->k->schedule;
  bool reduced = false;
  *b = (blocking){.loop = loop};
  for (const tn_stmt *s = loop->body; s; s = s->next) {
    if (s->kind == TN_STMT_LOOP || (s->kind == TN_STMT_REDUCE && b->reduce)) return false;
    if (s->kind == TN_STMT_REDUCE) b->reduce = s;
  }
  if (!b->reduce || !schedule->dims || b->reduce->expr) return false;
  for (int i = 0; i < b->reduce->n_dims; i++) /* no iterations: only the initial values */
    if (!e->k->dims[b->reduce->dims[i]].size) return false;
  b->order = TN_NEW_ARRAY(e->arena, tn_loop_ref, schedule->n_order);
  b->n_prefix = -1;
  for (int i = 0; i < schedule->n_order; i++) {
    tn_loop_ref ref = schedule->order[i];
    bool mine = has_dim(loop, ref.dim);
    if (!mine && !has_dim(b->reduce, ref.dim)) continue;
    if (!mine && !reduced) reduced = true, b->n_prefix = b->n_all;
    b->order[b->n_all++] = ref;
    if (mine && reduced && most_steps(e, ref) > 1) b->n_mid = b->n_all - b->n_prefix;
  }
  if (!b->n_mid) return false;
  move_single_steps(b);
  return true;
}

static bool check(tn_emitter *e, const blocking *b) {
  const char *name = e->k->name;
  for (int i = 0; i < b->reduce->n_dims; i++)
    if (e->k->schedule.dims[b->reduce->dims[i]].lanes)
      return tn_unit_fail(e->u, TN_UNSUPPORTED,
                          "kernel %s: order: a reduce with partial results outside loops of its nest", name);
  for (const tn_stmt *s = b->reduce->body; s; s = s->next)
    if (s->kind == TN_STMT_STORE)
      return tn_unit_fail(e->u, TN_UNSUPPORTED,
                          "kernel %s: order: a reduce with stores outside loops of its nest", name);
  for (const tn_stmt *s = b->loop->body; s != b->reduce; s = s->next)
    if (s->kind != TN_STMT_LET)
      return tn_unit_fail(e->u, TN_UNSUPPORTED,
                          "kernel %s: order: a reduce after other statements outside loops of its nest",
                          name);
  return true;
}

/* ---- memory ---- */

/* One accumulator's: an index over elements from `offset` bytes of the scratch on. */
typedef struct {
  int64_t offset;
  tn_index index;
} memory;

/* Elements along a dim of the loop within the current block, vectors whole. */
static int64_t extent_of(const tn_emitter *e, int dim) {
  const tn_dim_state *d = &e->dims[dim];
  const tn_dim_schedule *s = &e->k->schedule.dims[dim];
  if (d->jam_at >= 0 || dim == e->vector) return (int64_t)d->slots * (dim == e->vector ? e->lanes : 1);
  int64_t wide = s->lanes ? (int64_t)s->lanes * s->vectors : 1;
  return (d->pending + wide) / wide * wide;
}

static memory allocate(tn_emitter *e, const blocking *b, const tn_accumulator *acc) {
  uint64_t dims = e->value_dims[acc->value];
  tn_term *terms = TN_NEW_ARRAY(e->arena, tn_term, b->loop->n_dims);
  memory m = {.offset = e->scratch_used, .index = {.terms = terms}};
  int64_t elements = 1;
  for (int vector = 1; vector >= 0; vector--) /* the vector dim innermost, then from the last on */
    for (int i = b->loop->n_dims - 1; i >= 0; i--) {
      int dim = b->loop->dims[i];
      if ((e->k->schedule.dims[dim].lanes > 0) != vector || !(dims >> dim & 1)) continue;
      terms[m.index.n_terms++] = (tn_term){.kind = TN_TERM_DIM, .scale = elements, .dim = dim};
      elements *= extent_of(e, dim);
    }
  e->scratch_used += (elements * 8 + 63) / 64 * 64;
  if (e->scratch_used > e->scratch_bytes) e->scratch_bytes = e->scratch_used;
  return m;
}

typedef struct {
  const blocking *b;
  tn_dim_state *entry; /* the dims where the block begins */
  memory *memories;
} block;

static LLVMTypeRef kept_type(tn_emitter *e, int value, const tn_values *values) {
  tn_type type = e->k->values[value].type;
  return tn_shaped(type == TN_PRED ? e->u->i8 : tn_register_type(e->u, type), values->vector ? e->lanes : 0);
}

/* At the current point. Dims count from where the block begins. */
static LLVMValueRef address(tn_emitter *e, const block *k, int i) {
  tn_dim_state *saved = TN_NEW_ARRAY(e->arena, tn_dim_state, e->k->n_dims);
  tn_type type = e->k->values[k->b->reduce->accumulators[i].value].type;
  int64_t constant,
      bytes = type == TN_PRED ? 1 : (int64_t)LLVMABISizeOfType(e->u->layout, tn_register_type(e->u, type));
  memcpy(saved, e->dims, sizeof *saved * (size_t)e->k->n_dims);
  for (int d = 0; d < e->k->n_dims; d++) {
    tn_dim_state *dim = &e->dims[d];
    int before = k->entry[d].n_vars;
    dim->constant -= k->entry[d].constant;
    dim->n_vars -= before;
    memmove(dim->vars, dim->vars + before, sizeof *dim->vars * (size_t)dim->n_vars);
    memmove(dim->depth, dim->depth + before, sizeof *dim->depth * (size_t)dim->n_vars);
    memmove(dim->var_align, dim->var_align + before, sizeof *dim->var_align * (size_t)dim->n_vars);
  }
  LLVMValueRef variable = tn_emit_index(e, &k->memories[i].index, &constant), pointer = e->scratch;
  memcpy(e->dims, saved, sizeof *saved * (size_t)e->k->n_dims);
  LLVMValueRef offset = LLVMConstInt(e->u->i64, (uint64_t)(k->memories[i].offset + constant * bytes), false);
  if (variable) {
    variable = LLVMBuildMul(e->b, variable, LLVMConstInt(e->u->i64, (uint64_t)bytes, false), "");
    pointer = LLVMBuildGEP2(e->b, e->u->i8, pointer, &variable, 1, "");
  }
  return LLVMBuildGEP2(e->b, e->u->i8, pointer, &offset, 1, "");
}

static tn_values *load_accumulator(tn_emitter *e, const block *k, int i) {
  int value = k->b->reduce->accumulators[i].value;
  uint64_t dims = e->value_dims[value];
  bool vector = e->vector >= 0 && (dims >> e->vector & 1);
  tn_values *values = tn_new_values(e, dims, vector);
  LLVMTypeRef type = kept_type(e, value, values);
  for (bool more = tn_first_point(e, values->dims); more; more = tn_next_point(e, values->dims)) {
    LLVMValueRef got = LLVMBuildLoad2(e->b, type, address(e, k, i), "");
    LLVMSetAlignment(got, 1);
    if (e->k->values[value].type == TN_PRED) got = tn_from_memory(e, TN_PRED, got);
    values->at[tn_point_number(e, values->dims)] = got;
  }
  return values;
}

static void store_accumulator(tn_emitter *e, const block *k, int i) {
  int value = k->b->reduce->accumulators[i].value;
  tn_values *values = &e->values[value];
  for (bool more = tn_first_point(e, values->dims); more; more = tn_next_point(e, values->dims)) {
    LLVMValueRef one = values->at[tn_point_number(e, values->dims)];
    if (e->k->values[value].type == TN_PRED) one = tn_to_memory(e, TN_PRED, one);
    LLVMSetAlignment(LLVMBuildStore(e->b, one, address(e, k, i)), 1);
  }
}

/* ---- one block ---- */

/* Is this the first (last) block of all reduced dims? A condition, or NULL where that is
 * known: then *possible says.                                                            */
static LLVMValueRef is_end(tn_emitter *e, const blocking *b, bool last, bool *possible) {
  LLVMValueRef all = NULL;
  *possible = true;
  for (int i = 0; i < b->reduce->n_dims; i++) {
    const tn_dim_state *d = &e->dims[b->reduce->dims[i]];
    int64_t wanted = last ? e->k->dims[b->reduce->dims[i]].size - 1 - d->pending : 0;
    if (d->high < wanted || d->low > wanted) *possible = false;
    if (d->low == d->high) continue;
    LLVMValueRef value = LLVMConstInt(e->u->i64, (uint64_t)d->constant, true);
    for (int v = 0; v < d->n_vars; v++) value = LLVMBuildAdd(e->b, value, d->vars[v], "");
    LLVMValueRef one =
        LLVMBuildICmp(e->b, LLVMIntEQ, value, LLVMConstInt(e->u->i64, (uint64_t)wanted, true), "");
    all = all ? LLVMBuildAnd(e->b, all, one, "") : one;
  }
  return *possible ? all : NULL;
}

static LLVMBasicBlockRef new_block(tn_emitter *e) {
  return LLVMAppendBasicBlockInContext(e->u->context, e->function, "");
}

static void join_values(tn_emitter *e, tn_values *to, const tn_values *other, int slots, LLVMBasicBlockRef a,
                        LLVMBasicBlockRef b) {
  for (int s = 0; s < slots; s++) {
    if (!to->at[s]) continue;
    LLVMValueRef phi = LLVMBuildPhi(e->b, LLVMTypeOf(to->at[s]), "");
    LLVMAddIncoming(phi, (LLVMValueRef[]){to->at[s], other->at[s]}, (LLVMBasicBlockRef[]){a, b}, 2);
    to->at[s] = phi;
  }
}

static void begin_block(tn_emitter *e, const block *k) {
  const tn_stmt *reduce = k->b->reduce;
  bool possible;
  LLVMValueRef first = is_end(e, k->b, false, &possible);
  LLVMBasicBlockRef fresh = NULL, again = NULL, join = NULL;
  tn_values **initial = TN_NEW_ARRAY(e->arena, tn_values *, reduce->n_accumulators);
  if (first) {
    fresh = new_block(e), again = new_block(e), join = new_block(e);
    LLVMBuildCondBr(e->b, first, fresh, again);
    LLVMPositionBuilderAtEnd(e->b, fresh);
  }
  for (int i = 0; i < reduce->n_accumulators && possible; i++)
    initial[i] = tn_initial_values(e, &reduce->accumulators[i]);
  if (first) {
    fresh = LLVMGetInsertBlock(e->b);
    LLVMBuildBr(e->b, join);
    LLVMPositionBuilderAtEnd(e->b, again);
  }
  for (int i = 0; i < reduce->n_accumulators; i++)
    e->values[reduce->accumulators[i].value] = possible && !first ? *initial[i] : *load_accumulator(e, k, i);
  if (!first) return;
  again = LLVMGetInsertBlock(e->b);
  LLVMBuildBr(e->b, join);
  LLVMPositionBuilderAtEnd(e->b, join);
  for (int i = 0; i < reduce->n_accumulators; i++) {
    tn_values *values = &e->values[reduce->accumulators[i].value];
    join_values(e, values, initial[i], tn_value_slots(e, values->dims), again, fresh);
  }
}

static void finish_block(tn_emitter *e, const block *k) {
  bool possible;
  LLVMValueRef last = is_end(e, k->b, true, &possible);
  LLVMBasicBlockRef done = NULL, more = NULL, join = NULL;
  if (last) {
    done = new_block(e), more = new_block(e), join = new_block(e);
    LLVMBuildCondBr(e->b, last, done, more);
    LLVMPositionBuilderAtEnd(e->b, more);
  }
  for (int i = 0; i < k->b->reduce->n_accumulators && (last || !possible); i++) store_accumulator(e, k, i);
  if (last) {
    LLVMBuildBr(e->b, join);
    LLVMPositionBuilderAtEnd(e->b, done);
  }
  if (possible) tn_emit_statements(e, k->b->reduce->next);
  if (last) {
    LLVMBuildBr(e->b, join);
    LLVMPositionBuilderAtEnd(e->b, join);
  }
}

static void emit_block(tn_emitter *e, void *data) {
  const block *k = data;
  const blocking *b = k->b;
  if (b->loop->body != b->reduce) tn_emit_leaves(e, b->loop->body, b->reduce, NULL);
  begin_block(e, k);
  int from = b->n_prefix + b->n_mid;
  tn_emit_reduce_loops(e, b->reduce, b->order + from, b->n_all - from);
  finish_block(e, k);
}

/* Inside the prefix loops. */
static void emit_blocked(tn_emitter *e, void *loop) {
  blocking b;
  int64_t scratch = e->scratch_used;
  find_blocking(e, loop, &b);
  if (!check(e, &b)) return;
  block k = {.b = &b, .entry = TN_NEW_ARRAY(e->arena, tn_dim_state, e->k->n_dims)};
  k.memories = TN_NEW_ARRAY(e->arena, memory, b.reduce->n_accumulators);
  memcpy(k.entry, e->dims, sizeof *k.entry * (size_t)e->k->n_dims);
  for (int i = 0; i < b.reduce->n_accumulators; i++)
    k.memories[i] = allocate(e, &b, &b.reduce->accumulators[i]);
  tn_emit_nest(e, b.order + b.n_prefix, b.n_mid, emit_block, &k);
  e->scratch_used = scratch;
}

tn_nest_body *tn_blocked_loops(tn_emitter *e, const tn_stmt *loop, tn_loop_ref *out, int *count) {
  blocking b;
  if (!find_blocking(e, loop, &b)) return NULL;
  memcpy(out, b.order, sizeof *out * (size_t)b.n_prefix);
  *count = b.n_prefix;
  return emit_blocked;
}
