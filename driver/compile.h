/* From a model to code: what files and programs in memory share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_COMPILE_H
#define TN_DRIVER_COMPILE_H

#include "codegen/cpu/cpu.h"
#include "driver/driver.h"

/* One compilation. Everything that is made on the way; tn_compilation_end frees it. */
typedef struct {
  tn_model *model;
  tn_compile_options options;
  tn_module *module; /* after the passes; own */
  tn_plan *plan;     /* own unless the model is a plan */
  tn_cpu_options cpu;
  tn_object object;
  tn_compile_report report;
} tn_compilation;

/* Each does what comes before it, too. */
bool tn_compilation_optimise(tn_compilation *compilation);
bool tn_compilation_plan(tn_compilation *compilation);
bool tn_compilation_object(tn_compilation *compilation);
void tn_compilation_end(tn_compilation *compilation);

/* No code is made of a plan of ours that breaks a rule: it would write outside of its arrays.
 * What a reader gave has been verified as input. False after reporting TN_BUG.              */
bool tn_compilation_holds(const tn_plan *plan, tn_diagnostics *sink);

/* `text` with what C identifiers cannot hold replaced by `_`. */
const char *tn_symbol_name(tn_arena *arena, const char *text);

#endif
