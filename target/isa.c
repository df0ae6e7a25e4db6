/* Instructions as bytes, from isa.def.
 *
 *   code u8 | waits u8 | u32 count of each bit of waits, from the lowest | fields
 *
 * Little-endian, no gaps. Every value of every field has its bytes and every byte its value, so
 * decoding and encoding are each other's inverse whatever the fields mean; what makes no sense
 * is the verifier's. The code generator, the simulator and the tools share these tables; docs/isa.md
 * says what else an instruction needs that is added.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <assert.h>
#include <math.h>

#include "base/integer.h"
#include "target/isa_table.h"

/* Types are bytes in streams: should types.def change, so must the version of streams. */
static_assert(TN_PRED == 1 && TN_S8 == 5 && TN_S32 == 7 && TN_U8 == 12 && TN_BF16 == 25 && TN_F32 == 27 &&
                  TN_TYPE_COUNT == 35,
              "streams number the element types so");

/* Place of each instruction's first field in `fields`, and of the one behind its last. */
enum {
#define INSTRUCTION(ID, text, code, unit, help)  FIRST_##ID, ABOVE_##ID = FIRST_##ID - 1,
#define FIELD(ID, type, name, kind, help)        PLACE_##ID##_##name,
#define FIELDS(ID, type, name, dims, kind, help) PLACE_##ID##_##name,
#define END(ID)                                  PAST_##ID, BELOW_##ID = PAST_##ID - 1,
#include "target/isa.def"
  ALL_FIELDS
};

