/* The verifier of streams: a good stream, and each way to spoil it with the message that follows.
 *
 * A case replaces the line that begins with `line` (the instruction's words, waits apart) by `by`;
 * one message, no more, comes of it.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "target/stream.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const char good[] =
    ".tns 2\n"
    ".name \"dot\"\n"
    ".target\n"
    "rows = 4\n"
    "columns = 4\n"
    "dataflow = any\n"
    "operand = s8\n"
    "unified_buffer_kib = 1\n"
    "accumulator_kib = 0.25\n"
    "weight_fifo_tiles = 2\n"
    ".end\n"
    ".host bytes=192\n"
    ".dram bytes=128\n"
    ".array \"x\" s8[4,8] at=0 bytes=32\n"
    ".array \"y\" s8[4,4] at=64 bytes=16\n"
    ".array \"z\" s8[16] at=128 bytes=16\n"
    ".parameter 0\n"
    ".result 1\n"
    ".result 2\n"
    ".function \"dot_host0\" parameters=1 results=2\n"
    ".layer \"dot\"\n"
    ".data 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
    "layer layer=0\n"
    "view view=0 row_dims=1 column_dims=1 size=4,1,1,1,8,1,1,1 stride=8,0,0,0,1\n"
    "pipeline source=s32 result=s8 rounds=1\n"
    "read_host channel=0 from=0 to=0 bytes=32 rows=1\n"
    "read_weights type=s8 from=0 rows=4 columns=4 row_stride=4 column_stride=1 repeat=2 repeat_stride=16\n"
    "wait dma0=1 matmul dataflow=weight type=s8 then_accumulate=1 base=0 rows=4 repeat=2 column_step=4\n"
    "wait matrix=1 activate accumulator=0 rows=4 columns=4 second=0 to=0x40 row_stride=4 column_stride=1\n"
    "wait vector=1 write_host channel=1 from=0x40 to=0x40 bytes=16 rows=1\n"
    "wait dma1=1 host_call function=0\n"
    "halt\n";

typedef struct {
  int count;
  char first[2048];
} heard;

static void hear(void *user, const tn_diagnostic *diagnostic) {
  heard *h = user;
  if (h->count++ == 0) snprintf(h->first, sizeof h->first, "%s", diagnostic->message);
}

static heard verify(const char *text) {
  heard h = {0};
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {.callback = hear, .user = &h};
  tn_stream *stream = tn_stream_parse(arena, &sink, "test", (tn_str){text, strlen(text)});
  cr_assert(stream, "%s", h.first);
  bool is_good = tn_stream_verify(stream, "test", &sink);
  cr_assert_eq(is_good, h.count == 0);
  tn_arena_destroy(arena);
  return h;
}

/* The line that begins with `line` behind its waits. */
static const char *find_line(const char *text, const char *line) {
  for (const char *at = text; *at; at = strchr(at, '\n') + 1) {
    const char *words = at;
    if (!strncmp(words, "wait ", 5))
      for (words += 5; memchr(words, '=', strcspn(words, " \n"));) words += strcspn(words, " ") + 1;
    if (!strncmp(words, line, strlen(line)) || !strncmp(at, line, strlen(line))) return at;
  }
  cr_assert_fail("no line '%s'", line);
  return NULL;
}

static char *spoil(const char *text, const char *line, const char *by) {
  const char *at = find_line(text, line), *end = strchr(at, '\n') + 1;
  size_t size = strlen(text) + strlen(by) + 2;
  char *result = malloc(size);
  snprintf(result, size, "%.*s%s%s%s", (int)(at - text), text, by, *by ? "\n" : "", end);
  return result;
}

static void expect_of(const char *base, const char *line, const char *by, const char *message) {
  char *text = spoil(base, line, by);
  heard h = verify(text);
  free(text);
  cr_expect_eq(h.count, 1, "%s: %d messages, the first: %s", by, h.count, h.first);
  cr_expect(!strncmp(h.first, message, strlen(message)), "%s: '%s' instead of '%s'", by, h.first, message);
}

static void expect_good_of(const char *base, const char *line, const char *by) {
  char *text = spoil(base, line, by);
  heard h = verify(text);
  free(text);
  cr_expect_eq(h.count, 0, "%s: %s", by, h.first);
}

