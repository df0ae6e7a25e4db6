/* Time: when each unit does what, without a tick for every cycle.
 *
 * Each unit has a next piece of work: an instruction, or a repetition of one. When it may start is known
 * once what it waits for has been dealt with. Of those known the earliest is dealt with next, so that
 * ports serve who is ready first. The cycles it takes follow from closed forms (R rows, C columns, M rows
 * that stream at p cycles each):
 *
 *   weight stationary   a tile shifts in:          b = max(unit, waits, tile in FIFO, shadow free)
 *                       its first row enters:      s = max(b + R, rows before it have entered)
 *                       its last wave has left:    e = s + M p + R + C - 2
 *   output stationary   a chunk of K streams:      s = max(unit, waits, tile in FIFO, chunk before), M = k
 *   input stationary    a tile of x shifts in:     b = max(unit, waits, shadow free)
 *                       a tile of w streams:       s = max(b + R, w's tile in FIFO, tile before), M = n
 *
 * With a shadow it is free for the next from s on, without one from e on. A place of the FIFO is free from
 * b on, of tiles that stream from s on. Ports keep fractions of cycles; everything else is whole cycles.
 * An unlimited port takes no time at all, its latency included.
 *
 * Cost: O(instructions * units + repetitions); some tens of nanoseconds each.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <assert.h>

#include "base/integer.h"
#include "runtime/device_timed.h"

static int64_t round_up(tn_fixed time) { return (time + tn_fixed_of(1) - 1) >> TN_CYCLE_FRACTION; }

/* ---- when may it start ---- */

static const tn_instruction *head_of(const tn_timer *t, int unit) {
  return tn_index_nth(t->index, unit, t->head[unit]);
}

static tn_wait_reason reason_of(int unit) {
  if (unit == TN_UNIT_VECTOR) return TN_WAIT_VECTOR;
  return unit >= TN_UNIT_DMA0 && unit <= TN_UNIT_DMA3 ? TN_WAIT_DMA : TN_WAIT_OTHER;
}

/* From `at` on, or when all that it waits for has finished; TN_UNKNOWN if that is not known. */
static int64_t after_waits(tn_timer *t, const tn_instruction *i, int64_t at, tn_wait_reason *reason) {
  for (unsigned left = i->waits; left; left &= left - 1) {
    int unit = __builtin_ctz(left);
    if (!i->wait[unit]) continue;
    if (t->head[unit] < (int64_t)i->wait[unit]) return TN_UNKNOWN;
    int64_t done = t->done[unit][i->wait[unit] - 1];
    if (done > at) {
      at = done;
      *reason = reason_of(unit);
    }
  }
  return at;
}

/* The end of all: every other unit is through. */
static int64_t after_everything(const tn_timer *t, int64_t at) {
  for (int u = 0; u < TN_UNITS; u++) {
    if (u == TN_UNIT_CONTROL) continue;
    if (t->head[u] < t->index->count[u]) return TN_UNKNOWN;
    if (t->head[u]) at = tn_largest(at, t->done[u][t->head[u] - 1]);
  }
  return at;
}

/* The array itself, for the next repetition. */
static int64_t array_free(const tn_timer *t, const tn_instruction *i) {
  bool shadow = t->array->weight_double_buffer, first = t->repetition[TN_UNIT_MATRIX] == 0;
  switch ((tn_dataflow)i->MATMUL.dataflow) {
  case TN_DATAFLOW_WEIGHT: return shadow ? t->shadow_free : t->waves_out;
  case TN_DATAFLOW_OUTPUT: return shadow || !first ? t->rows_in : t->waves_out;
  case TN_DATAFLOW_INPUT: return !first ? t->rows_in : shadow ? t->shadow_free : t->waves_out;
  }
  return 0;
}

