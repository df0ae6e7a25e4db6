/* Comparison within tolerances. Blocks with the same bits are passed over by memcmp;
 * of the others floats are widened to f64 by the block and compared there, integers as
 * int64. The parts of complex numbers are compared like floats of their own; an
 * element mismatches when a part does.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <math.h>

#include "ir/literal_runs.h"

enum { BLOCK = 1024 /* elements, or parts; even */ };

typedef struct {
  double rtol, atol;
  int64_t base; /* of positions: elements of the tuple's parts before this one */
  tn_comparison result;
} comparer;

static void mismatch(comparer *c, int64_t position) {
  if (c->result.first < 0) c->result.first = c->base + position;
  c->result.mismatches++;
}

static void note_difference(comparer *c, double difference, double expected) {
  if (difference > c->result.max_abs) c->result.max_abs = difference;
  double relative = difference / fabs(expected);
  if (expected != 0 && relative > c->result.max_rel) c->result.max_rel = relative;
}

static bool close_floats(comparer *c, double got, double expected) {
  if (isnan(got) || isnan(expected)) return isnan(got) && isnan(expected);
  if (isinf(got) || isinf(expected)) return got == expected;
  double difference = fabs(got - expected);
  note_difference(c, difference, expected);
  if (c->rtol == 0 && c->atol == 0) return got == expected && signbit(got) == signbit(expected);
  return difference <= c->atol + c->rtol * fabs(expected);
}

static void compare_floats(comparer *c, tn_type type, const void *got, const void *expected, int64_t position,
                           int count) {
  double a[BLOCK], b[BLOCK];
  int each = tn_type_is_complex(type) ? 2 : 1, parts = each * count;
  tn_type part = each == 2 ? tn_type_part(type) : type;
  if (part == TN_F64) {
    memcpy(a, got, (size_t)parts * sizeof *a);
    memcpy(b, expected, (size_t)parts * sizeof *b);
  } else {
    tn_convert_elements(TN_F64, a, part, got, (size_t)parts);
    tn_convert_elements(TN_F64, b, part, expected, (size_t)parts);
  }
  for (int i = 0; i < count; i++) {
    bool holds = true;
    /* A complex number is NaN when a part is; which one says nothing. */
    if (each == 2 && (isnan(a[2 * i]) || isnan(a[2 * i + 1])) && (isnan(b[2 * i]) || isnan(b[2 * i + 1])))
      continue;
    for (int k = i * each; k < (i + 1) * each; k++) holds = close_floats(c, a[k], b[k]) && holds;
    if (!holds) mismatch(c, position + i);
  }
}

static void compare_integers(comparer *c, tn_type type, const char *got, const char *expected,
                             int64_t position, int count) {
  size_t bytes = tn_type_bytes(type);
  for (int i = 0; i < count; i++) {
    int64_t a = tn_load_integer(type, got + (size_t)i * bytes),
            b = tn_load_integer(type, expected + (size_t)i * bytes);
    if (a == b) continue;
    bool is_u64 = type == TN_U64; /* the rest is exact as int64 */
    bool above = is_u64 ? (uint64_t)a > (uint64_t)b : a > b;
    double difference = (double)(above ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a);
    double magnitude = is_u64 ? (double)(uint64_t)b : (double)b;
    note_difference(c, difference, magnitude);
    if (difference > c->atol + c->rtol * fabs(magnitude)) mismatch(c, position + i);
  }
}

static void compare_run(comparer *c, tn_type type, const char *got, const char *expected, int64_t first,
                        int64_t count) {
  size_t bytes = tn_type_bytes(type);
  bool floats = tn_type_is_float(type) || tn_type_is_complex(type);
  int step = BLOCK / 2;
  for (int64_t i = first; i < first + count; i += step) {
    int n = first + count - i < step ? (int)(first + count - i) : step;
    const char *a = got + (size_t)i * bytes, *b = expected + (size_t)i * bytes;
    if (memcmp(a, b, (size_t)n * bytes) == 0) continue;
    if (floats)
      compare_floats(c, type, a, b, i, n);
    else
      compare_integers(c, type, a, b, i, n);
  }
}

static void compare(comparer *c, const tn_literal *got, const tn_literal *expected) {
  if (tn_shape_is_tuple(got->shape)) {
    for (int i = 0; i < got->shape->rank; i++) compare(c, got->elements[i], expected->elements[i]);
    return;
  }
  if (!tn_same_sizes(got, expected)) {
    mismatch(c, 0);
  } else {
    tn_runs runs = tn_runs_of(got);
    for (int64_t first, count; tn_next_run(&runs, &first, &count);)
      compare_run(c, got->shape->type, got->data, expected->data, first, count);
  }
  c->base += tn_shape_elements(got->shape);
}

tn_comparison tn_literal_compare(const tn_literal *got, const tn_literal *expected, double rtol,
                                 double atol) {
  comparer c = {.rtol = rtol, .atol = atol, .result = {.first = -1}};
  if (tn_shape_equal(got->shape, expected->shape))
    compare(&c, got, expected);
  else
    mismatch(&c, 0);
  c.result.holds = c.result.mismatches == 0;
  return c.result;
}
