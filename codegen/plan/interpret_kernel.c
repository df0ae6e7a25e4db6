/* Runs one kernel literally, a strip of iterations at a time.
 *
 * The innermost dim of the outermost loop that has any runs in strips; all statements
 * below it are executed for the lanes of a strip together. Reduced loops run in the
 * schedule's order, and a vectorised one keeps its partial sums; parallel loops run in
 * any order, because nothing depends on it. Nothing else of a schedule is looked at.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/interpret.h"

/* An expression with the room for its lanes. */
typedef struct node node;
struct node {
  tn_lane_op op;
  tn_lanes *out;
  node **operands;       /* of operations */
  const tn_index *offset; /* of loads: in elements of the buffer's layout */
  node *fill;
};

typedef struct {
  const tn_kernel *kernel;
  const tn_cpu *target;
  tn_arena *arena;
  tn_diagnostics *sink;
  void **memory;      /* of every buffer; of locals: one copy a lane */
  bool *one_copy;     /* of locals: declared outside the strip, all lanes share lane 0's */
  int64_t *elements;  /* of every buffer, in its layout */
  int64_t *dims;      /* the dims' values; of the strip dim: of lane 0 */
  tn_lanes *values;   /* lets and accumulators */
  int strip;          /* the dim that runs in lanes; -1: none, one lane */
  int lanes;
  bool failed;
} machine;

typedef struct {
  const tn_stmt *stmt;
  node *node;          /* LET, STORE */
  node **initial, **update; /* REDUCE */
  const tn_index *offset;   /* STORE */
} prepared;

/* Prepared statements are found again through this table: kernels are small. */
typedef struct {
  machine m;
  TN_VEC(prepared) statements;
} runner;

/* ---- preparation ---- */

static bool uses_math(const tn_expr *expr) {
  return expr->kind == TN_EXPR_OP && expr->op.op != TN_OP_CONVERT && tn_form_of(expr->type) != TN_FORM_INTEGER;
}

static node *prepare_expr(machine *m, const tn_expr *expr) {
  node *n = TN_NEW(m->arena, node);
  n->op.expr = expr;
  n->out = tn_arena_alloc(m->arena, sizeof *n->out);
  if (expr->kind == TN_EXPR_LOAD) {
    n->offset = tn_access_offset(m->arena, m->kernel, expr->load.buffer, expr->load.at);
    if (expr->load.fill) n->fill = prepare_expr(m, expr->load.fill);
  }
  if (expr->kind != TN_EXPR_OP && expr->kind != TN_EXPR_FMA) return n;
  n->operands = TN_NEW_ARRAY(m->arena, node *, expr->op.n_operands);
  for (int i = 0; i < expr->op.n_operands; i++) n->operands[i] = prepare_expr(m, expr->op.operands[i]);
  n->op.operand_type = expr->op.operands[0]->type;
  if (uses_math(expr)) { /* f16 and bf16 compute in f32 */
    tn_type type = tn_form_of(expr->type) == TN_FORM_SINGLE ? TN_F32 : TN_F64;
    const tn_math_function *function = tn_math_find(tn_ops[expr->op.op].name, type);
    if (function) n->op.math = tn_math_scalar(function, m->target->fma);
  }
  return n;
}

static void prepare_body(runner *r, const tn_stmt *body) {
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    prepared p = {.stmt = stmt};
    if (stmt->expr) p.node = prepare_expr(&r->m, stmt->expr);
    if (stmt->kind == TN_STMT_STORE)
      p.offset = tn_access_offset(r->m.arena, r->m.kernel, stmt->buffer, stmt->at);
    p.initial = TN_NEW_ARRAY(r->m.arena, node *, stmt->n_accumulators);
    p.update = TN_NEW_ARRAY(r->m.arena, node *, stmt->n_accumulators);
    for (int i = 0; i < stmt->n_accumulators; i++) {
      p.initial[i] = prepare_expr(&r->m, stmt->accumulators[i].initial);
      p.update[i] = prepare_expr(&r->m, stmt->accumulators[i].update);
    }
    TN_PUSH(r->m.arena, &r->statements, p);
    prepare_body(r, stmt->body);
  }
}

