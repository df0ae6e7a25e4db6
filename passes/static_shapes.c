/* Bounded dims become static ones, and their sizes values of their own.
 *
 *   d = f32[<=6] set-dimension-size(x, n), dimensions={0}
 *   s = f32[] reduce(d, 0), to_apply=add
 *   k = s32[] get-dimension-size(d), dimensions={0}
 *  =>
 *   size = s32[] clamp(0, n, 6)
 *   valid = pred[6] iota < size
 *   s = f32[] reduce(select(valid, x, -0), 0), to_apply=add
 *   k = size
 *
 * Every array has as many elements as its bounds allow; those beyond its sizes are computed
 * like the others and never looked at (dynamic_rules.c). A size that is out of range is
 * clamped. Through while, conditional and call the sizes travel with their values:
 *
 *   state T  =>  state (T, s32[], …)          parameters (a, b)  =>  (a, b, s32[], …)
 *   result R =>  (R, s32[], …)
 *
 * If anything in a module cannot be made static, the module stays as it is. Why: nothing
 * behind this pass knows dynamic dims. Keeps: every value that is there. Cost: O(instructions).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/dynamic.h"

/* ---- shapes ---- */

int tn_dynamic_dims(const tn_shape *shape) {
  int count = 0;
  for (int i = 0; i < shape->rank; i++) {
    if (tn_shape_is_tuple(shape)) count += tn_dynamic_dims(shape->elements[i]);
    if (tn_shape_is_array(shape)) count += shape->dynamic && shape->dynamic[i];
  }
  return count;
}

const tn_shape *tn_static_shape(tn_arena *arena, const tn_shape *shape) {
  if (!tn_shape_is_dynamic(shape)) return shape;
  tn_shape *result = tn_arena_copy(arena, shape, sizeof *shape);
  result->dynamic = NULL;
  if (!tn_shape_is_tuple(shape)) return result;
  const tn_shape **elements = TN_NEW_ARRAY(arena, const tn_shape *, shape->rank);
  for (int i = 0; i < shape->rank; i++) elements[i] = tn_static_shape(arena, shape->elements[i]);
  result->elements = elements;
  return result;
}

static bool is_bounded(const tn_shape *shape) {
  for (int i = 0; i < shape->rank; i++) {
    if (tn_shape_is_tuple(shape) && !is_bounded(shape->elements[i])) return false;
    if (tn_shape_is_array(shape) && shape->dims[i] == TN_DIM_UNBOUNDED) return false;
    if (tn_shape_is_array(shape) && shape->dynamic && shape->dynamic[i] && shape->dims[i] > INT32_MAX)
      return false;
  }
  return true;
}

/* ---- what is known ---- */

const tn_known *tn_known_of(const tn_sizes *s, const tn_inst *inst) {
  static const tn_known nothing = {NULL, NULL};
  return inst->id < s->known.count ? &s->known.at[inst->id] : &nothing;
}

static void know(tn_sizes *s, const tn_inst *inst, const tn_shape *shape, tn_inst **sizes) {
  while (s->known.count <= inst->id) TN_PUSH(s->scratch, &s->known, ((tn_known){NULL, NULL}));
  s->known.at[inst->id] = (tn_known){shape, sizes};
}

bool tn_was_dynamic(const tn_sizes *s, const tn_inst *inst, int d) {
  const tn_known *known = tn_known_of(s, inst);
  return known->shape && known->shape->dynamic && known->shape->dynamic[d];
}

tn_inst *tn_size_of(const tn_sizes *s, tn_site site, const tn_inst *inst, int d) {
  const tn_known *known = tn_known_of(s, inst);
  if (!tn_was_dynamic(s, inst, d)) return tn_make_integer(site, TN_S32, inst->shape->dims[d]);
  int number = 0;
  for (int i = 0; i < d; i++) number += known->shape->dynamic[i];
  return known->sizes[number];
}

