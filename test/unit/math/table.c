/* The table's look-up, and that the bitcode is what math.h says.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "base/math/math.h"

#include <criterion/criterion.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/BitReader.h>
#include <llvm-c/Core.h>
#include <llvm-c/Object.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <stdio.h>
#include <string.h>

Test(table, finds_by_opcode_and_type) {
  const tn_math_function *f = tn_math_find("exponential", TN_F32);
  cr_assert(f);
  cr_assert_str_eq(f->symbol, "tn_math_exponential_f32");
  cr_assert_eq(f->arity, 1);
  float x = 0, y = 0;
  tn_math_scalar(f, false)(&y, &x, NULL);
  cr_assert_eq(y, 1.0f);
  tn_math_scalar(f, true)(&y, &x, NULL);
  cr_assert_eq(y, 1.0f);
  cr_assert_null(tn_math_find("exponential", TN_PRED));
  cr_assert_null(tn_math_find("dot", TN_F32));
}

static LLVMModuleRef load(LLVMContextRef context, int width, bool fma) {
  size_t size;
  const unsigned char *bytes = tn_math_bitcode(width, fma, &size);
  cr_assert(bytes && size > 0);
  LLVMMemoryBufferRef buffer =
      LLVMCreateMemoryBufferWithMemoryRange((const char *)bytes, size, "math", false);
  LLVMModuleRef module;
  cr_assert_eq(LLVMParseBitcodeInContext2(context, buffer, &module), 0);
  LLVMDisposeMemoryBuffer(buffer);
  return module;
}

Test(table, no_bitcode_for_other_widths) {
  size_t size = 1;
  cr_assert_null(tn_math_bitcode(3, false, &size));
  cr_assert_eq(size, 0);
}

/* Every function of the module is a row's or an intrinsic; every row's is there. */
static void expect_functions(LLVMModuleRef module, int width) {
  size_t count;
  const tn_math_function *f = tn_math_functions(&count);
  char name[128];
  for (size_t i = 0; i < count; i++) {
    snprintf(name, sizeof name, "%s_w%d", f[i].symbol, width);
    LLVMValueRef function = LLVMGetNamedFunction(module, name);
    cr_assert(function && !LLVMIsDeclaration(function), "%s", name);
    cr_assert_eq(LLVMCountParams(function), (unsigned)f[i].arity);
  }
  size_t defined = 0;
  for (LLVMValueRef g = LLVMGetFirstFunction(module); g; g = LLVMGetNextFunction(g)) {
    size_t length;
    if (!LLVMIsDeclaration(g))
      defined++;
    else
      cr_assert(LLVMGetIntrinsicID(g), "%s", LLVMGetValueName2(g, &length));
  }
  cr_assert_eq(defined, count);
  cr_assert_null(LLVMGetFirstGlobal(module));
}

Test(table, bitcode_holds_the_table_and_nothing_else) {
  LLVMContextRef context = LLVMContextCreate();
  for (int width = 1; width <= 16; width = width == 1 ? 4 : width * 2)
    for (int fma = 0; fma < 2; fma++) {
      LLVMModuleRef module = load(context, width, fma);
      cr_assert_str_empty(LLVMGetTarget(module));
      cr_assert_str_empty(LLVMGetDataLayoutStr(module));
      cr_assert_eq(LLVMVerifyModule(module, LLVMReturnStatusAction, NULL), 0);
      expect_functions(module, width);
      LLVMDisposeModule(module);
    }
  LLVMContextDispose(context);
}

/* Generates code and gives the names that it leaves undefined. */
static void expect_no_library(const char *cpu, int width, bool fma) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  LLVMContextRef context = LLVMContextCreate();
  LLVMModuleRef module = load(context, width, fma);
  LLVMSetTarget(module, "x86_64-linux-gnu");
  LLVMTargetRef target;
  cr_assert_eq(LLVMGetTargetFromTriple("x86_64-linux-gnu", &target, NULL), 0);
  LLVMTargetMachineRef machine = LLVMCreateTargetMachine(
      target, "x86_64-linux-gnu", cpu, "", LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelDefault);
  LLVMMemoryBufferRef object;
  cr_assert_eq(LLVMTargetMachineEmitToMemoryBuffer(machine, module, LLVMObjectFile, NULL, &object), 0);
  LLVMBinaryRef binary = LLVMCreateBinary(object, context, NULL);
  LLVMSymbolIteratorRef symbol = LLVMObjectFileCopySymbolIterator(binary);
  LLVMSectionIteratorRef section = LLVMObjectFileCopySectionIterator(binary);
  for (; !LLVMObjectFileIsSymbolIteratorAtEnd(binary, symbol); LLVMMoveToNextSymbol(symbol)) {
    const char *name = LLVMGetSymbolName(symbol);
    LLVMMoveToContainingSection(section, symbol);
    bool undefined = LLVMObjectFileIsSectionIteratorAtEnd(binary, section);
    cr_expect(!undefined || strncmp(name, "tn_math_", 8) == 0 || !*name, "%s, width %d: calls %s", cpu, width,
              name);
  }
  LLVMDisposeSectionIterator(section);
  LLVMDisposeSymbolIterator(symbol);
  LLVMDisposeBinary(binary);
  LLVMDisposeMemoryBuffer(object);
  LLVMDisposeTargetMachine(machine);
  LLVMDisposeModule(module);
  LLVMContextDispose(context);
}

Test(table, generated_code_calls_no_library) {
  expect_no_library("x86-64-v2", 1, false);
  expect_no_library("x86-64-v2", 4, false);
  expect_no_library("x86-64-v3", 1, true);
  expect_no_library("x86-64-v3", 8, true);
  expect_no_library("x86-64-v4", 16, true);
}
