/* What a kernel stores, as one pass through the vector unit's pipeline.
 *
 * The expression is read from the source outwards; each operation must come at or behind the place
 * where the one before it stands in the pipeline's order (isa.def):
 *
 *   convert(round(clamp(-128, maximum(convert(acc)*s[c] + b[c] + convert(r)*t, 0), 127)) + z)
 *      10      8     6/8          6       2        3     4     5                       9
 *
 * The pipeline rounds to f32 after each step, as HLO does; so whatever matches has the same bits.
 * Zero points stand where quantized values have them: a whole number behind the rounding, one taken from the second
 * load, one from a source of small integers, of which it is the integer bias.
 * Clamps by whole numbers may stand on either side of the rounding, which they commute with; those that
 * hold all of the result's numbers are its saturation, and vanish, also behind a function.
 * Of two loads either may be the source. What is left over and maps 8 bits to 8 bits is a table.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/float_format.h"
#include "base/number.h"
#include "codegen/systolic/contraction_private.h"
#include "target/isa_pipeline.h"

#include <math.h>
#include <stdlib.h>

/* Numbers by channel that are not laid out yet; NULL: none. */
typedef struct {
  const tn_expr *expr; /* a constant or a load of one */
  bool negated;
} numbers;

typedef struct {
  tn_matcher *m;
  tn_isa_progress at;
  tn_isa_stage inner; /* before the result */
  tn_type type;       /* of the value */
  bool has_source;
  tn_vector_work work;
  tn_walk x;
  numbers scale, bias;
  bool integer_bias;
  double low, high; /* limits behind the rounding, of what is rounded */
} chain;

static bool fail(chain *c, const char *what) { return tn_match_fail(c->m, "%s", what); }

static const tn_expr *resolve(const chain *c, const tn_expr *expr) { return tn_match_resolve(c->m, expr); }

/* ---- numbers ---- */

static bool is_scalar(const chain *c, const tn_expr *expr, double *value) {
  expr = resolve(c, expr);
  if (expr->kind != TN_EXPR_CONSTANT || !tn_type_is_float(expr->type)) return false;
  *value = tn_float_from_bits(expr->type, expr->bits[0]);
  return true;
}

/* A constant of f32 or s32, one or several. */
static bool are_numbers(const chain *c, const tn_expr *expr, tn_type type) {
  expr = resolve(c, expr);
  if (expr->type != type) return false;
  return expr->kind == TN_EXPR_CONSTANT || (tn_match_literal(c->m, expr) && !expr->load.fill);
}

static int64_t strides_used(const chain *c, const tn_walk *walk, bool *used) {
  int64_t count = 0;
  for (int d = 0; d < c->m->work->n_dims; d++)
    if (walk->strides[d]) used[d] = true, count++;
  return count;
}

static bool use_numbers(chain *c, const numbers *n, bool *used) {
  tn_walk walk;
  if (!n->expr || n->expr->kind == TN_EXPR_CONSTANT) return true;
  if (!tn_match_load(c->m, n->expr, &walk)) return false;
  strides_used(c, &walk, used);
  return true;
}

/* The numbers in the order of channels. */
static const void *lay_out(chain *c, const numbers *n) {
  const tn_systolic_work *work = c->m->work;
  if (!n->expr) return NULL;
  uint32_t *result = TN_NEW_ARRAY(c->m->arena, uint32_t, work->channels);
  const tn_literal *literal = tn_match_literal(c->m, n->expr);
  tn_walk walk;
  if (literal) tn_match_load(c->m, n->expr, &walk);
  for (int64_t i = 0; i < work->channels; i++) {
    int64_t at = literal ? walk.offset : 0;
    for (int d = 0; literal && d < work->n_dims; d++)
      if (work->channel[d]) at += walk.strides[d] * (i / work->channel[d] % work->sizes[d]);
    result[i] = literal ? ((const uint32_t *)literal->data)[at] : (uint32_t)n->expr->bits[0];
    if (n->negated) result[i] = c->integer_bias ? -result[i] : result[i] ^ UINT32_C(1) << 31;
  }
  return result;
}

