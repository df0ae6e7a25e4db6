/* sort and topk: a row is copied into locals, sorted there, and read where it is needed.
 *
 *   loop r:8 {
 *     local e0: f32[100]
 *     local e1: s32[100]
 *     local e2: f32[100]
 *     loop j1:100 {
 *       let v0: f32 = x[r, j1]
 *       e0[j1] = v0
 *       e1[j1] = index<s32>(j1)
 *       e2[j1] = select(compare<NE>(v0, v0), nan, v0)
 *     }
 *     sort e0, e1, e2 by (…, p6: f32, q7: f32) { } less compare<LT, total>(p6, q7)
 *     loop d2:100 { y0[r, d2] = e0[d2]  y1[r, d2] = e1[d2] }
 *   }
 *
 * What the comparator computes from one element alone is computed once an element, in the
 * loop that fills the row, and sorted by as another local: the comparator is left with what
 * needs both sides. Mostly that is one comparison, which the back ends know how to sort by
 * without calling it (codegen/plan/sort.h).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/sort/sort.h"
#include "codegen/plan/lower.h"
#include "ir/custom_call.h"

/* What the comparator is given of each element: an operand (of complex ones the parts), or
 * computed from operands.                                                              */
typedef struct {
  const tn_expr *element; /* in the loop that fills the row */
  int local;
  int values[2]; /* of side a, of side b */
} key;

typedef struct {
  tn_lowering *l;
  tn_arena *arena;
  int64_t size;
  const tn_index *place; /* in the row that is filled */
  TN_VEC(key) keys;      /* operands first */
  int n_operands;        /* and their keys: */
  int n_given;
  const tn_expr **filled; /* by let: its value in the filling loop, once known */
  bool *placed;           /* by let: it stands in the new body */
  signed char *sides;     /* by let: which it needs, once known; -1 */
  tn_stmt **tail;         /* of the new body */
} sorting;

/* ---- the comparator ---- */

enum { SIDE_A = 1, SIDE_B = 2 };

/* Which of the operands' values; -1: it is none of them. */
static int operand_value(const sorting *s, int value) {
  for (int i = 0; i < 2 * s->n_given; i++)
    if (s->keys.at[i / 2].values[i % 2] == value) return i;
  return -1;
}

static int sides(sorting *s, const tn_expr *expr) {
  int both = 0;
  if (expr->kind == TN_EXPR_VALUE) {
    int operand = operand_value(s, expr->value);
    if (operand >= 0) return 1 << operand % 2;
    if (s->sides[expr->value] < 0)
      s->sides[expr->value] = (signed char)sides(s, tn_lower_let_of(s->l, expr->value));
    return s->sides[expr->value];
  }
  if (expr->kind == TN_EXPR_OP || expr->kind == TN_EXPR_FMA)
    for (int i = 0; i < expr->op.n_operands; i++) both |= sides(s, expr->op.operands[i]);
  return both;
}

typedef const tn_expr *rewriter(sorting *s, const tn_expr *expr);

static const tn_expr *with_operands(sorting *s, const tn_expr *expr, rewriter *rewrite) {
  if (expr->kind != TN_EXPR_OP && expr->kind != TN_EXPR_FMA) return expr;
  tn_expr *copy = tn_arena_copy(s->arena, expr, sizeof *expr);
  const tn_expr **operands = TN_NEW_ARRAY(s->arena, const tn_expr *, expr->op.n_operands);
  for (int i = 0; i < expr->op.n_operands; i++) operands[i] = rewrite(s, expr->op.operands[i]);
  copy->op.operands = operands;
  return copy;
}

/* An expression of one side, or of none, as the filling loop computes it. */
static const tn_expr *in_filling(sorting *s, const tn_expr *expr) {
  if (expr->kind != TN_EXPR_VALUE) return with_operands(s, expr, in_filling);
  int operand = operand_value(s, expr->value);
  if (operand >= 0) return s->keys.at[operand / 2].element;
  if (!s->filled[expr->value])
    s->filled[expr->value] = tn_lower_share(s->l, in_filling(s, tn_lower_let_of(s->l, expr->value)));
  return s->filled[expr->value];
}

static void store_local(sorting *s, int local, const tn_expr *value) {
  tn_stmt *store = tn_stmt_new(s->arena, TN_STMT_STORE);
  store->buffer = local;
  store->at = tn_arena_copy(s->arena, &s->place, sizeof s->place);
  store->expr = value;
  tn_lower_append(s->l, store);
}

/* Into the row; `outward`: from here to the body that holds the local. */
static void add_key(sorting *s, tn_type type, const tn_expr *element, int outward) {
  key k = {element, tn_lower_local(s->l, type, s->size, outward), {0}};
  for (int side = 0; side < 2; side++) k.values[side] = tn_lower_value(s->l, side ? "q" : "p", type);
  TN_PUSH(s->arena, &s->keys, k);
}

