/* Cycles of one product each are SCALE-Sim's closed forms less one: every convolution of ResNet-50, the
 * products of a GPT-2 block (1024 tokens) and of a ViT-L block (197), on five arrays, in three dataflows,
 * from HLO to the timed device; and the cost model's forecast is the same.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* size: of the image and of the result's; window, stride, padding: of both dims. */
typedef struct {
  const char *name;
  int in, channels, window, stride, pad, out, filters;
} test_convolution;
static const test_convolution convolutions[] = {
    {"conv1", 224, 3, 7, 2, 3, 112, 64},       {"conv2_1x1_64", 56, 64, 1, 1, 0, 56, 64},
    {"conv2_3x3", 56, 64, 3, 1, 1, 56, 64},    {"conv2_1x1_256", 56, 64, 1, 1, 0, 56, 256},
    {"conv2_reduce", 56, 256, 1, 1, 0, 56, 64}, {"conv3_reduce_first", 56, 256, 1, 1, 0, 56, 128},
    {"conv3_3x3_s2", 56, 128, 3, 2, 1, 28, 128}, {"conv3_expand", 28, 128, 1, 1, 0, 28, 512},
    {"conv3_shortcut", 56, 256, 1, 2, 0, 28, 512}, {"conv3_reduce", 28, 512, 1, 1, 0, 28, 128},
    {"conv3_3x3", 28, 128, 3, 1, 1, 28, 128},  {"conv4_reduce_first", 28, 512, 1, 1, 0, 28, 256},
    {"conv4_3x3_s2", 28, 256, 3, 2, 1, 14, 256}, {"conv4_expand", 14, 256, 1, 1, 0, 14, 1024},
    {"conv4_shortcut", 28, 512, 1, 2, 0, 14, 1024}, {"conv4_reduce", 14, 1024, 1, 1, 0, 14, 256},
    {"conv4_3x3", 14, 256, 3, 1, 1, 14, 256},  {"conv5_reduce_first", 14, 1024, 1, 1, 0, 14, 512},
    {"conv5_3x3_s2", 14, 512, 3, 2, 1, 7, 512}, {"conv5_expand", 7, 512, 1, 1, 0, 7, 2048},
    {"conv5_shortcut", 14, 1024, 1, 2, 0, 7, 2048}, {"conv5_reduce", 7, 2048, 1, 1, 0, 7, 512},
    {"conv5_3x3", 7, 512, 3, 1, 1, 7, 512}};

typedef struct {
  const char *name;
  int m, k, n;
} test_product;
static const test_product products[] = {
    {"resnet_fc", 1, 2048, 1000},    {"gpt2_qkv", 1024, 768, 2304},   {"gpt2_scores", 1024, 64, 1024},
    {"gpt2_mixed", 1024, 1024, 64},  {"gpt2_project", 1024, 768, 768}, {"gpt2_up", 1024, 768, 3072},
    {"gpt2_down", 1024, 3072, 768},  {"vit_qkv", 197, 1024, 3072},    {"vit_scores", 197, 64, 197},
    {"vit_mixed", 197, 197, 64},     {"vit_project", 197, 1024, 1024}, {"vit_up", 197, 1024, 4096},
    {"vit_down", 197, 4096, 1024}};

static const int arrays[] = {8, 16, 32, 128, 256};

static int64_t tiles_of(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }

static int64_t closed_form(tn_dataflow dataflow, int64_t r, int64_t c, int64_t m, int64_t k, int64_t n) {
  switch (dataflow) {
  case TN_DATAFLOW_WEIGHT: return tiles_of(k, r) * tiles_of(n, c) * (2 * r + c + m - 2);
  case TN_DATAFLOW_OUTPUT: return tiles_of(m, r) * tiles_of(n, c) * (r + c + k - 2);
  case TN_DATAFLOW_INPUT: return tiles_of(k, r) * tiles_of(m, c) * (2 * r + c + n - 2);
  }
  return 0;
}

static int64_t cycles_of(test_machine *machine, int64_t *forecast) {
  tn_systolic_program *program = program_of(machine);
  cr_assert(program, "%s", machine->messages);
  *forecast = (int64_t)program->stream->model_cycles;
  return timed(program).cycles;
}

