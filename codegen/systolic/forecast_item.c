/* Items through the array and the vector unit; forecast.h.
 *
 *   weight   tile:  b = max(array free, x there, tile there), first row at s = max(b + R, rows in), s + stream
 *   output   chunk: s = max(rows in, x there, chunk there), s + k
 *   input    tile of x: b; tile of w: s = max(b + R, rows in, tile there), s + n
 *
 * as the machine does it (docs/simulator.md). What follows each other in the same way is taken at once:
 * when the times of all units that work have moved on by the same number of cycles, often enough that the FIFO
 * and the accumulators have come round, so will they go on. The state is then moved on as a whole. Blocks that
 * do not settle go on as the last ones did on average.
 *
 * Cost: O(1) a level of blocks, groups and tiles, of which some are walked: some microseconds an item at most.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/forecast_private.h"

#include <math.h>

enum { MOST_PERIODS = 8 }; /* of blocks that do not settle */

static void push(double *list, int count, double first) {
  memmove(list + 1, list, sizeof *list * (size_t)(count - 1));
  list[0] = first;
}

static void move_on(double *times, size_t bytes, double cycles) {
  for (size_t i = 0; i < bytes / sizeof *times; i++) times[i] += cycles;
}

static bool near(double a, double b) { return fabs(a - b) <= 1e-3 * fabs(b) + 1e-6; }

/* ---- the array ---- */

/* One tile; `first` of its matmul, which may begin at `wait`. */
static void enter(tn_forecaster *c, const tn_forecast_item *it, bool first, double wait) {
  tn_forecast *f = c->f;
  const tn_forecast_machine *m = c->m;
  tn_forecast_need_tile(c);
  double there = f->t.array.there[0], rows_in = f->t.array.rows_in, begin = rows_in, start = rows_in,
         left = 0;
  f->ahead--;
  memmove(f->t.array.there, f->t.array.there + 1, sizeof(double) * (TN_FORECAST_RECENT - 1));
  switch (it->dataflow) {
  case TN_DATAFLOW_WEIGHT:
    begin = m->shadow ? f->t.array.shadow_free : f->t.array.waves_out;
    begin = left = later(begin, later(there, first ? wait : 0));
    start = f->t.array.shadow_free = later(begin + m->rows, rows_in);
    break;
  case TN_DATAFLOW_OUTPUT:
    begin = m->shadow || !first ? rows_in : f->t.array.waves_out;
    begin = start = left = later(begin, later(there, first ? wait : 0));
    if (first) f->t.array.shadow_free = start;
    break;
  case TN_DATAFLOW_INPUT:
    if (first) begin = later(m->shadow ? f->t.array.shadow_free : f->t.array.waves_out, wait);
    start = left = later(first ? later(begin + m->rows, rows_in) : rows_in, there);
    if (first) f->t.array.shadow_free = start;
    break;
  }
  push(f->t.array.left, TN_FORECAST_RECENT, left);
  if (f->begun < 0) f->begun = begin;
  f->t.array.rows_in = start + it->stream;
  f->t.array.waves_out = f->t.array.rows_in + m->drain;
}

static void skip_tiles(tn_forecast *f, double tiles, double cycles) {
  f->to_read -= tiles;
  move_on((double *)&f->t.array, sizeof f->t.array, cycles);
}

/* How tiles followed each other last, from one matmul to the next. */
typedef struct {
  double step;
  int64_t same;
} tile_pace;

static void multiply(tn_forecaster *c, const tn_forecast_item *it, tile_pace *pace, double wait) {
  tn_forecast *f = c->f;
  for (int64_t i = 0; i < it->tiles; i++) {
    double rows_in = f->t.array.rows_in, weights = f->t.array.weights;
    enter(c, it, i == 0, wait);
    double step = f->t.array.rows_in - rows_in;
    bool same = near(step, pace->step) && near(f->t.array.weights - weights, step);
    pace->same = same ? pace->same + 1 : 0;
    pace->step = step;
    if (pace->same <= c->m->places + 1 || it->tiles - i < 4) continue;
    double count = earlier((double)(it->tiles - i - 2), tn_forecast_undisturbed(c, step, 1));
    if (count < 1) continue;
    skip_tiles(f, count, count * step);
    i += (int64_t)count;
  }
}

