/* Indices of streams: one pass counts, one fills. See stream_index.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "target/stream_index.h"

/* What is bound as the stream is read. */
typedef struct {
  const tn_instruction *views[TN_VIEWS], *pipeline;
  int32_t layer;
} binding;

static const tn_instruction *view_of(const binding *now, uint8_t number) {
  return number < TN_VIEWS ? now->views[number] : NULL;
}

static void bind(tn_stream_index *index, binding *now, int64_t at) {
  const tn_instruction *i = &index->stream->instructions[at];
  if (i->op == TN_ISA_VIEW && i->VIEW.view < TN_VIEWS) now->views[i->VIEW.view] = i;
  if (i->op == TN_ISA_PIPELINE) now->pipeline = i;
  if (i->op == TN_ISA_LAYER) now->layer = (int32_t)i->LAYER.layer;
  if (i->op == TN_ISA_MATMUL) index->view[at] = view_of(now, i->MATMUL.view);
  if (i->op == TN_ISA_VECTOR) index->view[at] = view_of(now, i->VECTOR.view);
  if (i->op == TN_ISA_VECTOR || i->op == TN_ISA_ACTIVATE) index->pipeline[at] = now->pipeline;
  index->layer[at] = now->layer;
}

tn_stream_index tn_stream_index_of(tn_arena *arena, const tn_stream *stream) {
  tn_stream_index index = {.stream = stream};
  index.number = TN_NEW_ARRAY(arena, uint32_t, stream->count);
  index.view = TN_NEW_ARRAY(arena, const tn_instruction *, stream->count);
  index.pipeline = TN_NEW_ARRAY(arena, const tn_instruction *, stream->count);
  index.layer = TN_NEW_ARRAY(arena, int32_t, stream->count);
  binding now = {.layer = -1};
  for (int64_t at = 0; at < stream->count; at++) {
    index.number[at] = (uint32_t)++index.count[tn_instruction_unit(&stream->instructions[at])];
    bind(&index, &now, at);
  }
  for (int u = 0; u < TN_UNITS; u++) index.unit[u] = TN_NEW_ARRAY(arena, int64_t, index.count[u]);
  for (int64_t at = 0; at < stream->count; at++)
    index.unit[tn_instruction_unit(&stream->instructions[at])][index.number[at] - 1] = at;
  return index;
}

const tn_instruction *tn_index_take_tiles(const tn_stream_index *index, tn_tile_cursor *cursor, uint32_t most,
                                          uint32_t *count) {
  const tn_instruction *read = tn_index_nth(index, TN_UNIT_WEIGHTS, cursor->read);
  uint32_t left = read->READ_WEIGHTS.repeat - cursor->taken;
  *count = left < most ? left : most;
  cursor->taken += *count;
  if (*count == left) *cursor = (tn_tile_cursor){.read = cursor->read + 1};
  return read;
}
