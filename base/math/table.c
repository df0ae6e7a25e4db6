/* The table of math.h, from math.def.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/math/math.h"

#include <string.h>

/* f32 -> TN_F32 */
enum {
  type_pred = TN_PRED,
  type_s8 = TN_S8,
  type_s16 = TN_S16,
  type_s32 = TN_S32,
  type_s64 = TN_S64,
  type_u8 = TN_U8,
  type_u16 = TN_U16,
  type_u32 = TN_U32,
  type_u64 = TN_U64,
  type_f16 = TN_F16,
  type_bf16 = TN_BF16,
  type_f32 = TN_F32,
  type_f64 = TN_F64
};

extern tn_math_call *const tn_math_calls_plain[], *const tn_math_calls_fused[],
                                                      *const tn_math_calls_fused_anywhere[];

#define ROW(stem, opcode, from, to, part, arity, ulp)                                                        \
  {opcode, "tn_math_" #stem, (tn_type)type_##from, (tn_type)type_##to, part, arity, ulp},
#define UNARY(name, opcode, type, ulp)       ROW(name##_##type, opcode, type, type, TN_PART_WHOLE, 1, ulp)
#define BINARY(name, opcode, type, ulp)      ROW(name##_##type, opcode, type, type, TN_PART_WHOLE, 2, ulp)
#define CONVERT(from, to)                    ROW(convert_##from##_##to, "convert", from, to, TN_PART_WHOLE, 1, 0)
#define COMPLEX_ABS(name, opcode, type, ulp) ROW(name##_real_##type, opcode, type, type, TN_PART_REAL, 2, ulp)
#define COMPLEX(name, opcode, type, ulp)                                                                     \
  COMPLEX_ABS(name, opcode, type, ulp) ROW(name##_imag_##type, opcode, type, type, TN_PART_IMAGINARY, 2, ulp)
#define COMPLEX_PAIR(name, opcode, type, ulp)                                                                \
  ROW(name##_real_##type, opcode, type, type, TN_PART_REAL, 4, ulp)                                          \
  ROW(name##_imag_##type, opcode, type, type, TN_PART_IMAGINARY, 4, ulp)

static const tn_math_function rows[] = {
#include "base/math/math.def"
};

enum { ROWS = sizeof rows / sizeof *rows };

const tn_math_function *tn_math_functions(size_t *count) {
  *count = ROWS;
  return rows;
}

const tn_math_function *tn_math_find_part(const char *opcode, tn_part part, tn_type type) {
  for (int i = 0; i < ROWS; i++)
    if (rows[i].operand == type && rows[i].result == type && rows[i].part == part &&
        strcmp(rows[i].opcode, opcode) == 0)
      return &rows[i];
  return NULL;
}

const tn_math_function *tn_math_find(const char *opcode, tn_type type) {
  return tn_math_find_part(opcode, TN_PART_WHOLE, type);
}

const tn_math_function *tn_math_find_convert(tn_type from, tn_type to) {
  for (int i = 0; i < ROWS; i++)
    if (rows[i].operand == from && rows[i].result == to && strcmp(rows[i].opcode, "convert") == 0)
      return &rows[i];
  return NULL;
}

/* Without the instruction, the C library's fma rounds once as well. */
tn_math_call *tn_math_scalar(const tn_math_function *function, bool fma) {
  ptrdiff_t row = function - rows;
  if (!fma) return tn_math_calls_plain[row];
  return __builtin_cpu_supports("fma") ? tn_math_calls_fused[row] : tn_math_calls_fused_anywhere[row];
}

/* The bytes between two symbols of the assembly that CMakeLists.txt writes. */
#define BITCODE(width, variant)                                                                              \
  extern const unsigned char tn_math_bitcode_w##width##_##variant[];                                         \
  extern const unsigned char tn_math_bitcode_w##width##_##variant##_end[];
#define EACH_BITCODE(M)                                                                                      \
  M(1, plain) M(1, fused) M(4, plain) M(4, fused) M(8, plain) M(8, fused) M(16, plain) M(16, fused)
EACH_BITCODE(BITCODE)

const unsigned char *tn_math_bitcode(int width, bool fma, size_t *size) {
#define ROW_OF_BITCODE(lanes, variant)                                                                       \
  {lanes, tn_math_bitcode_w##lanes##_##variant, tn_math_bitcode_w##lanes##_##variant##_end},
  const struct {
    int width;
    const unsigned char *begin, *end;
  } modules[] = {EACH_BITCODE(ROW_OF_BITCODE)};
  for (size_t i = 0; i < sizeof modules / sizeof *modules; i += 2)
    if (modules[i].width == width) {
      *size = (size_t)(modules[i + fma].end - modules[i + fma].begin);
      return modules[i + fma].begin;
    }
  *size = 0;
  return NULL;
}
