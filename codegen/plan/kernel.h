/* Kernels: loop trees with statements under them.
 *
 *   kernel softmax(x: f32[1536,128], out y: f32[1536,128]) {
 *     loop row:1536 {
 *       local e: f32[128]
 *       reduce j:128 { m: f32 from -inf = maximum(m, x[row,j]) }
 *       reduce k:128 { let v: f32 = exponential(x[row,k] - m); e[k] = v; s: f32 from 0 = s + v }
 *       loop l:128 { y[row,l] = e[l] / s }
 *     }
 *     schedule { threads row; vector j:16*4 k:16*4 l:16 }
 *   }
 *
 * The tree says what is computed; the schedule says how, and of the schedule only two
 * things change a result's bits: the order of the reduced loops of one `reduce`, and
 * `vector` on a reduced dim (it makes partial sums). Parallel loops may run in any
 * order. docs/plan.md has the grammar and the exact meaning.
 *
 * Expressions are trees: a value that is used twice is a `let` or an accumulator.
 * Everything lives in the plan's arena. Built by codegen/plan, read by codegen/cpu
 * and the interpreter.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_PLAN_KERNEL_H
#define TN_PLAN_KERNEL_H

#include "base/math/math.h"
#include "ir/module.h"

typedef struct tn_kernel tn_kernel;
typedef struct tn_stmt tn_stmt;
typedef struct tn_expr tn_expr;
typedef struct tn_index tn_index;

/* ---- dims ---- */
typedef enum {
  TN_DIM_PARALLEL, /* of a loop: iterations are independent */
  TN_DIM_REDUCED,  /* of a reduce */
  TN_DIM_CARRIED   /* of a loop that runs in order (scan) */
} tn_dim_kind;

typedef struct {
  const char *name; /* unique in the kernel */
  int64_t size;     /* at least 0 */
  tn_dim_kind kind;
} tn_dim;

/* ---- indices: constant + sum of scale * term, in int64 ---- */
typedef enum {
  TN_TERM_DIM,       /* a dim's value */
  TN_TERM_QUOTIENT,  /* (of / divisor), floor; of is known to be >= 0 where it is used */
  TN_TERM_REMAINDER, /* (of % divisor), in 0 <= … < divisor */
  TN_TERM_VALUE      /* an integer expression (a runtime scalar, an element of an index
                        tensor) clamped to 0 <= … <= limit */
} tn_term_kind;

typedef struct {
  tn_term_kind kind;
  int64_t scale;        /* not 0 */
  int dim;              /* DIM */
  const tn_index *of;   /* QUOTIENT, REMAINDER */
  int64_t divisor;      /* > 1 */
  const tn_expr *value; /* VALUE: an integer; compared as signed or unsigned by its type */
  int64_t limit;        /* VALUE */
} tn_term;

struct tn_index {
  int64_t constant;
  int n_terms;
  const tn_term *terms;
};

/* ---- expressions ---- */
typedef enum {
  TN_EXPR_CONSTANT,
  TN_EXPR_INDEX, /* an index as a number: iota, argmax */
  TN_EXPR_LOAD,
  TN_EXPR_VALUE, /* a let or an accumulator */
  TN_EXPR_OP,    /* an elementwise opcode of HLO, with HLO's meaning */
  TN_EXPR_FMA    /* operands a, b, c: a*b + c with one rounding, floats only, c's type */
} tn_expr_kind;

/* Reads buffer[indices]. With a fill, positions outside the buffer in any dim, and
 * those where a guard does not hold, give the fill and touch no memory; without one,
 * the verifier proves that every index is inside.                                    */
typedef struct {
  const tn_index *index; /* holds if low <= index < high */
  int64_t low, high;
} tn_guard_range;

