/* Literals as HLO writes them: 5, {1, 2}, { { 1, 2 }, { 3, 4 } }, (re, im), and tuples
 * in parentheses. Elements are written straight into the text's buffer.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "ir/print_private.h"

enum {
  WIDEST = 2 * 40 + 8, /* bytes of an element with its comma: a complex number */
  MOST_EMPTY_BRACES = 1 << 20
};

/* ---- elements: each writes at `to` and returns the end ---- */

static char *put_unsigned(char *to, uint64_t value) {
  char digits[20];
  int first = sizeof digits;
  do digits[--first] = (char)('0' + value % 10);
  while (value /= 10);
  memcpy(to, digits + first, sizeof digits - (size_t)first);
  return to + sizeof digits - first;
}

static char *put_integer(char *to, tn_type type, const char *at) {
  int64_t value = tn_load_integer(type, at);
  if (value >= 0 || tn_type_class_of(type) != TN_CLASS_SIGNED) return put_unsigned(to, (uint64_t)value);
  *to++ = '-';
  return put_unsigned(to, 0 - (uint64_t)value);
}

/* Negative zero prints as -0.0: XLA reads -0 as an integer, which loses the sign. */
static char *put_float(char *to, tn_type type, const char *at) {
  size_t length = tn_print_float(type, at, to);
  if (length != 2 || to[0] != '-' || to[1] != '0') return to + length;
  memcpy(to + 2, ".0", 2);
  return to + 4;
}

static char *put_complex(char *to, tn_type part, const char *at) {
  *to++ = '(';
  to = put_float(to, part, at);
  *to++ = ',';
  *to++ = ' ';
  to = put_float(to, part, at + tn_type_bytes(part));
  *to++ = ')';
  return to;
}

static char *put_element(char *to, tn_type type, const char *at) {
  switch (tn_type_class_of(type)) {
  case TN_CLASS_PREDICATE:
  case TN_CLASS_SIGNED:
  case TN_CLASS_UNSIGNED: return put_integer(to, type, at);
  case TN_CLASS_FLOAT: return put_float(to, type, at);
  case TN_CLASS_COMPLEX: return put_complex(to, tn_type_part(type), at);
  case TN_CLASS_OTHER: break;
  }
  return to;
}

/* a, b, c */
static void print_row(tn_text *out, tn_type type, const char *at, int64_t count) {
  enum { AT_ONCE = 256 };
  size_t bytes = tn_type_bytes(type);
  for (int64_t done = 0; done < count;) {
    char *to = tn_text_reserve(out, AT_ONCE * WIDEST);
    int64_t end = count - done < AT_ONCE ? count : done + AT_ONCE;
    for (; done < end; done++, at += bytes) {
      if (done) {
        *to++ = ',';
        *to++ = ' ';
      }
      to = put_element(to, type, at);
    }
    *to = '\0';
    out->length = (size_t)(to - out->bytes);
  }
}

/* The part of an array below `dim`; returns where the next part begins. A single
 * dimension is written tight, {1, 2}, several with spaces inside the braces.      */
static const char *print_part(tn_text *out, const tn_shape *shape, int dim, const char *at) {
  const char *space = shape->rank > 1 && shape->dims[dim] > 0 ? " " : "";
  tn_text_printf(out, "{%s", space);
  if (dim == shape->rank - 1) {
    print_row(out, shape->type, at, shape->dims[dim]);
    at += (size_t)shape->dims[dim] * tn_type_bytes(shape->type);
  } else {
    for (int64_t i = 0; i < shape->dims[dim]; i++) {
      if (i) tn_text_put(out, ", ");
      at = print_part(out, shape, dim + 1, at);
    }
  }
  tn_text_printf(out, "%s}", space);
  return at;
}

static void print_tuple(tn_text *out, const tn_literal *literal) {
  tn_text_put_char(out, '(');
  for (int i = 0; i < literal->shape->rank; i++) {
    if (i) tn_text_put(out, ", ");
    tn_print_literal(out, literal->elements[i]);
  }
  tn_text_put_char(out, ')');
}

/* An array without elements may still have braces by the billion: {{}, {}, …}. */
static bool is_hollow(const tn_shape *shape) {
  int64_t braces = 1;
  for (int i = 0; i < shape->rank && shape->dims[i] > 0; i++)
    if (__builtin_mul_overflow(braces, shape->dims[i], &braces)) return true;
  return tn_shape_elements(shape) == 0 && braces > MOST_EMPTY_BRACES;
}

void tn_print_literal(tn_text *out, const tn_literal *literal) {
  const tn_shape *shape = literal->shape;
  if (tn_shape_is_tuple(shape))
    print_tuple(out, literal);
  else if (is_hollow(shape))
    tn_text_put(out, "{...}");
  else if (shape->rank > 0)
    print_part(out, shape, 0, literal->data);
  else if (shape->type == TN_PRED)
    tn_text_put(out, *(const char *)literal->data ? "true" : "false");
  else if (tn_shape_is_array(shape))
    print_row(out, shape->type, literal->data, 1);
}
