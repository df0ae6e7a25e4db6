/* Complex numbers as pairs of real ones: no kernel has a complex type afterwards.
 *
 * A buffer c64[d0,d1] is passed as f32[d0,d1,2], the same bytes with one more dim, which
 * is the minor-most of every layout and of every tile. Loads, lets, accumulators and
 * stores become two:
 *
 *   y[d0] = (x[d0] * z)          let v0: f32 = …                        (parts used twice)
 *                          =>    y[d0, 0] = ((x[d0, 0] * v0) - (x[d0, 1] * v1))
 *                                y[d0, 1] = ((x[d0, 0] * v1) + (x[d0, 1] * v0))
 *
 * Kernels that treat both parts alike (copies, sums, selections) keep one store, with a
 * loop over the parts around it: then neighbours stay neighbours.
 *
 *   loop d0:8 { y[d0] = (x[d0] + z[d0]) }  =>  loop d0:8 p:2 { y[d0, p] = … }
 *
 * A product is the plain formula, as in HLO. The sums of products that dot and convolution
 * make (an FMA of complex type) are two chains of real multiply-adds, each with a join.
 * All else is a function of base/math that gives one part: `log<imag>(a, b)`.
 *
 * Runs on what the lowering builds, before anything else looks at the kernel.
 * Cost: linear in the kernel's size.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/build.h"
#include "codegen/plan/walk.h"

/* ---- shapes ---- */

static tn_dims with_last(tn_arena *arena, tn_dims dims, int64_t last) {
  int64_t *at = TN_NEW_ARRAY(arena, int64_t, dims.count + 1);
  if (dims.count) memcpy(at, dims.at, sizeof *at * (size_t)dims.count);
  at[dims.count] = last;
  return (tn_dims){at, dims.count + 1};
}

static const tn_layout *layout_of_parts(tn_arena *arena, const tn_layout *layout, int rank) {
  tn_layout *parts = tn_arena_copy(arena, layout, sizeof *layout);
  int64_t *order = TN_NEW_ARRAY(arena, int64_t, rank + 1);
  tn_dims *tiles = TN_NEW_ARRAY(arena, tn_dims, layout->n_tiles);
  order[0] = rank;
  for (int i = 0; i < rank; i++) order[i + 1] = layout->minor_to_major.at[i];
  for (int i = 0; i < layout->n_tiles; i++) tiles[i] = with_last(arena, layout->tiles[i], 2);
  parts->minor_to_major = (tn_dims){order, rank + 1};
  parts->tiles = tiles;
  parts->levels = NULL; /* all dense */
  parts->tail_alignment = layout->tail_alignment > 1 ? 2 * layout->tail_alignment : 1;
  parts->element_bits = layout->element_bits / 2;
  return parts;
}

const tn_shape *tn_shape_of_parts(tn_arena *arena, const tn_shape *shape) {
  if (!tn_type_is_complex(shape->type)) return shape;
  tn_dims dims = with_last(arena, (tn_dims){(int64_t *)shape->dims, shape->rank}, 2);
  const tn_shape *parts = tn_shape_array(arena, tn_type_part(shape->type), dims.count, dims.at);
  if (!shape->layout) return parts;
  return tn_shape_with_layout(arena, parts, layout_of_parts(arena, shape->layout, shape->rank));
}

/* ---- what the rewriting knows ---- */

typedef struct {
  tn_arena *arena;
  tn_kernel *kernel;
  bool fma;
  bool *is_pair;         /* of each buffer: it was complex */
  int *imaginary;        /* of each value: the imaginary part's; the real part keeps the number */
  const tn_index *alike; /* the part, where both are treated alike; else NULL */
  tn_stmt **before;      /* where lets go that the statement at hand needs */
  TN_VEC(tn_kernel_value) values;
} splitter;

typedef struct {
  const tn_expr *part[2];
} pair;

