/* replica_groups, in their three spellings:
 *
 *     {{0,1},{2,3}}
 *     [2,2]<=[2,2]T(1,0)                     the devices 0 to 3 as a matrix, transposed
 *     mesh['a'=2,'b'=4] {'a','b':(1)2}   groups along the axes of a mesh
 *
 * The text is kept for the printer and the groups are resolved. Short spellings name
 * many devices, so their number is bounded.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "frontend/hlo/parser.h"

enum {
  MAX_DEVICES = 1 << 16,     /* of one list of groups */
  MAX_ALL_DEVICES = 1 << 22, /* of all in a text */
};

/* False where the text has named enough. */
static bool spend(tn_hlo_parser *p, int64_t devices) {
  p->n_devices += devices;
  return p->n_devices <= MAX_ALL_DEVICES ||
         tn_hlo_limit(p, "replica groups of more than %d devices in one text", MAX_ALL_DEVICES);
}

/* ---- lists of devices ---- */

static int64_t product(tn_dims dims) {
  int64_t all = 1;
  for (int i = 0; i < dims.count; i++)
    if (dims.at[i] < 1 || __builtin_mul_overflow(all, dims.at[i], &all) || all > MAX_DEVICES) return -1;
  return all;
}

/* Whether `order` is a permutation of 0 … n-1. */
static bool permutes(tn_dims order, int n) {
  bool seen[TN_HLO_MAX_RANK] = {false};
  if (order.count != n || n > TN_HLO_MAX_RANK) return false;
  for (int i = 0; i < n; i++) {
    if (order.at[i] < 0 || order.at[i] >= n || seen[order.at[i]]) return false;
    seen[order.at[i]] = true;
  }
  return true;
}

/* The devices 0 … in the shape `sizes`, transposed by `order`. */
static void fill_iota(tn_dims sizes, tn_dims order, int64_t *devices, int64_t count) {
  int64_t stride[TN_HLO_MAX_RANK], next = 1;
  for (int i = sizes.count - 1; i >= 0; next *= sizes.at[i--]) stride[i] = next;
  for (int64_t i = 0; i < count; i++) {
    int64_t rest = i;
    devices[i] = 0;
    for (int j = order.count - 1; j >= 0; j--) {
      int64_t size = sizes.at[order.at[j]];
      devices[i] += rest % size * stride[order.at[j]];
      rest /= size;
    }
  }
}

static tn_dims identity(tn_hlo_parser *p, int count) {
  int64_t *at = TN_NEW_ARRAY(p->arena, int64_t, count);
  for (int i = 0; i < count; i++) at[i] = i;
  return (tn_dims){at, count};
}

/* [2,2]T(1,0) */
static bool iota_devices(tn_hlo_parser *p, tn_dims *devices) {
  tn_location here = tn_hlo_here(p);
  tn_dims sizes;
  if (!tn_hlo_dims(p, '[', ']', &sizes)) return false;
  tn_dims order = identity(p, sizes.count);
  if (tn_hlo_accept_word(p, "T") && !tn_hlo_dims(p, '(', ')', &order)) return false;
  int64_t count = product(sizes);
  if (count < 1 || !permutes(order, sizes.count))
    return tn_hlo_error_at(p, here, "%d dimensions of 1 to %d devices, permuted by %d, name no devices",
                           sizes.count, MAX_DEVICES, order.count);
  if (!spend(p, count)) return false;
  int64_t *at = TN_NEW_ARRAY(p->arena, int64_t, count);
  fill_iota(sizes, order, at, count);
  *devices = (tn_dims){at, (int)count};
  return true;
}

/* [groups,size]<=[a,b]T(1,0) */
static bool iota_groups(tn_hlo_parser *p, tn_groups *groups) {
  tn_location here = tn_hlo_here(p);
  tn_dims shape, devices;
  if (!tn_hlo_dims(p, '[', ']', &shape)) return false;
  if (!tn_hlo_accept(p, TN_TOK_LEQ)) return tn_hlo_expected(p, "'<=' after the shape of the groups");
  if (!iota_devices(p, &devices)) return false;
  if (shape.count != 2 || product(shape) != devices.count)
    return tn_hlo_error_at(p, here, "replica_groups: %d devices do not fill the groups", devices.count);
  tn_dims *at = TN_NEW_ARRAY(p->arena, tn_dims, shape.at[0]);
  for (int64_t i = 0; i < shape.at[0]; i++) at[i] = (tn_dims){devices.at + i * shape.at[1], (int)shape.at[1]};
  groups->at = at;
  groups->count = (int)shape.at[0];
  return true;
}

