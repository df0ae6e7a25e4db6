/* NAME_run: checks what the caller gave, then the plan's steps.
 *
 *   int NAME_run(parameters…, results…, [const void *constants,] void *arena,
 *                size_t arena_size, const tn_exec *exec)
 *
 * Checks come first: nothing is written unless all hold. Arena: the plan's temps, then the
 * scratch memory of each worker. A kernel whose work is worth a fork goes through the
 * caller's parallel_for, others are called.
 *
 * NAME_call, on request: the same with the arrays' addresses in one array.
 *
 * The floating-point environment: MXCSR is saved, set to the default (round to nearest, no
 * traps, subnormals kept) and restored, in the caller's thread around everything and in
 * workers around each piece. So results do not depend on it, and no flag is left behind.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"
#include "tenon/runtime.h"

/* Vector operations from which a fork pays: some 20 µs. */
#define WORTH_A_FORK 50000.0

/* ---- the function ---- */

typedef struct {
  tn_unit *u;
  LLVMBuilderRef b;
  LLVMValueRef function, arena, arena_size, exec, constants;
  LLVMValueRef threads, context;
  LLVMValueRef *buffers;
  LLVMTypeRef parallel_type;
} entry;

static LLVMValueRef number(entry *n, int64_t value) { return LLVMConstInt(n->u->i64, (uint64_t)value, true); }

static LLVMBasicBlockRef block(entry *n) {
  return LLVMAppendBasicBlockInContext(n->u->context, n->function, "");
}

static LLVMValueRef at_byte(entry *n, LLVMValueRef pointer, int64_t offset) {
  LLVMValueRef bytes = number(n, offset);
  return offset ? LLVMBuildGEP2(n->b, n->u->i8, pointer, &bytes, 1, "") : pointer;
}

static LLVMValueRef field(entry *n, LLVMTypeRef type, LLVMValueRef pointer, size_t offset) {
  return LLVMBuildLoad2(n->b, type, at_byte(n, pointer, (int64_t)offset), "");
}

/* Returns `code` from the function if `wrong` holds. */
static void check(entry *n, LLVMValueRef wrong, int code) {
  LLVMBasicBlockRef leave = block(n), go_on = block(n);
  LLVMBuildCondBr(n->b, wrong, leave, go_on);
  LLVMPositionBuilderAtEnd(n->b, leave);
  LLVMBuildRet(n->b, LLVMConstInt(n->u->i32, (uint64_t)code, false));
  LLVMPositionBuilderAtEnd(n->b, go_on);
}

static LLVMValueRef is_null(entry *n, LLVMValueRef pointer) { return LLVMBuildIsNull(n->b, pointer, ""); }

static LLVMValueRef unaligned(entry *n, LLVMValueRef pointer, int64_t alignment) {
  LLVMValueRef low =
      LLVMBuildAnd(n->b, LLVMBuildPtrToInt(n->b, pointer, n->u->i64, ""), number(n, alignment - 1), "");
  return LLVMBuildICmp(n->b, LLVMIntNE, low, number(n, 0), "");
}

static void check_arrays(entry *n, const int *buffers, int count, unsigned first) {
  for (int i = 0; i < count; i++) {
    const tn_buffer *b = &n->u->plan->buffers[buffers[i]];
    LLVMValueRef pointer = LLVMGetParam(n->function, first + (unsigned)i);
    n->buffers[buffers[i]] = pointer;
    int64_t size = (int64_t)tn_type_bytes(tn_type_part(b->shape->type)); /* complex: pairs of floats */
    if (b->bytes) check(n, is_null(n, pointer), TN_E_NULL);
    if (b->bytes && size > 1) check(n, unaligned(n, pointer, size), TN_E_ALIGNMENT);
  }
}

