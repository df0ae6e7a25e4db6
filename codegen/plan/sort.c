/* Recognises comparators that are orders of keys:
 *
 *   order = compare<LT>(a, b) | compare<GT>(a, b)              a, b: values of one buffer
 *         | or(order, and(compare<EQ>(a, b), order))           the first key, then the rest
 *         | select(compare<EQ>(a, b), order, order)            the rest, the first key
 *
 * with operands of `compare`, `or` and `and` either way round. Keys are integers, preds,
 * floats by totalOrder, and floats by < (an order in rows without NaNs).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/sort.h"
#include "base/float_format.h"
#include "base/number.h"

#include <assert.h>

typedef struct {
  const tn_kernel *kernel;
  const tn_stmt *sort;
} finder;

static const tn_expr *resolve(const finder *f, const tn_expr *expr) {
  for (const tn_stmt *let = f->sort->body; let && expr->kind == TN_EXPR_VALUE; let = let->next)
    if (let->value == expr->value) return resolve(f, let->expr);
  return expr;
}

static bool is_op(const tn_expr *expr, tn_op op) { return expr->kind == TN_EXPR_OP && expr->op.op == op; }

/* Which of the comparator's values; -1: it is none. */
static int place_of(const finder *f, const tn_expr *expr) {
  expr = resolve(f, expr);
  for (int i = 0; expr->kind == TN_EXPR_VALUE && i < 2 * f->sort->n_sorted; i++)
    if (f->sort->sorted_values[i] == expr->value) return i;
  return -1;
}

static bool sorts_by(tn_type type) {
  bool plain = type == TN_F16 || type == TN_BF16 || type == TN_F32 || type == TN_F64 || type == TN_PRED;
  return plain || (tn_type_is_integer(type) && tn_type_bits(type) >= 8);
}

static tn_sort_kind kind_of(tn_type type, bool total) {
  if (tn_type_is_float(type)) return total ? TN_SORT_TOTAL : TN_SORT_IEEE;
  return tn_type_class_of(type) == TN_CLASS_SIGNED ? TN_SORT_SIGNED : TN_SORT_UNSIGNED;
}

/* compare<direction>(a, b) of both values of one buffer. */
static bool find_comparison(const finder *f, const tn_expr *expr, tn_sort_key *key, tn_direction *direction) {
  static const tn_direction turned[] = {
      [TN_EQ] = TN_EQ, [TN_NE] = TN_NE, [TN_GE] = TN_LE, [TN_GT] = TN_LT, [TN_LE] = TN_GE, [TN_LT] = TN_GT};
  expr = resolve(f, expr);
  if (!is_op(expr, TN_OP_COMPARE)) return false;
  int a = place_of(f, expr->op.operands[0]), b = place_of(f, expr->op.operands[1]);
  if (a < 0 || b < 0 || a / 2 != b / 2 || a == b) return false;
  tn_type type = f->kernel->buffers[f->sort->sorted[a / 2]].shape->type;
  *direction = a < b ? expr->op.direction : turned[expr->op.direction];
  if (!sorts_by(type)) return false;
  *key = (tn_sort_key){a / 2, (int64_t)tn_type_bytes(type), kind_of(type, expr->op.total_order),
                       *direction == TN_GT, 0};
  if (key->kind == TN_SORT_IEEE) key->infinity = (int64_t)tn_float_to_bits(type, __builtin_inf());
  return true;
}

static bool is_equality(const finder *f, const tn_expr *expr, const tn_sort_key *key) {
  tn_sort_key own;
  tn_direction direction;
  return find_comparison(f, expr, &own, &direction) && direction == TN_EQ && own.buffer == key->buffer &&
         own.kind == key->kind;
}

static bool find_key(const finder *f, const tn_expr *expr, tn_sort_key *key) {
  tn_direction direction;
  return find_comparison(f, expr, key, &direction) && (direction == TN_LT || direction == TN_GT);
}

