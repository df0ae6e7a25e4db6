/* Attributes as text, along the rows of attrs.def: one function a FORM. A function
 * says how a value looks; whether a row is printed at all is is_absent's question, so
 * that it has one answer for each form, too.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/attribute_table.h"
#include "ir/print_private.h"

/* ---- enumerations ---- */

typedef struct {
  tn_form form;
  int value;
  const char *text;
} enum_row;

enum {
  FORM_tn_direction = TN_FORM_DIRECTION,
  FORM_tn_compare_type = TN_FORM_COMPARE_TYPE,
  FORM_tn_precision = TN_FORM_PRECISION,
  FORM_tn_fusion_kind = TN_FORM_FUSION_KIND,
  FORM_tn_custom_schedule = TN_FORM_CUSTOM_SCHEDULE,
  FORM_tn_api_version = TN_FORM_API_VERSION,
  FORM_tn_distribution = TN_FORM_DISTRIBUTION,
  FORM_tn_algorithm = TN_FORM_ALGORITHM,
  FORM_tn_fft_type = TN_FORM_FFT_TYPE,
  FORM_tn_encoding = TN_FORM_ENCODING,
  FORM_tn_transpose_a = TN_FORM_TRANSPOSE_A,
  FORM_tn_tristate = TN_FORM_TRISTATE
};

static const enum_row enum_rows[] = {
#define ENUM_BEGIN(name)
#define ENUM(type, ID, text) {(tn_form)FORM_##type, TN_##ID, text},
#define ENUM_END(name)
#include "ir/enums.def"
#undef ENUM_BEGIN
#undef ENUM
#undef ENUM_END
};

static const char *enum_text(tn_form form, int value) {
  for (size_t i = 0; i < sizeof enum_rows / sizeof *enum_rows; i++)
    if (enum_rows[i].form == form && enum_rows[i].value == value) return enum_rows[i].text;
  return "";
}

/* Enumerations are as wide as int in every ABI that this compiles for. */
_Static_assert(sizeof(tn_direction) == sizeof(int), "attributes are read as int");
static int enum_value(const void *member) {
  int value;
  memcpy(&value, member, sizeof value);
  return value;
}

/* ---- forms ---- */

void tn_print_dims(tn_text *out, tn_dims dims) {
  tn_text_put_char(out, '{');
  for (int i = 0; i < dims.count; i++) {
    if (i) tn_text_put_char(out, ',');
    tn_text_put_int(out, dims.at[i]);
  }
  tn_text_put_char(out, '}');
}

void tn_print_string(tn_text *out, const char *text) {
  tn_text_put_char(out, '"');
  for (; text && *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\' || c == '\'')
      tn_text_printf(out, "\\%c", c);
    else if (c == '\n')
      tn_text_put(out, "\\n");
    else if (c == '\t')
      tn_text_put(out, "\\t");
    else if (c == '\r')
      tn_text_put(out, "\\r");
    else if (c < 0x20 || c == 0x7f)
      tn_text_printf(out, "\\%03o", c);
    else
      tn_text_put_char(out, (char)c);
  }
  tn_text_put_char(out, '"');
}

/* {{0}: (1, {}), {1}: (0, {2})} */
static void print_aliasing(tn_text *out, const tn_operand_aliases *aliases) {
  tn_text_put_char(out, '{');
  for (int i = 0; i < aliases->count; i++) {
    if (i) tn_text_put(out, ", ");
    tn_print_dims(out, aliases->at[i].output);
    tn_text_printf(out, ": (%lld, ", (long long)aliases->at[i].operand);
    tn_print_dims(out, aliases->at[i].index);
    tn_text_put_char(out, ')');
  }
  tn_text_put_char(out, '}');
}

static void print_comps(tn_text *out, const tn_inst *inst) {
  tn_text_put_char(out, '{');
  for (int i = 0; i < inst->n_called; i++)
    tn_text_printf(out, "%s%%%s", i ? ", " : "", inst->called[i]->name);
  tn_text_put_char(out, '}');
}

/* One operand's labels: each dim's letter, or the number of its spatial dim. */
static void print_labels(tn_text *out, char a, int64_t a_at, char b, int64_t b_at, tn_dims spatial) {
  int rank = spatial.count + 2;
  for (int dim = 0; dim < rank; dim++) {
    if (dim == a_at) tn_text_put_char(out, a);
    if (dim == b_at) tn_text_put_char(out, b);
    for (int i = 0; i < spatial.count; i++)
      if (spatial.at[i] == dim) tn_text_put_int(out, i);
  }
}

