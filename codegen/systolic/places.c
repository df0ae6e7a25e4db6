/* Where values are while the program runs: the unified buffer as long as they fit there.
 *
 * Items are placed in order. Of the operands that are not in the buffer the ways to bring them there
 * whole or in blocks are weighed by their forecasts and by the transfers that later items would have to
 * make. What is in the buffer may have to give way, to DRAM if it is nowhere else.
 *
 * Cost: O(ways * tiling) an item.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/tiler.h"

/* ---- before the first item ---- */

static void add_use(tn_tiler *t, int *counts, int buffer, int item) {
  tn_value_place *place = &t->places[buffer];
  if (!counts) {
    place->n_uses++;
    return;
  }
  if (counts[buffer] && place->uses[counts[buffer] - 1] == item) {
    place->n_uses--;
    return;
  }
  place->uses[counts[buffer]++] = item;
}

static void find_uses(tn_tiler *t, int *counts) {
  for (int i = 0; i < t->program->n_items; i++) {
    const tn_systolic_work *work = t->program->items[i].work;
    if (!work) continue;
    add_use(t, counts, work->step->arguments[work->x.buffer], i);
    if (work->is_contraction) add_use(t, counts, work->step->arguments[work->w.buffer], i);
    if (work->work.operand) add_use(t, counts, work->step->arguments[work->work.second.buffer], i);
  }
}

void tn_tiler_open_places(tn_tiler *t) {
  const tn_plan *plan = t->program->plan;
  t->places = TN_NEW_ARRAY(t->arena, tn_value_place, plan->n_buffers);
  for (int b = 0; b < plan->n_buffers; b++) {
    int array = t->program->host_arrays[b];
    bool parameter = plan->buffers[b].memory == TN_MEMORY_PARAMETER;
    t->places[b] = (tn_value_place){.bytes = plan->buffers[b].bytes, .buffer = -1, .dram = -1, .host = -1};
    if (array >= 0) t->places[b].host = (int64_t)t->program->stream->arrays[array].at;
    t->places[b].in_host = array >= 0 && parameter;
  }
  find_uses(t, NULL);
  for (int b = 0; b < plan->n_buffers; b++)
    t->places[b].uses = TN_NEW_ARRAY(t->arena, int, t->places[b].n_uses);
  find_uses(t, TN_NEW_ARRAY(t->arena, int, plan->n_buffers));
}

/* ---- one item ---- */

static int later_uses(const tn_value_place *place, int after) {
  int count = 0;
  for (int i = place->next_use; i < place->n_uses; i++) count += place->uses[i] > after;
  return count;
}

static tn_value_place *place_of(tn_tiler *t, const tn_item_plan *item, tn_operand_kind kind) {
  return &t->places[item->problem.operand[kind].buffer];
}

static tn_home home_outside(const tn_value_place *place, bool is_result) {
  if (is_result) return place->host >= 0 ? TN_HOME_HOST : TN_HOME_DRAM;
  return place->in_dram || !place->in_host ? TN_HOME_DRAM : TN_HOME_HOST;
}

/* Constants that are activations lie in DRAM from the start. */
static void place_constant(tn_tiler *t, int buffer) {
  const tn_buffer *b = &t->program->plan->buffers[buffer];
  tn_value_place *place = &t->places[buffer];
  if (b->memory != TN_MEMORY_CONSTANT || place->in_dram) return;
  place->dram = tn_tiler_begin_constant(t);
  place->in_dram = true;
  tn_text_put_n(&t->constants, b->literal->data, (size_t)place->bytes);
}

static const tn_operand_kind held[3] = {TN_OPERAND_Y, TN_OPERAND_X, TN_OPERAND_SECOND};

static tn_home *home_of(tn_tiling *tiling, tn_operand_kind kind) {
  return kind == TN_OPERAND_Y ? &tiling->y : kind == TN_OPERAND_X ? &tiling->x : &tiling->second;
}

/* A way: bit i says that held[i] is whole in the buffer, bit OTHERS that all else in it may stay. */
enum { OTHERS = 3 };

