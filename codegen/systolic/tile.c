/* Programs laid out: item by item, block by block; tile.h.
 *
 * Blocks of an item are a pipeline: while one is worked on, the next one's operands are on their way and
 * the last one's results leave. All units work side by side by themselves; the order of the
 * instructions only has to let them: load(i + 1), work(i), store(i).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/integer.h"
#include "codegen/systolic/tiler.h"

#include <math.h>
#include <stdlib.h>

/* ---- results on their way out ---- */

typedef struct {
  int64_t size, stride, from; /* bytes outside, in the unified buffer */
} extent;

static int by_stride(const void *a, const void *b) {
  int64_t x = ((const extent *)a)->stride, y = ((const extent *)b)->stride;
  return x < y ? -1 : x > y;
}

/* So many indices of a role, which are a box of its dims. */
static int add_extents(const tn_item_plan *item, tn_role role, int64_t indices, extent *out) {
  const tn_problem *p = &item->problem;
  int count = 0;
  for (int d = p->first[role + 1] - 1; d >= p->first[role] && indices > 1; d--) {
    int64_t size = tn_least(indices, p->size[d]);
    out[count++] = (extent){size, llabs(item->outside.operand[TN_OPERAND_Y].stride[d]),
                            llabs(p->operand[TN_OPERAND_Y].stride[d])};
    indices /= size;
  }
  return count;
}

/* The elements of y in a block: dims with ascending strides, those that follow each other joined; returns
 * their number, *bytes of the innermost piece.                                                       */
static int extents_of(const tn_item_plan *item, const tn_work_part *part, extent *out, int64_t *bytes) {
  int kept = 0, count = add_extents(item, TN_ROLE_ROW, part->rows, out);
  count += add_extents(item, TN_ROLE_COLUMN, part->columns, out + count);
  qsort(out, (size_t)count, sizeof *out, by_stride);
  *bytes = item->problem.operand[TN_OPERAND_Y].width;
  for (int i = 0; i < count; i++)
    if (out[i].stride == *bytes && out[i].from == *bytes && !kept)
      *bytes *= out[i].size;
    else
      out[kept++] = out[i];
  return kept;
}

static void store_block(tn_tiler *t, const tn_item_plan *item, const tn_block *block, bool to_host) {
  extent extents[TN_PROBLEM_DIMS];
  int64_t bytes, index[TN_PROBLEM_DIMS] = {0};
  int count = extents_of(item, &block->part, extents, &bytes);
  int64_t low = tn_problem_span(&item->outside, TN_OPERAND_Y, &block->part).low;
  int64_t from = block->base[TN_OPERAND_Y] + tn_problem_span(&item->problem, TN_OPERAND_Y, &block->part).low;
  tn_pieces to = {
      .bytes = bytes, .count = count ? extents[0].size : 1, .stride = count ? extents[0].stride : 0};
  for (int d = 1;;) { /* the outer extents one by one */
    int64_t at = from;
    to.low = low;
    for (int i = 1; i < count; i++) to.low += index[i] * extents[i].stride, at += index[i] * extents[i].from;
    tn_tiler_store(t, item->problem.operand[TN_OPERAND_Y].buffer, to_host, at, count ? extents[0].from : 0,
                   &to);
    for (d = 1; d < count && ++index[d] == extents[d].size; d++) index[d] = 0;
    if (d >= count) break;
  }
}

/* ---- blocks ---- */

/* Is the same of the operand, in the same place, for the block behind? */
static bool stays(const tn_item_plan *item, tn_operand_kind kind, const tn_work_part *a,
                  const tn_work_part *b) {
  const tn_channels *c = &item->channels;
  bool sums = kind == TN_OPERAND_X && item->problem.is_product;
  if (kind == TN_OPERAND_CHANNEL)
    return (c->batches == 1 || a->batch == b->batch) && (c->role != TN_ROLE_ROW || a->m == b->m) &&
           (c->role != TN_ROLE_COLUMN || a->n == b->n);
  return a->batch == b->batch && a->m == b->m && (sums ? a->k == b->k : a->n == b->n);
}