static void expect(const char *line, const char *by, const char *message) {
  expect_of(good, line, by, message);
}
static void expect_good(const char *line, const char *by) { expect_good_of(good, line, by); }

Test(verify, takes_a_good_stream) {
  heard h = verify(good);
  cr_assert_eq(h.count, 0, "%s", h.first);
}

Test(verify, names_the_instruction) {
  char *text = spoil(good, "read_host", "read_host channel=3 from=0 to=0 bytes=32 rows=1");
  heard h = verify(text);
  free(text);
  cr_expect_str_eq(h.first, "read_host: channel 3, of 2; instruction 3 at byte 206: "
                            "read_host channel=3 from=0x0 to=0x0 bytes=32 rows=1");
}

Test(verify, tables) {
  expect(".host", ".host bytes=4611686018427387905",
         "host: 4611686018427387905 bytes are more than any host has");
  expect(".host", ".host bytes=140", "array 'z': 16 bytes at 128 do not fit 140 of host memory");
  expect(".dram", ".dram bytes=16", "dram: 32 bytes are there at the start, 16 are used");
  expect(".dram", ".dram bytes=4611686018427387905",
         "dram: 4611686018427387905 bytes are used, the target has");
  expect("weight_fifo", "dram_mib = 0.0000152587890625", "dram: 128 bytes are used, the target has 16");
  expect(".array \"x\"", ".array \"x\" s8[4,8] at=0 bytes=31",
         "array 'x': has 31 bytes, not those of its shape");
  expect(".array \"x\"", ".array \"x\" s8[4,8] at=32 bytes=32",
         "array 'x': lies at 32, not a multiple of 64");
  expect(".array \"y\"", ".array \"y\" s8[4,4] at=0 bytes=16",
         "array 'y': lies where 'x' lies, and one of them");
  expect(".parameter", ".parameter 7", "parameter 0: is array 7 of 3");
  expect(".parameter", ".parameter 0\n.parameter 0", "parameter 1: is 'x' again");
  expect(".result 1", ".result 3", "result 0: is array 3 of 3");
  expect(".function", ".function \"f\" parameters=1 results=9", "function 'f': takes array 9 of 3");
  expect(".function", ".function \"f\" parameters=2 results=2",
         "function 'f': its result 'z' lies where its 'z' lies");
}

/* What a function writes meets nothing else that it is given, wherever that begins; parameters may meet. */
Test(verify, results_of_functions) {
  char *larger = spoil(good, ".host", ".host bytes=448");
  char *base = spoil(larger, ".parameter",
                     ".array \"a\" s8[192] at=192 bytes=192\n.array \"b\" s8[32] at=192 bytes=32\n"
                     ".array \"c\" s8[16] at=320 bytes=16\n.array \"d\" s8[16] at=384 bytes=16\n"
                     ".array \"e\" s8[0] at=256 bytes=0\n.parameter 0");
  expect_good_of(base, ".function", ".function \"f\" parameters=1,1 results=2,6,7");
  expect_good_of(base, ".function", ".function \"f\" parameters=1 results=2,3,7");
  expect_of(base, ".function", ".function \"f\" parameters=3 results=5",
            "function 'f': its result 'c' lies where its 'a' lies");
  expect_of(base, ".function", ".function \"f\" parameters=1,5 results=2,7,3",
            "function 'f': its result 'a' lies where its 'c' lies");
  expect_of(base, ".function", ".function \"f\" parameters=3,4,7 results=2,5",
            "function 'f': its result 'c' lies where its 'a' lies");
  expect_of(base, ".function", ".function \"f\" parameters=5 results=4,3",
            "function 'f': its result 'b' lies where its 'a' lies");
  free(base);
  free(larger);
}

Test(verify, control) {
  expect("layer", "layer layer=1", "layer: number 1, of 1");
  expect("host_call", "wait dma1=1 host_call function=1", "host_call: function 1, of 1");
  expect("halt", "nop", "stream: does not end in halt");
  expect("halt", "halt\nhalt", "halt: 1 instructions follow");
  expect("layer", "halt", "halt: 9 instructions follow");
}

