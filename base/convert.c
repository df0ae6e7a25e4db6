/* Conversion of arrays, as HLO's convert.
 *
 * Two steps in blocks that stay in the first-level cache: widen the source exactly to
 * float, double or a 64-bit integer, then narrow that with one rounding. 2 x 12 loops
 * so do the work of 12 x 12, and each is simple enough to become vector code:
 *
 *   f16 bf16 f32          -> float   \      / f16 bf16 f32 f64
 *   f64 f8* f4            -> double   >    <  s8 ... s64 u8 ... u64 and narrower
 *   s* u* pred            -> 64 bits /      \ f8* f4, pred
 *
 * (integers of 8 to 32 bits on their way to a float: to float or double).
 *
 * Cost: 1 to 3 ns an element for f16, bf16, f32, f64 and integers, 10 ns for f8.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/float_format.h"

#include <assert.h>

enum { BLOCK = 512 };

typedef enum { WIDE_FLOAT, WIDE_DOUBLE, WIDE_SIGNED, WIDE_UNSIGNED } wide_kind;

typedef union {
  float f[BLOCK];
  double d[BLOCK];
  int64_t s[BLOCK];
  uint64_t u[BLOCK];
} wide_block;

/* How elements lie in memory: sub-byte types and predicates as bytes. */
static tn_type storage_of(tn_type type) {
  if (tn_type_bits(type) >= 8 || tn_type_is_float(type)) return type;
  return tn_type_class_of(type) == TN_CLASS_SIGNED ? TN_S8 : TN_U8;
}

#define LOOP(to, T, expression)                                                                              \
  do {                                                                                                       \
    const T *in = from;                                                                                      \
    for (size_t i = 0; i < count; i++) (to)[i] = (expression);                                               \
  } while (0)

static wide_kind widen_integers(wide_block *restrict wide, tn_type type, const void *restrict from,
                                size_t count) {
  if (type == TN_S8) LOOP(wide->s, int8_t, in[i]);
  if (type == TN_S16) LOOP(wide->s, int16_t, in[i]);
  if (type == TN_S32) LOOP(wide->s, int32_t, in[i]);
  if (type == TN_S64) LOOP(wide->s, int64_t, in[i]);
  if (type == TN_U8) LOOP(wide->s, uint8_t, in[i]);
  if (type == TN_U16) LOOP(wide->s, uint16_t, in[i]);
  if (type == TN_U32) LOOP(wide->s, uint32_t, in[i]);
  if (type == TN_U64) LOOP(wide->u, uint64_t, in[i]);
  return type == TN_U64 ? WIDE_UNSIGNED : WIDE_SIGNED;
}

/* On their way to a float, integers go where they are exact. */
static wide_kind widen_integers_to_float(wide_block *restrict wide, tn_type type, const void *restrict from,
                                         size_t count) {
  if (tn_type_bits(type) == 64) return widen_integers(wide, type, from, count);
  if (type == TN_S8) LOOP(wide->f, int8_t, in[i]);
  if (type == TN_S16) LOOP(wide->f, int16_t, in[i]);
  if (type == TN_U8) LOOP(wide->f, uint8_t, in[i]);
  if (type == TN_U16) LOOP(wide->f, uint16_t, in[i]);
  if (type == TN_S32) LOOP(wide->d, int32_t, in[i]);
  if (type == TN_U32) LOOP(wide->d, uint32_t, (double)(int32_t)(in[i] ^ UINT32_C(1) << 31) + 0x1p31);
  return tn_type_bits(type) == 32 ? WIDE_DOUBLE : WIDE_FLOAT;
}

static wide_kind widen(wide_block *restrict wide, tn_type type, const void *restrict from, size_t count,
                       bool to_float) {
  if (!tn_type_is_float(type) && to_float)
    return widen_integers_to_float(wide, storage_of(type), from, count);
  if (!tn_type_is_float(type)) return widen_integers(wide, storage_of(type), from, count);
  if (type == TN_F16)
    LOOP(wide->f, uint16_t, tn_widen_f16(in[i]));
  else if (type == TN_BF16)
    LOOP(wide->f, uint16_t, tn_widen_bf16(in[i]));
  else if (type == TN_F32)
    LOOP(wide->f, float, in[i]);
  else if (type == TN_F64)
    LOOP(wide->d, double, in[i]);
  else
    LOOP(wide->d, uint8_t, tn_float_from_bits(type, in[i]));
  return tn_type_bits(type) < 16 || type == TN_F64 ? WIDE_DOUBLE : WIDE_FLOAT;
}

/* To the nearest double whose last bit says "inexact", so that the next rounding is
 * the only one that counts. Doubles hold integers below 2^53 exactly.               */
static double signed_to_odd(int64_t value) {
  uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  if (magnitude >> 53) magnitude = (magnitude >> 11 | ((magnitude & 0x7ff) != 0)) << 11;
  return value < 0 ? -(double)magnitude : (double)magnitude;
}

