/* Operations that are the same; see same.h.
 *
 * Attributes are compared row by row of attrs.def, a way for each form. The hash leaves out
 * what seldom tells two instructions apart.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/same.h"

#include "ir/attribute_table.h"

/* ---- attributes ---- */

static bool same_text(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }

static bool same_dims(tn_dims a, tn_dims b) {
  return a.count == b.count && (!a.count || !memcmp(a.at, b.at, (size_t)a.count * sizeof *a.at));
}

static bool same_window(const tn_window *a, const tn_window *b) {
  bool same = a->count == b->count;
  for (int i = 0; same && i < a->count; i++) {
    const tn_window_dim *x = &a->at[i], *y = &b->at[i];
    same = x->size == y->size && x->stride == y->stride && x->pad_low == y->pad_low &&
           x->pad_high == y->pad_high && x->lhs_dilation == y->lhs_dilation &&
           x->rhs_dilation == y->rhs_dilation && x->reversal == y->reversal;
  }
  return same;
}

static bool same_conv_dims(const tn_conv_dims *a, const tn_conv_dims *b) {
  return a->input_batch == b->input_batch && a->input_feature == b->input_feature &&
         a->kernel_input == b->kernel_input && a->kernel_output == b->kernel_output &&
         a->output_batch == b->output_batch && a->output_feature == b->output_feature &&
         same_dims(a->input_spatial, b->input_spatial) && same_dims(a->kernel_spatial, b->kernel_spatial) &&
         same_dims(a->output_spatial, b->output_spatial);
}

static bool same_padding(const tn_attributes *a, const tn_attributes *b) {
  return a->pad.count == b->pad.count &&
         (!a->pad.count || !memcmp(a->pad.at, b->pad.at, (size_t)a->pad.count * sizeof *a->pad.at));
}

static bool same_slices(const tn_slice_attributes *a, const tn_slice_attributes *b) {
  return same_dims(a->starts, b->starts) && same_dims(a->limits, b->limits) &&
         same_dims(a->strides, b->strides);
}

static bool same_precisions(const tn_precisions *a, const tn_precisions *b) {
  return a->count == b->count && (!a->count || !memcmp(a->at, b->at, (size_t)a->count * sizeof *a->at));
}

static bool same_bytes(const void *a, const void *b, size_t bytes) { return !memcmp(a, b, bytes); }

static bool same_member(tn_form form, const void *a, const void *b) {
  switch (form) {
  case TN_FORM_ALGORITHM: return same_bytes(a, b, sizeof(tn_algorithm));
  case TN_FORM_COMPARE_TYPE: return same_bytes(a, b, sizeof(tn_compare_type));
  case TN_FORM_DIRECTION: return same_bytes(a, b, sizeof(tn_direction));
  case TN_FORM_DISTRIBUTION: return same_bytes(a, b, sizeof(tn_distribution));
  case TN_FORM_FFT_TYPE: return same_bytes(a, b, sizeof(tn_fft_type));
  case TN_FORM_FUSION_KIND: return same_bytes(a, b, sizeof(tn_fusion_kind));
  case TN_FORM_TRANSPOSE_A: return same_bytes(a, b, sizeof(tn_transpose_a));
  case TN_FORM_TRISTATE: return same_bytes(a, b, sizeof(tn_tristate));
  case TN_FORM_BOOL:
  case TN_FORM_BOOL_TRUE: return *(const bool *)a == *(const bool *)b;
  case TN_FORM_COUNT:
  case TN_FORM_ID:
  case TN_FORM_INT:
  case TN_FORM_ONE_DIM: return *(const int64_t *)a == *(const int64_t *)b;
  case TN_FORM_FLOAT: return same_bytes(a, b, sizeof(double));
  case TN_FORM_BRACED:
  case TN_FORM_STRING:
  case TN_FORM_WORD: return same_text(*(const char *const *)a, *(const char *const *)b);
  case TN_FORM_CONV_DIMS: return same_conv_dims(a, b);
  case TN_FORM_DIMS: return same_dims(*(const tn_dims *)a, *(const tn_dims *)b);
  case TN_FORM_PADDING: return same_padding(a, b);
  case TN_FORM_PRECISION: return same_precisions(a, b);
  case TN_FORM_SLICES: return same_slices(a, b);
  case TN_FORM_WINDOW: return same_window(a, b);
  case TN_FORM_BRANCHES: /* computations: the caller's */
  case TN_FORM_COMP:
  case TN_FORM_COMPS: return true;
  case TN_FORM_ALIASING: /* of what is never the same: custom calls, collectives, aliasing fusions */
  case TN_FORM_API_VERSION:
  case TN_FORM_CUSTOM_SCHEDULE:
  case TN_FORM_DOMAIN:
  case TN_FORM_ENCODING:
  case TN_FORM_GROUPS:
  case TN_FORM_LITERAL:
  case TN_FORM_PAIRS:
  case TN_FORM_SHAPE:
  case TN_FORM_SHAPES:
  case TN_FORMS: return false;
  }
  return false;
}