static bool is_complex(const tn_expr *expr) { return tn_type_is_complex(expr->type); }

/* ---- is there anything to do, and is it the same for both parts? ---- */

static bool is_of_complex(void *user, const tn_expr *expr) {
  (void)user;
  bool part = expr->kind == TN_EXPR_OP && (expr->op.op == TN_OP_REAL || expr->op.op == TN_OP_IMAG);
  return part || is_complex(expr);
}

static const tn_walk FIND_COMPLEX = {.expr = is_of_complex};

static bool has_complex(const tn_expr *expr) { return tn_walk_expr(&FIND_COMPLEX, expr); }

static bool body_has_complex(const tn_kernel *kernel, const tn_stmt *body) {
  for (const tn_stmt *stmt = body; stmt; stmt = stmt->next)
    if (tn_walk_stmt(&FIND_COMPLEX, kernel, stmt) || body_has_complex(kernel, stmt->body)) return true;
  return false;
}

static bool is_partwise(const tn_expr *expr) {
  return expr->op.op == TN_OP_ADD || expr->op.op == TN_OP_SUBTRACT || expr->op.op == TN_OP_NEGATE ||
         expr->op.op == TN_OP_SELECT || (expr->op.op == TN_OP_CONVERT && is_complex(expr->op.operands[0]));
}

static bool is_alike(const tn_expr *expr) {
  if (!is_complex(expr)) return !has_complex(expr);
  switch (expr->kind) {
  case TN_EXPR_CONSTANT: return expr->bits[0] == expr->bits[1];
  case TN_EXPR_VALUE: return true;
  case TN_EXPR_LOAD: return !expr->load.fill || is_alike(expr->load.fill);
  case TN_EXPR_INDEX:
  case TN_EXPR_FMA: return false;
  case TN_EXPR_OP:
    for (int i = 0; i < expr->op.n_operands; i++)
      if (!is_alike(expr->op.operands[i])) return false;
    return is_partwise(expr);
  }
  return false;
}

static bool stores_alike(const tn_kernel *kernel) {
  for (const tn_stmt *stmt = kernel->body->body; stmt; stmt = stmt->next) {
    if (stmt->kind != TN_STMT_LET && stmt->kind != TN_STMT_STORE) return false;
    if (stmt->kind == TN_STMT_STORE && !is_complex(stmt->expr)) return false;
    if (!is_alike(stmt->expr) || (stmt->condition && has_complex(stmt->condition))) return false;
  }
  return true;
}

/* ---- expressions ---- */

static pair split(splitter *s, const tn_expr *expr);
static const tn_expr *real_expr(splitter *s, const tn_expr *expr);

static const tn_index *new_index(splitter *s, const tn_index *index) {
  if (!tn_walk_index(&FIND_COMPLEX, index)) return index;
  const tn_index *sum = tn_index_constant(s->arena, index->constant);
  for (int i = 0; i < index->n_terms; i++) {
    const tn_term *term = &index->terms[i];
    tn_term *copy = tn_arena_copy(s->arena, term, sizeof *term);
    tn_index *one = TN_NEW(s->arena, tn_index);
    if (term->of) copy->of = new_index(s, term->of);
    if (term->kind == TN_TERM_VALUE) copy->value = real_expr(s, term->value);
    *one = (tn_index){0, 1, copy};
    sum = tn_index_add(s->arena, sum, one);
  }
  return sum;
}

/* Indices into what was a complex buffer, of one part. */
static const tn_index *const *new_access(splitter *s, int buffer, int rank, const tn_index *const *at,
                                         const tn_index *part) {
  const tn_index **result = TN_NEW_ARRAY(s->arena, const tn_index *, rank + 1);
  for (int i = 0; i < rank; i++) result[i] = new_index(s, at[i]);
  if (s->is_pair[buffer]) result[rank] = part;
  return result;
}

static const tn_index *part_index(splitter *s, int part) {
  return s->alike ? s->alike : tn_index_constant(s->arena, part);
}

