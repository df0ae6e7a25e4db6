/* The compiler as a library.
 *
 *   tn_context *context = tn_context_create(print_diagnostic, NULL);
 *   tn_model *model;
 *   if (tn_model_read(context, "digits.hlo", NULL, &model) == TN_OK) {
 *     tn_compile_file(model, &(tn_compile_options){.level = 2}, "digits.o", NULL);
 *     tn_model_destroy(model);
 *   }
 *   tn_context_destroy(context);
 *
 * Calls that can fail return a tn_status and have told why through the context's
 * callback before they return; what they were to make is then NULL. Nothing prints,
 * nothing exits, and no allocation failure ends the process (TN_LIMIT). Options may be
 * NULL where a pointer to options is taken; every member that is 0 or NULL is the
 * default.
 *
 * One context belongs to one thread at a time. Objects made in a context must end
 * before it. Programs, once made, may be run by any number of threads at once.
 *
 * Shapes and arrays: `dims` has `rank` sizes; data is row-major, little-endian, one
 * element of less than a byte a byte, tightly packed. Sizes are in bytes, times in
 * seconds.
 *
 * Part of Tenon, under the Apache License v2.0 with LLVM exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TENON_TENON_H
#define TENON_TENON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tenon/device.h"
#include "tenon/diagnostic.h"
#include "tenon/runtime.h"

#if defined(__GNUC__)
#define TN_API __attribute__((visibility("default")))
#else
#define TN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0" */
TN_API const char *tn_version(void);

/* ---- contexts: where diagnostics go, how much a model may ask for ---- */

typedef struct tn_context tn_context;

/* callback may be NULL (nothing is told); `user` is passed to it. NULL when there is
 * no memory. Owned by the caller.                                                     */
TN_API tn_context *tn_context_create(tn_diagnostic_callback *callback, void *user);
TN_API void tn_context_destroy(tn_context *context); /* NULL is fine */

/* 0: the default, which docs/command.md states. */
typedef struct tn_limits {
  int64_t max_file_size;    /* bytes */
  int64_t max_instructions; /* of a module */
  int64_t max_nesting;      /* of braces, tuples and calls in a text */
  int64_t max_tensor_bytes; /* of one value */
  int64_t max_fold_work;    /* elements that folding may compute for one instruction */
  int64_t max_iterations;   /* of one loop that the evaluator runs */
} tn_limits;

/* The context's limits, to be changed in place before models are read. */
TN_API tn_limits *tn_context_limits(tn_context *context);

/* ---- arrays: values that go in and come out ---- */

typedef struct tn_array {
  const char *name;   /* a key of a .npz, "r0", …; "" if there is none */
  const char *type;   /* HLO's name: "f32" */
  int32_t rank;
  const int64_t *dims;
  const void *data;
  int64_t bytes;
} tn_array;

/* A list of arrays that owns them. */
typedef struct tn_arrays tn_arrays;

TN_API tn_status tn_arrays_create(tn_context *context, tn_arrays **arrays);
TN_API void tn_arrays_destroy(tn_arrays *arrays); /* NULL is fine */
TN_API int32_t tn_arrays_count(const tn_arrays *arrays);
/* The array lives as long as the list. NULL where there is none. */
TN_API const tn_array *tn_arrays_at(const tn_arrays *arrays, int32_t index);
TN_API const tn_array *tn_arrays_find(const tn_arrays *arrays, const char *name);
/* Appends a copy. TN_USAGE for an unknown type or a wrong number of bytes. */
TN_API tn_status tn_arrays_add(tn_arrays *arrays, const tn_array *array);
/* Appends what a .npz holds (mapped where possible), or the one array of a .npy under
 * the name given (NULL: ""). Element types are NumPy's; tn_arrays_select reads them
 * as a model's.                                                                       */
TN_API tn_status tn_arrays_read(tn_arrays *arrays, const char *path, const char *name);
/* A .npz, or a .npy where the path ends so and there is one array; complete or absent. */
TN_API tn_status tn_arrays_write(const tn_arrays *arrays, const char *path);

/* How tn_arrays_select finds values. */
typedef struct tn_select_options {
  bool random;       /* parameters without an array get random values */
  uint64_t seed;     /* of those */
  bool integers;     /* whose floats are small integers */
} tn_select_options;

