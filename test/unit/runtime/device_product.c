/* Products on the device against loops: values in all dataflows and types, cycles by the closed forms.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/number.h"
#include "streams.h"

static uint64_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

static int64_t up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* ---- values ---- */

static void fill(tn_type type, uint8_t *to, int64_t count, uint64_t *seed) {
  size_t width = tn_type_bytes(type);
  for (int64_t i = 0; i < count; i++) {
    uint64_t r = next_random(seed);
    if (tn_type_is_float(type))
      tn_store_float(type, to + (size_t)i * width, ((double)(r % 2001) - 1000) / 256);
    else
      tn_store_integer(type, to + (size_t)i * width, (int64_t)r - (1 << 30));
  }
}

/* The chain that the array adds: for weights and input in pieces of `piece` rows, else one. */
static float float_sum(const test_product *p, const uint8_t *x, const uint8_t *w, int64_t m, int64_t n,
                       int64_t piece) {
  size_t xw = tn_type_bytes(p->x), ww = tn_type_bytes(p->w);
  float sum = 0;
  for (int64_t from = 0; from < p->k; from += piece) {
    float chain = 0;
    for (int64_t k = from; k < from + piece && k < p->k; k++) {
      volatile float product = (float)tn_load_float(p->x, x + (size_t)(m * p->k + k) * xw) *
                               (float)tn_load_float(p->w, w + (size_t)(k * p->n + n) * ww);
      chain = chain + product;
    }
    sum = from ? sum + chain : chain;
  }
  return sum;
}

static uint32_t integer_sum(const test_product *p, const uint8_t *x, const uint8_t *w, int64_t m, int64_t n) {
  size_t xw = tn_type_bytes(p->x), ww = tn_type_bytes(p->w);
  uint32_t sum = 0;
  for (int64_t k = 0; k < p->k; k++)
    sum += (uint32_t)tn_load_integer(p->x, x + (size_t)(m * p->k + k) * xw) *
           (uint32_t)tn_load_integer(p->w, w + (size_t)(k * p->n + n) * ww);
  return sum;
}

static void check_values(const tn_systolic_target *target, const test_product *p, uint64_t seed) {
  tn_arena *arena = tn_arena_create();
  uint8_t *x = tn_arena_alloc(arena, (size_t)(p->m * p->k) * 4),
          *w = tn_arena_alloc(arena, (size_t)(p->k * p->n) * 4);
  uint32_t *y = TN_NEW_ARRAY(arena, uint32_t, p->m * p->n);
  fill(p->x, x, p->m * p->k, &seed);
  fill(p->w, w, p->k * p->n, &seed);
  tn_device_counters counters;
  run_stream(TN_DEVICE_FUNCTIONAL, product_stream(arena, target, p, w), x, y, &counters);
  cr_assert_eq(counters.useful_macs, p->m * p->k * p->n);
  for (int64_t m = 0; m < p->m; m++)
    for (int64_t n = 0; n < p->n; n++) {
      uint32_t wanted;
      if (tn_type_is_float(p->x)) {
        float sum = float_sum(p, x, w, m, n, p->dataflow == TN_DATAFLOW_OUTPUT ? p->k : target->rows);
        memcpy(&wanted, &sum, sizeof wanted);
      } else {
        wanted = integer_sum(p, x, w, m, n);
      }
      cr_assert_eq(y[m * p->n + n], wanted, "%s*%s %s %lldx%lldx%lld at %lld,%lld: %08x is not %08x",
                   tn_type_name(p->x), tn_type_name(p->w), tn_dataflow_name(p->dataflow), (long long)p->m,
                   (long long)p->k, (long long)p->n, (long long)m, (long long)n, y[m * p->n + n], wanted);
    }
  tn_arena_destroy(arena);
}

Test(device_product, values_of_all_types_and_dataflows) {
  static const tn_type types[][2] = {{TN_S8, TN_S8},     {TN_S8, TN_S16},  {TN_S16, TN_S16}, {TN_U8, TN_S8},
                                     {TN_BF16, TN_BF16}, {TN_F16, TN_F16}, {TN_F32, TN_F32}};
  tn_arena *arena = tn_arena_create();
  uint64_t seed = 7;
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (int d = 0; d < TN_DATAFLOWS; d++)
      for (int shape = 0; shape < 12; shape++) {
        tn_systolic_target *target = test_target(arena, "");
        target->rows = 1 + (int64_t)next_random(&seed) % 24;
        target->columns = 1 + (int64_t)next_random(&seed) % 24;
        test_product p = {.m = 1 + (int64_t)next_random(&seed) % 40,
                          .k = 1 + (int64_t)next_random(&seed) % 70,
                          .n = 1 + (int64_t)next_random(&seed) % 50,
                          .dataflow = (tn_dataflow)d,
                          .x = types[t][0],
                          .w = types[t][1],
                          .whole_rows = shape % 2};
        check_values(target, &p, seed);
      }
  tn_arena_destroy(arena);
}

