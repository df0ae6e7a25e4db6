/* Values that are updated in place.
 *
 *   state: f32[50,600]   { …  run update(row, i, t3)  … }      one row a turn
 *
 * A dynamic-update-slice or a scatter writes over its operand's buffer if nothing that comes later reads
 * what is there: in its own computation, and in all that are being visited around it. Else
 * the operand is copied first. Updates come as late as their users let them, so that other
 * readers come first.
 *
 * A result that shares memory with a parameter takes the parameter's contents over before
 * the first update, if nobody reads the parameter later: when the caller passes one pointer
 * twice, that copy moves nothing.
 *
 * Inside a fusion the operand may be read too, at the elements that are written; if it is
 * read elsewhere, it is copied.
 *
 * Cost: for each update the instructions that come after it.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/build.h"

/* ---- who needs a buffer ---- */

static bool contains(const tn_plan_value *value, int buffer) {
  if (!value) return false;
  if (!value->elements) return value->buffer == buffer;
  for (int i = 0; i < value->count; i++)
    if (contains(value->elements[i], buffer)) return true;
  return false;
}

static bool visit_needs(const builder *b, const tn_plan_visit *visit, int buffer) {
  const tn_inst *here = visit->order[visit->position];
  if (contains(visit->live, buffer)) return true;
  if (visit->comp->root != here && contains(tn_plan_value_of(b, visit->comp->root), buffer)) return true;
  for (int i = visit->position + 1; i < visit->count; i++)
    for (int o = 0; o < visit->order[i]->n_operands; o++)
      if (contains(tn_plan_value_of(b, visit->order[i]->operands[o]), buffer)) return true;
  return false;
}

/* Will a later step read what the buffer holds now? */
static bool is_read_later(const builder *b, int buffer) {
  for (int i = 0; i < b->visits.count; i++)
    if (visit_needs(b, &b->visits.at[i], buffer)) return true;
  return false;
}

bool tn_plan_may_overwrite(const builder *b, int buffer) {
  tn_memory memory = b->buffers.at[buffer].memory;
  if (b->apart && !b->depth) return false;
  return (memory == TN_MEMORY_TEMP || memory == TN_MEMORY_RESULT) && !is_read_later(b, buffer);
}

static bool same_memory(const builder *b, int x, int y) {
  const tn_shape *s = b->buffers.at[x].shape, *t = b->buffers.at[y].shape;
  return tn_layout_is_row_major(s) ? tn_layout_is_row_major(t) : tn_shape_identical(s, t);
}

int tn_plan_claimed(const builder *b, const tn_inst *inst, int leaf, int source) {
  int result = b->claims[inst->id] ? b->claims[inst->id][leaf] : -1;
  if (result < 0 || result == source || is_read_later(b, result)) return -1;
  int alias = b->buffers.at[result].alias;
  if (alias < 0) return result;
  return alias == source && same_memory(b, result, source) && !is_read_later(b, source) ? result : -1;
}

/* ---- updates ---- */

static bool is_update_op(const tn_inst *inst) {
  return inst->op == TN_OP_DYNAMIC_UPDATE_SLICE || inst->op == TN_OP_SCATTER;
}

static int n_scattered(const tn_inst *scatter) { return (scatter->n_operands - 1) / 2; }

/* What a root of the fusion, or inst itself, updates: an array in memory; a scatter as many
 * as it has operands.                                                                     */
static tn_inst *const *roots_of(tn_inst *const *inst, int *count) {
  tn_inst *root = (*inst)->op == TN_OP_FUSION ? (*inst)->called[0]->root : *inst;
  *count = root->op == TN_OP_TUPLE ? root->n_operands : root->op == TN_OP_SCATTER ? n_scattered(root) : 1;
  if (root->op == TN_OP_SCATTER) {
    tn_inst **roots = TN_NEW_ARRAY(root->parent->module->arena, tn_inst *, *count);
    for (int i = 0; i < *count; i++) roots[i] = root;
    return roots;
  }
  if (root->op == TN_OP_TUPLE) return root->operands;
  return (*inst)->op == TN_OP_FUSION ? &(*inst)->called[0]->root : inst;
}

static bool takes_arrays(const tn_inst *inst) {
  for (int i = 0; i < inst->n_operands; i++)
    if (!tn_shape_is_array(inst->operands[i]->shape)) return false;
  return true;
}

bool tn_plan_is_update(const tn_inst *inst) {
  int count;
  bool fusion = inst->op == TN_OP_FUSION;
  if (!fusion && !is_update_op(inst)) return false;
  tn_inst *const *roots = roots_of((tn_inst *const *)&inst, &count);
  for (int i = 0; i < count; i++) {
    bool scatter = roots[i]->op == TN_OP_SCATTER;
    if (!is_update_op(roots[i]) || (scatter && roots[i] != roots[0])) return false;
    if (fusion && roots[i]->operands[scatter ? i : 0]->op != TN_OP_PARAMETER) return false;
    if (!tn_shape_same_dims(roots[i]->operands[1]->shape, roots[0]->operands[1]->shape)) return false;
  }
  return count > 0 && takes_arrays(inst);
}

void tn_plan_sink_updates(tn_inst **order, int count) {
  for (int i = count - 1; i >= 0; i--) {
    tn_inst *inst = order[i];
    bool calls_update = inst->op == TN_OP_CALL && is_update_op(inst->called[0]->root);
    if (!inst->users.count || !(calls_update || tn_plan_is_update(inst))) continue;
    for (int j = i + 1; j < count; j++) {
      bool uses = false;
      for (int o = 0; o < order[j]->n_operands; o++) uses = uses || order[j]->operands[o] == inst;
      if (uses) break;
      order[j - 1] = order[j];
      order[j] = inst;
    }
  }
}

