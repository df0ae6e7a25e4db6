/* The closed forms; array_cost.h. Cost: O(1).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "target/array_cost.h"

#include <math.h>

/* Transfers beside the array hold up a tile of weights now and then: of so many cycles one. */
enum { CONTENTION = 8 };

static int64_t tiles_of(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t port_cycles(const tn_systolic_target *a, double gb_s, double bytes) {
  double rate = tn_systolic_bytes_per_cycle(a, gb_s);
  return isinf(rate) ? 0 : (int64_t)ceil(bytes / rate);
}

static int64_t latency_cycles(const tn_systolic_target *a, double gb_s, double ns) {
  return isinf(gb_s) ? 0 : (int64_t)ceil(ns * a->clock_mhz / 1000);
}

/* A place of the FIFO that becomes free holds its next tile after a transfer and the latency: so many
 * cycles a tile takes at least, whatever the array does with it.                                     */
static int64_t tile_cycles(const tn_systolic_target *a, const tn_systolic_product *p) {
  int64_t bytes = a->whole_weight_tiles
                      ? tn_systolic_tile_bytes(a, p->w)
                      : (p->k < a->rows ? p->k : a->rows) * (p->n < a->columns ? p->n : a->columns) *
                            (int64_t)tn_type_bytes(p->w);
  int64_t transfer = port_cycles(a, a->dram_gb_s, (double)bytes);
  int64_t turn = transfer + latency_cycles(a, a->dram_gb_s, a->dram_latency_ns);
  return larger(transfer, tiles_of(turn, a->weight_fifo_tiles));
}

/* Weight stationary: `tiles` of weights while `stream` rows pass each, in `blocks` nearly equal parts. */
static int64_t weight_cycles(const tn_systolic_target *a, int64_t tiles, int64_t blocks, int64_t stream,
                             int64_t rate, int64_t least) {
  int64_t large = stream % blocks, part = stream / blocks * rate, more = part + rate;
  int64_t alone = 2 * a->rows + a->columns - 2;
  if (a->weight_double_buffer)
    return tiles * (large * larger(more, larger(a->rows, least)) +
                    (blocks - large) * larger(part, larger(a->rows, least)));
  return tiles * (large * larger(more + alone, least) + (blocks - large) * larger(part + alone, least));
}

/* Input stationary: the same of tiles of x, past which the columns of weights go a tile at a time. */
static int64_t input_cycles(const tn_systolic_target *a, int64_t tiles, int64_t blocks, int64_t stream,
                            int64_t rate, int64_t least) {
  int64_t fifo = tiles * tiles_of(stream, a->columns) * least;
  int64_t array = weight_cycles(a, tiles, blocks, stream, rate, 0);
  return larger(array, fifo);
}

/* What the array does between its first and its last cycle, less what a first tile takes to get in and
 * the last wave to get out when tiles follow each other closely. Rows come in blocks; none shares a
 * tile with another.                                                                                */
static void array_cycles(const tn_systolic_target *a, const tn_systolic_product *p, int64_t rate,
                         tn_systolic_cost *cost) {
  int64_t k_tiles = tiles_of(p->k, a->rows), n_tiles = tiles_of(p->n, a->columns), least = tile_cycles(a, p);
  int64_t whole = p->m / p->rows_block, rest = p->m % p->rows_block, most = p->sums_block;
  if (p->dataflow == TN_DATAFLOW_OUTPUT && most > a->rows) most = a->rows;
  if (p->dataflow == TN_DATAFLOW_INPUT) most = a->columns;
  int64_t passes = whole * tiles_of(p->rows_block, most) + tiles_of(rest, most);
  cost->weight_passes = passes;
  switch (p->dataflow) {
  case TN_DATAFLOW_WEIGHT:
    cost->array_cycles = p->batch * weight_cycles(a, k_tiles * n_tiles, passes, p->m, rate, least);
    break;
  case TN_DATAFLOW_INPUT:
    cost->array_cycles =
        p->batch * input_cycles(a, k_tiles * passes, tiles_of(p->n, p->sums_block), p->n, rate, least);
    break;
  case TN_DATAFLOW_OUTPUT: {
    int64_t ramp = a->weight_double_buffer ? 0 : a->rows + a->columns - 2;
    cost->array_cycles = p->batch * passes * n_tiles * (larger(p->k * rate, k_tiles * least) + ramp);
    break;
  }
  }
}

static int64_t ramp_cycles(const tn_systolic_target *a, tn_dataflow dataflow) {
  if (!a->weight_double_buffer) return 0;
  return a->rows + a->columns - 2 + (dataflow == TN_DATAFLOW_OUTPUT ? 0 : a->rows);
}

tn_systolic_cost tn_systolic_product_cost(const tn_systolic_target *a, const tn_systolic_product *p) {
  tn_systolic_cost cost = {0};
  const tn_systolic_type *type = p->k ? tn_systolic_find_type(a, p->x, p->w) : NULL;
  if (p->k) array_cycles(a, p, type ? type->cycles : 1, &cost);
  double weights = (double)p->weight_bytes * (double)p->batch * (double)cost.weight_passes;
  cost.weight_cycles = port_cycles(a, a->dram_gb_s, weights);
  int64_t dram = port_cycles(a, a->dram_gb_s, weights + (double)p->load_bytes + (double)p->store_bytes);
  int64_t host = port_cycles(a, a->host_gb_s, (double)p->read_bytes + (double)p->write_bytes);
  cost.dma_cycles = dram - cost.weight_cycles + host;
  cost.vector_cycles = tiles_of(p->vector_elements, a->vector_lanes);
  cost.cycles = larger(larger(cost.array_cycles, cost.vector_cycles), larger(dram, host));
  cost.cycles += (dram < cost.array_cycles ? dram : cost.array_cycles) / CONTENTION;
  if (p->copies == 1)
    cost.cycles = larger(cost.cycles, larger(cost.array_cycles, cost.vector_cycles) + cost.dma_cycles) +
                  cost.array_cycles / CONTENTION +
                  p->batch * tiles_of(p->m, p->rows_block) * (2 * a->rows + a->columns);
  else
    cost.cycles += cost.dma_cycles / (p->batch * tiles_of(p->m, p->rows_block));
  if (p->load_bytes + p->store_bytes) cost.cycles += latency_cycles(a, a->dram_gb_s, a->dram_latency_ns);
  if (p->read_bytes + p->write_bytes) cost.cycles += latency_cycles(a, a->host_gb_s, a->host_latency_ns);
  if (p->k) cost.cycles += ramp_cycles(a, p->dataflow);
  cost.cycles += a->vector_latency;
  return cost;
}
