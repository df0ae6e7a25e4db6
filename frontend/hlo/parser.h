/* What the parts of the HLO parser share.
 *
 *   parser.c       errors, tokens, lists, name tables
 *   shapes.c       shapes and layouts
 *   literals.c     the text of constants
 *   annotations.c  sharding, metadata, frontend_attributes, …: grammar checked, text kept
 *   attributes.c   what ir/attrs.def lists: which may stand where
 *   values.c       their values, a reader for each FORM; windows.c: the patterned ones;
 *                  groups.c: replica groups
 *   operands.c     operands: names, shapes, nested instructions
 *   instruction.c  one instruction
 *   async.c        foo-start, foo-update, foo-done
 *   computation.c  computations; recover.c: where to go on after an error
 *   header.c       the module line and the tables behind it
 *   module.c       the whole text
 *   resolve.c      what can only be done when everything is read
 *
 * Readers return false after reporting an error at the place where they stand; the
 * caller gives up its instruction. Depth is counted wherever a reader calls itself.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_HLO_PARSER_H
#define TN_HLO_PARSER_H

#include "frontend/hlo/hlo.h"
#include "frontend/hlo/lexer.h"
#include "ir/attribute_table.h"

/* More dims than any program has; arrays on the stack are sized by it. */
#define TN_HLO_MAX_RANK 64

/* After this many errors the rest of the file is not worth reading. */
#define TN_HLO_MAX_ERRORS 100

/* Names of one scope, open addressing. Names point into the text. Clearing is a new
 * generation, so that a thousand small computations after a big one cost nothing.    */
typedef struct {
  tn_str name;
  uint64_t hash;
  uint32_t generation;
  tn_location location;
  void *value; /* NULL: defined, but its definition had an error */
} tn_hlo_name;

typedef struct {
  tn_hlo_name *at;
  uint32_t capacity, count, generation;
} tn_hlo_names;

/* One computation being read. */
typedef struct tn_hlo_scope {
  struct tn_hlo_scope *outer;
  tn_comp *comp;
  tn_hlo_names *names;
  tn_inst *root;
  bool has_root;            /* a ROOT was marked, though it may have failed */
  bool failed;              /* an instruction could not be made */
  bool implicit_parameters; /* of a lone instruction: unknown operands are parameters */
  int n_implicit;
} tn_hlo_scope;

/* A computation that an instruction names; `comp` where it was written in place. */
typedef struct {
  tn_inst *inst;                  /* NULL while it is being read, and where it failed */
  const struct tn_pending *owner; /* while it is being read */
  int slot;
  tn_str name;
  tn_comp *comp;
  tn_location location;
} tn_callee;

/* A shape that the text claims for an instruction whose own is not known yet. */
typedef struct {
  const tn_inst *inst;
  const tn_comp *comp; /* else: the root of this computation */
  const tn_shape *shape;
  tn_location location;
} tn_shape_claim;

/* An instruction as far as it has been read. */
typedef struct tn_pending {
  tn_str name;
  tn_location name_location, location; /* of the name; of the opcode */
  tn_op op;
  tn_op wrapped; /* of foo-start; else op */
  bool is_async_sugar;
  const tn_shape *shape;         /* NULL: to be inferred */
  int first_operand, n_operands; /* in parser->insts */
  int first_predecessor, n_predecessors;
  int first_callee;      /* in parser->callees: those that it owns */
  bool poisoned;         /* an operand had an error: read on, make nothing */
  bool elided;           /* constant({...}) */
  const char *side_file; /* what its tenon.data says */
  uint64_t seen;         /* attributes, a bit each */
  tn_attributes attr;    /* of `wrapped` */
  const char *thread;    /* of async operations */
  tn_annotations notes;
  bool has_notes;
} tn_pending;