/* Channels count row-major over the dims that any of the numbers changes with. */
static bool settle_numbers(chain *c) {
  tn_systolic_work *work = c->m->work;
  bool *used = TN_NEW_ARRAY(c->m->arena, bool, work->n_dims), rows = false, columns = false;
  int64_t *channel = TN_NEW_ARRAY(c->m->arena, int64_t, work->n_dims);
  if (!use_numbers(c, &c->scale, used) || !use_numbers(c, &c->bias, used)) return false;
  work->channels = 1;
  for (int d = work->n_dims - 1; d >= 0; d--) {
    if (!used[d]) continue;
    channel[d] = work->channels;
    work->channels *= work->sizes[d];
    rows = rows || work->roles[d] == TN_ROLE_ROW;
    columns = columns || work->roles[d] == TN_ROLE_COLUMN;
    if (work->roles[d] == TN_ROLE_SUM) return fail(c, "scales that change within a sum");
  }
  if (work->is_contraction && rows && columns) return fail(c, "a scale or bias for each element");
  work->channel = channel;
  const void *scale = lay_out(c, &c->scale), *bias = lay_out(c, &c->bias);
  c->work.scale = scale;
  if (c->integer_bias)
    c->work.integer_bias = bias;
  else
    c->work.bias = bias;
  return true;
}

/* ---- the source ---- */

static bool take_load(chain *c, const tn_expr *load) {
  if (c->has_source) return fail(c, "more than two operands");
  c->has_source = true;
  c->type = load->type;
  return tn_match_load(c->m, load, &c->x);
}

static bool take_sum(chain *c, const tn_expr *sum) {
  const tn_systolic_work *work = c->m->work;
  c->has_source = true;
  c->type = sum->type;
  if (!work->is_contraction && tn_type_is_float(sum->type) != tn_type_is_float(work->x.type)) {
    c->at.stage = TN_STAGE_FLOAT; /* a window of integers that are summed in f32: exact either way */
    return true;
  }
  return true;
}

/* ---- one operation ---- */

/* Moves on to where the operation stands; behind it already: what was there cannot be done. */
static bool advance(chain *c, tn_isa_stage to, const char *what) {
  return tn_isa_advance(&c->at, to) || fail(c, what);
}

static bool need_float(chain *c, const char *what) {
  if (c->type != TN_F32) return tn_match_fail(c->m, "%s of %s", what, tn_type_name(c->type));
  return true;
}

static bool is_whole(double value) { return !isfinite(value) || value == nearbyint(value); }

static bool set_limits(chain *c, double low, double high) {
  tn_vector_work *w = &c->work;
  if (!w->has_clamp) w->low = -HUGE_VALF, w->high = HUGE_VALF;
  w->has_clamp = true;
  if (low > w->low) w->low = (float)low;
  if (high < w->high) w->high = (float)high;
  return w->low <= w->high || fail(c, "limits that leave nothing");
}

static bool is_rounded(const chain *c) {
  return c->at.stage == TN_STAGE_ROUND || c->at.stage == TN_STAGE_ZERO;
}

static bool clamp_to(chain *c, double low, double high) {
  if (!need_float(c, "limits")) return false;
  if (isnan(low) || isnan(high)) return fail(c, "limits that are no numbers");
  if (!is_rounded(c))
    return advance(c, TN_STAGE_CLAMP, "limits behind a function") && set_limits(c, low, high);
  if (!is_whole(low) || !is_whole(high))
    return fail(c, "limits that are no whole numbers behind the rounding");
  c->low = fmax(c->low, low - c->work.zero);
  c->high = fmin(c->high, high - c->work.zero);
  return c->low <= c->high || fail(c, "limits that leave nothing");
}

/* What is rounded, as integers: limits behind the rounding are these type's, or move before it. */
static bool round_to(chain *c, tn_type to) {
  if (!is_rounded(c)) return fail(c, "a conversion to integers without rounding to even");
  if (c->work.zero && tn_type_bits(to) > 16)
    return tn_match_fail(c->m, "a zero point of %s", tn_type_name(to));
  c->work.rounds = true;
  if (tn_isa_saturates(to, c->low + c->work.zero, c->high + c->work.zero)) return true;
  return c->work.function ? fail(c, "limits behind a function") : set_limits(c, c->low, c->high);
}

/* A whole number that arithmetic with small integers in f32 is exact with. */
static bool is_zero_point(const chain *c, const tn_expr *expr, bool negated, int32_t *zero) {
  double value;
  if (!is_scalar(c, expr, &value) || !is_whole(value) || !(fabs(value) <= TN_ISA_LARGEST_ZERO)) return false;
  *zero = (int32_t)(negated ? -value : value);
  return true;
}