static int64_t matrix_start(tn_timer *t, const tn_instruction *i, int64_t at) {
  if (t->taken == t->read) return TN_UNKNOWN; /* the tile */
  const tn_fifo_place_time *tile = &t->places[t->taken % t->n_places];
  bool streams = i->MATMUL.dataflow == TN_DATAFLOW_INPUT; /* then the shift does not need it */
  if (!streams && tile->there > at) {
    at = tile->there;
    t->reason = TN_WAIT_FIFO;
  }
  return at;
}

static tn_fixed start_of(tn_timer *t, int unit) {
  const tn_instruction *i = head_of(t, unit);
  if (!i) return TN_UNKNOWN;
  tn_wait_reason reason = TN_WAIT_OTHER;
  int64_t at = i->op == TN_ISA_MATMUL ? array_free(t, i) : 0;
  if (!t->repetition[unit]) at = after_waits(t, i, at, &reason);
  if (at == TN_UNKNOWN) return TN_UNKNOWN;
  if (i->op == TN_ISA_HALT) at = after_everything(t, at);
  if (i->op == TN_ISA_READ_WEIGHTS && t->read >= t->n_places) {
    if (t->read - t->taken == t->n_places) return TN_UNKNOWN; /* no place */
    at = tn_largest(at, t->places[t->read % t->n_places].left);
  }
  if (i->op == TN_ISA_MATMUL) {
    t->reason = reason;
    at = matrix_start(t, i, at);
  }
  return at == TN_UNKNOWN ? TN_UNKNOWN : tn_largest(tn_fixed_of(at), t->free[unit]);
}

/* ---- what was done ---- */

static tn_ledger *layer_ledger(tn_timer *t, int64_t at) {
  int layer = t->index->layer[at];
  return t->layers && layer >= 0 ? &t->layers[layer] : NULL;
}

static void note_time(tn_ledger *ledger, int64_t start, int64_t end) {
  if (start < ledger->begun) ledger->begun = start;
  if (end > ledger->finished) ledger->finished = end;
}

/* The instruction under way ends in cycle `end`; counts never go back. */
static void finish(tn_timer *t, int unit, int64_t end) {
  int64_t number = t->head[unit]++, at = t->index->unit[unit][number];
  if (number) end = tn_largest(end, t->done[unit][number - 1]);
  t->done[unit][number] = end;
  t->repetition[unit] = 0;
  bool control = unit == TN_UNIT_CONTROL; /* takes no time */
  tn_ledger *layer = control ? NULL : layer_ledger(t, at);
  if (!control || t->instructions[at].op == TN_ISA_HALT) note_time(&t->whole, t->began[unit], end);
  if (layer) note_time(layer, t->began[unit], end);
  if (!t->listener || (control && t->instructions[at].op != TN_ISA_HOST_CALL)) return;
  tn_device_event event = {
      .unit = unit, .instruction = at, .layer = t->index->layer[at], .start = t->began[unit], .end = end};
  t->listener(t->user, &event);
}

/* ---- ports ---- */

static tn_fixed transfer_time(const tn_port *p, int64_t bytes) {
  return (tn_fixed)((double)bytes * p->is.cycles_per_byte * (double)tn_fixed_of(1) + 0.5);
}

/* Both ports at once where there are two; `second` may be NULL. When the last byte is through. */
static tn_fixed transfer(tn_port *first, tn_port *second, tn_fixed ready, int64_t bytes, tn_fixed *begin) {
  *begin = tn_largest(ready, first->free);
  if (second) *begin = tn_largest(*begin, second->free);
  tn_fixed end = first->free = *begin + transfer_time(first, bytes);
  if (!second) return end;
  second->free = *begin + transfer_time(second, bytes);
  return tn_largest(end, second->free);
}