static const prepared *find(const runner *r, const tn_stmt *stmt) {
  const prepared *p = r->statements.at;
  while (p->stmt != stmt) p++;
  return p;
}

/* ---- indices ---- */

static const tn_lanes *evaluate(machine *m, node *n);

static bool varies(const machine *m, const tn_index *index) {
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *term = &index->terms[i];
    if (term->kind == TN_TERM_VALUE || (term->kind == TN_TERM_DIM && term->dim == m->strip)) return true;
    if (term->of && varies(m, term->of)) return true;
  }
  return false;
}

static void index_lanes(machine *m, const tn_index *index, int64_t *out);

static void clamp_value(machine *m, const tn_term *term, int64_t *out) {
  const tn_lanes *value = evaluate(m, prepare_expr(m, term->value));
  bool is_signed = tn_type_class_of(term->value->type) == TN_CLASS_SIGNED;
  for (int i = 0; i < m->lanes; i++) {
    int64_t v = value->i[i];
    if (!is_signed) out[i] = (uint64_t)v > (uint64_t)term->limit ? term->limit : v;
    else out[i] = v < 0 ? 0 : v > term->limit ? term->limit : v;
  }
}

static void term_lanes(machine *m, const tn_term *term, int64_t *out) {
  int64_t step = term->dim == m->strip;
  switch (term->kind) {
  case TN_TERM_DIM:
    for (int i = 0; i < m->lanes; i++) out[i] = m->dims[term->dim] + step * i;
    return;
  case TN_TERM_QUOTIENT:
    index_lanes(m, term->of, out);
    for (int i = 0; i < m->lanes; i++) out[i] = out[i] / term->divisor - (out[i] % term->divisor < 0);
    return;
  case TN_TERM_REMAINDER:
    index_lanes(m, term->of, out);
    for (int i = 0; i < m->lanes; i++) {
      int64_t rest = out[i] % term->divisor;
      out[i] = rest < 0 ? rest + term->divisor : rest;
    }
    return;
  case TN_TERM_VALUE: clamp_value(m, term, out); return;
  }
}

static void index_lanes(machine *m, const tn_index *index, int64_t *out) {
  int64_t part[TN_STRIP];
  for (int i = 0; i < m->lanes; i++) out[i] = index->constant;
  for (int t = 0; t < index->n_terms; t++) {
    const tn_term *term = &index->terms[t];
    if (term->kind == TN_TERM_DIM && term->dim != m->strip) {
      int64_t same = term->scale * m->dims[term->dim];
      for (int i = 0; i < m->lanes; i++) out[i] += same;
      continue;
    }
    term_lanes(m, term, part);
    for (int i = 0; i < m->lanes; i++) out[i] += term->scale * part[i];
  }
}

/* ---- loads ---- */

/* Which lanes are inside the buffer and under all guards. */
static void inside_lanes(machine *m, const tn_expr *expr, bool *inside) {
  int64_t at[TN_STRIP];
  const tn_shape *shape = m->kernel->buffers[expr->load.buffer].shape;
  for (int i = 0; i < m->lanes; i++) inside[i] = true;
  for (int d = 0; d < shape->rank; d++) {
    index_lanes(m, expr->load.at[d], at);
    for (int i = 0; i < m->lanes; i++) inside[i] = inside[i] && at[i] >= 0 && at[i] < shape->dims[d];
  }
  for (int g = 0; g < expr->load.n_guards; g++) {
    const tn_guard_range *guard = &expr->load.guards[g];
    index_lanes(m, guard->index, at);
    for (int i = 0; i < m->lanes; i++) inside[i] = inside[i] && at[i] >= guard->low && at[i] < guard->high;
  }
}

