/* Float formats: rounding, ranges, special values, elements in memory.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"

#include <criterion/criterion.h>
#include <math.h>

/* What ml_dtypes gives for these floats. */
static const double inputs[] = {1,      -1,    0.1,          -0.3,   1.5,    2.5,       3.0625, 5,
                                7,      15.5,  15.75,        30,     31,     232,       240,    248,
                                448,    464,   465,          57344,  61439,  61440,     1e30,   -1e30,
                                0.0625, 0.001, 0.0009765625, 1.1e-5, -1e-30, 0x1.8p-127};
enum { INPUTS = sizeof inputs / sizeof inputs[0] };
static const struct {
  tn_type type;
  uint8_t bits[INPUTS];
} golden[] = {
    {TN_F4E2M1FN, {0x02, 0x0a, 0x00, 0x09, 0x03, 0x04, 0x05, 0x06, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07,
                   0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x0f, 0x00, 0x00, 0x00, 0x00, 0x08, 0x00}},
    {TN_F8E3M4, {0x30, 0xb0, 0x06, 0x93, 0x38, 0x44, 0x48, 0x54, 0x5c, 0x6f, 0x70, 0x70, 0x70, 0x70, 0x70,
                 0x70, 0x70, 0x70, 0x70, 0x70, 0x70, 0x70, 0x70, 0xf0, 0x04, 0x00, 0x00, 0x00, 0x80, 0x00}},
    {TN_F8E4M3, {0x38, 0xb8, 0x1d, 0xaa, 0x3c, 0x42, 0x44, 0x4a, 0x4e, 0x58, 0x58, 0x5f, 0x60, 0x76, 0x77,
                 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0xf8, 0x18, 0x01, 0x00, 0x00, 0x80, 0x00}},
    {TN_F8E4M3B11FNUZ,
     {0x58, 0xd8, 0x3d, 0xca, 0x5c, 0x62, 0x64, 0x6a, 0x6e, 0x78, 0x78, 0x7f, 0x80, 0x80, 0x80,
      0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x38, 0x08, 0x08, 0x00, 0x00, 0x00}},
    {TN_F8E4M3FN, {0x38, 0xb8, 0x1d, 0xaa, 0x3c, 0x42, 0x44, 0x4a, 0x4e, 0x58, 0x58, 0x5f, 0x60, 0x76, 0x77,
                   0x78, 0x7e, 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0xff, 0x18, 0x01, 0x00, 0x00, 0x80, 0x00}},
    {TN_F8E4M3FNUZ,
     {0x40, 0xc0, 0x25, 0xb2, 0x44, 0x4a, 0x4c, 0x52, 0x56, 0x60, 0x60, 0x67, 0x68, 0x7e, 0x7f,
      0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x01, 0x01, 0x00, 0x00, 0x00}},
    {TN_F8E5M2, {0x3c, 0xbc, 0x2e, 0xb5, 0x3e, 0x41, 0x42, 0x45, 0x47, 0x4c, 0x4c, 0x50, 0x50, 0x5b, 0x5c,
                 0x5c, 0x5f, 0x5f, 0x5f, 0x7b, 0x7b, 0x7c, 0x7c, 0xfc, 0x2c, 0x14, 0x14, 0x01, 0x80, 0x00}},
    {TN_F8E5M2FNUZ,
     {0x40, 0xc0, 0x32, 0xb9, 0x42, 0x45, 0x46, 0x49, 0x4b, 0x50, 0x50, 0x54, 0x54, 0x5f, 0x60,
      0x60, 0x63, 0x63, 0x63, 0x7f, 0x7f, 0x80, 0x80, 0x80, 0x30, 0x18, 0x18, 0x01, 0x00, 0x00}},
    {TN_F8E8M0FNU,
     {0x7f, 0xff, 0x7c, 0xff, 0x80, 0x80, 0x81, 0x81, 0x82, 0x83, 0x83, 0x84, 0x84, 0x87, 0x87,
      0x87, 0x88, 0x88, 0x88, 0x8f, 0x8f, 0x8f, 0xe3, 0xff, 0x7b, 0x75, 0x75, 0x6e, 0xff, 0x01}},
};

Test(number, small_formats_round_as_others_do) {
  for (size_t t = 0; t < sizeof golden / sizeof golden[0]; t++)
    for (int i = 0; i < INPUTS; i++) {
      uint64_t bits = tn_float_to_bits(golden[t].type, (float)inputs[i]);
      cr_assert_eq(bits, golden[t].bits[i], "%s of %a: %02x, not %02x", tn_type_name(golden[t].type),
                   inputs[i], (unsigned)bits, golden[t].bits[i]);
    }
}

static bool is_nan_bits(tn_type type, uint64_t bits) { return isnan(tn_float_from_bits(type, bits)); }

