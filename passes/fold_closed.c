/* What depends on nothing but constants is computed at compile time, loops and calls too.
 *
 *   k = s32[4] iota(), iota_dimension=0
 *   t = s32[4] multiply(k, two)
 *   g = f32[4] gather(table, t), …                 =>  g = f32[4] constant({…})
 *
 *   t = (s32[], f32[8]) tuple(zero, ones)
 *   w = (s32[], f32[8]) while(t), …                12 turns, by its counter
 *   y = f32[8] get-tuple-element(w), index=1       =>  y = f32[8] constant({…})
 *
 * constant-folding has the typed paths for weights and folds one instruction on constants at a
 * time; here whole expressions are, whose inner values may be large, are never stored, and may
 * start from iotas and broadcasts. The evaluator does it: its value is the meaning of the program.
 *
 * Limits: an instruction may take --max-fold-work elements of work, and MOST_WORK in any case
 * (contractions and reductions, which have fast loops, an eighth of their terms); all of a module
 * MOST_IN_ALL in one run. A while is work only where the number of its turns is known
 * (trip_count.c). What stands for an expression has at most SMALL elements or as many as the
 * largest constant that it is made of: iotas, broadcasts, masks and big pads stay computed. Small
 * iotas and broadcasts fold only for those who read memory and not values (gather, scatter, …).
 *
 * Keeps: values, as the evaluator gives them; effects, random numbers, barriers, dynamic shapes.
 * Cost: linear, and the work.
 *
 * Termination: each rewrite replaces by a constant what is none.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval.h"
#include "ir/work.h"
#include "passes/control.h"
#include "passes/dims.h"
#include "passes/same.h"

enum {
  SMALL = 64,
  MOST_WORK = 1 << 22,   /* elements, of an expression */
  MOST_IN_ALL = 1 << 24, /* of all */
  OVERHEAD = 8,          /* elements that a step of the evaluator takes besides */
  FAST = 8               /* terms of sums that take what an element takes */
};
#define NEVER (INT64_MAX / 4)

typedef struct {
  bool closed;    /* made of constants alone */
  bool folds;     /* a constant may stand for it */
  bool needed;    /* by something that folds, or it does itself */
  int64_t work;   /* of it and all that it is made of */
  int64_t source; /* elements of the largest constant among that */
  const tn_literal *value;
} finding;

typedef struct {
  tn_pass_context *context;
  tn_effects effects;
  finding *at;   /* by instruction id */
  int64_t *work; /* by computation id, of one run; -1: not counted yet */
  int64_t left;
  int count; /* ids of what was there at the start are below */
} folder;

/* ---- work ---- */

static int64_t plus(int64_t a, int64_t b) { return a + b > NEVER ? NEVER : a + b; }

static int64_t elements_of(const tn_shape *shape) {
  int64_t count = 0;
  if (!tn_shape_is_tuple(shape)) return tn_shape_is_array(shape) ? tn_shape_elements(shape) : 0;
  for (int i = 0; i < shape->rank; i++) count = plus(count, elements_of(shape->elements[i]));
  return count;
}

static int64_t work_of_comp(folder *f, const tn_comp *comp);

static int64_t turns_of(const tn_inst *inst) {
  tn_loop loop;
  int64_t turns;
  return tn_loop_open((tn_inst *)inst, &loop) && tn_loop_turns(&loop, &turns) ? turns : NEVER;
}

/* What runs computations: how often. */
static int64_t work_of_called(folder *f, const tn_inst *inst, int64_t data) {
  int64_t called = OVERHEAD;
  for (int i = 0; i < inst->n_called; i++) called = plus(called, work_of_comp(f, inst->called[i]));
  if (inst->op == TN_OP_WHILE) return tn_work_times(turns_of(inst), called);
  if (inst->op == TN_OP_CALL || inst->op == TN_OP_FUSION || inst->op == TN_OP_CONDITIONAL) return called;
  tn_op op;
  if (inst->op == TN_OP_REDUCE && tn_comp_is_binary(inst->called[0], &op)) return data / FAST;
  if (inst->op == TN_OP_REDUCE_WINDOW) data = tn_work_times(elements_of(inst->shape), tn_inst_terms(inst));
  if (inst->op == TN_OP_SORT) data = tn_work_times(data, 64);
  return tn_work_times(data, called);
}

