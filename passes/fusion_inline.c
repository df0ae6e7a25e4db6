/* Producers into consumers, and groups of their own for what is left.
 *
 * Users are decided before their operands, so that the groups an instruction could be
 * computed in are known. It is computed in all of them, or stored once; which of the two
 * is a count of element operations and memory accesses:
 *
 *   stored    n·(work + loads + 1) + Σ reads + the cost of a kernel
 *   inlined   Σ computed·(work + loads)
 *
 * A broadcast on the way to a user multiplies what is computed: a mask of [64] that
 * reaches [12,64,64] is stored, if there is work to do for it.
 *
 * What is read at several indices is written into the kernel's code for each, and so are
 * its operands: a prefix sum of strided slices would double with every level. A group is
 * full when the sites of its members are many, not its members.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/fusion.h"

enum { KERNEL = 3000 }; /* element operations that starting a kernel is worth */

/* The groups that the instruction would be computed in. */
typedef struct {
  tn_membership *at;
  int count;
} targets;

/* ---- one use ---- */

/* The parts that `user`, one of the group, puts together are stored each in its place. */
static bool joins_parts(const tn_fuser *f, const tn_inst *user, int group) {
  const tn_inst *root = f->groups.at[group].root;
  if (!f->groups.at[group].parts) return false;
  for (; user != root; user = user->users.at[0]) {
    bool passes = user->op == TN_OP_RESHAPE || user->op == TN_OP_CONCATENATE;
    if (!passes || user->users.count != 1) return false;
  }
  return true;
}

static double window_size(const tn_inst *inst) {
  double size = 1;
  for (int i = 0; i < inst->attr.window.window.count; i++)
    size *= (double)inst->attr.window.window.at[i].size;
  return size;
}

/* Where operand `slot` of `user`, which is in a group, would be computed, and how often. */
static bool place_of(const tn_fuser *f, const tn_inst *user, int slot, const tn_membership *in,
                     tn_membership *t) {
  *t = *in;
  if (user->op == TN_OP_CONCATENATE && joins_parts(f, user, in->group)) {
    t->count = (double)tn_shape_elements(user->operands[slot]->shape);
    return true;
  }
  if (user->op == TN_OP_DOT || user->op == TN_OP_CONVOLUTION) {
    t->place = TN_PLACE_OPERAND;
    t->count = (double)tn_shape_elements(user->operands[slot]->shape);
    return true;
  }
  if (user->op == TN_OP_REDUCE || user->op == TN_OP_REDUCE_WINDOW) {
    if (slot >= user->n_operands / 2) return false; /* initial values are constants */
    bool window = user->op == TN_OP_REDUCE_WINDOW;
    t->count =
        window ? in->count * window_size(user) : (double)tn_shape_elements(user->operands[slot]->shape);
    return true;
  }
  if (user->op == TN_OP_DYNAMIC_UPDATE_SLICE) { /* what is written over is in memory */
    t->count = slot == 1 ? (double)tn_shape_elements(user->operands[1]->shape) : 1;
    return slot > 0;
  }
  if (user->op == TN_OP_SCATTER) { /* indices are looked at by every part of the features */
    t->count = (double)tn_shape_elements(user->operands[slot]->shape);
    return slot > (user->n_operands - 1) / 2;
  }
  if (slot > 0 && (user->op == TN_OP_DYNAMIC_SLICE || user->op == TN_OP_GATHER)) {
    t->place = TN_PLACE_STORE; /* once for each place that is looked up, where that is known */
    t->count = (double)tn_shape_elements(user->operands[slot]->shape);
    return true;
  }
  if (user->op == TN_OP_PAD || user->op == TN_OP_CONCATENATE) {
    if (t->place < TN_PLACE_GUARDED) t->place = TN_PLACE_GUARDED;
    return user->op != TN_OP_PAD || slot == 0;
  }
  return true;
}

/* A row of a larger array, found at run time, is read where it lies: an input of one step of
 * a cell. A matrix may have to be packed, which would be done to all of the array.        */
static bool is_row_at(const tn_inst *inst) {
  if (inst->op != TN_OP_DYNAMIC_SLICE) return false;
  int64_t largest = 1;
  for (int d = 0; d < inst->shape->rank; d++)
    if (inst->shape->dims[d] > largest) largest = inst->shape->dims[d];
  return largest == tn_shape_elements(inst->shape);
}

