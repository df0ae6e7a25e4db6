/* Passes: module -> module.
 *
 * One pass = one file = one exported function = one row of passes.def. A pass changes
 * the module in place and says whether it did; the pipeline (pipeline.c) does the rest,
 * for every pass alike: order, rounds, needs, verifying, policing, fuel, counts, time.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_PASS_H
#define TN_PASSES_PASS_H

#include "ir/module.h"
#include "target/array.h"
#include "target/target.h"

typedef struct tn_pass_context {
  tn_arena *scratch;     /* reset before each pass */
  tn_diagnostics *sink;  /* for what the user must know; a pass that reports an error stops the pipeline */
  int level;             /* -O0 … -O3 */
  bool reassociate;      /* value-changing rewrites are allowed, in passes that passes.def marks */
  double sparsity;       /* constants with this share of zero blocks may be kept without them; 0: none */
  const tn_cpu *target;  /* what costs are of; NULL: not known */
  const tn_systolic_target *array; /* what products go to; NULL: none */
  int64_t max_fold_work; /* elements that folding may compute in one instruction */
  int64_t fuel;          /* single rewrites this pass may still make; < 0: any number */
  int64_t rewrites;      /* made by this pass so far */
  int64_t bytes;         /* of constants that this pass computed or moved: it adds what it does, for --time-passes */
  const struct tn_pass *pass; /* the pass that runs */
  const char *rule;      /* of the rewrites that come, a literal; NULL: none. tn_rewrite_module sets it */
  struct tn_rule_counts *counts; /* the pipeline's */
  const bool *present;   /* opcodes that the module had when the pass began; NULL: not known */
  bool untouched;        /* set by tn_rewrite_module and tn_pass_finds, which look at `present` alone */
} tn_pass_context;

/* To be asked before each rewrite: false when --fuel is used up. Counts the rewrite, and
 * for --stats under context->rule.                                                      */
bool tn_pass_spend(tn_pass_context *context);

/* Whether the module had an instruction of this opcode when the pass began. A pass that looks
 * for these alone returns false at once where it has none: nobody walks the module then, not
 * even to see whether that is true.                                                          */
static inline bool tn_pass_finds(tn_pass_context *context, tn_op op) {
  context->untouched = context->present && !context->present[op];
  return !context->untouched;
}

typedef bool tn_pass_function(tn_module *module, tn_pass_context *context);

/* ---- stages: where in the pipeline a pass runs ---- */
typedef enum {
  TN_STAGE_ENTRY,    /* the module's signature becomes what callers see: the driver, before all else */
  TN_STAGE_EXPAND,   /* once, at -O0 too: what no back end computes becomes what they do */
  TN_STAGE_SIMPLIFY, /* in rounds, until no pass of the stage changes anything: TN_MOST_ROUNDS at most */
  TN_STAGE_LATE,     /* once: layout, merging, fusion, names */
  TN_STAGES
} tn_stage;
extern const char *const tn_stage_names[TN_STAGES]; /* "simplify" */
enum { TN_MOST_ROUNDS = 8 };

/* ---- properties: what can be said of a module, and checked ---- */
typedef enum {
#define PROPERTY(ID, name, help) TN_PROPERTY_INDEX_##ID,
#include "passes/properties.def"
  TN_PROPERTIES
} tn_property;
enum {
  TN_PROPERTY_NONE = 0,
#define PROPERTY(ID, name, help) TN_PROPERTY_##ID = 1 << TN_PROPERTY_INDEX_##ID,
#include "passes/properties.def"
  TN_PROPERTY_ALL = (1 << TN_PROPERTIES) - 1
};
extern const char *const tn_property_names[TN_PROPERTIES];

/* The properties that hold. witness (NULL, or TN_PROPERTIES long): for each other one the
 * first instruction that it does not hold for. present (NULL, or TN_OP_COUNT long): which
 * opcodes there are. Linear.                                                             */
unsigned tn_properties_of(const tn_module *module, const tn_inst **witness, bool *present);
/* The pass that makes it hold where `witness` stands in its way; NULL: none does. */
const char *tn_property_maker(tn_property property, const tn_inst *witness);

/* ---- the table ---- */
enum {
  TN_PASS_EXACT = 0,
  TN_PASS_ROUNDS = 1,     /* results within the evaluator's bounds instead of the same bits */
  TN_PASS_REASSOCIATE = 2 /* only with --reassociate */
};

