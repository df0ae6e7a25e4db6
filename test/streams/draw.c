/* Random streams.
 *
 * The buffer is filled from 0 on; whatever was written may be read again as anything: bits that come from
 * the host are random, so floats are of all kinds. Weights are DRAM's first bytes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "streams.h"

#include <stdio.h>
#include <stdlib.h>

uint64_t dice_bits(dice *d) {
  d->state += 0x9e3779b97f4a7c15;
  uint64_t z = d->state;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

int64_t dice_between(dice *d, int64_t least, int64_t most) {
  return least + (int64_t)(dice_bits(d) % (uint64_t)(most - least + 1));
}

enum { INPUT_BYTES = 2048, BUFFER_BYTES = 1 << 16, DRAM_BYTES = 1 << 14, WEIGHT_BYTES = 1 << 13 };

typedef struct {
  tn_arena *arena;
  dice *d;
  tn_stream *stream;
  tn_systolic_target *target;
  TN_VEC(tn_instruction) code;
  uint32_t done[TN_UNITS];
  uint32_t written; /* bytes of the buffer */
} maker;

static uint32_t between(maker *m, int64_t least, int64_t most) {
  return (uint32_t)dice_between(m->d, least, most);
}

/* Waits for everything but its own unit and, as the FIFO does that, the other end of the FIFO. */
static void put(maker *m, tn_instruction instruction) {
  tn_unit unit = tn_instruction_unit(&instruction);
  for (int u = 0; u < TN_UNITS; u++) {
    bool fifo = unit == TN_UNIT_MATRIX && u == TN_UNIT_WEIGHTS;
    if (u == (int)unit || fifo || !m->done[u] || u == TN_UNIT_CONTROL) continue;
    instruction.waits |= (uint8_t)(1u << u);
    instruction.wait[u] = m->done[u];
  }
  m->done[unit]++;
  TN_PUSH(m->arena, &m->code, instruction);
}

static uint8_t channel_of(maker *m) { return (uint8_t)between(m, 0, m->target->dma_channels - 1); }

/* Where `bytes` go next; 0 room: back to the input's end. */
static uint32_t place(maker *m, uint32_t bytes) {
  if (m->written + bytes > BUFFER_BYTES) m->written = INPUT_BYTES;
  uint32_t at = m->written;
  m->written += bytes;
  return at;
}

/* ---- the target ---- */

static const char *const dataflows[] = {"weight", "output", "input", "weight, input", "any"};

static tn_systolic_target *draw_target(maker *m) {
  char text[600];
  const char *yes_no[] = {"yes", "no"};
  int length = snprintf(
      text, sizeof text,
      "rows = %d\ncolumns = %d\ndataflow = %s\noperand = s8, bf16:2, f32:4\nweight_double_buffer = %s\n"
      "weight_fifo_tiles = %d\nwhole_weight_tiles = %s\nunified_buffer_kib = %s\naccumulator_kib = %s\n"
      "dram_mib = 1\ndram_gb_s = %s\nhost_gb_s = %s\ndram_latency_ns = %d\ndma_channels = %d\n"
      "vector_lanes = %d\nvector_latency = %d\nvector_functions = abs, negate\n",
      (int)between(m, 1, 8), (int)between(m, 1, 8), dataflows[between(m, 0, 4)], yes_no[between(m, 0, 1)],
      (int)between(m, 1, 4), yes_no[between(m, 0, 1)], dice_one_in(m->d, 4) ? "inf" : "64",
      dice_one_in(m->d, 4) ? "inf" : "64", dice_one_in(m->d, 2) ? "inf" : "3.7",
      dice_one_in(m->d, 2) ? "inf" : "0.9", (int)between(m, 0, 20), (int)between(m, 1, 4),
      (int)between(m, 1, 9), (int)between(m, 0, 5));
  tn_diagnostics sink = {0};
  tn_systolic_target *target =
      tn_systolic_target_parse(m->arena, &sink, "random", (tn_str){text, (size_t)length});
  if (!target) abort();
  return target;
}

/* ---- the vector unit ---- */

static const tn_type vector_types[] = {TN_S8, TN_U8, TN_S16, TN_U16, TN_S32, TN_BF16, TN_F16, TN_F32};
static tn_type draw_type(maker *m) { return vector_types[between(m, 0, 7)]; }

/* A place with that much behind it that the host has filled. */
static uint32_t input_with(maker *m, uint32_t bytes) { return between(m, 0, INPUT_BYTES - bytes); }

