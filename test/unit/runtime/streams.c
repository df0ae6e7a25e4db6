/* Hand-made streams.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "streams.h"

#include <stdio.h>
#include <stdlib.h>

static void print(void *user, const tn_diagnostic *diagnostic) {
  (void)user;
  fprintf(stderr, "%s\n", diagnostic->message);
}

tn_systolic_target *test_target(tn_arena *arena, const char *keys) {
  tn_diagnostics sink = {.callback = print};
  const char *text =
      tn_arena_printf(arena, "rows = 8\ncolumns = 8\ndataflow = any\ndram_gb_s = inf\nhost_gb_s = inf\n"
                             "unified_buffer_kib = inf\naccumulator_kib = inf\nvector_lanes = 16\n"
                             "operand = s8,s8*s16:2,s16:4,bf16,f16,f32,u8*s8\n");
  tn_systolic_target *target =
      tn_systolic_target_parse(arena, &sink, "test.target", (tn_str){text, strlen(text)});
  if (!target) abort();
  while (*keys) {
    size_t blank = strspn(keys, " "), length = strcspn(keys + blank, " ");
    if (length && !tn_systolic_target_set(target, &sink, (tn_str){keys + blank, length})) abort();
    keys += blank + length;
  }
  return target;
}

void builder_start(stream_builder *b, tn_arena *arena, const tn_systolic_target *target) {
  *b = (stream_builder){.arena = arena};
  b->stream.target = tn_arena_copy(arena, target, sizeof *target);
  b->stream.name = "test";
}

tn_instruction *builder_put(stream_builder *b, tn_instruction i) {
  TN_PUSH(b->arena, &b->list, i);
  b->counts[tn_instruction_unit(&i)]++;
  return &b->list.at[b->list.count - 1];
}

void builder_wait(const stream_builder *b, tn_instruction *i, tn_unit unit) {
  uint32_t count = b->counts[unit];
  if (!count) return;
  i->waits |= (uint8_t)(1 << unit);
  i->wait[unit] = count;
}

uint32_t builder_array(stream_builder *b, const char *name, tn_type type, int rank, const int64_t *dims) {
  int64_t bytes = (int64_t)tn_type_bytes(type);
  for (int d = 0; d < rank; d++) bytes *= dims[d];
  tn_stream_array array = {.name = name,
                           .type = type,
                           .rank = rank,
                           .dims = tn_arena_copy(b->arena, dims, (size_t)rank * sizeof *dims),
                           .at = b->stream.host_bytes,
                           .bytes = (uint64_t)bytes};
  TN_PUSH(b->arena, &b->arrays, array);
  b->stream.host_bytes += ((uint64_t)bytes + 63) & ~(uint64_t)63;
  return (uint32_t)b->arrays.count - 1;
}

uint64_t builder_dram(stream_builder *b, const void *bytes, size_t count) {
  uint64_t at = b->dram.length;
  tn_text_put_n(&b->dram, bytes, count);
  return at;
}

void builder_layer(stream_builder *b, const char *name, uint64_t macs) {
  tn_stream_layer layer = {.name = name, .macs = macs};
  TN_PUSH(b->arena, &b->layers, layer);
  tn_instruction i = {.op = TN_ISA_LAYER};
  i.LAYER.layer = (uint32_t)b->layers.count - 1;
  builder_put(b, i);
}

const tn_stream *builder_end(stream_builder *b) {
  builder_put(b, (tn_instruction){.op = TN_ISA_HALT});
  b->stream.instructions = b->list.at;
  b->stream.count = b->list.count;
  b->stream.arrays = b->arrays.at;
  b->stream.n_arrays = b->arrays.count;
  b->stream.layers = b->layers.at;
  b->stream.n_layers = b->layers.count;
  if (b->stream.dram_bytes < b->dram.length) b->stream.dram_bytes = b->dram.length;
  b->stream.dram =
      (tn_str){tn_arena_copy(b->arena, b->dram.bytes ? b->dram.bytes : "", b->dram.length), b->dram.length};
  tn_text_free(&b->dram);
  tn_diagnostics sink = {.callback = print};
  if (!tn_stream_verify(&b->stream, "test.tns", &sink)) abort();
  return tn_arena_copy(b->arena, &b->stream, sizeof b->stream);
}

/* ---- products ---- */

