/* Plans: what a compiled model does, step by step, in which memory.
 *
 *   plan digits target x86-64-v4 {
 *     parameter images: f32[1,8,8,1]
 *     constant w: f32[3,3,1,16] = { … }
 *     temp t0: f32[1,8,8,16] at 0
 *     result logits: f32[1,10]
 *     run conv_3(images, w, b, t0)
 *     run dot_9(t0, w2, logits)
 *   }
 *   kernel conv_3(…) { … }
 *
 * Tuples, calls and aliases do not exist any more. Built from a module by
 * tn_plan_build, written and read as text, verified, interpreted, compiled.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_PLAN_H
#define TN_PLAN_PLAN_H

#include "codegen/plan/kernel.h"
#include "ir/print.h"
#include "target/target.h"

typedef struct tn_plan tn_plan;
typedef struct tn_step tn_step;

typedef enum { TN_MEMORY_PARAMETER, TN_MEMORY_RESULT, TN_MEMORY_CONSTANT, TN_MEMORY_TEMP } tn_memory;

typedef struct {
  const char *name; /* unique in the plan, among kernels too */
  tn_memory memory;
  const tn_shape *shape;     /* with the layout its bytes are in; none: row-major */
  int64_t bytes;             /* tn_layout_bytes(shape) */
  int number;                /* PARAMETER, RESULT: position in the signature */
  int alias;                 /* RESULT: the parameter buffer it shares memory with when the
                                caller passes the same pointer, or -1 */
  int64_t offset;            /* TEMP: in the arena, a multiple of 64 */
  const tn_literal *literal; /* CONSTANT: logical row-major; packed where bytes are written */
} tn_buffer;

typedef enum {
  TN_STEP_RUN,        /* kernel(arguments) */
  TN_STEP_COPY,       /* to = from; same bytes, same layout */
  TN_STEP_WHILE,      /* loop { test; if !flag leave; body } */
  TN_STEP_CONDITIONAL /* branches[clamp(selector)] */
} tn_step_kind;

struct tn_step {
  tn_step_kind kind;
  tn_step *next;
  /* RUN */
  int kernel;
  const int *arguments; /* buffers, one a kernel parameter */
  const tn_inst *origin; /* what it was made of, while its module lives; NULL: not known */
  const int *operands;   /* of a kernel that is all of origin, in unscheduled plans: the leaves of origin's
                            operands as buffers, those without memory left out; else NULL */
  /* COPY */
  int to, from;
  /* WHILE, CONDITIONAL */
  int selector;   /* buffer: a pred; of conditionals a pred (true is branch 0) or s32
                              (out of range: the last branch) */
  tn_step *test;  /* WHILE: computes the selector */
  int n_branches; /* WHILE: 1, the body */
  tn_step **branches;
};

struct tn_plan {
  tn_arena *arena;
  const char *name;
  const tn_cpu *target;
  int n_buffers, n_kernels;
  tn_buffer *buffers;
  tn_kernel **kernels; /* each different one once */
  tn_step *steps;
  int n_parameters, n_results;
  int *parameters, *results; /* buffers by number */
  const char *const *parameter_names, *const *result_names;
  int64_t arena_bytes; /* of temps */
  int64_t live_bytes;  /* the most that is alive at once: no places can take less */
  bool arena_proven;   /* these steps have no places that take less than arena_bytes */
};

typedef struct {
  const tn_cpu *target;
  int level;                /* -O: at 0 schedules are plain loops, vectorised */
  uint64_t schedule_seed;   /* not 0: draw legal schedules at random, for tests */
  int64_t arena_limit;      /* bytes of temps; results are made again until they fit. 0: any number */
  int64_t max_instructions; /* of the module with its calls flattened; 0: the default */
  bool unscheduled;         /* kernels as they are computed, one a step, each value in memory of its own:
                               no schedules, packing, joined buffers, places. tn_plan_finish does that later */
} tn_plan_options;
enum { TN_PLAN_MAX_INSTRUCTIONS = 1000000 };

/* Module -> scheduled plan, in an arena of its own; the module must outlive it (the
 * literals are shared). Reports TN_UNSUPPORTED with the opcode's name and type where
 * something has no kernel yet. Calls are flattened, tuples dissolved.                */
tn_plan *tn_plan_build(tn_module *module, const tn_plan_options *options, tn_diagnostics *sink);
void tn_plan_destroy(tn_plan *plan);
/* An unscheduled plan becomes one that can be compiled. Part of tn_plan_build. False after
 * reporting TN_LIMIT.                                                                 */
bool tn_plan_finish(tn_plan *plan, const tn_plan_options *options, tn_diagnostics *sink);

/* Chooses schedules for the kernels, packs operands (layouts of constants; copies of
 * others into temps), from target's cost model. Part of tn_plan_finish.             */
bool tn_plan_schedule(tn_plan *plan, const tn_plan_options *options, tn_diagnostics *sink);

/* Offsets of temps by liveness. Part of tn_plan_finish. */
void tn_plan_place_buffers(tn_plan *plan);
/* arena_bytes, live_bytes, arena_proven, from the offsets that the temps have. */
void tn_plan_measure(tn_plan *plan);

/* Text. print(parse(text)) is a fixed point. */
void tn_plan_print(tn_text *out, const tn_plan *plan, tn_print_options *options);
void tn_kernel_print(tn_text *out, const tn_kernel *kernel);
typedef struct {
  const char *file;
  const char *directory; /* of side files, or NULL */
  int64_t max_nesting;
} tn_plan_text_options;
tn_plan *tn_plan_parse(tn_str text, const tn_plan_text_options *options, tn_diagnostics *sink);

/* Live temps do not overlap; accesses are inside or filled; every element of an output
 * is written once; names, types, ranks, dims; schedules are legal; the target runs it. */
bool tn_plan_verify(const tn_plan *plan, tn_diagnostics *sink);

/* Executes the plan literally: parameters and results are row-major logical arrays of
 * the signature, one literal a leaf. At least 20 M multiply-adds a second. Results are
 * in `arena`. An access outside its buffer ends the run (TN_BUG).                     */
bool tn_plan_run(tn_arena *arena, const tn_plan *plan, const tn_literal *const *arguments,
                 tn_literal **results, tn_diagnostics *sink);

#endif
