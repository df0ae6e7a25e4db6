/* Runs one kernel literally, a strip of iterations at a time.
 *
 * One dim of the outermost loop that has any runs in strips; all statements
 * below it are executed for the lanes of a strip together. Reduced loops run in the
 * schedule's order, and a vectorised one keeps its partial sums; parallel loops run in
 * any order, because nothing depends on it. Nothing else of a schedule is looked at.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/interpret.h"
#include "codegen/plan/native.h"

typedef struct {
  const tn_stmt *stmt;
  tn_machine_node *node;               /* LET, STORE */
  tn_machine_node *condition;          /* STORE; NULL: always */
  tn_machine_node **initial, **update; /* REDUCE */
  tn_machine_index *offset;            /* STORE */
  int strip;                           /* LOOP: its dim that runs in lanes, if none does yet; or -1 */
  /* REDUCE */
  int n_loops;
  const tn_loop_ref *loops; /* in the schedule's order */
  int vector;               /* the dim with partial results; -1: none */
  int n_partials;
  tn_lanes *partials; /* [accumulator][partial] */
} prepared;

/* Prepared statements are found again through this table: kernels are small. */
typedef struct {
  tn_machine m;
  tn_lanes *storage; /* of the values, but for partial results */
  TN_VEC(prepared) statements;
} runner;

/* ---- preparation ---- */

static bool uses_math(const tn_expr *expr) {
  return expr->kind == TN_EXPR_OP && !tn_op_names_type(expr->op.op) &&
         tn_form_of(expr->type) != TN_FORM_INTEGER;
}

static tn_machine_node *prepare_expr(tn_machine *m, const tn_expr *expr);

static tn_machine_index *prepare_index(tn_machine *m, const tn_index *index) {
  tn_machine_index *p = TN_NEW(m->arena, tn_machine_index);
  p->constant = index->constant;
  p->n_terms = index->n_terms;
  p->terms = TN_NEW_ARRAY(m->arena, tn_machine_term, index->n_terms);
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *t = &index->terms[i];
    p->terms[i] = (tn_machine_term){
        .kind = t->kind, .dim = t->dim, .scale = t->scale, .divisor = t->divisor, .limit = t->limit};
    if (t->of) p->terms[i].of = prepare_index(m, t->of);
    if (t->kind == TN_TERM_VALUE) p->terms[i].value = prepare_expr(m, t->value);
  }
  return p;
}

static void prepare_load(tn_machine *m, tn_machine_node *n) {
  const tn_expr *expr = n->op.expr;
  int rank = m->kernel->buffers[expr->load.buffer].shape->rank;
  n->offset = prepare_index(m, tn_access_offset(m->arena, m->kernel, expr->load.buffer, expr->load.at));
  n->one_memory = m->kernel->buffers[expr->load.buffer].access != TN_BUFFER_LOCAL;
  if (!expr->load.fill) return;
  n->fill = prepare_expr(m, expr->load.fill);
  n->at = TN_NEW_ARRAY(m->arena, tn_machine_index *, rank);
  n->guards = TN_NEW_ARRAY(m->arena, tn_machine_index *, expr->load.n_guards);
  for (int d = 0; d < rank; d++) n->at[d] = prepare_index(m, expr->load.at[d]);
  for (int g = 0; g < expr->load.n_guards; g++) n->guards[g] = prepare_index(m, expr->load.guards[g].index);
}

static void prepare_operation(tn_machine *m, tn_machine_node *n) {
  const tn_expr *expr = n->op.expr;
  n->operands = TN_NEW_ARRAY(m->arena, tn_machine_node *, expr->op.n_operands);
  for (int i = 0; i < expr->op.n_operands; i++) n->operands[i] = prepare_expr(m, expr->op.operands[i]);
  n->op.operand_type = expr->op.operands[0]->type;
  if (!uses_math(expr)) return; /* floats of at most 16 bits compute in f32 */
  tn_type type = tn_form_of(expr->type) == TN_FORM_SINGLE ? TN_F32 : TN_F64;
  const tn_math_function *function = tn_math_find_part(tn_ops[expr->op.op].name, expr->op.part, type);
  if (function) n->op.math = tn_math_scalar(function, m->target->fma);
}