static const char *buffer_lane(const machine *m, int buffer, int lane) {
  const tn_kernel_buffer *b = &m->kernel->buffers[buffer];
  const char *memory = m->memory[buffer];
  if (b->access == TN_BUFFER_LOCAL && !m->one_copy[buffer]) memory += (size_t)lane * (size_t)m->elements[buffer] * tn_type_bytes(b->shape->type);
  return memory;
}

static void out_of_bounds(machine *m, int buffer, int64_t offset) {
  if (!m->failed)
    tn_error(m->sink, TN_BUG, TN_NOWHERE, "kernel %s: element %lld of '%s' is outside its %lld elements",
             m->kernel->name, (long long)offset, m->kernel->buffers[buffer].name,
             (long long)m->elements[buffer]);
  m->failed = true;
}

static bool check(machine *m, int buffer, int64_t offset) {
  if (offset >= 0 && offset < m->elements[buffer]) return true;
  out_of_bounds(m, buffer, offset);
  return false;
}

/* Lane by lane, into packed elements; lanes that are not inside stay 0. */
static void gather(machine *m, const tn_expr *expr, const int64_t *at, const bool *inside, tn_lanes *out) {
  unsigned char packed[TN_STRIP * 8] = {0};
  size_t bytes = tn_type_bytes(expr->type);
  for (int i = 0; i < m->lanes; i++) {
    if (inside && !inside[i]) continue;
    if (!check(m, expr->load.buffer, at[i])) return;
    memcpy(packed + (size_t)i * bytes, buffer_lane(m, expr->load.buffer, i) + (size_t)at[i] * bytes, bytes);
  }
  tn_plan_lanes_load(expr->type, out, packed, m->lanes);
}

static void choose_lanes(tn_type type, tn_lanes *out, const bool *inside, const tn_lanes *fill, int count) {
  bool single = tn_form_of(type) == TN_FORM_SINGLE;
  for (int i = 0; i < count; i++) {
    if (inside[i]) continue;
    if (single) out->f[i] = fill->f[i];
    else out->i[i] = fill->i[i];
  }
}

static void splat(tn_type type, tn_lanes *out, int count) {
  bool single = tn_form_of(type) == TN_FORM_SINGLE;
  for (int i = 1; i < count; i++) {
    if (single) out->f[i] = out->f[0];
    else out->i[i] = out->i[0];
  }
}

static void load(machine *m, node *n) {
  const tn_expr *expr = n->op.expr;
  bool inside[TN_STRIP], local = m->kernel->buffers[expr->load.buffer].access == TN_BUFFER_LOCAL;
  int64_t at[TN_STRIP];
  if (n->fill) {
    inside_lanes(m, expr, inside);
    index_lanes(m, n->offset, at);
    gather(m, expr, at, inside, n->out);
    choose_lanes(expr->type, n->out, inside, evaluate(m, n->fill), m->lanes);
    return;
  }
  if (!varies(m, n->offset) && !local) { /* one element for all lanes */
    int lanes = m->lanes;
    m->lanes = 1;
    index_lanes(m, n->offset, at);
    gather(m, expr, at, NULL, n->out);
    m->lanes = lanes;
    splat(expr->type, n->out, lanes);
    return;
  }
  index_lanes(m, n->offset, at);
  bool contiguous = !local;
  for (int i = 1; i < m->lanes; i++) contiguous = contiguous && at[i] == at[0] + i;
  if (!contiguous) {
    gather(m, expr, at, NULL, n->out);
  } else if (check(m, expr->load.buffer, at[0]) && check(m, expr->load.buffer, at[m->lanes - 1])) {
    const char *from = (const char *)m->memory[expr->load.buffer] + (size_t)at[0] * tn_type_bytes(expr->type);
    tn_plan_lanes_load(expr->type, n->out, from, m->lanes);
  }
}

/* ---- expressions ---- */

static void constant(machine *m, node *n) {
  tn_plan_lanes_load(n->op.expr->type, n->out, n->op.expr->bits, 1);
  splat(n->op.expr->type, n->out, m->lanes);
}

