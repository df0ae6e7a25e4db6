/* The way from a plan to machine code.
 *
 * One LLVM module a plan: its kernels as internal functions, base/math's functions that
 * they use, the entry and the signature; of large plans the kernels are in modules of their
 * own (parts.c). No optimisation passes run but the inlining of
 * base/math and base/sort (and the removal of what the two parts of a complex function compute
 * twice): kernels come out of the emitter in their final shape and the code generator
 * alone does the rest (its own cleaning, scheduling and register allocation).
 * Everything of LLVM is released before these functions return, on every way out but a
 * failed allocation of the plan's arena, whose guard leaves the context behind.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

#include <llvm-c/Analysis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

bool tn_unit_fail(tn_unit *u, tn_status status, const char *format, ...) {
  va_list arguments;
  if (u->failed) return false; /* what follows from the first */
  va_start(arguments, format);
  tn_error(u->sink, status, TN_NOWHERE, "%s", tn_arena_vprintf(u->arena, format, arguments));
  va_end(arguments);
  u->failed = true;
  return false;
}

/* ---- the target ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void initialise(void) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
}

static const char triple[] = "x86_64-unknown-linux-gnu";

static bool open_machine(tn_unit *u) {
  LLVMTargetRef target;
  char *message = NULL;
  pthread_once(&once, initialise);
  if (LLVMGetTargetFromTriple(triple, &target, &message)) {
    tn_unit_fail(u, TN_BUG, "target: %s", message);
    LLVMDisposeMessage(message);
    return false;
  }
  /* The instruction set is the target's level; a cpu's name says how to schedule. */
  u->cpu_name = !strcmp(u->cpu->name, "host") ? LLVMGetHostCPUName() : LLVMCreateMessage(u->cpu->name);
  u->features =
      !strcmp(u->cpu->features, "native") ? LLVMGetHostCPUFeatures() : LLVMCreateMessage(u->cpu->features);
  int level = u->options->optimisation;
  LLVMCodeGenOptLevel optimisation = level <= 1   ? LLVMCodeGenLevelLess
                                     : level == 2 ? LLVMCodeGenLevelDefault
                                                  : LLVMCodeGenLevelAggressive;
  u->machine = LLVMCreateTargetMachine(target, triple, u->cpu_name, u->features, optimisation, LLVMRelocPIC,
                                       LLVMCodeModelSmall);
  return u->machine || tn_unit_fail(u, TN_BUG, "target: LLVM knows no %s", u->cpu_name);
}

static void attribute(tn_unit *u, LLVMValueRef f, const char *name, const char *value) {
  LLVMAttributeRef a =
      LLVMCreateStringAttribute(u->context, name, (unsigned)strlen(name), value, (unsigned)strlen(value));
  LLVMAddAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, a);
}

void tn_function_attributes(tn_unit *u, LLVMValueRef f) {
  char bits[16];
  snprintf(bits, sizeof bits, "%d", u->cpu->vector_bytes * 8);
  attribute(u, f, "target-cpu", u->cpu_name);
  if (u->features[0]) attribute(u, f, "target-features", u->features);
  if (strcmp(u->cpu->cpu, "native")) attribute(u, f, "tune-cpu", u->cpu->cpu);
  attribute(u, f, "prefer-vector-width", bits);
  attribute(u, f, "warn-stack-size", "0");
  unsigned nounwind = LLVMGetEnumAttributeKindForName("nounwind", 8);
  LLVMAddAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                          LLVMCreateEnumAttribute(u->context, nounwind, 0));
}

/* LLVM tells of every frame, because each is larger than "warn-stack-size":
 *   stack frame size (72) exceeds limit (0) in function 'digits_run'               */
static void take_diagnostic(LLVMDiagnosticInfoRef info, void *unit) {
  tn_unit *u = unit;
  char *text = LLVMGetDiagInfoDescription(info);
  const char *open = strstr(text, "stack frame size ("), *run = strstr(text, "_run'");
  if (open) {
    int64_t bytes = strtoll(open + strlen("stack frame size ("), NULL, 10) + 8;
    int64_t *largest = run && !run[5] ? &u->entry_frame : &u->kernel_frame;
    if (bytes > *largest) *largest = bytes;
  } else if (LLVMGetDiagInfoSeverity(info) == LLVMDSError) {
    tn_unit_fail(u, TN_BUG, "code generation: %s", text);
  }
  LLVMDisposeMessage(text);
}

/* ---- the module ---- */

