/* What the evaluator's files share: values, lanes, callers, one rule an opcode.
 *
 * Values are counted by references and freed by their last user, so that a while loop
 * runs in bounded memory. The evaluator keeps all of them in a list too: a failure
 * (TN_UNSUPPORTED, TN_LIMIT, no memory) jumps to the guard of tn_evaluate, which frees
 * what the list holds. Rules therefore never return NULL and never check for it.
 *
 * Lanes are the evaluator's registers: up to TN_LANES elements of any type, widened to
 * double or int64 (u64 by its bits). An elementwise instruction is one step over lanes; a
 * scalar computation (of reduce, sort, map, …) is compiled once into a list of such steps.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_IR_EVAL_INTERNAL_H
#define TN_IR_EVAL_INTERNAL_H

#include "base/number.h"
#include "ir/eval.h"

typedef struct tn_eval tn_eval;
typedef struct tn_value tn_value;
typedef struct tn_program tn_program;

/* ---- values ---- */

/* Data, sizes, elements and bounds of a value of its own stand behind the struct; a view
 * points into `owner`, which it keeps alive, or into memory of the caller (owner NULL). */
struct tn_value {
  tn_literal literal; /* first: elements[] of a tuple are tn_values too */
  int references;
  tn_value *owner;
  tn_value *prev, *next; /* all values of the evaluator */
  size_t bytes;          /* counted against max_bytes */
};

/* Every function below that makes a value gives the caller its one reference. */
tn_value *tn_value_retain(tn_value *value);
void tn_value_release(tn_eval *eval, tn_value *value);
tn_value *tn_value_new(tn_eval *eval, const tn_shape *shape);  /* an array, not initialised; bounds 0 */
tn_value *tn_value_zero(tn_eval *eval, const tn_shape *shape); /* deep */
tn_value *tn_value_view(tn_eval *eval, const tn_shape *shape, tn_value *owner); /* same bytes, other dims */
tn_value *tn_value_wrap(tn_eval *eval, const tn_literal *literal); /* deep; the caller's memory */
/* Takes over the references of `elements`. */
tn_value *tn_value_tuple(tn_eval *eval, const tn_shape *shape, tn_value *const *elements);
tn_value *tn_value_element(const tn_value *tuple, int64_t index); /* no new reference */
static inline void *tn_value_data(tn_value *value) { return (void *)value->literal.data; }
static inline double *tn_value_bound(tn_value *value) { return (double *)value->literal.bound; }
static inline tn_type tn_value_type(const tn_value *value) { return value->literal.shape->type; }
int64_t tn_value_integer(const tn_value *value, int64_t index); /* element of an integer array */
int64_t tn_value_index(const tn_value *value, int64_t index);   /* the same; u64 saturates at INT64_MAX */

/* Dynamic dims. sizes[d] is what dim d holds now; short: some size is below its bound. */
bool tn_value_is_short(const tn_value *value);
int64_t tn_value_size(const tn_value *value, int dim);
void tn_value_set_sizes(tn_value *value, const int64_t *sizes); /* kept only where the shape is dynamic */
/* The elements within the sizes, packed, as a static array; `value` itself if not short. */
tn_value *tn_value_compact(tn_eval *eval, tn_value *value);
/* The inverse: `packed` into a value of `shape` whose sizes are packed's dims. */
tn_value *tn_value_spread(tn_eval *eval, const tn_shape *shape, tn_value *packed);
/* Applies `rule` to the packed operands, as if the result were static with `dims` (each
 * array of a tuple), and spreads what it gives. For rules that must not see what lies
 * beyond the sizes.                                                                     */
typedef tn_value *tn_eval_rule(tn_eval *eval, const tn_inst *inst, tn_value *const *operands);
tn_value *tn_eval_packed(tn_eval *eval, const tn_inst *inst, tn_eval_rule *rule, tn_value *const *operands,
                         int rank, const int64_t *dims);