static const tn_expr *part_of(tn_arena *arena, const tn_expr *expr, bool imaginary) {
  return tn_expr_op(arena, imaginary ? TN_OP_IMAG : TN_OP_REAL, tn_type_part(expr->type), 1, &expr);
}

static const tn_expr *of_parts(tn_arena *arena, tn_type type, const tn_expr *real, const tn_expr *imaginary) {
  return tn_expr_binary(arena, TN_OP_COMPLEX, type, real, imaginary);
}

/* What is computed of one side becomes a key; other sides' keys of the same value serve. */
static const tn_expr *key_of(sorting *s, const tn_expr *expr, int side) {
  if (tn_type_is_complex(expr->type))
    return of_parts(s->arena, expr->type, key_of(s, part_of(s->arena, expr, false), side),
                    key_of(s, part_of(s->arena, expr, true), side));
  const tn_expr *element = in_filling(s, expr);
  int i = 0;
  while (i < s->keys.count && !tn_expr_equal(s->keys.at[i].element, element)) i++;
  if (i == s->keys.count) {
    add_key(s, expr->type, element, 1);
    store_local(s, s->keys.at[i].local, element);
  }
  return tn_expr_value(s->arena, expr->type, s->keys.at[i].values[side == SIDE_B]);
}

static const tn_expr *of_keys(sorting *s, const tn_expr *expr);

/* A let that needs both sides stays one. */
static const tn_expr *keep_let(sorting *s, const tn_expr *value) {
  if (s->placed[value->value]) return value;
  s->placed[value->value] = true;
  tn_stmt *let = tn_stmt_new(s->arena, TN_STMT_LET);
  let->value = value->value;
  let->expr = of_keys(s, tn_lower_let_of(s->l, value->value));
  *s->tail = let;
  s->tail = &let->next;
  return value;
}

static const tn_expr *of_keys(sorting *s, const tn_expr *expr) {
  int side = sides(s, expr);
  if (side == SIDE_A || side == SIDE_B) return key_of(s, expr, side);
  if (expr->kind != TN_EXPR_VALUE) return with_operands(s, expr, of_keys);
  return side ? keep_let(s, expr) : of_keys(s, tn_lower_let_of(s->l, expr->value));
}

/* The first operand by IEEE's totalOrder; equal ones stay in order. */
static const tn_expr *topk_order(sorting *s, const tn_expr *const *values, bool largest) {
  tn_expr *less = (tn_expr *)tn_expr_op(s->arena, TN_OP_COMPARE, TN_PRED, 2, values);
  less->op.direction = largest ? TN_GT : TN_LT;
  less->op.total_order = tn_type_is_float(values[0]->type);
  return less;
}

/* The operand's parameter of a side, from its keys, which begin at *first. */
static const tn_expr *parameter(sorting *s, tn_type type, int side, int first) {
  const key *k = &s->keys.at[first];
  if (!tn_type_is_complex(type)) return tn_expr_value(s->arena, type, k->values[side]);
  tn_type part = tn_type_part(type);
  return of_parts(s->arena, type, tn_expr_value(s->arena, part, k[0].values[side]),
                  tn_expr_value(s->arena, part, k[1].values[side]));
}

/* The operands' elements are known; fills in the sort's body and result. */
static bool lower_order(sorting *s, tn_inst *inst, const tn_expr *const *elements, tn_stmt *sort) {
  const tn_expr **values = TN_NEW_ARRAY(s->arena, const tn_expr *, 2 * s->n_operands), *less;
  for (int i = 0, first = 0; i < s->n_operands; i++) {
    for (int side = 0; side < 2; side++) values[2 * i + side] = parameter(s, elements[i]->type, side, first);
    first += 1 + tn_type_is_complex(elements[i]->type);
  }
  bool largest = inst->op == TN_OP_TOPK && inst->attr.topk.largest;
  if (inst->op == TN_OP_TOPK || tn_custom_call_is_topk(inst, &largest))
    less = topk_order(s, values, largest);
  else if (!tn_lower_scalars(s->l, inst->called[0], values, &less))
    return false;
  int n_lets = tn_lower_n_values(s->l);
  s->filled = TN_NEW_ARRAY(s->arena, const tn_expr *, n_lets);
  s->placed = TN_NEW_ARRAY(s->arena, bool, n_lets);
  s->sides = TN_NEW_ARRAY(s->arena, signed char, n_lets);
  memset(s->sides, -1, (size_t)n_lets);
  tn_lower_drop(s->l); /* what the filling loop needs goes there now */
  sort->body = NULL;
  s->tail = &sort->body;
  sort->expr = of_keys(s, less);
  return true;
}

/* ---- rows ---- */

static const tn_expr *operand_element(sorting *s, tn_inst *inst, int i, tn_position at) {
  if (i == inst->n_operands) return tn_expr_index(s->arena, inst->shape->elements[1]->type, s->place);
  const tn_expr *element = tn_lower_element(s->l, inst->operands[i], at);
  return element ? tn_lower_share(s->l, element) : NULL;
}