typedef struct {
  tn_lexer lex;
  tn_hlo_options options; /* limits filled in */
  tn_diagnostics *sink;
  int errors_before;
  bool stopped; /* a limit was hit: nothing more is read */

  tn_arena *arena;   /* the module's */
  tn_arena *scratch; /* dies with the parser */
  const char *file;
  tn_module *module;
  tn_comp *entry;
  tn_location entry_location;
  tn_comp *last_comp; /* outermost */

  tn_hlo_scope *scope;
  tn_hlo_names comps, shapes;
  TN_VEC(tn_hlo_names *) scope_names; /* by depth of nesting, reused */
  int scope_depth;
  int64_t depth, n_insts;
  uint64_t n_filled; /* elided constants so far */
  bool shapes_missing;
  int64_t n_devices;      /* in replica groups so far */
  tn_str groups_spelling; /* of the last replica groups, and what it stands for */
  tn_groups groups;

  /* stacks: a reader pushes, copies what it pushed and restores the count */
  TN_VEC(int64_t) ints;
  TN_VEC(const tn_shape *) shape_list;
  TN_VEC(tn_inst *) insts;
  TN_VEC(tn_callee) callees;
  TN_VEC(tn_shape_claim) claims;
  tn_text text;   /* for building the text of annotations */
  tn_text others; /* attributes of the module that are only kept */
} tn_hlo_parser;

