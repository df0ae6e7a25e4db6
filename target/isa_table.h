/* isa.def as data: for those who treat all instructions alike.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TARGET_ISA_TABLE_H
#define TN_TARGET_ISA_TABLE_H

#include "target/isa.h"

typedef enum {
  TN_FIELD_NUMBER,
  TN_FIELD_HOST,
  TN_FIELD_DRAM,
  TN_FIELD_BUFFER,
  TN_FIELD_EXTRA, /* an address of the buffer that the pipeline may not use */
  TN_FIELD_ACCUMULATOR,
  TN_FIELD_STRIDE,
  TN_FIELD_REAL,
  TN_FIELD_TYPE,
  TN_FIELD_DATAFLOW,
  TN_FIELD_JOIN,
  TN_FIELD_OPERAND,
  TN_FIELD_FUNCTION,
  TN_FIELD_SWITCH
} tn_field_kind;

typedef enum {
  TN_FIELD_U8,
  TN_FIELD_U16,
  TN_FIELD_U32,
  TN_FIELD_U64,
  TN_FIELD_S32,
  TN_FIELD_S64,
  TN_FIELD_F32
} tn_field_type;

typedef struct {
  const char *name, *help;
  tn_field_type type;
  tn_field_kind kind;
  int count;        /* 1, or elements of an array */
  const char *dims; /* "" or "[2][8]" */
  size_t offset;    /* in tn_instruction */
} tn_isa_field;

typedef enum {
  TN_UNIT_CLASS_CONTROL,
  TN_UNIT_CLASS_DMA, /* the channel says which */
  TN_UNIT_CLASS_WEIGHTS,
  TN_UNIT_CLASS_MATRIX,
  TN_UNIT_CLASS_VECTOR
} tn_unit_class;

enum { TN_ISA_MOST_FIELDS = 32 };

typedef struct {
  const char *name, *help;
  uint8_t code;
  tn_unit_class unit;
  int n_fields;
  const tn_isa_field *fields;
} tn_isa_row;

const tn_isa_row *tn_isa_row_of(tn_isa_op op);
int tn_field_bytes(tn_field_type type);
const char *tn_field_type_name(tn_field_type type); /* "u8" */
/* Element i of a field: its bits, sign-extended where the type is signed; stores keep the type's. */
uint64_t tn_field_load(const tn_instruction *instruction, const tn_isa_field *field, int i);
void tn_field_store(tn_instruction *instruction, const tn_isa_field *field, int i, uint64_t bits);
/* Bytes of all fields. */
int tn_isa_fields_bytes(const tn_isa_row *row);

/* Words of a kind that has some, or NULL: word i is value i. */
const char *const *tn_field_words(tn_field_kind kind, int *count);

/* An unsigned number, decimal or 0x…; the length read, 0 if there is none or it is too large. */
size_t tn_read_unsigned(tn_str text, uint64_t *value);

#endif
