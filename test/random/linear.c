/* Linear algebra: cholesky, triangular-solve, fft, ragged-dot, scaled-dot.
 *
 * Matrices to be factored are made for it: products of small integer triangles, whose
 * factors are exact.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "test/random/generate.h"

#include <math.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

static tn_type inexact_type(generator *g) {
  tn_type type = random_type(g, FLOATS | COMPLEXES);
  return tn_type_bits(type) < 16 || chance(g->dice, 30) ? TN_F32 : type;
}

static void store_number(tn_type type, void *data, int64_t i, double re, double im) {
  tn_type part = tn_type_part(type);
  char *at = (char *)data + (size_t)i * tn_type_bytes(type);
  tn_store_float(part, at, re);
  if (part != type) tn_store_float(part, at + tn_type_bytes(part), im);
}

/* [batch…, n, m] of the type. */
static const tn_shape *matrices(generator *g, tn_type type, const int64_t *batch, int n_batch, int64_t n,
                                int64_t m) {
  int64_t dims[8];
  for (int i = 0; i < n_batch; i++) dims[i] = batch[i];
  dims[n_batch] = n;
  dims[n_batch + 1] = m;
  return make_shape(g, type, n_batch + 2, dims);
}

static int draw_batch(generator *g, int64_t *batch) {
  int count = chance(g->dice, 60) ? 0 : 1 + roll(g->dice, 2);
  for (int i = 0; i < count; i++) batch[i] = chance(g->dice, 4) ? 0 : between(g->dice, 1, 3);
  return count;
}

static int64_t draw_order(generator *g) {
  static const int sizes[] = {0, 1, 2, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17};
  return sizes[roll(g->dice, COUNT(sizes))];
}

/* A triangle: small integers beside a diagonal of ±1, ±2 (or 1 … 4). */
static void draw_triangle(generator *g, bool complex, bool positive, int64_t n, double *re, double *im) {
  for (int64_t i = 0; i < n * n; i++) {
    int64_t row = i / n, column = i % n;
    bool diagonal = row == column, off = row > column && chance(g->dice, 40);
    re[i] = off ? (double)between(g->dice, -2, 2) : 0;
    im[i] = off && complex ? (double)between(g->dice, -2, 2) : 0;
    if (diagonal) re[i] = positive ? (double)between(g->dice, 1, 4) : chance(g->dice, 50) ? -2 : 1;
  }
}

/* L L*, in the triangle that is not read anything. */
static void store_square(generator *g, tn_type type, void *data, int64_t first, int64_t n, bool lower,
                         const double *re, const double *im) {
  for (int64_t i = 0; i < n * n; i++) {
    int64_t row = i / n, column = i % n;
    double x = 0, y = 0;
    for (int64_t k = 0; k < n; k++) {
      double a = re[row * n + k], b = im[row * n + k], c = re[column * n + k], d = -im[column * n + k];
      x += a * c - b * d;
      y += a * d + b * c;
    }
    bool read = lower ? row >= column : row <= column;
    if (!read) x = (double)between(g->dice, -9, 9);
    store_number(type, data, first + i, x, y);
  }
}

static tn_inst *cholesky(generator *g) {
  tn_type type = inexact_type(g);
  int64_t batch[2], n = draw_order(g);
  bool lower = chance(g->dice, 60);
  int n_batch = draw_batch(g, batch);
  const tn_shape *shape = matrices(g, type, batch, n_batch, n, n);
  void *data;
  tn_literal *value = tn_literal_uninitialised(g->arena, shape, &data);
  double *re = TN_NEW_ARRAY(g->arena, double, n *n), *im = TN_NEW_ARRAY(g->arena, double, n *n);
  for (int64_t first = 0; first < tn_shape_elements(shape); first += n * n) {
    draw_triangle(g, class_of(type) == COMPLEXES, true, n, re, im);
    store_square(g, type, data, first, n, lower, re, im);
  }
  node a = input_of(g, value);
  tn_inst *inst = begin(g, TN_OP_CHOLESKY, NULL, 1, &a);
  inst->attr.cholesky.lower = lower;
  return keep(g, inst);
}

