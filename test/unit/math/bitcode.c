/* The bitcode that the compiler inlines gives the interpreter's bits.
 *
 * Each width's module is compiled for this machine with a function around every row,
 * which loads vectors, calls and stores:
 *
 *     define void @call_N(ptr %result, ptr %x, ptr %y)
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/math/math.h"
#include "test/unit/math/lanes.h"
#include "test/unit/math/operands.h"

#include <criterion/criterion.h>
#include <llvm-c/BitReader.h>
#include <llvm-c/Core.h>
#include <llvm-c/ExecutionEngine.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <stdio.h>
#include <string.h>

enum { LANES = 16, ROUNDS = 200 };

static void add_attribute(LLVMValueRef function, const char *key, const char *value) {
  LLVMContextRef context = LLVMGetModuleContext(LLVMGetGlobalParent(function));
  LLVMAttributeRef attribute =
      LLVMCreateStringAttribute(context, key, (unsigned)strlen(key), value, (unsigned)strlen(value));
  LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex, attribute);
}

static void wrap(LLVMModuleRef module, const tn_math_function *f, size_t row, int width) {
  LLVMContextRef context = LLVMGetModuleContext(module);
  char name[128];
  snprintf(name, sizeof name, "%s_w%d", f->symbol, width);
  LLVMValueRef function = LLVMGetNamedFunction(module, name);
  LLVMTypeRef type = LLVMGlobalGetValueType(function);
  LLVMTypeRef pointer = LLVMPointerTypeInContext(context, 0);
  LLVMTypeRef pointers[] = {pointer, pointer, pointer};
  snprintf(name, sizeof name, "call_%zu", row);
  LLVMValueRef wrapper =
      LLVMAddFunction(module, name, LLVMFunctionType(LLVMVoidTypeInContext(context), pointers, 3, false));
  LLVMBuilderRef builder = LLVMCreateBuilderInContext(context);
  LLVMPositionBuilderAtEnd(builder, LLVMAppendBasicBlockInContext(context, wrapper, ""));
  LLVMTypeRef operands[4];
  LLVMGetParamTypes(type, operands);
  LLVMValueRef values[4];
  for (unsigned i = 0; i < (unsigned)f->arity; i++) { /* of four, two lie side by side */
    unsigned beside = f->arity > 2 ? 2 : 1;
    LLVMValueRef second = LLVMConstInt(LLVMInt32TypeInContext(context), i % beside * (unsigned)width, false);
    LLVMTypeRef element = width > 1 ? LLVMGetElementType(operands[i]) : operands[i];
    LLVMValueRef at = LLVMBuildGEP2(builder, element, LLVMGetParam(wrapper, i / beside + 1), &second, 1, "");
    values[i] = LLVMBuildLoad2(builder, operands[i], at, "");
    LLVMSetAlignment(values[i], 1);
  }
  LLVMValueRef result = LLVMBuildCall2(builder, type, function, values, (unsigned)f->arity, "");
  LLVMSetAlignment(LLVMBuildStore(builder, result, LLVMGetParam(wrapper, 0)), 1);
  LLVMBuildRetVoid(builder);
  LLVMDisposeBuilder(builder);
}

/* The module with its wrappers, compiled for this CPU. */
static LLVMExecutionEngineRef compile(LLVMContextRef context, int width, bool fma) {
  size_t size, count;
  const unsigned char *bytes = tn_math_bitcode(width, fma, &size);
  LLVMMemoryBufferRef buffer =
      LLVMCreateMemoryBufferWithMemoryRange((const char *)bytes, size, "math", false);
  LLVMModuleRef module;
  cr_assert_eq(LLVMParseBitcodeInContext2(context, buffer, &module), 0);
  LLVMDisposeMemoryBuffer(buffer);
  LLVMSetTarget(module, "x86_64-linux-gnu");
  const tn_math_function *f = tn_math_functions(&count);
  for (size_t row = 0; row < count; row++) wrap(module, &f[row], row, width);
  char *cpu = LLVMGetHostCPUName(), *features = LLVMGetHostCPUFeatures();
  for (LLVMValueRef g = LLVMGetFirstFunction(module); g; g = LLVMGetNextFunction(g)) {
    if (LLVMIsDeclaration(g)) continue;
    add_attribute(g, "target-cpu", cpu);
    add_attribute(g, "target-features", features);
  }
  LLVMDisposeMessage(cpu);
  LLVMDisposeMessage(features);
  struct LLVMMCJITCompilerOptions options;
  LLVMInitializeMCJITCompilerOptions(&options, sizeof options);
  options.OptLevel = 2;
  LLVMExecutionEngineRef engine;
  char *error = NULL;
  cr_assert_eq(LLVMCreateMCJITCompilerForModule(&engine, module, &options, sizeof options, &error), 0, "%s",
               error);
  return engine;
}

static void compare(LLVMExecutionEngineRef engine, size_t row, int width, bool fma, uint64_t *state) {
  size_t count;
  const tn_math_function *f = &tn_math_functions(&count)[row];
  char name[32];
  snprintf(name, sizeof name, "call_%zu", row);
  tn_math_call *call = (tn_math_call *)LLVMGetFunctionAddress(engine, name);
  unsigned char x[LANES * 16], y[LANES * 16], lanes[LANES * 8], one[8];
  size_t in = tn_type_bytes(f->operand), out = tn_type_bytes(f->result);
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < 2 * width; i++) {
      operands_draw(f->operand, state, x + (size_t)i * in);
      operands_draw(f->operand, state, y + (size_t)i * in);
    }
    call(lanes, x, y);
    for (int i = 0; i < width; i++) {
      lanes_scalar(f, tn_math_scalar(f, fma), width, i, one, x, y);
      cr_assert(operands_same(f->result, one, lanes + (size_t)i * out), "%s, width %d, lane %d", f->symbol,
                width, i);
    }
  }
}

Test(bitcode, compiled_gives_the_interpreters_bits) {
  LLVMLinkInMCJIT();
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  uint64_t state = 23;
  for (int width = 1; width <= LANES; width = width == 1 ? 4 : width * 2)
    for (int fma = 0; fma < 2; fma++) {
      LLVMContextRef context = LLVMContextCreate();
      LLVMExecutionEngineRef engine = compile(context, width, fma);
      size_t count;
      tn_math_functions(&count);
      for (size_t row = 0; row < count; row++) compare(engine, row, width, fma, &state);
      LLVMDisposeExecutionEngine(engine);
      LLVMContextDispose(context);
    }
}