/* Takes the first key off `expr`; *rest: what decides where it is equal, or NULL. */
static bool first_key(const finder *f, const tn_expr *expr, tn_sort_key *key, const tn_expr **rest) {
  *rest = NULL;
  expr = resolve(f, expr);
  if (find_key(f, expr, key)) return true;
  if (is_op(expr, TN_OP_SELECT)) {
    *rest = expr->op.operands[1];
    return find_key(f, expr->op.operands[2], key) && is_equality(f, expr->op.operands[0], key);
  }
  for (int i = 0; i < 2 && is_op(expr, TN_OP_OR); i++) {
    const tn_expr *both = resolve(f, expr->op.operands[1 - i]);
    if (!find_key(f, expr->op.operands[i], key) || !is_op(both, TN_OP_AND)) continue;
    for (int j = 0; j < 2; j++) {
      *rest = both->op.operands[1 - j];
      if (is_equality(f, both->op.operands[j], key)) return true;
    }
  }
  return false;
}

static int find_keys(const finder *f, tn_sort_key *keys) {
  const tn_expr *rest = f->sort->expr;
  int count = 0;
  for (; rest; count++)
    if (count == TN_SORT_MAX_KEYS || !first_key(f, rest, &keys[count], &rest)) return 0;
  return count;
}

/* Is the buffer read by anyone but this sort? */
static bool is_read(const finder *f, const tn_touches *touches, int buffer) {
  for (int i = 0; i < touches->count; i++) {
    const tn_touch *touch = &touches->at[i];
    if (touch->buffer == buffer && !touch->is_store && touch->stmt != f->sort) return true;
  }
  return false;
}

tn_sort_plan tn_sort_plan_of(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *sort) {
  finder f = {kernel, sort};
  tn_sort_plan plan = {0};
  tn_sort_row *row = plan.row =
      tn_arena_alloc(arena, sizeof *row + sizeof(tn_sort_moved) * (size_t)sort->n_sorted);
  *row = (tn_sort_row){.count = kernel->buffers[sort->sorted[0]].shape->dims[0], .keep = sort->keep};
  row->n_keys = find_keys(&f, row->keys);
  plan.by_keys = row->n_keys > 0;
  plan.by_merging = !plan.by_keys;
  for (int i = 0; i < row->n_keys; i++) {
    plan.wide = plan.wide || row->keys[i].bytes == 8;
    plan.by_merging = plan.by_merging || row->keys[i].kind == TN_SORT_IEEE;
  }
  tn_touches touches = {0};
  tn_find_touches(arena, kernel, kernel->body, true, &touches);
  for (int i = 0; i < sort->n_sorted; i++) {
    int64_t bytes = (int64_t)tn_type_bytes(kernel->buffers[sort->sorted[i]].shape->type);
    assert(bytes <= 8 && "complex values are pairs below the lowering");
    if (is_read(&f, &touches, sort->sorted[i])) row->moved[row->n_moved++] = (tn_sort_moved){i, bytes};
  }
  return plan;
}

static void keep_in(tn_stmt *body, const int64_t *read) {
  for (tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    int64_t most = 1;
    for (int i = 0; i < stmt->n_sorted; i++)
      most = read[stmt->sorted[i]] > most ? read[stmt->sorted[i]] : most;
    if (stmt->kind == TN_STMT_SORT && most < stmt->keep) stmt->keep = most;
    keep_in(stmt->body, read);
  }
}

void tn_sort_keep_what_is_read(tn_arena *arena, tn_kernel *kernel) {
  int64_t *read = TN_NEW_ARRAY(arena, int64_t, kernel->n_buffers), low, high;
  tn_touches touches = {0};
  tn_find_touches(arena, kernel, kernel->body, true, &touches);
  for (int i = 0; i < touches.count; i++) {
    const tn_touch *touch = &touches.at[i];
    const tn_kernel_buffer *buffer = &kernel->buffers[touch->buffer];
    if (touch->is_store || buffer->access != TN_BUFFER_LOCAL || buffer->shape->rank != 1) continue;
    tn_index_range(kernel, touch->at[0], &low, &high);
    if (high >= read[touch->buffer]) read[touch->buffer] = high + 1;
  }
  keep_in(kernel->body, read);
}
