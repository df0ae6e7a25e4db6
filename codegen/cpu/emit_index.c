/* Indices as instructions.
 *
 * An index at a point is a sum of loop variables with scales, divisions of such sums, and
 * a constant. Constants (the offsets of unrolled points) stay apart, so that neighbouring
 * accesses share their variable part and differ in the displacement alone. Each partial
 * sum is placed in the outermost loop whose variables it needs and remembered there.
 *
 * Divisions use what is known of alignment: where every variable part is a multiple of g,
 * and g divides c, floor((V + k) / c) = floor((V + k - k mod g) / c): with panels of 64
 * columns and steps of 64, all vectors of a panel share one quotient and have constant
 * remainders.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/integer.h"
#include "codegen/cpu/emit.h"

#include <assert.h>

/* ---- maps from pointers ---- */

static uint64_t *map_slot(tn_map *map, const void *key) {
  uint64_t i = ((uintptr_t)key >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
  for (;; i++) {
    const void **at = &map->keys[i & (uint64_t)(map->capacity - 1)];
    if (*at == key || !*at) return *at = key, &map->words[i & (uint64_t)(map->capacity - 1)];
  }
}

static uint64_t *map_get(tn_arena *arena, tn_map *map, const void *key) {
  if (2 * (map->count + 1) > map->capacity) {
    tn_map larger = {NULL, NULL, map->count, map->capacity ? 2 * map->capacity : 64};
    larger.keys = TN_NEW_ARRAY(arena, const void *, larger.capacity);
    larger.words = TN_NEW_ARRAY(arena, uint64_t, larger.capacity);
    for (int i = 0; i < map->capacity; i++)
      if (map->keys[i]) *map_slot(&larger, map->keys[i]) = map->words[i];
    *map = larger;
  }
  map->count++; /* an upper bound: present keys count again */
  return map_slot(map, key);
}

const tn_index *tn_offset_of(tn_emitter *e, const void *access, int buffer, const tn_index *const *at) {
  uint64_t *slot = map_get(e->arena, &e->offsets, access);
  if (!*slot) *slot = (uint64_t)(uintptr_t)tn_access_offset(e->arena, e->k, buffer, at);
  return (const tn_index *)(uintptr_t)*slot;
}

/* ---- what depends on which dims ---- */

uint64_t tn_index_dims(tn_emitter *e, const tn_index *index) {
  uint64_t dims = 0;
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *term = &index->terms[i];
    switch (term->kind) {
    case TN_TERM_DIM: dims |= UINT64_C(1) << term->dim; break;
    case TN_TERM_QUOTIENT:
    case TN_TERM_REMAINDER: dims |= tn_index_dims(e, term->of); break;
    case TN_TERM_VALUE: dims |= tn_expr_dims(e, term->value); break;
    }
  }
  return dims;
}

static uint64_t load_dims(tn_emitter *e, const tn_expr *expr) {
  uint64_t dims = e->buffer_dims[expr->load.buffer];
  for (int i = 0; i < e->k->buffers[expr->load.buffer].shape->rank; i++)
    dims |= tn_index_dims(e, expr->load.at[i]);
  for (int i = 0; i < expr->load.n_guards; i++) dims |= tn_index_dims(e, expr->load.guards[i].index);
  return expr->load.fill ? dims | tn_expr_dims(e, expr->load.fill) : dims;
}

static uint64_t find_expr_dims(tn_emitter *e, const tn_expr *expr) {
  uint64_t dims = 0;
  switch (expr->kind) {
  case TN_EXPR_CONSTANT: return 0;
  case TN_EXPR_INDEX: return tn_index_dims(e, expr->index);
  case TN_EXPR_VALUE: return e->value_dims[expr->value];
  case TN_EXPR_LOAD: return load_dims(e, expr);
  case TN_EXPR_OP:
  case TN_EXPR_FMA:
    for (int i = 0; i < expr->op.n_operands; i++) dims |= tn_expr_dims(e, expr->op.operands[i]);
    return dims;
  }
  return dims;
}