/* b01f_01io->b01f */
static void print_conv_dims(tn_text *out, const tn_conv_dims *dims) {
  print_labels(out, 'b', dims->input_batch, 'f', dims->input_feature, dims->input_spatial);
  tn_text_put_char(out, '_');
  print_labels(out, 'i', dims->kernel_input, 'o', dims->kernel_output, dims->kernel_spatial);
  tn_text_put(out, "->");
  print_labels(out, 'b', dims->output_batch, 'f', dims->output_feature, dims->output_spatial);
}

/* {kind="sharding", entry={maximal device=0}, exit={replicated}} */
static void print_domain(tn_text *out, const tn_attributes *attributes) {
  tn_text_put(out, "{kind=");
  tn_print_string(out, attributes->domain.kind);
  tn_text_printf(out, ", entry=%s, exit=%s}", attributes->domain.entry, attributes->domain.exit);
}

static void print_float(tn_text *out, double value) {
  char digits[40];
  float rounded = (float)value;
  tn_text_put_n(out, digits, tn_print_float(TN_F32, &rounded, digits));
}

/* {{0,1},{2,3}} or as it was written */
static void print_groups(tn_text *out, const tn_groups *groups) {
  if (groups->text) {
    tn_text_put(out, groups->text);
    return;
  }
  tn_text_put_char(out, '{');
  for (int i = 0; i < groups->count; i++) {
    if (i) tn_text_put_char(out, ',');
    tn_print_dims(out, groups->at[i]);
  }
  tn_text_put_char(out, '}');
}

/* f32[2]{0} {1, 2} */
static void print_literal(tn_text *out, const tn_literal *literal) {
  tn_shape_print(out, literal->shape, true);
  tn_text_put_char(out, ' ');
  tn_print_literal(out, literal);
}

/* 0_1x2_0, or with interior padding 0_1_0x2_0_1 */
static void print_padding(tn_text *out, const tn_attributes *attributes) {
  bool interior = false;
  for (int i = 0; i < attributes->pad.count; i++) interior |= attributes->pad.at[i].interior != 0;
  for (int i = 0; i < attributes->pad.count; i++) {
    const tn_pad_dim *dim = &attributes->pad.at[i];
    tn_text_printf(out, "%s%lld_%lld", i ? "x" : "", (long long)dim->low, (long long)dim->high);
    if (interior) tn_text_printf(out, "_%lld", (long long)dim->interior);
  }
}

static void print_pairs(tn_text *out, const tn_pairs *pairs) {
  tn_text_put_char(out, '{');
  for (int i = 0; i < pairs->count; i++)
    tn_text_printf(out, "%s{%lld,%lld}", i ? "," : "", (long long)pairs->at[i].source,
                   (long long)pairs->at[i].target);
  tn_text_put_char(out, '}');
}

static void print_precision(tn_text *out, const tn_precisions *precision) {
  tn_text_put_char(out, '{');
  for (int i = 0; i < precision->count; i++)
    tn_text_printf(out, "%s%s", i ? "," : "", enum_text(TN_FORM_PRECISION, (int)precision->at[i]));
  tn_text_put_char(out, '}');
}

static void print_shapes(tn_text *out, const tn_shapes *shapes) {
  tn_text_put_char(out, '{');
  for (int i = 0; i < shapes->count; i++) {
    if (i) tn_text_put(out, ", ");
    tn_shape_print(out, shapes->at[i], true);
  }
  tn_text_put_char(out, '}');
}

/* {[0:3], [1:5]}, or where a stride is not 1 {[0:3:1], [1:5:2]} */
static void print_slices(tn_text *out, const tn_slice_attributes *slice) {
  tn_dims starts = slice->starts, limits = slice->limits, strides = slice->strides;
  bool strided = false;
  for (int i = 0; i < strides.count; i++) strided |= strides.at[i] != 1;
  tn_text_put_char(out, '{');
  for (int i = 0; i < starts.count; i++) {
    tn_text_printf(out, "%s[%lld:%lld", i ? ", " : "", (long long)starts.at[i], (long long)limits.at[i]);
    if (strided) tn_text_printf(out, ":%lld", (long long)strides.at[i]);
    tn_text_put_char(out, ']');
  }
  tn_text_put_char(out, '}');
}

/* ---- windows ---- */

/* The lists of a window; a list that says nothing is left out. */
typedef enum { SIZE, STRIDE, PAD, LHS_DILATE, RHS_DILATE, RHS_REVERSAL, WINDOW_LISTS } window_list;
static const char *const window_names[WINDOW_LISTS] = {"size",       "stride",     "pad",
                                                       "lhs_dilate", "rhs_dilate", "rhs_reversal"};

