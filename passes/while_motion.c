/* What is the same in every turn of a loop leaves it.
 *
 *   body { s = (s32[], f32[8,8], f32[8]) parameter(0)      element 1 is handed through
 *          w = get-tuple-element(s), index=1
 *          e = f32[8,8] exponential(w) …  ROOT n = tuple(i + 1, w, dot(e, y)) }
 *  =>
 *   e' = f32[8,8] exponential(w0); the state gets a fourth element, e', and the body reads that
 *
 * Three rules:
 *   forward  An element that no turn changes is what it was at the start: behind the loop its
 *            initial value is read instead.
 *   sink     Where that is a constant (an iota, a constant spread out), test and body have their
 *            own, so that bounds, indices and weights are constants for all other passes. The data
 *            of constants is shared.
 *   hoist    What the body computes from such elements and constants alone is computed before the
 *            loop and carried. Only what is dear (a function, a reduction, a contraction, data
 *            moved out of order), or cheap and small but no scalar: a kernel computes cheap things
 *            on its way. Nothing larger than what it is made of, unless it is a contraction or the
 *            like: what was spread out inside is not stored outside. Where the loop may not turn
 *            at all, only what is little work; never, then, what may not end.
 *
 * Keeps: values, effects, control edges. Broadcasts, iotas and constants are never hoisted, so
 * that nothing sinks again. Cost: linear in test and body.
 *
 * Termination: forward and sink lower the number of reads of elements that never change; hoist
 * that of instructions in the body that depend on nothing which does.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/control.h"
#include "passes/dims.h"
#include "passes/same.h"

enum {
  SMALL = 64,                /* elements of what may be larger than what it is made of */
  MOST_CHEAP = 4096,         /* elements of cheap things that are carried */
  MOST_FOR_NOTHING = 1 << 16 /* elements of what is computed for a loop that may not turn */
};

/* ---- elements that no turn changes ---- */

static bool forward(tn_loop *loop, int element, tn_pass_context *context) {
  bool changed = false;
  context->rule = "forward";
  for (int i = loop->loop->users.count - 1; i >= 0; i--) {
    tn_inst *user = loop->loop->users.at[i];
    if (user->op != TN_OP_GET_TUPLE_ELEMENT || user->attr.index.index != element) continue;
    bool is_read = user->users.count > 0 || user == user->parent->root;
    if (!is_read || !tn_rewrite_is_free_to_move(user)) continue;
    tn_inst *value = tn_element_of(loop->initial, element, loop->loop);
    if (!tn_rewrite_stands_for(value, user) || !tn_pass_spend(context)) {
      tn_drop_unused(value);
      continue;
    }
    tn_inst_replace_uses(user, value);
    tn_inst_remove(user);
    changed = true;
  }
  return changed;
}

/* A copy of what is constant wherever it stands, at the start of `comp`. */
static bool is_constant_anywhere(const tn_inst *inst) {
  if (!tn_shape_is_plain(inst->shape) || !tn_rewrite_is_free_to_move(inst)) return false;
  if (inst->op == TN_OP_BROADCAST) inst = inst->operands[0];
  return inst->op == TN_OP_CONSTANT || inst->op == TN_OP_IOTA;
}

static tn_inst *copy_constant(tn_inst *before, const tn_inst *inst) {
  tn_inst *operand = inst->n_operands ? copy_constant(before, inst->operands[0]) : NULL;
  return tn_inst_clone(before->parent, before, inst, inst->shape, inst->n_operands, &operand);
}

/* The body hands it on: that use stays. */
static bool has_other_use(const tn_inst *read, const tn_loop *loop) {
  for (int i = 0; i < read->users.count; i++)
    if (read->users.at[i] != loop->next) return true;
  return false;
}

static void sink_into(const tn_inst *state, const tn_loop *loop, int element, const tn_inst *value) {
  for (int k = state->users.count - 1; k >= 0; k--) {
    tn_inst *read = state->users.at[k];
    if (read->attr.index.index != element || !has_other_use(read, loop)) continue;
    tn_inst *copy = copy_constant(read, value);
    for (int i = read->users.count - 1; i >= 0; i--)
      if (read->users.at[i] != loop->next)
        tn_inst_set_operand(read->users.at[i], tn_inst_user_slots(read)[i], copy);
  }
}

static bool is_read_inside(const tn_loop *loop, int element) {
  const tn_inst *states[] = {loop->test_state, loop->state};
  for (int s = 0; s < 2; s++)
    for (int i = 0; i < states[s]->users.count; i++) {
      const tn_inst *read = states[s]->users.at[i];
      if (read->attr.index.index == element && has_other_use(read, loop)) return true;
    }
  return false;
}

static bool sink(tn_loop *loop, int element, tn_pass_context *context) {
  if (loop->initial->op != TN_OP_TUPLE) return false;
  const tn_inst *value = loop->initial->operands[element];
  context->rule = "sink";
  if (!is_constant_anywhere(value) || !is_read_inside(loop, element)) return false;
  if (!tn_shape_identical(value->shape, loop->state->shape->elements[element]) || !tn_pass_spend(context))
    return false;
  tn_loop_own(loop);
  sink_into(loop->test_state, loop, element, value);
  sink_into(loop->state, loop, element, value);
  return true;
}

