/* An array's physical axes: what its layout makes of its dims. Private to layout.c
 * and pack.c.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_LAYOUT_AXES_H
#define TN_IR_LAYOUT_AXES_H

#include "ir/shape.h"

/* `size` positions, each `step` indices of the logical dim `dim` apart (-1: of none).
 * `position` is where the element asked for lies.                                    */
typedef struct {
  int dim;
  int64_t size, step, position;
} tn_axis;

typedef struct {
  tn_axis *at; /* major to minor */
  int count;
  bool merged; /* `*` made an axis of two dims: steps mean nothing */
  tn_axis few[32];
} tn_axes;

/* index NULL: position 0. Ends with tn_axes_free. */
void tn_axes_init(tn_axes *axes, const tn_shape *shape, const int64_t *index);
void tn_axes_free(tn_axes *axes);

/* Positions in all: elements, padding of tiles included. */
int64_t tn_axes_positions(const tn_axes *axes);

#endif