/* Kept with the top bit set, so that 0 means unknown. */
uint64_t tn_expr_dims(tn_emitter *e, const tn_expr *expr) {
  if (!e->deps_known) return find_expr_dims(e, expr);
  const uint64_t known = UINT64_C(1) << 63;
  uint64_t word = *map_get(e->arena, &e->deps, expr);
  if (!word) {
    word = find_expr_dims(e, expr) | known;
    *map_get(e->arena, &e->deps, expr) = word;
  }
  return word & ~known;
}

static uint64_t dims_mask(const tn_stmt *stmt) {
  uint64_t mask = 0;
  for (int i = 0; i < stmt->n_dims; i++) mask |= UINT64_C(1) << stmt->dims[i];
  return mask;
}

static bool widen(uint64_t *dims, uint64_t more) {
  uint64_t before = *dims;
  *dims |= more;
  return *dims != before;
}

static bool find_dims(tn_emitter *e, const tn_stmt *first, uint64_t around) {
  bool changed = false;
  for (const tn_stmt *s = first; s; s = s->next) {
    uint64_t inside = around | dims_mask(s);
    if (s->kind == TN_STMT_LOCAL) changed |= widen(&e->buffer_dims[s->buffer], around);
    if (s->kind == TN_STMT_LET) changed |= widen(&e->value_dims[s->value], tn_expr_dims(e, s->expr));
    if (s->body) changed |= find_dims(e, s->body, inside);
    for (int i = 0; i < s->n_accumulators; i++) {
      const tn_accumulator *acc = &s->accumulators[i];
      uint64_t dims = tn_expr_dims(e, acc->initial) | tn_expr_dims(e, acc->update);
      if (s->kind == TN_STMT_REDUCE && s->expr) dims |= tn_expr_dims(e, s->expr);
      changed |= widen(&e->value_dims[acc->value], dims & ~dims_mask(s));
    }
  }
  return changed;
}

void tn_find_value_dims(tn_emitter *e) {
  while (find_dims(e, e->k->body, 0)) {}
  e->deps_known = true;
}

/* ---- guards ---- */

/* Of the values that most iterations are about; what is not found is only slower. Every load
 * checks its own guards where it stands (emit_access.c), and this list only says where loops
 * are worth splitting, so that those checks vanish from the main part. Loads in conditions,
 * initial values, indices and fills are seldom guarded, and left out.                    */
static void find_expr_guards(tn_emitter *e, const tn_expr *expr) {
  if (expr->kind == TN_EXPR_OP || expr->kind == TN_EXPR_FMA)
    for (int i = 0; i < expr->op.n_operands; i++) find_expr_guards(e, expr->op.operands[i]);
  if (expr->kind != TN_EXPR_LOAD || !expr->load.fill) return;
  const tn_shape *shape = e->k->buffers[expr->load.buffer].shape;
  for (int i = 0; i < shape->rank; i++)
    TN_PUSH(e->arena, &e->guards, ((tn_guard_range){expr->load.at[i], 0, shape->dims[i]}));
  for (int i = 0; i < expr->load.n_guards; i++) TN_PUSH(e->arena, &e->guards, expr->load.guards[i]);
}

void tn_find_guards(tn_emitter *e, const tn_stmt *first) {
  for (const tn_stmt *s = first; s; s = s->next) {
    if (s->expr) find_expr_guards(e, s->expr);
    for (int i = 0; i < s->n_accumulators; i++) find_expr_guards(e, s->accumulators[i].update);
    tn_find_guards(e, s->body);
  }
}

/* ---- ranges at the current point ---- */

static int64_t point_offset(const tn_emitter *e, int dim) {
  const tn_dim_state *d = &e->dims[dim];
  int64_t offset = d->jam_at >= 0 ? e->at[d->jam_at] * (dim == e->vector ? e->lanes : 1) : 0;
  return offset + (dim == e->vector && e->lane >= 0 ? e->lane : 0);
}

