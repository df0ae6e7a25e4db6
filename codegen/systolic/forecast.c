/* Blocks through the machine in closed form; forecast.h.
 *
 * A block is groups of tiles that are alike: one group is what one activation follows. In a group the
 * tiles follow each other after
 *
 *   weight   max(rows, R), without a shadow 2R + C + rows - 2
 *   output   k, without a shadow R + C + k - 2 once a group
 *   input    max(n, R), without a shadow 2R + C + n - 2
 *
 * cycles, groups after the longest of: their tiles, their activation, and a slot's turn (product, drain,
 * activation) over the number of slots. Tiles of weights come one a transfer, at most as many ahead as the
 * FIFO has places. Nothing here knows instructions. Cost: O(1) a block.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/forecast.h"

#include <math.h>

static double tiles_of(int64_t size, int64_t tile) { return (double)((size + tile - 1) / tile); }

static double port_cycles(const tn_systolic_target *a, double gb_s, double bytes) {
  double rate = tn_systolic_bytes_per_cycle(a, gb_s);
  return isinf(rate) ? 0 : bytes / rate;
}

static double latency_of(const tn_systolic_target *a, bool host) {
  double gb_s = host ? a->host_gb_s : a->dram_gb_s, ns = host ? a->host_latency_ns : a->dram_latency_ns;
  return isinf(gb_s) ? 0 : ceil(ns * a->clock_mhz / 1000);
}

double tn_forecast_move(tn_forecast *f, const tn_systolic_target *a, bool host, bool out, double ready,
                        double bytes) {
  if (bytes <= 0) return ready;
  bool other = out && a->dma_channels > 1;
  double *unit = other ? &f->store : &f->load, *done = other ? &f->store_done : &f->load_done;
  double *port = host ? &f->host : &f->dram, begin = fmax(fmax(ready, *unit), *port);
  *unit = *port = begin + port_cycles(a, host ? a->host_gb_s : a->dram_gb_s, bytes);
  return *done = fmax(*done, *unit + latency_of(a, host)); /* counts go in order */
}

double tn_forecast_constants(tn_forecast *f, const tn_systolic_target *a, double bytes) {
  f->constants[0] = fmax(f->load, f->dram);
  double there = tn_forecast_move(f, a, false, false, 0, bytes);
  f->constants[1] = f->dram;
  return there;
}

/* ---- the shape of a block's work ---- */

typedef struct {
  double slots;              /* of accumulators */
  double groups, tiles;      /* tiles of one group, in the sense of what the array takes at a time */
  double fifo;               /* places of the FIFO that a tile takes: of input stationary several */
  double stream;             /* cycles in which a tile's rows (or columns) enter */
  double transfer;           /* of one place of the FIFO */
  double activation;         /* of one group */
} tn_shape_of_work;

static tn_shape_of_work shape_of(const tn_forecast_block *b) {
  const tn_problem *p = b->problem;
  const tn_systolic_target *a = b->array;
  const tn_systolic_type *type =
      tn_systolic_find_type(a, p->operand[TN_OPERAND_X].type, p->operand[TN_OPERAND_W].type);
  double rate = type ? (double)type->cycles : 1;
  double k = (double)b->tiles.k, n = (double)b->tiles.n, parts = tiles_of(b->part.rows, b->tiling->sums_block);
  tn_shape_of_work s = {.tiles = k, .fifo = 1};
  double width = (double)p->operand[TN_OPERAND_W].width;
  double bytes = a->whole_weight_tiles ? (double)(a->rows * a->columns) * width : (double)b->part.depth / k * (double)b->part.columns / n * width;
  s.transfer = port_cycles(a, a->dram_gb_s, bytes);
  switch (b->tiling->dataflow) {
  case TN_DATAFLOW_WEIGHT:
    s.groups = parts * n;
    s.stream = (double)b->part.rows / parts * rate;
    break;
  case TN_DATAFLOW_OUTPUT:
    s.groups = parts * n;
    s.fifo = k, s.tiles = 1;
    s.stream = (double)b->part.depth * rate;
    break;
  case TN_DATAFLOW_INPUT: {
    double blocks = tiles_of(b->part.columns, b->tiling->sums_block);
    s.groups = (double)b->tiles.m * blocks;
    s.fifo = n / blocks;
    s.stream = (double)b->part.columns / blocks * rate;
    break;
  }
  }
  bool input = b->tiling->dataflow == TN_DATAFLOW_INPUT;
  double sums = input ? (double)b->tiling->sums_block : ceil((double)b->part.rows / parts);
  s.slots = floor((double)b->tiling->slots * (double)b->tiling->sums_block / sums);
  s.activation = fmax(1, ceil((double)b->part.rows * (double)b->part.columns / s.groups / (double)a->vector_lanes));
  return s;
}

/* ---- a block of a product ---- */

/* The last group begins when its tiles can, and when one of the slots has been activated. */
static double last_group(const tn_forecast *f, const tn_systolic_target *a, const tn_shape_of_work *s,
                         double enter, double group, double drain, double shift) {
  double latency = (double)a->vector_latency, out = enter + group + drain;
  double begin = enter + (s->groups - 1) * group, behind = s->groups - s->slots;
  if (behind <= 0) return begin;
  double turn = group + drain + s->activation + latency + shift; /* of one slot */
  begin = fmax(begin, enter + floor((s->groups - 1) / s->slots) * turn);
  return fmax(begin, fmax(out, f->vector) + behind * s->activation + latency + shift);
}

