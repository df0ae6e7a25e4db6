/* The generator's workbench.
 *
 * A computation under construction is a pool of nodes: instructions and their values,
 * which the evaluator computes as they are made. An instruction whose value is not
 * sound (see keep in generate.c) is taken out again, so discontinuous operations keep
 * away from the edges of inexact values without anybody planning for it.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_TEST_RANDOM_GENERATE_H
#define TN_TEST_RANDOM_GENERATE_H

#include "test/random/random.h"

typedef struct {
  tn_inst *inst;
  const tn_literal *value;
} node;

typedef TN_VEC(tn_literal *) literals;

/* Families of instructions that a program has more of than others. */
enum { INDEXED = 1, ORDERED = 2, LINEAR = 4, BITS = 8, FREE = 16, DYNAMIC = 32, FAMILIES = 6 };

/* What a program is made of beyond the common: programs that mix everything seldom have
 * two neighbours of the rare kinds (swarm testing: Groce and others, ISSTA 2012).       */
typedef struct {
  unsigned families;
  tn_type types[4];
  int n_types;
} theme;

typedef struct generator {
  dice *dice;
  tn_arena *arena; /* of values */
  tn_module *module;
  tn_comp *comp;
  TN_VEC(node) nodes;
  literals *arguments; /* of the entry; NULL in called computations */
  bool integers;       /* floats hold small integers: results are exact */
  bool scalars_only;   /* computations of map */
  int depth;           /* of called computations */
  const theme *theme;
  bool large; /* now and then: products over the edges of cache blocks */
  int64_t max_elements;
} generator;

typedef tn_inst *rule(generator *g);
typedef struct {
  rule *make;
  int weight;
} weighted_rule;

/* ---- types and shapes ---- */
enum {
  PREDS = 1,
  INTEGERS = 2,
  FLOATS = 4,
  COMPLEXES = 8,
  ORDERED_CLASS = INTEGERS | FLOATS,
  NUMBERS = INTEGERS | FLOATS | COMPLEXES,
  ANY_CLASS = 15
};
unsigned class_of(tn_type type);
tn_type random_type(generator *g, unsigned classes);
const tn_shape *random_shape(generator *g, tn_type type);
const tn_shape *make_shape(generator *g, tn_type type, int rank, const int64_t *dims);
int64_t random_size(generator *g);
void shuffle(dice *d, int64_t *numbers, int count);
tn_dims make_dims(generator *g, int count, const int64_t *numbers); /* in the module's arena */

/* ---- values ---- */
tn_literal *random_literal(generator *g, const tn_shape *shape);
/* Integers 0 <= x < limit, now and then outside. */
tn_literal *index_literal(generator *g, const tn_shape *shape, int64_t limit);

/* ---- nodes ---- */
/* A parameter or constant with this value. */
node input_of(generator *g, tn_literal *value);
node new_input(generator *g, const tn_shape *shape);
/* An array of one of the classes and at least this rank; mostly one that is there. */
node pick(generator *g, unsigned classes, int min_rank);
/* Another of this shape and type. */
node pick_like(generator *g, const tn_shape *shape);
/* A constant or node of rank 0. */
node pick_scalar(generator *g, tn_type type);
const tn_literal *value_of(const generator *g, const tn_inst *inst);

/* A new instruction at the end; attributes are to be set, then keep() decides. shape
 * NULL: to be inferred; else what the opcode needs declared.                        */
tn_inst *begin(generator *g, tn_op op, const tn_shape *shape, int count, const node *operands);
/* Infers, evaluates, judges. NULL if the instruction was taken out again. */
tn_inst *keep(generator *g, tn_inst *inst);
/* Up to `count` instructions more. */
void grow(generator *g, int count);
tn_inst *apply_rule(generator *g, const weighted_rule *rules, int count);
/* A generator for a computation that g's instructions call. */
generator called_generator(generator *g, tn_comp *comp);
/* A parameter of that computation, whose value at the call is known. */
node add_parameter(generator *g, const tn_literal *value);
/* Draws what the call gives it (1 … most operands, a parameter each) and up to `longest`
 * instructions; the root is still to be chosen.                                        */
generator draw_called(generator *g, tn_comp *comp, int most, int longest, node *operands, int *count);

/* ---- families: one instruction each, or NULL ---- */
tn_inst *make_elementwise(generator *g);
tn_inst *make_movement(generator *g);
tn_inst *make_indexed(generator *g); /* dynamic-slice, gather; dynamic-update-slice, scatter */
tn_inst *make_ordered(generator *g); /* sort, topk, scan, select-and-scatter, cumulative windows */
tn_inst *make_linear(generator *g);  /* cholesky, triangular-solve, fft, ragged-dot, scaled-dot */
tn_inst *make_bits(generator *g);    /* bitcasts, random numbers */
tn_inst *make_dynamic(generator *g); /* sizes at run time */
tn_inst *make_dimension_size(generator *g);
tn_inst *make_dot(generator *g);
tn_inst *make_convolution(generator *g);
tn_inst *make_reduce(generator *g);
tn_inst *make_reduce_window(generator *g);
tn_inst *make_batch_norm(generator *g);
tn_inst *make_map(generator *g);
tn_inst *make_call(generator *g); /* call, fusion */
tn_inst *make_while(generator *g);
tn_inst *make_conditional(generator *g);
tn_inst *make_tuple(generator *g);
tn_inst *make_pattern(generator *g); /* several instructions */
tn_inst *make_free(generator *g);    /* what moves nothing */

/* ---- parts of families that others use ---- */
/* Joins (accumulator, element) -> accumulator for elements of these types. */
tn_comp *random_reducer(generator *g, int count, const tn_type *types);
/* The value that leaves others alone, mostly; else anything. */
node initial_value(generator *g, tn_type type, const tn_comp *reducer);
/* The elements of a new tuple become nodes. */
void take_apart(generator *g, tn_inst *inst);
/* Takes a call that did not come to be apart: its computations go too. */
tn_inst *keep_or_remove(generator *g, tn_inst *inst, int count, tn_comp *const *comps);
bool has_nan(const tn_literal *value);

#endif