static void term_range(tn_emitter *e, const tn_term *term, int64_t *low, int64_t *high) {
  int64_t offset;
  switch (term->kind) {
  case TN_TERM_DIM:
    offset = point_offset(e, term->dim);
    *low = e->dims[term->dim].low + offset;
    *high = e->dims[term->dim].high + e->dims[term->dim].pending + offset;
    if (term->dim == e->vector && e->lane < 0) *high += tn_active_lanes(e) - 1;
    return;
  case TN_TERM_QUOTIENT:
  case TN_TERM_REMAINDER:
    tn_point_range(e, term->of, low, high);
    tn_divide_range(term, low, high);
    return;
  case TN_TERM_VALUE:
    *low = 0;
    *high = term->limit;
    return;
  }
}

void tn_point_range(tn_emitter *e, const tn_index *index, int64_t *low, int64_t *high) {
  int64_t least = index->constant, most = index->constant;
  for (int i = 0; i < index->n_terms; i++) {
    int64_t from = 0, to = 0, scale = index->terms[i].scale;
    term_range(e, &index->terms[i], &from, &to);
    least += scale * (scale > 0 ? from : to);
    most += scale * (scale > 0 ? to : from);
  }
  *low = least;
  *high = most;
}

bool tn_lane_stride(tn_emitter *e, const tn_index *index, int64_t *stride) {
  *stride = 0;
  if (e->vector < 0 || e->lane >= 0) return true;
  uint64_t bit = UINT64_C(1) << e->vector;
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *term = &index->terms[i];
    tn_index alone = {.constant = 0, .n_terms = 1, .terms = term};
    int64_t one;
    if (!(tn_index_dims(e, &alone) & bit)) continue;
    switch (term->kind) {
    case TN_TERM_DIM: *stride += term->scale; break;
    case TN_TERM_VALUE: return false;
    case TN_TERM_QUOTIENT:
    case TN_TERM_REMAINDER:
      if (e->dims[e->vector].align % e->lanes) return false;
      if (!tn_index_stride(e->k, &alone, e->vector, e->lanes, &one)) return false;
      *stride += one;
      break;
    }
  }
  return true;
}

/* ---- instructions, each once and as far out as possible ---- */

enum { ADD, MULTIPLY, DIVIDE_EXACT, DIVIDE, REMAINDER, FLOOR_DIVIDE, ADD_NUMBER };

typedef struct {
  LLVMValueRef value; /* NULL: 0 */
  int depth;          /* of the innermost loop it depends on; n_loops: only here */
} placed;

static uint64_t memo_hash(int op, LLVMValueRef a, LLVMValueRef b, int64_t number) {
  uint64_t h = (uint64_t)op * 31 + (uintptr_t)a;
  h = h * UINT64_C(0x9e3779b97f4a7c15) + (uintptr_t)b;
  h = h * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)number;
  return h * UINT64_C(0x9e3779b97f4a7c15) >> 54;
}

static void memo_push(tn_emitter *e, tn_memo_entry entry) {
  if (e->n_memo == e->memo_capacity)
    e->memo = tn_arena_grow(e->arena, e->memo, &e->memo_capacity, sizeof *e->memo);
  int *head = &e->memo_heads[memo_hash(entry.op, entry.a, entry.b, entry.number)];
  entry.next = *head;
  e->memo[e->n_memo++] = entry;
  *head = e->n_memo;
}

void tn_memo_cut(tn_emitter *e, int mark, int depth) {
  TN_VEC(tn_memo_entry) kept = {0};
  while (e->n_memo > mark) {
    tn_memo_entry entry = e->memo[--e->n_memo];
    e->memo_heads[memo_hash(entry.op, entry.a, entry.b, entry.number)] = entry.next;
    if (entry.depth < depth) TN_PUSH(e->arena, &kept, entry);
  }
  for (int i = kept.count - 1; i >= 0; i--) memo_push(e, kept.at[i]);
}

