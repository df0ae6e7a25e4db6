/* Inside base: the header of a .npy, shared by npy.c, npz_read.c and npz_write.c.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_NPY_HEADER_H
#define TN_BASE_NPY_HEADER_H

#include "base/npy.h"

enum {
  TN_NPY_HEADER_MOST = 8192, /* 64 dims of 20 digits take 1.4 KiB */
  TN_NPY_PREFIX_MOST = TN_NPY_HEADER_MOST + 12,
  TN_NPY_ALIGN = 64
};

typedef struct {
  char kind;
  int item_bytes;
  bool big_endian, fortran;
  int rank;
  int64_t dims[64];
  size_t data_at; /* bytes before the data */
  size_t bytes;   /* of the data */
} tn_npy_header;

/* Where an array is: for messages. */
typedef struct {
  tn_diagnostics *sink;
  const char *path;
  const char *name; /* of the entry; "" for a lone .npy */
} tn_npy_place;

bool tn_npy_error(const tn_npy_place *place, tn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads the header from the first bytes of a .npy, of which TN_NPY_PREFIX_MOST suffice. */
bool tn_npy_read_header(const tn_npy_place *place, const void *bytes, size_t count, tn_npy_header *out);

/* A whole .npy -> array: checks its length, views or converts its data. */
bool tn_npy_read(tn_arena *arena, const tn_npy_place *place, const void *bytes, size_t count, tn_npy *out);

/* Header text for an array, padded to a multiple of TN_NPY_ALIGN. */
void tn_npy_write_header(tn_text *out, const tn_npy *array);

#endif
