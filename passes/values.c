/* What a pass can know of a value without computing it; see values.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/values.h"

#include <math.h>
#include <string.h>

enum { MOST_COMPARED = 4096 }; /* elements looked at to see whether a constant is one value */

const void *tn_one_value(const tn_inst *inst) {
  while (inst->op == TN_OP_BROADCAST || inst->op == TN_OP_RESHAPE) inst = inst->operands[0];
  if (inst->op != TN_OP_CONSTANT || !tn_shape_is_array(inst->shape)) return NULL;
  const char *data = inst->attr.constant.literal->data;
  int64_t count = tn_shape_elements(inst->shape);
  size_t bytes = tn_type_bytes(inst->shape->type);
  if (count < 1 || count > MOST_COMPARED) return NULL;
  return memcmp(data, data + bytes, (size_t)(count - 1) * bytes) ? NULL : data;
}

bool tn_is_all(const tn_inst *inst, double value) {
  const void *element = tn_one_value(inst);
  tn_type type = inst->shape->type;
  if (!element || tn_type_is_complex(type)) return false;
  if (!tn_type_is_float(type)) return (double)tn_load_integer(type, element) == value;
  double found = tn_load_float(type, element);
  return found == value && !signbit(found) == !signbit(value);
}

bool tn_same_value(const tn_inst *a, const tn_inst *b) {
  const void *x = tn_one_value(a), *y = tn_one_value(b);
  if (!x || !y || a->shape->type != b->shape->type) return false;
  return memcmp(x, y, tn_type_bytes(a->shape->type)) == 0;
}

bool tn_is_constant_like(const tn_inst *inst) {
  while (inst->op == TN_OP_BROADCAST || inst->op == TN_OP_RESHAPE) inst = inst->operands[0];
  return inst->op == TN_OP_CONSTANT;
}

bool tn_is_byte(const tn_inst *inst) { return inst->shape->type == TN_S8 || inst->shape->type == TN_U8; }

bool tn_is_reduction(const tn_inst *inst, tn_op *op) {
  return (inst->op == TN_OP_REDUCE || inst->op == TN_OP_REDUCE_WINDOW) && inst->n_operands == 2 &&
         tn_comp_is_binary(inst->called[0], op);
}

bool tn_type_is_ieee(tn_type type) {
  return type == TN_F16 || type == TN_BF16 || type == TN_F32 || type == TN_F64;
}

bool tn_joins_in_any_order(tn_op op, tn_type type) {
  bool wraps = tn_type_is_integer(type) && (op == TN_OP_ADD || op == TN_OP_MULTIPLY || op == TN_OP_XOR);
  return wraps || op == TN_OP_MAXIMUM || op == TN_OP_MINIMUM || op == TN_OP_AND || op == TN_OP_OR;
}

tn_inst *tn_operand_of(const tn_inst *inst, int number, tn_op op) {
  tn_inst *operand = inst->operands[number];
  return operand->op == op ? operand : NULL;
}
