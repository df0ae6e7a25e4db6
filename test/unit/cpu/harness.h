/* Programs in HLO text, compiled, loaded, run, and compared with the plan interpreter.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_CPU_HARNESS_H
#define TN_TEST_CPU_HARNESS_H

#include "codegen/cpu/cpu.h"
#include "frontend/hlo/hlo.h"

#include <criterion/criterion.h>

typedef struct {
  tn_diagnostics sink;
  char messages[4096];
  tn_module *module;
  tn_plan *plan;
  tn_object object;
  tn_image *image;
} compiled;

/* NULL target: the host's. The caller ends with release(). */
void compile_hlo(compiled *c, const char *text, const char *target, uint64_t seed);
void compile_options(compiled *c, const char *text, const char *target, uint64_t seed,
                     const tn_cpu_options *options);
void compile_altered(compiled *c, const char *text, const char *target, void (*alter)(tn_plan *plan));
void release(compiled *c);
/* Calls test_run; arrays in the plan's order. */
int call(const compiled *c, void *const *arrays, const void *constants, void *arena, size_t arena_size,
         const void *exec);

/* Native code and interpreter give the same bits (NaNs are equal) on random data, for
 * every target this machine runs, with the chosen schedule and `seeds` random ones.  */
void check_equal(const char *text, int seeds);
/* The same with schedules that `alter` has changed, after packing. */
void check_altered(const char *text, void (*alter)(tn_plan *plan));
/* The same for plans made by hand, one a target. */
void check_plan(const char *name, tn_plan *(*make)(tn_arena *arena, const tn_cpu *cpu));
/* The same for a plan's text (the target that it names is left out of account): kernels without
 * a schedule get the chosen one and `seeds` random ones, and run as written too.               */
void check_plan_text(const char *text, int seeds);

#endif
