/* Module -> plan: which steps, on which buffers.
 *
 * Computations are flattened from the entry down. Every array value is a buffer and
 * the shape it is seen with; tuples, tokens, bitcasts and reshapes of row-major arrays
 * only rename. A value that the entry returns is computed straight into the result,
 * unless the result may share memory with a parameter: then it is copied at the end,
 * when nothing reads the parameter any more.
 *
 * A fusion whose computation has no single kernel is taken apart into its instructions.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/build.h"

#include "base/hash.h"
#include "codegen/plan/native.h"

/* ---- values and buffers ---- */

static tn_plan_value *array_value(builder *b, const tn_shape *shape, int buffer) {
  tn_plan_value *value = TN_NEW(b->arena, tn_plan_value);
  value->shape = shape;
  value->buffer = buffer;
  return value;
}

static tn_plan_value *tuple_value(builder *b, int count) {
  tn_plan_value *value = TN_NEW(b->arena, tn_plan_value);
  value->count = count;
  value->elements = TN_NEW_ARRAY(b->arena, tn_plan_value *, count);
  value->buffer = -1;
  return value;
}

/* Tokens and contexts: values without memory. */
static tn_plan_value *no_value(builder *b) { return array_value(b, tn_shape_token(b->arena), -1); }

static int new_buffer(builder *b, tn_buffer buffer) {
  buffer.alias = -1;
  buffer.bytes = tn_layout_bytes(buffer.shape);
  TN_PUSH(b->arena, &b->buffers, buffer);
  return b->buffers.count - 1;
}

/* Inside a plan arrays are row-major, whatever layout the module wrote. */
static int new_temp(builder *b, const tn_shape *shape) {
  const char *name = tn_arena_printf(b->arena, "t%d", b->next_temp++);
  return new_buffer(
      b,
      (tn_buffer){.name = name, .memory = TN_MEMORY_TEMP, .shape = tn_shape_without_layout(b->arena, shape)});
}

static int constant_buffer(builder *b, const tn_literal *literal) {
  for (int i = 0; i < b->buffers.count; i++)
    if (b->buffers.at[i].literal == literal) return i;
  const char *name = tn_arena_printf(b->arena, "c%d", b->next_constant++);
  return new_buffer(b, (tn_buffer){.name = name,
                                   .memory = TN_MEMORY_CONSTANT,
                                   .shape = tn_shape_without_layout(b->arena, literal->shape),
                                   .literal = literal});
}

static tn_plan_value *constant_value(builder *b, const tn_literal *literal) {
  if (literal->shape->type != TN_TUPLE)
    return array_value(b, tn_shape_without_layout(b->arena, literal->shape), constant_buffer(b, literal));
  tn_plan_value *value = tuple_value(b, literal->shape->rank);
  for (int i = 0; i < value->count; i++) value->elements[i] = constant_value(b, literal->elements[i]);
  return value;
}

static tn_plan_value *value_of(builder *b, const tn_inst *inst) { return b->values[inst->id]; }

static tn_step *new_step(builder *b, tn_step_kind kind) {
  tn_step *step = TN_NEW(b->arena, tn_step);
  step->kind = kind;
  *b->tail = step;
  b->tail = &step->next;
  return step;
}

static bool unsupported(builder *b, const tn_inst *inst) {
  if (b->failed) return false;
  b->failed = true;
  const tn_shape *shape = inst->shape;
  for (int i = 0; i < inst->n_operands && tn_shape_is_tuple(shape); i++) shape = inst->operands[i]->shape;
  return tn_error(b->sink, TN_UNSUPPORTED, inst->location, "%s: no native code for it yet (%s)",
                  tn_ops[inst->op].name, tn_shape_text(b->arena, shape));
}

/* ---- copies ---- */

static bool same_layout(const tn_shape *a, const tn_shape *b) {
  return tn_layout_is_row_major(a) ? tn_layout_is_row_major(b) : tn_shape_identical(a, b);
}

/* to = from, element for element; a kernel where the layouts differ. */
static void copy_buffer(builder *b, int to, int from, const tn_shape *seen) {
  if (b->buffers.at[to].bytes == 0) return;
  if (same_layout(b->buffers.at[to].shape, b->buffers.at[from].shape)) {
    tn_step *step = new_step(b, TN_STEP_COPY);
    step->to = to;
    step->from = from;
    return;
  }
  tn_plan_relayout(b, to, from, seen);
}