/* threads = exec ? exec->threads : 1, checked. */
static void check_threads(entry *n) {
  tn_unit *u = n->u;
  LLVMBasicBlockRef before = LLVMGetInsertBlock(n->b), given = block(n), wrong = block(n), join = block(n);
  LLVMBuildCondBr(n->b, is_null(n, n->exec), join, given);
  LLVMPositionBuilderAtEnd(n->b, given);
  LLVMValueRef threads = field(n, u->i32, n->exec, offsetof(tn_exec, threads));
  LLVMValueRef one = LLVMConstInt(u->i32, 1, false);
  LLVMValueRef none = is_null(n, field(n, u->ptr, n->exec, offsetof(tn_exec, parallel_for)));
  LLVMValueRef many = LLVMBuildICmp(n->b, LLVMIntSGT, threads, one, "");
  LLVMValueRef bad = LLVMBuildOr(n->b, LLVMBuildICmp(n->b, LLVMIntSLT, threads, one, ""),
                                 LLVMBuildAnd(n->b, many, none, ""), "");
  LLVMBuildCondBr(n->b, bad, wrong, join);
  LLVMPositionBuilderAtEnd(n->b, wrong);
  LLVMBuildRet(n->b, LLVMConstInt(u->i32, TN_E_THREADS, false));
  LLVMPositionBuilderAtEnd(n->b, join);
  n->threads = LLVMBuildPhi(n->b, u->i32, "");
  LLVMAddIncoming(n->threads, (LLVMValueRef[]){one, threads}, (LLVMBasicBlockRef[]){before, given}, 2);
}

static void check_arena(entry *n) {
  int64_t temps = n->u->arena_bytes, scratch = n->u->scratch;
  LLVMValueRef threads = LLVMBuildZExt(n->b, n->threads, n->u->i64, "");
  LLVMValueRef needed =
      LLVMBuildAdd(n->b, LLVMBuildMul(n->b, threads, number(n, scratch), ""), number(n, temps), "");
  if (!temps && !scratch) return;
  check(n, is_null(n, n->arena), TN_E_NULL);
  check(n, unaligned(n, n->arena, 64), TN_E_ALIGNMENT);
  check(n, LLVMBuildICmp(n->b, LLVMIntULT, n->arena_size, needed, ""), TN_E_ARENA);
}

/* The side file begins with what its bytes hash to. */
static void check_constants(entry *n) {
  if (!n->u->side_file) return;
  check(n, is_null(n, n->constants), TN_E_NULL);
  check(n, unaligned(n, n->constants, 64), TN_E_ALIGNMENT);
  for (int i = 0; i < 8; i++) {
    uint64_t word;
    memcpy(&word, n->u->side_bytes.at + 8 * i, sizeof word);
    LLVMValueRef got = field(n, n->u->i64, n->constants, (size_t)i * 8);
    check(n, LLVMBuildICmp(n->b, LLVMIntNE, got, LLVMConstInt(n->u->i64, word, false), ""), TN_E_CONSTANTS);
  }
}

static void locate_buffers(entry *n) {
  tn_unit *u = n->u;
  LLVMValueRef base = n->constants;
  if (u->n_constants && !u->side_file) {
    base = LLVMAddGlobal(u->module, LLVMArrayType2(u->i8, (uint64_t)u->constant_bytes),
                         tn_arena_printf(u->arena, "%s_constants", u->options->name));
    LLVMSetLinkage(base, LLVMExternalLinkage);
    LLVMSetVisibility(base, LLVMHiddenVisibility);
    LLVMSetGlobalConstant(base, true);
    LLVMSetAlignment(base, 64);
  }
  for (int i = 0; i < u->plan->n_buffers; i++) {
    const tn_buffer *b = &u->plan->buffers[i];
    if (b->memory == TN_MEMORY_TEMP) n->buffers[i] = at_byte(n, n->arena, b->offset);
    if (b->memory == TN_MEMORY_CONSTANT && u->constant_offset[i] >= 0)
      n->buffers[i] = at_byte(n, base, u->constant_offset[i]);
  }
}

/* ---- the environment ---- */

static void call_intrinsic(tn_unit *u, LLVMBuilderRef b, const char *name, LLVMValueRef argument) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  LLVMValueRef f = LLVMGetIntrinsicDeclaration(u->module, id, NULL, 0);
  LLVMBuildCall2(b, LLVMIntrinsicGetType(u->context, id, NULL, 0), f, &argument, 1, "");
}