static tn_expr *new_load(splitter *s, const tn_expr *expr, const tn_index *part, const tn_expr *fill) {
  tn_expr *load = tn_arena_copy(s->arena, expr, sizeof *expr);
  tn_guard_range *guards =
      tn_arena_copy(s->arena, expr->load.guards, sizeof *guards * (size_t)expr->load.n_guards);
  for (int i = 0; i < expr->load.n_guards; i++) guards[i].index = new_index(s, guards[i].index);
  load->type = tn_type_part(expr->type);
  load->load.at = new_access(s, expr->load.buffer, expr->load.rank, expr->load.at, part);
  load->load.rank = expr->load.rank + s->is_pair[expr->load.buffer];
  load->load.guards = guards;
  load->load.fill = fill;
  return load;
}

/* A let before the statement at hand. */
static const tn_expr *named(splitter *s, const tn_expr *expr) {
  tn_stmt *let = tn_stmt_new(s->arena, TN_STMT_LET);
  let->value = s->values.count;
  let->expr = expr;
  TN_PUSH(s->arena, &s->values,
          ((tn_kernel_value){tn_arena_printf(s->arena, "v%d", let->value), expr->type}));
  let->next = *s->before;
  *s->before = let;
  s->before = &let->next;
  return tn_expr_value(s->arena, expr->type, let->value);
}

/* What is used twice and costs something. */
static const tn_expr *share(splitter *s, const tn_expr *expr) {
  bool free = expr->kind == TN_EXPR_CONSTANT || expr->kind == TN_EXPR_VALUE || expr->kind == TN_EXPR_INDEX;
  return free || (expr->kind == TN_EXPR_LOAD && !expr->load.fill) ? expr : named(s, expr);
}

static pair shared(splitter *s, pair p) { return (pair){{share(s, p.part[0]), share(s, p.part[1])}}; }

static const tn_expr *binary(splitter *s, tn_op op, const tn_expr *a, const tn_expr *b) {
  return tn_expr_binary(s->arena, op, a->type, a, b);
}

/* The plain formula. */
static pair product(splitter *s, pair a, pair b) {
  const tn_expr *p[2][2];
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++) p[i][j] = binary(s, TN_OP_MULTIPLY, a.part[i], b.part[j]);
  return (pair){{binary(s, TN_OP_SUBTRACT, p[0][0], p[1][1]), binary(s, TN_OP_ADD, p[0][1], p[1][0])}};
}

static const tn_expr *add_product(splitter *s, const tn_expr *a, const tn_expr *b, const tn_expr *sum) {
  if (s->fma) return tn_expr_fma(s->arena, a, b, sum);
  return binary(s, TN_OP_ADD, sum, binary(s, TN_OP_MULTIPLY, a, b));
}

/* a*b + c, in chains from c on. */
static pair product_sum(splitter *s, pair a, pair b, pair c) {
  const tn_expr *minus = tn_expr_op(s->arena, TN_OP_NEGATE, a.part[1]->type, 1, &a.part[1]);
  const tn_expr *re = add_product(s, a.part[0], b.part[0], c.part[0]);
  const tn_expr *im = add_product(s, a.part[0], b.part[1], c.part[1]);
  return (pair){{add_product(s, minus, b.part[1], re), add_product(s, a.part[1], b.part[0], im)}};
}

/* One part of base/math's function: all operands' parts, real and imaginary in turn. */
static const tn_expr *function_part(splitter *s, const tn_expr *expr, const pair *operands, int part) {
  const tn_expr *all[4];
  for (int i = 0; i < 2 * expr->op.n_operands; i++) all[i] = operands[i / 2].part[i % 2];
  tn_expr *call =
      (tn_expr *)tn_expr_op(s->arena, expr->op.op, tn_type_part(expr->type), 2 * expr->op.n_operands, all);
  call->op.part = part ? TN_PART_IMAGINARY : TN_PART_REAL;
  return call;
}

