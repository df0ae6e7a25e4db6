/* libFuzzer: any bytes are refused or are a stream, of which there is one file and one text; the verifier
 * judges it.
 *
 *   fuzz_stream -max_total_time=600 CORPUS        .tns files and texts of tenon dis
 *
 * What begins like a file gets the hash of what follows, without which nothing would be read.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "target/stream.h"

enum { HEADER = 32, HASH = 16 };

static void count(void *user, const tn_diagnostic *diagnostic) {
  *(size_t *)user += strlen(diagnostic->message);
}

/* From a file or a text; what is refused has a message. */
static tn_stream *take(tn_arena *arena, const tn_text *from, bool is_file) {
  size_t said = 0;
  tn_diagnostics sink = {.callback = count, .user = &said};
  tn_str bytes = {from->bytes, from->length};
  tn_stream *stream =
      is_file ? tn_stream_read(arena, &sink, "fuzz", bytes) : tn_stream_parse(arena, &sink, "fuzz", bytes);
  if (!stream != (sink.errors > 0) || (!stream && !said)) abort();
  return stream;
}

static void must_equal(const tn_text *once, const tn_text *twice, const char *what) {
  if (once->length == twice->length && !memcmp(once->bytes, twice->bytes, once->length)) return;
  fprintf(stderr, "%s: not a fixed point\n", what);
  abort();
}

static void look_at(tn_arena *arena, const tn_stream *stream, const tn_text *file) {
  size_t said = 0;
  tn_diagnostics sink = {.callback = count, .user = &said};
  if (tn_stream_verify(stream, "fuzz", &sink) != (said == 0)) abort();
  tn_text bytes = {0}, text = {0}, again = {0};
  tn_stream_write(&bytes, stream);
  if (file) must_equal(file, &bytes, "file");
  tn_stream_print(&text, stream);
  const tn_stream *parsed = take(arena, &text, false);
  if (!parsed) abort();
  tn_stream_write(&again, parsed);
  must_equal(&bytes, &again, "text");
  tn_text_free(&bytes);
  tn_text_free(&text);
  tn_text_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tn_arena *arena = tn_arena_create();
  tn_text copy = {0};
  tn_text_put_n(&copy, data, size);
  bool is_file = size >= HEADER && data[0] == 0x7f;
  if (is_file) {
    tn_hash hash = tn_hash_bytes(copy.bytes + HEADER, size - HEADER);
    uint64_t length = size;
    memcpy(copy.bytes + 8, &length, sizeof length);
    memcpy(copy.bytes + HASH, &hash.low, sizeof hash.low);
    memcpy(copy.bytes + HASH + 8, &hash.high, sizeof hash.high);
  }
  tn_stream *stream = take(arena, &copy, is_file);
  if (stream) look_at(arena, stream, is_file ? &copy : NULL);
  tn_text_free(&copy);
  tn_arena_destroy(arena);
  return 0;
}
