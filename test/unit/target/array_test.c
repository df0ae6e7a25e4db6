/* Target files of arrays.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "test/unit/target/support.h"

static tn_systolic_target *parse(tn_arena *arena, const char *text) {
  messages kept;
  collect(&kept);
  tn_systolic_target *array = tn_systolic_target_parse(arena, &kept.sink, "t.target", str_of(text));
  cr_assert_not_null(array, "%s", kept.text.bytes);
  return array;
}

static void expect_fixed_point(tn_arena *arena, const tn_systolic_target *array) {
  tn_text text = {0}, again = {0};
  tn_systolic_target_print(&text, array);
  tn_systolic_target *parsed = parse(arena, text.bytes);
  tn_systolic_target_print(&again, parsed);
  cr_assert_str_eq(again.bytes, text.bytes);
  tn_text_free(&text);
  tn_text_free(&again);
}

Test(array, defaults) {
  tn_arena *arena = tn_arena_create();
  tn_systolic_target *array = parse(arena, "rows = 8\ncolumns = 4");
  cr_assert_eq(array->rows, 8);
  cr_assert_eq(array->columns, 4);
  cr_assert_eq(array->dataflows, 1u << TN_DATAFLOW_WEIGHT);
  cr_assert_eq(array->n_types, 1);
  cr_assert(array->types[0].x == TN_S8 && array->types[0].w == TN_S8 && array->types[0].cycles == 1);
  cr_assert(array->weight_double_buffer && array->packing && !array->whole_weight_tiles);
  cr_assert_eq(array->dram_bytes, TN_SYSTOLIC_UNBOUNDED);
  expect_fixed_point(arena, array);
  tn_arena_destroy(arena);
}

Test(array, what_follows) {
  tn_arena *arena = tn_arena_create();
  tn_systolic_target *array =
      parse(arena, "rows=8\r\ncolumns=4\r\nclock_mhz=500\noperand=s8*s16:2, bf16\naccumulator_kib=1\n");
  cr_assert_eq(tn_systolic_accumulator_rows(array), 64);
  cr_assert_eq(tn_systolic_tile_bytes(array, TN_S16), 64);
  cr_assert_eq(tn_systolic_bytes_per_cycle(array, 16), 32);
  cr_assert_eq(tn_systolic_bytes_per_cycle(array, HUGE_VAL), HUGE_VAL);
  cr_assert_eq(tn_systolic_find_type(array, TN_S8, TN_S16)->cycles, 2);
  cr_assert_null(tn_systolic_find_type(array, TN_S16, TN_S8));
  cr_assert_eq(tn_systolic_sum_type(TN_BF16), TN_F32);
  cr_assert_eq(tn_systolic_sum_type(TN_S8), TN_S32);
  array->accumulator_bytes = TN_SYSTOLIC_UNBOUNDED;
  cr_assert_eq(tn_systolic_accumulator_rows(array), TN_SYSTOLIC_UNBOUNDED);
  tn_arena_destroy(arena);
}

static void expect_set(tn_systolic_target *array, const char *assignment, const char *message) {
  messages kept;
  collect(&kept);
  bool done = tn_systolic_target_set(array, &kept.sink, str_of(assignment));
  cr_assert_eq(done, message == NULL);
  cr_assert_eq(kept.sink.status, message ? TN_USAGE : TN_OK);
  if (message) cr_assert_str_eq(kept.text.bytes, message);
  tn_text_free(&kept.text);
}

Test(array, set) {
  tn_arena *arena = tn_arena_create();
  tn_systolic_target *array = parse(arena, "rows=16\ncolumns=16");
  expect_set(array, "rows=32", NULL);
  expect_set(array, " columns = 8 ", NULL);
  expect_set(array, "weight_double_buffer=no", NULL);
  expect_set(array, "dram_gb_s=inf", NULL);
  expect_set(array, "host_gb_s=1.5", NULL);
  expect_set(array, "unified_buffer_kib=inf", NULL);
  expect_set(array, "accumulator_kib=inf", NULL);
  expect_set(array, "packing=no", NULL);
  expect_set(array, "weight_fifo_tiles=2", NULL);
  expect_set(array, "operand=f16", NULL);
  expect_set(array, "dataflow=any", NULL);
  cr_assert(array->rows == 32 && array->columns == 8 && !array->weight_double_buffer && !array->packing);
  cr_assert(array->dram_gb_s == HUGE_VAL && array->host_gb_s == 1.5 && array->weight_fifo_tiles == 2);
  cr_assert(array->unified_buffer_bytes == TN_SYSTOLIC_UNBOUNDED && array->types[0].x == TN_F16);
  cr_assert_eq(array->dataflows, 7u);
  expect_set(array, "dataflow=output", NULL);
  cr_assert_eq(array->dataflows, 1u << TN_DATAFLOW_OUTPUT);
  expect_fixed_point(arena, array);
  expect_set(array, "rows", "error: 'rows' is not KEY=VALUE\n");
  expect_set(array, "dram_gbs=3", "error: unknown key 'dram_gbs'; did you mean 'dram_gb_s'?\n");
  expect_set(array, "rows=many", "error: rows: 'many' is not a whole number from 1 to 4096\n");
  expect_set(array, "rows=1e3", NULL);
  expect_set(array, "=3", "error: unknown key ''\n");
  tn_arena_destroy(arena);
}

Test(array, check_after_set) {
  tn_arena *arena = tn_arena_create();
  messages kept;
  collect(&kept);
  tn_systolic_target *array = parse(arena, "rows=16\ncolumns=16");
  cr_assert(tn_systolic_target_check(array, &kept.sink));
  expect_set(array, "accumulator_kib=0.03125", NULL);
  cr_assert_not(tn_systolic_target_check(array, &kept.sink));
  cr_assert_str_eq(kept.text.bytes,
                   "error: accumulator_kib: 32 bytes do not hold a row of 16 sums of 4 bytes\n");
  tn_text_free(&kept.text);
  tn_arena_destroy(arena);
}

Test(array, random_keys_round_trip) {
  static const char *const values[][2] = {{"dataflow", "weight,input"},
                                          {"operand", "u8*s8:3,f32,bf16*f16"},
                                          {"clock_mhz", "0.1"},
                                          {"dram_gb_s", "0.30000000000000004"},
                                          {"host_gb_s", "inf"},
                                          {"unified_buffer_kib", "100.5"},
                                          {"accumulator_kib", "inf"},
                                          {"dram_mib", "3.25"},
                                          {"vector_functions", "negate, abs"},
                                          {"mac_pj", "1e-3"},
                                          {"dram_latency_ns", "-0"},
                                          {"name", "a-b_c.9"}};
  test_random random = {1};
  tn_arena *arena = tn_arena_create();
  for (int round = 0; round < 500; round++) {
    tn_systolic_target *array = parse(arena, "rows=3\ncolumns=5");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
      char assignment[64];
      snprintf(assignment, sizeof assignment, "%s=%s", values[i][0], values[i][1]);
      if (next_below(&random, 2)) expect_set(array, assignment, NULL);
    }
    expect_fixed_point(arena, array);
    tn_arena_reset(arena);
  }
  tn_arena_destroy(arena);
}

/* Whatever stands in a file, it is told or taken; nothing behind its end is read. */
Test(array, mutated_files) {
  test_random random = {2};
  tn_arena *arena = tn_arena_create();
  tn_text text = {0};
  tn_systolic_target_print(&text, parse(arena, "rows=3\ncolumns=5\noperand=s8,s8*s16:2"));
  for (int round = 0; round < 5000; round++) {
    messages kept;
    collect(&kept);
    size_t length = next_below(&random, 8) ? text.length : next_below(&random, text.length);
    char *copy = memcpy(tn_malloc(length + 1), text.bytes, length);
    if (length) copy[next_below(&random, length)] = (char)next_bits(&random);
    copy = tn_realloc(copy, length ? length : 1);
    tn_systolic_target *array =
        tn_systolic_target_parse(arena, &kept.sink, "t.target", (tn_str){copy, length});
    cr_assert_eq(array == NULL, kept.sink.errors > 0);
    if (array) expect_fixed_point(arena, array);
    free(copy);
    tn_text_free(&kept.text);
  }
  tn_text_free(&text);
  tn_arena_destroy(arena);
}

Test(array, shipped) {
  static const char *const names[] = {"tpu-v1", "tpu-v2", "gemmini", "edge"};
  const char *source = getenv("TENON_SOURCE");
  if (!source) cr_skip_test("TENON_SOURCE is not set");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    tn_arena *arena = tn_arena_create();
    messages kept;
    collect(&kept);
    tn_str text;
    const char *path = tn_arena_printf(arena, "%s/examples/targets/%s.target", source, names[i]);
    cr_assert(tn_file_map(arena, &kept.sink, path, 1 << 20, &text), "%s", kept.text.bytes);
    tn_systolic_target *array = tn_systolic_target_parse(arena, &kept.sink, path, text);
    cr_assert_not_null(array, "%s", kept.text.bytes);
    cr_assert_str_eq(array->name, names[i]);
    expect_fixed_point(arena, array);
    tn_arena_destroy(arena);
  }
}
