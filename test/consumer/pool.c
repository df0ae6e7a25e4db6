/* A user of a compiled model who wants threads: the pool alone, without the compiler.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <stdio.h>
#include <stdlib.h>
#include <tenon/pool.h>

#include "twice.h"

int main(void) {
  tn_pool *pool = tn_pool_create(3);
  const tn_exec *exec = tn_pool_exec(pool);
  size_t size = TWICE_ARENA_SIZE(exec->threads);
  void *arena = aligned_alloc(TWICE_ARENA_ALIGN, (size / TWICE_ARENA_ALIGN + 1) * TWICE_ARENA_ALIGN);
  float x[] = {1, 2, 3}, y[3];
  int code = twice_run(x, y, arena, size, exec);
  printf("%d: %g %g %g\n", code, y[0], y[1], y[2]);
  free(arena);
  tn_pool_destroy(pool);
  return code;
}
