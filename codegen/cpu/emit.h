/* Private to codegen/cpu: what its files share.
 *
 *   compile.c      the way through: plan -> LLVM module -> machine code -> object
 *   parts.c        kernels of large plans side by side; join.c one object of theirs
 *   emit_kernel.c  a kernel's function; statements
 *   emit_tree.c    loops: every loop is cut into segments of one static shape
 *   emit_reduce.c  accumulators, partial results, their join
 *   emit_block.c   reduces outside loops of their nest; emit_prefetch.c the next panel
 *   emit_expr.c    an expression at a set of points
 *   emit_access.c  loads, stores, fills, masks
 *   emit_transpose.c  loads across the vector dim
 *   emit_index.c   indices: values, ranges, strides
 *   emit_op.c      elementwise opcodes; emit_divide.c integer divisions
 *   emit_sort.c    sort statements; base/sort's functions
 *   emit_types.c   memory <-> register, conversions, rounding; emit_small.c under 16 bits
 *   emit_math.c    base/math's bitcode
 *   entry.c        NAME_run; signature.c NAME_signature; constants.c their bytes
 *   object.c       the ELF file; header.c the C header; load.c an object in this process
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_CPU_EMIT_H
#define TN_CPU_EMIT_H

#include "codegen/cpu/cpu.h"

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>

/* ---- one plan ---- */

typedef struct {
  LLVMValueRef function; /* void (ptr context, i64 begin, i64 end, i32 worker) */
  LLVMValueRef body;     /* the same with an environment of its own, for parallel_for; NULL until needed */
  int64_t count;         /* iterations that threads share; 1: not shared */
  double work;           /* of the whole kernel, in vector operations */
  int64_t scratch;       /* bytes of a worker */
} tn_kernel_code;

typedef struct {
  tn_arena *arena; /* the plan's, for what outlives the compilation; of a part its own */
  tn_plan *plan;
  const tn_cpu_options *options;
  tn_diagnostics *sink;
  const tn_cpu *cpu;
  LLVMContextRef context;
  LLVMModuleRef module;
  LLVMBuilderRef builder;
  LLVMTargetMachineRef machine;
  LLVMTargetDataRef layout;
  char *cpu_name, *features; /* LLVM's, resolved; malloc'ed by LLVM */
  LLVMTypeRef i1, i8, i16, i32, i64, f32, f64, ptr, nothing;
  LLVMLinkage kernel_linkage; /* internal; of parts external, and hidden */
  tn_kernel_code *kernels;    /* one a kernel of the plan */
  int64_t scratch;            /* the largest of the kernels', a multiple of 64 */
  int64_t arena_bytes;        /* of the signature; scratch.c */
  int64_t alive_bytes;        /* the most that is alive at once, one worker's scratch included */
  int n_times;
  tn_step **step_at;          /* by time of the plan */
  int64_t *scratch_at;        /* by time: where in the arena the workers' scratch begins */
  int64_t *constant_offset;   /* of each plan buffer in the constants, or -1 */
  int *constant_order;        /* buffers in the order of the section, each different once */
  int n_constants;
  int64_t constant_bytes;
  bool side_file;
  uint64_t constant_hash[2];
  tn_str side_bytes;
  unsigned math_widths;              /* of base/math's functions that are called: 1, 4, 8, 16 added up */
  bool math_parts;                   /* parts of complex functions among them */
  bool sorts;                        /* base/sort's are */
  int64_t entry_frame, kernel_frame; /* the largest that LLVM told of */
  bool failed;                       /* a diagnostic was reported; the module is abandoned */
} tn_unit;

/* ---- one kernel ---- */

/* A dim while code is emitted. Its value at a point is
 *   constant + sum of loop variables + point * (vector: L, else 1) + lane
 * with constant + variables in low..high and a multiple of `align`.
 * A dim with several points is "jammed": statements are evaluated for all of them side
 * by side. Unrolled reduced dims are not: their steps follow each other (constant).    */
