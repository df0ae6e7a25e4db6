/* The verifier's ranges against counting: cells of random boxes, spans of random accesses, and that a
 * long stream takes no longer than it should.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "target/stream_cells.h"
#include "target/stream_spans.h"

#include <criterion/criterion.h>

static uint64_t random_state;
static uint64_t draw(uint64_t below) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (random_state >> 33) % below;
}
static int64_t draw_between(int64_t least, int64_t most) {
  return least + (int64_t)draw((uint64_t)(most - least + 1));
}

/* ---- cells ---- */

enum { MEMORY = 4096, ORIGIN = 2048 };
typedef struct {
  bool touched[MEMORY];
} touched;

static bool is_guarded(const tn_cell_guard *guard, const int64_t *index) {
  int64_t position = guard->offset;
  for (int d = 0; d < TN_CELL_DIMS; d++) position += guard->step[d] * index[d];
  return guard->limit && (position < 0 || position >= guard->limit);
}

/* Every cell of a box, one by one. */
static void touch(const tn_cells *cells, const tn_cell_box *box, touched *t) {
  int64_t index[TN_CELL_DIMS];
  memcpy(index, box->first, sizeof index);
  for (;;) {
    int64_t address = cells->base;
    for (int d = 0; d < TN_CELL_DIMS; d++) address += cells->stride[d] * index[d];
    if (!is_guarded(&cells->guard[0], index) && !is_guarded(&cells->guard[1], index))
      for (int64_t b = 0; b < cells->bytes; b++) t->touched[ORIGIN + address + b] = true;
    int d = TN_CELL_DIMS - 1;
    for (; d >= 0 && index[d] == box->last[d]; d--) index[d] = box->first[d];
    if (d < 0) return;
    index[d]++;
  }
}

/* What the halves say in the end, each as soon as it is exact. */
static void collect(const tn_cells *cells, const tn_cell_box *box, touched *t) {
  tn_cell_hull hull = tn_cells_hull(cells, box);
  if (hull.nothing) return;
  tn_cell_box halves[2];
  if (!hull.exact) {
    cr_assert(tn_cells_split(cells, box, halves));
    collect(cells, &halves[0], t);
    collect(cells, &halves[1], t);
    return;
  }
  for (int64_t at = (int64_t)hull.from; at < (int64_t)hull.to; at++) t->touched[ORIGIN + at] = true;
}

/* Without guards a box is its pieces. */
static void expect_pieces(tn_cells cells, const tn_cell_box *box) {
  static touched by_one, by_pieces;
  memset(&by_one, 0, sizeof by_one);
  memset(&by_pieces, 0, sizeof by_pieces);
  cells.guard[0].limit = cells.guard[1].limit = 0;
  touch(&cells, box, &by_one);
  tn_cell_pieces piece = tn_cells_first_piece(&cells, box);
  do memset(by_pieces.touched + ORIGIN + piece.at, true, (size_t)piece.bytes);
  while (tn_cells_next_piece(&piece));
  cr_assert(!memcmp(&by_one, &by_pieces, sizeof by_one));
}

static tn_instruction draw_view(void) {
  tn_instruction view = {.op = TN_ISA_VIEW};
  for (int d = 0; d < TN_VIEW_DIMS; d++) {
    view.VIEW.size[d] = (uint32_t)draw_between(1, 3);
    view.VIEW.stride[d] = (int32_t)draw_between(-20, 20);
    for (int b = 0; b < 2; b++) view.VIEW.step[b][d] = draw(2) ? (int32_t)draw_between(-3, 3) : 0;
  }
  for (int b = 0; b < 2; b++) {
    view.VIEW.offset[b] = (int32_t)draw_between(-4, 4);
    view.VIEW.limit[b] = draw(2) ? (uint32_t)draw_between(1, 8) : 0;
  }
  return view;
}

Test(ranges, hold_what_is_touched_and_no_more_when_halved) {
  random_state = 1;
  for (int round = 0; round < 2000; round++) {
    tn_instruction view = draw_view();
    tn_cells cells = tn_cells_of_view(&view, draw_between(-50, 50), draw_between(1, 4));
    cells.wraps = false;
    int64_t rows = tn_view_rows(&view), columns = tn_view_columns(&view);
    int64_t row = draw_between(0, rows - 1), column = draw_between(0, columns - 1);
    int64_t last_row = draw_between(row, rows - 1), last_column = draw_between(column, columns - 1);
    static touched by_one, by_halves;
    memset(&by_one, 0, sizeof by_one);
    memset(&by_halves, 0, sizeof by_halves);
    tn_cell_box boxes[TN_VIEW_BOXES], around = tn_view_box(&view, row, last_row, column, last_column);
    int count = tn_view_boxes(&view, row, last_row, column, last_column, boxes);
    int64_t numbers = 0;
    for (int i = 0; i < count; i++) {
      int64_t cells_of_box = 1;
      for (int d = 0; d < TN_CELL_DIMS; d++) cells_of_box *= boxes[i].last[d] - boxes[i].first[d] + 1;
      numbers += cells_of_box;
      touch(&cells, &boxes[i], &by_one);
      collect(&cells, &boxes[i], &by_halves);
    }
    cr_assert_eq(numbers, (last_row - row + 1) * (last_column - column + 1));
    cr_assert(!memcmp(&by_one, &by_halves, sizeof by_one), "round %d", round);
    expect_pieces(cells, &boxes[0]);
    tn_cell_hull hull = tn_cells_hull(&cells, &around);
    for (int64_t at = 0; at < MEMORY; at++)
      if (by_one.touched[at])
        cr_assert(!hull.nothing && hull.from <= at - ORIGIN && at - ORIGIN < hull.to, "round %d", round);
  }
}

