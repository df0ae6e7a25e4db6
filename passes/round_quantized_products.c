/* Products of dequantized values as integer products where that changes their rounding.
 *
 * What quantized-products does, for any scales and sums: the float product rounds each
 * dequantized element, and its sum in every step; the integer one is exact until it is
 * multiplied by both scales at once, which rounds twice. So results are within the error of the
 * float product, and differ from it by that; quantized again, by one step where they lie
 * next to the middle between two.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/quantized_products.h"

bool tn_pass_round_quantized_products(tn_module *module, tn_pass_context *context) {
  return tn_quantized_products(module, context, false);
}