Test(verify, views) {
#define VIEW "view view=0 row_dims=1 column_dims=1 "
  expect("view",
         "view view=8 row_dims=1 column_dims=1 size=4,1,1,1,8,1,1,1 stride=8,0,0,0,1\n" VIEW
         "size=4,1,1,1,8,1,1,1 stride=8,0,0,0,1",
         "view: number 8, of 8");
  expect("view", "view view=0 row_dims=0 column_dims=1 size=1,1,1,1,8,1,1,1", "view: 0 row dims, of 1 to 4");
  expect("view", "view view=0 row_dims=1 column_dims=5 size=1,1,1,1,8,1,1,1",
         "view: 5 column dims, of 1 to 4");
  expect("view", VIEW "size=0,1,1,1,8,1,1,1", "view: row size 0 is 0");
  expect("view", VIEW "size=4,1,1,1,8,1,1", "view: column size 3 is 0, which is 1 behind 1 dims");
  expect("view", "view view=0 row_dims=4 column_dims=1 size=65536,65536,65536,65536,8,1,1,1",
         "view: its sizes overflow");
  expect("view", "view view=0 row_dims=1 column_dims=1 size=4294967295,1,1,1,8,1,1,1 stride=2147483647",
         "view: its strides lead beyond 64 bits");
  expect("view", VIEW "size=4294967295,1,1,1,8,1,1,1 step=0,0,0,0,0,0,0,0,-2147483648",
         "view: positions of bound 1 overflow");
  expect("view", "nop", "matmul: view 0 is not set");
  expect("view", VIEW "size=3,1,1,1,8,1,1,1 stride=8,0,0,0,1", "matmul: rows 0 to 3 of a view of 3");
  expect("view", VIEW "size=4,1,1,1,7,1,1,1 stride=8,0,0,0,1", "matmul: columns 0 to 7 of a view of 7");
}

Test(verify, pipelines) {
  expect("pipeline", "nop", "activate: the pipeline is not set");
  expect("pipeline", "pipeline source=s32 result=s8 join=4 rounds=1", "pipeline: join is 4, of 4");
  expect("pipeline", "pipeline source=s32 result=s8 rounds=2", "pipeline: rounds is 2, of 2");
  expect("pipeline", "pipeline source=99 result=s8", "pipeline: source is 99, of 35");
  expect("pipeline", "pipeline source=s32 result=f64", "pipeline: the vector unit has no result of f64");
  expect("pipeline", "pipeline result=s8", "pipeline: the vector unit has no source of none");
  expect("pipeline", "pipeline source=s32 result=s8 operand=add",
         "pipeline: the vector unit has no second of none");
  expect("pipeline", "pipeline source=s32 result=s8 integer_bias=1", "pipeline: integer_bias needs has_bias");
  expect("pipeline", "pipeline source=f32 result=f32 has_bias=1 integer_bias=1",
         "pipeline: integer_bias needs a source of integers, not f32");
  expect("pipeline", "pipeline source=s32 result=s8 rounds=1 has_clamp=1 low=2 high=1",
         "pipeline: clamps to 2");
  expect("pipeline", "pipeline source=s32 result=s8 rounds=1 has_clamp=1 low=nan high=1",
         "pipeline: clamps to nan");
  expect("pipeline", "pipeline source=s32 result=s8 rounds=1 function=abs",
         "pipeline: the target has no function 1");
  expect("pipeline", "pipeline source=s32 result=s8 has_scale=1",
         "pipeline: f32 becomes s8 and is not rounded");
  expect("pipeline", "pipeline source=s32 result=s8 zero=3", "pipeline: zero needs rounds");
  expect("pipeline", "pipeline source=s32 result=s8 rounds=1 zero=65537",
         "pipeline: zero is 65537, which is not within 65536");
  expect("pipeline", "pipeline source=s32 result=f32 operand=add second=s8 second_scale=1 second_zero=-65537",
         "pipeline: second_zero is -65537, which is not within 65536");
  expect("pipeline", "pipeline source=s32 result=s16 has_table=1",
         "pipeline: the table is for bytes, the result is s16");
  expect("pipeline", "pipeline source=s8 result=s8 rounds=1",
         "activate: accumulators hold s32 or f32, the pipeline takes s8");
  expect("pipeline", "pipeline source=f32 result=s8 rounds=1",
         "activate: reads accumulator row 0 as f32, which holds s32");
}