struct tn_expr {
  tn_expr_kind kind;
  tn_type type; /* of the result; f16 and bf16 results are rounded to that type */
  union {
    uint64_t bits[2];      /* CONSTANT; the second is a complex number's imaginary part, which
                              only the lowering knows: kernels of a plan are real */
    const tn_index *index; /* INDEX: converted to `type` as HLO's convert from s64 does */
    struct {
      int buffer;                /* of the kernel */
      int rank;                  /* of the buffer */
      const tn_index *const *at; /* one index a dim */
      const tn_guard_range *guards;
      int n_guards;
      const tn_expr *fill; /* NULL: never outside */
    } load;
    int value; /* VALUE: number of the let or accumulator */
    struct {
      tn_op op;
      tn_part part;                     /* of a function of complex numbers, whose operands are their parts:
                       log<imag>(a, b) is the imaginary part of log(a + bi) */
      tn_direction direction;           /* compare */
      bool total_order;                 /* compare */
      int exponent_bits, mantissa_bits; /* reduce-precision */
      int n_operands;                   /* OP and FMA */
      const tn_expr *const *operands;
    } op;
  };
};

/* ---- statements ---- */
typedef enum {
  TN_STMT_LOOP,   /* loop dims { body }; scan dims { body } where the dims are carried */
  TN_STMT_REDUCE, /* reduce dims { body; accumulators }; reduce dim to expr { … } */
  TN_STMT_LOCAL,  /* local e: f32[128]: alive to the end of the body it stands in */
  TN_STMT_LET,    /* let v: f32 = expr */
  TN_STMT_STORE,  /* y[…] = expr, y[…] = expr if condition */
  TN_STMT_SORT    /* sort e0, e1 keep n by (a0: f32, b0: f32, …) { body } less expr */
} tn_stmt_kind;

/* acc: type from initial = update. `update` reads accumulators through VALUE nodes;
 * all accumulators of a reduce are updated together, from their old values.          */
typedef struct {
  int value;
  const tn_expr *initial; /* evaluated once, outside the reduce */
  const tn_expr *update;
} tn_accumulator;

struct tn_stmt {
  tn_stmt_kind kind;
  tn_stmt *next; /* in the body that holds it */
  /* LOOP, REDUCE */
  int n_dims;
  const int *dims;    /* outermost first, as written; the schedule may reorder */
  tn_stmt *body;      /* first statement; of a REDUCE: lets and stores */
  int n_accumulators; /* REDUCE */
  const tn_accumulator *accumulators;
  /* LOCAL, STORE */
  int buffer;                /* of the kernel */
  const tn_index *const *at; /* STORE: one a dim; inside, whatever the condition says */
  const tn_expr *condition;  /* STORE: a pred; where it is false nothing is touched. NULL: always */
  /* LET, STORE, SORT; of a REDUCE of one dim, an s32: iterations from there on do not run.
   * NULL: all do                                                                        */
  int value; /* LET */
  const tn_expr *expr;
  /* SORT: locals of one dim and one size, whose elements move together; body: lets. expr:
   * does element a come before element b? It reads its values and lets alone. Stable;
   * base/sort/sort.h defines what other orders than strict weak ones give.            */
  int n_sorted;
  const int *sorted;        /* buffers */
  const int *sorted_values; /* two a buffer: of a, of b */
  int64_t keep;             /* 1 … size: so many are there afterwards */
};

/* A let or an accumulator. */
typedef struct {
  const char *name; /* unique in the kernel, among values, dims and buffers */
  tn_type type;
} tn_kernel_value;

typedef enum { TN_BUFFER_IN, TN_BUFFER_OUT, TN_BUFFER_INOUT, TN_BUFFER_LOCAL } tn_access;

/* A kernel's parameter or local. The shape's layout says where elements lie (none:
 * row-major): f32[768,3072]{1,0:T(768,64)} is packed in 64-column panels. Only
 * parameters have layouts.
 *
 * OUT and LOCAL hold nothing at first: their first access is a store that covers them,
 * every element once. INOUT holds something from the start. What holds something may be
 * stored to and loaded from any number of times; different iterations of a parallel loop
 * touch different elements of all that it stores to (tn_iterations_apart).            */
typedef struct {
  const char *name;
  const tn_shape *shape;
  tn_access access;
} tn_kernel_buffer;

