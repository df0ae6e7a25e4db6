/* Literals: values of constants, of parameters, of what the evaluator computes.
 *
 * An array's elements lie in row-major logical order whatever the layout of its
 * shape says, one element a byte for sub-byte types: layouts matter where a literal
 * becomes bytes of an artefact (tn_layout_pack) and nowhere before. The size of a
 * dynamic dim at run time is in `sizes`; elements beyond it exist and are ignored.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_LITERAL_H
#define TN_IR_LITERAL_H

#include "base/npy.h"
#include "base/number.h"
#include "ir/shape.h"

typedef struct tn_literal tn_literal;
struct tn_literal {
  const tn_shape *shape;
  const void *data;            /* arrays; may be a view of a mapped file */
  const int64_t *sizes;        /* of dynamic dims: the actual size of every dim; else NULL */
  tn_literal *const *elements; /* tuples */
  const double *bound;         /* error bound of each element, when the evaluator carries
                                  them (eval.h), else NULL; complex: of the modulus */
};

tn_literal *tn_literal_array(tn_arena *arena, const tn_shape *shape, const void *data); /* keeps data */
tn_literal *tn_literal_uninitialised(tn_arena *arena, const tn_shape *shape, void **data);
tn_literal *tn_literal_zero(tn_arena *arena, const tn_shape *shape); /* deep for tuples */
tn_literal *tn_literal_tuple(tn_arena *arena, const tn_shape *shape, tn_literal *const *elements);
/* Deep, but for the data, which is shared. */
tn_literal *tn_literal_clone(tn_arena *arena, const tn_literal *literal);
tn_literal *tn_literal_scalar_float(tn_arena *arena, tn_type type, double value);
tn_literal *tn_literal_scalar_integer(tn_arena *arena, tn_type type, int64_t value); /* pred too */

/* Same shape (layouts apart) and the same bits. */
bool tn_literal_equal(const tn_literal *a, const tn_literal *b);

/* The i-th leaf in flattening order (tuples left to right). */
tn_literal *tn_literal_leaf(tn_literal *literal, int index);

/* An array of a .npz as a literal of `shape`; the data is viewed, not copied, where
 * its type has the same bytes. Reports a mismatch of type or dims as TN_INVALID.      */
tn_literal *tn_literal_from_npy(tn_arena *arena, tn_diagnostics *sink, const tn_npy *array,
                                const tn_shape *shape);
tn_npy tn_literal_to_npy(tn_arena *arena, const tn_literal *literal, const char *name);

/* Random elements for tests and benchmarks, the same for the same seed (Philox 4x32-10
 * keyed by seed and stream): floats uniform in [-1, 1), integers small, predicates
 * even. integers: floats hold small integers, so that sums are exact in any order.   */
tn_literal *tn_literal_random(tn_arena *arena, const tn_shape *shape, uint64_t seed, uint64_t stream,
                              bool integers);

/* What `--rtol`/`--atol` compare: |a-b| <= atol + rtol*|b|, NaN equals NaN, infinities
 * must be equal; both 0 = the same bits except that all NaNs are equal.              */
typedef struct {
  double max_abs, max_rel;
  int64_t mismatches;
  int64_t first; /* row-major position of the first mismatch; -1 if none */
  bool holds;
} tn_comparison;
tn_comparison tn_literal_compare(const tn_literal *got, const tn_literal *expected, double rtol, double atol);

#endif
