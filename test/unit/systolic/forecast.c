/* Forecasts of small modules against the timed device: what settles, what waits, what a port serves first.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "support.h"

static const char product[] =
    "x = s8[300,200] parameter(0)\n  w = s8[200,170] parameter(1)\n"
    "  ROOT y = s32[300,170] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}";
static const char one_row[] =
    "x = s8[1,900] parameter(0)\n  w = s8[900,700] parameter(1)\n"
    "  ROOT y = s32[1,700] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}";
static const char batches[] =
    "x = s8[24,50,64] parameter(0)\n  w = s8[24,64,50] parameter(1)\n"
    "  ROOT y = s32[24,50,50] dot(x, w), lhs_batch_dims={0}, rhs_batch_dims={0}, lhs_contracting_dims={2}, "
    "rhs_contracting_dims={1}";
static const char image[] = "x = s8[2,30,30,24] parameter(0)\n  w = s8[3,3,24,40] parameter(1)\n"
                            "  ROOT y = s32[2,30,30,40] convolution(x, w), window={size=3x3 pad=1_1x1_1}, "
                            "dim_labels=b01f_01io->b01f";
static const char chain[] =
    "x = s8[90,64] parameter(0)\n  v = s8[64,64] parameter(1)\n  w = s8[64,64] parameter(2)\n"
    "  a = s32[90,64] dot(x, v), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n  b = f32[90,64] "
    "convert(a)\n"
    "  q = f32[] constant(0.01)\n  r = f32[90,64] broadcast(q), dimensions={}\n  c = f32[90,64] multiply(b, "
    "r)\n"
    "  d = f32[90,64] round-nearest-even(c)\n  l = f32[] constant(-128)\n  h = f32[] constant(127)\n"
    "  e = f32[90,64] clamp(l, d, h)\n  f = s8[90,64] convert(e)\n"
    "  ROOT y = s32[90,64] dot(f, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}";
static const char *const modules[] = {product, one_row, batches, image, chain};

/* A target has what the one before it has not. */
static const char *const targets[] = {
    "dram_gb_s = inf\nhost_gb_s = inf\nvector_lanes = 16\n",
    "dram_gb_s = 16\ndram_latency_ns = 100\nhost_gb_s = 16\nhost_latency_ns = 100\ndma_channels = "
    "2\nvector_lanes = 16\n",
    "dram_gb_s = 3\ndram_latency_ns = 70\nhost_gb_s = 1\nhost_latency_ns = 500\ndma_channels = "
    "1\nvector_lanes = 4\n"
    "vector_latency = 9\nweight_fifo_tiles = 2\n",
    "dram_gb_s = 16\ndram_latency_ns = 100\nhost_gb_s = 16\ndma_channels = 2\nunified_buffer_kib = 16\n"
    "accumulator_kib = 8\n",
    "dram_gb_s = 8\nhost_gb_s = 2\nweight_double_buffer = no\nwhole_weight_tiles = yes\nunified_buffer_kib = "
    "16\n"};

enum { MODULES = sizeof modules / sizeof *modules, TARGETS = sizeof targets / sizeof *targets };

static double error_of(uint64_t forecast, int64_t cycles) {
  return fabs((double)forecast / (double)cycles - 1);
}

/* Of the array's cycles and of all. */
static void measure(const char *body, const char *more, tn_dataflow dataflow, double errors[2]) {
  char hlo[1200], keys[400];
  snprintf(hlo, sizeof hlo, "HloModule m\nENTRY e {\n  %s\n}\n", body);
  snprintf(keys, sizeof keys, "rows = 16\ncolumns = 16\ndataflow = %s\n%s", tn_dataflow_name(dataflow), more);
  test_machine m = open_machine(hlo, keys);
  tn_systolic_program *program = program_of(&m);
  cr_assert(program, "%s", m.messages);
  tn_device_counters c = timed(program);
  errors[0] = error_of(program->stream->model_cycles, c.cycles);
  errors[1] = error_of(program->stream->model_total_cycles, c.total_cycles);
  cr_expect(errors[0] < 0.3 && errors[1] < 0.25,
            "%.40s: %s: %lld cycles of the array, %llu forecast; in all %lld, %llu", body, keys,
            (long long)c.cycles, (unsigned long long)program->stream->model_cycles, (long long)c.total_cycles,
            (unsigned long long)program->stream->model_total_cycles);
  close_machine(&m);
}

/* All are near, most are nearer. */
static void check(tn_dataflow dataflow) {
  int near[2] = {0, 0};
  for (size_t i = 0; i < MODULES; i++)
    for (size_t k = 0; k < TARGETS; k++) {
      double errors[2];
      measure(modules[i], targets[k], dataflow, errors);
      for (int e = 0; e < 2; e++) near[e] += errors[e] < 0.05;
    }
  int all = MODULES * TARGETS;
  cr_expect(near[0] >= all * 6 / 10, "%d of %d forecasts of the array's cycles are within 5 %%", near[0],
            all);
  cr_expect(near[1] >= all * 7 / 10, "%d of %d forecasts of all cycles are within 5 %%", near[1], all);
}

Test(forecast, weight) { check(TN_DATAFLOW_WEIGHT); }
Test(forecast, output) { check(TN_DATAFLOW_OUTPUT); }
Test(forecast, input) { check(TN_DATAFLOW_INPUT); }
