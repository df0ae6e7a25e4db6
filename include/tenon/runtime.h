/* The ABI that compiled models, their callers and the runtime share.
 *
 * A generated header repeats these declarations under the same include guard, so
 * that it stands alone; a program that includes several of them, or this file as
 * well, sees them once. Only what is here may be relied on.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TENON_RUNTIME_H
#define TENON_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What NAME_run returns besides 0. Nothing has been written when it is not 0. */
#define TN_E_NULL 1      /* a pointer that must be given is null */
#define TN_E_ALIGNMENT 2 /* the arena, the constants or an array is not aligned as promised */
#define TN_E_ARENA 3     /* arena_size is too small for exec->threads threads */
#define TN_E_THREADS 4   /* exec->threads is less than 1, or parallel_for is missing */
#define TN_E_CONSTANTS 5 /* the side file's bytes are not those of this model */

/* A piece of parallel work: iterations begin <= i < end. worker < exec->threads, and
 * no two calls that run at the same time have the same worker.                       */
typedef void tn_body(void *context, int64_t begin, int64_t end, int32_t worker);

/* The caller's threads. parallel_for splits 0 <= i < count into disjoint ranges, runs
 * body on each and returns when all are done. Results never depend on the split.      */
typedef struct tn_exec {
  void *pool;      /* first argument of parallel_for */
  int32_t threads; /* at least 1; the arena has room for so many */
  void (*parallel_for)(void *pool, int64_t count, tn_body *body, void *context);
} tn_exec;

/* One parameter or result, for callers that learn of them at run time. */
typedef struct tn_value {
  const char *name;
  const char *type;              /* HLO's name: "f32" */
  int32_t rank;
  const int64_t *dims;
  const int32_t *minor_to_major; /* order in memory; the last dim first means row-major */
  int64_t bytes;
  int32_t aliases;               /* of a result: the parameter it may share memory with, or -1 */
} tn_value;

typedef struct tn_signature {
  uint32_t version;              /* 1 */
  const char *name;
  int32_t parameter_count, result_count;
  const tn_value *parameters, *results;
  int64_t arena_bytes;           /* of the arena: arena_bytes + threads * arena_bytes_per_thread */
  int64_t arena_bytes_per_thread;
  int64_t arena_alignment;
  int64_t constant_bytes;        /* of the side file; 0: the constants are inside */
  uint64_t constant_hash[2];     /* of its bytes; 0 if there is none */
} tn_signature;

#ifdef __cplusplus
}
#endif
#endif
