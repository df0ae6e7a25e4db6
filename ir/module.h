/* Modules, computations, instructions.
 *
 * A module owns an arena and everything in it. Instructions know their operands and
 * their users; an instruction is taken out of its computation by tn_inst_remove,
 * which frees nothing. Computations keep their instructions in a list in which every
 * operand and control predecessor stands before its user (the schedule, where the
 * module says is_scheduled).
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_MODULE_H
#define TN_IR_MODULE_H

#include "base/diagnostics.h"
#include "ir/attributes.h"
#include "ir/literal.h"
#include "ir/shape.h"

typedef enum {
#define OP(ID, text, arity, attributes, flags, infer, eval) TN_OP_##ID,
#include "ir/ops.def"
#undef OP
  TN_OP_COUNT
} tn_op;

typedef enum {
  TN_OP_ELEMENTWISE = 1, /* result element i depends on operand elements i alone */
  TN_OP_COMMUTES = 2,
  TN_OP_FLOATING = 4,    /* operands must be float (or complex where the rule says) */
  TN_OP_FREE = 8,        /* moves no data: aliases, tuples, tokens */
  TN_OP_CALLS = 16,      /* has called computations */
  TN_OP_COLLECTIVE = 32, /* executes when there is one participant */
  TN_OP_SIDE_EFFECT = 64 /* must not be removed although unused */
} tn_op_flag;

#define TN_ARITY_ANY (-1)

typedef struct {
  const char *name;
  int arity;
  tn_attribute_kind attributes;
  unsigned flags;
} tn_op_info;

extern const tn_op_info tn_ops[TN_OP_COUNT];
bool tn_op_from_name(tn_str name, tn_op *op);
static inline bool tn_op_is(tn_op op, tn_op_flag flag) { return (tn_ops[op].flags & (unsigned)flag) != 0; }

typedef struct tn_inst tn_inst;
typedef struct tn_comp tn_comp;
typedef struct tn_module tn_module;

/* What annotates an instruction without changing its meaning. Texts are what stood
 * between the braces, normalised (single spaces dropped where XLA drops them), and
 * are printed as they are; the parser has checked their grammar.                    */
typedef struct {
  const char *sharding;             /* "{replicated}" */
  const char *frontend_attributes;  /* "{a=\"b\"}" */
  const char *backend_config;       /* "{...}" JSON, or a quoted string */
  const char *statistics;
  const char *origin;
  const char *parameter_replication;
  const char *result_accuracy;
  const char *metadata;             /* "{op_name=\"…\" source_file=\"…\" source_line=12}" */
  const char *op_name;              /* parts of metadata, or NULL */
  const char *source_file;
  int source_line;
} tn_annotations;

/* control-predecessors, and the same from the other end. */
typedef struct {
  TN_VEC(tn_inst *) predecessors;
  TN_VEC(tn_inst *) successors;
} tn_control;

/* Passes walk over all instructions many times: what few of them have lies elsewhere. */
struct tn_inst {
  tn_op op;
  int id;                 /* unique in its module; new ones grow (tn_module_canonicalise counts again) */
  const char *name;       /* without %, unique in its computation */
  const tn_shape *shape;
  tn_comp *parent;        /* NULL once removed */
  tn_inst *prev, *next;   /* in the computation's list */

  tn_inst **operands;
  int n_operands;
  int n_called;
  tn_comp **called;          /* to_apply; condition, body; branches; … (attrs.def) */
  TN_VEC(tn_inst *) users;   /* one entry for each use: x+x lists its user twice */
  const tn_control *control; /* few have any; never NULL */

  tn_attributes attr;          /* the member that tn_ops[op].attributes names */
  const tn_annotations *notes; /* NULL if there are none */
  tn_location location;        /* in the text it came from; survives rewriting */
};

struct tn_comp {
  tn_module *module;
  const char *name;
  int id;
  tn_inst *first, *last;
  int n_insts;
  tn_inst *root;
  TN_VEC(tn_inst *) parameters;  /* by number */
  TN_VEC(tn_inst *) callers;     /* instructions whose `called` lists this */
  tn_comp *prev, *next;          /* in the module; callees stand before callers */
  const char *execution_thread;  /* NULL: main */
  tn_location location;
  struct tn_names *names;        /* of the instructions; private to names.c */
  int64_t order;                 /* grows along the module's list */
};