tn_inst *tn_valid(const tn_sizes *s, tn_site site, const tn_shape *shape, const tn_inst *like, tn_dims dims) {
  tn_arena *arena = s->module->arena;
  const tn_shape *indices = tn_shape_with_type(arena, tn_shape_without_layout(arena, shape), TN_S32);
  tn_inst *valid = NULL;
  for (int i = 0; i < dims.count; i++) {
    int d = (int)dims.at[i];
    if (!tn_was_dynamic(s, like, d)) continue;
    tn_inst *size = tn_make_spread(site, tn_size_of(s, site, like, d), indices);
    tn_inst *below = tn_make_compare(site, TN_LT, tn_make_iota(site, indices, d), size);
    valid = valid ? tn_make_binary(site, TN_OP_AND, valid, below) : below;
  }
  return valid;
}

tn_inst *tn_masked(const tn_sizes *s, tn_site site, tn_inst *x, const tn_inst *like, tn_dims dims,
                   tn_inst *fill) {
  tn_inst *valid = tn_valid(s, site, x->shape, like, dims);
  return valid ? tn_make_select(site, valid, x, tn_make_spread(site, fill, x->shape)) : x;
}

/* ---- tuples and control flow ---- */

static const tn_shape *with_sizes(const tn_sizes *s, const tn_shape *shape) {
  int count = tn_dynamic_dims(shape);
  const tn_shape **elements = TN_NEW_ARRAY(s->module->arena, const tn_shape *, count + 1);
  elements[0] = tn_static_shape(s->module->arena, shape);
  for (int i = 0; i < count; i++) elements[i + 1] = tn_shape_scalar(s->module->arena, TN_S32);
  return tn_shape_tuple(s->module->arena, count + 1, elements);
}

/* (value, its sizes) */
static tn_inst *packed(const tn_sizes *s, tn_site site, tn_inst *value) {
  const tn_known *known = tn_known_of(s, value);
  if (!known->shape) return value;
  int count = tn_dynamic_dims(known->shape);
  tn_inst **parts = TN_NEW_ARRAY(s->module->arena, tn_inst *, count + 1);
  parts[0] = value;
  for (int i = 0; i < count; i++) parts[i + 1] = known->sizes[i];
  return tn_make_tuple(site, count + 1, parts);
}

/* The value of shape `shape` in what is packed so; all but the parts themselves use it. */
static tn_inst *unpack(tn_sizes *s, tn_inst *pack, const tn_shape *shape) {
  int count = tn_dynamic_dims(shape);
  tn_site site = {pack->parent, pack->next, pack};
  tn_inst *value = tn_make_element(site, pack, 0), **sizes = TN_NEW_ARRAY(s->scratch, tn_inst *, count);
  for (int i = 0; i < count; i++) sizes[i] = tn_make_element(site, pack, i + 1);
  know(s, value, shape, sizes);
  return value;
}

static void convert_parameter(tn_sizes *s, tn_inst *parameter) {
  const tn_shape *shape = parameter->shape;
  tn_comp *comp = parameter->parent;
  if (comp->callers.at[0]->op == TN_OP_CALL) {
    int count = tn_dynamic_dims(shape);
    tn_inst **sizes = TN_NEW_ARRAY(s->scratch, tn_inst *, count);
    for (int i = 0; i < count; i++) {
      const char *name = tn_arena_printf(s->module->arena, "%s.size.%d", parameter->name, i);
      sizes[i] =
          tn_build_parameter(comp, comp->parameters.count, tn_shape_scalar(s->module->arena, TN_S32), name);
      tn_inst_move_before(sizes[i], comp->first);
    }
    parameter->shape = tn_static_shape(s->module->arena, shape);
    know(s, parameter, shape, sizes);
    return;
  }
  tn_inst *users = tn_inst_create(comp, parameter->next, TN_OP_OPT_BARRIER, shape, 1, &parameter);
  tn_inst_replace_uses(parameter, users); /* so that the parts below are not replaced with the rest */
  parameter->shape = with_sizes(s, shape);
  tn_inst *value = unpack(s, parameter, shape);
  tn_inst_replace_uses(users, value);
  tn_inst_remove(users);
}

