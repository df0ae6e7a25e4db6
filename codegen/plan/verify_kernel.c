/* The verifier's checks of kernels: names, scopes, statements. What stores do to each
 * other is in verify_stores.c.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/native.h"
#include "codegen/plan/verify.h"

bool tn_kernel_fault(tn_kernel_check *c, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *message = tn_arena_vprintf(c->arena, format, arguments);
  va_end(arguments);
  c->errors++;
  return tn_error(c->sink, TN_INVALID, TN_NOWHERE, "kernel %s: %s", c->kernel->name, message);
}

bool tn_check_never_runs(const tn_kernel_check *c) {
  for (int d = 0; d < c->kernel->n_dims; d++)
    if (c->dim_open[d] && c->kernel->dims[d].size == 0) return true;
  return false;
}

/* ---- stores ---- */

static void check_store(tn_kernel_check *c, const tn_stmt *stmt) {
  const tn_kernel_buffer *b = &c->kernel->buffers[stmt->buffer];
  tn_check_expr(c, stmt->expr);
  if (stmt->condition) tn_check_expr(c, stmt->condition);
  if (stmt->condition && stmt->condition->type != TN_PRED)
    tn_kernel_fault(c, "the condition of a store to %s is %s, pred expected", b->name,
                    tn_type_name(stmt->condition->type));
  if (b->access == TN_BUFFER_IN) tn_kernel_fault(c, "%s is read only, and written", b->name);
  if (b->access == TN_BUFFER_LOCAL && !c->local_open[stmt->buffer])
    tn_kernel_fault(c, "%s is written outside its body", b->name);
  if (stmt->expr->type != b->shape->type)
    tn_kernel_fault(c, "%s is %s, %s is stored", b->name, tn_type_name(b->shape->type),
                    tn_type_name(stmt->expr->type));
  for (int d = 0; d < b->shape->rank; d++) tn_check_index(c, stmt->at[d], false);
  tn_check_inside(c, "store", stmt->buffer, stmt->at);
}

/* ---- nests ---- */

static void check_body(tn_kernel_check *c, const tn_stmt *nest);

static void open_dims(tn_kernel_check *c, const tn_stmt *stmt) {
  bool reduce = stmt->kind == TN_STMT_REDUCE;
  for (int i = 0; i < stmt->n_dims; i++) {
    int dim = stmt->dims[i];
    const tn_dim *d = &c->kernel->dims[dim];
    if (c->dim_used[dim]) tn_kernel_fault(c, "dim %s belongs to two statements", d->name);
    if ((d->kind == TN_DIM_REDUCED) != reduce)
      tn_kernel_fault(c, "dim %s is %s, its statement is a %s", d->name, reduce ? "not reduced" : "reduced",
                      reduce ? "reduce" : "loop");
    if (d->kind != c->kernel->dims[stmt->dims[0]].kind)
      tn_kernel_fault(c, "dims %s and %s of one loop are parallel and carried",
                      c->kernel->dims[stmt->dims[0]].name, d->name);
    if (d->size < 0) tn_kernel_fault(c, "dim %s has size %lld", d->name, (long long)d->size);
    c->dim_used[dim] = c->dim_open[dim] = true;
  }
}

static void close_dims(tn_kernel_check *c, const tn_stmt *stmt) {
  for (int i = 0; i < stmt->n_dims; i++) c->dim_open[stmt->dims[i]] = false;
}

void tn_check_value(tn_kernel_check *c, int value, const tn_expr *expr, const char *what) {
  const tn_kernel_value *v = &c->kernel->values[value];
  if (expr->type != v->type)
    tn_kernel_fault(c, "%s is %s, its %s is %s", v->name, tn_type_name(v->type), what,
                    tn_type_name(expr->type));
}

void tn_check_define(tn_kernel_check *c, int value) {
  if (c->value_used[value]) tn_kernel_fault(c, "%s is set by two statements", c->kernel->values[value].name);
  c->value_used[value] = c->value_open[value] = true;
}

/* reduce k:16 to e */
static void check_bound(tn_kernel_check *c, const tn_stmt *reduce) {
  tn_check_expr(c, reduce->expr);
  if (reduce->expr->type != TN_S32)
    tn_kernel_fault(c, "a reduce ends at an s32, not at %s", tn_type_name(reduce->expr->type));
  if (reduce->n_dims != 1) tn_kernel_fault(c, "a reduce with an end has %d dims, not one", reduce->n_dims);
  for (const tn_stmt *s = reduce->body; s; s = s->next)
    if (s->kind == TN_STMT_STORE) tn_kernel_fault(c, "a reduce with an end holds lets alone");
}

static void check_reduce(tn_kernel_check *c, const tn_stmt *stmt) {
  for (const tn_stmt *s = stmt->body; s; s = s->next)
    if (s->kind != TN_STMT_LET && s->kind != TN_STMT_STORE)
      tn_kernel_fault(c, "only lets and stores stand in a reduce");
  for (int i = 0; i < stmt->n_accumulators; i++) {
    tn_check_expr(c, stmt->accumulators[i].initial); /* outside: its dims are not open */
    tn_check_value(c, stmt->accumulators[i].value, stmt->accumulators[i].initial, "initial value");
  }
  if (stmt->expr) check_bound(c, stmt);
  for (int i = 0; i < stmt->n_accumulators; i++) tn_check_define(c, stmt->accumulators[i].value);
  open_dims(c, stmt);
  check_body(c, stmt);
  for (const tn_stmt *s = stmt->body; s; s = s->next)
    if (s->kind == TN_STMT_LET) c->value_open[s->value] = true; /* for the updates */
  for (int i = 0; i < stmt->n_accumulators; i++) {
    tn_check_expr(c, stmt->accumulators[i].update);
    tn_check_value(c, stmt->accumulators[i].value, stmt->accumulators[i].update, "update");
  }
  for (const tn_stmt *s = stmt->body; s; s = s->next)
    if (s->kind == TN_STMT_LET) c->value_open[s->value] = false;
  close_dims(c, stmt);
}