/* A kernel y[i] = x[i] between two layouts. */
void tn_plan_relayout(builder *b, int to, int from, const tn_shape *seen) {
  tn_kernel *kernel = TN_NEW(b->arena, tn_kernel);
  const tn_shape *shapes[2] = {b->buffers.at[from].shape, b->buffers.at[to].shape};
  kernel->n_buffers = kernel->n_parameters = 2;
  kernel->buffers = TN_NEW_ARRAY(b->arena, tn_kernel_buffer, 2);
  kernel->n_dims = seen->rank;
  kernel->dims = TN_NEW_ARRAY(b->arena, tn_dim, seen->rank);
  tn_stmt *loop = tn_stmt_new(b->arena, TN_STMT_LOOP), *store = tn_stmt_new(b->arena, TN_STMT_STORE);
  int *dims = TN_NEW_ARRAY(b->arena, int, seen->rank);
  const tn_index **at = TN_NEW_ARRAY(b->arena, const tn_index *, seen->rank);
  for (int i = 0; i < 2; i++) {
    const tn_shape *shape = shapes[i]->layout ? shapes[i] : tn_shape_without_layout(b->arena, seen);
    kernel->buffers[i] = (tn_kernel_buffer){i ? "y" : "a0", shape, i ? TN_BUFFER_OUT : TN_BUFFER_IN};
  }
  for (int d = 0; d < seen->rank; d++) {
    kernel->dims[d] = (tn_dim){tn_arena_printf(b->arena, "d%d", d), seen->dims[d], TN_DIM_PARALLEL};
    dims[d] = d;
    at[d] = tn_index_dim(b->arena, d);
  }
  tn_expr *load = TN_NEW(b->arena, tn_expr);
  load->kind = TN_EXPR_LOAD;
  load->type = seen->type;
  load->load.at = at;
  load->load.rank = seen->rank;
  *store = (tn_stmt){.kind = TN_STMT_STORE, .buffer = 1, .at = at, .expr = load};
  loop->n_dims = seen->rank;
  loop->dims = dims;
  loop->body = store;
  kernel->body = loop;
  kernel->name = "copy";
  tn_step *step = new_step(b, TN_STEP_RUN);
  step->arguments = tn_arena_copy(b->arena, (int[]){from, to}, sizeof(int) * 2);
  step->kernel = b->kernels.count;
  TN_PUSH(b->arena, &b->kernels, kernel);
}

/* Leaves of a value tree, left to right; values without memory are left out. */
static void leaves_of(builder *b, tn_plan_value *value, value_list *out) {
  if (value->elements) {
    for (int i = 0; i < value->count; i++) leaves_of(b, value->elements[i], out);
  } else if (value->buffer >= 0) {
    TN_PUSH(b->arena, out, value);
  }
}

/* A tree of the same form in fresh temps. */
static tn_plan_value *temps_like(builder *b, tn_plan_value *value) {
  if (!value->elements)
    return value->buffer < 0 ? value : array_value(b, value->shape, new_temp(b, value->shape));
  tn_plan_value *copy = tuple_value(b, value->count);
  for (int i = 0; i < value->count; i++) copy->elements[i] = temps_like(b, value->elements[i]);
  return copy;
}

/* to[i] = from[i] for all i at once: a source that another copy overwrites is saved first. */
static void copy_leaves(builder *b, const value_list *to, const value_list *from) {
  int *sources = TN_NEW_ARRAY(b->arena, int, from->count);
  for (int i = 0; i < from->count; i++) {
    sources[i] = from->at[i]->buffer;
    bool overwritten = false;
    for (int j = 0; j < i; j++) overwritten = overwritten || to->at[j]->buffer == sources[i];
    if (!overwritten || to->at[i]->buffer == sources[i]) continue;
    int saved = new_temp(b, from->at[i]->shape);
    copy_buffer(b, saved, sources[i], from->at[i]->shape);
    sources[i] = saved;
  }
  for (int i = 0; i < to->count; i++)
    if (to->at[i]->buffer != sources[i]) copy_buffer(b, to->at[i]->buffer, sources[i], to->at[i]->shape);
}

/* ---- kernels ---- */

static const tn_shape *leaf_shape(void *user, tn_inst *leaf) {
  builder *b = user;
  tn_plan_value *value = leaf->op == TN_OP_CONSTANT ? NULL : value_of(b, leaf);
  if (!value) return tn_shape_without_layout(b->arena, leaf->shape);
  const tn_shape *memory = b->buffers.at[value->buffer].shape;
  return memory->layout ? memory : tn_shape_without_layout(b->arena, value->shape);
}

static const tn_shape *output_shape(void *user, int root) {
  builder *b = user;
  const tn_shape *memory = b->buffers.at[b->outputs[root]].shape;
  return memory->layout ? memory : tn_shape_without_layout(b->arena, b->output_shapes[root]);
}

/* Where output `leaf` of inst goes: a result that waits for it, or a new temp. */
static int destination(builder *b, const tn_inst *inst, int leaf, const tn_shape *shape) {
  int result = b->claims[inst->id] ? b->claims[inst->id][leaf] : -1;
  return result >= 0 ? result : new_temp(b, shape);
}

