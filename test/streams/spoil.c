/* Streams spoilt at random: what a faulty compiler, or somebody with bad intentions, might write.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/hash.h"
#include "streams.h"
#include "target/isa_table.h"

/* Numbers at which something may go wrong. */
static uint64_t draw_value(dice *d, uint64_t old, int bits) {
  switch (dice_between(d, 0, 9)) {
  case 0: return 0;
  case 1: return ~(uint64_t)0;
  case 2: return (uint64_t)1 << (bits - 1);
  case 3: return ((uint64_t)1 << (bits - 1)) - 1;
  case 4: return old + 1;
  case 5: return old - 1;
  case 6: return old * 2;
  case 7: return old ^ (uint64_t)1 << dice_between(d, 0, bits - 1);
  case 8: return (uint64_t)dice_between(d, 0, 70);
  default: return dice_bits(d);
  }
}

static void spoil_field(dice *d, tn_instruction *i) {
  const tn_isa_row *row = tn_isa_row_of(i->op);
  if (!row->n_fields) return;
  const tn_isa_field *field = &row->fields[dice_between(d, 0, row->n_fields - 1)];
  int element = (int)dice_between(d, 0, field->count - 1);
  uint64_t old = tn_field_load(i, field, element);
  tn_field_store(i, field, element, draw_value(d, old, 8 * tn_field_bytes(field->type)));
}

/* One as good as the other: the same field of another instruction of the kind. */
static void borrow_field(dice *d, tn_stream *s, int64_t at) {
  tn_instruction *i = &s->instructions[at];
  const tn_isa_row *row = tn_isa_row_of(i->op);
  const tn_instruction *other = &s->instructions[dice_between(d, 0, s->count - 1)];
  if (other->op != i->op || !row->n_fields) return;
  const tn_isa_field *field = &row->fields[dice_between(d, 0, row->n_fields - 1)];
  int element = (int)dice_between(d, 0, field->count - 1);
  tn_field_store(i, field, element, tn_field_load(other, field, element));
}

static void spoil_wait(dice *d, tn_instruction *i) {
  int unit = (int)dice_between(d, 0, TN_UNITS - 1);
  if (dice_one_in(d, 2) && i->waits) {
    while (!(i->waits >> unit & 1)) unit = (unit + 1) % TN_UNITS;
    if (dice_one_in(d, 2)) {
      i->waits &= (uint8_t)~(1u << unit);
      i->wait[unit] = 0;
    } else if (i->wait[unit]) {
      i->wait[unit]--;
    }
    return;
  }
  i->waits |= (uint8_t)(1u << unit);
  i->wait[unit] = (uint32_t)draw_value(d, i->wait[unit], 32);
}

static void move_instruction(tn_stream *s, int64_t from, int64_t to) {
  tn_instruction moved = s->instructions[from];
  tn_instruction *at = s->instructions;
  if (from < to) memmove(at + from, at + from + 1, (size_t)(to - from) * sizeof *at);
  if (from > to) memmove(at + to + 1, at + to, (size_t)(from - to) * sizeof *at);
  at[to] = moved;
}

static void remove_instruction(tn_stream *s, int64_t at) {
  s->count--;
  memmove(s->instructions + at, s->instructions + at + 1, (size_t)(s->count - at) * sizeof *s->instructions);
}

/* There is room for one more. */
static void repeat_instruction(dice *d, tn_stream *s, int64_t at) {
  int64_t to = dice_between(d, 0, s->count);
  s->instructions[s->count++] = s->instructions[at];
  move_instruction(s, s->count - 1, to);
}

static void spoil_tables(tn_arena *arena, dice *d, tn_stream *s) {
  if (dice_one_in(d, 4)) s->dram_bytes = draw_value(d, s->dram_bytes, 64);
  if (dice_one_in(d, 4)) s->host_bytes = draw_value(d, s->host_bytes, 64);
  if (s->n_arrays && dice_one_in(d, 2)) {
    s->arrays = tn_arena_copy(arena, s->arrays, (size_t)s->n_arrays * sizeof *s->arrays);
    tn_stream_array *array = &s->arrays[dice_between(d, 0, s->n_arrays - 1)];
    if (dice_one_in(d, 3)) array->at = draw_value(d, array->at, 64);
    if (dice_one_in(d, 3)) array->bytes = draw_value(d, array->bytes, 64);
    if (dice_one_in(d, 3)) array->at ^= (uint64_t)64 << dice_between(d, 0, 10);
  }
  if (s->n_results && dice_one_in(d, 4)) {
    s->results = tn_arena_copy(arena, s->results, (size_t)s->n_results * sizeof *s->results);
    s->results[dice_between(d, 0, s->n_results - 1)] = (uint32_t)draw_value(d, 0, 32);
  }
}

static void spoil_once(tn_arena *arena, dice *d, tn_stream *s) {
  if (!s->count) return;
  int64_t at = dice_between(d, 0, s->count - 1);
  switch (dice_between(d, 0, 15)) {
  case 0: spoil_tables(arena, d, s); break;
  case 1: move_instruction(s, at, dice_between(d, 0, s->count - 1)); break;
  case 2: remove_instruction(s, at); break;
  case 3: repeat_instruction(d, s, at); break;
  case 4:
  case 5:
  case 6: spoil_wait(d, &s->instructions[at]); break;
  case 7:
  case 8: borrow_field(d, s, at); break;
  default: spoil_field(d, &s->instructions[at]); break;
  }
}

tn_stream *spoil_stream(tn_arena *arena, dice *d, const tn_stream *stream) {
  enum { CHANGES = 4 };
  tn_stream *s = tn_arena_copy(arena, stream, sizeof *stream);
  s->instructions = TN_NEW_ARRAY(arena, tn_instruction, stream->count + CHANGES);
  memcpy(s->instructions, stream->instructions, (size_t)stream->count * sizeof *s->instructions);
  for (int64_t changes = dice_between(d, 1, CHANGES); changes > 0; changes--) spoil_once(arena, d, s);
  return s;
}

void spoil_bytes(dice *d, tn_text *file) {
  enum { HEADER = 32, HASH = 16 };
  for (int64_t changes = dice_between(d, 1, 4); changes > 0 && file->length; changes--) {
    size_t at = (size_t)dice_between(d, 0, (int64_t)file->length - 1);
    file->bytes[at] = (char)draw_value(d, (uint8_t)file->bytes[at], 8);
  }
  if (dice_one_in(d, 20)) file->length = (size_t)dice_between(d, 0, (int64_t)file->length);
  if (file->length < HEADER || dice_one_in(d, 20)) return;
  tn_hash hash = tn_hash_bytes(file->bytes + HEADER, file->length - HEADER);
  memcpy(file->bytes + HASH, &hash.low, sizeof hash.low);
  memcpy(file->bytes + HASH + 8, &hash.high, sizeof hash.high);
}
