/* Ranges of a module's values over samples of its inputs.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_CALIBRATE_H
#define TN_DRIVER_CALIBRATE_H

#include "driver/driver.h"
#include "driver/threshold.h"

/* Runs the model on every sample of `data` and notes the ranges of what quantize-int8 wants to
 * know in its module (passes/quantize_scheme.h). data: a key for each parameter, its name or pN;
 * the leading dim counts samples, in place of the parameter's own or in front of it. Makes public
 * calls: not inside a guard.                                                                    */
tn_status tn_driver_calibrate(tn_model *model, const tn_arrays *data, const tn_cut *cut);

#endif
