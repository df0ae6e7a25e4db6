/* Chains that one pass through an array's vector unit computes.
 *
 *   convolution  s32                       source
 *   convert      f32                       float
 *   multiply     by broadcast(scale)       scale
 *   add          broadcast(bias)           bias
 *   add          multiply(convert(r), t)   operand, r from another layer
 *   maximum      0                         clamp
 *   round-nearest-even                     round
 *   clamp        -128 … 127                (commutes with it, or is the saturation)
 *   convert      s8                        result
 *   convert multiply tanh … convert s8     table
 *
 * Each step stands behind the one before it in the pipeline's order, or the chain ends there: what the
 * chain holds, code generation can do (codegen/systolic/contraction_epilogue.c matches the same
 * order, on kernels). An instruction with several users ends the chain: it is stored.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/array_chain.h"

#include "passes/values.h"

#include <math.h>
#include <stdlib.h>

bool tn_chain_has(const tn_chain *chain, const tn_inst *inst) {
  for (int i = 0; i < chain->count; i++)
    if (chain->members[i] == inst) return true;
  return false;
}

void tn_chain_add(tn_chain *chain, tn_inst *inst) {
  if (tn_chain_has(chain, inst)) return;
  if (chain->count == TN_LARGEST_CHAIN)
    chain->is_full = true;
  else
    chain->members[chain->count++] = inst;
}

/* A constant of one element, perhaps repeated. */
static bool is_single(const tn_inst **inst) {
  while ((*inst)->op == TN_OP_BROADCAST || (*inst)->op == TN_OP_RESHAPE) *inst = (*inst)->operands[0];
  return (*inst)->op == TN_OP_CONSTANT && tn_shape_elements((*inst)->shape) == 1;
}

/* One float everywhere, and which. */
static bool is_number(const tn_inst *inst, double *value) {
  if (!is_single(&inst)) return false;
  if (!tn_type_is_float(inst->shape->type)) return false;
  *value = tn_load_float(inst->shape->type, inst->attr.constant.literal->data);
  return true;
}

/* A constant's way to the chain is computed there, the array of numbers is an operand. */
static void add_constant(tn_chain *chain, tn_inst *inst) {
  for (; inst->op == TN_OP_BROADCAST || inst->op == TN_OP_RESHAPE; inst = inst->operands[0])
    tn_chain_add(chain, inst);
}

/* ---- numbers by channel ---- */

/* Along which dim the constant changes; NO_DIM: along none. */
enum { NO_DIM = -1, SEVERAL = -2 };

static int64_t stride_of(const tn_shape *shape, int dim) {
  int64_t stride = 1;
  for (int d = dim + 1; d < shape->rank; d++) stride *= shape->dims[d];
  return stride;
}

/* The dim of `to` that is dim `dim` of `from`, which has as many elements. */
static int renamed_dim(const tn_shape *from, int dim, const tn_shape *to) {
  for (int d = 0; d < to->rank; d++)
    if (to->dims[d] == from->dims[dim] && stride_of(to, d) == stride_of(from, dim)) return d;
  return SEVERAL;
}

static int varying_dim(const tn_inst *inst) {
  int found = NO_DIM;
  if (inst->op == TN_OP_BROADCAST || inst->op == TN_OP_RESHAPE) {
    const tn_inst *from = inst->operands[0];
    int dim = varying_dim(from);
    if (dim < 0) return dim;
    return inst->op == TN_OP_RESHAPE ? renamed_dim(from->shape, dim, inst->shape)
                                     : (int)inst->attr.dimensions.dims.at[dim];
  }
  for (int d = 0; d < inst->shape->rank; d++)
    if (inst->shape->dims[d] > 1) found = found == NO_DIM ? d : SEVERAL;
  return found;
}

/* One number, or a number for each channel: the same channels for all constants of a chain. Other
 * names of the chain's values do not change what is a channel.                                */
static bool fits_channels(tn_chain *chain, const tn_inst *constant) {
  if (!tn_is_constant_like(constant)) return false;
  int dim = varying_dim(constant);
  if (dim < 0) return dim == NO_DIM;
  int64_t size = constant->shape->dims[dim], stride = stride_of(constant->shape, dim);
  if (chain->channels && (chain->channels != size || chain->channel_stride != stride)) return false;
  chain->channels = size;
  chain->channel_stride = stride;
  return true;
}

