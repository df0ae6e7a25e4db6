/* cholesky and triangular-solve: scans over the pivots, in place in the result.
 *
 *   loop b {                                         loop b c {
 *     loop i j { y[b, i, j] = a, mirrored }            loop i { y[b, i, c] = 0 }
 *     scan k:n {                                       scan s:n {
 *       let d = sqrt(y[b, k, k])                         reduce k:n { t from b[b, s, c] =
 *       local r: f32[n]                                    t - (k < s ? a[b, s, k] : 0) * y[b, k, c] }
 *       loop j { r[j] = y[b, k, j] / d }                 y[b, s, c] = t / a[b, s, s]
 *       loop i {                                       }
 *         loop j { y[b, i, j] -= conj(r[i]) * r[j] if i > k and j > k }
 *         y[b, i, k] = i < k ? 0 : i == k ? d : conj(r[i])
 *       }
 *     }
 *   }
 *
 * Cholesky keeps both triangles of what is left, so that the row of the pivot is at hand,
 * contiguous; as a scan goes by, column k gets its final values. Both do n^3 (n^2) steps
 * although a third (half) of them counts, since loops have one length: large matrices come
 * here in blocks (passes/linalg_blocking.c).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower.h"
#include "codegen/plan/native.h"

typedef struct {
  tn_lowering *l;
  tn_inst *inst;
  tn_arena *arena;
  tn_type type, part; /* of elements; of their parts where they are complex */
  int rank;
  int64_t n;
  const tn_index **batch; /* indices of all dims but the last two */
  const tn_index *zero;
} matrices;

static tn_position place(const matrices *m, const tn_index *row, const tn_index *column) {
  const tn_index **at = tn_arena_copy(m->arena, m->batch, sizeof *at * (size_t)m->rank);
  at[m->rank - 2] = row;
  at[m->rank - 1] = column;
  return at;
}

static bool is_complex(const matrices *m) { return tn_type_is_complex(m->type); }

static const tn_expr *unary(const matrices *m, tn_op op, tn_type type, const tn_expr *a) {
  return tn_expr_op(m->arena, op, type, 1, &a);
}

static const tn_expr *conjugate(const matrices *m, const tn_expr *a) {
  if (!is_complex(m)) return a;
  a = tn_lower_share(m->l, a);
  const tn_expr *imaginary = unary(m, TN_OP_NEGATE, m->part, unary(m, TN_OP_IMAG, m->part, a));
  return tn_expr_binary(m->arena, TN_OP_COMPLEX, m->type, unary(m, TN_OP_REAL, m->part, a), imaginary);
}

/* a / d, d real. */
static const tn_expr *divide_by_real(const matrices *m, const tn_expr *a, const tn_expr *d) {
  if (!is_complex(m)) return tn_expr_binary(m->arena, TN_OP_DIVIDE, m->type, a, d);
  const tn_expr *parts[2];
  a = tn_lower_share(m->l, a);
  for (int i = 0; i < 2; i++) {
    parts[i] = unary(m, i ? TN_OP_IMAG : TN_OP_REAL, m->part, a);
    parts[i] = tn_expr_binary(m->arena, TN_OP_DIVIDE, m->part, parts[i], d);
  }
  return tn_expr_op(m->arena, TN_OP_COMPLEX, m->type, 2, parts);
}

/* s + a*b; one rounding where there is an instruction for it. */
static const tn_expr *multiply_add(const matrices *m, const tn_expr *a, const tn_expr *b, const tn_expr *s) {
  if (tn_lower_has_fma(m->l, m->type)) return tn_expr_fma(m->arena, a, b, s);
  return tn_expr_binary(m->arena, TN_OP_ADD, m->type, s,
                        tn_expr_binary(m->arena, TN_OP_MULTIPLY, m->type, a, b));
}

static const tn_expr *negated(const matrices *m, const tn_expr *a) {
  return unary(m, TN_OP_NEGATE, m->type, a);
}

static const tn_expr *select(const matrices *m, const tn_expr *p, const tn_expr *a, const tn_expr *b) {
  return tn_expr_op(m->arena, TN_OP_SELECT, a->type, 3, (const tn_expr *[]){p, a, b});
}

static const tn_expr *number(const matrices *m, double value) {
  return tn_expr_number(m->arena, m->type, value);
}

/* a > b, of indices in 0 … n-1. */
static const tn_expr *is_above(const matrices *m, const tn_index *a, const tn_index *b) {
  tn_type type = m->n <= INT32_MAX ? TN_S32 : TN_S64;
  const tn_expr *sides[2] = {tn_expr_index(m->arena, type, a), tn_expr_index(m->arena, type, b)};
  tn_expr *above = (tn_expr *)tn_expr_op(m->arena, TN_OP_COMPARE, TN_PRED, 2, sides);
  above->op.direction = TN_GT;
  return above;
}

static const tn_expr *both(const matrices *m, const tn_expr *a, const tn_expr *b) {
  return tn_expr_binary(m->arena, TN_OP_AND, TN_PRED, a, b);
}