bool tn_eval_any_short(const tn_inst *inst, tn_value *const *operands);
/* The rule on its operands; those that are walked together (of dot, reduce, sort, concatenate)
 * are as long as the shortest of them.                                                     */
tn_value *tn_eval_alike(tn_eval *eval, const tn_inst *inst, tn_eval_rule *rule, tn_value *const *operands);

/* ---- the evaluator ---- */

struct tn_eval {
  tn_arena *arena; /* plans, programs, shapes: until the end */
  tn_diagnostics *sink;
  tn_eval_options options;
  tn_value *values; /* all that live */
  struct tn_scratch *scratch;
  size_t live_bytes;
  bool failed;                 /* the jump comes from tn_eval_stop */
  bool reuse;                  /* the rule may write its result into its first operand */
  const tn_inst *inst;         /* being evaluated: what failures name */
  struct tn_comp_plan **plans; /* by the id of a computation's root; NULL before the first call */
  int *slots;                  /* by instruction id: while a plan is made */
  struct tn_binding *bindings; /* by instruction id: while a program is compiled */
  TN_VEC(tn_value *) stack;    /* frames of running computations */
};

/* Reports at the current instruction and jumps out. */
_Noreturn void tn_eval_stop(tn_eval *eval, tn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Memory until the current instruction is done. */
void *tn_eval_scratch(tn_eval *eval, size_t bytes);
/* Gives back what was taken since eval->scratch was `until`. */
void tn_eval_scratch_release(tn_eval *eval, struct tn_scratch *until);
/* A static array shape that lives as long as scratch does: for temporary values. */
const tn_shape *tn_eval_shape(tn_eval *eval, tn_type type, int rank, const int64_t *dims);
#define TN_SCRATCH(eval, T, count) ((T *)tn_eval_scratch((eval), (size_t)(count) * sizeof(T)))
/* Runs `comp`; keeps the caller's references of the arguments. */
tn_value *tn_eval_run(tn_eval *eval, const tn_comp *comp, tn_value *const *arguments);
/* The same with one argument, whose reference it takes over: a loop's state can then be
 * updated in place.                                                                     */
tn_value *tn_eval_run_giving(tn_eval *eval, const tn_comp *comp, tn_value *argument);

/* One rule an `eval` name of ops.def. */
#define OP(ID, text, arity, attributes, flags, infer, rule)                                                  \
  tn_value *tn_eval_##rule(tn_eval *eval, const tn_inst *inst, tn_value *const *operands);
#include "ir/ops.def"
#undef OP

/* ---- lanes ---- */

#define TN_LANES 128

typedef union {
  double f;
  int64_t i;
} tn_cell;

typedef struct {
  tn_type type;
  tn_cell *re;
  double *im;    /* complex only */
  double *bound; /* NULL: bounds are not carried */
} tn_lanes;

tn_lanes tn_lanes_new(tn_eval *eval, tn_type type, int64_t width); /* in scratch */
/* `count` elements from position `first`, `stride` elements apart (0: one for all). */
void tn_lanes_load(tn_lanes *to, int lane, const tn_value *from, int64_t first, int64_t stride, int count);
void tn_lanes_store(const tn_lanes *from, int lane, tn_value *to, int64_t first, int64_t stride, int count);
void tn_lanes_copy(tn_lanes *to, const tn_lanes *from, int count);
/* One elementwise instruction (or convert, bitcast-convert of equal width, copy). Returns false
 * where the operation has no meaning for the type.                                               */
bool tn_lanes_apply(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count);
bool tn_lanes_can_apply(const tn_inst *inst);
bool tn_lanes_complex(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count);
void tn_lanes_round(tn_type type, tn_cell *cells, int count);
void tn_lanes_convert(tn_type to_type, tn_lanes *to, const tn_lanes *from, int count);
double tn_round_float(tn_type type, double value);
int64_t tn_integer_wrap(tn_type type, int64_t value);
/* A value that compares like the totalOrder of its double. */
int64_t tn_float_total_order(double value);
bool tn_cell_compare(tn_direction direction, bool is_float, bool is_unsigned, tn_cell a, tn_cell b);

/* A computation on scalars, ready to be called lane by lane. */
typedef struct {
  tn_eval *eval;
  const tn_comp *comp;
  const tn_program *program; /* NULL: each lane runs the computation itself */
  int n_parameters, n_results;
  tn_lanes *parameters;
  tn_lanes *results;
  tn_lanes *registers;
} tn_caller;
tn_caller tn_caller_open(tn_eval *eval, const tn_comp *comp, int width);
void tn_caller_run(tn_caller *caller, int count);
/* The compiled form, kept with the computation's plan; NULL if it has none. */
const tn_program *tn_program_of(tn_eval *eval, const tn_comp *comp);
const tn_program *tn_program_compile(tn_eval *eval, const tn_comp *comp);

/* ---- bounds ---- */

/* Error bounds of one step, after its values are known. */
void tn_bounds_apply(const tn_inst *inst, tn_lanes *out, const tn_lanes *in, int count);
double tn_unit_roundoff(tn_type type); /* half an ulp of 1 */
/* The sizes of the terms that one result joins (eval_joins.c). */
typedef struct {
  tn_op op;
  double size, least; /* sum or product of what is over 1; product of what is under 1 */
  int64_t terms;
  bool fractional, special; /* some term is no integer; is no number */
} tn_join_size;
/* The opcode that joins accumulator and element k of `count`; TN_OP_COUNT: none alone. */
tn_op tn_joined_by(const tn_comp *comp, int count, int k);
void tn_join_size_start(tn_join_size *size, tn_op op);
void tn_join_size_add(tn_join_size *size, double re, double im);
/* How far two orders of the joins in type `kept` can be apart; of a complex one the modulus of the result. */
double tn_join_slack(const tn_join_size *size, tn_type kept, double result);
/* Half the distance between numbers of `type` next to `value`. */
double tn_half_ulp(tn_type type, double value);
/* The bound of a number of `type` (one part of a complex one) that is `bound` off at most: infinite where
 * that may overflow.                                                                            */
double tn_bound_of(tn_type type, double value, double bound);
/* A NaN whose sign may be another elsewhere: machines make them negative, given ones are positive. */
bool tn_is_doubtful_nan(double value);
/* True where all bounds are 0, also where none are carried. */
bool tn_value_is_exact(const tn_value *value);
/* `value`, or where a decision it rests on was not exact a copy of it with infinite bounds (deep);
 * takes over the reference.                                                                      */
tn_value *tn_value_decided(tn_eval *eval, tn_value *value, bool exact);
/* Infinite bounds for all of `value` if some element of `source` is inexact: for what has no derivative. */
void tn_bounds_unless_exact(tn_value *value, const tn_value *source);
/* The same of what takes the bits of `source`: those of a doubtful NaN are inexact, too. */
void tn_bounds_of_bits(tn_value *value, const tn_value *source);

/* ---- indices ---- */

/* The next position in row-major order of `dims`; false after the last. */
static inline bool tn_index_next(int rank, const int64_t *dims, int64_t *index) {
  for (int d = rank - 1; d >= 0; d--) {
    if (++index[d] < dims[d]) return true;
    index[d] = 0;
  }
  return false;
}
int64_t *tn_strides(tn_eval *eval, const tn_shape *shape); /* row-major, in elements */
/* Copies a box of `dims` elements of `item` bytes between strided arrays. */
void tn_copy_strided(int rank, const int64_t *dims, void *to, const int64_t *to_strides, const void *from,
                     const int64_t *from_strides, size_t item);
/* The same for a value's data and, where they are carried, its bounds. */
void tn_value_copy(tn_value *to, int64_t to_first, const int64_t *to_strides, const tn_value *from,
                   int64_t from_first, const int64_t *from_strides, int rank, const int64_t *dims);

#endif