Test(number, every_value_of_every_small_format_survives) {
  for (tn_type type = TN_F4E2M1FN; type <= TN_F16; type++)
    for (uint64_t bits = 0; bits < UINT64_C(1) << tn_type_bits(type); bits++) {
      uint64_t back = tn_float_to_bits(type, tn_float_from_bits(type, bits));
      if (is_nan_bits(type, bits))
        cr_assert(is_nan_bits(type, back), "%s %llx", tn_type_name(type), (unsigned long long)bits);
      else
        cr_assert_eq(back, bits, "%s %llx became %llx", tn_type_name(type), (unsigned long long)bits,
                     (unsigned long long)back);
    }
}

/* Between neighbours: below the middle goes down, above goes up, the middle to even. */
Test(number, doubles_round_once_to_the_nearest) {
  for (tn_type type = TN_F4E2M1FN; type <= TN_F16; type++) {
    bool power = type == TN_F8E8M0FNU;
    uint64_t count = UINT64_C(1) << (tn_type_bits(type) - !power);
    for (uint64_t bits = 0; bits + 1 < count; bits++) {
      double low = tn_float_from_bits(type, bits), high = tn_float_from_bits(type, bits + 1);
      if (!isfinite(low) || !isfinite(high)) continue;
      double middle = (low + high) / 2; /* exact */
      cr_assert_eq(tn_float_to_bits(type, nextafter(middle, -INFINITY)), bits, "%s", tn_type_name(type));
      cr_assert_eq(tn_float_to_bits(type, nextafter(middle, INFINITY)), bits + 1, "%s", tn_type_name(type));
      cr_assert_eq(tn_float_to_bits(type, middle), bits + (power || (bits & 1)), "%s", tn_type_name(type));
    }
  }
}

Test(number, special_values) {
  cr_assert_eq(tn_float_to_bits(TN_F8E4M3FN, INFINITY), 0x7f);
  cr_assert_eq(tn_float_to_bits(TN_F8E4M3FN, -NAN), 0xff);
  cr_assert_eq(tn_float_to_bits(TN_F8E5M2, -INFINITY), 0xfc);
  cr_assert_eq(tn_float_to_bits(TN_F8E4M3FNUZ, -0.0), 0);
  cr_assert_eq(tn_float_to_bits(TN_F8E4M3FNUZ, INFINITY), 0x80);
  cr_assert_eq(tn_float_to_bits(TN_F8E8M0FNU, 0), 0xff);
  cr_assert_eq(tn_float_to_bits(TN_F8E8M0FNU, -1), 0xff);
  cr_assert_eq(tn_float_to_bits(TN_F8E8M0FNU, 0x1p-140), 0);
  cr_assert_eq(tn_float_to_bits(TN_F4E2M1FN, INFINITY), 7);
  cr_assert_eq(tn_float_to_bits(TN_F4E2M1FN, NAN), 0);
  cr_assert_eq(tn_float_to_bits(TN_F4E2M1FN, -NAN), 0);
  cr_assert_eq(tn_f32_to_f16(65519.996f), 0x7bff);
  cr_assert_eq(tn_f32_to_f16(65520), 0x7c00);
  cr_assert_eq(tn_f64_to_f16(1 + 0x1p-11 + 0x1p-40), 0x3c01);
  cr_assert_eq(tn_f32_to_f16((float)(1 + 0x1p-11 + 0x1p-40)), 0x3c00);
  cr_assert_eq(tn_f64_to_bf16(-(1 + 0x1p-8 + 0x1p-40)), 0xbf81);
  cr_assert_eq(tn_f16_to_f32(1), 0x1p-24f);
  cr_assert_eq(tn_f16_to_f32(0xfc00), -INFINITY);
  cr_assert_eq(tn_f32_to_bf16(INFINITY), 0x7f80);
}

Test(number, integers_in_memory_wrap) {
  uint64_t element = 0;
  tn_store_integer(TN_S4, &element, 9);
  cr_assert_eq(element & 0xff, 0xf9);
  cr_assert_eq(tn_load_integer(TN_S4, &element), -7);
  tn_store_integer(TN_U4, &element, 25);
  cr_assert_eq(tn_load_integer(TN_U4, &element), 9);
  tn_store_integer(TN_S16, &element, 0x12345);
  cr_assert_eq(tn_load_integer(TN_S16, &element), 0x2345);
  tn_store_integer(TN_U64, &element, -1);
  cr_assert_eq(tn_load_integer(TN_U64, &element), -1);
  tn_store_integer(TN_PRED, &element, 2);
  cr_assert_eq(tn_load_integer(TN_PRED, &element), 1);
  tn_store_float(TN_BF16, &element, 1.5);
  cr_assert_eq(tn_load_float(TN_BF16, &element), 1.5);
}