static tn_machine_node *prepare_expr(tn_machine *m, const tn_expr *expr) {
  tn_machine_node *n = TN_NEW(m->arena, tn_machine_node);
  n->op.expr = expr;
  n->out = tn_arena_alloc(m->arena, sizeof *n->out);
  switch (expr->kind) {
  case TN_EXPR_CONSTANT:
    tn_plan_lanes_load(expr->type, n->out, expr->bits, 1);
    tn_machine_splat(expr->type, n->out, TN_STRIP);
    break;
  case TN_EXPR_INDEX: n->offset = prepare_index(m, expr->index); break;
  case TN_EXPR_LOAD: prepare_load(m, n); break;
  case TN_EXPR_VALUE: break;
  case TN_EXPR_OP:
  case TN_EXPR_FMA: prepare_operation(m, n); break;
  }
  return n;
}

/* Rows are sorted one by one. */
static bool holds_sort(const tn_stmt *stmt) {
  for (const tn_stmt *child = stmt->body; child; child = child->next)
    if (child->kind == TN_STMT_SORT || holds_sort(child)) return true;
  return false;
}

/* Lanes that a dim fills, up to half of them: more make no difference. */
static int64_t filled(const tn_kernel *kernel, int dim) {
  const tn_dim *d = &kernel->dims[dim];
  if (d->kind != TN_DIM_PARALLEL) return 0;
  return d->size < TN_STRIP / 2 ? d->size : TN_STRIP / 2;
}

/* The most that some loop below fills. */
static int64_t filled_inside(const tn_kernel *kernel, const tn_stmt *stmt) {
  int64_t most = 0;
  for (const tn_stmt *child = stmt->body; child; child = child->next) {
    int64_t inside = filled_inside(kernel, child);
    for (int i = 0; i < child->n_dims; i++)
      if (filled(kernel, child->dims[i]) > inside) inside = filled(kernel, child->dims[i]);
    if (inside > most) most = inside;
  }
  return most;
}

/* The dim that fills the lanes best; the inner of equals, whose elements lie together. None
 * where a loop inside fills far more of them.                                             */
static int strip_of(const tn_kernel *kernel, const tn_stmt *loop) {
  int best = -1;
  int64_t most = 0;
  for (int i = holds_sort(loop) ? -1 : loop->n_dims - 1; i >= 0; i--) {
    if (filled(kernel, loop->dims[i]) <= most) continue;
    best = loop->dims[i];
    most = filled(kernel, best);
  }
  return filled_inside(kernel, loop) >= 8 * most ? -1 : best;
}

static bool is_of(const tn_stmt *stmt, int dim) {
  for (int i = 0; i < stmt->n_dims; i++)
    if (stmt->dims[i] == dim) return true;
  return false;
}

/* The reduce's loops in the order of the schedule, or as written. */
static void prepare_reduce(runner *r, prepared *p) {
  const tn_kernel *kernel = r->m.kernel;
  const tn_stmt *stmt = p->stmt;
  const tn_schedule *s = &kernel->schedule;
  TN_VEC(tn_loop_ref) loops = {0};
  p->vector = -1;
  for (int i = 0; i < s->n_order; i++)
    if (is_of(stmt, s->order[i].dim)) TN_PUSH(r->m.arena, &loops, s->order[i]);
  for (int i = 0; i < stmt->n_dims; i++) {
    if (!s->n_order) TN_PUSH(r->m.arena, &loops, ((tn_loop_ref){stmt->dims[i], 0}));
    if (!s->dims || !s->dims[stmt->dims[i]].lanes) continue;
    p->vector = stmt->dims[i];
    p->n_partials = s->dims[p->vector].lanes * s->dims[p->vector].vectors;
    p->partials = TN_NEW_ARRAY(r->m.arena, tn_lanes, stmt->n_accumulators * p->n_partials);
  }
  p->loops = loops.at;
  p->n_loops = loops.count;
}

static void prepare_body(runner *r, const tn_stmt *body) {
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    prepared p = {.stmt = stmt};
    if (stmt->expr) p.node = prepare_expr(&r->m, stmt->expr);
    if (stmt->condition) p.condition = prepare_expr(&r->m, stmt->condition);
    if (stmt->kind == TN_STMT_STORE)
      p.offset = prepare_index(&r->m, tn_access_offset(r->m.arena, r->m.kernel, stmt->buffer, stmt->at));
    p.initial = TN_NEW_ARRAY(r->m.arena, tn_machine_node *, stmt->n_accumulators);
    p.update = TN_NEW_ARRAY(r->m.arena, tn_machine_node *, stmt->n_accumulators);
    for (int i = 0; i < stmt->n_accumulators; i++) {
      p.initial[i] = prepare_expr(&r->m, stmt->accumulators[i].initial);
      p.update[i] = prepare_expr(&r->m, stmt->accumulators[i].update);
    }
    p.strip = stmt->kind == TN_STMT_LOOP ? strip_of(r->m.kernel, stmt) : -1;
    if (stmt->kind == TN_STMT_REDUCE) prepare_reduce(r, &p);
    TN_PUSH(r->m.arena, &r->statements, p);
    prepare_body(r, stmt->body);
  }
}

