/* Elementwise instructions.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/generate.h"

#define COUNT(a)         ((int)(sizeof(a) / sizeof *(a)))
#define ANY_OF(g, table) ((table)[roll((g)->dice, COUNT(table))])

static const tn_op integer_unary[] = {TN_OP_ABS, TN_OP_NEGATE, TN_OP_SIGN,
                                      TN_OP_NOT, TN_OP_POPCNT, TN_OP_COUNT_LEADING_ZEROS};
static const tn_op exact_unary[] = {TN_OP_ABS,
                                    TN_OP_NEGATE,
                                    TN_OP_SIGN,
                                    TN_OP_FLOOR,
                                    TN_OP_CEIL,
                                    TN_OP_ROUND_NEAREST_EVEN,
                                    TN_OP_ROUND_NEAREST_AFZ,
                                    TN_OP_SQRT};
static const tn_op rounded_unary[] = {TN_OP_SQRT, TN_OP_RSQRT, TN_OP_ABS, TN_OP_NEGATE};
/* base/math has them in f32; f16 and bf16 go through it. */
static const tn_op transcendental[] = {TN_OP_EXPONENTIAL, TN_OP_EXPONENTIAL_MINUS_ONE,
                                       TN_OP_LOG,         TN_OP_LOG_PLUS_ONE,
                                       TN_OP_TANH,        TN_OP_LOGISTIC,
                                       TN_OP_ERF,         TN_OP_SINE,
                                       TN_OP_COSINE,      TN_OP_TAN,
                                       TN_OP_ASIN,        TN_OP_ACOS,
                                       TN_OP_ATAN,        TN_OP_SINH,
                                       TN_OP_COSH,        TN_OP_ASINH,
                                       TN_OP_ACOSH,       TN_OP_ATANH,
                                       TN_OP_CBRT,        TN_OP_SQRT,
                                       TN_OP_RSQRT};
static const tn_op integer_binary[] = {TN_OP_ADD,
                                       TN_OP_SUBTRACT,
                                       TN_OP_MULTIPLY,
                                       TN_OP_DIVIDE,
                                       TN_OP_REMAINDER,
                                       TN_OP_MAXIMUM,
                                       TN_OP_MINIMUM,
                                       TN_OP_POWER,
                                       TN_OP_AND,
                                       TN_OP_OR,
                                       TN_OP_XOR,
                                       TN_OP_SHIFT_LEFT,
                                       TN_OP_MULHI,
                                       TN_OP_SHIFT_RIGHT_ARITHMETIC,
                                       TN_OP_SHIFT_RIGHT_LOGICAL};
static const tn_op pred_binary[] = {TN_OP_ADD, TN_OP_MULTIPLY, TN_OP_MAXIMUM, TN_OP_MINIMUM,
                                    TN_OP_AND, TN_OP_OR,       TN_OP_XOR};
static const tn_op exact_binary[] = {TN_OP_ADD,     TN_OP_ADD,     TN_OP_SUBTRACT, TN_OP_MULTIPLY,
                                     TN_OP_MAXIMUM, TN_OP_MINIMUM, TN_OP_REMAINDER};
static const tn_op float_binary[] = {TN_OP_ADD,     TN_OP_SUBTRACT, TN_OP_MULTIPLY,  TN_OP_DIVIDE,
                                     TN_OP_MAXIMUM, TN_OP_MINIMUM,  TN_OP_REMAINDER, TN_OP_ADD};
static const tn_op transcendental_binary[] = {TN_OP_POWER, TN_OP_ATAN2};

static tn_inst *unary(generator *g) {
  node x = pick(g, ANY_CLASS, 0);
  tn_type type = x.inst->shape->type;
  tn_op op = TN_OP_NOT;
  if (class_of(type) == INTEGERS) op = ANY_OF(g, integer_unary);
  if (class_of(type) == FLOATS) {
    if (g->integers && chance(g->dice, 80))
      op = ANY_OF(g, exact_unary);
    else if (chance(g->dice, 70) && type != TN_F64)
      op = ANY_OF(g, transcendental);
    else
      op = chance(g->dice, 50) ? ANY_OF(g, rounded_unary) : ANY_OF(g, exact_unary);
  }
  return keep(g, begin(g, op, NULL, 1, &x));
}