static tn_type put_pipeline(maker *m, tn_type source, tn_isa_join join, uint32_t vectors) {
  tn_instruction p = {.op = TN_ISA_PIPELINE};
  tn_type result = draw_type(m);
  p.PIPELINE.source = (uint8_t)source;
  p.PIPELINE.result = (uint8_t)result;
  p.PIPELINE.join = (uint8_t)join;
  p.PIPELINE.rounds = true;
  p.PIPELINE.by_row = dice_one_in(m->d, 3);
  p.PIPELINE.has_scale = dice_one_in(m->d, 2);
  p.PIPELINE.has_bias = dice_one_in(m->d, 2);
  p.PIPELINE.integer_bias = p.PIPELINE.has_bias && tn_type_is_integer(source) && dice_one_in(m->d, 2);
  p.PIPELINE.operand =
      dice_one_in(m->d, 2) ? TN_ISA_OPERAND_NONE : (uint8_t)between(m, 0, TN_ISA_OPERAND_MINIMUM);
  p.PIPELINE.second = (uint8_t)draw_type(m);
  p.PIPELINE.second_scale = dice_one_in(m->d, 2) ? 1 : 0.37f;
  p.PIPELINE.has_clamp = dice_one_in(m->d, 3);
  p.PIPELINE.low = -3.5f;
  p.PIPELINE.high = 1e3f;
  p.PIPELINE.function = (uint8_t)between(m, 0, TN_ISA_FUNCTION_NEGATE);
  p.PIPELINE.zero = dice_one_in(m->d, 3) ? (int32_t)between(m, 0, 400) - 200 : 0;
  p.PIPELINE.second_zero = dice_one_in(m->d, 3) ? (int32_t)between(m, 0, 400) - 200 : 0;
  p.PIPELINE.has_table = tn_type_bytes(result) == 1 && dice_one_in(m->d, 3);
  p.PIPELINE.scale = input_with(m, 4 * vectors);
  p.PIPELINE.bias = input_with(m, 4 * vectors);
  p.PIPELINE.table = input_with(m, 256);
  put(m, p);
  return result;
}

/* Row-major or the other way round. */
static void draw_strides(maker *m, uint32_t rows, uint32_t columns, tn_type type, int32_t *row,
                         int32_t *column) {
  int32_t bytes = (int32_t)tn_type_bytes(type);
  bool turned = dice_one_in(m->d, 3);
  *row = turned ? bytes : bytes * (int32_t)columns;
  *column = turned ? bytes * (int32_t)rows : bytes;
}

static void put_activate(maker *m, tn_type sums, uint32_t accumulator, uint32_t rows, uint32_t columns) {
  tn_type result = put_pipeline(m, sums, TN_ISA_JOIN_NONE, rows > columns ? rows : columns);
  tn_instruction a = {.op = TN_ISA_ACTIVATE,
                      .ACTIVATE = {.accumulator = accumulator, .rows = rows, .columns = columns}};
  a.ACTIVATE.second = input_with(m, 4 * rows * columns);
  a.ACTIVATE.to = place(m, rows * columns * (uint32_t)tn_type_bytes(result));
  tn_instruction *pipeline = &m->code.at[m->code.count - 1];
  draw_strides(m, rows, columns, (tn_type)pipeline->PIPELINE.second, &a.ACTIVATE.second_row_stride,
               &a.ACTIVATE.second_column_stride);
  draw_strides(m, rows, columns, result, &a.ACTIVATE.row_stride, &a.ACTIVATE.column_stride);
  put(m, a);
}

/* ---- views ---- */

typedef struct {
  uint32_t rows, columns, base;
} matrix;

/* Windows of an image of the input with a border around it. */
static matrix put_view(maker *m, uint8_t number, tn_type type) {
  int32_t bytes = (int32_t)tn_type_bytes(type), size = (int32_t)between(m, 1, 6),
          channels = (int32_t)between(m, 1, 4);
  int32_t window = (int32_t)between(m, 1, size < 3 ? size : 3), pad = (int32_t)between(m, 0, window - 1);
  int32_t stride = (int32_t)between(m, 1, 2), out = (size + 2 * pad - window) / stride + 1;
  tn_instruction v = {.op = TN_ISA_VIEW,
                      .VIEW = {.view = number,
                               .row_dims = 2,
                               .column_dims = 3,
                               .size = {(uint32_t)out, (uint32_t)out, 1, 1, (uint32_t)window,
                                        (uint32_t)window, (uint32_t)channels, 1},
                               .offset = {-pad, -pad},
                               .limit = {(uint32_t)size, (uint32_t)size},
                               .step = {{stride, 0, 0, 0, 1}, {0, stride, 0, 0, 0, 1}},
                               .fill = (uint32_t)dice_bits(m->d)}};
  int32_t pixel = channels * bytes, line = size * pixel;
  int32_t strides[] = {stride * line, stride * pixel, 0, 0, line, pixel, bytes, 0};
  memcpy(v.VIEW.stride, strides, sizeof strides);
  put(m, v);
  uint32_t image = input_with(m, (uint32_t)(size * line));
  return (matrix){(uint32_t)(out * out), (uint32_t)(window * window * channels),
                  image - (uint32_t)(pad * (line + pixel))};
}

