/* Verifier of streams, first pass: the tables. Arrays lie in host memory, are as large as their shapes,
 * and those that the caller binds lie apart from all others. Cost: O(arrays log arrays).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <inttypes.h>
#include <stdlib.h>

#include "target/stream_verify.h"

enum { HOST_ALIGNMENT = 64 };

static const char *name_of(const char *name) { return name && *name ? name : "without a name"; }

/* Bytes of the array's shape; false if they do not fit. */
static bool bytes_of(const tn_stream_array *array, uint64_t *bytes) {
  *bytes = tn_type_bytes(array->type);
  for (int i = 0; i < array->rank; i++)
    if (array->dims[i] < 0 || __builtin_mul_overflow(*bytes, (uint64_t)array->dims[i], bytes)) return false;
  return true;
}

static bool check_array(tn_verifier *v, const tn_stream_array *array) {
  const char *name = name_of(array->name);
  uint64_t bytes;
  if (!array->name || !*array->name) return tn_verify_fault(v, -1, "array: one has no name");
  if (!tn_type_is_array(array->type))
    return tn_verify_fault(v, -1, "array '%s': its elements have no type", name);
  if (!bytes_of(array, &bytes) || bytes != array->bytes)
    return tn_verify_fault(v, -1, "array '%s': has %" PRIu64 " bytes, not those of its shape", name,
                           array->bytes);
  if (array->at % HOST_ALIGNMENT)
    return tn_verify_fault(v, -1, "array '%s': lies at %" PRIu64 ", not a multiple of %d", name, array->at,
                           HOST_ALIGNMENT);
  if (array->at > v->stream->host_bytes || array->bytes > v->stream->host_bytes - array->at)
    return tn_verify_fault(
        v, -1, "array '%s': %" PRIu64 " bytes at %" PRIu64 " do not fit %" PRIu64 " of host memory", name,
        array->bytes, array->at, v->stream->host_bytes);
  return true;
}

static void check_indices(tn_verifier *v, const char *what, const uint32_t *indices, int count) {
  for (int i = 0; i < count && !tn_verify_enough(v); i++)
    if (indices[i] >= (uint32_t)v->stream->n_arrays)
      tn_verify_fault(v, -1, "%s %d: is array %" PRIu32 " of %d", what, i, indices[i], v->stream->n_arrays);
}

static bool meet(const tn_stream_array *a, const tn_stream_array *b) {
  return a->bytes && b->bytes && a->at < b->at + b->bytes && b->at < a->at + a->bytes;
}

/* ---- who lies where somebody else lies ---- */

typedef struct {
  const tn_stream_array *array;
  bool alone; /* parameter or result: meets no other */
} placed;

/* Over arrays by their place: those that reach farthest so far. */
typedef struct {
  const placed *last, *last_alone;
} sweep;

static int by_place(const void *left, const void *right) {
  const tn_stream_array *l = ((const placed *)left)->array, *r = ((const placed *)right)->array;
  if (l->at != r->at) return l->at < r->at ? -1 : 1;
  return l < r ? -1 : l > r;
}

static void sort_by_place(placed *all, int count) {
  if (count) qsort(all, (size_t)count, sizeof *all, by_place);
}

static bool reaches_farther(const placed *one, const placed *other) {
  return !other || one->array->at + one->array->bytes > other->array->at + other->array->bytes;
}

/* One before `next` that meets it though one of the two is to be alone, or NULL. */
static const placed *pass_over(sweep *s, const placed *next) {
  const placed *before = next->alone ? s->last : s->last_alone;
  const placed *found = before && meet(before->array, next->array) ? before : NULL;
  if (reaches_farther(next, s->last)) s->last = next;
  if (next->alone && reaches_farther(next, s->last_alone)) s->last_alone = next;
  return found;
}

