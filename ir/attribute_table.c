/* attrs.def as a table, and the two walks along it that are not printing: default
 * values and deep copies, a function a form.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/attribute_table.h"

#include "ir/literal.h"

/* Every member and every record, so that one expression leads to a part of either. */
typedef union {
#define VALUE(member)  tn_##member##_attributes member;
#define RECORD(member) tn_##member##_attributes member;
#include "ir/attrs.def"
#undef VALUE
#undef RECORD
} parts;

/* Bytes of the record of a kind; 0 where the instruction holds its attributes itself. */
enum {
#define VALUE(member)  BYTES_##member = 0,
#define RECORD(member) BYTES_##member = sizeof(tn_##member##_attributes),
#include "ir/attrs.def"
#undef VALUE
#undef RECORD
#define KIND(ID, member) RECORD_BYTES_##ID = BYTES_##member,
#include "ir/attrs.def"
#undef KIND
};

static const unsigned short record_bytes[] = {
#define KIND(ID, member) [TN_ATTR_##ID] = RECORD_BYTES_##ID,
#include "ir/attrs.def"
#undef KIND
};

#define MEMBER(member)     offsetof(parts, member)
#define AT_ALGORITHM       MEMBER
#define AT_ALIASING        MEMBER
#define AT_API_VERSION     MEMBER
#define AT_BOOL            MEMBER
#define AT_BOOL_TRUE       MEMBER
#define AT_BRACED          MEMBER
#define AT_BRANCHES(slot)  slot
#define AT_COMP(slot)      slot
#define AT_COMPARE_TYPE    MEMBER
#define AT_COMPS(slot)     slot
#define AT_CONV_DIMS       MEMBER
#define AT_COUNT           MEMBER
#define AT_CUSTOM_SCHEDULE MEMBER
#define AT_DIMS            MEMBER
#define AT_DIRECTION       MEMBER
#define AT_DISTRIBUTION    MEMBER
#define AT_DOMAIN          MEMBER
#define AT_FFT_TYPE        MEMBER
#define AT_ENCODING        MEMBER
#define AT_FLOAT           MEMBER
#define AT_FUSION_KIND     MEMBER
#define AT_GROUPS          MEMBER
#define AT_ID              MEMBER
#define AT_INT             MEMBER
#define AT_LITERAL         MEMBER
#define AT_ONE_DIM         MEMBER
#define AT_PADDING         MEMBER
#define AT_PAIRS           MEMBER
#define AT_PRECISION       MEMBER
#define AT_SHAPE           MEMBER
#define AT_SHAPES          MEMBER
#define AT_SLICES          MEMBER
#define AT_STRING          MEMBER
#define AT_TRANSPOSE_A     MEMBER
#define AT_TRISTATE        MEMBER
#define AT_WINDOW          MEMBER
#define AT_WORD            MEMBER

enum { DEFAULT = false, REQUIRED = true };

