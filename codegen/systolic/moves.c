/* Transfers between the host's memory, DRAM and the unified buffer.
 *
 * Loads, stores and what goes past the buffer use different DMA channels where there are several, so
 * that a store that waits for its results holds up no load.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/tiler.h"

int tn_tiler_channel(const tn_tiler *t, tn_move_kind kind) {
  int64_t channels = t->array->dma_channels;
  switch (kind) {
  case TN_MOVE_IN: return 0;
  case TN_MOVE_OUT: return channels > 1;
  case TN_MOVE_ASIDE: return channels > 2 ? 2 : 0;
  }
  return 0;
}

static tn_reach reach_of(tn_space space, bool writes, int64_t at, int64_t rows, int64_t bytes, int64_t stride) {
  return (tn_reach){space, writes, at, at + (rows - 1) * stride + bytes};
}

/* The port of DRAM serves whoever has waited longest: tiles of weights must not wait for a long transfer
 * until the FIFO is empty. */
static int64_t piece_of(const tn_tiler *t, bool dram) {
  return dram && t->piece_bytes ? t->piece_bytes : UINT32_MAX;
}

void tn_tiler_load(tn_tiler *t, int buffer, tn_byte_range span, int64_t at) {
  const tn_value_place *place = &t->places[buffer];
  int64_t bytes = span.high - span.low;
  if (bytes <= 0) return;
  bool from_dram = place->in_dram;
  int64_t from = (from_dram ? place->dram : place->host) + span.low, most = piece_of(t, from_dram);
  tn_instruction i = tn_instruction_of(from_dram ? TN_ISA_LOAD : TN_ISA_READ_HOST);
  int channel = tn_tiler_channel(t, TN_MOVE_IN);
  for (int64_t done = 0, piece; done < bytes; done += piece) {
    piece = bytes - done > most ? most : bytes - done;
    if (from_dram) {
      i.LOAD.channel = (uint8_t)channel, i.LOAD.from = (uint64_t)(from + done), i.LOAD.to = (uint32_t)(at + done);
      i.LOAD.bytes = (uint32_t)piece, i.LOAD.rows = 1;
    } else {
      i.READ_HOST.channel = (uint8_t)channel, i.READ_HOST.from = (uint64_t)(from + done);
      i.READ_HOST.to = (uint32_t)(at + done), i.READ_HOST.bytes = (uint32_t)piece, i.READ_HOST.rows = 1;
    }
    tn_reach reaches[2] = {
        reach_of(TN_SPACE_BUFFER, true, at + done, 1, piece, 0),
        reach_of(from_dram ? TN_SPACE_DRAM : TN_SPACE_HOST, false, from + done, 1, piece, 0)};
    tn_builder_add(t->builder, &i, from_dram && from < TN_SCRATCH ? 1 : 2, reaches);
  }
}

static void store_piece(tn_tiler *t, bool to_host, int64_t from, int64_t to, int64_t rows, int64_t bytes,
                        int64_t stride) {
  tn_instruction i = tn_instruction_of(to_host ? TN_ISA_WRITE_HOST : TN_ISA_STORE);
  int channel = tn_tiler_channel(t, TN_MOVE_OUT);
  if (to_host) {
    i.WRITE_HOST.channel = (uint8_t)channel, i.WRITE_HOST.from = (uint32_t)from, i.WRITE_HOST.to = (uint64_t)to;
    i.WRITE_HOST.bytes = (uint32_t)bytes, i.WRITE_HOST.rows = (uint32_t)rows;
    i.WRITE_HOST.from_stride = i.WRITE_HOST.to_stride = rows > 1 ? stride : 0;
  } else {
    i.STORE.channel = (uint8_t)channel, i.STORE.from = (uint32_t)from, i.STORE.to = (uint64_t)to;
    i.STORE.bytes = (uint32_t)bytes, i.STORE.rows = (uint32_t)rows;
    i.STORE.from_stride = i.STORE.to_stride = rows > 1 ? stride : 0;
  }
  tn_reach reaches[2] = {reach_of(TN_SPACE_BUFFER, false, from, rows, bytes, stride),
                         reach_of(to_host ? TN_SPACE_HOST : TN_SPACE_DRAM, true, to, rows, bytes, stride)};
  tn_builder_add(t->builder, &i, 2, reaches);
}

void tn_tiler_store(tn_tiler *t, int buffer, bool to_host, int64_t from, int64_t rows, int64_t bytes, int64_t at,
                    int64_t stride) {
  const tn_value_place *place = &t->places[buffer];
  int64_t to = (to_host ? place->host : place->dram) + at, most = piece_of(t, !to_host);
  if (rows > 1) { /* so many rows a piece */
    int64_t some = most / bytes > 0 ? most / bytes : 1;
    for (int64_t row = 0; row < rows; row += some)
      store_piece(t, to_host, from + row * stride, to + row * stride, some < rows - row ? some : rows - row, bytes,
                  stride);
    return;
  }
  for (int64_t done = 0; done < bytes; done += most)
    store_piece(t, to_host, from + done, to + done, 1, most < bytes - done ? most : bytes - done, 0);
}

int64_t tn_tiler_weights_home(tn_tiler *t, int buffer) {
  tn_value_place *place = &t->places[buffer];
  if (place->in_dram) return place->dram;
  if (place->dram < 0) place->dram = TN_SCRATCH + tn_room_take(&t->dram, place->bytes);
  place->in_dram = true;
  if (place->in_buffer) {
    tn_tiler_store(t, buffer, false, place->buffer, 1, place->bytes, 0, 0);
    place->ready_outside = tn_forecast_move(&t->forecast, t->array, false, true, place->ready, (double)place->bytes);
    return place->dram;
  }
  place->ready_outside = tn_forecast_move(&t->forecast, t->array, true, false, place->ready_outside, (double)place->bytes);
  tn_instruction i = tn_instruction_of(TN_ISA_HOST_TO_DRAM);
  int64_t most = piece_of(t, true);
  i.HOST_TO_DRAM.channel = (uint8_t)tn_tiler_channel(t, TN_MOVE_ASIDE);
  for (int64_t done = 0, piece; done < place->bytes; done += piece) {
    piece = place->bytes - done > most ? most : place->bytes - done;
    i.HOST_TO_DRAM.from = (uint64_t)(place->host + done), i.HOST_TO_DRAM.to = (uint64_t)(place->dram + done);
    i.HOST_TO_DRAM.bytes = (uint32_t)piece, i.HOST_TO_DRAM.rows = 1;
    tn_reach reaches[2] = {reach_of(TN_SPACE_HOST, false, place->host + done, 1, piece, 0),
                           reach_of(TN_SPACE_DRAM, true, place->dram + done, 1, piece, 0)};
    tn_builder_add(t->builder, &i, 2, reaches);
  }
  return place->dram;
}
