/* Floats to the shortest decimal text that reads back as the same bits.
 *
 * Every decimal between the two rounding boundaries of a value reads back as it. The
 * algorithm is Schubfach (Giulietti, "The Schubfach way to render doubles", 2020):
 * scale value and boundaries by a power of ten such that at most one multiple of ten,
 * and at least one integer, lies between them; 128-bit powers decide exactly.
 * It serves all formats: a smaller one is the same problem with a shorter significand.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/decimal.h"

#include <assert.h>

enum { EXPONENT_BELOW = -4, EXPONENT_FROM = 17 };

/* floor(g * c / 2^128) for 128-bit g, with its last bit set if anything was cut off:
 * comparisons with even numbers come out as for the exact product.                  */
static uint64_t multiply_to_odd(tn_power g, uint64_t c) {
  unsigned __int128 low = (unsigned __int128)g.low * c, high = (unsigned __int128)g.high * c;
  high += (uint64_t)(low >> 64);
  return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* 10^q to 128 bits, rounded up. */
static tn_power power_above(int q) {
  tn_power g = tn_power_of_five(q);
  if (tn_power_is_exact(q)) return g;
  g.low++;
  g.high += g.low == 0;
  return g;
}

/* A value c * 2^q, 0 < c < 2^53, and the decimals that read back as it. */
typedef struct {
  uint64_t c;
  int q;
  bool closer_below;   /* starts a binade: the step below is half the one above */
  bool lower_included; /* whether the boundaries themselves round to the value */
  bool upper_included;
} interval;

/* The shortest d * 10^*k nearest to the value. */
static uint64_t shortest(const interval *v, int *k) {
  uint64_t c = v->c;
  int q = v->q;
  /* floor(log10(2^q)), or of 3/4 2^q */
  *k = (int)(((int64_t)q * 1262611 - (v->closer_below ? 524031 : 0)) >> 22);
  int h = q + tn_log2_of_power(-*k) + 1;
  tn_power g = power_above(-*k);
  uint64_t lower = multiply_to_odd(g, (4 * c - 2 + v->closer_below) << h) + !v->lower_included;
  uint64_t value = multiply_to_odd(g, (4 * c) << h);
  uint64_t upper = multiply_to_odd(g, (4 * c + 2) << h) - !v->upper_included;

  uint64_t units = value / 4;
  if (units >= 10) {
    uint64_t tens = units / 10;
    bool below_fits = lower <= 40 * tens, above_fits = 40 * tens + 40 <= upper;
    if (below_fits != above_fits) {
      ++*k;
      return tens + above_fits;
    }
  }
  bool below_fits = lower <= 4 * units, above_fits = 4 * units + 4 <= upper;
  if (below_fits != above_fits) return units + above_fits;
  uint64_t middle = 4 * units + 2;
  return units + (value > middle || (value == middle && (units & 1)));
}

static char *put(char *to, const char *bytes, int count) {
  memcpy(to, bytes, (size_t)count);
  return to + count;
}

static char *put_zeros(char *to, int count) {
  memset(to, '0', (size_t)count);
  return to + count;
}

/* d.ddde-05 */
static char *put_scientific(char *to, const char *digits, int count, int exponent) {
  *to++ = digits[0];
  if (count > 1) {
    *to++ = '.';
    to = put(to, digits + 1, count - 1);
  }
  *to++ = 'e';
  *to++ = exponent < 0 ? '-' : '+';
  unsigned magnitude = (unsigned)(exponent < 0 ? -exponent : exponent);
  if (magnitude >= 100) *to++ = (char)('0' + magnitude / 100);
  *to++ = (char)('0' + magnitude / 10 % 10);
  *to++ = (char)('0' + magnitude % 10);
  return to;
}

/* 0.00ddd, dd.dd or ddd000 */
static char *put_positional(char *to, const char *digits, int count, int exponent) {
  if (exponent < 0) {
    to = put(to, "0.", 2);
    to = put_zeros(to, -exponent - 1);
    return put(to, digits, count);
  }
  int before = exponent + 1;
  if (count <= before) return put_zeros(put(to, digits, count), before - count);
  to = put(to, digits, before);
  *to++ = '.';
  return put(to, digits + before, count - before);
}

static char *put_decimal(char *to, uint64_t value, int k) {
  char reversed[20], digits[20];
  int count = 0;
  while (value % 10 == 0) {
    value /= 10;
    k++;
  }
  for (; value; value /= 10) reversed[count++] = (char)('0' + value % 10);
  for (int i = 0; i < count; i++) digits[i] = reversed[count - 1 - i];
  int exponent = count - 1 + k;
  if (exponent < EXPONENT_BELOW || exponent >= EXPONENT_FROM)
    return put_scientific(to, digits, count, exponent);
  return put_positional(to, digits, count, exponent);
}

static char *put_nan(char *to, const tn_float_format *format, uint64_t fraction) {
  uint64_t standard = format->nan & ((UINT64_C(1) << format->fraction_bits) - 1);
  to = put(to, "nan", 3);
  if (format->kind != TN_FLOAT_IEEE || fraction == standard) return to;
  to = put(to, "(0x", 3);
  int shift = (format->fraction_bits - 1) / 4 * 4;
  while (fraction >> shift == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) *to++ = "0123456789abcdef"[fraction >> shift & 15];
  *to++ = ')';
  return to;
}

static char *put_finite(char *to, const tn_float_format *format, uint64_t pattern) {
  uint64_t fraction = pattern & ((UINT64_C(1) << format->fraction_bits) - 1);
  interval v;
  int k;
  tn_float_parts(format, pattern, &v.c, &v.q);
  bool power = format->kind == TN_FLOAT_POWER; /* ties go up */
  /* Not of the smallest normal: the subnormals below it have its step. */
  v.closer_below = power || (fraction == 0 && pattern >> format->fraction_bits > 1);
  v.lower_included = power || v.c % 2 == 0;
  v.upper_included = !power && v.c % 2 == 0;
  uint64_t digits = shortest(&v, &k);
  return put_decimal(to, digits, k);
}

size_t tn_print_float(tn_type type, const void *element, char out[40]) {
  const tn_float_format *format = tn_float_format_of(type);
  assert(format && "tn_print_float: not a float type");
  uint64_t bits = tn_bits_load(format->bits, element), sign = UINT64_C(1) << (format->bits - 1);
  bool power = format->kind == TN_FLOAT_POWER;
  if (format->bits == 4) bits &= 0xf;
  uint64_t pattern = power ? bits : bits & (sign - 1);
  char *to = out;
  bool the_nan = bits == format->nan && (power || format->kind == TN_FLOAT_FNUZ);
  if (!power && (bits & sign) && !the_nan) *to++ = '-';
  if (the_nan)
    to = put_nan(to, format, 0);
  else if (pattern > format->largest && pattern == format->overflow && format->kind == TN_FLOAT_IEEE)
    to = put(to, "inf", 3);
  else if (pattern > format->largest)
    to = put_nan(to, format, pattern & ((UINT64_C(1) << format->fraction_bits) - 1));
  else if (pattern == 0 && !power)
    *to++ = '0';
  else
    to = put_finite(to, format, pattern);
  *to = 0;
  return (size_t)(to - out);
}
