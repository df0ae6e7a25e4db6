/* Verifier of streams: its passes in order, and how it reports. See stream_verify.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "target/stream_verify.h"

enum { REPORTED_MOST = 20 };

/* Where the instruction's bytes begin behind those of all before it. */
static uint64_t offset_of(const tn_verifier *v, int64_t of) {
  tn_text bytes = {0};
  uint64_t offset = 0;
  for (int64_t i = 0; i < of; i++) {
    bytes.length = 0;
    tn_isa_encode(&bytes, &v->stream->instructions[i]);
    offset += bytes.length;
  }
  tn_text_free(&bytes);
  return offset;
}

bool tn_verify_fault(tn_verifier *v, int64_t of, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *what = tn_arena_vprintf(v->arena, format, arguments);
  va_end(arguments);
  v->faults++;
  tn_location location = {.file = v->file};
  if (of < 0) return tn_error(v->sink, TN_INVALID, location, "%s", what);
  tn_text text = {0};
  tn_isa_print(&text, &v->stream->instructions[of]);
  tn_error(v->sink, TN_INVALID, location, "%s; instruction %lld at byte %llu: %s", what, (long long)of,
           (unsigned long long)offset_of(v, of), text.bytes ? text.bytes : "");
  tn_text_free(&text);
  return false;
}

int64_t tn_space_size(const tn_verifier *v, tn_space memory) {
  const int64_t named = (int64_t)1 << 32;
  int64_t size = 0;
  switch (memory) {
  case TN_SPACE_HOST: return (int64_t)v->stream->host_bytes;
  case TN_SPACE_DRAM: return (int64_t)v->stream->dram_bytes;
  case TN_SPACE_BUFFER: size = v->target->unified_buffer_bytes; break;
  case TN_SPACE_ACCUMULATORS: size = tn_systolic_accumulator_rows(v->target); break;
  case TN_SPACES: return 0;
  }
  return size < named ? size : named;
}

static void run_passes(tn_verifier *v) {
  v->index = tn_stream_index_of(v->arena, v->stream);
  static void (*const passes[])(tn_verifier *) = {tn_verify_tables, tn_verify_instructions, tn_verify_order,
                                                  tn_verify_memory};
  for (size_t i = 0; i < sizeof passes / sizeof *passes && !v->faults; i++) passes[i](v);
}

bool tn_stream_verify(const tn_stream *stream, const char *file, tn_diagnostics *sink) {
  tn_arena *arena = tn_arena_create(), *scratch = tn_arena_create();
  tn_guard guard;
  if (setjmp(*tn_guard_enter(&guard))) {
    tn_arena_destroy(scratch);
    tn_arena_destroy(arena);
    tn_out_of_memory();
  }
  tn_verifier v = {.stream = stream,
                   .target = stream->target,
                   .file = file,
                   .sink = sink,
                   .arena = arena,
                   .scratch = scratch,
                   .limit = REPORTED_MOST};
  run_passes(&v);
  tn_guard_leave(&guard);
  tn_arena_destroy(scratch);
  tn_arena_destroy(arena);
  return v.faults == 0;
}