static LLVMValueRef build(tn_emitter *e, int op, LLVMValueRef a, LLVMValueRef b, int64_t number) {
  LLVMValueRef n = LLVMConstInt(e->u->i64, (uint64_t)number, true);
  switch (op) {
  case ADD: return LLVMBuildAdd(e->b, a, b, "");
  case ADD_NUMBER: return LLVMBuildAdd(e->b, a, n, "");
  case MULTIPLY: return LLVMBuildMul(e->b, a, n, "");
  case DIVIDE_EXACT: return LLVMBuildExactSDiv(e->b, a, n, "");
  case DIVIDE: return LLVMBuildUDiv(e->b, a, n, "");
  case REMAINDER: return LLVMBuildURem(e->b, a, n, "");
  }
  LLVMValueRef q = LLVMBuildSDiv(e->b, a, n, ""), r = LLVMBuildSRem(e->b, a, n, "");
  LLVMValueRef below = LLVMBuildICmp(e->b, LLVMIntSLT, r, LLVMConstInt(e->u->i64, 0, false), "");
  return LLVMBuildAdd(e->b, q, LLVMBuildSExt(e->b, below, e->u->i64, ""), "");
}

static placed apply(tn_emitter *e, int op, placed a, placed b, int64_t number) {
  int depth = a.depth > b.depth ? a.depth : b.depth;
  if (depth >= e->n_loops) return (placed){build(e, op, a.value, b.value, number), depth};
  for (int i = e->memo_heads[memo_hash(op, a.value, b.value, number)]; i; i = e->memo[i - 1].next) {
    const tn_memo_entry *m = &e->memo[i - 1];
    if (m->op == op && m->a == a.value && m->b == b.value && m->number == number)
      return (placed){m->value, depth};
  }
  LLVMBasicBlockRef here = LLVMGetInsertBlock(e->b);
  LLVMPositionBuilderBefore(e->b, e->loops[depth].anchor);
  LLVMValueRef value = build(e, op, a.value, b.value, number);
  LLVMPositionBuilderAtEnd(e->b, here);
  memo_push(e, (tn_memo_entry){op, a.value, b.value, number, value, depth, 0});
  return (placed){value, depth};
}

static placed add(tn_emitter *e, placed a, placed b) {
  if (!a.value) return b;
  return b.value ? apply(e, ADD, a, b, 0) : a;
}

static placed add_number(tn_emitter *e, placed a, int64_t number) {
  if (!number) return a;
  if (!a.value) return (placed){LLVMConstInt(e->u->i64, (uint64_t)number, true), 0};
  return apply(e, ADD_NUMBER, a, (placed){0}, number);
}

static placed multiply(tn_emitter *e, placed a, int64_t scale) {
  return scale == 1 || !a.value ? a : apply(e, MULTIPLY, a, (placed){0}, scale);
}

/* ---- sums ---- */

typedef struct {
  placed of;
  int64_t scale, align;
} part;

/* constant + sum of scale * part, parts by depth */
typedef struct {
  part *parts;
  int count;
  int64_t constant;
} sum;

static void add_part(tn_emitter *e, sum *s, placed of, int64_t scale, int64_t align) {
  if (!of.value || !scale) return;
  part *larger = TN_NEW_ARRAY(e->arena, part, s->count + 1);
  int i = 0;
  for (; i < s->count && s->parts[i].of.depth <= of.depth; i++) larger[i] = s->parts[i];
  larger[i] = (part){of, scale, align};
  for (; i < s->count; i++) larger[i + 1] = s->parts[i];
  s->parts = larger;
  s->count++;
}

static placed sum_parts(tn_emitter *e, const sum *s) {
  placed total = {0};
  for (int i = 0; i < s->count; i++) total = add(e, total, multiply(e, s->parts[i].of, s->parts[i].scale));
  return total;
}

static sum gather(tn_emitter *e, const tn_index *index);

