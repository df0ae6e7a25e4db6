/* dot, ragged-dot, scaled-dot: brought to [B,M,K] x [B,K,N] -> [B,M,N] by copies.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_planes.h"

#include <math.h>

/* Dims of one side in the order batch, free, contracting (lhs) or batch, contracting,
 * free (rhs). */
typedef struct {
  int64_t *dims, *strides, *order;
  int rank;
  int64_t batch, free, contracting; /* numbers of elements */
} side;

static void add_dim(side *s, const tn_shape *shape, const int64_t *strides, int64_t dim, int64_t *count) {
  s->order[s->rank] = dim;
  s->dims[s->rank] = shape->dims[dim];
  s->strides[s->rank++] = strides[dim];
  *count *= shape->dims[dim];
}

static void add_free(side *s, const tn_shape *shape, const int64_t *strides, const tn_dot_side *roles) {
  for (int d = 0; d < shape->rank; d++)
    if (!tn_dims_contain(roles->batch, d) && !tn_dims_contain(roles->contracting, d))
      add_dim(s, shape, strides, d, &s->free);
}

static side order_side(tn_eval *eval, const tn_shape *shape, const tn_dot_side *roles, bool is_rhs) {
  const int64_t *strides = tn_strides(eval, shape);
  side s = {.batch = 1, .free = 1, .contracting = 1};
  s.dims = TN_SCRATCH(eval, int64_t, shape->rank);
  s.strides = TN_SCRATCH(eval, int64_t, shape->rank);
  s.order = TN_SCRATCH(eval, int64_t, shape->rank);
  for (int i = 0; i < roles->batch.count; i++) add_dim(&s, shape, strides, roles->batch.at[i], &s.batch);
  if (!is_rhs) add_free(&s, shape, strides, roles);
  for (int i = 0; i < roles->contracting.count; i++)
    add_dim(&s, shape, strides, roles->contracting.at[i], &s.contracting);
  if (is_rhs) add_free(&s, shape, strides, roles);
  return s;
}

/* The result's sizes: batch and free dims of lhs, free dims of rhs. */
static tn_value *dot_short(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  int64_t *dims = TN_SCRATCH(eval, int64_t, inst->shape->rank);
  int at = 0;
  for (int o = 0; o < 2; o++) {
    const tn_dot_side *roles = &inst->attr.dot->side[o];
    for (int i = 0; o == 0 && i < roles->batch.count; i++)
      dims[at++] = tn_value_size(operands[0], (int)roles->batch.at[i]);
    for (int d = 0; d < operands[o]->literal.shape->rank; d++)
      if (!tn_dims_contain(roles->batch, d) && !tn_dims_contain(roles->contracting, d))
        dims[at++] = tn_value_size(operands[o], d);
  }
  return tn_eval_packed(eval, inst, tn_eval_dot, operands, inst->shape->rank, dims);
}

tn_value *tn_eval_dot(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  if (tn_eval_any_short(inst, operands)) return dot_short(eval, inst, operands);
  side l = order_side(eval, operands[0]->literal.shape, &inst->attr.dot->side[0], false);
  side r = order_side(eval, operands[1]->literal.shape, &inst->attr.dot->side[1], true);
  tn_type type = tn_sum_type(inst->shape->type, tn_value_type(operands[0]), tn_value_type(operands[1]));
  bool complex = tn_type_is_complex(inst->shape->type);
  tn_planes a = tn_planes_pack(eval, type, complex, operands[0], 0, l.rank, l.dims, l.strides);
  tn_planes b = tn_planes_pack(eval, type, complex, operands[1], 0, r.rank, r.dims, r.strides);
  int64_t m = l.free, n = r.free, k = l.contracting;
  tn_planes c = tn_planes_zero(eval, type, complex, l.batch * m * n);
  for (int64_t i = 0; i < l.batch; i++) {
    tn_planes ai = tn_planes_at(&a, i * m * k), bi = tn_planes_at(&b, i * k * n),
              ci = tn_planes_at(&c, i * m * n);
    tn_planes_multiply(eval, m, n, k, &ai, &bi, &ci);
  }
  tn_value *result = tn_value_new(eval, inst->shape);
  tn_planes_finish(result, &c, k);
  return result;
}

/* ---- ragged-dot ---- */

