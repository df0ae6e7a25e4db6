/* Sort statements: calls of base/sort's functions, and the comparator as a function of its
 * own.
 *
 *   i32 less(ptr buffers, i32 a, i32 b)
 *
 * Where the comparator is an order of keys it is not called at all; where NaNs may keep
 * it from being one, a row with a NaN is merged by it. The merge is inlined, and the
 * comparator into the merge.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"
#include "codegen/plan/sort.h"

static LLVMValueRef number(tn_unit *u, int64_t value) { return LLVMConstInt(u->i64, (uint64_t)value, true); }

/* tn_sort_row as words. */
static LLVMValueRef row_constant(tn_emitter *e, const tn_sort_plan *plan) {
  tn_unit *u = e->u;
  unsigned count = (unsigned)(TN_SORT_ROW_WORDS + 2 * plan->row->n_moved);
  const int64_t *words = (const int64_t *)plan->row;
  LLVMValueRef *values = TN_NEW_ARRAY(e->arena, LLVMValueRef, (int)count);
  for (unsigned i = 0; i < count; i++) values[i] = number(u, words[i]);
  return tn_private_constant(u, LLVMConstArray2(u->i64, values, count));
}

/* ---- the comparator ---- */

static void set_attribute(tn_unit *u, LLVMValueRef f, const char *name) {
  unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
  LLVMAddAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                          LLVMCreateEnumAttribute(u->context, kind, 0));
}

static LLVMValueRef load_element(tn_emitter *e, tn_type type, int buffer, LLVMValueRef at) {
  tn_unit *u = e->u;
  LLVMValueRef slot = number(u, buffer), wide = LLVMBuildZExt(e->b, at, u->i64, "");
  slot = LLVMBuildGEP2(e->b, u->ptr, LLVMGetParam(e->function, 0), &slot, 1, "");
  LLVMValueRef data = LLVMBuildLoad2(e->b, u->ptr, slot, "");
  LLVMTypeRef memory = tn_memory_type(u, type);
  data = LLVMBuildGEP2(e->b, memory, data, &wide, 1, "");
  return tn_from_memory(e, type, LLVMBuildLoad2(e->b, memory, data, ""));
}

static void open_comparator(tn_emitter *e, const tn_stmt *sort) {
  tn_unit *u = e->u;
  LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(u->context, e->function, "");
  LLVMBasicBlockRef body = LLVMAppendBasicBlockInContext(u->context, e->function, "");
  LLVMPositionBuilderAtEnd(e->b, entry);
  e->loops[0] = (tn_open_loop){LLVMBuildBr(e->b, body), entry, 0};
  e->n_loops = 1;
  LLVMPositionBuilderAtEnd(e->b, body);
  for (int i = 0; i < 2 * sort->n_sorted; i++) {
    int value = sort->sorted_values[i];
    e->values[value] = *tn_new_values(e, 0, false);
    e->values[value].at[0] =
        load_element(e, e->k->values[value].type, i / 2, LLVMGetParam(e->function, i % 2 ? 2 : 1));
  }
}

static LLVMValueRef emit_comparator(tn_emitter *around, const tn_stmt *sort) {
  tn_unit *u = around->u;
  LLVMBasicBlockRef here = LLVMGetInsertBlock(around->b);
  LLVMTypeRef parameters[3] = {u->ptr, u->i32, u->i32};
  tn_emitter *e = TN_NEW(around->arena, tn_emitter);
  *e = (tn_emitter){.u = u, .b = around->b, .k = around->k, .arena = around->arena};
  tn_init_emitter(e);
  e->function = LLVMAddFunction(u->module, "less", LLVMFunctionType(u->i32, parameters, 3, false));
  LLVMSetLinkage(e->function, LLVMInternalLinkage);
  tn_function_attributes(u, e->function);
  set_attribute(u, e->function, "alwaysinline");
  open_comparator(e, sort);
  if (sort->body) tn_emit_leaves(e, sort->body, NULL, NULL);
  LLVMValueRef less = tn_scalar_at_point(e, sort->expr);
  LLVMBuildRet(e->b, LLVMBuildZExt(e->b, less, u->i32, ""));
  LLVMPositionBuilderAtEnd(e->b, here);
  return e->function;
}

