/* Values of target files, by kind of key: text to member and back.
 *
 * Numbers are read exactly or refused, and print as the shortest text that reads back to the same
 * bits; so does everything else, and print after parse is a fixed point. Sizes are kept in bytes:
 * a KiB is a power of two, so that no fraction is lost.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <math.h>

#include "base/number.h"
#include "target/array_private.h"
#include "target/isa_table.h"

/* Sizes beyond are not exact in double. */
#define MOST_BYTES 9007199254740992.0

#define SHOWN(piece) (int)((piece).length < 60 ? (piece).length : 60), (piece).at

tn_location tn_key_location(const tn_key_place *place, const char *at) {
  if (!place->file) return TN_NOWHERE;
  return (tn_location){place->file, place->line, (uint32_t)(at - place->line_at) + 1};
}

static void *member(tn_systolic_target *array, const tn_systolic_key *key) {
  return (char *)array + key->offset;
}
static const void *member_of(const tn_systolic_target *array, const tn_systolic_key *key) {
  return (const char *)array + key->offset;
}

/* ---- numbers ---- */

/* Decimal, and nothing behind it; finite. */
static bool read_number(tn_str text, double *value) {
  if (!text.length || !(tn_is_digit(*text.at) || *text.at == '.' || *text.at == '-')) return false;
  if (text.length > 1 && (text.at[1] | 32) == 'x') return false;
  return tn_parse_float(TN_F64, text.at, text.length, value) == text.length && isfinite(*value);
}

static bool read_name(char *name, const tn_systolic_key *key, tn_str text, const tn_key_place *place) {
  bool good = text.length >= (size_t)key->least && text.length <= (size_t)key->most;
  for (size_t i = 0; good && i < text.length; i++) good = tn_is_name_char(text.at[i]);
  if (!good)
    return tn_error(place->sink, place->status, tn_key_location(place, text.at),
                    "%s: '%.*s' is not a name of 1 to %d letters, digits and ._-", key->name, SHOWN(text),
                    (int)key->most);
  memset(name, 0, TN_SYSTOLIC_NAME);
  memcpy(name, text.at, text.length);
  return true;
}

static bool read_count(int64_t *count, const tn_systolic_key *key, tn_str text, const tn_key_place *place) {
  double value;
  if (!read_number(text, &value) || value != floor(value) || value < key->least || value > key->most)
    return tn_error(place->sink, place->status, tn_key_location(place, text.at),
                    "%s: '%.*s' is not a whole number from %.0f to %.0f", key->name, SHOWN(text), key->least,
                    key->most);
  *count = (int64_t)value;
  return true;
}

static bool read_real(double *real, const tn_systolic_key *key, tn_str text, const tn_key_place *place) {
  double value;
  if (!read_number(text, &value) || value < key->least || value > key->most)
    return tn_error(place->sink, place->status, tn_key_location(place, text.at),
                    "%s: '%.*s' is not a number from %g to %g", key->name, SHOWN(text), key->least,
                    key->most);
  *real = value == 0 ? 0 : value; /* no negative zero */
  return true;
}

static bool read_rate(double *rate, const tn_systolic_key *key, tn_str text, const tn_key_place *place) {
  double value = HUGE_VAL;
  if (!tn_str_is(text, "inf") && (!read_number(text, &value) || value <= key->least || value > key->most))
    return tn_error(place->sink, place->status, tn_key_location(place, text.at),
                    "%s: '%.*s' is not a number above %g and up to %g, or inf", key->name, SHOWN(text),
                    key->least, key->most);
  *rate = value;
  return true;
}

static bool read_size(int64_t *bytes, const tn_systolic_key *key, double unit, tn_str text,
                      const tn_key_place *place) {
  double value;
  if (tn_str_is(text, "inf")) {
    *bytes = TN_SYSTOLIC_UNBOUNDED;
    return true;
  }
  if (!read_number(text, &value) || value <= 0 || value * unit > MOST_BYTES ||
      value * unit != floor(value * unit))
    return tn_error(place->sink, place->status, tn_key_location(place, text.at),
                    "%s: '%.*s' is not a size of whole bytes above 0, or inf", key->name, SHOWN(text));
  *bytes = (int64_t)(value * unit);
  return true;
}

/* ---- words ---- */

