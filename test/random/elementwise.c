/* Elementwise instructions.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/generate.h"

#include <math.h>

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

static const tn_op complex_exact[] = {TN_OP_NEGATE, TN_OP_REAL, TN_OP_IMAG};
static const tn_op complex_unary[] = {
    TN_OP_ABS,   TN_OP_NEGATE, TN_OP_SIGN,  TN_OP_EXPONENTIAL,  TN_OP_EXPONENTIAL_MINUS_ONE,
    TN_OP_LOG,   TN_OP_SQRT,   TN_OP_RSQRT, TN_OP_LOG_PLUS_ONE, TN_OP_CBRT,
    TN_OP_TANH,  TN_OP_SINE,   TN_OP_TAN,   TN_OP_LOGISTIC,     TN_OP_COSINE,
    TN_OP_ASIN,  TN_OP_ACOS,   TN_OP_ATAN,  TN_OP_SINH,         TN_OP_COSH,
    TN_OP_ASINH, TN_OP_ACOSH,  TN_OP_ATANH, TN_OP_REAL,         TN_OP_IMAG};
static const tn_op complex_exact_binary[] = {TN_OP_ADD, TN_OP_SUBTRACT, TN_OP_MULTIPLY};
static const tn_op complex_binary[] = {TN_OP_ADD,    TN_OP_SUBTRACT, TN_OP_MULTIPLY,
                                       TN_OP_DIVIDE, TN_OP_POWER,    TN_OP_ATAN2};

static tn_inst *unary(generator *g) {
  node x = pick(g, ANY_CLASS, 0);
  tn_type type = x.inst->shape->type;
  tn_op op = TN_OP_NOT;
  if (class_of(type) == INTEGERS) op = ANY_OF(g, integer_unary);
  if (class_of(type) == COMPLEXES)
    op = g->integers && chance(g->dice, 80) ? ANY_OF(g, complex_exact) : ANY_OF(g, complex_unary);
  if (class_of(type) == FLOATS) {
    if (g->integers && chance(g->dice, 80))
      op = ANY_OF(g, exact_unary);
    else if (chance(g->dice, type == TN_F64 ? 30 : 70))
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
  else if (class_of(type) == COMPLEXES)
    op = g->integers && chance(g->dice, 85) ? ANY_OF(g, complex_exact_binary) : ANY_OF(g, complex_binary);
  else if (g->integers && chance(g->dice, 90))
    op = ANY_OF(g, exact_binary);
  else if (chance(g->dice, type == TN_F64 ? 8 : 15))
    op = ANY_OF(g, transcendental_binary);
  else
    op = ANY_OF(g, float_binary);
  if (chance(g->dice, 50)) operands[1] = x, operands[0] = pick_like(g, x.inst->shape);
  return keep(g, begin(g, op, NULL, 2, operands));
}

static tn_inst *compare(generator *g) {
  node x = pick(g, ANY_CLASS, 0), operands[2] = {x, pick_like(g, x.inst->shape)};
  tn_inst *inst = begin(g, TN_OP_COMPARE, NULL, 2, operands);
  bool unordered = class_of(x.inst->shape->type) == COMPLEXES;
  inst->attr.compare.direction = (tn_direction)roll(g->dice, unordered ? 2 : 6); /* EQ, NE, … */
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
  node x = pick(g, PREDS | ORDERED_CLASS, 0);
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
  inst->attr.reduce_precision.exponent_bits = between(g->dice, 1, 12);
  inst->attr.reduce_precision.mantissa_bits = between(g->dice, 0, 25);
  return keep(g, inst);
}

static tn_inst *from_parts(generator *g) {
  node x = pick(g, FLOATS, 0);
  tn_type type = x.inst->shape->type;
  if (type != TN_F32 && type != TN_F64) return NULL;
  return keep(g, begin(g, TN_OP_COMPLEX, NULL, 2, (node[]){x, pick_like(g, x.inst->shape)}));
}

static tn_type bits_of(tn_type type) {
  static const tn_type of[] = {[4] = TN_U4, [8] = TN_U8, [16] = TN_U16, [32] = TN_U32, [64] = TN_U64};
  return of[tn_type_bits(type)];
}

