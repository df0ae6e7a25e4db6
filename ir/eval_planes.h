/* Operands of contractions, packed: contiguous arrays in the type that sums are kept in.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_EVAL_PLANES_H
#define TN_IR_EVAL_PLANES_H

#include "ir/eval_internal.h"

/* Real and imaginary parts in the sum type; for bounds the moduli and their errors. */
typedef struct {
  tn_type type; /* F32, F64, S32 or S64 */
  void *re, *im;
  double *size, *error;
  struct tn_planes_kind *kind; /* with bounds */
} tn_planes;

/* What one can say of all elements together. */
typedef struct tn_planes_kind {
  bool fractional; /* some element, or a factor of the sums, is no integer */
  int least;       /* of elements: no part but zeros is under 2^least */
  bool subnormal;  /* of sums: a product may be, and so round beyond half an ulp, or to a zero */
} tn_planes_kind;

/* The type that sums of products are kept in: f32 for floats below f64, s32 or s64. */
tn_type tn_sum_type(tn_type result, tn_type lhs, tn_type rhs);
tn_planes tn_planes_zero(tn_eval *eval, tn_type type, bool complex, int64_t count);
/* The box of `dims` with `strides` (elements, may be negative) from position `first`. */
tn_planes tn_planes_pack(tn_eval *eval, tn_type type, bool complex, const tn_value *from, int64_t first,
                         int rank, const int64_t *dims, const int64_t *strides);
tn_planes tn_planes_at(const tn_planes *planes, int64_t first);
/* With bounds: notes that `sums` are of products of elements of the two. */
void tn_planes_note_factors(const tn_planes *sums, const tn_planes *a, const tn_planes *b);
/* c[M,N] += a[M,K] b[K,N]; each sum in ascending k. */
void tn_planes_multiply(tn_eval *eval, int64_t m, int64_t n, int64_t k, const tn_planes *a,
                        const tn_planes *b, const tn_planes *c);
/* The sums of `terms` products each, rounded to the result's type. */
void tn_planes_finish(tn_value *result, const tn_planes *sums, int64_t terms);

#endif