static const char *kernel_name(builder *b, const tn_inst *inst, const tn_inst *root) {
  const tn_inst *main = root;
  if (inst->op == TN_OP_FUSION) { /* the heaviest of its operations names it */
    static const tn_op heavy[] = {TN_OP_CONVOLUTION, TN_OP_DOT, TN_OP_REDUCE_WINDOW, TN_OP_REDUCE};
    for (int k = 3; k >= 0; k--) TN_FOR_EACH_IN_COMP(inst->called[0], i)
    if (i->op == heavy[k]) main = i;
  }
  char *name = tn_arena_printf(b->arena, "%s_%d", tn_ops[main->op].name, inst->id);
  for (char *c = name; *c; c++)
    if (*c == '-') *c = '_';
  return name;
}

static const char *source_of(builder *b, const tn_inst *inst) {
  const char *op = inst->notes && inst->notes->op_name ? inst->notes->op_name : inst->name;
  if (!inst->location.line) return op;
  return tn_arena_printf(b->arena, "%s line %u", op, inst->location.line);
}

static bool run_kernel(builder *b, const tn_inst *inst, const tn_lowered *lowered,
                       tn_inst *const *arguments) {
  tn_step *step = new_step(b, TN_STEP_RUN);
  int *buffers = TN_NEW_ARRAY(b->arena, int, lowered->n_leaves + b->n_outputs), n = 0;
  for (int i = 0; i < lowered->n_leaves; i++) {
    tn_inst *leaf = lowered->leaves[i];
    bool is_constant = leaf->op == TN_OP_CONSTANT;
    if (arguments && !is_constant) leaf = arguments[leaf->attr.parameter.number];
    buffers[n++] = is_constant ? constant_buffer(b, leaf->attr.constant.literal) : value_of(b, leaf)->buffer;
  }
  for (int i = 0; i < b->n_outputs; i++) buffers[n++] = b->outputs[i];
  lowered->kernel->name = kernel_name(b, inst, inst);
  lowered->kernel->source = source_of(b, inst);
  step->arguments = buffers;
  step->kernel = b->kernels.count;
  TN_PUSH(b->arena, &b->kernels, lowered->kernel);
  return true;
}

/* The buffers that inst's arrays are written to, and inst's value. */
static void open_outputs(builder *b, tn_inst *inst) {
  const tn_shape *shape = inst->shape;
  bool tuple = tn_shape_is_tuple(shape);
  b->n_outputs = tuple ? shape->rank : 1;
  b->outputs = TN_NEW_ARRAY(b->arena, int, b->n_outputs);
  b->output_shapes = TN_NEW_ARRAY(b->arena, const tn_shape *, b->n_outputs);
  tn_plan_value *value = tuple ? tuple_value(b, b->n_outputs) : NULL;
  for (int i = 0; i < b->n_outputs; i++) {
    b->output_shapes[i] = tn_shape_without_layout(b->arena, tuple ? shape->elements[i] : shape);
    b->outputs[i] = destination(b, inst, i, b->output_shapes[i]);
    tn_plan_value *one = array_value(b, b->output_shapes[i], b->outputs[i]);
    if (tuple)
      value->elements[i] = one;
    else
      value = one;
  }
  b->values[inst->id] = value;
}

static bool is_empty(const builder *b) {
  for (int i = 0; i < b->n_outputs; i++)
    if (tn_shape_elements(b->output_shapes[i])) return false;
  return true;
}

static bool build_single(builder *b, tn_inst *inst) {
  const tn_shape *shape = inst->shape;
  if (tn_shape_is_tuple(shape))
    for (int i = 0; i < shape->rank; i++)
      if (!tn_shape_is_array(shape->elements[i])) return unsupported(b, inst);
  if (!tn_shape_is_tuple(shape) && !tn_shape_is_array(shape)) return unsupported(b, inst);
  open_outputs(b, inst);
  if (is_empty(b)) return true;
  tn_inst **roots = TN_NEW_ARRAY(b->arena, tn_inst *, b->n_outputs);
  for (int i = 0; i < b->n_outputs; i++) roots[i] = inst;
  tn_group group = {b->arena, b->target, roots, b->n_outputs, false, leaf_shape, output_shape, b};
  tn_lowered lowered;
  if (!tn_lower_group(&group, &lowered)) return unsupported(b, lowered.culprit ? lowered.culprit : inst);
  return run_kernel(b, inst, &lowered, NULL);
}

static bool build_comp(builder *b, tn_comp *comp, tn_plan_value *const *arguments, tn_plan_value **result);

static bool build_call(builder *b, tn_inst *inst) {
  tn_plan_value **arguments = TN_NEW_ARRAY(b->arena, tn_plan_value *, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) arguments[i] = value_of(b, inst->operands[i]);
  return build_comp(b, inst->called[0], arguments, &b->values[inst->id]);
}

