/* Attributes that are spelt as patterns: windows, padding, the dims of convolutions.
 *
 *     window={size=3x3 stride=2x2 pad=0_1x0_1 rhs_reversal=1x1}
 *     padding=0_1_0x2_2
 *     dim_labels=b01f_01io->b01f
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

/* ---- 0_1x-2_3_1 ---- */

/* Reads lists of `least` to `most` numbers each; they are pushed, each filled up to
 * `most` with 0. Returns the number of lists, -1 after an error.                   */
static int pads(tn_hlo_parser *p, int least, int most, const char *example) {
  tn_location here = tn_hlo_here(p);
  tn_str text = tn_lexer_reread_run(&p->lex, "_-");
  const char *at = text.at, *end = at + text.length;
  int count = 0;
  for (bool more = true; more; count++) {
    const char *stop = memchr(at, 'x', (size_t)(end - at));
    more = stop != NULL;
    if (!more) stop = end;
    tn_dims numbers = tn_hlo_dims_of_text(p, (tn_str){at, (size_t)(stop - at)}, '_');
    if (numbers.count < least || numbers.count > most) {
      tn_hlo_error_at(p, here, "expected padding such as %s, found '%.*s'", example, TN_CLIP(text));
      return -1;
    }
    for (int i = 0; i < most; i++) TN_PUSH(p->scratch, &p->ints, i < numbers.count ? numbers.at[i] : 0);
    at = stop + more;
  }
  return count;
}

/* The padding of a scalar is spelt as nothing: the '=' is followed by a ',' or by the
 * end of the line.                                                                  */
static bool nothing_follows(const tn_hlo_parser *p) {
  const char *at = p->lex.token.text.at - p->lex.token.percent;
  if (tn_hlo_kind(p) == ',' || tn_hlo_kind(p) == '}' || tn_hlo_kind(p) == TN_TOK_END) return true;
  while (*--at != '=')
    if (*at == '\n') return true;
  return false;
}

bool tn_hlo_padding(tn_hlo_parser *p, tn_attributes *attr) {
  if (nothing_follows(p)) return true;
  int first = p->ints.count, count = pads(p, 2, 3, "0_1_0x2_2");
  if (count < 0) return false;
  tn_pad_dim *at = TN_NEW_ARRAY(p->arena, tn_pad_dim, count);
  const int64_t *from = p->ints.at + first;
  for (int i = 0; i < count; i++) at[i] = (tn_pad_dim){from[3 * i], from[3 * i + 1], from[3 * i + 2]};
  p->ints.count = first;
  attr->pad.at = at;
  attr->pad.count = count;
  return true;
}

/* ---- windows ---- */

typedef struct {
  tn_dims size, stride, pad, lhs_dilate, rhs_dilate, rhs_reversal;
} window_lists;

static bool by_x(tn_hlo_parser *p, tn_dims *list) {
  tn_location here = tn_hlo_here(p);
  tn_str text = tn_lexer_reread_run(&p->lex, "-");
  *list = tn_hlo_dims_of_text(p, text, 'x');
  return list->count > 0 ||
         tn_hlo_error_at(p, here, "expected numbers such as 3x3, found '%.*s'", TN_CLIP(text));
}

static bool window_item(tn_hlo_parser *p, window_lists *lists) {
  static const char *const names[] = {"size", "stride", "pad", "lhs_dilate", "rhs_dilate", "rhs_reversal"};
  enum { COUNT = sizeof names / sizeof *names };
  tn_dims *const members[COUNT] = {&lists->size,       &lists->stride,     &lists->pad,
                                   &lists->lhs_dilate, &lists->rhs_dilate, &lists->rhs_reversal};
  tn_location here = tn_hlo_here(p);
  tn_str word;
  int which = 0;
  if (!tn_hlo_word(p, "size, stride, pad, lhs_dilate, rhs_dilate or rhs_reversal", &word)) return false;
  while (which < COUNT && !tn_str_is(word, names[which])) which++;
  if (which == COUNT)
    return tn_hlo_error_at(p, here, "window has no '%.*s'%s", TN_CLIP(word),
                           tn_hlo_suggestion(p, word, names, COUNT));
  if (members[which]->count) return tn_hlo_error_at(p, here, "window: %s is given twice", names[which]);
  if (!tn_hlo_expect(p, '=', "in a window")) return false;
  if (which != 2) return by_x(p, members[which]);
  int first = p->ints.count;
  if (pads(p, 2, 2, "0_1x2_2") < 0) return false;
  lists->pad = tn_hlo_pop_dims(p, first);
  return true;
}

