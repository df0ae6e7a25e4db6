/* The simulator against the array as registers: random products, cut into tiles at random, as a stream for
 * the one and as jobs for the other. Sums, first and last cycle, and how the cycles between are spent
 * must be the same.
 *
 * DRAM, the host and the buffers have no limits here, so that the array alone says how long it takes.
 * TENON_GRIDS=10000 tries more of them.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "grid.h"
#include "target/stream.h"
#include "tenon/device.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t random_state;
static int draw(int least, int most) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return least + (int)((random_state >> 33) % (uint64_t)(most - least + 1));
}

enum { ROWS_MOST = 40, SIZE_MOST = 56, SUM_ROWS = SIZE_MOST * SIZE_MOST, MOST = 1 << 15 };

typedef struct {
  int rows, columns;
  bool shadow, real, repeats; /* several tiles an instruction, or one each */
  tn_dataflow dataflow;
  int fifo, m, n, k;
  int rows_at_once, chunk; /* of x in an instruction, of k in a tile */
} problem;

static problem draw_problem(void) {
  problem p = {.rows = draw(1, 16), .columns = draw(1, 16), .shadow = draw(0, 1), .real = draw(0, 3) == 0};
  p.repeats = draw(0, 1);
  p.dataflow = (tn_dataflow)draw(0, 2);
  p.fifo = draw(1, 5);
  p.m = draw(1, ROWS_MOST);
  p.n = draw(1, 3 * p.columns);
  p.k = draw(1, 3 * p.rows);
  p.rows_at_once = draw(0, 1) ? p.m : draw(1, p.m);
  if (p.dataflow == TN_DATAFLOW_OUTPUT && p.rows_at_once > p.rows) p.rows_at_once = p.rows;
  if (p.dataflow == TN_DATAFLOW_INPUT && p.rows_at_once > p.columns) p.rows_at_once = p.columns;
  p.chunk = draw(0, 1) ? p.rows : draw(1, p.rows);
  return p;
}

/* ---- operands ---- */

static number x_numbers[ROWS_MOST * SIZE_MOST], w_numbers[SIZE_MOST * SIZE_MOST];
static int8_t x_bytes[4 * ROWS_MOST * SIZE_MOST], w_bytes[4 * SIZE_MOST * SIZE_MOST];

/* Integers, or floats whose sums round. */
static void draw_numbers(const problem *p, int count, number *numbers, int8_t *bytes) {
  for (int i = 0; i < count; i++) {
    int value = draw(-128, 127);
    numbers[i] = (number){.integer = value};
    if (p->real) {
      numbers[i].real = (float)value * (1 + (float)draw(0, 1 << 20) * 0x1p-20f);
      memcpy(bytes + 4 * i, &numbers[i].real, 4);
    } else {
      bytes[i] = (int8_t)value;
    }
  }
}

/* ---- the stream and the jobs ---- */

static struct {
  tn_instruction code[MOST];
  int64_t count;
  grid_job jobs[MOST];
  int n_jobs;
  uint32_t done[TN_UNITS];
} both;

static tn_instruction *put(tn_instruction instruction) {
  cr_assert(both.count < MOST);
  both.done[tn_instruction_unit(&instruction)]++;
  both.code[both.count] = instruction;
  return &both.code[both.count++];
}

static void wait_for(tn_instruction *instruction, tn_unit unit) {
  instruction->waits |= (uint8_t)(1u << unit);
  instruction->wait[unit] = both.done[unit];
}

static int element_bytes(const problem *p) { return p->real ? 4 : 1; }
static uint8_t element_type(const problem *p) { return p->real ? TN_F32 : TN_S8; }
static int smaller(int a, int b) { return a < b ? a : b; }

