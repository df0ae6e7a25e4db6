/* Float formats: rounding into each of them and back, single elements.
 *
 * One table says what the formats are; one function rounds. f16, bf16, f32 and f64
 * also have direct ways, tested against it.
 * Formats: IEEE 754-2019; OCP 8-bit floating point 1.0 (e4m3fn, e5m2) and microscaling
 * 1.0 (e2m1, e8m0); the fnuz formats as in the StableHLO types.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/float_format.h"

#include <assert.h>

static const tn_float_format formats[TN_TYPE_COUNT] = {
    [TN_F4E2M1FN] = {4, 1, 1, 0x7, 0x7, 0x0, TN_FLOAT_FINITE},
    [TN_F8E3M4] = {8, 4, 3, 0x6f, 0x70, 0x78, TN_FLOAT_IEEE},
    [TN_F8E4M3] = {8, 3, 7, 0x77, 0x78, 0x7c, TN_FLOAT_IEEE},
    [TN_F8E4M3B11FNUZ] = {8, 3, 11, 0x7f, 0x80, 0x80, TN_FLOAT_FNUZ},
    [TN_F8E4M3FN] = {8, 3, 7, 0x7e, 0x7f, 0x7f, TN_FLOAT_FN},
    [TN_F8E4M3FNUZ] = {8, 3, 8, 0x7f, 0x80, 0x80, TN_FLOAT_FNUZ},
    [TN_F8E5M2] = {8, 2, 15, 0x7b, 0x7c, 0x7e, TN_FLOAT_IEEE},
    [TN_F8E5M2FNUZ] = {8, 2, 16, 0x7f, 0x80, 0x80, TN_FLOAT_FNUZ},
    [TN_F8E8M0FNU] = {8, 0, 127, 0xfe, 0xff, 0xff, TN_FLOAT_POWER},
    [TN_BF16] = {16, 7, 127, 0x7f7f, 0x7f80, 0x7fc0, TN_FLOAT_IEEE},
    [TN_F16] = {16, 10, 15, 0x7bff, 0x7c00, 0x7e00, TN_FLOAT_IEEE},
    [TN_F32] = {32, 23, 127, 0x7f7fffff, 0x7f800000, 0x7fc00000, TN_FLOAT_IEEE},
    [TN_F64] = {64, 52, 1023, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff8000000000000, TN_FLOAT_IEEE},
};

const tn_float_format *tn_float_format_of(tn_type type) { return formats[type].bits ? &formats[type] : NULL; }

int tn_float_precision(tn_type type) { return formats[type].fraction_bits + 1; }

int tn_float_least_exponent(tn_type type) {
  const tn_float_format *format = &formats[type];
  return format->kind == TN_FLOAT_POWER ? -format->bias : 1 - format->bias - format->fraction_bits;
}

double tn_float_largest(tn_type type) {
  const tn_float_format *format = &formats[type];
  return format->kind == TN_FLOAT_IEEE ? __builtin_inf() : tn_float_from_bits(type, format->largest);
}

uint64_t tn_float_round(const tn_float_format *format, uint64_t significand, int64_t exponent, bool sticky) {
  int zeros = __builtin_clzll(significand);
  significand <<= zeros;
  int64_t top = exponent + 63 - zeros; /* the value is in [2^top, 2^(top+1)) */
  bool power = format->kind == TN_FLOAT_POWER;
  int64_t above = top - (power ? -format->bias : 1 - format->bias); /* the smallest normal */
  if (above > 2 * format->bias + 1) return format->largest + 1;
  if (above < 0 && power) return 0; /* its smallest value, 2^-127: there is no zero */

  int64_t drop = 63 - format->fraction_bits - (above < 0 ? above : 0);
  if (drop > 64) return 0;
  uint64_t kept = drop == 64 ? 0 : significand >> drop;
  uint64_t rest = drop == 64 ? significand : significand << (64 - drop);
  const uint64_t half = UINT64_C(1) << 63;
  if (rest > half || (rest == half && (sticky || (kept & 1)))) kept++;
  if (above < 0) return kept; /* a carry makes the smallest normal */
  return ((uint64_t)above << format->fraction_bits) + kept - power;
}

void tn_float_parts(const tn_float_format *format, uint64_t pattern, uint64_t *significand, int *exponent) {
  int biased = (int)(pattern >> format->fraction_bits);
  uint64_t implicit = UINT64_C(1) << format->fraction_bits;
  if (format->kind == TN_FLOAT_POWER) {
    *significand = 1;
    *exponent = biased - format->bias;
  } else if (biased == 0) {
    *significand = pattern;
    *exponent = 1 - format->bias - format->fraction_bits;
  } else {
    *significand = implicit | (pattern & (implicit - 1));
    *exponent = biased - format->bias - format->fraction_bits;
  }
}

static uint64_t sign_bit(const tn_float_format *format) { return UINT64_C(1) << (format->bits - 1); }

uint64_t tn_float_nan(const tn_float_format *format, bool negative) {
  bool has_sign = format->kind == TN_FLOAT_IEEE || format->kind == TN_FLOAT_FN;
  return format->nan | (has_sign && negative ? sign_bit(format) : 0);
}

uint64_t tn_float_infinity(const tn_float_format *format, bool negative) {
  return tn_float_finish(format, negative, format->largest + 1);
}

uint64_t tn_float_finish(const tn_float_format *format, bool negative, uint64_t pattern) {
  if (format->kind == TN_FLOAT_POWER && negative) return format->nan;
  if (format->kind == TN_FLOAT_FNUZ && pattern == 0) return 0;
  if (pattern > format->largest) pattern = format->overflow;
  return pattern | (negative ? sign_bit(format) : 0);
}