/* Opens a loop of one dim; its index. NULL after a failure. */
static const tn_index *open(const matrices *m, tn_dim_kind kind, const char *name, int64_t size) {
  int dim;
  if (!tn_lower_open_loop(m->l, m->inst, kind, 1, &size, &name, &dim)) return NULL;
  return size == 1 ? m->zero : tn_index_dim(m->arena, dim);
}

/* Opens the kernel's loop: over all dims of the result but the last two, and `lines`, of which
 * *line is one; NULL: none.                                                                */
static matrices open_matrices(tn_lowering *l, tn_inst *inst, int64_t lines, const tn_index **line) {
  const tn_shape *shape = inst->shape;
  matrices m = {.l = l, .inst = inst, .arena = tn_lower_arena(l), .type = shape->type, .rank = shape->rank};
  m.part = tn_type_is_complex(m.type) ? tn_type_part(m.type) : m.type;
  m.n = inst->operands[0]->shape->dims[shape->rank - 1];
  m.zero = tn_index_constant(m.arena, 0);
  const tn_index **at = TN_NEW_ARRAY(m.arena, const tn_index *, shape->rank);
  int *dims = TN_NEW_ARRAY(m.arena, int, shape->rank), n = shape->rank - 2 + (line != NULL);
  int64_t *sizes = TN_NEW_ARRAY(m.arena, int64_t, shape->rank);
  const char **names = TN_NEW_ARRAY(m.arena, const char *, shape->rank);
  for (int i = 0; i < n; i++) {
    names[i] = "d";
    sizes[i] = i < shape->rank - 2 ? shape->dims[i] : lines;
  }
  tn_lower_open_loop(l, inst, TN_DIM_PARALLEL, n, sizes, names, dims);
  for (int i = 0; i < n; i++) at[i] = sizes[i] == 1 ? m.zero : tn_index_dim(m.arena, dims[i]);
  if (line) *line = at[n - 1];
  m.batch = at;
  return m;
}

static const tn_expr *result_at(const matrices *m, const tn_index *row, const tn_index *column) {
  return tn_lower_load(m->l, TN_LOWER_ROOT_BASE, place(m, row, column));
}

static void store_at(const matrices *m, const tn_index *row, const tn_index *column, const tn_expr *value,
                     const tn_expr *condition) {
  tn_lower_store(m->l, TN_LOWER_ROOT_BASE, place(m, row, column), value, condition);
}

/* ---- cholesky ---- */

/* y = a with the lower triangle mirrored into the upper one. */
static bool mirror(const matrices *m) {
  const tn_index *i = open(m, TN_DIM_PARALLEL, "i", m->n),
                 *j = i ? open(m, TN_DIM_PARALLEL, "j", m->n) : NULL;
  if (!j) return false;
  const tn_expr *below = tn_lower_element(m->l, m->inst->operands[0], place(m, i, j));
  const tn_expr *above = below ? tn_lower_element(m->l, m->inst->operands[0], place(m, j, i)) : NULL;
  if (!above) return false;
  store_at(m, i, j, select(m, is_above(m, j, i), conjugate(m, above), below), NULL);
  tn_lower_close(m->l);
  tn_lower_close(m->l);
  return true;
}

/* Row k of what is left, over the root of its pivot: the conjugate of column k of the result. */
static bool scale_row(const matrices *m, int row, const tn_index *k, const tn_expr *root) {
  const tn_index *j = open(m, TN_DIM_PARALLEL, "j", m->n);
  if (!j) return false;
  tn_lower_store(m->l, row, tn_arena_copy(m->arena, &j, sizeof j),
                 divide_by_real(m, result_at(m, k, j), root), NULL);
  tn_lower_close(m->l);
  return true;
}

static bool eliminate(const matrices *m, int row, const tn_index *k, const tn_expr *root) {
  const tn_index *i = open(m, TN_DIM_PARALLEL, "i", m->n);
  if (!i) return false;
  const tn_expr *column = tn_lower_share(m->l, conjugate(m, tn_lower_load_local(m->l, row, i)));
  const tn_expr *factor = tn_lower_share(m->l, negated(m, column));
  const tn_expr *is_left = tn_lower_share(m->l, is_above(m, i, k));
  const tn_index *j = open(m, TN_DIM_PARALLEL, "j", m->n);
  if (!j) return false;
  const tn_expr *rest = multiply_add(m, factor, tn_lower_load_local(m->l, row, j), result_at(m, i, j));
  store_at(m, i, j, rest, both(m, is_left, is_above(m, j, k)));
  tn_lower_close(m->l);
  const tn_expr *on_diagonal = is_complex(m) ? tn_expr_binary(m->arena, TN_OP_COMPLEX, m->type, root,
                                                              tn_expr_number(m->arena, m->part, 0))
                                             : root;
  store_at(m, i, k, select(m, is_left, column, select(m, is_above(m, k, i), number(m, 0), on_diagonal)),
           NULL);
  tn_lower_close(m->l);
  return true;
}

