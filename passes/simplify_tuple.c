/* Elements are taken from where their tuple was made.
 *
 *   t = (f32[4], f32[8]) tuple(a, b)
 *   x = f32[8] get-tuple-element(t), index=1        =>  b
 *
 *   a = f32[4] get-tuple-element(u), index=0
 *   b = f32[8] get-tuple-element(u), index=1
 *   t = (f32[4], f32[8]) tuple(a, b)                =>  u, where u has just these two
 *
 * Why: what goes through tuples is invisible to every other pass. Keeps: values.
 * Cost: O(instructions).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/rewrite.h"

static tn_inst *element_of_tuple(tn_pass_context *context, tn_inst *inst) {
  tn_inst *tuple = inst->operands[0];
  if (tuple->op != TN_OP_TUPLE || !tn_rewrite_is_free_to_move(tuple)) return NULL;
  tn_inst *element = tuple->operands[inst->attr.index.index];
  return tn_rewrite_stands_for(element, inst) && tn_pass_spend(context) ? element : NULL;
}

static tn_inst *tuple_of_elements(tn_pass_context *context, tn_inst *inst) {
  tn_inst *source = NULL;
  for (int i = 0; i < inst->n_operands; i++) {
    tn_inst *element = inst->operands[i];
    if (element->op != TN_OP_GET_TUPLE_ELEMENT || element->attr.index.index != i) return NULL;
    if (source && element->operands[0] != source) return NULL;
    source = element->operands[0];
  }
  if (!source || source->shape->rank != inst->n_operands) return NULL;
  if (!tn_shape_identical(source->shape, inst->shape)) return NULL;
  return tn_pass_spend(context) ? source : NULL;
}

bool tn_pass_simplify_tuple(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {
      TN_RULE(GET_TUPLE_ELEMENT, element_of_tuple),
      TN_RULE(TUPLE, tuple_of_elements),
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