static void read_tile(tn_timer *t, const tn_instruction *i, int64_t at) {
  tn_type type = (tn_type)i->READ_WEIGHTS.type;
  int64_t rows = i->READ_WEIGHTS.rows, columns = i->READ_WEIGHTS.columns;
  tn_fixed begin, end = transfer(&t->dram, NULL, t->next[TN_UNIT_WEIGHTS],
                                 tn_systolic_tile_traffic(t->array, rows, columns, type), &begin);
  if (!t->repetition[TN_UNIT_WEIGHTS]) t->began[TN_UNIT_WEIGHTS] = begin >> TN_CYCLE_FRACTION;
  t->free[TN_UNIT_WEIGHTS] = end;
  t->whole.weights += end - begin;
  tn_ledger *layer = layer_ledger(t, at);
  if (layer) layer->weights += end - begin;
  int64_t there = round_up(end) + t->dram.is.latency;
  t->places[t->read++ % t->n_places] =
      (tn_fifo_place_time){.there = there, .rows = rows, .columns = columns, .type = type};
  if (++t->repetition[TN_UNIT_WEIGHTS] >= i->READ_WEIGHTS.repeat) finish(t, TN_UNIT_WEIGHTS, there);
}

static void move_bytes(tn_timer *t, int unit, const tn_instruction *i, int64_t at) {
  tn_port *const ports[] = {[TN_SPACE_HOST] = &t->host, [TN_SPACE_DRAM] = &t->dram, [TN_SPACE_BUFFER] = NULL};
  tn_transfer move;
  tn_isa_transfer(i, &move);
  tn_port *first = ports[move.source], *second = ports[move.result];
  if (!first) first = second, second = NULL;
  tn_fixed begin, end = transfer(first, second, t->next[unit], (int64_t)move.bytes * move.rows, &begin);
  t->began[unit] = begin >> TN_CYCLE_FRACTION;
  t->free[unit] = end;
  t->whole.dma += end - begin;
  tn_ledger *layer = layer_ledger(t, at);
  if (layer) layer->dma += end - begin;
  finish(t, unit, round_up(end) + first->is.latency + (second ? second->is.latency : 0));
}

/* ---- the array ---- */

/* What the tile's way is, given when it may start. */
static tn_systolic_stay stay_of(const tn_timer *t, const tn_instruction *i, const tn_fifo_place_time *tile) {
  tn_systolic_stay stay = {
      .free = array_free(t, i), .shift = t->next[TN_UNIT_MATRIX] >> TN_CYCLE_FRACTION, .reason = t->reason};
  const tn_systolic_type *type = tn_systolic_find_type(t->array, (tn_type)i->MATMUL.type, tile->type);
  stay.type = (int)(type - t->array->types);
  int64_t p = type->cycles;
  bool first = t->repetition[TN_UNIT_MATRIX] == 0;
  switch ((tn_dataflow)i->MATMUL.dataflow) {
  case TN_DATAFLOW_WEIGHT:
    stay.shift_end = stay.shift + t->array->rows;
    stay.start = tn_largest(stay.shift_end, t->rows_in);
    stay.rows = (int64_t)i->MATMUL.rows * p;
    break;
  case TN_DATAFLOW_OUTPUT:
    stay.shift_end = stay.start = stay.shift;
    stay.rows = tile->rows * p;
    break;
  case TN_DATAFLOW_INPUT:
    stay.shift_end = first ? stay.shift + t->array->rows : stay.shift;
    stay.start = tn_largest(tn_largest(stay.shift_end, tile->there), t->rows_in);
    stay.rows = tile->columns * p;
    break;
  }
  stay.end = stay.start + stay.rows + t->array->rows + t->array->columns - 2;
  return stay;
}

static void enter_tile(tn_timer *t, const tn_instruction *i, int64_t at) {
  tn_fifo_place_time *tile = &t->places[t->taken++ % t->n_places];
  tn_systolic_stay stay = stay_of(t, i, tile);
  if (!t->repetition[TN_UNIT_MATRIX]) t->began[TN_UNIT_MATRIX] = stay.shift;
  bool weight = i->MATMUL.dataflow == TN_DATAFLOW_WEIGHT;
  tile->left = weight ? stay.shift : stay.start;
  if (weight || !t->repetition[TN_UNIT_MATRIX]) t->shadow_free = stay.start;
  t->rows_in = stay.start + stay.rows;
  t->waves_out = stay.end;
  tn_ledger_enter(&t->whole, &stay);
  tn_ledger *layer = layer_ledger(t, at);
  if (layer) tn_ledger_enter(layer, &stay);
  if (++t->repetition[TN_UNIT_MATRIX] >= i->MATMUL.repeat) finish(t, TN_UNIT_MATRIX, stay.end);
}