/* {output}: (parameter, {index}, may-alias|must-alias), and buffer_donor (without an output). */
typedef struct {
  tn_dims output;
  int64_t parameter;
  tn_dims index;
  bool must;
} tn_alias;

struct tn_module {
  tn_arena *arena;
  const char *name;
  const char *file;      /* what locations name; NULL if built in memory */
  tn_comp *first, *last;
  int n_comps;
  tn_comp *entry;
  int next_id;

  bool is_scheduled;
  int64_t replica_count, num_partitions;   /* 1 if absent */
  TN_VEC(tn_alias) aliases;
  TN_VEC(tn_alias) donors;
  /* entry_computation_layout: a tuple shape of the parameters, and the result; NULL
   * if absent. Element layouts say how callers pass and receive arrays.            */
  const tn_shape *entry_parameters;
  const tn_shape *entry_result;
  const char *frontend_attributes;
  const char *spmd_parameters;  /* allow_spmd_sharding_propagation_to_parameters={…} */
  const char *spmd_output;
  const char *other_attributes; /* every other module attribute: ", name=text" each, as read */
  const char *tables;           /* FileNames … StackFrames, as read; NULL if absent */
  struct tn_names *names;       /* of the computations */
  int64_t next_order;
};

/* Both ends of a use: users.at[k] is the instruction, user_slots[k] which operand of it this
 * is; use_index[i] is the k of operand i. Each list lies behind the pointers that it goes
 * with, in one piece with them; inst.c alone writes it.                                    */
static inline int *tn_inst_user_slots(const tn_inst *inst) {
  return (int *)(inst->users.at + inst->users.capacity);
}
static inline int *tn_inst_use_index(const tn_inst *inst) {
  return (int *)(inst->operands + inst->n_operands);
}

/* ---- modules ---- */
tn_module *tn_module_create(const char *name);
void tn_module_destroy(tn_module *module); /* NULL is fine */
/* A deep copy in an arena of its own; literal data is shared, so `module` must live
 * at least as long. Ids and names are kept.                                         */
tn_module *tn_module_clone(const tn_module *module);
/* Makes the module what its text, printed and parsed again, would be: ids count along the
 * lists, users and callers stand in the order of the lists, no name is remembered that
 * nothing has. What depends on any of these (fresh names, names of kernels, the order in
 * which a pass meets users) is then the same for both. Linear.                           */
void tn_module_canonicalise(tn_module *module);

/* ---- computations ---- */
/* Appended to the module; `name` is made unique by a suffix ".N" where it is taken.
 * Names of computations and instructions are made plain identifiers first ('_' for
 * what HLO's lexer does not read in a name), so that every module can be printed.   */
tn_comp *tn_comp_create(tn_module *module, const char *name);
void tn_comp_remove(tn_comp *comp); /* nothing calls it any more */
tn_comp *tn_comp_clone(tn_comp *comp, const char *name);
tn_comp *tn_comp_find(const tn_module *module, tn_str name);
tn_inst *tn_comp_find_inst(const tn_comp *comp, tn_str name);

