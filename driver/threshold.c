/* Thresholds out of histograms of sizes.
 *
 *   percentile  the least that P percent of all values do not exceed
 *   mse         the least squared error: step^2 / 12 for values that are rounded (x^2 below half a
 *               step), (x - threshold)^2 for those that saturate
 *   entropy     (zeros left out) the least Kullback-Leibler divergence of the distribution with 128 levels from the
 *               one with all bins, values above the threshold being at it (Migacz, "8-bit inference
 *               with TensorRT", 2017)
 *
 * Cost: bins squared for entropy, bins times thresholds for mse.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "driver/threshold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 128, TRIALS = 256 };

bool tn_cut_parse(const char *text, tn_cut *cut) {
  static const char *const names[] = {"minmax", "percentile:", "entropy", "mse"};
  *cut = (tn_cut){TN_CUT_NOT, 100};
  for (int i = 0; i < 4; i++) {
    if (i != TN_CUT_PERCENTILE && strcmp(text, names[i]) == 0) return cut->method = (tn_cut_method)i, true;
  }
  size_t length = strlen(names[TN_CUT_PERCENTILE]);
  if (strncmp(text, names[TN_CUT_PERCENTILE], length) != 0) return false;
  char *end;
  cut->method = TN_CUT_PERCENTILE;
  cut->percent = strtod(text + length, &end);
  return end != text + length && !*end && cut->percent > 0 && cut->percent <= 100;
}

static int64_t sum_of(const int64_t *counts, int from, int to) {
  int64_t sum = 0;
  for (int i = from; i < to; i++) sum += counts[i];
  return sum;
}

static int percentile(const int64_t *counts, double percent) {
  double wanted = (double)sum_of(counts, 0, TN_CUT_BINS) * percent / 100;
  int64_t seen = 0;
  for (int i = 0; i < TN_CUT_BINS; i++) {
    seen += counts[i];
    if ((double)seen >= wanted) return i + 1;
  }
  return TN_CUT_BINS;
}

/* In bins; the threshold is `bins` of them. */
static double squared_error(const int64_t *counts, double bins) {
  double step = bins / 127, error = 0;
  for (int i = 0; i < TN_CUT_BINS; i++) {
    double x = i + 0.5, over = x - bins;
    error += (double)counts[i] * (over > 0 ? over * over : x < step / 2 ? x * x : step * step / 12);
  }
  return error;
}

static int least_squares(const int64_t *counts) {
  int best = TN_CUT_BINS;
  double least = INFINITY;
  for (int trial = TRIALS; trial >= 1; trial--) {
    int bins = TN_CUT_BINS / TRIALS * trial;
    double error = squared_error(counts, bins);
    if (error < least) least = error, best = bins;
  }
  return best;
}

/* Of the first `bins`, the last with all that is above, from their means over LEVELS levels; bins
 * that nothing is in stay empty.                                                                */
static double divergence(const int64_t *counts, int bins) {
  double above = (double)sum_of(counts, bins, TN_CUT_BINS), all = above + (double)sum_of(counts, 0, bins);
  double inside = all - above, sum = 0;
  if (!(inside > 0)) return INFINITY;
  for (int level = 0; level < LEVELS; level++) {
    int from = (int)((int64_t)level * bins / LEVELS), to = (int)((int64_t)(level + 1) * bins / LEVELS),
        filled = 0;
    for (int i = from; i < to; i++) filled += counts[i] > 0;
    double mean = filled ? (double)sum_of(counts, from, to) / filled / inside : 0;
    for (int i = from; i < to; i++) {
      double p = ((double)counts[i] + (i == bins - 1 ? above : 0)) / all;
      if (p > 0 && !counts[i]) return INFINITY; /* only what is cut off is there */
      if (p > 0) sum += p * log(p / mean);
    }
  }
  return sum;
}

static int least_divergence(const int64_t *sizes) {
  int64_t counts[TN_CUT_BINS];
  int best = TN_CUT_BINS;
  memcpy(counts, sizes, sizeof counts);
  counts[0] = counts[1]; /* zeros, of which relu makes many, are exact in any case */
  double least = INFINITY;
  for (int bins = TN_CUT_BINS; bins >= LEVELS; bins -= TN_CUT_BINS / TRIALS) {
    double found = divergence(counts, bins);
    if (found < least) least = found, best = bins;
  }
  return best;
}

double tn_cut_at(const tn_cut *cut, const int64_t *counts, double largest) {
  int bins = TN_CUT_BINS;
  switch (cut->method) {
  case TN_CUT_NOT: break;
  case TN_CUT_PERCENTILE: bins = percentile(counts, cut->percent); break;
  case TN_CUT_ENTROPY: bins = least_divergence(counts); break;
  case TN_CUT_MSE: bins = least_squares(counts); break;
  }
  return largest * bins / TN_CUT_BINS;
}
