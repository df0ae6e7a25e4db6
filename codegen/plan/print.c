/* Plans as text. docs/plan.md has the grammar; parse.c reads it back.
 *
 * Constants in expressions print bare where the context gives their type (a store, a
 * let, an operation whose operands have its result's type) and as f32(0.5) elsewhere.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "codegen/plan/expr.h"
#include "codegen/plan/native.h"
#include "codegen/plan/plan.h"

typedef struct {
  tn_text *out;
  const tn_kernel *kernel;
  int indent;
} printer;

static void line(printer *p) {
  tn_text_put_char(p->out, '\n');
  for (int i = 0; i < p->indent; i++) tn_text_put(p->out, "  ");
}

/* ---- indices ---- */

static void print_expr(printer *p, const tn_expr *expr, tn_type expected);
static void print_index(printer *p, const tn_index *index);

/* |scale| != 1 stands behind the term; the sign is the caller's. */
static void print_term(printer *p, const tn_term *term) {
  switch (term->kind) {
  case TN_TERM_DIM: tn_text_put(p->out, p->kernel->dims[term->dim].name); break;
  case TN_TERM_QUOTIENT:
  case TN_TERM_REMAINDER:
    tn_text_put(p->out, "((");
    print_index(p, term->of);
    tn_text_printf(p->out, ")%c%lld)", term->kind == TN_TERM_QUOTIENT ? '/' : '%', (long long)term->divisor);
    break;
  case TN_TERM_VALUE:
    tn_text_put(p->out, "clamp(");
    print_expr(p, term->value, TN_TYPE_NONE);
    tn_text_printf(p->out, ", %lld)", (long long)term->limit);
    break;
  }
  int64_t size = term->scale < 0 ? -term->scale : term->scale;
  if (size != 1) tn_text_printf(p->out, "*%lld", (long long)size);
}

static void print_index(printer *p, const tn_index *index) {
  for (int i = 0; i < index->n_terms; i++) {
    if (index->terms[i].scale < 0)
      tn_text_put_char(p->out, '-');
    else if (i)
      tn_text_put_char(p->out, '+');
    print_term(p, &index->terms[i]);
  }
  if (index->constant > 0 && index->n_terms) tn_text_put_char(p->out, '+');
  if (index->constant || !index->n_terms) tn_text_put_int(p->out, index->constant);
}

static void print_access(printer *p, int buffer, const tn_index *const *at) {
  tn_text_put(p->out, p->kernel->buffers[buffer].name);
  tn_text_put_char(p->out, '[');
  for (int i = 0; i < p->kernel->buffers[buffer].shape->rank; i++) {
    if (i) tn_text_put(p->out, ", ");
    print_index(p, at[i]);
  }
  tn_text_put_char(p->out, ']');
}

/* ---- expressions ---- */

static void print_number(printer *p, tn_type type, uint64_t bits) {
  char text[40];
  if (type == TN_PRED) {
    tn_text_put(p->out, bits ? "true" : "false");
  } else if (tn_type_is_float(type)) {
    tn_text_put_n(p->out, text, tn_print_float(type, &bits, text));
  } else if (type == TN_U64) {
    tn_text_printf(p->out, "%llu", (unsigned long long)bits);
  } else {
    tn_text_put_int(p->out, tn_load_integer(type, &bits));
  }
}

static void print_constant(printer *p, const tn_expr *expr, tn_type expected) {
  bool complex = tn_type_is_complex(expr->type), typed = expr->type != expected;
  if (typed) tn_text_printf(p->out, "%s(", tn_type_name(expr->type));
  if (complex) {
    tn_text_put_char(p->out, '(');
    print_number(p, tn_type_part(expr->type), expr->bits[0]);
    tn_text_put(p->out, ", ");
    print_number(p, tn_type_part(expr->type), expr->bits[1]);
    tn_text_put_char(p->out, ')');
  } else {
    print_number(p, expr->type, expr->bits[0]);
  }
  if (typed) tn_text_put_char(p->out, ')');
}