/* ---- steps ---- */

static bool is_f32(const tn_chain *chain) { return chain->end->shape->type == TN_F32; }

/* By the vector unit, which makes f32 of it. */
static bool is_read_as_it_is(tn_type type) {
  return tn_type_bits(type) >= 8 && tn_type_bits(type) <= 16 &&
         (tn_type_is_integer(type) || type == TN_BF16 || type == TN_F16);
}

/* (convert(load) - zero) * t, or a part of it. */
static bool add_second(tn_chain *chain, tn_inst *inst) {
  double scale, zero;
  tn_inst *from = inst, *made[4];
  int count = 0;
  if (!is_f32(chain) || chain->at.stage >= TN_STAGE_OPERAND) return false;
  if (from->op == TN_OP_MULTIPLY) {
    int side = is_number(from->operands[0], &scale) ? 0 : 1;
    if (is_number(from->operands[side], &scale)) {
      made[count++] = from;
      add_constant(chain, from->operands[side]);
      from = from->operands[1 - side];
    }
  }
  int k = from->op == TN_OP_ADD || from->op == TN_OP_SUBTRACT ? 1 : -1;
  if (k > 0 && is_number(from->operands[k], &zero) && from->operands[0]->op == TN_OP_CONVERT) {
    made[count++] = from;
    add_constant(chain, from->operands[k]);
    from = from->operands[0];
  }
  if (from->op == TN_OP_CONVERT && is_read_as_it_is(from->operands[0]->shape->type)) made[count++] = from;
  for (int i = 0; i < count; i++) tn_chain_add(chain, made[i]);
  return tn_isa_advance(&chain->at, TN_STAGE_OPERAND);
}

static bool add_number(tn_chain *chain, tn_inst *constant, tn_isa_stage stage) {
  if (!is_f32(chain) || !fits_channels(chain, constant) || !tn_isa_advance(&chain->at, stage)) return false;
  add_constant(chain, constant);
  return true;
}

/* Behind the rounding, whole. */
static bool add_zero(tn_chain *chain, tn_inst *constant, bool negated) {
  double value;
  bool fits = is_f32(chain) && is_number(constant, &value) && value == nearbyint(value) &&
              fabs(value) <= TN_ISA_LARGEST_ZERO;
  if (!fits || !tn_isa_advance(&chain->at, TN_STAGE_ZERO)) return false;
  chain->zero = negated ? -value : value;
  add_constant(chain, constant);
  return true;
}

static bool is_rounded(const tn_chain *chain) {
  return chain->at.stage == TN_STAGE_ROUND || chain->at.stage == TN_STAGE_ZERO;
}

static bool add_integers(tn_chain *chain, tn_inst *constant) {
  bool fits = chain->end->shape->type == TN_S32 && fits_channels(chain, constant);
  if (!fits || !tn_isa_advance(&chain->at, TN_STAGE_INTEGER_BIAS)) return false;
  add_constant(chain, constant);
  return true;
}

/* Whole numbers may stand behind the rounding. Behind a function, too, they must turn out to be what the
 * result saturates to.                                                                             */
static bool limit(tn_chain *chain, tn_inst *constant, bool is_upper) {
  double value;
  if (!is_f32(chain) || !is_number(constant, &value) || isnan(value)) return false;
  bool whole = value == nearbyint(value) || isinf(value);
  if (!(is_rounded(chain) && whole) && !tn_isa_advance(&chain->at, TN_STAGE_CLAMP)) return false;
  if (!chain->has_limits) chain->low = -HUGE_VAL, chain->high = HUGE_VAL;
  chain->has_limits = true;
  if (is_upper)
    chain->high = fmin(chain->high, value - chain->zero);
  else
    chain->low = fmax(chain->low, value - chain->zero);
  add_constant(chain, constant);
  return chain->low <= chain->high;
}

/* Only by powers of two, which are products as well. */
static bool divide(tn_chain *chain, tn_inst *constant) {
  double value;
  int exponent;
  return is_number(constant, &value) && fabs(frexp(value, &exponent)) == 0.5 && abs(exponent) <= 120 &&
         add_number(chain, constant, TN_STAGE_SCALE);
}

