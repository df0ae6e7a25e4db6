/* Indices, loads and expressions of the interpreter, for the lanes of a strip.
 *
 * An index that is linear in the strip's dim is a base and a step, which makes a load
 * one element for all lanes, a run of elements, or a stride; where it must stay inside
 * a buffer or a guard, the lanes that do are an interval. Only divisions of the strip's
 * dim and runtime values are worked out lane by lane.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "codegen/plan/interpret.h"

/* ---- indices ---- */

typedef struct {
  int64_t base, step;
} line;

/* False: the index is no line over the lanes. */
static bool line_of(const tn_machine *m, const tn_machine_index *index, line *out) {
  line sum = {index->constant, 0};
  for (int i = 0; i < index->n_terms; i++) {
    const tn_machine_term *t = &index->terms[i];
    line one = {0, 0};
    switch (t->kind) {
    case TN_TERM_DIM: one = (line){m->dims[t->dim], t->dim == m->strip}; break;
    case TN_TERM_QUOTIENT:
    case TN_TERM_REMAINDER: {
      if (!line_of(m, t->of, &one) || (one.step && m->lanes > 1)) return false;
      int64_t quotient = one.base / t->divisor - (one.base % t->divisor < 0);
      one = (line){t->kind == TN_TERM_QUOTIENT ? quotient : one.base - t->divisor * quotient, 0};
      break;
    }
    case TN_TERM_VALUE: return false;
    }
    sum.base += t->scale * one.base;
    sum.step += t->scale * one.step;
  }
  *out = sum;
  return true;
}

static void clamp_value(tn_machine *m, const tn_machine_term *term, int64_t *out) {
  const tn_lanes *value = tn_machine_evaluate(m, term->value);
  bool is_signed = tn_type_class_of(term->value->op.expr->type) == TN_CLASS_SIGNED;
  for (int i = 0; i < m->lanes; i++) {
    int64_t v = value->i[i];
    if (!is_signed)
      out[i] = (uint64_t)v > (uint64_t)term->limit ? term->limit : v;
    else
      out[i] = v < 0 ? 0 : v > term->limit ? term->limit : v;
  }
}

static void term_lanes(tn_machine *m, const tn_machine_term *term, int64_t *out) {
  switch (term->kind) {
  case TN_TERM_DIM:
    for (int i = 0; i < m->lanes; i++) out[i] = m->dims[term->dim] + (term->dim == m->strip ? i : 0);
    return;
  case TN_TERM_QUOTIENT:
    tn_machine_lanes(m, term->of, out);
    for (int i = 0; i < m->lanes; i++) out[i] = out[i] / term->divisor - (out[i] % term->divisor < 0);
    return;
  case TN_TERM_REMAINDER:
    tn_machine_lanes(m, term->of, out);
    for (int i = 0; i < m->lanes; i++) {
      int64_t rest = out[i] % term->divisor;
      out[i] = rest < 0 ? rest + term->divisor : rest;
    }
    return;
  case TN_TERM_VALUE: clamp_value(m, term, out); return;
  }
}

void tn_machine_lanes(tn_machine *m, const tn_machine_index *index, int64_t *out) {
  line l;
  if (line_of(m, index, &l)) {
    for (int i = 0; i < m->lanes; i++) out[i] = l.base + l.step * i;
    return;
  }
  int64_t part[TN_STRIP];
  for (int i = 0; i < m->lanes; i++) out[i] = index->constant;
  for (int t = 0; t < index->n_terms; t++) {
    term_lanes(m, &index->terms[t], part);
    for (int i = 0; i < m->lanes; i++) out[i] += index->terms[t].scale * part[i];
  }
}

/* ---- memory ---- */

bool tn_machine_check(tn_machine *m, int buffer, int64_t offset) {
  if (offset >= 0 && offset < m->elements[buffer]) return true;
  if (!m->failed)
    tn_error(m->sink, TN_BUG, TN_NOWHERE, "kernel %s: element %lld of '%s' is outside its %lld elements",
             m->kernel->name, (long long)offset, m->kernel->buffers[buffer].name,
             (long long)m->elements[buffer]);
  m->failed = true;
  return false;
}

