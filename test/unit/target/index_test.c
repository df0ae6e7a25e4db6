/* A stream by unit, and what instructions have in common.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "target/stream_index.h"

#include <criterion/criterion.h>

#include "target/isa_table.h"
#include "test/unit/target/support.h"

static const char text[] = ".tns 2\n"
                           ".name \"index\"\n"
                           ".target\n"
                           "rows = 4\n"
                           "columns = 4\n"
                           "unified_buffer_kib = 1\n"
                           "accumulator_kib = 1\n"
                           ".end\n"
                           "load channel=1 from=0 to=0\n"                         /* 0 */
                           "read_weights from=0 repeat=3\n"                       /* 1 */
                           "matmul dataflow=weight view=2 base=0 accumulator=0\n" /* 2: no view yet */
                           "view view=2\n"                                        /* 3 */
                           "layer layer=7\n"                                      /* 4 */
                           "load channel=1 from=0 to=0\n"                         /* 5 */
                           "read_weights from=16 repeat=2\n"                      /* 6 */
                           "matmul dataflow=weight view=2 base=0 accumulator=0\n" /* 7 */
                           "pipeline source=s32 result=s8\n"                      /* 8 */
                           "activate accumulator=0 second=0 to=0\n"               /* 9 */
                           "vector view=255 base=0 second=0 to=0\n"               /* 10: no such view */
                           "halt\n";

Test(index, units_and_what_is_bound) {
  messages heard = {0};
  collect(&heard);
  tn_arena *arena = tn_arena_create();
  tn_stream *stream = tn_stream_parse(arena, &heard.sink, "test", str_of(text));
  cr_assert(stream, "%s", heard.text.bytes);
  tn_stream_index index = tn_stream_index_of(arena, stream);
  cr_assert_eq(index.count[TN_UNIT_DMA1], 2);
  cr_assert_eq(index.unit[TN_UNIT_DMA1][1], 5);
  cr_assert_eq(index.number[5], 2);
  cr_assert_eq(index.count[TN_UNIT_DMA0], 0);
  cr_assert_null(tn_index_nth(&index, TN_UNIT_DMA1, 2));
  cr_assert_eq(tn_index_nth(&index, TN_UNIT_MATRIX, 1), &stream->instructions[7]);
  cr_assert_null(index.view[2]);
  cr_assert_eq(index.view[7], &stream->instructions[3]);
  cr_assert_null(index.view[10]);
  cr_assert_eq(index.pipeline[9], &stream->instructions[8]);
  cr_assert_null(index.pipeline[7], "a product has none");
  cr_assert_eq(index.layer[3], -1);
  cr_assert_eq(index.layer[9], 7);
  tn_arena_destroy(arena);
}

Test(index, tiles_in_the_order_of_the_fifo) {
  messages heard = {0};
  collect(&heard);
  tn_arena *arena = tn_arena_create();
  tn_stream *stream = tn_stream_parse(arena, &heard.sink, "test", str_of(text));
  tn_stream_index index = tn_stream_index_of(arena, stream);
  tn_tile_cursor cursor = {0};
  uint32_t count;
  cr_assert_eq(tn_index_take_tiles(&index, &cursor, 2, &count), &stream->instructions[1]);
  cr_assert_eq(count, 2);
  cr_assert_eq(tn_index_take_tiles(&index, &cursor, 5, &count), &stream->instructions[1]);
  cr_assert_eq(count, 1, "the next is another's");
  cr_assert_eq(cursor.read, 1);
  cr_assert_eq(tn_index_take_tiles(&index, &cursor, 5, &count), &stream->instructions[6]);
  cr_assert_eq(count, 2);
  cr_assert_eq(cursor.read, 2);
  tn_arena_destroy(arena);
}

static void expect_same(const tn_instruction *got, const tn_instruction *expected) {
  tn_text a = {0}, b = {0};
  tn_isa_print(&a, got);
  tn_isa_print(&b, expected);
  cr_assert_str_eq(a.bytes, b.bytes);
  tn_text_free(&a);
  tn_text_free(&b);
}

/* What is taken out and put into an empty one is all of it. */
Test(isa, what_instructions_have_in_common) {
  test_random random = {1};
  int transfers = 0, results = 0;
  for (int i = 0; i < 2000; i++) {
    tn_instruction drawn, made = tn_instruction_of(TN_ISA_NOP);
    random_instruction(&random, &drawn);
    tn_transfer transfer;
    tn_vector_result result;
    cr_assert_eq(tn_isa_transfer(&drawn, &transfer), tn_isa_row_of(drawn.op)->unit == TN_UNIT_CLASS_DMA);
    if (tn_isa_transfer(&drawn, &transfer)) {
      made.waits = drawn.waits;
      memcpy(made.wait, drawn.wait, sizeof made.wait);
      tn_isa_set_transfer(&made, &transfer);
      expect_same(&made, &drawn);
      transfers++;
    }
    if (tn_isa_vector_result(&drawn, &result)) {
      made = drawn;
      if (drawn.op == TN_ISA_ACTIVATE) made.ACTIVATE = tn_instruction_of(TN_ISA_ACTIVATE).ACTIVATE;
      if (drawn.op == TN_ISA_ACTIVATE) made.ACTIVATE.accumulator = drawn.ACTIVATE.accumulator;
      tn_isa_set_vector_result(&made, &result);
      expect_same(&made, &drawn);
      cr_assert(drawn.op == TN_ISA_VECTOR || result.windows == 1);
      results++;
    }
  }
  cr_assert(transfers > 100 && results > 100);
}