static void take_slot(tn_tiler *t, const tn_item_plan *item, tn_operand_kind kind, tn_block *block) {
  const tn_operand *o = &item->problem.operand[kind];
  int64_t at = item->slot_at[block->slot[kind]][kind];
  if (kind == TN_OPERAND_CHANNEL) {
    block->base[kind] = at;
    tn_tiler_load_channels(t, item, &block->part, at);
    return;
  }
  block->base[kind] = at - tn_problem_span(&item->problem, kind, &block->part).low;
  tn_pieces pieces = tn_problem_pieces(&item->outside, kind, &block->part, o->pitch);
  if (kind != TN_OPERAND_Y) tn_tiler_load(t, o->buffer, &pieces, at, o->packed);
}

/* Addresses of the operands of a block, and its loads; `last` is the block before, NULL for the first. */
static void begin_block(tn_tiler *t, const tn_item_plan *item, const tn_work_part *last, tn_block *block) {
  const tn_problem *p = &item->problem;
  for (int i = 0; i < TN_OPERANDS; i++) {
    tn_operand_kind kind = (tn_operand_kind)i;
    if (kind == TN_OPERAND_CHANNEL && !item->channels.streams) {
      block->base[kind] = item->constants_at;
    } else if (tn_has_slots(item, kind)) {
      if (last && stays(item, kind, last, &block->part)) continue;
      block->slot[kind] = last ? (block->slot[kind] + 1) % item->tiling.copies : 0;
      take_slot(t, item, kind, block);
    } else if (p->operand[kind].exists && kind != TN_OPERAND_W) {
      block->base[kind] = t->places[p->operand[kind].buffer].buffer;
    }
  }
}

/* Values that are only kept leave in one piece, where blocks of groups would be thousands. */
static bool leaves_whole(const tn_tiler *t, const tn_item_plan *item) {
  return t->options->keep_values && item->tiling.y == TN_HOME_BUFFER && !tn_is_piece(item->problem.work);
}

static void end_block(tn_tiler *t, const tn_item_plan *item, const tn_block *block) {
  if (block->part.k + block->part.depth < item->problem.k) return;
  const tn_value_place *y = &t->places[item->problem.operand[TN_OPERAND_Y].buffer];
  if (item->tiling.y == TN_HOME_DRAM) store_block(t, item, block, false);
  if (y->host >= 0 && !leaves_whole(t, item)) store_block(t, item, block, true);
}

static void emit_blocks(tn_tiler *t, tn_item_plan *item) {
  tn_block now = {0}, next;
  bool ahead = item->tiling.copies > 1, more = tn_next_block(&item->problem, &item->tiling, &now.part);
  if (more) begin_block(t, item, NULL, &now);
  while (more) {
    next = now;
    more = tn_next_block(&item->problem, &item->tiling, &next.part);
    if (more && ahead) begin_block(t, item, &now.part, &next);
    if (item->problem.is_product)
      tn_tiler_product_block(t, item, &now);
    else
      tn_tiler_vector_block(t, item, &now);
    end_block(t, item, &now);
    if (more && !ahead) begin_block(t, item, &now.part, &next);
    now = next;
  }
}

/* ---- items ---- */

/* The forecast of all that is laid out is kept step by step. */
void tn_tiler_forecast(tn_tiler *t, const tn_forecast_step *step) {
  tn_forecast_take(&t->forecast, &t->machine, t->values, step);
  TN_PUSH(t->arena, &t->steps->steps, *step);
}

static int value_of(const tn_problem *p, tn_operand_kind kind) {
  return p->operand[kind].exists ? p->operand[kind].buffer : -1;
}

void tn_tiler_describe_moves(const tn_tiler *t, const tn_item_plan *item, tn_forecast_item *forecast) {
  const tn_problem *p = &item->outside;
  forecast->y_to_host = t->places[p->operand[TN_OPERAND_Y].buffer].host >= 0 && !leaves_whole(t, item);
  if (!p->is_product || p->constant_weights) return;
  const tn_value_place *weights = &t->places[p->operand[TN_OPERAND_W].buffer];
  if (weights->in_dram) return;
  forecast->weights_bytes = (double)weights->bytes;
  forecast->weights_host = !weights->in_buffer;
}

