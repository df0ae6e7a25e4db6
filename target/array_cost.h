/* What work costs on an array, in closed form: the compiler's choices, and forecasts.
 *
 * Never looks at a stream and never simulates. A tile is what one place of the FIFO holds. Without
 * shadows the array's own cycles are the published ones (SCALE-Sim), each tile alone:
 *   weight stationary  ceil(K/R) ceil(N/C) (2R + C + M - 2)
 *   output stationary  ceil(M/R) ceil(N/C) (R + C + K - 2)
 *   input stationary   ceil(K/R) ceil(M/C) (2R + C + N - 2)
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TARGET_ARRAY_COST_H
#define TN_TARGET_ARRAY_COST_H

#include "target/array.h"

/* One product, or vector work alone (k is 0), and what moves around it. */
typedef struct {
  int64_t m, n, k, batch;
  tn_type x, w;
  tn_dataflow dataflow;
  int64_t rows_block;   /* rows of m that are in the unified buffer together: transfers come in these */
  int copies;           /* of each block: 2 lets transfers overlap with work; 0 is 2 */
  int64_t sums_block;   /* accumulator rows of one tile: of m (weight stationary) or n (input stationary) */
  int64_t weight_bytes; /* of one batch, once */
  int64_t load_bytes, store_bytes; /* between DRAM and the unified buffer */
  int64_t read_bytes, write_bytes; /* the host's */
  int64_t vector_elements;         /* results times windows */
} tn_systolic_product;

typedef struct {
  int64_t array_cycles;  /* of the matrix unit alone */
  int64_t weight_passes; /* how often each tile of weights is read */
  int64_t weight_cycles, dma_cycles, vector_cycles;
  int64_t cycles; /* of all, overlapping as the stream lets them */
} tn_systolic_cost;

tn_systolic_cost tn_systolic_product_cost(const tn_systolic_target *array,
                                          const tn_systolic_product *product);

#endif