/* ---- blocks ---- */

/* How groups followed each other last; `known`: when they had settled, in this block or one before. */
typedef struct {
  double rows_in, vector, step, known;
  int64_t same;
} group_pace;

/* One item while it is walked. */
typedef struct {
  tn_forecaster c;
  tn_forecast_value *values;
  const tn_forecast_item *it;
  tn_forecast_when x[2], second[2], channels[2], stored[2]; /* of the slots: filled; emptied */
  tn_forecast_when constants, first_stored, last_stored;
  double first_result; /* < 0: not yet */
  double results_begun;
  int64_t base[TN_FORECAST_CHANNELS]; /* transfers before */
  tile_pace tiles;
  group_pace groups;
  tn_forecast_times before; /* as of a period of blocks before */
} walk;

/* Of x, if all of it is in the buffer: when the part is there. */
static double x_ready(walk *w, int64_t block, int64_t part) {
  const tn_forecast_item *it = w->it;
  if (it->x.streamed) return tn_forecast_resolve(&w->c, w->x[block % it->copies]);
  double all = (double)(it->blocks * it->parts - 1), at = (double)(block * it->parts + part);
  double share = it->x.first_share + (all > 0 ? (1 - it->x.first_share) * at / all : 0);
  return tn_forecast_ready_at(&w->c, &w->values[it->x.value].inside, share);
}

/* What the vector unit waits for, the sums apart. */
static double outlet(walk *w, int64_t block) {
  const tn_forecast_item *it = w->it;
  double at = later(tn_forecast_resolve(&w->c, w->constants),
                    tn_forecast_resolve(&w->c, w->channels[block % it->copies]));
  if (it->second.value >= 0)
    at = later(at, it->second.streamed ? tn_forecast_resolve(&w->c, w->second[block % it->copies])
                                       : tn_forecast_ready_at(&w->c, &w->values[it->second.value].inside,
                                                              (double)(block + 1) / (double)it->blocks));
  at = later(at, tn_forecast_resolve(&w->c, w->stored[it->y_streamed ? block % it->copies : 0]));
  return at;
}

static void activate(walk *w, double wait) {
  tn_forecast *f = w->c.f;
  double begin = later(f->t.array.vector, wait);
  if (w->results_begun < 0) w->results_begun = begin;
  f->t.array.vector = begin + w->it->activation;
  f->t.array.vector_done = f->t.array.vector + w->c.m->vector_latency;
}

static int64_t slots_of(const tn_forecast_item *it) {
  return it->slots < TN_FORECAST_SLOTS ? it->slots : TN_FORECAST_SLOTS;
}

static int64_t skip_groups(walk *w, int64_t left) {
  tn_forecast *f = w->c.f;
  group_pace *pace = &w->groups;
  const tn_forecast_item *it = w->it;
  double step = f->t.array.rows_in - pace->rows_in;
  bool same = near(step, pace->step) && near(f->t.array.vector - pace->vector, step);
  bool waits = f->t.array.activated[slots_of(it) - 1] > f->t.array.shadow_free;
  pace->same = same ? pace->same + 1 : 0;
  pace->step = step, pace->rows_in = f->t.array.rows_in, pace->vector = f->t.array.vector;
  if (pace->same <= (near(step, pace->known) || !waits ? 1 : slots_of(it) + 1) || left < 3) return 0;
  double count = floor(
      earlier((double)(left - 2), tn_forecast_undisturbed(&w->c, step, (double)(it->matmuls * it->tiles))));
  if (count < 1) return 0;
  pace->known = step;
  skip_tiles(f, count * (double)(it->matmuls * it->tiles), count * step);
  pace->rows_in = f->t.array.rows_in, pace->vector = f->t.array.vector;
  return (int64_t)count;
}

