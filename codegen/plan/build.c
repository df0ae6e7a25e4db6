/* Module -> plan: which steps, on which buffers.
 *
 * Computations are flattened from the entry down. Every array value is a buffer and
 * the shape it is seen with; tuples, tokens, bitcasts and reshapes of row-major arrays
 * only rename. build_value.c has buffers and copies, build_control.c loops and branches,
 * build_entry.c parameters and results.
 *
 * A fusion whose computation has no single kernel is taken apart into its instructions.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/build.h"

#include "codegen/plan/coalesce.h"
#include "codegen/plan/native.h"
#include "codegen/plan/sort.h"
#include "ir/custom_call.h"
#include "ir/encoding.h"

#include <ctype.h>

/* ---- kernels ---- */

static const tn_shape *leaf_shape(void *user, tn_inst *leaf) {
  builder *b = user;
  tn_plan_value *value = leaf->op == TN_OP_CONSTANT ? NULL : tn_plan_value_of(b, leaf);
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
  bool is_parameter = result >= 0 && b->buffers.at[result].alias >= 0;
  return result >= 0 && !is_parameter ? result : tn_plan_new_temp(b, shape);
}

/* A fusion that is named after what it computes ("softmax.17") names its kernel. */
static const char *known_name(builder *b, const tn_inst *inst) {
  size_t size = strcspn(inst->name, ".");
  bool plain = strstr(inst->name, "fusion") || isdigit((unsigned char)*inst->name);
  if (inst->op != TN_OP_FUSION || plain || !inst->name[size]) return NULL;
  return tn_arena_printf(b->arena, "%.*s", (int)size, inst->name);
}

/* The heaviest operation of a fusion; any other instruction is its own. */
static const tn_inst *main_of(const tn_inst *inst) {
  static const tn_op heavy[] = {TN_OP_CONVOLUTION, TN_OP_DOT, TN_OP_REDUCE_WINDOW, TN_OP_REDUCE,
                                TN_OP_SCATTER};
  const tn_inst *main = inst;
  if (inst->op != TN_OP_FUSION) return inst;
  for (int k = 4; k >= 0; k--) TN_FOR_EACH_IN_COMP(inst->called[0], i)
  if (i->op == heavy[k]) main = i;
  return main;
}

static const char *kernel_name(builder *b, const tn_inst *inst) {
  const char *known = known_name(b, inst);
  char *name = tn_arena_printf(b->arena, "%s_%d", known ? known : tn_ops[main_of(inst)->op].name, inst->id);
  for (char *c = name; *c; c++)
    if (!isalnum((unsigned char)*c)) *c = '_';
  return name;
}

static bool has_op_name(const tn_inst *inst) { return inst->notes && inst->notes->op_name; }

/* Who speaks for a kernel: the heaviest, the fusion, what in it the model has a name for, or
 * what it ends with.                                                                        */
static const tn_inst *speaker_of(const tn_inst *inst) {
  const tn_inst *main = main_of(inst);
  if (has_op_name(main) || inst->op != TN_OP_FUSION) return main;
  if (has_op_name(inst)) return inst;
  const tn_inst *root = inst->called[0]->root;
  for (const tn_inst *i = inst->called[0]->last; i; i = i->prev)
    if (has_op_name(i)) return i;
  if (main != inst) return main;
  return root->op == TN_OP_TUPLE && root->n_operands ? root->operands[0] : root;
}

/* "encoder/dot_general model.hlo:12": what the model calls it, or the instruction's name, and
 * where it stands in the text; without the folders, which are not the model's.            */
const char *tn_plan_source(builder *b, const tn_inst *inst) {
  const tn_inst *speaker = speaker_of(inst);
  const char *name = has_op_name(speaker) ? speaker->notes->op_name : speaker->name;
  tn_location at = speaker->location.line ? speaker->location : inst->location;
  if (!at.line) return name;
  const char *slash = at.file ? strrchr(at.file, '/') : NULL;
  const char *file = slash ? slash + 1 : at.file ? at.file : "line";
  return tn_arena_printf(b->arena, "%s %s:%u", name, file, at.line);
}

tn_group tn_plan_group(builder *b, tn_inst *const *roots, bool whole) {
  return (tn_group){.arena = b->arena,
                    .target = b->target,
                    .roots = roots,
                    .n_roots = b->n_outputs,
                    .whole = whole,
                    .leaf_shape = leaf_shape,
                    .root_shape = output_shape,
                    .user = b};
}