/* The entry of `list` for a dim; of PAD the low one. */
static int64_t window_entry(const tn_window_dim *dim, window_list list) {
  switch (list) {
  case SIZE: return dim->size;
  case STRIDE: return dim->stride;
  case PAD: return dim->pad_low;
  case LHS_DILATE: return dim->lhs_dilation;
  case RHS_DILATE: return dim->rhs_dilation;
  case RHS_REVERSAL: return dim->reversal;
  case WINDOW_LISTS: break;
  }
  return 0;
}

static bool says_something(const tn_window *window, window_list list) {
  if (list == SIZE) return true;
  for (int i = 0; i < window->count; i++) {
    const tn_window_dim *dim = &window->at[i];
    if (list == PAD && (dim->pad_low || dim->pad_high)) return true;
    if (list == RHS_REVERSAL && dim->reversal) return true;
    if (list != PAD && list != RHS_REVERSAL && window_entry(dim, list) != 1) return true;
  }
  return false;
}

/* {size=3x3 stride=2x2 pad=0_1x0_1} */
static void print_window(tn_text *out, const tn_window *window) {
  tn_text_put_char(out, '{');
  for (window_list list = SIZE; list < WINDOW_LISTS; list++) {
    if (!says_something(window, list)) continue;
    tn_text_printf(out, "%s%s=", list == SIZE ? "" : " ", window_names[list]);
    for (int i = 0; i < window->count; i++) {
      if (i) tn_text_put_char(out, 'x');
      tn_text_put_int(out, window_entry(&window->at[i], list));
      if (list == PAD) tn_text_printf(out, "_%lld", (long long)window->at[i].pad_high);
    }
  }
  tn_text_put_char(out, '}');
}

/* ---- rows ---- */

static bool is_default_precision(const tn_precisions *precision) {
  for (int i = 0; i < precision->count; i++)
    if (precision->at[i] != TN_PRECISION_DEFAULT) return false;
  return true;
}

static int64_t integer(const void *member) { return *(const int64_t *)member; }

/* Whether the value is what the text's absence means. Of a required row and of the
 * dimensions that most opcodes have, XLA prints the empty list, too.                */
static bool is_absent(const tn_attribute_row *row, const tn_inst *inst, const void *member) {
  switch (row->form) {
  case TN_FORM_BOOL: return !*(const bool *)member;
  case TN_FORM_BOOL_TRUE: return *(const bool *)member;
  case TN_FORM_COUNT: return integer(member) <= 1;
  case TN_FORM_ID: return integer(member) == 0;
  case TN_FORM_INT: return integer(member) == -1;
  case TN_FORM_DIMS: return ((const tn_dims *)member)->count == 0 && row->kind != TN_ATTR_DIMENSIONS;
  case TN_FORM_ALIASING: return ((const tn_operand_aliases *)member)->count == 0;
  case TN_FORM_COMP: return inst->n_called != 1;
  case TN_FORM_COMPS: return inst->n_called <= 1;
  /* batch and feature differ wherever there are dimension numbers */
  case TN_FORM_CONV_DIMS:
    return ((const tn_conv_dims *)member)->input_batch == ((const tn_conv_dims *)member)->input_feature;
  case TN_FORM_GROUPS: return !((const tn_groups *)member)->text && ((const tn_groups *)member)->count == 0;
  case TN_FORM_PAIRS: return ((const tn_pairs *)member)->count == 0;
  case TN_FORM_PADDING: return inst->attr.pad.count == 0;
  case TN_FORM_PRECISION: return is_default_precision(member);
  case TN_FORM_SHAPES: return !inst->attr.custom_call->has_operand_layouts;
  case TN_FORM_WINDOW: return ((const tn_window *)member)->count == 0;
  case TN_FORM_BRACED:
  case TN_FORM_LITERAL:
  case TN_FORM_SHAPE:
  case TN_FORM_STRING:
  case TN_FORM_WORD: return !*(const void *const *)member;
  case TN_FORM_ALGORITHM:
  case TN_FORM_API_VERSION:
  case TN_FORM_COMPARE_TYPE:
  case TN_FORM_CUSTOM_SCHEDULE:
  case TN_FORM_DIRECTION:
  case TN_FORM_DISTRIBUTION:
  case TN_FORM_FFT_TYPE:
  case TN_FORM_ENCODING:
  case TN_FORM_FUSION_KIND:
  case TN_FORM_TRANSPOSE_A:
  case TN_FORM_TRISTATE: return enum_value(member) == 0;
  case TN_FORM_BRANCHES:
  case TN_FORM_DOMAIN:
  case TN_FORM_FLOAT:
  case TN_FORM_ONE_DIM:
  case TN_FORM_SLICES:
  case TN_FORMS: break;
  }
  return false;
}

