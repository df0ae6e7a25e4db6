/* Short loops become their turns.
 *
 *   w = (s32[], f32[4]) while(t), condition=below_3, body=body
 *  =>
 *   body's instructions on t; again on what they gave; and again
 *
 * Why: the counter becomes a constant in each turn, so indices fold, slices become static, and
 * turns fuse with each other and with what stands around them. Where: the number of turns is known
 * (trip_count.c), and all of them together are few instructions, most of which fuse: a turn with
 * contractions runs no faster for being written out, and takes a kernel each time. -O2, because
 * code grows. With a systolic array, a loop around products that it multiplies is written out as far as
 * MOST_ARRAY_TURNS: control flow is the host's, and each turn would go there and back. Loops within go first, so
 * that what they grew to counts. Keeps: values; effects of the body, in order; loops with calls of what has
 * effects in their test stay.
 *
 * Cost: the instructions that are copied, MOST_INSTRUCTIONS for a loop, MOST_COPIED in all.
 *
 * Termination: each rewrite removes a loop and copies no loops but those inside, which were not
 * unrolled for their size, and will not be.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/control.h"

enum {
  MOST_TURNS = 16,
  MOST_INSTRUCTIONS = 192, /* of all turns of a loop, */
  MOST_KERNELS = 8,        /* and of those the ones that no kernel takes along */
  MOST_COPIED = 1 << 14,   /* of all loops of the module, in one run of the pass */
  MOST_ARRAY_TURNS = 128,
  MOST_ARRAY_INSTRUCTIONS = 8192
};

typedef struct {
  int64_t instructions, kernels;
} size;

static bool is_taken_along(const tn_inst *inst) {
  return tn_op_is(inst->op, TN_OP_ELEMENTWISE) || inst->op == TN_OP_BROADCAST || inst->op == TN_OP_IOTA ||
         inst->op == TN_OP_RESHAPE || inst->op == TN_OP_SLICE || inst->op == TN_OP_DYNAMIC_SLICE ||
         inst->op == TN_OP_TRANSPOSE || inst->op == TN_OP_REVERSE || inst->op == TN_OP_PAD ||
         inst->op == TN_OP_BITCAST_CONVERT || inst->op == TN_OP_COPY;
}

/* What a turn takes: parameters, elements, tuples and constants are nothing by the time. */
static size size_of(const tn_comp *comp) {
  size s = {0, 0};
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (tn_op_is(inst->op, TN_OP_FREE) || inst->op == TN_OP_PARAMETER || inst->op == TN_OP_CONSTANT) continue;
    s.instructions++;
    s.kernels += !is_taken_along(inst);
    bool is_sequence = inst->op == TN_OP_WHILE || inst->op == TN_OP_CONDITIONAL || inst->op == TN_OP_CALL;
    for (int i = 0; is_sequence && i < inst->n_called; i++) {
      size inner = size_of(inst->called[i]);
      s.instructions += inner.instructions;
      s.kernels += 1 + inner.kernels;
    }
    if (s.instructions > MOST_INSTRUCTIONS) return s;
  }
  return s;
}

/* Does the array multiply what a product in there multiplies? */
static bool has_array_product(const tn_comp *comp, const tn_systolic_target *array) {
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (inst->op != TN_OP_DOT && inst->op != TN_OP_CONVOLUTION) continue;
    if (tn_systolic_find_type(array, inst->operands[0]->shape->type, inst->operands[1]->shape->type))
      return true;
  }
  return false;
}

static bool is_short(const tn_loop *loop, int64_t turns, const tn_systolic_target *array, int64_t *all) {
  size turn = size_of(loop->body);
  *all = turns * turn.instructions;
  if (array && has_array_product(loop->body, array))
    return turns <= MOST_ARRAY_TURNS && *all <= MOST_ARRAY_INSTRUCTIONS;
  return turns <= MOST_TURNS && *all <= MOST_INSTRUCTIONS && turns * turn.kernels <= MOST_KERNELS;
}

static bool unroll(tn_inst *inst, tn_pass_context *context, const tn_effects *effects, int64_t *copied) {
  tn_loop loop;
  int64_t turns, all;
  if (!tn_loop_open(inst, &loop) || tn_comp_effects(loop.test, effects)) return false;
  if (!tn_loop_turns(&loop, &turns) || !is_short(&loop, turns, context->array, &all)) return false;
  if (*copied + all > MOST_COPIED) return false;
  if (!tn_rewrite_stands_for(loop.next, inst) || !tn_pass_spend(context)) return false;
  *copied += all;
  tn_inst *state = loop.initial;
  for (int64_t i = 0; i < turns; i++) state = tn_comp_copy_into(inst, loop.body, &state, context->scratch);
  tn_rewrite_replace(inst, state);
  return true;
}

bool tn_pass_while_unroll(tn_module *module, tn_pass_context *context) {
  if (!tn_pass_finds(context, TN_OP_WHILE)) return false;
  tn_effects effects = tn_find_effects(module, context->scratch);
  int64_t copied = 0;
  bool changed = false;
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) changed |= unroll(inst, context, &effects, &copied);
  return changed;
}