/* -128 * -128 a thousand times is far beyond what f32 holds exactly in one piece of 2048. */
Test(device_product, sums_of_extremes_are_exact) {
  tn_arena *arena = tn_arena_create();
  tn_systolic_target *target = test_target(arena, "rows=2048 columns=1");
  test_product p = {.m = 1, .k = 2048, .n = 1, .x = TN_S8, .w = TN_S8};
  int8_t x[2048], w[2048];
  int32_t y;
  memset(x, -128, sizeof x);
  memset(w, -128, sizeof w);
  x[5] = 1;
  w[5] = 1;
  tn_device_counters counters;
  run_stream(TN_DEVICE_FUNCTIONAL, product_stream(arena, target, &p, w), x, &y, &counters);
  cr_assert_eq(y, 2047 * 16384 + 1);
  tn_arena_destroy(arena);
}

/* ---- cycles ---- */

static int64_t closed_form(const test_product *p, int64_t rows, int64_t columns) {
  switch (p->dataflow) {
  case TN_DATAFLOW_WEIGHT: return up(p->k, rows) * up(p->n, columns) * (2 * rows + columns + p->m - 2);
  case TN_DATAFLOW_OUTPUT: return up(p->m, rows) * up(p->n, columns) * (rows + columns + p->k - 2);
  case TN_DATAFLOW_INPUT: return up(p->k, rows) * up(p->m, columns) * (2 * rows + columns + p->n - 2);
  }
  return 0;
}

static tn_device_counters time_product(const tn_systolic_target *target, const test_product *p, int layers) {
  tn_arena *arena = tn_arena_create();
  tn_device_counters counters;
  run_stream(TN_DEVICE_TIMED, products_stream(arena, target, p, layers), NULL, NULL, &counters);
  cr_assert_eq(counters.active + counters.weight_stall + counters.weight_shift + counters.non_matrix,
               counters.cycles + 1);
  tn_arena_destroy(arena);
  return counters;
}

Test(device_time, closed_forms_less_one) {
  static const int64_t shapes[][3] = {{1024, 1024, 1024}, {200, 2048, 2048}, {96, 600, 600},
                                      {12544, 147, 64},   {3136, 576, 64},   {49, 4608, 512},
                                      {1, 2048, 1000},    {1, 1, 1},         {197, 1024, 4096},
                                      {1024, 768, 2304},  {3136, 64, 256}};
  static const int sizes[] = {8, 16, 32, 128, 256};
  tn_arena *arena = tn_arena_create();
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    tn_systolic_target *target = test_target(
        arena, tn_arena_printf(arena, "rows=%d columns=%d weight_double_buffer=no", sizes[s], sizes[s]));
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
      for (int d = 0; d < TN_DATAFLOWS; d++) {
        test_product p = {.m = shapes[i][0],
                          .k = shapes[i][1],
                          .n = shapes[i][2],
                          .dataflow = (tn_dataflow)d,
                          .x = TN_S8,
                          .w = TN_S8,
                          .whole_rows = i % 2};
        tn_device_counters counters = time_product(target, &p, 1);
        cr_assert_eq(counters.cycles, closed_form(&p, sizes[s], sizes[s]) - 1,
                     "%s %lldx%lldx%lld on %d: %lld", tn_dataflow_name(p.dataflow), (long long)p.m,
                     (long long)p.k, (long long)p.n, sizes[s], (long long)counters.cycles);
      }
  }
  tn_arena_destroy(arena);
}

Test(device_time, published_numbers) {
  tn_arena *arena = tn_arena_create();
  tn_systolic_target *target = test_target(arena, "rows=256 columns=256 weight_double_buffer=no");
  test_product square = {1024, 1024, 1024, TN_DATAFLOW_WEIGHT, TN_S8, TN_S8, true, false};
  cr_assert_eq(time_product(target, &square, 1).cycles, 28639);
  square.dataflow = TN_DATAFLOW_OUTPUT;
  cr_assert_eq(time_product(target, &square, 1).cycles, 24543);
  test_product lstm = {96, 600, 600, TN_DATAFLOW_WEIGHT, TN_S8, TN_S8, false, false};
  cr_assert_eq(time_product(target, &lstm, 1).cycles, 7757);
  tn_arena_destroy(arena);
}

Test(device_time, shadow_hides_shifts) {
  tn_arena *arena = tn_arena_create();
  tn_systolic_target *target = test_target(arena, "rows=256 columns=256");
  test_product square = {1024, 1024, 1024, TN_DATAFLOW_WEIGHT, TN_S8, TN_S8, false, false};
  tn_device_counters counters = time_product(target, &square, 1);
  cr_assert_eq(counters.cycles, 256 + 16 * 1024 + 510 - 1);
  cr_assert_eq(counters.weight_shift, 256);
  cr_assert_eq(counters.weight_stall, 0);
  cr_assert_eq(counters.useful_macs + counters.unused_macs, counters.active * 65536);
  tn_arena_destroy(arena);
}

