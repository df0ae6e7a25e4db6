/* Differences made small: the reducer of modules (driver/reduce.h) with the test that the same kind of
 * difference comes, on the arguments that it keeps.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/random.h"

#include "driver/reduce.h"

typedef struct {
  program *program;
  verdict *v;
} shrinking;

static bool still_differs(void *user, const tn_case *candidate) {
  shrinking *s = user;
  verdict v;
  program p = *s->program;
  p.module = candidate->module;
  p.arguments = candidate->arguments;
  p.n_arguments = candidate->module->entry->parameters.count;
  if (!s->v->way.target) /* before any plan */
    check_text(&p, &v);
  else
    check_program(&p, &s->v->way, &v);
  for (uint64_t seed = 1; v.kind != s->v->kind && s->v->way.schedule && seed < 3; seed++) {
    way other = s->v->way; /* fewer kernels draw other schedules */
    other.schedule = seed;
    check_program(&p, &other, &v);
  }
  if (v.kind != s->v->kind) return false;
  *s->v = v;
  return true;
}

/* The chosen schedule, the lowest level. */
static void simplify_way(shrinking *s) {
  for (int i = 0; i < 2; i++) {
    verdict v;
    way way = s->v->way;
    if (i == 0)
      way.schedule = 0;
    else
      way.level = 0;
    if (way.schedule == s->v->way.schedule && way.level == s->v->way.level) continue;
    check_program(s->program, &way, &v);
    if (v.kind == s->v->kind) *s->v = v;
  }
}

void program_shrink(program *p, verdict *v, double seconds) {
  shrinking s = {p, v};
  if (v->kind == DIFFERS_PLAN || v->kind == DIFFERS_PASSES) v->way.native = false;
  if (v->way.target) simplify_way(&s);
  tn_case best = {p->module, p->arguments};
  tn_reduction reduction = {.test = still_differs,
                            .user = &s,
                            .arena = p->arena,
                            .max_tests = 100000,
                            .max_seconds = v->kind == CRASHED ? 3 * seconds : seconds};
  tn_reduce(&best, &reduction);
  p->module = best.module;
  p->arguments = best.arguments;
  p->n_arguments = best.module->entry->parameters.count;
}