static const prepared *find(const runner *r, const tn_stmt *stmt) {
  const prepared *p = r->statements.at;
  while (p->stmt != stmt) p++;
  return p;
}

/* ---- statements ---- */

static void run_body(runner *r, const tn_stmt *body);

static void store(tn_machine *m, const prepared *p) {
  const tn_stmt *stmt = p->stmt;
  int64_t at[TN_STRIP];
  unsigned char packed[TN_STRIP * 8];
  tn_type type = m->kernel->buffers[stmt->buffer].shape->type;
  size_t bytes = tn_type_bytes(type);
  tn_plan_lanes_store(type, packed, tn_machine_evaluate(m, p->node), m->lanes);
  const tn_lanes *condition = p->condition ? tn_machine_evaluate(m, p->condition) : NULL;
  tn_machine_lanes(m, p->offset, at);
  for (int i = 0; i < m->lanes; i++) {
    if (condition && !condition->i[i]) continue;
    if (!tn_machine_check(m, stmt->buffer, at[i])) return;
    memcpy(tn_machine_lane(m, stmt->buffer, i) + (size_t)at[i] * bytes, packed + (size_t)i * bytes, bytes);
  }
}

/* ---- reduces ---- */

typedef struct {
  runner *r;
  const prepared *p;
  int64_t end[TN_STRIP]; /* of a reduce that has one, by lane */
} reduction;

/* The size of one block of the loop's dim at a level: what the next level runs over. */
static int64_t block_size(const tn_kernel *kernel, int dim, int level) {
  const tn_dim_schedule *s = kernel->schedule.dims ? &kernel->schedule.dims[dim] : NULL;
  return s && level < s->n_tiles ? s->tiles[level] : 1;
}

static void copy_lanes(tn_type type, tn_lanes *to, const tn_lanes *from, int count) {
  if (tn_form_of(type) == TN_FORM_SINGLE)
    memcpy(to->f, from->f, sizeof *to->f * (size_t)count);
  else
    memcpy(to->i, from->i, sizeof *to->i * (size_t)count);
}

static tn_type value_type(const tn_machine *m, int value) { return m->kernel->values[value].type; }

/* Which lanes iteration i of a reduce with an end runs in; false: in none. */
static bool before_end(reduction *red, int64_t i, bool *runs) {
  bool any = false;
  for (int lane = 0; lane < red->r->m.lanes; lane++) any |= runs[lane] = i < red->end[lane];
  return any;
}

/* Where it does not run, an accumulator stays as it is. */
static void keep_lanes(reduction *red, int value, tn_lanes *next, const bool *runs) {
  tn_machine *m = &red->r->m;
  bool single = tn_form_of(value_type(m, value)) == TN_FORM_SINGLE;
  for (int lane = 0; lane < m->lanes; lane++) {
    if (runs[lane]) continue;
    if (single)
      next->f[lane] = m->values[value]->f[lane];
    else
      next->i[lane] = m->values[value]->i[lane];
  }
}

static void iterate(reduction *red) {
  tn_machine *m = &red->r->m;
  const tn_stmt *stmt = red->p->stmt;
  bool runs[TN_STRIP];
  if (stmt->expr && !before_end(red, m->dims[stmt->dims[0]], runs)) return;
  run_body(red->r, stmt->body);
  for (int i = 0; i < stmt->n_accumulators; i++) { /* all from the old values */
    const tn_lanes *value = tn_machine_evaluate(m, red->p->update[i]);
    tn_lanes *next = red->p->update[i]->out;
    if (value != next) copy_lanes(value_type(m, stmt->accumulators[i].value), next, value, m->lanes);
  }
  for (int i = 0; i < stmt->n_accumulators; i++) {
    int value = stmt->accumulators[i].value;
    if (stmt->expr) keep_lanes(red, value, red->p->update[i]->out, runs);
    copy_lanes(value_type(m, value), m->values[value], red->p->update[i]->out, m->lanes);
  }
}

/* The accumulators are those of one partial result from here on. */
static void use_partials(reduction *red, int64_t partial) {
  for (int i = 0; i < red->p->stmt->n_accumulators; i++)
    red->r->m.values[red->p->stmt->accumulators[i].value] =
        &red->p->partials[i * red->p->n_partials + partial];
}