static tn_inst *binary(generator *g) {
  node x = pick(g, ANY_CLASS, 0), operands[2] = {x, pick_like(g, x.inst->shape)};
  tn_type type = x.inst->shape->type;
  tn_op op;
  if (type == TN_PRED)
    op = ANY_OF(g, pred_binary);
  else if (class_of(type) == INTEGERS)
    op = ANY_OF(g, integer_binary);
  else if (g->integers && chance(g->dice, 90))
    op = ANY_OF(g, exact_binary);
  else if (type != TN_F64 && chance(g->dice, 15))
    op = ANY_OF(g, transcendental_binary);
  else
    op = ANY_OF(g, float_binary);
  if (chance(g->dice, 50)) operands[1] = x, operands[0] = pick_like(g, x.inst->shape);
  return keep(g, begin(g, op, NULL, 2, operands));
}

static tn_inst *compare(generator *g) {
  node x = pick(g, ANY_CLASS, 0), operands[2] = {x, pick_like(g, x.inst->shape)};
  tn_inst *inst = begin(g, TN_OP_COMPARE, NULL, 2, operands);
  inst->attr.compare.direction = (tn_direction)roll(g->dice, 6);
  if (class_of(x.inst->shape->type) == FLOATS && chance(g->dice, 15)) {
    /* A computed NaN's sign may not be seen. */
    bool given = operands[0].inst->n_operands == 0 && operands[1].inst->n_operands == 0;
    if (given) inst->attr.compare.type = TN_COMPARE_TOTALORDER;
  }
  return keep(g, inst);
}

static tn_inst *select_one(generator *g) {
  node x = pick(g, ANY_CLASS, 0), other = pick_like(g, x.inst->shape);
  bool scalar = chance(g->dice, 15);
  node pred = scalar ? pick_scalar(g, TN_PRED)
                     : pick_like(g, tn_shape_with_type(g->module->arena, x.inst->shape, TN_PRED));
  return keep(g, begin(g, TN_OP_SELECT, x.inst->shape, 3, (node[]){pred, x, other}));
}

static tn_inst *clamp(generator *g) {
  node x = pick(g, NUMBERS, 0);
  const tn_shape *shape = x.inst->shape;
  node low = chance(g->dice, 50) ? pick_scalar(g, shape->type) : pick_like(g, shape);
  node high = low.inst->shape->rank == 0 ? pick_scalar(g, shape->type) : pick_like(g, shape);
  return keep(g, begin(g, TN_OP_CLAMP, shape, 3, (node[]){low, x, high}));
}

static tn_inst *convert(generator *g) {
  node x = pick(g, ANY_CLASS, 0);
  tn_type type = random_type(g, ANY_CLASS);
  return keep(g, begin(g, TN_OP_CONVERT, tn_shape_with_type(g->module->arena, x.inst->shape, type), 1, &x));
}

static tn_inst *is_finite(generator *g) {
  node x = pick(g, FLOATS, 0);
  return keep(g, begin(g, TN_OP_IS_FINITE, NULL, 1, &x));
}

static tn_inst *reduce_precision(generator *g) {
  node x = pick(g, FLOATS, 0);
  tn_inst *inst = begin(g, TN_OP_REDUCE_PRECISION, NULL, 1, &x);
  inst->attr.reduce_precision.exponent_bits = between(g->dice, 2, 11);
  inst->attr.reduce_precision.mantissa_bits = between(g->dice, 1, 23);
  return keep(g, inst);
}

tn_inst *make_elementwise(generator *g) {
  static const weighted_rule rules[] = {{unary, 26}, {binary, 36},  {compare, 8},   {select_one, 8},
                                        {clamp, 4},  {convert, 14}, {is_finite, 2}, {reduce_precision, 2}};
  return apply_rule(g, rules, COUNT(rules));
}
