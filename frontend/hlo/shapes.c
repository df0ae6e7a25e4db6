/* Shapes and layouts of HLO text.
 *
 *   f32[2,<=8,?]{2,1,0:T(8,128)(2,1)E(16)S(1)}    (f32[], token[])    b(f32[4])
 *
 * Shapes are immutable and most programs repeat a few of them, so array shapes are
 * kept by their spelling: the same letters give the same object, without being read
 * again. Sizes are checked here (products in 64 bits, --max-tensor-bytes), so that
 * nobody behind the parser meets an overflow.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

/* ---- recognising ---- */

static bool next_char_is(const tn_hlo_parser *p, char c) {
  const char *at = tn_skip_blanks(p->lex.cursor, p->lex.end);
  return at && at < p->lex.end && *at == c;
}

static bool at_buffer(const tn_hlo_parser *p) { return tn_hlo_at_word(p, "b") && next_char_is(p, '('); }

bool tn_hlo_at_shape(const tn_hlo_parser *p) {
  if (tn_hlo_kind(p) == '(') return true;
  if (tn_hlo_kind(p) != TN_TOK_WORD || p->lex.token.percent) return false;
  if (next_char_is(p, '[')) return tn_type_from_name(p->lex.token.text) != TN_TYPE_NONE;
  return at_buffer(p);
}

/* The spelling of the array shape at the current token, where it has no blanks or
 * comments: what repeated shapes are found by. Length 0: read it the long way.     */
static tn_str spelling(const tn_hlo_parser *p) {
  const char *from = p->lex.token.text.at, *at = p->lex.cursor, *end = p->lex.end;
  tn_str none = {from, 0};
  if (at == end || *at != '[') return none;
  while (at < end && *at != ']' && (tn_is_digit(*at) || strchr("[,<=?", *at))) at++;
  if (at == end || *at++ != ']') return none;
  if (end - at < 2 || at[0] != '{' || !(tn_is_digit(at[1]) || at[1] == ':'))
    return (tn_str){from, (size_t)(at - from)};
  while (at < end && *at != '}' && *at > ' ' && *at != '/') at++;
  /* braces inside braces, P(shape), are rare: the long way */
  if (at == end || *at != '}' || memchr(from, 'P', (size_t)(at - from))) return none;
  return (tn_str){from, (size_t)(at + 1 - from)};
}

/* ---- sizes ---- */

static bool dim_size(tn_hlo_parser *p, int64_t *size, bool *dynamic) {
  if (tn_hlo_accept(p, '?')) {
    *size = TN_DIM_UNBOUNDED;
    return *dynamic = true;
  }
  *dynamic = tn_hlo_accept(p, TN_TOK_LEQ);
  tn_location here = tn_hlo_here(p);
  if (!tn_hlo_int(p, "a size", size)) return false;
  return *size >= 0 || tn_hlo_error_at(p, here, "a size of %lld is negative", (long long)*size);
}

/* No product of a subset of the dims may overflow: zero dims do not excuse others. */
static bool check_bytes(tn_hlo_parser *p, const tn_shape *shape) {
  int64_t bytes = (int64_t)tn_type_bytes(shape->type);
  bool empty = false, overflow = false;
  if (!bytes) bytes = 1;
  for (int i = 0; i < shape->rank; i++) {
    empty |= shape->dims[i] == 0;
    if (shape->dims[i] > 0) overflow |= __builtin_mul_overflow(bytes, shape->dims[i], &bytes);
  }
  if (overflow || bytes > INT64_MAX / 4) return tn_hlo_error(p, "the shape's size overflows 64 bits");
  if (empty || bytes <= p->options.max_tensor_bytes) return true;
  return tn_hlo_limit(p, "a shape of %lld bytes is above the limit of %lld (--max-tensor-bytes)",
                      (long long)bytes, (long long)p->options.max_tensor_bytes);
}

