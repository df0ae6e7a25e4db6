/* The text of constants, straight into their bytes.
 *
 *     { { 1, 2.5, nan }, { 4, -inf, 1e-12 } }     3     (1, -2)     ( {1}, true )
 *
 * Weights stand in the text as decimals, a hundred megabytes of them, so no token is
 * made of an element: one loop walks the braces and calls the element type's reader,
 * which writes where the element belongs.
 *
 * Invariant: nothing of the declared size is allocated unless the rest of the text is
 * long enough to hold that many elements; where it is not, the elements are counted
 * and the counts reported.
 * Cost: linear in the text; memory: the literal.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

#include "base/file.h"
#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

typedef struct reader reader;
/* Reads the element at `at` into `to`; returns its end, or NULL after an error. */
typedef const char *element_reader(reader *r, const char *at, void *to);

struct reader {
  tn_hlo_parser *p;
  const tn_shape *shape;
  tn_type type, part; /* part: of complex types */
  element_reader *read;
  char *data; /* NULL: only count */
  size_t item;
  int64_t count;
  const char *end;
  int64_t low; /* integers: the range */
  uint64_t high;
  int nest;                          /* open braces */
  int64_t seen[TN_HLO_MAX_RANK + 1]; /* elements of each open brace */
};

/* ---- errors ---- */

/* Stands the lexer at `at`, so that the message shows that place. */
static void stand_at(reader *r, const char *at) {
  tn_lexer *lexer = &r->p->lex;
  tn_lexer_skip_to(lexer, at);
  lexer->token = (tn_token){.kind = TN_TOK_WORD, .text = {at, 0}, .line = lexer->line};
  lexer->token.column = at < lexer->line_start ? 1 : (uint32_t)(at - lexer->line_start) + 1;
}

/* The run of characters that looks like one element, for messages. */
static tn_str extent(const char *at, const char *end) {
  const char *stop = at;
  while (stop < end && (tn_is_name_char(*stop) || *stop == '+')) stop++;
  if (end - stop > 2 && stop > at && stop[0] == '(' && stop[1] == '0') { /* nan(0x1) */
    while (stop < end && *stop != ')' && *stop > ' ') stop++;
    stop += stop < end && *stop == ')';
  }
  return (tn_str){at, (size_t)(stop - at)};
}

static const char *not_an_element(reader *r, const char *at, const char *wanted) {
  tn_str text = extent(at, r->end);
  stand_at(r, at);
  if (!text.length && at < r->end) text.length = 1;
  if (at == r->end)
    tn_hlo_error(r->p, "expected %s for %s, found the end of the text", wanted, tn_type_name(r->type));
  else
    tn_hlo_error(r->p, "expected %s for %s, found '%.*s'", wanted, tn_type_name(r->type), TN_CLIP(text));
  return NULL;
}

/* ---- floats ---- */

/* `value` is not finite: did the text say so? */
static bool says_so(const char *at, size_t length) {
  for (size_t i = 0; i < length; i++)
    if ((at[i] | 32) == 'n') return true; /* inf, nan */
  return false;
}

/* f4e2m1fn has no infinity to overflow to. */
static bool saturated(tn_type type, const char *at, size_t length) {
  double wide;
  return type == TN_F4E2M1FN && tn_parse_float(TN_F64, at, length, &wide) && !(fabs(wide) <= 6);
}

static bool is_finite(tn_type type, const void *element) {
  float narrow;
  if (type != TN_F32) return isfinite(tn_load_float(type, element));
  memcpy(&narrow, element, sizeof narrow);
  return isfinite(narrow);
}

/* "-0": XLA reads what has neither point nor exponent as an integer, which has no
 * negative zero; "-0.0" is one.                                                     */
static bool is_integer_zero(const char *at, size_t length) {
  for (size_t i = 1; i < length; i++)
    if (at[i] != '0') return false;
  return at[0] == '-' && length > 1;
}

static const char *read_float(reader *r, const char *at, void *to) {
  size_t length = at < r->end ? tn_parse_float(r->part, at, (size_t)(r->end - at), to) : 0;
  if (!length) return not_an_element(r, at, "a number");
  if (is_integer_zero(at, length)) tn_store_float(r->part, to, 0);
  if ((is_finite(r->part, to) && !saturated(r->part, at, length)) || says_so(at, length)) return at + length;
  stand_at(r, at);
  tn_hlo_error(r->p, "%.*s is out of range for %s", TN_CLIP(((tn_str){at, length})), tn_type_name(r->part));
  return NULL;
}

