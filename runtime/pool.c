/* The thread pool: one job at a time, its iterations taken in chunks.
 *
 * A compiled model calls parallel_for some hundred times in a millisecond, so what
 * counts is the way into and out of a job. Both are one atomic word:
 *
 *   state = generation << 33 | open << 32 | workers inside
 *
 * The caller publishes the job and opens a new generation. A worker that sees it
 * enters by a compare-and-swap, which fails once the job is closed; so a worker that
 * sleeps too long misses the job, and nobody waits for it. The caller works too;
 * when no iteration is left it closes the job and waits until nobody is inside.
 * Only then is the job's memory written again.
 *
 * Waiting is spinning for some ten microseconds (the next kernel comes soon), then
 * sleeping on a condition variable. Whoever may have to wake somebody first changes
 * the state and then reads the number of sleepers; whoever goes to sleep first counts
 * itself and then reads the state. Both in sequentially consistent order: one of them
 * sees the other.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "tenon/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#define STATE_OPEN        ((uint64_t)1 << 32)
#define STATE_INSIDE      (STATE_OPEN - 1)
#define STATE_GENERATION  ((uint64_t)1 << 33)
#define SPINS             4000
#define CHUNKS_PER_THREAD 4

typedef struct {
  struct tn_pool *pool;
  pthread_t thread;
  int32_t number; /* worker number; the caller of parallel_for is 0 */
} worker;

struct tn_pool {
  tn_exec exec;
  worker *workers; /* [exec.threads], the first stands for the caller */
  int spins;
  /* The job; written while nobody is inside. */
  tn_body *body;
  void *context;
  int64_t count, chunk;
  _Alignas(64) _Atomic uint64_t state;
  _Alignas(64) _Atomic int64_t next; /* iteration */
  _Alignas(64) atomic_bool busy;     /* somebody has the pool's threads */
  atomic_bool ending;
  atomic_int sleepers;
  atomic_bool owner_sleeps;
  pthread_mutex_t mutex;
  pthread_cond_t work, done;
};

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

static void take_chunks(tn_pool *pool, int32_t number) {
  for (;;) {
    int64_t begin = atomic_fetch_add_explicit(&pool->next, pool->chunk, memory_order_relaxed);
    if (begin >= pool->count) return;
    int64_t end = pool->count - begin < pool->chunk ? pool->count : begin + pool->chunk;
    pool->body(pool->context, begin, end, number);
  }
}

/* ---- workers ---- */

static bool has_news(tn_pool *pool, uint64_t seen) {
  uint64_t state = atomic_load(&pool->state);
  return ((state & STATE_OPEN) && (state & ~STATE_INSIDE) != seen) || atomic_load(&pool->ending);
}

static void wait_for_news(tn_pool *pool, uint64_t seen) {
  for (int i = 0; i < pool->spins; i++) {
    if (has_news(pool, seen)) return;
    relax();
  }
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add(&pool->sleepers, 1);
  while (!has_news(pool, seen)) pthread_cond_wait(&pool->work, &pool->mutex);
  atomic_fetch_sub(&pool->sleepers, 1);
  pthread_mutex_unlock(&pool->mutex);
}

/* Counts this worker in if the job is open and new; *seen becomes its generation. */
static bool enter(tn_pool *pool, uint64_t *seen) {
  uint64_t state = atomic_load(&pool->state);
  while ((state & STATE_OPEN) && (state & ~STATE_INSIDE) != *seen) {
    if (!atomic_compare_exchange_weak(&pool->state, &state, state + 1)) continue;
    *seen = state & ~STATE_INSIDE;
    return true;
  }
  return false;
}

static void leave(tn_pool *pool) {
  uint64_t state = atomic_fetch_sub(&pool->state, 1) - 1;
  if ((state & (STATE_OPEN | STATE_INSIDE)) || !atomic_load(&pool->owner_sleeps)) return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_signal(&pool->done);
  pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *argument) {
  worker *self = argument;
  tn_pool *pool = self->pool;
  uint64_t seen = 0;
  while (!atomic_load(&pool->ending)) {
    wait_for_news(pool, seen);
    if (!enter(pool, &seen)) continue;
    take_chunks(pool, self->number);
    leave(pool);
  }
  return NULL;
}

