/* The entry computation: parameters, results, which of them share memory.
 *
 * A value that the entry returns is computed straight into the result, unless the result
 * may share memory with a parameter: then it is copied at the end, when nothing reads the
 * parameter any more.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/build.h"

/* ---- parameters and results ---- */

static const tn_shape *entry_parameter_shape(const builder *b, int number) {
  const tn_shape *declared = b->module->entry_parameters;
  const tn_shape *own = b->module->entry->parameters.at[number]->shape;
  return declared && number < declared->rank ? declared->elements[number] : own;
}

/* Row-major layouts are left out: their absence is what the rest looks for. */
static const tn_shape *memory_shape(builder *b, const tn_shape *shape) {
  return tn_layout_is_row_major(shape) ? tn_shape_without_layout(b->arena, shape) : shape;
}

static tn_plan_value *parameter_value(builder *b, const tn_shape *shape, const char *name) {
  if (tn_shape_is_tuple(shape)) {
    tn_plan_value *value = tn_plan_tuple_value(b, shape->rank);
    for (int i = 0; i < shape->rank; i++)
      value->elements[i] =
          parameter_value(b, shape->elements[i], tn_arena_printf(b->arena, "%s.%d", name, i));
    return value;
  }
  if (!tn_shape_is_array(shape)) return tn_plan_no_value(b);
  const char *unique = tn_arena_printf(b->arena, "p%d", b->parameters.count);
  int buffer = tn_plan_new_buffer(b, (tn_buffer){.name = unique,
                                                 .memory = TN_MEMORY_PARAMETER,
                                                 .shape = memory_shape(b, shape),
                                                 .number = b->parameters.count});
  TN_PUSH(b->arena, &b->parameters, buffer);
  TN_PUSH(b->arena, &b->parameter_names, name);
  if (tn_layout_packing(shape) > 1) buffer = tn_plan_unpack(b, buffer);
  return tn_plan_array_value(b, tn_shape_without_layout(b->arena, shape), buffer);
}

static void result_buffers(builder *b, const tn_shape *shape) {
  if (tn_shape_is_tuple(shape)) {
    for (int i = 0; i < shape->rank; i++) result_buffers(b, shape->elements[i]);
    return;
  }
  if (!tn_shape_is_array(shape)) return;
  const char *name = tn_arena_printf(b->arena, "r%d", b->results.count);
  int buffer = tn_plan_new_buffer(b, (tn_buffer){.name = name,
                                                 .memory = TN_MEMORY_RESULT,
                                                 .shape = memory_shape(b, shape),
                                                 .number = b->results.count});
  TN_PUSH(b->arena, &b->results, buffer);
  TN_PUSH(b->arena, &b->result_names, name);
}

/* Position of the leaf that `index` names within the shape's leaves. */
static int leaf_position(const tn_shape *shape, tn_dims index) {
  int position = 0;
  for (int i = 0; i < index.count && tn_shape_is_tuple(shape); i++) {
    for (int64_t e = 0; e < index.at[i]; e++) position += tn_shape_leaves(shape->elements[e]);
    shape = shape->elements[index.at[i]];
  }
  return position;
}

static void mark_aliases(builder *b) {
  const tn_module *module = b->module;
  for (int i = 0; i < module->aliases.count; i++) {
    const tn_alias *alias = &module->aliases.at[i];
    int result = leaf_position(module->entry->root->shape, alias->output), parameter = 0;
    for (int64_t p = 0; p < alias->parameter; p++)
      parameter += tn_shape_leaves(module->entry->parameters.at[p]->shape);
    parameter += leaf_position(module->entry->parameters.at[alias->parameter]->shape, alias->index);
    b->buffers.at[b->results.at[result]].alias = b->parameters.at[parameter];
  }
}

/* The value that leaf `leaf` of inst is made from in place, or NULL. */
static tn_inst *updated_by(const builder *b, const tn_inst *inst, int leaf) {
  if (inst->op == TN_OP_WHILE && !b->apart) return inst->operands[0];
  if (b->apart || !tn_plan_is_update(inst)) return NULL;
  if (inst->op != TN_OP_FUSION) return inst->operands[inst->op == TN_OP_SCATTER ? leaf : 0];
  const tn_inst *root = inst->called[0]->root;
  if (root->op == TN_OP_TUPLE) root = root->operands[leaf];
  return inst->operands[root->operands[root->op == TN_OP_SCATTER ? leaf : 0]->attr.parameter.number];
}

/* Leaves of inst from `first` on are computed into results from `result` on, as far as
 * nobody else has them already.                                                       */
