/* See operands.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/unit/math/operands.h"

#include <string.h>

uint64_t operands_next(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 32;
}

static const float special_f32[] = {0.0f,
                                    -0.0f,
                                    1.0f,
                                    -1.0f,
                                    __builtin_inff(),
                                    -__builtin_inff(),
                                    __builtin_nanf(""),
                                    0x1p-149f,
                                    0x1p-126f,
                                    0x1.fffffep127f,
                                    2.0f,
                                    0.5f,
                                    88.72284f,
                                    -103.9f,
                                    0x1p31f,
                                    -0x1p31f,
                                    0x1p63f,
                                    -0x1p63f,
                                    0x1p24f,
                                    127.5f,
                                    -128.5f,
                                    0x1p32f,
                                    0x1p64f};
static const uint64_t special_bits[] = {0,
                                        1,
                                        2,
                                        ~0ull,
                                        0x8080808080808080ull,
                                        0x8000800080008000ull,
                                        0x8000000080000000ull,
                                        0x8000000000000000ull,
                                        0x7f7f7f7f7f7f7f7full,
                                        0x7fffffffffffffffull,
                                        0x7c007c007c007c00ull,
                                        0x7f807f807f807f80ull};

void operands_draw(tn_type type, uint64_t *state, void *element) {
  uint64_t bits = operands_next(state) << 32 | operands_next(state);
  uint64_t kind = operands_next(state) % 4;
  size_t bytes = tn_type_bytes(type);
  if (kind == 0) bits = special_bits[operands_next(state) % (sizeof special_bits / sizeof *special_bits)];
  if (kind == 1 && tn_type_is_integer(type)) bits = bits % 33 - 16;
  memcpy(element, &bits, bytes);
  if (!(type == TN_F32 || type == TN_F64) || kind == 3) return;
  float value = special_f32[operands_next(state) % (sizeof special_f32 / sizeof *special_f32)];
  if (kind > 0) value = ((float)(int32_t)bits) * 0x1p-24f;
  double wide = (double)value;
  if (type == TN_F32)
    memcpy(element, &value, bytes);
  else
    memcpy(element, &wide, bytes);
}

static bool is_nan(tn_type type, const void *element) {
  uint64_t bits = 0;
  memcpy(&bits, element, tn_type_bytes(type));
  if (type == TN_F16) return (bits & 0x7fff) > 0x7c00;
  if (type == TN_BF16) return (bits & 0x7fff) > 0x7f80;
  if (type == TN_F32) return (bits & 0x7fffffff) > 0x7f800000;
  if (type == TN_F64) return (bits & 0x7fffffffffffffff) > 0x7ff0000000000000;
  return false;
}

bool operands_same(tn_type type, const void *a, const void *b) {
  return memcmp(a, b, tn_type_bytes(type)) == 0 || (is_nan(type, a) && is_nan(type, b));
}
