/* Slices, concatenations, pads and reversals that cancel or meet.
 *
 *   s = f32[4] slice(concatenate(x, y)), slice={[8:12]}    x: f32[8], y: f32[8]
 *  =>
 *   s = f32[4] slice(y), slice={[0:4]}
 *
 *   c = f32[8] concatenate(slice(x), slice(x))             [0:4], [4:8]
 *  =>
 *   c = x
 *
 * Why: exporters split and join (rotary embeddings, gates, halos of images); what is
 * taken apart again need not be put together. Keeps: every value, bit for bit. Each rule
 * leaves fewer elements to move, or fewer instructions. Cost: O(instructions, operands).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/make.h"
#include "passes/values.h"

static bool are_plain(const tn_inst *inst) {
  for (int i = 0; i < inst->n_operands; i++)
    if (!tn_shape_is_plain(inst->operands[i]->shape)) return false;
  return tn_shape_is_plain(inst->shape);
}

static int64_t along(const tn_inst *concatenate) { return concatenate->attr.dimensions.dims.at[0]; }

/* A slice as `inst`, with its steps, of another operand from other places on. */
static tn_inst *slice_of(tn_inst *inst, tn_inst *operand, const int64_t *starts, const int64_t *limits) {
  int rank = inst->shape->rank;
  tn_inst *slice = tn_inst_create(inst->parent, inst, TN_OP_SLICE, inst->shape, 1, &operand);
  tn_slice_attributes *own = tn_inst_edit_slice(slice);
  own->starts = tn_rewrite_dims(inst, rank, starts);
  own->limits = tn_rewrite_dims(inst, rank, limits);
  own->strides = inst->attr.slice->strides;
  return slice;
}

/* ---- slice ---- */

static tn_inst *slice_of_concatenate(tn_pass_context *context, tn_inst *inst) {
  tn_inst *whole = tn_operand_of(inst, 0, TN_OP_CONCATENATE);
  if (!whole || !are_plain(inst) || !are_plain(whole) || !tn_shape_elements(inst->shape)) return NULL;
  int64_t dim = along(whole), start = inst->attr.slice->starts.at[dim], begin = 0;
  int64_t last = start + (inst->shape->dims[dim] - 1) * inst->attr.slice->strides.at[dim];
  for (int i = 0; i < whole->n_operands; begin += whole->operands[i++]->shape->dims[dim]) {
    int64_t end = begin + whole->operands[i]->shape->dims[dim];
    if (start < begin || start >= end) continue;
    if (last >= end || !tn_pass_spend(context)) return NULL;
    size_t bytes = (size_t)inst->shape->rank * sizeof(int64_t);
    int64_t starts[TN_MOST_DIMS], limits[TN_MOST_DIMS];
    memcpy(starts, inst->attr.slice->starts.at, bytes);
    memcpy(limits, inst->attr.slice->limits.at, bytes);
    starts[dim] = start - begin;
    limits[dim] = last - begin + 1; /* the last step may have ended beyond the part */
    return slice_of(inst, whole->operands[i], starts, limits);
  }
  return NULL;
}

/* Inside what was padded, dims without interior padding alone. */
static tn_inst *slice_of_pad(tn_pass_context *context, tn_inst *inst) {
  tn_inst *pad = tn_operand_of(inst, 0, TN_OP_PAD);
  if (!pad || !are_plain(inst) || !are_plain(pad) || !tn_shape_elements(inst->shape)) return NULL;
  int rank = inst->shape->rank;
  int64_t starts[TN_MOST_DIMS], limits[TN_MOST_DIMS];
  for (int i = 0; i < rank; i++) {
    int64_t low = pad->attr.pad.at[i].low, stride = inst->attr.slice->strides.at[i];
    starts[i] = inst->attr.slice->starts.at[i] - low;
    limits[i] = starts[i] + (inst->shape->dims[i] - 1) * stride + 1;
    if (pad->attr.pad.at[i].interior || starts[i] < 0 || limits[i] > pad->operands[0]->shape->dims[i])
      return NULL;
  }
  return tn_pass_spend(context) ? slice_of(inst, pad->operands[0], starts, limits) : NULL;
}

/* The operand's own dims are sliced, the others made as long as they are to be. */
static tn_inst *slice_of_broadcast(tn_pass_context *context, tn_inst *inst) {
  tn_inst *broadcast = tn_operand_of(inst, 0, TN_OP_BROADCAST);
  if (!broadcast || !are_plain(inst) || !are_plain(broadcast) || !tn_pass_spend(context)) return NULL;
  tn_dims dims = broadcast->attr.dimensions.dims;
  tn_inst *operand = broadcast->operands[0];
  for (int i = 0; i < dims.count; i++) {
    int64_t d = dims.at[i];
    operand = tn_make_slice(tn_site_of(inst), operand, i, inst->attr.slice->starts.at[d],
                            inst->attr.slice->limits.at[d], inst->attr.slice->strides.at[d]);
  }
  return tn_build_broadcast(inst->parent, inst, operand, inst->shape, dims);
}