/* By masks, and through signed integers: random data must not cost a wrong branch. */
static inline double unsigned_to_odd(uint64_t value) {
  uint64_t large = value >> 53 != 0, mask = 0 - large;
  uint64_t half = (value >> 12 | ((value & 0xfff) != 0)) << 11;
  return (double)(int64_t)((half & mask) | (value & ~mask)) * (double)(int)(1 + large);
}

#define NARROW(T, expression)                                                                                \
  do {                                                                                                       \
    T *out = to;                                                                                             \
    for (size_t i = 0; i < count; i++) out[i] = (expression);                                                \
  } while (0)

static void narrow_float_to_float(tn_type type, void *restrict to, const float *restrict x, size_t count) {
  if (type == TN_F16)
    NARROW(uint16_t, tn_narrow_f16(x[i]));
  else if (type == TN_BF16)
    NARROW(uint16_t, tn_narrow_bf16(x[i]));
  else if (type == TN_F32)
    NARROW(float, x[i]);
  else if (type == TN_F64)
    NARROW(double, (double)x[i]);
  else
    NARROW(uint8_t, (uint8_t)tn_float_to_bits(type, (double)x[i]));
}

static void narrow_double_to_float(tn_type type, void *restrict to, const double *restrict x, size_t count) {
  if (type == TN_F64)
    memcpy(to, x, count * sizeof *x);
  else if (type == TN_F32)
    NARROW(float, (float)x[i]);
  else if (tn_type_bits(type) < 16)
    NARROW(uint8_t, (uint8_t)tn_float_to_bits(type, x[i]));
  else {
    float odd[BLOCK];
    for (size_t i = 0; i < count; i++) odd[i] = tn_narrow_to_odd(x[i]);
    narrow_float_to_float(type, to, odd, count);
  }
}

/* x in [low, high]; NaN gives 0. The selects are the machine's maximum and minimum. */
static inline double clamped(double x, double low, double high) {
  x = x == x ? x : 0;
  x = x > low ? x : low;
  return x < high ? x : high;
}

/* Adding 2^52 rounds to an integer and leaves it in the low bits, also in vectors. */
static void narrow_to_u32(uint32_t *restrict to, const double *restrict values, size_t count) {
  double shifted[BLOCK];
  uint64_t bits[BLOCK];
  for (size_t i = 0; i < count; i++) {
    double x = clamped(values[i], 0, UINT32_MAX), nearest = x + 0x1p52;
    shifted[i] = nearest - (nearest - 0x1p52 > x ? 1.0 : 0.0);
  }
  memcpy(bits, shifted, count * sizeof *bits);
  for (size_t i = 0; i < count; i++) to[i] = (uint32_t)bits[i];
}

static inline int64_t to_s64(double x) {
  if (!(x == x)) return 0;
  if (x >= 0x1p63) return INT64_MAX;
  return x < -0x1p63 ? INT64_MIN : (int64_t)x;
}

static inline uint64_t to_u64(double x) {
  x = x > 0 ? x : 0;
  return x >= 0x1p64 ? UINT64_MAX : (uint64_t)x;
}

static void narrow_double_to_integer(tn_type type, void *restrict to, const double *restrict x,
                                     size_t count) {
  if (type == TN_S64)
    NARROW(int64_t, to_s64(x[i]));
  else if (type == TN_U64)
    NARROW(uint64_t, to_u64(x[i]));
  else if (type == TN_U32)
    narrow_to_u32(to, x, count);
  else if (type == TN_PRED)
    NARROW(uint8_t, x[i] != 0);
  else {
    int bits = tn_type_bits(type);
    bool with_sign = tn_type_class_of(type) == TN_CLASS_SIGNED;
    double low = with_sign ? -(double)(INT64_C(1) << (bits - 1)) : 0;
    double high = (double)((INT64_C(1) << (bits - with_sign)) - 1);
    if (bits <= 8)
      NARROW(uint8_t, (uint8_t)(int32_t)clamped(x[i], low, high));
    else if (bits == 16)
      NARROW(uint16_t, (uint16_t)(int32_t)clamped(x[i], low, high));
    else
      NARROW(int32_t, (int32_t)clamped(x[i], low, high));
  }
}

static void narrow_integer_to_float(tn_type type, void *restrict to, const wide_block *restrict wide,
                                    bool is_unsigned, size_t count) {
  const int64_t *s = wide->s;
  const uint64_t *u = wide->u;
  if (type == TN_F64 && is_unsigned)
    NARROW(double, (double)u[i]);
  else if (type == TN_F64)
    NARROW(double, (double)s[i]);
  else if (type == TN_F32 && is_unsigned)
    NARROW(float, (float)u[i]);
  else if (type == TN_F32)
    NARROW(float, (float)s[i]);
  else {
    double odd[BLOCK];
    for (size_t i = 0; i < count; i++) odd[i] = is_unsigned ? unsigned_to_odd(u[i]) : signed_to_odd(s[i]);
    narrow_double_to_float(type, to, odd, count);
  }
}

