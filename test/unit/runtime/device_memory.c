/* Transfers, tiles and ports, by hand.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "streams.h"

static void give_bytes(stream_builder *b, int64_t in, int64_t out) {
  uint32_t x = builder_array(b, "x", TN_U8, 1, &in), y = builder_array(b, "y", TN_U8, 1, &out);
  b->stream.parameters = tn_arena_copy(b->arena, &x, sizeof x);
  b->stream.results = tn_arena_copy(b->arena, &y, sizeof y);
  b->stream.n_parameters = b->stream.n_results = 1;
}

#define TRANSFER(ID, from_, to_, bytes_, rows_, from_stride_, to_stride_)                                    \
  ((tn_instruction){.op = TN_ISA_##ID,                                                                       \
                    .ID = {.from = from_,                                                                    \
                           .to = to_,                                                                        \
                           .bytes = bytes_,                                                                  \
                           .rows = rows_,                                                                    \
                           .from_stride = from_stride_,                                                      \
                           .to_stride = to_stride_}})

static void put(stream_builder *b, tn_instruction i, tn_unit waits) {
  builder_wait(b, &i, waits);
  builder_put(b, i);
}

/* host -> buffer, every other piece, backwards -> DRAM -> buffer -> host; and host -> DRAM -> buffer -> host. */
Test(device_memory, transfers_carry_pieces) {
  tn_arena *arena = tn_arena_create();
  stream_builder b;
  builder_start(&b, arena, test_target(arena, "dma_channels=2"));
  give_bytes(&b, 256, 96);
  uint64_t x = b.arrays.at[0].at, y = b.arrays.at[1].at;
  b.stream.dram_bytes = 4096;
  builder_put(&b, TRANSFER(READ_HOST, x, 1000, 8, 8, 16, -8)); /* piece p at 1000 - 8p */
  builder_put(&b, TRANSFER(STORE, 944, 512, 64, 1, 0, 0));
  builder_put(&b, TRANSFER(LOAD, 512, 2000, 16, 4, 16, 32));
  builder_put(&b, TRANSFER(WRITE_HOST, 2000, y, 16, 4, 32, 16));
  builder_put(&b, TRANSFER(HOST_TO_DRAM, x + 128, 1024, 4, 8, 4, 8));
  builder_put(&b, TRANSFER(LOAD, 1024, 3000, 4, 8, 8, 4));
  builder_put(&b, TRANSFER(WRITE_HOST, 3000, y + 64, 32, 1, 0, 0));
  const tn_stream *stream = builder_end(&b);
  uint8_t in[256], out[96];
  for (int i = 0; i < 256; i++) in[i] = (uint8_t)i;
  tn_device_counters c;
  run_stream(TN_DEVICE_FUNCTIONAL, stream, in, out, &c);
  for (int p = 0; p < 8; p++)
    for (int i = 0; i < 8; i++) cr_assert_eq(out[8 * (7 - p) + i], 16 * p + i);
  for (int i = 0; i < 32; i++) cr_assert_eq(out[64 + i], 128 + i);
  cr_assert_eq(c.host_read_bytes, 64 + 32);
  cr_assert_eq(c.host_write_bytes, 96);
  cr_assert_eq(c.dram_read_bytes, 96);
  cr_assert_eq(c.dram_write_bytes, 96);
  cr_assert_eq(c.buffer_write_bytes, 64 + 96);
  tn_arena_destroy(arena);
}

static void put_view(stream_builder *b, uint32_t rows, uint32_t columns) {
  tn_instruction view = {.op = TN_ISA_VIEW};
  view.VIEW.row_dims = view.VIEW.column_dims = 1;
  for (int d = 0; d < 8; d++) view.VIEW.size[d] = 1;
  view.VIEW.size[0] = rows;
  view.VIEW.size[4] = columns;
  view.VIEW.stride[0] = (int32_t)columns;
  view.VIEW.stride[4] = 1;
  builder_put(b, view);
}

static tn_instruction read_weights(uint64_t from, uint16_t rows, uint16_t columns, int64_t row_stride,
                                   int64_t column_stride, uint32_t repeat, int64_t repeat_stride) {
  tn_instruction i = {.op = TN_ISA_READ_WEIGHTS};
  i.READ_WEIGHTS.type = TN_S8;
  i.READ_WEIGHTS.from = from;
  i.READ_WEIGHTS.rows = rows;
  i.READ_WEIGHTS.columns = columns;
  i.READ_WEIGHTS.row_stride = row_stride;
  i.READ_WEIGHTS.column_stride = column_stride;
  i.READ_WEIGHTS.repeat = repeat;
  i.READ_WEIGHTS.repeat_stride = repeat_stride;
  return i;
}