/* What may be computed in such a place. */
static bool fits(const tn_inst *inst, tn_fused_place place) {
  bool widens = inst->op == TN_OP_CONVERT && inst->n_operands == 1 &&
                tn_type_bytes(inst->operands[0]->shape->type) <= tn_type_bytes(inst->shape->type);
  switch (place) {
  case TN_PLACE_STORE: return true;
  case TN_PLACE_GUARDED: return tn_fusion_work(inst) <= 1;
  case TN_PLACE_OPERAND:
    return widens || inst->op == TN_OP_DECODE || inst->op == TN_OP_TRANSPOSE || inst->op == TN_OP_SLICE ||
           inst->op == TN_OP_RESHAPE || is_row_at(inst);
  }
  return false;
}

/* ---- updates in place ---- */

static const tn_inst *renamed(const tn_inst *inst) {
  while (inst->op == TN_OP_RESHAPE || inst->op == TN_OP_BITCAST) inst = inst->operands[0];
  return inst;
}

/* The elements that the update writes. */
static bool reads_same_slice(const tn_inst *inst, const tn_inst *update) {
  if (inst->op != TN_OP_DYNAMIC_SLICE || inst->operands[0] != update->operands[0]) return false;
  if (!tn_shape_same_dims(inst->shape, update->operands[1]->shape)) return false;
  if (inst->n_operands + 1 != update->n_operands) return false;
  for (int i = 1; i < inst->n_operands; i++)
    if (inst->operands[i] != update->operands[i + 1]) return false;
  return true;
}

/* Would `inst`, computed while the update is written, read what that writes over? Then it
 * would have to be copied. */
static bool reads_target(const tn_inst *inst, const tn_inst *update) {
  if (update->op == TN_OP_SCATTER)
    for (int i = 0; i < inst->n_operands; i++)
      for (int k = 0; k < (update->n_operands - 1) / 2; k++)
        if (renamed(inst->operands[i]) == renamed(update->operands[k])) return true;
  if (update->op != TN_OP_DYNAMIC_UPDATE_SLICE || reads_same_slice(inst, update)) return false;
  for (int i = 0; i < inst->n_operands; i++)
    if (renamed(inst->operands[i]) == renamed(update->operands[0])) return true;
  return false;
}

/* ---- all uses ---- */

/* Does `user` read its operand at an index of its own? A producer of two slices and a pad
 * is written out three times, one of two additions at the same index once.            */
static bool reads_elsewhere(const tn_inst *user) {
  return user->op == TN_OP_SLICE || user->op == TN_OP_PAD || user->op == TN_OP_CONCATENATE ||
         user->op == TN_OP_REVERSE || user->op == TN_OP_DYNAMIC_SLICE || user->op == TN_OP_GATHER;
}

static void add_target(targets *all, tn_membership t, bool elsewhere) {
  for (int i = 0; i < all->count; i++) {
    tn_membership *known = &all->at[i];
    if (known->group != t.group) continue;
    if (elsewhere)
      known->sites += t.sites;
    else if (t.sites > known->sites)
      known->sites = t.sites;
    if (t.count > known->count) known->count = t.count;
    if (t.place > known->place) known->place = t.place;
    return;
  }
  all->at[all->count++] = t;
}

/* A number that each element is: it needs no room in a group, wherever it is written. */
static bool is_number(const tn_inst *inst) {
  return inst->op == TN_OP_BROADCAST && tn_fusible_constant(inst->operands[0]);
}

static int count_uses(const tn_fuser *f, const tn_inst *inst) {
  int count = 0;
  for (int i = 0; i < inst->users.count; i++) count += tn_fuser_node(f, inst->users.at[i])->in.count;
  return count;
}