static bool is_nan(const tn_float_format *format, uint64_t bits) {
  uint64_t magnitude = bits & (sign_bit(format) - 1);
  switch (format->kind) {
  case TN_FLOAT_IEEE: return magnitude > format->overflow;
  case TN_FLOAT_FN: return magnitude == format->nan;
  case TN_FLOAT_FNUZ:
  case TN_FLOAT_POWER: return bits == format->nan;
  case TN_FLOAT_FINITE: return false;
  }
  return false;
}

/* For formats of at most 16 bits, where doubles hold every value as a normal number. */
static double decode(const tn_float_format *format, uint64_t bits) {
  bool power = format->kind == TN_FLOAT_POWER;
  bool negative = !power && (bits & sign_bit(format));
  uint64_t pattern = power ? bits : bits & (sign_bit(format) - 1);
  double magnitude;
  if (is_nan(format, bits)) {
    magnitude = __builtin_nan("");
    negative = negative && format->kind != TN_FLOAT_FNUZ;
  } else if (pattern > format->largest) {
    magnitude = __builtin_inf();
  } else {
    uint64_t significand;
    int exponent;
    tn_float_parts(format, pattern, &significand, &exponent);
    magnitude = (double)significand * tn_double_of((uint64_t)(exponent + 1023) << 52);
  }
  return negative ? -magnitude : magnitude;
}

/* A NaN becomes the format's. f4e2m1fn has none and takes +0, whatever the NaN's sign: which
 * one a computed NaN has is nowhere said.                                                 */
static uint64_t encode(const tn_float_format *format, double value) {
  uint64_t bits = tn_bits_of_double(value), fraction = bits & ((UINT64_C(1) << 52) - 1);
  bool negative = bits >> 63;
  int biased = (int)(bits >> 52 & 0x7ff);
  if (biased == 0x7ff && fraction && format->kind == TN_FLOAT_FINITE) return 0;
  if (biased == 0x7ff) return fraction ? tn_float_nan(format, negative) : tn_float_infinity(format, negative);
  if (biased == 0 && fraction == 0)
    return format->kind == TN_FLOAT_POWER ? format->nan : tn_float_finish(format, negative, 0);
  if (biased == 0) return tn_float_finish(format, negative, tn_float_round(format, fraction, -1074, false));
  uint64_t significand = fraction | UINT64_C(1) << 52;
  return tn_float_finish(format, negative, tn_float_round(format, significand, biased - 1075, false));
}

double tn_float_from_bits(tn_type type, uint64_t bits) {
  const tn_float_format *format = tn_float_format_of(type);
  assert(format && "tn_float_from_bits: not a float type");
  if (type == TN_F64) return tn_double_of(bits);
  if (type == TN_F32) return tn_float_of((uint32_t)bits);
  if (type == TN_F16) return tn_widen_f16((uint16_t)bits);
  if (type == TN_BF16) return tn_widen_bf16((uint16_t)bits);
  return decode(format, bits & (format->bits == 4 ? 0xf : 0xff));
}

uint64_t tn_float_to_bits(tn_type type, double value) {
  const tn_float_format *format = tn_float_format_of(type);
  assert(format && "tn_float_to_bits: not a float type");
  if (type == TN_F64) return tn_bits_of_double(value);
  if (type == TN_F32) return tn_bits_of((float)value);
  if (type == TN_F16) return tn_f64_to_f16(value);
  if (type == TN_BF16) return tn_f64_to_bf16(value);
  return encode(format, value);
}

float tn_f16_to_f32(uint16_t bits) { return tn_widen_f16(bits); }
uint16_t tn_f32_to_f16(float value) { return tn_narrow_f16(value); }
uint16_t tn_f64_to_f16(double value) { return tn_narrow_f16(tn_narrow_to_odd(value)); }
float tn_bf16_to_f32(uint16_t bits) { return tn_widen_bf16(bits); }
uint16_t tn_f32_to_bf16(float value) { return tn_narrow_bf16(value); }
uint16_t tn_f64_to_bf16(double value) { return tn_narrow_bf16(tn_narrow_to_odd(value)); }

uint64_t tn_bits_load(int bits, const void *element) {
  uint64_t value = 0;
  memcpy(&value, element, (size_t)(bits + 7) / 8); /* little-endian, as everywhere */
  return value;
}

void tn_bits_store(int bits, void *element, uint64_t value) {
  memcpy(element, &value, (size_t)(bits + 7) / 8);
}

double tn_load_float(tn_type type, const void *element) {
  return tn_float_from_bits(type, tn_bits_load(tn_type_bits(type), element));
}

void tn_store_float(tn_type type, void *element, double value) {
  tn_bits_store(tn_type_bits(type), element, tn_float_to_bits(type, value));
}

/* Types under a byte have it to themselves, signed ones sign-extended. */
int64_t tn_load_integer(tn_type type, const void *element) {
  int width = (int)tn_type_bytes(type) * 8, unused = 64 - width;
  assert(width && width <= 64 && "tn_load_integer: not an integer type");
  uint64_t bits = tn_bits_load(width, element);
  if (tn_type_class_of(type) != TN_CLASS_SIGNED) return (int64_t)bits;
  return (int64_t)(bits << unused) >> unused;
}

void tn_store_integer(tn_type type, void *element, int64_t value) {
  int bits = tn_type_bits(type), unused = 64 - bits;
  assert(bits && bits <= 64 && "tn_store_integer: not an integer type");
  tn_type_class class = tn_type_class_of(type);
  if (class == TN_CLASS_PREDICATE)
    value = value != 0;
  else if (class == TN_CLASS_SIGNED)
    value = (int64_t)((uint64_t)value << unused) >> unused;
  else
    value = (int64_t)((uint64_t)value << unused >> unused);
  tn_bits_store(bits, element, (uint64_t)value);
}
