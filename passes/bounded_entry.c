/* An entry with bounded dims becomes one with sizes among its parameters and results.
 *
 *   main (x: f32[<=6]) -> f32[<=6]
 *  =>
 *   main (x: f32[6], x.size.0: s32[]) -> (f32[6], s32[])
 *
 * Behind each parameter stand the sizes of its bounded dims, behind each result those of
 * its own. A caller passes arrays as long as the bounds; elements beyond a size are not
 * looked at, those of results are 0. A size out of range is clamped. Inside nothing
 * changes: set-dimension-size makes the parameter bounded again.
 *
 * It changes what callers pass, so it is no part of the pipeline: the driver runs it before
 * anything looks at the module. Why: callers in C know arrays of one size. Keeps: every element that is there. An entry
 * with bounded arrays inside tuples of tuples stays as it is. Cost: O(parameters, results).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/dynamic.h"

typedef struct {
  tn_module *module;
  tn_arena *arena;
  tn_comp *entry;
  int64_t *parameter, *result; /* new numbers by old ones */
} work;

static tn_inst *sized(tn_site site, tn_inst *x, int d, tn_inst *size, bool bounded) {
  tn_arena *arena = site.comp->module->arena;
  tn_shape *shape = tn_arena_copy(arena, tn_shape_without_layout(arena, x->shape), sizeof *shape);
  bool *dynamic = TN_NEW_ARRAY(arena, bool, shape->rank), any = false;
  for (int i = 0; i < shape->rank; i++) {
    dynamic[i] = i == d ? bounded : x->shape->dynamic && x->shape->dynamic[i];
    any = any || dynamic[i];
  }
  shape->dynamic = any ? dynamic : NULL;
  tn_inst *set = tn_make_inst(site, TN_OP_SET_DIMENSION_SIZE, shape, 2, (tn_inst *[]){x, size});
  int64_t dim = d;
  set->attr.dimensions.dims = (tn_dims){tn_arena_copy(arena, &dim, sizeof dim), 1};
  return set;
}

static tn_inst *size_of(tn_site site, tn_inst *x, int d) {
  tn_arena *arena = site.comp->module->arena;
  tn_inst *get = tn_make_inst(site, TN_OP_GET_DIMENSION_SIZE, tn_shape_scalar(arena, TN_S32), 1, &x);
  int64_t dim = d;
  get->attr.dimensions.dims = (tn_dims){tn_arena_copy(arena, &dim, sizeof dim), 1};
  return get;
}

/* ---- parameters ---- */

/* The parameter's users see it bounded; returns how many sizes were added to the list. */
static int open_parameter(work *w, tn_inst *parameter, tn_inst **sizes) {
  const tn_shape *shape = parameter->shape;
  int count = 0;
  tn_inst *first = parameter->next;
  tn_site site = {w->entry, first, parameter};
  for (int d = 0; d < shape->rank; d++) {
    if (!shape->dynamic || !shape->dynamic[d]) continue;
    const char *name = tn_arena_printf(w->arena, "%s.size.%d", parameter->name, d);
    sizes[count] =
        tn_build_parameter(w->entry, w->entry->parameters.count, tn_shape_scalar(w->arena, TN_S32), name);
    sizes[count]->location = parameter->location;
    tn_inst_move_before(sizes[count], parameter);
    count++;
  }
  if (!count) return 0;
  tn_inst *users = tn_inst_create(w->entry, first, TN_OP_OPT_BARRIER, shape, 1, &parameter);
  tn_inst_replace_uses(parameter, users); /* a place for what is made below, which uses it too */
  parameter->shape = tn_static_shape(w->arena, shape);
  tn_inst *value = parameter;
  site.before = users;
  for (int d = 0, i = 0; d < shape->rank; d++) {
    if (!shape->dynamic[d]) continue;
    tn_inst *least = tn_make_binary(site, TN_OP_MAXIMUM, sizes[i++], tn_make_integer(site, TN_S32, 0));
    tn_inst *size = tn_make_binary(site, TN_OP_MINIMUM, least, tn_make_integer(site, TN_S32, shape->dims[d]));
    value = sized(site, value, d, size, true);
  }
  tn_inst_replace_uses(users, value);
  tn_inst_remove(users);
  return count;
}

static void open_parameters(work *w) {
  int old = w->entry->parameters.count, at = 0;
  TN_VEC(tn_inst *) order = {0};
  TN_VEC(const tn_shape *) shapes = {0};
  w->parameter = TN_NEW_ARRAY(w->arena, int64_t, old);
  for (int i = 0; i < old; i++) {
    tn_inst *parameter = w->entry->parameters.at[i];
    const tn_shape *given =
        w->module->entry_parameters ? w->module->entry_parameters->elements[i] : parameter->shape;
    tn_inst **sizes = TN_NEW_ARRAY(w->arena, tn_inst *, parameter->shape->rank + 1);
    w->parameter[i] = at;
    TN_PUSH(w->arena, &order, parameter);
    TN_PUSH(w->arena, &shapes, tn_static_shape(w->arena, given));
    int count = tn_shape_is_array(parameter->shape) ? open_parameter(w, parameter, sizes) : 0;
    for (int k = 0; k < count; k++) {
      TN_PUSH(w->arena, &order, sizes[k]);
      TN_PUSH(w->arena, &shapes, sizes[k]->shape);
    }
    at += 1 + count;
  }
  for (int i = 0; i < order.count; i++) {
    w->entry->parameters.at[i] = order.at[i];
    order.at[i]->attr.parameter.number = i;
  }
  if (w->module->entry_parameters)
    w->module->entry_parameters = tn_shape_tuple(w->arena, shapes.count, shapes.at);
}