static void convert_call(tn_sizes *s, tn_inst *inst) {
  TN_VEC(tn_inst *) operands = {0};
  tn_site site = tn_site_of(inst);
  const tn_shape *shape = inst->shape;
  bool call = inst->op == TN_OP_CALL;
  for (int i = 0; i < inst->n_operands; i++) {
    tn_inst *operand = inst->operands[i];
    TN_PUSH(s->scratch, &operands, call ? operand : packed(s, site, operand));
  }
  for (int i = 0; call && i < inst->n_operands; i++) {
    const tn_known *known = tn_known_of(s, inst->operands[i]);
    for (int k = 0; known->shape && k < tn_dynamic_dims(known->shape); k++)
      TN_PUSH(s->scratch, &operands, known->sizes[k]);
  }
  const tn_shape *result = tn_dynamic_dims(shape) ? with_sizes(s, shape) : shape;
  tn_inst *made = tn_inst_clone(inst->parent, inst, inst, result, operands.count, operands.at);
  tn_inst_replace_uses(inst, tn_dynamic_dims(shape) ? unpack(s, made, shape) : made);
  tn_inst_remove(inst);
}

static void convert_tuple(tn_sizes *s, tn_inst *inst) {
  const tn_shape *shape = inst->shape;
  TN_VEC(tn_inst *) sizes = {0};
  for (int i = 0; i < inst->n_operands; i++) {
    const tn_known *known = tn_known_of(s, inst->operands[i]);
    for (int k = 0; known->shape && k < tn_dynamic_dims(known->shape); k++)
      TN_PUSH(s->scratch, &sizes, known->sizes[k]);
  }
  inst->shape = tn_static_shape(s->module->arena, shape);
  know(s, inst, shape, sizes.at);
}

static void convert_element(tn_sizes *s, tn_inst *inst) {
  const tn_known *tuple = tn_known_of(s, inst->operands[0]);
  const tn_shape *shape = inst->shape;
  int before = 0;
  for (int i = 0; i < inst->attr.index.index; i++) before += tn_dynamic_dims(tuple->shape->elements[i]);
  inst->shape = tn_static_shape(s->module->arena, shape);
  if (tn_dynamic_dims(shape)) know(s, inst, shape, tuple->sizes + before);
}

static bool is_control(tn_op op) { return op == TN_OP_WHILE || op == TN_OP_CONDITIONAL || op == TN_OP_CALL; }

static bool is_touched(const tn_sizes *s, const tn_inst *inst) {
  bool touched = tn_shape_is_dynamic(inst->shape) || inst->op == TN_OP_DYNAMIC_RESHAPE ||
                 inst->op == TN_OP_SET_DIMENSION_SIZE;
  for (int i = 0; i < inst->n_operands; i++)
    touched = touched || (s ? tn_known_of(s, inst->operands[i])->shape != NULL
                            : tn_shape_is_dynamic(inst->operands[i]->shape));
  return touched;
}

static void convert(tn_sizes *s, tn_inst *inst) {
  if (!is_touched(s, inst) || inst->op == TN_OP_PARAMETER) return;
  const tn_shape *shape = inst->shape;
  if (inst->op == TN_OP_TUPLE) {
    convert_tuple(s, inst);
  } else if (inst->op == TN_OP_GET_TUPLE_ELEMENT) {
    convert_element(s, inst);
  } else if (is_control(inst->op)) {
    convert_call(s, inst);
  } else {
    int count = tn_dynamic_dims(shape);
    tn_inst **sizes = TN_NEW_ARRAY(s->scratch, tn_inst *, count + 1), *by = tn_make_static(s, inst, sizes);
    if (count) know(s, by, shape, sizes);
    if (by == inst) return;
    bool after = by->op == TN_OP_DYNAMIC_SLICE && inst->op == TN_OP_REVERSE; /* made of inst itself */
    if (!after) {
      tn_inst_replace_uses(inst, by);
      tn_inst_remove(inst);
      return;
    }
    tn_inst *rest = by; /* all users but the first pad that leads to `by` */
    while (rest->operands[0] != inst) rest = rest->operands[0];
    tn_inst_replace_uses(inst, by);
    tn_inst_set_operand(rest, 0, inst);
  }
}