static pair split_function(splitter *s, const tn_expr *expr) {
  pair operands[2], result;
  for (int i = 0; i < expr->op.n_operands; i++) {
    operands[i] = shared(s, split(s, expr->op.operands[i]));
    for (int part = 0; part < 2; part++) /* loaded once, both functions compute of the same values */
      if (operands[i].part[part]->kind == TN_EXPR_LOAD)
        operands[i].part[part] = named(s, operands[i].part[part]);
  }
  for (int part = 0; part < 2; part++) result.part[part] = function_part(s, expr, operands, part);
  return result;
}

/* The same operation on each part; a select's predicate is one for both. */
static pair split_partwise(splitter *s, const tn_expr *expr) {
  pair operands[3], result;
  for (int i = 0; i < expr->op.n_operands; i++) {
    const tn_expr *operand = expr->op.operands[i];
    if (is_complex(operand)) {
      operands[i] = split(s, operand);
      continue;
    }
    const tn_expr *one = real_expr(s, operand);
    if (!s->alike) one = share(s, one);
    operands[i] = (pair){{one, one}};
  }
  for (int part = 0; part < 2; part++) {
    const tn_expr *parts[3];
    for (int i = 0; i < expr->op.n_operands; i++) parts[i] = operands[i].part[part];
    result.part[part] =
        tn_expr_op(s->arena, expr->op.op, tn_type_part(expr->type), expr->op.n_operands, parts);
    if (s->alike) result.part[1] = result.part[0];
    if (s->alike) break;
  }
  return result;
}

static const tn_expr *zero_like(splitter *s, const tn_expr *expr) {
  return tn_expr_number(s->arena, expr->type, 0);
}

static pair split_operation(splitter *s, const tn_expr *expr) {
  const tn_expr *const *operands = expr->op.operands;
  if (is_partwise(expr)) return split_partwise(s, expr);
  if (expr->op.op == TN_OP_MULTIPLY) {
    pair a = shared(s, split(s, operands[0])), b = shared(s, split(s, operands[1]));
    return product(s, a, b);
  }
  if (expr->op.op == TN_OP_COMPLEX) return (pair){{real_expr(s, operands[0]), real_expr(s, operands[1])}};
  if (expr->op.op == TN_OP_CONVERT) { /* from a real type */
    const tn_expr *re = tn_expr_convert(s->arena, tn_type_part(expr->type), real_expr(s, operands[0]));
    return (pair){{re, zero_like(s, re)}};
  }
  return split_function(s, expr);
}

static pair split_load(splitter *s, const tn_expr *expr) {
  pair fill = {{NULL, NULL}}, result;
  if (expr->load.fill) fill = split(s, expr->load.fill);
  for (int part = 0; part < 2; part++)
    result.part[part] = new_load(s, expr, part_index(s, part), fill.part[part]);
  return result;
}

static pair split(splitter *s, const tn_expr *expr) {
  tn_type type = tn_type_part(expr->type);
  switch (expr->kind) {
  case TN_EXPR_CONSTANT:
    return (pair){
        {tn_expr_bits(s->arena, type, expr->bits[0], 0), tn_expr_bits(s->arena, type, expr->bits[1], 0)}};
  case TN_EXPR_INDEX: {
    const tn_expr *re = tn_expr_index(s->arena, type, new_index(s, expr->index));
    return (pair){{re, zero_like(s, re)}};
  }
  case TN_EXPR_VALUE:
    return (pair){{tn_expr_value(s->arena, type, expr->value),
                   tn_expr_value(s->arena, type, s->imaginary[expr->value])}};
  case TN_EXPR_LOAD: return split_load(s, expr);
  case TN_EXPR_FMA: {
    pair a = shared(s, split(s, expr->op.operands[0])), b = shared(s, split(s, expr->op.operands[1]));
    return product_sum(s, a, b, split(s, expr->op.operands[2]));
  }
  case TN_EXPR_OP: return split_operation(s, expr);
  }
  return (pair){{NULL, NULL}};
}

