/* Scalar computations as lists of steps over lanes.
 *
 * reduce, sort, scatter, map and their like call a computation for every element. When
 * all its instructions are elementwise on scalars it is compiled once: an instruction
 * becomes a step that reads and writes registers (lanes); tuples, calls and what only
 * renames a scalar disappear. Any other computation is run lane by lane.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

#include <stdlib.h>

typedef struct {
  const tn_inst *inst; /* NULL: a copy */
  int out, in[3];
} program_step;

typedef struct {
  int out;
  const tn_literal *literal;
} program_constant;

struct tn_program {
  TN_VEC(program_step) steps;
  TN_VEC(program_constant) constants;
  TN_VEC(tn_type) registers;
  int n_parameters, n_results;
  const int *parameters; /* registers */
  const int *results;    /* registers of their own, so that they may be copied to parameters in any order */
};

/* What an instruction stands for while compiling: a register or a tuple of them. */
typedef struct tn_binding {
  int reg;
  int count;
  const int *elements;
} binding;

typedef struct {
  tn_arena *arena;
  tn_program *program;
  binding *bindings; /* by instruction id */
} compiler;

static int new_register(compiler *c, tn_type type) {
  TN_PUSH(c->arena, &c->program->registers, type);
  return c->program->registers.count - 1;
}

static bool is_scalar_tuple(const tn_shape *shape) {
  if (!tn_shape_is_tuple(shape)) return false;
  for (int i = 0; i < shape->rank; i++)
    if (!tn_shape_is_scalar(shape->elements[i])) return false;
  return true;
}

/* The opcodes that hand a scalar on as it is. */
static bool renames(tn_op op) {
  return op == TN_OP_COPY || op == TN_OP_RESHAPE || op == TN_OP_BROADCAST || op == TN_OP_TRANSPOSE ||
         op == TN_OP_OPT_BARRIER || op == TN_OP_REVERSE;
}

static binding *bound_to(compiler *c, const tn_inst *inst) { return &c->bindings[inst->id]; }

static bool compile_comp(compiler *c, const tn_comp *comp, const binding *arguments, binding *result);

static bool compile_call(compiler *c, const tn_inst *inst) {
  binding *arguments = TN_NEW_ARRAY(c->arena, binding, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) arguments[i] = *bound_to(c, inst->operands[i]);
  return compile_comp(c, inst->called[0], arguments, bound_to(c, inst));
}

static void compile_tuple(compiler *c, const tn_inst *inst) {
  int *elements = TN_NEW_ARRAY(c->arena, int, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) elements[i] = bound_to(c, inst->operands[i])->reg;
  *bound_to(c, inst) = (binding){.count = inst->n_operands, .elements = elements};
}

static bool compile_step(compiler *c, const tn_inst *inst) {
  if (!tn_lanes_can_apply(inst) || inst->n_operands < 1 || inst->n_operands > 3) return false;
  program_step s = {.inst = inst, .out = new_register(c, inst->shape->type)};
  for (int i = 0; i < inst->n_operands; i++) s.in[i] = bound_to(c, inst->operands[i])->reg;
  TN_PUSH(c->arena, &c->program->steps, s);
  *bound_to(c, inst) = (binding){.reg = s.out};
  return true;
}

static bool compile_inst(compiler *c, const tn_inst *inst, const binding *arguments) {
  if (!tn_shape_is_scalar(inst->shape) && !is_scalar_tuple(inst->shape)) return false;
  if (inst->op == TN_OP_PARAMETER)
    *bound_to(c, inst) = arguments[inst->attr.parameter.number];
  else if (inst->op == TN_OP_CALL || inst->op == TN_OP_FUSION)
    return compile_call(c, inst);
  else if (inst->op == TN_OP_TUPLE)
    compile_tuple(c, inst);
  else if (inst->op == TN_OP_GET_TUPLE_ELEMENT)
    *bound_to(c, inst) = (binding){.reg = bound_to(c, inst->operands[0])->elements[inst->attr.index.index]};
  else if (inst->op == TN_OP_CONSTANT && tn_shape_is_scalar(inst->shape)) {
    *bound_to(c, inst) = (binding){.reg = new_register(c, inst->shape->type)};
    TN_PUSH(c->arena, &c->program->constants,
            (program_constant){bound_to(c, inst)->reg, inst->attr.constant.literal});
  } else if (renames(inst->op) && inst->n_operands == 1)
    *bound_to(c, inst) = *bound_to(c, inst->operands[0]);
  else
    return compile_step(c, inst);
  return true;
}

static bool compile_comp(compiler *c, const tn_comp *comp, const binding *arguments, binding *result) {
  for (const tn_inst *inst = comp->first; inst; inst = inst->next)
    if (!compile_inst(c, inst, arguments)) return false;
  *result = *bound_to(c, comp->root);
  return true;
}

static int copy_of(compiler *c, int reg) {
  program_step s = {.out = new_register(c, c->program->registers.at[reg]), .in = {reg}};
  TN_PUSH(c->arena, &c->program->steps, s);
  return s.out;
}

