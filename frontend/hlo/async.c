/* Asynchronous operations in XLA's short spelling.
 *
 *     s = ((f32[8]), f32[4], u32[]) slice-start(x), slice={[0:4]}
 *     u = ((f32[8]), f32[4], u32[]) slice-update(s)
 *     d = f32[4] slice-done(u)
 *
 * stands for async-start, -update and -done; the start calls a computation that is
 * made here and holds the one wrapped operation with the start's attributes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

bool tn_hlo_async_opcode(tn_str word, tn_op *op, tn_op *wrapped) {
  static const struct {
    const char *suffix;
    tn_op op;
  } forms[] = {{"-start", TN_OP_ASYNC_START}, {"-update", TN_OP_ASYNC_UPDATE}, {"-done", TN_OP_ASYNC_DONE}};
  for (int i = 0; i < 3; i++) {
    size_t length = strlen(forms[i].suffix);
    if (word.length <= length || memcmp(word.at + word.length - length, forms[i].suffix, length)) continue;
    *op = forms[i].op;
    tn_str stem = {word.at, word.length - length};
    return tn_op_from_name(stem, wrapped) && *wrapped != TN_OP_PARAMETER && *wrapped != TN_OP_CONSTANT &&
           tn_ops[*wrapped].attributes != TN_ATTR_ASYNC;
  }
  return false;
}

/* One parameter of `comp` for each operand; false if a shape is not known yet. */
static bool parameters(tn_hlo_parser *p, const tn_pending *inst, tn_comp *comp) {
  for (int i = 0; i < inst->n_operands; i++) {
    tn_inst *operand = p->insts.at[inst->first_operand + i];
    if (!operand->shape)
      return tn_hlo_error_at(p, inst->location, "%s-start: operand '%s' has no shape in the text",
                             tn_ops[inst->wrapped].name, operand->name);
    tn_str name = {operand->name, strlen(operand->name)};
    tn_inst *parameter = tn_hlo_make(p, comp, TN_OP_PARAMETER, name, operand->shape, inst->location);
    parameter->attr.parameter.number = i;
    tn_inst_enter_parameter(parameter);
  }
  return true;
}

tn_inst *tn_hlo_wrap(tn_hlo_parser *p, const tn_pending *inst) {
  const tn_shape *shape = inst->shape;
  const char *name = tn_ops[inst->wrapped].name;
  if (!tn_shape_is_tuple(shape) || shape->rank < 2) {
    tn_hlo_error_at(p, inst->location,
                    "%s-start: the shape must be a tuple of operands, result and state, not %s", name,
                    tn_shape_text(p->scratch, shape));
    return NULL;
  }
  tn_comp *comp = tn_comp_create(p->module, "async_wrapped");
  comp->location = inst->location;
  comp->execution_thread = inst->thread;
  if (!parameters(p, inst, comp)) return NULL;
  tn_str wrapped_name = {name, strlen(name)};
  tn_inst *wrapped = tn_hlo_make(p, comp, inst->wrapped, wrapped_name, shape->elements[1], inst->location);
  if (inst->n_operands) tn_inst_set_operands(wrapped, inst->n_operands, comp->parameters.at);
  wrapped->attr = inst->attr;
  comp->root = wrapped;
  return wrapped;
}
