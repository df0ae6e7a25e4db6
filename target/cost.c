/* Costs of products: arithmetic or memory, whichever is more.
 *
 * A constant is read once, from the cache that it fits in; a core reads about 32 bytes a cycle
 * from its second cache, 24 from the third and 6 from memory. The arithmetic of a dense product
 * runs at nine tenths of what the ports can do. A block of four values meets the vectors of one
 * row of the transposed input: four multiply-adds each, or what loading them takes, and the
 * vectors come from the second cache where all of them are more than the first holds.
 * docs/performance.md has what was measured beside what is forecast.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "target/cost.h"

static double read_cycles(const tn_cpu *cpu, double bytes) {
  return bytes <= (double)cpu->l2_bytes   ? bytes / 32
         : bytes <= (double)cpu->l3_bytes ? bytes / 24
                                          : bytes / 6;
}

static double larger(double a, double b) { return a > b ? a : b; }

static double steps(int64_t size, int64_t step) { return (double)((size + step - 1) / step); }

double tn_cost_product(const tn_cpu *cpu, tn_type type, int64_t rows, int64_t depth, int64_t columns) {
  double vectors = steps(columns, tn_cpu_lanes(cpu, type)) * (double)depth;
  double bytes = (double)depth * (double)columns * (double)tn_type_bytes(type);
  double fmas = vectors * (double)rows / cpu->fma_per_cycle / 0.9;
  return larger(fmas, read_cycles(cpu, bytes));
}

double tn_cost_block_product(const tn_cpu *cpu, tn_type type, int64_t rows, int64_t depth, int64_t columns,
                             int64_t blocks, int64_t bytes) {
  int lanes = tn_cpu_lanes(cpu, type);
  double stores = (double)rows * (double)columns;
  if (rows < lanes / 2) /* along the block's columns: one multiply-add and two loads a block */
    return larger((double)blocks * (1 + (double)rows), read_cycles(cpu, (double)bytes)) + stores / lanes;
  double vectors = steps(rows, lanes), copied = (double)rows * (double)depth; /* inputs are transposed */
  double panel = (double)depth * vectors * (double)cpu->vector_bytes;
  double block = larger(vectors * 4, vectors + 2) / cpu->fma_per_cycle;
  if (panel > (double)cpu->l1_bytes) block += vectors * (double)cpu->vector_bytes / 48;
  return larger((double)blocks * block, read_cycles(cpu, (double)bytes)) + copied / 4 + stores / 2;
}
