/* Programs laid out: item by item, block by block; tile.h.
 *
 * Blocks of an item are a pipeline: while one is worked on, the next one's operands are on their way and
 * the last one's results leave. All units work side by side by themselves; the order of the
 * instructions only has to let them: load(i + 1), work(i), store(i).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/tiler.h"

#include <stdlib.h>

enum { LEAST_PIECE = 512 };

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- results on their way out ---- */

typedef struct {
  int64_t size, stride;
} extent;

static int by_stride(const void *a, const void *b) {
  int64_t x = ((const extent *)a)->stride, y = ((const extent *)b)->stride;
  return x < y ? -1 : x > y;
}

/* The elements of y in a block: the offset of the first, dims with ascending strides, those that follow
 * each other joined; returns their number, *bytes of the innermost piece.                             */
static int extents_of(const tn_problem *p, const tn_block *block, extent *out, int64_t *bytes) {
  const tn_operand *y = &p->operand[TN_OPERAND_Y];
  int count = 0, kept = 0;
  int64_t m = block->part.rows;
  for (int d = p->first[TN_ROLE_COLUMN] - 1; d >= p->first[TN_ROLE_ROW] && m > 1; d--) {
    int64_t size = m < p->size[d] ? m : p->size[d];
    out[count++] = (extent){size, y->stride[d]};
    m /= size;
  }
  for (int d = p->first[TN_ROLE_COLUMN]; d < p->first[TN_ROLE_SUM]; d++)
    out[count++] = (extent){p->size[d], y->stride[d]};
  for (int i = 0; i < count; i++) out[i].stride = llabs(out[i].stride);
  qsort(out, (size_t)count, sizeof *out, by_stride);
  *bytes = y->width;
  for (int i = 0; i < count; i++)
    if (out[i].stride == *bytes && !kept)
      *bytes *= out[i].size;
    else
      out[kept++] = out[i];
  return kept;
}

static void store_block(tn_tiler *t, const tn_item_plan *item, const tn_block *block, bool to_host) {
  const tn_problem *p = &item->problem;
  extent extents[TN_PROBLEM_DIMS];
  int64_t bytes, index[TN_PROBLEM_DIMS] = {0};
  int count = extents_of(p, block, extents, &bytes), buffer = p->operand[TN_OPERAND_Y].buffer;
  int64_t low = tn_problem_span(p, TN_OPERAND_Y, &block->part).low;
  int64_t rows = count ? extents[0].size : 1, stride = count ? extents[0].stride : 0;
  for (int d = 1;;) { /* the outer extents one by one */
    int64_t at = low;
    for (int i = 1; i < count; i++) at += index[i] * extents[i].stride;
    tn_tiler_store(t, buffer, to_host, block->base[TN_OPERAND_Y] + at, rows, bytes, at, stride);
    for (d = 1; d < count && ++index[d] == extents[d].size; d++) index[d] = 0;
    if (d >= count) break;
  }
}

/* ---- blocks ---- */

static double ready_of(const tn_tiler *t, const tn_item_plan *item, tn_operand_kind kind) {
  if (!item->problem.operand[kind].exists) return 0;
  const tn_value_place *place = &t->places[item->problem.operand[kind].buffer];
  return tn_is_streamed(&item->tiling, kind) || kind == TN_OPERAND_W ? place->ready_outside : place->ready;
}

