/* How fast HLO text is read, and how much memory that takes.
 *
 *   bench_parse [MB of text, 100]     weights as decimals, most of a real file
 *   bench_parse FILE.hlo
 *
 * Prints MB/s of text (best of three) and the peak of resident memory beyond what the
 * text itself takes, in bytes for each byte of text and literals.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/file.h"
#include "frontend/hlo/hlo.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double peak_bytes(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_maxrss * 1024;
}

/* Values as trained weights have them: nine significant digits, around 0. */
static void put_row(tn_text *text, uint64_t *state) {
  for (int i = 0; i < 512; i++) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    double value = ((double)(*state >> 11) / 9007199254740992.0 - 0.5) * 0.2;
    tn_text_printf(text, i ? ", %.9g" : "%.9g", value);
  }
}

static void generate(tn_text *text, double megabytes) {
  uint64_t state = 1;
  tn_text_put(text, "HloModule generated\n\nENTRY main {\n  x = f32[1,512] parameter(0)\n");
  for (int layer = 0; (double)text->length < megabytes * 1e6; layer++) {
    tn_text_printf(text, "  w.%d = f32[512,512]{1,0} constant({ ", layer);
    for (int row = 0; row < 512; row++) {
      tn_text_put(text, row ? ", { " : "{ ");
      put_row(text, &state);
      tn_text_put(text, " }");
    }
    tn_text_printf(text,
                   " })\n  y.%d = f32[1,512]{1,0} dot(x, w.%d), lhs_contracting_dims={1}, "
                   "rhs_contracting_dims={0}, metadata={op_name=\"layer\"}\n",
                   layer, layer);
  }
  tn_text_put(text, "}\n");
}

static double literal_bytes(const tn_module *module) {
  double sum = 0;
  TN_FOR_EACH_COMP(module, comp)
  TN_FOR_EACH_IN_COMP(comp, inst)
  if (inst->op == TN_OP_CONSTANT) sum += (double)tn_shape_bytes(inst->shape);
  return sum;
}

static void report(void *user, const tn_diagnostic *diagnostic) {
  (void)user;
  fprintf(stderr, "%s:%u: %s\n", diagnostic->location.file, diagnostic->location.line, diagnostic->message);
}

static int measure(tn_str text, const char *name) {
  double best = 1e9, before = peak_bytes(), literals = 0;
  tn_diagnostics sink = {.callback = report};
  for (int i = 0; i < 3; i++) {
    tn_hlo_options options = {.file = name};
    double start = seconds();
    tn_module *module = tn_hlo_parse(text, &options, &sink);
    double took = seconds() - start;
    if (!module) return 1;
    if (took < best) best = took;
    if (i == 0) literals = literal_bytes(module);
    tn_module_destroy(module);
  }
  double mb = (double)text.length / 1e6, added = peak_bytes() - before;
  printf("%s: %.1f MB of text, %.1f MB of literals: %.0f MB/s, %.1f MB beside the text", name, mb,
         literals / 1e6, mb / best, added / 1e6);
  printf(" (%.2f x text + literals with it)\n",
         ((double)text.length + added) / ((double)text.length + literals));
  return 0;
}

int main(int count, char **arguments) {
  double megabytes = count > 1 ? atof(arguments[1]) : 100;
  if (megabytes > 0) {
    tn_text text = {0};
    generate(&text, megabytes);
    int status = measure((tn_str){text.bytes, text.length}, "generated");
    tn_text_free(&text);
    return status;
  }
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {.callback = report};
  tn_str text;
  bool read = tn_file_map(arena, &sink, arguments[1], UINT64_MAX, &text);
  int status = read ? measure(text, arguments[1]) : 1;
  tn_arena_destroy(arena);
  return status;
}
