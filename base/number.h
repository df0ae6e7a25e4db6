/* Number formats: every element type to and from double, int64 and decimal text.
 *
 * The evaluator, the folding passes, .npz comparison and the HLO reader and printer
 * share this file; compiled code has its own conversions (base/math) that are tested
 * against it.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_NUMBER_H
#define TN_BASE_NUMBER_H

#include "base/type.h"

/* Floats of at most 32 bits are exact in float, of 64 in double. `bits` are the
 * value's bits, zero-extended. Rounding is to nearest even, once: also from double.
 * Overflow follows the format: infinity where it has one, else NaN where it has one,
 * else the largest finite value (f4e2m1fn saturates). f8e8m0fnu holds 2^(bits-127)
 * and has no sign and no zero.                                                      */
double tn_float_from_bits(tn_type type, uint64_t bits);
uint64_t tn_float_to_bits(tn_type type, double value);

/* Of a float type: significant bits (f32: 24), and the exponent of its smallest
 * positive value (f32: -149).                                                       */
int tn_float_precision(tn_type type);
int tn_float_least_exponent(tn_type type);
double tn_float_largest(tn_type type); /* infinity where there is one */

float tn_f16_to_f32(uint16_t bits);
uint16_t tn_f32_to_f16(float value);
uint16_t tn_f64_to_f16(double value); /* rounds once */
float tn_bf16_to_f32(uint16_t bits);
uint16_t tn_f32_to_bf16(float value);
uint16_t tn_f64_to_bf16(double value); /* rounds once */

/* One element in memory. Integers and predicates through int64 (u64 by its bits),
 * floats through double. Stores of integers wrap to the type's bits.               */
double tn_load_float(tn_type type, const void *element);
void tn_store_float(tn_type type, void *element, double value);
int64_t tn_load_integer(tn_type type, const void *element);
void tn_store_integer(tn_type type, void *element, int64_t value);

/* Converts `count` elements the way HLO's convert does: float to integer saturates
 * and NaN gives 0, integer to integer wraps, to pred is != 0, complex to real drops
 * the imaginary part. At least 1 GB/s of the wider side between f16, bf16, f32 and
 * the 8 to 64 bit integers. from and to may not overlap.                            */
void tn_convert_elements(tn_type to_type, void *to, tn_type from_type, const void *from, size_t count);

/* Decimal text -> value, correctly rounded to `type` in one step. Accepts
 * [-+]digits[.digits][e[-+]digits], inf, -inf, nan, -nan, nan(0x…) (payload), and
 * hexadecimal floats. Returns the length read, 0 if there is no number.             */
size_t tn_parse_float(tn_type type, const char *text, size_t length, void *element);

/* The shortest decimal text that parses back to the same bits in `type`, always with
 * the fewest digits; integers print without a point ("1"), exponents as "1e-05".
 * NaNs other than the default one print as nan(0x…). Returns the length (< 40).     */
size_t tn_print_float(tn_type type, const void *element, char out[40]);

#endif
