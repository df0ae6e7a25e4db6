/* attrs.def as data: what printing, copying and default values walk along.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_ATTRIBUTE_TABLE_H
#define TN_IR_ATTRIBUTE_TABLE_H

#include "ir/attributes.h"

/* How a value is spelt: the FORM column. */
typedef enum {
  TN_FORM_ALGORITHM,
  TN_FORM_ALIASING,
  TN_FORM_API_VERSION,
  TN_FORM_BOOL,
  TN_FORM_BOOL_TRUE,
  TN_FORM_BRACED,
  TN_FORM_BRANCHES,
  TN_FORM_COMP,
  TN_FORM_COMPARE_TYPE,
  TN_FORM_COMPS,
  TN_FORM_CONV_DIMS,
  TN_FORM_COUNT,
  TN_FORM_CUSTOM_SCHEDULE,
  TN_FORM_DIMS,
  TN_FORM_DIRECTION,
  TN_FORM_DISTRIBUTION,
  TN_FORM_DOMAIN,
  TN_FORM_FFT_TYPE,
  TN_FORM_ENCODING,
  TN_FORM_FLOAT,
  TN_FORM_FUSION_KIND,
  TN_FORM_GROUPS,
  TN_FORM_ID,
  TN_FORM_INT,
  TN_FORM_LITERAL,
  TN_FORM_ONE_DIM,
  TN_FORM_PADDING,
  TN_FORM_PAIRS,
  TN_FORM_PRECISION,
  TN_FORM_SHAPE,
  TN_FORM_SHAPES,
  TN_FORM_SLICES,
  TN_FORM_STRING,
  TN_FORM_TRANSPOSE_A,
  TN_FORM_TRISTATE,
  TN_FORM_WINDOW,
  TN_FORM_WORD,
  TN_FORMS
} tn_form;

/* One row. `offset` leads to the member in tn_attributes or, of kinds that have one, in the
 * record; of the forms COMP, COMPS and BRANCHES it is the first slot of `called` instead.  */
typedef struct {
  tn_attribute_kind kind;
  const char *text;
  tn_form form;
  size_t offset;
  bool in_record, required;
} tn_attribute_row;

/* The rows of a kind, in their order; *count is their number. */
const tn_attribute_row *tn_attribute_rows(tn_attribute_kind kind, int *count);

static inline const void *tn_attribute_member(const tn_attribute_row *row, const tn_attributes *attributes) {
  return (const char *)(row->in_record ? attributes->record : attributes) + row->offset;
}

/* What an absent attribute means: counts 1, optional integers -1, topk's `largest`. A record
 * is made in `arena`.                                                                      */
void tn_attributes_set_defaults(tn_arena *arena, tn_attribute_kind kind, tn_attributes *attributes);

/* Where to write a member, for whoever made the attributes and has not given them away. */
static inline void *tn_attribute_place(const tn_attribute_row *row, tn_attributes *attributes) {
  return (void *)tn_attribute_member(row, attributes);
}

/* A deep copy of everything the attributes point to; data of literals is shared. */
tn_attributes tn_attributes_clone(tn_arena *arena, tn_attribute_kind kind, const tn_attributes *attributes);

#endif