/* (re, im), or re alone */
static const char *read_complex(reader *r, const char *at, void *to) {
  char *imaginary = (char *)to + tn_type_bytes(r->part);
  if (at == r->end || *at != '(') {
    memset(imaginary, 0, tn_type_bytes(r->part));
    return read_float(r, at, to);
  }
  const char *stop = tn_skip_blanks(at + 1, r->end);
  if (!stop || !(stop = read_float(r, stop, to))) return stop ? NULL : not_an_element(r, at, "(re, im)");
  stop = tn_skip_blanks(stop, r->end);
  if (!stop || stop == r->end || *stop != ',') return not_an_element(r, at, "(re, im)");
  stop = tn_skip_blanks(stop + 1, r->end);
  if (!stop) return not_an_element(r, at, "(re, im)");
  if (!(stop = read_float(r, stop, imaginary))) return NULL;
  stop = tn_skip_blanks(stop, r->end);
  if (!stop || stop == r->end || *stop != ')') return not_an_element(r, at, "(re, im)");
  return stop + 1;
}

/* ---- integers ---- */

static const char *out_of_range(reader *r, const char *at) {
  stand_at(r, at);
  tn_hlo_error(r->p, "%.*s is out of range for %s, which is %lld to %llu", TN_CLIP(extent(at, r->end)),
               tn_type_name(r->type), (long long)r->low, (unsigned long long)r->high);
  return NULL;
}

/* Digits from `at`; *value wraps where they do not fit. */
static const char *digits(const char *at, const char *end, uint64_t *value) {
  for (*value = 0; at < end && tn_is_digit(*at); at++) *value = *value * 10 + (uint64_t)(*at - '0');
  return at;
}

/* Digits in the type's range, as the value's 64 bits. */
static inline const char *integer(reader *r, const char *at, uint64_t *bits) {
  bool negative = at < r->end && *at == '-';
  const char *from = at + negative;
  uint64_t value;
  const char *stop = digits(from, r->end, &value);
  if (stop == from || (stop < r->end && tn_is_name_char(*stop))) return not_an_element(r, at, "an integer");
  while (stop - from > 19 && *from == '0') from++;
  if (stop - from > 20 || (stop - from == 20 && (*from != '1' || value < UINT64_C(10000000000000000000))))
    return out_of_range(r, at);
  if (value > (negative ? 0 - (uint64_t)r->low : r->high)) return out_of_range(r, at);
  *bits = negative ? 0 - value : value;
  return stop;
}

static const char *read_integer(reader *r, const char *at, void *to) {
  uint64_t bits;
  const char *stop = integer(r, at, &bits);
  if (stop) tn_store_integer(r->type, to, (int64_t)bits);
  return stop;
}

static const char *read_s32(reader *r, const char *at, void *to) {
  uint64_t bits;
  const char *stop = integer(r, at, &bits);
  if (!stop) return NULL;
  uint32_t low = (uint32_t)bits;
  memcpy(to, &low, sizeof low);
  return stop;
}

static const char *read_predicate(reader *r, const char *at, void *to) {
  tn_str text = extent(at, r->end);
  if (!tn_str_is(text, "true") && !tn_str_is(text, "false") && !tn_str_is(text, "0") && !tn_str_is(text, "1"))
    return not_an_element(r, at, "true or false");
  *(uint8_t *)to = *at == 't' || *at == '1';
  return at + text.length;
}

/* ---- braces ---- */

/* " at [1,0]": where in the array the innermost open brace stands, for messages. */
static const char *position(reader *r) {
  char *text = tn_arena_alloc(r->p->scratch, (size_t)r->nest * 22 + 8), *to = text;
  to += sprintf(to, " at [");
  for (int i = 0; i + 1 < r->nest; i++)
    to += snprintf(to, 22, "%s%lld", i ? "," : "", (long long)r->seen[i] - 1);
  *to = ']';
  return text;
}

static const char *wrong_count(reader *r, const char *at, bool too_many) {
  stand_at(r, at);
  int dim = r->nest - 1;
  tn_hlo_error(r->p, "dimension %d of %s has %lld elements, found %s%lld%s", dim,
               tn_shape_text(r->p->scratch, r->shape), (long long)r->shape->dims[dim],
               too_many ? "at least " : "", (long long)r->seen[dim], r->nest > 1 ? position(r) : "");
  return NULL;
}

static const char *wrong_depth(reader *r, const char *at) {
  stand_at(r, at);
  tn_hlo_error(r->p, "%s needs %d level%s of '{', found '%c' at level %d",
               tn_shape_text(r->p->scratch, r->shape), r->shape->rank, r->shape->rank == 1 ? "" : "s", *at,
               r->nest);
  return NULL;
}

/* One more element of the innermost brace. */
static bool one_more(reader *r, const char *at) {
  int dim = r->nest - 1;
  return ++r->seen[dim] <= r->shape->dims[dim] || wrong_count(r, at, true);
}

