/* Places in the pipeline, as modules carry them.
 *
 * A dump says where it comes from in a frontend attribute of its module, which every
 * reader of HLO passes over:
 *
 *   HloModule m, frontend_attributes={tenon.after="simplify-shape:2 rounds=2 changed",tenon.rewrites="dce=3 cse=1"}
 *
 * The second one has the rewrites that were made by then, of each pass that made any: what --fuel
 * has left.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_PLACE_H
#define TN_PASSES_PLACE_H

#include "passes/pass.h"

/* Behind this run. */
tn_pipeline_place tn_place_of(const tn_pass_record *run);

/* What the module's attributes say; false if it has none, or one that is not readable.
 * Names are in the module's arena.                                                     */
bool tn_place_read(const tn_module *module, tn_pipeline_place *place);

/* Sets the attribute (NULL: takes it out), without regard to what it was. */
void tn_place_write(tn_module *module, const tn_pipeline_place *place);

#endif
