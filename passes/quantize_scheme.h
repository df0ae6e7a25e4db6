/* What quantize-int8's files share: ranges as modules carry them, and which values become bytes.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_QUANTIZE_SCHEME_H
#define TN_PASSES_QUANTIZE_SCHEME_H

#include "passes/dims.h"

/* ---- ranges ---- */

/* What a value was between, over all samples. A module carries it as
 *   %x = f32[8] …, frontend_attributes={tenon.range="-1.5,2.25"}
 */
typedef struct {
  double low, high;
} tn_range;
bool tn_range_read(const tn_inst *inst, tn_range *range);  /* false: none, or not of finite numbers */
void tn_range_write(tn_inst *inst, const tn_range *range); /* NULL: takes it away */

/* What follows from how it is computed; false: nothing does. */
bool tn_range_bound(const tn_inst *inst, tn_range *range);

/* ---- products and what follows them ---- */

/* clamp(low, factor[c] * product + offset[c] + residual, high), step by step as it is written. */
typedef struct {
  tn_inst *product;     /* the dot or convolution */
  int weights;          /* which operand is a constant; -1: none */
  int n_channels;       /* dims of the result along which weights have scales of their own, … */
  int64_t *channels;    /* … ascending, … */
  int64_t *weight_dims; /* … and the dims of the weights that they are */
  int64_t count;        /* of channels: the product of these sizes */
  double *factor, *offset;
  tn_inst *residual; /* NULL: none */
  double low, high;  /* infinite: no limit */
  tn_inst *end;
} tn_quantize_product;

/* A product with nothing behind it yet; `weights`: the operand that is a constant, or -1. */
tn_quantize_product *tn_quantize_start(tn_arena *arena, tn_inst *product, int weights);
/* From element to element of the weights, and which channel each is of. */
typedef struct {
  const tn_shape *shape;
  int64_t index[TN_MOST_DIMS], strides[TN_MOST_DIMS], channel;
} tn_channel_walk;
tn_channel_walk tn_channel_walk_of(const tn_quantize_product *p, const tn_shape *weights);
void tn_channel_step(tn_channel_walk *walk);

/* Takes in what follows p->end, steps with constants, as far as `until` (NULL: as many as there are). */
void tn_quantize_follow(tn_quantize_product *p, tn_arena *arena, const tn_inst *until);
/* maximum, minimum and clamp with numbers that `end` ends with: what they limit, and to what. False if
 * that is read elsewhere, too.                                                                   */
bool tn_quantize_limits(tn_inst *end, tn_inst **inner, double *low, double *high);
/* The dot or convolution that steps with constants lead from to `end`, each (but `from`) read once; or NULL. */
tn_inst *tn_quantize_root(tn_inst *end, const tn_inst *from);

/* How a value comes to be bytes. */
typedef enum {
  TN_BYTES_OF_FLOATS, /* computed as floats, then rounded */
  TN_BYTES_OF_BYTES,  /* moves bytes: reshape, transpose, maximum of a window, … */
  TN_BYTES_OF_PRODUCT,
  TN_BYTES_OF_SUM,  /* of two values */
  TN_BYTES_OF_MEAN, /* a sum over dims or a window, times a number */
  TN_BYTES_OF_TABLE /* a function of one value of bytes, element by element */
} tn_bytes_form;

typedef struct {
  bool classified;
  bool wanted;  /* as bytes */
  bool taken;   /* a product of bytes */
  bool covered; /* a product that is part of a wanted value */
  tn_bytes_form form;
  int group;           /* the value with whose scale it shares, towards the group's own; its id */
  double largest;      /* of the group */
  tn_inst *sources[2]; /* what it is made of, as bytes: of the form */
  tn_inst **operands;  /* as they were before the module was changed */
  tn_quantize_product
      *product;       /* of the form; of a product that is taken and not covered: with what follows it */
  double factor;      /* of a mean */
  double low, high;   /* limits of a sum */
  tn_inst *reduction; /* of a mean */
  tn_inst *bytes;     /* once made */
} tn_quantize_value;

typedef struct {
  tn_module *module;
  tn_arena *arena;
  bool assume;           /* all ranges are taken as known: to find out which are wanted */
  tn_quantize_value *of; /* by id */
  int count;
} tn_quantize_scheme;

/* Finds the products of one computation that become integer ones, and the values that become
 * bytes. `allow` (NULL: all) is asked for each product.                                    */
void tn_quantize_comp(tn_quantize_scheme *scheme, tn_comp *comp, bool (*allow)(void *), void *user);
tn_quantize_scheme tn_quantize_scheme_of(tn_module *module, tn_arena *arena, bool assume);
/* largest / 127 of the value's group; 1 where it is always 0. */
float tn_quantize_scale(const tn_quantize_scheme *scheme, const tn_inst *inst);

/* The values whose ranges quantize-int8 is to know: of the entry. */
tn_inst **tn_quantize_wanted(tn_module *module, tn_arena *arena, int *count);

#endif