static bool fill_row(sorting *s, tn_inst *inst, tn_position row, int dim, tn_stmt *sort) {
  int rank = inst->operands[0]->shape->rank;
  tn_stmt *fill = tn_stmt_new(s->arena, TN_STMT_LOOP);
  const tn_index **at = tn_arena_copy(s->arena, row, sizeof *row * (size_t)rank);
  if (!tn_lower_open(s->l, inst, fill)) return false;
  int *dims = TN_NEW_ARRAY(s->arena, int, 1);
  dims[0] = tn_lower_dim(s->l, "j", s->size);
  fill->dims = dims;
  fill->n_dims = 1;
  at[dim] = s->place = tn_index_dim(s->arena, dims[0]);
  const tn_expr **elements = TN_NEW_ARRAY(s->arena, const tn_expr *, s->n_operands);
  for (int i = 0; i < s->n_operands; i++)
    if (!(elements[i] = operand_element(s, inst, i, at))) return false;
  if (!tn_lower_open(s->l, inst, sort)) return false;
  for (int i = 0; i < s->n_operands; i++) {
    bool complex = tn_type_is_complex(elements[i]->type);
    for (int part = 0; part <= complex; part++) {
      const tn_expr *element = complex ? part_of(s->arena, elements[i], part) : elements[i];
      add_key(s, element->type, element, 2);
    }
  }
  s->n_given = s->keys.count;
  if (!lower_order(s, inst, elements, sort)) return false;
  for (int i = 0; i < s->n_given; i++) store_local(s, s->keys.at[i].local, s->keys.at[i].element);
  tn_lower_close(s->l);
  return true;
}

static bool sort_row(tn_lowering *l, tn_inst *inst, tn_position row, int dim) {
  bool topk = inst->op != TN_OP_SORT;
  sorting s = {.l = l, .arena = tn_lower_arena(l), .size = inst->operands[0]->shape->dims[dim]};
  s.n_operands = topk ? 2 : inst->n_operands;
  if (s.size >= TN_SORT_MAX_COUNT) return tn_lower_fail(l, inst, false), false;
  tn_hidden hidden;
  tn_stmt *sort = tn_stmt_new(s.arena, TN_STMT_SORT);
  sort->keep = topk ? inst->shape->elements[0]->dims[dim] : s.size;
  if (!tn_lower_hide(l, inst, row, &hidden) || !fill_row(&s, inst, row, dim, sort)) return false;
  int *sorted = TN_NEW_ARRAY(s.arena, int, s.keys.count),
      *values = TN_NEW_ARRAY(s.arena, int, 2 * s.keys.count);
  for (int i = 0; i < s.keys.count; i++) {
    sorted[i] = s.keys.at[i].local;
    memcpy(values + 2 * i, s.keys.at[i].values, sizeof s.keys.at[i].values);
  }
  sort->n_sorted = s.keys.count;
  sort->sorted = sorted;
  sort->sorted_values = values;
  tn_lower_append(l, sort);
  for (int i = 0, first = 0; i < s.n_operands; i++) {
    tn_lower_remember_sort(l, inst, i, row, sorted[first]);
    first += 1 + (i < inst->n_operands && tn_type_is_complex(inst->operands[i]->shape->type));
  }
  tn_lower_reveal(l, &hidden);
  return true;
}

bool tn_lower_is_sort(const tn_inst *inst) {
  bool largest;
  return inst->op == TN_OP_SORT || inst->op == TN_OP_TOPK || tn_custom_call_is_topk(inst, &largest);
}

const tn_expr *tn_lower_sort(tn_lowering *l, tn_inst *inst, tn_position at, int output) {
  tn_arena *arena = tn_lower_arena(l);
  const tn_shape *shape = inst->operands[0]->shape;
  int dim = inst->op == TN_OP_SORT ? (int)inst->attr.sort.dim : shape->rank - 1;
  if (shape->rank == 0 || shape->dims[dim] < 2) { /* nothing to sort */
    if (output < inst->n_operands) return tn_lower_element(l, inst->operands[output], at);
    return tn_expr_number(arena, inst->shape->elements[1]->type, 0);
  }
  const tn_index **row = tn_arena_copy(arena, at, sizeof *at * (size_t)shape->rank);
  row[dim] = tn_index_constant(arena, 0);
  int local = tn_lower_recall_sort(l, inst, output, row);
  if (local < 0) {
    if (!sort_row(l, inst, row, dim)) return NULL;
    local = tn_lower_recall_sort(l, inst, output, row);
  }
  const tn_expr *element = tn_lower_load_local(l, local, at[dim]);
  tn_type type = output < inst->n_operands ? inst->operands[output]->shape->type : element->type;
  if (!tn_type_is_complex(type)) return element;
  return of_parts(arena, type, element, tn_lower_load_local(l, local + 1, at[dim])); /* its neighbour */
}