/* All results of the same dims: what one loop nest can store. */
static bool roots_agree(const tn_inst *root) {
  if (!tn_shape_is_tuple(root->shape)) return tn_shape_is_array(root->shape);
  if (root->op != TN_OP_TUPLE || !root->n_operands) return false;
  for (int i = 0; i < root->n_operands; i++) {
    const tn_shape *shape = root->operands[i]->shape;
    if (!tn_shape_is_array(shape) || !tn_shape_same_dims(shape, root->operands[0]->shape)) return false;
  }
  return true;
}

static bool operands_are_arrays(const tn_inst *inst) {
  for (int i = 0; i < inst->n_operands; i++)
    if (!tn_shape_is_array(inst->operands[i]->shape)) return false;
  return true;
}

static bool build_fusion(builder *b, tn_inst *inst) {
  tn_comp *comp = inst->called[0];
  if (!roots_agree(comp->root) || !operands_are_arrays(inst)) return build_call(b, inst);
  tn_inst *const *roots = comp->root->op == TN_OP_TUPLE ? comp->root->operands : &comp->root;
  for (int i = 0; i < comp->parameters.count; i++)
    b->values[comp->parameters.at[i]->id] = value_of(b, inst->operands[i]);
  int buffers = b->buffers.count, temps = b->next_temp;
  open_outputs(b, inst);
  if (is_empty(b)) return true;
  tn_group group = {b->arena, b->target, roots, b->n_outputs, true, leaf_shape, output_shape, b};
  tn_lowered lowered;
  if (tn_lower_group(&group, &lowered)) return run_kernel(b, inst, &lowered, inst->operands);
  b->buffers.count = buffers; /* taken apart: what fails there says why */
  b->next_temp = temps;
  return build_call(b, inst);
}

/* ---- control flow ---- */

static tn_step **enter_block(builder *b, tn_step **block) {
  tn_step **outer = b->tail;
  b->tail = block;
  return outer;
}

/* The state stands in its own buffers; body and test read it, the body's results
 * are copied into it at the end of each iteration.                                */
static bool build_while(builder *b, tn_inst *inst) {
  tn_plan_value *initial = value_of(b, inst->operands[0]), *state = temps_like(b, initial), *flag, *next;
  value_list to = {0}, from = {0};
  leaves_of(b, state, &to);
  leaves_of(b, initial, &from);
  copy_leaves(b, &to, &from);
  tn_step *step = new_step(b, TN_STEP_WHILE);
  step->n_branches = 1;
  step->branches = TN_NEW(b->arena, tn_step *);
  tn_step **outer = enter_block(b, &step->test);
  if (!build_comp(b, inst->called[0], &state, &flag)) return false;
  step->selector = flag->buffer;
  enter_block(b, &step->branches[0]);
  if (!build_comp(b, inst->called[1], &state, &next)) return false;
  from = (value_list){0};
  leaves_of(b, next, &from);
  copy_leaves(b, &to, &from);
  b->tail = outer;
  b->values[inst->id] = state;
  return true;
}

static bool build_conditional(builder *b, tn_inst *inst) {
  tn_step *step = new_step(b, TN_STEP_CONDITIONAL);
  tn_plan_value *result = NULL;
  step->selector = value_of(b, inst->operands[0])->buffer;
  step->n_branches = inst->n_called;
  step->branches = TN_NEW_ARRAY(b->arena, tn_step *, inst->n_called);
  tn_step **outer = b->tail;
  for (int i = 0; i < inst->n_called; i++) {
    tn_plan_value *argument = value_of(b, inst->operands[1 + i]), *value;
    enter_block(b, &step->branches[i]);
    if (!build_comp(b, inst->called[i], &argument, &value)) return false;
    if (!result) result = temps_like(b, value);
    value_list to = {0}, from = {0};
    leaves_of(b, result, &to);
    leaves_of(b, value, &from);
    copy_leaves(b, &to, &from);
  }
  b->tail = outer;
  b->values[inst->id] = result;
  return true;
}

/* ---- instructions without a kernel ---- */

static bool one_participant(const builder *b) {
  return b->module->replica_count <= 1 && b->module->num_partitions <= 1;
}

static tn_plan_value *zeros(builder *b, const tn_shape *shape) {
  return constant_value(b, tn_literal_zero(b->arena, tn_shape_without_layout(b->arena, shape)));
}

static tn_plan_value *operands_as_tuple(builder *b, const tn_inst *inst) {
  tn_plan_value *value = tuple_value(b, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) value->elements[i] = value_of(b, inst->operands[i]);
  return value;
}

static tn_plan_value *pass_through(builder *b, const tn_inst *inst) {
  return inst->n_operands == 1 || !tn_shape_is_tuple(inst->shape) ? value_of(b, inst->operands[0])
                                                                  : operands_as_tuple(b, inst);
}

