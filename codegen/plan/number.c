/* Dims and values are numbered as they appear in the text of the kernel, and named
 * after their numbers; those that nothing uses any more go.
 *
 * So a kernel prints as it reads back, and kernels that differ only in what was there
 * before them in the module are the same.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/build.h"
#include "codegen/plan/rewrite.h"

typedef struct {
  tn_arena *arena;
  tn_kernel *kernel;
  int *dim_to, *value_to; /* new numbers; -1: not met */
  TN_VEC(tn_dim) dims;
  TN_VEC(tn_kernel_value) values;
} numbers;

/* "kh3" becomes "kh" and the new number. */
static const char *renamed(tn_arena *arena, const char *name, int number) {
  size_t length = strlen(name);
  while (length && name[length - 1] >= '0' && name[length - 1] <= '9') length--;
  return tn_arena_printf(arena, "%.*s%d", (int)length, name, number);
}

static void number_dim(numbers *n, int dim) {
  n->dim_to[dim] = n->dims.count;
  tn_dim d = n->kernel->dims[dim];
  d.name = renamed(n->arena, d.name, n->dims.count);
  TN_PUSH(n->arena, &n->dims, d);
}

static void number_value(numbers *n, int value) {
  n->value_to[value] = n->values.count;
  tn_kernel_value v = n->kernel->values[value];
  v.name = renamed(n->arena, v.name, n->values.count);
  TN_PUSH(n->arena, &n->values, v);
}

static void number_body(numbers *n, const tn_stmt *body) {
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    if (stmt->kind == TN_STMT_LET) number_value(n, stmt->value);
    for (int i = 0; i < stmt->n_accumulators; i++) number_value(n, stmt->accumulators[i].value);
    for (int i = 0; i < stmt->n_dims; i++) number_dim(n, stmt->dims[i]);
    for (int i = 0; i < 2 * stmt->n_sorted; i++) number_value(n, stmt->sorted_values[i]);
    number_body(n, stmt->body);
  }
}

static void renumber_body(const numbers *n, tn_stmt *body) {
  for (tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    if (stmt->kind == TN_STMT_LET) stmt->value = n->value_to[stmt->value];
    tn_accumulator *accumulators =
        tn_arena_copy(n->arena, stmt->accumulators, sizeof *accumulators * (size_t)stmt->n_accumulators);
    for (int i = 0; i < stmt->n_accumulators; i++) accumulators[i].value = n->value_to[accumulators[i].value];
    stmt->accumulators = accumulators;
    int *sorted = tn_arena_copy(n->arena, stmt->sorted_values, sizeof *sorted * 2 * (size_t)stmt->n_sorted);
    for (int i = 0; i < 2 * stmt->n_sorted; i++) sorted[i] = n->value_to[sorted[i]];
    stmt->sorted_values = sorted;
    int *dims = tn_arena_copy(n->arena, stmt->dims, sizeof *dims * (size_t)stmt->n_dims);
    for (int i = 0; i < stmt->n_dims; i++) dims[i] = n->dim_to[dims[i]];
    stmt->dims = dims;
    renumber_body(n, stmt->body);
  }
}

void tn_kernel_number(tn_arena *arena, tn_kernel *kernel) {
  numbers n = {.arena = arena, .kernel = kernel};
  n.dim_to = TN_NEW_ARRAY(arena, int, kernel->n_dims);
  n.value_to = TN_NEW_ARRAY(arena, int, kernel->n_values);
  number_body(&n, kernel->body);
  tn_rewrite r = tn_rewrite_nothing(arena, kernel);
  for (int d = 0; d < kernel->n_dims; d++) r.dims[d] = tn_index_dim(arena, n.dim_to[d]);
  r.values = n.value_to;
  kernel->dims = n.dims.at; /* before the rewrite, which asks for ranges */
  kernel->n_dims = n.dims.count;
  kernel->values = n.values.at;
  kernel->n_values = n.values.count;
  tn_rewrite_apply(&r);
  renumber_body(&n, kernel->body);
}
