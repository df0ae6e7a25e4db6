/* The verifier's checks of sorts: what is sorted, and that the comparator is a function of
 * its values alone.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/sort/sort.h"
#include "codegen/plan/verify.h"

static void check_sorted(tn_kernel_check *c, const tn_stmt *sort, const tn_stmt *nest) {
  const tn_shape *first = c->kernel->buffers[sort->sorted[0]].shape;
  for (int i = 0; i < sort->n_sorted; i++) {
    int buffer = sort->sorted[i];
    const tn_kernel_buffer *b = &c->kernel->buffers[buffer];
    for (int j = 0; j < i; j++)
      if (sort->sorted[j] == buffer) tn_kernel_fault(c, "sort: %s is sorted twice", b->name);
    if (b->access != TN_BUFFER_LOCAL || !c->local_open[buffer] || c->home[buffer] != nest)
      tn_kernel_fault(c, "sort: %s is no local of the body that sorts it", b->name);
    if (b->shape->rank != 1 || b->shape->dims[0] != first->dims[0])
      tn_kernel_fault(c, "sort: %s is %s, %s is %s", b->name, tn_shape_text(c->arena, b->shape),
                      c->kernel->buffers[sort->sorted[0]].name, tn_shape_text(c->arena, first));
    else if (c->kept[buffer] < b->shape->dims[0])
      tn_kernel_fault(c, "%s is sorted, and %lld of its elements are left", b->name,
                      (long long)c->kept[buffer]);
  }
  if (sort->keep < 1 || sort->keep > first->dims[0] || first->dims[0] >= TN_SORT_MAX_COUNT)
    tn_kernel_fault(c, "sort: keep %lld of %lld elements", (long long)sort->keep, (long long)first->dims[0]);
}

static bool is_own(const tn_stmt *sort, int value) {
  for (int i = 0; i < 2 * sort->n_sorted; i++)
    if (sort->sorted_values[i] == value) return true;
  for (const tn_stmt *let = sort->body; let; let = let->next)
    if (let->kind == TN_STMT_LET && let->value == value) return true;
  return false;
}

static void check_closed(tn_kernel_check *c, const tn_stmt *sort, const tn_expr *expr) {
  switch (expr->kind) {
  case TN_EXPR_CONSTANT: return;
  case TN_EXPR_INDEX: tn_kernel_fault(c, "sort: the comparator reads an index"); return;
  case TN_EXPR_LOAD:
    tn_kernel_fault(c, "sort: the comparator reads %s", c->kernel->buffers[expr->load.buffer].name);
    return;
  case TN_EXPR_VALUE:
    if (!is_own(sort, expr->value))
      tn_kernel_fault(c, "sort: the comparator reads %s, which is not its own",
                      c->kernel->values[expr->value].name);
    return;
  case TN_EXPR_OP:
  case TN_EXPR_FMA:
    for (int i = 0; i < expr->op.n_operands; i++) check_closed(c, sort, expr->op.operands[i]);
    return;
  }
}

static void check_comparator(tn_kernel_check *c, const tn_stmt *sort) {
  for (int i = 0; i < 2 * sort->n_sorted; i++) {
    int value = sort->sorted_values[i];
    tn_type type = c->kernel->buffers[sort->sorted[i / 2]].shape->type;
    if (c->kernel->values[value].type != type)
      tn_kernel_fault(c, "%s is %s, the elements of %s are %s", c->kernel->values[value].name,
                      tn_type_name(c->kernel->values[value].type),
                      c->kernel->buffers[sort->sorted[i / 2]].name, tn_type_name(type));
    tn_check_define(c, value);
  }
  for (const tn_stmt *let = sort->body; let; let = let->next) {
    if (let->kind != TN_STMT_LET) {
      tn_kernel_fault(c, "only lets stand in a sort");
      return;
    }
    check_closed(c, sort, let->expr);
    tn_check_expr(c, let->expr);
    tn_check_value(c, let->value, let->expr, "expression");
    tn_check_define(c, let->value);
  }
  check_closed(c, sort, sort->expr);
  tn_check_expr(c, sort->expr);
  if (sort->expr->type != TN_PRED)
    tn_kernel_fault(c, "sort: less is %s, not pred", tn_type_name(sort->expr->type));
  for (int i = 0; i < 2 * sort->n_sorted; i++) c->value_open[sort->sorted_values[i]] = false;
  for (const tn_stmt *let = sort->body; let; let = let->next) c->value_open[let->value] = false;
}

void tn_check_sort(tn_kernel_check *c, const tn_stmt *sort, const tn_stmt *nest) {
  check_sorted(c, sort, nest);
  check_comparator(c, sort);
  for (int i = 0; i < sort->n_sorted; i++) c->kept[sort->sorted[i]] = sort->keep;
}

void tn_check_kept(tn_kernel_check *c, int buffer, const tn_index *at) {
  const tn_kernel_buffer *b = &c->kernel->buffers[buffer];
  int64_t low, high;
  tn_index_range(c->kernel, at, &low, &high);
  if (high >= c->kept[buffer] && high < b->shape->dims[0] && !tn_check_never_runs(c))
    tn_kernel_fault(c, "load of %s: the index may be %lld, its sort keeps %lld elements", b->name,
                    (long long)high, (long long)c->kept[buffer]);
}

/* ---- schedules ---- */

static bool holds_sort(const tn_stmt *stmt) {
  if (stmt->kind == TN_STMT_SORT) return true;
  for (const tn_stmt *child = stmt->body; child; child = child->next)
    if (holds_sort(child)) return true;
  return false;
}

void tn_check_sort_schedule(tn_kernel_check *c, const tn_stmt *stmt) {
  if (stmt->kind == TN_STMT_SORT || !holds_sort(stmt)) return;
  for (int i = 0; i < stmt->n_dims; i++) {
    const tn_dim_schedule *s = &c->kernel->schedule.dims[stmt->dims[i]];
    const char *name = c->kernel->dims[stmt->dims[i]].name;
    if (s->lanes) tn_kernel_fault(c, "vector %s: it holds a sort", name);
    if (s->unroll > 1) tn_kernel_fault(c, "unroll %s: it holds a sort", name);
  }
  for (const tn_stmt *child = stmt->body; child; child = child->next) tn_check_sort_schedule(c, child);
}
