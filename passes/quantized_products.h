/* Products of dequantized values as integer products (quantized_products.c says what and how).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_QUANTIZED_PRODUCTS_H
#define TN_PASSES_QUANTIZED_PRODUCTS_H

#include "passes/rewrite.h"

/* scale * (q - zero) */
typedef struct {
  tn_inst *q;              /* s8 or u8 */
  int64_t zero;            /* point */
  const tn_literal *scale; /* f32: one number, or one for each index of dim `along` */
  int64_t along;           /* -1: one number */
} tn_dequantized;
bool tn_match_dequantized(tn_inst *inst, tn_dequantized *d);
int64_t tn_dequantized_size(const tn_dequantized *d); /* the largest of q - zero, whatever q is */
/* A power of two that neither overflows nor underflows with what it multiplies. */
bool tn_is_exact_scale(double scale);

/* quantized_windows.c: the sum or largest of windows of dequantized values, or NULL. */
tn_inst *tn_quantized_window(tn_pass_context *context, tn_inst *inst, bool exact);

/* All dots and convolutions of two dequantized operands; exact: only those whose bits stay. */
bool tn_quantized_products(tn_module *module, tn_pass_context *context, bool exact);

#endif
