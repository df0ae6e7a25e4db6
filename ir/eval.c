/* The reference evaluator: computations, their frames and the way in and out.
 *
 * A computation is planned once: its live instructions in list order, the slots of
 * their operands, and which slots die after which step. Running it fills a frame of
 * slots on a stack; a value is released at its last use, so a loop's memory is that of
 * one iteration.
 *
 * Cost: a step costs one allocation and the rule's work.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  const tn_inst *inst;
  const int *operands; /* slots */
  const int *dying;    /* slots released after this step */
  int n_dying;
} step;

typedef struct tn_comp_plan {
  step *steps;
  int count;
  int root; /* slot */
  bool programmed;
  const tn_program *program; /* valid once `programmed` */
} plan;

typedef struct tn_scratch {
  struct tn_scratch *next;
  size_t bytes;
  max_align_t data[];
} scratch;

static tn_eval_rule *const rules[TN_OP_COUNT] = {
#define OP(ID, text, arity, attributes, flags, infer, eval) [TN_OP_##ID] = tn_eval_##eval,
#include "ir/ops.def"
#undef OP
};

/* ---- failure and scratch ---- */

_Noreturn void tn_eval_stop(tn_eval *eval, tn_status status, const char *format, ...) {
  char message[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  tn_location location = eval->inst ? eval->inst->location : TN_NOWHERE;
  tn_error(eval->sink, status, location, "%s", message);
  eval->failed = true;
  tn_out_of_memory(); /* jumps to the guard */
}

static void count_bytes(tn_eval *eval, size_t bytes) {
  size_t limit = eval->options.max_bytes ? (size_t)eval->options.max_bytes : (size_t)64 << 30;
  if (bytes > limit || eval->live_bytes > limit - bytes)
    tn_eval_stop(eval, TN_LIMIT, "%s: live values would take %zu bytes, the limit is %zu",
                 eval->inst ? tn_ops[eval->inst->op].name : "argument", eval->live_bytes + bytes, limit);
  eval->live_bytes += bytes;
}

void *tn_eval_scratch(tn_eval *eval, size_t bytes) {
  count_bytes(eval, bytes);
  scratch *block = tn_malloc(sizeof *block + bytes + 1);
  block->bytes = bytes;
  block->next = eval->scratch;
  eval->scratch = block;
  return block->data;
}

void tn_eval_scratch_release(tn_eval *eval, scratch *until) {
  while (eval->scratch != until) {
    scratch *block = eval->scratch;
    eval->scratch = block->next;
    eval->live_bytes -= block->bytes;
    free(block);
  }
}

const tn_shape *tn_eval_shape(tn_eval *eval, tn_type type, int rank, const int64_t *dims) {
  tn_shape *shape = TN_SCRATCH(eval, tn_shape, 1);
  int64_t *copy = TN_SCRATCH(eval, int64_t, rank);
  if (rank) memcpy(copy, dims, (size_t)rank * sizeof *copy);
  *shape = (tn_shape){.type = type, .rank = rank, .dims = copy};
  return shape;
}

/* ---- values ---- */

static size_t round_up(size_t bytes) { return (bytes + 15) & ~(size_t)15; }

/* Links a value with `extra` bytes behind the struct into the list. */
static tn_value *value_alloc(tn_eval *eval, const tn_shape *shape, size_t extra) {
  count_bytes(eval, extra);
  tn_value *value = tn_malloc(round_up(sizeof *value) + extra);
  memset(value, 0, sizeof *value);
  value->literal.shape = shape;
  value->references = 1;
  value->bytes = extra;
  value->next = eval->values;
  if (value->next) value->next->prev = value;
  eval->values = value;
  return value;
}

static char *behind(tn_value *value) { return (char *)value + round_up(sizeof *value); }

tn_value *tn_value_retain(tn_value *value) {
  value->references++;
  return value;
}

static void value_free(tn_eval *eval, tn_value *value) {
  if (value->prev)
    value->prev->next = value->next;
  else
    eval->values = value->next;
  if (value->next) value->next->prev = value->prev;
  eval->live_bytes -= value->bytes;
  free(value);
}

void tn_value_release(tn_eval *eval, tn_value *value) {
  if (--value->references) return;
  if (value->owner) tn_value_release(eval, value->owner);
  if (value->literal.elements)
    for (int i = 0; i < value->literal.shape->rank; i++) tn_value_release(eval, tn_value_element(value, i));
  value_free(eval, value);
}

/* Integers and predicates carry 0, or infinity where an inexact float decided them. */
static bool has_bounds(const tn_eval *eval, const tn_shape *shape) {
  return eval->options.bounds && tn_shape_is_array(shape);
}

static void set_sizes_at(tn_value *value, int64_t *at) {
  const tn_shape *shape = value->literal.shape;
  memcpy(at, shape->dims, (size_t)shape->rank * sizeof *at);
  value->literal.sizes = at;
}

tn_value *tn_value_new(tn_eval *eval, const tn_shape *shape) {
  if (!tn_shape_is_array(shape)) return value_alloc(eval, shape, 0); /* tokens */
  for (int d = 0; d < shape->rank; d++)
    if (shape->dims[d] == TN_DIM_UNBOUNDED)
      tn_eval_stop(eval, TN_UNSUPPORTED, "%s: unbounded dims cannot be evaluated",
                   eval->inst ? tn_ops[eval->inst->op].name : "argument");
  bool dynamic = tn_shape_is_dynamic(shape);
  size_t data = round_up((size_t)tn_shape_bytes(shape));
  size_t sizes = dynamic ? round_up((size_t)shape->rank * sizeof(int64_t)) : 0;
  size_t bounds = has_bounds(eval, shape) ? (size_t)tn_shape_elements(shape) * sizeof(double) : 0;
  tn_value *value = value_alloc(eval, shape, data + sizes + bounds);
  value->literal.data = behind(value);
  if (dynamic) set_sizes_at(value, (int64_t *)(behind(value) + data));
  if (has_bounds(eval, shape)) {
    value->literal.bound = (double *)(behind(value) + data + sizes);
    memset(tn_value_bound(value), 0, bounds);
  }
  return value;
}

tn_value *tn_value_zero(tn_eval *eval, const tn_shape *shape) {
  if (!tn_shape_is_tuple(shape)) {
    tn_value *value = tn_value_new(eval, shape);
    if (value->literal.data) memset(tn_value_data(value), 0, (size_t)tn_shape_bytes(shape));
    return value;
  }
  tn_value **elements = TN_SCRATCH(eval, tn_value *, shape->rank);
  for (int i = 0; i < shape->rank; i++) elements[i] = tn_value_zero(eval, shape->elements[i]);
  return tn_value_tuple(eval, shape, elements);
}

tn_value *tn_value_view(tn_eval *eval, const tn_shape *shape, tn_value *owner) {
  bool dynamic = tn_shape_is_array(shape) && tn_shape_is_dynamic(shape);
  tn_value *value = value_alloc(eval, shape, dynamic ? (size_t)shape->rank * sizeof(int64_t) : 0);
  value->literal.data = owner->literal.data;
  value->literal.bound = owner->literal.bound;
  if (dynamic) {
    set_sizes_at(value, (int64_t *)behind(value));
    if (owner->literal.sizes && owner->literal.shape->rank == shape->rank)
      tn_value_set_sizes(value, owner->literal.sizes);
  }
  value->owner = tn_value_retain(owner);
  return value;
}

tn_value *tn_value_wrap(tn_eval *eval, const tn_literal *literal) {
  const tn_shape *shape = literal->shape;
  if (!tn_shape_is_tuple(shape)) {
    tn_value *value = value_alloc(eval, shape, 0);
    value->literal = *literal;
    value->literal.elements = NULL;
    if (!eval->options.bounds) value->literal.bound = NULL;
    return value;
  }
  tn_value **elements = TN_SCRATCH(eval, tn_value *, shape->rank);
  for (int i = 0; i < shape->rank; i++) elements[i] = tn_value_wrap(eval, literal->elements[i]);
  return tn_value_tuple(eval, shape, elements);
}

tn_value *tn_value_tuple(tn_eval *eval, const tn_shape *shape, tn_value *const *elements) {
  tn_value *value = value_alloc(eval, shape, (size_t)shape->rank * sizeof(tn_value *));
  if (shape->rank) memcpy(behind(value), elements, (size_t)shape->rank * sizeof(tn_value *));
  value->literal.elements = (tn_literal *const *)behind(value);
  return value;
}

tn_value *tn_value_element(const tn_value *tuple, int64_t index) {
  return (tn_value *)tuple->literal.elements[index];
}

int64_t tn_value_integer(const tn_value *value, int64_t index) {
  tn_type type = tn_value_type(value);
  return tn_load_integer(type, (const char *)value->literal.data + (size_t)index * tn_type_bytes(type));
}

int64_t tn_value_index(const tn_value *value, int64_t index) {
  int64_t at = tn_value_integer(value, index);
  return at < 0 && tn_value_type(value) == TN_U64 ? INT64_MAX : at;
}

/* ---- plans ---- */

/* Marks what the root needs, and what has effects. Operands stand before users, so one
 * walk from the end does it. */
static int mark_live(const tn_comp *comp, int *slots) {
  int count = 0;
  slots[comp->root->id] = 1;
  for (const tn_inst *inst = comp->last; inst; inst = inst->prev) {
    if (tn_op_is(inst->op, TN_OP_SIDE_EFFECT)) slots[inst->id] = 1;
    if (!slots[inst->id]) continue;
    count++;
    for (int i = 0; i < inst->n_operands; i++) slots[inst->operands[i]->id] = 1;
  }
  return count;
}

static void plan_deaths(tn_arena *arena, plan *p) {
  int *last = TN_NEW_ARRAY(arena, int, p->count);
  int *n_dying = TN_NEW_ARRAY(arena, int, p->count);
  for (int s = 0; s < p->count; s++) {
    last[s] = s;
    for (int i = 0; i < p->steps[s].inst->n_operands; i++) last[p->steps[s].operands[i]] = s;
  }
  last[p->root] = -1;
  for (int s = 0; s < p->count; s++)
    if (last[s] >= 0) n_dying[last[s]]++;
  int **at = TN_NEW_ARRAY(arena, int *, p->count);
  for (int s = 0; s < p->count; s++) p->steps[s].dying = at[s] = TN_NEW_ARRAY(arena, int, n_dying[s]);
  for (int s = 0; s < p->count; s++)
    if (last[s] >= 0) at[last[s]][p->steps[last[s]].n_dying++] = s;
}

/* A parameter or an element of one. These go first: a loop's state tuple then dies
 * early, and its elements may be updated in place. */
static bool is_argument(const tn_inst *inst) {
  if (inst->op == TN_OP_GET_TUPLE_ELEMENT) inst = inst->operands[0];
  return inst->op == TN_OP_PARAMETER;
}

static void plan_steps(tn_arena *arena, plan *p, const tn_comp *comp, int *slots, bool arguments) {
  for (const tn_inst *inst = comp->first; inst; inst = inst->next) {
    if (!slots[inst->id] || is_argument(inst) != arguments) continue;
    int *operands = TN_NEW_ARRAY(arena, int, inst->n_operands);
    for (int i = 0; i < inst->n_operands; i++) operands[i] = slots[inst->operands[i]->id];
    slots[inst->id] = p->count;
    p->steps[p->count++] = (step){.inst = inst, .operands = operands};
  }
}

static plan *plan_make(tn_eval *eval, const tn_comp *comp) {
  tn_arena *arena = eval->arena;
  plan *p = TN_NEW(arena, plan);
  if (!eval->slots) eval->slots = TN_NEW_ARRAY(arena, int, comp->module->next_id);
  int *slots = eval->slots;
  for (const tn_inst *inst = comp->first; inst; inst = inst->next) slots[inst->id] = 0;
  p->steps = TN_NEW_ARRAY(arena, step, mark_live(comp, slots));
  plan_steps(arena, p, comp, slots, true);
  plan_steps(arena, p, comp, slots, false);
  p->root = slots[comp->root->id];
  plan_deaths(arena, p);
  return p;
}

static plan *plan_of(tn_eval *eval, const tn_comp *comp) {
  if (!eval->plans) eval->plans = TN_NEW_ARRAY(eval->arena, plan *, comp->module->next_id);
  plan **at = &eval->plans[comp->root->id];
  if (!*at) *at = plan_make(eval, comp);
  return *at;
}

const tn_program *tn_program_of(tn_eval *eval, const tn_comp *comp) {
  plan *p = plan_of(eval, comp);
  if (!p->programmed) p->program = tn_program_compile(eval, comp);
  p->programmed = true;
  return p->program;
}

/* ---- running ---- */

/* The opcodes, beyond elementwise ones, tuples and calls, whose rules look at dynamic sizes. */
static const bool knows_sizes[TN_OP_COUNT] = {
    [TN_OP_BITCAST] = true,
    [TN_OP_BROADCAST] = true,
    [TN_OP_CALL] = true,
    [TN_OP_CONCATENATE] = true,
    [TN_OP_CONDITIONAL] = true,
    [TN_OP_COPY] = true,
    [TN_OP_DEQUANTIZE] = true,
    [TN_OP_DOT] = true,
    [TN_OP_DYNAMIC_RESHAPE] = true,
    [TN_OP_FUSION] = true,
    [TN_OP_ASYNC_START] = true,
    [TN_OP_MAP] = true,
    [TN_OP_GET_DIMENSION_SIZE] = true,
    [TN_OP_PAD] = true,
    [TN_OP_QUANTIZE] = true,
    [TN_OP_REDUCE] = true,
    [TN_OP_RESHAPE] = true,
    [TN_OP_REVERSE] = true,
    [TN_OP_SET_DIMENSION_SIZE] = true,
    [TN_OP_SLICE] = true,
    [TN_OP_SORT] = true,
    [TN_OP_TRANSPOSE] = true,
    [TN_OP_WHILE] = true,
    [TN_OP_COPY_START] = true,
};

static void check_sizes(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  if (knows_sizes[inst->op] || tn_op_is(inst->op, TN_OP_ELEMENTWISE) || tn_op_is(inst->op, TN_OP_FREE))
    return;
  if (tn_eval_any_short(inst, operands))
    tn_eval_stop(eval, TN_UNSUPPORTED,
                 "%s: an operand's dynamic size is below its bound, which cannot be evaluated",
                 tn_ops[inst->op].name);
}

/* The first operand may become the result: nobody else holds it, and its data is its own. */
static bool may_reuse(const step *s, const tn_value *operand) {
  if (operand->references != 1 || operand->owner || operand->literal.data != behind((tn_value *)operand))
    return false;
  for (int i = 1; i < s->inst->n_operands; i++)
    if (s->operands[i] == s->operands[0]) return false;
  for (int i = 0; i < s->n_dying; i++)
    if (s->dying[i] == s->operands[0]) return true;
  return false;
}

static tn_value *run_step(tn_eval *eval, const step *s, int base, tn_value **arguments, bool giving) {
  const tn_inst *inst = s->inst;
  eval->inst = inst;
  if (inst->op == TN_OP_PARAMETER) {
    tn_value *argument = arguments[inst->attr.parameter.number];
    if (!giving) return tn_value_retain(argument);
    arguments[inst->attr.parameter.number] = NULL;
    return argument;
  }
  tn_value *few[8];
  tn_value **operands = inst->n_operands <= 8 ? few : TN_SCRATCH(eval, tn_value *, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) operands[i] = eval->stack.at[base + s->operands[i]];
  check_sizes(eval, inst, operands);
  eval->reuse = inst->op == TN_OP_DYNAMIC_UPDATE_SLICE && may_reuse(s, operands[0]);
  return tn_eval_alike(eval, inst, rules[inst->op], operands);
}

static tn_value *run(tn_eval *eval, const tn_comp *comp, tn_value **arguments, bool giving) {
  const plan *p = plan_of(eval, comp);
  const tn_inst *caller = eval->inst;
  int base = eval->stack.count;
  for (int s = 0; s < p->count; s++) TN_PUSH(eval->arena, &eval->stack, NULL);
  for (int s = 0; s < p->count; s++) {
    scratch *mark = eval->scratch;
    tn_value *value = run_step(eval, &p->steps[s], base, arguments, giving);
    tn_eval_scratch_release(eval, mark);
    eval->stack.at[base + s] = value;
    for (int i = 0; i < p->steps[s].n_dying; i++)
      tn_value_release(eval, eval->stack.at[base + p->steps[s].dying[i]]);
  }
  tn_value *result = eval->stack.at[base + p->root];
  eval->stack.count = base;
  eval->inst = caller;
  return result;
}

tn_value *tn_eval_run(tn_eval *eval, const tn_comp *comp, tn_value *const *arguments) {
  return run(eval, comp, (tn_value **)arguments, false);
}

tn_value *tn_eval_run_giving(tn_eval *eval, const tn_comp *comp, tn_value *argument) {
  tn_value *left = argument;
  tn_value *result = run(eval, comp, &left, true);
  if (left) tn_value_release(eval, left);
  return result;
}

/* A deep copy in the caller's arena. */
static tn_literal *export_value(const tn_eval *eval, tn_arena *arena, const tn_value *value,
                                const tn_shape *shape) {
  if (tn_shape_is_tuple(shape)) {
    tn_literal **elements = TN_NEW_ARRAY(arena, tn_literal *, shape->rank);
    for (int i = 0; i < shape->rank; i++)
      elements[i] = export_value(eval, arena, tn_value_element(value, i), shape->elements[i]);
    return tn_literal_tuple(arena, shape, elements);
  }
  if (!tn_shape_is_array(shape)) return tn_literal_zero(arena, shape);
  void *data;
  tn_literal *literal = tn_literal_uninitialised(arena, shape, &data);
  memcpy(data, value->literal.data, (size_t)tn_shape_bytes(shape));
  if (value->literal.sizes)
    literal->sizes = tn_arena_copy(arena, value->literal.sizes, (size_t)shape->rank * sizeof(int64_t));
  if (!has_bounds(eval, shape)) return literal;
  int64_t count = tn_shape_elements(shape);
  literal->bound = value->literal.bound
                       ? tn_arena_copy(arena, value->literal.bound, (size_t)count * sizeof(double))
                       : TN_NEW_ARRAY(arena, double, count);
  return literal;
}

static void clean_up(tn_eval *eval) {
  tn_eval_scratch_release(eval, NULL);
  while (eval->values) value_free(eval, eval->values);
  tn_arena_destroy(eval->arena);
}

/* What runs under the guard; *result stays NULL after a jump. */
static void evaluate(tn_eval *eval, tn_arena *arena, const tn_comp *comp, const tn_inst *inst,
                     const tn_literal *const *arguments, tn_literal **result) {
  int count = comp ? comp->parameters.count : inst->n_operands;
  tn_value **values = TN_SCRATCH(eval, tn_value *, count);
  for (int i = 0; i < count; i++) values[i] = tn_value_wrap(eval, arguments[i]);
  eval->inst = inst;
  if (!comp) check_sizes(eval, inst, values);
  tn_value *value =
      comp ? tn_eval_run(eval, comp, values) : tn_eval_alike(eval, inst, rules[inst->op], values);
  *result = export_value(eval, arena, value, comp ? comp->root->shape : inst->shape);
}

static tn_literal *guarded(tn_eval *eval, tn_arena *arena, const tn_comp *comp, const tn_inst *inst,
                           const tn_literal *const *arguments) {
  tn_literal *volatile result = NULL;
  tn_guard guard;
  if (setjmp(*tn_guard_enter(&guard))) {
    bool failed = eval->failed;
    clean_up(eval);
    if (!failed) tn_out_of_memory();
    return NULL;
  }
  tn_literal *out = NULL;
  evaluate(eval, arena, comp, inst, arguments, &out);
  result = out;
  tn_guard_leave(&guard);
  clean_up(eval);
  return result;
}

static bool arguments_fit(tn_arena *arena, const tn_comp *entry, const tn_literal *const *arguments,
                          tn_diagnostics *sink) {
  for (int i = 0; i < entry->parameters.count; i++) {
    const tn_inst *parameter = entry->parameters.at[i];
    if (!tn_shape_equal(arguments[i]->shape, parameter->shape))
      return tn_error(sink, TN_USAGE, parameter->location,
                      "parameter %d: the argument is %s, the parameter %s", i,
                      tn_shape_text(arena, arguments[i]->shape), tn_shape_text(arena, parameter->shape));
  }
  return true;
}

static void open_evaluator(tn_eval *eval, const tn_eval_options *options, tn_diagnostics *sink) {
  *eval = (tn_eval){.sink = sink};
  if (options) eval->options = *options;
  eval->arena = tn_arena_create();
}

tn_literal *tn_evaluate(tn_arena *arena, const tn_module *module, const tn_literal *const *arguments,
                        const tn_eval_options *options, tn_diagnostics *sink) {
  if (!arguments_fit(arena, module->entry, arguments, sink)) return NULL;
  tn_eval eval;
  open_evaluator(&eval, options, sink);
  return guarded(&eval, arena, module->entry, NULL, arguments);
}

static bool carries_bounds(const tn_literal *literal) {
  if (!tn_shape_is_tuple(literal->shape)) return literal->bound != NULL;
  for (int i = 0; i < literal->shape->rank; i++)
    if (carries_bounds(literal->elements[i])) return true;
  return false;
}

tn_literal *tn_evaluate_instruction(tn_arena *arena, const tn_inst *inst, const tn_literal *const *operands,
                                    tn_diagnostics *sink) {
  tn_eval eval;
  tn_eval_options options = {0};
  for (int i = 0; i < inst->n_operands; i++) options.bounds = options.bounds || carries_bounds(operands[i]);
  open_evaluator(&eval, &options, sink);
  return guarded(&eval, arena, NULL, inst, operands);
}