/* When the event was that so many others have followed since; 0: long ago. */
static double event_before(const tn_forecast_history *h, double back) {
  for (int i = 1; i <= TN_FORECAST_BLOCKS; i++) {
    int at = (h->next + TN_FORECAST_BLOCKS - i) % TN_FORECAST_BLOCKS;
    double count = h->block[at].count, first = h->block[at].first, last = h->block[at].last;
    if (back < count) return last - (count > 1 ? back * (last - first) / (count - 1) : 0);
    back -= count;
  }
  return 0;
}

static void note_events(tn_forecast_history *h, double count, double first, double last) {
  h->block[h->next].count = count;
  h->block[h->next].first = first;
  h->block[h->next].last = last;
  h->next = (h->next + 1) % TN_FORECAST_BLOCKS;
}

/* `outlet`: results can leave the accumulators. */
static void array_work(tn_forecast *f, const tn_forecast_block *b, double ready, double outlet) {
  const tn_systolic_target *a = b->array;
  tn_shape_of_work s = shape_of(b);
  bool shadow = a->weight_double_buffer, weight = b->tiling->dataflow == TN_DATAFLOW_WEIGHT;
  bool shifts = b->tiling->dataflow != TN_DATAFLOW_OUTPUT;
  double shift = shifts ? (double)a->rows : 0, drain = (double)(a->rows + a->columns - 2);
  double latency = latency_of(a, false), places = (double)a->weight_fifo_tiles, all = s.groups * s.tiles * s.fifo;
  double period = shadow ? fmax(s.stream, shift) : shift + s.stream + drain;
  double issue = fmax(fmax(f->weights, b->weights), event_before(&f->left, places - 1));
  if (issue >= f->constants[0]) issue = fmax(issue, f->constants[1]); /* they have the port */
  double there = issue + s.transfer + latency;
  double begin = fmax(ready, shadow ? (shifts ? f->last_tile : f->rows_in) : f->waves_out);
  begin = fmax(begin, event_before(&f->activated, s.slots - 1));
  f->vector = fmax(f->vector, outlet);
  if (b->tiling->dataflow != TN_DATAFLOW_INPUT) begin = fmax(begin, there);
  double enter = fmax(fmax(begin + shift, f->rows_in), there), group = (s.tiles - 1) * period + s.stream;
  double last = last_group(f, a, &s, enter, fmax(group, s.tiles * period), drain, shift) + (s.tiles - 1) * period;
  /* The last tile: the port's turn, or the turn of its place, which the tile before in it had to leave. */
  double rounds = floor((all - 1) / places);
  double late = there + (all - 1) * s.transfer;
  if (rounds > 0) late = fmax(late, fmax(there, begin) + rounds * (s.transfer + latency) + (all - 1 - rounds * places) * s.transfer);
  double first_out = enter + group + drain;
  last = fmax(last, late + (weight ? shift : 0) + s.stream / s.fifo - s.stream);
  if (f->first < 0) f->first = begin;
  f->last_tile = last;
  f->rows_in = last + s.stream;
  f->waves_out = f->rows_in + drain;
  f->last = fmax(f->last, f->waves_out);
  f->weights = fmax(f->weights, issue + all * s.transfer);
  double left = weight ? last - shift : f->rows_in - s.stream / s.fifo; /* the last tile its place */
  note_events(&f->left, all, weight ? enter - shift : enter, left);
  double before = f->vector;
  f->vector = fmax(fmax(f->waves_out, before) + s.activation, fmax(first_out, before) + s.groups * s.activation);
  note_events(&f->activated, s.groups, fmax(first_out, before) + s.activation, f->vector);
}

double tn_forecast_load(tn_forecast *f, const tn_systolic_target *a, bool second, int slot, bool host,
                        double ready, double bytes) {
  return bytes > 0 ? tn_forecast_move(f, a, host, false, fmax(ready, f->slot[second][slot]), bytes) : ready;
}

double tn_forecast_flush(tn_forecast *f, const tn_systolic_target *a) {
  tn_forecast_store *p = &f->pending;
  double done = fmax(tn_forecast_move(f, a, false, true, p->ready, p->store_bytes),
                     tn_forecast_move(f, a, true, true, p->ready, p->write_bytes));
  if (p->store_bytes + p->write_bytes > 0) f->stored[p->slot] = done;
  p->store_bytes = p->write_bytes = 0;
  return done;
}

double tn_forecast_add(tn_forecast *f, const tn_forecast_block *b) {
  const tn_systolic_target *a = b->array;
  const tn_problem *p = b->problem;
  tn_forecast_flush(f, a);
  double outlet = fmax(b->second, b->tiling->y != TN_HOME_BUFFER ? f->stored[b->slot] : 0);
  if (p->is_product) {
    array_work(f, b, b->ready, outlet);
  } else {
    double elements = (double)b->part.rows * (double)b->part.columns * (double)b->part.depth;
    f->vector = fmax(fmax(f->vector, outlet), b->ready) + fmax(1, ceil(elements / (double)a->vector_lanes));
  }
  double done = f->vector + (double)a->vector_latency;
  f->slot[false][b->slot] = p->is_product ? f->waves_out : done;
  f->slot[true][b->slot] = done;
  f->pending = (tn_forecast_store){b->store_bytes, b->write_bytes, done, b->slot};
  if (a->dma_channels == 1) tn_forecast_flush(f, a);
  return done;
}
