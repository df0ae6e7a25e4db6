/* Conversion of arrays, against conversion one element at a time.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"

#include <criterion/criterion.h>
#include <math.h>

enum { COUNT = 1500 }; /* several blocks and a rest */

static bool is_real(tn_type type) { return tn_type_is_array(type) && !tn_type_is_complex(type); }

static uint64_t next(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  return *state ^= *state << 17;
}

/* Toward zero into [-2^(bits-1), 2^(bits-1)) or [0, 2^bits), NaN to 0. */
static int64_t saturated(tn_type type, double x) {
  int bits = tn_type_bits(type);
  bool sign = tn_type_class_of(type) == TN_CLASS_SIGNED;
  double low = sign ? -ldexp(1, bits - 1) : 0, high = ldexp(1, bits - sign);
  if (isnan(x)) return 0;
  if (x <= low) return (int64_t)low;
  if (x >= high)
    return sign ? (int64_t)((UINT64_C(1) << (bits - 1)) - 1) : (int64_t)(UINT64_MAX >> (64 - bits));
  return sign ? (int64_t)x : (int64_t)(uint64_t)x;
}

static void convert_one(tn_type to_type, void *to, tn_type from_type, const void *from) {
  if (tn_type_is_float(from_type)) {
    double x = tn_load_float(from_type, from);
    if (tn_type_is_float(to_type))
      tn_store_float(to_type, to, x);
    else
      tn_store_integer(to_type, to, to_type == TN_PRED ? x != 0 : saturated(to_type, x));
    return;
  }
  int64_t n = tn_load_integer(from_type, from);
  if (!tn_type_is_float(to_type)) {
    tn_store_integer(to_type, to, n);
    return;
  }
  /* 64-bit integers are parsed from their digits: rounded once. */
  tn_text digits = {0};
  tn_text_printf(&digits, from_type == TN_U64 ? "%llu" : "%lld", (long long)n);
  tn_parse_float(to_type, digits.bytes, digits.length, to);
  tn_text_free(&digits);
}

static void fill(tn_type type, uint8_t *elements, uint64_t *state) {
  size_t size = tn_type_bytes(type);
  static const double special[] = {0,       -0.0,   1,        -1,        0.5,          -1.5,       127.9,
                                   -128.9,  255.5,  65504,    65520,     2147483647.5, 4294967296, 0x1p63,
                                   -0x1p63, 0x1p64, INFINITY, -INFINITY, NAN,          0x1p-24,    0x1p-140};
  for (int i = 0; i < COUNT; i++) {
    uint64_t bits = next(state);
    uint8_t *element = elements + (size_t)i * size;
    if (!tn_type_is_float(type))
      tn_store_integer(type, element,
                       (int64_t)(type == TN_PRED ? bits & 1 : bits >> (i % 3 ? bits & 63 : 0)));
    else if ((size_t)i < sizeof special / sizeof special[0])
      tn_store_float(type, element, special[i]);
    else if (i % 2)
      tn_store_float(type, element, ldexp((double)(int64_t)bits, -63 - (int)(next(state) % 40) + 20));
    else
      memcpy(element, &bits, size);
    if (type == TN_F4E2M1FN) *element &= 0xf;
  }
}

Test(convert, arrays_convert_like_elements) {
  static _Alignas(64) uint8_t from[COUNT * 8], to[COUNT * 8];
  uint64_t state = 42;
  for (tn_type a = TN_PRED; a <= TN_F64; a++) {
    fill(a, from, &state);
    for (tn_type b = TN_PRED; b <= TN_F64; b++) {
      if (!is_real(a) || !is_real(b)) continue;
      tn_convert_elements(b, to, a, from, COUNT);
      size_t size = tn_type_bytes(b);
      for (int i = 0; i < COUNT; i++) {
        uint64_t expected = 0;
        convert_one(b, &expected, a, from + (size_t)i * tn_type_bytes(a));
        if (tn_type_is_float(b) && isnan(tn_load_float(b, &expected)) &&
            isnan(tn_load_float(b, to + (size_t)i * size)))
          continue;
        cr_assert_eq(memcmp(&expected, to + (size_t)i * size, size), 0, "%s to %s: element %d",
                     tn_type_name(a), tn_type_name(b), i);
      }
    }
  }
}

Test(convert, complex) {
  const float from[] = {1.5f, 2, 0, 3, 0, 0, -7, 0};
  double wide[8];
  int32_t integers[4];
  uint8_t predicates[4];
  tn_convert_elements(TN_C128, wide, TN_C64, from, 4);
  for (int i = 0; i < 8; i++) cr_assert_eq(wide[i], from[i]);
  tn_convert_elements(TN_S32, integers, TN_C64, from, 4);
  cr_assert(integers[0] == 1 && integers[1] == 0 && integers[3] == -7);
  tn_convert_elements(TN_PRED, predicates, TN_C64, from, 4);
  cr_assert(predicates[0] == 1 && predicates[1] == 1 && predicates[2] == 0 && predicates[3] == 1);
  tn_convert_elements(TN_C128, wide, TN_S32, integers, 4);
  cr_assert(wide[0] == 1 && wide[1] == 0 && wide[6] == -7 && wide[7] == 0);
}