typedef struct {
  stream_builder b;
  const test_product *product;
  int64_t rows, columns; /* of the array */
  uint64_t w, x, y;      /* DRAM, host, host */
  uint32_t x_buffer, y_buffer, accumulator;
} product_state;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* `count` tiles from (k, n), step apart along k or n. */
static void put_read(product_state *s, int64_t k, int64_t n, int64_t rows, int64_t columns, int64_t count,
                     bool along_k) {
  int64_t width = (int64_t)tn_type_bytes(s->product->w), lead = s->product->n * width;
  tn_instruction i = {.op = TN_ISA_READ_WEIGHTS};
  i.READ_WEIGHTS.type = (uint8_t)s->product->w;
  i.READ_WEIGHTS.from = s->w + (uint64_t)(k * lead + n * width);
  i.READ_WEIGHTS.rows = (uint16_t)rows;
  i.READ_WEIGHTS.columns = (uint16_t)columns;
  i.READ_WEIGHTS.row_stride = lead;
  i.READ_WEIGHTS.column_stride = width;
  i.READ_WEIGHTS.repeat = (uint32_t)count;
  i.READ_WEIGHTS.repeat_stride = along_k ? s->rows * lead : s->columns * width;
  if (s->product->single_reads) i.READ_WEIGHTS.repeat = 1;
  for (int64_t r = 0; r < count; r += i.READ_WEIGHTS.repeat) {
    builder_put(&s->b, i);
    i.READ_WEIGHTS.from += (uint64_t)i.READ_WEIGHTS.repeat_stride;
  }
}

static tn_instruction matmul(const product_state *s, int64_t row, int64_t rows, int64_t k,
                             int64_t accumulator) {
  tn_instruction i = {.op = TN_ISA_MATMUL};
  i.MATMUL.dataflow = (uint8_t)s->product->dataflow;
  i.MATMUL.type = (uint8_t)s->product->x;
  i.MATMUL.base = s->x_buffer;
  i.MATMUL.row = (uint32_t)row;
  i.MATMUL.rows = (uint32_t)rows;
  i.MATMUL.column = (uint32_t)k;
  i.MATMUL.accumulator = (uint32_t)accumulator;
  i.MATMUL.repeat = 1;
  builder_wait(&s->b, &i, TN_UNIT_DMA0);
  builder_wait(&s->b, &i, TN_UNIT_VECTOR);
  return i;
}

/* Blocks of N columns side by side in the accumulators: M rows each. */
static void put_weight(product_state *s) {
  const test_product *p = s->product;
  for (int64_t n = 0, block = 0; n < p->n; n += s->columns, block++)
    for (int64_t k = 0; k < p->k;) {
      int64_t count = p->whole_rows ? p->k / s->rows - k / s->rows : 1;
      count = count > 0 ? count : 1;
      put_read(s, k, n, least(s->rows, p->k - k), least(s->columns, p->n - n), count, true);
      tn_instruction i = matmul(s, 0, p->m, k, s->accumulator + block * p->m);
      i.MATMUL.accumulate = k > 0;
      i.MATMUL.then_accumulate = 1;
      i.MATMUL.repeat = (uint32_t)count;
      i.MATMUL.column_step = (int32_t)s->rows;
      builder_put(&s->b, i);
      k += count * s->rows;
    }
}