/* Addresses of the operands of a block, and its loads. */
static void begin_block(tn_tiler *t, const tn_item_plan *item, tn_block *block, int slot) {
  const tn_problem *p = &item->problem;
  block->ready = ready_of(t, item, TN_OPERAND_X);
  block->second = ready_of(t, item, TN_OPERAND_SECOND);
  for (int kind = 0; kind < TN_OPERANDS; kind++) {
    if (!p->operand[kind].exists || kind == TN_OPERAND_W || kind == TN_OPERAND_CHANNEL) continue;
    int buffer = p->operand[kind].buffer;
    block->base[kind] = t->places[buffer].buffer;
    if (!tn_is_streamed(&item->tiling, (tn_operand_kind)kind)) continue;
    tn_byte_range span = tn_problem_span(p, (tn_operand_kind)kind, &block->part);
    block->base[kind] = item->slot_at[slot][kind] - span.low;
    if (kind == TN_OPERAND_Y) continue;
    double bytes = (double)(span.high - span.low),
           *ready = kind == TN_OPERAND_X ? &block->ready : &block->second;
    *ready = tn_forecast_load(&t->forecast, t->array, kind == TN_OPERAND_SECOND, slot,
                              !t->places[buffer].in_dram, *ready, bytes);
    tn_tiler_load(t, buffer, span, item->slot_at[slot][kind]);
  }
}

/* Values that are only kept leave in one piece, where blocks of groups would be thousands. */
static bool leaves_whole(const tn_tiler *t, const tn_item_plan *item) {
  return t->options->keep_values && item->tiling.y == TN_HOME_BUFFER;
}

static void end_block(tn_tiler *t, const tn_item_plan *item, const tn_block *block) {
  const tn_value_place *y = &t->places[item->problem.operand[TN_OPERAND_Y].buffer];
  if (item->tiling.y == TN_HOME_DRAM) store_block(t, item, block, false);
  if (y->host >= 0 && !leaves_whole(t, item)) store_block(t, item, block, true);
}

static void forecast_block(tn_tiler *t, const tn_item_plan *item, const tn_block *block, int slot) {
  const tn_problem *p = &item->problem;
  double results = (double)(block->part.rows * block->part.columns * p->operand[TN_OPERAND_Y].width);
  tn_value_place *y = &t->places[p->operand[TN_OPERAND_Y].buffer];
  tn_forecast_block b = {.array = t->array,
                         .problem = p,
                         .tiling = &item->tiling,
                         .part = block->part,
                         .slot = slot,
                         .ready = block->ready,
                         .second =
                             block->second > item->constants_ready ? block->second : item->constants_ready};
  if (p->is_product) tn_count_tiles(t->array, p, &item->tiling, &b.part, &b.tiles);
  b.weights = p->constant_weights ? 0 : ready_of(t, item, TN_OPERAND_W);
  if (item->tiling.y == TN_HOME_DRAM) b.store_bytes = results;
  if (y->host >= 0) b.write_bytes = results;
  y->ready = tn_forecast_add(&t->forecast, &b);
}

static void emit_blocks(tn_tiler *t, tn_item_plan *item) {
  tn_block now = {0}, next;
  int slot = 0, slots = item->tiling.copies;
  bool more = tn_next_block(&item->problem, &item->tiling, &now.part);
  if (more) begin_block(t, item, &now, slot);
  while (more) {
    next = now;
    more = tn_next_block(&item->problem, &item->tiling, &next.part);
    int before = slot;
    slot = (slot + 1) % slots;
    if (more && slots > 1) begin_block(t, item, &next, slot);
    if (item->problem.is_product)
      tn_tiler_product_block(t, item, &now);
    else
      tn_tiler_vector_block(t, item, &now);
    end_block(t, item, &now);
    forecast_block(t, item, &now, before);
    if (more && slots == 1) begin_block(t, item, &next, slot);
    now = next;
  }
}

/* ---- items ---- */

/* Loads, stores and tiles of weights take turns at the port: a round must not take longer than the array
 * takes for a tile. */
static void set_piece(tn_tiler *t, const tn_item_plan *item) {
  double rate = tn_systolic_bytes_per_cycle(t->array, t->array->dram_gb_s);
  t->piece_bytes = 0;
  if (!item->problem.is_product || !(rate < 1e9)) return;
  const tn_tiling *tiling = &item->tiling;
  int64_t rows = tiling->dataflow == TN_DATAFLOW_WEIGHT ? least(tiling->sums_block, tiling->rows_block)
                                                        : t->array->columns;
  double tile = (double)tn_systolic_tile_bytes(t->array, item->problem.operand[TN_OPERAND_W].type);
  double bytes = (rate * (double)rows - tile) / 2, fewest = tile > LEAST_PIECE ? tile : LEAST_PIECE;
  t->piece_bytes = bytes < fewest ? (int64_t)fewest : bytes > UINT32_MAX ? 0 : (int64_t)bytes / 64 * 64;
}

