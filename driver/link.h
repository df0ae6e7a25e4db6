/* The system's C compiler, for what needs a linker.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_LINK_H
#define TN_DRIVER_LINK_H

#include "base/diagnostics.h"

/* A folder of its own under $TMPDIR, which goes, with what is in it, when the arena
 * is released. NULL after reporting.                                               */
const char *tn_link_folder(tn_arena *arena, tn_diagnostics *sink);

/* Runs `$CC arguments…` ($CC may hold options; default cc). What it prints becomes a
 * note of the error (TN_IO).                                                        */
bool tn_link_run(tn_arena *arena, tn_diagnostics *sink, const char *const *arguments, int count);

#endif