/* saved, ours: words on the stack. */
static void enter_environment(tn_unit *u, LLVMBuilderRef b, LLVMValueRef saved, LLVMValueRef ours) {
  call_intrinsic(u, b, "llvm.x86.sse.stmxcsr", saved);
  LLVMBuildStore(b, LLVMConstInt(u->i32, 0x1f80, false), ours);
  call_intrinsic(u, b, "llvm.x86.sse.ldmxcsr", ours);
}

static LLVMTypeRef body_type(tn_unit *u) {
  return LLVMFunctionType(u->nothing, (LLVMTypeRef[]){u->ptr, u->i64, u->i64, u->i32}, 4, false);
}

/* The kernel as tn_body, for other threads. */
static LLVMValueRef body_of(tn_unit *u, int kernel) {
  tn_kernel_code *code = &u->kernels[kernel];
  if (code->body) return code->body;
  LLVMBasicBlockRef here = LLVMGetInsertBlock(u->builder);
  char *name = tn_arena_printf(u->arena, "%s.body", u->plan->kernels[kernel]->name);
  LLVMValueRef f = code->body = LLVMAddFunction(u->module, name, body_type(u)), arguments[4];
  LLVMSetLinkage(f, LLVMInternalLinkage);
  tn_function_attributes(u, f);
  LLVMPositionBuilderAtEnd(u->builder, LLVMAppendBasicBlockInContext(u->context, f, ""));
  LLVMValueRef saved = LLVMBuildAlloca(u->builder, u->i32, ""),
               ours = LLVMBuildAlloca(u->builder, u->i32, "");
  enter_environment(u, u->builder, saved, ours);
  LLVMGetParams(f, arguments);
  LLVMBuildCall2(u->builder, body_type(u), code->function, arguments, 4, "");
  call_intrinsic(u, u->builder, "llvm.x86.sse.ldmxcsr", saved);
  LLVMBuildRetVoid(u->builder);
  LLVMPositionBuilderAtEnd(u->builder, here);
  return f;
}

/* ---- steps ---- */

static void set_slot(entry *n, int slot, LLVMValueRef value) {
  LLVMBuildStore(n->b, value, at_byte(n, n->context, slot * (int64_t)sizeof(void *)));
}

static void emit_call(entry *n, int kernel) {
  const tn_kernel_code *code = &n->u->kernels[kernel];
  LLVMValueRef arguments[4] = {n->context, number(n, 0), number(n, code->count),
                               LLVMConstInt(n->u->i32, 0, false)};
  LLVMBuildCall2(n->b, body_type(n->u), code->function, arguments, 4, "");
}

static void emit_run(entry *n, const tn_step *step) {
  tn_unit *u = n->u;
  const tn_kernel *k = u->plan->kernels[step->kernel];
  const tn_kernel_code *code = &u->kernels[step->kernel];
  for (int i = 0; i < k->n_parameters; i++) set_slot(n, i, n->buffers[step->arguments[i]]);
  set_slot(n, k->n_parameters, at_byte(n, n->arena, tn_unit_scratch_of(u, step)));
  set_slot(n, k->n_parameters + 1, number(n, code->scratch));
  if (code->count < 2 || code->work < WORTH_A_FORK) {
    emit_call(n, step->kernel);
    return;
  }
  LLVMBasicBlockRef alone = block(n), shared = block(n), after = block(n);
  LLVMValueRef many = LLVMBuildICmp(n->b, LLVMIntSGT, n->threads, LLVMConstInt(u->i32, 1, false), "");
  LLVMBuildCondBr(n->b, many, shared, alone);
  LLVMPositionBuilderAtEnd(n->b, alone);
  emit_call(n, step->kernel);
  LLVMBuildBr(n->b, after);
  LLVMPositionBuilderAtEnd(n->b, shared);
  LLVMValueRef pool = field(n, u->ptr, n->exec, offsetof(tn_exec, pool));
  LLVMValueRef parallel_for = field(n, u->ptr, n->exec, offsetof(tn_exec, parallel_for));
  LLVMValueRef arguments[4] = {pool, number(n, code->count), body_of(u, step->kernel), n->context};
  LLVMBuildCall2(n->b, n->parallel_type, parallel_for, arguments, 4, "");
  LLVMBuildBr(n->b, after);
  LLVMPositionBuilderAtEnd(n->b, after);
}