/* What a function writes lies apart from all else that it is given. */
static void check_results_apart(tn_verifier *v, const tn_stream_function *function) {
  int count = function->n_parameters + function->n_results;
  placed *all = TN_NEW_ARRAY(v->arena, placed, count);
  for (int i = 0; i < count; i++)
    all[i] = (placed){&v->stream->arrays[function->arrays[i]], i >= function->n_parameters};
  sort_by_place(all, count);
  sweep s = {0};
  for (int i = 0; i < count; i++) {
    const placed *before = pass_over(&s, &all[i]), *result = all[i].alone ? &all[i] : before;
    if (!before) continue;
    tn_verify_fault(v, -1, "function '%s': its result '%s' lies where its '%s' lies",
                    name_of(function->symbol), name_of(result->array->name),
                    name_of((result == before ? &all[i] : before)->array->name));
    return;
  }
}

static void check_function(tn_verifier *v, const tn_stream_function *function) {
  const tn_stream *stream = v->stream;
  const char *name = name_of(function->symbol);
  if (!function->symbol || !*function->symbol) tn_verify_fault(v, -1, "function: one has no symbol");
  int all = function->n_parameters + function->n_results;
  for (int i = 0; i < all; i++)
    if (function->arrays[i] >= (uint32_t)stream->n_arrays) {
      tn_verify_fault(v, -1, "function '%s': takes array %" PRIu32 " of %d", name, function->arrays[i],
                      stream->n_arrays);
      return;
    }
  check_results_apart(v, function);
}

static void check_apart(tn_verifier *v) {
  const tn_stream *stream = v->stream;
  placed *all = TN_NEW_ARRAY(v->arena, placed, stream->n_arrays);
  for (int i = 0; i < stream->n_arrays; i++) all[i].array = &stream->arrays[i];
  for (int i = 0; i < stream->n_parameters; i++) {
    if (all[stream->parameters[i]].alone)
      tn_verify_fault(v, -1, "parameter %d: is '%s' again", i,
                      name_of(all[stream->parameters[i]].array->name));
    all[stream->parameters[i]].alone = true;
  }
  for (int i = 0; i < stream->n_results; i++) all[stream->results[i]].alone = true;
  sort_by_place(all, stream->n_arrays);
  sweep s = {0};
  for (int i = 0; i < stream->n_arrays && !tn_verify_enough(v); i++) {
    const placed *before = pass_over(&s, &all[i]);
    if (before)
      tn_verify_fault(v, -1, "array '%s': lies where '%s' lies, and one of them is a parameter or result",
                      name_of(all[i].array->name), name_of(before->array->name));
  }
}

static void check_memories(tn_verifier *v) {
  const tn_stream *stream = v->stream;
  if (stream->host_bytes > TN_SPACE_MOST)
    tn_verify_fault(v, -1, "host: %" PRIu64 " bytes are more than any host has", stream->host_bytes);
  if (stream->dram_bytes > TN_SPACE_MOST || stream->dram_bytes > (uint64_t)v->target->dram_bytes)
    tn_verify_fault(v, -1, "dram: %" PRIu64 " bytes are used, the target has %" PRId64, stream->dram_bytes,
                    v->target->dram_bytes);
  if (stream->dram.length > stream->dram_bytes)
    tn_verify_fault(v, -1, "dram: %zu bytes are there at the start, %" PRIu64 " are used",
                    stream->dram.length, stream->dram_bytes);
}

void tn_verify_tables(tn_verifier *v) {
  const tn_stream *stream = v->stream;
  check_memories(v);
  for (int i = 0; i < stream->n_arrays && !tn_verify_enough(v); i++) check_array(v, &stream->arrays[i]);
  check_indices(v, "parameter", stream->parameters, stream->n_parameters);
  check_indices(v, "result", stream->results, stream->n_results);
  if (v->faults) return;
  check_apart(v);
  for (int i = 0; i < stream->n_functions && !tn_verify_enough(v); i++)
    check_function(v, &stream->functions[i]);
}