static bool read_switch(bool *on, const tn_systolic_key *key, tn_str text, const tn_key_place *place) {
  if (!tn_str_is(text, "yes") && !tn_str_is(text, "no"))
    return tn_error(place->sink, place->status, tn_key_location(place, text.at),
                    "%s: '%.*s' is not yes or no", key->name, SHOWN(text));
  *on = tn_str_is(text, "yes");
  return true;
}

/* The piece of a list with commas that begins at *rest, which moves behind it; *more: a comma follows. */
static tn_str next_piece(tn_str *rest, bool *more) {
  const char *comma = rest->length ? memchr(rest->at, ',', rest->length) : NULL;
  size_t length = comma ? (size_t)(comma - rest->at) : rest->length;
  tn_str piece = tn_str_trim((tn_str){rest->at, length});
  *more = comma != NULL;
  rest->at += length + *more;
  rest->length -= length + *more;
  return piece;
}

static bool read_set(unsigned *set, const tn_systolic_key *key, tn_field_kind kind, int first, tn_str text,
                     const tn_key_place *place) {
  int count;
  const char *const *words = tn_field_words(kind, &count);
  unsigned bits = 0;
  tn_str rest = text;
  bool more;
  do {
    tn_str piece = next_piece(&rest, &more);
    int word = first;
    while (word < count && !tn_str_is(piece, words[word])) word++;
    if (word == count || bits >> word & 1) {
      tn_text known = {0};
      for (int i = first; i < count; i++) tn_text_printf(&known, "%s%s", i > first ? ", " : "", words[i]);
      tn_error(place->sink, place->status, tn_key_location(place, piece.at),
               word == count ? "%s: '%.*s' is none of %s, %s" : "%s: '%.*s' is given twice, of %s", key->name,
               SHOWN(piece), known.bytes, kind == TN_FIELD_DATAFLOW ? "any" : "none");
      tn_text_free(&known);
      return false;
    }
    bits |= 1u << word;
  } while (more);
  *set = bits;
  return true;
}

/* ---- operands ---- */

static bool is_operand(tn_type type) {
  switch ((int)type) {
  case TN_S8:
  case TN_U8:
  case TN_S16:
  case TN_U16:
  case TN_BF16:
  case TN_F16:
  case TN_F32: return true;
  }
  return false;
}

static bool read_type(tn_type *type, const tn_systolic_key *key, tn_str text, const tn_key_place *place) {
  *type = tn_type_from_name(text);
  if (is_operand(*type)) return true;
  return tn_error(place->sink, place->status, tn_key_location(place, text.at),
                  "%s: '%.*s' is none of s8, u8, s16, u16, bf16, f16, f32", key->name, SHOWN(text));
}

/* "s8*s16:2" */
static bool read_operand(tn_systolic_type *row, const tn_systolic_key *key, tn_str text,
                         const tn_key_place *place) {
  const char *colon = text.length ? memchr(text.at, ':', text.length) : NULL;
  size_t pair = colon ? (size_t)(colon - text.at) : text.length;
  const char *star = pair ? memchr(text.at, '*', pair) : NULL;
  size_t left = star ? (size_t)(star - text.at) : pair;
  *row = (tn_systolic_type){.cycles = 1};
  if (!read_type(&row->x, key, tn_str_trim((tn_str){text.at, left}), place)) return false;
  row->w = row->x;
  if (star && !read_type(&row->w, key, tn_str_trim((tn_str){star + 1, pair - left - 1}), place)) return false;
  if (tn_type_is_float(row->x) != tn_type_is_float(row->w))
    return tn_error(place->sink, place->status, tn_key_location(place, text.at),
                    "%s: %s and %s are not multiplied: one is a float, one an integer", key->name,
                    tn_type_name(row->x), tn_type_name(row->w));
  if (!colon) return true;
  return read_count(&row->cycles, key, tn_str_trim((tn_str){colon + 1, text.length - pair - 1}), place);
}

static bool read_operands(tn_systolic_target *array, const tn_systolic_key *key, tn_str text,
                          const tn_key_place *place) {
  tn_systolic_type types[TN_SYSTOLIC_TYPES];
  int count = 0;
  tn_str rest = text;
  bool more;
  do {
    tn_str piece = next_piece(&rest, &more);
    if (count == TN_SYSTOLIC_TYPES)
      return tn_error(place->sink, place->status, tn_key_location(place, piece.at),
                      "%s: more than %d pairs of types", key->name, TN_SYSTOLIC_TYPES);
    tn_systolic_type *row = &types[count];
    if (!read_operand(row, key, piece, place)) return false;
    for (int i = 0; i < count; i++)
      if (types[i].x == row->x && types[i].w == row->w)
        return tn_error(place->sink, place->status, tn_key_location(place, piece.at),
                        "%s: %s*%s is given twice", key->name, tn_type_name(row->x), tn_type_name(row->w));
    count++;
  } while (more);
  memset(array->types, 0, sizeof array->types);
  memcpy(array->types, types, (size_t)count * sizeof *types);
  array->n_types = count;
  return true;
}