/* ---- steps ---- */

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

static void put_tiles(maker *m, tn_type type, uint32_t rows, uint32_t columns, uint32_t repeat) {
  int64_t bytes = (int64_t)tn_type_bytes(type), tile = rows * columns * bytes;
  put(m,
      (tn_instruction){.op = TN_ISA_READ_WEIGHTS,
                       .READ_WEIGHTS = {.type = (uint8_t)type,
                                        .from = (uint64_t)dice_between(m->d, 0, WEIGHT_BYTES - tile * repeat),
                                        .rows = (uint16_t)rows,
                                        .columns = (uint16_t)columns,
                                        .row_stride = columns * bytes,
                                        .column_stride = bytes,
                                        .repeat = repeat,
                                        .repeat_stride = tile}});
}

/* A product of some rows of a view and a matrix of `n` columns, at most the array's. */
static void put_product(maker *m) {
  const tn_systolic_target *target = m->target;
  const tn_systolic_type *types = &target->types[between(m, 0, target->n_types - 1)];
  uint8_t number = (uint8_t)between(m, 0, TN_VIEWS - 1);
  matrix x = put_view(m, number, types->x);
  tn_dataflow dataflow;
  do dataflow = (tn_dataflow)between(m, 0, TN_DATAFLOWS - 1);
  while (!(target->dataflows >> dataflow & 1));
  uint32_t most = dataflow == TN_DATAFLOW_OUTPUT  ? (uint32_t)target->rows
                  : dataflow == TN_DATAFLOW_INPUT ? (uint32_t)target->columns
                                                  : x.rows;
  uint32_t rows = between(m, 1, smaller(x.rows, most)), n = between(m, 1, target->columns);
  bool input = dataflow == TN_DATAFLOW_INPUT;
  uint32_t k = input ? between(m, 1, smaller(x.columns, (uint32_t)target->rows)) : x.columns;
  uint32_t chunk = input ? k : smaller(x.columns, (uint32_t)target->rows), whole = k / chunk,
           rest = k % chunk;
  uint32_t copies = input ? between(m, 1, 3) : whole;
  put_tiles(m, types->w, chunk, n, copies);
  if (rest) put_tiles(m, types->w, rest, n, 1);
  uint32_t accumulator = between(m, 0, 8);
  put(m, (tn_instruction){.op = TN_ISA_MATMUL,
                          .MATMUL = {.dataflow = (uint8_t)dataflow,
                                     .type = (uint8_t)types->x,
                                     .view = number,
                                     .then_accumulate = !input,
                                     .base = x.base,
                                     .row = between(m, 0, x.rows - rows),
                                     .rows = rows,
                                     .accumulator = accumulator,
                                     .repeat = copies + (rest != 0),
                                     .column_step = input ? 0 : (int32_t)chunk,
                                     .accumulator_step = input ? (int32_t)n : 0}});
  put_activate(m, tn_systolic_sum_type(types->x), accumulator, input ? n * copies : rows, input ? rows : n);
}

static void put_vector(maker *m) {
  tn_type source = draw_type(m);
  uint8_t number = (uint8_t)between(m, 0, TN_VIEWS - 1);
  matrix x = put_view(m, number, source);
  uint32_t windows = 1, columns = x.columns;
  for (uint32_t w = 2; w <= 9; w++)
    if (x.columns % w == 0 && dice_one_in(m->d, 2)) windows = w, columns = x.columns / w;
  tn_isa_join join = (tn_isa_join)between(m, windows > 1, TN_ISA_JOIN_MINIMUM);
  tn_type result = put_pipeline(m, source, join, x.rows > columns ? x.rows : columns);
  const tn_instruction *pipeline = &m->code.at[m->code.count - 1];
  tn_instruction v = {
      .op = TN_ISA_VECTOR,
      .VECTOR = {.view = number, .base = x.base, .rows = x.rows, .columns = columns, .windows = windows}};
  bool fits = 4 * x.rows * columns <= INPUT_BYTES;
  v.VECTOR.second = fits ? input_with(m, 4 * x.rows * columns) : 0;
  v.VECTOR.to = place(m, x.rows * columns * (uint32_t)tn_type_bytes(result));
  if (fits)
    draw_strides(m, x.rows, columns, (tn_type)pipeline->PIPELINE.second, &v.VECTOR.second_row_stride,
                 &v.VECTOR.second_column_stride);
  draw_strides(m, x.rows, columns, result, &v.VECTOR.row_stride, &v.VECTOR.column_stride);
  put(m, v);
}