typedef struct {
  int64_t extent; /* elements that the next inner loop of the dim covers */
  int64_t constant;
  LLVMValueRef vars[TN_MAX_TILES + 1];
  int depth[TN_MAX_TILES + 1]; /* of the loop that var belongs to */
  int64_t var_align[TN_MAX_TILES + 1];
  int n_vars;
  int jam_at; /* position in jam, or -1 */
  int64_t low, high, align;
  int64_t pending; /* low … high + pending covers what inner loops of the dim will add */
  int slots;       /* points there can be: the stride in arrays of points */
  int points;      /* in the current segment */
  int tail;        /* vector dim: active lanes of the last point */
} tn_dim_state;

/* Values at the points of the jammed dims of `dims`, array index: mixed radix over the
 * jammed dims, slots each, in the order they were opened.                             */
typedef struct {
  uint64_t dims;
  bool vector;         /* each is a vector over the lanes of the vector dim */
  LLVMValueRef *at;    /* NULL: not there (yet) */
  LLVMValueRef *splat; /* of scalars: the same in all lanes, made when asked for */
  const tn_expr *lazy; /* a load, whose points are emitted when asked for */
} tn_values;

typedef struct {
  LLVMValueRef anchor; /* what depends on outer loops and this one alone goes before it */
  LLVMBasicBlockRef header;
  int memo_mark;
} tn_open_loop;

/* From pointers to words. */
typedef struct {
  const void **keys;
  uint64_t *words;
  int count, capacity;
} tn_map;

/* Index arithmetic that was emitted: op(a, b or number) at `depth`. */
typedef struct {
  int op;
  LLVMValueRef a, b;
  int64_t number;
  LLVMValueRef value;
  int depth, next;
} tn_memo_entry;

#define TN_MAX_LOOPS 128

typedef struct {
  tn_unit *u;
  LLVMBuilderRef b;
  const tn_kernel *k;
  tn_arena *arena; /* scratch */
  LLVMValueRef function;
  LLVMValueRef *buffers;    /* base pointers */
  uint64_t *buffer_dims;    /* locals: the dims around them; 0 for parameters */
  uint64_t *value_dims;     /* dims a let or an accumulator can vary over */
  LLVMValueRef *local_slot; /* locals: on the stack, once allocated */
  int64_t *local_bytes;     /* locals: of one instance */
  uint64_t *local_jam;      /* locals: the jammed dims at their declaration */
  int *local_lanes;         /* locals inside a vector dim: lanes beside each element; else 1 */
  LLVMValueRef scratch;     /* this worker's */
  int64_t scratch_used, scratch_bytes;
  tn_dim_state *dims;
  int jam[64]; /* jammed dims, in the order they were opened */
  int n_jam;
  int vector;                    /* the vector dim that is open, or -1 */
  int lanes;                     /* its L */
  int lane;                      /* >= 0: everything is emitted for this lane alone, as scalars */
  int low[64], count[64];        /* the box of points under evaluation, by position in jam */
  int walk[64];                  /* positions in jam, outermost of the walk over points first */
  int cut[64];                   /* positions in jam: groups of points are whole along the last */
  int at[64];                    /* the point, by position in jam */
  TN_VEC(LLVMValueRef) fills;    /* constants in memory that guarded loads fall back on */
  TN_VEC(tn_guard_range) guards; /* of all loads with a fill */
  int step_in_order;             /* of the innermost unrolled step of a reduced dim, */
  int steps_in_order;            /* of so many */
  int variants; /* how often the code being emitted exists, by segments of the loops around */
  tn_open_loop loops[TN_MAX_LOOPS]; /* [0]: the function */
  int n_loops;
  TN_VEC(LLVMValueRef *) carried; /* accumulators of the open reduce: loops make phis of them */
  tn_values *values;              /* lets and accumulators by number */
  tn_memo_entry *memo;            /* index arithmetic that open loops can share */
  int n_memo, memo_capacity;
  int memo_heads[1024];
  tn_map offsets; /* access -> its offset index */
  tn_map deps;    /* expression -> dims; empty until value_dims are known */
  bool deps_known;
} tn_emitter;

