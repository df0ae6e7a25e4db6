/* What the files about arrays share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TARGET_ARRAY_PRIVATE_H
#define TN_TARGET_ARRAY_PRIVATE_H

#include "target/array.h"

typedef enum {
  TN_KEY_NAME,
  TN_KEY_COUNT,
  TN_KEY_REAL,
  TN_KEY_RATE,
  TN_KEY_KIB,
  TN_KEY_MIB,
  TN_KEY_SWITCH,
  TN_KEY_DATAFLOWS,
  TN_KEY_OPERANDS,
  TN_KEY_FUNCTIONS
} tn_key_kind;

/* One row of array_keys.def. */
typedef struct {
  const char *name, *otherwise, *help;
  tn_key_kind kind;
  size_t offset; /* in tn_systolic_target */
  double least, most;
} tn_systolic_key;

enum {
#define KEY(...) +1
  TN_SYSTOLIC_KEYS = 0
#include "target/array_keys.def"
#undef KEY
};
extern const tn_systolic_key tn_systolic_keys[TN_SYSTOLIC_KEYS];

/* Where a value stands, for messages: in a file's line, or nowhere. */
typedef struct {
  tn_diagnostics *sink;
  tn_status status;
  const char *file; /* NULL: an assignment of the command line */
  uint32_t line;
  const char *line_at;
} tn_key_place;
tn_location tn_key_location(const tn_key_place *place, const char *at);

/* Reads `value` into the key's member. False after reporting. */
bool tn_systolic_read_value(tn_systolic_target *array, const tn_systolic_key *key, tn_str value,
                            const tn_key_place *place);
void tn_systolic_print_value(tn_text *out, const tn_systolic_target *array, const tn_systolic_key *key);

/* tn_systolic_target_parse of a part of a file, behind `lines` lines of it; the file is a source already. */
tn_systolic_target *tn_systolic_target_parse_part(tn_arena *arena, tn_diagnostics *sink, const char *file,
                                                  tn_str text, uint32_t lines);

#endif