/* [2,<=8,?] */
static bool array_dims(tn_hlo_parser *p, tn_shape *shape) {
  int64_t sizes[TN_HLO_MAX_RANK];
  bool dynamic[TN_HLO_MAX_RANK], any = false;
  if (!tn_hlo_expect(p, '[', "after the element type")) return false;
  while (tn_hlo_kind(p) != ']') {
    if (shape->rank == TN_HLO_MAX_RANK)
      return tn_hlo_limit(p, "a shape of more than %d dimensions", TN_HLO_MAX_RANK);
    if (!dim_size(p, &sizes[shape->rank], &dynamic[shape->rank])) return false;
    any |= dynamic[shape->rank++];
    if (!tn_hlo_accept(p, ',')) break;
  }
  size_t rank = (size_t)shape->rank;
  if (rank) shape->dims = tn_arena_copy(p->arena, sizes, rank * sizeof *sizes);
  if (any) shape->dynamic = tn_arena_copy(p->arena, dynamic, rank * sizeof *dynamic);
  if (rank && !tn_type_is_array(shape->type))
    return tn_hlo_error(p, "%s has no dimensions", tn_type_name(shape->type));
  return check_bytes(p, shape) && tn_hlo_expect(p, ']', "after the sizes");
}

/* ---- layouts ---- */

/* E(4): the number between parentheses. */
static bool in_parentheses(tn_hlo_parser *p, const char *what, int64_t least, int64_t most, int64_t *value) {
  return tn_hlo_expect(p, '(', "in a layout") && tn_hlo_count(p, what, least, most, value) &&
         tn_hlo_expect(p, ')', "in a layout");
}

static bool minor_to_major(tn_hlo_parser *p, const tn_shape *shape, tn_layout *layout) {
  bool seen[TN_HLO_MAX_RANK] = {false};
  tn_location here = tn_hlo_here(p);
  int first = p->ints.count;
  while (tn_hlo_kind(p) == TN_TOK_INT) {
    int64_t dim;
    if (p->ints.count - first == shape->rank)
      return tn_hlo_error(p, "the layout orders more than the shape's %d dimensions", shape->rank);
    if (!tn_hlo_count(p, "layout: dimension", 0, shape->rank - 1, &dim)) return false;
    if (seen[dim]) return tn_hlo_error_at(p, here, "the layout names dimension %lld twice", (long long)dim);
    seen[dim] = true;
    TN_PUSH(p->scratch, &p->ints, dim);
    if (!tn_hlo_accept(p, ',')) break;
  }
  layout->minor_to_major = tn_hlo_pop_dims(p, first);
  if (layout->minor_to_major.count == shape->rank) return true;
  return tn_hlo_error_at(p, here, "the layout orders %d of the shape's %d dimensions",
                         layout->minor_to_major.count, shape->rank);
}

/* D(D,C+~): one a dimension */
static bool levels(tn_hlo_parser *p, const tn_shape *shape, tn_layout *layout) {
  static const char letters[] = "DCSH";
  tn_level at[TN_HLO_MAX_RANK];
  int count = 0;
  if (!tn_hlo_expect(p, '(', "after D")) return false;
  for (bool more = tn_hlo_kind(p) != ')'; more; more = tn_hlo_accept(p, ',')) {
    tn_str word = p->lex.token.text;
    const char *letter = tn_hlo_kind(p) == TN_TOK_WORD && word.length == 1 ? strchr(letters, *word.at) : NULL;
    if (!letter) return tn_hlo_expected(p, "D, C, S or H");
    if (count == shape->rank)
      return tn_hlo_error(p, "more level types than the shape's %d dimensions", shape->rank);
    tn_lexer_next(&p->lex);
    tn_level *level = &at[count++];
    level->kind = (tn_level_kind)(letter - letters);
    level->not_unique = tn_hlo_accept(p, '+');
    level->not_ordered = tn_hlo_accept(p, '~');
  }
  if (count != shape->rank)
    return tn_hlo_error(p, "%d level types for the shape's %d dimensions", count, shape->rank);
  layout->levels = tn_arena_copy(p->arena, at, (size_t)count * sizeof *at);
  return tn_hlo_expect(p, ')', "after the level types");
}

static bool tile(tn_hlo_parser *p, tn_dims *sizes) {
  int first = p->ints.count;
  if (!tn_hlo_expect(p, '(', "to begin a tile")) return false;
  for (bool more = tn_hlo_kind(p) != ')'; more; more = tn_hlo_accept(p, ',')) {
    int64_t size = TN_TILE_COMBINE;
    if (!tn_hlo_accept(p, '*') && !tn_hlo_count(p, "tile size", 1, INT32_MAX, &size)) return false;
    if (p->ints.count - first == TN_HLO_MAX_RANK)
      return tn_hlo_limit(p, "a tile of more than %d dimensions", TN_HLO_MAX_RANK);
    TN_PUSH(p->scratch, &p->ints, size);
  }
  *sizes = tn_hlo_pop_dims(p, first);
  return tn_hlo_expect(p, ')', "after a tile");
}

