/* Predicates, bits, comparisons and choices that are known or can be said shorter.
 *
 *   n = pred[8] not(compare(i, j), direction=LT)      =>  compare(i, j), direction=GE    integers
 *   s = f32[8] select(not(p), a, b)                   =>  select(p, b, a)
 *   s = f32[8] select(p, select(p, a, b), c)          =>  select(p, a, c)
 *   c = f32[8] clamp(0, clamp(0, x, 6), 6)            =>  clamp(0, x, 6)
 *
 * Of floats, not(x = y) is x ≠ y, NaN or not; not(x < y) is no comparison. Keeps: every
 * value. Each rule leaves fewer instructions to run, or turns a choice away from a `not`.
 * Cost: O(instructions).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"
#include "passes/values.h"

static tn_inst *keep(tn_pass_context *context, tn_inst *inst, tn_inst *kept) {
  return tn_rewrite_stands_for(kept, inst) && tn_pass_spend(context) ? kept : NULL;
}

static tn_inst *all(tn_pass_context *context, tn_inst *inst, int64_t value) {
  if (!tn_shape_is_plain(inst->shape) || !tn_pass_spend(context)) return NULL;
  tn_site site = tn_site_of(inst);
  return tn_make_spread(site, tn_make_integer(site, inst->shape->type, value), inst->shape);
}

/* ---- not, and, or, xor ---- */

static tn_inst *not_of_not(tn_pass_context *context, tn_inst *inst) {
  tn_inst *inner = tn_operand_of(inst, 0, TN_OP_NOT);
  return inner ? keep(context, inst, inner->operands[0]) : NULL;
}

static tn_direction opposite(tn_direction direction) {
  switch (direction) {
  case TN_EQ: return TN_NE;
  case TN_NE: return TN_EQ;
  case TN_LT: return TN_GE;
  case TN_GE: return TN_LT;
  case TN_GT: return TN_LE;
  case TN_LE: return TN_GT;
  }
  return direction;
}

static tn_inst *not_of_compare(tn_pass_context *context, tn_inst *inst) {
  tn_inst *compare = tn_operand_of(inst, 0, TN_OP_COMPARE);
  if (!compare || !tn_shape_is_plain(inst->shape)) return NULL;
  tn_direction direction = compare->attr.compare.direction;
  tn_type type = compare->operands[0]->shape->type;
  bool ordered = tn_type_is_integer(type) || type == TN_PRED;
  if (!ordered && direction != TN_EQ && direction != TN_NE) return NULL;
  if (!tn_pass_spend(context)) return NULL;
  tn_inst *by = tn_inst_create(inst->parent, inst, TN_OP_COMPARE, inst->shape, 2, compare->operands);
  by->attr.compare = compare->attr.compare;
  by->attr.compare.direction = opposite(direction);
  return by;
}

/* The operand beside one whose bits are all set (ones), or all clear. */
static tn_inst *beside(const tn_inst *inst, bool ones) {
  tn_type_class class = tn_type_class_of(inst->shape->type);
  if (ones && class != TN_CLASS_PREDICATE && class != TN_CLASS_SIGNED) return NULL;
  double value = !ones ? 0 : class == TN_CLASS_PREDICATE ? 1 : -1;
  for (int side = 0; side < 2; side++)
    if (tn_is_all(inst->operands[side], value)) return inst->operands[1 - side];
  return NULL;
}

static tn_inst *and_of(tn_pass_context *context, tn_inst *inst) {
  tn_inst *kept = inst->operands[0] == inst->operands[1] ? inst->operands[0] : beside(inst, true);
  if (kept) return keep(context, inst, kept);
  return beside(inst, false) ? all(context, inst, 0) : NULL;
}

static tn_inst *or_of(tn_pass_context *context, tn_inst *inst) {
  tn_inst *kept = inst->operands[0] == inst->operands[1] ? inst->operands[0] : beside(inst, false);
  if (kept) return keep(context, inst, kept);
  if (!beside(inst, true)) return NULL;
  return all(context, inst, tn_type_class_of(inst->shape->type) == TN_CLASS_PREDICATE ? 1 : -1);
}

static tn_inst *xor_of(tn_pass_context *context, tn_inst *inst) {
  tn_inst *kept = beside(inst, false);
  if (kept) return keep(context, inst, kept);
  return inst->operands[0] == inst->operands[1] ? all(context, inst, 0) : NULL;
}

/* ---- compare ---- */