/* Small integers that have become f32, plus a number: the same as integers. */
static bool is_integer_bias(const chain *c, const tn_expr *expr, int32_t *bias) {
  const tn_systolic_work *work = c->m->work;
  tn_type source = work->is_contraction ? work->sum : c->m->reduce ? work->x.type : c->x.type;
  bool small = tn_type_is_integer(source) && tn_type_bits(source) <= 16;
  return small && c->at.stage == TN_STAGE_FLOAT && c->type == TN_F32 &&
         c->m->work->work.join != TN_ISA_JOIN_ADD && is_zero_point(c, expr, false, bias);
}

/* (convert(load) - zero) * t, or a part of that, as the pipeline's second source. */
static bool take_second(chain *c, const tn_expr *expr, tn_isa_operand operand) {
  double scale = 1;
  const tn_expr *load = resolve(c, expr);
  if (!need_float(c, "a second operand") || !advance(c, TN_STAGE_OPERAND, "more than two operands"))
    return false;
  if (load->kind == TN_EXPR_OP && load->op.op == TN_OP_MULTIPLY) {
    int k = is_scalar(c, load->op.operands[0], &scale) ? 0 : 1;
    if (!is_scalar(c, load->op.operands[k], &scale))
      return fail(c, "a second operand that is computed on the way");
    load = resolve(c, load->op.operands[1 - k]);
  }
  bool minus = load->kind == TN_EXPR_OP && load->op.op == TN_OP_SUBTRACT;
  if ((minus || (load->kind == TN_EXPR_OP && load->op.op == TN_OP_ADD)) &&
      is_zero_point(c, load->op.operands[1], !minus, &c->work.second_zero))
    load = resolve(c, load->op.operands[0]);
  if (load->kind == TN_EXPR_OP && load->op.op == TN_OP_CONVERT) load = resolve(c, load->op.operands[0]);
  if (load->kind != TN_EXPR_LOAD) return fail(c, "a second operand that is computed on the way");
  if (tn_type_bits(load->type) > 32 || load->type == TN_U32)
    return tn_match_fail(c->m, "a second operand of %s", tn_type_name(load->type));
  c->work.operand = operand;
  c->work.second_scale = (float)scale;
  if (!tn_match_load(c->m, load, &c->work.second)) return false;
  return !c->work.second.n_bounds || fail(c, "a second operand that is padded");
}

/* Behind the rounding: a zero point. */
static bool add_zero(chain *c, const tn_expr *expr, bool negated) {
  if (!is_zero_point(c, expr, negated, &c->work.zero))
    return fail(c, "a sum behind the rounding with other than a whole number");
  return advance(c, TN_STAGE_ZERO, "two zero points");
}

static bool add_numbers(chain *c, const tn_expr *expr, bool negated) {
  bool integer = c->type == TN_S32;
  int32_t bias;
  if (!integer && !need_float(c, "a sum")) return false;
  if (is_rounded(c)) return add_zero(c, expr, negated);
  if (is_integer_bias(c, expr, &bias) && !c->at.has_bias) {
    c->at.has_bias = c->integer_bias = true;
    c->bias = (numbers){tn_expr_number(c->m->arena, TN_S32, bias), negated};
    return true;
  }
  if (!advance(c, integer ? TN_STAGE_INTEGER_BIAS : TN_STAGE_BIAS, "two biases")) return false;
  c->bias = (numbers){resolve(c, expr), negated};
  c->integer_bias = integer;
  return true;
}

static bool scale_by(chain *c, const tn_expr *expr) {
  if (!need_float(c, "a product") || !advance(c, TN_STAGE_SCALE, "two scales")) return false;
  c->scale = (numbers){resolve(c, expr), false};
  return true;
}

/* A division by a power of two is a product. */
static bool divide_by(chain *c, const tn_expr *expr) {
  double by;
  int exponent;
  if (!is_scalar(c, expr, &by) || fabs(frexp(by, &exponent)) != 0.5 || abs(exponent) > 120)
    return fail(c, "a division");
  if (!need_float(c, "a division") || !advance(c, TN_STAGE_SCALE, "two scales")) return false;
  c->scale = (numbers){tn_expr_number(c->m->arena, TN_F32, 1 / by), false};
  return true;
}

static bool apply_function(chain *c, tn_isa_function function) {
  if (!need_float(c, "a function") || !advance(c, TN_STAGE_FUNCTION, "two functions")) return false;
  if (!(c->m->array->vector_functions >> function & 1))
    return fail(c, "a function that the array does not have");
  c->work.function = function;
  return true;
}