/* T(8,128)(2,1): each pads the whole array up, so their number and the padded size
 * are bounded like the shape's.                                                    */
static bool tiles(tn_hlo_parser *p, const tn_shape *shape, tn_layout *layout) {
  tn_dims at[8];
  int64_t bytes = 16;
  for (int i = 0; i < shape->rank; i++)
    if (shape->dims[i] > 0 && __builtin_mul_overflow(bytes, shape->dims[i], &bytes))
      return tn_hlo_error(p, "the tiled shape's size overflows 64 bits");
  do {
    if (layout->n_tiles == 8) return tn_hlo_limit(p, "a layout of more than 8 tiles");
    tn_dims *sizes = &at[layout->n_tiles];
    if (!tile(p, sizes)) return false;
    for (int i = 0; i < sizes->count; i++)
      if (sizes->at[i] > 0 && __builtin_mul_overflow(bytes, sizes->at[i], &bytes))
        return tn_hlo_error(p, "the tiled shape's size overflows 64 bits");
    layout->n_tiles++;
  } while (tn_hlo_kind(p) == '(');
  layout->tiles = tn_arena_copy(p->arena, at, (size_t)layout->n_tiles * sizeof *at);
  return true;
}

/* #(u32), *(u32) */
static bool index_type(tn_hlo_parser *p, tn_type *type) {
  tn_str word;
  if (!tn_hlo_expect(p, '(', "before the index type")) return false;
  tn_location here = tn_hlo_here(p);
  if (!tn_hlo_word(p, "an unsigned type", &word)) return false;
  *type = tn_type_from_name(word);
  if (tn_type_class_of(*type) != TN_CLASS_UNSIGNED)
    return tn_hlo_error_at(p, here, "'%.*s' is not an unsigned type", TN_CLIP(word));
  return tn_hlo_expect(p, ')', "after the index type");
}

/* SC(dim:i,j)(dim:i) */
static bool splits(tn_hlo_parser *p, const tn_shape *shape, tn_layout *layout) {
  TN_VEC(tn_split) list = {0};
  do {
    tn_split split = {0};
    int64_t dim, index;
    if (!tn_hlo_expect(p, '(', "in a split") ||
        !tn_hlo_count(p, "split dimension", 0, shape->rank - 1, &dim) || !tn_hlo_expect(p, ':', "in a split"))
      return false;
    int first = p->ints.count;
    do {
      if (!tn_hlo_int(p, "an integer", &index)) return false;
      TN_PUSH(p->scratch, &p->ints, index);
    } while (tn_hlo_accept(p, ','));
    split.dim = (int)dim;
    split.at = tn_hlo_pop_dims(p, first);
    TN_PUSH(p->arena, &list, split);
    if (!tn_hlo_expect(p, ')', "after a split")) return false;
  } while (tn_hlo_kind(p) == '(');
  layout->splits = list.at;
  layout->n_splits = list.count;
  return true;
}

static bool physical_shape(tn_hlo_parser *p, tn_layout *layout) {
  return tn_hlo_expect(p, '(', "after P") && tn_hlo_shape(p, &layout->physical) &&
         tn_hlo_expect(p, ')', "after the physical shape");
}

/* What follows the ':'; each part at most once, in this order. */
static bool layout_parts(tn_hlo_parser *p, const tn_shape *shape, tn_layout *layout) {
  int64_t bits = 0, space = 0;
  if (tn_hlo_accept_word(p, "D") && !levels(p, shape, layout)) return false;
  if (tn_hlo_accept_word(p, "T") && !tiles(p, shape, layout)) return false;
  if (tn_hlo_accept_word(p, "L") &&
      !in_parentheses(p, "tail alignment", 1, INT32_MAX, &layout->tail_alignment))
    return false;
  if (tn_hlo_accept(p, '#') && !index_type(p, &layout->index_type)) return false;
  if (tn_hlo_accept(p, '*') && !index_type(p, &layout->pointer_type)) return false;
  if (tn_hlo_accept_word(p, "E") && !in_parentheses(p, "element size", 0, 128, &bits)) return false;
  if (tn_hlo_accept_word(p, "S") && !in_parentheses(p, "memory space", 0, INT32_MAX, &space)) return false;
  if (tn_hlo_accept_word(p, "SC") && !splits(p, shape, layout)) return false;
  if (tn_hlo_accept_word(p, "P") && !physical_shape(p, layout)) return false;
  if (tn_hlo_accept_word(p, "M") &&
      !in_parentheses(p, "metadata size", 0, INT64_MAX / 2, &layout->metadata_bytes))
    return false;
  layout->element_bits = (int)bits;
  layout->memory_space = (int)space;
  return true;
}