static void emit_steps(entry *n, const tn_step *first);

static LLVMValueRef load_selector(entry *n, int buffer) {
  bool pred = n->u->plan->buffers[buffer].shape->type == TN_PRED;
  LLVMValueRef value = LLVMBuildLoad2(n->b, pred ? n->u->i8 : n->u->i32, n->buffers[buffer], "");
  return pred ? LLVMBuildICmp(n->b, LLVMIntNE, value, LLVMConstInt(n->u->i8, 0, false), "") : value;
}

static void emit_while(entry *n, const tn_step *step) {
  LLVMBasicBlockRef test = block(n), body = block(n), after = block(n);
  LLVMBuildBr(n->b, test);
  LLVMPositionBuilderAtEnd(n->b, test);
  emit_steps(n, step->test);
  LLVMBuildCondBr(n->b, load_selector(n, step->selector), body, after);
  LLVMPositionBuilderAtEnd(n->b, body);
  emit_steps(n, step->branches[0]);
  LLVMBuildBr(n->b, test);
  LLVMPositionBuilderAtEnd(n->b, after);
}

static void emit_conditional(entry *n, const tn_step *step) {
  LLVMValueRef selector = load_selector(n, step->selector);
  bool pred = n->u->plan->buffers[step->selector].shape->type == TN_PRED;
  if (!step->n_branches) return;
  if (pred) selector = LLVMBuildZExt(n->b, LLVMBuildNot(n->b, selector, ""), n->u->i32, "");
  LLVMBasicBlockRef last = block(n), after = block(n);
  LLVMValueRef choice = LLVMBuildSwitch(n->b, selector, last, (unsigned)step->n_branches - 1);
  for (int i = 0; i < step->n_branches; i++) {
    LLVMBasicBlockRef here = i + 1 < step->n_branches ? block(n) : last;
    if (here != last) LLVMAddCase(choice, LLVMConstInt(n->u->i32, (uint64_t)i, false), here);
    LLVMPositionBuilderAtEnd(n->b, here);
    emit_steps(n, step->branches[i]);
    LLVMBuildBr(n->b, after);
  }
  LLVMPositionBuilderAtEnd(n->b, after);
}

/* What the caller passed as one pointer needs no copy. */
static void copy_unless_same(entry *n, LLVMValueRef target, LLVMValueRef source, LLVMValueRef bytes) {
  LLVMBasicBlockRef apart = block(n), after = block(n);
  LLVMBuildCondBr(n->b, LLVMBuildICmp(n->b, LLVMIntEQ, target, source, ""), after, apart);
  LLVMPositionBuilderAtEnd(n->b, apart);
  LLVMBuildMemMove(n->b, target, 1, source, 1, bytes);
  LLVMBuildBr(n->b, after);
  LLVMPositionBuilderAtEnd(n->b, after);
}

/* memmove where the caller may have passed one pointer twice. */
static void emit_copy(entry *n, const tn_step *step) {
  const tn_buffer *to = &n->u->plan->buffers[step->to], *from = &n->u->plan->buffers[step->from];
  LLVMValueRef bytes = number(n, to->bytes), target = n->buffers[step->to], source = n->buffers[step->from];
  if (!to->bytes) return;
  if (to->alias == step->from)
    copy_unless_same(n, target, source, bytes);
  else if (to->memory == TN_MEMORY_RESULT && from->memory == TN_MEMORY_PARAMETER)
    LLVMBuildMemMove(n->b, target, 1, source, 1, bytes);
  else
    LLVMBuildMemCpy(n->b, target, 1, source, 1, bytes);
}

static void emit_steps(entry *n, const tn_step *first) {
  for (const tn_step *s = first; s; s = s->next) {
    switch (s->kind) {
    case TN_STEP_RUN: emit_run(n, s); break;
    case TN_STEP_COPY: emit_copy(n, s); break;
    case TN_STEP_WHILE: emit_while(n, s); break;
    case TN_STEP_CONDITIONAL: emit_conditional(n, s); break;
    }
  }
}

