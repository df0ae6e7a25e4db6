/* What the vector unit's pipeline means; see isa_pipeline.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "target/isa_pipeline.h"

#include <math.h>

bool tn_isa_advance(tn_isa_progress *progress, tn_isa_stage to) {
  bool bias = to == TN_STAGE_INTEGER_BIAS || to == TN_STAGE_BIAS;
  if (bias && progress->has_bias) return false;
  if (progress->stage > to || (progress->stage == to && to != TN_STAGE_CLAMP)) return false;
  progress->stage = to;
  progress->has_bias = progress->has_bias || bias;
  return true;
}

bool tn_isa_saturates(tn_type result, double low, double high) {
  if (!tn_type_is_integer(result)) return false;
  bool has_sign = tn_type_class_of(result) == TN_CLASS_SIGNED;
  int bits = tn_type_bits(result) - has_sign;
  return low <= (has_sign ? -ldexp(1, bits) : 0) && high >= ldexp(1, bits) - 1;
}

bool tn_isa_is_vector_type(tn_type type) {
  return type == TN_S8 || type == TN_U8 || type == TN_S16 || type == TN_U16 || type == TN_S32 ||
         type == TN_BF16 || type == TN_F16 || type == TN_F32;
}

bool tn_isa_has_floats(const tn_instruction *pipeline) {
  tn_type source = (tn_type)pipeline->PIPELINE.source, result = (tn_type)pipeline->PIPELINE.result;
  return tn_type_is_float(source) || tn_type_is_float(result) || pipeline->PIPELINE.has_scale ||
         (pipeline->PIPELINE.has_bias && !pipeline->PIPELINE.integer_bias) ||
         pipeline->PIPELINE.operand != TN_ISA_OPERAND_NONE || pipeline->PIPELINE.has_clamp ||
         pipeline->PIPELINE.function != TN_ISA_FUNCTION_NONE;
}