static void index_value(machine *m, node *n) {
  int64_t at[TN_STRIP];
  unsigned char packed[TN_STRIP * 8];
  index_lanes(m, n->op.expr->index, at);
  tn_convert_elements(n->op.expr->type, packed, TN_S64, at, (size_t)m->lanes);
  tn_plan_lanes_load(n->op.expr->type, n->out, packed, m->lanes);
}

static const tn_lanes *evaluate(machine *m, node *n) {
  const tn_expr *expr = n->op.expr;
  const tn_lanes *operands[8];
  switch (expr->kind) {
  case TN_EXPR_CONSTANT: constant(m, n); return n->out;
  case TN_EXPR_INDEX: index_value(m, n); return n->out;
  case TN_EXPR_LOAD: load(m, n); return n->out;
  case TN_EXPR_VALUE: return &m->values[expr->value];
  case TN_EXPR_OP:
  case TN_EXPR_FMA:
    for (int i = 0; i < expr->op.n_operands; i++) operands[i] = evaluate(m, n->operands[i]);
    tn_plan_lanes_apply(&n->op, n->out, operands, m->lanes);
    return n->out;
  }
  return n->out;
}

/* ---- statements ---- */

static void run_body(runner *r, const tn_stmt *body);

static void store(machine *m, const prepared *p) {
  const tn_stmt *stmt = p->stmt;
  int64_t at[TN_STRIP];
  unsigned char packed[TN_STRIP * 8];
  tn_type type = m->kernel->buffers[stmt->buffer].shape->type;
  size_t bytes = tn_type_bytes(type);
  tn_plan_lanes_store(type, packed, evaluate(m, p->node), m->lanes);
  index_lanes(m, p->offset, at);
  for (int i = 0; i < m->lanes; i++) {
    if (!check(m, stmt->buffer, at[i])) return;
    memcpy((char *)buffer_lane(m, stmt->buffer, i) + (size_t)at[i] * bytes, packed + (size_t)i * bytes, bytes);
  }
}

/* ---- reduces ---- */

typedef struct {
  runner *r;
  const prepared *p;
  int n_loops;
  const tn_loop_ref *loops; /* of this reduce, in the schedule's order */
  int vector;               /* the dim with partial results; -1: none */
  int n_partials;
  tn_lanes *partials;       /* [accumulator][partial] */
} reduction;

/* The size of one block of the loop's dim at a level: what the next level runs over. */
static int64_t block_size(const tn_kernel *kernel, int dim, int level) {
  const tn_dim_schedule *s = kernel->schedule.dims ? &kernel->schedule.dims[dim] : NULL;
  return s && level < s->n_tiles ? s->tiles[level] : 1;
}

static void iterate(reduction *red) {
  machine *m = &red->r->m;
  const tn_stmt *stmt = red->p->stmt;
  run_body(red->r, stmt->body);
  tn_lanes *next = red->p->update[0]->out;
  for (int i = 0; i < stmt->n_accumulators; i++) { /* all from the old values */
    const tn_lanes *value = evaluate(m, red->p->update[i]);
    next = red->p->update[i]->out;
    if (value != next) *next = *value;
  }
  for (int i = 0; i < stmt->n_accumulators; i++)
    memcpy(&m->values[stmt->accumulators[i].value], red->p->update[i]->out, sizeof(tn_lanes));
}

static void swap_partials(reduction *red, int64_t partial, bool in) {
  machine *m = &red->r->m;
  for (int i = 0; i < red->p->stmt->n_accumulators; i++) {
    tn_lanes *value = &m->values[red->p->stmt->accumulators[i].value];
    tn_lanes *kept = &red->partials[i * red->n_partials + partial];
    if (in) *value = *kept;
    else *kept = *value;
  }
}

