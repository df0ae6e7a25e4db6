/* The elements of an array literal that count, as contiguous runs.
 *
 * An array without dynamic sizes is one run; else each row of the innermost dim is
 * one, and rows beyond the sizes are left out.
 *
 *   tn_runs runs = tn_runs_of(literal);
 *   for (int64_t first, count; tn_next_run(&runs, &first, &count);) …
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_LITERAL_RUNS_H
#define TN_IR_LITERAL_RUNS_H

#include "ir/literal.h"

typedef struct {
  const int64_t *dims, *sizes;
  int rank;       /* 0: the one run is `length` long */
  int64_t length; /* of each run */
  int64_t next, count;
} tn_runs;

static inline tn_runs tn_runs_of(const tn_literal *literal) {
  const tn_shape *shape = literal->shape;
  int64_t elements = tn_shape_elements(shape);
  tn_runs runs = {.length = elements, .count = elements > 0};
  if (!literal->sizes || shape->rank == 0) return runs;
  runs = (tn_runs){shape->dims, literal->sizes, shape->rank, literal->sizes[shape->rank - 1], 0, 1};
  for (int i = 0; i < shape->rank - 1; i++) runs.count *= literal->sizes[i];
  if (runs.length == 0) runs.count = 0;
  return runs;
}

static inline bool tn_next_run(tn_runs *runs, int64_t *first, int64_t *count) {
  if (runs->next == runs->count) return false;
  int64_t row = runs->next++, offset = 0, stride = runs->rank ? runs->dims[runs->rank - 1] : 0;
  for (int i = runs->rank - 2; i >= 0; i--) {
    offset += row % runs->sizes[i] * stride;
    row /= runs->sizes[i];
    stride *= runs->dims[i];
  }
  *first = offset;
  *count = runs->length;
  return true;
}

/* Whether the sizes at run time agree. */
static inline bool tn_same_sizes(const tn_literal *a, const tn_literal *b) {
  for (int i = 0; i < a->shape->rank; i++)
    if ((a->sizes ? a->sizes[i] : a->shape->dims[i]) != (b->sizes ? b->sizes[i] : b->shape->dims[i]))
      return false;
  return true;
}

#endif