/* How partial results of a reduce come together (design.md's list). ORDERED: it has
 * no join; its iterations run in order, in one piece.                               */
typedef enum {
  TN_JOIN_ORDERED,
  TN_JOIN_ADD,
  TN_JOIN_MULTIPLY,
  TN_JOIN_MINIMUM,
  TN_JOIN_MAXIMUM,
  TN_JOIN_AND,
  TN_JOIN_OR,
  TN_JOIN_XOR,
  /* Of a reduce of two: the extreme value and, in the other accumulator, where it is first. */
  TN_JOIN_ARG_MINIMUM,
  TN_JOIN_ARG_MAXIMUM,
  TN_JOIN_ARG_INDEX
} tn_join;

/* ---- schedules ---- */
#define TN_MAX_TILES 3

/* What happens to one dim. A dim of size N with tiles t1 > t2 becomes loops d, d', d'':
 * blocks of t1, blocks of t2 in them, elements. The last block of each is smaller
 * where sizes do not divide.
 *
 *   vector L*U   the innermost loop takes L*U elements a step: U vectors of L lanes.
 *                On a parallel dim, the tail is masked or scalar: values do not change.
 *                On a reduced dim, element i (counted within the dim, tiles or not)
 *                joins partial i mod L*U; see docs/plan.md.
 *   unroll U     the innermost loop takes up to U elements a step, side by side: on
 *                parallel dims this is the register tile (⌈N/U⌉ steps of nearly equal
 *                size), on reduced dims plain unrolling.                              */
typedef struct {
  int n_tiles;
  int64_t tiles[TN_MAX_TILES];
  int lanes;   /* 0: not the vector dim */
  int vectors; /* U of vector L*U */
  int unroll;  /* 1 unless stated */
} tn_dim_schedule;

typedef struct {
  int dim;
  int level; /* 0: the outermost loop of the dim; n_tiles: the innermost */
} tn_loop_ref;

typedef struct {
  const tn_dim_schedule *dims; /* one a dim of the kernel; NULL: no schedule chosen */
  int n_order;
  const tn_loop_ref *order; /* every loop of the kernel. A reduce's loops may stand
                                  outside loops of the loop statement right around it:
                                  then an accumulator exists for every point of those,
                                  in registers for unrolled and vector loops, else in
                                  memory. Loops of sibling statements follow each other. */
  int n_threads;            /* the first n_threads loops of `order`, parallel ones, are
                                  the range that threads share, in their order */
  int prefetch;             /* cache lines of the next panel of the packed operand to
                                  prefetch a step of the innermost reduced loop; 0: none */
} tn_schedule;

struct tn_kernel {
  const char *name; /* unique in the plan */
  int n_buffers;    /* parameters first, in calling order, then locals */
  int n_parameters;
  tn_kernel_buffer *buffers;
  int n_dims;
  tn_dim *dims;
  int n_values;
  tn_kernel_value *values;
  tn_stmt *body; /* one LOOP (of no dims for a scalar result) */
  tn_schedule schedule;
  const char *source; /* op_name (or the instruction) and file:line it comes from; NULL if unknown */
};

/* The shape in which kernels see an array: c64[d0,d1] is f32[d0,d1,2], the new dim minor-most
 * in its layout too; real shapes stay.                                                    */
const tn_shape *tn_shape_of_parts(tn_arena *arena, const tn_shape *shape);

/* ---- questions that both back ends ask (codegen/plan/analysis.c) ---- */
/* Of one accumulator. */
tn_join tn_reduce_join(const tn_kernel *kernel, const tn_stmt *reduce, int accumulator);
/* Into partial results: no accumulator is ORDERED, and what it stores to lies apart. */
bool tn_reduce_splits(const tn_kernel *kernel, const tn_stmt *reduce);
/* One read or write of a buffer under some statement. */
typedef struct {
  int buffer;
  const tn_index *const *at;
  const tn_stmt *stmt; /* that holds it */
  const tn_stmt *nest; /* the innermost whose dims are open; NULL: none that was walked into */
  bool is_store;
} tn_touch;
/* All under `stmt` and, if `siblings`, under those that follow it; in order of execution. */
typedef struct {
  tn_touch *at;
  int count, capacity;
} tn_touches;
void tn_find_touches(tn_arena *arena, const tn_kernel *kernel, const tn_stmt *stmt, bool siblings,
                     tn_touches *out);
