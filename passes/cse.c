/* Equal instructions are computed once.
 *
 *   a = f32[8] exponential(x)
 *   b = f32[8] exponential(x)
 *   c = f32[8] add(a, b)
 *  =>
 *   a = f32[8] exponential(x)
 *   c = f32[8] add(a, a)
 *
 * Why: exporters write what they need where they need it; inlining and unrolling make copies.
 * Two instructions are equal where opcode, shape, layout, attributes, called computations and
 * operands are; operands of what commutes in either order (of the bits a NaN has nothing is
 * promised). Constants are compared by their bits. Keeps: whatever has effects, is random, is a
 * barrier, or has control edges; parameters; the first of the equal ones, with its location and
 * its annotations.
 *
 * Operands stand before their users, so one walk finds chains. Cost: linear: a hash of each
 * instruction (of large constants a few places alone), a comparison where hashes agree; data of
 * constants is read whole only where two are likely the same.
 *
 * Termination: each rewrite removes an instruction.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/control.h"
#include "passes/same.h"

typedef struct {
  uint64_t hash;
  tn_inst *inst; /* NULL: free */
} slot;

typedef struct {
  slot *at;
  uint64_t mask;
} table;

static table make_table(const tn_comp *comp, tn_arena *scratch) {
  uint64_t size = 16;
  while (size < 2 * (uint64_t)comp->n_insts) size *= 2;
  return (table){TN_NEW_ARRAY(scratch, slot, size), size - 1};
}

static bool is_swapped_first(const tn_inst *inst) {
  return tn_op_is(inst->op, TN_OP_COMMUTES) && inst->n_operands == 2 &&
         inst->operands[0]->id > inst->operands[1]->id;
}

static uint64_t hash_of(const tn_inst *inst) {
  uint64_t hash = tn_inst_hash(inst);
  bool swap = is_swapped_first(inst);
  for (int i = 0; i < inst->n_operands; i++)
    hash = tn_hash_mix(hash, (uint64_t)inst->operands[swap ? 1 - i : i]->id);
  for (int i = 0; i < inst->n_called; i++) hash = tn_hash_mix(hash, (uint64_t)inst->called[i]->id);
  return hash;
}

static bool is_equal(const tn_inst *a, const tn_inst *b) {
  if (a->op != b->op || a->n_operands != b->n_operands) return false;
  bool swap = is_swapped_first(a) != is_swapped_first(b);
  for (int i = 0; i < a->n_operands; i++)
    if (a->operands[i] != b->operands[swap ? 1 - i : i]) return false;
  if (!tn_inst_does_same(a, b)) return false;
  for (int i = 0; i < a->n_called; i++)
    if (a->called[i] != b->called[i]) return false;
  return true;
}

static bool may_share(const tn_inst *inst, const tn_effects *effects) {
  return inst->op != TN_OP_PARAMETER && tn_inst_is_function(inst) && tn_rewrite_is_free_to_move(inst) &&
         !tn_inst_effects(inst, effects);
}

/* The first that is equal, or NULL: then `inst` is entered. */
static tn_inst *find_or_enter(const table *seen, tn_inst *inst) {
  uint64_t hash = hash_of(inst), at = hash & seen->mask;
  for (; seen->at[at].inst; at = (at + 1) & seen->mask)
    if (seen->at[at].hash == hash && is_equal(seen->at[at].inst, inst)) return seen->at[at].inst;
  seen->at[at] = (slot){hash, inst};
  return NULL;
}

static bool share_in(tn_comp *comp, tn_pass_context *context, const tn_effects *effects) {
  table seen = make_table(comp, context->scratch);
  bool changed = false;
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (!may_share(inst, effects)) continue;
    tn_inst *first = find_or_enter(&seen, inst);
    if (!first || !tn_pass_spend(context)) continue;
    tn_inst_replace_uses(inst, first);
    tn_inst_remove(inst);
    changed = true;
  }
  return changed;
}

bool tn_pass_cse(tn_module *module, tn_pass_context *context) {
  tn_effects effects = tn_find_effects(module, context->scratch);
  bool changed = false;
  TN_FOR_EACH_COMP(module, comp) changed |= share_in(comp, context, &effects);
  return changed;
}