static void finish(chain *c, tn_type type) {
  c->inner = c->at.stage;
  c->at.stage = TN_STAGE_RESULT;
  c->type = type;
}

static bool convert_to(chain *c, tn_type to) {
  bool integers = tn_type_is_integer(c->type) && tn_type_is_integer(to);
  if (c->type == to) return true;
  if (to == TN_F32 && c->at.stage < TN_STAGE_FLOAT && tn_type_bits(c->type) <= 32) {
    c->at.stage = TN_STAGE_FLOAT;
    c->type = to;
    return true;
  }
  if (integers && c->at.stage <= TN_STAGE_INTEGER_BIAS) { /* extended, or the low bits */
    if (tn_type_bits(to) < 32)
      finish(c, to);
    else
      c->type = to;
    return true;
  }
  if (c->type == TN_F32 && tn_type_is_integer(to)) {
    if (!round_to(c, to)) return false;
  } else if (c->type == TN_F32 && is_rounded(c)) {
    return fail(c, "rounding that no conversion to integers follows");
  } else if (c->type != TN_F32 || !tn_type_is_float(to)) {
    return tn_match_fail(c->m, "a conversion from %s to %s", tn_type_name(c->type), tn_type_name(to));
  }
  if (tn_type_bits(to) > 32 || tn_type_bits(to) < 8)
    return tn_match_fail(c->m, "results of %s", tn_type_name(to));
  finish(c, to);
  return true;
}

static bool apply_float(chain *c, tn_op op, const tn_expr *other, bool left);

/* An operation in bf16 or f16 is one in f32 that is rounded again, which has more than twice the digits
 * (Figueroa, "When is double rounding innocuous?", 1995); behind the rounding, limits commute with it.
 * Of small integers the larger and the smaller of two are so; what else there is wraps.        */
static bool is_narrow(const chain *c, tn_op op, bool scalar) {
  bool extreme = op == TN_OP_MAXIMUM || op == TN_OP_MINIMUM;
  bool floats = c->type == TN_BF16 || c->type == TN_F16;
  if (c->at.stage == TN_STAGE_RESULT) return floats && extreme && scalar && c->inner <= TN_STAGE_CLAMP;
  return c->at.stage == TN_STAGE_SOURCE &&
         (floats || (extreme && tn_type_is_integer(c->type) && tn_type_bits(c->type) <= 16));
}

static bool apply_narrow(chain *c, tn_op op, const tn_expr *other, bool left) {
  tn_type type = c->type;
  double value;
  if (is_scalar(c, other, &value)) other = tn_expr_number(c->m->arena, TN_F32, value);
  c->at.stage = c->at.stage == TN_STAGE_RESULT ? c->inner : TN_STAGE_FLOAT;
  c->type = TN_F32;
  if (!apply_float(c, op, other, left)) return false;
  if (tn_type_is_integer(type)) c->work.rounds = true;
  finish(c, type);
  return true;
}

/* The chain's value and `other`; left: the value is the first operand. */
static bool apply_binary(chain *c, tn_op op, const tn_expr *other, bool left) {
  double limit;
  bool narrow = is_narrow(c, op, is_scalar(c, other, &limit));
  return narrow ? apply_narrow(c, op, other, left) : apply_float(c, op, other, left);
}

static bool apply_float(chain *c, tn_op op, const tn_expr *other, bool left) {
  double limit;
  bool scalar = is_scalar(c, other, &limit), fixed = are_numbers(c, other, c->type);
  if (op == TN_OP_ADD)
    return fixed ? add_numbers(c, other, false) : take_second(c, other, TN_ISA_OPERAND_ADD);
  if (op == TN_OP_SUBTRACT && left)
    return fixed ? add_numbers(c, other, true) : take_second(c, other, TN_ISA_OPERAND_SUBTRACT);
  if (op == TN_OP_MULTIPLY)
    return fixed ? scale_by(c, other) : take_second(c, other, TN_ISA_OPERAND_MULTIPLY);
  if (op == TN_OP_DIVIDE && left) return divide_by(c, other);
  if (op == TN_OP_MAXIMUM)
    return scalar ? clamp_to(c, limit, HUGE_VAL) : take_second(c, other, TN_ISA_OPERAND_MAXIMUM);
  if (op == TN_OP_MINIMUM)
    return scalar ? clamp_to(c, -HUGE_VAL, limit) : take_second(c, other, TN_ISA_OPERAND_MINIMUM);
  return tn_match_fail(c->m, "%s", tn_ops[op].name);
}