/* (operand, result, contexts…): what the -start forms give. */
static tn_plan_value *started(builder *b, const tn_inst *inst, tn_plan_value *first, tn_plan_value *second) {
  int count = inst->shape->rank;
  tn_plan_value *value = tuple_value(b, count);
  for (int i = 0; i < count; i++) value->elements[i] = i == 0 ? first : i == 1 ? second : no_value(b);
  return value;
}

/* With nobody else there, only what replica 0 sends to itself arrives. */
static tn_plan_value *permuted(builder *b, const tn_inst *inst, const tn_shape *shape) {
  for (int i = 0; i < inst->attr.permute.pairs.count; i++)
    if (inst->attr.permute.pairs.at[i].target == 0) return value_of(b, inst->operands[0]);
  return zeros(b, shape);
}

static bool build_collective(builder *b, tn_inst *inst) {
  if (!one_participant(b))
    return tn_error(b->sink, TN_UNSUPPORTED, inst->location,
                    "%s: more than one participant is not supported yet", tn_ops[inst->op].name),
           b->failed = true, false;
  tn_plan_value **value = &b->values[inst->id];
  if (inst->op == TN_OP_PARTITION_ID || inst->op == TN_OP_REPLICA_ID)
    *value = zeros(b, inst->shape);
  else if (inst->op == TN_OP_COLLECTIVE_PERMUTE)
    *value = permuted(b, inst, inst->shape);
  else if (inst->op == TN_OP_COLLECTIVE_PERMUTE_START)
    *value = started(b, inst, value_of(b, inst->operands[0]), permuted(b, inst, inst->shape->elements[1]));
  else if (inst->op == TN_OP_ALL_GATHER_START)
    *value = started(b, inst, pass_through(b, inst), pass_through(b, inst));
  else if (inst->op == TN_OP_RAGGED_ALL_TO_ALL)
    return unsupported(b, inst);
  else
    *value = pass_through(b, inst);
  return true;
}

static bool build_async_start(builder *b, tn_inst *inst) {
  if (!build_call(b, inst)) return false;
  b->values[inst->id] = started(b, inst, operands_as_tuple(b, inst), value_of(b, inst));
  return true;
}

/* A reshape or bitcast of row-major bytes: the same buffer seen with another shape. */
static bool is_renaming(const builder *b, const tn_inst *inst) {
  if (inst->op != TN_OP_RESHAPE && inst->op != TN_OP_BITCAST && inst->op != TN_OP_BITCAST_CONVERT)
    return false;
  const tn_inst *operand = inst->operands[0];
  if (!tn_shape_is_array(inst->shape) || !tn_shape_is_array(operand->shape)) return false;
  tn_plan_value *value = b->values[operand->id];
  if (b->buffers.at[value->buffer].shape->layout) return false;
  int to = tn_type_bits(inst->shape->type), from = tn_type_bits(operand->shape->type);
  if (inst->op == TN_OP_BITCAST_CONVERT) return to == from || (to >= 8 && from >= 8);
  if (tn_type_bytes(inst->shape->type) != tn_type_bytes(operand->shape->type)) return false;
  if (inst->op == TN_OP_RESHAPE) return true;
  return tn_layout_is_row_major(inst->shape) && tn_layout_is_row_major(operand->shape);
}

static bool build_free(builder *b, tn_inst *inst) {
  tn_plan_value **value = &b->values[inst->id],
                *first = inst->n_operands ? value_of(b, inst->operands[0]) : NULL;
  if (inst->op == TN_OP_TUPLE)
    *value = operands_as_tuple(b, inst);
  else if (inst->op == TN_OP_GET_TUPLE_ELEMENT)
    *value = first->elements[inst->attr.index.index];
  else if (inst->op == TN_OP_AFTER_ALL)
    *value = no_value(b);
  else if (inst->op == TN_OP_ALL_GATHER_DONE || inst->op == TN_OP_COLLECTIVE_PERMUTE_DONE ||
           inst->op == TN_OP_ASYNC_DONE)
    *value = first->elements[1];
  else if (inst->op == TN_OP_COPY_DONE)
    *value = first->elements[0];
  else
    *value = first; /* barriers, domains, -done and -update of what only passes through */
  return true;
}

static bool build_get_dimension_size(builder *b, tn_inst *inst) {
  int64_t dim = inst->attr.dimensions.dims.at[0];
  const tn_literal *size = tn_literal_scalar_integer(b->arena, TN_S32, inst->operands[0]->shape->dims[dim]);
  b->values[inst->id] = constant_value(b, size);
  return true;
}

