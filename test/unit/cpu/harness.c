/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "harness.h"

#include "base/number.h"
#include "tenon/runtime.h"

#include <stdio.h>
#include <stdlib.h>

static void collect(void *user, const tn_diagnostic *d) {
  compiled *c = user;
  size_t used = strlen(c->messages);
  snprintf(c->messages + used, sizeof c->messages - used, "%s\n", d->message);
}

static void compile(compiled *c, const char *text, const char *target, uint64_t seed,
                    const tn_cpu_options *options, void (*alter)(tn_plan *plan)) {
  *c = (compiled){.sink = {.callback = collect, .user = c}};
  c->module = tn_hlo_parse((tn_str){text, strlen(text)}, &(tn_hlo_options){.file = "test"}, &c->sink);
  cr_assert(c->module, "%s", c->messages);
  const tn_cpu *cpu = tn_cpu_find(c->module->arena, &c->sink, target ? target : "host", NULL, NULL);
  c->plan = tn_plan_build(c->module, &(tn_plan_options){.target = cpu, .level = 2, .schedule_seed = seed},
                          &c->sink);
  cr_assert(c->plan, "%s", c->messages);
  if (alter) alter(c->plan);
  bool ok = tn_cpu_compile(c->plan, options, &c->object, &c->sink);
  cr_assert(ok, "%s", c->messages);
  c->image = tn_cpu_load(&c->object, &c->sink);
  cr_assert(c->image, "%s", c->messages);
}

void compile_options(compiled *c, const char *text, const char *target, uint64_t seed,
                     const tn_cpu_options *options) {
  compile(c, text, target, seed, options, NULL);
}

void compile_altered(compiled *c, const char *text, const char *target, void (*alter)(tn_plan *plan)) {
  compile(c, text, target, 0, &(tn_cpu_options){.name = "test", .optimisation = 2}, alter);
}

void compile_hlo(compiled *c, const char *text, const char *target, uint64_t seed) {
  compile_options(c, text, target, seed, &(tn_cpu_options){.name = "test", .optimisation = 2});
}

void release(compiled *c) {
  tn_image_unload(c->image);
  tn_plan_destroy(c->plan);
  tn_module_destroy(c->module);
}

/* All arguments are of the integer class: more of them than the callee takes do no harm. */
typedef int any_run(const void *, const void *, const void *, const void *, const void *, const void *,
                    const void *, const void *, const void *, const void *, const void *, const void *);

int call(const compiled *c, void *const *arrays, const void *constants, void *arena, size_t arena_size,
         const void *exec) {
  const void *a[12] = {0};
  int n = 0, count = c->plan->n_parameters + c->plan->n_results;
  cr_assert(count <= 8);
  for (int i = 0; i < count; i++) a[n++] = arrays[i];
  if (c->object.constants.length) a[n++] = constants;
  a[n++] = arena;
  a[n++] = (const void *)arena_size;
  a[n++] = exec;
  any_run *run = (any_run *)tn_image_symbol(c->image, "test_run");
  cr_assert(run != NULL);
  return run(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11]);
}

/* Runs pieces in an odd order, on workers in turn. */
static void parallel_for(void *pool, int64_t count, tn_body *body, void *context) {
  int threads = *(int *)pool;
  for (int t = threads - 1; t >= 0; t--) body(context, count * t / threads, count * (t + 1) / threads, t);
}

static void compare(const compiled *c, const char *text, const char *target, uint64_t seed, int threads,
                    const tn_literal *const *arguments, tn_literal *const *expected) {
  void *arrays[16], *arena;
  size_t arena_size = (size_t)(c->object.arena_bytes + c->object.arena_bytes_per_thread * threads);
  const tn_plan *plan = c->plan;
  tn_exec exec = {.pool = &threads, .threads = threads, .parallel_for = parallel_for};
  cr_assert(!posix_memalign(&arena, 64, arena_size + 64));
  memset(arena, 0x7f, arena_size + 64);
  for (int i = 0; i < plan->n_parameters; i++) arrays[i] = (void *)arguments[i]->data;
  for (int i = 0; i < plan->n_results; i++) {
    size_t bytes = (size_t)plan->buffers[plan->results[i]].bytes;
    char *memory = malloc(bytes + 64);
    memset(memory, 0x5a, bytes + 64);
    arrays[plan->n_parameters + i] = memory;
  }
  int status = call(c, arrays, NULL, arena, arena_size, &exec);
  cr_assert_eq(status, 0, "status %d", status);
  for (int i = 0; i < 64; i++) cr_assert_eq(((unsigned char *)arena)[arena_size + (size_t)i], 0x7f);
  for (int i = 0; i < plan->n_results; i++) {
    const tn_buffer *b = &plan->buffers[plan->results[i]];
    unsigned char *memory = arrays[plan->n_parameters + i];
    tn_literal *got = tn_literal_array(plan->arena, expected[i]->shape, memory);
    tn_comparison same = tn_literal_compare(got, expected[i], 0, 0);
    cr_assert(same.holds, "target %s seed %d threads %d: %d mismatches, first at %d: %g, expected %g\n%s",
              target, (int)seed, threads, (int)same.mismatches, (int)same.first,
              tn_load_float(b->shape->type, memory + (size_t)same.first * tn_type_bytes(b->shape->type)),
              tn_load_float(b->shape->type, (const char *)expected[i]->data +
                                                (size_t)same.first * tn_type_bytes(b->shape->type)),
              text);
    for (int j = 0; j < 64; j++)
      cr_assert_eq(memory[(size_t)b->bytes + (size_t)j], 0x5a, "written past the end");
    free(memory);
  }
  free(arena);
}

