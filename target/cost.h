/* What products cost, in cycles of one core: for passes that choose between forms of one.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TARGET_COST_H
#define TN_TARGET_COST_H

#include "target/target.h"

/* [rows, depth] times a constant [depth, columns] of `type`. */
double tn_cost_product(const tn_cpu *cpu, tn_type type, int64_t rows, int64_t depth, int64_t columns);
/* The same with a constant of so many blocks of 4 columns and one row, in strips of `bytes` all told. */
double tn_cost_block_product(const tn_cpu *cpu, tn_type type, int64_t rows, int64_t depth, int64_t columns,
                             int64_t blocks, int64_t bytes);

#endif
