/* random_planted: random programs find planted faults and shrink them to few instructions.
 *
 *   random_planted [--seed S] [--count N] [--most INSTRUCTIONS] [--verbose] [NAME PART]
 *
 * For each fault programs run from seed S until one differs (N at most), which is shrunk.
 * Prints `ok` or `not ok`, the fault, how many programs it took and what is left.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/planted/plant.h"
#include "test/random/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
  uint64_t seed;
  long count;
  int most;
  bool verbose;
  const char *only;
} options;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* What computes: parameters and constants are what it is given. */
static int instructions(const program *p) {
  int count = 0;
  TN_FOR_EACH_COMP(p->module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst) count += inst->op != TN_OP_PARAMETER && inst->op != TN_OP_CONSTANT;
  return count;
}

/* Does some way through the program differ? */
static bool differs(const program *p, verdict *v) {
  way ways[WAYS];
  draw_ways(p->seed, (const char *const[]){"host"}, 1, ways);
  for (int i = 0; i < WAYS; i++) {
    check_program(p, &ways[i], v);
    if (v->kind != SAME && v->kind != REFUSED) return true;
  }
  return false;
}

/* Does it differ with nothing planted? */
static bool is_own_fault(const program *p) {
  verdict v;
  plant_nothing();
  return differs(p, &v);
}

static void print_program(const program *p, const verdict *v) {
  tn_text text = {0};
  tn_text_printf(&text, "%s: %s\n", verdict_name(v->kind), v->what);
  program_print(&text, p);
  fwrite(text.bytes, 1, text.length, stdout);
  tn_text_free(&text);
}

static bool find(const options *o, const planted_fault *fault) {
  double start = now();
  for (long i = 0; i < o->count; i++) {
    program p;
    verdict v;
    program_generate(&p, o->seed + (uint64_t)i);
    fault->plant();
    bool found = differs(&p, &v);
    if (found && is_own_fault(&p)) found = false;
    fault->plant();
    if (found) {
      double shrinking = now();
      program_shrink(&p, &v, 20);
      int left = instructions(&p);
      bool good = left <= o->most;
      printf("%s %s: %ld programs in %.1f s, %d instructions left in %.1f s (%s)\n", good ? "ok" : "not ok",
             fault->name, i + 1, shrinking - start, left, now() - shrinking, verdict_name(v.kind));
      if (!good || o->verbose) print_program(&p, &v);
      found = good;
      i = o->count;
    }
    plant_nothing();
    program_destroy(&p);
    if (i >= o->count) return found;
  }
  printf("not ok %s: not found by %ld programs\n", fault->name, o->count);
  return false;
}

int main(int argc, char **argv) {
  options o = {.seed = 1, .count = 3000, .most = 5};
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--verbose"))
      o.verbose = true;
    else if (i + 1 < argc && !strcmp(argv[i], "--seed"))
      o.seed = strtoull(argv[++i], NULL, 0);
    else if (i + 1 < argc && !strcmp(argv[i], "--count"))
      o.count = strtol(argv[++i], NULL, 0);
    else if (i + 1 < argc && !strcmp(argv[i], "--most"))
      o.most = atoi(argv[++i]);
    else
      o.only = argv[i];
  }
  bool good = true;
  for (const planted_fault *fault = planted_faults; fault->name; fault++) {
    if (o.only && !strstr(fault->name, o.only)) continue;
    good = find(&o, fault) && good;
    fflush(stdout);
  }
  return good ? 0 : 1;
}
