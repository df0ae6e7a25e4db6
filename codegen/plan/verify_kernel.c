/* The verifier's checks of kernels: names, scopes, statements, and that every element
 * of what is written is written once.
 *
 * That is proved for stores whose place in the buffer (row-major) is a sum of dims
 * with the scales of a mixed-radix number: 1, s0, s0*s1, … up to the buffer's size,
 * in any order: each value of the dims is another element, and all elements occur.
 * A store of another form is refused as not proved. Several stores cover a buffer together
 * if each has its own constant as the last index, and all of that dim's constants occur:
 * y[…, 0] and y[…, 1], the parts of complex numbers.
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

static int64_t scale_of(const tn_index *index, int dim) {
  for (int i = 0; i < index->n_terms; i++)
    if (index->terms[i].kind == TN_TERM_DIM && index->terms[i].dim == dim) return index->terms[i].scale;
  return 0;
}

/* Of the first `rank` dims. */
static const tn_index *row_major(tn_kernel_check *c, const tn_shape *shape, int rank,
                                 const tn_index *const *at) {
  const tn_index *sum = tn_index_constant(c->arena, 0);
  for (int d = 0; d < rank; d++)
    sum = tn_index_add(c->arena, tn_index_scale(c->arena, sum, shape->dims[d]), at[d]);
  return sum;
}

/* The dims between the buffer's home and the store, those of one iteration left out. */
static int dims_around(tn_kernel_check *c, const tn_nest *nest, const tn_nest *home, int *dims) {
  int count = 0;
  for (const tn_nest *n = nest; n && n != home; n = n->outer)
    for (int i = 0; i < n->stmt->n_dims; i++)
      if (c->kernel->dims[n->stmt->dims[i]].size != 1) dims[count++] = n->stmt->dims[i];
  return count;
}

static bool covers(tn_kernel_check *c, const tn_index *place, const int *dims, int n_dims, int64_t elements) {
  int64_t reach = 1;
  for (int step = 0; step < n_dims; step++) {
    int next = -1;
    for (int i = 0; i < n_dims; i++)
      if (scale_of(place, dims[i]) == reach) next = dims[i];
    if (next < 0) return false;
    reach *= c->kernel->dims[next].size;
  }
  int varying = 0;
  for (int i = 0; i < place->n_terms; i++)
    varying += place->terms[i].kind != TN_TERM_DIM || c->kernel->dims[place->terms[i].dim].size != 1;
  return reach == elements && place->constant == 0 && varying == n_dims;
}

/* The bit of the constant that the store has as its last index, among those of the dim: 0,
 * and all bits, if it has none.                                                           */
static uint64_t part_of(const tn_shape *shape, const tn_stmt *store, uint64_t *all) {
  int last = shape->rank - 1;
  *all = 0;
  if (last < 0 || shape->dims[last] < 2 || shape->dims[last] > 32 || store->at[last]->n_terms) return 0;
  int64_t constant = store->at[last]->constant;
  if (constant < 0 || constant >= shape->dims[last]) return 0;
  *all = (UINT64_C(1) << shape->dims[last]) - 1;
  return UINT64_C(1) << constant;
}

static void check_once(tn_kernel_check *c, const tn_stmt *store, const tn_nest *nest) {
  const tn_kernel_buffer *b = &c->kernel->buffers[store->buffer];
  uint64_t all, part = part_of(b->shape, store, &all), *parts = &c->parts_written[store->buffer];
  if (c->written[store->buffer] || (part & *parts) || (!part && *parts)) {
    tn_kernel_fault(c, "%s is written by two stores", b->name);
    return;
  }
  *parts |= part;
  c->written[store->buffer] = *parts == all;
  if (tn_check_never_runs(c)) return;
  int *dims = TN_NEW_ARRAY(c->arena, int, c->kernel->n_dims + 1);
  int n_dims = dims_around(c, nest, c->home[store->buffer], dims);
  const tn_index *place = row_major(c, b->shape, b->shape->rank - (part != 0), store->at);
  int64_t elements = tn_shape_elements(b->shape);
  if (part) elements /= b->shape->dims[b->shape->rank - 1];
  if (!covers(c, place, dims, n_dims, elements))
    tn_kernel_fault(c, "the store to %s is not proved to write each of its %lld elements once", b->name,
                    (long long)tn_shape_elements(b->shape));
}

