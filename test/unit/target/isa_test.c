/* Instructions as bytes and as text.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "test/unit/target/support.h"

enum { ROUNDS = 20000 };

static void expect_same_bytes(const tn_instruction *a, const tn_instruction *b) {
  tn_text first = {0}, second = {0};
  tn_isa_encode(&first, a);
  tn_isa_encode(&second, b);
  cr_assert_eq(first.length, second.length);
  cr_assert_eq(memcmp(first.bytes, second.bytes, first.length), 0);
  tn_text_free(&first);
  tn_text_free(&second);
}

Test(isa, decode_of_encode) {
  test_random random = {1};
  for (int round = 0; round < ROUNDS; round++) {
    tn_instruction instruction, again;
    tn_text bytes = {0};
    random_instruction(&random, &instruction);
    tn_text_put(&bytes, "xyz"); /* an instruction may begin anywhere */
    tn_isa_encode(&bytes, &instruction);
    size_t at = 3;
    cr_assert_null(tn_isa_decode((tn_str){bytes.bytes, bytes.length}, &at, &again));
    cr_assert_eq(at, bytes.length);
    cr_assert_eq(again.op, instruction.op);
    cr_assert_eq(again.waits, instruction.waits);
    cr_assert_eq(memcmp(again.wait, instruction.wait, sizeof again.wait), 0);
    expect_same_bytes(&instruction, &again);
    tn_text_free(&bytes);
  }
}

Test(isa, parse_of_print) {
  test_random random = {2};
  tn_arena *arena = tn_arena_create();
  for (int round = 0; round < ROUNDS; round++) {
    tn_instruction instruction, again;
    tn_text text = {0};
    size_t at;
    random_instruction(&random, &instruction);
    tn_isa_print(&text, &instruction);
    const char *error = tn_isa_parse(arena, (tn_str){text.bytes, text.length}, &again, &at);
    cr_assert_null(error, "%s: %s", text.bytes, error);
    cr_assert_eq(again.op, instruction.op);
    expect_same_bytes(&instruction, &again);
    tn_text_free(&text);
    tn_arena_reset(arena);
  }
  tn_arena_destroy(arena);
}

/* Any bytes that decode are what their instruction encodes to; no byte behind the end is read. */
Test(isa, encode_of_decode) {
  test_random random = {3};
  int decoded = 0;
  for (int round = 0; round < ROUNDS; round++) {
    tn_instruction instruction;
    size_t length = next_below(&random, 200), at = 0;
    char *bytes = tn_malloc(length + 1);
    for (size_t i = 0; i < length; i++) bytes[i] = (char)next_bits(&random);
    if (length) bytes[0] = (char)next_below(&random, 70);
    bytes = tn_realloc(bytes, length ? length : 1);
    const char *error = tn_isa_decode((tn_str){bytes, length}, &at, &instruction);
    if (error) {
      cr_assert_eq(at, 0);
    } else {
      tn_text again = {0};
      tn_isa_encode(&again, &instruction);
      cr_assert_eq(again.length, at);
      cr_assert_eq(memcmp(again.bytes, bytes, at), 0);
      tn_text_free(&again);
      decoded++;
    }
    free(bytes);
  }
  cr_assert_gt(decoded, ROUNDS / 20);
}

Test(isa, cut_off) {
  test_random random = {4};
  for (int round = 0; round < 200; round++) {
    tn_instruction instruction, again;
    tn_text bytes = {0};
    random_instruction(&random, &instruction);
    tn_isa_encode(&bytes, &instruction);
    for (size_t length = 0; length < bytes.length; length++) {
      size_t at = 0;
      char *copy = memcpy(tn_malloc(length + 1), bytes.bytes, length);
      copy = tn_realloc(copy, length ? length : 1);
      const char *error = tn_isa_decode((tn_str){copy, length}, &at, &again);
      cr_assert_str_eq(error, "the instruction is cut off");
      free(copy);
    }
    tn_text_free(&bytes);
  }
}