bool tn_lower_cholesky(tn_lowering *l, tn_inst *inst) {
  if (!inst->attr.cholesky.lower) return tn_lower_fail(l, inst, false), false;
  matrices m = open_matrices(l, inst, 0, NULL);
  if (!mirror(&m)) return false;
  const tn_index *k = open(&m, TN_DIM_CARRIED, "k", m.n);
  if (!k) return false;
  const tn_expr *pivot = result_at(&m, k, k);
  if (is_complex(&m)) pivot = unary(&m, TN_OP_REAL, m.part, pivot);
  const tn_expr *root = tn_lower_share(l, unary(&m, TN_OP_SQRT, m.part, pivot));
  int row = tn_lower_local(l, m.type, m.n, 0);
  if (!scale_row(&m, row, k, root) || !eliminate(&m, row, k, root)) return false;
  tn_lower_close(l);
  return true;
}

/* ---- triangular-solve ---- */

/* The system of one column (or, on the right, row) of b: coefficient(i, k) * x[k] summed = b[i]. */
typedef struct {
  matrices m;
  bool left, lower, flip, conjugates;
  const tn_index *other; /* which column, or row */
} solve;

static tn_position place_of_x(const solve *s, const tn_index *i) {
  return s->left ? place(&s->m, i, s->other) : place(&s->m, s->other, i);
}

static const tn_expr *coefficient(const solve *s, const tn_index *i, const tn_index *k) {
  tn_position at = s->flip ? place(&s->m, k, i) : place(&s->m, i, k);
  const tn_expr *a = tn_lower_element(s->m.l, s->m.inst->operands[0], at);
  return a && s->conjugates ? conjugate(&s->m, a) : a;
}

static void clear(const solve *s) {
  const tn_index *i = open(&s->m, TN_DIM_PARALLEL, "i", s->m.n);
  if (!i) return;
  tn_lower_store(s->m.l, TN_LOWER_ROOT_BASE, place_of_x(s, i), number(&s->m, 0), NULL);
  tn_lower_close(s->m.l);
}

/* b[i] less what the unknowns that are known already take; the others are still 0. */
static const tn_expr *rest_of(const solve *s, const tn_index *i) {
  const matrices *m = &s->m;
  tn_open_reduce reduce;
  tn_inst *none = NULL;
  tn_position at = place_of_x(s, i);
  const tn_expr *right_side = tn_lower_element(m->l, m->inst->operands[1], at);
  if (!right_side || !tn_lower_open_reduce(m->l, m->inst, at, 1, &m->n, NULL, 1, &m->type, &none, &reduce))
    return NULL;
  reduce.initial[0] = right_side;
  const tn_index *k = m->n == 1 ? m->zero : tn_index_dim(m->arena, reduce.dims[0]);
  const tn_expr *a = coefficient(s, i, k);
  if (!a) return NULL;
  a = select(m, s->lower ? is_above(m, i, k) : is_above(m, k, i), negated(m, a), number(m, 0));
  const tn_expr *x = tn_lower_load(m->l, TN_LOWER_ROOT_BASE, place_of_x(s, k));
  const tn_expr *update = multiply_add(m, a, x, tn_expr_value(m->arena, m->type, reduce.values[0]));
  tn_lower_close_reduce(m->l, &reduce, &update);
  return tn_expr_value(m->arena, m->type, reduce.values[0]);
}

static solve open_solve(tn_lowering *l, tn_inst *inst) {
  bool left = inst->attr.triangular_solve.left_side;
  tn_transpose_a transpose = inst->attr.triangular_solve.transpose_a;
  const tn_shape *shape = inst->shape;
  solve s = {.left = left};
  s.m = open_matrices(l, inst, shape->dims[left ? shape->rank - 1 : shape->rank - 2], &s.other);
  s.conjugates = transpose == TN_ADJOINT;
  s.flip = (transpose != TN_NO_TRANSPOSE) != !left;
  s.lower = inst->attr.triangular_solve.lower != s.flip;
  return s;
}

bool tn_lower_triangular_solve(tn_lowering *l, tn_inst *inst) {
  tn_type type = inst->shape->type;
  bool divides = !inst->attr.triangular_solve.unit_diagonal;
  if (divides && !tn_op_lowers(TN_OP_DIVIDE, type, type)) return tn_lower_fail(l, inst, false), false;
  solve s = open_solve(l, inst);
  clear(&s);
  const tn_index *step = open(&s.m, TN_DIM_CARRIED, "j", s.m.n);
  if (!step) return false;
  const tn_index *last = tn_index_constant(s.m.arena, s.m.n - 1);
  const tn_index *i = s.lower ? step : tn_index_add(s.m.arena, last, tn_index_scale(s.m.arena, step, -1));
  const tn_expr *x = rest_of(&s, i);
  if (x && !inst->attr.triangular_solve.unit_diagonal) {
    const tn_expr *pivot = coefficient(&s, i, i);
    x = pivot ? tn_expr_binary(s.m.arena, TN_OP_DIVIDE, s.m.type, x, pivot) : NULL;
  }
  if (!x) return false;
  tn_lower_store(l, TN_LOWER_ROOT_BASE, place_of_x(&s, i), x, NULL);
  tn_lower_close(l);
  return true;
}
