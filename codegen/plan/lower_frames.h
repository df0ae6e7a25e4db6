/* A lowering's state: the bodies that are open while a group becomes a kernel (lower_frames.c),
 * and what lower.c keeps of the elements that it has lowered.
 *
 *   frames[0]   body of the outermost loop       a frame is a body that is being filled; its
 *   frames[1]     body of a reduce in it         statement joins the body around it when it
 *   frames[2]       …                            closes, behind what was put there meanwhile
 *
 * Frames have numbers that are never used again: what belongs to one is known by its number
 * while it is open, and forgotten, by not being found, when it is closed.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_LOWER_FRAMES_H
#define TN_PLAN_LOWER_FRAMES_H

#include "codegen/plan/lower.h"

enum { TN_MAX_FRAMES = 8 };

/* A body that is being filled. */
typedef struct {
  int id;
  tn_stmt *owner;
  tn_stmt **tail;
} tn_frame;

typedef struct {
  tn_inst *inst;
  int output; /* of a reduce with several results */
  tn_position at;
  int frame; /* known while this frame is open */
  const tn_expr *expr;
} tn_lowered_element;

/* inst's elements, computed inside a reduce and kept: local[at of the kept dims]. */
typedef struct {
  tn_inst *inst;
  tn_position at;
  const bool *kept;
  int frame, filling, buffer; /* known while `frame` is open */
  bool is_whole;              /* the reduce whose body `filling` is has been closed */
} tn_kept_element;

typedef struct {
  const tn_expr *expr;
  int frame, value;
} tn_shared_let;

/* A row that a sort statement has sorted. */
typedef struct {
  const tn_inst *inst;
  int output;
  tn_position row;
  int frame; /* known while it is open */
  int local;
} tn_sorted_row;

/* The nest of loops that is being lowered. Its dims have numbers that follow each other. */
typedef struct {
  int first, rank;
  int fast;            /* the dim of the innermost loop; -1: there is none */
  uint64_t reduced_on; /* its dims that some reduction's result depends on, from `first` on */
  bool has_reduce;
} tn_nest;

typedef struct tn_stages tn_stages;

struct tn_lowering {
  const tn_group *group;
  tn_lowered *out;
  tn_arena *arena;
  tn_kernel *kernel;
  tn_frame frames[TN_MAX_FRAMES];
  int n_frames, next_frame;
  TN_VEC(tn_dim) dims;
  TN_VEC(int) dim_frame;
  TN_VEC(tn_kernel_value) values;
  TN_VEC(int) value_frame;
  TN_VEC(tn_kernel_buffer) buffers; /* leaves; then roots; then locals, kept apart until the end */
  TN_VEC(tn_kernel_buffer) locals;
  TN_VEC(int) local_frame; /* that holds the local */
  TN_VEC(tn_inst *) leaves;
  TN_VEC(tn_section) sections; /* of the leaves */
  TN_VEC(tn_lowered_element) memos;
  TN_VEC(tn_kept_element) caches;
  TN_VEC(tn_shared_let) lets;
  TN_VEC(tn_sorted_row) sorts;
  TN_VEC(tn_guard_range) guards;
  tn_nest nest;
  tn_stages *stages; /* lower_stages.c; NULL: the group has none */
  tn_pieces pieces; /* of the only root; none: it is stored as it is */
  tn_root_places places;
  int elements;     /* lowered */
  bool failed;
};

/* ---- frames ---- */
bool tn_frame_push(tn_lowering *l, tn_stmt *owner); /* false: too many */
void tn_frame_pop(tn_lowering *l);
void tn_frame_append(tn_frame *f, tn_stmt *stmt);
int tn_frame_depth(const tn_lowering *l, int id); /* on the stack; -1: it is closed */
/* Of the innermost open frame that it needs. */
int tn_frame_depth_of_expr(const tn_lowering *l, const tn_expr *expr);
int tn_frame_depth_of_position(const tn_lowering *l, tn_position at, int rank);

/* ---- what frames hold ---- */
int tn_frame_new_dim(tn_lowering *l, const char *name, int64_t size, tn_dim_kind kind, int frame);
int tn_frame_new_value(tn_lowering *l, const char *prefix, tn_type type, int frame);
/* Declared at the end of the frame's body so far. */
int tn_frame_new_local(tn_lowering *l, const tn_shape *shape, tn_frame *f);
/* Every let once a body. */
const tn_expr *tn_frame_let(tn_lowering *l, const tn_expr *expr, int depth);

/* ---- nests of loops (lower.c) ---- */
/* A loop over `rank` dims in the innermost body, and what it stores at each point. Reductions
 * inside stand in a loop of their own around it, over the dims in `outer`.                 */
typedef struct {
  tn_inst *inst; /* that it is about */
  int rank;
  const int64_t *sizes;
  const int *order;            /* of the loops; NULL: 0, 1, … */
  const tn_index *const *base; /* at[i] is base[i] + the value of dim i; NULL: 0 */
  uint64_t outer;
  bool (*store)(tn_lowering *l, void *user, tn_position at);
  bool (*store_outer)(tn_lowering *l, void *user, tn_position at); /* in the outer body; or NULL */
  void *user;
} tn_nest_form;
/* The nest's statement, NULL after a failure; *nest: what was found out about it. */
tn_stmt *tn_lower_nest(tn_lowering *l, const tn_nest_form *form, tn_nest *nest);
/* Those of its dims that an index depends on, from the first on. */
uint64_t tn_nest_dims_of(const tn_nest *nest, const tn_index *index);

/* ---- values of a group that are materialised (lower_stages.c) ---- */
/* NULL: none. */
tn_stages *tn_stages_find(const tn_group *group);
/* The kernel's body, lowered twice as all are; `run` 0 only looks. NULL after a failure. */
tn_stmt *tn_lower_staged(tn_lowering *l, int run, const tn_nest_form *root);
/* Is the element of inst read from a local rather than computed here? */
bool tn_is_staged(const tn_lowering *l, const tn_inst *inst);
const tn_expr *tn_lower_stage(tn_lowering *l, tn_inst *inst, tn_position at);

bool tn_expr_is_trivial(const tn_expr *expr); /* not worth a let */
int tn_element_rank(const tn_inst *inst);     /* of a tuple's first element */

#endif