static bool build_inst(builder *b, tn_inst *inst) {
  if (tn_shape_is_dynamic(inst->shape) || tn_op_native_form(inst->op) == TN_NATIVE_NO)
    return unsupported(b, inst);
  if (is_renaming(b, inst)) {
    const tn_shape *shape = tn_shape_without_layout(b->arena, inst->shape);
    b->values[inst->id] = array_value(b, shape, value_of(b, inst->operands[0])->buffer);
    return true;
  }
  if (tn_op_is(inst->op, TN_OP_FREE) && inst->op != TN_OP_BITCAST) return build_free(b, inst);
  if (tn_op_is(inst->op, TN_OP_COLLECTIVE)) return build_collective(b, inst);
  if (inst->op == TN_OP_CONSTANT) {
    b->values[inst->id] = constant_value(b, inst->attr.constant.literal);
    return true;
  }
  if (inst->op == TN_OP_WHILE) return build_while(b, inst);
  if (inst->op == TN_OP_CONDITIONAL) return build_conditional(b, inst);
  if (inst->op == TN_OP_CALL) return build_call(b, inst);
  if (inst->op == TN_OP_FUSION) return build_fusion(b, inst);
  if (inst->op == TN_OP_ASYNC_START) return build_async_start(b, inst);
  if (inst->op == TN_OP_COPY_START) {
    tn_plan_value *operand = value_of(b, inst->operands[0]);
    b->values[inst->id] = started(b, inst, operand, operand);
    return true;
  }
  if (inst->op == TN_OP_GET_DIMENSION_SIZE) return build_get_dimension_size(b, inst);
  return build_single(b, inst);
}

/* Constants that only kernels' expressions use need no buffer; others get theirs when
 * something reads them.                                                              */
static bool build_comp(builder *b, tn_comp *comp, tn_plan_value *const *arguments, tn_plan_value **result) {
  tn_inst **order;
  int count = tn_comp_post_order(comp, b->arena, &order);
  for (int i = 0; i < count; i++) {
    tn_inst *inst = order[i];
    if (inst->op == TN_OP_PARAMETER)
      b->values[inst->id] = arguments[inst->attr.parameter.number];
    else if (!build_inst(b, inst))
      return false;
  }
  *result = value_of(b, comp->root);
  return true;
}

/* ---- parameters and results ---- */

static const tn_shape *entry_parameter_shape(const builder *b, int number) {
  const tn_shape *declared = b->module->entry_parameters;
  const tn_shape *own = b->module->entry->parameters.at[number]->shape;
  return declared && number < declared->rank ? declared->elements[number] : own;
}

/* Row-major layouts are left out: their absence is what the rest looks for. */
static const tn_shape *memory_shape(builder *b, const tn_shape *shape) {
  return tn_layout_is_row_major(shape) ? tn_shape_without_layout(b->arena, shape) : shape;
}

static tn_plan_value *parameter_value(builder *b, const tn_shape *shape, const char *name) {
  if (tn_shape_is_tuple(shape)) {
    tn_plan_value *value = tuple_value(b, shape->rank);
    for (int i = 0; i < shape->rank; i++)
      value->elements[i] =
          parameter_value(b, shape->elements[i], tn_arena_printf(b->arena, "%s.%d", name, i));
    return value;
  }
  if (!tn_shape_is_array(shape)) return no_value(b);
  const char *unique = tn_arena_printf(b->arena, "p%d", b->parameters.count);
  int buffer = new_buffer(b, (tn_buffer){.name = unique,
                                         .memory = TN_MEMORY_PARAMETER,
                                         .shape = memory_shape(b, shape),
                                         .number = b->parameters.count});
  TN_PUSH(b->arena, &b->parameters, buffer);
  TN_PUSH(b->arena, &b->parameter_names, name);
  return array_value(b, tn_shape_without_layout(b->arena, shape), buffer);
}

static void result_buffers(builder *b, const tn_shape *shape) {
  if (tn_shape_is_tuple(shape)) {
    for (int i = 0; i < shape->rank; i++) result_buffers(b, shape->elements[i]);
    return;
  }
  if (!tn_shape_is_array(shape)) return;
  const char *name = tn_arena_printf(b->arena, "r%d", b->results.count);
  int buffer = new_buffer(b, (tn_buffer){.name = name,
                                         .memory = TN_MEMORY_RESULT,
                                         .shape = memory_shape(b, shape),
                                         .number = b->results.count});
  TN_PUSH(b->arena, &b->results, buffer);
  TN_PUSH(b->arena, &b->result_names, name);
}

/* Position of the leaf that `index` names within the shape's leaves. */
static int leaf_position(const tn_shape *shape, tn_dims index) {
  int position = 0;
  for (int i = 0; i < index.count && tn_shape_is_tuple(shape); i++) {
    for (int64_t e = 0; e < index.at[i]; e++) position += tn_shape_leaves(shape->elements[e]);
    shape = shape->elements[index.at[i]];
  }
  return position;
}

