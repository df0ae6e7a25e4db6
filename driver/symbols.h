/* Names in ELF files: which model does this object or library hold?
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_SYMBOLS_H
#define TN_DRIVER_SYMBOLS_H

#include "base/diagnostics.h"

typedef struct {
  bool relocatable; /* an object; else a shared library or a program */
  const char *name; /* x of the first global x_signature; NULL if there is none */
} tn_elf_model;

/* Checks every offset against the file's length. false after reporting (TN_INVALID). */
bool tn_elf_read(tn_arena *arena, tn_diagnostics *sink, const char *path, tn_str bytes, tn_elf_model *model);

#endif