Test(verify, transfers) {
  expect("read_host", "read_host channel=2 to=0 bytes=32 rows=1", "read_host: channel 2, of 2");
  expect("read_host", "read_host bytes=0 rows=1", "read_host: bytes is 0");
  expect("read_host", "read_host bytes=32", "read_host: rows is 0");
  expect("read_host", "read_host from=160 bytes=33 rows=1",
         "read_host: reads bytes 160 to 193 of host memory, which has 192");
  expect("read_host", "read_host from=0xffffffffffffffff bytes=32 rows=1", "read_host: reads bytes");
  expect("read_host", "read_host to=1000 bytes=32 rows=1",
         "read_host: writes bytes 1000 to 1032 of the unified buffer, which has 1024");
  expect("read_host", "read_host bytes=16 rows=2 from_stride=-16 to_stride=16",
         "read_host: reads bytes -16 to 16 of host memory");
  expect("read_host", "read_host bytes=16 rows=2 from_stride=0x7fffffffffffffff to_stride=16",
         "read_host: reads bytes 4611686018427387904 to");
  expect("read_host", "read_host bytes=16 rows=2 from_stride=16 to_stride=15",
         "read_host: writes bytes of the unified buffer twice");
  expect("read_host", "read_host from=64 bytes=32 rows=1",
         "read_host: reads bytes 64 to 96 of host memory, which nothing has written");
  expect("read_host", "load from=128 bytes=32 rows=1", "load: reads bytes 128 to 160 of DRAM, which has 128");
  expect("read_host", "load from=16 bytes=32 rows=1",
         "load: reads bytes 32 to 48 of DRAM, which nothing has written");
  expect("read_host", "read_host bytes=31 rows=1",
         "matmul: reads bytes 31 to 32 of the unified buffer, which nothing has written");
  expect("write_host", "wait vector=1 write_host channel=1 from=0x40 to=0xb8 bytes=16 rows=1",
         "write_host: writes bytes 184 to 200 of host");
  expect("write_host", "wait vector=1 write_host channel=1 from=0x40 to=0x40 bytes=15 rows=1",
         "host_call: reads bytes 79 to 80 of host memory");
  expect("host_call", "sync", "result 'z': not all of it is written");
  expect_good("read_host", "read_host bytes=16 rows=2 from_stride=16 to_stride=16");
  expect_good("read_host", "read_host from=16 to=16 bytes=16 rows=2 from_stride=-16 to_stride=-16");
  expect_good("read_host", "read_host bytes=16 rows=2 to_stride=16");
}

Test(verify, weights) {
#define WEIGHTS(what) "read_weights type=s8 from=0 column_stride=1 row_stride=4 " what
  expect("read_weights", "read_weights type=bf16 rows=4 columns=4 repeat=2",
         "read_weights: the array has no weights of bf16");
  expect("read_weights", WEIGHTS("columns=4 repeat=2"), "read_weights: rows is 0");
  expect("read_weights", WEIGHTS("rows=4 repeat=2"), "read_weights: columns is 0");
  expect("read_weights", WEIGHTS("rows=4 columns=4"), "read_weights: repeat is 0");
  expect("read_weights", WEIGHTS("rows=5 columns=4 repeat=2"),
         "read_weights: tiles of 5x4, the array is 4x4");
  expect("read_weights", WEIGHTS("rows=4 columns=4 repeat=2 repeat_stride=17"),
         "read_weights: reads bytes 32 to 33 of DRAM, which nothing");
  expect("read_weights", WEIGHTS("rows=4 columns=4 repeat=2 repeat_stride=-16"),
         "read_weights: reads bytes -16 to 16 of DRAM, which has 128");
  expect("read_weights", WEIGHTS("rows=4 columns=4 repeat=1"), "matmul: takes 2 tiles, 1 are read before it");
  expect("read_weights", WEIGHTS("rows=4 columns=4 repeat=3"),
         "read_weights: 1 tiles are left in the FIFO at the end");
  expect("matmul",
         "wait dma0=1 weights=1 matmul dataflow=weight type=s8 base=0 rows=4 repeat=1\n"
         "wait dma0=1 matmul dataflow=weight type=s8 accumulate=1 base=0 rows=4 column=4 repeat=0",
         "matmul: repeat is 0");
  expect("matmul",
         "wait weights=1 sync\nwait dma0=1 control=4 matmul type=s8 then_accumulate=1 base=0 rows=4 repeat=2 "
         "column_step=4\n"
         "read_weights type=s8 from=0 rows=4 columns=4 row_stride=4 column_stride=1 repeat=3\n"
         "wait weights=2 sync\n"
         "wait control=5 matmul type=s8 base=0 rows=4 repeat=3",
         "read_weights: waits for ever; the FIFO's 2 tiles are taken by what waits for it");
}