static void product_block(walk *w, int64_t block) {
  tn_forecast *f = w->c.f;
  const tn_forecast_item *it = w->it;
  int64_t groups = it->parts * it->groups;
  bool results = (block + 1) % it->sum_blocks == 0;
  double out = -1, wait = 0;
  w->groups.same = 0;
  for (int64_t g = 0; g < groups; g++) {
    wait = g % it->groups ? 0 : x_ready(w, block, g / it->groups);
    wait = later(wait, f->t.array.activated[slots_of(it) - 1]);
    for (int64_t i = 0; i < it->matmuls; i++) multiply(&w->c, it, &w->tiles, wait);
    if (results) {
      if (out < 0) out = outlet(w, block);
      activate(w, later(f->t.array.waves_out, out));
      push(f->t.array.activated, TN_FORECAST_SLOTS, f->t.array.vector_done);
      if (w->first_result < 0 && g + 1 >= it->groups) w->first_result = f->t.array.vector_done;
    }
    g += skip_groups(w, groups - g - 1);
  }
  f->t.rest.x_left[block % it->copies] = f->t.array.waves_out;
}

static void vector_block(walk *w, int64_t block) {
  tn_forecast *f = w->c.f;
  double out = outlet(w, block);
  activate(w, later(out, x_ready(w, block, 0)));
  if (w->first_result < 0) w->first_result = f->t.array.vector_done;
  f->t.rest.x_left[block % w->it->copies] = f->t.array.vector_done;
}

static tn_forecast_when load(walk *w, const tn_forecast_operand *o, int64_t block, double left) {
  double share = (double)(block + 1) / (double)w->it->blocks;
  share = later(share, o->first_share);
  double ready = tn_forecast_ready_at(&w->c, &w->values[o->value].outside, share);
  return tn_forecast_issue(&w->c, TN_FORECAST_IN, o->host, o->bytes, w->it->piece_bytes, later(ready, left));
}

static void begin_block(walk *w, int64_t block) {
  const tn_forecast_item *it = w->it;
  int64_t slot = block % it->copies;
  if (it->x.streamed) w->x[slot] = load(w, &it->x, block, w->c.f->t.rest.x_left[slot]);
  if (it->second.value >= 0 && it->second.streamed)
    w->second[slot] = load(w, &it->second, block, w->c.f->t.rest.second_left[slot]);
  w->channels[slot] =
      tn_forecast_issue(&w->c, TN_FORECAST_IN, false, it->channel_bytes, 0, w->c.f->t.rest.second_left[slot]);
}

static void end_block(walk *w, int64_t block) {
  const tn_forecast_item *it = w->it;
  if ((block + 1) % it->sum_blocks) return;
  int64_t slot = block % it->copies;
  double done = w->c.f->t.array.vector_done;
  w->c.f->t.rest.second_left[slot] = done;
  if (it->store_bytes + it->write_bytes <= 0) return;
  tn_forecast_when stored =
      tn_forecast_issue(&w->c, TN_FORECAST_OUT, false, it->store_bytes, it->piece_bytes, done);
  if (it->write_bytes > 0) stored = tn_forecast_issue(&w->c, TN_FORECAST_OUT, true, it->write_bytes, 0, done);
  if (it->y_streamed) w->stored[slot] = stored;
  if (!w->first_stored.number) w->first_stored = stored;
  w->last_stored = stored;
}

/* ---- blocks that are alike ---- */

enum { PACE = 6 };
typedef struct {
  double at[PACE], step, begun;
  int same, periods;
} block_pace;

/* Results that nobody waits for, since there is room for all of them, leave at a pace of their own. */
static bool leaves_freely(const tn_forecast_item *it) {
  return !it->y_streamed && it->store_bytes + it->write_bytes > 0;
}

static void see_pace(const walk *w, double *at) {
  const tn_forecast *f = w->c.f;
  at[0] = f->t.array.rows_in, at[1] = f->t.array.vector, at[2] = f->t.array.weights;
  at[3] = f->t.rest.dma[0], at[4] = f->t.rest.dma[1], at[5] = f->t.rest.host;
  if (leaves_freely(w->it)) at[3 + (w->c.m->channels > 1)] = at[5] = 0;
}

