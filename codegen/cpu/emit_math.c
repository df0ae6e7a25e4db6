/* base/math in kernels: calls of its functions; its bitcode, and base/sort's, linked in.
 *
 * A kernel's vectors of L lanes are cut into the widest functions that there are (16, 8,
 * 4, 1), such that one call fills a register of the target. Functions on floats of at most
 * 16 bits that have no row of their own are the f32 ones, rounded.
 *
 * The bitcode names no CPU: linked functions get the attributes of ours, without which
 * they could not be inlined, and are internal.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/math/math.h"
#include "base/sort/sort.h"
#include "codegen/cpu/emit.h"

#include <llvm-c/BitReader.h>
#include <llvm-c/Linker.h>
#include <llvm-c/Transforms/PassBuilder.h>

/* ---- calls ---- */

enum { MAX_ARITY = 4 };

static LLVMValueRef function_of(tn_emitter *e, const tn_math_function *row, int width) {
  tn_unit *u = e->u;
  char *name = tn_arena_printf(e->arena, "%s_w%d", row->symbol, width);
  LLVMValueRef function = LLVMGetNamedFunction(u->module, name);
  LLVMTypeRef operand = tn_shaped(tn_memory_type(u, row->operand), width == 1 ? 0 : width);
  LLVMTypeRef result = tn_shaped(tn_memory_type(u, row->result), width == 1 ? 0 : width);
  if (function) return function;
  u->math_widths |= (unsigned)width;
  return LLVMAddFunction(u->module, name,
                         LLVMFunctionType(result, (LLVMTypeRef[]){operand, operand, operand, operand},
                                          (unsigned)row->arity, false));
}

static LLVMValueRef call(tn_emitter *e, const tn_math_function *row, int width, LLVMValueRef *x) {
  LLVMValueRef function = function_of(e, row, width);
  return LLVMBuildCall2(e->b, LLVMGlobalGetValueType(function), function, x, (unsigned)row->arity, "");
}

static LLVMValueRef lanes_from(tn_emitter *e, LLVMValueRef value, int first, int count) {
  LLVMValueRef order[256];
  for (int i = 0; i < count; i++) order[i] = LLVMConstInt(e->u->i32, (uint64_t)(first + i), false);
  return LLVMBuildShuffleVector(e->b, value, LLVMGetPoison(LLVMTypeOf(value)),
                                LLVMConstVector(order, (unsigned)count), "");
}

/* The widest function for vectors of `lanes` on this target. */
static int width_for(tn_emitter *e, tn_type type, int lanes) {
  int most = tn_cpu_lanes(e->u->cpu, type), width = most >= 16 ? 16 : most >= 8 ? 8 : 4;
  while (width > 1 && width > lanes) width = width == 4 ? 1 : width / 2;
  return width;
}

static LLVMValueRef two_halves(tn_emitter *e, LLVMValueRef low, LLVMValueRef high) {
  LLVMValueRef order[256];
  int lanes = 2 * tn_lanes_of(low);
  for (int i = 0; i < lanes; i++) order[i] = LLVMConstInt(e->u->i32, (uint64_t)i, false);
  return LLVMBuildShuffleVector(e->b, low, high, LLVMConstVector(order, (unsigned)lanes), "");
}

/* Memory-form operands of `lanes` lanes, a power of two; 0: scalars. */
static LLVMValueRef call_wide(tn_emitter *e, const tn_math_function *row, int lanes, LLVMValueRef *x) {
  int width = width_for(e, row->operand, lanes ? lanes : 1);
  LLVMValueRef part[MAX_ARITY];
  if (!lanes || (lanes == width && width > 1)) return call(e, row, width, x);
  if (width > 1) {
    LLVMValueRef halves[2];
    for (int h = 0; h < 2; h++) {
      for (int i = 0; i < row->arity; i++) part[i] = lanes_from(e, x[i], h * (lanes / 2), lanes / 2);
      halves[h] = call_wide(e, row, lanes / 2, part);
    }
    return two_halves(e, halves[0], halves[1]);
  }
  LLVMValueRef all = LLVMGetPoison(tn_shaped(tn_memory_type(e->u, row->result), lanes));
  for (int l = 0; l < lanes; l++) {
    LLVMValueRef lane = LLVMConstInt(e->u->i32, (uint64_t)l, false);
    for (int i = 0; i < row->arity; i++) part[i] = LLVMBuildExtractElement(e->b, x[i], lane, "");
    all = LLVMBuildInsertElement(e->b, all, call(e, row, 1, part), lane, "");
  }
  return all;
}

