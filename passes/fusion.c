/* Fusion: instructions that make one kernel become one `fusion` instruction.
 *
 *   d = f32[64,1536] dot(x, w), …
 *   b = f32[64,1536] broadcast(bias), dimensions={1}
 *   a = f32[64,1536] add(d, b)
 *  =>
 *   a = f32[64,1536] fusion(x, w, bias), kind=kOutput, calls={ dot, broadcast, add }
 *
 * What may be together is what codegen/plan lowers to one tree of loops:
 *
 *   - the chain of elementwise operations behind a dot, convolution or window, as long
 *     as one value alone leaves it, or few that are stored anyway; reshapes and transposes
 *     on its way change where it is stored;
 *   - reductions over the same dims of operands of the same shape, with everything
 *     between them, and what they are broadcast back into: softmax, layer norm, RMS
 *     norm, L2 norm;
 *   - a reduction of several operands alone, such as arg-max;
 *   - two dots with a softmax between them: attention (fusion_attention.c);
 *   - elementwise and movement producers, at the index where they are used: always by
 *     one user, by several where computing again costs less than storing and loading;
 *   - what has the same loops and reads the same, each result stored.
 *
 * The model that decides counts operations computed again, elements read and written, and
 * kernels started (fusion_inline.c), and bounds code written out, values held in registers
 * and results that live longer (fusion_join.c).
 *
 * But for attention, a contraction never reads what has to be computed, only what has to
 * be converted or is found at another index: it would compute it again for each tile; and
 * no group holds two contractions. Why: a value that stays in registers costs nothing to
 * store, and a kernel less to start. Keeps: every value; order of sums; metadata of the root (or of
 * the heaviest operation, where the root has none). Cost: O(instructions), and a search
 * of at most TN_LARGEST_GROUP instructions around each reduction and contraction.
 *
 * After: Li et al., "FusionStitching" (2020), for rows; the rest is the usual producer-
 * consumer fusion, decided by a count of the elements computed and moved.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/fusion.h"

tn_node *tn_fuser_node(const tn_fuser *f, const tn_inst *inst) { return &f->nodes[f->positions[inst->id]]; }

const tn_membership *tn_fuser_membership(const tn_fuser *f, const tn_inst *inst, int group) {
  const tn_node *node = tn_fuser_node(f, inst);
  for (int i = 0; i < node->in.count; i++)
    if (node->in.at[i].group == group) return &node->in.at[i];
  return NULL;
}

void tn_fuser_join(tn_fuser *f, tn_inst *inst, tn_membership in) {
  TN_PUSH(f->scratch, &tn_fuser_node(f, inst)->in, in);
  f->groups.at[in.group].size += in.sites;
}

int tn_fuser_open(tn_fuser *f, tn_fused_kind kind, tn_inst *root, tn_inst *hero) {
  TN_PUSH(f->scratch, &f->groups, ((tn_group_plan){.kind = kind, .root = root, .hero = hero}));
  tn_fuser_node(f, root)->is_root = true;
  const tn_shape *shape = tn_shape_is_tuple(root->shape) ? root->shape->elements[0] : root->shape;
  double count = (double)tn_shape_elements(shape);
  tn_fuser_join(f, root, (tn_membership){f->groups.count - 1, TN_PLACE_STORE, count, 1});
  return f->groups.count - 1;
}

void tn_fuser_add_root(tn_fuser *f, int group, tn_inst *root) {
  tn_fuser_node(f, root)->is_root = true;
  TN_PUSH(f->scratch, &f->groups.at[group].more, root);
  double count = (double)tn_shape_elements(root->shape);
  if (!tn_fuser_membership(f, root, group))
    tn_fuser_join(f, root, (tn_membership){group, TN_PLACE_STORE, count, 1});
}

/* ---- what may be fused ---- */

static bool is_native(tn_type type) {
  return type == TN_PRED || tn_type_is_float(type) || tn_type_is_integer(type) || tn_type_is_complex(type);
}

bool tn_fusible_array(const tn_inst *inst) {
  return tn_shape_is_plain(inst->shape) && is_native(inst->shape->type) && tn_shape_elements(inst->shape) > 0;
}

static bool are_native(const tn_inst *inst) {
  if (!tn_fusible_array(inst) || !tn_rewrite_is_free_to_move(inst)) return false;
  for (int i = 0; i < inst->n_operands; i++)
    if (!tn_fusible_array(inst->operands[i])) return false;
  return true;
}

bool tn_fusible_elementwise(const tn_inst *inst) {
  return tn_op_is(inst->op, TN_OP_ELEMENTWISE) && are_native(inst);
}

static bool is_movement(tn_op op) {
  return op == TN_OP_BROADCAST || op == TN_OP_IOTA || op == TN_OP_RESHAPE || op == TN_OP_TRANSPOSE ||
         op == TN_OP_SLICE || op == TN_OP_REVERSE || op == TN_OP_COPY || op == TN_OP_PAD ||
         op == TN_OP_CONCATENATE || op == TN_OP_GATHER || op == TN_OP_DYNAMIC_SLICE;
}