static void check(const char *name, const char *hlo, int64_t m, int64_t k, int64_t n, int array) {
  for (int d = 0; d < TN_DATAFLOWS; d++) {
    char keys[400];
    snprintf(keys, sizeof keys,
             "rows = %d\ncolumns = %d\ndataflow = %s\nweight_double_buffer = no\ndram_gb_s = inf\nhost_gb_s = inf\n"
             "unified_buffer_kib = inf\naccumulator_kib = inf\npacking = no\nvector_lanes = %d\n",
             array, array, tn_dataflow_name((tn_dataflow)d), array);
    test_machine machine = open_machine(hlo, keys);
    int64_t expected = closed_form((tn_dataflow)d, array, array, m, k, n), forecast;
    int64_t cycles = cycles_of(&machine, &forecast);
    cr_expect(cycles == expected - 1, "%s, %dx%d, %s: %lld cycles, the closed form has %lld", name, array, array,
              tn_dataflow_name((tn_dataflow)d), (long long)cycles, (long long)expected - 1);
    cr_expect(forecast == expected - 1, "%s, %dx%d, %s: the cost model says %lld, not %lld", name, array, array,
              tn_dataflow_name((tn_dataflow)d), (long long)forecast, (long long)expected - 1);
    close_machine(&machine);
  }
}

static void check_products(int array) {
  for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
    const test_product *p = &products[i];
    char hlo[400];
    snprintf(hlo, sizeof hlo,
             "HloModule m\nENTRY e {\n  x = s8[%d,%d] parameter(0)\n  w = s8[%d,%d] parameter(1)\n"
             "  ROOT d = s32[%d,%d] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n}\n",
             p->m, p->k, p->k, p->n, p->m, p->n);
    check(p->name, hlo, p->m, p->k, p->n, array);
  }
}

static void check_convolutions(int array) {
  for (size_t i = 0; i < sizeof convolutions / sizeof *convolutions; i++) {
    const test_convolution *c = &convolutions[i];
    char hlo[500];
    snprintf(hlo, sizeof hlo,
             "HloModule m\nENTRY e {\n  x = s8[1,%d,%d,%d] parameter(0)\n  w = s8[%d,%d,%d,%d] parameter(1)\n"
             "  ROOT d = s32[1,%d,%d,%d] convolution(x, w), window={size=%dx%d stride=%dx%d pad=%d_%dx%d_%d}, "
             "dim_labels=b01f_01io->b01f\n}\n",
             c->in, c->in, c->channels, c->window, c->window, c->channels, c->filters, c->out, c->out, c->filters,
             c->window, c->window, c->stride, c->stride, c->pad, c->pad, c->pad, c->pad);
    check(c->name, hlo, (int64_t)c->out * c->out, (int64_t)c->window * c->window * c->channels, c->filters, array);
  }
}

Test(closed_forms, products_8) { check_products(arrays[0]); }
Test(closed_forms, products_16) { check_products(arrays[1]); }
Test(closed_forms, products_32) { check_products(arrays[2]); }
Test(closed_forms, products_128) { check_products(arrays[3]); }
Test(closed_forms, products_256) { check_products(arrays[4]); }
Test(closed_forms, convolutions_8) { check_convolutions(arrays[0]); }
Test(closed_forms, convolutions_16) { check_convolutions(arrays[1]); }
Test(closed_forms, convolutions_32) { check_convolutions(arrays[2]); }
Test(closed_forms, convolutions_128) { check_convolutions(arrays[3]); }
Test(closed_forms, convolutions_256) { check_convolutions(arrays[4]); }

/* With a shadow, tiles follow each other closely. */
Test(closed_forms, shadow) {
  test_machine machine = open_machine(
      "HloModule m\nENTRY e {\n  x = s8[1024,1024] parameter(0)\n  w = s8[1024,1024] parameter(1)\n"
      "  ROOT d = s32[1024,1024] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n}\n",
      "rows = 256\ncolumns = 256\nclock_mhz = 700\nunified_buffer_kib = 24576\naccumulator_kib = 4096\n"
      "vector_lanes = 256\ndram_gb_s = inf\nhost_gb_s = inf\n");
  int64_t forecast;
  cr_assert_eq(cycles_of(&machine, &forecast), 256 + 16 * 1024 + 510 - 1);
  cr_assert_eq(forecast, 256 + 16 * 1024 + 510 - 1);
  close_machine(&machine);
}