/* Out to DRAM in pieces and back. */
static void put_round_trip(maker *m) {
  uint32_t bytes = between(m, 1, 40), rows = between(m, 1, 6);
  int64_t pitch = bytes + between(m, 0, 9);
  uint64_t dram = WEIGHT_BYTES + (uint64_t)dice_between(m->d, 0, DRAM_BYTES - WEIGHT_BYTES - pitch * rows);
  put(m, (tn_instruction){.op = TN_ISA_STORE,
                          .STORE = {.channel = channel_of(m),
                                    .from = input_with(m, bytes * rows),
                                    .to = dram,
                                    .bytes = bytes,
                                    .rows = rows,
                                    .from_stride = bytes,
                                    .to_stride = pitch}});
  put(m, (tn_instruction){.op = TN_ISA_LOAD,
                          .LOAD = {.channel = channel_of(m),
                                   .from = dram + (uint64_t)(pitch * (rows - 1)),
                                   .to = place(m, bytes * rows),
                                   .bytes = bytes,
                                   .rows = rows,
                                   .from_stride = -pitch,
                                   .to_stride = bytes}});
}

static void put_host_to_dram(maker *m) {
  uint32_t bytes = between(m, 1, 100);
  put(m, (tn_instruction){.op = TN_ISA_HOST_TO_DRAM,
                          .HOST_TO_DRAM = {.channel = channel_of(m),
                                           .from = between(m, 0, INPUT_BYTES - bytes),
                                           .to = between(m, 0, DRAM_BYTES - bytes),
                                           .bytes = bytes,
                                           .rows = 1}});
}

/* ---- the whole ---- */

static void make_tables(maker *m) {
  static int64_t input_dims[] = {INPUT_BYTES}, result_dims[] = {INPUT_BYTES / 4};
  tn_stream *s = m->stream;
  s->target = m->target;
  s->name = "random";
  s->arrays = TN_NEW_ARRAY(m->arena, tn_stream_array, 2);
  s->arrays[0] = (tn_stream_array){"x", TN_U8, 1, input_dims, 0, INPUT_BYTES};
  s->arrays[1] = (tn_stream_array){"y", TN_S32, 1, result_dims, INPUT_BYTES, INPUT_BYTES};
  s->n_arrays = 2;
  s->parameters = TN_NEW(m->arena, uint32_t);
  s->results = TN_NEW(m->arena, uint32_t);
  s->results[0] = 1;
  s->n_parameters = s->n_results = 1;
  s->host_bytes = 2 * INPUT_BYTES;
  s->dram_bytes = DRAM_BYTES;
  char *dram = tn_arena_alloc(m->arena, WEIGHT_BYTES);
  for (int i = 0; i < WEIGHT_BYTES; i++) dram[i] = (char)dice_bits(m->d);
  s->dram = (tn_str){dram, WEIGHT_BYTES};
  s->layers = TN_NEW(m->arena, tn_stream_layer);
  s->layers[0] = (tn_stream_layer){.name = "layer", .macs = 1000};
  s->n_layers = 1;
}

tn_stream *draw_stream(tn_arena *arena, dice *d) {
  maker m = {.arena = arena, .d = d, .stream = TN_NEW(arena, tn_stream), .written = INPUT_BYTES};
  m.target = draw_target(&m);
  make_tables(&m);
  put(&m, (tn_instruction){.op = TN_ISA_LAYER});
  put(&m, (tn_instruction){.op = TN_ISA_READ_HOST, .READ_HOST = {.bytes = INPUT_BYTES, .rows = 1}});
  for (int64_t step = dice_between(d, 1, 6); step > 0; step--) {
    switch (dice_between(d, 0, 6)) {
    case 0: put_round_trip(&m); break;
    case 1: put_host_to_dram(&m); break;
    case 2:
    case 3: put_vector(&m); break;
    default: put_product(&m); break;
    }
  }
  if (dice_one_in(d, 3)) put(&m, (tn_instruction){.op = TN_ISA_SYNC});
  uint32_t from = m.written >= 2 * INPUT_BYTES && dice_one_in(d, 2) ? INPUT_BYTES : 0;
  put(&m,
      (tn_instruction){
          .op = TN_ISA_WRITE_HOST,
          .WRITE_HOST = {
              .channel = channel_of(&m), .from = from, .to = INPUT_BYTES, .bytes = INPUT_BYTES, .rows = 1}});
  put(&m, (tn_instruction){.op = TN_ISA_HALT});
  m.stream->instructions = m.code.at;
  m.stream->count = m.code.count;
  return m.stream;
}
