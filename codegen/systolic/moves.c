/* Transfers between the host's memory, DRAM and the unified buffer.
 *
 * Loads, stores and what goes past the buffer use different DMA channels where there are several, so
 * that a store that waits for its results holds up no load.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/tiler.h"

/* Into the buffer, out of it, past it. */
static int channel_of(const tn_tiler *t, tn_space source, tn_space result) {
  int64_t channels = t->array->dma_channels;
  if (result == TN_SPACE_BUFFER) return 0;
  if (source == TN_SPACE_BUFFER) return channels > 1;
  return channels > 2 ? 2 : 0;
}

static tn_reach reach_of(tn_space space, bool writes, int64_t at, int64_t rows, int64_t bytes,
                         int64_t stride) {
  return (tn_reach){space, writes, at, at + (rows - 1) * stride + bytes};
}

/* Constants in DRAM are never written, so who reads them waits for nobody. */
static bool is_constant(tn_space space, int64_t at) { return space == TN_SPACE_DRAM && at < TN_SCRATCH; }

void tn_tiler_move(tn_tiler *t, tn_space source, int64_t from, tn_space result, int64_t to, int64_t rows,
                   int64_t bytes, int64_t from_stride, int64_t to_stride) {
  tn_transfer transfer = {.source = source,
                          .result = result,
                          .channel = (uint8_t)channel_of(t, source, result),
                          .from = (uint64_t)from,
                          .to = (uint64_t)to,
                          .bytes = (uint32_t)bytes,
                          .rows = (uint32_t)rows,
                          .from_stride = rows > 1 ? from_stride : 0,
                          .to_stride = rows > 1 ? to_stride : 0};
  tn_instruction i = tn_instruction_of(TN_ISA_NOP);
  tn_isa_set_transfer(&i, &transfer);
  tn_reach reaches[2] = {reach_of(result, true, to, rows, bytes, to_stride),
                         reach_of(source, false, from, rows, bytes, from_stride)};
  tn_builder_add(t->builder, &i, is_constant(source, from) ? 1 : 2, reaches);
}

/* The port of DRAM serves whoever has waited longest: tiles of weights must not wait for a long transfer
 * until the FIFO is empty. */
static int64_t piece_of(const tn_tiler *t, tn_space source, tn_space result) {
  bool dram = source == TN_SPACE_DRAM || result == TN_SPACE_DRAM;
  return dram && t->piece_bytes ? t->piece_bytes : UINT32_MAX;
}

static void move(tn_tiler *t, tn_space source, int64_t from, int64_t from_stride, tn_space result, int64_t to,
                 int64_t to_stride, int64_t rows, int64_t bytes) {
  int64_t most = piece_of(t, source, result), some = most / bytes > 0 ? most / bytes : 1; /* rows a piece */
  for (int64_t row = 0; row < rows && rows > 1; row += some)
    tn_tiler_move(t, source, from + row * from_stride, result, to + row * to_stride,
                  some < rows - row ? some : rows - row, bytes, from_stride, to_stride);
  for (int64_t done = 0; done < bytes && rows == 1; done += most)
    tn_tiler_move(t, source, from + done, result, to + done, 1, most < bytes - done ? most : bytes - done, 0,
                  0);
}

void tn_tiler_load(tn_tiler *t, int buffer, const tn_pieces *from, int64_t at, int64_t stride) {
  const tn_value_place *place = &t->places[buffer];
  int64_t home = place->in_dram ? place->dram : place->host;
  if (from->bytes > 0)
    move(t, place->in_dram ? TN_SPACE_DRAM : TN_SPACE_HOST, home + from->low, from->stride, TN_SPACE_BUFFER,
         at, stride, from->count, from->bytes);
}

void tn_tiler_store(tn_tiler *t, int buffer, bool to_host, int64_t at, int64_t stride, const tn_pieces *to) {
  const tn_value_place *place = &t->places[buffer];
  int64_t home = to_host ? place->host : place->dram;
  move(t, TN_SPACE_BUFFER, at, stride, to_host ? TN_SPACE_HOST : TN_SPACE_DRAM, home + to->low, to->stride,
       to->count, to->bytes);
}

void tn_tiler_store_whole(tn_tiler *t, int buffer, bool to_host) {
  const tn_value_place *place = &t->places[buffer];
  tn_tiler_store(t, buffer, to_host, place->buffer, 0, &(tn_pieces){.bytes = place->bytes, .count = 1});
}

int64_t tn_tiler_weights_home(tn_tiler *t, int buffer) {
  tn_value_place *place = &t->places[buffer];
  if (place->in_dram) return place->dram;
  if (place->dram < 0) place->dram = TN_SCRATCH + tn_room_take(&t->dram, place->bytes);
  place->in_dram = true;
  if (place->in_buffer) {
    tn_tiler_store_whole(t, buffer, false);
    return place->dram;
  }
  move(t, TN_SPACE_HOST, place->host, 0, TN_SPACE_DRAM, place->dram, 0, 1, place->bytes);
  return place->dram;
}