static void narrow_integer_to_integer(tn_type type, void *restrict to, const uint64_t *restrict x,
                                      size_t count) {
  int bits = tn_type_bits(type), unused = 8 - bits;
  if (type == TN_PRED)
    NARROW(uint8_t, x[i] != 0);
  else if (bits < 8 && tn_type_class_of(type) == TN_CLASS_SIGNED)
    NARROW(int8_t, (int8_t)((int8_t)(uint8_t)(x[i] << unused) >> unused));
  else if (bits < 8)
    NARROW(uint8_t, (uint8_t)((uint8_t)(x[i] << unused) >> unused));
  else if (bits == 8)
    NARROW(uint8_t, (uint8_t)x[i]);
  else if (bits == 16)
    NARROW(uint16_t, (uint16_t)x[i]);
  else if (bits == 32)
    NARROW(uint32_t, (uint32_t)x[i]);
  else
    NARROW(uint64_t, x[i]);
}

static void narrow(tn_type type, void *restrict to, const wide_block *restrict wide, wide_kind kind,
                   size_t count) {
  bool to_float = tn_type_is_float(type);
  if (kind == WIDE_SIGNED || kind == WIDE_UNSIGNED) {
    if (to_float)
      narrow_integer_to_float(type, to, wide, kind == WIDE_UNSIGNED, count);
    else
      narrow_integer_to_integer(type, to, wide->u, count);
  } else if (to_float) {
    if (kind == WIDE_FLOAT)
      narrow_float_to_float(type, to, wide->f, count);
    else
      narrow_double_to_float(type, to, wide->d, count);
  } else if (kind == WIDE_DOUBLE) {
    narrow_double_to_integer(type, to, wide->d, count);
  } else {
    double exact[BLOCK];
    for (size_t i = 0; i < count; i++) exact[i] = wide->f[i];
    narrow_double_to_integer(type, to, exact, count);
  }
}

static void convert_real(tn_type to_type, char *to, tn_type from_type, const char *from, size_t count) {
  size_t to_size = tn_type_bytes(to_type), from_size = tn_type_bytes(from_type);
  wide_block wide;
  for (size_t done = 0; done < count; done += BLOCK) {
    size_t n = count - done < BLOCK ? count - done : BLOCK;
    wide_kind kind = widen(&wide, from_type, from + done * from_size, n, tn_type_is_float(to_type));
    narrow(to_type, to + done * to_size, &wide, kind, n);
  }
}

/* Real parts, or with `offset` one part's size imaginary parts, one after the other. */
static void take_parts(char *restrict parts, const char *restrict from, size_t size, size_t offset,
                       size_t n) {
  for (size_t i = 0; i < n; i++) memcpy(parts + i * size, from + 2 * i * size + offset, size);
}

/* The imaginary part is dropped, except that a predicate asks for both. */
static void convert_from_complex(tn_type to_type, char *to, tn_type from_type, const char *from,
                                 size_t count) {
  tn_type part = tn_type_part(from_type);
  size_t size = tn_type_bytes(part), to_size = tn_type_bytes(to_type);
  double parts[BLOCK];
  uint8_t nonzero[BLOCK];
  for (size_t done = 0; done < count; done += BLOCK, from += BLOCK * 2 * size, to += BLOCK * to_size) {
    size_t n = count - done < BLOCK ? count - done : BLOCK;
    take_parts((char *)parts, from, size, 0, n);
    convert_real(to_type, to, part, (const char *)parts, n);
    if (to_type != TN_PRED) continue;
    take_parts((char *)parts, from, size, size, n);
    convert_real(TN_PRED, (char *)nonzero, part, (const char *)parts, n);
    for (size_t i = 0; i < n; i++) to[i] |= (char)nonzero[i];
  }
}

static void convert_to_complex(tn_type to_type, char *to, tn_type from_type, const char *from, size_t count) {
  tn_type part = tn_type_part(to_type);
  size_t size = tn_type_bytes(part), from_size = tn_type_bytes(from_type);
  double parts[BLOCK];
  for (size_t done = 0; done < count; done += BLOCK, from += BLOCK * from_size) {
    size_t n = count - done < BLOCK ? count - done : BLOCK;
    convert_real(part, (char *)parts, from_type, from, n);
    for (size_t i = 0; i < n; i++, to += 2 * size) {
      memcpy(to, (const char *)parts + i * size, size);
      memset(to + size, 0, size);
    }
  }
}

void tn_convert_elements(tn_type to_type, void *to, tn_type from_type, const void *from, size_t count) {
  assert(tn_type_is_array(to_type) && tn_type_is_array(from_type));
  bool to_complex = tn_type_is_complex(to_type), from_complex = tn_type_is_complex(from_type);
  bool reinterpreted = tn_type_is_integer(to_type) && tn_type_is_integer(from_type) &&
                       tn_type_bits(to_type) >= 8 && tn_type_bits(to_type) == tn_type_bits(from_type);
  if (count == 0) return;
  if (to_type == from_type || reinterpreted)
    memcpy(to, from, count * tn_type_bytes(to_type));
  else if (to_complex && from_complex)
    convert_real(tn_type_part(to_type), to, tn_type_part(from_type), from, 2 * count);
  else if (from_complex)
    convert_from_complex(to_type, to, from_type, from, count);
  else if (to_complex)
    convert_to_complex(to_type, to, from_type, from, count);
  else
    convert_real(to_type, to, from_type, from, count);
}
