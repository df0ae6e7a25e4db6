/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "test/unit/target/support.h"

#include "base/hash.h"

uint64_t next_bits(test_random *random) {
  uint64_t x = random->state += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

uint64_t next_below(test_random *random, uint64_t bound) { return next_bits(random) % bound; }

static void keep_message(void *user, const tn_diagnostic *diagnostic) {
  messages *kept = user;
  tn_diagnostic_print(diagnostic, &kept->text);
}

void collect(messages *kept) {
  *kept = (messages){0};
  kept->sink.callback = keep_message;
  kept->sink.user = kept;
}

tn_str str_of(const char *text) { return (tn_str){text, strlen(text)}; }

static uint64_t random_value(test_random *random) {
  switch (next_below(random, 5)) {
  case 0: return 0;
  case 1: return next_below(random, 40);
  case 2: return 0 - next_below(random, 40);
  case 3: return UINT64_C(1) << next_below(random, 64);
  }
  return next_bits(random);
}

void random_instruction(test_random *random, tn_instruction *instruction) {
  *instruction = (tn_instruction){.op = (tn_isa_op)next_below(random, TN_ISA_COUNT)};
  if (next_below(random, 2)) instruction->waits = (uint8_t)next_bits(random);
  for (int unit = 0; unit < TN_UNITS; unit++)
    if (instruction->waits >> unit & 1) instruction->wait[unit] = (uint32_t)random_value(random);
  const tn_isa_row *row = tn_isa_row_of(instruction->op);
  for (int f = 0; f < row->n_fields; f++)
    for (int i = 0; i < row->fields[f].count; i++)
      tn_field_store(instruction, &row->fields[f], i, random_value(random));
}

static const char *random_name(tn_arena *arena, test_random *random) {
  size_t length = 1 + next_below(random, 12);
  char *name = tn_arena_alloc(arena, length + 1);
  for (size_t i = 0; i < length; i++)
    name[i] =
        next_below(random, 4) ? "ab.#\"\\\n= "[next_below(random, 9)] : (char)(1 + next_below(random, 255));
  return name;
}

static uint32_t *random_indices(tn_arena *arena, test_random *random, int *count) {
  *count = (int)next_below(random, 4);
  uint32_t *indices = TN_NEW_ARRAY(arena, uint32_t, *count);
  for (int i = 0; i < *count; i++) indices[i] = (uint32_t)random_value(random);
  return indices;
}

static tn_stream_array random_array(tn_arena *arena, test_random *random) {
  tn_stream_array array = {.name = random_name(arena, random),
                           .type = next_below(random, 2) ? TN_S8 : (tn_type)(1 + next_below(random, TN_C128)),
                           .rank = (int)next_below(random, 5),
                           .at = random_value(random),
                           .bytes = random_value(random)};
  int64_t *dims = TN_NEW_ARRAY(arena, int64_t, array.rank);
  for (int d = 0; d < array.rank; d++) dims[d] = (int64_t)(random_value(random) >> 1);
  array.dims = dims;
  return array;
}

static tn_stream_function random_function(tn_arena *arena, test_random *random) {
  tn_stream_function function = {.symbol = random_name(arena, random)};
  int count;
  function.arrays = random_indices(arena, random, &count);
  function.n_parameters = (int)next_below(random, (uint64_t)count + 1);
  function.n_results = count - function.n_parameters;
  return function;
}

static tn_systolic_target *random_target(tn_arena *arena, test_random *random) {
  messages kept;
  collect(&kept);
  tn_text text = {0};
  tn_text_printf(&text, "rows=%d\ncolumns=%d\ndram_gb_s=%s\nname=t%d\n", 1 + (int)next_below(random, 16),
                 1 + (int)next_below(random, 16), next_below(random, 2) ? "inf" : "0.3",
                 (int)next_below(random, 9));
  tn_systolic_target *target =
      tn_systolic_target_parse(arena, &kept.sink, "t.target", (tn_str){text.bytes, text.length});
  tn_text_free(&text);
  tn_text_free(&kept.text);
  return target;
}

tn_stream *random_stream(tn_arena *arena, test_random *random) {
  tn_stream *s = TN_NEW(arena, tn_stream);
  *s = (tn_stream){.target = random_target(arena, random),
                   .name = random_name(arena, random),
                   .count = (int64_t)next_below(random, 12),
                   .host_bytes = random_value(random),
                   .dram_bytes = random_value(random),
                   .host_hash = {random_value(random), random_value(random)},
                   .model_cycles = random_value(random),
                   .model_total_cycles = random_value(random),
                   .host_macs = random_value(random),
                   .n_arrays = (int)next_below(random, 4),
                   .n_functions = (int)next_below(random, 3),
                   .n_layers = (int)next_below(random, 3)};
  s->instructions = TN_NEW_ARRAY(arena, tn_instruction, s->count);
  for (int64_t i = 0; i < s->count; i++) random_instruction(random, &s->instructions[i]);
  s->arrays = TN_NEW_ARRAY(arena, tn_stream_array, s->n_arrays);
  for (int i = 0; i < s->n_arrays; i++) s->arrays[i] = random_array(arena, random);
  s->parameters = random_indices(arena, random, &s->n_parameters);
  s->results = random_indices(arena, random, &s->n_results);
  s->functions = TN_NEW_ARRAY(arena, tn_stream_function, s->n_functions);
  for (int i = 0; i < s->n_functions; i++) s->functions[i] = random_function(arena, random);
  s->layers = TN_NEW_ARRAY(arena, tn_stream_layer, s->n_layers);
  for (int i = 0; i < s->n_layers; i++)
    s->layers[i] = (tn_stream_layer){random_name(arena, random),
                                     next_below(random, 2) ? random_name(arena, random) : NULL,
                                     random_value(random), random_value(random)};
  size_t bytes = next_below(random, 200);
  char *data = tn_arena_alloc(arena, bytes);
  for (size_t i = 0; i < bytes; i++) data[i] = (char)next_bits(random);
  s->dram = (tn_str){data, bytes};
  return s;
}

void mend_hash(char *bytes, size_t size) {
  if (size < 32) return;
  tn_hash hash = tn_hash_bytes(bytes + 32, size - 32);
  memcpy(bytes + 16, &hash.low, 8);
  memcpy(bytes + 24, &hash.high, 8);
}