static void print_load(printer *p, const tn_expr *expr) {
  if (!expr->load.fill) {
    print_access(p, expr->load.buffer, expr->load.at);
    return;
  }
  tn_text_put_char(p->out, '(');
  print_access(p, expr->load.buffer, expr->load.at);
  for (int i = 0; i < expr->load.n_guards; i++) {
    const tn_guard_range *guard = &expr->load.guards[i];
    tn_text_put(p->out, i ? " and " : " if ");
    print_index(p, guard->index);
    tn_text_printf(p->out, " in %lld..%lld", (long long)guard->low, (long long)guard->high);
  }
  tn_text_put(p->out, " else ");
  print_expr(p, expr->load.fill, expr->type);
  tn_text_put_char(p->out, ')');
}

static const char *infix(tn_op op) {
  if (op == TN_OP_ADD) return " + ";
  if (op == TN_OP_SUBTRACT) return " - ";
  if (op == TN_OP_MULTIPLY) return " * ";
  if (op == TN_OP_DIVIDE) return " / ";
  return NULL;
}

static const char *direction_name(tn_direction direction) {
  static const char *const names[] = {
      [TN_EQ] = "EQ", [TN_NE] = "NE", [TN_GE] = "GE", [TN_GT] = "GT", [TN_LE] = "LE", [TN_LT] = "LT"};
  return names[direction];
}

/* HLO's name with underscores; what the operands do not say stands in angle brackets. */
static void print_op_name(printer *p, const tn_expr *expr) {
  for (const char *c = tn_ops[expr->op.op].name; *c; c++) tn_text_put_char(p->out, *c == '-' ? '_' : *c);
  if (expr->op.op == TN_OP_COMPARE)
    tn_text_printf(p->out, "<%s%s>", direction_name(expr->op.direction),
                   expr->op.total_order ? ", total" : "");
  if (tn_op_names_type(expr->op.op)) tn_text_printf(p->out, "<%s>", tn_type_name(expr->type));
  if (expr->op.op == TN_OP_REDUCE_PRECISION)
    tn_text_printf(p->out, "<%d, %d>", expr->op.exponent_bits, expr->op.mantissa_bits);
  if (expr->op.part) tn_text_put(p->out, expr->op.part == TN_PART_REAL ? "<real>" : "<imag>");
}

static void print_operation(printer *p, const tn_expr *expr, tn_type expected) {
  if (expected != expr->type) expected = TN_TYPE_NONE;
  bool two = expr->kind == TN_EXPR_OP && expr->op.n_operands == 2 && !expr->op.part;
  const char *between = two ? infix(expr->op.op) : NULL;
  if (expr->kind == TN_EXPR_FMA)
    tn_text_put(p->out, "fma");
  else if (!between)
    print_op_name(p, expr);
  tn_text_put_char(p->out, '(');
  for (int i = 0; i < expr->op.n_operands; i++) {
    if (i) tn_text_put(p->out, between ? between : ", ");
    print_expr(p, expr->op.operands[i], tn_operand_type(expr->kind, expr->op.op, i, expected));
  }
  tn_text_put_char(p->out, ')');
}

static void print_expr(printer *p, const tn_expr *expr, tn_type expected) {
  switch (expr->kind) {
  case TN_EXPR_CONSTANT: print_constant(p, expr, expected); return;
  case TN_EXPR_INDEX:
    tn_text_printf(p->out, "index<%s>(", tn_type_name(expr->type));
    print_index(p, expr->index);
    tn_text_put_char(p->out, ')');
    return;
  case TN_EXPR_LOAD: print_load(p, expr); return;
  case TN_EXPR_VALUE: tn_text_put(p->out, p->kernel->values[expr->value].name); return;
  case TN_EXPR_OP:
  case TN_EXPR_FMA: print_operation(p, expr, expected); return;
  }
}

/* ---- statements ---- */

static void print_body(printer *p, const tn_stmt *body);

static void print_dims(printer *p, const tn_stmt *stmt) {
  for (int i = 0; i < stmt->n_dims; i++) {
    const tn_dim *dim = &p->kernel->dims[stmt->dims[i]];
    tn_text_printf(p->out, " %s:%lld", dim->name, (long long)dim->size);
  }
}

