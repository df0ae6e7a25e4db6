/* Literals: values, equality, comparison, random numbers, text.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ir/print.h"

static const char *text_of(tn_arena *arena, const tn_literal *literal) {
  tn_text text = {0};
  tn_print_literal(&text, literal);
  cr_assert_eq(text.bytes[text.length], 0);
  char *copy = tn_arena_string(arena, text.bytes);
  tn_text_free(&text);
  return copy;
}

static tn_literal *array(tn_arena *arena, tn_type type, int rank, const int64_t *dims, const void *data) {
  return tn_literal_array(arena, tn_shape_array(arena, type, rank, dims), data);
}

Test(literal, prints_by_dimension) {
  tn_arena *a = tn_arena_create();
  float floats[] = {1, -0.0f, 0.1f, INFINITY, -INFINITY, 1e-5f};
  signed char bytes[] = {-8, 7, 0, 1, -1, 3};
  unsigned char predicates[] = {1, 0, 1};
  uint64_t big[] = {UINT64_MAX};
  int64_t small[] = {INT64_MIN};
  float complex[] = {1, -2.5f};
  cr_assert_str_eq(text_of(a, array(a, TN_F32, 1, (int64_t[]){6}, floats)), "{1, -0.0, 0.1, inf, -inf, 1e-05}");
  cr_assert_str_eq(text_of(a, array(a, TN_S4, 2, (int64_t[]){2, 3}, bytes)),
                   "{ { -8, 7, 0 }, { 1, -1, 3 } }");
  cr_assert_str_eq(text_of(a, array(a, TN_PRED, 1, (int64_t[]){3}, predicates)), "{1, 0, 1}");
  cr_assert_str_eq(text_of(a, array(a, TN_PRED, 0, NULL, predicates)), "true");
  cr_assert_str_eq(text_of(a, array(a, TN_U64, 0, NULL, big)), "18446744073709551615");
  cr_assert_str_eq(text_of(a, array(a, TN_S64, 0, NULL, small)), "-9223372036854775808");
  cr_assert_str_eq(text_of(a, array(a, TN_C64, 0, NULL, complex)), "(1, -2.5)");
  tn_literal *parts[] = {tn_literal_scalar_integer(a, TN_S32, 5),
                         array(a, TN_F32, 1, (int64_t[]){2}, floats)};
  const tn_shape *shapes[] = {parts[0]->shape, parts[1]->shape};
  tn_literal *tuple = tn_literal_tuple(a, tn_shape_tuple(a, 2, shapes), parts);
  cr_assert_str_eq(text_of(a, tuple), "(5, {1, -0.0})");
  cr_assert_eq(tn_literal_leaf(tuple, 1), parts[1]);
  cr_assert_null(tn_literal_leaf(tuple, 2));
  tn_arena_destroy(a);
}

Test(literal, every_type_has_zero_one_and_random) {
  for (int type = TN_TYPE_NONE + 1; type < TN_TYPE_COUNT; type++) {
    if (!tn_type_is_array((tn_type)type)) continue;
    tn_arena *a = tn_arena_create();
    const tn_shape *shape = tn_shape_array(a, (tn_type)type, 2, (int64_t[]){20, 30});
    const char *name = tn_type_name((tn_type)type);
    for (int integers = 0; integers < 2; integers++) {
      tn_literal *x = tn_literal_random(a, shape, 1, 2, integers),
                 *y = tn_literal_random(a, shape, 1, 2, integers);
      tn_literal *z = tn_literal_random(a, shape, 1, 3, integers);
      cr_assert(tn_literal_equal(x, y), "%s", name);
      cr_assert(type == TN_S1 || !tn_literal_equal(x, z), "%s", name);
      cr_assert(tn_literal_compare(x, y, 0, 0).holds);
      cr_assert_not(tn_literal_compare(x, z, 0, 0).holds);
      size_t part = tn_type_bytes((tn_type)type);
      if (!tn_type_is_float((tn_type)type)) continue;
      for (int i = 0; i < 600; i++) {
        double value = tn_load_float((tn_type)type, (const char *)x->data + (size_t)i * part);
        cr_assert(isfinite(value), "%s", name);
        if (integers) cr_assert_eq(value, floor(value), "%s", name);
        if (!integers && type != TN_F8E8M0FNU) cr_assert(value >= -1 && value < 1, "%s: %g", name, value);
      }
    }
    tn_literal *one = tn_literal_scalar_integer(a, (tn_type)type, 1);
    cr_assert_str_eq(text_of(a, one),
                     tn_type_is_complex((tn_type)type) ? "(1, 0)"
                     : type == TN_PRED                 ? "true"
                     : type == TN_S1                   ? "-1"
                                                       : "1",
                     "%s", name);
    tn_arena_destroy(a);
  }
}

/* Known answers of Random123's kat_vectors for philox4x32-10, by way of u64 draws: the
 * elements of a stream must not change, recorded results depend on them.             */
