/* Instructions of the systolic machine: in memory, as bytes, as text. docs/isa.md says what each
 * does; isa.def is the table.
 *
 * A stream is read in order and handed to units that work side by side, each in order: control,
 * up to four DMA channels, weights (DRAM to FIFO), matrix, vector. Each unit counts the
 * instructions it has finished; an instruction waits until other units' counts have reached what
 * it says, counted from the start of the stream:
 *
 *   read_host channel=0 …
 *   wait dma0=1 matmul …          ; starts when dma0 has finished one instruction
 *   wait matrix=1 activate …
 *
 * Two instructions that touch the same bytes or rows, one of them writing, must be of one unit or
 * ordered by waits (in sum): the verifier demands it. The FIFO orders weights and matrix itself.
 * Views and pipelines are taken by value when the stream is read: they need no waits.
 *
 * Bytes: u8 code, u8 mask of the units it waits for, a u32 count for each bit from the lowest, then
 * the fields in the table's order. Little-endian; nothing is padded; each code has one length.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TARGET_ISA_H
#define TN_TARGET_ISA_H

#include "target/array.h"

typedef enum {
#define INSTRUCTION(ID, text, code, unit, help) TN_ISA_##ID,
#include "target/isa.def"
  TN_ISA_COUNT
} tn_isa_op;

/* The first four DMA channels are units of their own. */
typedef enum {
  TN_UNIT_CONTROL,
  TN_UNIT_DMA0,
  TN_UNIT_DMA1,
  TN_UNIT_DMA2,
  TN_UNIT_DMA3,
  TN_UNIT_WEIGHTS,
  TN_UNIT_MATRIX,
  TN_UNIT_VECTOR,
  TN_UNITS
} tn_unit;
const char *tn_unit_name(tn_unit unit); /* "dma0" */

/* What addresses are of. */
typedef enum {
  TN_SPACE_HOST,
  TN_SPACE_DRAM,
  TN_SPACE_BUFFER,       /* bytes, as the two before */
  TN_SPACE_ACCUMULATORS, /* rows */
  TN_SPACES
} tn_space;
/* No space is larger, so two addresses' difference is exact, and what is further away is outside. */
#define TN_SPACE_MOST ((int64_t)1 << 62)

typedef enum { TN_ISA_JOIN_NONE, TN_ISA_JOIN_ADD, TN_ISA_JOIN_MAXIMUM, TN_ISA_JOIN_MINIMUM } tn_isa_join;
typedef enum {
  TN_ISA_OPERAND_NONE,
  TN_ISA_OPERAND_ADD,
  TN_ISA_OPERAND_SUBTRACT, /* v - second */
  TN_ISA_OPERAND_MULTIPLY,
  TN_ISA_OPERAND_MAXIMUM,
  TN_ISA_OPERAND_MINIMUM
} tn_isa_operand;
typedef enum { TN_ISA_FUNCTION_NONE, TN_ISA_FUNCTION_ABS, TN_ISA_FUNCTION_NEGATE } tn_isa_function;

enum { TN_VIEWS = 8, TN_VIEW_DIMS = 8 }; /* dims: four of rows, four of columns */

typedef uint8_t tn_isa_u8;
typedef uint16_t tn_isa_u16;
typedef uint32_t tn_isa_u32;
typedef uint64_t tn_isa_u64;
typedef int32_t tn_isa_s32;
typedef int64_t tn_isa_s64;
typedef float tn_isa_f32;

/* One instruction. Member `matmul` and so on holds the fields of isa.def. */
typedef struct {
  tn_isa_op op;
  uint8_t waits;           /* 1 << unit */
  uint32_t wait[TN_UNITS]; /* 0 where the bit is not set */
  /* clang-format off */
  union {
#define INSTRUCTION(ID, text, code, unit, help) struct {
#define FIELD(ID, type, name, kind, help) tn_isa_##type name;
#define FIELDS(ID, type, name, dims, kind, help) tn_isa_##type name dims;
#define END(ID) char end_; } ID;
#include "target/isa.def"
  };
  /* clang-format on */
} tn_instruction;

tn_unit tn_instruction_unit(const tn_instruction *instruction);

/* All fields 0, and whatever lies between them. */
static inline tn_instruction tn_instruction_of(tn_isa_op op) {
  tn_instruction instruction;
  memset(&instruction, 0, sizeof instruction);
  instruction.op = op;
  return instruction;
}

/* What the five that move bytes have in common: `rows` pieces of `bytes`, from one space to another. */
typedef struct {
  tn_space source, result;
  uint8_t channel;
  uint64_t from, to;
  uint32_t bytes, rows;
  int64_t from_stride, to_stride;
} tn_transfer;
/* False: it is none of them. */
bool tn_isa_transfer(const tn_instruction *instruction, tn_transfer *transfer);
/* Becomes the one that moves between these two spaces; its waits stay. */
void tn_isa_set_transfer(tn_instruction *instruction, const tn_transfer *transfer);

/* What the two of the vector unit have in common: the results, and how the second source lies. */
typedef struct {
  uint32_t rows, columns, windows; /* windows: 1 of activate, which has none */
  uint32_t second, to;
  int32_t second_row_stride, second_column_stride, row_stride, column_stride;
} tn_vector_result;
bool tn_isa_vector_result(const tn_instruction *instruction, tn_vector_result *result);
void tn_isa_set_vector_result(tn_instruction *instruction, const tn_vector_result *result);

/* Appends its bytes. */
void tn_isa_encode(tn_text *out, const tn_instruction *instruction);
/* The instruction at *at, which moves behind it. NULL, or what is wrong with the bytes. */
const char *tn_isa_decode(tn_str bytes, size_t *at, tn_instruction *instruction);

/* One line without its end: `wait dma0=3 vector=1 matmul dataflow=weight type=s8 …`. Fields that are 0
 * are left out where the table's kind makes that readable; parse reads them as 0.                  */
void tn_isa_print(tn_text *out, const tn_instruction *instruction);
/* NULL, or what is wrong, in `arena`; *at is then the byte of the line that is wrong. */
const char *tn_isa_parse(tn_arena *arena, tn_str line, tn_instruction *instruction, size_t *at);

#endif
