/* bitcast-convert and bitcast inside kernels.
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
 * bitcast sees memory: the elements of both sides are counted as they lie, complex ones as
 * two. Element i of the result is of elements i*w … i*w+w-1 of the operand, or a part of
 * element i/w, with w the ratio of their widths.
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

/* The part of x that begins at bit part*(width of `to`). */
static const tn_expr *narrow_part(tn_lowering *l, tn_type to, const tn_expr *x, const tn_index *part) {
  x = seen_as(l, unsigned_of(width_of(x->type)), x);
  const tn_index *by = tn_index_scale(tn_lower_arena(l), part, width_of(to));
  x = tn_expr_convert(tn_lower_arena(l), unsigned_of(width_of(to)),
                      shifted(l, TN_OP_SHIFT_RIGHT_LOGICAL, x, by));
  return seen_as(l, to, x);
}

static const tn_expr *narrowed(tn_lowering *l, tn_inst *inst, tn_position at) {
  const tn_expr *x = tn_lower_element(l, inst->operands[0], at);
  return x ? narrow_part(l, inst->shape->type, x, at[inst->shape->rank - 1]) : NULL;
}

/* The sum of parts gets one more, x; NULL: it is the first, the low one. */
static const tn_expr *add_part(tn_lowering *l, tn_type to, const tn_expr *sum, const tn_expr *x, int number) {
  tn_arena *arena = tn_lower_arena(l);
  int width = width_of(x->type);
  x = tn_expr_convert(arena, unsigned_of(width_of(to)), seen_as(l, unsigned_of(width), x));
  if (!sum) return x;
  x = tn_expr_binary(arena, TN_OP_SHIFT_LEFT, x->type, x,
                     tn_expr_number(arena, x->type, (double)number * width));
  return tn_expr_binary(arena, TN_OP_OR, x->type, sum, x);
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
    sum = add_part(l, inst->shape->type, sum, x, i);
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

/* ---- bitcast ---- */

static const int64_t *order_of(const tn_shape *shape) {
  return shape->layout ? shape->layout->minor_to_major.at : NULL;
}

static const tn_expr *operand_at(tn_lowering *l, tn_inst *inst, const tn_index *number) {
  tn_inst *operand = inst->operands[0];
  return tn_lower_element(l, operand, tn_lower_unravel(l, number, operand->shape, order_of(operand->shape)));
}

/* Number `number` of the operand's real elements, or parts. */
static const tn_expr *part_at(tn_lowering *l, tn_inst *inst, const tn_index *number) {
  tn_arena *arena = tn_lower_arena(l);
  tn_type type = inst->operands[0]->shape->type;
  if (!tn_type_is_complex(type)) return operand_at(l, inst, number);
  const tn_index *which = tn_index_remainder(arena, tn_lower_kernel(l), number, 2);
  const tn_expr *x = operand_at(l, inst, tn_index_quotient(arena, tn_lower_kernel(l), number, 2));
  if (!x) return NULL;
  x = tn_lower_share(l, x);
  const tn_expr *re = tn_expr_op(arena, TN_OP_REAL, tn_type_part(type), 1, &x),
                *im = tn_expr_op(arena, TN_OP_IMAG, tn_type_part(type), 1, &x);
  if (!which->n_terms) return which->constant ? im : re;
  const tn_expr *is_real = tn_expr_in_range(arena, tn_lower_kernel(l), which, 0, 1);
  return tn_expr_op(arena, TN_OP_SELECT, re->type, 3, (const tn_expr *[]){is_real, re, im});
}

/* Number `number` of the result's real elements, or parts. */
static const tn_expr *bits_at(tn_lowering *l, tn_inst *inst, const tn_index *number) {
  tn_arena *arena = tn_lower_arena(l);
  const tn_kernel *k = tn_lower_kernel(l);
  tn_type type = tn_type_part(inst->shape->type);
  int from = width_of(tn_type_part(inst->operands[0]->shape->type)), to = width_of(type);
  if (to < from) {
    const tn_expr *x = part_at(l, inst, tn_index_quotient(arena, k, number, from / to));
    return x ? narrow_part(l, type, x, tn_index_remainder(arena, k, number, from / to)) : NULL;
  }
  const tn_expr *sum = NULL;
  for (int i = 0; i < to / from; i++) {
    const tn_index *part =
        tn_index_add(arena, tn_index_scale(arena, number, to / from), tn_index_constant(arena, i));
    const tn_expr *x = part_at(l, inst, part);
    if (!x) return NULL;
    sum = to == from ? x : add_part(l, type, sum, x, i);
  }
  return seen_as(l, type, sum);
}

const tn_expr *tn_lower_bitcast(tn_lowering *l, tn_inst *inst, tn_position at) {
  const tn_shape *to = inst->shape, *from = inst->operands[0]->shape;
  bool plain = tn_layout_is_row_major(to) && tn_layout_is_row_major(from);
  bool tiled = (to->layout && to->layout->n_tiles) || (from->layout && from->layout->n_tiles);
  int width_to = width_of(to->type), width_from = width_of(from->type);
  bool parts = width_to != width_from && (width_to < 8 || width_from < 8);
  if (plain && width_to == width_from && tn_type_is_complex(to->type) == tn_type_is_complex(from->type)) {
    const tn_expr *x = tn_lower_reshape(l, inst, at);
    return x ? seen_as(l, to->type, x) : NULL;
  }
  if (tiled || parts) return tn_lower_fail(l, inst, false);
  const tn_index *number = tn_lower_ravel(l, at, to, order_of(to));
  if (to->type == from->type) return operand_at(l, inst, number);
  if (!tn_type_is_complex(to->type)) return bits_at(l, inst, number);
  tn_arena *arena = tn_lower_arena(l);
  const tn_index *first = tn_index_scale(arena, number, 2);
  const tn_expr *re = bits_at(l, inst, first),
                *im = re ? bits_at(l, inst, tn_index_add(arena, first, tn_index_constant(arena, 1))) : NULL;
  return im ? tn_expr_binary(arena, TN_OP_COMPLEX, to->type, re, im) : NULL;
}
