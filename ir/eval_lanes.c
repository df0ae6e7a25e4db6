/* Lanes: loading, storing, rounding and converting the evaluator's registers, and the
 * elementwise instructions, which are one step over lanes each.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/eval_internal.h"

#include <math.h>

double tn_round_float(tn_type type, double value) {
  if (type == TN_F64) return value;
  if (type == TN_F32) return (float)value;
  if (type == TN_BF16) return tn_bf16_to_f32(tn_f64_to_bf16(value));
  if (type == TN_F16) return tn_f16_to_f32(tn_f64_to_f16(value));
  return tn_float_from_bits(type, tn_float_to_bits(type, value));
}

int64_t tn_integer_wrap(tn_type type, int64_t value) {
  if (type == TN_PRED) return value != 0;
  int unused = 64 - tn_type_bits(type);
  if (tn_type_class_of(type) == TN_CLASS_SIGNED) return (int64_t)((uint64_t)value << unused) >> unused;
  return (int64_t)((uint64_t)value << unused >> unused);
}

void tn_lanes_round(tn_type type, tn_cell *cells, int count) {
  if (type == TN_F64) return;
  if (type == TN_F32) {
    for (int i = 0; i < count; i++) cells[i].f = (float)cells[i].f;
    return;
  }
  for (int i = 0; i < count; i++) cells[i].f = tn_round_float(type, cells[i].f);
}

tn_lanes tn_lanes_new(tn_eval *eval, tn_type type, int64_t width) {
  if (width > INT32_MAX)
    tn_eval_stop(eval, TN_LIMIT, "%s: works on %lld elements at once, at most %d can be evaluated",
                 eval->inst ? tn_ops[eval->inst->op].name : "argument", (long long)width - 1, INT32_MAX - 1);
  tn_lanes lanes = {.type = type, .re = TN_SCRATCH(eval, tn_cell, width)};
  memset(lanes.re, 0, (size_t)width * sizeof *lanes.re);
  bool complex = tn_type_is_complex(type);
  if (complex) lanes.im = memset(TN_SCRATCH(eval, double, width), 0, (size_t)width * sizeof(double));
  if (eval->options.bounds)
    lanes.bound = memset(TN_SCRATCH(eval, double, width), 0, (size_t)width * sizeof(double));
  return lanes;
}

/* ---- memory ---- */

#define LOAD(T, member)                                                                                      \
  do {                                                                                                       \
    const T *at = (const T *)data + first;                                                                   \
    for (int i = 0; i < count; i++) re[i].member = at[i * stride];                                           \
  } while (0)
#define STORE(T, member)                                                                                     \
  do {                                                                                                       \
    T *at = (T *)data + first;                                                                               \
    for (int i = 0; i < count; i++) at[i * stride] = (T)re[i].member;                                        \
  } while (0)

/* The types that C has; false for the others. */
static bool load_plain(tn_type type, tn_cell *re, const void *data, int64_t first, int64_t stride,
                       int count) {
  if (type == TN_F32)
    LOAD(float, f);
  else if (type == TN_F64)
    LOAD(double, f);
  else if (type == TN_S32)
    LOAD(int32_t, i);
  else if (type == TN_U32)
    LOAD(uint32_t, i);
  else if (type == TN_S64 || type == TN_U64)
    LOAD(int64_t, i);
  else if (type == TN_S8)
    LOAD(int8_t, i);
  else if (type == TN_U8 || type == TN_PRED)
    LOAD(uint8_t, i);
  else
    return false;
  return true;
}

static bool store_plain(tn_type type, const tn_cell *re, void *data, int64_t first, int64_t stride,
                        int count) {
  if (type == TN_F32)
    STORE(float, f);
  else if (type == TN_F64)
    STORE(double, f);
  else if (type == TN_S32)
    STORE(int32_t, i);
  else if (type == TN_U32)
    STORE(uint32_t, i);
  else if (type == TN_S64 || type == TN_U64)
    STORE(int64_t, i);
  else if (type == TN_S8)
    STORE(int8_t, i);
  else if (type == TN_U8)
    STORE(uint8_t, i);
  else
    return false;
  return true;
}