/* Do iterations of the nest that differ in `dim`, one of its dims, touch different elements of
 * the buffer? apart.c says what is proved.                                              */
bool tn_dim_is_apart(tn_arena *scratch, const tn_kernel *kernel, const tn_stmt *nest, int dim, int buffer);
/* All dims of the nest, all buffers that it stores to; its own locals are no matter. If not, who. */
bool tn_iterations_apart(const tn_kernel *kernel, const tn_stmt *nest, int *dim, int *buffer);
/* The same of all parallel loops of the kernel. */
bool tn_kernel_is_apart(const tn_kernel *kernel);
/* A LOOP whose iterations run in order. */
bool tn_is_scan(const tn_kernel *kernel, const tn_stmt *stmt);
/* Does the end of a reduce change with the dim, through lets and accumulators too? Of a dim that
 * it may not be told of: yes.                                                              */
bool tn_end_depends(const tn_kernel *kernel, const tn_stmt *reduce, int dim);
/* ARG_MINIMUM or ARG_MAXIMUM if the reduce is one, else ORDERED; see arg_join.c. */
tn_join tn_reduce_arg_join(const tn_kernel *kernel, const tn_stmt *reduce);
/* Of a computation that is this one binary operation. */
tn_join tn_join_of_op(tn_op op);
/* The join's identity in the accumulator's type: -0 for a float add. */
void tn_join_identity(tn_join join, tn_type type, uint64_t bits[2]);

/* True when `index` does not depend on `dim` other than as scale * dim: *stride is that
 * scale (0 if it does not occur). Quotients and remainders count where the tile of
 * the dim's schedule lets them be resolved: with i = 64*b + j, j < 64, step in j.     */
bool tn_index_stride(const tn_kernel *kernel, const tn_index *index, int dim, int64_t step, int64_t *stride);
/* Which of two neighbours an access is: 0 or 1 if it has that constant as the last index, of a
 * dim of 2 that is minor-most in the layout, as parts of complex numbers are; else -1.      */
int tn_access_part(const tn_kernel *kernel, int buffer, const tn_index *const *at);
/* The element offset of an access in its buffer's layout, as one index over elements. */
const tn_index *tn_access_offset(tn_arena *arena, const tn_kernel *kernel, int buffer,
                                 const tn_index *const *at);
/* Smallest and largest value over all values of the dims. */
void tn_index_range(const tn_kernel *kernel, const tn_index *index, int64_t *low, int64_t *high);
/* Of a quotient or remainder: from the range of what is divided to its own. */
void tn_divide_range(const tn_term *term, int64_t *low, int64_t *high);

/* Builders: terms are merged, divisions simplified by ranges of dims ((4*i + j)/4 with
 * j < 4 is i).                                                                       */
const tn_index *tn_index_constant(tn_arena *arena, int64_t value);
const tn_index *tn_index_dim(tn_arena *arena, int dim);
const tn_index *tn_index_add(tn_arena *arena, const tn_index *a, const tn_index *b);
const tn_index *tn_index_scale(tn_arena *arena, const tn_index *a, int64_t scale);
const tn_index *tn_index_quotient(tn_arena *arena, const tn_kernel *kernel, const tn_index *a,
                                  int64_t divisor);
const tn_index *tn_index_remainder(tn_arena *arena, const tn_kernel *kernel, const tn_index *a,
                                   int64_t divisor);
const tn_index *tn_index_value(tn_arena *arena, const tn_expr *value, int64_t limit);
bool tn_index_equal(const tn_index *a, const tn_index *b);
/* The same expression, node by node. */
bool tn_expr_equal(const tn_expr *a, const tn_expr *b);

#endif