static const tn_attribute_row rows[] = {
#define ATTR(KIND, text, FORM, member, PRESENCE)                                                             \
  {TN_ATTR_##KIND, text, TN_FORM_##FORM, AT_##FORM(member), RECORD_BYTES_##KIND > 0, PRESENCE},
#include "ir/attrs.def"
};
enum { ROWS = sizeof rows / sizeof *rows };

const tn_attribute_row *tn_attribute_rows(tn_attribute_kind kind, int *count) {
  int first = kind == TN_ATTR_NONE ? ROWS : 0; /* most instructions have none */
  while (first < ROWS && rows[first].kind != kind) first++;
  int end = first;
  while (end < ROWS && rows[end].kind == kind) end++;
  *count = end - first;
  return rows + first;
}

void tn_attributes_set_defaults(tn_arena *arena, tn_attribute_kind kind, tn_attributes *attributes) {
  int count;
  const tn_attribute_row *row = tn_attribute_rows(kind, &count);
  memset(attributes, 0, sizeof *attributes);
  if (record_bytes[kind]) attributes->record = tn_arena_alloc(arena, record_bytes[kind]);
  for (; count > 0; row++, count--) {
    if (row->required) continue;
    void *member = tn_attribute_place(row, attributes);
    if (row->form == TN_FORM_COUNT) *(int64_t *)member = 1;
    if (row->form == TN_FORM_INT) *(int64_t *)member = -1;
    if (row->form == TN_FORM_BOOL_TRUE) *(bool *)member = true;
  }
}

/* ---- copies: each function replaces what its member points to ---- */

static void copy_dims(tn_arena *arena, tn_dims *dims) {
  dims->at = tn_arena_copy(arena, dims->at, (size_t)dims->count * sizeof *dims->at);
}

static void copy_text(tn_arena *arena, const char **text) {
  if (*text) *text = tn_arena_string(arena, *text);
}

static void copy_aliases(tn_arena *arena, tn_operand_aliases *aliases) {
  tn_operand_alias *at = tn_arena_copy(arena, aliases->at, (size_t)aliases->count * sizeof *at);
  for (int i = 0; i < aliases->count; i++) {
    copy_dims(arena, &at[i].output);
    copy_dims(arena, &at[i].index);
  }
  aliases->at = at;
}

static void copy_conv_dims(tn_arena *arena, tn_conv_dims *dims) {
  copy_dims(arena, &dims->input_spatial);
  copy_dims(arena, &dims->kernel_spatial);
  copy_dims(arena, &dims->output_spatial);
}

static void copy_groups(tn_arena *arena, tn_groups *groups) {
  tn_dims *at = tn_arena_copy(arena, groups->at, (size_t)groups->count * sizeof *at);
  for (int i = 0; i < groups->count; i++) copy_dims(arena, &at[i]);
  groups->at = at;
  copy_text(arena, &groups->text);
}

static void copy_shapes(tn_arena *arena, tn_shapes *shapes) {
  const tn_shape **at = TN_NEW_ARRAY(arena, const tn_shape *, shapes->count);
  for (int i = 0; i < shapes->count; i++) at[i] = tn_shape_clone(arena, shapes->at[i]);
  shapes->at = at;
}

static void copy_precisions(tn_arena *arena, tn_precisions *precision) {
  precision->at = tn_arena_copy(arena, precision->at, (size_t)precision->count * sizeof *precision->at);
}

static void copy_pairs(tn_arena *arena, tn_pairs *pairs) {
  pairs->at = tn_arena_copy(arena, pairs->at, (size_t)pairs->count * sizeof *pairs->at);
}

static void copy_window(tn_arena *arena, tn_window *window) {
  window->at = tn_arena_copy(arena, window->at, (size_t)window->count * sizeof *window->at);
}

static void copy_literal(tn_arena *arena, const tn_literal **literal) {
  if (*literal) *literal = tn_literal_clone(arena, *literal);
}

static void copy_shape(tn_arena *arena, const tn_shape **shape) {
  if (*shape) *shape = tn_shape_clone(arena, *shape);
}

static void copy_domain(tn_arena *arena, tn_attributes *whole) {
  copy_text(arena, &whole->domain.kind);
  copy_text(arena, &whole->domain.entry);
  copy_text(arena, &whole->domain.exit);
}

static void copy_padding(tn_arena *arena, tn_attributes *whole) {
  whole->pad.at = tn_arena_copy(arena, whole->pad.at, (size_t)whole->pad.count * sizeof *whole->pad.at);
}

static void copy_slices(tn_arena *arena, tn_slice_attributes *slice) {
  copy_dims(arena, &slice->starts);
  copy_dims(arena, &slice->limits);
  copy_dims(arena, &slice->strides);
}

static void copy_member(tn_arena *arena, tn_form form, void *member) {
  switch (form) {
  case TN_FORM_ALIASING: copy_aliases(arena, member); return;
  case TN_FORM_BRACED:
  case TN_FORM_STRING:
  case TN_FORM_WORD: copy_text(arena, member); return;
  case TN_FORM_CONV_DIMS: copy_conv_dims(arena, member); return;
  case TN_FORM_DIMS: copy_dims(arena, member); return;
  case TN_FORM_DOMAIN: copy_domain(arena, member); return;
  case TN_FORM_GROUPS: copy_groups(arena, member); return;
  case TN_FORM_LITERAL: copy_literal(arena, member); return;
  case TN_FORM_PADDING: copy_padding(arena, member); return;
  case TN_FORM_PAIRS: copy_pairs(arena, member); return;
  case TN_FORM_PRECISION: copy_precisions(arena, member); return;
  case TN_FORM_SHAPE: copy_shape(arena, member); return;
  case TN_FORM_SHAPES: copy_shapes(arena, member); return;
  case TN_FORM_SLICES: copy_slices(arena, member); return;
  case TN_FORM_WINDOW: copy_window(arena, member); return;
  case TN_FORM_ALGORITHM: /* the rest points to nothing */
  case TN_FORM_API_VERSION:
  case TN_FORM_BOOL:
  case TN_FORM_BOOL_TRUE:
  case TN_FORM_BRANCHES:
  case TN_FORM_COMP:
  case TN_FORM_COMPARE_TYPE:
  case TN_FORM_COMPS:
  case TN_FORM_COUNT:
  case TN_FORM_CUSTOM_SCHEDULE:
  case TN_FORM_DIRECTION:
  case TN_FORM_DISTRIBUTION:
  case TN_FORM_FFT_TYPE:
  case TN_FORM_ENCODING:
  case TN_FORM_FLOAT:
  case TN_FORM_FUSION_KIND:
  case TN_FORM_ID:
  case TN_FORM_INT:
  case TN_FORM_ONE_DIM:
  case TN_FORM_TRANSPOSE_A:
  case TN_FORM_TRISTATE:
  case TN_FORMS: return;
  }
}

tn_attributes tn_attributes_clone(tn_arena *arena, tn_attribute_kind kind, const tn_attributes *attributes) {
  tn_attributes copy = *attributes;
  int count;
  const tn_attribute_row *row = tn_attribute_rows(kind, &count);
  if (record_bytes[kind]) copy.record = tn_arena_copy(arena, copy.record, record_bytes[kind]);
  for (; count > 0; row++, count--) copy_member(arena, row->form, tn_attribute_place(row, &copy));
  if (kind == TN_ATTR_CONSTANT) copy_literal(arena, &copy.constant.literal);
  return copy;
}