/* ---- the caller ---- */

/* Which worker the calling thread is, for loops that it runs alone: 0 unless it is
 * inside a job of this pool already.                                                */
static int32_t own_number(const tn_pool *pool) {
  pthread_t self = pthread_self();
  for (int32_t i = 1; i < pool->exec.threads; i++)
    if (pthread_equal(pool->workers[i].thread, self)) return i;
  return 0;
}

static void open_job(tn_pool *pool, int64_t count, tn_body *body, void *context) {
  int64_t pieces = (int64_t)pool->exec.threads * CHUNKS_PER_THREAD;
  pool->body = body;
  pool->context = context;
  pool->count = count;
  pool->chunk = count > pieces ? count / pieces : 1;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  uint64_t closed = atomic_load(&pool->state); /* nobody is inside */
  atomic_store(&pool->state, closed + STATE_GENERATION + STATE_OPEN);
  if (!atomic_load(&pool->sleepers)) return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->mutex);
}

static bool somebody_inside(tn_pool *pool) { return (atomic_load(&pool->state) & STATE_INSIDE) != 0; }

static void close_job(tn_pool *pool) {
  atomic_fetch_sub(&pool->state, STATE_OPEN);
  for (int i = 0; i < pool->spins; i++) {
    if (!somebody_inside(pool)) return;
    relax();
  }
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->owner_sleeps, true);
  while (somebody_inside(pool)) pthread_cond_wait(&pool->done, &pool->mutex);
  atomic_store(&pool->owner_sleeps, false);
  pthread_mutex_unlock(&pool->mutex);
}

static void parallel_for(void *object, int64_t count, tn_body *body, void *context) {
  tn_pool *pool = object;
  bool free_pool = false;
  if (count <= 0) return;
  if (count == 1 || pool->exec.threads == 1 ||
      !atomic_compare_exchange_strong(&pool->busy, &free_pool, true)) {
    body(context, 0, count, own_number(pool));
    return;
  }
  open_job(pool, count, body, context);
  take_chunks(pool, 0);
  close_job(pool);
  atomic_store(&pool->busy, false);
}

/* ---- life ---- */

static int32_t processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return CPU_COUNT(&set);
}

/* Threads beyond the first; stops where the system refuses one. */
static void start_workers(tn_pool *pool, int32_t threads) {
  for (int32_t i = 1; i < threads; i++) {
    pool->workers[i] = (worker){.pool = pool, .number = i};
    if (pthread_create(&pool->workers[i].thread, NULL, worker_main, &pool->workers[i]) != 0) return;
    pool->exec.threads = i + 1;
  }
}

tn_pool *tn_pool_create(int32_t threads) {
  int32_t available = processors();
  if (threads < 1) threads = available;
  tn_pool *pool = aligned_alloc(_Alignof(tn_pool), sizeof(tn_pool));
  worker *workers = calloc((size_t)threads, sizeof *workers);
  if (!pool || !workers) {
    free(pool);
    free(workers);
    return NULL;
  }
  *pool = (tn_pool){.exec = {.pool = pool, .threads = 1, .parallel_for = parallel_for},
                    .workers = workers,
                    .spins = threads <= available ? SPINS : 0};
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->work, NULL);
  pthread_cond_init(&pool->done, NULL);
  start_workers(pool, threads);
  return pool;
}

void tn_pool_destroy(tn_pool *pool) {
  if (!pool) return;
  atomic_store(&pool->ending, true);
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->mutex);
  for (int32_t i = 1; i < pool->exec.threads; i++) pthread_join(pool->workers[i].thread, NULL);
  pthread_cond_destroy(&pool->done);
  pthread_cond_destroy(&pool->work);
  pthread_mutex_destroy(&pool->mutex);
  free(pool->workers);
  free(pool);
}

const tn_exec *tn_pool_exec(const tn_pool *pool) { return &pool->exec; }
