/* Threads for compiled models: a pool whose tn_exec can be passed to NAME_run.
 *
 *   tn_pool *pool = tn_pool_create(0);
 *   const tn_exec *exec = tn_pool_exec(pool);
 *   void *arena = aligned_alloc(DIGITS_ARENA_ALIGN, DIGITS_ARENA_SIZE(exec->threads));
 *   digits_run(images, logits, arena, DIGITS_ARENA_SIZE(exec->threads), exec);
 *   tn_pool_destroy(pool);
 *
 * In libtenon and, alone, in libtenon-runtime.a, which needs nothing but pthreads. A
 * program with threads of its own can fill a tn_exec itself instead.
 *
 * Part of Tenon, under the Apache License v2.0 with LLVM exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TENON_POOL_H
#define TENON_POOL_H

#include "tenon/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default) /* libtenon.so exports it */
#endif

typedef struct tn_pool tn_pool;

/* A pool of `threads` threads, the caller of parallel_for counted as one of them; 0:
 * as many as this process has processors. Where the system gives fewer threads, the
 * pool has fewer (see exec->threads). NULL when there is no memory. Owned by the
 * caller.                                                                            */
tn_pool *tn_pool_create(int32_t threads);

/* Ends the threads. No parallel_for may be running. NULL is fine. */
void tn_pool_destroy(tn_pool *pool);

/* What to pass to a compiled model; lives as long as the pool.
 *
 * Any number of threads may call it at the same time: one of them has the pool's
 * threads, the others run their loops themselves. A body that calls it again runs
 * that loop itself too, as the same worker. Calls that run at the same time must be
 * of models with arenas of their own (they are anyway: an arena serves one call).    */
const tn_exec *tn_pool_exec(const tn_pool *pool);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