/* Between widths of whole bytes it is another view of memory: nothing to fuse. */
static bool is_bits(const tn_inst *inst) {
  if (inst->op != TN_OP_BITCAST_CONVERT) return false;
  int to = tn_type_bits(inst->shape->type), from = tn_type_bits(inst->operands[0]->shape->type);
  return to == from || (to < 8 && to < from);
}

/* Of products alone: they decode where they multiply. */
static bool is_decoded(const tn_inst *inst) {
  if (inst->op != TN_OP_DECODE || !tn_rewrite_is_free_to_move(inst)) return false;
  for (int i = 0; i < inst->users.count; i++) {
    const tn_inst *user = inst->users.at[i];
    if (user->op != TN_OP_DOT || user->operands[0] == inst) return false;
  }
  return inst->users.count > 0;
}

bool tn_fusible(const tn_inst *inst) {
  if (inst->op == TN_OP_DECODE) return is_decoded(inst);
  return tn_fusible_elementwise(inst) || ((is_movement(inst->op) || is_bits(inst)) && are_native(inst));
}

bool tn_fusible_constant(const tn_inst *inst) {
  return inst->op == TN_OP_CONSTANT && tn_fusible_array(inst) && tn_shape_elements(inst->shape) == 1;
}

/* Computed by elementwise operations on what others compute: a chain of two at least. */
static bool is_chain(const tn_fuser *f, const tn_inst *inst, int length) {
  while (inst->op == TN_OP_RESHAPE || (length == 1 && is_movement(inst->op) && inst->n_operands))
    inst = inst->operands[0];
  if (tn_fuser_node(f, inst)->is_root || !tn_fusible_elementwise(inst)) return false;
  for (int i = 0; i < inst->n_operands && length < 2; i++)
    if (is_chain(f, inst->operands[i], length + 1)) return true;
  return length == 2;
}

bool tn_fusible_parts(const tn_fuser *f, const tn_inst *inst) {
  if (inst->op != TN_OP_CONCATENATE || !tn_fusible(inst)) return false;
  for (int i = 0; i < inst->n_operands; i++) {
    const tn_inst *part = inst->operands[i];
    if (!tn_shape_same_dims(part->shape, inst->operands[0]->shape)) return false;
    while (part->op == TN_OP_RESHAPE) part = part->operands[0];
    if (!tn_fusible_parts(f, part) && !is_chain(f, part, 1)) return false;
  }
  return true;
}

double tn_fusion_work(const tn_inst *inst) {
  if (!tn_op_is(inst->op, TN_OP_ELEMENTWISE)) return 0;
  if (inst->op == TN_OP_CONVERT) return 0.5; /* most are part of a load */
  if (inst->op == TN_OP_DIVIDE || inst->op == TN_OP_SQRT || inst->op == TN_OP_RSQRT ||
      inst->op == TN_OP_REMAINDER)
    return 5;
  if (tn_ops[inst->op].attributes == TN_ATTR_ACCURACY || inst->op == TN_OP_POWER || inst->op == TN_OP_ATAN2)
    return 15;
  return 1;
}

/* ---- the pass ---- */

/* At positions, operands stand before users. */
static void number_nodes(tn_fuser *f) {
  tn_inst **order;
  f->n_nodes = tn_comp_post_order(f->comp, f->scratch, &order);
  f->nodes = TN_NEW_ARRAY(f->scratch, tn_node, f->n_nodes);
  f->in_set = TN_NEW_ARRAY(f->scratch, int, f->n_nodes);
  f->seen = TN_NEW_ARRAY(f->scratch, int, f->n_nodes);
  f->reach = TN_NEW_ARRAY(f->scratch, int, f->n_nodes);
  for (int i = 0; i < f->n_nodes; i++) {
    f->nodes[i].inst = order[i];
    f->positions[order[i]->id] = f->reach[i] = i;
  }
}

static bool fuse_comp(tn_comp *comp, tn_pass_context *context, int *positions) {
  tn_fuser f = {.context = context, .scratch = context->scratch, .comp = comp, .positions = positions};
  number_nodes(&f);
  tn_fusion_claim(&f);
  tn_fusion_inline(&f);
  tn_fusion_join(&f);
  return tn_fusion_build(&f);
}

bool tn_pass_fusion(tn_module *module, tn_pass_context *context) {
  int *positions = TN_NEW_ARRAY(context->scratch, int, module->next_id);
  TN_VEC(tn_comp *) comps = {0}; /* fusing adds computations */
  TN_FOR_EACH_COMP(module, comp)
  if (tn_comp_is_sequence(comp)) TN_PUSH(context->scratch, &comps, comp);
  bool changed = false;
  for (int i = 0; i < comps.count; i++) changed |= fuse_comp(comps.at[i], context, positions);
  return changed;
}
