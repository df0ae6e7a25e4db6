/* What a plan's kernel is to the array: a contraction, a vector operation, or neither.
 *
 * A contraction is a loop nest whose one reduce adds products of two loads:
 *
 *   loop b oh ow oc { reduce kh kw ic { acc: s32 from 0 = x[b, 2*oh+kh-3, 2*ow+kw-3, ic] * w[kh,kw,ic,oc] + acc }
 *                     y[b,oh,ow,oc] = f(acc, …) }
 *
 * Dims fall into four kinds by who reads them. Dots, convolutions with strides, dilation, padding and
 * groups, depthwise convolutions and batched products are all this one form; padding is the guard and
 * the fill of the load. The epilogue f is matched against the vector unit's pipeline (isa.def).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_SYSTOLIC_CONTRACTION_H
#define TN_SYSTOLIC_CONTRACTION_H

#include "codegen/plan/plan.h"
#include "target/stream.h"

typedef enum {
  TN_ROLE_BATCH,  /* x, w and y: a product of its own for each */
  TN_ROLE_ROW,    /* x and y: M */
  TN_ROLE_COLUMN, /* w and y: N */
  TN_ROLE_SUM     /* x and w: K */
} tn_role;

/* How a load or store walks its buffer's row-major elements: offset + sum over dims of stride * dim;
 * up to two bounds on positions, outside of which a load gives `fill`.                            */
typedef struct {
  int64_t offset, limit;
  const int64_t *steps; /* one a dim of the work */
} tn_walk_bound;
typedef struct {
  int buffer;   /* the kernel's */
  tn_type type; /* of its elements */
  int64_t offset;
  const int64_t *strides; /* elements, one a dim */
  int n_bounds;
  tn_walk_bound bounds[2];
  uint64_t fill; /* bits */
} tn_walk;

/* The vector unit's work on one element, in the order of isa.def's PIPELINE. */
typedef struct {
  tn_type source, result;
  tn_isa_join join;
  const float *scale; /* by channel; NULL: none */
  const float *bias;
  const int32_t *integer_bias;
  tn_isa_operand operand;
  tn_walk second;
  float second_scale;
  int32_t second_zero, zero;
  bool has_clamp, rounds;
  float low, high;
  tn_isa_function function;
  const uint8_t *table; /* 256 */
} tn_vector_work;

typedef struct tn_systolic_work {
  const tn_kernel *kernel;
  const tn_step *step;
  const struct tn_systolic_work *next; /* of one step whose arrays lie one behind the other in y */
  int piece;                           /* of those, from 0 */
  int n_dims; /* the kernel's loops, or more: oc of a grouped convolution is group and oc' */
  const int64_t *sizes;
  tn_role *roles;  /* by dim */
  tn_walk x, w, y; /* vector operations: no w; a window's dims are sums */
  bool is_contraction;
  tn_type sum;            /* s32 or f32 */
  int64_t channels;       /* how many numbers scale and bias have; 1: the same for all elements */
  const int64_t *channel; /* by dim: an element's channel is the sum of channel[d] * d; one dim has
                             step 1, or, with groups, a batch dim and a column dim together */
  tn_vector_work work;
  int64_t macs; /* that the model asks for, without those of padding */
} tn_systolic_work;

/* One of several works that write y. */
static inline bool tn_is_piece(const tn_systolic_work *work) { return work->piece || work->next; }

/* What the step is to the array, in `arena`, or NULL with the reason in *why ("sums of f64", "two
 * reductions", "the epilogue divides"): the table of what ran where prints it.                    */
tn_systolic_work *tn_systolic_work_of(tn_arena *arena, const tn_plan *plan, const tn_step *step,
                                      const tn_systolic_target *array, const char **why);

#endif
