/* Content hashes (XXH3, 128 bits): names of side files, equality of kernels.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_HASH_H
#define TN_BASE_HASH_H

#include "base/arena.h"

typedef struct {
  uint64_t high, low;
} tn_hash;

tn_hash tn_hash_bytes(const void *bytes, size_t count);
/* 32 lower-case hexadecimal digits and a NUL. */
void tn_hash_print(tn_hash hash, char out[33]);

#endif