bool tn_systolic_read_value(tn_systolic_target *array, const tn_systolic_key *key, tn_str value,
                            const tn_key_place *place) {
  enum { ANY = (1 << TN_DATAFLOWS) - 1 };
  void *to = member(array, key);
  switch (key->kind) {
  case TN_KEY_NAME: return read_name(to, key, value, place);
  case TN_KEY_COUNT: return read_count(to, key, value, place);
  case TN_KEY_REAL: return read_real(to, key, value, place);
  case TN_KEY_RATE: return read_rate(to, key, value, place);
  case TN_KEY_KIB: return read_size(to, key, 1024, value, place);
  case TN_KEY_MIB: return read_size(to, key, 1048576, value, place);
  case TN_KEY_SWITCH: return read_switch(to, key, value, place);
  case TN_KEY_DATAFLOWS:
    if (!tn_str_is(value, "any")) return read_set(to, key, TN_FIELD_DATAFLOW, 0, value, place);
    *(unsigned *)to = ANY;
    return true;
  case TN_KEY_OPERANDS: return read_operands(array, key, value, place);
  case TN_KEY_FUNCTIONS:
    if (!tn_str_is(value, "none")) return read_set(to, key, TN_FIELD_FUNCTION, 1, value, place);
    *(unsigned *)to = 0;
    return true;
  }
  return false;
}

/* ---- printing ---- */

static void print_number(tn_text *out, double value) {
  char digits[40];
  tn_text_put_n(out, digits, tn_print_float(TN_F64, &value, digits));
}

static void print_size(tn_text *out, int64_t bytes, double unit) {
  if (bytes == TN_SYSTOLIC_UNBOUNDED)
    tn_text_put(out, "inf");
  else
    print_number(out, (double)bytes / unit);
}

static void print_set(tn_text *out, unsigned set, tn_field_kind kind) {
  int count, printed = 0;
  const char *const *words = tn_field_words(kind, &count);
  for (int i = 0; i < count; i++)
    if (set >> i & 1) tn_text_printf(out, "%s%s", printed++ ? ", " : "", words[i]);
}

static void print_operands(tn_text *out, const tn_systolic_target *array) {
  for (int i = 0; i < array->n_types; i++) {
    const tn_systolic_type *row = &array->types[i];
    tn_text_printf(out, "%s%s", i ? ", " : "", tn_type_name(row->x));
    if (row->w != row->x) tn_text_printf(out, "*%s", tn_type_name(row->w));
    if (row->cycles != 1) tn_text_printf(out, ":%lld", (long long)row->cycles);
  }
}

void tn_systolic_print_value(tn_text *out, const tn_systolic_target *array, const tn_systolic_key *key) {
  const void *from = member_of(array, key);
  unsigned any = (1u << TN_DATAFLOWS) - 1;
  switch (key->kind) {
  case TN_KEY_NAME: tn_text_put(out, from); return;
  case TN_KEY_COUNT: tn_text_put_int(out, *(const int64_t *)from); return;
  case TN_KEY_RATE:
  case TN_KEY_REAL: print_number(out, *(const double *)from); return;
  case TN_KEY_KIB: print_size(out, *(const int64_t *)from, 1024); return;
  case TN_KEY_MIB: print_size(out, *(const int64_t *)from, 1048576); return;
  case TN_KEY_SWITCH: tn_text_put(out, *(const bool *)from ? "yes" : "no"); return;
  case TN_KEY_DATAFLOWS:
    if (*(const unsigned *)from == any)
      tn_text_put(out, "any");
    else
      print_set(out, *(const unsigned *)from, TN_FIELD_DATAFLOW);
    return;
  case TN_KEY_OPERANDS: print_operands(out, array); return;
  case TN_KEY_FUNCTIONS:
    if (*(const unsigned *)from)
      print_set(out, *(const unsigned *)from, TN_FIELD_FUNCTION);
    else
      tn_text_put(out, "none");
    return;
  }
}
