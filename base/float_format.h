/* Inside base: the float formats as parameters, and one rounding for all of them.
 *
 * A magnitude's pattern is its bits without the sign. Patterns are ordered like the
 * values, and the one after the largest finite value stands for the next value the
 * format would have if it went on: so rounding yields a pattern, and overflow is a
 * comparison.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_FLOAT_FORMAT_H
#define TN_BASE_FLOAT_FORMAT_H

#include "base/number.h"

typedef struct {
  int bits;          /* of an element, with the sign */
  int fraction_bits; /* stored; 0 with no subnormals: f8e8m0fnu */
  int bias;
  uint64_t largest;  /* pattern of the largest finite value */
  uint64_t overflow; /* pattern (or bits, if signless) that overflow gives */
  uint64_t nan;      /* bits of the default NaN */
  enum {
    TN_FLOAT_IEEE,   /* infinities, NaNs with payloads, both zeros */
    TN_FLOAT_FN,     /* one NaN for each sign, no infinity */
    TN_FLOAT_FNUZ,   /* one NaN, in the place of -0, no infinity */
    TN_FLOAT_FINITE, /* neither NaN nor infinity */
    TN_FLOAT_POWER   /* a power of two: no sign, no zero, one NaN */
  } kind;
} tn_float_format;

/* NULL if type is not a float. */
const tn_float_format *tn_float_format_of(tn_type type);

/* The pattern nearest to significand * 2^exponent (plus less than one unit of the
 * significand if sticky), ties to even. significand is not 0.                      */
uint64_t tn_float_round(const tn_float_format *format, uint64_t significand, int64_t exponent, bool sticky);

/* pattern = *significand * 2^*exponent; the next pattern is 2^*exponent larger. */
void tn_float_parts(const tn_float_format *format, uint64_t pattern, uint64_t *significand, int *exponent);

/* The bits of a pattern with its sign: overflow and zero as the format has them. */
uint64_t tn_float_finish(const tn_float_format *format, bool negative, uint64_t pattern);

uint64_t tn_float_nan(const tn_float_format *format, bool negative);
uint64_t tn_float_infinity(const tn_float_format *format, bool negative);

uint64_t tn_bits_load(int bits, const void *element);
void tn_bits_store(int bits, void *element, uint64_t value);

static inline float tn_float_of(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

static inline uint32_t tn_bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline uint64_t tn_bits_of_double(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline double tn_double_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* The conversions below choose with masks and selects, no branches: loops over them
 * become vector code.                                                              */

static inline float tn_widen_bf16(uint16_t bits) { return tn_float_of((uint32_t)bits << 16); }

/* Subnormals are integers times 2^-24; others move to float's bias. */
static inline float tn_widen_f16(uint16_t bits) {
  uint32_t magnitude = bits & 0x7fff, sign = (uint32_t)(bits & 0x8000) << 16;
  uint32_t normal = (magnitude << 13) + (112u << 23);
  uint32_t special = (magnitude << 13) | 0x7f800000;
  uint32_t small = tn_bits_of((float)(int32_t)magnitude * 0x1p-24f);
  uint32_t result = magnitude < 0x0400 ? small : normal;
  return tn_float_of((magnitude >= 0x7c00 ? special : result) | sign);
}

static inline uint16_t tn_narrow_bf16(float value) {
  uint32_t bits = tn_bits_of(value);
  uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  uint32_t nan = bits >> 16 | 0x0040;
  return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? nan : rounded);
}

/* Results below 2^-14 are rounded by an addition whose unit is f16's smallest step;
 * carries out of the fraction make the exponent, and infinity, by themselves.       */
static inline uint16_t tn_narrow_f16(float value) {
  uint32_t bits = tn_bits_of(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  uint32_t small = tn_bits_of(tn_float_of(magnitude) + 0.5f) - 0x3f000000;
  uint32_t normal = (magnitude - (112u << 23) + 0x0fff + (magnitude >> 13 & 1)) >> 13;
  uint32_t nan = 0x7e00 | (magnitude >> 13 & 0x03ff);
  uint32_t result = magnitude < 0x38800000 ? small : normal;
  result = magnitude >= 0x47800000 ? 0x7c00 : result;
  result = magnitude > 0x7f800000 ? nan : result;
  return (uint16_t)(result | sign);
}

/* The float next to value whose last bit says "inexact" (rounding to odd): rounding
 * it again to fewer bits gives what rounding value once would.                      */
static inline float tn_narrow_to_odd(double value) {
  float nearest = (float)value;
  uint32_t bits = tn_bits_of(nearest);
  double back = nearest;
  uint32_t beyond = __builtin_fabs(back) > __builtin_fabs(value), inexact = back != value;
  return tn_float_of((bits - beyond) | inexact);
}

#endif
