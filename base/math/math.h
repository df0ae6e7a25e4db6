/* The mathematics of compiled code, as the compiler and the interpreter see it.
 *
 * One source (math.c), two forms: LLVM bitcode that the compiler inlines into kernels,
 * and functions on one element for the plan interpreter. Both give the same bits at any
 * vector width. math.def lists the functions.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_MATH_MATH_H
#define TN_BASE_MATH_MATH_H

#include "base/type.h"

/* Functions of complex numbers are pairs of real ones, which give one part of the result and
 * take all parts of the operands: log<imag>(a, b) is the imaginary part of log(a + bi).    */
typedef enum { TN_PART_WHOLE, TN_PART_REAL, TN_PART_IMAGINARY } tn_part;

/* One element: *result = f(*x, *y), all of the row's types, y ignored by unary functions.
 * f16 and bf16 are their bits in a uint16_t. No alignment is needed; result may be x or y.
 * Functions of four numbers take two at x and two at y, side by side.                     */
typedef void tn_math_call(void *result, const void *x, const void *y);

typedef struct {
  const char *opcode; /* HLO's: "exponential" */
  const char *symbol; /* in the bitcode, less its width: "tn_math_exponential_f32" */
  tn_type operand;    /* all operands' */
  tn_type result;     /* differs for "convert" alone */
  tn_part part;       /* of a complex result; operands are parts too, real ones first */
  int arity;          /* 1, 2 or 4 */
  double ulp;         /* promised; 0: exact or correctly rounded; of complex results: see math.def */
} tn_math_function;

/* All rows, in the order of math.def. */
const tn_math_function *tn_math_functions(size_t *count);

/* The function for `opcode` on operands of `type`, NULL if there is none: then the
 * operation is IEEE's or an integer's own, or has no native form.                   */
const tn_math_function *tn_math_find(const char *opcode, tn_type type);
/* One part of the function of complex numbers whose parts have `type`. */
const tn_math_function *tn_math_find_part(const char *opcode, tn_part part, tn_type type);
const tn_math_function *tn_math_find_convert(tn_type from, tn_type to);

/* The interpreter's function, for a plan whose target has fma (a*b+c inside rounds once)
 * or not (twice). Works on every x86-64; without the instruction, fma is slow.        */
tn_math_call *tn_math_scalar(const tn_math_function *function, bool fma);

/* LLVM bitcode with every row's function for `width` lanes (1, 4, 8 or 16; else NULL):
 *
 *     define <16 x float> @tn_math_power_f32_w16(<16 x float>, <16 x float>)
 *
 * with scalars instead of vectors at width 1, f16 and bf16 as i16. All are external and
 * alwaysinline, with no attribute that names a CPU, no target triple, no data layout, no
 * global variable, no call but of LLVM's intrinsics. The reader gives the module its triple
 * and layout, links it in and makes what it has linked internal.
 * Owned by the program; aligned to 16.                                              */
const unsigned char *tn_math_bitcode(int width, bool fma, size_t *size);

#endif