/* `repeat` tiles of rows x columns, `step` numbers apart in w. */
static void read_weights(const problem *p, int k, int n, int rows, int columns, int repeat, int step) {
  int bytes = element_bytes(p);
  put((tn_instruction){.op = TN_ISA_READ_WEIGHTS,
                       .READ_WEIGHTS = {.type = element_type(p),
                                        .from = (uint64_t)(k * p->n + n) * (uint64_t)bytes,
                                        .rows = (uint16_t)rows,
                                        .columns = (uint16_t)columns,
                                        .row_stride = p->n * bytes,
                                        .column_stride = bytes,
                                        .repeat = (uint32_t)repeat,
                                        .repeat_stride = step * bytes}});
}

/* Tiles of `whole` each along a dim of `size`, the last one smaller. */
static int tiles_of(int size, int whole) { return (size + whole - 1) / whole; }

typedef struct {
  int m, rows, k, n, to; /* where it begins; `to` the first row of sums */
  int size, whole;       /* of the dim along which its tiles lie: k, or n if input stationary */
  bool adds, then_adds;
} product;

/* An instruction for tiles first … first + count - 1 of the product, and what they are to the array. */
static void put_tiles(const problem *p, const product *t, int first, int count) {
  bool input = p->dataflow == TN_DATAFLOW_INPUT, output = p->dataflow == TN_DATAFLOW_OUTPUT;
  int all = tiles_of(t->size, t->whole);
  for (int i = first; i < first + count; i++) {
    int at = i * t->whole, length = smaller(t->whole, t->size - at);
    int k = input ? t->k : at, n = input ? at : t->n;
    int rows = input ? smaller(p->chunk, p->k - t->k) : length;
    int columns = input ? length : smaller(p->columns, p->n - t->n);
    if (i + 1 == all) {
      read_weights(p, k, n, rows, columns, 1, 0);
    } else if (i == first) {
      int alike = smaller(count, all - 1 - first);
      read_weights(p, k, n, rows, columns, alike, input ? t->whole : t->whole * p->n);
    }
    bool follows = p->dataflow != TN_DATAFLOW_WEIGHT && i > first;
    both.jobs[both.n_jobs++] = (grid_job){.m = t->rows,
                                          .n = columns,
                                          .k = rows,
                                          .x = x_numbers + t->m * p->k + k,
                                          .x_stride = p->k,
                                          .w = w_numbers + k * p->n + n,
                                          .w_stride = p->n,
                                          .to = t->to + (input ? at : 0),
                                          .adds = (output ? first : i) > 0 ? t->then_adds : t->adds,
                                          .follows = follows};
  }
  bool first_adds = first > 0 ? t->then_adds : t->adds;
  tn_instruction *matmul =
      put((tn_instruction){.op = TN_ISA_MATMUL,
                           .MATMUL = {.dataflow = (uint8_t)p->dataflow,
                                      .type = element_type(p),
                                      .accumulate = first_adds,
                                      .then_accumulate = t->then_adds,
                                      .row = (uint32_t)t->m,
                                      .rows = (uint32_t)t->rows,
                                      .column = (uint32_t)(input ? t->k : first * t->whole),
                                      .accumulator = (uint32_t)(t->to + (input ? first * t->whole : 0)),
                                      .repeat = (uint32_t)count,
                                      .column_step = input ? 0 : t->whole,
                                      .accumulator_step = input ? t->whole : 0}});
  if (both.done[TN_UNIT_MATRIX] == 1) wait_for(matmul, TN_UNIT_DMA0);
}

static void put_product(const problem *p, const product *t) {
  int all = tiles_of(t->size, t->whole);
  for (int first = 0, count; first < all; first += count) {
    count = p->repeats ? draw(1, all - first) : 1;
    put_tiles(p, t, first, count);
  }
}

/* Weight and output: for each block of rows and tile of columns all of k. Input: for each block of rows (columns
 * of the array) and chunk of k all of n, on top of what earlier chunks gave.                             */
static void put_products(const problem *p) {
  for (int m = 0; m < p->m; m += p->rows_at_once) {
    int rows = smaller(p->rows_at_once, p->m - m);
    if (p->dataflow == TN_DATAFLOW_INPUT)
      for (int k = 0; k < p->k; k += p->chunk)
        put_product(p, &(product){m, rows, k, 0, m / p->rows_at_once * p->n, p->n, p->columns, k > 0, k > 0});
    else
      for (int n = 0; n < p->n; n += p->columns)
        put_product(p, &(product){m, rows, 0, n, n / p->columns * p->m + m, p->k, p->chunk, false, true});
  }
}