/* The arguments for `signature`, in order, from arrays whose names are parameter names
 * or "pN"; names "rN" are passed over. Unknown names, two arrays for one parameter, a
 * parameter without one are TN_USAGE; another type or shape is TN_INVALID. The
 * arguments view the data of `given`, which must outlive them.                        */
TN_API tn_status tn_arrays_select(const tn_arrays *given, const tn_signature *signature,
                                  const tn_select_options *options, tn_arrays **arguments);

/* One output against what was expected of it. */
typedef struct tn_compared {
  const char *name;
  double max_abs, max_rel;
  int64_t mismatches;
  int64_t first; /* row-major position of the first mismatch; -1 if none */
  bool holds;
} tn_compared;

/* Compares output `index` with `expected` (read as the output's type):
 * |got - expected| <= atol + rtol * |expected|, NaN equals NaN; both 0: the same bits.
 * A negative tolerance stands for the type's default: floats 1e-5 and 1e-5 (f16 1e-3,
 * bf16 and f8 1e-2), others 0. TN_OK also when it does not hold: see result->holds.   */
TN_API tn_status tn_arrays_compare(const tn_arrays *got, int32_t index, const tn_array *expected, double rtol,
                                   double atol, tn_compared *result);

/* ---- files ---- */

typedef enum tn_file_kind {
  TN_FILE_MODEL,  /* text: a module or a plan; "-", too, and whatever is none of the others */
  TN_FILE_CODE,   /* an object or a shared library */
  TN_FILE_STREAM, /* .tns */
  TN_FILE_TARGET  /* FILE.target: a systolic array */
} tn_file_kind;

/* By its first bytes, else (it cannot be read, say) by its suffix. */
TN_API tn_file_kind tn_file_kind_of(const char *path);

/* ---- models: modules and plans ---- */

typedef struct tn_model tn_model;

typedef struct tn_read_options {
  const char *format; /* "hlo", "plan"; NULL: by content, then by suffix */
  enum { TN_READ_ELIDED_REFUSED, TN_READ_ELIDED_ZERO, TN_READ_ELIDED_RANDOM } elided; /* `{...}` constants */
  uint64_t elided_seed;
} tn_read_options;

/* Parses and verifies a file ("-": standard input), or `length` bytes that are called
 * `name` in messages and are copied. Owned by the caller.                             */
TN_API tn_status tn_model_read(tn_context *context, const char *path, const tn_read_options *options,
                               tn_model **model);
TN_API tn_status tn_model_parse(tn_context *context, const char *name, const char *text, size_t length,
                                const tn_read_options *options, tn_model **model);
TN_API void tn_model_destroy(tn_model *model); /* NULL is fine */
/* A copy to change; the original must outlive it. */
TN_API tn_status tn_model_clone(const tn_model *model, tn_model **copy);

/* Again, after changes. */
TN_API tn_status tn_model_verify(tn_model *model);

/* Names, types and shapes of parameters and results; lives until the model is changed.
 * arena_* and constant_* are 0. Results have no names in HLO: "r0", "r1", …           */
TN_API const tn_signature *tn_model_signature(tn_model *model);

/* Parameters that `weights` has (by name or "pN") become constants; names of nothing
 * are TN_USAGE. The data must live as long as the model. Modules only.                */
TN_API tn_status tn_model_bind(tn_model *model, const tn_arrays *weights);

typedef struct tn_quantize_options {
  const char *mode;      /* "int8"; "none" or NULL: leaves the model as it is */
  const char *method;    /* of calibration: "minmax" (NULL), "percentile:99.9", "entropy", "mse" */
  const tn_arrays *data; /* an array for each parameter, by name or "pN", whose leading dim counts samples */
} tn_quantize_options;

/* Products of floats become products of bytes where the data tells what the operands are between;
 * docs/quantization.md. The model is then another, which every back end runs alike. In place, once, before
 * anything else; after tn_model_bind. Modules only. TN_UNSUPPORTED: modes and methods that later
 * versions know.                                                                                    */
TN_API tn_status tn_model_quantize(tn_model *model, const tn_quantize_options *options);

typedef enum tn_constants_form {
  TN_FORM_INLINE, /* every constant in the text */
  TN_FORM_FILE,   /* large ones in files beside it, named by their content */
  TN_FORM_ELIDE   /* large ones as {...}: for reading only */
} tn_constants_form;

