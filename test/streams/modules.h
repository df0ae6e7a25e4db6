/* Random modules of what arrays do, and random arrays.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_STREAMS_MODULES_H
#define TN_TEST_STREAMS_MODULES_H

#include "streams.h"

/* HLO text: one to four layers, each a dot, a convolution, pooling or elementwise work, with requantization,
 * residuals and functions of bytes between them. Elided constants are to be filled.                     */
void draw_module(tn_text *out, dice *d);
/* A target file's text: 1x1 to 16x16, small memories. */
void draw_target_file(tn_text *out, dice *d);

#endif
