/* The generators of random bits, written out: Philox 4x32-10 and ThreeFry 2x32-20.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_RANDOM_BITS_H
#define TN_PASSES_RANDOM_BITS_H

#include "passes/make.h"

/* x: four u32 arrays of one shape, the counters; they become the random words.
 * key: two u32 scalars.                                                        */
void tn_make_philox(tn_site site, tn_inst *x[4], tn_inst *const key[2]);

/* x: two u32 arrays of one shape, the halves of the counters; they become the random words. */
void tn_make_three_fry(tn_site site, tn_inst *x[2], tn_inst *const key[2]);

/* The low and the high half of u64s. */
void tn_make_halves(tn_site site, tn_inst *wide, tn_inst *halves[2]);
/* high << 32 | low, of u32s. */
tn_inst *tn_make_joined(tn_site site, tn_inst *low, tn_inst *high);

#endif
