/* bitcast-convert inside kernels.
 *
 * Between types of one width it is an operation. Between widths the narrow side has one
 * more dim, whose first element is the low part of the wide one:
 *
 *   u4[…, j] of u16[…]:  convert<u4>(x[…] >> 4*j)
 *   u16[…] of u4[…, j]:  x[…, 0] | x[…, 1] << 4 | x[…, 2] << 8 | x[…, 3] << 12
 *
 * on unsigned integers of the widths; other types become those and are made of those.
 * Where whole bytes lie row-major in memory the builder only looks at them differently,
 * and nothing is lowered.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower.h"
#include "codegen/plan/native.h"

/* A predicate is a byte. */
static int width_of(tn_type type) { return type == TN_PRED ? 8 : tn_type_bits(type); }

static tn_type unsigned_of(int bits) {
  static const tn_type types[] = {TN_U1, TN_U2, TN_U4, TN_U8, TN_U16, TN_U32, TN_U64};
  int i = 0;
  while (tn_type_bits(types[i]) < bits) i++;
  return types[i];
}

static const tn_expr *seen_as(tn_lowering *l, tn_type type, const tn_expr *x) {
  return x->type == type ? x : tn_expr_op(tn_lower_arena(l), TN_OP_BITCAST_CONVERT, type, 1, &x);
}

static const tn_expr *shifted(tn_lowering *l, tn_op op, const tn_expr *x, const tn_index *by) {
  tn_arena *arena = tn_lower_arena(l);
  return tn_expr_binary(arena, op, x->type, x, tn_expr_index(arena, x->type, by));
}

static const tn_expr *narrowed(tn_lowering *l, tn_inst *inst, tn_position at) {
  int from = width_of(inst->operands[0]->shape->type), to = width_of(inst->shape->type);
  const tn_expr *x = tn_lower_element(l, inst->operands[0], at);
  if (!x) return NULL;
  x = seen_as(l, unsigned_of(from), x);
  const tn_index *by = tn_index_scale(tn_lower_arena(l), at[inst->shape->rank - 1], to);
  x = tn_expr_convert(tn_lower_arena(l), unsigned_of(to), shifted(l, TN_OP_SHIFT_RIGHT_LOGICAL, x, by));
  return seen_as(l, inst->shape->type, x);
}

static const tn_expr *widened(tn_lowering *l, tn_inst *inst, tn_position at) {
  tn_arena *arena = tn_lower_arena(l);
  int from = width_of(inst->operands[0]->shape->type), to = width_of(inst->shape->type);
  int rank = inst->shape->rank;
  const tn_expr *sum = NULL;
  for (int i = 0; i < to / from; i++) {
    const tn_index **part = TN_NEW_ARRAY(arena, const tn_index *, rank + 1);
    for (int d = 0; d < rank; d++) part[d] = at[d];
    part[rank] = tn_index_constant(arena, i);
    const tn_expr *x = tn_lower_element(l, inst->operands[0], part);
    if (!x) return NULL;
    x = tn_expr_convert(arena, unsigned_of(to), seen_as(l, unsigned_of(from), x));
    if (i) x = tn_expr_binary(arena, TN_OP_SHIFT_LEFT, x->type, x, tn_expr_number(arena, x->type, i * from));
    sum = sum ? tn_expr_binary(arena, TN_OP_OR, x->type, sum, x) : x;
  }
  return seen_as(l, inst->shape->type, sum);
}

const tn_expr *tn_lower_bitcast_convert(tn_lowering *l, tn_inst *inst, tn_position at) {
  tn_type from = inst->operands[0]->shape->type, to = inst->shape->type;
  if (!tn_type_is_native(from) || !tn_type_is_native(to)) return tn_lower_fail(l, inst, false);
  if (width_of(to) < width_of(from)) return narrowed(l, inst, at);
  if (width_of(to) > width_of(from)) return widened(l, inst, at);
  const tn_expr *x = tn_lower_element(l, inst->operands[0], at);
  return x ? seen_as(l, to, x) : NULL;
}