static void print_accumulators(printer *p, const tn_stmt *reduce) {
  for (int i = 0; i < reduce->n_accumulators; i++) {
    const tn_accumulator *acc = &reduce->accumulators[i];
    tn_type type = p->kernel->values[acc->value].type;
    line(p);
    tn_text_printf(p->out, "%s: %s from ", p->kernel->values[acc->value].name, tn_type_name(type));
    print_expr(p, acc->initial, type);
    tn_text_put(p->out, " = ");
    print_expr(p, acc->update, type);
  }
}

static void print_nest(printer *p, const tn_stmt *stmt) {
  bool reduce = stmt->kind == TN_STMT_REDUCE;
  tn_text_put(p->out, reduce ? "reduce" : tn_is_scan(p->kernel, stmt) ? "scan" : "loop");
  print_dims(p, stmt);
  if (stmt->expr) {
    tn_text_put(p->out, " to ");
    print_expr(p, stmt->expr, TN_TYPE_NONE);
  }
  tn_text_put(p->out, " {");
  p->indent++;
  print_body(p, stmt->body);
  if (stmt->kind == TN_STMT_REDUCE) print_accumulators(p, stmt);
  p->indent--;
  line(p);
  tn_text_put_char(p->out, '}');
}

static void print_sort(printer *p, const tn_stmt *sort) {
  const tn_kernel *kernel = p->kernel;
  int64_t size = kernel->buffers[sort->sorted[0]].shape->dims[0];
  for (int i = 0; i < sort->n_sorted; i++)
    tn_text_printf(p->out, "%s%s", i ? ", " : "sort ", kernel->buffers[sort->sorted[i]].name);
  if (sort->keep < size) tn_text_printf(p->out, " keep %lld", (long long)sort->keep);
  tn_text_put(p->out, " by (");
  for (int i = 0; i < 2 * sort->n_sorted; i++) {
    const tn_kernel_value *value = &kernel->values[sort->sorted_values[i]];
    tn_text_printf(p->out, "%s%s: %s", i ? ", " : "", value->name, tn_type_name(value->type));
  }
  tn_text_put(p->out, ") {");
  p->indent++;
  print_body(p, sort->body);
  p->indent--;
  if (sort->body)
    line(p);
  else
    tn_text_put_char(p->out, ' ');
  tn_text_put(p->out, "} less ");
  print_expr(p, sort->expr, TN_PRED);
}

static void print_stmt(printer *p, const tn_stmt *stmt) {
  const tn_kernel *kernel = p->kernel;
  switch (stmt->kind) {
  case TN_STMT_LOOP:
  case TN_STMT_REDUCE: print_nest(p, stmt); return;
  case TN_STMT_LOCAL:
    tn_text_printf(p->out, "local %s: ", kernel->buffers[stmt->buffer].name);
    tn_shape_print(p->out, kernel->buffers[stmt->buffer].shape, true);
    return;
  case TN_STMT_LET: {
    const tn_kernel_value *value = &kernel->values[stmt->value];
    tn_text_printf(p->out, "let %s: %s = ", value->name, tn_type_name(value->type));
    print_expr(p, stmt->expr, value->type);
    return;
  }
  case TN_STMT_STORE:
    print_access(p, stmt->buffer, stmt->at);
    tn_text_put(p->out, " = ");
    print_expr(p, stmt->expr, kernel->buffers[stmt->buffer].shape->type);
    if (!stmt->condition) return;
    tn_text_put(p->out, " if ");
    print_expr(p, stmt->condition, TN_PRED);
    return;
  case TN_STMT_SORT: print_sort(p, stmt); return;
  }
}

static void print_body(printer *p, const tn_stmt *body) {
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    line(p);
    print_stmt(p, stmt);
  }
}

/* ---- schedules ---- */

/* "; " between the clauses, nothing before the first. */
static void clause(printer *p, bool *first, const char *name) {
  tn_text_put(p->out, *first ? " " : "; ");
  tn_text_put(p->out, name);
  *first = false;
}

static void print_tiles(printer *p, bool *first) {
  const tn_schedule *s = &p->kernel->schedule;
  bool any = false;
  for (int d = 0; d < p->kernel->n_dims; d++) {
    if (!s->dims[d].n_tiles) continue;
    if (!any) clause(p, first, "tile");
    any = true;
    tn_text_printf(p->out, " %s", p->kernel->dims[d].name);
    for (int i = 0; i < s->dims[d].n_tiles; i++)
      tn_text_printf(p->out, ":%lld", (long long)s->dims[d].tiles[i]);
  }
}