Test(verify, products) {
#define MATMUL(what) "wait dma0=1 matmul " what
  expect("matmul", MATMUL("dataflow=3 type=s8 rows=4 repeat=2"), "matmul: dataflow is 3, of 3");
  expect("dataflow", "dataflow = output", "matmul: the array is not weight stationary");
  expect("matmul", MATMUL("type=bf16 rows=4 repeat=2"), "matmul: the array does not multiply bf16 by s8");
  expect("matmul", MATMUL("type=s8 view=8 rows=4 repeat=2"), "matmul: view 8, of 8");
  expect("matmul", MATMUL("type=s8 view=1 rows=4 repeat=2"), "matmul: view 1 is not set");
  expect("matmul", MATMUL("type=s8 rows=0 repeat=2"), "matmul: rows is 0");
  expect("matmul", MATMUL("type=s8 rows=2 repeat=2 row_step=3"), "matmul: rows 0 to 4 of a view of 4");
  expect("matmul", MATMUL("type=s8 rows=4 repeat=2 column_step=5"), "matmul: columns 0 to 8 of a view of 8");
  expect("matmul", MATMUL("type=s8 rows=4 repeat=2 column_step=-4"),
         "matmul: columns -4 to 3 of a view of 8");
  expect("matmul", MATMUL("dataflow=output type=s8 rows=4 repeat=2"),
         "matmul: repetitions are of one tile of sums, output stationary");
  expect("matmul", MATMUL("dataflow=input type=s8 rows=4 repeat=2 column_step=4"),
         "matmul: column_step is 4, input stationary");
  expect("matmul", MATMUL("type=s8 rows=4 repeat=2 accumulator=13"),
         "matmul: writes rows 13 to 17 of the accumulators, which has 16");
  expect("matmul", MATMUL("type=s8 rows=4 repeat=2 accumulate=1"),
         "matmul: adds to rows 0 to 4 of the accumulators, which nothing has written");
  expect("matmul", MATMUL("type=s8 rows=4 repeat=2 then_accumulate=1 accumulator_step=4"),
         "matmul: adds to rows 4 to 8 of the accumulators, which nothing");
  expect("matmul", MATMUL("type=s8 rows=4 repeat=2 base=0x3f0"),
         "matmul: reads bytes 1008 to 1012 of the unified buffer, which nothing has written");
  expect_good("matmul", MATMUL("dataflow=output type=s8 then_accumulate=1 rows=4 repeat=2 column_step=4"));
  expect_good("matmul", MATMUL("dataflow=input type=s8 rows=4 repeat=2 accumulator_step=4"));
}

Test(verify, activations) {
#define ACTIVATE(what) "wait matrix=1 activate second=0 to=0x40 row_stride=4 column_stride=1 " what
  expect("activate", ACTIVATE("columns=4"), "activate: rows is 0");
  expect("activate", ACTIVATE("rows=4"), "activate: columns is 0");
  expect("activate", ACTIVATE("rows=5 columns=4"),
         "activate: reads rows 4 to 5 of the accumulators, which nothing has written");
  expect("activate", ACTIVATE("rows=4 columns=5"),
         "activate: reads 5 columns of accumulator row 0, which holds 4");
  expect("activate", "wait matrix=1 activate rows=4 columns=4 to=0x40 row_stride=3 column_stride=1",
         "activate: writes bytes of the unified buffer twice");
  expect("activate", "wait matrix=1 activate rows=4 columns=4 to=0x3f1 row_stride=4 column_stride=1",
         "activate: writes bytes 1009 to 1025 of the unified");
  expect_good("activate", "wait matrix=1 activate rows=4 columns=4 to=0x40 row_stride=1 column_stride=4");
#define SCALED "pipeline source=s32 result=s8 rounds=1 has_scale=1 scale=0x20"
  expect("pipeline", SCALED,
         "activate: reads bytes 32 to 48 of the unified buffer, which nothing has written");
}