static void mark_aliases(builder *b) {
  const tn_module *module = b->module;
  for (int i = 0; i < module->aliases.count; i++) {
    const tn_alias *alias = &module->aliases.at[i];
    int result = leaf_position(module->entry->root->shape, alias->output), parameter = 0;
    for (int64_t p = 0; p < alias->parameter; p++)
      parameter += tn_shape_leaves(module->entry->parameters.at[p]->shape);
    parameter += leaf_position(module->entry->parameters.at[alias->parameter]->shape, alias->index);
    b->buffers.at[b->results.at[result]].alias = b->parameters.at[parameter];
  }
}

/* Leaves of inst from `first` on are computed into results from `result` on, as far as
 * nobody else has them already.                                                       */
static void claim(builder *b, tn_inst *inst, int leaf, int result) {
  const tn_buffer *buffer = &b->buffers.at[b->results.at[result]];
  bool kernel = !tn_op_is(inst->op, TN_OP_FREE) && !tn_op_is(inst->op, TN_OP_COLLECTIVE);
  if (inst->op == TN_OP_TUPLE) {
    for (int i = 0; i < inst->n_operands; i++) {
      int count = tn_shape_leaves(inst->operands[i]->shape);
      if (leaf < count) return claim(b, inst->operands[i], leaf, result);
      leaf -= count;
    }
    return;
  }
  if (inst->op == TN_OP_GET_TUPLE_ELEMENT) {
    const tn_shape *shape = inst->operands[0]->shape;
    for (int64_t e = 0; e < inst->attr.index.index; e++) leaf += tn_shape_leaves(shape->elements[e]);
    return claim(b, inst->operands[0], leaf, result);
  }
  bool renames = inst->op == TN_OP_RESHAPE || inst->op == TN_OP_OPT_BARRIER;
  if (renames && !buffer->shape->layout) return claim(b, inst->operands[0], leaf, result);
  if (inst->op == TN_OP_CALL) return claim(b, inst->called[0]->root, leaf, result);
  bool region = inst->op == TN_OP_WHILE || inst->op == TN_OP_CONDITIONAL || inst->op == TN_OP_ASYNC_START;
  if (!kernel || region || inst->op == TN_OP_PARAMETER || inst->op == TN_OP_CONSTANT) return;
  if (inst->parent != b->module->entry && inst->parent->callers.count != 1) return;
  if (!b->claims[inst->id]) {
    int count = tn_shape_leaves(inst->shape);
    b->claims[inst->id] = TN_NEW_ARRAY(b->arena, int, count);
    for (int i = 0; i < count; i++) b->claims[inst->id][i] = -1;
  }
  if (b->claims[inst->id][leaf] < 0) b->claims[inst->id][leaf] = b->results.at[result];
}

/* What was not computed in place is copied, now that all parameters have been read; a
 * parameter whose memory a result takes over is saved before any of the copies.      */
static void copy_results(builder *b, tn_plan_value *root) {
  value_list from = {0}, to = {0};
  leaves_of(b, root, &from);
  for (int i = 0; i < from.count; i++) {
    int source = from.at[i]->buffer;
    for (int r = 0; r < b->results.count; r++) {
      if (b->buffers.at[b->results.at[r]].alias != source || r == i) continue;
      int saved = new_temp(b, from.at[i]->shape);
      copy_buffer(b, saved, source, from.at[i]->shape);
      from.at[i] = array_value(b, from.at[i]->shape, saved);
      break;
    }
  }
  for (int i = 0; i < from.count; i++)
    TN_PUSH(b->arena, &to, array_value(b, from.at[i]->shape, b->results.at[i]));
  copy_leaves(b, &to, &from);
}

/* ---- the plan ---- */

static tn_hash kernel_hash(tn_kernel *kernel) {
  tn_text text = {0};
  const char *name = kernel->name, *source = kernel->source;
  kernel->name = "";
  kernel->source = NULL;
  tn_kernel_print(&text, kernel);
  kernel->name = name;
  kernel->source = source;
  tn_hash hash = tn_hash_bytes(text.bytes, text.length);
  tn_text_free(&text);
  return hash;
}

static void renumber_steps(tn_step *steps, const int *numbers) {
  for (tn_step *step = steps; step; step = step->next) {
    if (step->kind == TN_STEP_RUN) step->kernel = numbers[step->kernel];
    renumber_steps(step->test, numbers);
    for (int i = 0; i < step->n_branches; i++) renumber_steps(step->branches[i], numbers);
  }
}

static bool has_name(const tn_plan *plan, int count, const char *name) {
  for (int i = 0; i < count; i++)
    if (!strcmp(plan->kernels[i]->name, name)) return true;
  return false;
}

/* Computations that are called twice, and copies, give different kernels of one name. */
static void make_names_unique(tn_plan *plan) {
  for (int i = 0; i < plan->n_kernels; i++) {
    const char *name = plan->kernels[i]->name;
    for (int n = 2; has_name(plan, i, plan->kernels[i]->name); n++)
      plan->kernels[i]->name = tn_arena_printf(plan->arena, "%s_%d", name, n);
  }
}