/* The model as text that parses back to it. */
TN_API tn_status tn_model_write(tn_model *model, const char *path, tn_constants_form form);
/* The same in memory, ending in NUL; not TN_FORM_FILE. Freed with tn_text_destroy. */
TN_API tn_status tn_model_text(tn_model *model, tn_constants_form form, char **text, size_t *length);
TN_API void tn_text_destroy(char *text);

/* A module's graph to be looked at: "dot" (Graphviz) or "html" (one page, no network). */
TN_API tn_status tn_model_view(tn_model *model, const char *path, const char *format, const char *title);

/* ---- passes ---- */

/* Rewrites by one rule of a pass. */
typedef struct tn_pass_rule {
  const char *name; /* "" for rewrites without one */
  int64_t changes;
} tn_pass_rule;

/* One run of a pass. */
typedef struct tn_pass_run {
  const char *name;
  double seconds;
  int64_t changes;          /* rewrites */
  int occurrence;           /* the N of NAME:N, from 1 */
  int round;                /* of its stage, from 1 */
  bool changed;
  double policing_seconds;  /* verifying and the like: not in `seconds` */
  int64_t bytes;            /* of constants that it computed or moved */
  const tn_pass_rule *rules;
  int rule_count;
  const char *unmet;        /* the property for whose lack it was left out; NULL: it ran */
} tn_pass_run;

/* Rewrites that one pass may make, over the whole pipeline. */
typedef struct tn_pass_fuel {
  const char *pass;
  int64_t changes;
} tn_pass_fuel;

/* Called around a pass, with the model as it is then; files that tn_model_write makes of it
 * after a pass say which run that was, and `start_after` reads it. It must not change the model. Other
 * than TN_OK ends the passes with that status; it has told why.                             */
typedef tn_status tn_pass_hook(void *user, tn_model *model, const tn_pass_run *run);

typedef struct tn_pass_options {
  int level;                 /* 0 to 3, the -O of the command; passes that say so run from a level on */
  const char *const *passes; /* exactly these, NULL at the end; NULL: the pipeline of the level */
  const char *const *disabled;    /* NULL at the end, or NULL */
  const char *stop_after;    /* pass name; NULL: run all */
  int stop_occurrence;       /* which occurrence of it, from 1; 0: the first */
  const char *start_after;   /* the model is what this run left: go on behind it; NULL: run all */
  int start_occurrence;      /* 0: what the model's text says */
  bool reassociate;          /* allow rewrites that change rounding */
  double sparsity;           /* constants of which this share are zero blocks of 4x1 may be kept without them */
  const char *target;        /* whose costs count; NULL: the host's */
  const char *const *settings; /* "KEY=VALUE" over what a .target file says, NULL at the end; or NULL */
  const tn_pass_fuel *fuel;
  int fuel_count;
  /* Evaluate the module before and after each pass that changes it: TN_MISMATCH, naming the pass,
   * the rewrite and what differs, when one changes a result.                                    */
  bool check;
  int64_t max_check_work;    /* multiply-adds of one evaluation; 0: 2^28. Above it what changed is run */
  const tn_arrays *check_inputs; /* one a parameter, besides random ones; NULL: none */
  bool bisect;               /* check, and write a minimal module that shows the difference */
  const char *bisect_file;   /* where to; NULL: the stem of the model's file and .bisect.hlo */
  tn_pass_hook *before_pass, *after_pass; /* may be NULL */
  void *user;                /* of both */
} tn_pass_options;

/* Runs passes on the module, in place; verifies after each. runs (may be NULL): one a
 * pass that ran or was left out for lack of what it needs, until the next call.       */
TN_API tn_status tn_model_optimise(tn_model *model, const tn_pass_options *options, const tn_pass_run **runs,
                                   int *count);

/* A pass of the caller's own. It changes the module through the calls below, and
 * returns whether it did. From then on `name` stands for it in tn_pass_options.passes. */
typedef struct tn_module tn_module;
typedef bool tn_custom_pass(void *user, tn_module *module);
TN_API tn_status tn_context_add_pass(tn_context *context, const char *name, const char *help,
                                     tn_custom_pass *pass, void *user);