static int section_buffer(builder *b, const tn_inst *decode, tn_section section) {
  const tn_literal *bytes = tn_decode_source(decode);
  const tn_literal *part = tn_lower_section(b->arena, bytes, decode->shape, section);
  for (int i = 0; i < b->buffers.count; i++) { /* of a kernel before */
    const tn_literal *other = b->buffers.at[i].literal;
    if (other && other->data == part->data && tn_shape_identical(other->shape, part->shape)) return i;
  }
  return tn_plan_constant_buffer(b, part);
}

static const int *operand_leaves(builder *b, const tn_inst *inst) {
  value_list leaves = {0};
  for (int i = 0; i < inst->n_operands; i++) tn_plan_leaves(b, tn_plan_value_of(b, inst->operands[i]), &leaves);
  int *buffers = TN_NEW_ARRAY(b->arena, int, leaves.count);
  for (int i = 0; i < leaves.count; i++) buffers[i] = leaves.at[i]->buffer;
  return buffers;
}

bool tn_plan_run_kernel(builder *b, const tn_inst *inst, const tn_lowered *lowered,
                        tn_inst *const *arguments) {
  tn_step *step = tn_plan_new_step(b, TN_STEP_RUN);
  int *buffers = TN_NEW_ARRAY(b->arena, int, lowered->n_leaves + b->n_outputs), n = 0;
  for (int i = 0; i < lowered->n_leaves; i++) {
    tn_inst *leaf = lowered->leaves[i];
    bool is_constant = leaf->op == TN_OP_CONSTANT;
    if (lowered->sections[i] != TN_SECTION_WHOLE) {
      buffers[n++] = section_buffer(b, leaf, lowered->sections[i]);
      continue;
    }
    if (arguments && !is_constant) leaf = arguments[leaf->attr.parameter.number];
    buffers[n++] = is_constant ? tn_plan_constant_buffer(b, leaf->attr.constant.literal)
                               : tn_plan_value_of(b, leaf)->buffer;
  }
  for (int i = 0; i < b->n_outputs; i++) buffers[n++] = b->outputs[i];
  lowered->kernel->name = kernel_name(b, inst);
  lowered->kernel->source = tn_plan_source(b, inst);
  step->arguments = buffers;
  step->origin = inst;
  if (b->apart) step->operands = operand_leaves(b, inst);
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
  for (int i = 0; i < b->n_outputs; i++) {
    b->output_shapes[i] = tn_shape_without_layout(b->arena, tuple ? shape->elements[i] : shape);
    b->outputs[i] = destination(b, inst, i, b->output_shapes[i]);
  }
  tn_plan_set_outputs(b, inst);
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
      if (!tn_shape_is_array(shape->elements[i])) return tn_plan_unsupported(b, inst);
  if (!tn_shape_is_tuple(shape) && !tn_shape_is_array(shape)) return tn_plan_unsupported(b, inst);
  open_outputs(b, inst);
  if (is_empty(b)) return true;
  tn_inst **roots = TN_NEW_ARRAY(b->arena, tn_inst *, b->n_outputs);
  for (int i = 0; i < b->n_outputs; i++) roots[i] = inst;
  tn_group group = tn_plan_group(b, roots, false);
  tn_lowered lowered;
  if (!tn_lower_group(&group, &lowered))
    return tn_plan_unsupported(b, lowered.culprit ? lowered.culprit : inst);
  return tn_plan_run_kernel(b, inst, &lowered, NULL);
}

static bool build_call(builder *b, tn_inst *inst) {
  tn_plan_value **arguments = TN_NEW_ARRAY(b->arena, tn_plan_value *, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) arguments[i] = tn_plan_value_of(b, inst->operands[i]);
  return tn_plan_build_comp(b, inst->called[0], arguments, &b->values[inst->id]);
}

/* One array, or several results that share one nest of loops. */
static bool roots_agree(builder *b, const tn_inst *root) {
  tn_root_places places;
  if (!tn_shape_is_tuple(root->shape)) return tn_shape_is_array(root->shape);
  if (root->op == TN_OP_REDUCE || root->op == TN_OP_REDUCE_WINDOW) return true;
  return root->op == TN_OP_TUPLE && root->n_operands &&
         tn_place_roots(b->arena, root->operands, root->n_operands, &places);
}

static bool operands_are_arrays(const tn_inst *inst) {
  for (int i = 0; i < inst->n_operands; i++)
    if (!tn_shape_is_array(inst->operands[i]->shape)) return false;
  return true;
}

