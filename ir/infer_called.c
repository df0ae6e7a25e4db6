/* Checks of called computations, of aliases, of windows and of products: what several
 * families of shape rules share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/infer.h"

/* ---- called computations ---- */

tn_comp *tn_need_called(const tn_inference *in, int index) {
  const tn_inst *inst = in->inst;
  if (index >= inst->n_called || !inst->called[index]) {
    tn_wrong(in, 0, "calls %d computation%s where it needs at least %d", inst->n_called,
             inst->n_called == 1 ? "" : "s", index + 1);
    return NULL;
  }
  tn_comp *comp = inst->called[index];
  if (comp->root && comp->root->shape) return comp;
  tn_wrong(in, 0, "computation '%s' has no root", comp->name);
  return NULL;
}

const tn_shape *tn_comp_parameter_shape(const tn_comp *comp, int number) {
  if (number < 0 || number >= comp->parameters.count || !comp->parameters.at[number]) return NULL;
  return comp->parameters.at[number]->shape;
}

bool tn_need_parameters(const tn_inference *in, const tn_comp *comp, int count) {
  if (comp->parameters.count != count) {
    tn_wrong(in, 0, "computation '%s' must have %d parameter%s and has %d", comp->name, count,
             count == 1 ? "" : "s", comp->parameters.count);
    tn_note(in->sink, comp->location, "'%s' is defined here", comp->name);
    return false;
  }
  for (int i = 0; i < count; i++)
    if (!tn_comp_parameter_shape(comp, i))
      return tn_wrong(in, 0, "parameter %d of '%s' is missing", i, comp->name);
  return true;
}

bool tn_need_signature(const tn_inference *in, const tn_comp *comp, int first, int count) {
  if (!tn_need_parameters(in, comp, count)) return false;
  for (int i = 0; i < count; i++) {
    const tn_shape *parameter = tn_comp_parameter_shape(comp, i), *operand = tn_operand_shape(in, first + i);
    if (tn_shape_fits(parameter, operand)) continue;
    tn_wrong(in, 0, "operand %d is %s, and parameter %d of '%s' is %s", first + i, tn_shown(in, operand), i,
             comp->name, tn_shown(in, parameter));
    tn_note(in->sink, comp->parameters.at[i]->location, "'%s' is %s", comp->parameters.at[i]->name,
            tn_shown(in, parameter));
    return false;
  }
  return true;
}

/* Whether elements of type `from` may enter an accumulation of type `to`. */
static bool accumulates(tn_type from, tn_type to) {
  if (from == to) return true;
  tn_type_class a = tn_type_class_of(from), b = tn_type_class_of(to);
  bool wider = tn_type_bits(to) > tn_type_bits(from);
  switch (a) {
  case TN_CLASS_FLOAT:
  case TN_CLASS_COMPLEX: return a == b;
  case TN_CLASS_SIGNED: return b == TN_CLASS_SIGNED && wider;
  case TN_CLASS_UNSIGNED: return (b == TN_CLASS_SIGNED || b == TN_CLASS_UNSIGNED) && wider;
  case TN_CLASS_PREDICATE:
  case TN_CLASS_OTHER: return false;
  }
  return false;
}

static bool scalar_parameters(const tn_inference *in, const tn_comp *comp) {
  for (int i = 0; i < comp->parameters.count; i++) {
    const tn_shape *shape = tn_comp_parameter_shape(comp, i);
    if (!tn_shape_is_scalar(shape))
      return tn_wrong(in, 0, "parameter %d of '%s' must be a scalar and is %s", i, comp->name,
                      tn_shown(in, shape));
  }
  return true;
}

/* The i-th of n results of `comp`: its root, or an element of it. */
static const tn_shape *result_of(const tn_comp *comp, int n, int i) {
  const tn_shape *root = comp->root->shape;
  return n == 1 && !tn_shape_is_tuple(root) ? root : root->elements[i];
}

bool tn_need_reducer(const tn_inference *in, const tn_comp *comp, int n, const tn_type *inputs,
                     const tn_type *inits, tn_type *accumulators) {
  if (!tn_need_parameters(in, comp, 2 * n) || !scalar_parameters(in, comp)) return false;
  const tn_shape *root = comp->root->shape;
  if (tn_shape_is_tuple(root) ? root->rank != n : n != 1)
    return tn_wrong(in, 0, "'%s' must give %d value%s and gives %s", comp->name, n, n == 1 ? "" : "s",
                    tn_shown(in, root));
  for (int i = 0; i < n; i++) {
    const tn_shape *result = result_of(comp, n, i);
    tn_type type = tn_comp_parameter_shape(comp, i)->type, taken = tn_comp_parameter_shape(comp, n + i)->type;
    if (!tn_shape_is_scalar(result) || result->type != type)
      return tn_wrong(in, 0, "'%s' takes %s as parameter %d and gives %s for it", comp->name,
                      tn_type_name(type), i, tn_shown(in, result));
    if (inits[i] != type)
      return tn_wrong(in, 0, "the initial value is %s, and '%s' takes %s", tn_type_name(inits[i]), comp->name,
                      tn_type_name(type));
    if (!accumulates(inputs[i], taken))
      return tn_wrong(in, tn_operand_bit(i), "elements are %s, and parameter %d of '%s' is %s",
                      tn_type_name(inputs[i]), n + i, comp->name, tn_type_name(taken));
    accumulators[i] = type;
  }
  return true;
}