char *tn_machine_lane(const tn_machine *m, int buffer, int lane) {
  const tn_kernel_buffer *b = &m->kernel->buffers[buffer];
  char *memory = m->memory[buffer];
  if (b->access != TN_BUFFER_LOCAL || m->one_copy[buffer]) return memory;
  return memory + (size_t)lane * (size_t)m->elements[buffer] * tn_type_bytes(b->shape->type);
}

void tn_machine_splat(tn_type type, tn_lanes *out, int count) {
  bool single = tn_form_of(type) == TN_FORM_SINGLE;
  for (int i = 1; i < count; i++) {
    if (single)
      out->f[i] = out->f[0];
    else
      out->i[i] = out->i[0];
  }
}

/* ---- loads ---- */

/* Lanes first to last - 1. */
typedef struct {
  int first, last;
} interval;

/* The lanes of `within` in which low <= base + step * lane < high. */
static interval lanes_within(line l, int64_t low, int64_t high, interval within) {
  while (within.first < within.last &&
         (l.base + l.step * within.first < low || l.base + l.step * within.first >= high))
    within.first++;
  while (within.first < within.last &&
         (l.base + l.step * (within.last - 1) < low || l.base + l.step * (within.last - 1) >= high))
    within.last--;
  return within;
}

/* True, and where the load is inside, if all its conditions are lines. */
static bool inside_interval(const tn_machine *m, const tn_machine_node *n, interval *inside) {
  const tn_shape *shape = m->kernel->buffers[n->op.expr->load.buffer].shape;
  *inside = (interval){0, m->lanes};
  line l;
  for (int d = 0; d < shape->rank; d++) {
    if (!line_of(m, n->at[d], &l)) return false;
    *inside = lanes_within(l, 0, shape->dims[d], *inside);
  }
  for (int g = 0; g < n->op.expr->load.n_guards; g++) {
    if (!line_of(m, n->guards[g], &l)) return false;
    *inside = lanes_within(l, n->op.expr->load.guards[g].low, n->op.expr->load.guards[g].high, *inside);
  }
  return true;
}

static void inside_lanes(tn_machine *m, const tn_machine_node *n, bool *inside) {
  int64_t at[TN_STRIP];
  const tn_shape *shape = m->kernel->buffers[n->op.expr->load.buffer].shape;
  for (int i = 0; i < m->lanes; i++) inside[i] = true;
  for (int d = 0; d < shape->rank; d++) {
    tn_machine_lanes(m, n->at[d], at);
    for (int i = 0; i < m->lanes; i++) inside[i] = inside[i] && at[i] >= 0 && at[i] < shape->dims[d];
  }
  for (int g = 0; g < n->op.expr->load.n_guards; g++) {
    const tn_guard_range *guard = &n->op.expr->load.guards[g];
    tn_machine_lanes(m, n->guards[g], at);
    for (int i = 0; i < m->lanes; i++) inside[i] = inside[i] && at[i] >= guard->low && at[i] < guard->high;
  }
}

/* Lane by lane, into packed elements; lanes that are not inside stay 0. */
static void gather(tn_machine *m, const tn_expr *expr, const int64_t *at, const bool *inside, tn_lanes *out) {
  unsigned char packed[TN_STRIP * 8] = {0};
  size_t bytes = tn_type_bytes(expr->type);
  for (int i = 0; i < m->lanes; i++) {
    if (inside && !inside[i]) continue;
    if (!tn_machine_check(m, expr->load.buffer, at[i])) return;
    memcpy(packed + (size_t)i * bytes, tn_machine_lane(m, expr->load.buffer, i) + (size_t)at[i] * bytes,
           bytes);
  }
  tn_plan_lanes_load(expr->type, out, packed, m->lanes);
}