static int64_t work_of(folder *f, const tn_inst *inst) {
  int64_t data = elements_of(inst->shape);
  for (int i = 0; i < inst->n_operands; i++) data = plus(data, elements_of(inst->operands[i]->shape));
  if (inst->op == TN_OP_PARAMETER || inst->op == TN_OP_CONSTANT || tn_op_is(inst->op, TN_OP_FREE)) return 1;
  if (inst->n_called) return plus(OVERHEAD, work_of_called(f, inst, data));
  if (inst->op == TN_OP_DOT || inst->op == TN_OP_CONVOLUTION)
    data = plus(data, tn_work_times(elements_of(inst->shape), tn_inst_terms(inst)) / FAST);
  if (inst->op == TN_OP_CHOLESKY || inst->op == TN_OP_TRIANGULAR_SOLVE || inst->op == TN_OP_FFT ||
      inst->op == TN_OP_TOPK || inst->op == TN_OP_RAGGED_DOT || inst->op == TN_OP_SCALED_DOT)
    data = tn_work_times(data, data);
  return plus(OVERHEAD, data);
}

static int64_t work_of_comp(folder *f, const tn_comp *comp) {
  int64_t *work = &f->work[comp->id];
  if (*work >= 0) return *work;
  *work = 0;
  TN_FOR_EACH_IN_COMP(comp, inst) *work = plus(*work, work_of(f, inst));
  return *work;
}

/* ---- what folds ---- */

static bool is_static(const tn_shape *shape) {
  if (!tn_shape_is_tuple(shape)) return tn_shape_is_plain(shape);
  for (int i = 0; i < shape->rank; i++)
    if (!is_static(shape->elements[i])) return false;
  return true;
}

static bool is_closed(const folder *f, const tn_inst *inst) {
  if (!is_static(inst->shape)) return false;
  if (inst->op == TN_OP_CONSTANT || inst->op == TN_OP_IOTA) return true;
  if (inst->n_operands == 0 || !tn_inst_is_function(inst) || !tn_rewrite_is_free_to_move(inst)) return false;
  if (inst->op == TN_OP_BITCAST || inst->op == TN_OP_DECODE) return false; /* layouts; what is kept small */
  for (int i = 0; i < inst->n_operands; i++)
    if (!f->at[inst->operands[i]->id].closed) return false;
  return !tn_inst_effects(inst, &f->effects);
}

/* It reads its operands from memory, whatever computes them. */
static bool reads_memory(const tn_inst *user) {
  return user->op == TN_OP_GATHER || user->op == TN_OP_SCATTER || user->op == TN_OP_SORT ||
         user->op == TN_OP_TRIANGULAR_SOLVE || user->op == TN_OP_CHOLESKY || user->op == TN_OP_FFT;
}

static bool is_read_from_memory(const tn_inst *inst) {
  for (int i = 0; i < inst->users.count; i++)
    if (!reads_memory(inst->users.at[i])) return false;
  return inst->users.count > 0;
}

static bool may_fold(const folder *f, const tn_inst *inst) {
  const finding *found = &f->at[inst->id];
  int64_t elements = elements_of(inst->shape);
  if (!tn_shape_is_array(inst->shape) || inst->op == TN_OP_CONSTANT || inst->op == TN_OP_PARAMETER)
    return false;
  if (found->work > f->context->max_fold_work || found->work > MOST_WORK) return false;
  if (inst->op == TN_OP_IOTA || inst->op == TN_OP_BROADCAST)
    return elements <= SMALL && is_read_from_memory(inst);
  return elements <= SMALL || elements <= found->source;
}

