/* Streams as files and as text: round trips, and files that are not what they say.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "test/unit/target/support.h"

static tn_str str(const tn_text *text) { return (tn_str){text->bytes, text->length}; }

static void expect_same(const tn_text *a, const tn_text *b) {
  cr_assert_eq(a->length, b->length);
  cr_assert_eq(memcmp(a->bytes, b->bytes, a->length), 0);
}

/* read, print, parse, write: what comes back is what went in. */
static void expect_round_trip(tn_arena *arena, tn_str bytes) {
  messages kept;
  collect(&kept);
  tn_text in = {.bytes = (char *)bytes.at, .length = bytes.length}, out = {0}, text = {0}, again = {0};
  tn_stream *stream = tn_stream_read(arena, &kept.sink, "t.tns", bytes);
  cr_assert_not_null(stream, "%s", kept.text.bytes);
  tn_stream_write(&out, stream);
  expect_same(&in, &out);
  tn_stream_print(&text, stream);
  tn_stream *parsed = tn_stream_parse(arena, &kept.sink, "t.s", str(&text));
  cr_assert_not_null(parsed, "%s", kept.text.bytes);
  tn_stream_write(&again, parsed);
  expect_same(&in, &again);
  tn_text_free(&out);
  tn_text_free(&text);
  tn_text_free(&again);
  tn_text_free(&kept.text);
}

Test(stream, round_trips) {
  test_random random = {1};
  tn_arena *arena = tn_arena_create();
  for (int round = 0; round < 2000; round++) {
    tn_text bytes = {0};
    tn_stream_write(&bytes, random_stream(arena, &random));
    expect_round_trip(arena, str(&bytes));
    tn_text_free(&bytes);
    tn_arena_reset(arena);
  }
  tn_arena_destroy(arena);
}

Test(stream, starts_anywhere_in_a_text) {
  test_random random = {2};
  tn_arena *arena = tn_arena_create();
  tn_stream *stream = random_stream(arena, &random);
  tn_text alone = {0}, behind = {0};
  tn_stream_write(&alone, stream);
  tn_text_put(&behind, "1234567");
  tn_stream_write(&behind, stream);
  cr_assert_eq(behind.length, alone.length + 7);
  cr_assert_eq(memcmp(behind.bytes + 7, alone.bytes, alone.length), 0);
  tn_text_free(&alone);
  tn_text_free(&behind);
  tn_arena_destroy(arena);
}

/* A copy that ends where its memory ends, so that a byte too many is seen. */
static tn_stream *read_copy(tn_arena *arena, messages *kept, const char *bytes, size_t size, char **copy) {
  *copy = memcpy(tn_malloc(size ? size : 1), bytes, size);
  return tn_stream_read(arena, &kept->sink, "t.tns", (tn_str){*copy, size});
}

Test(stream, truncated) {
  test_random random = {3};
  tn_arena *arena = tn_arena_create();
  for (int round = 0; round < 10; round++) {
    tn_text bytes = {0};
    tn_stream_write(&bytes, random_stream(arena, &random));
    for (size_t size = 0; size < bytes.length; size++) {
      messages kept;
      char *copy, *whole = memcpy(tn_malloc(bytes.length), bytes.bytes, bytes.length);
      collect(&kept);
      /* Once as it is, once with a header that agrees. */
      cr_assert_null(read_copy(arena, &kept, whole, size, &copy));
      free(copy);
      if (size > 32) {
        memcpy(whole + 8, &(uint64_t){size}, 8);
        mend_hash(whole, size);
        cr_assert_null(read_copy(arena, &kept, whole, size, &copy));
        free(copy);
      }
      cr_assert_eq(kept.sink.status, TN_INVALID);
      free(whole);
      tn_text_free(&kept.text);
    }
    tn_text_free(&bytes);
    tn_arena_reset(arena);
  }
  tn_arena_destroy(arena);
}

static void mutate(test_random *random, tn_text *bytes) {
  size_t at = next_below(random, bytes->length), table = 32 + next_below(random, 7 * 24);
  switch (next_below(random, 5)) {
  case 0: bytes->bytes[at] ^= (char)(1u << next_below(random, 8)); return;
  case 1: bytes->bytes[at] = (char)next_bits(random); return;
  case 2: bytes->bytes[at] = next_below(random, 2) ? 0 : (char)255; return;
  case 3: bytes->bytes[table] += (char)(1 - 2 * (int)next_below(random, 2)); return;
  case 4:
    if (at + 4 < bytes->length) memset(bytes->bytes + at, 255, 4);
    return;
  }
}