static bool same_attributes(const tn_inst *a, const tn_inst *b) {
  int count;
  const tn_attribute_row *row = tn_attribute_rows(tn_ops[a->op].attributes, &count);
  for (; count > 0; row++, count--) {
    if (row->form == TN_FORM_ALIASING && a->op == TN_OP_FUSION) {
      if (a->attr.fusion.aliases.count || b->attr.fusion.aliases.count) return false;
      continue;
    }
    if (!same_member(row->form, tn_attribute_member(row, &a->attr), tn_attribute_member(row, &b->attr)))
      return false;
  }
  return true;
}

/* ---- constants ---- */

static bool same_literal(const tn_literal *a, const tn_literal *b) {
  if (a == b) return true;
  if (a->sizes || b->sizes || !tn_shape_equal(a->shape, b->shape)) return false;
  if (!tn_shape_is_tuple(a->shape))
    return a->data == b->data || !memcmp(a->data, b->data, (size_t)tn_shape_bytes(a->shape));
  for (int i = 0; i < a->shape->rank; i++)
    if (!same_literal(a->elements[i], b->elements[i])) return false;
  return true;
}

enum { PLACES = 8 };

static uint64_t hash_literal(uint64_t hash, const tn_literal *literal) {
  if (tn_shape_is_tuple(literal->shape)) {
    for (int i = 0; i < literal->shape->rank; i++) hash = hash_literal(hash, literal->elements[i]);
    return hash;
  }
  int64_t words = tn_shape_bytes(literal->shape) / 8, rest = tn_shape_bytes(literal->shape) % 8;
  const char *data = literal->data;
  uint64_t word = 0;
  for (int i = 0; i < PLACES && words > 0; i++) {
    memcpy(&word, data + words * i / PLACES * 8, sizeof word);
    hash = tn_hash_mix(hash, word);
  }
  word = 0;
  if (rest) memcpy(&word, data + words * 8, (size_t)rest);
  return tn_hash_mix(hash, word);
}

/* ---- annotations ---- */

static const tn_annotations no_notes;

/* Frontend attributes say what a composite is. */
static bool same_meaning(const tn_annotations *a, const tn_annotations *b) {
  if (!a) a = &no_notes;
  if (!b) b = &no_notes;
  return a == b || (same_text(a->frontend_attributes, b->frontend_attributes) &&
                    same_text(a->result_accuracy, b->result_accuracy) && same_text(a->sharding, b->sharding));
}

/* ---- instructions ---- */

/* No layout and the row-major one are the same. */
static bool same_shape(const tn_shape *a, const tn_shape *b) {
  if (a == b) return true;
  if (!tn_shape_equal(a, b)) return false;
  if (tn_shape_is_array(a) && tn_layout_is_row_major(a) && tn_layout_is_row_major(b)) return true;
  return tn_shape_identical(a, b);
}