/* A 3x3 convolution of an image of 8x8x4 with a border of 1 reads the image, not around it. */
Test(ranges, of_padded_convolutions_are_exact) {
  tn_instruction view = {.op = TN_ISA_VIEW,
                         .VIEW = {.row_dims = 2,
                                  .column_dims = 3,
                                  .size = {8, 8, 1, 1, 3, 3, 4, 1},
                                  .stride = {32, 4, 0, 0, 32, 4, 1, 0},
                                  .offset = {-1, -1},
                                  .limit = {8, 8},
                                  .step = {{1, 0, 0, 0, 1}, {0, 1, 0, 0, 0, 1}}}};
  tn_cells cells = tn_cells_of_view(&view, 0xffffffff - 35, 1);
  tn_cell_box box = tn_view_box(&view, 0, 63, 0, 35);
  tn_cell_hull hull = tn_cells_hull(&cells, &box);
  cr_expect_eq((int64_t)hull.from, 0);
  cr_expect_eq((int64_t)hull.to, 256);
  box = tn_view_box(&view, 0, 7, 0, 35);
  hull = tn_cells_hull(&cells, &box);
  cr_expect_eq((int64_t)hull.from, 0);
  cr_expect_eq((int64_t)hull.to, 64);
}

/* ---- spans ---- */

Test(ranges, spans_remember_like_an_array) {
  enum { SIZE = 700 };
  random_state = 2;
  tn_arena *arena = tn_arena_create();
  tn_spans *spans = tn_spans_create(arena, SIZE);
  uint32_t expected[SIZE] = {0};
  for (int round = 0; round < 20000; round++) {
    int64_t from = draw_between(0, SIZE - 1);
    int64_t to =
        draw(20) ? from + draw_between(1, SIZE - from < 9 ? SIZE - from : 9) : draw_between(from + 1, SIZE);
    if (draw(2)) tn_spans_cut(spans, from, to);
    tn_spans_replace(spans, from, to)->columns = (uint32_t)round;
    for (int64_t at = from; at < to; at++) expected[at] = (uint32_t)round;
    tn_span_place place = tn_spans_find(spans, 0);
    int64_t end = 0;
    do {
      const tn_span *span = place.at;
      cr_assert_eq(span->from, end);
      end = tn_spans_end(spans, place);
      for (int64_t at = span->from; at < end; at++) cr_assert_eq(expected[at], span->columns);
    } while (tn_spans_next(spans, &place));
    cr_assert_eq(end, SIZE);
    int64_t at = draw_between(0, SIZE - 1);
    place = tn_spans_find(spans, at);
    cr_assert(place.at->from <= at && at < tn_spans_end(spans, place));
  }
  tn_arena_destroy(arena);
}

/* ---- a long stream ---- */

typedef struct {
  tn_instruction *at;
  int64_t count;
  uint32_t done[TN_UNITS];
} program;

static tn_instruction *put(program *p, tn_instruction instruction) {
  p->at[p->count] = instruction;
  p->done[tn_instruction_unit(&instruction)]++;
  return &p->at[p->count++];
}

static void wait_for(tn_instruction *instruction, tn_unit unit, uint32_t count) {
  instruction->waits |= (uint8_t)(1u << unit);
  instruction->wait[unit] = count;
}

