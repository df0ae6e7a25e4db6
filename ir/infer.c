/* What the shape rules share: reports, checks of operands and attributes, sizes.
 *
 * A rule never computes with an attribute before it is known to be in range, and
 * everything that grows with an attribute's length is linear in it: texts with a
 * million dims must be refused as quickly as they were read.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/infer.h"
#include "ir/verify.h"

/* ---- reporting ---- */

bool tn_wrong(const tn_inference *in, unsigned operands, const char *format, ...) {
  const tn_inst *inst = in->inst;
  va_list arguments;
  va_start(arguments, format);
  const char *message = tn_arena_vprintf(in->arena, format, arguments);
  va_end(arguments);
  tn_error(in->sink, TN_INVALID, inst->location, "%s: %s", tn_ops[inst->op].name, message);
  for (int i = 0; i < inst->n_operands && i < 32; i++) {
    const tn_inst *operand = inst->operands[i];
    if (operands & tn_operand_bit(i))
      tn_note(in->sink, operand->location, "'%s' is %s", operand->name, tn_shown(in, operand->shape));
  }
  return false;
}

const tn_shape *tn_refuse(const tn_inference *in, unsigned operands, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *message = tn_arena_vprintf(in->arena, format, arguments);
  va_end(arguments);
  tn_wrong(in, operands, "%s", message);
  return NULL;
}

const char *tn_shown_by(const tn_diagnostics *sink, tn_arena *arena, const tn_shape *shape) {
  int limit = sink->error_limit ? sink->error_limit : 20;
  return sink->errors > limit ? "..." : tn_shape_text(arena, shape);
}

const char *tn_shown(const tn_inference *in, const tn_shape *shape) {
  return tn_shown_by(in->sink, in->arena, shape);
}

/* ---- operands ---- */

bool tn_need_operands(const tn_inference *in, int minimum, int maximum) {
  int count = in->inst->n_operands;
  if (count >= minimum && count <= maximum) return true;
  if (minimum == maximum)
    return tn_wrong(in, 0, "%d operand%s needed, %d given", minimum, minimum == 1 ? "" : "s", count);
  if (count < minimum)
    return tn_wrong(in, 0, "at least %d operand%s needed, %d given", minimum, minimum == 1 ? "" : "s", count);
  return tn_wrong(in, 0, "at most %d operand%s possible, %d given", maximum, maximum == 1 ? "" : "s", count);
}

bool tn_need_array(const tn_inference *in, int operand) {
  if (tn_shape_is_array(tn_operand_shape(in, operand))) return true;
  return tn_wrong(in, 0, "operand %d must be an array and is %s", operand,
                  tn_shown(in, tn_operand_shape(in, operand)));
}

bool tn_need_arrays(const tn_inference *in) {
  for (int i = 0; i < in->inst->n_operands; i++)
    if (!tn_need_array(in, i)) return false;
  return true;
}

bool tn_need_rank(const tn_inference *in, int operand, int minimum) {
  if (!tn_need_array(in, operand)) return false;
  int rank = tn_operand_shape(in, operand)->rank;
  if (rank >= minimum) return true;
  return tn_wrong(in, tn_operand_bit(operand), "operand %d needs at least %d dimension%s and has %d", operand,
                  minimum, minimum == 1 ? "" : "s", rank);
}

bool tn_need_same_type(const tn_inference *in, int a, int b) {
  tn_type first = tn_operand_shape(in, a)->type, second = tn_operand_shape(in, b)->type;
  if (first == second) return true;
  return tn_wrong(in, tn_operand_bit(a) | tn_operand_bit(b), "operand types %s and %s differ",
                  tn_type_name(first), tn_type_name(second));
}

bool tn_need_same_dims(const tn_inference *in, int a, int b) {
  const tn_shape *first = tn_operand_shape(in, a), *second = tn_operand_shape(in, b);
  if (tn_dims_agree(first, second)) return true;
  return tn_wrong(in, tn_operand_bit(a) | tn_operand_bit(b), "operand shapes %s and %s differ",
                  tn_shown(in, first), tn_shown(in, second));
}

bool tn_need_scalar(const tn_inference *in, int operand) {
  const tn_shape *shape = tn_operand_shape(in, operand);
  if (tn_shape_is_scalar(shape)) return true;
  return tn_wrong(in, 0, "operand %d must be a scalar and is %s", operand, tn_shown(in, shape));
}

bool tn_need_declared_array(const tn_inference *in) {
  const tn_shape *shape = in->inst->shape;
  if (shape && tn_shape_is_array(shape)) return true;
  return tn_wrong(in, 0, "the result must be an array and is %s",
                  shape ? tn_shown(in, shape) : "not declared");
}

/* ---- attributes ---- */

bool tn_need_dim(const tn_inference *in, const char *what, int64_t dim, int rank) {
  if (dim >= 0 && dim < rank) return true;
  return tn_wrong(in, tn_operand_bit(0), "%s %lld is out of range for %d dimension%s", what, (long long)dim,
                  rank, rank == 1 ? "" : "s");
}