/* The graph, for such passes. Everything belongs to the module. */
typedef struct tn_comp tn_comp;
typedef struct tn_inst tn_inst;
TN_API tn_comp *tn_graph_first_computation(const tn_module *module); /* callees before callers */
TN_API tn_comp *tn_graph_next_computation(const tn_comp *computation);
TN_API tn_inst *tn_graph_first(const tn_comp *computation); /* operands before users */
TN_API tn_inst *tn_graph_next(const tn_inst *inst);         /* to be asked before `inst` is removed */
TN_API tn_inst *tn_graph_root(const tn_comp *computation);
TN_API const char *tn_graph_opcode(const tn_inst *inst); /* "add" */
TN_API const char *tn_graph_name(const tn_inst *inst);
TN_API const char *tn_graph_type(const tn_inst *inst);   /* "f32"; "tuple" */
TN_API int32_t tn_graph_rank(const tn_inst *inst, const int64_t **dims);
TN_API int32_t tn_graph_operand_count(const tn_inst *inst);
TN_API tn_inst *tn_graph_operand(const tn_inst *inst, int32_t index);
TN_API int32_t tn_graph_user_count(const tn_inst *inst);
/* A new elementwise instruction before `before`, of one operand or (rhs not NULL) two
 * of equal shapes. NULL when the opcode is no such thing.                              */
TN_API tn_inst *tn_graph_build(tn_inst *before, const char *opcode, tn_inst *lhs, tn_inst *rhs);
/* Every user of `inst` uses `by`, which has the same shape. */
TN_API void tn_graph_replace(tn_inst *inst, tn_inst *by);
/* Takes an instruction without users out. false: it has users or is the root. */
TN_API bool tn_graph_remove(tn_inst *inst);

/* ---- evaluating: the oracles ---- */

typedef enum tn_oracle {
  TN_ORACLE_EVAL, /* the reference evaluator; modules only */
  TN_ORACLE_PLAN  /* the interpreter of the plan that compile_options lead to */
} tn_oracle;

struct tn_compile_options;

/* Results "r0", "r1", … in order; arguments as tn_arrays_select gives them. */
TN_API tn_status tn_model_evaluate(tn_model *model, tn_oracle oracle, const struct tn_compile_options *options,
                                   const tn_arrays *arguments, tn_arrays **results);

/* ---- compiling ---- */

typedef enum tn_emit {
  TN_EMIT_DEFAULT, /* by the suffix of the output's name */
  TN_EMIT_OBJECT,  /* .o, and beside it a C header */
  TN_EMIT_SHARED,  /* .so, and the header; links with $CC */
  TN_EMIT_EXE,     /* a program that takes .npy and .npz; no suffix; links with $CC */
  TN_EMIT_ASSEMBLY,
  TN_EMIT_LLVM,
  TN_EMIT_HLO,     /* the module after the passes */
  TN_EMIT_PLAN,
  TN_EMIT_STREAM   /* .tns: instructions for a systolic array, and beside them NAME.host.so if a part of
                      the model runs on the host; the target is a .target file */
} tn_emit;

/* Is it a file that describes a systolic array (FILE.target)? NULL is not. */
TN_API bool tn_target_names_array(const char *target);

typedef struct tn_compile_options {
  const char *name;     /* prefix of every symbol; NULL: the output's stem */
  const char *target;   /* "host" (NULL), "x86-64-v3", …; "tpu-v1.target": a systolic array's file */
  const char *cpu;      /* LLVM's names, for tuning; NULL: the target's */
  const char *features;
  tn_emit emit;
  tn_constants_form constants; /* of .hlo and .plan */
  bool side_file;       /* constants in a file NAME.bin that the caller maps */
  uint64_t schedule_seed; /* not 0: draw legal schedules at random, for tests */
  int64_t arena_limit;  /* bytes of the arena for one thread; temporary values are computed again
                           until they fit, TN_LIMIT if they cannot. 0: none */
  tn_pass_options passes; /* .level also chooses the effort of code generation */
} tn_compile_options;

/* Where a kernel runs when the target is an array. */
typedef struct tn_placed {
  const char *kernel, *source; /* source: the operation it comes from, "" if that is unknown */
  bool on_array;
  const char *why;             /* what the array cannot do, or why it need not; "" on the array */
  const char *dataflow;        /* "weight", …; "" where nothing is multiplied on the array */
  int64_t macs, model_cycles;  /* model_cycles: the cost model's forecast */
} tn_placed;