static bool compile_all(compiler *c, const tn_comp *comp) {
  tn_program *p = c->program;
  p->n_parameters = comp->parameters.count;
  binding *arguments = TN_NEW_ARRAY(c->arena, binding, p->n_parameters);
  int *registers = TN_NEW_ARRAY(c->arena, int, p->n_parameters);
  for (int i = 0; i < p->n_parameters; i++) {
    if (!tn_shape_is_scalar(comp->parameters.at[i]->shape)) return false;
    arguments[i].reg = registers[i] = new_register(c, comp->parameters.at[i]->shape->type);
  }
  p->parameters = registers;
  binding result;
  if (!compile_comp(c, comp, arguments, &result)) return false;
  p->n_results = result.elements ? result.count : 1;
  int *results = TN_NEW_ARRAY(c->arena, int, p->n_results);
  for (int i = 0; i < p->n_results; i++)
    results[i] = copy_of(c, result.elements ? result.elements[i] : result.reg);
  p->results = results;
  return true;
}

const tn_program *tn_program_compile(tn_eval *eval, const tn_comp *comp) {
  /* Each entry is written before it is read, so one array serves all computations. */
  if (!eval->bindings) eval->bindings = TN_NEW_ARRAY(eval->arena, binding, comp->module->next_id);
  compiler c = {.arena = eval->arena, .program = TN_NEW(eval->arena, tn_program), .bindings = eval->bindings};
  return compile_all(&c, comp) ? c.program : NULL;
}

/* ---- calling ---- */

static void fill_constant(tn_lanes *lanes, const tn_literal *literal, int width) {
  tn_value value = {.literal = *literal};
  tn_lanes_load(lanes, 0, &value, 0, 0, width);
}

static void open_program(tn_caller *caller, int width) {
  const tn_program *p = caller->program;
  tn_eval *eval = caller->eval;
  caller->registers = TN_SCRATCH(eval, tn_lanes, p->registers.count);
  for (int i = 0; i < p->registers.count; i++)
    caller->registers[i] = tn_lanes_new(eval, p->registers.at[i], width);
  for (int i = 0; i < p->constants.count; i++)
    fill_constant(&caller->registers[p->constants.at[i].out], p->constants.at[i].literal, width);
  for (int i = 0; i < p->n_parameters; i++) caller->parameters[i] = caller->registers[p->parameters[i]];
  for (int i = 0; i < p->n_results; i++) caller->results[i] = caller->registers[p->results[i]];
}

static const tn_shape *result_shape(const tn_comp *comp, int index) {
  const tn_shape *shape = comp->root->shape;
  return tn_shape_is_tuple(shape) ? shape->elements[index] : shape;
}

tn_caller tn_caller_open(tn_eval *eval, const tn_comp *comp, int width) {
  const tn_shape *result = comp->root->shape;
  tn_caller caller = {.eval = eval, .comp = comp, .program = tn_program_of(eval, comp)};
  caller.n_parameters = comp->parameters.count;
  caller.n_results = tn_shape_is_tuple(result) ? result->rank : 1;
  caller.parameters = TN_SCRATCH(eval, tn_lanes, caller.n_parameters);
  caller.results = TN_SCRATCH(eval, tn_lanes, caller.n_results);
  if (caller.program) {
    open_program(&caller, width);
    return caller;
  }
  for (int i = 0; i < caller.n_parameters; i++)
    caller.parameters[i] = tn_lanes_new(eval, comp->parameters.at[i]->shape->type, width);
  for (int i = 0; i < caller.n_results; i++)
    caller.results[i] = tn_lanes_new(eval, result_shape(comp, i)->type, width);
  return caller;
}

static void run_program(tn_caller *caller, int count) {
  const tn_program *p = caller->program;
  for (int s = 0; s < p->steps.count; s++) {
    const program_step *step = &p->steps.at[s];
    tn_lanes *out = &caller->registers[step->out];
    if (!step->inst) {
      tn_lanes_copy(out, &caller->registers[step->in[0]], count);
      continue;
    }
    tn_lanes in[3];
    for (int i = 0; i < step->inst->n_operands; i++) in[i] = caller->registers[step->in[i]];
    if (!tn_lanes_apply(step->inst, out, in, count))
      tn_eval_stop(caller->eval, TN_UNSUPPORTED, "%s: cannot be evaluated on %s", tn_ops[step->inst->op].name,
                   tn_type_name(in[0].type));
    if (out->bound) tn_bounds_apply(step->inst, out, in, count);
  }
}

/* The computation itself, on scalar values made from one lane. */
static void run_lane(tn_caller *caller, int lane) {
  tn_eval *eval = caller->eval;
  tn_value *arguments[64];
  if (caller->n_parameters > 64)
    tn_eval_stop(eval, TN_UNSUPPORTED, "%s: has %d parameters, at most 64 can be evaluated",
                 caller->comp->name, caller->n_parameters);
  for (int i = 0; i < caller->n_parameters; i++) {
    arguments[i] = tn_value_new(eval, caller->comp->parameters.at[i]->shape);
    tn_lanes_store(&caller->parameters[i], lane, arguments[i], 0, 1, 1);
  }
  tn_value *result = tn_eval_run(eval, caller->comp, arguments);
  bool tuple = tn_shape_is_tuple(result->literal.shape);
  for (int i = 0; i < caller->n_results; i++)
    tn_lanes_load(&caller->results[i], lane, tuple ? tn_value_element(result, i) : result, 0, 1, 1);
  tn_value_release(eval, result);
  for (int i = 0; i < caller->n_parameters; i++) tn_value_release(eval, arguments[i]);
}

void tn_caller_run(tn_caller *caller, int count) {
  if (caller->program) {
    run_program(caller, count);
    return;
  }
  for (int lane = 0; lane < count; lane++) run_lane(caller, lane);
}
