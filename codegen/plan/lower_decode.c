/* Products with an encoded matrix, decoded where it is multiplied.
 *
 *   y = f32[16,3072] dot(x, decode(bytes)), encoding=block_sparse_4x1
 *
 *   loop d0:16 d1:192 d2:4 d3:4 {               rows, bands, strips of a band, columns of a strip
 *     reduce k4:104 to (a1[d1+1] - a1[d1]) {
 *       s: f32 from 0 = fma(x[d0, clamp(row[f + k4, d2])], value[f + k4, d2, d3], s)     f = clamp(a1[d1])
 *     }
 *     y[d0, 16*d1 + 4*d2 + d3] = s
 *   }
 *
 * The bytes are three constants: where bands begin, rows, values; ir/encoding.h has them.
 * Rows of a strip rise, so each sum has the terms of the dense one in its order, but for
 * those that are left out.
 *
 * Loops over the columns of a root whose last dim these are come as three dims; at any other
 * index the bands are found by division.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/lower_frames.h"
#include "ir/encoding.h"

static bool encoding_of(tn_arena *arena, const tn_inst *decode, tn_block_sparse *format) {
  const tn_literal *bytes = decode->op == TN_OP_DECODE ? tn_decode_source(decode) : NULL;
  return bytes && !tn_block_sparse_read(arena, bytes, decode->shape, format);
}

const tn_literal *tn_lower_section(tn_arena *arena, const tn_literal *bytes, const tn_shape *matrix,
                                   tn_section section) {
  tn_block_sparse s;
  if (tn_block_sparse_read(arena, bytes, matrix, &s)) return NULL;
  const char *data = bytes->data;
  int64_t dims[] = {s.steps, s.width, TN_BLOCK}, bands = s.bands + 1;
  switch (section) {
  case TN_SECTION_WHOLE: break;
  case TN_SECTION_FIRST:
    return tn_literal_array(arena, tn_shape_array(arena, TN_S32, 1, &bands), data + s.first);
  case TN_SECTION_ROW: return tn_literal_array(arena, tn_shape_array(arena, TN_U16, 2, dims), data + s.row);
  case TN_SECTION_VALUE:
    return tn_literal_array(arena, tn_shape_array(arena, matrix->type, 3, dims), data + s.value);
  }
  return bytes;
}

static const tn_expr *load(tn_lowering *l, tn_inst *decode, tn_section section, int rank, const tn_index *a,
                           const tn_index *b, const tn_index *c) {
  const tn_index *at[] = {a, b, c};
  int buffer = tn_lower_section_buffer(l, decode, section);
  tn_type type = section == TN_SECTION_FIRST ? TN_S32
                 : section == TN_SECTION_ROW ? TN_U16
                                             : decode->shape->type;
  return tn_expr_load(l->arena, type, buffer, rank, tn_arena_copy(l->arena, at, sizeof *at * (size_t)rank));
}

/* One contracted dim of each side, the matrix [contracted, columns] without batches. */
static bool is_matrix_product(const tn_inst *dot) {
  const tn_dot_side *side = dot->attr.dot->side;
  return !side[0].batch.count && side[0].contracting.count == 1 && side[1].contracting.count == 1 &&
         side[1].contracting.at[0] == 0;
}

const tn_expr *tn_lower_sparse_dot(tn_lowering *l, tn_inst *dot, tn_position at) {
  tn_arena *arena = l->arena;
  tn_inst *lhs = dot->operands[0], *decode = dot->operands[1], *zero = NULL;
  tn_block_sparse s;
  if (!is_matrix_product(dot) || !encoding_of(arena, decode, &s)) return tn_lower_fail(l, dot, true);
  tn_open_reduce reduce;
  tn_type type = tn_lower_accumulator_type(dot);
  if (!tn_lower_open_reduce(l, dot, at, 1, &s.most, NULL, 1, &type, &zero, &reduce)) return NULL;
  const tn_index *column = at[dot->shape->rank - 1], *one = tn_index_constant(arena, 1);
  const tn_index *band = tn_index_quotient(arena, l->kernel, column, s.width * TN_BLOCK);
  const tn_index *strip = tn_index_quotient(arena, l->kernel, column, TN_BLOCK);
  strip = tn_index_remainder(arena, l->kernel, strip, s.width);
  const tn_expr *first = load(l, decode, TN_SECTION_FIRST, 1, band, NULL, NULL);
  const tn_expr *end = load(l, decode, TN_SECTION_FIRST, 1, tn_index_add(arena, band, one), NULL, NULL);
  reduce.stmt->expr = tn_expr_binary(arena, TN_OP_SUBTRACT, TN_S32, end, first);
  const tn_index *step = tn_index_value(arena, first, s.steps - s.most);
  step = tn_index_add(arena, step, tn_index_dim(arena, reduce.dims[0]));
  const tn_expr *row = load(l, decode, TN_SECTION_ROW, 2, step, strip, NULL);
  int64_t contracted = dot->attr.dot->side[0].contracting.at[0], next = 0;
  const tn_index **from = TN_NEW_ARRAY(arena, const tn_index *, lhs->shape->rank);
  for (int d = 0; d < lhs->shape->rank; d++)
    from[d] = d == contracted ? tn_index_value(arena, row, s.rows - 1) : at[next++];
  const tn_expr *a = tn_lower_element(l, lhs, from);
  const tn_index *lane = tn_index_remainder(arena, l->kernel, column, TN_BLOCK);
  return tn_lower_close_product(l, dot, at, &reduce, a,
                                load(l, decode, TN_SECTION_VALUE, 3, step, strip, lane));
}

/* ---- the loops of a root ---- */

int64_t tn_lower_strips(tn_arena *arena, const tn_group *group, int64_t columns) {
  tn_block_sparse s;
  if (!group->whole) return 0;
  TN_FOR_EACH_IN_COMP(group->roots[0]->parent, inst)
  if (inst->op == TN_OP_DECODE && inst->shape->dims[1] == columns && encoding_of(arena, inst, &s))
    return s.width;
  return 0;
}