static bool emit_work(tn_tiler *t, const tn_tile_item *from) {
  const tn_plan *plan = t->program->plan;
  tn_item_plan *item = TN_NEW(t->arena, tn_item_plan);
  const char *why;
  int diagonal = tn_problem_best_diagonal(plan, from->work, t->array);
  if (!tn_problem_of(plan, from->work, diagonal, &item->problem, &why))
    return tn_error(t->sink, TN_UNSUPPORTED, TN_NOWHERE, "%s: %s", from->work->kernel->name, why);
  tn_instruction layer = tn_instruction_of(TN_ISA_LAYER);
  layer.LAYER.layer = (uint32_t)from->layer;
  tn_builder_add(t->builder, &layer, 0, NULL);
  if (!tn_tiler_place_item(t, item)) return false;
  set_piece(t, item);
  double until = t->forecast.last;
  memset(t->forecast.slot, 0, sizeof t->forecast.slot);
  memset(t->forecast.stored, 0, sizeof t->forecast.stored);
  emit_blocks(t, item);
  int result = item->problem.operand[TN_OPERAND_Y].buffer;
  tn_value_place *y = &t->places[result];
  if (y->host >= 0 && leaves_whole(t, item)) tn_tiler_store(t, result, true, y->buffer, 1, y->bytes, 0, 0);
  y->ready_outside = tn_forecast_flush(&t->forecast, t->array);
  y->in_dram |= item->tiling.y == TN_HOME_DRAM;
  y->in_host |= y->host >= 0;
  tn_tiler_release_item(t, item);
  tn_stream *stream = t->program->stream;
  stream->layers[from->layer].model_cycles +=
      (uint64_t)(t->forecast.last - (until > 0 ? until : t->forecast.first));
  return true;
}

static void emit_host(tn_tiler *t, const tn_tile_item *from) {
  int count = 0;
  tn_reach *reaches = TN_NEW_ARRAY(t->arena, tn_reach, from->n_reads + from->n_writes);
  for (int i = 0; i < from->n_reads + from->n_writes; i++) {
    bool writes = i >= from->n_reads;
    tn_value_place *place = &t->places[writes ? from->writes[i - from->n_reads] : from->reads[i]];
    if (place->host < 0) continue; /* a constant: the library has its own */
    if (writes) place->in_host = true, place->ready_outside = t->forecast.last;
    reaches[count++] = (tn_reach){TN_SPACE_HOST, writes, place->host, place->host + place->bytes};
  }
  tn_instruction call = tn_instruction_of(TN_ISA_HOST_CALL);
  call.HOST_CALL.function = (uint32_t)from->function;
  tn_builder_add(t->builder, &call, count, reaches);
}

/* ---- the whole ---- */

/* Scratch lies behind the constants. */
static void settle_scratch(tn_instruction *i, int64_t constants) {
  uint64_t by = (uint64_t)(constants - TN_SCRATCH);
  tn_transfer t;
  if (tn_isa_transfer(i, &t)) {
    if (t.source == TN_SPACE_DRAM && t.from >= (uint64_t)TN_SCRATCH) t.from += by;
    if (t.result == TN_SPACE_DRAM && t.to >= (uint64_t)TN_SCRATCH) t.to += by;
    tn_isa_set_transfer(i, &t);
  }
  if (i->op == TN_ISA_READ_WEIGHTS && i->READ_WEIGHTS.from >= (uint64_t)TN_SCRATCH)
    i->READ_WEIGHTS.from += by;
}