static void print_loops(printer *p, const tn_loop_ref *loops, int count) {
  for (int i = 0; i < count; i++) {
    tn_text_printf(p->out, " %s", p->kernel->dims[loops[i].dim].name);
    for (int level = 0; level < loops[i].level; level++) tn_text_put_char(p->out, '\'');
  }
}

static void print_steps(printer *p, bool *first) {
  const tn_schedule *s = &p->kernel->schedule;
  bool any = false;
  for (int d = 0; d < p->kernel->n_dims; d++) {
    if (!s->dims[d].lanes) continue;
    if (!any) clause(p, first, "vector");
    any = true;
    tn_text_printf(p->out, " %s:%d*%d", p->kernel->dims[d].name, s->dims[d].lanes, s->dims[d].vectors);
  }
  any = false;
  for (int d = 0; d < p->kernel->n_dims; d++) {
    if (s->dims[d].unroll < 2) continue;
    if (!any) clause(p, first, "unroll");
    any = true;
    tn_text_printf(p->out, " %s:%d", p->kernel->dims[d].name, s->dims[d].unroll);
  }
}

static void print_schedule(printer *p) {
  const tn_schedule *s = &p->kernel->schedule;
  bool first = true;
  if (!s->dims) return;
  line(p);
  tn_text_put(p->out, "schedule {");
  print_tiles(p, &first);
  if (s->n_order) {
    clause(p, &first, "order");
    print_loops(p, s->order, s->n_order);
  }
  print_steps(p, &first);
  if (s->n_threads) {
    clause(p, &first, "threads");
    print_loops(p, s->order, s->n_threads);
  }
  if (s->prefetch) {
    clause(p, &first, "prefetch");
    tn_text_printf(p->out, " %d", s->prefetch);
  }
  tn_text_put(p->out, " }");
}

void tn_kernel_print(tn_text *out, const tn_kernel *kernel) {
  static const char *const access[] = {"", "out ", "inout ", ""};
  printer p = {out, kernel, 1};
  tn_text_printf(out, "kernel %s(", kernel->name);
  for (int i = 0; i < kernel->n_parameters; i++) {
    const tn_kernel_buffer *buffer = &kernel->buffers[i];
    tn_text_printf(out, "%s%s%s: ", i ? ", " : "", access[buffer->access], buffer->name);
    tn_shape_print(out, buffer->shape, true);
  }
  tn_text_put(out, ") {");
  if (kernel->source) {
    line(&p);
    tn_text_put(out, "// ");
    for (const char *c = kernel->source; *c; c++) tn_text_put_char(out, (unsigned char)*c < ' ' ? ' ' : *c);
  }
  print_body(&p, kernel->body);
  print_schedule(&p);
  tn_text_put(out, "\n}\n");
}

/* ---- plans ---- */

static void print_steps_of(tn_text *out, const tn_plan *plan, const tn_step *steps, int indent);

static void print_region(tn_text *out, const tn_plan *plan, const char *name, const tn_step *steps,
                         int indent) {
  tn_text_printf(out, "%*s%s {\n", 2 * indent, "", name);
  print_steps_of(out, plan, steps, indent + 1);
  tn_text_printf(out, "%*s}\n", 2 * indent, "");
}