static bool build_fusion(builder *b, tn_inst *inst) {
  tn_comp *comp = inst->called[0];
  if (!roots_agree(b, comp->root) || !operands_are_arrays(inst)) return build_call(b, inst);
  bool tuple = comp->root->op == TN_OP_TUPLE;
  for (int i = 0; i < comp->parameters.count; i++)
    b->values[comp->parameters.at[i]->id] = tn_plan_value_of(b, inst->operands[i]);
  int buffers = b->buffers.count, temps = b->next_temp;
  open_outputs(b, inst);
  if (is_empty(b)) return true;
  tn_inst **roots = TN_NEW_ARRAY(b->arena, tn_inst *, b->n_outputs);
  for (int i = 0; i < b->n_outputs; i++) roots[i] = tuple ? comp->root->operands[i] : comp->root;
  tn_group group = tn_plan_group(b, roots, true);
  tn_lowered lowered;
  if (tn_lower_group(&group, &lowered)) return tn_plan_run_kernel(b, inst, &lowered, inst->operands);
  b->buffers.count = buffers; /* taken apart: what fails there says why */
  b->next_temp = temps;
  return build_call(b, inst);
}

/* ---- instructions without a kernel ---- */

static bool one_participant(const builder *b) {
  return b->module->replica_count <= 1 && b->module->num_partitions <= 1;
}

static tn_plan_value *zeros(builder *b, const tn_shape *shape) {
  return tn_plan_constant_value(b, tn_literal_zero(b->arena, tn_shape_without_layout(b->arena, shape)));
}

static tn_plan_value *operands_as_tuple(builder *b, const tn_inst *inst) {
  tn_plan_value *value = tn_plan_tuple_value(b, inst->n_operands);
  for (int i = 0; i < inst->n_operands; i++) value->elements[i] = tn_plan_value_of(b, inst->operands[i]);
  return value;
}

static tn_plan_value *pass_through(builder *b, const tn_inst *inst) {
  return inst->n_operands == 1 || !tn_shape_is_tuple(inst->shape) ? tn_plan_value_of(b, inst->operands[0])
                                                                  : operands_as_tuple(b, inst);
}

/* (operand, result, contexts…): what the -start forms give. */
static tn_plan_value *started(builder *b, const tn_inst *inst, tn_plan_value *first, tn_plan_value *second) {
  int count = inst->shape->rank;
  tn_plan_value *value = tn_plan_tuple_value(b, count);
  for (int i = 0; i < count; i++) value->elements[i] = i == 0 ? first : i == 1 ? second : tn_plan_no_value(b);
  return value;
}

/* With nobody else there, only what replica 0 sends to itself arrives. */
static tn_plan_value *permuted(builder *b, const tn_inst *inst, const tn_shape *shape) {
  for (int i = 0; i < inst->attr.permute->pairs.count; i++)
    if (inst->attr.permute->pairs.at[i].target == 0) return tn_plan_value_of(b, inst->operands[0]);
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
    *value =
        started(b, inst, tn_plan_value_of(b, inst->operands[0]), permuted(b, inst, inst->shape->elements[1]));
  else if (inst->op == TN_OP_ALL_GATHER_START)
    *value = started(b, inst, pass_through(b, inst), pass_through(b, inst));
  else if (inst->op == TN_OP_RAGGED_ALL_TO_ALL)
    return tn_plan_unsupported(b, inst);
  else
    *value = pass_through(b, inst);
  return true;
}

static bool build_async_start(builder *b, tn_inst *inst) {
  if (!build_call(b, inst)) return false;
  b->values[inst->id] = started(b, inst, operands_as_tuple(b, inst), tn_plan_value_of(b, inst));
  return true;
}

/* May the buffer's bytes be taken as elements of `to`? Wider ones want more alignment than
 * the caller of a compiled function has promised for its arrays; bytes other than 0 and 1
 * are no predicates.                                                                     */
static bool is_view(const tn_buffer *buffer, tn_type from, tn_type to) {
  if (from == to) return true;
  if ((tn_type_bits(from) < 8 && from != TN_PRED) || tn_type_bits(to) < 8) return false;
  bool ours = buffer->memory == TN_MEMORY_TEMP || buffer->memory == TN_MEMORY_CONSTANT;
  return ours || tn_type_bytes(tn_type_part(to)) <= tn_type_bytes(tn_type_part(buffer->shape->type));
}