/* What is updated in place is read only where it is written. */
static bool reads_elsewhere(const tn_expr *expr, int buffer, int rank, const tn_index *const *at) {
  switch (expr->kind) {
  case TN_EXPR_CONSTANT:
  case TN_EXPR_INDEX:
  case TN_EXPR_VALUE: return false;
  case TN_EXPR_LOAD:
    for (int d = 0; expr->load.buffer == buffer && d < rank; d++)
      if (!tn_index_equal(expr->load.at[d], at[d])) return true;
    return expr->load.fill && reads_elsewhere(expr->load.fill, buffer, rank, at);
  case TN_EXPR_OP:
  case TN_EXPR_FMA:
    for (int i = 0; i < expr->op.n_operands; i++)
      if (reads_elsewhere(expr->op.operands[i], buffer, rank, at)) return true;
    return false;
  }
  return false;
}

static void check_store(tn_kernel_check *c, const tn_stmt *stmt, const tn_nest *nest) {
  const tn_kernel_buffer *b = &c->kernel->buffers[stmt->buffer];
  tn_check_expr(c, stmt->expr);
  if (b->access == TN_BUFFER_IN) tn_kernel_fault(c, "%s is read only, and written", b->name);
  if (b->access == TN_BUFFER_LOCAL && !c->local_open[stmt->buffer])
    tn_kernel_fault(c, "%s is written outside its body", b->name);
  if (stmt->expr->type != b->shape->type)
    tn_kernel_fault(c, "%s is %s, %s is stored", b->name, tn_type_name(b->shape->type),
                    tn_type_name(stmt->expr->type));
  for (int d = 0; d < b->shape->rank; d++) tn_check_index(c, stmt->at[d], false);
  if (b->access == TN_BUFFER_INOUT && reads_elsewhere(stmt->expr, stmt->buffer, b->shape->rank, stmt->at))
    tn_kernel_fault(c, "%s is updated in place, and read at another element", b->name);
  tn_check_inside(c, "store", stmt->buffer, stmt->at);
  check_once(c, stmt, nest);
}

/* ---- nests ---- */

static void check_body(tn_kernel_check *c, const tn_stmt *body, const tn_nest *nest);

static void open_dims(tn_kernel_check *c, const tn_stmt *stmt) {
  bool reduce = stmt->kind == TN_STMT_REDUCE;
  for (int i = 0; i < stmt->n_dims; i++) {
    int dim = stmt->dims[i];
    const tn_dim *d = &c->kernel->dims[dim];
    if (c->dim_used[dim]) tn_kernel_fault(c, "dim %s belongs to two statements", d->name);
    if ((d->kind == TN_DIM_REDUCED) != reduce)
      tn_kernel_fault(c, "dim %s is %s, its statement is a %s", d->name, reduce ? "not reduced" : "reduced",
                      reduce ? "reduce" : "loop");
    if (d->size < 0) tn_kernel_fault(c, "dim %s has size %lld", d->name, (long long)d->size);
    c->dim_used[dim] = c->dim_open[dim] = true;
  }
}

static void close_dims(tn_kernel_check *c, const tn_stmt *stmt) {
  for (int i = 0; i < stmt->n_dims; i++) c->dim_open[stmt->dims[i]] = false;
}

static void set_value(tn_kernel_check *c, int value, const tn_expr *expr, const char *what) {
  const tn_kernel_value *v = &c->kernel->values[value];
  if (expr->type != v->type)
    tn_kernel_fault(c, "%s is %s, its %s is %s", v->name, tn_type_name(v->type), what,
                    tn_type_name(expr->type));
}

static void define(tn_kernel_check *c, int value) {
  if (c->value_used[value]) tn_kernel_fault(c, "%s is set by two statements", c->kernel->values[value].name);
  c->value_used[value] = c->value_open[value] = true;
}