typedef struct tn_compile_report {
  int64_t arena_bytes;             /* for one thread */
  int64_t arena_lower_bound_bytes; /* the most that is alive at once */
  bool arena_proven;               /* the steps in their order need all of arena_bytes */
  int64_t text_bytes, constant_bytes, stack_bytes;
  int64_t kernels;                 /* distinct */
  int64_t steps;                   /* entries of the schedule that touch memory */
  const char *const *undefined;    /* symbols, NULL at the end */
  const tn_pass_run *passes;
  int pass_count;
  double seconds;
  const tn_placed *placed;         /* of streams, in the order of their steps */
  int placed_count;
  int64_t instructions;            /* of the stream */
} tn_compile_report;

/* Writes the artefact; every file is complete or absent, and the same model and options
 * give the same bytes. `model` is not changed. The report (may be NULL) lives until the
 * next call with this model.                                                          */
TN_API tn_status tn_compile_file(tn_model *model, const tn_compile_options *options, const char *path,
                                 tn_compile_report *report);

/* ---- programs: compiled models in this process ---- */

typedef struct tn_program tn_program;

/* Compiles for this machine; for an array (a .target file) the program is a stream on the functional
 * device. `model` is not needed any more.                                                           */
TN_API tn_status tn_compile_program(tn_model *model, const tn_compile_options *options, tn_program **program,
                                    tn_compile_report *report);
/* Opens a shared library, an object (linked with $CC first) or a stream that tn_compile_file
 * made. name: its symbol prefix; NULL: found by its signature.                        */
TN_API tn_status tn_program_open(tn_context *context, const char *path, const char *name, tn_program **program);
TN_API void tn_program_destroy(tn_program *program); /* NULL is fine */

TN_API const tn_signature *tn_program_signature(const tn_program *program);

/* The generated function itself: parameters and results in the layouts of the
 * signature, an arena of the size and alignment it asks for; exec may be NULL.
 * Returns 0 or a TN_E_* code. Re-entrant, but for streams: these have one device, and when it
 * fails the context has heard why.                                                       */
TN_API int tn_program_call(const tn_program *program, const void *const *parameters, void *const *results,
                           void *arena, size_t arena_size, const tn_exec *exec);

/* The same on arrays, with an arena and `threads` threads (0: one) of its own. */
TN_API tn_status tn_program_run(tn_program *program, const tn_arrays *arguments, int32_t threads,
                                tn_arrays **results);

typedef struct tn_timing {
  double least_ms, median_ms;
  int64_t runs;
} tn_timing;

/* Times calls one by one, after one that is not timed: `runs` of them; 0: for two seconds,
 * at least ten. arguments as tn_arrays_select gives them; NULL: the same small numbers
 * everywhere. threads 0: one.                                                            */
TN_API tn_status tn_program_time(tn_program *program, const tn_arrays *arguments, int32_t threads, int64_t runs,
                                 tn_timing *timing);

/* What a machine can do at most. */
typedef struct tn_roof {
  double gflops;       /* f32 multiply-adds (on targets without them: multiplications and additions) */
  double memory_gb_s;  /* y = x + z on arrays far larger than the caches: three times their bytes */
  double cache_gb_s;   /* the same on arrays that fill a half of the second-level cache */
  int64_t cache_bytes; /* of that level */
} tn_roof;

/* Measures this machine, by code for the target that `model` with `options` is compiled for.
 * threads 0: one. Takes about a second.                                                   */
TN_API tn_status tn_measure_roof(tn_model *model, const struct tn_compile_options *options, int32_t threads,
                                 tn_roof *roof);

/* A kernel of the model's plan as a program of its own, to be measured alone. */
typedef struct tn_kernel_program {
  const char *name;
  const char *source;  /* the operation it comes from, "" if that is unknown */
  int32_t runs;        /* steps of the whole that run it, loop bodies counted once */
  int64_t flops;       /* floating-point operations of one run; a fused multiply-add is two */
  int64_t bytes;       /* of arrays that one run reads and writes, each element once */
  tn_program *program; /* to be destroyed by the caller */
} tn_kernel_program;

/* The list lives as long as the model, the programs longer. */
TN_API tn_status tn_compile_kernels(tn_model *model, const tn_compile_options *options,
                                    const tn_kernel_program **kernels, int32_t *count);

/* ---- simulating: streams on a systolic array, every cycle accounted for ---- */

/* A stream and its host library on the timed device of device.h, which has the same for programs
 * without the compiler.                                                                            */
typedef struct tn_simulation tn_simulation;

