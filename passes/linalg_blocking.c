/* Cholesky and triangular solves: one form for each, and in blocks where they are large.
 *
 *   cholesky(a), lower=false           =>  the transpose of the lower one of the transpose
 *   x op(a) = b                        =>  op(a)^T x^T = b^T; adjoints: of the conjugate
 *
 *   chol [a11  *  ]  =  [l11      ]    l11 = chol a11, y = l11* \ a21^T, l21 = y^T
 *        [a21  a22]     [l21  l22 ]    l22 = chol (a22 - y^T y*)
 *
 *   [a11     ] \ [b1]  =  [x1]         x1 = a11 \ b1,  x2 = a22 \ (b2 - a21 x1)
 *   [a21  a22]   [b2]     [x2]         (an upper one begins at the end)
 *
 * until blocks have at most BLOCK rows, for which there is a kernel each. Why: nearly all
 * of the work of a large matrix is then products, at their speed. Keeps: values within
 * the rounding of sums, which are as long as before. Cost: O(n/BLOCK) instructions.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"

enum { BLOCK = 64 };

/* ---- blocks of matrices: the last two dims ---- */

static int64_t size_of(const tn_inst *a, int from_end) { return a->shape->dims[a->shape->rank - from_end]; }

static tn_inst *transposed(tn_site s, tn_inst *a) {
  int rank = a->shape->rank;
  int64_t *order = TN_NEW_ARRAY(tn_site_arena(s), int64_t, rank);
  for (int i = 0; i < rank; i++) order[i] = i;
  order[rank - 2] = rank - 1;
  order[rank - 1] = rank - 2;
  return tn_make_transpose(s, a, order);
}

static tn_inst *conjugate(tn_site s, tn_inst *a) {
  if (!tn_type_is_complex(a->shape->type)) return a;
  tn_inst *imaginary = tn_make_unary(s, TN_OP_NEGATE, tn_make_unary(s, TN_OP_IMAG, a));
  return tn_make_binary(s, TN_OP_COMPLEX, tn_make_unary(s, TN_OP_REAL, a), imaginary);
}

static tn_inst *block(tn_site s, tn_inst *a, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  int rank = a->shape->rank;
  int64_t *starts = TN_NEW_ARRAY(tn_site_arena(s), int64_t, rank),
          *sizes = TN_NEW_ARRAY(tn_site_arena(s), int64_t, rank);
  for (int i = 0; i < rank; i++) sizes[i] = a->shape->dims[i];
  starts[rank - 2] = row;
  sizes[rank - 2] = rows;
  starts[rank - 1] = column;
  sizes[rank - 1] = columns;
  return tn_make_box(s, a, starts, sizes);
}

/* Batched a b, each with its contracting dim as many from the end. */
static tn_inst *product(tn_site s, tn_inst *a, int a_from_end, tn_inst *b, int b_from_end) {
  int rank = a->shape->rank;
  int64_t *batch = TN_NEW_ARRAY(tn_site_arena(s), int64_t, rank),
          ends[2] = {rank - a_from_end, rank - b_from_end};
  for (int i = 0; i < rank; i++) batch[i] = i;
  tn_dot_side dims[2];
  for (int side = 0; side < 2; side++)
    dims[side] = (tn_dot_side){{batch, rank - 2}, tn_make_dims(s, 1, &ends[side])};
  return tn_make_dot(s, a->shape->type, (tn_inst *[]){a, b}, dims);
}

/* Half of the blocks, rounded up. */
static int64_t first_part(int64_t n) { return (n / 2 + BLOCK - 1) / BLOCK * BLOCK; }

static bool is_plain(const tn_inst *inst) {
  for (int i = 0; i < inst->n_operands; i++)
    if (!tn_shape_is_plain(inst->operands[i]->shape)) return false;
  return tn_shape_is_plain(inst->shape);
}

/* Kernels compute in f32 and wider. */
static tn_inst *widened(tn_site s, tn_inst *inst) {
  tn_inst *operands[2];
  for (int i = 0; i < inst->n_operands; i++) operands[i] = tn_make_convert(s, inst->operands[i], TN_F32);
  const tn_shape *plain = tn_shape_without_layout(tn_site_arena(s), inst->shape);
  const tn_shape *shape = tn_shape_with_type(tn_site_arena(s), plain, TN_F32);
  tn_inst *wide = tn_make_inst(s, inst->op, shape, inst->n_operands, operands);
  wide->attr = inst->attr;
  return tn_make_convert(s, wide, inst->shape->type);
}

static bool is_narrow(const tn_inst *inst) {
  return tn_type_is_float(inst->shape->type) && tn_type_bytes(inst->shape->type) < 4;
}

/* ---- cholesky ---- */

static tn_inst *lower_cholesky(tn_site s, tn_inst *a) {
  tn_inst *l = tn_make_inst(s, TN_OP_CHOLESKY, tn_shape_without_layout(tn_site_arena(s), a->shape), 1, &a);
  l->attr.cholesky.lower = true;
  return l;
}