/* ---- results ---- */

/* The whole array, zeros beyond the sizes, and the sizes behind it. */
static void close_result(tn_site site, tn_inst *x, tn_inst **parts, int *count) {
  const tn_shape *shape = x->shape;
  tn_arena *arena = site.comp->module->arena;
  tn_inst *whole = x, *valid = NULL;
  int first = (*count)++;
  for (int d = 0; d < shape->rank; d++) {
    if (!shape->dynamic || !shape->dynamic[d]) continue;
    const tn_shape *indices =
        tn_static_shape(arena, tn_shape_with_type(arena, tn_shape_without_layout(arena, shape), TN_S32));
    tn_inst *size = parts[(*count)++] = size_of(site, x, d);
    tn_inst *below =
        tn_make_compare(site, TN_LT, tn_make_iota(site, indices, d), tn_make_spread(site, size, indices));
    valid = valid ? tn_make_binary(site, TN_OP_AND, valid, below) : below;
    whole = sized(site, whole, d, tn_make_integer(site, TN_S32, shape->dims[d]), false);
  }
  if (valid) {
    tn_inst *zero = tn_make_spread(site, tn_make_zero(site, shape->type), whole->shape);
    whole = tn_make_select(site, valid, whole, zero);
  }
  parts[first] = whole;
}

static void close_results(work *w) {
  tn_inst *root = w->entry->root;
  bool tuple = tn_shape_is_tuple(root->shape);
  int old = tuple ? root->shape->rank : 1, count = 0;
  tn_site site = {w->entry, NULL, NULL};
  w->result = TN_NEW_ARRAY(w->arena, int64_t, old);
  if (!tn_dynamic_dims(root->shape)) {
    for (int i = 0; i < old; i++) w->result[i] = i;
    return;
  }
  tn_inst **parts = TN_NEW_ARRAY(w->arena, tn_inst *, old + tn_dynamic_dims(root->shape));
  const tn_shape **shapes = TN_NEW_ARRAY(w->arena, const tn_shape *, old + tn_dynamic_dims(root->shape));
  const tn_shape *given = w->module->entry_result ? w->module->entry_result : root->shape;
  for (int i = 0; i < old; i++) {
    tn_inst *x = !tuple ? root : root->op == TN_OP_TUPLE ? root->operands[i] : tn_make_element(site, root, i);
    int first = count;
    w->result[i] = count;
    if (tn_shape_is_array(x->shape))
      close_result(site, x, parts, &count);
    else
      parts[count++] = x;
    shapes[first] = tn_static_shape(w->arena, tuple ? given->elements[i] : given);
    for (int k = first + 1; k < count; k++) shapes[k] = tn_shape_scalar(w->arena, TN_S32);
  }
  w->entry->root = tn_make_tuple(site, count, parts);
  if (w->module->entry_result) w->module->entry_result = tn_shape_tuple(w->arena, count, shapes);
  for (int i = 0; !tuple && i < w->module->aliases.count; i++) /* the array is the first of several now */
    w->module->aliases.at[i].output = (tn_dims){TN_NEW_ARRAY(w->arena, int64_t, 1), 1};
}

static void renumber_aliases(work *w) {
  for (int i = 0; i < w->module->aliases.count; i++) {
    tn_alias *alias = &w->module->aliases.at[i];
    alias->parameter = w->parameter[alias->parameter];
    if (!alias->output.count) continue;
    int64_t *output = tn_arena_copy(w->arena, alias->output.at, sizeof *output * (size_t)alias->output.count);
    output[0] = w->result[output[0]];
    alias->output.at = output;
  }
  for (int i = 0; i < w->module->donors.count; i++)
    w->module->donors.at[i].parameter = w->parameter[w->module->donors.at[i].parameter];
}

/* ---- the pass ---- */

/* Bounded arrays stand alone, or are elements of the result's tuple. */
static bool can_open(const tn_shape *shape, int depth) {
  if (tn_shape_is_tuple(shape)) {
    for (int i = 0; i < shape->rank; i++)
      if (depth ? !can_open(shape->elements[i], depth - 1) : tn_shape_is_dynamic(shape->elements[i]))
        return false;
    return true;
  }
  for (int d = 0; tn_shape_is_array(shape) && d < shape->rank; d++)
    if (shape->dims[d] == TN_DIM_UNBOUNDED ||
        (shape->dynamic && shape->dynamic[d] && shape->dims[d] > INT32_MAX))
      return false;
  return true;
}

bool tn_pass_bounded_entry(tn_module *module, tn_pass_context *context) {
  tn_comp *entry = module->entry;
  bool any = tn_shape_is_dynamic(entry->root->shape), can = can_open(entry->root->shape, 1);
  for (int i = 0; i < entry->parameters.count; i++) {
    any = any || tn_shape_is_dynamic(entry->parameters.at[i]->shape);
    can = can && can_open(entry->parameters.at[i]->shape, 0);
  }
  if (!any || !can || !tn_pass_spend(context)) return false;
  work w = {.module = module, .arena = module->arena, .entry = entry};
  open_parameters(&w);
  close_results(&w);
  renumber_aliases(&w);
  return true;
}
