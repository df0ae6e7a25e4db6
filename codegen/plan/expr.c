/* Making expressions and statements.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/expr.h"
#include "codegen/plan/native.h"

#include "base/number.h"

static tn_expr *new_expr(tn_arena *arena, tn_expr_kind kind, tn_type type) {
  tn_expr *expr = TN_NEW(arena, tn_expr);
  expr->kind = kind;
  expr->type = type;
  return expr;
}

const tn_expr *tn_expr_bits(tn_arena *arena, tn_type type, uint64_t low, uint64_t high) {
  tn_expr *expr = new_expr(arena, TN_EXPR_CONSTANT, type);
  expr->bits[0] = low;
  expr->bits[1] = high;
  return expr;
}

const tn_expr *tn_expr_number(tn_arena *arena, tn_type type, double value) {
  unsigned char element[16] = {0};
  uint64_t bits[2] = {0};
  tn_type part = tn_type_is_complex(type) ? tn_type_part(type) : type;
  if (tn_type_is_float(part)) {
    bits[0] = tn_float_to_bits(part, value);
  } else {
    tn_store_integer(part, element, (int64_t)value);
    memcpy(bits, element, tn_type_bytes(part));
  }
  return tn_expr_bits(arena, type, bits[0], 0);
}

const tn_expr *tn_expr_element(tn_arena *arena, const tn_literal *literal, int64_t position) {
  tn_type type = literal->shape->type;
  size_t bytes = tn_type_bytes(type);
  const char *at = (const char *)literal->data + (size_t)position * bytes;
  uint64_t bits[2] = {0};
  size_t part = tn_type_is_complex(type) ? bytes / 2 : bytes;
  memcpy(&bits[0], at, part);
  if (part < bytes) memcpy(&bits[1], at + part, part);
  return tn_expr_bits(arena, type, bits[0], bits[1]);
}

const tn_expr *tn_expr_index(tn_arena *arena, tn_type type, const tn_index *index) {
  tn_expr *expr = new_expr(arena, TN_EXPR_INDEX, type);
  expr->index = index;
  return expr;
}

const tn_expr *tn_expr_value(tn_arena *arena, tn_type type, int value) {
  tn_expr *expr = new_expr(arena, TN_EXPR_VALUE, type);
  expr->value = value;
  return expr;
}

static tn_expr *with_operands(tn_arena *arena, tn_expr_kind kind, tn_type type, int count,
                              const tn_expr *const *operands) {
  tn_expr *expr = new_expr(arena, kind, type);
  expr->op.n_operands = count;
  expr->op.operands = tn_arena_copy(arena, operands, sizeof *operands * (size_t)count);
  return expr;
}

const tn_expr *tn_expr_op(tn_arena *arena, tn_op op, tn_type type, int count,
                          const tn_expr *const *operands) {
  tn_expr *expr = with_operands(arena, TN_EXPR_OP, type, count, operands);
  expr->op.op = op;
  return expr;
}

const tn_expr *tn_expr_binary(tn_arena *arena, tn_op op, tn_type type, const tn_expr *a, const tn_expr *b) {
  return tn_expr_op(arena, op, type, 2, (const tn_expr *[]){a, b});
}

const tn_expr *tn_expr_fma(tn_arena *arena, const tn_expr *a, const tn_expr *b, const tn_expr *c) {
  return with_operands(arena, TN_EXPR_FMA, c->type, 3, (const tn_expr *[]){a, b, c});
}

const tn_expr *tn_expr_convert(tn_arena *arena, tn_type type, const tn_expr *a) {
  if (a->type == type) return a;
  bool complex = tn_type_is_complex(type) || tn_type_is_complex(a->type);
  if (a->kind != TN_EXPR_CONSTANT || complex) return tn_expr_op(arena, TN_OP_CONVERT, type, 1, &a);
  uint64_t bits = 0;
  tn_convert_elements(type, &bits, a->type, a->bits, 1);
  return tn_expr_bits(arena, type, bits, 0);
}

static const tn_expr *index_compare(tn_arena *arena, tn_direction direction, tn_type type,
                                    const tn_index *index, int64_t bound) {
  const tn_expr *operands[] = {tn_expr_index(arena, type, index),
                               tn_expr_bits(arena, type, (uint64_t)bound, 0)};
  tn_expr *expr = (tn_expr *)tn_expr_op(arena, TN_OP_COMPARE, TN_PRED, 2, operands);
  expr->op.direction = direction;
  return expr;
}

const tn_expr *tn_expr_in_range(tn_arena *arena, const tn_kernel *kernel, const tn_index *index, int64_t low,
                                int64_t high) {
  int64_t least, most;
  tn_index_range(kernel, index, &least, &most);
  bool is_small = least >= INT32_MIN && most <= INT32_MAX && low >= INT32_MIN && high <= INT32_MAX;
  tn_type type = is_small ? TN_S32 : TN_S64; /* narrow lanes are many */
  if (most < high && least >= low) return tn_expr_bits(arena, TN_PRED, 1, 0);
  if (most < high) return index_compare(arena, TN_GE, type, index, low);
  if (least >= low) return index_compare(arena, TN_LT, type, index, high);
  return tn_expr_binary(arena, TN_OP_AND, TN_PRED, index_compare(arena, TN_GE, type, index, low),
                        index_compare(arena, TN_LT, type, index, high));
}

tn_type tn_operand_type(tn_expr_kind kind, tn_op op, int i, tn_type expected) {
  if (kind == TN_EXPR_FMA) return expected;
  if (op == TN_OP_COMPARE || tn_op_names_type(op) || op == TN_OP_IS_FINITE) return TN_TYPE_NONE;
  return op == TN_OP_SELECT && i == 0 ? TN_PRED : expected;
}

tn_expr *tn_expr_load(tn_arena *arena, tn_type type, int buffer, int rank, const tn_index *const *at) {
  tn_expr *load = TN_NEW(arena, tn_expr);
  *load = (tn_expr){.kind = TN_EXPR_LOAD, .type = type, .load = {.buffer = buffer, .rank = rank, .at = at}};
  return load;
}

tn_stmt *tn_stmt_new(tn_arena *arena, tn_stmt_kind kind) {
  tn_stmt *stmt = TN_NEW(arena, tn_stmt);
  stmt->kind = kind;
  return stmt;
}