/* x with a x = b. */
static tn_inst *solve(tn_site s, tn_inst *a, tn_inst *b, bool lower, bool transpose, bool unit) {
  const tn_shape *shape = tn_shape_without_layout(tn_site_arena(s), b->shape);
  tn_inst *x = tn_make_inst(s, TN_OP_TRIANGULAR_SOLVE, shape, 2, (tn_inst *[]){a, b});
  x->attr.triangular_solve.left_side = true;
  x->attr.triangular_solve.lower = lower;
  x->attr.triangular_solve.unit_diagonal = unit;
  x->attr.triangular_solve.transpose_a = transpose ? TN_TRANSPOSE : TN_NO_TRANSPOSE;
  return x;
}

static tn_inst *blocked_cholesky(tn_site s, tn_inst *a) {
  int64_t n = size_of(a, 1), n1 = first_part(n), n2 = n - n1;
  int rank = a->shape->rank;
  tn_inst *l11 = lower_cholesky(s, block(s, a, 0, n1, 0, n1));
  tn_inst *y = solve(s, conjugate(s, l11), transposed(s, block(s, a, n1, n2, 0, n1)), true, false, false);
  tn_inst *rest =
      tn_make_binary(s, TN_OP_SUBTRACT, block(s, a, n1, n2, n1, n2), product(s, y, 2, conjugate(s, y), 2));
  tn_inst *bottom[2] = {transposed(s, y), lower_cholesky(s, rest)};
  int64_t *dims = TN_NEW_ARRAY(tn_site_arena(s), int64_t, rank);
  for (int i = 0; i < rank; i++) dims[i] = a->shape->dims[i];
  dims[rank - 2] = n1;
  dims[rank - 1] = n2;
  tn_inst *zero = tn_make_filled(s, tn_shape_array(tn_site_arena(s), a->shape->type, rank, dims), 0);
  tn_inst *rows[2] = {tn_make_concatenate(s, rank - 1, 2, (tn_inst *[]){l11, zero}),
                      tn_make_concatenate(s, rank - 1, 2, bottom)};
  return tn_make_concatenate(s, rank - 2, 2, rows);
}

static tn_inst *cholesky(tn_pass_context *context, tn_inst *inst) {
  bool lower = inst->attr.cholesky.lower;
  if (!is_plain(inst) || (lower && !is_narrow(inst) && size_of(inst, 1) <= BLOCK)) return NULL;
  if (!tn_pass_spend(context)) return NULL;
  tn_site s = tn_site_of(inst);
  if (is_narrow(inst)) return widened(s, inst);
  tn_inst *a = inst->operands[0];
  if (lower) return blocked_cholesky(s, a);
  return conjugate(s, transposed(s, lower_cholesky(s, conjugate(s, transposed(s, a)))));
}

/* ---- triangular-solve ---- */

/* The blocks of unknowns that come first, and the others that need them. */
static tn_inst *blocked_solve(tn_site s, tn_inst *a, tn_inst *b, bool lower, bool transpose, bool unit) {
  int64_t n = size_of(a, 1), half = first_part(n), lines = size_of(b, 1);
  bool forward = lower != transpose;
  int64_t n1 = forward ? half : n - half, first = forward ? 0 : n1, second = forward ? n1 : 0;
  int64_t first_n = half, second_n = n - half;
  tn_inst *a1 = block(s, a, first, first_n, first, first_n),
          *a2 = block(s, a, second, second_n, second, second_n);
  tn_inst *beside = transpose ? block(s, a, first, first_n, second, second_n)
                              : block(s, a, second, second_n, first, first_n);
  tn_inst *x1 = solve(s, a1, block(s, b, first, first_n, 0, lines), lower, transpose, unit);
  tn_inst *rest = tn_make_binary(s, TN_OP_SUBTRACT, block(s, b, second, second_n, 0, lines),
                                 product(s, beside, transpose ? 2 : 1, x1, 2));
  tn_inst *x2 = solve(s, a2, rest, lower, transpose, unit);
  tn_inst *parts[2] = {forward ? x1 : x2, forward ? x2 : x1};
  return tn_make_concatenate(s, a->shape->rank - 2, 2, parts);
}

static tn_inst *triangular_solve(tn_pass_context *context, tn_inst *inst) {
  bool left = inst->attr.triangular_solve.left_side, lower = inst->attr.triangular_solve.lower,
       unit = inst->attr.triangular_solve.unit_diagonal;
  tn_transpose_a how = inst->attr.triangular_solve.transpose_a;
  tn_inst *a = inst->operands[0], *b = inst->operands[1];
  bool small = size_of(a, 1) <= BLOCK && left && how != TN_ADJOINT;
  if (!is_plain(inst) || (small && !is_narrow(inst)) || !tn_shape_elements(inst->shape)) return NULL;
  if (!tn_pass_spend(context)) return NULL;
  tn_site s = tn_site_of(inst);
  if (is_narrow(inst)) return widened(s, inst);
  if (how == TN_ADJOINT) a = conjugate(s, a);
  bool transpose = how != TN_NO_TRANSPOSE;
  if (!left) return transposed(s, solve(s, a, transposed(s, b), lower, !transpose, unit));
  if (size_of(a, 1) <= BLOCK) return solve(s, a, b, lower, transpose, unit);
  return blocked_solve(s, a, b, lower, transpose, unit);
}

bool tn_pass_linalg_blocking(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {
      TN_RULE(CHOLESKY, cholesky),
      TN_RULE(TRIANGULAR_SOLVE, triangular_solve),
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
