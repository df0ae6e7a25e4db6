/* What the files of the printer share.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_PRINT_PRIVATE_H
#define TN_IR_PRINT_PRIVATE_H

#include "ir/print.h"

/* "{2,0,1}" */
void tn_print_dims(tn_text *out, tn_dims dims);

/* Quoted, with C's escapes for quotes, backslashes and control characters; NULL is "". */
void tn_print_string(tn_text *out, const char *text);

#endif