/* Elements base, base + step, …, of one copy of the buffer. */
static void strided(tn_machine *m, const tn_expr *expr, line l, int count, tn_lanes *out) {
  int buffer = expr->load.buffer;
  size_t bytes = tn_type_bytes(expr->type);
  if (!tn_machine_check(m, buffer, l.base) || !tn_machine_check(m, buffer, l.base + l.step * (count - 1)))
    return;
  const char *from = (const char *)m->memory[buffer] + l.base * (int64_t)bytes;
  if (l.step == 0) {
    tn_plan_lanes_load(expr->type, out, from, 1);
    tn_machine_splat(expr->type, out, count);
  } else if (l.step == 1) {
    tn_plan_lanes_load(expr->type, out, from, count);
  } else {
    unsigned char packed[TN_STRIP * 8];
    for (int i = 0; i < count; i++)
      memcpy(packed + (size_t)i * bytes, from + l.step * i * (int64_t)bytes, bytes);
    tn_plan_lanes_load(expr->type, out, packed, count);
  }
}

static void choose_lanes(tn_type type, tn_lanes *out, const bool *inside, const tn_lanes *fill, int count) {
  bool single = tn_form_of(type) == TN_FORM_SINGLE;
  for (int i = 0; i < count; i++) {
    if (inside[i]) continue;
    if (single)
      out->f[i] = fill->f[i];
    else
      out->i[i] = fill->i[i];
  }
}

static void copy_some(tn_type type, tn_lanes *to, int at, const tn_lanes *from, int from_at, int count) {
  if (tn_form_of(type) == TN_FORM_SINGLE)
    memcpy(to->f + at, from->f + from_at, sizeof *to->f * (size_t)count);
  else
    memcpy(to->i + at, from->i + from_at, sizeof *to->i * (size_t)count);
}

static void filled_load(tn_machine *m, tn_machine_node *n) {
  const tn_expr *expr = n->op.expr;
  bool inside[TN_STRIP];
  int64_t at[TN_STRIP];
  interval some;
  line l;
  if (n->one_memory && line_of(m, n->offset, &l) && inside_interval(m, n, &some)) {
    int count = some.last - some.first;
    if (count == m->lanes) {
      strided(m, expr, l, count, n->out);
      return;
    }
    const tn_lanes *fill = tn_machine_evaluate(m, n->fill);
    copy_some(expr->type, n->out, 0, fill, 0, m->lanes);
    if (!count) return;
    tn_lanes part;
    l.base += l.step * some.first;
    strided(m, expr, l, count, &part);
    copy_some(expr->type, n->out, some.first, &part, 0, count);
    return;
  }
  inside_lanes(m, n, inside);
  tn_machine_lanes(m, n->offset, at);
  gather(m, expr, at, inside, n->out);
  choose_lanes(expr->type, n->out, inside, tn_machine_evaluate(m, n->fill), m->lanes);
}

static void load(tn_machine *m, tn_machine_node *n) {
  const tn_expr *expr = n->op.expr;
  int64_t at[TN_STRIP];
  line l;
  if (n->fill) {
    filled_load(m, n);
  } else if ((n->one_memory || m->one_copy[expr->load.buffer]) && line_of(m, n->offset, &l)) {
    strided(m, expr, l, m->lanes, n->out);
  } else {
    tn_machine_lanes(m, n->offset, at);
    gather(m, expr, at, NULL, n->out);
  }
}

/* ---- expressions ---- */

static void index_value(tn_machine *m, tn_machine_node *n) {
  int64_t at[TN_STRIP];
  unsigned char packed[TN_STRIP * 8];
  tn_machine_lanes(m, n->offset, at);
  tn_convert_elements(n->op.expr->type, packed, TN_S64, at, (size_t)m->lanes);
  tn_plan_lanes_load(n->op.expr->type, n->out, packed, m->lanes);
}

const tn_lanes *tn_machine_evaluate(tn_machine *m, tn_machine_node *n) {
  const tn_expr *expr = n->op.expr;
  const tn_lanes *operands[4];
  switch (expr->kind) {
  case TN_EXPR_CONSTANT: return n->out; /* filled when it was prepared */
  case TN_EXPR_INDEX: index_value(m, n); return n->out;
  case TN_EXPR_LOAD: load(m, n); return n->out;
  case TN_EXPR_VALUE: return m->values[expr->value];
  case TN_EXPR_OP:
  case TN_EXPR_FMA:
    for (int i = 0; i < expr->op.n_operands; i++) operands[i] = tn_machine_evaluate(m, n->operands[i]);
    tn_plan_lanes_apply(&n->op, n->out, operands, m->lanes);
    return n->out;
  }
  return n->out;
}