bool tn_inst_does_same(const tn_inst *a, const tn_inst *b) {
  if (a->op != b->op || a->n_operands != b->n_operands || a->n_called != b->n_called) return false;
  if (!same_shape(a->shape, b->shape) || !same_meaning(a->notes, b->notes)) return false;
  if (a->op == TN_OP_CONSTANT) return same_literal(a->attr.constant.literal, b->attr.constant.literal);
  if (a->op == TN_OP_PARAMETER) return a->attr.parameter.number == b->attr.parameter.number;
  return same_attributes(a, b);
}

static uint64_t hash_shape(uint64_t hash, const tn_shape *shape) {
  hash = tn_hash_mix(hash, (uint64_t)shape->type << 8 ^ (uint64_t)shape->rank);
  if (tn_shape_is_array(shape))
    for (int i = 0; i < shape->rank; i++) hash = tn_hash_mix(hash, (uint64_t)shape->dims[i]);
  return hash;
}

static uint64_t hash_dims(uint64_t hash, tn_dims dims) {
  for (int i = 0; i < dims.count; i++) hash = tn_hash_mix(hash, (uint64_t)dims.at[i]);
  return hash;
}

/* Numbers, dims and starts: what tells many of one shape on the same operands apart. */
static uint64_t hash_attributes(uint64_t hash, const tn_inst *inst) {
  int count;
  const tn_attribute_row *row = tn_attribute_rows(tn_ops[inst->op].attributes, &count);
  for (; count > 0; row++, count--) {
    const void *member = tn_attribute_member(row, &inst->attr);
    if (row->form == TN_FORM_INT || row->form == TN_FORM_ONE_DIM)
      hash = tn_hash_mix(hash, (uint64_t)*(const int64_t *)member);
    if (row->form == TN_FORM_DIMS) hash = hash_dims(hash, *(const tn_dims *)member);
    if (row->form == TN_FORM_SLICES) hash = hash_dims(hash, inst->attr.slice->starts);
    if (row->form == TN_FORM_DIRECTION) hash = tn_hash_mix(hash, (uint64_t)*(const tn_direction *)member);
  }
  return hash;
}

uint64_t tn_inst_hash(const tn_inst *inst) {
  uint64_t hash = hash_shape((uint64_t)inst->op + 1, inst->shape);
  if (inst->op == TN_OP_CONSTANT) return hash_literal(hash, inst->attr.constant.literal);
  if (inst->op == TN_OP_PARAMETER) return tn_hash_mix(hash, (uint64_t)inst->attr.parameter.number);
  return hash_attributes(hash, inst);
}

/* Besides collectives and what has side effects. */
static const bool is_no_function[TN_OP_COUNT] = {
    [TN_OP_ADD_DEPENDENCY] = true,  [TN_OP_AFTER_ALL] = true,
    [TN_OP_ALL_GATHER_DONE] = true, [TN_OP_ALL_REDUCE_DONE] = true,
    [TN_OP_ASYNC_DONE] = true,      [TN_OP_ASYNC_START] = true,
    [TN_OP_ASYNC_UPDATE] = true,    [TN_OP_COLLECTIVE_PERMUTE_DONE] = true,
    [TN_OP_COPY_DONE] = true,       [TN_OP_COPY_START] = true,
    [TN_OP_CUSTOM_CALL] = true,     [TN_OP_DOMAIN] = true,
    [TN_OP_OPT_BARRIER] = true,     [TN_OP_RNG] = true, /* its numbers come from its name */
    [TN_OP_SHUFFLE] = true,
};

bool tn_inst_is_function(const tn_inst *inst) {
  return !is_no_function[inst->op] && !tn_op_is(inst->op, TN_OP_SIDE_EFFECT) &&
         !tn_op_is(inst->op, TN_OP_COLLECTIVE);
}
