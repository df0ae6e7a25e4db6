/* Delta debugging on modules: the smallest module of which something still holds.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_DRIVER_REDUCE_H
#define TN_DRIVER_REDUCE_H

#include "ir/module.h"

/* A module, and where it matters what it is run on. */
typedef struct {
  tn_module *module;
  tn_literal **arguments; /* one a parameter of the entry, in the reduction's arena; NULL: not kept */
} tn_case;

/* Does it still hold of this one? It verifies. */
typedef bool tn_reduce_test(void *user, const tn_case *candidate);

typedef struct {
  tn_reduce_test *test;
  void *user;
  tn_arena *arena;    /* of arguments and of constants that are made; outlives the module */
  int max_tests;      /* 0: 2,000 */
  double max_seconds; /* 0: any number */
} tn_reduction;

/* Makes the case smaller as long as the test holds, which it does at the beginning; the module is
 * replaced and the old one destroyed. Returns the number of tests.                               */
int tn_reduce(tn_case *best, const tn_reduction *reduction);

/* Instructions of all computations. */
int tn_module_instructions(const tn_module *module);

#endif
