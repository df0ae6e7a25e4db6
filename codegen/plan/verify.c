/* Is a plan right? Everything that the interpreter and the code generator rely on.
 *
 * Buffers: names, bytes, that temps alive at the same time lie apart. Steps: arguments
 * fit parameters, nothing is read before it is written, nothing that others read is
 * overwritten. Kernels: verify_kernel.c. What cannot be proved is an error.
 *
 * Cost: the square of the number of temps, and of a kernel's names.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/verify.h"

#include "codegen/plan/place.h"

typedef struct {
  const tn_plan *plan;
  tn_arena *arena; /* scratch */
  tn_diagnostics *sink;
  int errors;
} plan_check;

static bool fault(plan_check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fault(plan_check *c, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *message = tn_arena_vprintf(c->arena, format, arguments);
  va_end(arguments);
  c->errors++;
  return tn_error(c->sink, TN_INVALID, TN_NOWHERE, "plan %s: %s", c->plan->name, message);
}

static const tn_buffer *buffer_at(const plan_check *c, int buffer) { return &c->plan->buffers[buffer]; }

/* ---- buffers ---- */

static void check_buffer(plan_check *c, const tn_buffer *b) {
  if (!tn_shape_is_array(b->shape) || tn_shape_is_dynamic(b->shape)) {
    fault(c, "%s: no plan holds %s", b->name, tn_shape_text(c->arena, b->shape));
    return;
  }
  if (b->bytes != tn_layout_bytes(b->shape))
    fault(c, "%s has %lld bytes, its shape takes %lld", b->name, (long long)b->bytes,
          (long long)tn_layout_bytes(b->shape));
  if (b->memory == TN_MEMORY_TEMP && (b->offset < 0 || b->offset % 64))
    fault(c, "%s lies at %lld, which is no multiple of 64", b->name, (long long)b->offset);
  if (b->memory == TN_MEMORY_CONSTANT && (!b->literal || !tn_shape_equal(b->literal->shape, b->shape)))
    fault(c, "%s is a constant without its values", b->name);
  if (b->alias < 0) return;
  const tn_buffer *with = buffer_at(c, b->alias);
  if (b->memory != TN_MEMORY_RESULT || with->memory != TN_MEMORY_PARAMETER)
    fault(c, "%s has an alias that is no parameter", b->name);
  else if (with->bytes != b->bytes)
    fault(c, "%s has %lld bytes, its alias %s has %lld", b->name, (long long)b->bytes, with->name,
          (long long)with->bytes);
}

static void check_names(plan_check *c) {
  const tn_plan *plan = c->plan;
  for (int i = 0; i < plan->n_kernels; i++)
    for (int j = 0; j < i; j++)
      if (!strcmp(plan->kernels[i]->name, plan->kernels[j]->name))
        fault(c, "two kernels are called %s", plan->kernels[i]->name);
  for (int i = 0; i < plan->n_buffers; i++)
    for (int j = 0; j < i; j++)
      if (!strcmp(plan->buffers[i].name, plan->buffers[j].name))
        fault(c, "two buffers are called %s", plan->buffers[i].name);
}

static void check_apart(plan_check *c) {
  const tn_life *lives = tn_plan_timeline(c->arena, c->plan).lives;
  for (int i = 0; i < c->plan->n_buffers; i++)
    for (int j = 0; j < i && lives[i].size; j++) {
      bool together = lives[j].size && lives[i].first <= lives[j].last && lives[j].first <= lives[i].last;
      int64_t a = buffer_at(c, i)->offset, b = buffer_at(c, j)->offset;
      if (together && a < b + lives[j].size && b < a + lives[i].size)
        fault(c, "%s and %s overlap and are alive together", buffer_at(c, j)->name, buffer_at(c, i)->name);
    }
}

/* ---- steps ---- */

/* Which buffers hold something; of results with an alias: whether they were written. */
typedef bool *defined;

static void read_buffer(plan_check *c, defined d, int buffer, const char *by) {
  const tn_buffer *b = buffer_at(c, buffer);
  if (!d[buffer] && b->bytes) fault(c, "%s reads %s, which holds nothing yet", by, b->name);
  for (int r = 0; r < c->plan->n_results; r++) {
    const tn_buffer *result = buffer_at(c, c->plan->results[r]);
    if (result->alias == buffer && d[c->plan->results[r]])
      fault(c, "%s reads %s, which %s may have overwritten", by, b->name, result->name);
  }
}

static void write_buffer(plan_check *c, defined d, int buffer, const char *by) {
  tn_memory memory = buffer_at(c, buffer)->memory;
  if (memory == TN_MEMORY_PARAMETER || memory == TN_MEMORY_CONSTANT)
    fault(c, "%s writes %s, which is read only", by, buffer_at(c, buffer)->name);
  d[buffer] = true;
}

static bool same_layout(const tn_shape *a, const tn_shape *b) {
  if (tn_layout_is_row_major(a) || tn_layout_is_row_major(b))
    return tn_layout_is_row_major(a) && tn_layout_is_row_major(b);
  tn_shape as_a = *b;
  as_a.type = a->type; /* the same bytes may be seen as another type */
  return tn_shape_identical(a, &as_a);
}

/* What lies in any buffer, one element after the other. */
static bool is_line(const tn_shape *shape) { return shape->rank == 1 && tn_layout_is_row_major(shape); }

static void check_argument(plan_check *c, const tn_kernel *kernel, int parameter, int buffer) {
  const tn_kernel_buffer *p = &kernel->buffers[parameter];
  const tn_buffer *b = buffer_at(c, buffer);
  const tn_shape *shape = tn_shape_of_parts(c->arena, b->shape);
  if (tn_layout_bytes(p->shape) != b->bytes)
    fault(c, "run %s: %s has %lld bytes, %s has %lld", kernel->name, p->name,
          (long long)tn_layout_bytes(p->shape), b->name, (long long)b->bytes);
  else if (!is_line(p->shape) && !same_layout(p->shape, shape))
    fault(c, "run %s: %s and %s have different layouts", kernel->name, p->name, b->name);
}

/* What a kernel writes is none of its other arguments, nor may it be one's memory. */
static void check_separate(plan_check *c, const tn_kernel *kernel, const tn_step *step, int written) {
  const tn_buffer *out = buffer_at(c, step->arguments[written]);
  for (int i = 0; i < kernel->n_parameters; i++) {
    if (i == written || !out->bytes) continue;
    if (step->arguments[i] == step->arguments[written])
      fault(c, "run %s: %s is written and passed twice", kernel->name, out->name);
    if (out->alias >= 0 && step->arguments[i] == out->alias)
      fault(c, "run %s: %s may be %s, which it reads", kernel->name, out->name,
            buffer_at(c, out->alias)->name);
  }
}

static void check_run(plan_check *c, const tn_step *step, defined d) {
  const tn_kernel *kernel = c->plan->kernels[step->kernel];
  for (int i = 0; i < kernel->n_parameters; i++) {
    check_argument(c, kernel, i, step->arguments[i]);
    if (kernel->buffers[i].access != TN_BUFFER_OUT) read_buffer(c, d, step->arguments[i], kernel->name);
    if (kernel->buffers[i].access != TN_BUFFER_IN) check_separate(c, kernel, step, i);
  }
  for (int i = 0; i < kernel->n_parameters; i++)
    if (kernel->buffers[i].access != TN_BUFFER_IN) write_buffer(c, d, step->arguments[i], kernel->name);
}

static void check_copy(plan_check *c, const tn_step *step, defined d) {
  const tn_buffer *to = buffer_at(c, step->to), *from = buffer_at(c, step->from);
  if (to->bytes != from->bytes || !same_layout(to->shape, from->shape))
    fault(c, "copy %s = %s: their bytes or layouts differ", to->name, from->name);
  read_buffer(c, d, step->from, "copy");
  write_buffer(c, d, step->to, "copy");
}

static void check_selector(plan_check *c, const tn_step *step, const char *what, bool only_pred) {
  const tn_shape *shape = buffer_at(c, step->selector)->shape;
  bool pred = shape->type == TN_PRED;
  if (tn_shape_elements(shape) != 1 || !(pred || (!only_pred && shape->type == TN_S32)))
    fault(c, "%s: the selector %s is %s", what, buffer_at(c, step->selector)->name,
          tn_shape_text(c->arena, shape));
  else if (!only_pred && pred && step->n_branches != 2)
    fault(c, "%s: a pred selects among 2 branches, not %d", what, step->n_branches);
}

static void check_steps(plan_check *c, const tn_step *steps, defined d);

static void check_while(plan_check *c, const tn_step *step, defined d) {
  check_steps(c, step->test, d);
  read_buffer(c, d, step->selector, "while");
  check_selector(c, step, "while", true);
  defined inside = tn_arena_copy(c->arena, d, sizeof *d * (size_t)c->plan->n_buffers);
  check_steps(c, step->branches[0], inside);
}

/* What every branch writes is there behind them. */
static void check_conditional(plan_check *c, const tn_step *step, defined d) {
  size_t bytes = sizeof *d * (size_t)c->plan->n_buffers;
  defined before = tn_arena_copy(c->arena, d, bytes);
  read_buffer(c, d, step->selector, "conditional");
  check_selector(c, step, "conditional", false);
  for (int i = 0; i < step->n_branches; i++) {
    defined inside = tn_arena_copy(c->arena, before, bytes);
    check_steps(c, step->branches[i], inside);
    for (int b = 0; b < c->plan->n_buffers; b++) d[b] = i ? d[b] && inside[b] : inside[b];
  }
}

static void check_steps(plan_check *c, const tn_step *steps, defined d) {
  for (const tn_step *step = steps; step; step = step->next) switch (step->kind) {
    case TN_STEP_RUN: check_run(c, step, d); break;
    case TN_STEP_COPY: check_copy(c, step, d); break;
    case TN_STEP_WHILE: check_while(c, step, d); break;
    case TN_STEP_CONDITIONAL: check_conditional(c, step, d); break;
    }
}

static void check_flow(plan_check *c) {
  defined d = TN_NEW_ARRAY(c->arena, bool, c->plan->n_buffers);
  for (int i = 0; i < c->plan->n_buffers; i++)
    d[i] = buffer_at(c, i)->memory == TN_MEMORY_PARAMETER || buffer_at(c, i)->memory == TN_MEMORY_CONSTANT;
  check_steps(c, c->plan->steps, d);
  for (int i = 0; i < c->plan->n_results; i++) {
    const tn_buffer *result = buffer_at(c, c->plan->results[i]);
    if (!d[c->plan->results[i]] && result->bytes) fault(c, "the result %s is not written", result->name);
  }
}

bool tn_plan_verify(const tn_plan *plan, tn_diagnostics *sink) {
  plan_check c = {.plan = plan, .arena = tn_arena_create(), .sink = sink};
  for (int i = 0; i < plan->n_buffers; i++) check_buffer(&c, &plan->buffers[i]);
  check_names(&c);
  for (int i = 0; i < plan->n_kernels; i++)
    c.errors += !tn_kernel_verify(plan->kernels[i], plan->target, c.arena, sink);
  if (!c.errors) check_flow(&c);
  if (!c.errors) check_apart(&c);
  tn_arena_destroy(c.arena);
  return c.errors == 0;
}