/* ---- the vector unit ---- */

static void vector_work(tn_timer *t, const tn_instruction *i, int64_t at) {
  tn_vector_result result;
  tn_isa_vector_result(i, &result);
  int64_t elements = (int64_t)result.rows * result.columns * result.windows;
  int64_t lanes = t->array->vector_lanes, cycles = tn_largest(1, (elements + lanes - 1) / lanes);
  int64_t start = t->next[TN_UNIT_VECTOR] >> TN_CYCLE_FRACTION;
  t->began[TN_UNIT_VECTOR] = start;
  t->free[TN_UNIT_VECTOR] = tn_fixed_of(start + cycles);
  t->whole.vector += cycles;
  tn_ledger *layer = layer_ledger(t, at);
  if (layer) layer->vector += cycles;
  finish(t, TN_UNIT_VECTOR, start + cycles + t->array->vector_latency);
}

/* ---- all of it ---- */

static void work(tn_timer *t, int unit) {
  int64_t at = t->index->unit[unit][t->head[unit]];
  const tn_instruction *i = &t->instructions[at];
  switch ((tn_unit)unit) {
  case TN_UNIT_CONTROL:
    t->free[unit] = t->next[unit];
    t->began[unit] = t->next[unit] >> TN_CYCLE_FRACTION;
    finish(t, unit, t->began[unit]);
    break;
  case TN_UNIT_DMA0:
  case TN_UNIT_DMA1:
  case TN_UNIT_DMA2:
  case TN_UNIT_DMA3: move_bytes(t, unit, i, at); break;
  case TN_UNIT_WEIGHTS: read_tile(t, i, at); break;
  case TN_UNIT_MATRIX: enter_tile(t, i, at); break;
  case TN_UNIT_VECTOR: vector_work(t, i, at); break;
  case TN_UNITS: break;
  }
}

/* What was done may tell when others start. */
static void look_again(tn_timer *t, int unit) {
  t->next[unit] = start_of(t, unit);
  for (int u = 0; u < TN_UNITS; u++)
    if (u != unit && t->next[u] == TN_UNKNOWN && t->head[u] < t->index->count[u]) t->next[u] = start_of(t, u);
}

static bool is_inside(const tn_timer *t, int unit, const tn_instruction **now) {
  *now = t->next[unit] == TN_UNKNOWN ? NULL : head_of(t, unit);
  return *now && t->repetition[unit] + 1 <
                     (unit == TN_UNIT_MATRIX ? (*now)->MATMUL.repeat : (*now)->READ_WEIGHTS.repeat);
}

/* Repetitions but the last of an instruction concern nobody but these two units: as long as no other is
 * ready before the next read, they go on between themselves.                                        */
static void repeat_inside(tn_timer *t) {
  const tn_instruction *i, *read;
  tn_fixed others = TN_UNKNOWN;
  tn_steady steady = {0};
  for (int u = 0; u < TN_UNITS; u++)
    if (u != TN_UNIT_WEIGHTS && u != TN_UNIT_MATRIX && t->next[u] < others) others = t->next[u];
  for (;;) {
    if (is_inside(t, TN_UNIT_MATRIX, &i)) {
      int64_t at = t->index->unit[TN_UNIT_MATRIX][t->head[TN_UNIT_MATRIX]];
      enter_tile(t, i, at);
      t->next[TN_UNIT_MATRIX] = start_of(t, TN_UNIT_MATRIX);
      if (t->next[TN_UNIT_WEIGHTS] == TN_UNKNOWN) t->next[TN_UNIT_WEIGHTS] = start_of(t, TN_UNIT_WEIGHTS);
      if (is_inside(t, TN_UNIT_WEIGHTS, &read)) tn_steady_note(&steady, t, i, layer_ledger(t, at), others);
    } else if (is_inside(t, TN_UNIT_WEIGHTS, &i) && t->next[TN_UNIT_WEIGHTS] < others &&
               t->next[TN_UNIT_WEIGHTS] <= t->next[TN_UNIT_MATRIX]) {
      read_tile(t, i, t->index->unit[TN_UNIT_WEIGHTS][t->head[TN_UNIT_WEIGHTS]]);
      t->next[TN_UNIT_WEIGHTS] = start_of(t, TN_UNIT_WEIGHTS);
      if (t->next[TN_UNIT_MATRIX] == TN_UNKNOWN) t->next[TN_UNIT_MATRIX] = start_of(t, TN_UNIT_MATRIX);
    } else {
      return;
    }
  }
}

