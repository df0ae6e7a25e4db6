/* Steps of an array against the reference evaluator, each on the inputs that it received.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_SECTIONS_H
#define TN_DRIVER_SECTIONS_H

#include "base/arena.h"
#include "tenon/tenon.h"

/* One step of the array, and what it gave. */
typedef struct {
  const char *name, *source; /* of the kernel; where in the model it comes from */
  const char *type;
  int32_t rank;
  const int64_t *dims;
  bool exact; /* the same bits are wanted; else 4 times the evaluator's bound is allowed */
  bool holds;
  int64_t mismatches, first; /* row-major position of the first; -1: none */
  double got, wanted;        /* there */
} tn_section;

/* Compiles the model for options->target, a .target file, runs it on the functional device with what its
 * steps read and write kept, then evaluates each step alone on that. Results are the device's; sections, in
 * the order in which they ran, are in `arena`. TN_OK also when one does not hold.                        */
tn_status tn_sections_run(tn_model *model, const tn_compile_options *options, const tn_arrays *arguments,
                          tn_arena *arena, tn_arrays **results, const tn_section **sections, int32_t *count);

#endif