/* `count` positions of `dim` from `start`; the dim stays. */
static tn_value *part_of(tn_eval *eval, tn_value *from, int64_t dim, int64_t start, int64_t count) {
  const tn_shape *shape = from->literal.shape;
  int64_t *dims = TN_SCRATCH(eval, int64_t, shape->rank);
  memcpy(dims, shape->dims, (size_t)shape->rank * sizeof *dims);
  dims[dim] = count;
  tn_value *part = tn_value_new(eval, tn_eval_shape(eval, shape->type, shape->rank, dims));
  int64_t *strides = tn_strides(eval, shape);
  tn_value_copy(part, 0, tn_strides(eval, part->literal.shape), from, start * strides[dim], strides,
                shape->rank, dims);
  return part;
}

/* f8e8m0fnu's 0 is NaN. */
static tn_value *zeros(tn_eval *eval, const tn_shape *shape) {
  tn_value *value = tn_value_zero(eval, shape);
  if (shape->type == TN_F8E8M0FNU)
    memset(tn_value_data(value), (int)tn_float_to_bits(TN_F8E8M0FNU, 0), (size_t)tn_shape_bytes(shape));
  return value;
}

/* The plain dot of one group's parts; its dims are batch, lhs free, rhs free, with a free
 * group dim of size 1 where rhs has one, which moves no element.                         */
static tn_value *group_dot(tn_eval *eval, const tn_inst *inst, tn_value *lhs, tn_value *rhs,
                           const tn_shape *shape) {
  tn_inst dot = *inst;
  dot.op = TN_OP_DOT;
  dot.shape = shape;
  dot.n_operands = 2;
  return tn_eval_dot(eval, &dot, (tn_value *[]){lhs, rhs});
}

/* Where the ragged dim of lhs stands in the result: batch dims first, then free ones. */
static int64_t result_dim_of(const tn_inst *inst, int64_t ragged) {
  const tn_dot_side *roles = &inst->attr.dot->side[0];
  int64_t at = roles->batch.count;
  for (int64_t d = 0; d < ragged; d++)
    if (!tn_dims_contain(roles->batch, d) && !tn_dims_contain(roles->contracting, d)) at++;
  return at;
}

static tn_value *ragged_free(tn_eval *eval, const tn_inst *inst, tn_value *const *operands, int64_t ragged) {
  const tn_shape *shape = inst->shape;
  tn_value *result = zeros(eval, shape);
  int64_t group_dim = inst->attr.dot->rhs_group.at[0], at = result_dim_of(inst, ragged), start = 0;
  int64_t rows = operands[0]->literal.shape->dims[ragged], *strides = tn_strides(eval, shape);
  int64_t *dims = TN_SCRATCH(eval, int64_t, shape->rank);
  memcpy(dims, shape->dims, (size_t)shape->rank * sizeof *dims);
  for (int64_t g = 0; g < tn_shape_elements(operands[2]->literal.shape); g++) {
    int64_t count = tn_value_integer(operands[2], g);
    if (count > rows - start) count = rows - start;
    if (count <= 0) continue;
    dims[at] = count;
    tn_value *lhs = part_of(eval, operands[0], ragged, start, count),
             *rhs = part_of(eval, operands[1], group_dim, g, 1);
    tn_value *part = group_dot(eval, inst, lhs, rhs, tn_eval_shape(eval, shape->type, shape->rank, dims));
    tn_value_copy(result, start * strides[at], strides, part, 0, tn_strides(eval, part->literal.shape),
                  shape->rank, dims);
    tn_value_release(eval, part);
    tn_value_release(eval, lhs);
    tn_value_release(eval, rhs);
    start += count;
  }
  return result;
}