Test(literal, random_numbers_are_stable) {
  tn_arena *a = tn_arena_create();
  tn_literal *x = tn_literal_random(a, tn_shape_array(a, TN_F64, 1, (int64_t[]){2}), 0, 0, false);
  /* counter 0, key 0: 6627e8d5 e169c58d bc57ac4c 9b00dbd8 */
  cr_assert_eq(((const double *)x->data)[0], (double)(0xe169c58d6627e8d5u >> 11) / 0x1p52 - 1);
  cr_assert_eq(((const double *)x->data)[1], (double)(0x9b00dbd8bc57ac4cu >> 11) / 0x1p52 - 1);
  tn_arena_destroy(a);
}

Test(literal, comparison_knows_nan_zero_and_infinity) {
  tn_arena *a = tn_arena_create();
  float x[] = {1, NAN, INFINITY, 0.0f, 2}, y[] = {1.25f, -NAN, INFINITY, -0.0f, 2};
  tn_literal *got = array(a, TN_F32, 1, (int64_t[]){5}, x),
             *expected = array(a, TN_F32, 1, (int64_t[]){5}, y);
  tn_comparison c = tn_literal_compare(got, expected, 0, 0);
  cr_assert_eq(c.mismatches, 2);
  cr_assert_eq(c.first, 0);
  cr_assert_eq(c.max_abs, 0.25);
  cr_assert_eq(c.max_rel, 0.2);
  cr_assert(tn_literal_compare(got, expected, 0.2, 0).holds);
  cr_assert_not(tn_literal_compare(got, expected, 0, 0.2).holds);
  y[2] = -INFINITY;
  cr_assert_not(tn_literal_compare(got, expected, 1, 1).holds);
  uint64_t big[] = {UINT64_MAX}, less[] = {UINT64_MAX - 1};
  c = tn_literal_compare(array(a, TN_U64, 0, NULL, big), array(a, TN_U64, 0, NULL, less), 0, 0);
  cr_assert_eq(c.mismatches, 1);
  cr_assert_eq(c.max_abs, 1);
  float re[] = {1, 2, 3, 4}, im[] = {1, 2, 3.5f, 5};
  c = tn_literal_compare(array(a, TN_C64, 1, (int64_t[]){2}, re), array(a, TN_C64, 1, (int64_t[]){2}, im), 0,
                         0);
  cr_assert_eq(c.mismatches, 1);
  cr_assert_eq(c.first, 1);
  tn_arena_destroy(a);
}

Test(literal, elements_beyond_dynamic_sizes_are_ignored) {
  tn_arena *a = tn_arena_create();
  int32_t x[] = {1, 2, 9, 4, 5, 9}, y[] = {1, 2, 8, 4, 5, 8};
  int64_t sizes[] = {2, 2}, smaller[] = {1, 2};
  tn_literal *p = array(a, TN_S32, 2, (int64_t[]){2, 3}, x), *q = array(a, TN_S32, 2, (int64_t[]){2, 3}, y);
  cr_assert_not(tn_literal_equal(p, q));
  p->sizes = q->sizes = sizes;
  cr_assert(tn_literal_equal(p, q));
  cr_assert(tn_literal_compare(p, q, 0, 0).holds);
  q->sizes = smaller;
  cr_assert_not(tn_literal_equal(p, q));
  cr_assert_not(tn_literal_compare(p, q, 0, 0).holds);
  tn_arena_destroy(a);
}

