/* Counting what a kernel does; see cost.h.
 *
 * Operations: each statement's, times the iterations around it. Where nobody knows how
 * much runs (a store under a condition, the side of a select that is not taken, a sort's
 * comparisons) the condition is taken to hold, a select computes both sides as kernels
 * do, and a sort counts nothing.
 *
 * Bytes: an access touches at most as many elements as the dims in its indices have
 * values together, and at most the whole buffer; accesses of one buffer touch together at
 * most the sum. So a row that is looked up in a table of embeddings counts as a row, and a
 * slice written in place as a slice. Numbers saturate.
 *
 * Cost: nodes of the tree times dims.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/cost.h"

#include "codegen/plan/walk.h"

static int64_t times(int64_t a, int64_t b) {
  int64_t product;
  return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

static int64_t plus(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* ---- operations ---- */

static bool count_node(void *user, const tn_expr *expr) {
  int64_t *count = user;
  if (expr->kind == TN_EXPR_FMA) *count += 2;
  if (expr->kind == TN_EXPR_OP) *count += tn_type_is_float(expr->type) || tn_type_is_complex(expr->type);
  return false;
}

static int64_t operations_of(const tn_expr *expr) {
  int64_t count = 0;
  if (expr) tn_walk_expr(&(tn_walk){.expr = count_node, .user = &count}, expr);
  return count;
}

static int64_t iterations_of(const tn_kernel *kernel, const tn_stmt *stmt) {
  int64_t iterations = 1;
  for (int i = 0; i < stmt->n_dims; i++) iterations = times(iterations, kernel->dims[stmt->dims[i]].size);
  return iterations;
}

static int64_t operations(const tn_kernel *kernel, const tn_stmt *stmt) {
  int64_t count = 0;
  for (; stmt; stmt = stmt->next) {
    int64_t inside = 0, once = 0;
    switch (stmt->kind) {
    case TN_STMT_LOOP:
    case TN_STMT_REDUCE:
      inside = operations(kernel, stmt->body);
      for (int i = 0; i < stmt->n_accumulators; i++) {
        inside = plus(inside, operations_of(stmt->accumulators[i].update));
        once = plus(once, operations_of(stmt->accumulators[i].initial));
      }
      inside = times(iterations_of(kernel, stmt), inside);
      break;
    case TN_STMT_LET: inside = operations_of(stmt->expr); break;
    case TN_STMT_STORE: inside = plus(operations_of(stmt->expr), operations_of(stmt->condition)); break;
    case TN_STMT_SORT:
    case TN_STMT_LOCAL: break;
    }
    count = plus(count, plus(inside, once));
  }
  return count;
}

/* ---- bytes ---- */

typedef struct {
  const tn_kernel *kernel;
  const tn_expr *const *lets; /* by value; NULL: an accumulator */
  bool *seen;                 /* dims that the access depends on */
  bool *followed;             /* values */
  int64_t count;
} touched;

static bool count_dim(void *user, int dim) {
  touched *t = user;
  if (!t->seen[dim]) t->count = times(t->count, t->kernel->dims[dim].size);
  t->seen[dim] = true;
  return false;
}

/* What a let depends on; an accumulator on all that is not reduced. */
static bool follow_value(void *user, const tn_expr *expr) {
  touched *t = user;
  if (expr->kind != TN_EXPR_VALUE || t->followed[expr->value]) return false;
  t->followed[expr->value] = true;
  const tn_expr *let = t->lets[expr->value];
  if (let) return tn_walk_expr(&(tn_walk){follow_value, count_dim, t}, let);
  for (int d = 0; d < t->kernel->n_dims; d++)
    if (t->kernel->dims[d].kind != TN_DIM_REDUCED) count_dim(t, d);
  return false;
}

static void find_lets(const tn_stmt *stmt, const tn_expr **lets) {
  for (; stmt; stmt = stmt->next) {
    if (stmt->kind == TN_STMT_LET) lets[stmt->value] = stmt->expr;
    if (stmt->kind == TN_STMT_LOOP || stmt->kind == TN_STMT_REDUCE) find_lets(stmt->body, lets);
  }
}

/* How many elements of its buffer one access can reach. */
static int64_t elements_touched(tn_arena *arena, const tn_kernel *kernel, const tn_expr *const *lets,
                                const tn_touch *touch) {
  touched t = {kernel, lets, TN_NEW_ARRAY(arena, bool, kernel->n_dims + 1),
               TN_NEW_ARRAY(arena, bool, kernel->n_values + 1), 1};
  tn_walk walk = {.expr = follow_value, .dim = count_dim, .user = &t};
  tn_walk_access(&walk, kernel->buffers[touch->buffer].shape->rank, touch->at);
  return t.count;
}

static int64_t bytes_of(const tn_shape *shape, int64_t elements) {
  int64_t bytes = tn_layout_bytes(shape), all = tn_shape_elements(shape);
  return elements >= all ? bytes : (int64_t)((double)bytes * (double)elements / (double)all + 0.5);
}

static int64_t sum_of(const tn_kernel *kernel, const int64_t *elements, bool is_store) {
  int64_t bytes = 0;
  for (int i = 0; i < kernel->n_parameters; i++) {
    tn_access access = kernel->buffers[i].access;
    bool counts = access == TN_BUFFER_INOUT || access == (is_store ? TN_BUFFER_OUT : TN_BUFFER_IN);
    if (counts) bytes = plus(bytes, bytes_of(kernel->buffers[i].shape, elements[i]));
  }
  return bytes;
}

tn_kernel_cost tn_kernel_cost_of(const tn_kernel *kernel) {
  tn_arena *arena = tn_arena_create();
  tn_touches touches = {0};
  int64_t *elements[2];
  const tn_expr **lets = TN_NEW_ARRAY(arena, const tn_expr *, kernel->n_values + 1);
  find_lets(kernel->body, lets);
  for (int s = 0; s < 2; s++) elements[s] = TN_NEW_ARRAY(arena, int64_t, kernel->n_buffers + 1);
  tn_find_touches(arena, kernel, kernel->body, true, &touches);
  for (int i = 0; i < touches.count; i++) {
    const tn_touch *touch = &touches.at[i];
    int64_t *of = &elements[touch->is_store][touch->buffer];
    if (touch->buffer < kernel->n_parameters) *of = plus(*of, elements_touched(arena, kernel, lets, touch));
  }
  tn_kernel_cost cost = {.flops = operations(kernel, kernel->body),
                         .bytes_read = sum_of(kernel, elements[false], false),
                         .bytes_written = sum_of(kernel, elements[true], true)};
  tn_arena_destroy(arena);
  return cost;
}