static void forecast_place(const tn_tiler *t, const tn_item_plan *item, tn_operand_kind kind,
                           tn_forecast_place place[2]) {
  if (!item->problem.operand[kind].exists) return;
  const tn_value_place *value = &t->places[item->problem.operand[kind].buffer];
  if (!tn_is_streamed(&item->tiling, kind)) {
    place[0] = (tn_forecast_place){(double)value->buffer, (double)value->bytes};
    return;
  }
  for (int i = 0; i < item->tiling.copies; i++)
    place[i] = (tn_forecast_place){(double)item->slot_at[i][kind], (double)item->slot_bytes[kind]};
}

/* Where in the unified buffer all of it lies. */
static void forecast_places(const tn_tiler *t, const tn_item_plan *item, tn_forecast_item *work) {
  work->constants_place = (tn_forecast_place){(double)item->constants_at, work->constants};
  forecast_place(t, item, TN_OPERAND_X, work->x.place);
  forecast_place(t, item, TN_OPERAND_SECOND, work->second.place);
  forecast_place(t, item, TN_OPERAND_Y, work->y_place);
}

static void forecast_item(tn_tiler *t, tn_item_plan *item, tn_stream_layer *layer) {
  const tn_problem *p = &item->problem;
  tn_forecast_item *work = &item->forecast;
  work->y = value_of(p, TN_OPERAND_Y);
  work->x.value = value_of(p, TN_OPERAND_X), work->second.value = value_of(p, TN_OPERAND_SECOND);
  work->weights = p->is_product && !p->constant_weights ? value_of(p, TN_OPERAND_W) : -1;
  tn_tiler_describe_moves(t, item, work);
  tn_describe_item(t->array, p, &item->outside, &item->tiling, work);
  forecast_places(t, item, work);
  tn_tiler_forecast(t, &(tn_forecast_step){.kind = TN_FORECAST_WORK, .item = *work});
  layer->model_cycles += (uint64_t)llround(t->forecast.ended - t->forecast.begun - 1);
}

/* Before they are made: an array far too small for its model asks for gigabytes of them. */
static bool has_room_for(tn_tiler *t, const tn_item_plan *item) {
  enum { MOST_MATMULS = 1 << 22 };
  const tn_forecast_item *work = &item->forecast;
  double matmuls = work->is_product ? (double)work->blocks * (double)work->parts * (double)work->groups *
                                          (double)work->matmuls
                                    : 0;
  t->matmuls += matmuls;
  if (t->matmuls <= MOST_MATMULS) return true;
  return tn_error(t->sink, TN_LIMIT, TN_NOWHERE,
                  "%s: with it the stream has more than %d matmuls: the array is too small for the model",
                  item->problem.work->kernel->name, MOST_MATMULS);
}

static bool emit_work(tn_tiler *t, const tn_tile_item *from) {
  const tn_plan *plan = t->program->plan;
  tn_item_plan *item = TN_NEW(t->arena, tn_item_plan);
  const char *why;
  int diagonal = tn_problem_best_diagonal(plan, from->work, t->array);
  if (!tn_problem_of(plan, from->work, diagonal, &item->outside, &why))
    return tn_error(t->sink, TN_UNSUPPORTED, TN_NOWHERE, "%s: %s", from->work->kernel->name, why);
  item->problem = item->outside;
  tn_instruction layer = tn_instruction_of(TN_ISA_LAYER);
  layer.LAYER.layer = (uint32_t)from->layer;
  tn_builder_add(t->builder, &layer, 0, NULL);
  if (!tn_tiler_place_item(t, item)) return false;
  forecast_item(t, item, &t->program->stream->layers[from->layer]);
  if (!has_room_for(t, item)) return false;
  emit_blocks(t, item);
  int result = item->problem.operand[TN_OPERAND_Y].buffer;
  tn_value_place *y = &t->places[result];
  if (y->host >= 0 && leaves_whole(t, item)) {
    tn_tiler_store_whole(t, result, true);
    tn_forecast_step leave = {TN_FORECAST_LEAVE, .value = result, .to_host = true, .bytes = (double)y->bytes,
                              .place = {(double)y->buffer, (double)y->bytes}};
    tn_tiler_forecast(t, &leave);
  }
  y->in_dram |= item->tiling.y == TN_HOME_DRAM;
  y->in_host |= y->host >= 0;
  tn_tiler_release_item(t, item);
  return true;
}

