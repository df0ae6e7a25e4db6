/* Transfers over ports; forecast.h.
 *
 * A port serves one transfer at a time, whoever has asked first: the heads of the channels, each a queue,
 * and the tiles of weights. A transfer's turn is dealt with when somebody wants to know its end, or asks
 * later than it did; until then it is pending. So items can be walked in order, and ports are still served in
 * the order of time. Who is known late but has asked early takes a gap that the port had.
 *
 *   load 2      ----[piece][piece]      [piece]          asks at -: DRAM's port, in turns with
 *   tiles       -[t]               -[t]          -[t]    the next tile when a place of the FIFO is free
 *
 * Cost: O(1) a transfer and a tile; pieces of one transfer that nobody interrupts are one.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/forecast_private.h"

#include <math.h>

tn_forecast_machine tn_forecast_machine_of(const tn_systolic_target *a) {
  int64_t places = a->weight_fifo_tiles < TN_FORECAST_RECENT ? a->weight_fifo_tiles : TN_FORECAST_RECENT;
  return (tn_forecast_machine){
      .port = {tn_systolic_dram_port(a), tn_systolic_host_port(a)},
      .rows = (double)a->rows,
      .drain = (double)(a->rows + a->columns - 2),
      .shadow = a->weight_double_buffer,
      .places = places,
      .channels = (int)a->dma_channels,
      .vector_latency = (double)a->vector_latency,
  };
}

tn_forecast tn_forecast_start(void) { return (tn_forecast){.begun = -1, .first = -1}; }

/* ---- ports ---- */

static double *port_free(tn_forecast *f, tn_forecast_port port) {
  return port == TN_PORT_DRAM ? &f->t.array.dram : &f->t.rest.host;
}

/* When so many cycles of it begin, for one who asks at `asked`. */
static double take_port(tn_forecast *f, tn_forecast_port port, double asked, double cycles) {
  double *free = port_free(f, port);
  if (cycles <= 0) return asked;
  for (int i = 0; i < TN_FORECAST_GAPS && asked < *free; i++) {
    double *gap = f->t.rest.gap[port][i], begin = later(asked, gap[0]);
    if (begin + cycles > gap[1]) continue;
    gap[0] = begin + cycles;
    return begin;
  }
  double begin = later(asked, *free);
  if (begin > *free) {
    double *gap = f->t.rest.gap[port][f->next_gap[port]];
    f->next_gap[port] = (f->next_gap[port] + 1) % TN_FORECAST_GAPS;
    gap[0] = *free, gap[1] = begin;
  }
  *free = begin + cycles;
  return begin;
}

static bool is_pending(const tn_forecast *f, int channel) {
  return f->finished[channel] < f->issued[channel];
}

static int head_of(const tn_forecast *f, int channel) {
  return (int)((f->finished[channel] + 1) % TN_FORECAST_PENDING);
}

static double channel_asks(const tn_forecast *f, int channel) {
  return later(f->t.rest.ready[channel][head_of(f, channel)], f->t.rest.dma[channel]);
}

static bool wants_tile(const tn_forecaster *c) { return c->f->to_read > 0 && c->f->ahead < c->m->places; }

static double tile_asks(const tn_forecaster *c) {
  const tn_forecast *f = c->f;
  double place = f->t.array.left[c->m->places - f->ahead - 1];
  double index = f->tiles - f->to_read, ready = f->weights_last;
  if (index < f->spread) /* the unit's end */
    ready =
        f->weights_first + (ready - f->weights_first) * (floor(index / f->unit) + 1) * f->unit / f->spread;
  return later(later(f->t.array.weights, ready), place);
}

static void read_tile(tn_forecaster *c) {
  tn_forecast *f = c->f;
  double begin = take_port(f, TN_PORT_DRAM, tile_asks(c), f->tile_cycles);
  f->t.array.weights = begin + f->tile_cycles;
  f->t.array.there[f->ahead++] = f->t.array.weights + (double)c->m->port[TN_PORT_DRAM].latency;
  f->to_read--;
}