static tn_inst *stochastic_convert(generator *g) {
  node x = pick(g, FLOATS, 0);
  const tn_shape *shape = x.inst->shape;
  node random = new_input(g, tn_shape_with_type(g->module->arena, shape, bits_of(shape->type)));
  tn_type to = random_type(g, ORDERED_CLASS);
  return keep(g, begin(g, TN_OP_STOCHASTIC_CONVERT, tn_shape_with_type(g->module->arena, shape, to), 2,
                       (node[]){x, random}));
}

/* ---- quantize, dequantize ---- */

static tn_type quantized_type(generator *g) {
  static const tn_type types[] = {TN_S8,  TN_S8,  TN_U8,  TN_U8,  TN_S4, TN_U4,
                                  TN_S16, TN_U16, TN_S32, TN_U32, TN_S2, TN_U2};
  return ANY_OF(g, types);
}

/* Powers of two where everything is to be exact; rarely anything. */
static node scale_input(generator *g, const tn_shape *shape) {
  if (chance(g->dice, 8)) return new_input(g, shape);
  void *data;
  tn_literal *scales = tn_literal_uninitialised(g->arena, shape, &data);
  for (int64_t i = 0; i < tn_shape_elements(shape); i++) {
    double power = ldexp(1, between(g->dice, -5, 4));
    ((float *)data)[i] = (float)(g->integers ? power : power * (double)between(g->dice, 3, 99) / 50);
  }
  return input_of(g, scales);
}

/* Scale and, for half of all, zero point: of everything, or of each index of a dim. */
static tn_inst *scaled(generator *g, tn_op op, node x, tn_type quantized, tn_type result) {
  const tn_shape *of = x.inst->shape;
  int64_t dim = of->rank && chance(g->dice, 40) ? roll(g->dice, of->rank) : -1;
  const int64_t *size = dim >= 0 ? &of->dims[dim] : NULL;
  node operands[3] = {x, scale_input(g, make_shape(g, TN_F32, dim >= 0, size))};
  int count = chance(g->dice, 50) ? 2 : 3;
  if (count == 3) operands[2] = new_input(g, make_shape(g, quantized, dim >= 0, size));
  tn_inst *inst = begin(g, op, tn_shape_with_type(g->module->arena, of, result), count, operands);
  inst->attr.quantize.dim = dim;
  inst->attr.quantize.zero_point_first = op == TN_OP_QUANTIZE && chance(g->dice, 25);
  return keep(g, inst);
}

static bool is_expressed(tn_type type) { return type == TN_F32 || type == TN_F16 || type == TN_BF16; }

static tn_inst *quantize(generator *g) {
  node x = pick(g, FLOATS, 0);
  tn_type type = quantized_type(g);
  return is_expressed(x.inst->shape->type) ? scaled(g, TN_OP_QUANTIZE, x, type, type) : NULL;
}

static tn_inst *dequantize(generator *g) {
  static const tn_type results[] = {TN_F32, TN_F32, TN_F32, TN_F16, TN_BF16};
  node x = pick(g, INTEGERS, 0);
  tn_type type = x.inst->shape->type;
  return tn_type_bits(type) <= 32 ? scaled(g, TN_OP_DEQUANTIZE, x, type, ANY_OF(g, results)) : NULL;
}

/* Rarely what the common types have none of. */
static tn_inst *special(generator *g) {
  bool complex = false;
  for (int i = 0; i < g->theme->n_types; i++) complex = complex || class_of(g->theme->types[i]) == COMPLEXES;
  if (complex && chance(g->dice, 80)) return from_parts(g);
  return g->theme->families & BITS ? stochastic_convert(g) : NULL;
}

tn_inst *make_elementwise(generator *g) {
  static const weighted_rule rules[] = {{unary, 26},  {binary, 36},  {compare, 8},   {select_one, 8},
                                        {clamp, 4},   {convert, 14}, {is_finite, 2}, {reduce_precision, 2},
                                        {special, 4}, {quantize, 4}, {dequantize, 4}};
  return apply_rule(g, rules, COUNT(rules));
}
