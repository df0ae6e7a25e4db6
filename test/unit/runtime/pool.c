/* The pool: every iteration once, workers apart, callers at the same time, bodies that
 * call again.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "tenon/pool.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { MOST_THREADS = 8, MOST_COUNT = 5000 };

typedef struct {
  const tn_exec *exec;
  _Atomic int done[MOST_COUNT];
  atomic_int inside[MOST_THREADS]; /* by worker: never two */
  atomic_int overlaps;
} counting;

static void count_body(void *context, int64_t begin, int64_t end, int32_t worker) {
  counting *c = context;
  if (atomic_fetch_add(&c->inside[worker], 1) != 0) atomic_fetch_add(&c->overlaps, 1);
  for (int64_t i = begin; i < end; i++) atomic_fetch_add(&c->done[i], 1);
  atomic_fetch_sub(&c->inside[worker], 1);
}

static void expect_each_once(const tn_exec *exec, int64_t count) {
  static _Thread_local counting c;
  memset(&c, 0, sizeof c);
  exec->parallel_for(exec->pool, count, count_body, &c);
  for (int64_t i = 0; i < MOST_COUNT; i++) cr_assert_eq(c.done[i], i < count ? 1 : 0);
  cr_assert_eq(c.overlaps, 0);
}

Test(pool, runs_every_iteration_once) {
  for (int32_t threads = 1; threads <= MOST_THREADS; threads++) {
    tn_pool *pool = tn_pool_create(threads);
    const tn_exec *exec = tn_pool_exec(pool);
    cr_assert_eq(exec->threads, threads);
    for (int64_t count = 0; count < 70; count++) expect_each_once(exec, count);
    expect_each_once(exec, MOST_COUNT);
    tn_pool_destroy(pool);
  }
}

Test(pool, has_the_processors_by_default) {
  tn_pool *pool = tn_pool_create(0);
  cr_assert_geq(tn_pool_exec(pool)->threads, 1);
  tn_pool_destroy(pool);
  tn_pool_destroy(NULL);
}

Test(pool, wakes_sleeping_workers) {
  tn_pool *pool = tn_pool_create(4);
  for (int i = 0; i < 20; i++) {
    struct timespec pause = {.tv_nsec = 2000000};
    nanosleep(&pause, NULL);
    expect_each_once(tn_pool_exec(pool), 100);
  }
  tn_pool_destroy(pool);
}

static void *caller(void *exec) {
  for (int i = 0; i < 300; i++) expect_each_once(exec, i % 97);
  return NULL;
}

Test(pool, serves_callers_at_the_same_time) {
  tn_pool *pool = tn_pool_create(3);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, caller, (void *)tn_pool_exec(pool));
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  tn_pool_destroy(pool);
}

/* The inner loop runs on the calling thread, as the worker that calls it. */
typedef struct {
  const tn_exec *exec;
  int32_t outer;
  atomic_int wrong;
  atomic_int total;
} nesting;

typedef struct {
  nesting *all;
  int32_t outer;
} nested;

static void inner_body(void *context, int64_t begin, int64_t end, int32_t worker) {
  nested *n = context;
  if (worker != n->outer) atomic_fetch_add(&n->all->wrong, 1);
  atomic_fetch_add(&n->all->total, (int)(end - begin));
}

static void outer_body(void *context, int64_t begin, int64_t end, int32_t worker) {
  nesting *all = context;
  for (int64_t i = begin; i < end; i++) {
    nested n = {all, worker};
    all->exec->parallel_for(all->exec->pool, 10, inner_body, &n);
  }
}

Test(pool, nested_loops_keep_their_worker) {
  tn_pool *pool = tn_pool_create(4);
  nesting all = {.exec = tn_pool_exec(pool)};
  for (int i = 0; i < 100; i++) all.exec->parallel_for(all.exec->pool, 64, outer_body, &all);
  cr_assert_eq(all.wrong, 0);
  cr_assert_eq(all.total, 100 * 64 * 10);
  tn_pool_destroy(pool);
}
