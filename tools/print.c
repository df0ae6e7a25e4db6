/* Arrays as text for people: HLO's braces, shortest exact numbers.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/number.h"
#include "tools/tool.h"

enum { MOST_ELEMENTS = 1000 };

static void put_real(tn_type type, const char *element, tn_text *out) {
  char digits[40];
  size_t length = tn_print_float(type, element, digits);
  tn_text_put_n(out, digits, length);
}

static void put_element(tn_type type, const char *element, tn_text *out) {
  switch (tn_type_class_of(type)) {
  case TN_CLASS_PREDICATE: tn_text_put(out, *element ? "true" : "false"); return;
  case TN_CLASS_SIGNED: tn_text_put_int(out, tn_load_integer(type, element)); return;
  case TN_CLASS_UNSIGNED:
    tn_text_printf(out, "%llu", (unsigned long long)tn_load_integer(type, element));
    return;
  case TN_CLASS_FLOAT: put_real(type, element, out); return;
  case TN_CLASS_COMPLEX:
    tn_text_put_char(out, '(');
    put_real(tn_type_part(type), element, out);
    tn_text_put(out, ", ");
    put_real(tn_type_part(type), element + tn_type_bytes(type) / 2, out);
    tn_text_put_char(out, ')');
    return;
  case TN_CLASS_OTHER: return;
  }
}

typedef struct {
  const tn_array *array;
  tn_type type;
  size_t item;
  const char *at;
  int64_t left; /* elements that may still be printed */
} printing;

static void put_dims(printing *p, int32_t dim, tn_text *out) {
  if (dim == p->array->rank) {
    if (p->left-- > 0) put_element(p->type, p->at, out);
    p->at += p->item;
    return;
  }
  tn_text_put_char(out, '{');
  for (int64_t i = 0; i < p->array->dims[dim] && p->left > 0; i++) {
    if (i) tn_text_put(out, ", ");
    put_dims(p, dim + 1, out);
  }
  if (p->left <= 0) tn_text_put(out, ", ...");
  tn_text_put_char(out, '}');
}

void print_array(const tn_array *array, tn_text *out) {
  tn_type type = tn_type_from_name((tn_str){array->type, strlen(array->type)});
  printing p = {array, type, tn_type_bytes(type), array->data, MOST_ELEMENTS};
  tn_text_printf(out, "%s: %s[", array->name, array->type);
  for (int32_t d = 0; d < array->rank; d++)
    tn_text_printf(out, "%s%lld", d ? "," : "", (long long)array->dims[d]);
  tn_text_put(out, "] ");
  if (array->bytes == (int64_t)(p.item * MOST_ELEMENTS)) p.left++; /* all of it: nothing is cut */
  put_dims(&p, 0, out);
  tn_text_put_char(out, '\n');
}