static int earliest(const tn_timer *t) {
  int best = 0;
  for (int u = 1; u < TN_UNITS; u++)
    if (t->next[u] < t->next[best]) best = u;
  return t->next[best] == TN_UNKNOWN ? TN_UNITS : best;
}

static tn_timer *make_timer(tn_arena *arena, const tn_device_program *program) {
  const tn_stream *stream = program->stream;
  const tn_systolic_target *array = stream->target;
  tn_timer *t = TN_NEW(arena, tn_timer);
  *t = (tn_timer){.index = &program->index, .array = array, .instructions = stream->instructions};
  int64_t tiles = 1;
  for (int64_t n = 0; n < t->index->count[TN_UNIT_WEIGHTS]; n++)
    tiles += tn_index_nth(t->index, TN_UNIT_WEIGHTS, n)->READ_WEIGHTS.repeat;
  t->n_places = tiles < array->weight_fifo_tiles ? tiles : array->weight_fifo_tiles;
  t->places = TN_NEW_ARRAY(arena, tn_fifo_place_time, t->n_places);
  t->spare = TN_NEW_ARRAY(arena, tn_fifo_place_time, t->n_places);
  for (int u = 0; u < TN_UNITS; u++) t->done[u] = TN_NEW_ARRAY(arena, int64_t, t->index->count[u]);
  t->dram.is = tn_systolic_dram_port(array);
  t->host.is = tn_systolic_host_port(array);
  t->layers = TN_NEW_ARRAY(arena, tn_ledger, stream->n_layers);
  t->whole.begun = INT64_MAX;
  for (int l = 0; l < stream->n_layers; l++) t->layers[l].begun = INT64_MAX;
  return t;
}

static void run_all(tn_timer *t) {
  for (int u = 0; u < TN_UNITS; u++) t->next[u] = start_of(t, u);
  for (int unit; (unit = earliest(t)) != TN_UNITS;) {
    work(t, unit);
    look_again(t, unit);
    if (unit == TN_UNIT_WEIGHTS || unit == TN_UNIT_MATRIX) repeat_inside(t);
  }
  for (int u = 0; u < TN_UNITS; u++)
    assert(t->head[u] == t->index->count[u]); /* all waits of a verified stream end */
}

void tn_device_time(const tn_device_program *program, tn_device_counters *whole, tn_device_counters *layers,
                    tn_device_listener *listener, void *user) {
  tn_arena *arena = tn_arena_create();
  tn_guard guard;
  if (setjmp(*tn_guard_enter(&guard))) {
    tn_arena_destroy(arena);
    tn_out_of_memory();
  }
  tn_timer *t = make_timer(arena, program);
  t->listener = listener;
  t->user = user;
  run_all(t);
  t->whole.begun = 0; /* the stream begins before anything of it */
  tn_ledger_close(&t->whole, t->array, whole);
  for (int l = 0; layers && l < program->stream->n_layers; l++)
    tn_ledger_close(&t->layers[l], t->array, &layers[l]);
  tn_guard_leave(&guard);
  tn_arena_destroy(arena);
}