/* TPU v1: what bounds a 600 x 600 matrix of batch 96 is its nine tiles' way from DRAM. */
Test(device_time, weights_bound_the_lstm) {
  tn_arena *arena = tn_arena_create();
  tn_systolic_target *target =
      test_target(arena, "rows=256 columns=256 clock_mhz=700 dram_gb_s=34 vector_lanes=256 "
                         "weight_fifo_tiles=4 whole_weight_tiles=yes");
  test_product lstm = {96, 600, 600, TN_DATAFLOW_WEIGHT, TN_S8, TN_S8, false, false};
  tn_device_counters twenty = time_product(target, &lstm, 20), ten = time_product(target, &lstm, 10);
  double us = (double)(twenty.cycles - ten.cycles) / 10 / 700;
  cr_assert(us > 17.3 && us < 17.6, "%g", us);
  cr_assert_gt(twenty.weight_stall, 8 * twenty.active);
  cr_assert_eq(twenty.dram_read_bytes, 20 * 9 * 65536);
  tn_arena_destroy(arena);
}

/* Half the rate: rows enter every other cycle. */
Test(device_time, slower_types_take_their_cycles) {
  tn_arena *arena = tn_arena_create();
  tn_systolic_target *target = test_target(arena, "weight_double_buffer=no");
  test_product p = {100, 8, 8, TN_DATAFLOW_WEIGHT, TN_S8, TN_S16, false, false};
  tn_device_counters counters = time_product(target, &p, 1);
  cr_assert_eq(counters.cycles, 2 * 8 + 8 + 2 * 100 - 2 - 1);
  cr_assert_eq(counters.useful_macs + counters.unused_macs, counters.active * 64 / 2);
  tn_arena_destroy(arena);
}

/* Whatever the machine: every cycle has one account, of the whole and of each layer. */
Test(device_time, accounts_add_up_on_random_machines) {
  tn_arena *arena = tn_arena_create();
  uint64_t seed = 3;
  for (int number = 0; number < 400; number++) {
#define PICK(most) (1 + (int)(next_random(&seed) % (most)))
    tn_systolic_target *target = test_target(
        arena, tn_arena_printf(
                   arena,
                   "rows=%d columns=%d weight_double_buffer=%s dram_gb_s=%d host_gb_s=%d dram_latency_ns=%d "
                   "host_latency_ns=%d weight_fifo_tiles=%d vector_lanes=%d vector_latency=%d "
                   "whole_weight_tiles=%s",
                   PICK(24), PICK(24), PICK(2) == 1 ? "yes" : "no", PICK(40), PICK(40), PICK(300), PICK(300),
                   PICK(6), PICK(32), PICK(50), PICK(2) == 1 ? "yes" : "no"));
    test_product p = {.m = PICK(60), .k = PICK(80), .n = PICK(60), .dataflow = (tn_dataflow)(PICK(3) - 1)};
    p.x = p.w = TN_S8;
    p.whole_rows = PICK(2) == 1;
#undef PICK
    tn_device *device = tn_device_open(TN_DEVICE_TIMED);
    cr_assert_not(tn_device_load_stream(device, products_stream(arena, target, &p, 5), NULL));
    cr_assert_not(tn_device_start(device) || tn_device_wait(device));
    for (int layer = -1; layer < 5; layer++) {
      tn_device_counters c;
      cr_assert_not(tn_device_counters_of(device, layer, &c));
      cr_assert_eq(c.active + c.weight_stall + c.weight_shift + c.non_matrix, c.cycles + 1);
      cr_assert_leq(c.raw_stall + c.input_stall, c.non_matrix);
      cr_assert_geq(c.unused_macs, 0);
      cr_assert_lt(c.cycles, c.total_cycles);
    }
    tn_device_close(device);
  }
  tn_arena_destroy(arena);
}

/* Long instructions skip what is known to follow: not so when each tile is read by an instruction of its own. */
Test(device_time, skipping_changes_nothing) {
  tn_arena *arena = tn_arena_create();
  uint64_t seed = 5;
  for (int number = 0; number < 100; number++) {
#define PICK(most) (1 + (int)(next_random(&seed) % (most)))
    int side = PICK(12);
    const char *speed = number % 4 ? tn_arena_printf(arena, "%d", PICK(32)) : "inf";
    tn_systolic_target *target = test_target(
        arena, tn_arena_printf(arena,
                               "rows=%d columns=%d weight_double_buffer=%s dram_gb_s=%s dram_latency_ns=%d "
                               "weight_fifo_tiles=%d whole_weight_tiles=%s operand=s8:%d",
                               side, PICK(12), PICK(2) == 1 ? "yes" : "no", speed, PICK(40) - 1, PICK(6),
                               PICK(2) == 1 ? "yes" : "no", PICK(3)));
    test_product p = {
        .m = PICK(40), .k = side * PICK(80), .n = 40 * PICK(10), .dataflow = (tn_dataflow)(PICK(3) - 1)};
#undef PICK
    p.x = p.w = TN_S8;
    p.whole_rows = true;
    tn_device_counters skipped = time_product(target, &p, 3);
    p.single_reads = true;
    tn_device_counters all = time_product(target, &p, 3);
    cr_assert_arr_eq(&skipped, &all, sizeof all, "%d: %lld cycles, %lld", number, (long long)skipped.cycles,
                     (long long)all.cycles);
  }
  tn_arena_destroy(arena);
}