static void load_other(tn_lanes *to, int lane, const char *data, int64_t first, int64_t stride, int count) {
  tn_type type = to->type;
  size_t item = tn_type_bytes(type);
  bool complex = tn_type_is_complex(type), is_float = tn_type_is_float(type);
  tn_type part = complex ? tn_type_part(type) : type;
  for (int i = 0; i < count; i++) {
    const char *at = data + (size_t)(first + i * stride) * item;
    if (complex) {
      to->re[lane + i].f = tn_load_float(part, at);
      to->im[lane + i] = tn_load_float(part, at + item / 2);
    } else if (is_float) {
      to->re[lane + i].f = tn_load_float(type, at);
    } else {
      to->re[lane + i].i = tn_load_integer(type, at);
    }
  }
}

static void store_other(const tn_lanes *from, int lane, char *data, int64_t first, int64_t stride,
                        int count) {
  tn_type type = from->type;
  size_t item = tn_type_bytes(type);
  bool complex = tn_type_is_complex(type), is_float = tn_type_is_float(type);
  tn_type part = complex ? tn_type_part(type) : type;
  for (int i = 0; i < count; i++) {
    char *at = data + (size_t)(first + i * stride) * item;
    if (complex) {
      tn_store_float(part, at, from->re[lane + i].f);
      tn_store_float(part, at + item / 2, from->im[lane + i]);
    } else if (is_float) {
      tn_store_float(type, at, from->re[lane + i].f);
    } else {
      tn_store_integer(type, at, from->re[lane + i].i);
    }
  }
}

void tn_lanes_load(tn_lanes *to, int lane, const tn_value *from, int64_t first, int64_t stride, int count) {
  if (!load_plain(to->type, to->re + lane, from->literal.data, first, stride, count))
    load_other(to, lane, from->literal.data, first, stride, count);
  for (int i = 0; to->bound && i < count; i++) { /* infinity times 0, on the way to it, is no number */
    double bound = from->literal.bound ? from->literal.bound[first + i * stride] : 0;
    to->bound[lane + i] = isnan(bound) ? INFINITY : bound;
  }
}

void tn_lanes_store(const tn_lanes *from, int lane, tn_value *to, int64_t first, int64_t stride, int count) {
  void *data = tn_value_data(to);
  if (!store_plain(from->type, from->re + lane, data, first, stride, count))
    store_other(from, lane, data, first, stride, count);
  if (from->bound && to->literal.bound)
    for (int i = 0; i < count; i++) tn_value_bound(to)[first + i * stride] = from->bound[lane + i];
}

void tn_lanes_copy(tn_lanes *to, const tn_lanes *from, int count) {
  memcpy(to->re, from->re, (size_t)count * sizeof *to->re);
  if (to->im) memcpy(to->im, from->im, (size_t)count * sizeof *to->im);
  if (to->bound) memcpy(to->bound, from->bound, (size_t)count * sizeof *to->bound);
}

/* ---- conversion ---- */

/* Rounds towards zero, saturates, NaN gives 0. */
static int64_t float_to_integer(tn_type type, double value) {
  if (type == TN_PRED) return value != 0;
  if (isnan(value)) return 0;
  int bits = tn_type_bits(type);
  bool is_signed = tn_type_class_of(type) == TN_CLASS_SIGNED;
  double limit = ldexp(1, is_signed ? bits - 1 : bits); /* first value too large */
  if (value >= limit)
    return tn_integer_wrap(type, is_signed ? (int64_t)((UINT64_C(1) << (bits - 1)) - 1) : -1);
  if (value <= (is_signed ? -limit : 0))
    return is_signed ? tn_integer_wrap(type, (int64_t)(UINT64_C(1) << (bits - 1))) : 0;
  return is_signed ? (int64_t)value : (int64_t)(uint64_t)value;
}

/* Rounds once: 64-bit integers go through long double, which holds them. */
static double integer_to_float(tn_type to, tn_type from, int64_t value) {
  if (tn_type_bits(from) < 64) return tn_round_float(to, (double)value);
  long double exact = from == TN_U64 ? (long double)(uint64_t)value : (long double)value;
  if (to == TN_F64) return (double)exact;
  if (to == TN_F32) return (float)exact;
  /* Truncated to 53 bits with a sticky last bit, so that the next rounding is the only one. */
  double near = (double)exact;
  if ((long double)near != exact) {
    if (fabsl(near) > fabsl(exact)) near = nextafter(near, 0);
    uint64_t bits;
    memcpy(&bits, &near, sizeof bits);
    bits |= 1;
    memcpy(&near, &bits, sizeof bits);
  }
  return tn_round_float(to, near);
}

