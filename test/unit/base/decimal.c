/* Decimal text to floats and back.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/decimal.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t next(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  return *state ^= *state << 17;
}

static uint64_t parse(tn_type type, const char *text) {
  uint64_t bits = 0;
  size_t length = tn_parse_float(type, text, strlen(text), &bits);
  cr_assert_eq(length, strlen(text), "%s: '%s' read to %zu", tn_type_name(type), text, length);
  return bits;
}

static void expect_text(tn_type type, uint64_t bits, const char *expected) {
  char out[40];
  tn_print_float(type, &bits, out);
  cr_assert_str_eq(out, expected);
  uint64_t back = parse(type, out);
  cr_assert_eq(back, bits, "%s", out);
}

Test(parse, what_counts_as_a_number) {
  static const struct {
    const char *text;
    size_t length;
  } cases[] = {{"1", 1},       {"+1", 2},       {"-1.", 3},     {".5", 2},       {"1e5,", 3},
               {"1e", 1},      {"1e+", 1},      {"1.5e-3}", 6}, {"", 0},         {"-", 0},
               {".", 0},       {"e5", 0},       {"inf", 3},     {"-inf", 4},     {"nan", 3},
               {"-nan", 4},    {"nan(0x1)", 8}, {"nan(0x", 0},  {"nan(0x0)", 0}, {"nan(0x7fffffff)", 0},
               {"0x1.8p3", 7}, {"0x", 0},       {"1..2", 2},    {"12x", 2},      {"infinity", 3}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    float value;
    size_t length = tn_parse_float(TN_F32, cases[i].text, strlen(cases[i].text), &value);
    cr_assert_eq(length, cases[i].length, "'%s' read to %zu", cases[i].text, length);
  }
}

static void like_libc(const char *text) {
  double wide = strtod(text, NULL);
  float narrow = strtof(text, NULL);
  uint64_t wide_bits = 0, narrow_bits = 0;
  memcpy(&wide_bits, &wide, sizeof wide);
  memcpy(&narrow_bits, &narrow, sizeof narrow);
  cr_assert_eq(parse(TN_F64, text), wide_bits, "%s", text);
  cr_assert_eq(parse(TN_F32, text), narrow_bits, "%s", text);
}

Test(parse, hard_cases) {
  static const char *const texts[] = {
      "0",
      "-0",
      "1e400",
      "-1e400",
      "1e-400",
      "1e99999999999999999999",
      "1e-99999999999999999999",
      "4.9e-324",
      "2.4703282292062327e-324",
      "2.4703282292062328e-324",
      "2.2250738585072011e-308",
      "1.7976931348623158e308",
      "1.7976931348623159e308",
      "9007199254740993",
      "9007199254740992.99999999999999999999",
      "9007199254740993.00000000000000000001",
      "16777217",
      "16777217.0000000000000000000000001",
      "3.4028235677973366e38",
      "3.4028235677973367e38",
      "1e23",
      "7.0064923216240853546186479164495806564013097093825788587853e-46",
      "0.00000000000000000000000000000000000000000000000000000000012345678901234567890123e40",
      "123456789012345678901234567890123456789012345678901234567890e-30",
      "00000000000000000000000000001.5",
      "0x1.8p3",
      "0x1.00000000000008p0",
      "0x1.000000000000081p0",
      "0x1p-1075",
      "0x1.8p-1075",
      "0x1p3073",
      "0x1.fffffffffffff8p1023",
      "0x123456789abcdef01234p-40"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) like_libc(texts[i]);
}

Test(parse, random_texts_like_libc) {
  uint64_t state = 88172645463325252;
  char text[1300];
  for (int i = 0; i < 60000; i++) {
    uint64_t bits = next(&state);
    double value, middle;
    memcpy(&value, &bits, sizeof value);
    if (!isfinite(value)) continue;
    float narrow = (float)ldexp((double)(int64_t)bits, -40 - (int)(next(&state) % 60));
    int kind = i % 6;
    if (kind == 0) snprintf(text, sizeof text, "%.*e", (int)(next(&state) % 30), value);
    if (kind == 1) snprintf(text, sizeof text, "%.9g", (double)narrow);
    if (kind == 2)
      snprintf(text, sizeof text, "%llue%d", (unsigned long long)bits, (int)(next(&state) % 700) - 360);
    if (kind == 3) { /* between two floats, or a little above */
      middle = ((double)narrow + (double)nextafterf(narrow, INFINITY)) / 2;
      snprintf(text, sizeof text, "%.80f%s", middle, i & 8 ? "1" : "");
    }
    if (kind == 4)
      snprintf(text, sizeof text, "%llu.%llu", (unsigned long long)bits >> (bits & 63),
               (unsigned long long)next(&state));
    if (kind == 5 && i % 16 == 5) /* between two doubles */
      snprintf(text, sizeof text, "%.1100Lf%s", (long double)fabs(value) / 2 * (1 + 0x1p-53L),
               i & 32 ? "1" : "");
    if (strlen(text) < sizeof text - 1) like_libc(text);
  }
}

