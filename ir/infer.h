/* Shape rules: one function for each `infer` name of ops.def.
 *
 * A rule reads opcode, operands, attributes and called computations of `in->inst`,
 * reports what is wrong with them and gives the result's shape. It trusts nothing but
 * what the verifier has established for the operands: their shapes are sane (sizes not
 * negative, elements and bytes within int64). Attributes may hold any number, so every
 * product and sum of theirs is checked.
 *
 * Sizes: of a dynamic dim the bound; TN_DIM_UNBOUNDED agrees with every size. A dim of
 * the result is dynamic where a dim that it comes from is.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_INFER_H
#define TN_IR_INFER_H

#include "ir/module.h"

typedef struct {
  const tn_inst *inst;
  tn_arena *arena; /* where new shapes and messages live */
  tn_diagnostics *sink;
} tn_inference;

/* A rule that is missing is a link error. */
#define OP(ID, text, arity, attributes, flags, infer, eval)                                                  \
  const tn_shape *tn_infer_##infer(const tn_inference *in);
#include "ir/ops.def"
#undef OP

/* The rule of in->inst, after its operand count. NULL after reporting. */
const tn_shape *tn_infer_rule(const tn_inference *in);

/* ---- reporting: "OPCODE: message", then a note for each operand in `operands`, a set
 * of bits, of those that exist. ---------------------------------------------------- */
/* No bit, so no note, for the 33rd and on. */
static inline unsigned tn_operand_bit(int number) { return number < 32 ? 1u << number : 0; }
bool tn_wrong(const tn_inference *in, unsigned operands, const char *format, ...)
    __attribute__((format(printf, 3, 4))); /* false */
const tn_shape *tn_refuse(const tn_inference *in, unsigned operands, const char *format, ...)
    __attribute__((format(printf, 3, 4))); /* NULL */
/* A shape in a message; "..." once the sink shows no more errors, so that many errors
 * about one wide tuple stay linear.                                                  */
const char *tn_shown(const tn_inference *in, const tn_shape *shape);
const char *tn_shown_by(const tn_diagnostics *sink, tn_arena *arena, const tn_shape *shape);

/* ---- operands ---- */
static inline const tn_shape *tn_operand_shape(const tn_inference *in, int number) {
  return in->inst->operands[number]->shape;
}
bool tn_need_operands(const tn_inference *in, int minimum, int maximum);
bool tn_need_array(const tn_inference *in, int operand);
bool tn_need_arrays(const tn_inference *in); /* all of them */
bool tn_need_rank(const tn_inference *in, int operand, int minimum);
/* Operands a and b have one type, the same sizes. */
bool tn_need_same_type(const tn_inference *in, int a, int b);
bool tn_need_same_dims(const tn_inference *in, int a, int b);
bool tn_need_scalar(const tn_inference *in, int operand);
/* inst->shape is there and an array: opcodes whose result is a choice. */
bool tn_need_declared_array(const tn_inference *in);

/* ---- attributes ---- */
/* 0 <= dim < rank; `what` names the attribute. */
bool tn_need_dim(const tn_inference *in, const char *what, int64_t dim, int rank);
/* Every dim in range, none twice. */
bool tn_need_dims(const tn_inference *in, const char *what, tn_dims dims, int rank);
bool tn_need_sorted(const tn_inference *in, const char *what, tn_dims dims);

/* ---- sizes ---- */
static inline bool tn_dim_dynamic(const tn_shape *shape, int dim) {
  return shape->dynamic && shape->dynamic[dim];
}
static inline bool tn_sizes_agree(int64_t a, int64_t b) {
  return a == b || a == TN_DIM_UNBOUNDED || b == TN_DIM_UNBOUNDED;
}
bool tn_dims_agree(const tn_shape *a, const tn_shape *b); /* ranks and sizes */
/* The same types and sizes. Layouts are free, and so is (as in XLA) which dims are
 * dynamic. Deep.                                                                     */
bool tn_shape_fits(const tn_shape *declared, const tn_shape *actual);
/* Elements with bounds for sizes; false where unbounded or over int64. */
bool tn_elements_checked(const tn_shape *shape, int64_t *elements);

/* An array shape under construction: sizes and dynamism by dim. */
typedef struct {
  int64_t *size;
  bool *dynamic;
  int rank;
} tn_extent;
tn_extent tn_extent_new(const tn_inference *in, int rank);
tn_extent tn_extent_of(const tn_inference *in, const tn_shape *shape);
void tn_extent_set(tn_extent *extent, int dim, const tn_shape *from, int from_dim);
const tn_shape *tn_extent_shape(const tn_inference *in, tn_type type, const tn_extent *extent);
const tn_shape *tn_infer_scalar(const tn_inference *in, tn_type type);
/* The shapes as a tuple, or the only one. */
const tn_shape *tn_one_or_tuple(const tn_inference *in, int count, const tn_shape *const *shapes);

/* ---- windows (reduce-window, select-and-scatter, convolution) ---- */
/* The size of the result along a dim of `size`: how often the dilated window fits into
 * the dilated, padded dim. Reports what is out of range or overflows.                 */
bool tn_window_size(const tn_inference *in, int dim, int64_t size, const tn_window_dim *window,
                    int64_t *result);

/* ---- called computations ---- */
tn_comp *tn_need_called(const tn_inference *in, int index);
const tn_shape *tn_comp_parameter_shape(const tn_comp *comp, int number); /* NULL if there is none */
bool tn_need_parameters(const tn_inference *in, const tn_comp *comp, int count);
/* comp's parameters are the operands [first, first + count). */
bool tn_need_signature(const tn_inference *in, const tn_comp *comp, int first, int count);
/* A reducer of n accumulators: parameters (a0 … an-1, x0 … xn-1) of scalars, result a0
 * or the tuple of a's. inputs[i] is the type that x_i takes, inits[i] the type of a_i.
 * Gives the types of the accumulators.                                               */
bool tn_need_reducer(const tn_inference *in, const tn_comp *comp, int n, const tn_type *inputs,
                     const tn_type *inits, tn_type *accumulators);
/* output_to_operand_aliasing lies within result and operands. */
bool tn_need_aliases(const tn_inference *in, tn_operand_aliases aliases, const tn_shape *result);
/* The part of a (nested) tuple; NULL if the path leaves it. */
const tn_shape *tn_shape_at(const tn_shape *shape, tn_dims path);

/* ---- products (dot, ragged-dot, scaled-dot, convolution) ---- */
/* The element type of the result: the declared one if that may hold products of a and
 * b, else the wider of both. TN_TYPE_NONE after reporting.                           */
tn_type tn_product_type(const tn_inference *in, tn_type a, tn_type b);

#endif
