/* Streams of small modules: how they are cut, what waits for what.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "support.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const char dot_hlo[] = "HloModule m\n"
                              "ENTRY e {\n"
                              "  x = s8[20,40] parameter(0)\n"
                              "  w = s8[40,24] parameter(1)\n"
                              "  ROOT d = s32[20,24] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n"
                              "}\n";

Test(tile, one_product) {
  test_machine m = open_machine(dot_hlo, "rows = 16\ncolumns = 16\n");
  tn_systolic_program *program = program_of(&m);
  cr_assert(program, "%s", m.messages);
  if (getenv("TN_SHOW")) puts(text_of(&m, program->stream));
  cr_assert_eq(count_of(program->stream, TN_ISA_MATMUL), 2); /* one a column of tiles */
  cr_assert_eq(count_of(program->stream, TN_ISA_HOST_TO_DRAM), 1);
  close_machine(&m);
}