/* ---- aliases ---- */

const tn_shape *tn_shape_at(const tn_shape *shape, tn_dims path) {
  for (int i = 0; i < path.count; i++) {
    if (!tn_shape_is_tuple(shape) || path.at[i] < 0 || path.at[i] >= shape->rank) return NULL;
    shape = shape->elements[path.at[i]];
  }
  return shape;
}

bool tn_need_aliases(const tn_inference *in, tn_operand_aliases aliases, const tn_shape *result) {
  for (int i = 0; i < aliases.count; i++) {
    const tn_operand_alias *alias = &aliases.at[i];
    if (!tn_shape_at(result, alias->output))
      return tn_wrong(in, 0, "alias %d names an output that %s does not have", i, tn_shown(in, result));
    if (alias->operand < 0 || alias->operand >= in->inst->n_operands)
      return tn_wrong(in, 0, "alias %d names operand %lld of %d", i, (long long)alias->operand,
                      in->inst->n_operands);
    const tn_shape *operand = tn_operand_shape(in, (int)alias->operand);
    if (!tn_shape_at(operand, alias->index))
      return tn_wrong(in, 0, "alias %d names a part that operand %lld, %s, does not have", i,
                      (long long)alias->operand, tn_shown(in, operand));
  }
  return true;
}

/* ---- windows ---- */

/* (size - 1) * dilation + 1, or 0 of nothing. False where it overflows. */
static bool dilated(int64_t size, int64_t dilation, int64_t *result) {
  if (size == 0) {
    *result = 0;
    return true;
  }
  return !__builtin_mul_overflow(size - 1, dilation, result) && !__builtin_add_overflow(*result, 1, result);
}

bool tn_window_size(const tn_inference *in, int dim, int64_t size, const tn_window_dim *window,
                    int64_t *result) {
  const struct {
    const char *name;
    int64_t value;
  } positive[] = {{"size", window->size},
                  {"stride", window->stride},
                  {"lhs dilation", window->lhs_dilation},
                  {"rhs dilation", window->rhs_dilation}};
  for (int i = 0; i < 4; i++)
    if (positive[i].value < 1)
      return tn_wrong(in, 0, "window %s in dimension %d is %lld and must be positive", positive[i].name, dim,
                      (long long)positive[i].value);
  *result = TN_DIM_UNBOUNDED;
  if (size == TN_DIM_UNBOUNDED) return true;

  int64_t base, reach;
  if (!dilated(size, window->lhs_dilation, &base) || !dilated(window->size, window->rhs_dilation, &reach) ||
      __builtin_add_overflow(base, window->pad_low, &base) ||
      __builtin_add_overflow(base, window->pad_high, &base))
    return tn_wrong(in, 0, "the window in dimension %d of size %lld reaches over 64 bits", dim,
                    (long long)size);
  if (base < 0)
    return tn_wrong(in, 0, "padding %lld and %lld leaves less than nothing of dimension %d, %lld",
                    (long long)window->pad_low, (long long)window->pad_high, dim, (long long)size);
  *result = base < reach ? 0 : (base - reach) / window->stride + 1;
  return true;
}

/* ---- products ---- */

/* Types that multiply with each other: integers of any sign and predicates; floats. */
static int product_kind(tn_type type) {
  switch (tn_type_class_of(type)) {
  case TN_CLASS_PREDICATE:
  case TN_CLASS_SIGNED:
  case TN_CLASS_UNSIGNED: return 1;
  case TN_CLASS_FLOAT: return 2;
  case TN_CLASS_COMPLEX: return 3;
  case TN_CLASS_OTHER: return 0;
  }
  return 0;
}

tn_type tn_product_type(const tn_inference *in, tn_type a, tn_type b) {
  int kind = product_kind(a);
  if (kind == 0 || kind != product_kind(b)) {
    tn_wrong(in, 3, "operand types %s and %s do not multiply", tn_type_name(a), tn_type_name(b));
    return TN_TYPE_NONE;
  }
  tn_type wider = tn_type_bits(b) > tn_type_bits(a) ? b : a;
  const tn_shape *declared = in->inst->shape;
  if (!declared || !tn_shape_is_array(declared)) return wider;
  bool narrow = kind == 1 && tn_type_bits(declared->type) < tn_type_bits(wider);
  if (product_kind(declared->type) == kind && !narrow) return declared->type;
  tn_wrong(in, 3, "products of %s and %s do not fit a result of %s", tn_type_name(a), tn_type_name(b),
           tn_type_name(declared->type));
  return TN_TYPE_NONE;
}
