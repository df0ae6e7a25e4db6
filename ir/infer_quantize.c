/* Shape rules of quantize and dequantize: x, scale and, if there is one, zero point.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/infer.h"

static bool is_quantized(tn_type type) { return tn_type_is_integer(type) && tn_type_bits(type) <= 32; }

static bool is_expressed(tn_type type) { return type == TN_F32 || type == TN_F16 || type == TN_BF16; }

/* Operand `number` is one value, or one for each index of the dimension. */
static bool need_parameter(const tn_inference *in, int number, const char *what, tn_type type) {
  const tn_shape *x = tn_operand_shape(in, 0), *shape = tn_operand_shape(in, number);
  int64_t dim = in->inst->attr.quantize.dim;
  if (shape->type != type)
    return tn_wrong(in, tn_operand_bit(number), "the %s is %s, %s expected", what, tn_type_name(shape->type),
                    tn_type_name(type));
  if (dim == -1) {
    if (shape->rank == 0) return true;
    return tn_wrong(in, tn_operand_bit(number), "without a dimension the %s is a scalar, not %s", what,
                    tn_shown(in, shape));
  }
  if (!tn_need_dim(in, "dimension", dim, x->rank)) return false;
  if (shape->rank == 1 && tn_sizes_agree(shape->dims[0], x->dims[dim])) return true;
  return tn_wrong(in, 1u | tn_operand_bit(number),
                  "dimension %lld has %lld indices, each with a %s of its own, which are %s", (long long)dim,
                  (long long)x->dims[dim], what, tn_shown(in, shape));
}

static const tn_shape *of_type(const tn_inference *in, tn_type type) {
  tn_extent extent = tn_extent_of(in, tn_operand_shape(in, 0));
  return tn_extent_shape(in, type, &extent);
}

const tn_shape *tn_infer_quantize(const tn_inference *in) {
  if (!tn_need_operands(in, 2, 3) || !tn_need_arrays(in) || !tn_need_declared_array(in)) return NULL;
  tn_type from = tn_operand_shape(in, 0)->type, to = in->inst->shape->type;
  if (!is_expressed(from))
    return tn_refuse(in, 1, "operand 0 must be f32, f16 or bf16 and is %s", tn_type_name(from));
  if (!is_quantized(to))
    return tn_refuse(in, 0, "the result must be integers of at most 32 bits and is %s", tn_type_name(to));
  if (!need_parameter(in, 1, "scale", TN_F32)) return NULL;
  if (in->inst->n_operands == 3 && !need_parameter(in, 2, "zero point", to)) return NULL;
  return of_type(in, to);
}

const tn_shape *tn_infer_dequantize(const tn_inference *in) {
  if (!tn_need_operands(in, 2, 3) || !tn_need_arrays(in) || !tn_need_declared_array(in)) return NULL;
  tn_type from = tn_operand_shape(in, 0)->type, to = in->inst->shape->type;
  if (!is_quantized(from))
    return tn_refuse(in, 1, "operand 0 must be integers of at most 32 bits and is %s", tn_type_name(from));
  if (!is_expressed(to))
    return tn_refuse(in, 0, "the result must be f32, f16 or bf16 and is %s", tn_type_name(to));
  if (!need_parameter(in, 1, "scale", TN_F32)) return NULL;
  if (in->inst->n_operands == 3 && !need_parameter(in, 2, "zero point", from)) return NULL;
  return of_type(in, to);
}
