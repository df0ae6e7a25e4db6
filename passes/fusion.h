/* Fusion: the parts of the pass (fusion.c says what it does).
 *
 * A group becomes one kernel: roots that are stored, mostly one, and members that are
 * computed where the roots need them. A member may belong to several groups (it is then
 * computed in each), a root belongs to its own alone.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PASSES_FUSION_H
#define TN_PASSES_FUSION_H

#include "passes/dims.h"
#include "passes/rewrite.h"

typedef enum {
  TN_FUSED_LOOP,        /* elementwise and movement */
  TN_FUSED_CONTRACTION, /* a dot, convolution or window, and what follows it */
  TN_FUSED_REDUCE,      /* a reduction, and what follows it on the reduced dims */
  TN_FUSED_ROWS         /* reductions and what they are broadcast back into */
} tn_fused_kind;

/* Where in its group's kernel a member is computed; later ones allow less. */
typedef enum {
  TN_PLACE_STORE,   /* once for each element that is stored */
  TN_PLACE_GUARDED, /* under a pad's or concatenation's condition */
  TN_PLACE_OPERAND  /* where a contraction reads: again for every tile */
} tn_fused_place;

typedef struct {
  int group;
  tn_fused_place place;
  double count; /* elements computed */
  int sites;    /* indices at which the kernel's code computes it: each is written out */
} tn_membership;

typedef struct {
  tn_inst *inst;
  TN_VEC(tn_membership) in;
  bool is_root;
} tn_node;

typedef TN_VEC(tn_inst *) tn_inst_list;

typedef struct {
  tn_fused_kind kind;
  tn_inst *root;
  tn_inst_list more; /* roots beside it, which share its loops */
  tn_inst *hero;     /* the operation that the group is about */
  int size;          /* sites of all members, the roots among them */
  bool parts;        /* the root is a concatenation whose parts are stored each in its place */
  bool is_gone;      /* its members have joined another group */
} tn_group_plan;

typedef struct {
  tn_pass_context *context;
  tn_arena *scratch;
  tn_comp *comp;
  tn_node *nodes; /* by position: operands before users */
  int n_nodes;
  int *positions; /* by instruction id; -1: not of this computation */
  TN_VEC(tn_group_plan) groups;
  /* fusion_waits.c, by position */
  int *in_set, *seen; /* marked with `stamp` */
  int *reach;         /* the last position from which a group of several roots leads back to it */
  int stamp;
} tn_fuser;

enum {
  TN_LARGEST_GROUP = 96, /* around a contraction or reduction */
  TN_LARGEST_LOOP = 512
};

tn_node *tn_fuser_node(const tn_fuser *f, const tn_inst *inst);
/* Opens a group whose only member is `root`. */
int tn_fuser_open(tn_fuser *f, tn_fused_kind kind, tn_inst *root, tn_inst *hero);
void tn_fuser_join(tn_fuser *f, tn_inst *inst, tn_membership in);
const tn_membership *tn_fuser_membership(const tn_fuser *f, const tn_inst *inst, int group); /* or NULL */

/* One more root: a member, or an instruction that becomes one. */
void tn_fuser_add_root(tn_fuser *f, int group, tn_inst *root);

/* Would a kernel that computes `members` and stores `roots` wait for itself, because what it
 * reads depends on what it stores (fusion_waits.c)? True as well where that takes too long
 * to find out.                                                                           */
bool tn_fusion_waits(tn_fuser *f, tn_inst *const *members, int n_members, tn_inst *const *roots, int n_roots);
/* A group of several roots is there: later answers take it into account. */
void tn_fusion_note_group(tn_fuser *f, int group);

/* An opcode, type and shape that a kernel can compute where it is used. */
bool tn_fusible(const tn_inst *inst);
bool tn_fusible_elementwise(const tn_inst *inst);
/* An array of a type that kernels compute in, with elements. */
bool tn_fusible_array(const tn_inst *inst);
/* A constant small enough to be written into the kernel. */
bool tn_fusible_constant(const tn_inst *inst);
/* A concatenation of equal parts, each of which takes several operations to compute: its
 * group stores each part in its place, computed side by side.                          */
bool tn_fusible_parts(const tn_fuser *f, const tn_inst *inst);
/* Work for one element, a simple vector operation being 1. */
double tn_fusion_work(const tn_inst *inst);

/* The four steps. claim: groups around contractions and reductions (fusion_region.c);
 * inline: everything else, from users to operands (fusion_inline.c); join: groups that make
 * one kernel of several results (fusion_join.c); build: fusion instructions (fusion_build.c),
 * true if there are any.                                                              */
void tn_fusion_claim(tn_fuser *f);
void tn_fusion_inline(tn_fuser *f);
void tn_fusion_join(tn_fuser *f);
bool tn_fusion_build(tn_fuser *f);

/* The group of a product, just opened: what leads to it from another product over a softmax
 * joins (fusion_attention.c).                                                          */
void tn_fusion_attend(tn_fuser *f, int group);

#endif