/* A reshape or bitcast of row-major bytes: the same buffer seen with another shape. */
static bool is_renaming(const builder *b, const tn_inst *inst) {
  if (inst->op != TN_OP_RESHAPE && inst->op != TN_OP_BITCAST && inst->op != TN_OP_BITCAST_CONVERT)
    return false;
  const tn_inst *operand = inst->operands[0];
  if (!tn_shape_is_array(inst->shape) || !tn_shape_is_array(operand->shape)) return false;
  tn_plan_value *value = b->values[operand->id];
  const tn_buffer *buffer = &b->buffers.at[value->buffer];
  if (buffer->shape->layout) return false;
  if (inst->op == TN_OP_BITCAST_CONVERT) return is_view(buffer, operand->shape->type, inst->shape->type);
  if (inst->op == TN_OP_RESHAPE) return true;
  if (!tn_layout_is_row_major(inst->shape) || !tn_layout_is_row_major(operand->shape)) return false;
  return tn_type_bytes(inst->shape->type) == tn_type_bytes(operand->shape->type) ||
         is_view(buffer, operand->shape->type, inst->shape->type);
}

static bool build_free(builder *b, tn_inst *inst) {
  tn_plan_value **value = &b->values[inst->id],
                *first = inst->n_operands ? tn_plan_value_of(b, inst->operands[0]) : NULL;
  if (inst->op == TN_OP_TUPLE)
    *value = operands_as_tuple(b, inst);
  else if (inst->op == TN_OP_GET_TUPLE_ELEMENT)
    *value = first->elements[inst->attr.index.index];
  else if (inst->op == TN_OP_AFTER_ALL)
    *value = tn_plan_no_value(b);
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
  b->values[inst->id] = tn_plan_constant_value(b, size);
  return true;
}

static bool build_custom_call(builder *b, tn_inst *inst) {
  bool largest;
  if (tn_custom_call_is_identity(inst))
    return b->values[inst->id] = tn_plan_value_of(b, inst->operands[0]), true;
  if (tn_custom_call_is_topk(inst, &largest)) return build_single(b, inst);
  b->failed = true;
  return tn_error(b->sink, TN_UNSUPPORTED, inst->location, "custom-call: target \"%s\" has no meaning here",
                  inst->attr.custom_call->target);
}

/* What is not decoded inside a product is in memory whole. */
static bool build_decode(builder *b, tn_inst *inst) {
  tn_block_sparse format;
  void *data;
  const tn_literal *bytes = tn_decode_source(inst);
  if (!bytes || tn_block_sparse_read(b->arena, bytes, inst->shape, &format))
    return tn_plan_unsupported(b, inst);
  const tn_shape *shape = tn_shape_without_layout(b->arena, inst->shape);
  tn_literal *matrix = tn_literal_uninitialised(b->arena, shape, &data);
  tn_block_sparse_decode(&format, shape->type, bytes->data, data);
  b->values[inst->id] = tn_plan_constant_value(b, matrix);
  return true;
}

static bool build_inst(builder *b, tn_inst *inst) {
  b->about = inst;
  if (tn_shape_is_dynamic(inst->shape) || tn_op_native_form(inst->op) == TN_NATIVE_NO)
    return tn_plan_unsupported(b, inst);
  if (is_renaming(b, inst)) {
    const tn_shape *shape = tn_shape_without_layout(b->arena, inst->shape);
    b->values[inst->id] = tn_plan_array_value(b, shape, tn_plan_value_of(b, inst->operands[0])->buffer);
    return true;
  }
  if (tn_op_is(inst->op, TN_OP_FREE) && inst->op != TN_OP_BITCAST) return build_free(b, inst);
  if (tn_op_is(inst->op, TN_OP_COLLECTIVE)) return build_collective(b, inst);
  if (inst->op == TN_OP_CONSTANT) {
    b->values[inst->id] = tn_plan_constant_value(b, inst->attr.constant.literal);
    return true;
  }
  if (inst->op == TN_OP_DECODE) return build_decode(b, inst);
  if (inst->op == TN_OP_WHILE) return tn_plan_build_while(b, inst);
  if (inst->op == TN_OP_CONDITIONAL) return tn_plan_build_conditional(b, inst);
  if (inst->op == TN_OP_CALL) return build_call(b, inst);
  if (tn_plan_is_update(inst)) return tn_plan_build_update(b, inst) || (!b->failed && build_call(b, inst));
  if (inst->op == TN_OP_FUSION) return build_fusion(b, inst);
  if (inst->op == TN_OP_ASYNC_START) return build_async_start(b, inst);
  if (inst->op == TN_OP_COPY_START) {
    tn_plan_value *operand = tn_plan_value_of(b, inst->operands[0]);
    b->values[inst->id] = started(b, inst, operand, operand);
    return true;
  }
  if (inst->op == TN_OP_GET_DIMENSION_SIZE) return build_get_dimension_size(b, inst);
  if (inst->op == TN_OP_CUSTOM_CALL) return build_custom_call(b, inst);
  return build_single(b, inst);
}