Test(verify, order) {
  expect("matmul", "wait dma0=2 matmul type=s8 rows=4 repeat=2",
         "wait: for dma0=2, 1 of its instructions stand before it");
  expect("matmul", "wait dma3=1 matmul type=s8 rows=4 repeat=2",
         "wait: for dma3=1, 0 of its instructions stand before it");
  expect("matmul", "matmul type=s8 then_accumulate=1 rows=4 repeat=2 column_step=4",
         "matmul: reads bytes 0 to 4 of the unified buffer, and nothing orders it behind instruction 3 "
         "(read_host dma0=1)");
  expect("activate", "activate accumulator=0 rows=4 columns=4 to=0x40 row_stride=4 column_stride=1",
         "activate: reads rows 0 to 4 of the accumulators, and nothing orders it behind instruction 5 "
         "(matmul matrix=1)");
  expect("write_host", "write_host channel=1 from=0x40 to=0x40 bytes=16 rows=1",
         "write_host: reads bytes 64 to 80 of the unified buffer, and nothing orders it behind instruction 6 "
         "(activate vector=1)");
  expect("host_call", "host_call",
         "host_call: reads bytes 64 to 80 of host memory, and nothing orders it behind instruction 7 "
         "(write_host dma1=1)");
}

/* ---- the vector unit ---- */

static const char vectors[] = ".tns 2\n"
                              ".name \"vector\"\n"
                              ".target\n"
                              "rows = 4\n"
                              "columns = 4\n"
                              "unified_buffer_kib = inf\n"
                              ".end\n"
                              ".host bytes=192\n"
                              ".array \"x\" s8[4,8] at=0 bytes=32\n"
                              ".array \"y\" s8[32] at=64 bytes=32\n"
                              ".parameter 0\n"
                              ".result 1\n"
                              "view view=3 row_dims=1 column_dims=1 size=4,1,1,1,8,1,1,1 stride=8,0,0,0,1\n"
                              "pipeline source=s8 result=s8 second=s8\n"
                              "read_host channel=0 from=0 to=0 bytes=32 rows=1\n"
                              "wait dma0=1 vector view=3 base=0 rows=4 columns=8 windows=1 second=0 to=0x40 "
                              "row_stride=8 column_stride=1\n"
                              "wait vector=1 write_host channel=1 from=0x40 to=0x40 bytes=32 rows=1\n"
                              "halt\n";

/* The first message: what the vector unit does not write is missing further down. */
static void expect_vector(const char *by, const char *message) {
  char *text = spoil(vectors, "vector", by);
  heard h = verify(text);
  free(text);
  cr_expect(!strncmp(h.first, message, strlen(message)), "%s: '%s' instead of '%s'", by, h.first, message);
}

#define VECTOR(what) "wait dma0=1 vector second=0 base=0 " what
#define STRIDES      "row_stride=8 column_stride=1 "
#define WHOLE        "view=3 rows=4 columns=8 windows=1 " STRIDES