/* Iteration. The loop survives removal of the current instruction. */
#define TN_FOR_EACH_COMP(module, comp) \
  for (tn_comp *comp = (module)->first, *comp##_next; comp && (comp##_next = comp->next, 1); comp = comp##_next)
#define TN_FOR_EACH_IN_COMP(comp, inst) \
  for (tn_inst *inst = (comp)->first, *inst##_next; inst && (inst##_next = inst->next, 1); inst = inst##_next)

/* ---- instructions ---- */
/* A new instruction before `before` (NULL: at the end of comp), with the operands
 * given, no attributes, and a fresh name made from the opcode ("add.7"). `shape` may
 * come from another arena only if it outlives the module.                           */
tn_inst *tn_inst_create(tn_comp *comp, tn_inst *before, tn_op op, const tn_shape *shape, int n_operands,
                        tn_inst *const *operands);
/* The same for those who have names and ids of their own (parsers, clones): neither
 * operands nor attributes, all zero; `name` is made unique.                          */
tn_inst *tn_inst_create_named(tn_comp *comp, tn_inst *before, tn_op op, const tn_shape *shape, int id,
                              const char *name);
/* Enters a parameter made that way, whose number is set, in its computation's list. */
void tn_inst_enter_parameter(tn_inst *parameter);
/* Copies opcode, attributes, called computations, annotations and location. */
tn_inst *tn_inst_clone(tn_comp *comp, tn_inst *before, const tn_inst *inst, const tn_shape *shape,
                       int n_operands, tn_inst *const *operands);
void tn_inst_rename(tn_inst *inst, const char *name); /* made unique */
/* tn_inst_edit_slice and so on, one for each record of attrs.def: a copy of the record that
 * `inst` has, which it has alone from now on and the caller may write.                     */
#define RECORD(member) tn_##member##_attributes *tn_inst_edit_##member(tn_inst *inst);
#include "ir/attrs.def"
#undef RECORD
void tn_inst_set_operand(tn_inst *inst, int index, tn_inst *operand);
void tn_inst_set_operands(tn_inst *inst, int count, tn_inst *const *operands);
void tn_inst_set_called(tn_inst *inst, int count, tn_comp *const *called);
void tn_inst_add_predecessor(tn_inst *inst, tn_inst *predecessor);
/* Every user of `inst` but `by` itself, and the computation's root if it is that, uses `by`. */
void tn_inst_replace_uses(tn_inst *inst, tn_inst *by);
/* Takes an instruction without users out of its computation. */
void tn_inst_remove(tn_inst *inst);
void tn_inst_move_before(tn_inst *inst, tn_inst *before); /* NULL: to the end */

/* The instructions of `comp` in an order where operands come first, in `arena`;
 * list order where that already holds. Returns the count.                       */
int tn_comp_post_order(const tn_comp *comp, tn_arena *arena, tn_inst ***order);

/* What tells this instruction's random numbers from another's: a hash of its name and its
 * computation's, which printing and parsing keep.                                        */
uint32_t tn_inst_stream(const tn_inst *inst);

/* True when `comp` is one binary operation on its two scalar parameters, in either
 * order for operations that commute: reduce's add, maximum, … Sets *op.            */
bool tn_comp_is_binary(const tn_comp *comp, tn_op *op);

/* ---- builder: shapes are inferred, operands must be right (asserted) ---- */
/* Parameters are made by this alone: it enters them in comp->parameters. */
tn_inst *tn_build_parameter(tn_comp *comp, int64_t number, const tn_shape *shape, const char *name);
tn_inst *tn_build_constant(tn_comp *comp, tn_inst *before, const tn_literal *literal);
tn_inst *tn_build_unary(tn_comp *comp, tn_inst *before, tn_op op, tn_inst *operand);
tn_inst *tn_build_binary(tn_comp *comp, tn_inst *before, tn_op op, tn_inst *lhs, tn_inst *rhs);
tn_inst *tn_build_compare(tn_comp *comp, tn_inst *before, tn_direction direction, tn_inst *lhs, tn_inst *rhs);
tn_inst *tn_build_select(tn_comp *comp, tn_inst *before, tn_inst *pred, tn_inst *on_true, tn_inst *on_false);
tn_inst *tn_build_convert(tn_comp *comp, tn_inst *before, tn_inst *operand, tn_type type);
/* dims[i] of the result is operand dim i. */
tn_inst *tn_build_broadcast(tn_comp *comp, tn_inst *before, tn_inst *operand, const tn_shape *shape, tn_dims dims);
tn_inst *tn_build_reshape(tn_comp *comp, tn_inst *before, tn_inst *operand, const tn_shape *shape);
tn_inst *tn_build_reduce(tn_comp *comp, tn_inst *before, tn_inst *operand, tn_inst *init, tn_dims dims,
                         tn_comp *to_apply);
tn_inst *tn_build_tuple(tn_comp *comp, tn_inst *before, int count, tn_inst *const *operands);
tn_inst *tn_build_element(tn_comp *comp, tn_inst *before, tn_inst *tuple, int64_t index);
/* A computation (a, b) -> a op b on scalars of `type`, shared within the module. */
tn_comp *tn_build_binary_comp(tn_module *module, tn_op op, tn_type type);

#endif