/* Equal kernels are kept once. */
static void share_kernels(tn_plan *plan) {
  int *numbers = TN_NEW_ARRAY(plan->arena, int, plan->n_kernels), kept = 0;
  tn_hash *hashes = TN_NEW_ARRAY(plan->arena, tn_hash, plan->n_kernels);
  for (int i = 0; i < plan->n_kernels; i++) {
    tn_hash hash = kernel_hash(plan->kernels[i]);
    int same = 0;
    while (same < kept && (hashes[same].low != hash.low || hashes[same].high != hash.high)) same++;
    if (same == kept) {
      hashes[kept] = hash;
      plan->kernels[kept++] = plan->kernels[i];
    }
    numbers[i] = same;
  }
  plan->n_kernels = kept;
  make_names_unique(plan);
  renumber_steps(plan->steps, numbers);
}

static tn_plan *finish_plan(builder *b) {
  tn_plan *plan = b->plan;
  plan->n_buffers = b->buffers.count;
  plan->buffers = b->buffers.at;
  plan->n_kernels = b->kernels.count;
  plan->kernels = b->kernels.at;
  plan->n_parameters = b->parameters.count;
  plan->parameters = b->parameters.at;
  plan->parameter_names = b->parameter_names.at;
  plan->n_results = b->results.count;
  plan->results = b->results.at;
  plan->result_names = b->result_names.at;
  return plan;
}

/* Order and tiles are all that the plan's offsets know of a layout. */
static bool lies_densely(const tn_shape *shape) {
  const tn_layout *layout = shape->layout;
  if (tn_shape_is_tuple(shape)) {
    for (int i = 0; i < shape->rank; i++)
      if (!lies_densely(shape->elements[i])) return false;
    return true;
  }
  if (!layout) return true;
  for (int i = 0; layout->levels && i < layout->minor_to_major.count; i++)
    if (layout->levels[i].kind != TN_LEVEL_DENSE) return false;
  return !layout->n_splits && !layout->physical && !layout->metadata_bytes && layout->element_bits % 8 == 0;
}

static bool refuse_layout(builder *b, const tn_inst *inst, const char *what) {
  return tn_error(b->sink, TN_UNSUPPORTED, inst->location, "%s: its layout is not supported yet", what);
}

static bool build_entry(builder *b) {
  tn_module *module = b->module;
  tn_comp *entry = module->entry;
  tn_plan_value **arguments = TN_NEW_ARRAY(b->arena, tn_plan_value *, entry->parameters.count), *root;
  for (int i = 0; i < entry->parameters.count; i++) {
    if (tn_shape_is_dynamic(entry->parameters.at[i]->shape)) return unsupported(b, entry->parameters.at[i]);
    if (!lies_densely(entry_parameter_shape(b, i)))
      return refuse_layout(b, entry->parameters.at[i], "parameter");
    arguments[i] = parameter_value(b, entry_parameter_shape(b, i), entry->parameters.at[i]->name);
  }
  const tn_shape *result = module->entry_result ? module->entry_result : entry->root->shape;
  if (!lies_densely(result)) return refuse_layout(b, entry->root, "result");
  result_buffers(b, result);
  mark_aliases(b);
  for (int i = 0; i < b->results.count; i++)
    if (b->buffers.at[b->results.at[i]].alias < 0) claim(b, entry->root, i, i);
  if (!build_comp(b, entry, arguments, &root)) return false;
  copy_results(b, root);
  return true;
}

tn_plan *tn_plan_build(tn_module *module, const tn_plan_options *options, tn_diagnostics *sink) {
  if (!tn_plan_expansion_fits(module, options, sink)) return NULL;
  tn_arena *arena = tn_arena_create();
  tn_plan *plan = TN_NEW(arena, tn_plan);
  plan->arena = arena;
  plan->name = tn_arena_string(arena, module->name);
  plan->target = options->target;
  builder b = {.arena = arena, .plan = plan, .module = module, .target = options->target, .sink = sink};
  b.values = TN_NEW_ARRAY(arena, tn_plan_value *, module->next_id);
  b.claims = TN_NEW_ARRAY(arena, int *, module->next_id);
  b.tail = &plan->steps;
  bool built = build_entry(&b);
  finish_plan(&b);
  if (built) {
    for (int i = 0; i < plan->n_kernels; i++) {
      tn_kernel_split_complex(arena, plan->kernels[i], plan->target);
      tn_kernel_merge_dims(arena, plan->kernels[i]);
      tn_kernel_number(arena, plan->kernels[i]);
    }
    built = tn_plan_schedule(plan, options, sink);
  }
  if (!built) {
    tn_plan_destroy(plan);
    return NULL;
  }
  share_kernels(plan);
  tn_plan_place_buffers(plan);
  return plan;
}

void tn_plan_destroy(tn_plan *plan) {
  if (plan) tn_arena_destroy(plan->arena);
}