#define MEMBER(ID, name) (((tn_instruction *)0)->ID.name)
static const tn_isa_field fields[ALL_FIELDS] = {
#define FIELD(ID, t, n, k, h)                                                                                \
  {.name = #n,                                                                                               \
   .help = h,                                                                                                \
   .type = FIELD_TYPE_##t,                                                                                   \
   .kind = TN_FIELD_##k,                                                                                     \
   .count = 1,                                                                                               \
   .dims = "",                                                                                               \
   .offset = offsetof(tn_instruction, ID.n)},
#define FIELDS(ID, t, n, d, k, h)                                                                            \
  {.name = #n,                                                                                               \
   .help = h,                                                                                                \
   .type = FIELD_TYPE_##t,                                                                                   \
   .kind = TN_FIELD_##k,                                                                                     \
   .count = sizeof MEMBER(ID, n) / sizeof(tn_isa_##t),                                                       \
   .dims = #d,                                                                                               \
   .offset = offsetof(tn_instruction, ID.n)},
#define FIELD_TYPE_u8  TN_FIELD_U8
#define FIELD_TYPE_u16 TN_FIELD_U16
#define FIELD_TYPE_u32 TN_FIELD_U32
#define FIELD_TYPE_u64 TN_FIELD_U64
#define FIELD_TYPE_s32 TN_FIELD_S32
#define FIELD_TYPE_s64 TN_FIELD_S64
#define FIELD_TYPE_f32 TN_FIELD_F32
#include "target/isa.def"
};

static const tn_isa_row rows[TN_ISA_COUNT] = {
#define INSTRUCTION(ID, text, c, u, h)                                                                       \
  {.name = text,                                                                                             \
   .help = h,                                                                                                \
   .code = c,                                                                                                \
   .unit = TN_UNIT_CLASS_##u,                                                                                \
   .n_fields = PAST_##ID - FIRST_##ID,                                                                       \
   .fields = fields + FIRST_##ID},
#include "target/isa.def"
};

#define END(ID)                                                                                              \
  static_assert(PAST_##ID - FIRST_##ID <= TN_ISA_MOST_FIELDS, "fields are bits of a u32 in readers");
#include "target/isa.def"

const tn_isa_row *tn_isa_row_of(tn_isa_op op) { return &rows[op]; }

int tn_field_bytes(tn_field_type type) {
  static const int bytes[] = {1, 2, 4, 8, 4, 8, 4};
  return bytes[type];
}

const char *tn_field_type_name(tn_field_type type) {
  static const char *const names[] = {"u8", "u16", "u32", "u64", "s32", "s64", "f32"};
  return names[type];
}

uint64_t tn_field_load(const tn_instruction *instruction, const tn_isa_field *field, int i) {
  const char *at = (const char *)instruction + field->offset + i * tn_field_bytes(field->type);
  switch (field->type) {
  case TN_FIELD_U8: return *(const uint8_t *)at;
  case TN_FIELD_U16: return *(const uint16_t *)at;
  case TN_FIELD_U32: return *(const uint32_t *)at;
  case TN_FIELD_U64: return *(const uint64_t *)at;
  case TN_FIELD_S32: return (uint64_t)(int64_t)*(const int32_t *)at;
  case TN_FIELD_S64: return (uint64_t)*(const int64_t *)at;
  case TN_FIELD_F32: {
    uint32_t bits;
    memcpy(&bits, at, sizeof bits);
    return bits;
  }
  }
  return 0;
}

void tn_field_store(tn_instruction *instruction, const tn_isa_field *field, int i, uint64_t bits) {
  char *at = (char *)instruction + field->offset + i * tn_field_bytes(field->type);
  uint8_t u8 = (uint8_t)bits;
  uint16_t u16 = (uint16_t)bits;
  uint32_t u32 = (uint32_t)bits;
  switch (field->type) {
  case TN_FIELD_U8: memcpy(at, &u8, sizeof u8); return;
  case TN_FIELD_U16: memcpy(at, &u16, sizeof u16); return;
  case TN_FIELD_S32:
  case TN_FIELD_F32:
  case TN_FIELD_U32: memcpy(at, &u32, sizeof u32); return;
  case TN_FIELD_S64:
  case TN_FIELD_U64: memcpy(at, &bits, sizeof bits); return;
  }
}

int tn_isa_fields_bytes(const tn_isa_row *row) {
  int bytes = 0;
  for (int f = 0; f < row->n_fields; f++) bytes += row->fields[f].count * tn_field_bytes(row->fields[f].type);
  return bytes;
}

const char *tn_unit_name(tn_unit unit) {
  static const char *const names[TN_UNITS] = {"control", "dma0",    "dma1",   "dma2",
                                              "dma3",    "weights", "matrix", "vector"};
  return names[unit];
}

/* The channel is the first field of all that have one. A number that no DMA engine has is the
 * verifier's to refuse; here it is some unit.                                                 */
tn_unit tn_instruction_unit(const tn_instruction *instruction) {
  const tn_isa_row *row = &rows[instruction->op];
  switch (row->unit) {
  case TN_UNIT_CLASS_CONTROL: return TN_UNIT_CONTROL;
  case TN_UNIT_CLASS_DMA:
    return (tn_unit)(TN_UNIT_DMA0 + tn_field_load(instruction, &row->fields[0], 0) % TN_DMA_CHANNELS);
  case TN_UNIT_CLASS_WEIGHTS: return TN_UNIT_WEIGHTS;
  case TN_UNIT_CLASS_MATRIX: return TN_UNIT_MATRIX;
  case TN_UNIT_CLASS_VECTOR: return TN_UNIT_VECTOR;
  }
  return TN_UNIT_CONTROL;
}

/* ---- what several say ---- */

#define TRANSFERS(DO)                                                                                        \
  DO(READ_HOST, HOST, BUFFER)                                                                                \
  DO(WRITE_HOST, BUFFER, HOST)                                                                               \
  DO(LOAD, DRAM, BUFFER)                                                                                     \
  DO(STORE, BUFFER, DRAM)                                                                                    \
  DO(HOST_TO_DRAM, HOST, DRAM)

bool tn_isa_transfer(const tn_instruction *i, tn_transfer *t) {
#define TAKE(ID, SOURCE, RESULT)                                                                             \
  if (i->op == TN_ISA_##ID)                                                                                  \
    *t = (tn_transfer){.source = TN_SPACE_##SOURCE,                                                          \
                       .result = TN_SPACE_##RESULT,                                                          \
                       .channel = i->ID.channel,                                                             \
                       .from = i->ID.from,                                                                   \
                       .to = i->ID.to,                                                                       \
                       .bytes = i->ID.bytes,                                                                 \
                       .rows = i->ID.rows,                                                                   \
                       .from_stride = i->ID.from_stride,                                                     \
                       .to_stride = i->ID.to_stride};
  TRANSFERS(TAKE)
#undef TAKE
  return rows[i->op].unit == TN_UNIT_CLASS_DMA;
}

void tn_isa_set_transfer(tn_instruction *i, const tn_transfer *t) {
#define GIVE(ID, SOURCE, RESULT)                                                                             \
  if (t->source == TN_SPACE_##SOURCE && t->result == TN_SPACE_##RESULT) {                                    \
    i->op = TN_ISA_##ID;                                                                                     \
    i->ID.channel = t->channel;                                                                              \
    i->ID.from = (__typeof__(i->ID.from))t->from;                                                            \
    i->ID.to = (__typeof__(i->ID.to))t->to;                                                                  \
    i->ID.bytes = t->bytes, i->ID.rows = t->rows;                                                            \
    i->ID.from_stride = t->from_stride, i->ID.to_stride = t->to_stride;                                      \
  }
  TRANSFERS(GIVE)
#undef GIVE
  assert(rows[i->op].unit == TN_UNIT_CLASS_DMA);
}

#define VECTOR_RESULTS(DO) DO(ACTIVATE) DO(VECTOR)

bool tn_isa_vector_result(const tn_instruction *i, tn_vector_result *r) {
#define TAKE(ID)                                                                                             \
  if (i->op == TN_ISA_##ID)                                                                                  \
    *r = (tn_vector_result){.rows = i->ID.rows,                                                              \
                            .columns = i->ID.columns,                                                        \
                            .second = i->ID.second,                                                          \
                            .to = i->ID.to,                                                                  \
                            .second_row_stride = i->ID.second_row_stride,                                    \
                            .second_column_stride = i->ID.second_column_stride,                              \
                            .row_stride = i->ID.row_stride,                                                  \
                            .column_stride = i->ID.column_stride};
  VECTOR_RESULTS(TAKE)
#undef TAKE
  r->windows = i->op == TN_ISA_VECTOR ? i->VECTOR.windows : 1;
  return rows[i->op].unit == TN_UNIT_CLASS_VECTOR;
}

void tn_isa_set_vector_result(tn_instruction *i, const tn_vector_result *r) {
#define GIVE(ID)                                                                                             \
  if (i->op == TN_ISA_##ID) {                                                                                \
    i->ID.rows = r->rows, i->ID.columns = r->columns;                                                        \
    i->ID.second = r->second, i->ID.to = r->to;                                                              \
    i->ID.second_row_stride = r->second_row_stride;                                                          \
    i->ID.second_column_stride = r->second_column_stride;                                                    \
    i->ID.row_stride = r->row_stride, i->ID.column_stride = r->column_stride;                                \
  }
  VECTOR_RESULTS(GIVE)
#undef GIVE
  if (i->op == TN_ISA_VECTOR) i->VECTOR.windows = r->windows;
}

/* ---- bytes ---- */

void tn_isa_encode(tn_text *out, const tn_instruction *instruction) {
  const tn_isa_row *row = &rows[instruction->op];
  size_t length = 2 + 4 * (size_t)__builtin_popcount(instruction->waits) + (size_t)tn_isa_fields_bytes(row);
  char *to = tn_text_reserve(out, length), *start = to;
  *to++ = (char)row->code;
  *to++ = (char)instruction->waits;
  for (int unit = 0; unit < TN_UNITS; unit++)
    if (instruction->waits >> unit & 1) {
      tn_put_little(to, instruction->wait[unit], 4);
      to += 4;
    }
  for (int f = 0; f < row->n_fields; f++)
    for (int i = 0, size = tn_field_bytes(row->fields[f].type); i < row->fields[f].count; i++, to += size)
      tn_put_little(to, tn_field_load(instruction, &row->fields[f], i), size);
  assert((size_t)(to - start) == length);
  out->length += length;
  *to = 0;
}

static const tn_isa_row *row_of_code(uint8_t code) {
  for (int op = 0; op < TN_ISA_COUNT; op++)
    if (rows[op].code == code) return &rows[op];
  return NULL;
}

const char *tn_isa_decode(tn_str bytes, size_t *at, tn_instruction *instruction) {
  if (bytes.length - *at < 2) return "the instruction is cut off";
  const char *from = bytes.at + *at;
  const tn_isa_row *row = row_of_code((uint8_t)from[0]);
  if (!row) return "no instruction has this code";
  uint8_t waits = (uint8_t)from[1];
  size_t length = 2 + 4 * (size_t)__builtin_popcount(waits) + (size_t)tn_isa_fields_bytes(row);
  if (bytes.length - *at < length) return "the instruction is cut off";
  from += 2;
  *instruction = (tn_instruction){.op = (tn_isa_op)(row - rows), .waits = waits};
  for (int unit = 0; unit < TN_UNITS; unit++)
    if (waits >> unit & 1) {
      instruction->wait[unit] = (uint32_t)tn_take_little(from, 4);
      from += 4;
    }
  for (int f = 0; f < row->n_fields; f++)
    for (int i = 0, size = tn_field_bytes(row->fields[f].type); i < row->fields[f].count; i++, from += size)
      tn_field_store(instruction, &row->fields[f], i, tn_take_little(from, size));
  *at += length;
  return NULL;
}
