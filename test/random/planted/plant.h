/* Faults that are planted in the compiler, to see whether random programs find them.
 *
 * The compiler's sources know nothing of this: the linker puts planted/plant.c's functions
 * in the place of the compiler's (--wrap), which they call and spoil.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_PLANT_H
#define TN_TEST_PLANT_H

typedef struct {
  const char *name; /* what is wrong */
  void (*plant)(void);
} planted_fault;

/* The last has no name. */
extern const planted_fault planted_faults[];
void plant_nothing(void);

#endif