static node triangle_input(generator *g, const tn_shape *shape, bool lower) {
  void *data;
  tn_literal *value = tn_literal_uninitialised(g->arena, shape, &data);
  int64_t n = shape->dims[shape->rank - 1];
  double *re = TN_NEW_ARRAY(g->arena, double, n *n), *im = TN_NEW_ARRAY(g->arena, double, n *n);
  for (int64_t first = 0; first < tn_shape_elements(shape); first += n * n) {
    draw_triangle(g, class_of(shape->type) == COMPLEXES, false, n, re, im);
    for (int64_t i = 0; i < n * n; i++) {
      int64_t from = lower ? i : i % n * n + i / n;
      bool read = lower ? i / n >= i % n : i / n <= i % n;
      store_number(shape->type, data, first + i, read ? re[from] : (double)between(g->dice, -9, 9), im[from]);
    }
  }
  return input_of(g, value);
}

static tn_inst *triangular_solve(generator *g) {
  tn_type type = inexact_type(g);
  int64_t batch[2], n = draw_order(g), m = between(g->dice, 1, 9);
  bool lower = chance(g->dice, 50), left = chance(g->dice, 60);
  int n_batch = draw_batch(g, batch);
  node operands[2] = {
      triangle_input(g, matrices(g, type, batch, n_batch, n, n), lower),
      pick_like(g, left ? matrices(g, type, batch, n_batch, n, m) : matrices(g, type, batch, n_batch, m, n))};
  tn_inst *inst = begin(g, TN_OP_TRIANGULAR_SOLVE, NULL, 2, operands);
  inst->attr.triangular_solve.lower = lower;
  inst->attr.triangular_solve.left_side = left;
  inst->attr.triangular_solve.unit_diagonal = chance(g->dice, 30);
  inst->attr.triangular_solve.transpose_a = (tn_transpose_a)roll(g->dice, 3);
  return keep(g, inst);
}

/* ---- fft ---- */

static tn_inst *fft(generator *g) {
  static const int sizes[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  11, 12,
                              13, 15, 16, 17, 24, 30, 32, 37, 60, 64, 97, 100};
  tn_fft_type kind = (tn_fft_type)roll(g->dice, 4);
  int count = 1 + roll(g->dice, chance(g->dice, 60) ? 1 : 3);
  int64_t batch[2], dims[8], length[3], total = 1;
  int n_batch = draw_batch(g, batch);
  for (int i = 0; i < n_batch; i++) dims[i] = batch[i];
  for (int i = 0; i < count; i++) {
    length[i] = sizes[roll(g->dice, COUNT(sizes))];
    if (total * length[i] > 300) length[i] = between(g->dice, 1, 4);
    total *= length[i];
    dims[n_batch + i] = length[i];
  }
  int64_t last = length[count - 1];
  if (kind == TN_IRFFT) dims[n_batch + count - 1] = last ? last / 2 + 1 : 0;
  tn_type type = chance(g->dice, 70) ? TN_C64 : TN_C128;
  if (kind == TN_RFFT) type = tn_type_part(type);
  node x = pick_like(g, make_shape(g, type, n_batch + count, dims));
  tn_inst *inst = begin(g, TN_OP_FFT, NULL, 1, &x);
  inst->attr.fft.type = kind;
  inst->attr.fft.length = make_dims(g, count, length);
  return keep(g, inst);
}

/* ---- products ---- */

/* Sizes of groups: they mostly add up to at most `rows`; or anything. */
static node group_sizes(generator *g, const tn_shape *shape, int64_t rows) {
  tn_literal *value = random_literal(g, shape);
  int64_t left = rows;
  bool wild = chance(g->dice, 10);
  for (int64_t i = 0; !wild && i < tn_shape_elements(shape); i++) {
    int64_t size = chance(g->dice, 20) ? left : between(g->dice, 0, left);
    tn_store_integer(shape->type, (char *)value->data + (size_t)i * tn_type_bytes(shape->type), size);
    left -= size;
  }
  return input_of(g, value);
}

/* [b,] m, k times [b,] k, n; the ragged dim is m (0: then each group has a matrix of its
 * own), k (1) or b (2).                                                                */