static bool open_brace(reader *r, const char *at) {
  if (r->nest == r->shape->rank) return wrong_depth(r, at);
  if (r->nest && !one_more(r, at)) return false;
  r->seen[r->nest++] = 0;
  return true;
}

static bool close_brace(reader *r, const char *at) {
  if (r->nest == 0) return wrong_depth(r, at);
  if (r->seen[r->nest - 1] != r->shape->dims[r->nest - 1]) return wrong_count(r, at, false);
  r->nest--;
  return true;
}

/* Elements separated by commas, up to what is not an element. */
static const char *elements(reader *r, const char *at) {
  char ignored[16];
  int64_t *seen = &r->seen[r->nest - 1], size = r->shape->dims[r->nest - 1];
  for (;;) {
    if (++*seen > size) return wrong_count(r, at, true);
    at = r->read(r, at, r->data ? r->data + (size_t)r->count * r->item : ignored);
    if (!at) return NULL;
    r->count++;
    if (at == r->end) return at;
    if (!strchr(",} \n\t\r/", *at)) return not_an_element(r, at, "',' or '}'");
    at += *at == ',';
    while (at < r->end && *at == ' ') at++;
    if (at == r->end || *at == '}' || *at == '\n' || *at == '\r' || *at == '\t' || *at == '/') return at;
  }
}

/* From the first brace to the last. */
static const char *nested(reader *r, const char *at) {
  do {
    at = tn_skip_blanks(at, r->end);
    if (!at || at == r->end) {
      stand_at(r, r->end);
      tn_hlo_error(r->p, "a literal that does not end");
      return NULL;
    }
    if (*at == '{' || *at == '}') {
      if (!(*at == '{' ? open_brace(r, at) : close_brace(r, at))) return NULL;
      at++;
    } else if (*at == ',') {
      at++;
    } else if (r->nest == r->shape->rank) {
      at = elements(r, at);
      if (!at) return NULL;
    } else {
      return wrong_depth(r, at);
    }
  } while (r->nest > 0);
  return at;
}

/* ---- arrays ---- */

static element_reader *reader_of(tn_type type) {
  switch (tn_type_class_of(type)) {
  case TN_CLASS_PREDICATE: return read_predicate;
  case TN_CLASS_SIGNED: return type == TN_S32 ? read_s32 : read_integer;
  case TN_CLASS_UNSIGNED: return read_integer;
  case TN_CLASS_FLOAT: return read_float;
  case TN_CLASS_COMPLEX: return read_complex;
  case TN_CLASS_OTHER: return NULL;
  }
  return NULL;
}

static reader make_reader(tn_hlo_parser *p, const tn_shape *shape, const char *at) {
  reader r = {.p = p, .shape = shape, .type = shape->type, .read = reader_of(shape->type), .end = p->lex.end};
  r.item = tn_type_bytes(shape->type);
  r.part = tn_type_is_complex(shape->type) ? tn_type_part(shape->type) : shape->type;
  int bits = tn_type_bits(shape->type);
  if (tn_type_class_of(shape->type) == TN_CLASS_SIGNED) {
    r.low = bits == 64 ? INT64_MIN : -(INT64_C(1) << (bits - 1));
    r.high = (UINT64_C(1) << (bits - 1)) - 1;
  } else if (tn_type_class_of(shape->type) == TN_CLASS_UNSIGNED) {
    r.high = UINT64_MAX >> (64 - bits);
  }
  int64_t room = (p->lex.end - at) / 2 + 1; /* "1," is the shortest element */
  int64_t count = tn_shape_elements(shape);
  if (count <= room) r.data = tn_arena_alloc_raw(p->arena, (size_t)count * r.item);
  return r;
}

/* The current token is the literal's first, which began at `at`. */
static bool array_literal(tn_hlo_parser *p, const tn_shape *shape, const char *at, tn_literal **literal) {
  if (tn_shape_is_dynamic(shape))
    return tn_hlo_error(p, "a constant of dynamic shape %s", tn_shape_text(p->scratch, shape));
  reader r = make_reader(p, shape, at);
  at = shape->rank ? nested(&r, at) : r.read(&r, at, r.data);
  if (!at) return false;
  tn_lexer_skip_to(&p->lex, at);
  tn_lexer_next(&p->lex);
  *literal = tn_literal_array(p->arena, shape, r.data);
  return true;
}

/* `{...}`; nothing is taken if it is not. */
static bool accept_elided(tn_hlo_parser *p) {
  tn_lexer before = p->lex;
  if (tn_hlo_accept(p, '{') && tn_hlo_accept(p, TN_TOK_DOTS) && tn_hlo_accept(p, '}')) return true;
  p->lex = before;
  return false;
}