static void print_steps_of(tn_text *out, const tn_plan *plan, const tn_step *steps, int indent) {
  for (const tn_step *step = steps; step; step = step->next) {
    tn_text_printf(out, "%*s", 2 * indent, "");
    switch (step->kind) {
    case TN_STEP_RUN:
      tn_text_printf(out, "run %s(", plan->kernels[step->kernel]->name);
      for (int i = 0; i < plan->kernels[step->kernel]->n_parameters; i++)
        tn_text_printf(out, "%s%s", i ? ", " : "", plan->buffers[step->arguments[i]].name);
      tn_text_put(out, ")\n");
      break;
    case TN_STEP_COPY:
      tn_text_printf(out, "copy %s = %s\n", plan->buffers[step->to].name, plan->buffers[step->from].name);
      break;
    case TN_STEP_WHILE:
      tn_text_printf(out, "while %s {\n", plan->buffers[step->selector].name);
      print_region(out, plan, "test", step->test, indent + 1);
      print_region(out, plan, "body", step->branches[0], indent + 1);
      tn_text_printf(out, "%*s}\n", 2 * indent, "");
      break;
    case TN_STEP_CONDITIONAL:
      tn_text_printf(out, "conditional %s {\n", plan->buffers[step->selector].name);
      for (int i = 0; i < step->n_branches; i++)
        print_region(out, plan, "branch", step->branches[i], indent + 1);
      tn_text_printf(out, "%*s}\n", 2 * indent, "");
      break;
    }
  }
}

/* Names of the signature print quoted: they may be any text. */
static void print_quoted(tn_text *out, const char *text) {
  tn_text_put_char(out, '"');
  for (const char *c = text; *c; c++) {
    if (*c == '"' || *c == '\\') tn_text_put_char(out, '\\');
    tn_text_put_char(out, *c);
  }
  tn_text_put_char(out, '"');
}

static void print_buffer(tn_text *out, const tn_plan *plan, const tn_buffer *buffer,
                         tn_print_options *options) {
  static const char *const memories[] = {"parameter", "result", "constant", "temp"};
  tn_text_printf(out, "  %s %s", memories[buffer->memory], buffer->name);
  if (buffer->memory == TN_MEMORY_PARAMETER || buffer->memory == TN_MEMORY_RESULT) {
    const char *const *names =
        buffer->memory == TN_MEMORY_PARAMETER ? plan->parameter_names : plan->result_names;
    tn_text_put_char(out, ' ');
    print_quoted(out, names[buffer->number]);
  }
  tn_text_put(out, ": ");
  tn_shape_print(out, buffer->shape, true);
  if (buffer->alias >= 0) tn_text_printf(out, " alias %s", plan->buffers[buffer->alias].name);
  if (buffer->memory == TN_MEMORY_TEMP) tn_text_printf(out, " at %lld", (long long)buffer->offset);
  if (buffer->memory == TN_MEMORY_CONSTANT) {
    tn_text_put(out, " = ");
    const char *file = tn_print_constant(out, plan->arena, buffer->literal, options);
    if (file) tn_text_printf(out, " file \"%s\"", file);
  }
  tn_text_put_char(out, '\n');
}

static bool is_used(const tn_plan *plan, const tn_step *steps, int buffer) {
  for (const tn_step *step = steps; step; step = step->next) {
    if (step->kind == TN_STEP_RUN) {
      for (int i = 0; i < plan->kernels[step->kernel]->n_parameters; i++)
        if (step->arguments[i] == buffer) return true;
    } else if (step->kind == TN_STEP_COPY) {
      if (step->to == buffer || step->from == buffer) return true;
    } else if (step->selector == buffer) {
      return true;
    }
    if (is_used(plan, step->test, buffer)) return true;
    for (int i = 0; i < step->n_branches; i++)
      if (is_used(plan, step->branches[i], buffer)) return true;
  }
  return false;
}

void tn_plan_print(tn_text *out, const tn_plan *plan, tn_print_options *options) {
  tn_print_options whole = {.constants = TN_CONSTANTS_INLINE};
  if (!options) options = &whole;
  tn_text_put(out, "plan ");
  print_quoted(out, plan->name);
  tn_text_printf(out, " target %s {\n", plan->target->name);
  for (int i = 0; i < plan->n_buffers; i++) {
    const tn_buffer *buffer = &plan->buffers[i];
    bool own = buffer->memory == TN_MEMORY_TEMP || buffer->memory == TN_MEMORY_CONSTANT;
    if (!own || is_used(plan, plan->steps, i)) print_buffer(out, plan, buffer, options);
  }
  print_steps_of(out, plan, plan->steps, 1);
  tn_text_put(out, "}\n");
  for (int i = 0; i < plan->n_kernels; i++) {
    tn_text_put_char(out, '\n');
    tn_kernel_print(out, plan->kernels[i]);
  }
}