static void look_at(folder *f, const tn_inst *inst) {
  finding *found = &f->at[inst->id];
  found->closed = is_closed(f, inst);
  if (!found->closed) return;
  found->work = work_of(f, inst);
  found->source = inst->op == TN_OP_CONSTANT ? elements_of(inst->shape) : 0;
  for (int i = 0; i < inst->n_operands; i++) {
    const finding *operand = &f->at[inst->operands[i]->id];
    found->work = plus(found->work, operand->work);
    if (operand->source > found->source) found->source = operand->source;
  }
  found->folds = may_fold(f, inst);
}

/* Somebody looks at it who does not fold himself. */
static bool is_seen(const folder *f, const tn_inst *inst) {
  for (int i = 0; i < inst->users.count; i++)
    if (!f->at[inst->users.at[i]->id].folds) return true;
  return inst == inst->parent->root;
}

/* Users stand behind their operands: whether they fold is known by then. */
static bool choose(folder *f, const tn_comp *comp) {
  bool any = false;
  for (const tn_inst *inst = comp->last; inst; inst = inst->prev) {
    finding *found = &f->at[inst->id];
    bool seen = found->folds && is_seen(f, inst);
    if (seen && found->work <= f->left) {
      f->left -= found->work;
      any = found->needed = true;
    } else if (seen) {
      found->folds = false;
    }
    for (int i = 0; found->needed && i < inst->n_operands; i++) f->at[inst->operands[i]->id].needed = true;
  }
  return any;
}

/* ---- values ---- */

static const tn_literal *value_of(const folder *f, const tn_inst *inst) {
  tn_diagnostics quiet = {0};
  if (inst->op == TN_OP_CONSTANT) return inst->attr.constant.literal;
  const tn_literal **operands = TN_NEW_ARRAY(f->context->scratch, const tn_literal *, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) {
    operands[i] = f->at[inst->operands[i]->id].value;
    if (!operands[i]) return NULL;
  }
  return tn_evaluate_instruction(f->context->scratch, inst, operands, &quiet);
}

static bool put_constant(tn_inst *inst, const tn_literal *value, tn_pass_context *context) {
  if (!tn_pass_spend(context)) return false;
  tn_arena *arena = inst->parent->module->arena;
  const void *data = tn_arena_copy(arena, value->data, (size_t)tn_shape_bytes(inst->shape));
  context->bytes += tn_shape_bytes(inst->shape);
  tn_inst *constant = tn_build_constant(inst->parent, inst, tn_literal_array(arena, inst->shape, data));
  constant->location = inst->location;
  constant->notes = inst->notes;
  tn_inst_replace_uses(inst, constant);
  return true;
}

static bool fold_in(folder *f, tn_comp *comp) {
  bool changed = false;
  TN_FOR_EACH_IN_COMP(comp, inst) look_at(f, inst);
  if (!choose(f, comp)) return false;
  TN_FOR_EACH_IN_COMP(comp, inst)
  if (f->at[inst->id].needed) f->at[inst->id].value = value_of(f, inst);
  TN_FOR_EACH_IN_COMP(comp, inst) {
    if (inst->id >= f->count || !f->at[inst->id].value) continue; /* new, or not needed */
    if (f->at[inst->id].folds && is_seen(f, inst))
      changed |= put_constant(inst, f->at[inst->id].value, f->context);
  }
  for (tn_inst *inst = comp->last, *before; inst && changed; inst = before) {
    before = inst->prev;
    if (inst->id < f->count && f->at[inst->id].needed) tn_drop_unused(inst);
  }
  return changed;
}

bool tn_pass_fold_closed(tn_module *module, tn_pass_context *context) {
  int count = module->next_id;
  folder f = {.context = context, .left = MOST_IN_ALL, .count = count};
  bool changed = false;
  if (context->fuel == 0) return false;
  f.effects = tn_find_effects(module, context->scratch);
  f.at = TN_NEW_ARRAY(context->scratch, finding, count);
  f.work = TN_NEW_ARRAY(context->scratch, int64_t, count);
  for (int i = 0; i < count; i++) f.work[i] = -1;
  TN_FOR_EACH_COMP(module, comp) changed |= fold_in(&f, comp);
  return changed;
}
