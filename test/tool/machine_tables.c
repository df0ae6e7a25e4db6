/* The tables in docs/isa.md and docs/targets.md, as scripts/update-docs puts them there.
 *
 *   machine_tables instructions|types|keys
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>

#include "target/array_private.h"
#include "target/isa_table.h"

static const char *const units[] = {"control", "dma0 … dma3", "weights", "matrix", "vector"};
static const char *const kinds[] = {
    "number",   "host address", "DRAM address", "buffer address", "buffer address", "row of the accumulators",
    "stride",   "real",         "type",         "dataflow",       "join",           "operand",
    "function", "0 or 1"};

/* "`weight` 0, `output` 1, …" */
static void print_words(tn_field_kind kind) {
  int count;
  const char *const *words = tn_field_words(kind, &count);
  if (!words || kind == TN_FIELD_TYPE) return;
  for (int i = 0; i < count; i++) printf("%s`%s` %d", i ? ", " : ": ", words[i], i);
}

static void print_instruction(const tn_isa_row *row) {
  printf("\n### `%s`\n\n`%s` %s. Code %d, unit %s, %d bytes and 4 a wait.\n", row->name, row->name, row->help,
         row->code, units[row->unit], 2 + tn_isa_fields_bytes(row));
  if (row->n_fields) printf("\n| field | type | kind | |\n|---|---|---|---|\n");
  for (int f = 0; f < row->n_fields; f++) {
    const tn_isa_field *field = &row->fields[f];
    printf("| `%s%s` | %s | %s", field->name, field->dims, tn_field_type_name(field->type),
           kinds[field->kind]);
    print_words(field->kind);
    printf(" | %s |\n", field->help);
  }
}

static void print_types(void) {
  int count;
  const char *const *words = tn_field_words(TN_FIELD_TYPE, &count);
  for (int i = 0; i < count; i++)
    if (tn_type_is_array((tn_type)i)) printf("%s`%s` %d", i > 1 ? ", " : "", words[i], i);
  printf("\n");
}

static void print_values(const tn_systolic_key *key) {
  switch (key->kind) {
  case TN_KEY_NAME: printf("text"); return;
  case TN_KEY_COUNT:
  case TN_KEY_REAL: printf("%g … %g", key->least, key->most); return;
  case TN_KEY_RATE: printf("to %g, `inf`", key->most); return;
  case TN_KEY_KIB:
  case TN_KEY_MIB: printf("a size, `inf`"); return;
  case TN_KEY_SWITCH: printf("`yes`, `no`"); return;
  case TN_KEY_DATAFLOWS: printf("names, `any`"); return;
  case TN_KEY_OPERANDS: printf("pairs"); return;
  case TN_KEY_FUNCTIONS: printf("names, `none`"); return;
  }
}

static void print_keys(void) {
  printf("| key | default | values | |\n|---|---|---|---|\n");
  for (int k = 0; k < TN_SYSTOLIC_KEYS; k++) {
    const tn_systolic_key *key = &tn_systolic_keys[k];
    printf("| `%s` | %s%s%s | ", key->name, key->otherwise ? "`" : "", key->otherwise ? key->otherwise : "needed",
           key->otherwise ? "`" : "");
    print_values(key);
    printf(" | %s |\n", key->help);
  }
}

int main(int argc, char **argv) {
  const char *what = argc == 2 ? argv[1] : "";
  if (!strcmp(what, "instructions"))
    for (int op = 0; op < TN_ISA_COUNT; op++) print_instruction(tn_isa_row_of((tn_isa_op)op));
  else if (!strcmp(what, "types"))
    print_types();
  else if (!strcmp(what, "keys"))
    print_keys();
  else
    return 2;
  return 0;
}