/* Loop `depth` of the reduce; base of a dim is where its current block begins. */
static void reduce_loops(reduction *red, int depth) {
  machine *m = &red->r->m;
  if (m->failed) return;
  if (depth == red->n_loops) {
    int64_t partial = red->vector >= 0 ? m->dims[red->vector] % red->n_partials : 0;
    if (red->vector >= 0) swap_partials(red, partial, true);
    iterate(red);
    if (red->vector >= 0) swap_partials(red, partial, false);
    return;
  }
  tn_loop_ref loop = red->loops[depth];
  int64_t begin = m->dims[loop.dim], size = m->kernel->dims[loop.dim].size;
  int64_t span = loop.level ? block_size(m->kernel, loop.dim, loop.level - 1) : size;
  int64_t end = begin + span < size ? begin + span : size, step = block_size(m->kernel, loop.dim, loop.level);
  for (int64_t i = begin; i < end; i += step) {
    m->dims[loop.dim] = i;
    reduce_loops(red, depth + 1);
  }
  m->dims[loop.dim] = begin;
}

/* partial i joins i + half, until one is left; then it joins the initial value. */
static void fold(reduction *red) {
  machine *m = &red->r->m;
  const tn_stmt *stmt = red->p->stmt;
  for (int a = 0; a < stmt->n_accumulators; a++) {
    const tn_accumulator *acc = &stmt->accumulators[a];
    tn_type type = m->kernel->values[acc->value].type;
    tn_join join = tn_reduce_join(m->kernel, stmt, a);
    tn_lanes *partials = &red->partials[a * red->n_partials], *value = &m->values[acc->value], joined;
    for (int half = red->n_partials / 2; half; half /= 2)
      for (int i = 0; i < half; i++) {
        tn_plan_lanes_join(join, type, &joined, &partials[i], &partials[i + half], m->lanes);
        partials[i] = joined;
      }
    const tn_lanes *initial = evaluate(m, red->p->initial[a]);
    tn_plan_lanes_join(join, type, &joined, initial, &partials[0], m->lanes);
    *value = joined;
  }
}

static void start_partials(reduction *red) {
  machine *m = &red->r->m;
  for (int a = 0; a < red->p->stmt->n_accumulators; a++) {
    uint64_t bits[2];
    tn_type type = m->kernel->values[red->p->stmt->accumulators[a].value].type;
    tn_join_identity(tn_reduce_join(m->kernel, red->p->stmt, a), type, bits);
    for (int i = 0; i < red->n_partials; i++) {
      tn_lanes *partial = &red->partials[a * red->n_partials + i];
      tn_plan_lanes_load(type, partial, bits, 1);
      splat(type, partial, m->lanes);
    }
  }
}

static bool is_of(const tn_stmt *stmt, int dim) {
  for (int i = 0; i < stmt->n_dims; i++)
    if (stmt->dims[i] == dim) return true;
  return false;
}

/* The reduce's loops in the order of the schedule, or as written. */
static void find_loops(reduction *red, tn_arena *arena) {
  const tn_kernel *kernel = red->r->m.kernel;
  const tn_stmt *stmt = red->p->stmt;
  const tn_schedule *s = &kernel->schedule;
  TN_VEC(tn_loop_ref) loops = {0};
  red->vector = -1;
  for (int i = 0; i < s->n_order; i++)
    if (is_of(stmt, s->order[i].dim)) TN_PUSH(arena, &loops, s->order[i]);
  for (int i = 0; i < stmt->n_dims; i++) {
    if (!s->n_order) TN_PUSH(arena, &loops, ((tn_loop_ref){stmt->dims[i], 0}));
    if (!s->dims || !s->dims[stmt->dims[i]].lanes) continue;
    red->vector = stmt->dims[i];
    red->n_partials = s->dims[red->vector].lanes * s->dims[red->vector].vectors;
  }
  red->loops = loops.at;
  red->n_loops = loops.count;
}

static void run_reduce(runner *r, const prepared *p) {
  machine *m = &r->m;
  tn_arena *scratch = tn_arena_create();
  reduction red = {.r = r, .p = p};
  find_loops(&red, scratch);
  for (int i = 0; i < p->stmt->n_dims; i++) m->dims[p->stmt->dims[i]] = 0;
  if (red.vector >= 0) {
    red.partials = TN_NEW_ARRAY(scratch, tn_lanes, p->stmt->n_accumulators * red.n_partials);
    start_partials(&red);
    reduce_loops(&red, 0);
    fold(&red);
  } else {
    for (int i = 0; i < p->stmt->n_accumulators; i++) {
      const tn_lanes *initial = evaluate(m, p->initial[i]);
      m->values[p->stmt->accumulators[i].value] = *initial;
    }
    reduce_loops(&red, 0);
  }
  tn_arena_destroy(scratch);
}