LLVMValueRef tn_math_emit(tn_emitter *e, tn_op op, tn_part part, tn_type type, LLVMValueRef *operands,
                          int count) {
  const tn_math_function *row = tn_math_find_part(tn_ops[op].name, part, type);
  bool by_f32 = !row && tn_type_is_float(type) && tn_type_bits(type) < 32;
  if (by_f32) row = tn_math_find(tn_ops[op].name, TN_F32);
  if (!row || row->arity != count || count > MAX_ARITY) return NULL;
  e->u->math_parts |= part != TN_PART_WHOLE;
  LLVMValueRef x[MAX_ARITY];
  for (int i = 0; i < count; i++) x[i] = by_f32 ? operands[i] : tn_to_memory(e, type, operands[i]);
  LLVMValueRef value = call_wide(e, row, tn_lanes_of(operands[0]), x);
  return by_f32 ? tn_round_result(e, op, type, value) : tn_from_memory(e, row->result, value);
}

/* ---- linking ---- */

/* A lazy module reads bodies when they are linked, few of base/math's hundreds; it owns the
 * buffer, and does not know who calls whom.                                             */
static LLVMModuleRef read_bitcode(tn_unit *u, const unsigned char *bytes, size_t size, bool lazy) {
  LLVMMemoryBufferRef buffer =
      LLVMCreateMemoryBufferWithMemoryRange((const char *)bytes, size, "base", false);
  LLVMModuleRef module;
  if (lazy) return LLVMGetBitcodeModuleInContext2(u->context, buffer, &module) ? NULL : module;
  if (LLVMParseBitcodeInContext2(u->context, buffer, &module)) module = NULL;
  LLVMDisposeMemoryBuffer(buffer);
  return module;
}

/* Only what is called is worth linking: the rest goes before it is copied. */
static void keep_called(tn_unit *u, LLVMModuleRef base) {
  LLVMValueRef next;
  for (LLVMValueRef f = LLVMGetFirstFunction(base); f; f = next) {
    size_t length;
    next = LLVMGetNextFunction(f);
    if (LLVMIsDeclaration(f) || LLVMGetFirstUse(f)) continue;
    if (!LLVMGetNamedFunction(u->module, LLVMGetValueName2(f, &length))) LLVMDeleteFunction(f);
  }
}

static bool link_module(tn_unit *u, const unsigned char *bytes, size_t size, bool lazy) {
  LLVMModuleRef base = read_bitcode(u, bytes, size, lazy);
  if (!base) return tn_unit_fail(u, TN_BUG, "code generation: the bitcode of base is broken");
  keep_called(u, base);
  LLVMSetTarget(base, LLVMGetTarget(u->module));
  LLVMSetDataLayout(base, LLVMGetDataLayoutStr(u->module));
  return !LLVMLinkModules2(u->module, base) ||
         tn_unit_fail(u, TN_BUG, "code generation: the bitcode of base does not link");
}

static void adopt_functions(tn_unit *u) {
  for (LLVMValueRef f = LLVMGetFirstFunction(u->module); f; f = LLVMGetNextFunction(f)) {
    size_t length;
    const char *name = LLVMGetValueName2(f, &length);
    if (LLVMIsDeclaration(f) || (strncmp(name, "tn_math_", 8) && strncmp(name, "tn_sort_", 8))) continue;
    LLVMSetLinkage(f, LLVMInternalLinkage);
    tn_function_attributes(u, f);
  }
}

bool tn_bitcode_link(tn_unit *u) {
  size_t size;
  const unsigned char *bytes;
  if (!u->math_widths && !u->sorts) return true;
  for (int width = 1; width <= 16; width *= 2) {
    if (!(u->math_widths & (unsigned)width)) continue;
    bytes = tn_math_bitcode(width, u->cpu->fma, &size);
    if (!link_module(u, bytes, size, true)) return false; /* no function calls another */
  }
  bytes = tn_sort_bitcode(&size);
  if (u->sorts && !link_module(u, bytes, size, false)) return false;
  adopt_functions(u);
  /* Comparators are called by what is inlined first. The two parts of a complex function have
   * much in common, in several blocks: only there is something to find.                   */
  const char *passes = u->sorts        ? "always-inline,always-inline,globaldce"
                       : u->math_parts ? "always-inline,globaldce,function(early-cse)"
                                       : "always-inline,globaldce";
  LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
  LLVMErrorRef error = LLVMRunPasses(u->module, passes, u->machine, options);
  LLVMDisposePassBuilderOptions(options);
  if (!error) return true;
  char *message = LLVMGetErrorMessage(error);
  tn_unit_fail(u, TN_BUG, "code generation: %s", message);
  LLVMDisposeErrorMessage(message);
  return false;
}