/* ---- concatenate ---- */

static bool has_part(const tn_inst *inst, bool (*is)(const tn_inst *part, const tn_inst *whole)) {
  for (int i = 0; i < inst->n_operands; i++)
    if (is(inst->operands[i], inst)) return true;
  return false;
}

static bool is_nothing(const tn_inst *part, const tn_inst *whole) { return !part->shape->dims[along(whole)]; }

static bool is_joined(const tn_inst *part, const tn_inst *whole) {
  return part->op == TN_OP_CONCATENATE && along(part) == along(whole) && part->users.count == 1;
}

/* Parts without elements go, parts that are concatenations themselves are written out. */
static tn_inst *concatenate_of_parts(tn_pass_context *context, tn_inst *inst) {
  if (!are_plain(inst) || (!has_part(inst, is_nothing) && !has_part(inst, is_joined))) return NULL;
  if (!tn_shape_elements(inst->shape) || !tn_pass_spend(context)) return NULL;
  TN_VEC(tn_inst *) parts = {0};
  for (int i = 0; i < inst->n_operands; i++) {
    tn_inst *part = inst->operands[i];
    if (is_nothing(part, inst)) continue;
    int count = is_joined(part, inst) ? part->n_operands : 1;
    tn_inst *const *from = is_joined(part, inst) ? part->operands : &inst->operands[i];
    for (int j = 0; j < count; j++) TN_PUSH(context->scratch, &parts, from[j]);
  }
  tn_inst *by = tn_inst_create(inst->parent, inst, TN_OP_CONCATENATE, inst->shape, parts.count, parts.at);
  by->attr.dimensions = inst->attr.dimensions;
  return by;
}

/* b takes up where a ends: slices of one value with step 1 along `dim`, equal otherwise. */
static bool continues(const tn_inst *a, const tn_inst *b, int64_t dim) {
  if (a->op != TN_OP_SLICE || b->op != TN_OP_SLICE || a->operands[0] != b->operands[0]) return false;
  for (int i = 0; i < a->shape->rank; i++) {
    int64_t start = a->attr.slice->starts.at[i], stride = a->attr.slice->strides.at[i];
    if (stride != b->attr.slice->strides.at[i] || (i == dim && stride != 1)) return false;
    if (i == dim ? a->attr.slice->limits.at[i] != b->attr.slice->starts.at[i]
                 : start != b->attr.slice->starts.at[i])
      return false;
  }
  return true;
}

static tn_inst *concatenate_of_slices(tn_pass_context *context, tn_inst *inst) {
  int64_t dim = along(inst);
  if (!are_plain(inst) || inst->n_operands < 2) return NULL;
  for (int i = 1; i < inst->n_operands; i++)
    if (!continues(inst->operands[i - 1], inst->operands[i], dim)) return NULL;
  if (!tn_pass_spend(context)) return NULL;
  const tn_inst *first = inst->operands[0], *last = inst->operands[inst->n_operands - 1];
  int64_t limits[TN_MOST_DIMS];
  for (int i = 0; i < inst->shape->rank; i++) limits[i] = (i == dim ? last : first)->attr.slice->limits.at[i];
  tn_inst *slice = tn_inst_create(inst->parent, inst, TN_OP_SLICE, inst->shape, 1, &first->operands[0]);
  tn_slice_attributes *own = tn_inst_edit_slice(slice);
  own->starts = first->attr.slice->starts;
  own->limits = tn_rewrite_dims(inst, inst->shape->rank, limits);
  own->strides = first->attr.slice->strides;
  return slice;
}

static tn_inst *concatenate_of_one_number(tn_pass_context *context, tn_inst *inst) {
  if (!are_plain(inst) || !tn_one_value(inst->operands[0])) return NULL;
  for (int i = 1; i < inst->n_operands; i++)
    if (!tn_same_value(inst->operands[0], inst->operands[i])) return NULL;
  if (!tn_pass_spend(context)) return NULL;
  tn_site site = tn_site_of(inst);
  tn_inst *scalar = inst->operands[0];
  while (scalar->op == TN_OP_BROADCAST || scalar->op == TN_OP_RESHAPE) scalar = scalar->operands[0];
  if (scalar->shape->rank)
    scalar = tn_make_array(site, tn_shape_array(tn_site_arena(site), inst->shape->type, 0, NULL),
                           tn_one_value(scalar));
  return tn_make_spread(site, scalar, inst->shape);
}