/* What is still read is a stream like any other: its bytes come back. */
Test(stream, mutated) {
  test_random random = {4};
  tn_arena *arena = tn_arena_create();
  int good = 0, rounds = 10000;
  for (int round = 0; round < rounds; round++) {
    messages kept;
    char *copy;
    tn_text bytes = {0};
    collect(&kept);
    tn_stream_write(&bytes, random_stream(arena, &random));
    for (int times = 1 + (int)next_below(&random, 3); times > 0; times--) mutate(&random, &bytes);
    mend_hash(bytes.bytes, bytes.length);
    if (read_copy(arena, &kept, bytes.bytes, bytes.length, &copy)) {
      expect_round_trip(arena, str(&bytes));
      good++;
    } else {
      cr_assert_eq(kept.sink.status, TN_INVALID);
    }
    free(copy);
    tn_text_free(&bytes);
    tn_text_free(&kept.text);
    tn_arena_reset(arena);
  }
  cr_assert(good > rounds / 10 && good < rounds, "%d", good);
  tn_arena_destroy(arena);
}

static void expect_refused(tn_arena *arena, tn_text *bytes, const char *message) {
  messages kept;
  collect(&kept);
  mend_hash(bytes->bytes, bytes->length);
  cr_assert_null(tn_stream_read(arena, &kept.sink, "t.tns", str(bytes)));
  cr_assert_str_eq(kept.text.bytes, message);
  tn_text_free(&kept.text);
}

/* The first bytes of section s. */
static char *section_of(tn_text *bytes, int section) {
  uint64_t offset;
  memcpy(&offset, bytes->bytes + 32 + section * 24 + 8, 8);
  return bytes->bytes + offset;
}

/* Numbers that would need more memory than the file has bytes. */
Test(stream, counts) {
  tn_arena *arena = tn_arena_create();
  test_random random = {5};
  tn_stream *stream = random_stream(arena, &random);
  stream->n_arrays = stream->n_layers = stream->n_functions = 0;
  stream->count = 0;
  for (int section = 2; section < 6; section++) {
    static const char *const wanted[] = {
        "arrays' has no room for 4294967295 arrays", "functions' has no room for 4294967295 functions",
        "layers' has no room for 4294967295 layers", "code' has no room for 4294967295 instructions"};
    tn_text bytes = {0}, message = {0};
    tn_stream_write(&bytes, stream);
    char *at = section_of(&bytes, section);
    memset(at, 255, 4);
    tn_text_printf(&message, "t.tns: error: stream: byte %d: section '%s\n", (int)(at - bytes.bytes),
                   wanted[section - 2]);
    expect_refused(arena, &bytes, message.bytes);
    tn_text_free(&message);
    tn_text_free(&bytes);
  }
  tn_arena_destroy(arena);
}

/* The target's keys in any other form would be lost in the text. */
Test(stream, target_is_canonical) {
  tn_arena *arena = tn_arena_create();
  test_random random = {6};
  tn_text bytes = {0};
  tn_stream_write(&bytes, random_stream(arena, &random));
  char *clock = strstr(section_of(&bytes, 0), "clock_mhz = 1000");
  memcpy(clock, "clock_mhz =1000 ", 16);
  expect_refused(arena, &bytes,
                 "t.tns: error: stream: byte 200: section 'target' is not as targets are printed\n");
  tn_text_free(&bytes);
  tn_arena_destroy(arena);
}

/* Texts with bytes changed, too: refused with a message or a stream that round-trips. */
Test(stream, mutated_text) {
  test_random random = {7};
  tn_arena *arena = tn_arena_create();
  int good = 0, rounds = 5000;
  for (int round = 0; round < rounds; round++) {
    messages kept;
    tn_text text = {0}, bytes = {0};
    collect(&kept);
    tn_stream_print(&text, random_stream(arena, &random));
    size_t at = next_below(&random, text.length);
    text.bytes[at] = "0\"\n.=,#x "[next_below(&random, 9)];
    char *copy = memcpy(tn_malloc(text.length), text.bytes, text.length);
    tn_stream *stream = tn_stream_parse(arena, &kept.sink, "t.s", (tn_str){copy, text.length});
    if (stream) {
      tn_stream_write(&bytes, stream);
      expect_round_trip(arena, str(&bytes));
      good++;
    } else {
      cr_assert(kept.sink.errors && kept.sink.status == TN_INVALID);
    }
    free(copy);
    tn_text_free(&text);
    tn_text_free(&bytes);
    tn_text_free(&kept.text);
    tn_arena_reset(arena);
  }
  cr_assert(good > rounds / 10 && good < rounds, "%d", good);
  tn_arena_destroy(arena);
}