/* ---- the calls ---- */

static LLVMValueRef call(tn_emitter *e, const char *name, LLVMTypeRef result, LLVMValueRef *arguments,
                         int count) {
  tn_unit *u = e->u;
  LLVMTypeRef pointers[4] = {u->ptr, u->ptr, u->ptr, u->ptr};
  LLVMValueRef f = LLVMGetNamedFunction(u->module, name);
  LLVMTypeRef type = LLVMFunctionType(result, pointers, (unsigned)count, false);
  if (!f) f = LLVMAddFunction(u->module, name, type);
  return LLVMBuildCall2(e->b, type, f, arguments, (unsigned)count, "");
}

static LLVMValueRef buffer_array(tn_emitter *e, const tn_stmt *sort) {
  tn_unit *u = e->u;
  LLVMBasicBlockRef here = LLVMGetInsertBlock(e->b);
  LLVMPositionBuilderBefore(e->b, e->loops[0].anchor);
  LLVMValueRef array = LLVMBuildAlloca(e->b, LLVMArrayType2(u->ptr, (uint64_t)sort->n_sorted), "");
  LLVMPositionBuilderAtEnd(e->b, here);
  for (int i = 0; i < sort->n_sorted; i++) {
    LLVMValueRef at = number(u, i), slot = LLVMBuildGEP2(e->b, u->ptr, array, &at, 1, "");
    LLVMBuildStore(e->b, e->buffers[sort->sorted[i]], slot);
  }
  return array;
}

static void emit_merging(tn_emitter *e, const tn_stmt *sort, const tn_sort_plan *plan,
                         LLVMValueRef *arguments) {
  tn_unit *u = e->u;
  LLVMBasicBlockRef merge = NULL, after = NULL;
  if (plan->by_keys) {
    LLVMValueRef done = call(e, "tn_sort_by_keys", u->i32, arguments, 3);
    if (!plan->by_merging) return;
    merge = LLVMAppendBasicBlockInContext(u->context, e->function, "");
    after = LLVMAppendBasicBlockInContext(u->context, e->function, "");
    done = LLVMBuildICmp(e->b, LLVMIntNE, done, LLVMConstInt(u->i32, 0, false), "");
    LLVMBuildCondBr(e->b, done, after, merge);
    LLVMPositionBuilderAtEnd(e->b, merge);
  }
  arguments[3] = emit_comparator(e, sort);
  call(e, "tn_sort_by_merging", u->nothing, arguments, 4);
  if (!after) return;
  LLVMBuildBr(e->b, after);
  LLVMPositionBuilderAtEnd(e->b, after);
}

void tn_emit_sort(tn_emitter *e, const tn_stmt *sort) {
  tn_unit *u = e->u;
  tn_sort_plan plan = tn_sort_plan_of(e->arena, e->k, sort);
  if (e->n_jam || e->vector >= 0) {
    tn_unit_fail(u, TN_BUG, "kernel %s: a sort inside a vector or unrolled dim", e->k->name);
    return;
  }
  u->sorts = true;
  int64_t used = e->scratch_used + tn_sort_scratch(plan.row->count, plan.wide);
  if (used > e->scratch_bytes) e->scratch_bytes = used;
  LLVMValueRef offset = number(u, e->scratch_used);
  LLVMValueRef scratch = LLVMBuildGEP2(e->b, u->i8, e->scratch, &offset, 1, "");
  LLVMValueRef arguments[4] = {row_constant(e, &plan), buffer_array(e, sort), scratch, NULL};
  emit_merging(e, sort, &plan, arguments);
  call(e, "tn_sort_move", u->nothing, arguments, 3);
}