Test(verify, vectors) {
  expect_good_of(vectors, "halt", "halt");
  expect_vector(VECTOR("view=3 columns=8 windows=1 to=0x40 " STRIDES), "vector: rows is 0");
  expect_vector(VECTOR("view=3 rows=4 windows=1 to=0x40 " STRIDES), "vector: columns is 0");
  expect_vector(VECTOR("view=3 rows=4 columns=8 to=0x40 " STRIDES), "vector: windows is 0");
  expect_vector(VECTOR("view=3 rows=4 columns=4 windows=2 to=0x40 " STRIDES),
                "vector: 2 windows and nothing that joins them");
  expect_vector(
      "pipeline source=s8 result=s8 join=add\n" VECTOR("view=3 rows=4 columns=4 windows=3 to=0x40 " STRIDES),
      "vector: 3 windows of 4 columns of a view of 8");
  expect_vector(VECTOR("view=3 rows=5 columns=8 windows=1 to=0x40 " STRIDES),
                "vector: rows 0 to 4 of a view of 4");
  expect_vector(VECTOR("view=2 rows=4 columns=8 windows=1 to=0x40 " STRIDES), "vector: view 2 is not set");
  expect_vector(VECTOR("to=31 " WHOLE),
                "vector: writes bytes 31 to 32 of the unified buffer, which it reads");
  expect_vector(VECTOR("to=1 " WHOLE), "vector: writes bytes 1 to 32 of the unified buffer, which it reads");
  expect_vector(
      "pipeline source=s8 result=s8 operand=add second=s8 rounds=1\n"
      "wait dma0=1 vector second=1 second_row_stride=8 second_column_stride=1 base=0 to=0x40 " WHOLE,
      "vector: reads bytes 32 to 33 of the unified buffer, which nothing has written");
  expect_vector("pipeline source=s8 result=s8 by_row=1 has_scale=1 scale=8 rounds=1\n" VECTOR("to=16 " WHOLE),
                "vector: writes bytes 16 to 24 of the unified buffer, which it reads");
  expect_vector("pipeline source=s8 result=s8 has_table=1 table=0\n" VECTOR("to=0x40 " WHOLE),
                "vector: reads bytes 32 to 256 of the unified buffer, which nothing has written");
}

/* Behind the good stream's vector, and what it wrote is written out when it has ended. */
#define SECOND(what) what "\nwait vector=2 write_host channel=1 from=0x40 to=0x40 bytes=32 rows=1"

/* In place means each element over itself, of the view or the second source. */
Test(verify, vectors_in_place) {
  expect_good_of(vectors, "write_host", SECOND("vector second=0 base=0x40 to=0x40 " WHOLE));
  expect_good_of(
      vectors, "write_host",
      SECOND("pipeline source=s8 result=s8 operand=add second=s8 rounds=1\n"
             "vector second=0x40 second_row_stride=8 second_column_stride=1 base=0 to=0x40 " WHOLE));
  expect_of(vectors, "write_host",
            SECOND("pipeline source=s8 result=s8 operand=add second=s8 rounds=1\n"
                   "vector second=0x47 second_row_stride=8 second_column_stride=-1 base=0 to=0x40 " WHOLE),
            "vector: writes bytes 64 to 96 of the unified buffer, which it reads");
  expect_of(vectors, "write_host",
            SECOND("pipeline source=s16 result=s8\nvector second=0 base=0x40 to=0x40 view=3 rows=2 "
                   "columns=4 windows=1 " STRIDES),
            "vector: writes bytes 64 to 68 of the unified buffer, which it reads");
}

/* The hulls of what is read and written meet, the bytes do not: columns 0 to 3 become columns 4 to 7. */
Test(verify, vectors_between_each_other) {
  expect_good_of(vectors, "write_host",
                 SECOND("vector second=0 base=0x40 to=0x44 view=3 rows=4 columns=4 windows=1 " STRIDES));
}

Test(verify, pieces_have_a_limit) {
  expect_vector("view view=3 row_dims=1 column_dims=1 size=700000,1,1,1,2,1,1,1 stride=0,0,0,0,1\n" VECTOR(
                    "view=3 rows=700000 columns=2 windows=1 to=0x40 row_stride=4 column_stride=2"),
                "vector: writes more than 1048576 pieces of the unified buffer");
#define SPREAD VECTOR("view=3 rows=500000 columns=2 windows=1 to=0x40 row_stride=4 column_stride=2") "\n"
  expect_vector(
      "view view=3 row_dims=1 column_dims=1 size=500000,1,1,1,2,1,1,1 stride=0,0,0,0,1\n" SPREAD SPREAD SPREAD
          SPREAD SPREAD,
      "vector: the stream's 11 instructions touch more pieces than can be followed");
}

