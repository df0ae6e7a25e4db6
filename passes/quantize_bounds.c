/* Bounds that follow from what a value is computed with, where nothing was measured: in loops.
 *
 *   h = multiply(logistic(o), tanh(c))           -1 … 1, whatever o and c are
 *   s = divide(1, add(1, exponential(x)))        0 … 1
 *
 * State of a while is between what its start and what a turn makes of it; where the latter rests on
 * the state itself there are no bounds. NaN is within all bounds.
 * Cost: at most DEEPEST operations on each way back from the value.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/quantize_scheme.h"
#include "passes/values.h"

#include <math.h>

enum { DEEPEST = 12 };

static bool bounds_of(const tn_inst *inst, int depth, tn_range *range);

static bool set(tn_range *range, double low, double high) {
  *range = (tn_range){low, high};
  return low <= high;
}

static tn_range joined(tn_range a, tn_range b) {
  return (tn_range){fmin(a.low, b.low), fmax(a.high, b.high)};
}

static bool constant_bounds(const tn_inst *inst, tn_range *range) {
  const float *data = inst->attr.constant.literal->data;
  int64_t count = tn_shape_elements(inst->shape);
  if (count < 1) return false;
  *range = (tn_range){data[0], data[0]};
  for (int64_t i = 0; i < count; i++) {
    if (!isfinite(data[i])) return false;
    *range = joined(*range, (tn_range){data[i], data[i]});
  }
  return true;
}

static bool corner_bounds(const double corners[4], tn_range *range) {
  *range = (tn_range){corners[0], corners[0]};
  for (int i = 0; i < 4; i++) {
    if (isnan(corners[i])) return false;
    *range = joined(*range, (tn_range){corners[i], corners[i]});
  }
  return true;
}

static bool product_bounds(tn_range a, tn_range b, tn_range *range) {
  return corner_bounds((double[]){a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high}, range);
}

static bool quotient_bounds(tn_range a, tn_range b, tn_range *range) {
  if (!(b.low > 0)) return false;
  return corner_bounds((double[]){a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high}, range);
}

/* Element `index` of a while's state, seen by its body or behind it. */
static bool state_bounds(const tn_inst *loop, int64_t index, int depth, tn_range *range) {
  const tn_inst *start = loop->operands[0], *turn = loop->called[1]->root;
  tn_range a, b;
  if (start->op != TN_OP_TUPLE || turn->op != TN_OP_TUPLE) return false;
  if (!bounds_of(start->operands[index], depth, &a) || !bounds_of(turn->operands[index], depth, &b))
    return false;
  *range = joined(a, b);
  return true;
}

static bool element_bounds(const tn_inst *inst, int depth, tn_range *range) {
  const tn_inst *tuple = inst->operands[0];
  int64_t index = inst->attr.index.index;
  if (tuple->op == TN_OP_TUPLE) return bounds_of(tuple->operands[index], depth, range);
  if (tuple->op == TN_OP_WHILE) return state_bounds(tuple, index, depth, range);
  const tn_comp *comp = inst->parent;
  if (tuple->op != TN_OP_PARAMETER || comp->callers.count != 1) return false;
  const tn_inst *caller = comp->callers.at[0];
  return caller->op == TN_OP_WHILE && caller->called[1] == comp && state_bounds(caller, index, depth, range);
}

static bool binary_bounds(const tn_inst *inst, int depth, tn_range *range) {
  tn_range a, b;
  if (!bounds_of(inst->operands[0], depth, &a) || !bounds_of(inst->operands[1], depth, &b)) return false;
  if (inst->op == TN_OP_ADD) return set(range, a.low + b.low, a.high + b.high);
  if (inst->op == TN_OP_SUBTRACT) return set(range, a.low - b.high, a.high - b.low);
  if (inst->op == TN_OP_MULTIPLY) return product_bounds(a, b, range);
  if (inst->op == TN_OP_DIVIDE) return quotient_bounds(a, b, range);
  if (inst->op == TN_OP_MAXIMUM) return set(range, fmax(a.low, b.low), fmax(a.high, b.high));
  return set(range, fmin(a.low, b.low), fmin(a.high, b.high));
}

static bool is_binary(tn_op op) {
  return op == TN_OP_ADD || op == TN_OP_SUBTRACT || op == TN_OP_MULTIPLY || op == TN_OP_DIVIDE ||
         op == TN_OP_MAXIMUM || op == TN_OP_MINIMUM;
}

static bool is_movement(tn_op op) {
  return op == TN_OP_RESHAPE || op == TN_OP_BROADCAST || op == TN_OP_TRANSPOSE || op == TN_OP_SLICE ||
         op == TN_OP_COPY || op == TN_OP_REVERSE || op == TN_OP_DYNAMIC_SLICE;
}

static bool bounds_of(const tn_inst *inst, int depth, tn_range *range) {
  if (depth == 0) return false;
  depth--;
  if (inst->op == TN_OP_GET_TUPLE_ELEMENT) return element_bounds(inst, depth, range);
  if (inst->shape->type != TN_F32) return false;
  if (inst->op == TN_OP_CONSTANT) return constant_bounds(inst, range);
  if (inst->op == TN_OP_LOGISTIC) return set(range, 0, 1);
  if (inst->op == TN_OP_EXPONENTIAL) return set(range, 0, INFINITY);
  if (inst->op == TN_OP_TANH || inst->op == TN_OP_ERF || inst->op == TN_OP_SINE || inst->op == TN_OP_COSINE)
    return set(range, -1, 1);
  if (is_movement(inst->op)) return bounds_of(inst->operands[0], depth, range);
  if (is_binary(inst->op)) return binary_bounds(inst, depth, range);
  const void *low = inst->op == TN_OP_CLAMP ? tn_one_value(inst->operands[0]) : NULL,
             *high = low ? tn_one_value(inst->operands[2]) : NULL;
  return high && set(range, tn_load_float(TN_F32, low), tn_load_float(TN_F32, high)) &&
         range->low <= range->high;
}

bool tn_range_bound(const tn_inst *inst, tn_range *range) {
  return bounds_of(inst, DEEPEST, range) && isfinite(range->low) && isfinite(range->high);
}