static void check_reduce(tn_kernel_check *c, const tn_stmt *stmt, const tn_nest *nest) {
  for (const tn_stmt *s = stmt->body; s; s = s->next)
    if (s->kind != TN_STMT_LET && s->kind != TN_STMT_STORE)
      tn_kernel_fault(c, "only lets and stores stand in a reduce");
  for (int i = 0; i < stmt->n_accumulators; i++) {
    tn_check_expr(c, stmt->accumulators[i].initial); /* outside: its dims are not open */
    set_value(c, stmt->accumulators[i].value, stmt->accumulators[i].initial, "initial value");
  }
  for (int i = 0; i < stmt->n_accumulators; i++) define(c, stmt->accumulators[i].value);
  tn_nest inside = {nest, stmt};
  open_dims(c, stmt);
  check_body(c, stmt->body, &inside);
  for (const tn_stmt *s = stmt->body; s; s = s->next)
    if (s->kind == TN_STMT_LET) c->value_open[s->value] = true; /* for the updates */
  for (int i = 0; i < stmt->n_accumulators; i++) {
    tn_check_expr(c, stmt->accumulators[i].update);
    set_value(c, stmt->accumulators[i].value, stmt->accumulators[i].update, "update");
  }
  for (const tn_stmt *s = stmt->body; s; s = s->next)
    if (s->kind == TN_STMT_LET) c->value_open[s->value] = false;
  close_dims(c, stmt);
}

static void check_loop(tn_kernel_check *c, const tn_stmt *stmt, const tn_nest *nest) {
  tn_nest inside = {nest, stmt};
  open_dims(c, stmt);
  check_body(c, stmt->body, &inside);
  close_dims(c, stmt);
}

static void open_local(tn_kernel_check *c, const tn_stmt *stmt, const tn_nest *nest) {
  const tn_kernel_buffer *b = &c->kernel->buffers[stmt->buffer];
  if (b->access != TN_BUFFER_LOCAL) tn_kernel_fault(c, "%s is a parameter, and declared as a local", b->name);
  if (b->shape->layout) tn_kernel_fault(c, "%s is a local, and has a layout", b->name);
  c->local_open[stmt->buffer] = true;
  c->home[stmt->buffer] = nest;
}

static void check_stmt(tn_kernel_check *c, const tn_stmt *stmt, const tn_nest *nest) {
  switch (stmt->kind) {
  case TN_STMT_LOOP: check_loop(c, stmt, nest); return;
  case TN_STMT_REDUCE: check_reduce(c, stmt, nest); return;
  case TN_STMT_LOCAL: open_local(c, stmt, nest); return;
  case TN_STMT_LET:
    tn_check_expr(c, stmt->expr);
    set_value(c, stmt->value, stmt->expr, "expression");
    define(c, stmt->value);
    return;
  case TN_STMT_STORE: check_store(c, stmt, nest); return;
  }
}

static void check_body(tn_kernel_check *c, const tn_stmt *body, const tn_nest *nest) {
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next) check_stmt(c, stmt, nest);
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next) { /* what the body declared ends here */
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
    else if ((b->access == TN_BUFFER_LOCAL) != (i >= c->kernel->n_parameters))
      tn_kernel_fault(c, "%s is neither parameter nor local", b->name);
  }
}

static void check_outputs(tn_kernel_check *c) {
  for (int i = 0; i < c->kernel->n_parameters; i++) {
    const tn_kernel_buffer *b = &c->kernel->buffers[i];
    bool out = b->access == TN_BUFFER_OUT || b->access == TN_BUFFER_INOUT;
    if (out && !c->written[i] && tn_shape_elements(b->shape))
      tn_kernel_fault(c, c->parts_written[i] ? "only some parts of %s are written" : "%s is never written",
                      b->name);
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
  c.written = TN_NEW_ARRAY(scratch, bool, kernel->n_buffers);
  c.parts_written = TN_NEW_ARRAY(scratch, uint64_t, kernel->n_buffers);
  c.home = TN_NEW_ARRAY(scratch, const tn_nest *, kernel->n_buffers);
  check_parameters(&c);
  if (!kernel->body || kernel->body->kind != TN_STMT_LOOP || kernel->body->next)
    return tn_kernel_fault(&c, "a kernel is one loop");
  if (c.errors) return false;
  check_stmt(&c, kernel->body, NULL);
  check_names(&c);
  check_outputs(&c);
  if (!c.errors && kernel->schedule.dims) tn_check_schedule(&c);
  return c.errors == 0;
}