static void check_loop(tn_kernel_check *c, const tn_stmt *stmt) {
  open_dims(c, stmt);
  check_body(c, stmt);
  close_dims(c, stmt);
}

static void open_local(tn_kernel_check *c, const tn_stmt *stmt, const tn_stmt *nest) {
  const tn_kernel_buffer *b = &c->kernel->buffers[stmt->buffer];
  if (b->access != TN_BUFFER_LOCAL) tn_kernel_fault(c, "%s is a parameter, and declared as a local", b->name);
  if (b->shape->layout) tn_kernel_fault(c, "%s is a local, and has a layout", b->name);
  c->local_open[stmt->buffer] = true;
  c->home[stmt->buffer] = nest;
}

/* nest: the statement whose body it stands in. */
static void check_stmt(tn_kernel_check *c, const tn_stmt *stmt, const tn_stmt *nest) {
  switch (stmt->kind) {
  case TN_STMT_LOOP: check_loop(c, stmt); return;
  case TN_STMT_REDUCE: check_reduce(c, stmt); return;
  case TN_STMT_LOCAL: open_local(c, stmt, nest); return;
  case TN_STMT_LET:
    tn_check_expr(c, stmt->expr);
    tn_check_value(c, stmt->value, stmt->expr, "expression");
    tn_check_define(c, stmt->value);
    return;
  case TN_STMT_STORE: check_store(c, stmt); return;
  case TN_STMT_SORT: tn_check_sort(c, stmt, nest); return;
  }
}

static void check_body(tn_kernel_check *c, const tn_stmt *nest) {
  for (const tn_stmt *stmt = nest->body; stmt; stmt = stmt->next) check_stmt(c, stmt, nest);
  for (const tn_stmt *stmt = nest->body; stmt; stmt = stmt->next) { /* what the body declared ends here */
    if (stmt->kind == TN_STMT_LET) c->value_open[stmt->value] = false;
    if (stmt->kind == TN_STMT_LOCAL) c->local_open[stmt->buffer] = false;
    for (int i = 0; i < stmt->n_accumulators; i++) c->value_open[stmt->accumulators[i].value] = false;
  }
}

/* ---- kernels ---- */

static void check_names(tn_kernel_check *c) {
  const tn_kernel *k = c->kernel;
  int count = 0;
  const char **names = TN_NEW_ARRAY(c->arena, const char *, k->n_buffers + k->n_dims + k->n_values);
  for (int i = 0; i < k->n_buffers; i++) names[count++] = k->buffers[i].name;
  for (int i = 0; i < k->n_dims; i++)
    if (c->dim_used[i]) names[count++] = k->dims[i].name;
  for (int i = 0; i < k->n_values; i++)
    if (c->value_used[i]) names[count++] = k->values[i].name;
  for (int i = 0; i < count; i++)
    for (int j = 0; j < i; j++)
      if (!strcmp(names[i], names[j])) tn_kernel_fault(c, "the name '%s' is used twice", names[i]);
}

static void check_parameters(tn_kernel_check *c) {
  for (int i = 0; i < c->kernel->n_buffers; i++) {
    const tn_kernel_buffer *b = &c->kernel->buffers[i];
    if (!tn_shape_is_array(b->shape) || !tn_type_is_native(b->shape->type) || tn_shape_is_dynamic(b->shape))
      tn_kernel_fault(c, "%s: kernels have no %s", b->name, tn_shape_text(c->arena, b->shape));
    else if (tn_layout_packing(b->shape) > 1)
      tn_kernel_fault(c, "%s: several elements of %s share a byte: it is passed as bytes", b->name,
                      tn_shape_text(c->arena, b->shape));
    else if ((b->access == TN_BUFFER_LOCAL) != (i >= c->kernel->n_parameters))
      tn_kernel_fault(c, "%s is neither parameter nor local", b->name);
  }
}

bool tn_kernel_verify(const tn_kernel *kernel, const tn_cpu *target, tn_arena *scratch,
                      tn_diagnostics *sink) {
  tn_kernel_check c = {.kernel = kernel, .target = target, .arena = scratch, .sink = sink};
  c.dim_open = TN_NEW_ARRAY(scratch, bool, kernel->n_dims);
  c.dim_used = TN_NEW_ARRAY(scratch, bool, kernel->n_dims);
  c.value_open = TN_NEW_ARRAY(scratch, bool, kernel->n_values);
  c.value_used = TN_NEW_ARRAY(scratch, bool, kernel->n_values);
  c.local_open = TN_NEW_ARRAY(scratch, bool, kernel->n_buffers);
  c.home = TN_NEW_ARRAY(scratch, const tn_stmt *, kernel->n_buffers);
  c.kept = TN_NEW_ARRAY(scratch, int64_t, kernel->n_buffers);
  for (int i = 0; i < kernel->n_buffers; i++) c.kept[i] = INT64_MAX;
  check_parameters(&c);
  if (!kernel->body || kernel->body->kind != TN_STMT_LOOP || kernel->body->next)
    return tn_kernel_fault(&c, "a kernel is one loop");
  if (c.errors) return false;
  check_stmt(&c, kernel->body, NULL);
  check_names(&c);
  if (!c.errors) tn_check_stores(&c);
  if (!c.errors && kernel->schedule.dims) tn_check_schedule(&c);
  return c.errors == 0;
}
