/* Time for reports and measurements.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_CLOCK_H
#define TN_BASE_CLOCK_H

#include <time.h>

/* Seconds since some moment in the past; never set back. */
static inline double tn_seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