static bool check_lengths(tn_hlo_parser *p, tn_location here, const window_lists *lists) {
  int rank = lists->size.count;
  const struct {
    const char *name;
    int count;
  } others[] = {{"stride", lists->stride.count},
                {"pad", lists->pad.count / 2},
                {"lhs_dilate", lists->lhs_dilate.count},
                {"rhs_dilate", lists->rhs_dilate.count},
                {"rhs_reversal", lists->rhs_reversal.count}};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (others[i].count && others[i].count != rank)
      return tn_hlo_error_at(p, here, "window: size has %d dimensions, %s has %d", rank, others[i].name,
                             others[i].count);
  return true;
}

static int64_t nth(tn_dims list, int i, int64_t absent) { return list.count ? list.at[i] : absent; }

bool tn_hlo_window(tn_hlo_parser *p, tn_window *window) {
  window_lists lists = {0};
  tn_location here = tn_hlo_here(p);
  if (!tn_hlo_expect(p, '{', "to begin a window")) return false;
  while (tn_hlo_kind(p) != '}') {
    tn_hlo_accept(p, ',');
    if (!window_item(p, &lists)) return false;
  }
  tn_lexer_next(&p->lex);
  if (!check_lengths(p, here, &lists)) return false;
  int rank = lists.size.count;
  tn_window_dim *dims = TN_NEW_ARRAY(p->arena, tn_window_dim, rank);
  for (int i = 0; i < rank; i++)
    dims[i] = (tn_window_dim){.size = lists.size.at[i],
                              .stride = nth(lists.stride, i, 1),
                              .pad_low = nth(lists.pad, 2 * i, 0),
                              .pad_high = nth(lists.pad, 2 * i + 1, 0),
                              .lhs_dilation = nth(lists.lhs_dilate, i, 1),
                              .rhs_dilation = nth(lists.rhs_dilate, i, 1),
                              .reversal = nth(lists.rhs_reversal, i, 0) != 0};
  *window = (tn_window){dims, rank};
  return true;
}

/* ---- dims of convolutions ---- */

/* One of the three parts: two letters and the digits 0 to n-1, each once; '?' stands
 * for a dim without a role.                                                         */
static bool roles(tn_hlo_parser *p, tn_location here, tn_str text, const char *letters, int64_t *first,
                  int64_t *second, tn_dims *spatial) {
  int64_t position[10];
  int count = 0;
  memset(position, -1, sizeof position);
  *first = *second = -1;
  for (size_t i = 0; i < text.length; i++) {
    char c = text.at[i];
    int64_t *role = c == letters[0]   ? first
                    : c == letters[1] ? second
                    : tn_is_digit(c)  ? &position[c - '0']
                                      : NULL;
    if (c == '?') continue;
    if (!role)
      return tn_hlo_error_at(p, here, "dim_labels: '%c' is not %c, %c, a digit or '?'", c, letters[0],
                             letters[1]);
    if (*role >= 0) return tn_hlo_error_at(p, here, "dim_labels: '%.*s' has '%c' twice", TN_CLIP(text), c);
    *role = (int64_t)i;
    count += role != first && role != second;
  }
  if (*first < 0 || *second < 0)
    return tn_hlo_error_at(p, here, "dim_labels: '%.*s' lacks %c or %c", TN_CLIP(text), letters[0],
                           letters[1]);
  for (int i = 0; i < count; i++)
    if (position[i] < 0) return tn_hlo_error_at(p, here, "dim_labels: '%.*s' lacks %d", TN_CLIP(text), i);
  *spatial = (tn_dims){tn_arena_copy(p->arena, position, (size_t)count * sizeof *position), count};
  return true;
}

bool tn_hlo_conv_dims(tn_hlo_parser *p, tn_conv_dims *dims) {
  tn_location here = tn_hlo_here(p);
  tn_str text = tn_lexer_reread_run(&p->lex, "_?>");
  const char *end = text.at + text.length;
  const char *bar = memchr(text.at, '_', text.length);
  const char *arrow = bar ? memchr(bar, '>', (size_t)(end - bar)) : NULL;
  if (!arrow)
    return tn_hlo_error_at(p, here, "expected dimensions such as b01f_01io->b01f, found '%.*s'",
                           TN_CLIP(text));
  tn_str input = {text.at, (size_t)(bar - text.at)}, kernel = {bar + 1, (size_t)(arrow - 1 - bar - 1)};
  tn_str output = {arrow + 1, (size_t)(end - arrow - 1)};
  if (!roles(p, here, input, "bf", &dims->input_batch, &dims->input_feature, &dims->input_spatial) ||
      !roles(p, here, kernel, "io", &dims->kernel_input, &dims->kernel_output, &dims->kernel_spatial) ||
      !roles(p, here, output, "bf", &dims->output_batch, &dims->output_feature, &dims->output_spatial))
    return false;
  int a = dims->input_spatial.count, b = dims->kernel_spatial.count, c = dims->output_spatial.count;
  if (a == b && b == c) return true;
  return tn_hlo_error_at(p, here, "dim_labels: %d, %d and %d spatial dimensions differ", a, b, c);
}