/* ( {1}, true ): elided parts are refused here, since no side file stands for them. */
static bool tuple_literal(tn_hlo_parser *p, const tn_shape *shape, tn_literal **literal) {
  tn_literal **parts = TN_NEW_ARRAY(p->arena, tn_literal *, shape->rank);
  if (!tn_hlo_expect(p, '(', "to begin a tuple")) return false;
  for (int i = 0; i < shape->rank; i++) {
    if (i && !tn_hlo_expect(p, ',', "between the elements of a tuple")) return false;
    if (!tn_hlo_literal(p, shape->elements[i], &parts[i])) return false;
    if (!parts[i]) return tn_hlo_error(p, "elided values, {...}, inside a tuple");
  }
  *literal = tn_literal_tuple(p->arena, shape, parts);
  return tn_hlo_expect(p, ')', tn_arena_printf(p->scratch, "after the tuple's %d elements", shape->rank));
}

bool tn_hlo_literal(tn_hlo_parser *p, const tn_shape *shape, tn_literal **literal) {
  *literal = NULL;
  if (tn_shape_is_tuple(shape)) {
    if (!tn_hlo_descend(p, "literals")) return false;
    bool read = tuple_literal(p, shape, literal);
    p->depth--;
    return read;
  }
  if (!tn_shape_is_array(shape)) return tn_hlo_error(p, "%s has no literals", tn_type_name(shape->type));
  if (tn_hlo_kind(p) == '{' && accept_elided(p)) return true;
  return array_literal(p, shape, p->lex.token.text.at, literal);
}

/* ---- what stands for {...} ---- */

/* Bytes that are no value of their type must not come in through a file. */
static bool check_narrow(tn_type type, const uint8_t *bytes, size_t count) {
  int bits = tn_type_bits(type);
  if (bits >= 8) return true;
  bool is_signed = tn_type_class_of(type) == TN_CLASS_SIGNED;
  int low = is_signed ? -(1 << (bits - 1)) : 0, high = (1 << (bits - is_signed)) - 1;
  for (size_t i = 0; i < count; i++) {
    int value = is_signed ? (int8_t)bytes[i] : bytes[i];
    if (value < low || value > high) return false;
  }
  return true;
}

/* The file must lie in the directory itself: no path, no hidden name, no link. */
static bool side_file(tn_hlo_parser *p, const tn_pending *inst, const char *name, tn_literal **literal) {
  const char *directory = p->options.directory;
  if (!directory) return tn_hlo_error_at(p, inst->location, "'%s': side files are not allowed here", name);
  if (!*name || *name == '.' || strchr(name, '/'))
    return tn_hlo_error_at(p, inst->location, "'%s' is not the name of a side file", name);
  const char *path = tn_arena_printf(p->scratch, "%s/%s", directory, name);
  struct stat status;
  if (!lstat(path, &status) && !S_ISREG(status.st_mode))
    return tn_hlo_error_at(p, inst->location, "side file '%s' is not a regular file", path);
  tn_str bytes;
  int64_t wanted = tn_shape_bytes(inst->shape);
  if (!tn_file_map(p->arena, p->sink, path, UINT64_MAX, &bytes)) return false;
  if ((int64_t)bytes.length != wanted)
    return tn_hlo_error_at(p, inst->location, "side file '%s' has %zu bytes, %s takes %lld", path,
                           bytes.length, tn_shape_text(p->scratch, inst->shape), (long long)wanted);
  if (!check_narrow(inst->shape->type, (const uint8_t *)bytes.at, bytes.length))
    return tn_hlo_error_at(p, inst->location, "side file '%s' holds values that %s has not", path,
                           tn_type_name(inst->shape->type));
  *literal = tn_literal_array(p->arena, inst->shape, bytes.at);
  return true;
}

bool tn_hlo_elided(tn_hlo_parser *p, const tn_pending *inst, tn_literal **literal) {
  if (inst->side_file) return side_file(p, inst, inst->side_file, literal);
  if (tn_shape_is_array(inst->shape) && tn_shape_elements(inst->shape) == 0) { /* braces alone were left out */
    *literal = tn_literal_zero(p->arena, inst->shape);
    return true;
  }
  switch (p->options.elided) {
  case TN_ELIDED_REFUSED:
    return tn_hlo_error_at(p, inst->location,
                           "constant: the values of '%.*s' are elided, {...}: they are not in this text",
                           TN_CLIP(inst->name));
  case TN_ELIDED_ZERO: *literal = tn_literal_zero(p->arena, inst->shape); return true;
  case TN_ELIDED_RANDOM:
    *literal = tn_literal_random(p->arena, inst->shape, p->options.elided_seed, p->n_filled++, false);
    return true;
  }
  return false;
}