static bool apply_unary(chain *c, const tn_expr *expr) {
  if (expr->op.op == TN_OP_CONVERT) return convert_to(c, expr->type);
  if (expr->op.op == TN_OP_ABS) return apply_function(c, TN_ISA_FUNCTION_ABS);
  if (expr->op.op == TN_OP_NEGATE) return apply_function(c, TN_ISA_FUNCTION_NEGATE);
  if (expr->op.op == TN_OP_ROUND_NEAREST_EVEN)
    return need_float(c, "rounding") && advance(c, TN_STAGE_ROUND, "rounding twice");
  return tn_match_fail(c->m, "%s", tn_ops[expr->op.op].name);
}

/* ---- the expression ---- */

static bool read_chain(chain *c, const tn_expr *expr);

/* Operand `spine` holds the source, the other is what joins it. */
static bool read_binary(chain *c, const tn_expr *expr, int spine) {
  return read_chain(c, expr->op.operands[spine]) &&
         apply_binary(c, expr->op.op, expr->op.operands[1 - spine], spine == 0);
}

static bool holds_sum(const chain *c, const tn_expr *expr) {
  expr = resolve(c, expr);
  if (expr->kind != TN_EXPR_OP && expr->kind != TN_EXPR_FMA) return tn_match_is_sum(c->m, expr);
  for (int i = 0; i < expr->op.n_operands; i++)
    if (holds_sum(c, expr->op.operands[i])) return true;
  return false;
}

/* May the source be in there? */
static bool may_hold_source(const chain *c, const tn_expr *expr) {
  return c->m->reduce ? holds_sum(c, expr) : tn_match_varies(c->m, expr);
}

static bool read_either(chain *c, const tn_expr *expr) {
  bool may[2] = {may_hold_source(c, expr->op.operands[0]), may_hold_source(c, expr->op.operands[1])};
  if (!may[0] || !may[1]) return read_binary(c, expr, may[0] ? 0 : 1);
  chain saved = *c;
  if (read_binary(c, expr, 0)) return true;
  const char *why = c->m->why;
  *c = saved;
  c->m->why = NULL;
  if (read_binary(c, expr, 1)) return true;
  c->m->why = why;
  return false;
}

static bool read_clamp(chain *c, const tn_expr *expr) {
  double low, high;
  if (!is_scalar(c, expr->op.operands[0], &low) || !is_scalar(c, expr->op.operands[2], &high))
    return fail(c, "limits that are no numbers of f32");
  return read_chain(c, expr->op.operands[1]) && clamp_to(c, low, high);
}

static bool read_chain(chain *c, const tn_expr *expr) {
  expr = resolve(c, expr);
  switch (expr->kind) {
  case TN_EXPR_CONSTANT: return fail(c, "a result that nothing is read for");
  case TN_EXPR_INDEX: return fail(c, "positions as values");
  case TN_EXPR_FMA: return fail(c, "a fused multiply-add behind the sum");
  case TN_EXPR_VALUE: return take_sum(c, expr);
  case TN_EXPR_LOAD: return c->m->reduce ? fail(c, "a result without the sum") : take_load(c, expr);
  case TN_EXPR_OP: break;
  }
  if (expr->op.part) return fail(c, "complex numbers");
  if (expr->op.op == TN_OP_CLAMP) return read_clamp(c, expr);
  if (expr->op.n_operands == 1) return read_chain(c, expr->op.operands[0]) && apply_unary(c, expr);
  if (expr->op.n_operands == 2) return read_either(c, expr);
  return tn_match_fail(c->m, "%s", tn_ops[expr->op.op].name);
}

/* ---- tables ---- */

typedef TN_VEC(const tn_expr *) expr_list;

/* Values of 8 bits inside, from the outermost inwards. */
static void find_bytes(const chain *c, const tn_expr *expr, expr_list *out) {
  expr = resolve(c, expr);
  bool byte = tn_type_bits(expr->type) == 8 && tn_type_is_integer(expr->type);
  if (byte && tn_match_varies(c->m, expr)) TN_PUSH(c->m->arena, out, expr);
  if (expr->kind != TN_EXPR_OP) return;
  for (int i = 0; i < expr->op.n_operands; i++) find_bytes(c, expr->op.operands[i], out);
}