static bool is_operand(const tn_item_plan *item, int buffer) {
  for (int i = 0; i < 3; i++)
    if (item->problem.operand[held[i]].exists && item->problem.operand[held[i]].buffer == buffer) return true;
  return false;
}

static bool stays(const tn_item_plan *item, unsigned way, int buffer) {
  for (int i = 0; i < 3; i++)
    if (item->problem.operand[held[i]].exists && item->problem.operand[held[i]].buffer == buffer)
      return way >> i & 1;
  return way >> OTHERS & 1;
}

/* Room without what the way puts aside; the bytes that this moves, now and later, are returned. */
static int64_t free_room(tn_tiler *t, const tn_item_plan *item, unsigned way, tn_room *room) {
  int64_t bytes = 0;
  for (int b = 0; b < t->program->plan->n_buffers; b++) {
    const tn_value_place *place = &t->places[b];
    if (!place->in_buffer || stays(item, way, b)) continue;
    tn_room_give(room, place->buffer, place->bytes);
    if (!place->in_dram && !place->in_host) bytes += place->bytes;
    if (!is_operand(item, b)) bytes += place->bytes;
  }
  return bytes;
}

static tn_choice choice_of(const tn_tiler *t, const tn_item_plan *item, const tn_room *room) {
  const tn_problem *p = &item->outside;
  tn_choice choice = tn_choice_of(t->array, &t->machine, room, &t->forecast);
  for (int kind = 0; kind < TN_OPERANDS; kind++)
    if (p->operand[kind].exists && kind != TN_OPERAND_CHANNEL)
      choice.values[kind] = t->values[p->operand[kind].buffer];
  tn_tiler_describe_moves(t, item, &choice.item);
  return choice;
}

static void comes_whole(tn_forecast_item *item, tn_operand_kind kind, const tn_value_place *place) {
  if (kind == TN_OPERAND_Y) return;
  tn_forecast_operand *operand = kind == TN_OPERAND_X ? &item->x : &item->second;
  operand->host = !place->in_dram;
  operand->bytes = (double)place->bytes;
}

/* A value that is both operands is in one place. */
static bool contradicts(const tn_item_plan *item, unsigned way) {
  const tn_operand *x = &item->outside.operand[TN_OPERAND_X],
                   *second = &item->outside.operand[TN_OPERAND_SECOND];
  return second->exists && x->buffer == second->buffer && (way >> 1 & 1) != (way >> 2 & 1);
}

static bool fits_way(tn_tiler *t, const tn_item_plan *item, unsigned way, tn_choice *choice, tn_room *room,
                     tn_tiling *tiling) {
  if (!tiling->packed && !tn_take_constants(t->array, &item->outside, tiling, room)) return false;
  for (int i = 0; i < 3; i++) {
    if (!item->outside.operand[held[i]].exists) continue;
    const tn_value_place *place = place_of(t, item, held[i]);
    bool whole = way >> i & 1;
    *home_of(tiling, held[i]) = whole ? TN_HOME_BUFFER : home_outside(place, held[i] == TN_OPERAND_Y);
    if (!whole || place->in_buffer) continue;
    if (tn_room_take(room, place->bytes) < 0) return false;
    comes_whole(&choice->item, held[i], place);
  }
  return tn_choose_blocks(&item->outside, choice, tiling);
}

/* Of operands that are not in the buffer: bytes that come in later if they are not whole now. */
static int64_t moved_later(tn_tiler *t, const tn_item_plan *item, unsigned way) {
  int64_t bytes = 0;
  for (int i = 0; i < 3; i++) {
    if (!item->outside.operand[held[i]].exists) continue;
    const tn_value_place *place = place_of(t, item, held[i]);
    if (!(way >> i & 1)) bytes += place->bytes * later_uses(place, t->item);
  }
  return bytes;
}