/* y[m][n] is s32 or f32, in the buffer behind x. */
static void put_results(const problem *p, uint32_t y) {
  bool input = p->dataflow == TN_DATAFLOW_INPUT;
  int blocks = input ? tiles_of(p->m, p->rows_at_once) : tiles_of(p->n, p->columns);
  for (int b = 0; b < blocks; b++) {
    int at = b * (input ? p->rows_at_once : p->columns);
    int columns = input ? smaller(p->rows_at_once, p->m - at) : smaller(p->columns, p->n - at);
    tn_instruction *activate =
        put((tn_instruction){.op = TN_ISA_ACTIVATE,
                             .ACTIVATE = {.accumulator = (uint32_t)(b * (input ? p->n : p->m)),
                                          .rows = (uint32_t)(input ? p->n : p->m),
                                          .columns = (uint32_t)columns,
                                          .to = y + 4u * (uint32_t)(input ? at * p->n : at),
                                          .row_stride = input ? 4 : 4 * p->n,
                                          .column_stride = input ? 4 * p->n : 4}});
    wait_for(activate, TN_UNIT_MATRIX);
  }
}

static const char target_text[] =
    "rows = %d\ncolumns = %d\ndataflow = %s\noperand = s8, f32\n"
    "weight_double_buffer = %s\nweight_fifo_tiles = %d\nunified_buffer_kib = inf\n"
    "accumulator_kib = inf\ndram_gb_s = inf\nhost_gb_s = inf\npacking = no\n";

static tn_systolic_target *target_of(tn_arena *arena, tn_diagnostics *sink, const problem *p) {
  char text[500];
  int length = snprintf(text, sizeof text, target_text, p->rows, p->columns, tn_dataflow_name(p->dataflow),
                        p->shadow ? "yes" : "no", p->fifo);
  tn_systolic_target *target = tn_systolic_target_parse(arena, sink, "grid", (tn_str){text, (size_t)length});
  cr_assert(target);
  return target;
}

static void put_all(const problem *p, uint64_t x_size, uint64_t y_at, uint64_t y_size) {
  both.count = both.n_jobs = 0;
  memset(both.done, 0, sizeof both.done);
  uint8_t sums = p->real ? TN_F32 : TN_S32;
  int bytes = element_bytes(p);
  put((tn_instruction){.op = TN_ISA_VIEW,
                       .VIEW = {.row_dims = 1,
                                .column_dims = 1,
                                .size = {(uint32_t)p->m, 1, 1, 1, (uint32_t)p->k, 1, 1, 1},
                                .stride = {p->k * bytes, 0, 0, 0, bytes}}});
  put((tn_instruction){.op = TN_ISA_PIPELINE, .PIPELINE = {.source = sums, .result = sums}});
  put((tn_instruction){.op = TN_ISA_READ_HOST, .READ_HOST = {.bytes = (uint32_t)x_size, .rows = 1}});
  put_products(p);
  put_results(p, (uint32_t)y_at);
  tn_instruction *write = put((tn_instruction){
      .op = TN_ISA_WRITE_HOST,
      .WRITE_HOST = {.from = (uint32_t)y_at, .to = y_at, .bytes = (uint32_t)y_size, .rows = 1}});
  wait_for(write, TN_UNIT_VECTOR);
  put((tn_instruction){.op = TN_ISA_HALT});
}

/* ---- the two of them ---- */