/* Parameters come first, by number: a caller adds the sizes in this order. */
static void convert_comp(tn_sizes *s, tn_comp *comp) {
  int count = comp->parameters.count;
  for (int i = 0; i < count; i++)
    if (tn_shape_is_dynamic(comp->parameters.at[i]->shape)) convert_parameter(s, comp->parameters.at[i]);
  TN_FOR_EACH_IN_COMP(comp, inst) convert(s, inst);
  if (comp == comp->module->entry || !tn_known_of(s, comp->root)->shape) return;
  tn_site site = {comp, NULL, NULL};
  comp->root = packed(s, site, comp->root);
}

/* ---- whether it can be done ---- */

static bool same_everywhere(const tn_inst *inst) {
  if (inst->op == TN_OP_WHILE)
    return tn_shape_equal(inst->shape, inst->operands[0]->shape) &&
           tn_shape_equal(inst->shape, inst->called[0]->parameters.at[0]->shape) &&
           tn_shape_equal(inst->shape, inst->called[1]->parameters.at[0]->shape) &&
           tn_shape_equal(inst->shape, inst->called[1]->root->shape);
  for (int i = 0; i < inst->n_called; i++) {
    const tn_comp *called = inst->called[i];
    if (!tn_shape_equal(inst->shape, called->root->shape)) return false;
    for (int p = 0; p < called->parameters.count; p++) {
      const tn_inst *operand = inst->operands[inst->op == TN_OP_CALL ? p : i + 1];
      if (!tn_shape_equal(operand->shape, called->parameters.at[p]->shape)) return false;
    }
  }
  return true;
}

static bool can_convert(const tn_inst *inst) {
  const tn_comp *comp = inst->parent;
  if (!is_touched(NULL, inst)) return true;
  if (!is_bounded(inst->shape) || inst->shape->rank > TN_MADE_RANK - 4) return false;
  if (inst->op == TN_OP_TUPLE || inst->op == TN_OP_GET_TUPLE_ELEMENT) return true;
  if (is_control(inst->op)) return same_everywhere(inst);
  if (inst->op != TN_OP_PARAMETER) return tn_dynamic_refusal(inst) == NULL;
  for (int i = 0; i < comp->callers.count; i++)
    if (!is_control(comp->callers.at[i]->op) ||
        (comp->callers.at[i]->op == TN_OP_CALL) != (comp->callers.at[0]->op == TN_OP_CALL))
      return false;
  return comp != comp->module->entry && comp->callers.count > 0;
}

static bool can_convert_all(tn_module *module, bool *any) {
  *any = false;
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) {
    *any = *any || is_touched(NULL, inst);
    if (!can_convert(inst)) return false;
  }
  return !tn_shape_is_dynamic(module->entry->root->shape);
}

bool tn_pass_static_shapes(tn_module *module, tn_pass_context *context) {
  bool any;
  if (!can_convert_all(module, &any) || !any || !tn_pass_spend(context)) return false;
  tn_sizes s = {.module = module, .scratch = context->scratch};
  TN_VEC(tn_comp *) comps = {0}; /* reductions may add computations */
  TN_FOR_EACH_COMP(module, comp) TN_PUSH(context->scratch, &comps, comp);
  for (int i = 0; i < comps.count; i++) convert_comp(&s, comps.at[i]);
  return true;
}
