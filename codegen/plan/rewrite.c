/* Kernels with other indices: new nodes everywhere, the old ones stay as they are.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/rewrite.h"

static const tn_expr *rewrite_expr(tn_rewrite *r, const tn_expr *expr);

static const tn_index *rewrite_index(tn_rewrite *r, const tn_index *index) {
  const tn_index *result = tn_index_constant(r->arena, index->constant), *part = NULL;
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *term = &index->terms[i];
    switch (term->kind) {
    case TN_TERM_DIM:
      part = r->dims[term->dim] ? r->dims[term->dim] : tn_index_dim(r->arena, term->dim);
      break;
    case TN_TERM_QUOTIENT:
      part = tn_index_quotient(r->arena, r->kernel, rewrite_index(r, term->of), term->divisor);
      break;
    case TN_TERM_REMAINDER:
      part = tn_index_remainder(r->arena, r->kernel, rewrite_index(r, term->of), term->divisor);
      break;
    case TN_TERM_VALUE: part = tn_index_value(r->arena, rewrite_expr(r, term->value), term->limit); break;
    }
    result = tn_index_add(r->arena, result, tn_index_scale(r->arena, part, term->scale));
  }
  return result;
}

static const tn_index *const *rewrite_access(tn_rewrite *r, int buffer, const tn_index *const *at,
                                             int *left) {
  int rank = r->kernel->buffers[buffer].shape->rank, n = 0;
  const tn_index **result = TN_NEW_ARRAY(r->arena, const tn_index *, rank);
  for (int i = 0; i < rank; i++)
    if (!r->drops[buffer] || !r->drops[buffer][i]) result[n++] = rewrite_index(r, at[i]);
  *left = n;
  return result;
}

static void rewrite_load(tn_rewrite *r, tn_expr *load) {
  tn_guard_range *guards = TN_NEW_ARRAY(r->arena, tn_guard_range, load->load.n_guards);
  for (int i = 0; i < load->load.n_guards; i++) {
    guards[i] = load->load.guards[i];
    guards[i].index = rewrite_index(r, guards[i].index);
  }
  load->load.guards = guards;
  load->load.at = rewrite_access(r, load->load.buffer, load->load.at, &load->load.rank);
  if (load->load.fill) load->load.fill = rewrite_expr(r, load->load.fill);
  if (r->buffers) load->load.buffer = r->buffers[load->load.buffer];
}

static const tn_expr *rewrite_expr(tn_rewrite *r, const tn_expr *expr) {
  tn_expr *copy = tn_arena_copy(r->arena, expr, sizeof *expr);
  switch (expr->kind) {
  case TN_EXPR_CONSTANT: break;
  case TN_EXPR_VALUE:
    if (r->values) copy->value = r->values[expr->value];
    break;
  case TN_EXPR_INDEX: copy->index = rewrite_index(r, expr->index); break;
  case TN_EXPR_LOAD: rewrite_load(r, copy); break;
  case TN_EXPR_OP:
  case TN_EXPR_FMA: {
    const tn_expr **operands = TN_NEW_ARRAY(r->arena, const tn_expr *, expr->op.n_operands);
    for (int i = 0; i < expr->op.n_operands; i++) operands[i] = rewrite_expr(r, expr->op.operands[i]);
    copy->op.operands = operands;
    break;
  }
  }
  return copy;
}

static void rewrite_body(tn_rewrite *r, tn_stmt *body) {
  for (tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    int rank;
    if (stmt->expr) stmt->expr = rewrite_expr(r, stmt->expr);
    if (stmt->condition) stmt->condition = rewrite_expr(r, stmt->condition);
    if (stmt->kind == TN_STMT_STORE) stmt->at = rewrite_access(r, stmt->buffer, stmt->at, &rank);
    tn_accumulator *accumulators = TN_NEW_ARRAY(r->arena, tn_accumulator, stmt->n_accumulators);
    for (int i = 0; i < stmt->n_accumulators; i++) {
      const tn_accumulator *old = &stmt->accumulators[i];
      accumulators[i] =
          (tn_accumulator){old->value, rewrite_expr(r, old->initial), rewrite_expr(r, old->update)};
    }
    stmt->accumulators = accumulators;
    rewrite_body(r, stmt->body);
  }
}

/* A buffer without its dropped positions: such a dim is of size 1, or the next takes
 * its elements over.                                                                 */
static void rewrite_shape(tn_rewrite *r, tn_kernel_buffer *buffer, const bool *drops) {
  int64_t *dims = TN_NEW_ARRAY(r->arena, int64_t, buffer->shape->rank), carry = 1;
  int n = 0;
  if (!drops) return;
  for (int i = 0; i < buffer->shape->rank; i++) {
    carry *= buffer->shape->dims[i];
    if (drops[i]) continue;
    dims[n++] = carry;
    carry = 1;
  }
  buffer->shape = tn_shape_array(r->arena, buffer->shape->type, n, dims);
}

void tn_rewrite_apply(tn_rewrite *r) {
  rewrite_body(r, r->kernel->body);
  for (int i = 0; i < r->kernel->n_buffers; i++) rewrite_shape(r, &r->kernel->buffers[i], r->drops[i]);
}

tn_rewrite tn_rewrite_nothing(tn_arena *arena, tn_kernel *kernel) {
  return (tn_rewrite){arena,
                      kernel,
                      TN_NEW_ARRAY(arena, const tn_index *, kernel->n_dims),
                      TN_NEW_ARRAY(arena, bool *, kernel->n_buffers),
                      NULL,
                      NULL};
}

tn_stmt *tn_stmt_copy(tn_arena *arena, const tn_stmt *body) {
  tn_stmt *first = NULL, **tail = &first;
  for (const tn_stmt *s = body; s; s = s->next) {
    *tail = tn_arena_copy(arena, s, sizeof *s);
    (*tail)->body = tn_stmt_copy(arena, s->body);
    tail = &(*tail)->next;
  }
  *tail = NULL;
  return first;
}
