/* ulp: the largest error of each function of base/math on f32 and f64.
 *
 *     ulp [-n STRIDE] [OPCODE…]
 *
 * Functions of one f32 take every STRIDE-th float; 1 (the default) takes every float: about
 * two minutes a function and variant. Functions of two and those of f64 take operands from
 * fixed sequences, 2^32 / STRIDE of them. Prints the rows of the tables in docs/numerics.md;
 * exits 1 if a promise is broken.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/math/math.h"
#include "test/unit/math/operands.h"
#include "test/unit/math/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  double quick; /* the worst by the C library, which MPFR has looked at */
  double worst; /* by MPFR */
  double x, y;
} record;

static void consider(record *best, const reference *r, float x, float y, float result) {
  double error = reference_quick_error(r, x, y, result);
  if (error <= best->quick + 0x1p-11) return; /* else errors that grow slowly are all records */
  best->quick = error;
  error = reference_exact_error(r, x, y, result);
  if (error <= best->worst) return;
  best->worst = error;
  best->x = (double)x;
  best->y = (double)y;
}

static record over_floats(const reference *r, tn_math_call *call, uint64_t stride) {
  record best = {0};
  for (uint64_t bits = 0; bits < 1ull << 32; bits += stride) {
    float x = tn_float_of((uint32_t)bits), result;
    call(&result, &x, NULL);
    consider(&best, r, x, 0, result);
  }
  return best;
}

/* Half of the pairs are any floats, half have moderate exponents. */
static float draw(uint64_t *state, bool moderate) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  uint32_t bits = (uint32_t)(*state >> 32);
  if (moderate) bits = (bits & 0x807fffffu) | ((112 + (bits >> 23 & 31)) << 23);
  return tn_float_of(bits);
}

static record over_pairs(const reference *r, tn_math_call *call, uint64_t stride) {
  record best = {0};
  uint64_t state = 1;
  for (uint64_t i = 0; i < 1ull << 32; i += stride) {
    float x = draw(&state, i & 1), y = draw(&state, i & 1), result;
    if (i & 2) x = tn_float_of(tn_bits_of(x) & 0x7fffffffu);
    call(&result, &x, &y);
    consider(&best, r, x, y, result);
  }
  return best;
}

static record over_doubles(const reference *r, tn_math_call *call, uint64_t stride) {
  record best = {0};
  uint64_t state = 1;
  for (uint64_t i = 0; i < 1ull << 32; i += stride) {
    double x = operands_draw_f64(&state), y = r->unary ? 0 : operands_draw_f64(&state), result;
    if (!r->unary && (i & 2)) x = tn_double_of(tn_bits_of_double(x) & 0x7fffffffffffffffu);
    call(&result, &x, &y);
    double error = reference_quick_error_f64(r, x, y, result);
    if (error <= best.quick + 0x1p-9) continue;
    best.quick = error;
    error = reference_exact_error_f64(r, x, y, result);
    if (error > best.worst) best = (record){best.quick, error, x, y};
  }
  return best;
}

static bool measure(const tn_math_function *f, uint64_t stride) {
  const reference *r = reference_find(f->opcode);
  if (!r) return true;
  bool kept = true;
  double worst[2];
  double where[2][2];
  for (int fused = 0; fused < 2; fused++) {
    tn_math_call *call = tn_math_scalar(f, fused);
    record best = f->operand == TN_F64 ? over_doubles(r, call, stride)
                  : r->unary           ? over_floats(r, call, stride)
                                       : over_pairs(r, call, stride);
    worst[fused] = best.worst;
    where[fused][0] = best.x;
    where[fused][1] = best.y;
    kept &= best.worst <= (f->ulp ? f->ulp : 0.5);
  }
  printf("| %s %s | %.1f | %.3f | %.3f | (%a, %a), (%a, %a)%s |\n", f->opcode, tn_type_name(f->operand),
         f->ulp ? f->ulp : 0.5, worst[1], worst[0], where[1][0], where[1][1], where[0][0], where[0][1],
         kept ? "" : " BROKEN");
  fflush(stdout);
  return kept;
}

static bool wanted(const tn_math_function *f, int count, char **opcodes) {
  if ((f->operand != TN_F32 && f->operand != TN_F64) || f->result != f->operand || f->part) return false;
  if (strcmp(f->opcode, "remainder") == 0) return false; /* exact */
  for (int i = 0; i < count; i++)
    if (strcmp(opcodes[i], f->opcode) == 0) return true;
  return count == 0;
}

int main(int argc, char **argv) {
  uint64_t stride = 1;
  int first = 1;
  if (argc > 2 && strcmp(argv[1], "-n") == 0) {
    stride = strtoull(argv[2], NULL, 10);
    first = 3;
  }
  if (stride == 0) return 2;
  printf(
      "| opcode | promised | with fma | without | worst operands (with, without) |\n|---|--:|--:|--:|---|\n");
  bool kept = true;
  size_t count;
  const tn_math_function *functions = tn_math_functions(&count);
  for (size_t i = 0; i < count; i++)
    if (wanted(&functions[i], argc - first, argv + first)) kept &= measure(&functions[i], stride);
  return kept ? 0 : 1;
}
