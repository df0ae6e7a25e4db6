/* Schedules that the chooser does not make: K blocking, prefetch, tiles that do not divide.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "harness.h"

static const char dot[] =
    "HloModule m\nENTRY e { x = f32[13,29] parameter(0) w = f32[29,70] parameter(1)\n"
    "ROOT d = f32[13,70] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0} }";

static const char pred_reduce[] =
    "HloModule m\nf { a = pred[] parameter(0) b = pred[] parameter(1) ROOT c = pred[] or(a, b) }\n"
    "ENTRY e { x = pred[29,70] parameter(0) z = pred[] constant(false) ROOT r = pred[70] reduce(x, z), "
    "dimensions={0}, to_apply=f }";

static tn_dim_schedule *plain_dims(tn_plan *plan, tn_kernel *k) {
  tn_dim_schedule *dims = TN_NEW_ARRAY(plan->arena, tn_dim_schedule, k->n_dims);
  for (int i = 0; i < k->n_dims; i++) dims[i].unroll = 1;
  return dims;
}

static void set_order(tn_plan *plan, tn_kernel *k, int count, const tn_loop_ref *order) {
  k->schedule.order = tn_arena_copy(plan->arena, order, sizeof *order * (size_t)count);
  k->schedule.n_order = count;
}

/* m, n, k are dims 0, 1, 2. Blocks of 8 of k outside the tiles of m and n. */
static void block_k(tn_plan *plan) {
  tn_kernel *k = plan->kernels[plan->n_kernels - 1];
  tn_dim_schedule *dims = plain_dims(plan, k);
  dims[0].unroll = 3;
  dims[1] = (tn_dim_schedule){.lanes = 8, .vectors = 2, .unroll = 1};
  dims[2] = (tn_dim_schedule){.n_tiles = 1, .tiles = {8}, .unroll = 4};
  k->schedule = (tn_schedule){.dims = dims};
  set_order(plan, k, 4, (tn_loop_ref[]){{2, 0}, {1, 0}, {0, 0}, {2, 1}});
}

/* Blocks of m and n outside those of k; threads share blocks of m. */
static void block_all(tn_plan *plan) {
  tn_kernel *k = plan->kernels[plan->n_kernels - 1];
  tn_dim_schedule *dims = plain_dims(plan, k);
  dims[0] = (tn_dim_schedule){.n_tiles = 1, .tiles = {5}, .unroll = 2};
  dims[1] = (tn_dim_schedule){.n_tiles = 1, .tiles = {32}, .lanes = 4, .vectors = 2, .unroll = 1};
  dims[2] = (tn_dim_schedule){.n_tiles = 1, .tiles = {10}, .unroll = 1};
  k->schedule = (tn_schedule){.dims = dims, .n_threads = 2};
  set_order(plan, k, 6, (tn_loop_ref[]){{0, 0}, {1, 0}, {2, 0}, {1, 1}, {0, 1}, {2, 1}});
}

/* The vectors of a block of n inside everything, the rows between the loops of k. */
static void block_k_around_tiles(tn_plan *plan) {
  tn_kernel *k = plan->kernels[plan->n_kernels - 1];
  tn_dim_schedule *dims = plain_dims(plan, k);
  dims[0].unroll = 3;
  dims[1] = (tn_dim_schedule){.n_tiles = 1, .tiles = {16}, .lanes = 8, .vectors = 2, .unroll = 1};
  dims[2] = (tn_dim_schedule){.n_tiles = 1, .tiles = {8}, .unroll = 4};
  k->schedule = (tn_schedule){.dims = dims, .n_threads = 1, .prefetch = 1};
  set_order(plan, k, 5, (tn_loop_ref[]){{1, 0}, {2, 0}, {0, 0}, {2, 1}, {1, 1}});
}

/* Scalars only, k outermost: every accumulator in memory. */
static void outer_k(tn_plan *plan) {
  tn_kernel *k = plan->kernels[plan->n_kernels - 1];
  k->schedule = (tn_schedule){.dims = plain_dims(plan, k)};
  if (k->n_dims == 3)
    set_order(plan, k, 3, (tn_loop_ref[]){{2, 0}, {0, 0}, {1, 0}});
  else
    set_order(plan, k, 2, (tn_loop_ref[]){{1, 0}, {0, 0}});
}

static void register_tile_inside(tn_plan *plan) {
  tn_kernel *k = plan->kernels[plan->n_kernels - 1];
  tn_dim_schedule *dims = plain_dims(plan, k);
  dims[0] = (tn_dim_schedule){.n_tiles = 1, .tiles = {3}, .unroll = 3};
  dims[1] = (tn_dim_schedule){.n_tiles = 1, .tiles = {16}, .lanes = 8, .vectors = 2, .unroll = 1};
  k->schedule = (tn_schedule){.dims = dims, .prefetch = 2};
  set_order(plan, k, 5, (tn_loop_ref[]){{0, 0}, {1, 0}, {2, 0}, {0, 1}, {1, 1}});
}

Test(cpu_schedule, blocks_of_k) { check_altered(dot, block_k); }
Test(cpu_schedule, blocks_of_k_around_tiles) { check_altered(dot, block_k_around_tiles); }
Test(cpu_schedule, blocks_of_everything) { check_altered(dot, block_all); }
Test(cpu_schedule, k_outermost) { check_altered(dot, outer_k); }
Test(cpu_schedule, predicates_in_memory) { check_altered(pred_reduce, outer_k); }
Test(cpu_schedule, register_tile_inside_k) { check_altered(dot, register_tile_inside); }

/* Tiles of L rows beside vectors of L columns: transposed in registers where both are whole. */
static void transpose_tiles(tn_plan *plan, int lanes) {
  for (int i = 0; i < plan->n_kernels; i++) {
    tn_kernel *k = plan->kernels[i];
    tn_dim_schedule *dims = plain_dims(plan, k);
    dims[0] = (tn_dim_schedule){.n_tiles = 1, .tiles = {lanes}, .unroll = lanes};
    dims[1] = (tn_dim_schedule){.lanes = lanes, .vectors = 1, .unroll = 1};
    k->schedule = (tn_schedule){.dims = dims, .n_threads = 1};
    set_order(plan, k, 3, (tn_loop_ref[]){{0, 0}, {1, 0}, {0, 1}});
  }
}

static void transpose_4(tn_plan *plan) { transpose_tiles(plan, 4); }
static void transpose_16(tn_plan *plan) { transpose_tiles(plan, 16); }

Test(cpu_schedule, transposes_in_registers) {
  static const char text[] =
      "HloModule m\nENTRY e { x = f32[37,53] parameter(0) t = f32[53,37] transpose(x), dimensions={1,0}\n"
      "h = f16[37,53] parameter(1) u = f16[53,37] transpose(h), dimensions={1,0}\n"
      "ROOT o = (f32[53,37], f16[53,37]) tuple(t, u) }";
  check_altered(text, transpose_4);
  check_altered(text, transpose_16);
}