/* How often the expression reads what changes. */
static int count_operands(const tn_matcher *m, const tn_expr *expr) {
  int count = 0;
  expr = tn_match_resolve(m, expr);
  if (expr->kind != TN_EXPR_OP && expr->kind != TN_EXPR_FMA) return tn_match_varies(m, expr);
  for (int i = 0; i < expr->op.n_operands; i++) count += count_operands(m, expr->op.operands[i]);
  return count;
}

static bool try_chain(chain *c, tn_matcher *m, const tn_expr *expr) {
  *c = (chain){.m = m, .work = {.second_scale = 1}, .low = -HUGE_VAL, .high = HUGE_VAL};
  m->why = NULL;
  if (count_operands(m, expr) > 2) return fail(c, "more than two operands");
  if (!read_chain(c, expr)) return false;
  if (is_rounded(c)) return fail(c, "rounding that no conversion to integers follows");
  return settle_numbers(c);
}

/* The first byte inside that the pipeline can make and all else is a function of. */
static bool read_with_table(chain *c, tn_matcher *m, const tn_expr *stored) {
  expr_list bytes = {0};
  const char *why = m->why;
  if (tn_type_bits(stored->type) != 8) return false;
  find_bytes(c, stored, &bytes);
  for (int i = 0; i < bytes.count; i++) {
    const tn_expr *of = bytes.at[i];
    if (of == resolve(c, stored) || !try_chain(c, m, of)) continue;
    c->work.table = tn_match_table(m, stored, of);
    if (c->work.table) return true;
  }
  m->why = why;
  return false;
}

/* ---- the pass ---- */

/* Of vector operations: channels are columns; without any, the innermost dim is. */
static void name_columns(tn_systolic_work *work) {
  bool any = false;
  int last = -1;
  for (int d = 0; d < work->n_dims; d++) {
    if (work->roles[d] == TN_ROLE_SUM) continue;
    last = d;
    if (work->channel[d]) work->roles[d] = TN_ROLE_COLUMN, any = true;
  }
  if (!any && last >= 0) work->roles[last] = TN_ROLE_COLUMN;
}

/* With all lets written out; no more than just above the most that is looked at: lets that use each other twice
 * double it each time. The pipeline has a dozen steps, each written in a few operations.                      */
enum { MOST_OPERATIONS = 2000 };

static int count_operations(const tn_matcher *m, int *of_lets, const tn_expr *expr) {
  int count = 1;
  if (expr->kind == TN_EXPR_VALUE && m->lets[expr->value]) {
    int *known = &of_lets[expr->value];
    if (!*known) *known = count_operations(m, of_lets, m->lets[expr->value]);
    return *known;
  }
  if (expr->kind != TN_EXPR_OP && expr->kind != TN_EXPR_FMA) return 1;
  for (int i = 0; i < expr->op.n_operands && count <= MOST_OPERATIONS; i++)
    count += count_operations(m, of_lets, expr->op.operands[i]);
  return count;
}

static bool types_fit(tn_matcher *m) {
  const tn_vector_work *w = &m->work->work;
  if (!tn_isa_is_vector_type(w->source))
    return tn_match_fail(m, "%s in the vector unit", tn_type_name(w->source));
  if (!tn_isa_is_vector_type(w->result)) return tn_match_fail(m, "results of %s", tn_type_name(w->result));
  bool second = w->operand == TN_ISA_OPERAND_NONE || tn_isa_is_vector_type(w->second.type);
  return second || tn_match_fail(m, "a second operand of %s", tn_type_name(w->second.type));
}

bool tn_match_epilogue(tn_matcher *m, const tn_expr *stored) {
  tn_systolic_work *work = m->work;
  chain c;
  tn_isa_join join = work->work.join;
  if (count_operations(m, TN_NEW_ARRAY(m->arena, int, m->kernel->n_values), stored) > MOST_OPERATIONS)
    return tn_match_fail(m, "an expression of more than %d operations", MOST_OPERATIONS);
  stored = tn_match_resolve(m, stored);
  if (!try_chain(&c, m, stored) && !read_with_table(&c, m, stored)) return false;
  m->why = NULL;
  if (!m->reduce) work->x = c.x;
  work->work = c.work;
  work->work.join = join;
  work->work.source = work->is_contraction ? work->sum : work->x.type;
  work->work.result = c.work.table ? c.type : work->y.type; /* a table's argument saturates as its own type */
  if (!work->is_contraction && !m->reduce) work->sum = tn_systolic_sum_type(work->x.type);
  if (!work->is_contraction) name_columns(work);
  return types_fit(m);
}
