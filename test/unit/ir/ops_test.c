/* The table of opcodes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "ir/module.h"

Test(ops, table_is_sorted_and_found_by_name) {
  cr_assert_eq(TN_OP_COUNT, 139);
  for (int i = 0; i < TN_OP_COUNT; i++) {
    if (i) cr_assert_lt(strcmp(tn_ops[i - 1].name, tn_ops[i].name), 0, "%s", tn_ops[i].name);
    tn_op found;
    cr_assert(tn_op_from_name((tn_str){tn_ops[i].name, strlen(tn_ops[i].name)}, &found));
    cr_assert_eq((int)found, i);
  }
  tn_op op;
  cr_assert_not(tn_op_from_name((tn_str){"addd", 4}, &op));
  cr_assert_not(tn_op_from_name((tn_str){"ad", 2}, &op));
  cr_assert_not(tn_op_from_name((tn_str){NULL, 0}, &op));
}