static bool finish(tn_tiler *t) {
  tn_stream *stream = t->program->stream;
  tn_instruction halt = tn_instruction_of(TN_ISA_HALT);
  tn_builder_add(t->builder, &halt, 0, NULL);
  int64_t constants = tn_tiler_begin_constant(t);
  stream->model_cycles = t->forecast.first < 0 ? 0 : (uint64_t)(t->forecast.last - t->forecast.first - 1);
  stream->instructions = tn_builder_instructions(t->builder, &stream->count);
  for (int64_t i = 0; i < stream->count; i++) settle_scratch(&stream->instructions[i], constants);
  stream->dram =
      (tn_str){tn_arena_copy(t->arena, t->constants.bytes ? t->constants.bytes : "", (size_t)constants),
               (size_t)constants};
  stream->dram_bytes = (uint64_t)(constants + t->dram.most);
  tn_text_free(&t->constants);
  if (t->array->dram_bytes != TN_SYSTOLIC_UNBOUNDED && stream->dram_bytes > (uint64_t)t->array->dram_bytes)
    return tn_error(t->sink, TN_LIMIT, TN_NOWHERE, "%s: %llu bytes of dram are needed, the target has %lld",
                    stream->name, (unsigned long long)stream->dram_bytes, (long long)t->array->dram_bytes);
  return true;
}

/* Addresses have 32 bits. */
static tn_room empty_buffer(tn_arena *arena, const tn_systolic_target *array) {
  tn_room room;
  tn_room_open(&room, arena, least(array->unified_buffer_bytes, INT64_C(1) << 32));
  return room;
}

static tn_tiler *open_tiler(tn_arena *arena, const tn_tile_program *program,
                            const tn_systolic_options *options, tn_diagnostics *sink) {
  tn_tiler *t = TN_NEW(arena, tn_tiler);
  *t = (tn_tiler){
      .arena = arena, .program = program, .options = options, .array = options->array, .sink = sink};
  t->forecast.first = -1;
  t->builder = tn_builder_create(arena);
  t->buffer = empty_buffer(arena, options->array);
  tn_room_open(&t->dram, arena, INT64_C(1) << 46);
  t->sums_rows = tn_sums_capacity(options->array);
  tn_tiler_open_places(t);
  return t;
}

bool tn_tile_emit(tn_arena *arena, tn_tile_program *program, const tn_systolic_options *options,
                  tn_diagnostics *sink) {
  tn_tiler *t = open_tiler(arena, program, options, sink);
  for (t->item = 0; t->item < program->n_items; t->item++) {
    const tn_tile_item *item = &program->items[t->item];
    if (!item->work) {
      emit_host(t, item);
    } else if (!emit_work(t, item)) {
      tn_text_free(&t->constants);
      return false;
    }
  }
  return finish(t);
}

/* ---- one piece of work alone ---- */

tn_tiling *tn_tile_choose(tn_arena *arena, const tn_plan *plan, const tn_systolic_work *work,
                          const tn_systolic_options *options, const char **why) {
  const tn_systolic_target *array = options->array;
  tn_problem problem;
  if (!tn_problem_of(plan, work, tn_problem_best_diagonal(plan, work, array), &problem, why)) return NULL;
  tn_item_plan item = {.problem = problem};
  tn_room room = empty_buffer(arena, array);
  tn_tiling *best = NULL;
  int64_t constants = tn_constants_bytes(array, &item);
  bool fits = !constants || tn_room_take(&room, constants) >= 0;
  for (int d = 0; d < (problem.is_product ? TN_DATAFLOWS : 1) && fits; d++) {
    tn_tiling tiling = {
        .dataflow = (tn_dataflow)d, .x = TN_HOME_DRAM, .second = TN_HOME_DRAM, .y = TN_HOME_DRAM};
    if (problem.is_product && !(array->dataflows >> d & 1)) continue;
    if (!tn_choose_blocks(&problem, array, &room, &tiling) || (best && tiling.cycles >= best->cycles))
      continue;
    best = tn_arena_copy(arena, &tiling, sizeof tiling);
  }
  if (!best) *why = "a row of its operands is larger than the unified buffer";
  return best;
}
