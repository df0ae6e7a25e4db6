/* How a piece of work is cut: blocks of rows for the unified buffer, of sums for the accumulators.
 *
 * Blocks of rows are tried from all rows downwards. Smaller ones let transfers overlap with work and
 * cost passes over the weights; the forecast of what would be done when decides, and of equal ones the
 * largest is taken. Cost: at most TRIES blocks that fit, O(blocks * dims) each.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/integer.h"
#include "codegen/systolic/tiler.h"

#include <math.h>

enum {
  TRIES = 12,
  TRAFFIC = 8 /* hidden behind work a transfer costs that part of its time: it is in the way of others' */
};

static int64_t tiles_of(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }

bool tn_is_streamed(const tn_tiling *tiling, tn_operand_kind kind) {
  switch (kind) {
  case TN_OPERAND_X: return tiling->x != TN_HOME_BUFFER;
  case TN_OPERAND_SECOND: return tiling->second != TN_HOME_BUFFER;
  case TN_OPERAND_Y: return tiling->y != TN_HOME_BUFFER;
  case TN_OPERAND_W:
  case TN_OPERAND_CHANNEL:
  case TN_OPERANDS: return false;
  }
  return false;
}

static int64_t slot_bytes(const tn_problem *p, tn_operand_kind kind, const tn_tiling *t) {
  int64_t most = 0;
  for (tn_work_part part = {0}; tn_next_block(p, t, &part);) {
    tn_byte_range span = tn_problem_span(p, kind, &part);
    if (span.high - span.low > most) most = span.high - span.low;
  }
  return most;
}

void tn_lay_out(tn_problem *p, const tn_tiling *t, int64_t bytes[TN_OPERANDS]) {
  for (int i = 0; i < TN_OPERANDS; i++) {
    tn_operand_kind kind = (tn_operand_kind)i;
    bytes[i] = 0;
    if (!p->operand[i].exists || !tn_is_streamed(t, kind)) continue;
    bytes[i] = t->packed ? tn_problem_pack(p, kind, t) : slot_bytes(p, kind, t);
  }
}

static bool several_blocks(const tn_problem *p, const tn_tiling *t) {
  return p->batch > 1 || t->rows_block < p->m || t->columns_block < p->n;
}

/* ---- do they fit? ---- */

static bool slots_fit(const tn_problem *p, const tn_room *room, const tn_tiling *t, int copies) {
  tn_arena *scratch = tn_arena_create();
  tn_room copy = tn_room_copy(scratch, room);
  bool fits = true;
  for (int kind = 0; kind < TN_OPERANDS && fits; kind++) {
    if (!p->operand[kind].exists || !tn_is_streamed(t, (tn_operand_kind)kind)) continue;
    int64_t bytes = slot_bytes(p, (tn_operand_kind)kind, t);
    for (int i = 0; i < copies && fits; i++) fits = tn_room_take(&copy, bytes) >= 0;
  }
  tn_arena_destroy(scratch);
  return fits;
}

/* ---- accumulators ---- */

/* More than functional simulation wants to hold is never needed, if `inf` is what there is. */
int64_t tn_sums_capacity(const tn_systolic_target *array) {
  int64_t rows = tn_systolic_accumulator_rows(array), most = INT64_C(1) << 30;
  return rows < most ? rows : most;
}

/* Two slots, so that one is activated while the other is summed; one if there is one tile only, or
 * no room. */
void tn_cut_sums(const tn_problem *p, const tn_systolic_target *array, tn_tiling *t) {
  int64_t capacity = tn_sums_capacity(array), half = capacity > 1 ? capacity / 2 : 1, rows = t->rows_block;
  bool one_column = t->columns_block <= array->columns && !several_blocks(p, t);
  if (t->k_block < p->k) half = capacity; /* the block's sums wait for each other as it is */
  switch (t->dataflow) {
  case TN_DATAFLOW_WEIGHT:
    if (rows > (one_column ? capacity : half)) rows = tiles_of(rows, tiles_of(rows, half));
    t->sums_block = rows;
    break;
  case TN_DATAFLOW_OUTPUT: t->sums_block = tn_least(tn_least(rows, array->rows), half); break;
  case TN_DATAFLOW_INPUT: {
    int64_t whole = half / array->columns * array->columns;
    t->sums_block = t->columns_block <= half ? t->columns_block : whole ? whole : half;
    break;
  }
  }
  t->slots = capacity / t->sums_block;
}

