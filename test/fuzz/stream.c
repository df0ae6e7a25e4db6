/* libFuzzer: any bytes are refused or a stream whose text gives the same bytes; the verifier judges it.
 *
 * The header's size and hash are made right first, else nearly all that is tried would end there. What begins
 * with a dot is taken for text.
 *
 *   fuzz_stream -max_total_time=600 CORPUS
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/hash.h"
#include "target/stream.h"

#include <stdio.h>
#include <stdlib.h>

static void mend_header(char *bytes, size_t size) {
  if (size < 32) return;
  tn_hash hash = tn_hash_bytes(bytes + 32, size - 32);
  uint64_t size64 = size;
  memcpy(bytes, "\177TNS\1\0\7", 8);
  memcpy(bytes + 8, &size64, 8);
  memcpy(bytes + 16, &hash.low, 8);
  memcpy(bytes + 24, &hash.high, 8);
}

static void must_equal(const tn_text *once, const tn_text *twice) {
  if (once->length == twice->length && !memcmp(once->bytes, twice->bytes, once->length)) return;
  fprintf(stderr, "other bytes: %zu, %zu\n", once->length, twice->length);
  abort();
}

/* A stream that was read: its text gives its bytes. */
static void round_trip(tn_arena *arena, const tn_stream *stream) {
  tn_diagnostics sink = {0};
  tn_text bytes = {0}, text = {0}, again = {0};
  tn_stream_write(&bytes, stream);
  tn_stream_print(&text, stream);
  tn_stream *parsed = tn_stream_parse(arena, &sink, "text", (tn_str){text.bytes, text.length});
  if (!parsed) {
    fprintf(stderr, "does not assemble:\n%s\n", text.bytes);
    abort();
  }
  tn_stream_write(&again, parsed);
  must_equal(&bytes, &again);
  tn_text_free(&bytes);
  tn_text_free(&text);
  tn_text_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {0};
  char *bytes = memcpy(tn_malloc(size + 1), data, size);
  bool text = size && *data == '.';
  if (!text) mend_header(bytes, size);
  tn_stream *stream = (text ? tn_stream_parse : tn_stream_read)(arena, &sink, "fuzz", (tn_str){bytes, size});
  if (!stream != (sink.errors > 0)) abort();
  if (stream) {
    round_trip(arena, stream);
    tn_stream_verify(stream, "fuzz", &sink);
  }
  free(bytes);
  tn_arena_destroy(arena);
  return 0;
}
