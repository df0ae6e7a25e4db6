/* What types.def says, as functions.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/type.h"

static const struct {
  char name[16];
  uint8_t name_length;
  uint8_t bits;
  uint8_t class;
} types[TN_TYPE_COUNT] = {
    {.name = "none", .name_length = 4, .class = TN_CLASS_OTHER},
#define TYPE(ID, text, bits, class) {text, sizeof text - 1, bits, TN_CLASS_##class},
#include "base/types.def"
#undef TYPE
};

const char *tn_type_name(tn_type type) { return types[type].name; }

tn_type tn_type_from_name(tn_str name) {
  for (int t = TN_TYPE_NONE + 1; t < TN_TYPE_COUNT; t++)
    if (types[t].name_length == name.length && memcmp(types[t].name, name.at, name.length) == 0)
      return (tn_type)t;
  return TN_TYPE_NONE;
}

tn_type_class tn_type_class_of(tn_type type) { return (tn_type_class)types[type].class; }

int tn_type_bits(tn_type type) { return types[type].bits; }

size_t tn_type_bytes(tn_type type) { return (size_t)(types[type].bits + 7) / 8; }

tn_type tn_type_part(tn_type complex) {
  if (complex == TN_C64) return TN_F32;
  if (complex == TN_C128) return TN_F64;
  return complex;
}
