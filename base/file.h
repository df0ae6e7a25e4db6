/* Files: whole in, whole out.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_FILE_H
#define TN_BASE_FILE_H

#include "base/diagnostics.h"

/* A file's bytes, mapped read-only; the mapping lives until the arena is released.
 * A directory, a missing file or one above max_bytes is an error (TN_IO, TN_LIMIT).
 * "-" reads standard input. Bytes after the end are not readable.                   */
bool tn_file_map(tn_arena *arena, tn_diagnostics *sink, const char *path, uint64_t max_bytes, tn_str *out);

/* The same; *mapped: `out` is the file's own pages, not what a stream was read into. */
bool tn_file_map_pages(tn_arena *arena, tn_diagnostics *sink, const char *path, uint64_t max_bytes, tn_str *out,
                       bool *mapped);
/* Gives back the memory of the whole pages in a part of a mapped file; they are read again
 * when they are touched.                                                               */
void tn_file_forget_pages(const void *at, size_t bytes);

/* Writes the file complete or not at all: a temporary file beside it, then a rename.
 * "-" writes standard output. Pieces are written in order.                          */
bool tn_file_write(tn_diagnostics *sink, const char *path, const tn_str *pieces, int count, bool executable);

/* "a/b/digits.hlo" -> "digits", ".hlo" (with the dot, "" if none). */
const char *tn_path_stem(tn_arena *arena, const char *path);
const char *tn_path_suffix(const char *path);

#endif
