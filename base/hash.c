/* Content hashes: XXH3 through the xxhash library.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/hash.h"

#include <xxhash.h>

tn_hash tn_hash_bytes(const void *bytes, size_t count) {
  XXH128_hash_t hash = XXH3_128bits(bytes, count);
  return (tn_hash){.high = hash.high64, .low = hash.low64};
}

void tn_hash_print(tn_hash hash, char out[33]) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < 16; i++) {
    out[15 - i] = digits[hash.high >> 4 * i & 15];
    out[31 - i] = digits[hash.low >> 4 * i & 15];
  }
  out[32] = 0;
}
