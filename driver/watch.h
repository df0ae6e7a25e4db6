/* --check-passes and --bisect, as hooks of the pipeline.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_WATCH_H
#define TN_DRIVER_WATCH_H

#include "driver/driver.h"

typedef struct tn_watch tn_watch;

/* NULL where the options do not ask for it. `pipeline` as it will run. Ends with tn_watch_end. */
tn_watch *tn_watch_begin(tn_model *model, const tn_pass_options *options,
                         const tn_pipeline_options *pipeline);
/* To be called before and after each run of a pass (watch NULL: nothing happens). False after
 * reporting a guilty one: TN_MISMATCH.                                                        */
void tn_watch_before(tn_watch *watch, const tn_module *module);
bool tn_watch_after(tn_watch *watch, const tn_module *module, const tn_pass_record *run);
/* Says what was not compared. */
void tn_watch_end(tn_watch *watch);

#endif