/* One result a group: [G, batch, lhs free, rhs free]. */
static tn_value *ragged_contracting(tn_eval *eval, const tn_inst *inst, tn_value *const *operands,
                                    int index) {
  const tn_shape *shape = inst->shape;
  tn_value *result = zeros(eval, shape);
  int64_t lhs_dim = inst->attr.dot->side[0].contracting.at[index],
          rhs_dim = inst->attr.dot->side[1].contracting.at[index];
  int64_t depth = operands[0]->literal.shape->dims[lhs_dim], start = 0, *strides = tn_strides(eval, shape);
  for (int64_t g = 0; g < tn_shape_elements(operands[2]->literal.shape); g++) {
    int64_t count = tn_value_integer(operands[2], g);
    if (count > depth - start) count = depth - start;
    if (count <= 0) continue;
    tn_value *lhs = part_of(eval, operands[0], lhs_dim, start, count);
    tn_value *rhs = part_of(eval, operands[1], rhs_dim, start, count);
    const tn_shape *one = tn_eval_shape(eval, shape->type, shape->rank - 1, shape->dims + 1);
    tn_value *part = group_dot(eval, inst, lhs, rhs, one);
    tn_value_copy(result, g * strides[0], strides + 1, part, 0, strides + 1, shape->rank - 1,
                  shape->dims + 1);
    tn_value_release(eval, part);
    tn_value_release(eval, lhs);
    tn_value_release(eval, rhs);
    start += count;
  }
  return result;
}

/* Rows of a ragged free dim meet their group's rhs; a ragged contracting dim gives a
 * result a group; a ragged batch dim changes nothing. Rows beyond the groups are 0.    */
tn_value *tn_eval_ragged_dot(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  if (inst->attr.dot->lhs_ragged.count != 1 || operands[2]->literal.shape->rank != 1)
    tn_eval_stop(eval, TN_UNSUPPORTED,
                 "ragged-dot: %d ragged dims and group sizes of rank %d, one and 1 can be evaluated",
                 inst->attr.dot->lhs_ragged.count, operands[2]->literal.shape->rank);
  int64_t ragged = inst->attr.dot->lhs_ragged.at[0];
  const tn_dot_side *roles = &inst->attr.dot->side[0];
  if (tn_dims_contain(roles->batch, ragged))
    return group_dot(eval, inst, operands[0], operands[1], inst->shape);
  tn_value *result = NULL;
  for (int i = 0; i < roles->contracting.count; i++)
    if (roles->contracting.at[i] == ragged) result = ragged_contracting(eval, inst, operands, i);
  if (!result) result = ragged_free(eval, inst, operands, ragged);
  return tn_value_decided(eval, result, tn_value_is_exact(operands[2]));
}

/* ---- scaled-dot ---- */

/* operand * scale in f32 (f64 for f64), each scale for a block of elements. Exact for
 * the 8 and 16 bit formats and power-of-two scales.                                   */
static tn_value *scaled(tn_eval *eval, const tn_value *operand, const tn_value *scale) {
  const tn_shape *shape = operand->literal.shape, *of = scale->literal.shape;
  tn_type type = shape->type == TN_F64 ? TN_F64 : TN_F32;
  tn_value *result = tn_value_new(eval, tn_eval_shape(eval, type, shape->rank, shape->dims));
  int64_t *index = TN_SCRATCH(eval, int64_t, shape->rank), *strides = tn_strides(eval, of),
          count = tn_shape_elements(shape);
  for (int d = 0; d < shape->rank; d++) index[d] = 0;
  tn_lanes x = tn_lanes_new(eval, shape->type, 1), s = tn_lanes_new(eval, of->type, 1),
           out = tn_lanes_new(eval, type, 1);
  for (int64_t i = 0; i < count; i++, tn_index_next(shape->rank, shape->dims, index)) {
    int64_t at = 0;
    for (int d = 0; d < of->rank; d++) at += index[d] * of->dims[d] / shape->dims[d] * strides[d];
    tn_lanes_load(&x, 0, operand, i, 1, 1);
    tn_lanes_load(&s, 0, scale, at, 1, 1);
    out.re[0].f = tn_round_float(type, x.re[0].f * s.re[0].f);
    if (out.bound) {
      out.bound[0] = x.bound[0] * fabs(s.re[0].f) + (fabs(x.re[0].f) + x.bound[0]) * s.bound[0];
      if (out.bound[0] > 0) out.bound[0] += tn_half_ulp(type, out.re[0].f);
    }
    tn_lanes_store(&out, 0, result, i, 1, 1);
  }
  return result;
}

tn_value *tn_eval_scaled_dot(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  tn_value *sides[2] = {scaled(eval, operands[0], operands[2]), scaled(eval, operands[1], operands[3])};
  tn_inst dot = *inst;
  dot.n_operands = 2;
  tn_value *result = tn_eval_dot(eval, &dot, sides);
  tn_value_release(eval, sides[0]);
  tn_value_release(eval, sides[1]);
  return result;
}