/* ---- real results of complex operands ---- */

static const tn_expr *compare_parts(splitter *s, const tn_expr *expr) {
  pair a = split(s, expr->op.operands[0]), b = split(s, expr->op.operands[1]);
  const tn_expr *each[2];
  for (int part = 0; part < 2; part++) {
    tn_expr *one = tn_arena_copy(s->arena, expr, sizeof *expr);
    one->op.operands = tn_arena_copy(s->arena, (const tn_expr *[]){a.part[part], b.part[part]},
                                     2 * sizeof *one->op.operands);
    each[part] = one;
  }
  tn_op both = expr->op.direction == TN_NE ? TN_OP_OR : TN_OP_AND;
  return tn_expr_binary(s->arena, both, TN_PRED, each[0], each[1]);
}

/* The real part alone, except that a number is true unless both parts are 0. */
static const tn_expr *convert_parts(splitter *s, const tn_expr *expr) {
  pair p = split(s, expr->op.operands[0]);
  const tn_expr *re = tn_expr_convert(s->arena, expr->type, p.part[0]);
  if (expr->type != TN_PRED) return re;
  return tn_expr_binary(s->arena, TN_OP_OR, TN_PRED, re, tn_expr_convert(s->arena, TN_PRED, p.part[1]));
}

/* The part of a complex number, or of a real one. */
static const tn_expr *take_part(splitter *s, const tn_expr *expr) {
  const tn_expr *operand = expr->op.operands[0];
  int part = expr->op.op == TN_OP_IMAG;
  if (is_complex(operand)) return split(s, operand).part[part];
  return part ? zero_like(s, expr) : real_expr(s, operand);
}

static const tn_expr *real_operation(splitter *s, const tn_expr *expr) {
  bool of_complex = is_complex(expr->op.operands[0]);
  if (expr->op.op == TN_OP_REAL || expr->op.op == TN_OP_IMAG) return take_part(s, expr);
  if (of_complex && expr->op.op == TN_OP_COMPARE) return compare_parts(s, expr);
  if (of_complex && expr->op.op == TN_OP_CONVERT) return convert_parts(s, expr);
  if (of_complex) { /* abs */
    pair operand = shared(s, split(s, expr->op.operands[0]));
    return function_part(s, expr, &operand, 0);
  }
  const tn_expr **operands = TN_NEW_ARRAY(s->arena, const tn_expr *, expr->op.n_operands);
  for (int i = 0; i < expr->op.n_operands; i++) operands[i] = real_expr(s, expr->op.operands[i]);
  tn_expr *copy = tn_arena_copy(s->arena, expr, sizeof *expr);
  copy->op.operands = operands;
  return copy;
}

static const tn_expr *real_expr(splitter *s, const tn_expr *expr) {
  switch (expr->kind) {
  case TN_EXPR_CONSTANT:
  case TN_EXPR_VALUE: return expr;
  case TN_EXPR_INDEX: return tn_expr_index(s->arena, expr->type, new_index(s, expr->index));
  case TN_EXPR_LOAD: return new_load(s, expr, NULL, expr->load.fill ? real_expr(s, expr->load.fill) : NULL);
  case TN_EXPR_OP:
  case TN_EXPR_FMA: return real_operation(s, expr);
  }
  return expr;
}

/* ---- statements ---- */

static void split_let(splitter *s, tn_stmt *let) {
  if (!is_complex(let->expr)) {
    let->expr = real_expr(s, let->expr);
    return;
  }
  pair p = split(s, let->expr);
  let->expr = p.part[0];
  if (s->alike) return;
  tn_stmt *second = tn_arena_copy(s->arena, let, sizeof *let);
  second->value = s->imaginary[let->value];
  second->expr = p.part[1];
  let->next = second;
}