/* ---- putting it together ---- */

static void open_entry(entry *n) {
  tn_unit *u = n->u;
  unsigned arrays = (unsigned)(u->plan->n_parameters + u->plan->n_results), count = 0;
  LLVMTypeRef *types = TN_NEW_ARRAY(u->arena, LLVMTypeRef, arrays + 4);
  while (count < arrays + 1 + u->side_file) types[count++] = u->ptr;
  types[count++] = u->i64;
  types[count++] = u->ptr;
  char *name = tn_arena_printf(u->arena, "%s_run", u->options->name);
  n->function = LLVMAddFunction(u->module, name, LLVMFunctionType(u->i32, types, count, false));
  tn_function_attributes(u, n->function);
  n->constants = u->side_file ? LLVMGetParam(n->function, arrays) : NULL;
  n->arena = LLVMGetParam(n->function, count - 3);
  n->arena_size = LLVMGetParam(n->function, count - 2);
  n->exec = LLVMGetParam(n->function, count - 1);
  n->buffers = TN_NEW_ARRAY(u->arena, LLVMValueRef, u->plan->n_buffers);
  n->parallel_type = LLVMFunctionType(u->nothing, (LLVMTypeRef[]){u->ptr, u->i64, u->ptr, u->ptr}, 4, false);
  LLVMPositionBuilderAtEnd(n->b, block(n));
}

/* int NAME_call(void *const *arrays, void *arena, size_t arena_size, const tn_exec *exec) */
static void emit_uniform_call(entry *n) {
  tn_unit *u = n->u;
  unsigned arrays = (unsigned)(u->plan->n_parameters + u->plan->n_results);
  LLVMTypeRef own[] = {u->ptr, u->ptr, u->i64, u->ptr};
  char *name = tn_arena_printf(u->arena, "%s_call", u->options->name);
  LLVMValueRef call = LLVMAddFunction(u->module, name, LLVMFunctionType(u->i32, own, 4, false));
  LLVMValueRef *arguments = TN_NEW_ARRAY(u->arena, LLVMValueRef, arrays + 3);
  tn_function_attributes(u, call);
  LLVMPositionBuilderAtEnd(n->b, LLVMAppendBasicBlockInContext(u->context, call, ""));
  for (unsigned i = 0; i < arrays; i++)
    arguments[i] = field(n, u->ptr, LLVMGetParam(call, 0), i * sizeof(void *));
  for (unsigned i = 0; i < 3; i++) arguments[arrays + i] = LLVMGetParam(call, 1 + i);
  LLVMTypeRef type = LLVMGlobalGetValueType(n->function);
  LLVMBuildRet(n->b, LLVMBuildCall2(n->b, type, n->function, arguments, arrays + 3, ""));
}

bool tn_emit_entry(tn_unit *u) {
  tn_unit_place_scratch(u);
  entry n = {.u = u, .b = u->builder};
  int most = 0;
  open_entry(&n);
  for (int i = 0; i < u->plan->n_kernels; i++)
    if (u->plan->kernels[i]->n_parameters > most) most = u->plan->kernels[i]->n_parameters;
  n.context = LLVMBuildAlloca(n.b, LLVMArrayType2(u->ptr, (uint64_t)most + 2), "");
  LLVMValueRef saved = LLVMBuildAlloca(n.b, u->i32, ""), ours = LLVMBuildAlloca(n.b, u->i32, "");
  check_arrays(&n, u->plan->parameters, u->plan->n_parameters, 0);
  check_arrays(&n, u->plan->results, u->plan->n_results, (unsigned)u->plan->n_parameters);
  check_constants(&n);
  check_threads(&n);
  check_arena(&n);
  enter_environment(u, n.b, saved, ours);
  locate_buffers(&n);
  emit_steps(&n, u->plan->steps);
  call_intrinsic(u, n.b, "llvm.x86.sse.ldmxcsr", saved);
  LLVMBuildRet(n.b, LLVMConstInt(u->i32, 0, false));
  if (u->options->uniform_call) emit_uniform_call(&n);
  return !u->failed;
}