static bool binary(tn_chain *chain, tn_inst *inst, int spine) {
  tn_inst *other = inst->operands[1 - spine];
  bool constant = tn_is_constant_like(other);
  if (other == inst->operands[spine]) return false;
  if (inst->op == TN_OP_ADD && chain->end->shape->type == TN_S32) return add_integers(chain, other);
  if (inst->op == TN_OP_ADD || (inst->op == TN_OP_SUBTRACT && spine == 0)) {
    if (constant && is_rounded(chain)) return add_zero(chain, other, inst->op == TN_OP_SUBTRACT);
    return constant ? add_number(chain, other, TN_STAGE_BIAS) : add_second(chain, other);
  }
  if (inst->op == TN_OP_MULTIPLY)
    return constant ? add_number(chain, other, TN_STAGE_SCALE) : add_second(chain, other);
  if (inst->op == TN_OP_DIVIDE && spine == 0) return divide(chain, other);
  if (inst->op == TN_OP_MAXIMUM || inst->op == TN_OP_MINIMUM)
    return constant ? limit(chain, other, inst->op == TN_OP_MINIMUM) : add_second(chain, other);
  return false;
}

/* What is rounded, as integers. */
static bool convert_rounded(tn_chain *chain, tn_type to) {
  bool behind = chain->has_function && chain->has_limits;
  if (chain->zero && tn_type_bits(to) > 16) return false;
  return is_rounded(chain) &&
         (!behind || tn_isa_saturates(to, chain->low + chain->zero, chain->high + chain->zero)) &&
         tn_isa_advance(&chain->at, TN_STAGE_RESULT);
}

static bool convert(tn_chain *chain, const tn_inst *inst) {
  tn_type from = chain->end->shape->type, to = inst->shape->type;
  if (to == TN_F32)
    return chain->at.stage < TN_STAGE_FLOAT && tn_type_bits(from) <= 32 &&
           tn_isa_advance(&chain->at, TN_STAGE_FLOAT);
  bool low_bits = tn_type_is_integer(from) && tn_type_is_integer(to) && tn_type_bits(to) >= 8 &&
                  tn_type_bits(to) < tn_type_bits(from);
  if (low_bits)
    return chain->at.stage <= TN_STAGE_INTEGER_BIAS && tn_isa_advance(&chain->at, TN_STAGE_RESULT);
  if (from != TN_F32 || tn_type_bits(to) > 32 || tn_type_bits(to) < 8) return false;
  if (tn_type_is_integer(to)) return convert_rounded(chain, to);
  return tn_type_is_float(to) && !is_rounded(chain) && tn_isa_advance(&chain->at, TN_STAGE_RESULT);
}

static bool function(const tn_systolic_target *array, tn_chain *chain, tn_isa_function which) {
  if (!is_f32(chain) || !(array->vector_functions >> which & 1) ||
      !tn_isa_advance(&chain->at, TN_STAGE_FUNCTION))
    return false;
  chain->has_function = true;
  chain->has_limits = false;
  return true;
}

/* Limits commute with the rounding to a shorter float. */
static bool limit_result(tn_chain *chain, const tn_inst *inst, int spine) {
  double value;
  tn_type type = inst->shape->type;
  bool fits = (type == TN_BF16 || type == TN_F16) && !chain->has_function &&
              (inst->op == TN_OP_MAXIMUM || inst->op == TN_OP_MINIMUM) &&
              is_number(inst->operands[1 - spine], &value);
  if (fits) add_constant(chain, inst->operands[1 - spine]);
  return fits;
}

static bool take(const tn_systolic_target *array, tn_chain *chain, tn_inst *inst) {
  int spine = inst->n_operands > 1 && inst->operands[1] == chain->end;
  if (!tn_op_is(inst->op, TN_OP_ELEMENTWISE) || !tn_rewrite_is_free_to_move(inst)) return false;
  if (chain->at.stage == TN_STAGE_RESULT) return limit_result(chain, inst, spine);
  if (inst->op == TN_OP_CONVERT) return convert(chain, inst);
  if (inst->op == TN_OP_ROUND_NEAREST_EVEN)
    return is_f32(chain) && tn_isa_advance(&chain->at, TN_STAGE_ROUND);
  if (inst->op == TN_OP_ABS) return function(array, chain, TN_ISA_FUNCTION_ABS);
  if (inst->op == TN_OP_NEGATE) return function(array, chain, TN_ISA_FUNCTION_NEGATE);
  if (inst->op == TN_OP_CLAMP)
    return spine == 1 && limit(chain, inst->operands[0], false) && limit(chain, inst->operands[2], true);
  if (inst->n_operands == 2) return binary(chain, inst, spine);
  return false;
}