bool tn_need_dims(const tn_inference *in, const char *what, tn_dims dims, int rank) {
  if (dims.count == 0) return true;
  for (int i = 0; i < dims.count; i++)
    if (!tn_need_dim(in, what, dims.at[i], rank)) return false;
  bool *seen = TN_NEW_ARRAY(in->arena, bool, rank);
  for (int i = 0; i < dims.count; i++) {
    if (seen[dims.at[i]])
      return tn_wrong(in, 0, "%s names dimension %lld twice", what, (long long)dims.at[i]);
    seen[dims.at[i]] = true;
  }
  return true;
}

bool tn_need_sorted(const tn_inference *in, const char *what, tn_dims dims) {
  for (int i = 1; i < dims.count; i++)
    if (dims.at[i - 1] >= dims.at[i])
      return tn_wrong(in, 0, "%s must ascend, and %lld stands before %lld", what, (long long)dims.at[i - 1],
                      (long long)dims.at[i]);
  return true;
}

/* ---- sizes ---- */

bool tn_dims_agree(const tn_shape *a, const tn_shape *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (!tn_sizes_agree(a->dims[i], b->dims[i])) return false;
  return true;
}

bool tn_shape_fits(const tn_shape *declared, const tn_shape *actual) {
  if (declared == actual) return true;
  if (declared->type != actual->type || declared->rank != actual->rank) return false;
  if (declared->elements) {
    int count = declared->type == TN_BUFFER ? 1 : declared->rank;
    for (int i = 0; i < count; i++)
      if (!tn_shape_fits(declared->elements[i], actual->elements[i])) return false;
    return true;
  }
  return tn_dims_agree(declared, actual);
}

bool tn_elements_checked(const tn_shape *shape, int64_t *elements) {
  *elements = 1;
  for (int i = 0; i < shape->rank; i++)
    if (shape->dims[i] < 0 || __builtin_mul_overflow(*elements, shape->dims[i], elements)) return false;
  return true;
}

tn_extent tn_extent_new(const tn_inference *in, int rank) {
  return (tn_extent){TN_NEW_ARRAY(in->arena, int64_t, rank), TN_NEW_ARRAY(in->arena, bool, rank), rank};
}

tn_extent tn_extent_of(const tn_inference *in, const tn_shape *shape) {
  tn_extent extent = tn_extent_new(in, shape->rank);
  for (int i = 0; i < shape->rank; i++) tn_extent_set(&extent, i, shape, i);
  return extent;
}

void tn_extent_set(tn_extent *extent, int dim, const tn_shape *from, int from_dim) {
  extent->size[dim] = from->dims[from_dim];
  extent->dynamic[dim] = tn_dim_dynamic(from, from_dim);
}

const tn_shape *tn_extent_shape(const tn_inference *in, tn_type type, const tn_extent *extent) {
  tn_shape *shape = TN_NEW(in->arena, tn_shape);
  shape->type = type;
  shape->rank = extent->rank;
  shape->dims = extent->size;
  for (int i = 0; i < extent->rank; i++)
    if (extent->dynamic[i]) shape->dynamic = extent->dynamic;
  return shape;
}

const tn_shape *tn_infer_scalar(const tn_inference *in, tn_type type) {
  return tn_shape_scalar(in->arena, type);
}

const tn_shape *tn_one_or_tuple(const tn_inference *in, int count, const tn_shape *const *shapes) {
  return count == 1 ? shapes[0] : tn_shape_tuple(in->arena, count, shapes);
}

/* ---- the rule of an instruction ---- */

static const tn_shape *dispatch(const tn_inference *in) {
  switch (in->inst->op) {
#define OP(ID, text, arity, attributes, flags, infer, eval)                                                  \
  case TN_OP_##ID: return tn_infer_##infer(in);
#include "ir/ops.def"
#undef OP
  case TN_OP_COUNT: break;
  }
  tn_error(in->sink, TN_BUG, in->inst->location, "opcode %d does not exist", (int)in->inst->op);
  return NULL;
}

const tn_shape *tn_infer_rule(const tn_inference *in) {
  const tn_inst *inst = in->inst;
  if ((unsigned)inst->op < TN_OP_COUNT) {
    int arity = tn_ops[inst->op].arity;
    if (arity != TN_ARITY_ANY && !tn_need_operands(in, arity, arity)) return NULL;
  }
  return dispatch(in);
}

/* Layouts are the caller's to choose: those that a rule passed on from an operand go. */
const tn_shape *tn_infer_shape(const tn_inst *inst, tn_diagnostics *sink) {
  tn_arena *arena = inst->parent->module->arena;
  tn_inference in = {inst, arena, sink};
  const tn_shape *shape = tn_infer_rule(&in);
  if (!shape || shape == inst->shape || (tn_shape_is_array(shape) && !shape->layout)) return shape;
  return tn_shape_without_layout(arena, shape);
}