/* f16 through double would round twice: 1 + 2^-11 + tiny is a tie for the double. */
Test(parse, small_formats_round_once) {
  cr_assert_eq(parse(TN_F16, "1.00048828125"), 0x3c00);
  cr_assert_eq(parse(TN_F16, "1.00048828125000000000000000000001"), 0x3c01);
  cr_assert_eq(parse(TN_BF16, "1.00390625000000000000000000000001"), 0x3f81);
  cr_assert_eq(parse(TN_F16, "65519.99999999999999999999"), 0x7bff);
  cr_assert_eq(parse(TN_F16, "65520"), 0x7c00);
  cr_assert_eq(parse(TN_F8E4M3FN, "464"), 0x7e);
  cr_assert_eq(parse(TN_F8E4M3FN, "464.0000000000000000000000001"), 0x7f);
  cr_assert_eq(parse(TN_F8E5M2, "1e30"), 0x7c);
  cr_assert_eq(parse(TN_F4E2M1FN, "-100"), 0xf);
  cr_assert_eq(parse(TN_F8E8M0FNU, "0"), 0xff);
  cr_assert_eq(parse(TN_F8E8M0FNU, "1e-45"), 0);
  cr_assert_eq(parse(TN_F8E4M3FNUZ, "-0"), 0);
}