/* of / c and of % c. The result's parts and constant are added to `to`, times scale. */
static void divide(tn_emitter *e, const tn_term *term, sum *to) {
  int64_t c = term->divisor, scale = term->scale, low, high, g = c;
  bool quotient = term->kind == TN_TERM_QUOTIENT;
  sum of = gather(e, term->of);
  tn_point_range(e, term->of, &low, &high);
  if (tn_floor_div(low, c) == tn_floor_div(high, c)) {
    int64_t q = tn_floor_div(low, c);
    to->constant += scale * (quotient ? q : of.constant - q * c);
    for (int i = 0; i < of.count && !quotient; i++)
      add_part(e, to, of.parts[i].of, scale * of.parts[i].scale, of.parts[i].align);
    return;
  }
  bool all_divide = true;
  for (int i = 0; i < of.count; i++) {
    g = tn_gcd(g, of.parts[i].scale * of.parts[i].align);
    all_divide &= of.parts[i].scale % c == 0;
  }
  int64_t rest = tn_floor_mod(of.constant, g), whole = of.constant - rest;
  if (!quotient) to->constant += scale * rest;
  if (g == c) { /* the variable parts are multiples of c */
    if (!quotient) return;
    to->constant += scale * (whole / c);
    for (int i = 0; i < of.count && all_divide; i++)
      add_part(e, to, of.parts[i].of, scale * (of.parts[i].scale / c), of.parts[i].align);
    if (!all_divide && of.count)
      add_part(e, to, apply(e, DIVIDE_EXACT, sum_parts(e, &of), (placed){0}, c), scale, 1);
    return;
  }
  placed value = add_number(e, sum_parts(e, &of), whole);
  if (low >= 0) {
    add_part(e, to, apply(e, quotient ? DIVIDE : REMAINDER, value, (placed){0}, c), scale, 1);
    return;
  }
  placed q = apply(e, FLOOR_DIVIDE, value, (placed){0}, c);
  add_part(e, to, quotient ? q : add(e, value, multiply(e, q, -c)), scale, 1);
}

/* An integer expression, clamped to 0 … limit. */
static placed runtime_value(tn_emitter *e, const tn_term *term) {
  tn_type type = term->value->type;
  bool is_signed = tn_type_class_of(type) == TN_CLASS_SIGNED;
  LLVMValueRef value = LLVMBuildIntCast2(e->b, tn_scalar_at_point(e, term->value), e->u->i64, is_signed, "");
  LLVMValueRef limit = LLVMConstInt(e->u->i64, (uint64_t)term->limit, false),
               zero = LLVMConstInt(e->u->i64, 0, false);
  if (is_signed) value = tn_intrinsic(e, "llvm.smax", e->u->i64, (LLVMValueRef[]){value, zero}, 2);
  value = tn_intrinsic(e, "llvm.umin", e->u->i64, (LLVMValueRef[]){value, limit}, 2);
  return (placed){value, e->n_loops};
}

static sum gather(tn_emitter *e, const tn_index *index) {
  sum s = {.constant = index->constant};
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *term = &index->terms[i];
    const tn_dim_state *d = &e->dims[term->kind == TN_TERM_DIM ? term->dim : 0];
    switch (term->kind) {
    case TN_TERM_DIM:
      s.constant += term->scale * (d->constant + point_offset(e, term->dim));
      for (int v = 0; v < d->n_vars; v++)
        add_part(e, &s, (placed){d->vars[v], d->depth[v]}, term->scale, d->var_align[v]);
      break;
    case TN_TERM_QUOTIENT:
    case TN_TERM_REMAINDER: divide(e, term, &s); break;
    case TN_TERM_VALUE: add_part(e, &s, runtime_value(e, term), term->scale, 1); break;
    }
  }
  return s;
}

LLVMValueRef tn_emit_index(tn_emitter *e, const tn_index *index, int64_t *constant) {
  sum s = gather(e, index);
  *constant = s.constant;
  return sum_parts(e, &s).value;
}

LLVMValueRef tn_emit_index_value(tn_emitter *e, const tn_index *index) {
  int64_t constant;
  LLVMValueRef value = tn_emit_index(e, index, &constant);
  LLVMValueRef number = LLVMConstInt(e->u->i64, (uint64_t)constant, true);
  if (!value) return number;
  return constant ? LLVMBuildAdd(e->b, value, number, "") : value;
}
