/* HLO text out of a module.
 *
 * tn_print(parse(text)) parses back to the same module and prints the same bytes.
 * XLA's own parser reads it too: computations stand before their callers.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_PRINT_H
#define TN_IR_PRINT_H

#include "ir/module.h"

typedef enum {
  TN_CONSTANTS_INLINE,
  TN_CONSTANTS_FILE, /* above 1 KiB: a side file, named by content hash; see below */
  TN_CONSTANTS_ELIDE /* above 32 elements: {...}; cannot be read back */
} tn_constants_mode;

/* With TN_CONSTANTS_FILE a large constant prints as
 *     w = f32[512,10] constant({...}), frontend_attributes={tenon.data="<hash>.bin"}
 * and its bytes (row-major, little-endian) are collected in side_files, each hash
 * once; the caller writes them beside the text, and the parser maps them from there. */
typedef struct {
  const char *name; /* "<hash>.bin" */
  const void *bytes;
  size_t count;
} tn_side_file;

typedef struct {
  tn_constants_mode constants;
  TN_VEC(tn_side_file) side_files; /* out; in the module's arena */
  /* After the line of each instruction; NULL: nothing. It may take away what is in `out`. */
  void (*after_line)(void *user, tn_text *out, const tn_inst *inst);
  void *user;
} tn_print_options;

/* options NULL: constants inline. */
void tn_print_module(tn_text *out, tn_module *module, tn_print_options *options);
void tn_print_instruction(tn_text *out, const tn_inst *inst); /* one line, no newline, constants elided */
void tn_print_literal(tn_text *out, const tn_literal *literal);
/* The literal as options->constants has it. Where its bytes go to a side file, that is
 * entered in side_files (strings in `arena`) and its name returned; else NULL.        */
const char *tn_print_constant(tn_text *out, tn_arena *arena, const tn_literal *literal,
                              tn_print_options *options);

/* ", name=value" for each attribute that is not at its default, in attrs.def's order. */
void tn_print_attributes(tn_text *out, const tn_inst *inst);

#endif
