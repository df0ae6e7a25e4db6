/* Elementwise kernels: vectors, tails, broadcasts, every type.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "harness.h"

Test(cpu_elementwise, adds) {
  check_equal("HloModule m\nENTRY e { x = f32[37] parameter(0) y = f32[37] parameter(1) ROOT z = f32[37] add(x, y) }", 3);
}

Test(cpu_elementwise, broadcasts_rows_and_columns) {
  check_equal("HloModule m\nENTRY e { x = f32[5,37] parameter(0) r = f32[5] parameter(1) c = f32[37] parameter(2)\n"
              "a = f32[5,37] broadcast(r), dimensions={0}\nb = f32[5,37] broadcast(c), dimensions={1}\n"
              "m = f32[5,37] multiply(x, a)\nROOT z = f32[5,37] subtract(m, b) }", 6);
}
