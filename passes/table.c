/* The table of passes and the rows of the pipeline, out of passes.def.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/pass.h"

/* Words of the columns. */
#define NONE        TN_PROPERTY_NONE
#define STATIC      TN_PROPERTY_STATIC
#define EXPANDED    TN_PROPERTY_EXPANDED
#define FLAT        TN_PROPERTY_FLAT
#define UNFUSED     TN_PROPERTY_UNFUSED
#define EXACT       TN_PASS_EXACT
#define ROUNDS      TN_PASS_ROUNDS
#define REASSOCIATE TN_PASS_REASSOCIATE

enum {
#define PASS(function, name, stage, min_level, needs, breaks, flags, help) INDEX_##function,
#include "passes/passes.def"
};

const tn_pass tn_passes[] = {
#define PASS(function, name, stage, min_level, needs, breaks, flags, help)                                   \
  {name, tn_pass_##function, TN_STAGE_##stage, min_level, needs, breaks, flags, help},
#include "passes/passes.def"
};
const int tn_pass_count = (int)(sizeof tn_passes / sizeof *tn_passes);

const tn_pipeline_row tn_pipeline_rows[] = {
#define PASS(function, name, stage, min_level, needs, breaks, flags, help)                                   \
  {&tn_passes[INDEX_##function], TN_STAGE_##stage, min_level},
#define AGAIN(function, stage, min_level) {&tn_passes[INDEX_##function], TN_STAGE_##stage, min_level},
#include "passes/passes.def"
};
const int tn_pipeline_row_count = (int)(sizeof tn_pipeline_rows / sizeof *tn_pipeline_rows);

const char *const tn_stage_names[TN_STAGES] = {"entry", "expand", "simplify", "late"};

const tn_pass *tn_pass_find(const char *name) {
  for (int i = 0; i < tn_pass_count; i++)
    if (!strcmp(tn_passes[i].name, name)) return &tn_passes[i];
  return NULL;
}