/* ---- tables ---- */

bool tn_chain_is_recoded(const tn_inst *inst) {
  const tn_inst *user = inst->users.count == 1 && inst != inst->parent->root ? inst->users.at[0] : NULL;
  if (!user || !tn_is_byte(inst) || !tn_is_byte(user) || !tn_op_is(user->op, TN_OP_ELEMENTWISE)) return false;
  return user->n_operands == 1 ||
         (user->n_operands == 2 && tn_is_constant_like(user->operands[user->operands[0] == inst]));
}

/* Elementwise, of what the set has and of single numbers. */
static bool is_function_of(const tn_chain *set, const tn_inst *inst) {
  if (!tn_op_is(inst->op, TN_OP_ELEMENTWISE) || !tn_rewrite_is_free_to_move(inst)) return false;
  for (int i = 0; i < inst->n_operands; i++)
    if (!tn_chain_has(set, inst->operands[i]) && !is_single(&(const tn_inst *){inst->operands[i]}))
      return false;
  return inst->op != TN_OP_STOCHASTIC_CONVERT;
}

static bool leaves(const tn_chain *set, const tn_inst *inst) {
  for (int i = 0; i < inst->users.count; i++)
    if (!tn_chain_has(set, inst->users.at[i])) return true;
  return inst == inst->parent->root || !inst->users.count;
}

/* Everything behind the byte `from` up to another byte, which alone leaves it. */
static bool find_function(tn_inst *from, tn_chain *set) {
  *set = (tn_chain){.members = {from}, .count = 1, .end = from};
  for (int i = 0; i < set->count && !set->is_full; i++)
    for (int k = 0; k < set->members[i]->users.count; k++) {
      tn_inst *user = set->members[i]->users.at[k];
      if (set->members[i] != from && tn_is_byte(set->members[i]) && !tn_chain_is_recoded(set->members[i]))
        continue;
      if (is_function_of(set, user)) tn_chain_add(set, user);
    }
  set->end = NULL;
  for (int i = 0; i < set->count; i++) {
    if (!leaves(set, set->members[i])) continue;
    if (set->end || set->members[i] == from) return false;
    set->end = set->members[i];
  }
  return set->end && tn_is_byte(set->end) && !set->is_full;
}

static bool add_function(tn_chain *chain) {
  tn_chain set, whole = *chain;
  if (!tn_is_byte(chain->end) || chain->end == chain->end->parent->root || !find_function(chain->end, &set))
    return false;
  for (int i = 0; i < set.count; i++) {
    tn_inst *inst = set.members[i];
    for (int k = 0; inst != chain->end && k < inst->n_operands; k++)
      if (!tn_chain_has(&set, inst->operands[k])) add_constant(&whole, inst->operands[k]);
    tn_chain_add(&whole, inst);
  }
  if (whole.is_full) return false;
  whole.end = set.end;
  *chain = whole;
  return true;
}

/* ---- the chain ---- */

static tn_inst *only_user(const tn_inst *inst) {
  bool stored = inst == inst->parent->root || inst->users.count != 1;
  return stored ? NULL : inst->users.at[0];
}

/* Takes the user of the chain's end, or leaves the chain as it is. */
static bool take_next(const tn_systolic_target *array, tn_chain *chain, tn_inst *user) {
  tn_chain next = *chain;
  bool renames = user->op == TN_OP_RESHAPE;
  bool fits = renames || (tn_shape_same_dims(user->shape, chain->end->shape) && take(array, &next, user));
  if (fits) tn_chain_add(&next, user);
  if (!fits || next.is_full) return false;
  next.end = user;
  *chain = next;
  return true;
}

/* A rounding alone is nothing that the unit does, and another name is none of its business. */
void tn_chain_grow(const tn_systolic_target *array, tn_chain *chain) {
  if (add_function(chain)) return; /* of a window of bytes */
  tn_chain whole = *chain;
  for (tn_inst *user; (user = only_user(whole.end));) {
    if (!take_next(array, &whole, user)) break;
    if (!is_rounded(&whole) && user->op != TN_OP_RESHAPE) *chain = whole;
  }
  add_function(chain);
}