/* ---- pad, reverse, dynamic forms ---- */

static tn_inst *pad_of_pad(tn_pass_context *context, tn_inst *inst) {
  tn_inst *inner = tn_operand_of(inst, 0, TN_OP_PAD);
  if (!inner || !are_plain(inst) || !are_plain(inner)) return NULL;
  if (inner->operands[1] != inst->operands[1] && !tn_same_value(inner->operands[1], inst->operands[1]))
    return NULL;
  int rank = inst->shape->rank;
  tn_pad_dim *pads = TN_NEW_ARRAY(inst->parent->module->arena, tn_pad_dim, rank ? rank : 1);
  for (int i = 0; i < rank; i++) {
    tn_pad_dim a = inner->attr.pad.at[i], b = inst->attr.pad.at[i];
    if (a.low < 0 || a.high < 0 || b.low < 0 || b.high < 0 || b.interior) return NULL;
    pads[i] = (tn_pad_dim){a.low + b.low, a.high + b.high, a.interior};
  }
  if (!tn_pass_spend(context)) return NULL;
  tn_inst *pad = tn_inst_create(inst->parent, inst, TN_OP_PAD, inst->shape, 2, inner->operands);
  pad->attr.pad.at = pads;
  pad->attr.pad.count = rank;
  return pad;
}

static tn_inst *reverse_of_reverse(tn_pass_context *context, tn_inst *inst) {
  tn_inst *inner = tn_operand_of(inst, 0, TN_OP_REVERSE);
  if (!inner || inner->attr.dimensions.dims.count != inst->attr.dimensions.dims.count) return NULL;
  for (int i = 0; i < inst->attr.dimensions.dims.count; i++)
    if (!tn_dims_contain(inner->attr.dimensions.dims, inst->attr.dimensions.dims.at[i])) return NULL;
  return tn_rewrite_stands_for(inner->operands[0], inst) && tn_pass_spend(context) ? inner->operands[0]
                                                                                   : NULL;
}

/* Starts that are constants, clamped to where `sizes` fit. */
static bool constant_starts(const tn_inst *inst, int first, const int64_t *sizes, int64_t *starts) {
  const tn_shape *whole = inst->operands[0]->shape;
  for (int i = 0; i < whole->rank; i++) {
    int operand =
        inst->n_operands == first + 1 && whole->rank > 1 ? -1 : first + i; /* one vector of starts: rare */
    if (operand < 0 || operand >= inst->n_operands || inst->operands[operand]->shape->rank) return false;
    const void *element = tn_one_value(inst->operands[operand]);
    if (!element) return false;
    tn_type type = inst->operands[operand]->shape->type;
    int64_t start = tn_load_integer(type, element), most = whole->dims[i] - sizes[i];
    bool huge = tn_type_class_of(type) == TN_CLASS_UNSIGNED && start < 0;
    starts[i] = huge || start > most ? most : start < 0 ? 0 : start;
  }
  return true;
}

static tn_inst *dynamic_slice_of_constants(tn_pass_context *context, tn_inst *inst) {
  int64_t starts[TN_MOST_DIMS];
  if (!are_plain(inst) || !constant_starts(inst, 1, inst->shape->dims, starts) || !tn_pass_spend(context))
    return NULL;
  return tn_make_box(tn_site_of(inst), inst->operands[0], starts, inst->shape->dims);
}

/* Over the whole operand. */
static tn_inst *update_of_all(tn_pass_context *context, tn_inst *inst) {
  tn_inst *update = inst->operands[1];
  return are_plain(inst) && tn_rewrite_stands_for(update, inst) && tn_pass_spend(context) ? update : NULL;
}

bool tn_pass_simplify_slice(tn_module *module, tn_pass_context *context) {
  static const tn_rewrite rules[] = {
      TN_RULE(SLICE, slice_of_concatenate),
      TN_RULE(SLICE, slice_of_pad),
      TN_RULE(SLICE, slice_of_broadcast),
      TN_RULE(CONCATENATE, concatenate_of_parts),
      TN_RULE(CONCATENATE, concatenate_of_slices),
      TN_RULE(CONCATENATE, concatenate_of_one_number),
      TN_RULE(PAD, pad_of_pad),
      TN_RULE(REVERSE, reverse_of_reverse),
      TN_RULE(DYNAMIC_SLICE, dynamic_slice_of_constants),
      TN_RULE(DYNAMIC_UPDATE_SLICE, update_of_all),
  };
  return tn_rewrite_module(module, context, rules, (int)(sizeof rules / sizeof *rules));
}
