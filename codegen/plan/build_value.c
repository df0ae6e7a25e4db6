/* Values of instructions while a plan is built: buffers, tuples, constants, copies.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/build.h"

/* ---- values and buffers ---- */

tn_plan_value *tn_plan_array_value(builder *b, const tn_shape *shape, int buffer) {
  tn_plan_value *value = TN_NEW(b->arena, tn_plan_value);
  value->shape = shape;
  value->buffer = buffer;
  return value;
}

tn_plan_value *tn_plan_tuple_value(builder *b, int count) {
  tn_plan_value *value = TN_NEW(b->arena, tn_plan_value);
  value->count = count;
  value->elements = TN_NEW_ARRAY(b->arena, tn_plan_value *, count);
  value->buffer = -1;
  return value;
}

/* Tokens and contexts: values without memory. */
void tn_plan_set_outputs(builder *b, const tn_inst *inst) {
  bool tuple = tn_shape_is_tuple(inst->shape);
  tn_plan_value *value = tuple ? tn_plan_tuple_value(b, b->n_outputs) : NULL;
  for (int i = 0; i < b->n_outputs; i++) {
    tn_plan_value *one = tn_plan_array_value(b, b->output_shapes[i], b->outputs[i]);
    if (tuple)
      value->elements[i] = one;
    else
      value = one;
  }
  b->values[inst->id] = value;
}

tn_plan_value *tn_plan_no_value(builder *b) { return tn_plan_array_value(b, tn_shape_token(b->arena), -1); }

int tn_plan_new_buffer(builder *b, tn_buffer buffer) {
  buffer.alias = -1;
  buffer.bytes = tn_layout_bytes(buffer.shape);
  TN_PUSH(b->arena, &b->buffers, buffer);
  return b->buffers.count - 1;
}

/* Inside a plan arrays are row-major, whatever layout the module wrote. */
int tn_plan_new_temp(builder *b, const tn_shape *shape) {
  const char *name = tn_arena_printf(b->arena, "t%d", b->next_temp++);
  return tn_plan_new_buffer(
      b,
      (tn_buffer){.name = name, .memory = TN_MEMORY_TEMP, .shape = tn_shape_without_layout(b->arena, shape)});
}

int tn_plan_constant_buffer(builder *b, const tn_literal *literal) {
  for (int i = 0; i < b->buffers.count; i++)
    if (b->buffers.at[i].literal == literal) return i;
  const char *name = tn_arena_printf(b->arena, "c%d", b->next_constant++);
  return tn_plan_new_buffer(b, (tn_buffer){.name = name,
                                           .memory = TN_MEMORY_CONSTANT,
                                           .shape = tn_shape_without_layout(b->arena, literal->shape),
                                           .literal = literal});
}

tn_plan_value *tn_plan_constant_value(builder *b, const tn_literal *literal) {
  if (literal->shape->type != TN_TUPLE)
    return tn_plan_array_value(b, tn_shape_without_layout(b->arena, literal->shape),
                               tn_plan_constant_buffer(b, literal));
  tn_plan_value *value = tn_plan_tuple_value(b, literal->shape->rank);
  for (int i = 0; i < value->count; i++) value->elements[i] = tn_plan_constant_value(b, literal->elements[i]);
  return value;
}

tn_step *tn_plan_new_step(builder *b, tn_step_kind kind) {
  tn_step *step = TN_NEW(b->arena, tn_step);
  step->kind = kind;
  step->origin = b->about;
  *b->tail = step;
  b->tail = &step->next;
  return step;
}

bool tn_plan_unsupported(builder *b, const tn_inst *inst) {
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
void tn_plan_copy_buffer(builder *b, int to, int from, const tn_shape *seen) {
  if (b->buffers.at[to].bytes == 0) return;
  if (tn_layout_packing(b->buffers.at[to].shape) > 1) {
    tn_plan_pack(b, to, from, seen);
    return;
  }
  if (same_layout(b->buffers.at[to].shape, b->buffers.at[from].shape)) {
    tn_step *step = tn_plan_new_step(b, TN_STEP_COPY);
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
  *store = (tn_stmt){.kind = TN_STMT_STORE,
                     .buffer = 1,
                     .at = at,
                     .expr = tn_expr_load(b->arena, seen->type, 0, seen->rank, at)};
  loop->n_dims = seen->rank;
  loop->dims = dims;
  loop->body = store;
  kernel->body = loop;
  kernel->name = "copy";
  kernel->source = b->about ? tn_plan_source(b, b->about) : NULL;
  tn_step *step = tn_plan_new_step(b, TN_STEP_RUN);
  step->arguments = tn_arena_copy(b->arena, (int[]){from, to}, sizeof(int) * 2);
  step->kernel = b->kernels.count;
  TN_PUSH(b->arena, &b->kernels, kernel);
}

/* Leaves of a value tree, left to right; values without memory are left out. */
void tn_plan_leaves(builder *b, tn_plan_value *value, value_list *out) {
  if (value->elements) {
    for (int i = 0; i < value->count; i++) tn_plan_leaves(b, value->elements[i], out);
  } else if (value->buffer >= 0) {
    TN_PUSH(b->arena, out, value);
  }
}

/* A tree of the same form in fresh temps. */
tn_plan_value *tn_plan_temps_like(builder *b, tn_plan_value *value) {
  if (!value->elements)
    return value->buffer < 0 ? value
                             : tn_plan_array_value(b, value->shape, tn_plan_new_temp(b, value->shape));
  tn_plan_value *copy = tn_plan_tuple_value(b, value->count);
  for (int i = 0; i < value->count; i++) copy->elements[i] = tn_plan_temps_like(b, value->elements[i]);
  return copy;
}

/* to[i] = from[i] for all i at once: a source that another copy overwrites is saved first. */
void tn_plan_copy_leaves(builder *b, const value_list *to, const value_list *from) {
  int *sources = TN_NEW_ARRAY(b->arena, int, from->count);
  for (int i = 0; i < from->count; i++) {
    sources[i] = from->at[i]->buffer;
    bool overwritten = false;
    for (int j = 0; j < i; j++) overwritten = overwritten || to->at[j]->buffer == sources[i];
    if (!overwritten || to->at[i]->buffer == sources[i]) continue;
    int saved = tn_plan_new_temp(b, from->at[i]->shape);
    tn_plan_copy_buffer(b, saved, sources[i], from->at[i]->shape);
    sources[i] = saved;
  }
  for (int i = 0; i < to->count; i++)
    if (to->at[i]->buffer != sources[i])
      tn_plan_copy_buffer(b, to->at[i]->buffer, sources[i], to->at[i]->shape);
}
