/* Shapes and layouts. Immutable; they live in a module's arena and may be shared.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_SHAPE_H
#define TN_IR_SHAPE_H

#include "base/type.h"

/* A list of dimension numbers or sizes. */
typedef struct {
  const int64_t *at;
  int count;
} tn_dims;

/* Where `value` first stands in the list; -1 if it does not. */
static inline int tn_dims_find(tn_dims dims, int64_t value) {
  for (int i = 0; i < dims.count; i++)
    if (dims.at[i] == value) return i;
  return -1;
}
static inline bool tn_dims_contain(tn_dims dims, int64_t value) { return tn_dims_find(dims, value) >= 0; }

typedef enum { TN_LEVEL_DENSE, TN_LEVEL_COMPRESSED, TN_LEVEL_SINGLETON, TN_LEVEL_LOOSE } tn_level_kind;

typedef struct {
  tn_level_kind kind;
  bool not_unique;  /* + */
  bool not_ordered; /* ~ */
} tn_level;

/* T(a,b,…): the trailing dims of the tile; TN_TILE_COMBINE stands for `*`. */
#define TN_TILE_COMBINE INT64_MIN

typedef struct {
  int dim;
  tn_dims at; /* SC(dim:i,j) */
} tn_split;

/* Where an element lies. XLA's semantics (xla/layout.h): minor_to_major orders the
 * dims, the first tile cuts the major-to-minor ordered dims into tiles (sizes padded
 * up), each later tile cuts the tile before it.                                      */
typedef struct {
  tn_dims minor_to_major;
  const tn_level *levels; /* D(...): one a dim, or NULL */
  const tn_dims *tiles;
  int n_tiles;
  int64_t tail_alignment;      /* L(n); 1 if absent */
  tn_type index_type;          /* #(u32); NONE if absent */
  tn_type pointer_type;        /* *(u32) */
  int element_bits;            /* E(4); 0 if absent */
  int memory_space;            /* S(1) */
  const tn_split *splits;
  int n_splits;
  const struct tn_shape *physical; /* P(shape), or NULL */
  int64_t metadata_bytes;          /* M(n) */
} tn_layout;

#define TN_DIM_UNBOUNDED (-1) /* `?` */

typedef struct tn_shape tn_shape;
struct tn_shape {
  tn_type type;   /* of the elements; TUPLE, TOKEN, OPAQUE; BUFFER has one element */
  int rank;       /* of arrays; number of elements of a tuple */
  const int64_t *dims;    /* sizes; of a dynamic dim its bound, or TN_DIM_UNBOUNDED */
  const bool *dynamic;    /* `<=N` and `?`; NULL: none is */
  const tn_layout *layout;         /* as written; NULL: none, meaning row-major */
  const tn_shape *const *elements; /* of tuples and buffers */
};

/* Construction. dims are copied. Row-major, static. */
const tn_shape *tn_shape_array(tn_arena *arena, tn_type type, int rank, const int64_t *dims);
const tn_shape *tn_shape_scalar(tn_arena *arena, tn_type type);
const tn_shape *tn_shape_tuple(tn_arena *arena, int count, const tn_shape *const *elements);
const tn_shape *tn_shape_token(tn_arena *arena);
const tn_shape *tn_shape_with_type(tn_arena *arena, const tn_shape *shape, tn_type type);
const tn_shape *tn_shape_with_layout(tn_arena *arena, const tn_shape *shape, const tn_layout *layout);
const tn_shape *tn_shape_without_layout(tn_arena *arena, const tn_shape *shape); /* deep */
const tn_shape *tn_shape_clone(tn_arena *arena, const tn_shape *shape);          /* deep */

/* Equality of types and dims (bounds and dynamism too), of tuples by element. */
bool tn_shape_same_dims(const tn_shape *a, const tn_shape *b); /* not the types */
bool tn_shape_equal(const tn_shape *a, const tn_shape *b);     /* not the layouts */
bool tn_shape_identical(const tn_shape *a, const tn_shape *b); /* and the layouts */

static inline bool tn_shape_is_array(const tn_shape *s) { return tn_type_is_array(s->type); }
static inline bool tn_shape_is_tuple(const tn_shape *s) { return s->type == TN_TUPLE; }
static inline bool tn_shape_is_scalar(const tn_shape *s) { return tn_shape_is_array(s) && s->rank == 0; }
bool tn_shape_is_dynamic(const tn_shape *s); /* deep */

/* Number of elements, bounds taken for sizes; the verifier has refused what overflows
 * int64 and unbounded dims count 0. Of a tuple: 0.                                    */
int64_t tn_shape_elements(const tn_shape *shape);
/* Bytes of a literal of this shape: row-major, unpadded, sub-byte types a byte each.
 * Tuples: the sum of their parts.                                                     */
int64_t tn_shape_bytes(const tn_shape *shape);

/* Layouts. */
bool tn_layout_is_row_major(const tn_shape *shape); /* and untiled, E(0), or none */
/* Number of array leaves of a (nested) tuple, 1 of an array; tokens are not leaves. */
int tn_shape_leaves(const tn_shape *shape);
/* Bytes that an array takes in its layout: tiles padded, E(4) packed two a byte. */
int64_t tn_layout_bytes(const tn_shape *shape);
/* Elements that a byte holds: 2 with E(4), 1 where an element has bytes of its own. */
int tn_layout_packing(const tn_shape *shape);
/* Elements in physical order, padding of tiles and of the tail included. */
int64_t tn_layout_elements(const tn_shape *shape);
/* The element offset of logical position `index` in the layout (tiles included). */
int64_t tn_layout_offset(const tn_shape *shape, const int64_t *index);
/* Between row-major logical order (one sub-byte element a byte) and the layout's
 * order; padding becomes 0. E(4): the first element in the low half of its byte.
 * At least 1 GB/s for whole-byte elements.                                        */
void tn_layout_pack(const tn_shape *shape, const void *logical, void *physical);
void tn_layout_unpack(const tn_shape *shape, const void *physical, void *logical);

/* HLO text: "f32[2,<=8]{1,0:T(8,128)}"; layouts only if asked. */
void tn_shape_print(tn_text *out, const tn_shape *shape, bool layouts);
/* The same in scratch memory, for messages; without layouts. */
const char *tn_shape_text(tn_arena *scratch, const tn_shape *shape);

#endif
