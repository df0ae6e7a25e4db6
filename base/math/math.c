/* The mathematics of compiled code: one source for the compiler and the interpreter.
 *
 * Compiled by clang alone, once for each of
 *   bitcode   TN_MATH_WIDTH 1, 4, 8, 16 x TN_MATH_FMA 0, 1: embedded in the compiler,
 *             which inlines it into kernels. Built for an abstract target, whose calling
 *             convention passes vectors of any width as values; cmake/ strips what names
 *             that target.
 *   objects   TN_MATH_CALL names functions over memory, for the interpreter (width 1) and
 *             for the tests (every width):
 *             tn_math_NAME_TYPE<TN_MATH_CALL>(result, x, y) on TN_MATH_WIDTH elements each,
 *             and tn_math_calls<TN_MATH_CALL>, the table of all of them.
 * Flags for all: -ffp-contract=off -fno-math-errno -fwrapv.
 *
 * Accuracy, special values and the polynomials' origin: docs/numerics.md.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/math/complex.h"
#include "base/math/complex_f64.h"
#include "base/math/convert.h"
#include "base/math/exponential.h"
#include "base/math/exponential_f64.h"
#include "base/math/hyperbolic.h"
#include "base/math/hyperbolic_f64.h"
#include "base/math/integer.h"
#include "base/math/power_f64.h"
#include "base/math/rounding.h"
#include "base/math/trigonometric.h"
#include "base/math/trigonometric_f64.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)

#ifdef TN_MATH_CALL

/* The vectors in memory are arrays, aligned like their elements. */
#define LOAD(type, from)                                                                                     \
  ({                                                                                                         \
    v##type loaded;                                                                                          \
    __builtin_memcpy(&loaded, from, sizeof(type) * TN_MATH_WIDTH);                                           \
    loaded;                                                                                                  \
  })
#define STORE(type, to, value)                                                                               \
  do {                                                                                                       \
    v##type stored = value;                                                                                  \
    __builtin_memcpy(to, &stored, sizeof(type) * TN_MATH_WIDTH);                                             \
  } while (0)
#define DEFINE(symbol, result_type, value)                                                                   \
  void PASTE(tn_math_##symbol, TN_MATH_CALL)(void *result, const void *x, const void *y);                    \
  void PASTE(tn_math_##symbol, TN_MATH_CALL)(void *result, const void *x, const void *y) {                   \
    (void)y;                                                                                                 \
    STORE(result_type, result, value);                                                                       \
  }
#define UNARY(name, opcode, type, ulp) DEFINE(name##_##type, type, name##_##type(LOAD(type, x)))
#define BINARY(name, opcode, type, ulp)                                                                      \
  DEFINE(name##_##type, type, name##_##type(LOAD(type, x), LOAD(type, y)))
#define CONVERT(from, to) DEFINE(convert_##from##_##to, to, convert_##from##_##to(LOAD(from, x)))
#define COMPLEX_ABS(name, opcode, type, ulp)                                                                 \
  DEFINE(name##_real_##type, type, name##_real_##type(LOAD(type, x), LOAD(type, y)))
#define COMPLEX(name, opcode, type, ulp)                                                                     \
  COMPLEX_ABS(name, opcode, type, ulp)                                                                       \
  DEFINE(name##_imag_##type, type, name##_imag_##type(LOAD(type, x), LOAD(type, y)))
#define SECOND(type, of) ((const type *)(of) + TN_MATH_WIDTH)
#define FOUR(type)       LOAD(type, x), LOAD(type, SECOND(type, x)), LOAD(type, y), LOAD(type, SECOND(type, y))
#define COMPLEX_PAIR(name, opcode, type, ulp)                                                                \
  DEFINE(name##_real_##type, type, name##_real_##type(FOUR(type)))                                           \
  DEFINE(name##_imag_##type, type, name##_imag_##type(FOUR(type)))

#else

#define SUFFIX PASTE(_w, TN_MATH_WIDTH)
#if TN_MATH_WIDTH == 1
#define VALUE(type)    type
#define RETURN(vector) return (vector)[0]
#else
#define VALUE(type)    v##type
#define RETURN(vector) return (vector)
#endif
#define EXPORTED __attribute__((always_inline, const))

#define UNARY(name, opcode, type, ulp)                                                                       \
  EXPORTED VALUE(type) PASTE(tn_math_##name##_##type, SUFFIX)(VALUE(type) x) {                               \
    RETURN(name##_##type((v##type)(x)));                                                                     \
  }
#define BINARY(name, opcode, type, ulp)                                                                      \
  EXPORTED VALUE(type) PASTE(tn_math_##name##_##type, SUFFIX)(VALUE(type) x, VALUE(type) y) {                \
    RETURN(name##_##type((v##type)(x), (v##type)(y)));                                                       \
  }
#define CONVERT(from, to)                                                                                    \
  EXPORTED VALUE(to) PASTE(tn_math_convert_##from##_##to, SUFFIX)(VALUE(from) x) {                           \
    RETURN(convert_##from##_##to((v##from)(x)));                                                             \
  }
#define PART2(stem, type)                                                                                    \
  EXPORTED VALUE(type) PASTE(tn_math_##stem##_##type, SUFFIX)(VALUE(type) x, VALUE(type) y) {                \
    RETURN(stem##_##type((v##type)(x), (v##type)(y)));                                                       \
  }
#define PART4(stem, type)                                                                                    \
  EXPORTED VALUE(type)                                                                                       \
      PASTE(tn_math_##stem##_##type, SUFFIX)(VALUE(type) a, VALUE(type) b, VALUE(type) c, VALUE(type) d) {   \
    RETURN(stem##_##type((v##type)(a), (v##type)(b), (v##type)(c), (v##type)(d)));                           \
  }
#define COMPLEX_ABS(name, opcode, type, ulp)  PART2(name##_real, type)
#define COMPLEX(name, opcode, type, ulp)      PART2(name##_real, type) PART2(name##_imag, type)
#define COMPLEX_PAIR(name, opcode, type, ulp) PART4(name##_real, type) PART4(name##_imag, type)

#endif

#include "base/math/math.def"

#ifdef TN_MATH_CALL
/* All of them, in the order of math.def. */
#undef UNARY
#undef BINARY
#undef CONVERT
#undef COMPLEX_ABS
#undef COMPLEX
#undef COMPLEX_PAIR
#define UNARY(name, opcode, type, ulp)  PASTE(tn_math_##name##_##type, TN_MATH_CALL),
#define BINARY(name, opcode, type, ulp) PASTE(tn_math_##name##_##type, TN_MATH_CALL),
#define CONVERT(from, to)               PASTE(tn_math_convert_##from##_##to, TN_MATH_CALL),
#define PART(name, type, part)                PASTE(tn_math_##name##_##part##_##type, TN_MATH_CALL),
#define COMPLEX_ABS(name, opcode, type, ulp)  PART(name, type, real)
#define COMPLEX(name, opcode, type, ulp)      PART(name, type, real) PART(name, type, imag)
#define COMPLEX_PAIR(name, opcode, type, ulp) PART(name, type, real) PART(name, type, imag)
extern void (*const PASTE(tn_math_calls, TN_MATH_CALL)[])(void *, const void *, const void *);
void (*const PASTE(tn_math_calls, TN_MATH_CALL)[])(void *, const void *, const void *) = {
#include "base/math/math.def"
};
#endif
