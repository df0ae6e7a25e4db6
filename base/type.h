/* Element types.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_BASE_TYPE_H
#define TN_BASE_TYPE_H

#include "base/text.h"

typedef enum {
  TN_TYPE_NONE = 0,
#define TYPE(ID, text, bits, class) TN_##ID,
#include "base/types.def"
#undef TYPE
  TN_TYPE_COUNT
} tn_type;

typedef enum {
  TN_CLASS_OTHER, /* tuple, token, opaque, buffer: no elements */
  TN_CLASS_PREDICATE,
  TN_CLASS_SIGNED,
  TN_CLASS_UNSIGNED,
  TN_CLASS_FLOAT,
  TN_CLASS_COMPLEX
} tn_type_class;

const char *tn_type_name(tn_type type);    /* "f32" */
tn_type tn_type_from_name(tn_str name);    /* TN_TYPE_NONE if there is none */
tn_type_class tn_type_class_of(tn_type type);
int tn_type_bits(tn_type type);            /* of the value: 4 for s4 */
size_t tn_type_bytes(tn_type type);        /* in memory: 1 for s4 and pred, 0 for tuples */
tn_type tn_type_part(tn_type complex);     /* f32 for c64, f64 for c128; others themselves */

static inline bool tn_type_is_float(tn_type t) { return tn_type_class_of(t) == TN_CLASS_FLOAT; }
static inline bool tn_type_is_complex(tn_type t) { return tn_type_class_of(t) == TN_CLASS_COMPLEX; }
static inline bool tn_type_is_integer(tn_type t) {
  tn_type_class c = tn_type_class_of(t);
  return c == TN_CLASS_SIGNED || c == TN_CLASS_UNSIGNED;
}
static inline bool tn_type_is_array(tn_type t) { return tn_type_class_of(t) != TN_CLASS_OTHER; }

#endif