/* ---- loops ---- */

static void run_loop(runner *r, const tn_stmt *stmt, int depth) {
  machine *m = &r->m;
  if (depth == stmt->n_dims || m->failed) {
    if (!m->failed) run_body(r, stmt->body);
    return;
  }
  int dim = stmt->dims[depth];
  int64_t size = m->kernel->dims[dim].size;
  bool lanes = depth == stmt->n_dims - 1 && m->strip < 0 && m->kernel->dims[dim].kind == TN_DIM_PARALLEL;
  if (lanes) m->strip = dim;
  for (int64_t i = 0; i < size; i += lanes ? TN_STRIP : 1) {
    m->dims[dim] = i;
    if (lanes) m->lanes = size - i < TN_STRIP ? (int)(size - i) : TN_STRIP;
    run_loop(r, stmt, depth + 1);
  }
  if (lanes) {
    m->strip = -1;
    m->lanes = 1;
  }
}

/* What is computed outside the strip is there for each of its lanes. */
static void spread(machine *m, int value) {
  if (m->strip < 0) splat(m->kernel->values[value].type, &m->values[value], TN_STRIP);
}

static void run_let(machine *m, const prepared *p) {
  m->values[p->stmt->value] = *evaluate(m, p->node);
  spread(m, p->stmt->value);
}

static void run_body(runner *r, const tn_stmt *body) {
  for (const tn_stmt *stmt = body; stmt && !r->m.failed; stmt = stmt->next) {
    const prepared *p = find(r, stmt);
    switch (stmt->kind) {
    case TN_STMT_LOOP: run_loop(r, stmt, 0); break;
    case TN_STMT_REDUCE:
      run_reduce(r, p);
      for (int i = 0; i < stmt->n_accumulators; i++) spread(&r->m, stmt->accumulators[i].value);
      break;
    case TN_STMT_LOCAL: r->m.one_copy[stmt->buffer] = r->m.strip < 0; break;
    case TN_STMT_LET: run_let(&r->m, p); break;
    case TN_STMT_STORE: store(&r->m, p); break;
    }
  }
}

bool tn_kernel_run(const tn_kernel *kernel, const tn_cpu *target, void *const *memory, tn_diagnostics *sink) {
  tn_arena *arena = tn_arena_create();
  runner r = {.m = {.kernel = kernel, .target = target, .arena = arena, .sink = sink, .strip = -1, .lanes = 1}};
  machine *m = &r.m;
  m->memory = TN_NEW_ARRAY(arena, void *, kernel->n_buffers);
  m->one_copy = TN_NEW_ARRAY(arena, bool, kernel->n_buffers);
  m->elements = TN_NEW_ARRAY(arena, int64_t, kernel->n_buffers);
  m->dims = TN_NEW_ARRAY(arena, int64_t, kernel->n_dims);
  m->values = TN_NEW_ARRAY(arena, tn_lanes, kernel->n_values);
  for (int i = 0; i < kernel->n_buffers; i++) {
    const tn_kernel_buffer *buffer = &kernel->buffers[i];
    size_t bytes = tn_type_bytes(buffer->shape->type);
    m->elements[i] = tn_layout_bytes(buffer->shape) / (int64_t)bytes;
    m->memory[i] = i < kernel->n_parameters
                       ? memory[i]
                       : tn_arena_alloc(arena, (size_t)m->elements[i] * bytes * TN_STRIP);
  }
  prepare_body(&r, kernel->body);
  run_body(&r, kernel->body);
  bool ok = !m->failed;
  tn_arena_destroy(arena);
  return ok;
}