/* x ? x, and what no unsigned number is. */
static tn_inst *compare_that_is_known(tn_pass_context *context, tn_inst *inst) {
  tn_direction direction = inst->attr.compare.direction;
  tn_type type = inst->operands[0]->shape->type;
  if (!tn_type_is_integer(type) && type != TN_PRED) return NULL;
  if (inst->operands[0] == inst->operands[1])
    return all(context, inst, direction == TN_EQ || direction == TN_LE || direction == TN_GE);
  if (tn_type_class_of(type) == TN_CLASS_SIGNED || !tn_is_all(inst->operands[1], 0)) return NULL;
  return direction == TN_LT ? all(context, inst, 0) : direction == TN_GE ? all(context, inst, 1) : NULL;
}

/* p = true, p ≠ false */
static tn_inst *compare_of_predicate(tn_pass_context *context, tn_inst *inst) {
  tn_direction direction = inst->attr.compare.direction;
  if (inst->operands[0]->shape->type != TN_PRED || (direction != TN_EQ && direction != TN_NE)) return NULL;
  for (int side = 0; side < 2; side++)
    if (tn_is_all(inst->operands[side], direction == TN_EQ))
      return keep(context, inst, inst->operands[1 - side]);
  return NULL;
}

/* ---- select, clamp ---- */

static tn_inst *select_of_same(tn_pass_context *context, tn_inst *inst) {
  if (inst->operands[1] == inst->operands[2]) return keep(context, inst, inst->operands[1]);
  if (tn_is_all(inst->operands[0], 1)) return keep(context, inst, inst->operands[1]);
  return tn_is_all(inst->operands[0], 0) ? keep(context, inst, inst->operands[2]) : NULL;
}

static tn_inst *select_of_not(tn_pass_context *context, tn_inst *inst) {
  tn_inst *negated = tn_operand_of(inst, 0, TN_OP_NOT);
  if (!negated || !tn_pass_spend(context)) return NULL;
  tn_inst *operands[] = {negated->operands[0], inst->operands[2], inst->operands[1]};
  return tn_inst_create(inst->parent, inst, TN_OP_SELECT, inst->shape, 3, operands);
}

/* select(p, true, false) */
static tn_inst *select_of_predicates(tn_pass_context *context, tn_inst *inst) {
  tn_inst *p = inst->operands[0];
  if (inst->shape->type != TN_PRED || !tn_shape_equal(p->shape, inst->shape)) return NULL;
  if (tn_is_all(inst->operands[1], 1) && tn_is_all(inst->operands[2], 0)) return keep(context, inst, p);
  bool inverse = tn_is_all(inst->operands[1], 0) && tn_is_all(inst->operands[2], 1);
  if (!inverse || !tn_pass_spend(context)) return NULL;
  return tn_inst_create(inst->parent, inst, TN_OP_NOT, inst->shape, 1, &p);
}

/* What a choice inside another one by the same predicate gives is known there. */
static tn_inst *select_of_select(tn_pass_context *context, tn_inst *inst) {
  for (int side = 1; side < 3; side++) {
    tn_inst *inner = tn_operand_of(inst, side, TN_OP_SELECT);
    if (!inner || inner->operands[0] != inst->operands[0] || !tn_pass_spend(context)) continue;
    tn_inst_set_operand(inst, side, inner->operands[side]);
    return inst;
  }
  return NULL;
}

static tn_inst *clamp_of_clamp(tn_pass_context *context, tn_inst *inst) {
  tn_inst *inner = tn_operand_of(inst, 1, TN_OP_CLAMP);
  if (!inner) return NULL;
  for (int i = 0; i < 3; i += 2)
    if (inner->operands[i] != inst->operands[i] && !tn_same_value(inner->operands[i], inst->operands[i]))
      return NULL;
  return keep(context, inst, inner);
}

bool tn_pass_simplify_logic(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {
      TN_RULE(NOT, not_of_not),
      TN_RULE(NOT, not_of_compare),
      TN_RULE(AND, and_of),
      TN_RULE(OR, or_of),
      TN_RULE(XOR, xor_of),
      TN_RULE(COMPARE, compare_that_is_known),
      TN_RULE(COMPARE, compare_of_predicate),
      TN_RULE(SELECT, select_of_same),
      TN_RULE(SELECT, select_of_not),
      TN_RULE(SELECT, select_of_predicates),
      TN_RULE(SELECT, select_of_select),
      TN_RULE(CLAMP, clamp_of_clamp),
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