static void check_compiled(compiled *c, const char *text, const char *target, uint64_t seed) {
  const tn_literal **arguments = TN_NEW_ARRAY(c->plan->arena, const tn_literal *, c->plan->n_parameters);
  tn_literal **expected = TN_NEW_ARRAY(c->plan->arena, tn_literal *, c->plan->n_results);
  for (int i = 0; i < c->plan->n_parameters; i++)
    arguments[i] = tn_literal_random(c->plan->arena, c->plan->buffers[c->plan->parameters[i]].shape, 7,
                                     (uint64_t)i, false);
  bool ok = tn_plan_run(c->plan->arena, c->plan, arguments, expected, &c->sink);
  cr_assert(ok, "%s", c->messages);
  for (int threads = 1; threads <= 3; threads++) compare(c, text, target, seed, threads, arguments, expected);
}

static void check_one(const char *text, const char *target, uint64_t seed, void (*alter)(tn_plan *plan)) {
  compiled c;
  compile(&c, text, target, seed, &(tn_cpu_options){.name = "test", .optimisation = 2}, alter);
  check_compiled(&c, text, target, seed);
  release(&c);
}

void check_plan(const char *name, tn_plan *(*make)(tn_arena *arena, const tn_cpu *cpu)) {
  for (const char *const *target = tn_cpu_names(); *target; target++) {
    tn_arena *arena = tn_arena_create();
    compiled c = {.sink = {.callback = collect, .user = &c}};
    const tn_cpu *cpu = tn_cpu_find(arena, &c.sink, *target, NULL, NULL);
    if (cpu && tn_cpu_runs_here(cpu)) {
      c.plan = make(arena, cpu);
      bool ok =
          tn_cpu_compile(c.plan, &(tn_cpu_options){.name = "test", .optimisation = 2}, &c.object, &c.sink);
      cr_assert(ok, "%s", c.messages);
      c.image = tn_cpu_load(&c.object, &c.sink);
      check_compiled(&c, name, *target, 0);
      tn_image_unload(c.image);
    }
    tn_arena_destroy(arena);
  }
}

/* seed < 0: no schedule is chosen. */
static void check_text(const char *text, const tn_cpu *cpu, const char *target, int seed) {
  compiled c = {.sink = {.callback = collect, .user = &c}};
  c.plan = tn_plan_parse((tn_str){text, strlen(text)}, &(tn_plan_text_options){.file = "test"}, &c.sink);
  cr_assert(c.plan, "%s", c.messages);
  c.plan->target = cpu;
  tn_plan_options options = {.target = cpu, .level = 2, .schedule_seed = seed < 0 ? 0 : (uint64_t)seed};
  if (seed >= 0) tn_plan_schedule(c.plan, &options, &c.sink);
  tn_plan_place_buffers(c.plan);
  bool ok = tn_plan_verify(c.plan, &c.sink);
  cr_assert(ok, "target %s seed %d: %s", target, seed, c.messages);
  ok = tn_cpu_compile(c.plan, &(tn_cpu_options){.name = "test", .optimisation = 2}, &c.object, &c.sink);
  cr_assert(ok, "target %s seed %d: %s", target, seed, c.messages);
  c.image = tn_cpu_load(&c.object, &c.sink);
  check_compiled(&c, text, target, (uint64_t)seed);
  tn_image_unload(c.image);
  tn_plan_destroy(c.plan);
}

void check_plan_text(const char *text, int seeds) {
  tn_arena *arena = tn_arena_create();
  for (const char *const *name = tn_cpu_names(); *name; name++) {
    tn_diagnostics sink = {0};
    const tn_cpu *cpu = tn_cpu_find(arena, &sink, *name, NULL, NULL);
    if (!cpu || !tn_cpu_runs_here(cpu)) continue;
    for (int seed = -1; seed <= seeds; seed++) check_text(text, cpu, *name, seed);
  }
  tn_arena_destroy(arena);
}

static void check_targets(const char *text, int seeds, void (*alter)(tn_plan *plan)) {
  tn_arena *arena = tn_arena_create();
  for (const char *const *name = tn_cpu_names(); *name; name++) {
    tn_diagnostics sink = {0};
    const tn_cpu *cpu = tn_cpu_find(arena, &sink, *name, NULL, NULL);
    if (!cpu || !tn_cpu_runs_here(cpu)) continue;
    for (int seed = 0; seed <= seeds; seed++) check_one(text, *name, (uint64_t)seed, alter);
  }
  tn_arena_destroy(arena);
}

void check_equal(const char *text, int seeds) { check_targets(text, seeds, NULL); }

void check_altered(const char *text, void (*alter)(tn_plan *plan)) { check_targets(text, 0, alter); }