/* Blocks of N columns as above; M in blocks of the array's rows. */
static void put_output(product_state *s) {
  const test_product *p = s->product;
  for (int64_t n = 0, block = 0; n < p->n; n += s->columns, block++)
    for (int64_t m = 0; m < p->m; m += s->rows) {
      int64_t whole = p->k / s->rows, rest = p->k % s->rows, columns = least(s->columns, p->n - n);
      if (whole) put_read(s, 0, n, s->rows, columns, whole, true);
      if (rest) put_read(s, whole * s->rows, n, rest, columns, 1, true);
      tn_instruction i = matmul(s, m, least(s->rows, p->m - m), 0, s->accumulator + block * p->m + m);
      i.MATMUL.then_accumulate = 1;
      i.MATMUL.repeat = (uint32_t)(whole + (rest != 0));
      i.MATMUL.column_step = (int32_t)s->rows;
      builder_put(&s->b, i);
    }
}

/* Blocks of M columns side by side: N rows each. */
static void put_input(product_state *s) {
  const test_product *p = s->product;
  for (int64_t m = 0, block = 0; m < p->m; m += s->columns, block++)
    for (int64_t k = 0; k < p->k; k += s->rows) {
      int64_t whole = p->n / s->columns, rest = p->n % s->columns, rows = least(s->rows, p->k - k);
      if (whole) put_read(s, k, 0, rows, s->columns, whole, false);
      if (rest) put_read(s, k, whole * s->columns, rows, rest, 1, false);
      tn_instruction i = matmul(s, m, least(s->columns, p->m - m), k, s->accumulator + block * p->n);
      i.MATMUL.accumulate = i.MATMUL.then_accumulate = k > 0;
      i.MATMUL.repeat = (uint32_t)(whole + (rest != 0));
      i.MATMUL.accumulator_step = (int32_t)s->columns;
      builder_put(&s->b, i);
    }
}

/* The sums as they are, to row-major y. */
static void put_activate(product_state *s) {
  const test_product *p = s->product;
  bool input = p->dataflow == TN_DATAFLOW_INPUT;
  int64_t rows = input ? p->n : p->m, columns = input ? p->m : p->n;
  for (int64_t c = 0, block = 0; c < columns; c += s->columns, block++) {
    tn_instruction i = {.op = TN_ISA_ACTIVATE};
    i.ACTIVATE.accumulator = s->accumulator + (uint32_t)(block * rows);
    i.ACTIVATE.rows = (uint32_t)rows;
    i.ACTIVATE.columns = (uint32_t)least(s->columns, columns - c);
    i.ACTIVATE.row_stride = (int32_t)(input ? 4 : 4 * p->n);
    i.ACTIVATE.column_stride = (int32_t)(input ? 4 * p->n : 4);
    i.ACTIVATE.to = s->y_buffer + (uint32_t)(c * i.ACTIVATE.column_stride);
    builder_wait(&s->b, &i, TN_UNIT_MATRIX);
    builder_put(&s->b, i);
  }
}

static void put_product(product_state *s) {
  const test_product *p = s->product;
  uint32_t width = (uint32_t)tn_type_bytes(p->x), x_bytes = (uint32_t)(p->m * p->k) * width;
  s->y_buffer = s->x_buffer + ((x_bytes + 63) & ~63u);
  tn_instruction load = {.op = TN_ISA_READ_HOST};
  load.READ_HOST.from = s->x;
  load.READ_HOST.to = s->x_buffer;
  load.READ_HOST.bytes = x_bytes;
  load.READ_HOST.rows = 1;
  builder_wait(&s->b, &load, TN_UNIT_MATRIX);
  builder_put(&s->b, load);
  tn_instruction view = {.op = TN_ISA_VIEW};
  view.VIEW.row_dims = view.VIEW.column_dims = 1;
  for (int d = 0; d < 8; d++) view.VIEW.size[d] = 1;
  view.VIEW.size[0] = (uint32_t)p->m;
  view.VIEW.size[4] = (uint32_t)p->k;
  view.VIEW.stride[0] = (int32_t)(p->k * width);
  view.VIEW.stride[4] = (int32_t)width;
  builder_put(&s->b, view);
  tn_type sum = tn_systolic_sum_type(p->x);
  tn_instruction pipeline = {.op = TN_ISA_PIPELINE};
  pipeline.PIPELINE.source = pipeline.PIPELINE.result = (uint8_t)sum;
  pipeline.PIPELINE.second_scale = 1;
  builder_put(&s->b, pipeline);
  switch (p->dataflow) {
  case TN_DATAFLOW_WEIGHT: put_weight(s); break;
  case TN_DATAFLOW_OUTPUT: put_output(s); break;
  case TN_DATAFLOW_INPUT: put_input(s); break;
  }
  put_activate(s);
  tn_instruction store = {.op = TN_ISA_WRITE_HOST};
  store.WRITE_HOST.from = s->y_buffer;
  store.WRITE_HOST.to = s->y;
  store.WRITE_HOST.bytes = (uint32_t)(p->m * p->n * 4);
  store.WRITE_HOST.rows = 1;
  builder_wait(&s->b, &store, TN_UNIT_VECTOR);
  builder_put(&s->b, store);
}