/* Two tiles are read, DRAM is written over, then the array takes them: turned round, one each way. */
Test(device_memory, tiles_in_the_fifo_are_not_what_dram_holds_later) {
  tn_arena *arena = tn_arena_create();
  stream_builder b;
  builder_start(&b, arena, test_target(arena, ""));
  give_bytes(&b, 16, 32);
  int8_t w[32];
  for (int i = 0; i < 32; i++) w[i] = (int8_t)(i - 7);
  uint64_t x = b.arrays.at[0].at, y = b.arrays.at[1].at, at = builder_dram(&b, w, sizeof w);
  builder_put(&b, TRANSFER(READ_HOST, x, 0, 8, 1, 0, 0));
  put_view(&b, 2, 4);
  builder_put(&b, read_weights(at, 4, 2, 1, 4, 2, 8)); /* [n][k] in memory */
  put(&b, TRANSFER(HOST_TO_DRAM, x, at, 16, 2, 0, 16), TN_UNIT_WEIGHTS);
  tn_instruction matmul = {.op = TN_ISA_MATMUL};
  matmul.MATMUL.type = TN_S8;
  matmul.MATMUL.rows = 2;
  matmul.MATMUL.repeat = 2;
  matmul.MATMUL.accumulator_step = 2;
  put(&b, matmul, TN_UNIT_DMA0);
  builder_put(&b, (tn_instruction){.op = TN_ISA_PIPELINE, .PIPELINE = {.source = TN_S32, .result = TN_S32}});
  tn_instruction activate = {.op = TN_ISA_ACTIVATE};
  activate.ACTIVATE.rows = 4;
  activate.ACTIVATE.columns = 2;
  activate.ACTIVATE.to = 64;
  activate.ACTIVATE.row_stride = 8;
  activate.ACTIVATE.column_stride = 4;
  put(&b, activate, TN_UNIT_MATRIX);
  put(&b, TRANSFER(WRITE_HOST, 64, y, 32, 1, 0, 0), TN_UNIT_VECTOR);
  const tn_stream *stream = builder_end(&b);
  int8_t in[16] = {1, -2, 3, 4, 5, 6, -7, 8, 99, 98, 97, 96, 95, 94, 93, 92};
  int32_t out[8];
  tn_device_counters c;
  run_stream(TN_DEVICE_FUNCTIONAL, stream, in, out, &c);
  for (int t = 0; t < 2; t++)
    for (int m = 0; m < 2; m++)
      for (int n = 0; n < 2; n++) {
        int32_t sum = 0;
        for (int k = 0; k < 4; k++) sum += in[4 * m + k] * w[8 * t + 4 * n + k];
        cr_assert_eq(out[4 * t + 2 * m + n], sum);
      }
  tn_arena_destroy(arena);
}

/* ---- ports ---- */

typedef struct {
  int count;
  tn_device_event at[64];
} events;

static void listen(void *user, const tn_device_event *event) {
  events *list = user;
  if (list->count < 64) list->at[list->count++] = *event;
}

static events watch(const tn_stream *stream) {
  events list = {0};
  tn_device *device = tn_device_open(TN_DEVICE_TIMED);
  tn_device_listen(device, listen, &list);
  cr_assert_not(tn_device_load_stream(device, stream, NULL) || tn_device_start(device) ||
                tn_device_wait(device));
  tn_device_close(device);
  return list;
}

static const tn_device_event *event_of(const events *list, int64_t instruction) {
  for (int i = 0; i < list->count; i++)
    if (list->at[i].instruction == instruction) return &list->at[i];
  cr_assert_fail("instruction %lld was not seen", (long long)instruction);
  return NULL;
}

/* 3 bytes a cycle: 10 bytes take 3 1/3; three of them 10, not 12. Latency 20 delays what arrives only. */
Test(device_memory, ports_carry_fractions_on) {
  tn_arena *arena = tn_arena_create();
  stream_builder b;
  builder_start(&b, arena, test_target(arena, "host_gb_s=3 host_latency_ns=20 dma_channels=2"));
  give_bytes(&b, 64, 64);
  for (uint32_t i = 0; i < 3; i++) builder_put(&b, TRANSFER(READ_HOST, 0, 64 * i, 10, 1, 0, 0));
  tn_instruction other = TRANSFER(READ_HOST, 0, 512, 64, 1, 0, 0);
  other.READ_HOST.channel = 1;
  builder_put(&b, other); /* ready at 0 as well: behind the first of channel 0 */
  put(&b, TRANSFER(WRITE_HOST, 512, 64, 64, 1, 0, 0), TN_UNIT_DMA1);
  events list = watch(builder_end(&b));
  cr_assert_eq(event_of(&list, 0)->end, 4 + 20);
  cr_assert_eq(event_of(&list, 3)->start, 3);
  cr_assert_eq(event_of(&list, 3)->end, 25 + 20); /* 3 1/3 + 21 1/3 = 24 2/3 */
  cr_assert_eq(event_of(&list, 1)->end, 28 + 20);
  cr_assert_eq(event_of(&list, 2)->end, 32 + 20); /* 31 1/3 */
  cr_assert_eq(event_of(&list, 4)->start, 45);
  tn_arena_destroy(arena);
}