/* ---- forecast ---- */

/* Cycles of DRAM's port. */
static double traffic(const tn_forecast_item *item, const tn_forecast_machine *machine) {
  const tn_forecast_operand *operands[2] = {&item->x, &item->second};
  double bytes = item->store_bytes * (double)item->blocks, tiles = 0;
  for (int i = 0; i < 2; i++)
    if (operands[i]->value >= 0 && !operands[i]->host)
      bytes += operands[i]->bytes * (double)(operands[i]->streamed ? item->blocks : 1);
  if (item->is_product)
    tiles = (double)(item->blocks * item->parts * item->groups * item->matmuls * item->tiles);
  return (bytes + tiles * item->tile_bytes) * machine->port[TN_PORT_DRAM].cycles_per_byte;
}

/* From when all that is under way would be done to when this is, too. The last results' way through the vector
 * unit does not count: what can begin before they are out does, and the array is free.               */
static int64_t forecast(const tn_problem *p, const tn_problem *outside, const tn_choice *choice,
                        const tn_tiling *t) {
  tn_forecast_step step = {.kind = TN_FORECAST_WORK, .item = choice->item};
  tn_forecast after = *choice->before;
  tn_forecast_value values[TN_OPERANDS];
  memcpy(values, choice->values, sizeof values);
  step.item.x.value = TN_OPERAND_X;
  step.item.second.value = p->operand[TN_OPERAND_SECOND].exists ? TN_OPERAND_SECOND : -1;
  step.item.weights = p->is_product && !p->constant_weights ? TN_OPERAND_W : -1;
  step.item.y = TN_OPERAND_Y;
  tn_describe_item(choice->array, p, outside, t, &step.item);
  tn_forecast_take(&after, choice->machine, values, &step);
  double tail = p->is_product ? fmax(after.t.array.vector_done - after.t.array.waves_out, 0) : 0;
  double time = tn_forecast_finish(&after, choice->machine) - tail - choice->done;
  return (int64_t)(time + traffic(&step.item, choice->machine) / TRAFFIC);
}

tn_choice tn_choice_of(const tn_systolic_target *array, const tn_forecast_machine *machine,
                       const tn_room *room, const tn_forecast *before) {
  tn_forecast finished = *before;
  return (tn_choice){.array = array,
                     .machine = machine,
                     .room = room,
                     .before = before,
                     .done = tn_forecast_finish(&finished, machine)};
}

static bool choose_packed(const tn_problem *p, const tn_choice *choice, tn_tiling *t) {
  if (!tn_choose_boxes(p, choice->array, choice->room, t)) return false;
  tn_problem packed = *p;
  int64_t bytes[TN_OPERANDS];
  tn_lay_out(&packed, t, bytes);
  t->cycles = forecast(&packed, p, choice, t);
  return true;
}

bool tn_choose_blocks(const tn_problem *p, const tn_choice *choice, tn_tiling *t) {
  if (t->packed) return choose_packed(p, choice, t);
  bool streams = tn_is_streamed(t, TN_OPERAND_X) || tn_is_streamed(t, TN_OPERAND_Y) ||
                 (p->operand[TN_OPERAND_SECOND].exists && tn_is_streamed(t, TN_OPERAND_SECOND));
  tn_tiling best = {0};
  int tried[3] = {0}; /* with so many copies */
  t->columns_block = p->n;
  t->k_block = p->k;
  for (int64_t rows = p->m; rows > 0 && tried[2] < TRIES;
       rows = tn_problem_smaller_block(p, TN_ROLE_ROW, rows)) {
    t->rows_block = rows;
    for (t->copies = several_blocks(p, t) && streams ? 2 : 1; t->copies > 0; t->copies--) {
      if ((t->copies == 1 && tried[1] == TRIES && tried[2]) || !slots_fit(p, choice->room, t, t->copies))
        continue;
      if (p->is_product) tn_cut_sums(p, choice->array, t);
      t->cycles = forecast(p, p, choice, t);
      if (!(tried[1] + tried[2]) || t->cycles < best.cycles) best = *t;
      tried[t->copies]++;
      break; /* one copy only where two do not fit */
    }
    if (!streams) break;
  }
  *t = best;
  return tried[1] + tried[2] > 0;
}