/* Loop `depth` of the reduce; base of a dim is where its current block begins. */
static void reduce_loops(reduction *red, int depth) {
  tn_machine *m = &red->r->m;
  if (m->failed) return;
  if (depth == red->p->n_loops) {
    if (red->p->vector >= 0) use_partials(red, m->dims[red->p->vector] % red->p->n_partials);
    iterate(red);
    return;
  }
  tn_loop_ref loop = red->p->loops[depth];
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
static void fold_pair(reduction *red, tn_join join) {
  tn_machine *m = &red->r->m;
  const tn_stmt *stmt = red->p->stmt;
  tn_lanes joined[2], *partials[2] = {red->p->partials, red->p->partials + red->p->n_partials};
  tn_lanes *out[2] = {&joined[0], &joined[1]}, *values[2];
  const tn_lanes *initial[2];
  tn_type types[2];
  for (int a = 0; a < 2; a++) {
    types[a] = value_type(m, stmt->accumulators[a].value);
    values[a] = &red->r->storage[stmt->accumulators[a].value];
    initial[a] = tn_machine_evaluate(m, red->p->initial[a]);
  }
  for (int half = red->p->n_partials / 2; half; half /= 2)
    for (int i = 0; i < half; i++) {
      const tn_lanes *low[2] = {partials[0] + i, partials[1] + i};
      const tn_lanes *high[2] = {partials[0] + i + half, partials[1] + i + half};
      tn_plan_lanes_arg_join(join, types, out, low, high, m->lanes);
      for (int a = 0; a < 2; a++) partials[a][i] = joined[a];
    }
  tn_plan_lanes_arg_join(join, types, out, initial, (const tn_lanes *[]){partials[0], partials[1]}, m->lanes);
  for (int a = 0; a < 2; a++) {
    *values[a] = joined[a];
    m->values[stmt->accumulators[a].value] = values[a];
  }
}

static void fold(reduction *red) {
  tn_machine *m = &red->r->m;
  const tn_stmt *stmt = red->p->stmt;
  tn_join pair = tn_reduce_arg_join(m->kernel, stmt);
  if (pair != TN_JOIN_ORDERED) {
    fold_pair(red, pair);
    return;
  }
  for (int a = 0; a < stmt->n_accumulators; a++) {
    const tn_accumulator *acc = &stmt->accumulators[a];
    tn_type type = m->kernel->values[acc->value].type;
    tn_join join = tn_reduce_join(m->kernel, stmt, a);
    tn_lanes *partials = &red->p->partials[a * red->p->n_partials], *value = &red->r->storage[acc->value],
             joined;
    for (int half = red->p->n_partials / 2; half; half /= 2)
      for (int i = 0; i < half; i++) {
        tn_plan_lanes_join(join, type, &joined, &partials[i], &partials[i + half], m->lanes);
        partials[i] = joined;
      }
    const tn_lanes *initial = tn_machine_evaluate(m, red->p->initial[a]);
    tn_plan_lanes_join(join, type, &joined, initial, &partials[0], m->lanes);
    *value = joined;
    m->values[acc->value] = value;
  }
}

static void start_partials(reduction *red) {
  tn_machine *m = &red->r->m;
  for (int a = 0; a < red->p->stmt->n_accumulators; a++) {
    uint64_t bits[2];
    tn_type type = m->kernel->values[red->p->stmt->accumulators[a].value].type;
    tn_join_identity(tn_reduce_join(m->kernel, red->p->stmt, a), type, bits);
    for (int i = 0; i < red->p->n_partials; i++) {
      tn_lanes *partial = &red->p->partials[a * red->p->n_partials + i];
      tn_plan_lanes_load(type, partial, bits, 1);
      tn_machine_splat(type, partial, m->lanes);
    }
  }
}

static void run_reduce(runner *r, const prepared *p) {
  tn_machine *m = &r->m;
  reduction red = {.r = r, .p = p};
  for (int i = 0; i < p->stmt->n_dims; i++) m->dims[p->stmt->dims[i]] = 0;
  if (red.p->vector >= 0) {
    start_partials(&red);
    reduce_loops(&red, 0);
    fold(&red);
  } else {
    for (int i = 0; i < p->stmt->n_accumulators; i++) {
      const tn_lanes *initial = tn_machine_evaluate(m, p->initial[i]);
      copy_lanes(value_type(m, p->stmt->accumulators[i].value), m->values[p->stmt->accumulators[i].value],
                 initial, m->lanes);
    }
    if (p->stmt->expr)
      memcpy(red.end, tn_machine_evaluate(m, p->node)->i, sizeof *red.end * (size_t)m->lanes);
    reduce_loops(&red, 0);
  }
}

/* ---- loops ---- */

static void run_sort(runner *r, const prepared *p) {
  tn_arena *scratch = tn_arena_create();
  TN_VEC(tn_machine_node *) lets = {0};
  for (const tn_stmt *let = p->stmt->body; let; let = let->next) TN_PUSH(scratch, &lets, find(r, let)->node);
  tn_machine_sort(&r->m, p->stmt, lets.at, p->node);
  tn_arena_destroy(scratch);
}

static void run_loop(runner *r, const tn_stmt *stmt, int depth, int strip) {
  tn_machine *m = &r->m;
  if (depth == stmt->n_dims || m->failed) {
    if (!m->failed) run_body(r, stmt->body);
    return;
  }
  int dim = stmt->dims[depth];
  int64_t size = m->kernel->dims[dim].size;
  bool lanes = dim == strip;
  if (lanes) m->strip = dim;
  for (int64_t i = 0; i < size; i += lanes ? TN_STRIP : 1) {
    m->dims[dim] = i;
    if (lanes) m->lanes = size - i < TN_STRIP ? (int)(size - i) : TN_STRIP;
    run_loop(r, stmt, depth + 1, strip);
  }
  if (lanes) {
    m->strip = -1;
    m->lanes = 1;
  }
}

/* What is computed outside the strip is there for each of its lanes. */
static void spread(tn_machine *m, int value) {
  if (m->strip < 0) tn_machine_splat(value_type(m, value), m->values[value], TN_STRIP);
}

static void run_let(tn_machine *m, const prepared *p) {
  int value = p->stmt->value;
  copy_lanes(value_type(m, value), m->values[value], tn_machine_evaluate(m, p->node), m->lanes);
  spread(m, p->stmt->value);
}

static void run_body(runner *r, const tn_stmt *body) {
  for (const tn_stmt *stmt = body; stmt && !r->m.failed; stmt = stmt->next) {
    const prepared *p = find(r, stmt);
    switch (stmt->kind) {
    case TN_STMT_LOOP: run_loop(r, stmt, 0, r->m.strip < 0 ? p->strip : -1); break;
    case TN_STMT_REDUCE:
      run_reduce(r, p);
      for (int i = 0; i < stmt->n_accumulators; i++) spread(&r->m, stmt->accumulators[i].value);
      break;
    case TN_STMT_LOCAL: r->m.one_copy[stmt->buffer] = r->m.strip < 0; break;
    case TN_STMT_LET: run_let(&r->m, p); break;
    case TN_STMT_STORE: store(&r->m, p); break;
    case TN_STMT_SORT: run_sort(r, p); break;
    }
  }
}

/* Of a buffer's memory: a local has one for each lane, a sorted one is never in lanes. */
static size_t copies(const tn_stmt *body, int buffer) {
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next) {
    for (int i = 0; i < stmt->n_sorted; i++)
      if (stmt->sorted[i] == buffer) return 1;
    if (copies(stmt->body, buffer) == 1) return 1;
  }
  return TN_STRIP;
}

