/* NumPy's .npy and .npz.
 *
 * Element types that NumPy lacks are stored as their bits: f8 and f4 as uint8, bf16
 * as uint16; sub-byte integers by value in int8 and uint8; pred as bool.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_NPY_H
#define TN_BASE_NPY_H

#include "base/diagnostics.h"
#include "base/type.h"

/* An array as NumPy has it: row-major, little-endian, native alignment not promised. */
typedef struct {
  const char *name;    /* key in the .npz without ".npy"; "" for a lone .npy */
  char kind;           /* 'b' bool, 'i', 'u', 'f', 'c', 'V' raw bytes (ml_dtypes writes bf16 so) */
  int item_bytes;
  int rank;
  const int64_t *dims;
  const void *data;    /* a view of the mapped file where that is possible (stored,
                          C order, little-endian), else in the arena */
  size_t bytes;
} tn_npy;

typedef struct {
  const tn_npy *at;
  int count;
} tn_npz;

/* Reads a .npy (one entry named "") or a .npz (stored or deflated entries, zip64);
 * Fortran-ordered and big-endian arrays are converted. Every header and size is
 * checked against the file's length before anything is allocated.                  */
bool tn_npz_read(tn_arena *arena, tn_diagnostics *sink, const char *path, uint64_t max_bytes, tn_npz *out);
const tn_npy *tn_npz_find(const tn_npz *npz, const char *name);

/* True if the array's NumPy type can hold elements of `type` as described above. */
bool tn_npy_holds(const tn_npy *array, tn_type type);

/* What NumPy type `type` is written as: kind and item size. */
void tn_npy_type(tn_type type, char *kind, int *item_bytes);

/* A .npz (entries stored, data aligned to 64, no time stamps: same arrays, same
 * bytes) or, where the path ends in .npy, its only entry.                          */
bool tn_npz_write(tn_diagnostics *sink, const char *path, const tn_npy *arrays, int count);

#endif