void tn_lanes_convert(tn_type type, tn_lanes *to, const tn_lanes *from, int count) {
  bool from_float = tn_type_is_float(from->type) || tn_type_is_complex(from->type);
  bool complex = tn_type_is_complex(type);
  bool to_float = complex || tn_type_is_float(type);
  tn_type part = complex ? tn_type_part(type) : type;
  for (int i = 0; i < count; i++) {
    if (to_float)
      to->re[i].f = from_float ? tn_round_float(part, from->re[i].f)
                               : integer_to_float(part, from->type, from->re[i].i);
    else
      to->re[i].i = from_float ? float_to_integer(type, from->re[i].f) : tn_integer_wrap(type, from->re[i].i);
    if (complex) to->im[i] = from->im ? tn_round_float(part, from->im[i]) : 0;
  }
  if (type == TN_PRED && from->im)
    for (int i = 0; i < count; i++) to->re[i].i |= from->im[i] != 0;
}

/* ---- elementwise instructions ---- */

/* A scalar operand counts for every element (clamp, select). */
static int64_t stride_of(const tn_value *operand, int64_t count) {
  return count != 1 && tn_shape_elements(operand->literal.shape) == 1 && operand->literal.shape->rank == 0
             ? 0
             : 1;
}

static void inherit_sizes(tn_value *result, int n_operands, tn_value *const *operands) {
  if (!result->literal.sizes) return;
  for (int i = 0; i < n_operands; i++) {
    const tn_literal *operand = &operands[i]->literal;
    if (!operand->sizes || operand->shape->rank != result->literal.shape->rank) continue;
    tn_value_set_sizes(result, operand->sizes);
    return;
  }
}

/* Elements beyond the sizes of dynamic dims are computed too: nothing reads them. */
tn_value *tn_eval_elementwise(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  tn_value *result = tn_value_new(eval, inst->shape);
  int64_t count = tn_shape_elements(inst->shape);
  int width = count < TN_LANES ? (int)count + 1 : TN_LANES;
  tn_lanes out = tn_lanes_new(eval, inst->shape->type, width), in[3];
  for (int i = 0; i < inst->n_operands; i++) in[i] = tn_lanes_new(eval, tn_value_type(operands[i]), width);
  for (int64_t at = 0; at < count; at += TN_LANES) {
    int n = count - at < TN_LANES ? (int)(count - at) : TN_LANES;
    for (int i = 0; i < inst->n_operands; i++) {
      int64_t stride = stride_of(operands[i], count);
      tn_lanes_load(&in[i], 0, operands[i], stride ? at : 0, stride, n);
    }
    if (!tn_lanes_apply(inst, &out, in, n))
      tn_eval_stop(eval, TN_UNSUPPORTED, "%s: cannot be evaluated on %s", tn_ops[inst->op].name,
                   tn_type_name(inst->n_operands ? in[0].type : out.type));
    if (out.bound) tn_bounds_apply(inst, &out, in, n);
    tn_lanes_store(&out, 0, result, at, 1, n);
  }
  inherit_sizes(result, inst->n_operands, operands);
  return result;
}

tn_value *tn_eval_convert(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  if (eval->options.bounds) return tn_eval_elementwise(eval, inst, operands);
  tn_value *result = tn_value_new(eval, inst->shape);
  tn_convert_elements(inst->shape->type, tn_value_data(result), tn_value_type(operands[0]),
                      operands[0]->literal.data, (size_t)tn_shape_elements(inst->shape));
  inherit_sizes(result, 1, operands);
  return result;
}

/* A tuple is chosen whole, arrays element by element. */
tn_value *tn_eval_select(tn_eval *eval, const tn_inst *inst, tn_value *const *operands) {
  if (tn_shape_is_array(inst->shape)) return tn_eval_elementwise(eval, inst, operands);
  tn_value *chosen = tn_value_retain(operands[tn_value_integer(operands[0], 0) ? 1 : 2]);
  return tn_value_decided(eval, chosen, tn_value_is_exact(operands[0]));
}
