/* Philox and ThreeFry as elementwise operations on arrays of counters.
 *
 * Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
 * The keys of the rounds are scalars: they cost nothing next to the arrays.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/random_bits.h"

static tn_inst *word(tn_site site, uint32_t value) { return tn_make_integer(site, TN_U32, (int64_t)value); }

static tn_inst * xor (tn_site site, tn_inst *a, tn_inst *b) { return tn_make_binary(site, TN_OP_XOR, a, b); }

    void tn_make_philox(tn_site site, tn_inst *x[4], tn_inst *const key[2]) {
  const tn_shape *shape = x[0]->shape;
  tn_inst *multiplier[2] = {tn_make_spread(site, word(site, 0xD2511F53u), shape),
                            tn_make_spread(site, word(site, 0xCD9E8D57u), shape)};
  tn_inst *step[2] = {word(site, 0x9E3779B9u), word(site, 0xBB67AE85u)}, *k[2] = {key[0], key[1]};
  for (int round = 0; round < 10; round++) {
    tn_inst *high[2], *low[2];
    for (int i = 0; i < 2; i++) {
      if (round) k[i] = tn_make_binary(site, TN_OP_ADD, k[i], step[i]);
      high[i] = tn_make_binary(site, TN_OP_MULHI, x[2 * i], multiplier[i]);
      low[i] = tn_make_binary(site, TN_OP_MULTIPLY, x[2 * i], multiplier[i]);
    }
    x[0] = xor(site, xor(site, high[1], x[1]), tn_make_spread(site, k[0], shape));
    x[2] = xor(site, xor(site, high[0], x[3]), tn_make_spread(site, k[1], shape));
    x[1] = low[1];
    x[3] = low[0];
  }
}

static tn_inst *rotated(tn_site site, tn_inst *x, int by) {
  tn_inst *left = tn_make_by_scalar(site, TN_OP_SHIFT_LEFT, x, word(site, (uint32_t)by));
  tn_inst *right = tn_make_by_scalar(site, TN_OP_SHIFT_RIGHT_LOGICAL, x, word(site, (uint32_t)(32 - by)));
  return tn_make_binary(site, TN_OP_OR, left, right);
}

void tn_make_three_fry(tn_site site, tn_inst *x[2], tn_inst *const key[2]) {
  static const int rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  tn_inst *k[3] = {key[0], key[1], xor(site, xor(site, word(site, 0x1BD11BDAu), key[0]), key[1])};
  for (int i = 0; i < 2; i++) x[i] = tn_make_by_scalar(site, TN_OP_ADD, x[i], k[i]);
  for (int group = 0; group < 5; group++) {
    for (int r = 0; r < 4; r++) {
      x[0] = tn_make_binary(site, TN_OP_ADD, x[0], x[1]);
      x[1] = xor(site, rotated(site, x[1], rotations[group % 2][r]), x[0]);
    }
    tn_inst *count = word(site, (uint32_t)group + 1);
    x[0] = tn_make_by_scalar(site, TN_OP_ADD, x[0], k[(group + 1) % 3]);
    x[1] =
        tn_make_by_scalar(site, TN_OP_ADD, x[1], tn_make_binary(site, TN_OP_ADD, k[(group + 2) % 3], count));
  }
}

void tn_make_halves(tn_site site, tn_inst *wide, tn_inst *halves[2]) {
  tn_inst *bits = tn_make_integer(site, TN_U64, 32);
  halves[0] = tn_make_convert(site, wide, TN_U32);
  halves[1] = tn_make_convert(site, tn_make_by_scalar(site, TN_OP_SHIFT_RIGHT_LOGICAL, wide, bits), TN_U32);
}

tn_inst *tn_make_joined(tn_site site, tn_inst *low, tn_inst *high) {
  tn_inst *bits = tn_make_integer(site, TN_U64, 32);
  tn_inst *above = tn_make_by_scalar(site, TN_OP_SHIFT_LEFT, tn_make_convert(site, high, TN_U64), bits);
  return tn_make_binary(site, TN_OP_OR, above, tn_make_convert(site, low, TN_U64));
}