static bool try_way(tn_tiler *t, tn_item_plan *item, unsigned way, tn_tiling *tiling, double *cost) {
  tn_arena *scratch = tn_arena_create();
  tn_room room = tn_room_copy(scratch, &t->buffer);
  tn_choice choice = choice_of(t, item, &room);
  double moved = (double)(free_room(t, item, way, &room) + moved_later(t, item, way));
  bool fits = fits_way(t, item, way, &choice, &room, tiling);
  *cost = (double)tiling->cycles + moved / tn_systolic_bytes_per_cycle(t->array, t->array->dram_gb_s);
  tn_arena_destroy(scratch);
  return fits;
}

static void drop(tn_tiler *t, tn_value_place *place) {
  tn_room_give(&t->buffer, place->buffer, place->bytes);
  place->buffer = -1;
  place->in_buffer = false;
}

static void put_aside(tn_tiler *t, int buffer) {
  tn_value_place *place = &t->places[buffer];
  if (!place->in_dram && !place->in_host) {
    if (place->dram < 0) place->dram = TN_SCRATCH + tn_room_take(&t->dram, place->bytes);
    tn_tiler_store_whole(t, buffer, false);
    tn_tiler_forecast(t, &(tn_forecast_step){.kind = TN_FORECAST_LEAVE,
                                             .value = buffer,
                                             .bytes = (double)place->bytes,
                                             .place = {(double)place->buffer, (double)place->bytes}});
    place->in_dram = true;
  }
  drop(t, place);
}

static bool others_there(const tn_tiler *t, const tn_item_plan *item) {
  for (int b = 0; b < t->program->plan->n_buffers; b++)
    if (t->places[b].in_buffer && !is_operand(item, b)) return true;
  return false;
}

/* The cheapest so far. */
typedef struct {
  bool found;
  unsigned way;
  double cost;
} found_way;

/* What an earlier piece has written of y stays where it is. */
static void keep_begun(tn_tiler *t, const tn_item_plan *item, unsigned *free, unsigned *fixed) {
  if (!item->outside.work->piece) return;
  *free &= ~1u;
  if (place_of(t, item, TN_OPERAND_Y)->in_buffer) *fixed |= 1u;
}

/* More of it in the buffer where that is equal. */
static void try_ways(tn_tiler *t, tn_item_plan *item, bool packed, found_way *best) {
  unsigned free = others_there(t, item) ? 1u << OTHERS : 0, fixed = free ^ 1u << OTHERS;
  for (int i = 0; i < 3; i++)
    if (item->outside.operand[held[i]].exists) free |= 1u << i;
  keep_begun(t, item, &free, &fixed);
  for (int d = 0; d < (item->outside.is_product ? TN_DATAFLOWS : 1); d++) {
    if (item->outside.is_product && !(t->options->array->dataflows >> d & 1)) continue;
    for (unsigned way = free;; way = (way - 1) & free) {
      tn_tiling tiling = {.dataflow = (tn_dataflow)d, .packed = packed};
      double cost;
      if (!contradicts(item, way) && try_way(t, item, way | fixed, &tiling, &cost) &&
          (!best->found || cost < best->cost)) {
        item->tiling = tiling;
        *best = (found_way){true, way | fixed, cost};
      }
      if (!way) break;
    }
  }
}

/* Fewer rows than the array has leave it idle; columns and sums that come in parts may leave room for more. */
static bool is_narrow(const tn_tiler *t, const tn_item_plan *item) {
  const tn_tiling *tiling = &item->tiling;
  return item->outside.is_product && tiling->rows_block < item->outside.m &&
         tiling->rows_block < t->array->rows;
}

static found_way choose_way(tn_tiler *t, tn_item_plan *item) {
  found_way best = {0};
  try_ways(t, item, false, &best);
  if (!best.found || is_narrow(t, item)) try_ways(t, item, true, &best);
  return best;
}

/* ---- the whole ---- */