bool tn_kernel_run(const tn_kernel *kernel, const tn_cpu *target, void *const *memory, tn_diagnostics *sink) {
  tn_arena *arena = tn_arena_create();
  runner r = {
      .m = {.kernel = kernel, .target = target, .arena = arena, .sink = sink, .strip = -1, .lanes = 1}};
  tn_machine *m = &r.m;
  m->memory = TN_NEW_ARRAY(arena, void *, kernel->n_buffers);
  m->one_copy = TN_NEW_ARRAY(arena, bool, kernel->n_buffers);
  m->elements = TN_NEW_ARRAY(arena, int64_t, kernel->n_buffers);
  m->dims = TN_NEW_ARRAY(arena, int64_t, kernel->n_dims);
  r.storage = TN_NEW_ARRAY(arena, tn_lanes, kernel->n_values);
  m->values = TN_NEW_ARRAY(arena, tn_lanes *, kernel->n_values);
  for (int i = 0; i < kernel->n_values; i++) m->values[i] = &r.storage[i];
  for (int i = 0; i < kernel->n_buffers; i++) {
    const tn_kernel_buffer *buffer = &kernel->buffers[i];
    size_t bytes = tn_type_bytes(buffer->shape->type);
    m->elements[i] = tn_layout_bytes(buffer->shape) / (int64_t)bytes;
    m->memory[i] = i < kernel->n_parameters
                       ? memory[i]
                       : tn_arena_alloc(arena, (size_t)m->elements[i] * bytes * copies(kernel->body, i));
  }
  prepare_body(&r, kernel->body);
  run_body(&r, kernel->body);
  bool ok = !m->failed;
  tn_arena_destroy(arena);
  return ok;
}