static bool loads_from(const tn_expr *expr, int buffer) {
  if (expr->kind == TN_EXPR_LOAD)
    return expr->load.buffer == buffer || (expr->load.fill && loads_from(expr->load.fill, buffer));
  if (expr->kind != TN_EXPR_OP && expr->kind != TN_EXPR_FMA) return false;
  for (int i = 0; i < expr->op.n_operands; i++)
    if (loads_from(expr->op.operands[i], buffer)) return true;
  return false;
}

/* The two parts of a function of base/math have nearly all of their work in common. With no
 * store between them the code generator does that once.                                */
static bool has_function_part(const tn_expr *expr) {
  if (expr->kind != TN_EXPR_OP && expr->kind != TN_EXPR_FMA) return false;
  if (expr->kind == TN_EXPR_OP && expr->op.part != TN_PART_WHOLE) return true;
  for (int i = 0; i < expr->op.n_operands; i++)
    if (has_function_part(expr->op.operands[i])) return true;
  return false;
}

static void split_store(splitter *s, tn_stmt *store, int rank) {
  const tn_index *const *at = store->at;
  bool reads_itself = !s->alike && loads_from(store->expr, store->buffer);
  if (store->condition) {
    reads_itself = reads_itself || (!s->alike && loads_from(store->condition, store->buffer));
    store->condition = real_expr(s, store->condition);
    if (reads_itself) store->condition = named(s, store->condition);
  }
  if (!is_complex(store->expr)) {
    store->expr = real_expr(s, store->expr);
    store->at = new_access(s, store->buffer, rank, at, NULL);
    return;
  }
  pair p = split(s, store->expr);
  if (reads_itself || has_function_part(p.part[1])) p = (pair){{named(s, p.part[0]), named(s, p.part[1])}};
  store->expr = p.part[0];
  store->at = new_access(s, store->buffer, rank, at, part_index(s, 0));
  if (s->alike) return;
  tn_stmt *second = tn_arena_copy(s->arena, store, sizeof *store);
  second->expr = p.part[1];
  second->at = new_access(s, store->buffer, rank, at, part_index(s, 1));
  store->next = second;
}

static void split_body(splitter *s, tn_stmt **place);

static void split_reduce(splitter *s, tn_stmt *reduce) {
  tn_accumulator *all = TN_NEW_ARRAY(s->arena, tn_accumulator, 2 * reduce->n_accumulators);
  int count = 0;
  for (int i = 0; i < reduce->n_accumulators; i++) {
    const tn_accumulator *old = &reduce->accumulators[i];
    bool two = is_complex(old->update);
    pair initial = {{old->initial, NULL}};
    if (two)
      initial = split(s, old->initial);
    else
      initial.part[0] = real_expr(s, old->initial);
    all[count++] = (tn_accumulator){old->value, initial.part[0], NULL};
    if (two) all[count++] = (tn_accumulator){s->imaginary[old->value], initial.part[1], NULL};
  }
  split_body(s, &reduce->body);
  s->before = &reduce->body; /* what the updates share stands at the end of the body */
  while (*s->before) s->before = &(*s->before)->next;
  count = 0;
  for (int i = 0; i < reduce->n_accumulators; i++) {
    const tn_expr *update = reduce->accumulators[i].update;
    pair p = {{NULL, NULL}};
    if (is_complex(update))
      p = split(s, update);
    else
      p.part[0] = real_expr(s, update);
    for (int part = 0; part < 2; part++)
      if (p.part[part]) all[count++].update = p.part[part];
  }
  reduce->accumulators = all;
  reduce->n_accumulators = count;
}

/* What is sorted is real: only the comparator's expressions can be complex. */
static void split_sort(splitter *s, tn_stmt *sort) {
  split_body(s, &sort->body);
  s->before = &sort->body; /* what the result shares stands at the end of the body */
  while (*s->before) s->before = &(*s->before)->next;
  sort->expr = real_expr(s, sort->expr);
}