/* ---- compile.c ---- */
bool tn_unit_fail(tn_unit *u, tn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void tn_function_attributes(tn_unit *u, LLVMValueRef function);
bool tn_unit_open(tn_unit *u, tn_plan *plan, const tn_cpu_options *options, tn_arena *arena,
                  tn_diagnostics *sink);
bool tn_unit_verify(tn_unit *u);
LLVMMemoryBufferRef tn_unit_generate(tn_unit *u, LLVMCodeGenFileType form); /* NULL after a failure */
void tn_unit_close(tn_unit *u); /* after a failed tn_unit_open, too */

/* ---- parts.c ---- */
/* The kernels of a large plan as objects of their own, and room for one more behind them;
 * u declares them. Returns how many: 0 where the plan is not worth it.                  */
int tn_emit_parts(tn_unit *u, tn_str **objects);

/* ---- join.c ---- */
/* One relocatable object of several; what is hidden in them becomes local. */
tn_str tn_join_objects(tn_unit *u, const tn_str *objects, int count);

/* ---- names.c ---- */
bool tn_check_names(tn_unit *u); /* of the target's cpu and features */

/* ---- emit_types.c ---- */
LLVMTypeRef tn_register_type(tn_unit *u, tn_type type); /* i1; iN from i8; float up to f32; double */
LLVMTypeRef tn_memory_type(tn_unit *u, tn_type type);
LLVMTypeRef tn_shaped(LLVMTypeRef element, int lanes);      /* lanes 0: scalar */
int tn_lanes_of(LLVMValueRef value);                        /* 0: scalar */
LLVMValueRef tn_int_like(LLVMTypeRef type, uint64_t value); /* splats where `type` is a vector */
LLVMValueRef tn_float_like(LLVMTypeRef type, double value);
LLVMTypeRef tn_with_element(LLVMTypeRef type, LLVMTypeRef element); /* same lanes */
LLVMValueRef tn_from_memory(tn_emitter *e, tn_type type, LLVMValueRef value);
LLVMValueRef tn_to_memory(tn_emitter *e, tn_type type, LLVMValueRef value);
/* After an operation: floats of at most 16 bits are rounded, integers under 8 wrapped. */
LLVMValueRef tn_round_to_type(tn_emitter *e, tn_type type, LLVMValueRef value);
/* The same after an operation that `op` was; it matters where there is no zero. */
LLVMValueRef tn_round_result(tn_emitter *e, tn_op op, tn_type type, LLVMValueRef value);
LLVMValueRef tn_convert(tn_emitter *e, tn_type from, tn_type to, LLVMValueRef value);
LLVMValueRef tn_constant_value(tn_emitter *e, tn_type type, uint64_t bits); /* scalar */
LLVMValueRef tn_private_constant(tn_unit *u, LLVMValueRef value);           /* in memory: its address */
LLVMValueRef tn_reduce_precision(tn_emitter *e, tn_type type, LLVMValueRef value, int exponent_bits,
                                 int mantissa_bits);
LLVMValueRef tn_intrinsic(tn_emitter *e, const char *name, LLVMTypeRef overload, LLVMValueRef *arguments,
                          int count);
LLVMValueRef tn_select(tn_emitter *e, LLVMValueRef condition, LLVMValueRef a, LLVMValueRef b);

/* ---- emit_small.c ---- */
/* Floats of at most 8 bits: i8 <-> float, exact; float -> the type's nearest value, as HLO's
 * convert has it.                                                                        */
LLVMValueRef tn_small_decode(tn_emitter *e, tn_type type, LLVMValueRef byte);
LLVMValueRef tn_small_encode(tn_emitter *e, tn_type type, LLVMValueRef value);
LLVMValueRef tn_small_round(tn_emitter *e, tn_type type, LLVMValueRef value);
LLVMValueRef tn_small_reduce_precision(tn_emitter *e, tn_type type, LLVMValueRef value, int exponent_bits,
                                       int mantissa_bits);
/* Integers under 8 bits, in i8, to their type: by its low bits, by its range. Others stay. */
LLVMValueRef tn_small_wrap(tn_emitter *e, tn_type type, LLVMValueRef value);
LLVMValueRef tn_small_clamp(tn_emitter *e, tn_type type, LLVMValueRef value);

/* ---- emit_math.c ---- */
/* A call of base/math's function, or NULL if there is none. Operands in register form. */
LLVMValueRef tn_math_emit(tn_emitter *e, tn_op op, tn_part part, tn_type type, LLVMValueRef *operands,
                          int count);
bool tn_bitcode_link(tn_unit *u); /* after all kernels: base/math's and base/sort's functions */

/* ---- emit_op.c ---- */
/* Operands in register form, of one shape (all scalars or all vectors). */
LLVMValueRef tn_emit_op(tn_emitter *e, const tn_expr *expr, LLVMValueRef *operands);
LLVMValueRef tn_emit_join(tn_emitter *e, tn_join join, tn_type type, LLVMValueRef a, LLVMValueRef b);
/* Of arg-min and arg-max: values a[0], b[0] of types[0], indices a[1], b[1] of types[1]; into a. */
void tn_emit_arg_join(tn_emitter *e, tn_join join, const tn_type types[2], LLVMValueRef a[2],
                      const LLVMValueRef b[2]);

/* ---- emit_divide.c ---- */
/* Operands as of tn_emit_op. */
LLVMValueRef tn_emit_integer_division(tn_emitter *e, tn_type type, LLVMValueRef a, LLVMValueRef b,
                                      bool remainder);

/* ---- emit_index.c ---- */
uint64_t tn_expr_dims(tn_emitter *e, const tn_expr *expr);
uint64_t tn_index_dims(tn_emitter *e, const tn_index *index);
/* The value at the current point: result + *constant; NULL: constant alone. In lane mode
 * of that lane, else of lane 0 of the point.                                           */
LLVMValueRef tn_emit_index(tn_emitter *e, const tn_index *index, int64_t *constant);
LLVMValueRef tn_emit_index_value(tn_emitter *e, const tn_index *index); /* i64, whole */
/* Over the loops and lanes at the current point. */
void tn_point_range(tn_emitter *e, const tn_index *index, int64_t *low, int64_t *high);
/* Step from lane to lane at the current point, if there is one. */
bool tn_lane_stride(tn_emitter *e, const tn_index *index, int64_t *stride);
void tn_memo_cut(tn_emitter *e, int mark, int depth); /* forgets what loops from `depth` on made since mark */
void tn_find_value_dims(tn_emitter *e);
void tn_find_guards(tn_emitter *e, const tn_stmt *first);
const tn_index *tn_offset_of(tn_emitter *e, const void *access, int buffer, const tn_index *const *at);

/* ---- emit_expr.c ---- */
tn_values *tn_emit_values(tn_emitter *e, const tn_expr *expr); /* over the box */
/* One of `values` at the current point; lanes: as a vector (of e->lanes), else as it is. */
LLVMValueRef tn_value_at(tn_emitter *e, tn_values *values, bool vector);
LLVMValueRef tn_scalar_at_point(tn_emitter *e, const tn_expr *expr); /* at this point (and lane) */
tn_values *tn_new_values(tn_emitter *e, uint64_t dims, bool vector);
int tn_point_number(tn_emitter *e, uint64_t dims); /* of the current point, in arrays over dims */
uint64_t tn_jam_mask(const tn_emitter *e);
/* Walks the points of the box over `dims`: for (tn_first_point(e, d); more; more = tn_next_point(e, d)) */
bool tn_first_point(tn_emitter *e, uint64_t dims);
bool tn_next_point(tn_emitter *e, uint64_t dims);
void tn_full_box(tn_emitter *e);
int tn_expr_cost(const tn_expr *expr);

/* ---- emit_access.c ---- */
LLVMValueRef tn_emit_load(tn_emitter *e, const tn_expr *expr); /* at the current point */
/* condition: NULL, one for all lanes, or one a lane. */
void tn_emit_store(tn_emitter *e, const tn_stmt *store, LLVMValueRef value, LLVMValueRef condition);
/* Two stores that follow each other and write both parts of the same complex number. */
/* Memory of that type, bytes, from the element on that the load means at the current point. */
LLVMValueRef tn_load_bytes(tn_emitter *e, const tn_expr *load, LLVMTypeRef type);
/* The step of an unrolled reduce of products of bytes; false: it is another one. */
bool tn_emit_byte_products(tn_emitter *e, const tn_stmt *reduce);
void tn_store_vector(tn_emitter *e, const tn_stmt *store, LLVMValueRef value);
bool tn_emit_transposed_store(tn_emitter *e, const tn_stmt *store, tn_values *values, uint64_t dims);
bool tn_stores_pair(const tn_emitter *e, const tn_stmt *first, const tn_stmt *second);
void tn_emit_pair(tn_emitter *e, const tn_stmt *first, const tn_stmt *second, LLVMValueRef values[2]);
/* Neighbouring elements from the current point (and lane) on. */
LLVMValueRef tn_load_vector(tn_emitter *e, const tn_expr *expr, const tn_index *offset, int lanes);
int tn_active_lanes(const tn_emitter *e);             /* at the current point */
LLVMValueRef tn_lane_mask(tn_emitter *e, int active); /* <L x i1> */
LLVMValueRef tn_splat(tn_emitter *e, LLVMValueRef scalar, int lanes);

/* ---- emit_tree.c ---- */
typedef void tn_nest_body(tn_emitter *e, void *data);
/* One loop over 0 … end - 1 of the dim, which may be none; the carried values are those of its end. */
void tn_emit_loop_to(tn_emitter *e, int dim, LLVMValueRef end, tn_nest_body *body, void *data);
void tn_emit_nest(tn_emitter *e, const tn_loop_ref *loops, int count, tn_nest_body *body, void *data);
/* The same, the leading loops in the function's range begin … end; returns the range of all. */
int64_t tn_emit_shared_nest(tn_emitter *e, const tn_loop_ref *loops, int count, tn_nest_body *body,
                            void *data);
int tn_loops_of(tn_emitter *e, const tn_stmt *stmt, tn_loop_ref *out); /* in order; at most TN_MAX_LOOPS */

/* ---- emit_kernel.c ---- */
void tn_emit_statements(tn_emitter *e, const tn_stmt *first);
/* Lets and stores from first up to end, then the accumulators' updates of `reduce` (or NULL). */
void tn_emit_leaves(tn_emitter *e, const tn_stmt *first, const tn_stmt *end, const tn_stmt *reduce);
bool tn_emit_kernel(tn_unit *u, int number);
LLVMValueRef tn_declare_kernel(tn_unit *u, int number); /* the function alone */
void tn_init_emitter(tn_emitter *e);                    /* u, b, k and arena are set */

/* ---- emit_reduce.c ---- */
void tn_emit_reduce(tn_emitter *e, const tn_stmt *reduce);
/* The accumulator's values before the first iteration, at all points. */
tn_values *tn_initial_values(tn_emitter *e, const tn_accumulator *acc);
/* Given loops alone; the accumulators have their values. No partial results. */
void tn_emit_reduce_loops(tn_emitter *e, const tn_stmt *reduce, const tn_loop_ref *loops, int count);
int tn_value_slots(tn_emitter *e, uint64_t dims); /* of the jammed dims in `dims` */

/* ---- emit_sort.c ---- */
void tn_emit_sort(tn_emitter *e, const tn_stmt *sort);

/* ---- emit_transpose.c ---- */
bool tn_emit_transposed(tn_emitter *e, tn_values *values);

/* ---- emit_prefetch.c ---- */
LLVMValueRef tn_prefetch_start(tn_emitter *e, const tn_stmt *reduce); /* NULL: nothing to fetch */
void tn_prefetch_step(tn_emitter *e, LLVMValueRef *pointer);

/* ---- emit_block.c ---- */
/* If reduced loops stand outside loops of the nest: the loops to open first, and what to
 * emit in them; else NULL.                                                              */
tn_nest_body *tn_blocked_loops(tn_emitter *e, const tn_stmt *loop, tn_loop_ref *out, int *count);

/* ---- constants.c ---- */
void tn_place_constants(tn_unit *u);
int tn_constant_pieces(tn_unit *u, tn_str *pieces); /* room for two a constant */
void tn_make_side_file(tn_unit *u);

/* ---- entry.c, signature.c ---- */
bool tn_emit_entry(tn_unit *u);

/* ---- scratch.c: when all kernels' scratch memory is known ---- */
void tn_unit_place_scratch(tn_unit *u);
/* Where in the arena the scratch memory of a step's workers begins. */
int64_t tn_unit_scratch_of(const tn_unit *u, const tn_step *step);
void tn_emit_signature(tn_unit *u);

/* ---- object.c ---- */
bool tn_make_object(tn_unit *u, tn_str code, tn_object *object);

#endif