/* Every group that needs `inst`; false if somebody needs it in memory. */
static bool find_targets(const tn_fuser *f, const tn_inst *inst, targets *all) {
  *all = (targets){TN_NEW_ARRAY(f->scratch, tn_membership, count_uses(f, inst)), 0};
  if (inst == f->comp->root || inst->users.count == 0) return false;
  for (int i = 0; i < inst->users.count; i++) {
    const tn_inst *user = inst->users.at[i];
    const tn_node *node = tn_fuser_node(f, user);
    if (!node->in.count) return false;
    for (int g = 0; g < node->in.count; g++)
      if (reads_target(inst, f->groups.at[node->in.at[g].group].root)) return false;
    for (int g = 0; g < node->in.count; g++)
      for (int slot = 0; slot < user->n_operands; slot++) {
        tn_membership t;
        if (user->operands[slot] != inst) continue;
        if (!place_of(f, user, slot, &node->in.at[g], &t) || !fits(inst, t.place)) return false;
        add_target(all, t, reads_elsewhere(user));
      }
  }
  for (int i = 0; i < all->count && is_number(inst); i++) all->at[i].sites = 0;
  for (int i = 0; i < all->count && !is_number(inst); i++) {
    const tn_group_plan *group = &f->groups.at[all->at[i].group];
    int largest = group->kind == TN_FUSED_LOOP ? TN_LARGEST_LOOP : TN_LARGEST_GROUP;
    if (group->size + all->at[i].sites > largest) return false;
  }
  return true;
}

/* ---- the decision ---- */

/* Memory accesses that computing one element takes. */
static double loads_of(const tn_inst *inst) {
  double loads = 0;
  for (int i = 0; i < inst->n_operands; i++) {
    const tn_inst *operand = inst->operands[i];
    while (operand->op == TN_OP_BROADCAST || operand->op == TN_OP_RESHAPE) operand = operand->operands[0];
    if (operand->op == TN_OP_IOTA) continue;
    if (operand->op == TN_OP_CONSTANT && tn_shape_elements(operand->shape) == 1) continue;
    loads += (double)tn_type_bytes(operand->shape->type) / 4;
  }
  return loads;
}

static bool is_renaming(tn_op op) { return op == TN_OP_BROADCAST || op == TN_OP_RESHAPE || op == TN_OP_IOTA; }

static bool is_cheaper_inlined(const tn_fuser *f, const tn_inst *inst, const targets *all) {
  if (is_renaming(inst->op)) return true;
  if (inst->op == TN_OP_CONCATENATE && tn_fusible_parts(f, inst))
    return all->count == 1 && joins_parts(f, inst, all->at[0].group);
  double work = tn_fusion_work(inst), loads = loads_of(inst);
  double size = (double)tn_type_bytes(inst->shape->type) / 4, own = (double)tn_shape_elements(inst->shape);
  double stored = own * (work + loads + size) + KERNEL, inlined = 0;
  for (int i = 0; i < all->count; i++) {
    double count = all->at[i].count;
    /* A contraction reads its operands when it packs them, and then only. */
    if (all->at[i].place == TN_PLACE_OPERAND) count = own;
    stored += count * size;
    inlined += count * (work + loads);
  }
  if (all->count > 2 && work > 0 && inst->op != TN_OP_CONVERT && own > KERNEL) return false;
  return inlined <= stored;
}

/* What it updates is in memory: no constant that would be written into the kernel. */
static bool is_scatter(const tn_inst *inst) {
  if (inst->op != TN_OP_SCATTER || !tn_rewrite_is_free_to_move(inst)) return false;
  for (int i = 0; i < inst->n_operands; i++) {
    bool target = i < (inst->n_operands - 1) / 2;
    if (!tn_fusible_array(inst->operands[i]) || (target && tn_fusible_constant(inst->operands[i])))
      return false;
  }
  return true;
}

static void inline_or_open(tn_fuser *f, tn_inst *inst) {
  targets all;
  if (is_scatter(inst)) {
    tn_fuser_open(f, TN_FUSED_LOOP, inst, inst);
    return;
  }
  if (inst->op == TN_OP_DYNAMIC_UPDATE_SLICE && tn_fusible_array(inst)) {
    tn_fuser_open(f, TN_FUSED_LOOP, inst, inst);
    return;
  }
  if (!tn_fusible(inst)) return;
  if (find_targets(f, inst, &all) && is_cheaper_inlined(f, inst, &all)) {
    for (int i = 0; i < all.count; i++) tn_fuser_join(f, inst, all.at[i]);
  } else if (inst->op != TN_OP_RESHAPE &&
             inst->op != TN_OP_DECODE) { /* a reshape alone is only another name */
    bool parts = tn_fusible_parts(f, inst);
    int group = tn_fuser_open(f, TN_FUSED_LOOP, inst, inst);
    f->groups.at[group].parts = parts;
  }
}

void tn_fusion_inline(tn_fuser *f) {
  for (int i = f->n_nodes - 1; i >= 0; i--)
    if (!f->nodes[i].in.count) inline_or_open(f, f->nodes[i].inst);
}
