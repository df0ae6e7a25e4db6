/* The signature of a model that is not compiled yet: what its compiled form will say
 * of parameters and results, as far as the module or the plan knows it.
 *
 * Tuples are flattened left to right, also among the parameters: leaf i of parameter
 * x is "x.i".
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/driver.h"

static tn_value make_value(tn_arena *arena, const char *name, const tn_shape *shape) {
  int32_t *order = TN_NEW_ARRAY(arena, int32_t, shape->rank);
  for (int i = 0; i < shape->rank; i++)
    order[i] = shape->layout && shape->layout->minor_to_major.count == shape->rank
                   ? (int32_t)shape->layout->minor_to_major.at[i]
                   : shape->rank - 1 - i;
  return (tn_value){.name = tn_arena_string(arena, name),
                    .type = tn_type_name(shape->type),
                    .rank = shape->rank,
                    .dims = tn_arena_copy(arena, shape->dims, (size_t)shape->rank * sizeof *shape->dims),
                    .minor_to_major = order,
                    .bytes = tn_layout_bytes(shape),
                    .aliases = -1};
}

typedef TN_VEC(tn_value) values;

static void add_leaves(tn_arena *arena, values *list, const char *name, const tn_shape *shape) {
  tn_leaves leaves = {0};
  tn_driver_leaves(arena, shape, &leaves);
  for (int i = 0; i < leaves.count; i++) {
    const char *leaf = tn_shape_is_tuple(shape) ? tn_arena_printf(arena, "%s.%d", name, i) : name;
    tn_value value = make_value(arena, leaf, leaves.at[i]);
    TN_PUSH(arena, list, value);
  }
}

static tn_signature *make(tn_arena *arena, const char *name, values parameters, values results) {
  tn_signature *signature = TN_NEW(arena, tn_signature);
  *signature = (tn_signature){.version = 1,
                              .name = tn_arena_string(arena, name),
                              .parameter_count = parameters.count,
                              .result_count = results.count,
                              .parameters = parameters.at,
                              .results = results.at};
  return signature;
}

tn_signature *tn_driver_module_signature(tn_arena *arena, const tn_module *module) {
  values parameters = {0}, results = {0};
  const tn_comp *entry = module->entry;
  for (int i = 0; i < entry->parameters.count; i++) {
    const tn_inst *parameter = entry->parameters.at[i];
    const tn_shape *shape =
        module->entry_parameters ? module->entry_parameters->elements[i] : parameter->shape;
    add_leaves(arena, &parameters, parameter->name, shape);
  }
  tn_leaves leaves = {0};
  tn_driver_leaves(arena, module->entry_result ? module->entry_result : entry->root->shape, &leaves);
  for (int i = 0; i < leaves.count; i++) {
    tn_value value = make_value(arena, tn_arena_printf(arena, "r%d", i), leaves.at[i]);
    TN_PUSH(arena, &results, value);
  }
  return make(arena, module->name, parameters, results);
}

tn_signature *tn_driver_plan_signature(tn_arena *arena, const tn_plan *plan) {
  values parameters = {0}, results = {0};
  for (int i = 0; i < plan->n_parameters; i++) {
    tn_value value = make_value(arena, plan->parameter_names[i], plan->buffers[plan->parameters[i]].shape);
    TN_PUSH(arena, &parameters, value);
  }
  for (int i = 0; i < plan->n_results; i++) {
    tn_value value = make_value(arena, plan->result_names[i], plan->buffers[plan->results[i]].shape);
    TN_PUSH(arena, &results, value);
  }
  return make(arena, plan->name, parameters, results);
}