static void start_product(product_state *s, tn_arena *arena, const tn_systolic_target *target,
                          const test_product *p) {
  *s = (product_state){.product = p, .rows = target->rows, .columns = target->columns};
  builder_start(&s->b, arena, target);
  uint32_t x = builder_array(&s->b, "x", p->x, 2, (int64_t[]){p->m, p->k});
  uint32_t y = builder_array(&s->b, "y", tn_systolic_sum_type(p->x), 2, (int64_t[]){p->m, p->n});
  s->b.stream.parameters = tn_arena_copy(arena, &x, sizeof x);
  s->b.stream.results = tn_arena_copy(arena, &y, sizeof y);
  s->b.stream.n_parameters = s->b.stream.n_results = 1;
  s->x = s->b.arrays.at[x].at;
  s->y = s->b.arrays.at[y].at;
}

const tn_stream *product_stream(tn_arena *arena, const tn_systolic_target *target,
                                const test_product *product, const void *w) {
  product_state s;
  start_product(&s, arena, target, product);
  s.w = builder_dram(&s.b, w, (size_t)(product->k * product->n) * tn_type_bytes(product->w));
  builder_layer(&s.b, "product", (uint64_t)(product->m * product->k * product->n));
  put_product(&s);
  return builder_end(&s.b);
}

const tn_stream *products_stream(tn_arena *arena, const tn_systolic_target *target,
                                 const test_product *product, int layers) {
  product_state s;
  start_product(&s, arena, target, product);
  uint64_t bytes = (uint64_t)(product->k * product->n) * tn_type_bytes(product->w);
  memset(tn_text_reserve(&s.b.dram, bytes * (uint64_t)layers), 0, bytes * (uint64_t)layers);
  s.b.dram.length = bytes * (uint64_t)layers;
  for (int l = 0; l < layers; l++) {
    s.w = bytes * (uint64_t)l;
    s.x_buffer = (uint32_t)(l % 2) << 24;
    s.accumulator = (uint32_t)(l % 2) << 16;
    builder_layer(&s.b, "product", (uint64_t)(product->m * product->k * product->n));
    put_product(&s);
  }
  return builder_end(&s.b);
}

void run_stream(tn_device_kind kind, const tn_stream *stream, const void *x, void *y,
                tn_device_counters *counters) {
  tn_device *device = tn_device_open(kind);
  bool failed = tn_device_load_stream(device, stream, NULL);
  for (int p = 0; !failed && p < stream->n_parameters; p++) failed = tn_device_bind_parameter(device, p, x);
  for (int r = 0; !failed && r < stream->n_results; r++) failed = tn_device_bind_result(device, r, y);
  if (failed || tn_device_start(device) || tn_device_wait(device) ||
      tn_device_counters_of(device, -1, counters)) {
    fprintf(stderr, "%s\n", tn_device_message(device));
    abort();
  }
  tn_device_close(device);
}