static void simulate(const problem *p, number *y, tn_device_counters *counters) {
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {0};
  uint64_t bytes = (uint64_t)element_bytes(p), x_size = (uint64_t)(p->m * p->k) * bytes;
  uint64_t y_at = (x_size + 63) & ~(uint64_t)63, y_size = 4 * (uint64_t)(p->m * p->n);
  put_all(p, x_size, y_at, y_size);
  tn_stream_array arrays[] = {{"x", element_type(p), 2, (int64_t[]){p->m, p->k}, 0, x_size},
                              {"y", p->real ? TN_F32 : TN_S32, 2, (int64_t[]){p->m, p->n}, y_at, y_size}};
  tn_stream stream = {.target = target_of(arena, &sink, p),
                      .name = "grid",
                      .instructions = both.code,
                      .count = both.count,
                      .host_bytes = y_at + y_size,
                      .dram_bytes = (uint64_t)(p->k * p->n) * bytes,
                      .dram = {(const char *)w_bytes, (size_t)(p->k * p->n) * bytes},
                      .arrays = arrays,
                      .n_arrays = 2,
                      .parameters = (uint32_t[]){0},
                      .results = (uint32_t[]){1},
                      .n_parameters = 1,
                      .n_results = 1};
  tn_text file = {0};
  tn_stream_write(&file, &stream);
  tn_device *device = tn_device_open(TN_DEVICE_TIMED);
  int failed = tn_device_load(device, file.bytes, file.length, NULL) ||
               tn_device_bind_parameter(device, 0, x_bytes) || tn_device_bind_result(device, 0, y) ||
               tn_device_start(device) || tn_device_wait(device) ||
               tn_device_counters_of(device, -1, counters);
  cr_assert(!failed, "%s", tn_device_message(device));
  tn_device_close(device);
  tn_text_free(&file);
  tn_arena_destroy(arena);
}

static number sums[SUM_ROWS][GRID_MOST];

static grid_clocks run_grid(const problem *p) {
  memset(sums, 0, sizeof sums);
  grid_shape shape = {p->rows, p->columns, p->shadow, p->real, p->dataflow, sums};
  return grid_run(&shape, both.jobs, both.n_jobs);
}

static number sum_of(const problem *p, int m, int n) {
  if (p->dataflow == TN_DATAFLOW_INPUT) return sums[m / p->rows_at_once * p->n + n][m % p->rows_at_once];
  return sums[n / p->columns * p->m + m][n % p->columns];
}

static void expect_same(const problem *p, int round) {
  static number y[ROWS_MOST * SIZE_MOST];
  char what[200];
  snprintf(what, sizeof what, "round %d: %dx%d %s%s%s, fifo %d, m %d (%d) n %d k %d (%d)%s", round, p->rows,
           p->columns, tn_dataflow_name(p->dataflow), p->shadow ? " shadow" : "", p->real ? " f32" : "",
           p->fifo, p->m, p->rows_at_once, p->n, p->k, p->chunk, p->repeats ? " repeats" : "");
  tn_device_counters counters;
  draw_numbers(p, p->m * p->k, x_numbers, x_bytes);
  draw_numbers(p, p->k * p->n, w_numbers, w_bytes);
  simulate(p, y, &counters);
  grid_clocks clocks = run_grid(p);
  cr_assert_eq(counters.cycles, clocks.last - clocks.first, "%s: %lld cycles, %lld clocks", what,
               (long long)counters.cycles, (long long)(clocks.last - clocks.first));
  cr_assert_eq(counters.active, clocks.active, "%s: %lld cycles active, %lld clocks", what,
               (long long)counters.active, (long long)clocks.active);
  cr_assert_eq(counters.weight_shift, clocks.shifting, "%s: %lld cycles of shifts, %lld clocks", what,
               (long long)counters.weight_shift, (long long)clocks.shifting);
  for (int m = 0; m < p->m; m++)
    for (int n = 0; n < p->n; n++)
      cr_assert_eq(y[m * p->n + n].integer, sum_of(p, m, n).integer, "%s: y[%d][%d]", what, m, n);
}

Test(grid, agrees_with_the_simulator) {
  const char *more = getenv("TENON_GRIDS");
  int rounds = more ? atoi(more) : 1000;
  random_state = 6;
  for (int round = 0; round < rounds; round++) {
    problem p = draw_problem();
    expect_same(&p, round);
  }
}
