/* Random programs: generated, run in every way that Tenon knows, compared, shrunk.
 *
 *   seed -> program (module, arguments)
 *        -> evaluator            expected values and their error bounds
 *        -> passes -> evaluator  the same values
 *        -> plan -> interpreter  within 4 bounds; the same bits where the bound is 0
 *                -> native code  the interpreter's bits, on 1, 2, 3 and 8 threads
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_RANDOM_H
#define TN_TEST_RANDOM_H

#include "codegen/cpu/cpu.h"
#include "ir/eval.h"
#include "test/random/dice.h"

/* ---- programs ---- */

typedef struct {
  uint64_t seed;
  tn_module *module;
  tn_arena *arena;        /* of the arguments */
  tn_literal **arguments; /* one a parameter of the entry */
  int n_arguments;
} program;

/* The program of a seed; it verifies, and the evaluator runs it. */
void program_generate(program *p, uint64_t seed);
void program_destroy(program *p);
/* HLO text, the arguments as comments behind it. */
void program_print(tn_text *out, const program *p);

/* How often each opcode with each element type was in a program. */
typedef struct {
  int64_t programs[TN_OP_COUNT][TN_TYPE_COUNT];
} coverage;
void coverage_count(coverage *c, const tn_module *module);
void coverage_print(tn_text *out, const coverage *c);

/* ---- memory with edges ---- */

/* Places `bytes` between pages without access: against the first, or against the last as
 * far as `alignment` lets them; an access beyond faults. On the other side stands a
 * pattern.                                                                              */
typedef struct {
  unsigned char *base;
  size_t capacity, bytes;
  unsigned char *at;
} guarded;
void *guarded_place(guarded *g, size_t bytes, size_t alignment, bool first);
bool guarded_intact(const guarded *g); /* the pattern is still there */

/* Runs `work`. Returns 0, or the signal that ended it (SIGPROF, SIGALRM: it took too long). */
int protected_run(void (*work)(void *), void *context, int seconds);

/* ---- checks ---- */

typedef enum {
  SAME,
  REFUSED,          /* TN_UNSUPPORTED: no difference, but nothing was compared */
  DIFFERS_TEXT,     /* print(parse(print(module))) */
  DIFFERS_PASSES,   /* the evaluator, before and after the passes */
  DIFFERS_PLAN,     /* evaluator and plan interpreter */
  DIFFERS_NATIVE,   /* plan interpreter and native code */
  DIFFERS_IN_PLACE, /* native code, results in the memory of the parameters they alias */
  BROKEN_MEMORY,    /* native code wrote where it may not */
  FAILED,           /* a step reported an error or a wrong status */
  CRASHED
} verdict_kind;

typedef struct {
  int level; /* of the passes and the plan */
  const char *target;
  uint64_t schedule; /* plan's schedule_seed; 0: the chosen schedule */
  bool native;       /* as far as native code, else as far as the interpreter */
  bool unpassed;     /* the plan of the module as it is */
  bool each_pass;    /* the evaluator before and after each pass, where it changed the module */
} way;

typedef struct {
  verdict_kind kind;
  way way;
  char what[1024]; /* what differs, where, both values; or the message */
} verdict;

/* The ways that a seed's program goes: every level, one of them as native code, now and then two,
 * the others through the interpreter, with the chosen schedule or random ones; and the module as
 * it is.                                                                                         */
enum { WAYS = 5 };
void draw_ways(uint64_t seed, const char *const *targets, int n_targets, way ways[WAYS]);

const char *verdict_name(verdict_kind kind);
/* Everything that `way` says. */
void check_program(const program *p, const way *way, verdict *v);
/* Only what needs neither a plan nor a target. */
void check_text(const program *p, verdict *v);

/* ---- shrinking ---- */

/* Makes *p smaller while the same kind of verdict comes. */
void program_shrink(program *p, verdict *v, double seconds);

#endif