static bool replace_kept(tn_inst *inst, tn_pass_context *context) {
  tn_loop loop;
  bool changed = false;
  if (!tn_loop_open(inst, &loop)) return false;
  for (int i = 0; i < loop.count; i++) {
    if (!tn_loop_keeps(&loop, i)) continue;
    changed |= forward(&loop, i, context);
    changed |= sink(&loop, i, context);
  }
  return changed;
}

/* ---- instructions that compute the same in every turn ---- */

typedef enum { NOTHING, CHEAP, DEAR, HEAVY } effort;

/* Elementwise operations without a row are cheap, or dear where hardware has no instruction. */
static const effort efforts[TN_OP_COUNT] = {
    [TN_OP_ATAN2] = DEAR,
    [TN_OP_BITCAST_CONVERT] = CHEAP,
    [TN_OP_CALL] = HEAVY,
    [TN_OP_CHOLESKY] = HEAVY,
    [TN_OP_CONCATENATE] = CHEAP,
    [TN_OP_CONDITIONAL] = HEAVY,
    [TN_OP_CONVOLUTION] = HEAVY,
    [TN_OP_COPY] = CHEAP,
    [TN_OP_DEQUANTIZE] = CHEAP,
    [TN_OP_DIVIDE] = DEAR,
    [TN_OP_DOT] = HEAVY,
    [TN_OP_DYNAMIC_SLICE] = CHEAP,
    [TN_OP_DYNAMIC_UPDATE_SLICE] = DEAR,
    [TN_OP_FFT] = HEAVY,
    [TN_OP_FUSION] = HEAVY,
    [TN_OP_GATHER] = DEAR,
    [TN_OP_MAP] = HEAVY,
    [TN_OP_PAD] = CHEAP,
    [TN_OP_POWER] = DEAR,
    [TN_OP_QUANTIZE] = DEAR,
    [TN_OP_RAGGED_DOT] = HEAVY,
    [TN_OP_REDUCE] = DEAR,
    [TN_OP_REDUCE_WINDOW] = HEAVY,
    [TN_OP_REMAINDER] = DEAR,
    [TN_OP_REVERSE] = CHEAP,
    [TN_OP_RNG_BIT_GENERATOR] = HEAVY,
    [TN_OP_SCALED_DOT] = HEAVY,
    [TN_OP_SCAN] = HEAVY,
    [TN_OP_SCATTER] = HEAVY,
    [TN_OP_SELECT_AND_SCATTER] = HEAVY,
    [TN_OP_SLICE] = CHEAP,
    [TN_OP_SORT] = HEAVY,
    [TN_OP_TOPK] = HEAVY,
    [TN_OP_TRANSPOSE] = DEAR,
    [TN_OP_TRIANGULAR_SOLVE] = HEAVY,
    [TN_OP_WHILE] = HEAVY,
};

static effort effort_of(const tn_inst *inst) {
  if (efforts[inst->op] != NOTHING || !tn_op_is(inst->op, TN_OP_ELEMENTWISE)) return efforts[inst->op];
  return tn_ops[inst->op].attributes == TN_ATTR_ACCURACY ? DEAR : CHEAP;
}

typedef struct {
  bool fixed;     /* the same in every turn */
  bool wanted;    /* by something that stays in the body */
  bool outside;   /* is computed before the loop */
  effort effort;  /* of it and what it is made of */
  int64_t work;   /* elements, of both */
  int64_t source; /* elements of the largest value that it is made of */
  tn_inst *copy;  /* before the loop */
} finding;

typedef struct {
  tn_loop loop;
  tn_pass_context *context;
  const tn_effects *effects;
  finding *at; /* by id, from `first` */
  int first;
  bool turns; /* at least once */
  TN_VEC(tn_inst *) carried;
} hoister;

static finding *of(const hoister *h, const tn_inst *inst) { return &h->at[inst->id - h->first]; }

static int64_t elements_of(const tn_inst *inst) {
  return tn_shape_is_array(inst->shape) ? tn_shape_elements(inst->shape) : 0;
}

static bool is_kept_element(const tn_loop *loop, const tn_inst *inst) {
  return inst->op == TN_OP_GET_TUPLE_ELEMENT && inst->operands[0] == loop->state &&
         tn_loop_keeps(loop, (int)inst->attr.index.index);
}

static bool computes_the_same(const hoister *h, const tn_inst *inst) {
  if (inst->op == TN_OP_PARAMETER || !tn_inst_is_function(inst) || !tn_rewrite_is_free_to_move(inst) ||
      tn_inst_effects(inst, h->effects))
    return false;
  for (int i = 0; i < inst->n_operands; i++)
    if (!of(h, inst->operands[i])->fixed) return false;
  return inst != h->loop.next;
}