/* The stream of a file, NAME.host.so beside NAME.tns. settings: "KEY=VALUE" over its target, NULL at the
 * end, or NULL; TN_USAGE where its instructions rely on what would change. Owned by the caller.      */
TN_API tn_status tn_simulation_open(tn_context *context, const char *path, const char *const *settings,
                                    tn_simulation **simulation);
/* The model compiled for options->target, a .target file. `model` is not needed any more; report as of
 * tn_compile_file.                                                                                    */
TN_API tn_status tn_simulation_compile(tn_model *model, const tn_compile_options *options,
                                       tn_simulation **simulation, tn_compile_report *report);
TN_API void tn_simulation_destroy(tn_simulation *simulation); /* NULL is fine */

/* What the stream takes and gives. */
TN_API const tn_signature *tn_simulation_signature(const tn_simulation *simulation);

typedef struct tn_simulation_options {
  const tn_arrays *arguments; /* as tn_arrays_select gives them; NULL: time alone, which no value changes */
  const char *timeline;       /* where to: a Chrome trace of units and layers; NULL: none */
  const char *utilisation;    /* where to: an SVG of the array's use by layer; NULL: none */
} tn_simulation_options;

/* results (may be NULL): with arguments. */
TN_API tn_status tn_simulation_run(tn_simulation *simulation, const tn_simulation_options *options,
                                   tn_arrays **results);

typedef struct tn_simulated_layer {
  const char *name, *source;   /* source: the operation it comes from, "" if that is unknown */
  int64_t macs, model_cycles;  /* that the model asks for; the cost model's forecast */
  tn_device_counters counters; /* of the last run */
} tn_simulated_layer;

typedef struct tn_simulated {
  const char *name, *target; /* of the stream, of its array */
  int64_t rows, columns;
  double clock_mhz;
  int64_t instructions;
  int64_t macs_on_array, macs_total;
  /* The cost model's forecasts of counters.cycles and .total_cycles, for the target that was compiled for. */
  int64_t model_cycles, model_total_cycles;
  tn_device_counters counters; /* of the last run */
  const tn_simulated_layer *layers;
  int32_t layer_count;
} tn_simulated;

/* Lives as long as the simulation; counters are 0 before the first run. */
TN_API const tn_simulated *tn_simulation_result(const tn_simulation *simulation);

/* One step of the array, held against the evaluator on the inputs that it received. */
typedef struct tn_step_check {
  const char *name, *source; /* of the kernel; where in the model it comes from, "" if that is unknown */
  const char *type;
  int32_t rank;
  const int64_t *dims;
  bool exact; /* the same bits are wanted; else 4 times the evaluator's bound is allowed */
  bool holds;
  int64_t mismatches, first; /* row-major position of the first; -1: none */
  double got, wanted;        /* there */
} tn_step_check;

/* Compiles the model for options->target, a .target file, runs it on the functional device with what its
 * steps read and write kept, then evaluates each step alone on that. Results are the device's; steps, in
 * the order in which they ran, live as long as the model. TN_OK also when one does not hold.            */
TN_API tn_status tn_check_steps(tn_model *model, const tn_compile_options *options, const tn_arrays *arguments,
                                tn_arrays **results, const tn_step_check **steps, int32_t *count);

/* ---- reports ---- */

typedef struct tn_report_options {
  bool measure;    /* run the model and its kernels, and this machine's peak and bandwidth */
  int32_t threads; /* for measuring; 0: one */
  int64_t runs;    /* of each kernel; 0: a default */
} tn_report_options;

/* Compiles and writes one self-contained HTML page of how that went: passes and what each
 * changed, kernels, memory, time, the graph. The file is complete or absent. `model` is not
 * changed. compiled (may be NULL) as of tn_compile_file.                               */
TN_API tn_status tn_report_file(tn_model *model, const tn_compile_options *options,
                                const tn_report_options *report, const char *path,
                                tn_compile_report *compiled);

/* ---- what this build has ---- */

typedef enum tn_listing { TN_LIST_OPS, TN_LIST_PASSES, TN_LIST_TARGETS, TN_LIST_FORMATS } tn_listing;

typedef struct tn_entry {
  const char *name;
  const char *help; /* one line; "" if there is nothing to say */
} tn_entry;

/* Entry `index`, or one whose name is NULL beyond the last. */
TN_API tn_entry tn_list_entry(tn_listing listing, int32_t index);

#ifdef __cplusplus
}
#endif
#endif
