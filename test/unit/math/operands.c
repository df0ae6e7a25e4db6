/* See operands.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/unit/math/operands.h"

#include <math.h>
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

/* Sign and fraction are drawn; the exponent is one of `count` from `least` on. */
static double with_exponent(uint64_t bits, int least, uint64_t count, uint64_t choice) {
  bits = (bits & 0x800fffffffffffff) | (uint64_t)(1023 + least) << 52;
  double value;
  memcpy(&value, &bits, sizeof value);
  return ldexp(value, (int)(choice % count));
}

/* Up to four doubles away. */
static double beside(double value, uint64_t choice) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  bits += choice % 9 - 4;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static const double turns[] = {0x1p-54,
                               0x1p-28,
                               0x1p-26,
                               0.25,
                               0.34657359,
                               0.41421356237309503,
                               0.5,
                               0.7071067811865476,
                               1,
                               1.0,
                               1.4142135623730951,
                               2,
                               5.9375,
                               20,
                               37,
                               40,
                               709.78,
                               710.47,
                               745.13,
                               0x1p15,
                               0x1p20,
                               0x1p52,
                               0x1p53,
                               0x1p60,
                               0x1p64,
                               0x1p500,
                               0x1p-500,
                               0x1p1020,
                               0x1p-1022,
                               0x1p-1074};

double operands_draw_f64(uint64_t *state) {
  uint64_t bits = operands_next(state) << 32 | operands_next(state), choice = operands_next(state);
  double sign = bits >> 63 ? -1 : 1, part = (double)(bits & 0xfffffffffffff) * 0x1p-52;
  switch (operands_next(state) % 8) {
  case 0: return with_exponent(bits, -1022, 2046, choice);
  case 1: return with_exponent(bits, -8, 20, choice);
  case 2: return with_exponent(bits, -60, 64, choice);
  case 3: return beside(sign * (double)(bits % (choice % 2 ? 64 : 1 << 24)) * (M_PI / 4), choice >> 8);
  case 4: return sign * part * 760;
  case 5: return sign * (1 + (part - 0.5) * ldexp(1, -(int)(choice % 50)));
  case 6:
    return beside(sign * turns[choice % (sizeof turns / sizeof *turns)], choice >> 8) *
           (choice >> 31 ? 1 : 1 + part / 64);
  default: return sign * ldexp(rint(part * 64), (int)(choice % 12) - 6);
  }
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