Test(isa, table) {
  for (int op = 0; op < TN_ISA_COUNT; op++) {
    const tn_isa_row *row = tn_isa_row_of((tn_isa_op)op);
    cr_assert_leq(row->n_fields, 32); /* the parser counts them in 32 bits */
    for (int other = 0; other < op; other++) {
      cr_assert_neq(tn_isa_row_of((tn_isa_op)other)->code, row->code);
      cr_assert_str_neq(tn_isa_row_of((tn_isa_op)other)->name, row->name);
    }
    for (int f = 0; f < row->n_fields; f++)
      for (int other = 0; other < f; other++) cr_assert_str_neq(row->fields[f].name, row->fields[other].name);
    if (row->unit == TN_UNIT_CLASS_DMA) cr_assert_str_eq(row->fields[0].name, "channel");
  }
}

Test(isa, units) {
  tn_instruction instruction = {.op = TN_ISA_LOAD};
  instruction.LOAD.channel = 3;
  cr_assert_eq(tn_instruction_unit(&instruction), TN_UNIT_DMA3);
  instruction.LOAD.channel = 200; /* no channel; some unit of the DMA */
  cr_assert_eq(tn_instruction_unit(&instruction), TN_UNIT_DMA0);
  cr_assert_eq(tn_instruction_unit(&(tn_instruction){.op = TN_ISA_VECTOR}), TN_UNIT_VECTOR);
  cr_assert_eq(tn_instruction_unit(&(tn_instruction){.op = TN_ISA_HALT}), TN_UNIT_CONTROL);
}

static void expect_text(const char *line, const char *printed) {
  tn_arena *arena = tn_arena_create();
  tn_instruction instruction;
  tn_text text = {0};
  size_t at;
  const char *error = tn_isa_parse(arena, str_of(line), &instruction, &at);
  if (!error) tn_isa_print(&text, &instruction);
  cr_assert_str_eq(error ? error : text.bytes, printed);
  tn_text_free(&text);
  tn_arena_destroy(arena);
}

Test(isa, text) {
  expect_text("nop", "nop");
  expect_text("\twait  vector=0x10 control=4294967295\t halt ", "wait control=4294967295 vector=16 halt");
  expect_text("view step=0,0,0,0,0,0,0,0,-1 view=2", "view view=2 step=0,0,0,0,0,0,0,0,-1");
  expect_text("view size=0", "view view=0");
  expect_text("load channel=1 from=18446744073709551615 to_stride=-9223372036854775808",
              "load channel=1 from=0xffffffffffffffff to=0x0 to_stride=-9223372036854775808");
  expect_text("pipeline low=-inf high=nan source=200 join=maximum",
              "pipeline source=200 join=maximum low=-inf high=nan");
}

Test(isa, text_errors) {
  expect_text("", "expected an instruction");
  expect_text("  wait ", "wait: expected UNIT=COUNT");
  expect_text("wait dma0=4294967296 nop", "wait: '4294967296' is not a number of type u32");
  expect_text("load bytes=", "bytes: '' is not a number of type u32");
  expect_text("load bytes=0x", "bytes: '0x' is not a number of type u32");
  expect_text("load bytes=12a", "bytes: '12a' is not a number of type u32");
  expect_text("load =12", "unknown field ''");
  expect_text("read_weights rows=65536", "rows: '65536' is not a number of type u16");
  expect_text("read_weights repeat=-1", "repeat: '-1' is not a number of type u32");
  expect_text("matmul dataflow=3 accumulator=-1", "accumulator: '-1' is not a number of type u32");
  expect_text("pipeline low=1e", "low: '1e' is not a number of type f32");
  expect_text("pipeline low=", "low: '' is not a number of type f32");
  expect_text("pipeline low=1,2", "low: more than 1 value");
  expect_text("view size=1,,2", "size: '' is not a number of type u32");
}