Test(print, reads_naturally) {
  static const struct {
    double value;
    const char *text;
  } cases[] = {{1, "1"},
               {-0.0, "-0"},
               {0.25, "0.25"},
               {0.1, "0.1"},
               {1e-5, "1e-05"},
               {1e-4, "0.0001"},
               {1.5e20, "1.5e+20"},
               {1e16, "10000000000000000"},
               {1e17, "1e+17"},
               {5e-324, "5e-324"},
               {123456.789, "123456.789"},
               {1.7976931348623157e308, "1.7976931348623157e+308"},
               {INFINITY, "inf"},
               {-INFINITY, "-inf"},
               {9007199254740992, "9007199254740992"},
               {1e22, "1e+22"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint64_t bits;
    memcpy(&bits, &cases[i].value, sizeof bits);
    expect_text(TN_F64, bits, cases[i].text);
  }
  expect_text(TN_F32, 0x3dcccccd, "0.1");
  expect_text(TN_F16, 0x2e66, "0.1");
  expect_text(TN_BF16, 0x3dcd, "0.1");
  expect_text(TN_F32, 1, "1e-45");
  expect_text(TN_F32, 0x7fc00000, "nan");
  expect_text(TN_F32, 0xffc00000, "-nan");
  expect_text(TN_F32, 0x7f800001, "nan(0x1)");
  expect_text(TN_F64, 0xfff8000000000abc, "-nan(0x8000000000abc)");
  expect_text(TN_F8E4M3FN, 0x7e, "450"); /* 448: all of [432, 464] reads back */
  expect_text(TN_F8E4M3FNUZ, 0x80, "nan");
  expect_text(TN_F8E8M0FNU, 0xff, "nan");
}

Test(print, small_formats_read_back) {
  char out[40];
  for (tn_type type = TN_F4E2M1FN; type <= TN_F16; type++)
    for (uint32_t bits = 0; bits < UINT32_C(1) << tn_type_bits(type); bits++) {
      uint32_t back = 0;
      size_t length = tn_print_float(type, &bits, out);
      cr_assert(tn_parse_float(type, out, length, &back) == length && back == bits, "%s %x '%s' %x",
                tn_type_name(type), bits, out, back);
    }
}

/* Digits without leading and trailing zeros. */
static int significant(const char *text) {
  int count = 0, zeros = 0;
  for (; *text && *text != 'e'; text++) {
    if (*text < '0' || *text > '9' || (count == 0 && *text == '0')) continue;
    zeros = *text == '0' ? zeros + 1 : 0;
    count++;
  }
  return count - zeros;
}

Test(print, doubles_and_floats_are_shortest) {
  uint64_t state = 1234567;
  char out[40], shorter[40];
  for (int i = 0; i < 60000; i++) {
    uint64_t bits = next(&state);
    if (i % 3 == 1) bits &= ~((UINT64_C(1) << next(&state) % 53) - 1);
    double value;
    float narrow;
    memcpy(&value, &bits, sizeof value);
    uint32_t narrow_bits = (uint32_t)(bits >> 32);
    memcpy(&narrow, &narrow_bits, sizeof narrow);
    if (!isfinite(value) || !isfinite(narrow)) continue;
    tn_print_float(TN_F64, &value, out);
    cr_assert_eq(parse(TN_F64, out), bits, "%s", out);
    if (significant(out) > 1) {
      snprintf(shorter, sizeof shorter, "%.*e", significant(out) - 2, value);
      cr_assert_neq(parse(TN_F64, shorter), bits, "%s, but also %s", out, shorter);
    }
    tn_print_float(TN_F32, &narrow, out);
    cr_assert_eq(parse(TN_F32, out), narrow_bits, "%s", out);
    if (significant(out) > 1) {
      snprintf(shorter, sizeof shorter, "%.*e", significant(out) - 2, (double)narrow);
      cr_assert_neq(parse(TN_F32, shorter), narrow_bits, "%s, but also %s", out, shorter);
    }
  }
}

/* The table, made again: 5^q in 32-bit limbs for q >= 0; for q < 0, high:low * 5^-q
 * must not exceed a power of two that (high:low + 1) * 5^-q exceeds.                */
typedef struct {
  uint32_t limb[64]; /* 2048 bits */
} wide;

static void times(wide *n, uint32_t factor) {
  uint64_t carry = 0;
  for (int i = 0; i < 64; i++) {
    carry += (uint64_t)n->limb[i] * factor;
    n->limb[i] = (uint32_t)carry;
    carry >>= 32;
  }
}

static int bits_of(const wide *n) {
  for (int i = 63; i >= 0; i--)
    if (n->limb[i]) return 32 * i + 32 - __builtin_clz(n->limb[i]);
  return 0;
}

static uint64_t bits_at(const wide *n, int lowest) { /* 64 bits from there */
  uint64_t result = 0;
  for (int i = 0; i < 64; i++) {
    int bit = lowest + i;
    if (bit >= 0 && (n->limb[bit / 32] >> bit % 32 & 1)) result |= UINT64_C(1) << i;
  }
  return result;
}

Test(powers, are_those_of_five) {
  wide n = {{1}};
  for (int q = 0; q <= TN_POWER_LAST; q++, times(&n, 5)) {
    tn_power p = tn_power_of_five(q);
    int top = bits_of(&n);
    cr_assert(p.high == bits_at(&n, top - 64) && p.low == bits_at(&n, top - 128), "5^%d", q);
  }
}

static wide product(tn_power p, bool plus_one, int q) {
  uint64_t low = p.low + plus_one, high = p.high + (plus_one && low == 0);
  wide n = {{(uint32_t)low, (uint32_t)(low >> 32), (uint32_t)high, (uint32_t)(high >> 32)}};
  for (int i = 0; i < q; i++) times(&n, 5);
  return n;
}

static bool is_power_of_two(const wide *n) {
  int count = 0;
  for (int i = 0; i < 64; i++) count += __builtin_popcount(n->limb[i]);
  return count == 1;
}

Test(powers, are_those_of_a_fifth) {
  for (int q = 1; q <= -TN_POWER_FIRST; q++) {
    tn_power p = tn_power_of_five(-q);
    wide below = product(p, false, q), above = product(p, true, q);
    cr_assert(p.high >> 63);
    cr_assert(bits_of(&above) == bits_of(&below) + 1 && !is_power_of_two(&below), "5^-%d", q);
  }
}