/* Constants that only kernels' expressions use need no buffer; others get theirs when
 * something reads them.                                                              */
bool tn_plan_build_comp(builder *b, tn_comp *comp, tn_plan_value *const *arguments, tn_plan_value **result) {
  tn_plan_visit visit = {.comp = comp, .live = b->live};
  int depth = b->visits.count;
  visit.count = tn_comp_post_order(comp, b->arena, &visit.order);
  tn_plan_sink_updates(visit.order, visit.count);
  for (int i = 0; i < visit.count; i++) b->values[visit.order[i]->id] = NULL;
  b->live = NULL;
  TN_PUSH(b->arena, &b->visits, visit);
  for (int i = 0; i < visit.count; i++) {
    tn_inst *inst = visit.order[i];
    b->visits.at[depth].position = i;
    if (inst->op == TN_OP_PARAMETER)
      b->values[inst->id] = arguments[inst->attr.parameter.number];
    else if (!build_inst(b, inst))
      return false;
  }
  b->visits.count = depth;
  *result = tn_plan_value_of(b, comp->root);
  return true;
}

/* ---- the plan ---- */

static tn_plan *fill_plan(builder *b) {
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

/* What does not fit where it lies may have too much alive, or lie badly. */
static bool keep_limit(tn_plan *plan, int64_t limit, tn_diagnostics *sink) {
  enum { ROUNDS = 4 };
  int64_t target = limit, reached = plan->arena_bytes;
  for (int i = 0; i < ROUNDS && limit && plan->arena_bytes > limit; i++) {
    if (plan->live_bytes <= limit) target -= plan->arena_bytes - limit;
    if (!tn_plan_make_again(plan, target)) break;
    tn_plan_place_buffers(plan);
    if (plan->arena_bytes < reached) reached = plan->arena_bytes;
  }
  if (!limit || plan->arena_bytes <= limit) return true;
  const char *kernel;
  int64_t least = tn_plan_least_bytes(plan, &kernel);
  tn_error(sink, TN_LIMIT, TN_NOWHERE,
           "arena: %lld bytes are needed, more than the limit of %lld (--arena-limit)", (long long)reached,
           (long long)limit);
  if (kernel)
    tn_note(sink, TN_NOWHERE, "kernel '%s' alone reads and writes %lld bytes of temps: no limit below can be kept",
            kernel, (long long)least);
  return false;
}

bool tn_plan_finish(tn_plan *plan, const tn_plan_options *options, tn_diagnostics *sink) {
  tn_plan_coalesce(plan);
  if (!tn_plan_schedule(plan, options, sink)) return false;
  tn_plan_order(plan);
  tn_plan_lower_peak(plan);
  tn_plan_alternate(plan); /* behind them, so that both turns run the same kernels */
  tn_plan_share_kernels(plan);
  tn_plan_drop_unused_temps(plan);
  tn_plan_place_buffers(plan);
  return keep_limit(plan, options->arena_limit, sink);
}

static void settle_kernels(tn_plan *plan) {
  for (int i = 0; i < plan->n_kernels; i++) {
    tn_kernel_split_complex(plan->arena, plan->kernels[i], plan->target);
    tn_kernel_merge_dims(plan->arena, plan->kernels[i]);
    tn_kernel_number(plan->arena, plan->kernels[i]);
    tn_sort_keep_what_is_read(plan->arena, plan->kernels[i]);
  }
}

tn_plan *tn_plan_build(tn_module *module, const tn_plan_options *options, tn_diagnostics *sink) {
  if (!tn_plan_expansion_fits(module, options, sink)) return NULL;
  tn_arena *arena = tn_arena_create();
  tn_plan *plan = TN_NEW(arena, tn_plan);
  plan->arena = arena;
  plan->name = tn_arena_string(arena, module->name);
  plan->target = options->target;
  builder b = {.arena = arena, .plan = plan, .module = module, .target = options->target, .sink = sink};
  b.apart = options->unscheduled;
  b.values = TN_NEW_ARRAY(arena, tn_plan_value *, module->next_id);
  b.claims = TN_NEW_ARRAY(arena, int *, module->next_id);
  b.tail = &plan->steps;
  bool built = tn_plan_build_entry(&b);
  fill_plan(&b);
  if (built) settle_kernels(plan);
  if (built && !options->unscheduled) built = tn_plan_finish(plan, options, sink);
  if (built) return plan;
  tn_plan_destroy(plan);
  return NULL;
}

void tn_plan_destroy(tn_plan *plan) {
  if (plan) tn_arena_destroy(plan->arena);
}
