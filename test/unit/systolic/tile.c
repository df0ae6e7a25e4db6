/* Streams of small modules: how they are cut, what waits for what.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "codegen/systolic/builder.h"
#include "codegen/systolic/room.h"

static const char dot_hlo[] = "HloModule m\n"
                              "ENTRY e {\n"
                              "  x = s8[20,40] parameter(0)\n"
                              "  w = s8[40,24] parameter(1)\n"
                              "  ROOT d = s32[20,24] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n"
                              "}\n";

Test(tile, one_product) {
  test_machine m = open_machine(dot_hlo, "rows = 16\ncolumns = 16\n");
  tn_systolic_program *program = program_of(&m);
  cr_assert(program, "%s", m.messages);
  cr_assert_eq(count_of(program->stream, TN_ISA_MATMUL), 2); /* one a column of tiles */
  cr_assert_geq(count_of(program->stream, TN_ISA_HOST_TO_DRAM), 1); /* a parameter */
  close_machine(&m);
}

static bool is_verified(test_machine *m, const tn_stream *stream) {
  return tn_stream_verify(stream, "test.tns", &m->sink);
}

/* What does not fit comes in blocks: more products, still a stream that says one thing. */
Test(tile, small_memories) {
  static const char *const keys[] = {
      "unified_buffer_kib = 1\naccumulator_kib = 1\n",
      "unified_buffer_kib = 1\naccumulator_kib = 1\ndataflow = output\n",
      "unified_buffer_kib = 1\naccumulator_kib = 1\ndataflow = input\ndma_channels = 1\n"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    char text[200];
    snprintf(text, sizeof text, "rows = 16\ncolumns = 16\n%s", keys[i]);
    test_machine m = open_machine(dot_hlo, text);
    tn_systolic_program *program = program_of(&m);
    cr_assert(program, "%s", m.messages);
    cr_assert_gt(count_of(program->stream, TN_ISA_MATMUL), 2);
    cr_assert(is_verified(&m, program->stream));
    close_machine(&m);
  }
}

/* Rows that do not fit come in parts: of sums, which wait in the accumulators, and of columns. */
Test(tile, columns) {
  static const char hlo[] = "HloModule m\n"
                            "ENTRY e {\n"
                            "  x = s8[20,3000] parameter(0)\n"
                            "  w = s8[3000,400] parameter(1)\n"
                            "  ROOT d = s32[20,400] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n"
                            "}\n";
  for (int d = 0; d < TN_DATAFLOWS; d++) {
    char text[200];
    snprintf(text, sizeof text, "rows = 16\ncolumns = 16\nunified_buffer_kib = 1\naccumulator_kib = 1\ndataflow = %s\n",
             tn_dataflow_name((tn_dataflow)d));
    test_machine m = open_machine(hlo, text);
    tn_systolic_program *program = program_of(&m);
    cr_assert(program, "%s", m.messages);
    cr_assert(is_verified(&m, program->stream), "%s", m.messages);
    bool adds = false, strided = false;
    for (int64_t i = 0; i < program->stream->count; i++) {
      const tn_instruction *is = &program->stream->instructions[i];
      adds = adds || (is->op == TN_ISA_MATMUL && is->MATMUL.accumulate);
      strided = strided || (is->op == TN_ISA_WRITE_HOST && is->WRITE_HOST.to_stride == 1600);
    }
    cr_assert(adds && strided, "%s", tn_dataflow_name((tn_dataflow)d));
    cr_assert(program->placements[0].on_array);
    close_machine(&m);
  }
}

static tn_instruction vector_instruction(void) { return tn_instruction_of(TN_ISA_VECTOR); }

/* A write waits for readers of other units; what a wait brings along is not waited for again. */
Test(builder, waits) {
  tn_arena *arena = tn_arena_create();
  tn_builder *b = tn_builder_create(arena);
  tn_instruction load = tn_instruction_of(TN_ISA_LOAD), matmul = tn_instruction_of(TN_ISA_MATMUL),
                 vector = vector_instruction(), store = tn_instruction_of(TN_ISA_STORE);
  store.STORE.channel = 1;
  tn_builder_add(b, &load, 1, &(tn_reach){TN_SPACE_BUFFER, true, 0, 64});
  tn_builder_add(b, &matmul, 2, (tn_reach[]){{TN_SPACE_BUFFER, false, 32, 40}, {TN_SPACE_ACCUMULATORS, true, 0, 8}});
  tn_builder_add(b, &vector, 2, (tn_reach[]){{TN_SPACE_ACCUMULATORS, false, 0, 8}, {TN_SPACE_BUFFER, true, 0, 16}});
  tn_builder_add(b, &store, 1, &(tn_reach){TN_SPACE_BUFFER, false, 0, 64});
  tn_builder_add(b, &load, 1, &(tn_reach){TN_SPACE_BUFFER, true, 64, 128});
  int64_t count;
  const tn_instruction *i = tn_builder_instructions(b, &count);
  cr_assert_eq(count, 5);
  cr_assert_eq(i[0].waits, 0);
  cr_assert_eq(i[1].waits, 1 << TN_UNIT_DMA0);
  cr_assert_eq(i[1].wait[TN_UNIT_DMA0], 1);
  cr_assert_eq(i[2].waits, 1 << TN_UNIT_MATRIX, "the load is done when the product is");
  cr_assert_eq(i[3].waits, 1 << TN_UNIT_VECTOR);
  cr_assert_eq(i[4].waits, 0, "other bytes");
  tn_arena_destroy(arena);
}

Test(room, best_fit) {
  tn_arena *arena = tn_arena_create();
  tn_room room;
  tn_room_open(&room, arena, 1024);
  int64_t a = tn_room_take(&room, 100), b = tn_room_take(&room, 64), c = tn_room_take(&room, 200);
  cr_assert_eq(a, 0);
  cr_assert_eq(b, 112);
  cr_assert_eq(c, 176);
  tn_room_give(&room, b, 64);
  cr_assert_eq(tn_room_take(&room, 60), b, "the smallest hole");
  tn_room_give(&room, a, 100);
  tn_room_give(&room, b, 60);
  cr_assert_eq(tn_room_take(&room, 170), a, "neighbours are one hole");
  cr_assert_eq(tn_room_take(&room, 1024), -1);
  tn_arena_destroy(arena);
}
