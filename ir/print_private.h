/* What the files of the printer share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_PRINT_PRIVATE_H
#define TN_IR_PRINT_PRIVATE_H

#include "ir/print.h"

/* ", name=value" for each attribute that is not at its default, in attrs.def's order. */
void tn_print_attributes(tn_text *out, const tn_inst *inst);

/* "{2,0,1}" */
void tn_print_dims(tn_text *out, tn_dims dims);

/* Quoted, with C's escapes for quotes, backslashes and control characters; NULL is "". */
void tn_print_string(tn_text *out, const char *text);

#endif