static void keep_message(void *user, const tn_diagnostic *diagnostic) {
  snprintf(user, 256, "%s", diagnostic->message);
}

/* NumPy counts bytes in names of types, shapes count bits: its "u1" is no u1. */
Test(literal, npy_arrays_are_named_as_shapes_are) {
  static const struct {
    char kind;
    int bytes;
    const char *name;
  } types[] = {{'f', 8, "f64"}, {'u', 1, "u8"}, {'i', 2, "s16"}, {'c', 8, "c64"}, {'b', 1, "pred"}};
  tn_arena *a = tn_arena_create();
  char message[256], expected[256];
  tn_diagnostics sink = {.callback = keep_message, .user = message};
  int64_t dims[] = {2};
  double data[2] = {0};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    tn_npy array = {"x", types[i].kind, types[i].bytes, 1, dims, data, (size_t)types[i].bytes * 2};
    cr_assert_null(tn_literal_from_npy(a, &sink, &array, tn_shape_array(a, TN_F32, 1, dims)));
    snprintf(expected, sizeof expected, "array 'x': is %s[2] where f32[2] is expected", types[i].name);
    cr_assert_str_eq(message, expected);
  }
  tn_arena_destroy(a);
}

Test(literal, npy_arrays_are_viewed_or_normalised) {
  tn_arena *a = tn_arena_create();
  tn_diagnostics sink = {0};
  int64_t dims[] = {2, 2};
  float floats[] = {1, 2, 3, 4};
  tn_npy array = {"x", 'f', 4, 2, dims, floats, sizeof floats};
  const tn_shape *f32 = tn_shape_array(a, TN_F32, 2, dims);
  tn_literal *x = tn_literal_from_npy(a, &sink, &array, f32);
  cr_assert_eq(x->data, floats);
  tn_npy back = tn_literal_to_npy(a, x, "x");
  cr_assert_eq(back.data, floats);
  cr_assert_eq(back.bytes, sizeof floats);
  cr_assert_eq(back.kind, 'f');
  cr_assert_null(tn_literal_from_npy(a, &sink, &array, tn_shape_array(a, TN_F64, 2, dims)));
  cr_assert_null(tn_literal_from_npy(a, &sink, &array, tn_shape_array(a, TN_F32, 1, dims)));
  cr_assert_eq(sink.errors, 2);
  cr_assert_eq(sink.status, TN_INVALID);

  /* Under its bound an array lies where rows of the bound's size begin. */
  tn_shape bounded = *tn_shape_array(a, TN_F32, 2, (int64_t[]){3, 4});
  bounded.dynamic = (const bool[]){true, true};
  x = tn_literal_from_npy(a, &sink, &array, &bounded);
  const float *at = x->data;
  cr_assert(at[0] == 1 && at[1] == 2 && at[4] == 3 && at[5] == 4);
  cr_assert_eq(x->sizes[1], 2);
  back = tn_literal_to_npy(a, x, "x");
  cr_assert_arr_eq(back.data, floats, sizeof floats);

  signed char bytes[] = {7, -8, 9, 2};
  array = (tn_npy){"s", 'i', 1, 2, dims, bytes, sizeof bytes};
  x = tn_literal_from_npy(a, &sink, &array, tn_shape_array(a, TN_S4, 2, dims));
  cr_assert_arr_eq(x->data, ((signed char[]){7, -8, -7, 2}), 4);
  tn_arena_destroy(a);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

Test(literal, printing_speed_is_shown) {
  static const tn_type types[] = {TN_F32, TN_F16, TN_F64, TN_S8, TN_S32};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    tn_arena *a = tn_arena_create();
    tn_literal *x = tn_literal_random(a, tn_shape_array(a, types[i], 2, (int64_t[]){1000, 500}), 1, 0, false);
    tn_text text = {0};
    double start = seconds();
    tn_print_literal(&text, x);
    double time = seconds() - start;
    cr_log_info("%s: %.0f MB/s of text\n", tn_type_name(types[i]), 1e-6 * (double)text.length / time);
    tn_text_free(&text);
    tn_arena_destroy(a);
  }
}
