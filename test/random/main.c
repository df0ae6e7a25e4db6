/* random_programs: programs drawn by seed, compared in every way; differences shrunk.
 *
 *   random_programs --seed S --count N [--seconds T] [--targets host,x86-64-v2]
 *                   [--coverage] [--keep DIR] [--hlo FILE] [--print] [--verbose]
 *
 * Program i has seed S + i; with --hlo it is the one of the file, on arguments and with
 * schedules of that seed. Prints "N programs, N differences" at the end; status 1 if
 * there were differences. docs/testing.md.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "test/random/random.h"

#include "base/file.h"
#include "frontend/hlo/hlo.h"
#include "ir/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
  uint64_t seed;
  long count;
  double seconds;
  const char *targets[8];
  int n_targets;
  const char *keep, *hlo;
  bool print, verbose, coverage, no_shrink;
} options;

typedef struct {
  options options;
  long programs, differences, compared, native, refused;
  coverage seen;
} session;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int usage(void) {
  fprintf(stderr,
          "usage: random_programs [--seed S] [--count N] [--seconds T] [--targets NAME,NAME] [--coverage]\n"
          "                       [--keep DIR] [--hlo FILE] [--print] [--no-shrink] [--verbose]\n");
  return 2;
}

static void split_targets(options *o, char *list) {
  o->n_targets = 0;
  for (char *name = strtok(list, ","); name && o->n_targets < 8; name = strtok(NULL, ","))
    o->targets[o->n_targets++] = name;
}

static bool read_options(options *o, int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    const char *name = argv[i];
    if (!strcmp(name, "--print"))
      o->print = true;
    else if (!strcmp(name, "--verbose"))
      o->verbose = true;
    else if (!strcmp(name, "--coverage"))
      o->coverage = true;
    else if (!strcmp(name, "--no-shrink"))
      o->no_shrink = true;
    else if (i + 1 == argc)
      return false;
    else if (!strcmp(name, "--seed"))
      o->seed = strtoull(argv[++i], NULL, 0);
    else if (!strcmp(name, "--count"))
      o->count = strtol(argv[++i], NULL, 0);
    else if (!strcmp(name, "--seconds"))
      o->seconds = strtod(argv[++i], NULL);
    else if (!strcmp(name, "--keep"))
      o->keep = argv[++i];
    else if (!strcmp(name, "--hlo"))
      o->hlo = argv[++i];
    else if (!strcmp(name, "--targets"))
      split_targets(o, argv[++i]);
    else
      return false;
  }
  return o->n_targets > 0;
}

/* ---- reports ---- */

static void write_kept(const session *s, const program *p, const tn_text *text) {
  char path[512];
  snprintf(path, sizeof path, "%s/%llu.hlo", s->options.keep, (unsigned long long)p->seed);
  FILE *file = fopen(path, "w");
  if (!file) return;
  fwrite(text->bytes, 1, text->length, file);
  fclose(file);
}

static void report(session *s, program *p, verdict *v) {
  tn_text text = {0};
  s->differences++;
  tn_text_printf(&text, "// seed %llu: %s\n// before shrinking: %s\n", (unsigned long long)p->seed,
                 verdict_name(v->kind), v->what);
  if (!s->options.no_shrink) program_shrink(p, v, 6);
  tn_text_printf(&text, "// -O%d%s, target %s, schedule seed %llu: %s\n", v->way.level,
                 v->way.unpassed ? " without passes" : "", v->way.target ? v->way.target : "none",
                 (unsigned long long)v->way.schedule, v->what);
  program_print(&text, p);
  fwrite(text.bytes, 1, text.length, stdout);
  fflush(stdout);
  if (s->options.keep) write_kept(s, p, &text);
  tn_text_free(&text);
}

/* ---- one program ---- */

static bool run_one(session *s, program *p) {
  verdict v;
  way ways[WAYS];
  check_text(p, &v);
  if (v.kind != SAME) return report(s, p, &v), false;
  draw_ways(p->seed, s->options.targets, s->options.n_targets, ways);
  for (int i = 0; i < WAYS; i++) {
    check_program(p, &ways[i], &v);
    if (v.kind == REFUSED) {
      if (ways[i].unpassed) continue; /* passes expand what plans have no form for */
      s->refused++;
      if (s->options.verbose) printf("seed %llu: refused: %s\n", (unsigned long long)p->seed, v.what);
      return true;
    }
    if (v.kind != SAME) return report(s, p, &v), false;
    s->compared++;
    s->native += ways[i].native;
  }
  return true;
}

static bool verifies(session *s, program *p) {
  tn_diagnostics sink = {0};
  if (tn_verify_module(p->module, &sink)) return true;
  verdict v = {.kind = FAILED, .what = "the generated program does not verify"};
  s->options.no_shrink = true;
  report(s, p, &v);
  return false;
}

/* The module of --hlo. */
static void read_program(const session *s, program *p, uint64_t seed) {
  tn_diagnostics sink = {0};
  tn_str text;
  *p = (program){.seed = seed, .arena = tn_arena_create()};
  if (!tn_file_map(p->arena, &sink, s->options.hlo, UINT32_MAX, &text)) exit(5);
  p->module = tn_hlo_parse(text, &(tn_hlo_options){.file = s->options.hlo}, &sink);
  if (!p->module) exit(3);
  p->n_arguments = p->module->entry->parameters.count;
  p->arguments = TN_NEW_ARRAY(p->arena, tn_literal *, p->n_arguments);
  for (int i = 0; i < p->n_arguments; i++)
    p->arguments[i] = tn_literal_random(p->arena, p->module->entry->parameters.at[i]->shape, seed,
                                        (uint64_t)i, seed % 2 == 0);
}

static void run_seed(session *s, uint64_t seed) {
  program p;
  if (s->options.hlo)
    read_program(s, &p, seed);
  else
    program_generate(&p, seed);
  s->programs++;
  if (s->options.verbose) {
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
  }
  if (s->options.print) {
    tn_text text = {0};
    program_print(&text, &p);
    fwrite(text.bytes, 1, text.length, stdout);
    tn_text_free(&text);
  }
  if (s->options.coverage) coverage_count(&s->seen, p.module);
  if (verifies(s, &p)) run_one(s, &p);
  program_destroy(&p);
}

int main(int argc, char **argv) {
  session *s = calloc(1, sizeof *s);
  if (!s) return 5;
  s->options = (options){
      .seed = 1, .count = 100, .targets = {"host", "x86-64-v2", "x86-64-v3", "x86-64-v4"}, .n_targets = 4};
  if (!read_options(&s->options, argc, argv)) {
    free(s);
    return usage();
  }
  double start = now();
  for (long i = 0; i < s->options.count; i++) {
    if (s->options.seconds > 0 && now() - start > s->options.seconds) break;
    run_seed(s, s->options.seed + (uint64_t)i);
  }
  if (s->options.coverage) {
    tn_text text = {0};
    coverage_print(&text, &s->seen);
    fwrite(text.bytes, 1, text.length, stdout);
    tn_text_free(&text);
  }
  printf("%ld compared (%ld natively), %ld refused, %.1f s\n", s->compared, s->native, s->refused,
         now() - start);
  printf("%ld programs, %ld differences\n", s->programs, s->differences);
  int status = s->differences ? 1 : 0;
  free(s);
  return status;
}