static void print_value(tn_text *out, const tn_attribute_row *row, const tn_inst *inst, const void *member) {
  switch (row->form) {
  case TN_FORM_ALGORITHM:
  case TN_FORM_API_VERSION:
  case TN_FORM_COMPARE_TYPE:
  case TN_FORM_CUSTOM_SCHEDULE:
  case TN_FORM_DIRECTION:
  case TN_FORM_DISTRIBUTION:
  case TN_FORM_FFT_TYPE:
  case TN_FORM_ENCODING:
  case TN_FORM_FUSION_KIND:
  case TN_FORM_TRANSPOSE_A:
  case TN_FORM_TRISTATE: tn_text_put(out, enum_text(row->form, enum_value(member))); return;
  case TN_FORM_ALIASING: print_aliasing(out, member); return;
  case TN_FORM_BOOL:
  case TN_FORM_BOOL_TRUE: tn_text_put(out, *(const bool *)member ? "true" : "false"); return;
  case TN_FORM_BRACED:
  case TN_FORM_WORD: tn_text_put(out, *(const char *const *)member); return;
  case TN_FORM_BRANCHES:
  case TN_FORM_COMPS: print_comps(out, inst); return;
  case TN_FORM_COMP: tn_text_printf(out, "%%%s", inst->called[row->offset]->name); return;
  case TN_FORM_CONV_DIMS: print_conv_dims(out, member); return;
  case TN_FORM_COUNT:
  case TN_FORM_ID:
  case TN_FORM_INT: tn_text_put_int(out, integer(member)); return;
  case TN_FORM_DIMS: tn_print_dims(out, *(const tn_dims *)member); return;
  case TN_FORM_DOMAIN: print_domain(out, &inst->attr); return;
  case TN_FORM_FLOAT: print_float(out, *(const double *)member); return;
  case TN_FORM_GROUPS: print_groups(out, member); return;
  case TN_FORM_LITERAL: print_literal(out, *(const tn_literal *const *)member); return;
  case TN_FORM_ONE_DIM: tn_print_dims(out, (tn_dims){member, 1}); return;
  case TN_FORM_PADDING: print_padding(out, &inst->attr); return;
  case TN_FORM_PAIRS: print_pairs(out, member); return;
  case TN_FORM_PRECISION: print_precision(out, member); return;
  case TN_FORM_SHAPE: tn_shape_print(out, *(const tn_shape *const *)member, true); return;
  case TN_FORM_SHAPES: print_shapes(out, member); return;
  case TN_FORM_SLICES: print_slices(out, member); return;
  case TN_FORM_STRING: tn_print_string(out, *(const char *const *)member); return;
  case TN_FORM_WINDOW: print_window(out, member); return;
  case TN_FORMS: return;
  }
}

/* With a predicate for index the two branches have names of their own. */
static bool print_true_false(tn_text *out, const tn_inst *inst) {
  if (inst->op != TN_OP_CONDITIONAL || inst->n_called != 2) return false;
  if (inst->n_operands == 0 || inst->operands[0]->shape->type != TN_PRED) return false;
  tn_text_printf(out, ", true_computation=%%%s, false_computation=%%%s", inst->called[0]->name,
                 inst->called[1]->name);
  return true;
}

static bool is_computation(tn_form form) {
  return form == TN_FORM_COMP || form == TN_FORM_COMPS || form == TN_FORM_BRANCHES;
}

void tn_print_attributes(tn_text *out, const tn_inst *inst) {
  if (print_true_false(out, inst)) return;
  int count;
  const tn_attribute_row *row = tn_attribute_rows(tn_ops[inst->op].attributes, &count);
  for (; count > 0; row++, count--) {
    const void *member = is_computation(row->form) ? NULL : tn_attribute_member(row, &inst->attr);
    if (is_computation(row->form) && (size_t)inst->n_called <= row->offset) continue;
    if (!row->required && is_absent(row, inst, member)) continue;
    tn_text_put(out, ", ");
    tn_text_put(out, row->text);
    tn_text_put_char(out, '=');
    print_value(out, row, inst, member);
  }
}