/* The channel's head: as many pieces as begin before somebody else asks. */
static void move_pieces(tn_forecast *f, int channel, double others) {
  tn_forecast_transfer *x = &f->transfer[channel][head_of(f, channel)];
  double asked = channel_asks(f, channel), free = *port_free(f, x->port), begin = later(asked, free),
         count = 1;
  if (x->cycles > 0 && asked >= free)
    count = earlier(x->pieces, others == HUGE_VAL ? x->pieces : floor((others - begin) / x->cycles) + 1);
  if (x->cycles <= 0) count = x->pieces;
  if (count < 1) count = 1;
  begin = take_port(f, x->port, asked, x->cycles * count);
  double end = begin + x->cycles * count;
  if (x->beside > 0)
    end = later(end, take_port(f, TN_PORT_HOST, begin, x->beside * count) + x->beside * count);
  f->t.rest.dma[channel] = end;
  x->pieces -= count;
  if (x->pieces > 0.5) return;
  double *done = &f->t.rest.dma_done[channel];
  *done = later(*done, ceil(end - 1e-6) + x->latency); /* counts go in order */
  f->finished[channel]++;
  f->done[channel][f->finished[channel] % TN_FORECAST_DONE] = *done;
}

/* Whoever has asked first at the port: a channel, before a tile of weights that asks in the same cycle. */
static void serve(tn_forecaster *c, tn_forecast_port port) {
  tn_forecast *f = c->f;
  int best = -1;
  double earliest = HUGE_VAL, second = HUGE_VAL;
  for (int i = 0; i < TN_FORECAST_CHANNELS; i++) {
    if (!is_pending(f, i) || f->transfer[i][head_of(f, i)].port != port) continue;
    double asks = channel_asks(f, i);
    if (asks < earliest)
      second = earliest, earliest = asks, best = i;
    else if (asks < second)
      second = asks;
  }
  double tile = port == TN_PORT_DRAM && wants_tile(c) ? tile_asks(c) : HUGE_VAL;
  if (best < 0 || tile < earliest)
    read_tile(c);
  else
    move_pieces(f, best, tile < second ? tile : second);
}

void tn_forecast_need_tile(tn_forecaster *c) {
  while (!c->f->ahead) serve(c, TN_PORT_DRAM);
}

double tn_forecast_undisturbed(const tn_forecaster *c, double step, double tiles) {
  const tn_forecast *f = c->f;
  double index = f->tiles - f->to_read,
         count = index < f->spread ? floor((f->spread - index) / tiles) : HUGE_VAL;
  if (c->m->port[TN_PORT_DRAM].cycles_per_byte <= 0) return count;
  for (int i = 0; i < TN_FORECAST_CHANNELS; i++) {
    if (!is_pending(f, i)) continue;
    for (int64_t n = f->finished[i] + 1; n <= f->issued[i]; n++)
      if (f->transfer[i][n % TN_FORECAST_PENDING].port == TN_PORT_DRAM) {
        double left =
            n > f->finished[i] + 1 ? 0 : floor((channel_asks(f, i) - f->t.array.weights) / step) - 1;
        count = earlier(count, later(left, 0));
        break;
      }
  }
  return count;
}

/* ---- transfers ---- */

static void deal_with(tn_forecaster *c, int channel, int64_t number) {
  while (c->f->finished[channel] < number) serve(c, c->f->transfer[channel][head_of(c->f, channel)].port);
}

static int channel_of(const tn_forecast_machine *m, tn_forecast_kind kind) {
  if (kind == TN_FORECAST_IN) return 0;
  if (kind == TN_FORECAST_OUT) return m->channels > 1;
  return m->channels > 2 ? 2 : 0;
}