static void look_at(hoister *h, const tn_inst *inst) {
  finding *f = of(h, inst);
  int64_t elements = elements_of(inst);
  if (is_kept_element(&h->loop, inst) || inst->op == TN_OP_CONSTANT) {
    *f = (finding){.fixed = true, .source = elements};
    return;
  }
  f->fixed = computes_the_same(h, inst);
  f->effort = effort_of(inst);
  f->work = elements;
  for (int i = 0; f->fixed && i < inst->n_operands; i++) {
    const finding *o = of(h, inst->operands[i]);
    if (o->effort > f->effort) f->effort = o->effort;
    if (o->source > f->source) f->source = o->source;
    f->work += o->work + (effort_of(inst) == DEAR ? elements_of(inst->operands[i]) : 0);
    if (f->work > INT32_MAX) f->work = INT32_MAX;
  }
}

static bool is_worth_carrying(const hoister *h, const tn_inst *inst) {
  const finding *f = of(h, inst);
  int64_t elements = elements_of(inst);
  if (!tn_shape_is_plain(inst->shape) || f->effort == NOTHING) return false;
  if (f->effort == CHEAP && (elements <= 1 || elements > MOST_CHEAP)) return false;
  if (effort_of(inst) != HEAVY && elements > f->source && elements > SMALL) return false;
  return h->turns || (f->effort != HEAVY && f->work <= MOST_FOR_NOTHING);
}

/* asking: for each whether it may be; else only whether there are any. */
static void choose(hoister *h, bool asking) {
  h->context->rule = "hoist";
  for (tn_inst *inst = h->loop.body->last; inst; inst = inst->prev) {
    finding *f = of(h, inst);
    bool carried = f->fixed && f->wanted && !is_kept_element(&h->loop, inst) && is_worth_carrying(h, inst) &&
                   (!asking || tn_pass_spend(h->context));
    if (carried) TN_PUSH(h->context->scratch, &h->carried, inst);
    f->outside = f->outside || carried;
    if (is_kept_element(&h->loop, inst)) continue;
    for (int i = 0; i < inst->n_operands; i++) {
      finding *o = of(h, inst->operands[i]);
      o->outside = o->outside || f->outside;
      o->wanted = o->wanted || !f->fixed || (f->wanted && !carried);
    }
  }
}

static void copy_outside(const hoister *h) {
  const tn_loop *loop = &h->loop;
  TN_FOR_EACH_IN_COMP(loop->body, inst) {
    finding *f = of(h, inst);
    if (!f->outside) continue;
    if (is_kept_element(loop, inst)) {
      f->copy = tn_element_of(loop->initial, (int)inst->attr.index.index, loop->loop);
      continue;
    }
    tn_inst **operands = TN_NEW_ARRAY(h->context->scratch, tn_inst *, inst->n_operands);
    for (int i = 0; i < inst->n_operands; i++) operands[i] = of(h, inst->operands[i])->copy;
    f->copy = tn_inst_clone(loop->loop->parent, loop->loop, inst, inst->shape, inst->n_operands, operands);
  }
}

/* What was chosen is read from the state from now on; dead code is left behind. */
static void carry(hoister *h) {
  int count = h->carried.count;
  tn_inst **values = TN_NEW_ARRAY(h->context->scratch, tn_inst *, count);
  tn_inst **inside = TN_NEW_ARRAY(h->context->scratch, tn_inst *, count);
  for (int i = 0; i < count; i++) values[i] = of(h, h->carried.at[i])->copy;
  tn_split_uses(h->loop.loop);
  tn_loop_extend(&h->loop, count, values, inside);
  for (int i = 0; i < count; i++) tn_inst_replace_uses(h->carried.at[i], inside[i]);
}

static void look(hoister *h) {
  const tn_comp *body = h->loop.body;
  int last = h->first = body->first->id;
  TN_FOR_EACH_IN_COMP(body, inst) {
    if (inst->id < h->first) h->first = inst->id;
    if (inst->id > last) last = inst->id;
  }
  h->at = TN_NEW_ARRAY(h->context->scratch, finding, last - h->first + 1);
  h->carried.count = 0;
  TN_FOR_EACH_IN_COMP(body, inst) look_at(h, inst);
}

static bool hoist(tn_inst *inst, tn_pass_context *context, const tn_effects *effects) {
  hoister h = {.context = context, .effects = effects};
  int64_t turns;
  if (context->fuel == 0 || !tn_loop_open(inst, &h.loop)) return false;
  h.turns = tn_loop_turns(&h.loop, &turns) && turns > 0;
  look(&h);
  choose(&h, false);
  if (h.carried.count == 0) return false;
  tn_loop_own(&h.loop);
  look(&h);
  choose(&h, true);
  copy_outside(&h);
  carry(&h);
  return true;
}

/* Outer loops first for what comes from outside, inner ones first for what goes there. */
bool tn_pass_while_motion(tn_module *module, tn_pass_context *context) {
  if (!tn_pass_finds(context, TN_OP_WHILE)) return false;
  tn_effects effects = tn_find_effects(module, context->scratch);
  bool changed = false;
  for (tn_comp *comp = module->last; comp; comp = comp->prev)
    TN_FOR_EACH_IN_COMP(comp, inst) changed |= replace_kept(inst, context);
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) changed |= hoist(inst, context, &effects);
  return changed;
}
