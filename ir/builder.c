/* The builder: instructions whose shape follows from their operands.
 *
 * Where a rule of shape inference says the shape, the instruction is made first and
 * asked for it; where the caller gives it, it is taken. Shapes built here carry the
 * dims, dynamic ones too, and no layout: layouts are the layout pass's business.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <assert.h>
#include <stdio.h>

#include "ir/module_private.h"
#include "ir/verify.h"

static tn_arena *arena_of(const tn_comp *comp) { return comp->module->arena; }

/* Gives a new instruction, attributes set, the shape that its rule says. */
static tn_inst *infer(tn_inst *inst) {
  tn_diagnostics sink = {0};
  inst->shape = tn_infer_shape(inst, &sink);
  assert(inst->shape && "operands of a built instruction do not fit its opcode");
  return inst;
}

/* The operand's dims with another element type. */
static const tn_shape *shape_like(const tn_comp *comp, const tn_inst *operand, tn_type type) {
  const tn_shape *plain = tn_shape_without_layout(arena_of(comp), operand->shape);
  return plain->type == type ? plain : tn_shape_with_type(arena_of(comp), plain, type);
}

static tn_dims copy_dims(const tn_comp *comp, tn_dims dims) {
  return (tn_dims){tn_arena_copy(arena_of(comp), dims.at, (size_t)dims.count * sizeof *dims.at), dims.count};
}

tn_inst *tn_build_parameter(tn_comp *comp, int64_t number, const tn_shape *shape, const char *name) {
  tn_inst *inst = tn_inst_create_named(comp, NULL, TN_OP_PARAMETER, shape, comp->module->next_id++, name);
  inst->attr.parameter.number = number;
  tn_inst_enter_parameter(inst);
  return inst;
}

tn_inst *tn_build_constant(tn_comp *comp, tn_inst *before, const tn_literal *literal) {
  tn_inst *inst = tn_inst_create(comp, before, TN_OP_CONSTANT, literal->shape, 0, NULL);
  inst->attr.constant.literal = literal;
  return inst;
}

tn_inst *tn_build_unary(tn_comp *comp, tn_inst *before, tn_op op, tn_inst *operand) {
  assert(tn_ops[op].arity == 1);
  return infer(
      tn_inst_create(comp, before, op, shape_like(comp, operand, operand->shape->type), 1, &operand));
}

tn_inst *tn_build_binary(tn_comp *comp, tn_inst *before, tn_op op, tn_inst *lhs, tn_inst *rhs) {
  assert(tn_ops[op].arity == 2);
  tn_inst *operands[] = {lhs, rhs};
  return infer(tn_inst_create(comp, before, op, shape_like(comp, lhs, lhs->shape->type), 2, operands));
}

tn_inst *tn_build_compare(tn_comp *comp, tn_inst *before, tn_direction direction, tn_inst *lhs,
                          tn_inst *rhs) {
  assert(tn_shape_equal(lhs->shape, rhs->shape));
  tn_inst *operands[] = {lhs, rhs};
  tn_inst *inst = tn_inst_create(comp, before, TN_OP_COMPARE, shape_like(comp, lhs, TN_PRED), 2, operands);
  inst->attr.compare.direction = direction;
  return inst;
}

tn_inst *tn_build_select(tn_comp *comp, tn_inst *before, tn_inst *pred, tn_inst *on_true, tn_inst *on_false) {
  assert(pred->shape->type == TN_PRED && tn_shape_equal(on_true->shape, on_false->shape));
  tn_inst *operands[] = {pred, on_true, on_false};
  const tn_shape *shape = shape_like(comp, on_true, on_true->shape->type);
  return tn_inst_create(comp, before, TN_OP_SELECT, shape, 3, operands);
}

tn_inst *tn_build_convert(tn_comp *comp, tn_inst *before, tn_inst *operand, tn_type type) {
  return tn_inst_create(comp, before, TN_OP_CONVERT, shape_like(comp, operand, type), 1, &operand);
}

tn_inst *tn_build_broadcast(tn_comp *comp, tn_inst *before, tn_inst *operand, const tn_shape *shape,
                            tn_dims dims) {
  assert(dims.count == operand->shape->rank && shape->type == operand->shape->type);
  tn_inst *inst = tn_inst_create(comp, before, TN_OP_BROADCAST, shape, 1, &operand);
  inst->attr.dimensions.dims = copy_dims(comp, dims);
  return inst;
}

tn_inst *tn_build_reshape(tn_comp *comp, tn_inst *before, tn_inst *operand, const tn_shape *shape) {
  assert(tn_shape_elements(shape) == tn_shape_elements(operand->shape));
  return tn_inst_create(comp, before, TN_OP_RESHAPE, shape, 1, &operand);
}

tn_inst *tn_build_reduce(tn_comp *comp, tn_inst *before, tn_inst *operand, tn_inst *init, tn_dims dims,
                         tn_comp *to_apply) {
  tn_inst *operands[] = {operand, init};
  tn_inst *inst = tn_inst_create(comp, before, TN_OP_REDUCE, operand->shape, 2, operands);
  inst->attr.reduce.dims = copy_dims(comp, dims);
  tn_inst_set_called(inst, 1, &to_apply);
  return infer(inst);
}

tn_inst *tn_build_tuple(tn_comp *comp, tn_inst *before, int count, tn_inst *const *operands) {
  const tn_shape **elements = TN_NEW_ARRAY(arena_of(comp), const tn_shape *, count);
  for (int i = 0; i < count; i++) elements[i] = operands[i]->shape;
  const tn_shape *shape = tn_shape_tuple(arena_of(comp), count, elements);
  return tn_inst_create(comp, before, TN_OP_TUPLE, shape, count, operands);
}

tn_inst *tn_build_element(tn_comp *comp, tn_inst *before, tn_inst *tuple, int64_t index) {
  assert(tn_shape_is_tuple(tuple->shape) && index >= 0 && index < tuple->shape->rank);
  const tn_shape *shape = tuple->shape->elements[index];
  tn_inst *inst = tn_inst_create(comp, before, TN_OP_GET_TUPLE_ELEMENT, shape, 1, &tuple);
  inst->attr.index.index = index;
  return inst;
}

tn_comp *tn_build_binary_comp(tn_module *module, tn_op op, tn_type type) {
  char name[64];
  snprintf(name, sizeof name, "tenon.%s.%s", tn_ops[op].name, tn_type_name(type));
  tn_comp *comp = tn_comp_find(module, (tn_str){name, strlen(name)});
  tn_op found;
  if (comp && tn_comp_is_binary(comp, &found) && found == op && comp->root->shape->type == type) return comp;
  comp = tn_comp_create(module, name);
  const tn_shape *scalar = tn_shape_scalar(module->arena, type);
  tn_inst *lhs = tn_build_parameter(comp, 0, scalar, "lhs");
  tn_inst *rhs = tn_build_parameter(comp, 1, scalar, "rhs");
  comp->root = tn_build_binary(comp, NULL, op, lhs, rhs);
  return comp;
}