/* The cycles that one period more takes, once that is known; else 0. */
static double settle(block_pace *pace, const walk *w) {
  double now[PACE], step = 0;
  bool same = true;
  see_pace(w, now);
  for (int i = 0; i < PACE; i++) step = later(step, now[i] - pace->at[i]);
  for (int i = 0; i < PACE; i++) same &= now[i] == pace->at[i] || near(now[i] - pace->at[i], step);
  pace->same = same && near(step, pace->step) ? pace->same + 1 : 0;
  pace->step = step;
  double front = later(now[0], now[1]);
  if (++pace->periods == MOST_PERIODS / 2) pace->begun = front;
  memcpy(pace->at, now, sizeof now);
  if (pace->same >= 2) return step;
  return pace->periods < MOST_PERIODS ? 0 : (front - pace->begun) / (MOST_PERIODS - MOST_PERIODS / 2);
}

/* What stood still in the last period goes on standing still. */
static void move_on_as_before(tn_forecast_times *times, const tn_forecast_times *before, double cycles) {
  double *now = (double *)times;
  const double *then = (const double *)before;
  for (size_t i = 0; i < sizeof *times / sizeof *now; i++)
    if (now[i] != then[i]) now[i] += cycles;
}

/* Transfers that ended before the item are known by their cycles: those stay. */
static void skip_blocks(walk *w, double blocks, double tiles, double cycles) {
  tn_forecast *f = w->c.f;
  const tn_forecast_item *it = w->it;
  const tn_systolic_port *port = w->c.m->port;
  double leaving = it->store_bytes * port[TN_PORT_DRAM].cycles_per_byte +
                   it->write_bytes * port[TN_PORT_HOST].cycles_per_byte;
  double late = blocks / (double)it->sum_blocks * leaving - cycles;
  if (leaves_freely(it) && late > 0) f->t.rest.dma[w->c.m->channels > 1] += late;
  w->first_stored = tn_forecast_at(tn_forecast_resolve(&w->c, w->first_stored));
  f->to_read -= tiles;
  move_on_as_before(&f->t, &w->before, cycles);
  for (int c = 0; c < TN_FORECAST_CHANNELS; c++)
    for (int64_t n = f->finished[c]; n > w->base[c] && n > f->finished[c] - TN_FORECAST_DONE; n--)
      f->done[c][n % TN_FORECAST_DONE] += cycles;
}

static void walk_blocks(walk *w) {
  const tn_forecast_item *it = w->it;
  tn_forecast *f = w->c.f;
  int64_t period = it->copies * it->sum_blocks;
  double tiles = (double)(it->parts * it->groups * it->matmuls * it->tiles);
  block_pace pace = {0};
  for (int64_t block = 0; block < it->blocks; block++) {
    if (it->copies > 1 && block && block + 1 < it->blocks) begin_block(w, block + 1);
    if (it->is_product)
      product_block(w, block);
    else
      vector_block(w, block);
    end_block(w, block);
    if (it->copies == 1 && block + 1 < it->blocks) begin_block(w, block + 1);
    int64_t left = it->blocks - 1 - block;
    if ((block + 1) % period || left < 2 * period) continue;
    double step = settle(&pace, w);
    if (step <= 0) {
      w->before = f->t;
      continue;
    }
    int64_t count = (left - period) / period;
    double limit = tn_forecast_unspread(f) / (tiles * (double)period);
    if (limit > 0 && limit < (double)count) count = (int64_t)limit;
    if (count < 1) continue;
    skip_blocks(w, (double)(count * period), (double)(count * period) * tiles, (double)count * step);
    block += count * period;
    pace = (block_pace){0};
  }
}

/* ---- items ---- */

static void enter_places(walk *w) {
  const tn_forecast_item *it = w->it;
  for (int i = 0; i < it->copies; i++) {
    w->c.f->t.rest.x_left[i] = it->x.streamed ? tn_forecast_vacant(&w->c, &it->x.place[i]) : 0;
    w->c.f->t.rest.second_left[i] = it->second.streamed ? tn_forecast_vacant(&w->c, &it->second.place[i]) : 0;
    w->stored[i] = tn_forecast_at(tn_forecast_vacant(&w->c, &it->y_place[i]));
  }
}