static void claim(builder *b, tn_inst *inst, int leaf, int result) {
  const tn_buffer *buffer = &b->buffers.at[b->results.at[result]];
  bool kernel = !tn_op_is(inst->op, TN_OP_FREE) && !tn_op_is(inst->op, TN_OP_COLLECTIVE);
  if (inst->op == TN_OP_TUPLE) {
    for (int i = 0; i < inst->n_operands; i++) {
      int count = tn_shape_leaves(inst->operands[i]->shape);
      if (leaf < count) return claim(b, inst->operands[i], leaf, result);
      leaf -= count;
    }
    return;
  }
  if (inst->op == TN_OP_GET_TUPLE_ELEMENT) {
    const tn_shape *shape = inst->operands[0]->shape;
    for (int64_t e = 0; e < inst->attr.index.index; e++) leaf += tn_shape_leaves(shape->elements[e]);
    return claim(b, inst->operands[0], leaf, result);
  }
  bool renames = inst->op == TN_OP_RESHAPE || inst->op == TN_OP_OPT_BARRIER;
  if (renames && !buffer->shape->layout) return claim(b, inst->operands[0], leaf, result);
  if (inst->op == TN_OP_CALL) return claim(b, inst->called[0]->root, leaf, result);
  bool region = inst->op == TN_OP_CONDITIONAL || inst->op == TN_OP_ASYNC_START;
  if (!kernel || region || inst->op == TN_OP_PARAMETER || inst->op == TN_OP_CONSTANT) return;
  if (inst->parent != b->module->entry && inst->parent->callers.count != 1) return;
  if (!b->claims[inst->id]) {
    int count = tn_shape_leaves(inst->shape);
    b->claims[inst->id] = TN_NEW_ARRAY(b->arena, int, count);
    for (int i = 0; i < count; i++) b->claims[inst->id][i] = -1;
  }
  if (b->claims[inst->id][leaf] < 0) b->claims[inst->id][leaf] = b->results.at[result];
  tn_inst *before = updated_by(b, inst, leaf); /* what is updated there is there before */
  if (before && before->users.count == 1) claim(b, before, inst->op == TN_OP_WHILE ? leaf : 0, result);
}

/* Elements lie elsewhere in `to`. */
static bool moves(const tn_buffer *to, const tn_buffer *from) {
  return (to->shape->layout || from->shape->layout) && !tn_shape_identical(to->shape, from->shape);
}

/* What was not computed in place is copied, now that all parameters have been read; a
 * parameter whose memory a result takes over is saved before any of the copies.      */
static void copy_results(builder *b, tn_plan_value *root) {
  value_list from = {0}, to = {0};
  tn_plan_leaves(b, root, &from);
  for (int i = 0; i < from.count; i++) {
    int source = from.at[i]->buffer;
    for (int r = 0; r < b->results.count; r++) {
      const tn_buffer *result = &b->buffers.at[b->results.at[r]];
      if (result->alias != source || (r == i && !moves(result, &b->buffers.at[source]))) continue;
      int saved = tn_plan_new_temp(b, from.at[i]->shape);
      tn_plan_copy_buffer(b, saved, source, from.at[i]->shape);
      from.at[i] = tn_plan_array_value(b, from.at[i]->shape, saved);
      break;
    }
  }
  for (int i = 0; i < from.count; i++)
    TN_PUSH(b->arena, &to, tn_plan_array_value(b, from.at[i]->shape, b->results.at[i]));
  tn_plan_copy_leaves(b, &to, &from);
}

/* Order, tiles and elements that share a byte are all that the plan's offsets know of a layout. */
static bool lies_densely(const tn_shape *shape) {
  const tn_layout *layout = shape->layout;
  if (tn_shape_is_tuple(shape)) {
    for (int i = 0; i < shape->rank; i++)
      if (!lies_densely(shape->elements[i])) return false;
    return true;
  }
  if (!layout) return true;
  for (int i = 0; layout->levels && i < layout->minor_to_major.count; i++)
    if (layout->levels[i].kind != TN_LEVEL_DENSE) return false;
  int packing = tn_layout_packing(shape), room = 8 / packing, bits = tn_type_bits(shape->type);
  bool fits = packing == 1 ? layout->element_bits % 8 == 0
                           : bits == room || (bits < room && !tn_type_is_float(shape->type));
  return !layout->n_splits && !layout->physical && !layout->metadata_bytes && fits;
}

static bool refuse_layout(builder *b, const tn_inst *inst, const char *what) {
  return tn_error(b->sink, TN_UNSUPPORTED, inst->location, "%s: its layout is not supported yet", what);
}

bool tn_plan_build_entry(builder *b) {
  tn_module *module = b->module;
  tn_comp *entry = module->entry;
  tn_plan_value **arguments = TN_NEW_ARRAY(b->arena, tn_plan_value *, entry->parameters.count), *root;
  for (int i = 0; i < entry->parameters.count; i++) {
    if (tn_shape_is_dynamic(entry->parameters.at[i]->shape))
      return tn_plan_unsupported(b, entry->parameters.at[i]);
    if (!lies_densely(entry_parameter_shape(b, i)))
      return refuse_layout(b, entry->parameters.at[i], "parameter");
    b->about = entry->parameters.at[i];
    arguments[i] = parameter_value(b, entry_parameter_shape(b, i), entry->parameters.at[i]->name);
  }
  const tn_shape *result = module->entry_result ? module->entry_result : entry->root->shape;
  if (!lies_densely(result)) return refuse_layout(b, entry->root, "result");
  result_buffers(b, result);
  mark_aliases(b);
  for (int i = 0; i < b->results.count; i++)
    if (tn_layout_packing(b->buffers.at[b->results.at[i]].shape) == 1) claim(b, entry->root, i, i);
  if (!tn_plan_build_comp(b, entry, arguments, &root)) return false;
  b->about = entry->root;
  copy_results(b, root);
  return true;
}