/* ---- parser.c ---- */
bool tn_hlo_error(tn_hlo_parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool tn_hlo_error_at(tn_hlo_parser *p, tn_location at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The status is TN_LIMIT, and nothing more is read. */
bool tn_hlo_limit(tn_hlo_parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool tn_hlo_expected(tn_hlo_parser *p, const char *what); /* "expected X, found 'foo'" */
tn_location tn_hlo_here(const tn_hlo_parser *p);
int tn_hlo_errors(const tn_hlo_parser *p); /* of this parse */

static inline int tn_hlo_kind(const tn_hlo_parser *p) { return p->lex.token.kind; }
bool tn_hlo_accept(tn_hlo_parser *p, int kind);
bool tn_hlo_expect(tn_hlo_parser *p, int kind, const char *after); /* "expected '(' after …" */
bool tn_hlo_at_word(const tn_hlo_parser *p, const char *word);
bool tn_hlo_accept_word(tn_hlo_parser *p, const char *word);
bool tn_hlo_word(tn_hlo_parser *p, const char *what, tn_str *word);
bool tn_hlo_int(tn_hlo_parser *p, const char *what, int64_t *value);
bool tn_hlo_count(tn_hlo_parser *p, const char *what, int64_t least, int64_t most, int64_t *value);
bool tn_hlo_bool(tn_hlo_parser *p, bool *value);
/* A string without its quotes and escapes, in the arena. */
bool tn_hlo_string(tn_hlo_parser *p, const char **value);
/* `open` integer, … `close`. */
bool tn_hlo_dims(tn_hlo_parser *p, char open, char close, tn_dims *dims);
tn_dims tn_hlo_pop_dims(tn_hlo_parser *p, int first);
/* One level deeper; false after an error if that is too deep. Every success is paired
 * with p->depth--.                                                                    */
bool tn_hlo_descend(tn_hlo_parser *p, const char *what);
/* For "%.*s": the text, cut to a length that suits a message. */
#define TN_CLIP(str) (int)((str).length < 80 ? (str).length : 80), (str).at
/* "; did you mean 'x'?" or "". */
const char *tn_hlo_suggestion(tn_hlo_parser *p, tn_str word, const char *const *names, int count);
tn_dims tn_hlo_dims_of_text(tn_hlo_parser *p, tn_str text, char separator); /* "3x3" */

void tn_hlo_names_clear(tn_hlo_names *names);
tn_hlo_name *tn_hlo_names_find(const tn_hlo_names *names, tn_str name);
/* The new entry, or the one that is there (*fresh false). */
tn_hlo_name *tn_hlo_names_add(tn_arena *arena, tn_hlo_names *names, tn_str name, bool *fresh);

/* ---- shapes.c ---- */
bool tn_hlo_at_shape(const tn_hlo_parser *p);
bool tn_hlo_unknown_type(tn_hlo_parser *p, tn_str word, tn_location here); /* false */
bool tn_hlo_shape(tn_hlo_parser *p, const tn_shape **shape);

/* ---- literals.c ---- */
/* *literal is NULL where the text is `{...}`, which only tn_hlo_elided can make up for. */
bool tn_hlo_literal(tn_hlo_parser *p, const tn_shape *shape, tn_literal **literal);
/* What stands for `{...}`: the side file that frontend_attributes name, or a fill. */
bool tn_hlo_elided(tn_hlo_parser *p, const tn_pending *inst, tn_literal **literal);

/* ---- annotations.c ---- */
/* The annotation called `name`, if it is one; *known says whether. Stands at its value. */
bool tn_hlo_annotation(tn_hlo_parser *p, tn_pending *inst, tn_str name, bool *known);
bool tn_hlo_braces(tn_hlo_parser *p, const char **text); /* any balanced braces, normalised */
bool tn_hlo_frontend_attributes(tn_hlo_parser *p, const char **text, const char **side_file);
bool tn_hlo_sharding(tn_hlo_parser *p, const char **text);
extern const char *const tn_hlo_annotation_names[];
extern const int tn_hlo_n_annotation_names;

/* ---- attributes.c ---- */
/* `, name=value` …; nested instructions have none, so the comma is not theirs. */
bool tn_hlo_attributes(tn_hlo_parser *p, tn_pending *inst, bool nested);

/* ---- values.c ---- */
/* The value of an attribute of this form, into the member at `to`; COMP, COMPS and
 * BRANCHES are not among them: they go into p->callees.                            */
bool tn_hlo_value(tn_hlo_parser *p, tn_form form, void *to);
bool tn_hlo_index(tn_hlo_parser *p, tn_dims *index); /* {0,1} */

/* ---- groups.c ---- */
bool tn_hlo_groups(tn_hlo_parser *p, tn_groups *groups);

/* ---- windows.c ---- */
bool tn_hlo_window(tn_hlo_parser *p, tn_window *window);
bool tn_hlo_conv_dims(tn_hlo_parser *p, tn_conv_dims *dims);
bool tn_hlo_padding(tn_hlo_parser *p, tn_attributes *attr);

/* ---- operands.c ---- */
bool tn_hlo_operands(tn_hlo_parser *p, tn_pending *inst);
bool tn_hlo_predecessors(tn_hlo_parser *p, tn_pending *inst);

/* ---- instruction.c ---- */
bool tn_hlo_instruction(tn_hlo_parser *p); /* ROOT name = … */
/* From the shape on. Nested: without a name and without attributes. */
bool tn_hlo_instruction_body(tn_hlo_parser *p, tn_pending *inst, bool nested, tn_inst **made);
bool tn_hlo_define(tn_hlo_parser *p, tn_str name, tn_location location, tn_inst *inst);
/* The next implicit parameter. */
tn_inst *tn_hlo_parameter(tn_hlo_parser *p, tn_str name, const tn_shape *shape, tn_location location);
/* An instruction without attributes at the end of `comp`. */
tn_inst *tn_hlo_make(tn_hlo_parser *p, tn_comp *comp, tn_op op, tn_str name, const tn_shape *shape,
                     tn_location location);

/* ---- async.c ---- */
bool tn_hlo_async_opcode(tn_str word, tn_op *op, tn_op *wrapped);
/* Makes the computation that `inst`, a foo-start, calls; returns its only operation,
 * NULL after an error.                                                               */
tn_inst *tn_hlo_wrap(tn_hlo_parser *p, const tn_pending *inst);

/* ---- header.c ---- */
void tn_hlo_module_line(tn_hlo_parser *p);

/* ---- computation.c ---- */
/* { instructions }. In place: any error is the caller's. */
bool tn_hlo_body(tn_hlo_parser *p, tn_str name, tn_location location, bool in_place, tn_comp **comp);
bool tn_hlo_computation(tn_hlo_parser *p);      /* ENTRY name (…) -> … { … } */
bool tn_hlo_lone_instruction(tn_hlo_parser *p); /* f32[2] add(f32[2] x, f32[2] y) */

/* ---- recover.c ---- */
/* From an error in what began at `start` to the next instruction or the '}' of the
 * computation; to the next computation.                                            */
void tn_hlo_recover(tn_hlo_parser *p, const tn_lexer *start);
void tn_hlo_recover_computation(tn_hlo_parser *p);

/* ---- resolve.c ---- */
void tn_hlo_resolve(tn_hlo_parser *p);

#endif
