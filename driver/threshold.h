/* Where to cut a range: larger values saturate, smaller ones get finer steps.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_THRESHOLD_H
#define TN_DRIVER_THRESHOLD_H

#include <stdbool.h>
#include <stdint.h>

typedef enum { TN_CUT_NOT, TN_CUT_PERCENTILE, TN_CUT_ENTROPY, TN_CUT_MSE } tn_cut_method;

typedef struct {
  tn_cut_method method;
  double percent; /* of the values that stay whole, in (0, 100] */
} tn_cut;

/* "minmax", "percentile:99.9", "entropy", "mse"; false: none of these. */
bool tn_cut_parse(const char *text, tn_cut *cut);

enum { TN_CUT_BINS = 2048 };

/* counts[i], of TN_CUT_BINS: how many values have a size within (largest / TN_CUT_BINS) * [i, i + 1). The size from
 * which values saturate, at most `largest`, for signed bytes of equal steps.                            */
double tn_cut_at(const tn_cut *cut, const int64_t *counts, double largest);

#endif
