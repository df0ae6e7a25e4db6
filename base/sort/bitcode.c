/* The bytes between two symbols of the assembly that CMakeLists.txt writes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/sort/sort.h"

extern const unsigned char tn_sort_module[], tn_sort_module_end[];

const unsigned char *tn_sort_bitcode(size_t *size) {
  *size = (size_t)(tn_sort_module_end - tn_sort_module);
  return tn_sort_module;
}
