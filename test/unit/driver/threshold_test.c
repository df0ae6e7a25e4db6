/* Where ranges are cut.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <math.h>

#include "driver/threshold.h"

static double cut_at(const char *method, const int64_t *counts) {
  tn_cut cut;
  cr_assert(tn_cut_parse(method, &cut), "%s", method);
  return tn_cut_at(&cut, counts, TN_CUT_BINS);
}

Test(threshold, methods_are_read) {
  static const char *const wrong[] = {
      "",    "percentile", "percentile:",   "percentile:0", "percentile:100.1", "percentile:9x",
      "max", "minmax ",    "percentile:nan"};
  tn_cut cut;
  cr_assert(tn_cut_parse("percentile:99.9", &cut));
  cr_assert_eq(cut.method, TN_CUT_PERCENTILE);
  cr_assert_float_eq(cut.percent, 99.9, 1e-12);
  cr_assert(tn_cut_parse("minmax", &cut));
  cr_assert_eq(cut.method, TN_CUT_NOT);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    cr_assert_not(tn_cut_parse(wrong[i], &cut), "%s", wrong[i]);
}

Test(threshold, percentiles_count_values) {
  int64_t counts[TN_CUT_BINS] = {0};
  for (int i = 0; i < 1000; i++) counts[i] = 1;
  cr_assert_eq(cut_at("minmax", counts), TN_CUT_BINS);
  cr_assert_eq(cut_at("percentile:50", counts), 500);
  cr_assert_eq(cut_at("percentile:100", counts), 1000);
  cr_assert_eq(cut_at("percentile:0.01", counts), 1);
}

/* Even values lose nothing by keeping all; one far value among many small ones is not worth it. */
Test(threshold, least_squares_cut_what_is_rare_and_far) {
  int64_t counts[TN_CUT_BINS] = {0};
  for (int i = 0; i < TN_CUT_BINS; i++) counts[i] = 100;
  cr_assert_geq(cut_at("mse", counts), 0.95 * TN_CUT_BINS);
  for (int i = 0; i < TN_CUT_BINS; i++) counts[i] = i < 512 ? 1000000 : 0;
  counts[TN_CUT_BINS - 1] = 1;
  double cut = cut_at("mse", counts);
  cr_assert(cut >= 500 && cut <= 700, "%g", cut);
}

/* The same with the divergence, which asks for at least 128 bins; zeros do not count. */
Test(threshold, least_divergence_follows_the_distribution) {
  int64_t counts[TN_CUT_BINS] = {0};
  for (int i = 0; i < TN_CUT_BINS; i++)
    counts[i] = (int64_t)(1e9 * exp(-(double)i * i / (2 * 200.0 * 200.0)));
  counts[0] = INT64_C(1) << 50;
  counts[TN_CUT_BINS - 1] = 1;
  double cut = cut_at("entropy", counts);
  cr_assert(cut >= 400 && cut <= 1400, "%g", cut);
}
