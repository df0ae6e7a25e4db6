/* Spoilt streams: each is refused, by the reader or the verifier, or runs on both devices within its bounds.
 *
 *   mutated_streams [--seed N] [--count N] [FILE.tns …]
 *
 * Of random streams, and of the files' in turn. AddressSanitizer is who says whether the bounds were kept; all
 * memory that a device is given is exactly as large as the stream says. Number I of a seed is the same
 * whatever comes before it: --first I --count 1 shows it again.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "streams.h"
#include "tenon/device.h"

const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

typedef struct {
  long seed, first, count;
  int n_files;
  tn_stream **files;
} options;

typedef struct {
  long unread, refused, timed, ran;
} tally;

/* What running it costs, roughly; streams say enormous things. */
static double work_of(const tn_stream *s) {
  double work = 0;
  for (int64_t i = 0; i < s->count; i++) {
    const tn_instruction *is = &s->instructions[i];
    double square = (double)(s->target->rows * s->target->columns);
    if (is->op == TN_ISA_MATMUL) work += (double)is->MATMUL.repeat * is->MATMUL.rows * square;
    if (is->op == TN_ISA_READ_WEIGHTS) work += (double)is->READ_WEIGHTS.repeat * square;
    tn_vector_result result;
    if (tn_isa_vector_result(is, &result)) work += (double)result.rows * result.columns * result.windows;
    tn_transfer transfer;
    if (tn_isa_transfer(is, &transfer)) work += (double)transfer.bytes * transfer.rows;
  }
  return work + (double)s->host_bytes + (double)s->dram_bytes;
}

/* With or without values. Memory that cannot be had is an answer, too. */
static bool run(tn_device_kind kind, const tn_text *file, bool values) {
  tn_device *device = tn_device_open(kind);
  if (tn_device_load(device, file->bytes, file->length, NULL)) {
    fprintf(stderr, "verified, and not loaded: %s\n", tn_device_message(device));
    exit(1);
  }
  int arrays = 0, n = tn_device_parameter_count(device), all = n + tn_device_result_count(device);
  void **memory = calloc((size_t)all + 1, sizeof *memory);
  for (; values && arrays < all; arrays++) {
    const tn_value *value =
        arrays < n ? tn_device_parameter(device, arrays) : tn_device_result(device, arrays - n);
    char *bytes = memory[arrays] = malloc((size_t)value->bytes);
    for (int64_t b = 0; bytes && arrays < n && b < value->bytes; b++) bytes[b] = (char)(b * 37 + b / 11);
    if (arrays < n)
      tn_device_bind_parameter(device, arrays, bytes);
    else
      tn_device_bind_result(device, arrays - n, bytes);
  }
  bool done = !tn_device_start(device) && !tn_device_wait(device);
  for (int i = 0; i < arrays; i++) free(memory[i]);
  free(memory);
  tn_device_close(device);
  return done;
}

static void try(const tn_text *file, tally *t) {
  const double some = 2e7, much = 1e12;
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {0};
  /* Exactly the file's bytes, so that reading past them is seen. */
  tn_text copy = {.bytes = malloc(file->length ? file->length : 1), .length = file->length};
  memcpy(copy.bytes, file->bytes, file->length);
  tn_stream *stream = tn_stream_read(arena, &sink, "mutated", (tn_str){copy.bytes, copy.length});
  if (!stream) {
    t->unread++;
  } else if (!tn_stream_verify(stream, "mutated", &sink)) {
    t->refused++;
  } else if (!stream->n_functions) {
    double work = work_of(stream);
    if (work < some) t->ran += run(TN_DEVICE_FUNCTIONAL, &copy, true);
    if (work < much) t->timed += run(TN_DEVICE_TIMED, &copy, work < some);
  }
  free(copy.bytes);
  tn_arena_destroy(arena);
}

static void try_number(const options *o, long number, tally *t) {
  tn_arena *arena = tn_arena_create();
  dice d = {(uint64_t)o->seed * 1000003 + (uint64_t)number};
  dice_bits(&d);
  const tn_stream *good = o->n_files ? o->files[number % o->n_files] : draw_stream(arena, &d);
  tn_diagnostics sink = {0};
  if (!tn_stream_verify(good, "random", &sink)) {
    fprintf(stderr, "number %ld is refused before it is spoilt\n", number);
    exit(1);
  }
  bool bytes = dice_one_in(&d, 4);
  tn_text file = {0};
  tn_stream_write(&file, bytes ? good : spoil_stream(arena, &d, good));
  if (bytes) spoil_bytes(&d, &file);
  try(&file, t);
  tn_text_free(&file);
  tn_arena_destroy(arena);
}

static void read_file(options *o, tn_arena *arena, const char *path) {
  tn_diagnostics sink = {0};
  tn_str bytes;
  tn_stream *stream = NULL;
  if (tn_file_map(arena, &sink, path, UINT64_MAX, &bytes)) stream = tn_stream_read(arena, &sink, path, bytes);
  if (!stream) {
    fprintf(stderr, "%s: is no stream\n", path);
    exit(2);
  }
  o->files[o->n_files++] = stream;
}

int main(int argc, char **argv) {
  tn_arena *arena = tn_arena_create();
  options o = {.seed = 1, .count = 1000, .files = TN_NEW_ARRAY(arena, tn_stream *, argc)};
  for (int i = 1; i < argc; i++) {
    long *number = NULL;
    if (!strcmp(argv[i], "--seed")) number = &o.seed;
    if (!strcmp(argv[i], "--first")) number = &o.first;
    if (!strcmp(argv[i], "--count")) number = &o.count;
    if (number && i + 1 < argc)
      *number = atol(argv[++i]);
    else
      read_file(&o, arena, argv[i]);
  }
  tally t = {0};
  for (long number = o.first; number < o.first + o.count; number++) try_number(&o, number, &t);
  printf("%ld spoilt streams: %ld not read, %ld refused, %ld ran, %ld of them were timed\n", o.count,
         t.unread, t.refused, t.ran, t.timed);
  tn_arena_destroy(arena);
  return 0;
}
