/* The values of attributes: a reader for each FORM of ir/attrs.def.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

#include "base/number.h"

/* ---- enumerations: the spellings of enums.def, by type ---- */

#define ENUM_BEGIN(name)     static const char *const name##_spellings[] = {
#define ENUM(name, ID, text) text,
#define ENUM_END(name)                                                                                       \
  }                                                                                                          \
  ;
#include "ir/enums.def"
#undef ENUM_BEGIN
#undef ENUM
#undef ENUM_END

static bool one_of(tn_hlo_parser *p, const char *what, const char *const *spellings, size_t count, void *to) {
  tn_location here = tn_hlo_here(p);
  tn_str word;
  if (!tn_hlo_word(p, what, &word)) return false;
  for (unsigned i = 0; i < count; i++)
    if (tn_str_is(word, spellings[i])) {
      memcpy(to, &i, sizeof i);
      return true;
    }
  return tn_hlo_error_at(p, here, "'%.*s' is not %s%s", TN_CLIP(word), what,
                         tn_hlo_suggestion(p, word, spellings, (int)count));
}
_Static_assert(sizeof(tn_direction) == sizeof(unsigned), "enumerations are stored as unsigned");

#define ONE_OF(what, type)                                                                                   \
  one_of(p, what, type##_spellings, sizeof type##_spellings / sizeof *type##_spellings, to)

/* ---- lists ---- */

bool tn_hlo_index(tn_hlo_parser *p, tn_dims *index) { return tn_hlo_dims(p, '{', '}', index); }

/* {1}: exactly one dim */
static bool one_dim(tn_hlo_parser *p, int64_t *dim) {
  tn_location here = tn_hlo_here(p);
  tn_dims dims;
  if (!tn_hlo_index(p, &dims)) return false;
  if (dims.count != 1) return tn_hlo_error_at(p, here, "one dimension needed, %d given", dims.count);
  *dim = dims.at[0];
  return true;
}

/* {[0:8:2], [1:3]}, pushed as triples */
static bool slice_ranges(tn_hlo_parser *p) {
  if (!tn_hlo_expect(p, '{', "to begin slices")) return false;
  while (tn_hlo_kind(p) != '}') {
    int64_t range[3] = {0, 0, 1};
    if (!tn_hlo_expect(p, '[', "to begin a range") || !tn_hlo_int(p, "a start", &range[0]) ||
        !tn_hlo_expect(p, ':', "after the start") || !tn_hlo_int(p, "a limit", &range[1]))
      return false;
    if (tn_hlo_accept(p, ':') && !tn_hlo_int(p, "a stride", &range[2])) return false;
    if (!tn_hlo_expect(p, ']', "to end a range")) return false;
    for (int i = 0; i < 3; i++) TN_PUSH(p->scratch, &p->ints, range[i]);
    if (!tn_hlo_accept(p, ',')) break;
  }
  return tn_hlo_expect(p, '}', "to end the slices");
}

/* Every third of the integers pushed since `first`, from `offset` on. */
static tn_dims third(tn_hlo_parser *p, int first, int offset) {
  int count = (p->ints.count - first) / 3;
  int64_t *at = TN_NEW_ARRAY(p->arena, int64_t, count);
  for (int i = 0; i < count; i++) at[i] = p->ints.at[first + 3 * i + offset];
  return (tn_dims){at, count};
}

static bool slices(tn_hlo_parser *p, tn_slice_attributes *slice) {
  int first = p->ints.count;
  if (!slice_ranges(p)) return false;
  slice->starts = third(p, first, 0);
  slice->limits = third(p, first, 1);
  slice->strides = third(p, first, 2);
  p->ints.count = first;
  return true;
}

/* {default,highest} */
static bool precisions(tn_hlo_parser *p, tn_precisions *list) {
  TN_VEC(tn_precision) items = {0};
  if (!tn_hlo_expect(p, '{', "to begin a list of precisions")) return false;
  while (tn_hlo_kind(p) != '}') {
    tn_precision precision, *to = &precision;
    if (!ONE_OF("a precision", tn_precision)) return false;
    TN_PUSH(p->arena, &items, precision);
    if (!tn_hlo_accept(p, ',')) break;
  }
  *list = (tn_precisions){items.at, items.count};
  return tn_hlo_expect(p, '}', "to end a list of precisions");
}

/* {f32[2]{0}, s32[]} */
static bool shapes(tn_hlo_parser *p, tn_shapes *list) {
  TN_VEC(const tn_shape *) items = {0};
  if (!tn_hlo_expect(p, '{', "to begin a list of shapes")) return false;
  while (tn_hlo_kind(p) != '}') {
    const tn_shape *shape;
    if (!tn_hlo_shape(p, &shape)) return false;
    TN_PUSH(p->arena, &items, shape);
    if (!tn_hlo_accept(p, ',')) break;
  }
  *list = (tn_shapes){items.at, items.count};
  return tn_hlo_expect(p, '}', "to end a list of shapes");
}

/* {{0}: (1, {}), {1}: (2, {0})} */
static bool aliasing(tn_hlo_parser *p, tn_operand_aliases *list) {
  TN_VEC(tn_operand_alias) items = {0};
  if (!tn_hlo_expect(p, '{', "to begin the aliases")) return false;
  while (tn_hlo_kind(p) != '}') {
    tn_operand_alias alias = {0};
    if (!tn_hlo_index(p, &alias.output) || !tn_hlo_expect(p, ':', "after the output") ||
        !tn_hlo_expect(p, '(', "before the operand") || !tn_hlo_int(p, "an operand", &alias.operand) ||
        !tn_hlo_expect(p, ',', "after the operand") || !tn_hlo_index(p, &alias.index) ||
        !tn_hlo_expect(p, ')', "after the operand's index"))
      return false;
    TN_PUSH(p->arena, &items, alias);
    if (!tn_hlo_accept(p, ',')) break;
  }
  *list = (tn_operand_aliases){items.at, items.count};
  return tn_hlo_expect(p, '}', "to end the aliases");
}

/* {{0,1},{1,2}} */
static bool pairs(tn_hlo_parser *p, tn_pairs *list) {
  TN_VEC(tn_pair) items = {0};
  if (!tn_hlo_expect(p, '{', "to begin the pairs")) return false;
  while (tn_hlo_kind(p) != '}') {
    tn_location here = tn_hlo_here(p);
    tn_dims pair;
    if (!tn_hlo_index(p, &pair)) return false;
    if (pair.count != 2) return tn_hlo_error_at(p, here, "a pair of %d numbers", pair.count);
    TN_PUSH(p->arena, &items, (tn_pair){pair.at[0], pair.at[1]});
    if (!tn_hlo_accept(p, ',')) break;
  }
  *list = (tn_pairs){items.at, items.count};
  return tn_hlo_expect(p, '}', "to end the pairs");
}

/* ---- the rest ---- */

/* "as written, read as f32" */
static bool float_value(tn_hlo_parser *p, double *value) {
  tn_str text = p->lex.token.text;
  float narrow;
  int kind = tn_hlo_kind(p);
  bool number =
      kind == TN_TOK_INT || kind == TN_TOK_NUMBER || tn_hlo_at_word(p, "inf") || tn_hlo_at_word(p, "nan");
  if (!number || tn_parse_float(TN_F32, text.at, text.length, &narrow) != text.length)
    return tn_hlo_expected(p, "a number");
  *value = narrow;
  tn_lexer_next(&p->lex);
  return true;
}

static bool word_value(tn_hlo_parser *p, const char **value) {
  tn_str word;
  if (!tn_hlo_word(p, "a word", &word)) return false;
  *value = tn_arena_string_n(p->arena, word.at, word.length);
  return true;
}

/* A literal behind its shape: f32[2]{0} {1, 2} */
static bool literal_value(tn_hlo_parser *p, const tn_literal **value) {
  const tn_shape *shape;
  tn_literal *literal;
  tn_location here = tn_hlo_here(p);
  if (!tn_hlo_shape(p, &shape) || !tn_hlo_literal(p, shape, &literal)) return false;
  if (!literal) return tn_hlo_error_at(p, here, "the literal's values are elided, {...}");
  *value = literal;
  return true;
}

/* {kind="sharding", entry={…}, exit={…}} */
static bool domain(tn_hlo_parser *p, tn_attributes *attr) {
  if (!tn_hlo_expect(p, '{', "to begin a domain")) return false;
  while (tn_hlo_kind(p) != '}') {
    tn_location here = tn_hlo_here(p);
    tn_str word;
    if (!tn_hlo_word(p, "kind, entry or exit", &word) || !tn_hlo_expect(p, '=', "in a domain")) return false;
    bool read = tn_str_is(word, "kind")    ? tn_hlo_string(p, &attr->domain.kind)
                : tn_str_is(word, "entry") ? tn_hlo_sharding(p, &attr->domain.entry)
                : tn_str_is(word, "exit")  ? tn_hlo_sharding(p, &attr->domain.exit)
                                           : tn_hlo_error_at(p, here, "domain has no '%.*s'", TN_CLIP(word));
    if (!read) return false;
    if (!tn_hlo_accept(p, ',')) break;
  }
  if (!attr->domain.kind || !attr->domain.entry || !attr->domain.exit)
    return tn_hlo_error(p, "domain: kind, entry or exit is missing");
  return tn_hlo_expect(p, '}', "to end a domain");
}

bool tn_hlo_value(tn_hlo_parser *p, tn_form form, void *to) {
  switch (form) {
  case TN_FORM_ALGORITHM: return ONE_OF("a random algorithm", tn_algorithm);
  case TN_FORM_ALIASING: return aliasing(p, to);
  case TN_FORM_API_VERSION: return ONE_OF("an API version", tn_api_version);
  case TN_FORM_BOOL:
  case TN_FORM_BOOL_TRUE: return tn_hlo_bool(p, to);
  case TN_FORM_BRACED: return tn_hlo_braces(p, to);
  case TN_FORM_COMPARE_TYPE: return ONE_OF("a comparison type", tn_compare_type);
  case TN_FORM_CONV_DIMS: return tn_hlo_conv_dims(p, to);
  case TN_FORM_COUNT:
  case TN_FORM_ID:
  case TN_FORM_INT: return tn_hlo_int(p, "an integer", to);
  case TN_FORM_CUSTOM_SCHEDULE: return ONE_OF("a schedule", tn_custom_schedule);
  case TN_FORM_DIMS: return tn_hlo_index(p, to);
  case TN_FORM_DIRECTION: return ONE_OF("a comparison direction", tn_direction);
  case TN_FORM_DISTRIBUTION: return ONE_OF("a distribution", tn_distribution);
  case TN_FORM_DOMAIN: return domain(p, to);
  case TN_FORM_FFT_TYPE: return ONE_OF("an FFT type", tn_fft_type);
  case TN_FORM_ENCODING: return ONE_OF("an encoding", tn_encoding);
  case TN_FORM_FLOAT: return float_value(p, to);
  case TN_FORM_FUSION_KIND: return ONE_OF("a fusion kind", tn_fusion_kind);
  case TN_FORM_GROUPS: return tn_hlo_groups(p, to);
  case TN_FORM_LITERAL: return literal_value(p, to);
  case TN_FORM_ONE_DIM: return one_dim(p, to);
  case TN_FORM_PADDING: return tn_hlo_padding(p, to);
  case TN_FORM_PAIRS: return pairs(p, to);
  case TN_FORM_PRECISION: return precisions(p, to);
  case TN_FORM_SHAPE: return tn_hlo_shape(p, to);
  case TN_FORM_SHAPES: return shapes(p, to);
  case TN_FORM_SLICES: return slices(p, to);
  case TN_FORM_STRING: return tn_hlo_string(p, to);
  case TN_FORM_TRANSPOSE_A: return ONE_OF("a transposition", tn_transpose_a);
  case TN_FORM_TRISTATE: return ONE_OF("true or false", tn_tristate);
  case TN_FORM_WINDOW: return tn_hlo_window(p, to);
  case TN_FORM_WORD: return word_value(p, to);
  case TN_FORM_BRANCHES: /* attributes.c */
  case TN_FORM_COMP:
  case TN_FORM_COMPS:
  case TN_FORMS: return false;
  }
  return false;
}
