/* Passes: module -> module.
 *
 * One pass = one file = one exported function = one row of passes.def. A pass changes
 * the module in place and says whether it did; the pipeline verifies, times, prints
 * and limits.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_PASS_H
#define TN_PASSES_PASS_H

#include "ir/module.h"

typedef struct tn_pass_context {
  tn_arena *scratch;     /* reset before each pass */
  tn_diagnostics *sink;  /* for what the user must know; a pass that reports an error stops the pipeline */
  int level;             /* -O0 … -O3 */
  bool reassociate;      /* value-changing rewrites that passes.def marks are allowed */
  int64_t max_fold_work; /* elements that folding may compute in one instruction */
  int64_t fuel;          /* single rewrites this pass may still make; < 0: any number */
  int64_t rewrites;      /* made by this pass so far */
  const struct tn_pass *pass; /* the pass that runs: set by the pipeline, for passes made at run time */
} tn_pass_context;

/* To be asked before each rewrite: false when --fuel is used up. Counts the rewrite. */
bool tn_pass_spend(tn_pass_context *context);

typedef bool tn_pass_function(tn_module *module, tn_pass_context *context);

typedef struct tn_pass {
  const char *name; /* "constant-folding" */
  const char *help; /* one line */
  int min_level;    /* part of the pipeline from this -O on; -1: only by name */
  tn_pass_function *run;
} tn_pass;

extern const tn_pass tn_passes[];
extern const int tn_pass_count;
const tn_pass *tn_pass_find(const char *name); /* NULL if there is none */

#define PASS(function, name, help, min_level) tn_pass_function tn_pass_##function;
#include "passes/passes.def"
#undef PASS

/* ---- the pipeline ---- */
typedef struct {
  const char *name;
  double seconds;
  int64_t changes; /* rewrites */
} tn_pass_record;

typedef struct tn_pipeline_options {
  int level;
  bool reassociate;
  int64_t max_fold_work;        /* 0: the default, 2^28 */
  const tn_pass *const *passes; /* exactly these, in order; NULL: those of the level */
  int n_passes;
  const char *const *disabled; /* names; NULL-terminated, or NULL */
  const char *stop_after;      /* pass name; NULL: run all */
  int stop_occurrence;         /* which occurrence of it, from 1; 0: the first */
  const int64_t *fuel;         /* rewrites that all passes together may make; NULL: any number */
  /* Called after each pass that ran (printing, dumping); may be NULL. */
  void (*after_pass)(void *user, const tn_module *module, const tn_pass *pass, int occurrence, bool changed);
  void *user;
} tn_pipeline_options;

/* Runs the passes, verifies after each: TN_BUG naming the pass if that fails, if a pass
 * returned false but changed the module, or true but did not. TN_USAGE for names in
 * `disabled` and `stop_after` that no pass has. records: one a pass run, in `arena`.  */
bool tn_pipeline_run(tn_module *module, const tn_pipeline_options *options, tn_arena *arena,
                     tn_pass_record **records, int *n_records, tn_diagnostics *sink);

#endif