static void emit_host(tn_tiler *t, const tn_tile_item *from) {
  int count = 0;
  tn_reach *reaches = TN_NEW_ARRAY(t->arena, tn_reach, from->n_reads + from->n_writes);
  for (int i = 0; i < from->n_reads + from->n_writes; i++) {
    bool writes = i >= from->n_reads;
    tn_value_place *place = &t->places[writes ? from->writes[i - from->n_reads] : from->reads[i]];
    if (place->host < 0) continue; /* a constant: the library has its own */
    if (writes) place->in_host = true;
    reaches[count++] = (tn_reach){TN_SPACE_HOST, writes, place->host, place->host + place->bytes};
  }
  tn_instruction call = tn_instruction_of(TN_ISA_HOST_CALL);
  call.HOST_CALL.function = (uint32_t)from->function;
  tn_builder_add(t->builder, &call, count, reaches);
  tn_tiler_forecast(t, &(tn_forecast_step){.kind = TN_FORECAST_CALL,
                                           .n_reads = from->n_reads,
                                           .reads = from->reads,
                                           .n_writes = from->n_writes,
                                           .writes = from->writes});
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
  double end = tn_forecast_finish(&t->forecast, &t->machine);
  stream->model_cycles =
      t->forecast.first < 0 ? 0 : (uint64_t)llround(t->forecast.last - t->forecast.first - 1);
  stream->model_total_cycles = (uint64_t)llround(end);
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
  tn_room_open(&room, arena, tn_least(array->unified_buffer_bytes, INT64_C(1) << 32));
  return room;
}

static tn_tiler *open_tiler(tn_arena *arena, const tn_tile_program *program,
                            const tn_systolic_options *options, tn_diagnostics *sink) {
  tn_tiler *t = TN_NEW(arena, tn_tiler);
  *t = (tn_tiler){
      .arena = arena, .program = program, .options = options, .array = options->array, .sink = sink};
  t->machine = tn_forecast_machine_of(options->array);
  t->forecast = tn_forecast_start();
  t->values = TN_NEW_ARRAY(arena, tn_forecast_value, program->plan->n_buffers);
  t->steps = TN_NEW(arena, tn_forecast_program);
  t->steps->n_values = program->plan->n_buffers;
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
  program->forecast = t->steps;
  return finish(t);
}

/* ---- one piece of work alone ---- */

tn_tiling *tn_tile_choose(tn_arena *arena, const tn_plan *plan, const tn_systolic_work *work,
                          const tn_systolic_options *options, const char **why) {
  const tn_systolic_target *array = options->array;
  tn_problem problem;
  if (!tn_problem_of(plan, work, tn_problem_best_diagonal(plan, work, array), &problem, why)) return NULL;
  tn_tiling *best = NULL;
  tn_forecast_machine machine = tn_forecast_machine_of(array);
  tn_forecast before = tn_forecast_start();
  for (int i = 0; i < 2 * TN_DATAFLOWS && (i < TN_DATAFLOWS || !best);
       i++) { /* packed: if nothing else fits */
    tn_tiling tiling = {.dataflow = (tn_dataflow)(i % TN_DATAFLOWS), .packed = i >= TN_DATAFLOWS};
    tiling.x = tiling.second = tiling.y = TN_HOME_DRAM;
    if (problem.is_product ? !(array->dataflows >> tiling.dataflow & 1) : tiling.dataflow != 0) continue;
    tn_room room = empty_buffer(arena, array);
    tn_choice choice = tn_choice_of(array, &machine, &room, &before);
    if (!tiling.packed && !tn_take_constants(array, &problem, &tiling, &room)) continue;
    if (!tn_choose_blocks(&problem, &choice, &tiling) || (best && tiling.cycles >= best->cycles)) continue;
    best = tn_arena_copy(arena, &tiling, sizeof tiling);
  }
  if (!best) *why = "no block of its operands fits into the unified buffer";
  return best;
}