static tn_forecast_ready at_once(tn_forecast_when when) { return (tn_forecast_ready){when, when, 1}; }

/* Each group of the last part was the last to read its channels. */
static void leave_channels(walk *w) {
  tn_forecast *f = w->c.f;
  const tn_forecast_item *it = w->it;
  double last = f->t.array.vector_done, known = earlier((double)it->groups, TN_FORECAST_SLOTS);
  double first = last - f->t.array.activated[(int)known - 1];
  if (known > 1) first *= (double)(it->groups - 1) / (known - 1);
  tn_forecast_ready over = {tn_forecast_at(last - first), tn_forecast_at(last), (double)it->groups};
  for (int64_t i = 0; i < it->channel_arrays; i++) {
    double low = it->constants_place.low + (double)i * it->array_bytes;
    tn_forecast_occupy(f, &(tn_forecast_place){low, it->array_bytes}, over);
  }
}

/* What was read is read when the array, or the vector unit, is through; what left has left. */
static void leave_places(walk *w) {
  tn_forecast *f = w->c.f;
  const tn_forecast_item *it = w->it;
  tn_forecast_ready results = at_once(tn_forecast_at(f->t.array.vector_done));
  tn_forecast_ready x = it->is_product ? at_once(tn_forecast_at(f->t.array.waves_out)) : results;
  tn_forecast_ready y = {w->first_stored, w->last_stored, (double)(it->blocks / it->sum_blocks)};
  if (it->channel_arrays)
    leave_channels(w);
  else
    tn_forecast_occupy(f, &it->constants_place, results);
  for (int i = 0; i < 2; i++) {
    bool slot = it->x.streamed && it->copies > 1;
    tn_forecast_occupy(f, &it->x.place[i], slot ? at_once(tn_forecast_at(f->t.rest.x_left[i])) : x);
    tn_forecast_occupy(f, &it->second.place[i], results);
    if (it->y_streamed)
      tn_forecast_occupy(f, &it->y_place[i], at_once(w->stored[i]));
    else
      tn_forecast_occupy(f, &it->y_place[i], w->last_stored.number ? y : results);
  }
}

static void bring(walk *w, const tn_forecast_operand *o) {
  if (o->value < 0 || o->streamed || o->bytes <= 0) return;
  tn_forecast_value *v = &w->values[o->value];
  double ready = later(tn_forecast_ready_at(&w->c, &v->outside, 1), tn_forecast_vacant(&w->c, &o->place[0]));
  tn_forecast_when there =
      tn_forecast_issue(&w->c, TN_FORECAST_IN, o->host, o->bytes, w->it->piece_bytes, ready);
  v->inside = (tn_forecast_ready){there, there, 1};
}

/* Weights that were computed lie in DRAM when their tiles are read: the first once its piece is there. */
static void find_weights(walk *w) {
  tn_forecast *f = w->c.f;
  const tn_forecast_item *it = w->it;
  f->weights_first = f->weights_last = f->spread = 0;
  if (it->weights < 0) return;
  tn_forecast_value *v = &w->values[it->weights];
  if (it->weights_bytes > 0) {
    tn_forecast_kind kind = it->weights_host ? TN_FORECAST_ASIDE : TN_FORECAST_OUT;
    double ready = tn_forecast_ready_at(&w->c, it->weights_host ? &v->outside : &v->inside, 1);
    double piece = it->piece_bytes, pieces = piece > 0 ? ceil(it->weights_bytes / piece) : 1;
    tn_forecast_when first = {0}, last;
    if (pieces > 1) first = tn_forecast_issue(&w->c, kind, it->weights_host, piece, piece, ready);
    last = tn_forecast_issue(&w->c, kind, it->weights_host, it->weights_bytes - (pieces > 1 ? piece : 0),
                             piece, ready);
    v->outside = (tn_forecast_ready){pieces > 1 ? first : last, last, pieces};
  }
  f->weights_first = tn_forecast_ready_at(&w->c, &v->outside, 0);
  f->weights_last = tn_forecast_ready_at(&w->c, &v->outside, 1);
  f->spread = it->weights_spread;
  f->unit = it->weights_unit;
}