static bool listed_groups(tn_hlo_parser *p, tn_groups *groups) {
  TN_VEC(tn_dims) items = {0};
  if (!tn_hlo_expect(p, '{', "to begin the groups")) return false;
  while (tn_hlo_kind(p) != '}') {
    tn_dims group;
    if (!tn_hlo_index(p, &group)) return false;
    TN_PUSH(p->arena, &items, group);
    if (!tn_hlo_accept(p, ',')) break;
  }
  groups->at = items.at;
  groups->count = items.count;
  return tn_hlo_expect(p, '}', "to end the groups");
}

/* ---- meshes ---- */

/* A part of a mesh axis: positions along the axis divide as [pre][size][rest]. */
typedef struct {
  int64_t size;
  int64_t stride; /* of the part, in places of the mesh */
} axis_part;

typedef struct {
  TN_VEC(tn_str) names;
  tn_dims sizes;
  int64_t count;   /* of devices */
  tn_dims devices; /* by position; count 0: 0, 1, 2, … */
  TN_VEC(axis_part) parts;
} mesh;

/* ['a'=2,'b'=4] */
static bool mesh_axes(tn_hlo_parser *p, mesh *m) {
  int first = p->ints.count;
  tn_location here = tn_hlo_here(p);
  if (!tn_hlo_expect(p, '[', "to begin the axes")) return false;
  while (tn_hlo_kind(p) != ']') {
    int64_t size;
    tn_str name = p->lex.token.text;
    if (tn_hlo_kind(p) != TN_TOK_STRING && tn_hlo_kind(p) != TN_TOK_WORD)
      return tn_hlo_expected(p, "an axis");
    tn_lexer_next(&p->lex);
    if (!tn_hlo_expect(p, '=', "after the axis") || !tn_hlo_int(p, "a size", &size)) return false;
    TN_PUSH(p->scratch, &m->names, name);
    TN_PUSH(p->scratch, &p->ints, size);
    if (!tn_hlo_accept(p, ',')) break;
  }
  m->sizes = tn_hlo_pop_dims(p, first);
  m->count = product(m->sizes);
  if (m->count >= 1 && !spend(p, m->count)) return false;
  if (m->count < 1) return tn_hlo_error_at(p, here, "a mesh must have 1 to %d devices", MAX_DEVICES);
  return tn_hlo_expect(p, ']', "to end the axes");
}

/* , device_ids=([4]T(0)) or , device_ids=(3,2,1,0) */
static bool mesh_devices(tn_hlo_parser *p, mesh *m) {
  tn_location here = tn_hlo_here(p);
  if (!tn_hlo_accept(p, ',')) return true;
  if (!tn_hlo_accept_word(p, "device_ids") || !tn_hlo_expect(p, '=', "after device_ids"))
    return tn_hlo_expected(p, "device_ids");
  tn_lexer before = p->lex;
  if (!tn_hlo_expect(p, '(', "before the devices")) return false;
  if (tn_hlo_kind(p) == '[') {
    if (!iota_devices(p, &m->devices) || !tn_hlo_expect(p, ')', "after the devices")) return false;
  } else {
    p->lex = before;
    if (!tn_hlo_dims(p, '(', ')', &m->devices)) return false;
  }
  return m->devices.count == m->count ||
         tn_hlo_error_at(p, here, "the mesh has %lld places, %d devices are given", (long long)m->count,
                         m->devices.count);
}

/* 'a', 1 or 'a':(pre)size */
static bool mesh_part(tn_hlo_parser *p, mesh *m) {
  tn_location here = tn_hlo_here(p);
  tn_str name = p->lex.token.text;
  int64_t axis = 0, pre = 1, size;
  if (tn_hlo_kind(p) == TN_TOK_INT) {
    if (!tn_hlo_int(p, "an axis", &axis)) return false;
  } else {
    while (axis < m->names.count &&
           (m->names.at[axis].length != name.length || memcmp(m->names.at[axis].at, name.at, name.length)))
      axis++;
    tn_lexer_next(&p->lex);
  }
  if (axis < 0 || axis >= m->names.count)
    return tn_hlo_error_at(p, here, "the mesh has no axis %.*s", TN_CLIP(name));
  size = m->sizes.at[axis];
  if (tn_hlo_accept(p, ':') &&
      (!tn_hlo_expect(p, '(', "before the part") || !tn_hlo_int(p, "a size", &pre) ||
       !tn_hlo_expect(p, ')', "in a part of an axis") || !tn_hlo_int(p, "a size", &size)))
    return false;
  int64_t whole = m->sizes.at[axis];
  if (pre < 1 || size < 1 || pre > whole || size > whole || whole % (pre * size))
    return tn_hlo_error_at(p, here, "an axis of %lld has no part (%lld)%lld", (long long)whole,
                           (long long)pre, (long long)size);
  int64_t stride = whole / (pre * size);
  for (int i = (int)axis + 1; i < m->sizes.count; i++) stride *= m->sizes.at[i];
  TN_PUSH(p->scratch, &m->parts, (axis_part){size, stride});
  return m->parts.count <= TN_HLO_MAX_RANK || tn_hlo_error_at(p, here, "more than %d axes", TN_HLO_MAX_RANK);
}