/* The array waits for DMA, then for the vector unit: each wait has its account. */
Test(device_memory, waits_have_their_accounts) {
  tn_arena *arena = tn_arena_create();
  stream_builder b;
  builder_start(&b, arena, test_target(arena, "host_gb_s=1 vector_lanes=1 vector_latency=5"));
  give_bytes(&b, 128, 64);
  int8_t w[64] = {0};
  uint64_t at = builder_dram(&b, w, sizeof w);
  builder_put(&b, TRANSFER(READ_HOST, 0, 0, 64, 1, 0, 0)); /* there in cycle 64 */
  put_view(&b, 8, 8);
  builder_put(&b, (tn_instruction){.op = TN_ISA_PIPELINE,
                                   .PIPELINE = {.source = TN_S32, .result = TN_S8, .rounds = 1}});
  builder_put(&b, read_weights(at, 8, 8, 8, 1, 3, 0));
  tn_instruction matmul = {.op = TN_ISA_MATMUL};
  matmul.MATMUL.type = TN_S8;
  matmul.MATMUL.rows = 8;
  matmul.MATMUL.repeat = 1;
  put(&b, matmul, TN_UNIT_DMA0);                                     /* shift 64, rows 72 … 80, waves … 94 */
  put(&b, TRANSFER(READ_HOST, 0, 64, 128, 1, 0, 0), TN_UNIT_MATRIX); /* 94 … 222 */
  matmul.MATMUL.base = 64;
  matmul.MATMUL.accumulator = 8;
  put(&b, matmul, TN_UNIT_DMA0); /* shift 222, rows 230 … 238, waves … 252 */
  tn_instruction activate = {.op = TN_ISA_ACTIVATE};
  activate.ACTIVATE.rows = 8;
  activate.ACTIVATE.columns = 8;
  activate.ACTIVATE.to = 512;
  activate.ACTIVATE.row_stride = 8;
  activate.ACTIVATE.column_stride = 1;
  put(&b, activate, TN_UNIT_MATRIX); /* 252 … 316, there in 321 */
  matmul.MATMUL.accumulator = 0;
  put(&b, matmul, TN_UNIT_VECTOR); /* shift 321, rows 329 … 337, waves … 351 */
  put(&b, TRANSFER(WRITE_HOST, 512, 128, 64, 1, 0, 0), TN_UNIT_VECTOR);
  tn_device_counters c;
  run_stream(TN_DEVICE_TIMED, builder_end(&b), NULL, NULL, &c);
  cr_assert_eq(c.cycles, 350 - 64);
  cr_assert_eq(c.active, 3 * 8 + 14); /* the last drain waits for nobody */
  cr_assert_eq(c.weight_shift, 3 * 8);
  cr_assert_eq(c.input_stall, 222 - 80);
  cr_assert_eq(c.raw_stall, 321 - 238);
  cr_assert_eq(c.non_matrix, 142 + 83);
  cr_assert_eq(c.vector_cycles, 64);
  cr_assert_eq(c.dma_cycles, 64 + 128 + 64);
  tn_arena_destroy(arena);
}

/* ---- the interface ---- */

Test(device_memory, wrong_use_is_told) {
  tn_arena *arena = tn_arena_create();
  tn_device *device = tn_device_open(TN_DEVICE_FUNCTIONAL);
  tn_device_counters c;
  cr_assert(tn_device_start(device));
  cr_assert_str_eq(tn_device_message(device), "no stream is loaded");
  cr_assert(tn_device_load(device, "nothing", 7, NULL));
  cr_assert(tn_device_message(device)[0]);
  test_product p = {4, 4, 4, TN_DATAFLOW_WEIGHT, TN_S8, TN_S8, false, false};
  int8_t w[16] = {0};
  tn_text bytes = {0};
  tn_stream_write(&bytes, product_stream(arena, test_target(arena, ""), &p, w));
  cr_assert_not(tn_device_load(device, bytes.bytes, bytes.length, NULL), "%s", tn_device_message(device));
  cr_assert(tn_device_counters_of(device, -1, &c));
  cr_assert_str_eq(tn_device_message(device), "nothing has run");
  cr_assert(tn_device_start(device));
  cr_assert_str_eq(tn_device_message(device), "parameter 0 'x' is not bound");
  cr_assert(tn_device_bind_parameter(device, 1, w));
  cr_assert_str_eq(tn_device_message(device), "there is no parameter 1; there are 1");
  int32_t y[16];
  cr_assert_not(tn_device_bind_parameter(device, 0, w) || tn_device_bind_result(device, 0, y));
  cr_assert_not(tn_device_start(device) || tn_device_wait(device) || tn_device_counters_of(device, 0, &c));
  cr_assert(tn_device_counters_of(device, 1, &c));
  cr_assert_str_eq(tn_device_message(device), "there is no layer 1; there are 1");
  cr_assert_eq(c.useful_macs, 64);
  cr_assert_str_eq(tn_device_parameter(device, 0)->type, "s8");
  cr_assert_str_eq(tn_device_layer_name(device, 0), "product");
  cr_assert_str_eq(tn_device_unit_name(6), "matrix");
  tn_device_close(device);
  tn_text_free(&bytes);
  tn_arena_destroy(arena);
}