tn_forecast_when tn_forecast_issue(tn_forecaster *c, tn_forecast_kind kind, bool host, double bytes,
                                   double piece, double ready) {
  tn_forecast *f = c->f;
  int channel = channel_of(c->m, kind);
  const tn_systolic_port *dram = &c->m->port[TN_PORT_DRAM], *outer = &c->m->port[TN_PORT_HOST];
  if (bytes <= 0) return tn_forecast_at(ready);
  if (f->issued[channel] - f->finished[channel] == TN_FORECAST_PENDING - 1)
    deal_with(c, channel, f->finished[channel] + 1);
  bool aside = kind == TN_FORECAST_ASIDE, on_host = host && !aside;
  const tn_systolic_port *port = on_host ? outer : dram;
  double pieces = !on_host && piece > 0 ? ceil(bytes / piece) : 1;
  int64_t number = ++f->issued[channel];
  f->t.rest.ready[channel][number % TN_FORECAST_PENDING] = ready;
  f->transfer[channel][number % TN_FORECAST_PENDING] = (tn_forecast_transfer){
      .port = on_host ? TN_PORT_HOST : TN_PORT_DRAM,
      .pieces = pieces,
      .cycles = bytes / pieces * port->cycles_per_byte,
      .beside = aside ? bytes / pieces * outer->cycles_per_byte : 0,
      .latency = (double)(port->latency + (aside ? outer->latency : 0)),
  };
  return (tn_forecast_when){.channel = channel, .number = number};
}

double tn_forecast_resolve(tn_forecaster *c, tn_forecast_when when) {
  tn_forecast *f = c->f;
  if (!when.number) return when.at;
  deal_with(c, when.channel, when.number);
  bool forgotten = when.number + TN_FORECAST_DONE <= f->finished[when.channel];
  return forgotten ? 0 : f->done[when.channel][when.number % TN_FORECAST_DONE];
}

double tn_forecast_vacant(tn_forecaster *c, const tn_forecast_place *place) {
  double at = 0;
  for (int i = 0; i < TN_FORECAST_REGIONS && place->bytes > 0; i++) {
    tn_forecast_region *r = &c->f->region[i];
    double high = earlier(place->low + place->bytes, r->high);
    if (r->low < high && place->low < r->high)
      at = later(at, tn_forecast_ready_at(c, &r->over, (high - r->low) / (r->high - r->low)));
  }
  return at;
}

void tn_forecast_occupy(tn_forecast *f, const tn_forecast_place *place, tn_forecast_ready over) {
  double high = place->low + place->bytes;
  bool found = place->bytes <= 0;
  for (int i = 0; i < TN_FORECAST_REGIONS; i++) {
    tn_forecast_region *r = &f->region[i];
    if (r->low < place->low || r->high > high || r->high == 0) continue;
    *r = found ? (tn_forecast_region){0} : (tn_forecast_region){place->low, high, over};
    found = true;
  }
  if (found) return;
  f->region[f->next_region] = (tn_forecast_region){place->low, high, over};
  f->next_region = (f->next_region + 1) % TN_FORECAST_REGIONS;
}

double tn_forecast_ready_at(tn_forecaster *c, tn_forecast_ready *ready, double share) {
  double part = ceil(share * ready->parts - 1e-9);
  if (part <= 1 && ready->parts > 1) return tn_forecast_resolve(c, ready->first);
  double last = tn_forecast_resolve(c, ready->last);
  if (part >= ready->parts) return last;
  double first = tn_forecast_resolve(c, ready->first);
  return first + (last - first) * (part - 1) / (ready->parts - 1);
}

double tn_forecast_finish(tn_forecast *f, const tn_forecast_machine *m) {
  tn_forecaster c = {f, m};
  double end = later(later(f->control, f->t.array.waves_out), f->t.array.vector_done);
  for (int i = 0; i < TN_FORECAST_CHANNELS; i++) {
    deal_with(&c, i, f->issued[i]);
    end = later(end, f->t.rest.dma_done[i]);
  }
  return end;
}