/* ---- kernels ---- */

typedef struct {
  tn_inst *inst;
  tn_inst *const *roots;
  tn_plan_value **targets; /* what each root updates */
} update;

static tn_plan_value *target_of(builder *b, const tn_inst *inst, const tn_inst *root, int i) {
  const tn_inst *operand = root->operands[root->op == TN_OP_SCATTER ? i : 0];
  if (inst->op == TN_OP_FUSION) operand = inst->operands[operand->attr.parameter.number];
  return tn_plan_value_of(b, operand);
}

/* Where root i is written: over its target, or behind a copy. */
static int place_of(builder *b, const update *u, int i, bool in_place) {
  int source = u->targets[i]->buffer;
  bool alone = true;
  for (int j = 0; j < b->n_outputs; j++) alone = alone && (j == i || u->targets[j]->buffer != source);
  if (in_place && alone && tn_plan_may_overwrite(b, source)) return source;
  int claimed = tn_plan_claimed(b, u->inst, i, source);
  bool alias = claimed >= 0 && b->buffers.at[claimed].alias >= 0;
  if (claimed >= 0 && (!alias || (in_place && alone))) return claimed;
  return tn_plan_new_temp(b, b->output_shapes[i]);
}

/* No leaf lies where the kernel writes. */
static bool leaves_apart(builder *b, const update *u, const tn_lowered *lowered) {
  for (int i = 0; i < lowered->n_leaves; i++) {
    const tn_inst *leaf = lowered->leaves[i];
    if (leaf->op == TN_OP_CONSTANT) continue;
    if (u->inst->op == TN_OP_FUSION) leaf = u->inst->operands[leaf->attr.parameter.number];
    int buffer = tn_plan_value_of(b, leaf)->buffer;
    for (int o = 0; o < b->n_outputs; o++)
      if (buffer == b->outputs[o] || buffer == b->buffers.at[b->outputs[o]].alias) return false;
  }
  return true;
}

static bool lower(builder *b, const update *u, bool in_place, tn_lowered *lowered) {
  for (int i = 0; i < b->n_outputs; i++) b->outputs[i] = place_of(b, u, i, in_place);
  tn_group group = tn_plan_group(b, u->roots, u->inst->op == TN_OP_FUSION);
  group.in_place = true;
  group.shares = in_place && u->roots[0]->op != TN_OP_SCATTER;
  return tn_lower_group(&group, lowered);
}

static update open_update(builder *b, tn_inst *inst) {
  update u = {.inst = inst};
  u.roots = roots_of((tn_inst *const *)tn_arena_copy(b->arena, &inst, sizeof inst), &b->n_outputs);
  u.targets = TN_NEW_ARRAY(b->arena, tn_plan_value *, b->n_outputs);
  b->outputs = TN_NEW_ARRAY(b->arena, int, b->n_outputs);
  b->output_shapes = TN_NEW_ARRAY(b->arena, const tn_shape *, b->n_outputs);
  for (int i = 0; i < b->n_outputs; i++) {
    u.targets[i] = target_of(b, inst, u.roots[i], i);
    b->output_shapes[i] = tn_shape_without_layout(b->arena, u.targets[i]->shape);
    b->outputs[i] = u.targets[i]->buffer;
  }
  if (inst->op != TN_OP_FUSION) return u;
  const tn_comp *comp = inst->called[0];
  for (int i = 0; i < comp->parameters.count; i++)
    b->values[comp->parameters.at[i]->id] = tn_plan_value_of(b, inst->operands[i]);
  return u;
}

static const tn_inst *update_of(const tn_inst *root) {
  return root->operands[root->op == TN_OP_SCATTER ? n_scattered(root) + 1 : 1];
}

/* False, without a failure, where a fusion has to be taken apart. */
bool tn_plan_build_update(builder *b, tn_inst *inst) {
  update u = open_update(b, inst);
  tn_lowered lowered;
  bool is_empty = !tn_shape_elements(update_of(u.roots[0])->shape) || !tn_shape_elements(b->output_shapes[0]);
  if (is_empty) return tn_plan_set_outputs(b, inst), true;
  int buffers = b->buffers.count, temps = b->next_temp;
  bool ok = lower(b, &u, true, &lowered);
  if (ok && !(leaves_apart(b, &u, &lowered) && tn_kernel_is_apart(lowered.kernel))) {
    b->buffers.count = buffers; /* the operand is read at other elements: from where it was */
    b->next_temp = temps;
    ok = lower(b, &u, false, &lowered);
  }
  if (!ok) {
    b->buffers.count = buffers;
    b->next_temp = temps;
    if (inst->op == TN_OP_FUSION) return false;
    return tn_plan_unsupported(b, lowered.culprit ? lowered.culprit : inst);
  }
  for (int i = 0; i < b->n_outputs; i++)
    if (b->outputs[i] != u.targets[i]->buffer)
      tn_plan_copy_buffer(b, b->outputs[i], u.targets[i]->buffer, b->output_shapes[i]);
  tn_plan_set_outputs(b, inst);
  return tn_plan_run_kernel(b, inst, &lowered, inst->op == TN_OP_FUSION ? inst->operands : NULL);
}