static void bring_whole(tn_tiler *t, tn_item_plan *item, tn_operand_kind kind) {
  int buffer = item->problem.operand[kind].buffer;
  tn_value_place *place = &t->places[buffer];
  if (place->in_buffer) return;
  place->buffer = tn_room_take(&t->buffer, place->bytes);
  place->in_buffer = true;
  if (kind == TN_OPERAND_Y) return;
  comes_whole(&item->forecast, kind, place);
  tn_tiler_load(t, buffer, &(tn_pieces){.bytes = place->bytes, .count = 1}, place->buffer, 0);
}

static void take_slots(tn_tiler *t, tn_item_plan *item, tn_operand_kind kind) {
  for (int i = 0; i < item->tiling.copies; i++)
    item->slot_at[i][kind] = tn_room_take(&t->buffer, item->slot_bytes[kind]);
}

static void take_constants(tn_tiler *t, tn_item_plan *item) {
  int64_t bytes = tn_constants_bytes(&item->channels);
  item->constants_at = bytes ? tn_room_take(&t->buffer, bytes) : -1;
  tn_tiler_load_constants(t, item);
}

/* The same order as when it was chosen, so that what fitted there fits here. */
static void take_places(tn_tiler *t, tn_item_plan *item) {
  item->channels = tn_channels_of(t->array, &item->outside, &item->tiling);
  tn_lay_out(&item->problem, &item->tiling, item->slot_bytes);
  item->slot_bytes[TN_OPERAND_CHANNEL] = tn_channels_bytes(&item->channels);
  if (!item->tiling.packed) take_constants(t, item); /* few bytes: before all else */
  for (int i = 0; i < 3; i++)
    if (item->problem.operand[held[i]].exists && !tn_is_streamed(&item->tiling, held[i]))
      bring_whole(t, item, held[i]);
  if (item->tiling.packed) take_constants(t, item);
  for (int kind = 0; kind < TN_OPERANDS; kind++)
    if (tn_has_slots(item, (tn_operand_kind)kind)) take_slots(t, item, (tn_operand_kind)kind);
  tn_value_place *y = place_of(t, item, TN_OPERAND_Y);
  if (item->tiling.y == TN_HOME_DRAM && y->dram < 0) y->dram = TN_SCRATCH + tn_room_take(&t->dram, y->bytes);
}

bool tn_has_slots(const tn_item_plan *item, tn_operand_kind kind) {
  if (kind == TN_OPERAND_CHANNEL) return item->channels.streams;
  return item->problem.operand[kind].exists && tn_is_streamed(&item->tiling, kind);
}

bool tn_tiler_place_item(tn_tiler *t, tn_item_plan *item) {
  const tn_problem *p = &item->problem;
  for (int i = 1; i < 3; i++)
    if (p->operand[held[i]].exists) place_constant(t, p->operand[held[i]].buffer);
  found_way way = choose_way(t, item);
  t->piece_bytes = tn_piece_bytes(t->array, p, &item->tiling);
  if (!way.found)
    return tn_error(
        t->sink, TN_LIMIT, TN_NOWHERE, "%s: %lld bytes of unified buffer hold no block of its operands",
        p->work->kernel ? p->work->kernel->name : "work", (long long)t->array->unified_buffer_bytes);
  for (int b = 0; b < t->program->plan->n_buffers; b++)
    if (t->places[b].in_buffer && !stays(item, way.way, b)) put_aside(t, b);
  take_places(t, item);
  return true;
}

void tn_tiler_release_item(tn_tiler *t, tn_item_plan *item) {
  if (item->constants_at >= 0)
    tn_room_give(&t->buffer, item->constants_at, tn_constants_bytes(&item->channels));
  for (int kind = 0; kind < TN_OPERANDS; kind++)
    if (tn_has_slots(item, (tn_operand_kind)kind))
      for (int i = 0; i < item->tiling.copies; i++)
        tn_room_give(&t->buffer, item->slot_at[i][kind], item->slot_bytes[kind]);
  for (int b = 0; b < t->program->plan->n_buffers; b++) {
    tn_value_place *place = &t->places[b];
    while (place->next_use < place->n_uses && place->uses[place->next_use] <= t->item) place->next_use++;
    if (place->in_buffer && place->next_use == place->n_uses) drop(t, place);
  }
}
