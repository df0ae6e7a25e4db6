/* What the vector unit's pipeline means, for whoever checks, runs or makes one.
 *
 *   source  integer bias  f32  scale  bias  operand  clamp  function  round  zero  result
 *
 * The steps are taken in this order (isa.def: activate), each at most once, or not at all.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TARGET_ISA_PIPELINE_H
#define TN_TARGET_ISA_PIPELINE_H

#include "target/isa.h"

/* Behind which step a value stands. */
typedef enum {
  TN_STAGE_SOURCE,
  TN_STAGE_INTEGER_BIAS,
  TN_STAGE_FLOAT,
  TN_STAGE_SCALE,
  TN_STAGE_BIAS,
  TN_STAGE_OPERAND,
  TN_STAGE_CLAMP,
  TN_STAGE_FUNCTION,
  TN_STAGE_ROUND,
  TN_STAGE_ZERO,
  TN_STAGE_RESULT
} tn_isa_stage;

enum { TN_ISA_LARGEST_ZERO = 65536 }; /* size of a zero point */

typedef struct {
  tn_isa_stage stage;
  bool has_bias; /* of integers or of floats: a pipeline has one */
} tn_isa_progress;
/* Takes the step; false if it stands before what is done already. Clamps join to one. */
bool tn_isa_advance(tn_isa_progress *progress, tn_isa_stage to);

/* Do limits hold every number of the integer type? Behind the rounding they are then what its result's
 * saturation does, and nothing of their own.                                                        */
bool tn_isa_saturates(tn_type result, double low, double high);

/* What the vector unit takes and gives. */
bool tn_isa_is_vector_type(tn_type type);

/* A PIPELINE whose source becomes f32; else all is done in integers. */
bool tn_isa_has_floats(const tn_instruction *pipeline);

#endif