bool tn_unit_open(tn_unit *u, tn_plan *plan, const tn_cpu_options *options, tn_arena *arena,
                  tn_diagnostics *sink) {
  *u = (tn_unit){.arena = arena, .plan = plan, .options = options, .sink = sink, .cpu = plan->target};
  u->kernel_linkage = LLVMInternalLinkage;
  if (!tn_check_names(u) || !open_machine(u)) return false;
  LLVMContextRef c = u->context = LLVMContextCreate();
  LLVMContextSetDiagnosticHandler(c, take_diagnostic, u);
  u->module = LLVMModuleCreateWithNameInContext(options->name, c);
  u->builder = LLVMCreateBuilderInContext(c);
  u->i1 = LLVMInt1TypeInContext(c);
  u->i8 = LLVMInt8TypeInContext(c);
  u->i16 = LLVMInt16TypeInContext(c);
  u->i32 = LLVMInt32TypeInContext(c);
  u->i64 = LLVMInt64TypeInContext(c);
  u->f32 = LLVMFloatTypeInContext(c);
  u->f64 = LLVMDoubleTypeInContext(c);
  u->ptr = LLVMPointerTypeInContext(c, 0);
  u->nothing = LLVMVoidTypeInContext(c);
  u->kernels = TN_NEW_ARRAY(u->arena, tn_kernel_code, plan->n_kernels);
  LLVMSetTarget(u->module, triple);
  u->layout = LLVMCreateTargetDataLayout(u->machine);
  LLVMSetModuleDataLayout(u->module, u->layout);
  return true;
}

void tn_unit_close(tn_unit *u) {
  if (u->builder) LLVMDisposeBuilder(u->builder);
  if (u->module) LLVMDisposeModule(u->module);
  if (u->context) LLVMContextDispose(u->context);
  if (u->layout) LLVMDisposeTargetData(u->layout);
  if (u->machine) LLVMDisposeTargetMachine(u->machine);
  if (u->cpu_name) LLVMDisposeMessage(u->cpu_name);
  if (u->features) LLVMDisposeMessage(u->features);
}

bool tn_unit_verify(tn_unit *u) {
  char *message = NULL;
  bool broken = LLVMVerifyModule(u->module, LLVMReturnStatusAction, &message);
  if (broken) tn_unit_fail(u, TN_BUG, "code generation: %.400s", message);
  LLVMDisposeMessage(message);
  return !broken;
}

/* Kernels that are there already are only called. */
static bool emit_module(tn_unit *u, bool kernels) {
  tn_place_constants(u);
  tn_make_side_file(u);
  for (int i = 0; kernels && i < u->plan->n_kernels; i++)
    if (!tn_emit_kernel(u, i)) return false;
  tn_emit_entry(u);
  tn_emit_signature(u);
  return !u->failed && tn_unit_verify(u) && tn_bitcode_link(u);
}

LLVMMemoryBufferRef tn_unit_generate(tn_unit *u, LLVMCodeGenFileType form) {
  LLVMMemoryBufferRef code = NULL;
  char *message = NULL;
  if (LLVMTargetMachineEmitToMemoryBuffer(u->machine, u->module, form, &message, &code)) {
    tn_unit_fail(u, TN_BUG, "code generation: %s", message);
    LLVMDisposeMessage(message);
    return NULL;
  }
  if (!u->failed) return code;
  LLVMDisposeMemoryBuffer(code);
  return NULL;
}

bool tn_cpu_compile(tn_plan *plan, const tn_cpu_options *options, tn_object *object, tn_diagnostics *sink) {
  tn_unit unit = {0};
  tn_str *objects;
  *object = (tn_object){0};
  if (tn_unit_open(&unit, plan, options, plan->arena, sink)) {
    int parts = tn_emit_parts(&unit, &objects);
    LLVMMemoryBufferRef code =
        !unit.failed && emit_module(&unit, !parts) ? tn_unit_generate(&unit, LLVMObjectFile) : NULL;
    if (code) {
      tn_str bytes = {LLVMGetBufferStart(code), LLVMGetBufferSize(code)};
      if (parts) {
        objects[parts] = bytes;
        bytes = tn_join_objects(&unit, objects, parts + 1);
      }
      tn_make_object(&unit, bytes, object);
      LLVMDisposeMemoryBuffer(code);
    }
  }
  tn_unit_close(&unit);
  return !unit.failed;
}

bool tn_cpu_assembly(tn_plan *plan, const tn_cpu_options *options, tn_text *out, tn_diagnostics *sink) {
  tn_unit unit = {0};
  if (tn_unit_open(&unit, plan, options, plan->arena, sink) && emit_module(&unit, true)) {
    LLVMMemoryBufferRef code = tn_unit_generate(&unit, LLVMAssemblyFile);
    if (code) {
      tn_text_put_n(out, LLVMGetBufferStart(code), LLVMGetBufferSize(code));
      if (unit.n_constants && !unit.side_file)
        tn_text_printf(out, "# %s_constants: %lld bytes, only in the object\n", options->name,
                       (long long)unit.constant_bytes);
      LLVMDisposeMemoryBuffer(code);
    }
  }
  tn_unit_close(&unit);
  return !unit.failed;
}

bool tn_cpu_llvm(tn_plan *plan, const tn_cpu_options *options, tn_text *out, tn_diagnostics *sink) {
  tn_unit unit = {0};
  if (tn_unit_open(&unit, plan, options, plan->arena, sink) && emit_module(&unit, true)) {
    char *text = LLVMPrintModuleToString(unit.module);
    tn_text_put(out, text);
    LLVMDisposeMessage(text);
  }
  tn_unit_close(&unit);
  return !unit.failed;
}