/* Layers of 64 rows of 64 columns, tile by tile of 16 columns; two buffers take turns. */
static void put_tile(program *p, uint32_t layer, uint32_t tile) {
  enum { ROWS = 64, WIDTH = 64, TILE = 16 };
  uint32_t from = layer % 2 * ROWS * WIDTH, to = (layer + 1) % 2 * ROWS * WIDTH, sums = tile % 2 * ROWS;
  put(p, (tn_instruction){.op = TN_ISA_READ_WEIGHTS,
                          .READ_WEIGHTS = {.type = TN_S8,
                                           .rows = TILE,
                                           .columns = TILE,
                                           .row_stride = TILE,
                                           .column_stride = 1,
                                           .repeat = WIDTH / TILE,
                                           .repeat_stride = TILE * TILE}});
  tn_instruction *matmul = put(p, (tn_instruction){.op = TN_ISA_MATMUL,
                                                   .MATMUL = {.type = TN_S8,
                                                              .then_accumulate = 1,
                                                              .base = from,
                                                              .rows = ROWS,
                                                              .accumulator = sums,
                                                              .repeat = WIDTH / TILE,
                                                              .column_step = TILE}});
  if (layer == 0) wait_for(matmul, TN_UNIT_DMA0, 1);
  uint32_t vectors = p->done[TN_UNIT_VECTOR];
  if (vectors) wait_for(matmul, TN_UNIT_VECTOR, tile == 0 ? vectors : vectors - 1);
  tn_instruction *activate = put(p, (tn_instruction){.op = TN_ISA_ACTIVATE,
                                                     .ACTIVATE = {.accumulator = sums,
                                                                  .rows = ROWS,
                                                                  .columns = TILE,
                                                                  .to = to + TILE * tile,
                                                                  .row_stride = WIDTH,
                                                                  .column_stride = 1}});
  wait_for(activate, TN_UNIT_MATRIX, p->done[TN_UNIT_MATRIX]);
}

Test(ranges, long_streams_take_seconds) {
  enum { LAYERS = 20000, TILES = 4 };
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {0};
  tn_str target = {"rows = 16\ncolumns = 16\n", 23};
  static char weights[4096];
  tn_stream stream = {.target = tn_systolic_target_parse(arena, &sink, "t", target),
                      .name = "long",
                      .host_bytes = 4096,
                      .dram_bytes = sizeof weights,
                      .dram = {weights, sizeof weights}};
  tn_stream_array x = {"x", TN_S8, 1, (int64_t[]){4096}, 0, 4096};
  uint32_t zero = 0;
  stream.arrays = &x;
  stream.n_arrays = 1;
  stream.parameters = &zero;
  stream.n_parameters = 1;
  program p = {.at = TN_NEW_ARRAY(arena, tn_instruction, LAYERS * TILES * 3 + 8)};
  put(&p, (tn_instruction){.op = TN_ISA_VIEW,
                           .VIEW = {.row_dims = 1,
                                    .column_dims = 1,
                                    .size = {64, 1, 1, 1, 64, 1, 1, 1},
                                    .stride = {64, 0, 0, 0, 1}}});
  put(&p,
      (tn_instruction){.op = TN_ISA_PIPELINE, .PIPELINE = {.source = TN_S32, .result = TN_S8, .rounds = 1}});
  put(&p, (tn_instruction){.op = TN_ISA_READ_HOST, .READ_HOST = {.bytes = 4096, .rows = 1}});
  for (uint32_t layer = 0; layer < LAYERS; layer++)
    for (uint32_t tile = 0; tile < TILES; tile++) put_tile(&p, layer, tile);
  put(&p, (tn_instruction){.op = TN_ISA_HALT});
  stream.instructions = p.at;
  stream.count = p.count;
  cr_assert(stream.target);
  cr_expect(tn_stream_verify(&stream, "long", &sink));
  cr_expect_eq(sink.errors, 0);
  tn_arena_destroy(arena);
}

/* A function with so many results that comparing each with each would take a minute, called `calls` times. */
static int faults_of_calls(int64_t calls) {
  enum { RESULTS = 500000 };
  tn_arena *arena = tn_arena_create();
  tn_diagnostics sink = {0};
  tn_stream_array empty = {"e", TN_S8, 1, (int64_t[]){0}, 0, 0};
  tn_stream_function function = {"f", 0, RESULTS, TN_NEW_ARRAY(arena, uint32_t, RESULTS)};
  program p = {.at = TN_NEW_ARRAY(arena, tn_instruction, calls + 1)};
  for (int64_t c = 0; c < calls; c++) put(&p, (tn_instruction){.op = TN_ISA_HOST_CALL});
  put(&p, (tn_instruction){.op = TN_ISA_HALT});
  tn_stream stream = {
      .target = tn_systolic_target_parse(arena, &sink, "t", (tn_str){"rows = 16\ncolumns = 16\n", 23}),
      .name = "calls",
      .arrays = &empty,
      .n_arrays = 1,
      .functions = &function,
      .n_functions = 1,
      .instructions = p.at,
      .count = p.count};
  cr_expect_eq(tn_stream_verify(&stream, "calls", &sink), sink.errors == 0);
  int faults = (int)sink.errors;
  tn_arena_destroy(arena);
  return faults;
}

Test(ranges, functions_with_many_results_take_a_second, .timeout = 30) {
  cr_expect_eq(faults_of_calls(1), 0);
  cr_expect_gt(faults_of_calls(100000), 0);
}
