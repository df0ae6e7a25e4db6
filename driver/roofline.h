/* What this machine can do at most: the roof that kernels are measured against.
 *
 * Williams, Waterman, Patterson: Roofline, CACM 52 (4), 2009.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_ROOFLINE_H
#define TN_DRIVER_ROOFLINE_H

#include "driver/driver.h"

/* On `threads` threads, by code that this compiler makes for `target`. */
bool tn_roofline_measure(tn_context *context, const tn_cpu *target, int32_t threads, tn_roof *roof);

#endif