static void split_body(splitter *s, tn_stmt **place) {
  while (*place) {
    tn_stmt *stmt = *place, *next = stmt->next;
    s->before = place;
    switch (stmt->kind) {
    case TN_STMT_LOOP: split_body(s, &stmt->body); break;
    case TN_STMT_REDUCE: split_reduce(s, stmt); break;
    case TN_STMT_LOCAL: break;
    case TN_STMT_SORT: split_sort(s, stmt); break;
    case TN_STMT_LET: split_let(s, stmt); break;
    case TN_STMT_STORE: {
      const tn_kernel_buffer *b = &s->kernel->buffers[stmt->buffer];
      split_store(s, stmt, b->shape->rank);
      break;
    }
    }
    while (stmt->next != next) stmt = stmt->next;
    place = &stmt->next;
  }
}

/* ---- kernels ---- */

/* A value for each imaginary part; real parts keep the value's number. */
static void split_values(splitter *s) {
  tn_kernel *kernel = s->kernel;
  s->imaginary = TN_NEW_ARRAY(s->arena, int, kernel->n_values);
  for (int i = 0; i < kernel->n_values; i++) TN_PUSH(s->arena, &s->values, kernel->values[i]);
  for (int i = 0; i < kernel->n_values; i++) {
    tn_type type = kernel->values[i].type;
    if (!tn_type_is_complex(type)) continue;
    tn_kernel_value imaginary = {kernel->values[i].name, tn_type_part(type)};
    s->values.at[i].type = tn_type_part(type);
    s->imaginary[i] = s->values.count;
    TN_PUSH(s->arena, &s->values, imaginary);
  }
}

/* The loop over the parts. */
static void add_part_dim(splitter *s) {
  tn_kernel *kernel = s->kernel;
  tn_stmt *loop = kernel->body;
  tn_dim *dims = TN_NEW_ARRAY(s->arena, tn_dim, kernel->n_dims + 1);
  int *own = TN_NEW_ARRAY(s->arena, int, loop->n_dims + 1), part = kernel->n_dims;
  if (kernel->n_dims) memcpy(dims, kernel->dims, sizeof *dims * (size_t)kernel->n_dims);
  if (loop->n_dims) memcpy(own, loop->dims, sizeof *own * (size_t)loop->n_dims);
  dims[part] = (tn_dim){tn_arena_printf(s->arena, "p%d", part), 2, TN_DIM_PARALLEL};
  own[loop->n_dims++] = part;
  loop->dims = own;
  kernel->dims = dims;
  kernel->n_dims++;
  s->alike = tn_index_dim(s->arena, part);
}

/* A parameter may be complex although nothing looks at it: a computation need not use all it is given. */
static bool kernel_has_complex(const tn_kernel *kernel) {
  for (int i = 0; i < kernel->n_buffers; i++)
    if (tn_type_is_complex(kernel->buffers[i].shape->type)) return true;
  return body_has_complex(kernel, kernel->body);
}

void tn_kernel_split_complex(tn_arena *arena, tn_kernel *kernel, const tn_cpu *target) {
  splitter s = {.arena = arena, .kernel = kernel, .fma = target->fma};
  if (!kernel_has_complex(kernel)) return;
  s.is_pair = TN_NEW_ARRAY(arena, bool, kernel->n_buffers);
  for (int i = 0; i < kernel->n_buffers; i++)
    s.is_pair[i] = tn_type_is_complex(kernel->buffers[i].shape->type);
  split_values(&s);
  if (stores_alike(kernel)) add_part_dim(&s);
  split_body(&s, &kernel->body);
  for (int i = 0; i < kernel->n_buffers; i++)
    kernel->buffers[i].shape = tn_shape_of_parts(arena, kernel->buffers[i].shape);
  kernel->values = s.values.at;
  kernel->n_values = s.values.count;
}