typedef struct tn_pass {
  const char *name; /* "constant-folding" */
  tn_pass_function *run;
  tn_stage stage;
  int min_level;    /* part of the pipeline from this -O on; -1: only by name */
  unsigned needs;   /* properties without which it does not run */
  unsigned breaks;  /* properties that may not hold any more after it; it keeps all others */
  unsigned flags;   /* TN_PASS_… */
  const char *help; /* one line */
} tn_pass;

extern const tn_pass tn_passes[];
extern const int tn_pass_count;
const tn_pass *tn_pass_find(const char *name); /* NULL if there is none */

#define PASS(function, name, stage, min_level, needs, breaks, flags, help) tn_pass_function tn_pass_##function;
#include "passes/passes.def"

/* One line of the pipeline: a row of the table, or one that runs a pass AGAIN. */
typedef struct {
  const tn_pass *pass;
  tn_stage stage;
  int min_level;
} tn_pipeline_row;
extern const tn_pipeline_row tn_pipeline_rows[];
extern const int tn_pipeline_row_count;

/* ---- the pipeline ---- */
typedef struct {
  const char *rule; /* NULL: rewrites without a name */
  int64_t rewrites;
} tn_rule_count;

/* Single rewrites of a pass, over the whole pipeline. */
typedef struct {
  const char *pass;
  int64_t rewrites;
} tn_fuel;

/* One run of a pass. */
typedef struct {
  const char *name;
  double seconds;
  int64_t changes;         /* rewrites */
  int64_t bytes;           /* of constants */
  const tn_pass *pass;
  int index;               /* of the run, from 0 */
  int occurrence;          /* the how-manieth place of this pass in the pipeline it is, from 1 */
  int round;               /* of its stage, from 1 */
  int rounds;              /* of SIMPLIFY, begun so far */
  bool changed;
  bool round_changed;      /* something changed in this round, up to here */
  double policing_seconds; /* verifying, fingerprints: not in `seconds` */
  const tn_rule_count *rules; /* in the order in which they were first used */
  int n_rules;
  const char *unmet;       /* the property for whose lack it did not run; NULL: it ran */
  const tn_fuel *spent;    /* what each pass has made so far, also before the pipeline's start; for hooks alone */
  int n_spent;
} tn_pass_record;

/* A place in the pipeline: behind run `occurrence` of pass `name`. */
typedef struct {
  const char *name;   /* NULL: none */
  int occurrence;     /* from 1; 0: to stop, the first; to start, what the module says (place.h) */
  int rounds;         /* of SIMPLIFY that were begun by then; 0: as many as `occurrence` */
  bool round_settled; /* nothing had changed in this round */
  const tn_fuel *spent; /* by then; a pass that is not there had made none */
  int n_spent;
} tn_pipeline_place;

typedef struct tn_pipeline_options {
  int level;
  bool reassociate;
  double sparsity;              /* of tn_pass_context */
  const tn_cpu *target;         /* the same; NULL: not known */
  const tn_systolic_target *array; /* the same; NULL: none */
  int64_t max_fold_work;        /* 0: the default, 2^28 */
  const tn_pass *const *passes; /* exactly these, in order; NULL: those of the level */
  int n_passes;
  const tn_pipeline_row *rows;  /* in place of tn_pipeline_rows; NULL: those */
  int n_rows;
  const char *const *disabled; /* names; NULL-terminated, or NULL */
  tn_pipeline_place stop_after, start_after;
  const tn_fuel *fuel;
  int n_fuel;
  /* Around each run; may be NULL. False ends the pipeline: in failure if they reported an
   * error, else as if it was to stop there. `run` of before_pass has neither times nor
   * counts yet. The module must be left as it is.                                        */
  bool (*before_pass)(void *user, tn_module *module, const tn_pass_record *run);
  bool (*after_pass)(void *user, tn_module *module, const tn_pass_record *run);
  void *user;
} tn_pipeline_options;

/* Runs the passes, verifies and canonicalises after each: TN_BUG naming the pass if that fails, if a pass
 * returned false but changed the module, or true but did not, or broke a property that it
 * says to keep. TN_USAGE for names that no pass has, for a place that is never reached, and
 * for a listed pass whose needs are not met (in the pipeline of a level it is left out).
 * A module that stopped early says where (place.h).
 * records: one a pass run, in `arena`, also of a pipeline that failed.                     */
bool tn_pipeline_run(tn_module *module, const tn_pipeline_options *options, tn_arena *arena,
                     tn_pass_record **records, int *n_records, tn_diagnostics *sink);

#endif