/* After a shape a '{' begins a layout if an integer or ':' follows; else it begins a
 * computation or a literal.                                                          */
static bool at_layout(const tn_hlo_parser *p) {
  if (tn_hlo_kind(p) != '{') return false;
  const char *at = tn_skip_blanks(p->lex.cursor, p->lex.end);
  return at && at < p->lex.end && (tn_is_digit(*at) || *at == ':');
}

static bool read_layout(tn_hlo_parser *p, tn_shape *shape) {
  tn_layout *layout = TN_NEW(p->arena, tn_layout);
  layout->tail_alignment = 1;
  tn_lexer_next(&p->lex);
  if (!minor_to_major(p, shape, layout)) return false;
  if (tn_hlo_accept(p, ':') && !layout_parts(p, shape, layout)) return false;
  shape->layout = layout;
  return tn_hlo_expect(p, '}', "to end a layout");
}

/* ---- shapes ---- */

bool tn_hlo_unknown_type(tn_hlo_parser *p, tn_str word, tn_location here) {
  const char *names[TN_TYPE_COUNT];
  int count = 0;
  for (tn_type type = TN_PRED; type < TN_TUPLE; type++) names[count++] = tn_type_name(type);
  const char *suggestion = tn_hlo_suggestion(p, word, names, count);
  return tn_hlo_error_at(p, here, "'%.*s' is not an element type%s", TN_CLIP(word), suggestion);
}

static bool array_shape(tn_hlo_parser *p, const tn_shape **out) {
  tn_str word, key = spelling(p);
  tn_hlo_name *entry = NULL;
  bool fresh;
  if (key.length) {
    entry = tn_hlo_names_find(&p->shapes, key);
    if (entry) {
      *out = entry->value;
      p->lex.cursor = key.at + key.length;
      tn_lexer_next(&p->lex);
      return true;
    }
  }
  tn_location here = tn_hlo_here(p);
  if (!tn_hlo_word(p, "a shape", &word)) return false;
  tn_shape *shape = TN_NEW(p->arena, tn_shape);
  shape->type = tn_type_from_name(word);
  if (shape->type == TN_TYPE_NONE || shape->type == TN_TUPLE || shape->type == TN_BUFFER)
    return tn_hlo_unknown_type(p, word, here);
  if (!array_dims(p, shape) || (at_layout(p) && !read_layout(p, shape))) return false;
  if (key.length) tn_hlo_names_add(p->scratch, &p->shapes, key, &fresh)->value = shape;
  *out = shape;
  return true;
}

/* The elements between '(' and ')'. */
static bool shape_elements(tn_hlo_parser *p, tn_shape *shape) {
  int first = p->shape_list.count;
  tn_lexer_next(&p->lex);
  for (bool more = tn_hlo_kind(p) != ')'; more; more = tn_hlo_accept(p, ',')) {
    const tn_shape *element;
    if (!tn_hlo_shape(p, &element)) return false;
    TN_PUSH(p->scratch, &p->shape_list, element);
  }
  shape->rank = p->shape_list.count - first;
  p->shape_list.count = first;
  if (shape->rank)
    shape->elements =
        tn_arena_copy(p->arena, p->shape_list.at + first, (size_t)shape->rank * sizeof *shape->elements);
  return tn_hlo_expect(p, ')', "to end a tuple shape");
}

bool tn_hlo_shape(tn_hlo_parser *p, const tn_shape **out) {
  bool buffer = at_buffer(p);
  if (!buffer && tn_hlo_kind(p) != '(') return array_shape(p, out);

  tn_shape *shape = TN_NEW(p->arena, tn_shape);
  if (!tn_hlo_descend(p, "shapes")) return false;
  if (buffer) tn_lexer_next(&p->lex);
  bool read = shape_elements(p, shape);
  p->depth--;
  shape->type = buffer ? TN_BUFFER : TN_TUPLE;
  if (read && buffer && shape->rank != 1)
    return tn_hlo_error(p, "a buffer holds one shape, not %d", shape->rank);
  *out = shape;
  return read;
}
