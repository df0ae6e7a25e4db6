/* Products of dequantized values as integer products (quantized_products.c says what and how).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_QUANTIZED_PRODUCTS_H
#define TN_PASSES_QUANTIZED_PRODUCTS_H

#include "passes/rewrite.h"

/* All dots and convolutions of two dequantized operands; exact: only those whose bits stay. */
bool tn_quantized_products(tn_module *module, tn_pass_context *context, bool exact);

#endif
