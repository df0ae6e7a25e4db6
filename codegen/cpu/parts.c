/* Large plans: kernels in parts, generated side by side.
 *
 * LLVM's code generator runs on one thread a context. A plan whose kernels are much work
 * is cut into parts, each a module in a context of its own with some of the kernels as
 * hidden functions; threads take parts as they come. The entry's module declares the
 * kernels, and join.c makes one object of all. What is in a part depends on the plan
 * alone, so the bytes do not depend on the number of threads.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#define _GNU_SOURCE
#include "codegen/cpu/emit.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Expression nodes, counted as often as they are emitted, that are worth a part: some
 * 80 ms; opening one takes 5.                                                          */
#define WORTH_A_PART 1500.0
enum { MAX_PARTS = 16, MAX_THREADS = 16, STACK_BYTES = 64 << 20 };

/* ---- which kernels ---- */

/* How often the schedule writes out what stands under the loops of these dims. */
static double copies(const tn_kernel *k, const tn_stmt *s) {
  double times = 1;
  for (int i = 0; i < s->n_dims && k->schedule.dims; i++) {
    const tn_dim_schedule *d = &k->schedule.dims[s->dims[i]];
    times *= d->lanes ? d->vectors : d->unroll;
  }
  return times;
}

static double nodes(const tn_kernel *k, const tn_stmt *first, double around) {
  double count = 0;
  for (const tn_stmt *s = first; s; s = s->next) {
    double inside = around * copies(k, s);
    if (s->expr) count += around * (4 + tn_expr_cost(s->expr));
    for (int i = 0; i < s->n_accumulators; i++)
      count += inside * (4 + tn_expr_cost(s->accumulators[i].update));
    count += nodes(k, s->body, inside);
  }
  return count;
}

typedef struct {
  int kernel;
  double work;
} load;

static int heavier(const void *a, const void *b) {
  const load *x = a, *y = b;
  if (x->work != y->work) return x->work < y->work ? 1 : -1;
  return x->kernel - y->kernel;
}

/* part_of[kernel]: the heaviest first, each to the part with the least. */
static int divide(const tn_plan *plan, tn_arena *arena, int *part_of) {
  load *loads = TN_NEW_ARRAY(arena, load, plan->n_kernels);
  double all = 0, parts[MAX_PARTS] = {0};
  for (int i = 0; i < plan->n_kernels; i++) {
    loads[i] = (load){i, nodes(plan->kernels[i], plan->kernels[i]->body, 1)};
    all += loads[i].work;
  }
  int count = (int)(all / WORTH_A_PART < MAX_PARTS ? all / WORTH_A_PART : MAX_PARTS);
  if (count > plan->n_kernels) count = plan->n_kernels;
  if (count < 2) return 1;
  qsort(loads, (size_t)plan->n_kernels, sizeof *loads, heavier);
  for (int i = 0; i < plan->n_kernels; i++) {
    int least = 0;
    for (int p = 1; p < count; p++)
      if (parts[p] < parts[least]) least = p;
    part_of[loads[i].kernel] = least;
    parts[least] += loads[i].work;
  }
  return count;
}

/* ---- the work ---- */

typedef struct {
  tn_status status;
  const char *message; /* in the part's arena */
  tn_arena *arena;
} failure;

typedef struct {
  tn_unit unit;
  tn_arena *arena;
  tn_diagnostics sink; /* its one message waits until the threads are joined */
  failure failed;
  LLVMMemoryBufferRef code;
  bool exhausted; /* no memory */
} part;

typedef struct {
  tn_unit *whole;
  const int *part_of;
  part *parts;
  int count;
  atomic_int next;
} work;

static void keep_message(void *user, const tn_diagnostic *diagnostic) {
  failure *f = user;
  *f = (failure){diagnostic->status, tn_arena_string(f->arena, diagnostic->message), f->arena};
}

static void make_part(work *w, int number) {
  part *p = &w->parts[number];
  const tn_unit *whole = w->whole;
  p->arena = p->failed.arena = tn_arena_create();
  p->sink = (tn_diagnostics){.callback = keep_message, .user = &p->failed};
  if (tn_unit_open(&p->unit, whole->plan, whole->options, p->arena, &p->sink)) {
    p->unit.kernel_linkage = LLVMExternalLinkage;
    bool done = true;
    for (int k = 0; done && k < whole->plan->n_kernels; k++)
      if (w->part_of[k] == number) done = tn_emit_kernel(&p->unit, k);
    if (done && tn_unit_verify(&p->unit) && tn_bitcode_link(&p->unit))
      p->code = tn_unit_generate(&p->unit, LLVMObjectFile);
  }
  tn_unit_close(&p->unit);
}

static void *run(void *argument) {
  work *w = argument;
  for (int i; (i = atomic_fetch_add(&w->next, 1)) < w->count;) {
    tn_guard guard;
    if (setjmp(*tn_guard_enter(&guard))) {
      w->parts[i].exhausted = true;
      return NULL;
    }
    make_part(w, i);
    tn_guard_leave(&guard);
  }
  return NULL;
}

static int processors(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

/* Where no thread can be had, the caller's does it all. */
static void run_all(work *w) {
  pthread_t threads[MAX_THREADS];
  pthread_attr_t attributes;
  int started = 0, wanted = processors() - 1;
  if (wanted > w->count - 1) wanted = w->count - 1;
  if (wanted > MAX_THREADS) wanted = MAX_THREADS;
  if (pthread_attr_init(&attributes)) wanted = 0;
  if (wanted) pthread_attr_setstacksize(&attributes, STACK_BYTES);
  while (started < wanted && !pthread_create(&threads[started], &attributes, run, w)) started++;
  run(w);
  for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
  pthread_attr_destroy(&attributes);
}

/* ---- what comes of it ---- */

static void take_part(tn_unit *u, const work *w, int number, tn_str *object) {
  part *p = &w->parts[number];
  if (p->failed.message) tn_unit_fail(u, p->failed.status, "%s", p->failed.message);
  if (p->code && !u->failed) {
    size_t size = LLVMGetBufferSize(p->code);
    *object = (tn_str){tn_arena_copy(u->arena, LLVMGetBufferStart(p->code), size), size};
    if (p->unit.kernel_frame > u->kernel_frame) u->kernel_frame = p->unit.kernel_frame;
    if (p->unit.scratch > u->scratch) u->scratch = p->unit.scratch;
    for (int k = 0; k < u->plan->n_kernels; k++)
      if (w->part_of[k] == number) {
        u->kernels[k] = p->unit.kernels[k];
        u->kernels[k].function = tn_declare_kernel(u, k);
      }
  }
  if (p->code) LLVMDisposeMemoryBuffer(p->code);
  tn_arena_destroy(p->arena);
}

int tn_emit_parts(tn_unit *u, tn_str **objects) {
  int *part_of = TN_NEW_ARRAY(u->arena, int, u->plan->n_kernels);
  work w = {.whole = u, .part_of = part_of, .count = divide(u->plan, u->arena, part_of)};
  if (w.count < 2) return 0;
  w.parts = TN_NEW_ARRAY(u->arena, part, w.count);
  *objects = TN_NEW_ARRAY(u->arena, tn_str, w.count + 1);
  run_all(&w);
  bool exhausted = false;
  for (int i = 0; i < w.count; i++) exhausted = exhausted || w.parts[i].exhausted;
  if (exhausted) tn_out_of_memory();
  for (int i = 0; i < w.count; i++) take_part(u, &w, i, *objects + i);
  return w.count;
}
