/* Sorts with what is read of them.
 *
 *   s = (f32[20,5000], s32[20,5000]) sort(x, i), dimensions={1}, to_apply=…
 *   g = f32[20,5000] get-tuple-element(s), index=1
 *   r = s32[20,5] slice(g), slice={[0:20], [0:5]}
 *  =>
 *   r = s32[20,5] fusion(x, i), kind=kInput, calls={ sort, get-tuple-element, slice }
 *
 * Where every element that is read of a sort is read through slices of the same dims, or
 * some of its results are not read at all, the sort and these become one fusion: a kernel
 * that sorts a row, or selects its first elements, and stores what is wanted alone.
 *
 * Keeps: every value. Cost: O(users of sorts).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/dims.h"
#include "passes/rewrite.h"

/* What the fusion gives: a slice of an output, or the output. */
typedef struct {
  tn_inst *value;
  int output;
  bool is_slice;
} taken;

typedef struct {
  TN_VEC(taken) values;
  bool sliced, unused; /* something of the sort is not read */
} reading;

static bool same_dims(const reading *r, const tn_inst *inst) {
  return !r->values.count || tn_shape_same_dims(inst->shape, r->values.at[0].value->shape);
}

/* The users of one output; false: they do not agree with the others. */
static bool take_output(tn_arena *arena, reading *r, tn_inst *value, int output) {
  bool slices = value->users.count > 0 && value != value->parent->root;
  for (int i = 0; slices && i < value->users.count; i++) slices = value->users.at[i]->op == TN_OP_SLICE;
  for (int i = 0; slices && i < value->users.count; i++) {
    if (!same_dims(r, value->users.at[i])) return false;
    TN_PUSH(arena, &r->values, ((taken){value->users.at[i], output, true}));
  }
  if (slices) return r->sliced = true;
  if (!same_dims(r, value)) return false;
  TN_PUSH(arena, &r->values, ((taken){value, output, false}));
  return true;
}

static bool find_reading(tn_arena *arena, tn_inst *sort, reading *r) {
  bool tuple = tn_shape_is_tuple(sort->shape);
  if (!sort->users.count || sort == sort->parent->root) return false;
  if (!tuple) return take_output(arena, r, sort, 0) && r->sliced;
  bool *read = TN_NEW_ARRAY(arena, bool, sort->shape->rank);
  for (int i = 0; i < sort->users.count; i++) {
    tn_inst *user = sort->users.at[i];
    if (user->op != TN_OP_GET_TUPLE_ELEMENT) return false;
    if (!user->users.count && user != user->parent->root) continue;
    int output = (int)user->attr.index.index;
    read[output] = true;
    if (!take_output(arena, r, user, output)) return false;
  }
  for (int i = 0; i < sort->shape->rank; i++) r->unused = r->unused || !read[i];
  return r->values.count && (r->sliced || r->unused);
}

static bool is_plain(const tn_inst *sort, const reading *r) {
  for (int i = 0; i < sort->n_operands; i++)
    if (!tn_shape_is_plain(sort->operands[i]->shape)) return false;
  for (int i = 0; i < r->values.count; i++)
    if (!tn_shape_is_plain(r->values.at[i].value->shape)) return false;
  return true;
}

static tn_comp *make_computation(tn_arena *arena, tn_inst *sort, const reading *r) {
  tn_comp *comp = tn_comp_create(sort->parent->module, tn_arena_printf(arena, "fused_%s", sort->name));
  tn_inst **operands = TN_NEW_ARRAY(arena, tn_inst *, sort->n_operands);
  tn_inst **results = TN_NEW_ARRAY(arena, tn_inst *, r->values.count);
  for (int i = 0; i < sort->n_operands; i++)
    operands[i] =
        tn_build_parameter(comp, i, sort->operands[i]->shape, tn_arena_printf(arena, "param_%d", i));
  tn_inst *inner = tn_inst_clone(comp, NULL, sort, sort->shape, sort->n_operands, operands);
  bool tuple = tn_shape_is_tuple(sort->shape);
  for (int i = 0; i < r->values.count; i++) {
    const taken *t = &r->values.at[i];
    results[i] = tuple ? tn_build_element(comp, NULL, inner, t->output) : inner;
    if (t->is_slice) results[i] = tn_inst_clone(comp, NULL, t->value, t->value->shape, 1, &results[i]);
  }
  comp->root = r->values.count == 1 ? results[0] : tn_build_tuple(comp, NULL, r->values.count, results);
  return comp;
}

static bool fuse(tn_pass_context *context, tn_inst *sort) {
  reading r = {.sliced = false};
  if (!find_reading(context->scratch, sort, &r) || !is_plain(sort, &r) || !tn_rewrite_is_free_to_move(sort))
    return false;
  for (int i = 0; i < r.values.count; i++)
    if (!tn_rewrite_is_free_to_move(r.values.at[i].value)) return false;
  if (!tn_pass_spend(context)) return false;
  tn_comp *comp = make_computation(context->scratch, sort, &r);
  tn_inst *fusion =
      tn_inst_create(sort->parent, sort, TN_OP_FUSION, comp->root->shape, sort->n_operands, sort->operands);
  fusion->attr.fusion.kind = TN_FUSION_INPUT;
  fusion->location = sort->location;
  fusion->notes = sort->notes;
  tn_inst_set_called(fusion, 1, &comp);
  for (int i = 0; i < r.values.count; i++) {
    tn_inst *by = r.values.count == 1 ? fusion : tn_build_element(sort->parent, sort, fusion, i);
    tn_inst_replace_uses(r.values.at[i].value, by);
  }
  return true;
}

/* Of a fusion already. */
static bool is_fused(const tn_module *module, const tn_comp *comp) {
  TN_FOR_EACH_COMP(module, other) {
    TN_FOR_EACH_IN_COMP(other, inst)
    if (inst->op == TN_OP_FUSION && inst->called[0] == comp) return true;
  }
  return false;
}

bool tn_pass_sort_fusion(tn_module *module, tn_pass_context *context) {
  if (!tn_pass_finds(context, TN_OP_SORT)) return false;
  bool changed = false;
  TN_VEC(tn_inst *) sorts = {0}; /* new computations are not looked at */
  TN_FOR_EACH_COMP(module, comp) {
    TN_FOR_EACH_IN_COMP(comp, inst)
    if (inst->op == TN_OP_SORT) TN_PUSH(context->scratch, &sorts, inst);
  }
  for (int i = 0; i < sorts.count; i++)
    if (!is_fused(module, sorts.at[i]->parent)) changed |= fuse(context, sorts.at[i]);
  return changed;
}