Test(verify, work_has_a_limit) {
  expect_vector("read_weights type=s8 from=0 rows=1 columns=1 repeat=4294967295\n"
                "view view=0 row_dims=1 column_dims=1 size=2147483647,1,1,1,1,1,1,1\n"
                "matmul type=s8 view=0 rows=2147483647 base=0 repeat=4294967295",
                "stream: its work takes more cycles than can be counted");
}

/* ---- tiles of one matmul, order in each memory ---- */

#define TILE(type, rows, columns)                                                                            \
  "read_weights type=" type " from=0 row_stride=4 column_stride=1 rows=" #rows " columns=" #columns          \
  " repeat=1\n"

/* Two tiles of their own instead of the good stream's two of one instruction. */
static void expect_tiles(const char *tiles, const char *matmul, const char *message) {
  char *text = spoil(good, "read_weights", tiles), *other = spoil(text, "operand", "operand = s8, bf16");
  char *spoilt = spoil(other, "matmul", matmul);
  heard h = verify(spoilt);
  free(text);
  free(other);
  free(spoilt);
  cr_expect_eq(h.count, *message != 0, "%s: %d messages", matmul, h.count);
  cr_expect(!strncmp(h.first, message, strlen(message)), "%s: '%s' instead of '%s'", matmul, h.first,
            message);
}

Test(verify, tiles_of_one_product) {
  const char *weight = "wait dma0=1 matmul type=s8 then_accumulate=1 rows=4 repeat=2 column_step=4";
  const char *output =
      "wait dma0=1 matmul dataflow=output type=s8 then_accumulate=1 rows=4 repeat=2 column_step=4";
  const char *input = "wait dma0=1 matmul dataflow=input type=s8 rows=4 repeat=2 accumulator_step=4";
  expect_tiles(TILE("s8", 4, 4) TILE("s8", 3, 4), weight, "");
  expect_tiles(TILE("s8", 4, 4) TILE("s8", 3, 4), output, "");
  expect_tiles(TILE("s8", 4, 4) TILE("s8", 4, 3), input, "");
  expect_tiles(TILE("s8", 4, 4) TILE("bf16", 4, 2), weight, "matmul: the array does not multiply s8 by bf16");
  expect_tiles(TILE("s8", 4, 4) TILE("s8", 4, 3), output,
               "matmul: takes tiles of 4 and of 3 columns, output stationary");
  expect_tiles(TILE("s8", 4, 4) TILE("s8", 3, 4), input,
               "matmul: takes tiles of 4 and of 3 rows, input stationary");
  expect_tiles(TILE("s8", 4, 3) TILE("s8", 4, 4), weight,
               "matmul: adds to 4 columns of accumulator row 0, which holds 3");
}

/* What was read may not be written over before it has been. */
Test(verify, order_of_reads_and_writes) {
  expect_good("halt", "wait matrix=1 read_host channel=0 from=0 to=0 bytes=32 rows=1\nhalt");
  expect("halt", "read_host channel=0 from=0 to=0 bytes=32 rows=1\nhalt",
         "read_host: writes bytes 0 to 4 of the unified buffer, and nothing orders it behind instruction 5 "
         "(matmul matrix=1)");
  expect_good("halt",
              "wait matrix=1 store channel=0 from=0 to=0 bytes=32 rows=1\nhalt"); /* its tiles were read */
  expect("halt", "wait dma0=1 store channel=0 from=0 to=0 bytes=32 rows=1\nhalt",
         "store: writes bytes 0 to 32 of DRAM, and nothing orders it behind instruction 4 (read_weights "
         "weights=1)");
  expect("halt", TILE("s8", 4, 4) "matmul type=s8 rows=4 repeat=1\nhalt",
         "matmul: writes rows 0 to 4 of the accumulators, and nothing orders it behind instruction 6 "
         "(activate vector=1)");
  expect_good("halt", TILE("s8", 4, 4) "wait vector=1 matmul type=s8 rows=4 repeat=1\nhalt");
  expect("halt", TILE("s8", 4, 4) "matmul type=s8 accumulate=1 rows=4 repeat=1\nhalt",
         "matmul: adds to rows 0 to 4 of the accumulators, and nothing orders it behind instruction 6 "
         "(activate vector=1)");
}