static bool mesh_parts(tn_hlo_parser *p, mesh *m) {
  if (!tn_hlo_expect(p, '{', "before the axes of the groups")) return false;
  while (tn_hlo_kind(p) != '}') {
    if (!mesh_part(p, m)) return false;
    if (!tn_hlo_accept(p, ',')) break;
  }
  return tn_hlo_expect(p, '}', "after the axes of the groups");
}

/* Places that differ only along the parts form a group, ordered by the parts as they
 * are listed, the first outermost; groups come in the order of their first place.    */
static bool split_mesh(tn_hlo_parser *p, const mesh *m, tn_location here, tn_groups *groups) {
  int64_t size = 1, count = 0;
  for (int i = 0; i < m->parts.count; i++)
    if (__builtin_mul_overflow(size, m->parts.at[i].size, &size) || size > m->count)
      return tn_hlo_error_at(p, here, "the axes of the groups overlap");
  int *filled = TN_NEW_ARRAY(p->scratch, int, m->count), *number = TN_NEW_ARRAY(p->scratch, int, m->count);
  int64_t *device = TN_NEW_ARRAY(p->arena, int64_t, m->count);
  for (int64_t place = 0; place < m->count; place++) {
    int64_t member = 0, first = place;
    for (int i = 0; i < m->parts.count; i++) {
      int64_t stride = m->parts.at[i].stride, index = place / stride % m->parts.at[i].size;
      member = member * m->parts.at[i].size + index;
      first -= index * stride;
    }
    if (first < 0 || filled[first] == size || (!filled[first] && (count + 1) * size > m->count))
      return tn_hlo_error_at(p, here, "the axes of the groups overlap");
    if (!filled[first]++) number[first] = (int)count++;
    device[number[first] * size + member] = m->devices.count ? m->devices.at[place] : place;
  }
  if (count * size != m->count) return tn_hlo_error_at(p, here, "the axes of the groups overlap");
  tn_dims *at = TN_NEW_ARRAY(p->arena, tn_dims, count);
  for (int64_t i = 0; i < count; i++) at[i] = (tn_dims){device + i * size, (int)size};
  groups->at = at;
  groups->count = (int)count;
  return true;
}

static bool mesh_groups(tn_hlo_parser *p, tn_groups *groups) {
  mesh m = {0};
  tn_location here = tn_hlo_here(p);
  tn_lexer_next(&p->lex);
  return mesh_axes(p, &m) && mesh_devices(p, &m) && mesh_parts(p, &m) && split_mesh(p, &m, here, groups);
}

/* ---- all of them ---- */

/* The text between two places without its blanks and comments; *last is where the
 * last piece ends.                                                                  */
static const char *squeezed(tn_hlo_parser *p, const char *from, const char *to, const char **last) {
  size_t first = p->text.length;
  while ((from = tn_skip_blanks(from, to)) && from < to) {
    const char *end = *from == '"' || *from == '\'' ? tn_skip_string(from, to) : from + 1;
    tn_text_put_n(&p->text, from, (size_t)(end - from));
    from = *last = end;
  }
  const char *text = tn_arena_string_n(p->arena, p->text.bytes + first, p->text.length - first);
  p->text.length = first;
  return text;
}

/* Programs repeat their groups: the same spelling gives the same object. */
static bool same_as_last(tn_hlo_parser *p, const char *from, tn_groups *groups) {
  tn_str last = p->groups_spelling;
  if (!last.length || (size_t)(p->lex.end - from) < last.length || memcmp(from, last.at, last.length))
    return false;
  const char *behind = tn_skip_blanks(from + last.length, p->lex.end);
  if (!behind || (behind < p->lex.end && *behind == 'T')) return false; /* may go on: T(1,0) */
  *groups = p->groups;
  tn_lexer_skip_to(&p->lex, from + last.length);
  tn_lexer_next(&p->lex);
  return true;
}

bool tn_hlo_groups(tn_hlo_parser *p, tn_groups *groups) {
  const char *from = p->lex.token.text.at;
  if (same_as_last(p, from, groups)) return true;
  bool read = tn_hlo_kind(p) == '['       ? iota_groups(p, groups)
              : tn_hlo_at_word(p, "mesh") ? mesh_groups(p, groups)
                                          : listed_groups(p, groups);
  if (!read) return false;
  const char *to = p->lex.token.text.at - p->lex.token.percent;
  const char *end = from;
  groups->text = squeezed(p, from, to, &end);
  p->groups_spelling = (tn_str){from, (size_t)(end - from)};
  p->groups = *groups;
  return true;
}