static tn_inst *ragged_dot(generator *g) {
  int mode = roll(g->dice, 3), batch = mode == 2 || chance(g->dice, 40);
  tn_type type = random_type(g, NUMBERS), sizes = chance(g->dice, 70) ? TN_S32 : TN_S64;
  int64_t b = between(g->dice, 1, 3), m = between(g->dice, 1, 9), k = between(g->dice, 1, 9),
          n = between(g->dice, 1, 9), groups = between(g->dice, 1, 4), lhs[3], rhs[4];
  bool by_rows = mode == 0;
  int lhs_rank = 0, rhs_rank = 0;
  if (by_rows) rhs[rhs_rank++] = groups;
  if (batch) lhs[lhs_rank++] = b, rhs[rhs_rank++] = b;
  lhs[lhs_rank++] = m, lhs[lhs_rank++] = k;
  rhs[rhs_rank++] = k, rhs[rhs_rank++] = n;
  int64_t ragged = mode == 2 ? 0 : batch + (mode == 1);
  node operands[3] = {pick_like(g, make_shape(g, type, lhs_rank, lhs)),
                      pick_like(g, make_shape(g, type, rhs_rank, rhs)),
                      group_sizes(g, make_shape(g, sizes, 1, &groups), lhs[ragged])};
  tn_inst *inst = begin(g, TN_OP_RAGGED_DOT, make_shape(g, type, 0, NULL), 3, operands);
  int64_t zero = 0, one = 1, lhs_k = lhs_rank - 1, rhs_k = rhs_rank - 2;
  tn_dot_attributes *own = tn_inst_edit_dot(inst);
  tn_dot_side *side = own->side;
  side[0].contracting = make_dims(g, 1, &lhs_k);
  side[1].contracting = make_dims(g, 1, &rhs_k);
  if (batch) side[0].batch = make_dims(g, 1, &zero), side[1].batch = make_dims(g, 1, by_rows ? &one : &zero);
  own->lhs_ragged = make_dims(g, 1, &ragged);
  if (by_rows) own->rhs_group = make_dims(g, 1, &zero);
  return keep(g, inst);
}

/* A scalar, or a value for each block. */
static node scale_of(generator *g, const tn_shape *operand, tn_type type) {
  int64_t dims[8];
  if (chance(g->dice, 30)) return new_input(g, make_shape(g, type, 0, NULL));
  for (int i = 0; i < operand->rank; i++) {
    int64_t size = operand->dims[i];
    dims[i] = chance(g->dice, 40) ? size : chance(g->dice, 50) && size % 2 == 0 ? size / 2 : 1;
    if (size == 0) dims[i] = 0;
  }
  return new_input(g, make_shape(g, type, operand->rank, dims));
}

static tn_inst *scaled_dot(generator *g) {
  static const tn_type small[] = {TN_F8E4M3FN, TN_F8E5M2, TN_F4E2M1FN, TN_BF16, TN_F32};
  static const tn_type results[] = {TN_F32, TN_F32, TN_BF16, TN_F16};
  tn_type type = small[roll(g->dice, COUNT(small))], scale = chance(g->dice, 50)   ? TN_F8E8M0FNU
                                                             : chance(g->dice, 50) ? TN_F32
                                                                                   : TN_BF16;
  int64_t b = between(g->dice, 1, 3), m = between(g->dice, 1, 8), n = between(g->dice, 1, 8),
          k = chance(g->dice, 3) ? 0 : between(g->dice, 1, 16);
  int batch = chance(g->dice, 40);
  const int64_t lhs[3] = {b, m, k}, rhs[3] = {b, k, n};
  node operands[4] = {pick_like(g, make_shape(g, type, 2 + batch, lhs + !batch)),
                      pick_like(g, make_shape(g, type, 2 + batch, rhs + !batch))};
  for (int i = 0; i < 2; i++) operands[2 + i] = scale_of(g, operands[i].inst->shape, scale);
  tn_type result = results[roll(g->dice, COUNT(results))];
  tn_inst *inst = begin(g, TN_OP_SCALED_DOT, make_shape(g, result, 0, NULL), 4, operands);
  int64_t zero = 0, contracting[2] = {1 + batch, batch};
  tn_dot_attributes *own = tn_inst_edit_dot(inst);
  for (int i = 0; i < 2; i++) {
    own->side[i].contracting = make_dims(g, 1, &contracting[i]);
    if (batch) own->side[i].batch = make_dims(g, 1, &zero);
  }
  return keep(g, inst);
}

tn_inst *make_linear(generator *g) {
  static const weighted_rule rules[] = {
      {cholesky, 6}, {triangular_solve, 7}, {fft, 8}, {ragged_dot, 8}, {scaled_dot, 7}};
  return apply_rule(g, rules, COUNT(rules));
}