static void end_item(walk *w) {
  tn_forecast *f = w->c.f;
  const tn_forecast_item *it = w->it;
  tn_forecast_value *y = &w->values[it->y];
  double parts = (double)(it->blocks / it->sum_blocks * it->parts);
  y->inside =
      (tn_forecast_ready){tn_forecast_at(w->first_result), tn_forecast_at(f->t.array.vector_done), parts};
  if (it->store_bytes + it->write_bytes > 0)
    y->outside = (tn_forecast_ready){w->first_stored, w->last_stored, (double)(it->blocks / it->sum_blocks)};
  if (!it->is_product) {
    f->begun = w->results_begun;
    f->ended = f->t.array.vector_done;
    return;
  }
  f->ended = f->t.array.waves_out;
  if (f->first < 0) f->first = f->begun;
  f->last = f->ended;
}

static void add_item(tn_forecast *f, const tn_forecast_machine *m, tn_forecast_value *values,
                     const tn_forecast_item *it) {
  walk w = {.c = {f, m}, .values = values, .it = it, .first_result = -1, .results_begun = -1};
  memcpy(w.base, f->issued, sizeof w.base);
  f->begun = -1;
  f->tile_cycles = it->tile_bytes * m->port[TN_PORT_DRAM].cycles_per_byte;
  double vacant = tn_forecast_vacant(&w.c, &it->constants_place);
  w.constants = tn_forecast_issue(&w.c, TN_FORECAST_IN, false, it->constants, 0, vacant);
  bring(&w, &it->x);
  bring(&w, &it->second);
  enter_places(&w);
  begin_block(&w, 0);
  if (it->copies > 1 && it->blocks > 1) begin_block(&w, 1);
  find_weights(&w);
  if (it->is_product)
    f->tiles = f->to_read = (double)(it->blocks * it->parts * it->groups * it->matmuls * it->tiles);
  walk_blocks(&w);
  leave_places(&w);
  end_item(&w);
}

static void leave(tn_forecast *f, const tn_forecast_machine *m, tn_forecast_value *v,
                  const tn_forecast_step *s) {
  tn_forecaster c = {f, m};
  double ready = tn_forecast_ready_at(&c, &v->inside, 1);
  tn_forecast_when there = tn_forecast_issue(&c, TN_FORECAST_OUT, s->to_host, s->bytes, 0, ready);
  tn_forecast_occupy(f, &s->place, at_once(there));
  v->outside = (tn_forecast_ready){there, there, 1};
}

static void call_host(tn_forecast *f, const tn_forecast_machine *m, tn_forecast_value *values,
                      const tn_forecast_step *s) {
  tn_forecaster c = {f, m};
  for (int i = 0; i < s->n_reads; i++)
    f->control = later(f->control, tn_forecast_ready_at(&c, &values[s->reads[i]].outside, 1));
  tn_forecast_when now = tn_forecast_at(f->control);
  for (int i = 0; i < s->n_writes; i++) values[s->writes[i]].outside = (tn_forecast_ready){now, now, 1};
}

void tn_forecast_take(tn_forecast *f, const tn_forecast_machine *m, tn_forecast_value *values,
                      const tn_forecast_step *s) {
  switch (s->kind) {
  case TN_FORECAST_WORK: add_item(f, m, values, &s->item); break;
  case TN_FORECAST_LEAVE: leave(f, m, &values[s->value], s); break;
  case TN_FORECAST_CALL: call_host(f, m, values, s); break;
  }
}

tn_forecast_result tn_forecast_run(const tn_forecast_program *program, const tn_systolic_target *array,
                                   tn_forecast_value *values) {
  tn_forecast f = tn_forecast_start();
  tn_forecast_machine m = tn_forecast_machine_of(array);
  memset(values, 0, sizeof *values * (size_t)program->n_values);
  for (int i = 0; i < program->steps.count; i++) tn_forecast_take(&f, &m, values, &program->steps.at[i]);
  double end = tn_forecast_finish(&f, &m);
  return (tn_forecast_result){f.first < 0 ? 0 : f.last - f.first - 1, end};
}
