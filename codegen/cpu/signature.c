/* NAME_signature: what the function takes and gives, for callers that learn of it at run
 * time. Constants with addresses in them, which LLVM puts where relocations belong.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/cpu/emit.h"

static LLVMValueRef text(tn_unit *u, const char *string) {
  return tn_private_constant(u, LLVMConstStringInContext2(u->context, string, strlen(string), false));
}

static LLVMValueRef word(tn_unit *u, int64_t value) { return LLVMConstInt(u->i64, (uint64_t)value, true); }
static LLVMValueRef half(tn_unit *u, int64_t value) { return LLVMConstInt(u->i32, (uint64_t)value, true); }

/* { name, type, rank, dims, minor_to_major, bytes, aliases } of tn_value */
static LLVMTypeRef value_type(tn_unit *u) {
  LLVMTypeRef fields[] = {u->ptr, u->ptr, u->i32, u->ptr, u->ptr, u->i64, u->i32};
  return LLVMStructTypeInContext(u->context, fields, 7, false);
}

static LLVMValueRef value(tn_unit *u, int buffer, const char *name) {
  const tn_buffer *b = &u->plan->buffers[buffer];
  const tn_shape *shape = b->shape;
  LLVMValueRef *dims = TN_NEW_ARRAY(u->arena, LLVMValueRef, shape->rank);
  LLVMValueRef *order = TN_NEW_ARRAY(u->arena, LLVMValueRef, shape->rank);
  for (int i = 0; i < shape->rank; i++) {
    dims[i] = word(u, shape->dims[i]);
    order[i] = half(u, shape->layout ? shape->layout->minor_to_major.at[i] : shape->rank - 1 - i);
  }
  int aliases = -1;
  for (int i = 0; b->memory == TN_MEMORY_RESULT && i < u->plan->n_parameters; i++)
    if (u->plan->parameters[i] == b->alias) aliases = i;
  unsigned rank = (unsigned)shape->rank;
  LLVMValueRef fields[] = {text(u, name),
                           text(u, tn_type_name(shape->type)),
                           half(u, shape->rank),
                           tn_private_constant(u, LLVMConstArray2(u->i64, dims, rank)),
                           tn_private_constant(u, LLVMConstArray2(u->i32, order, rank)),
                           word(u, b->bytes),
                           half(u, aliases)};
  return LLVMConstStructInContext(u->context, fields, 7, false);
}

static LLVMValueRef values(tn_unit *u, const int *buffers, int count, const char *const *names) {
  LLVMValueRef *all = TN_NEW_ARRAY(u->arena, LLVMValueRef, count);
  for (int i = 0; i < count; i++)
    all[i] = value(u, buffers[i], names ? names[i] : u->plan->buffers[buffers[i]].name);
  return tn_private_constant(u, LLVMConstArray2(value_type(u), all, (uint64_t)count));
}

void tn_emit_signature(tn_unit *u) {
  const tn_plan *plan = u->plan;
  LLVMValueRef hash[] = {LLVMConstInt(u->i64, u->constant_hash[0], false),
                         LLVMConstInt(u->i64, u->constant_hash[1], false)};
  LLVMValueRef fields[] = {half(u, 1),
                           text(u, u->options->name),
                           half(u, plan->n_parameters),
                           half(u, plan->n_results),
                           values(u, plan->parameters, plan->n_parameters, plan->parameter_names),
                           values(u, plan->results, plan->n_results, plan->result_names),
                           word(u, u->arena_bytes),
                           word(u, u->scratch),
                           word(u, 64),
                           word(u, u->side_file ? u->constant_bytes : 0),
                           LLVMConstArray2(u->i64, hash, 2)};
  LLVMValueRef signature = LLVMConstStructInContext(u->context, fields, 11, false);
  LLVMValueRef global = LLVMAddGlobal(u->module, LLVMTypeOf(signature),
                                      tn_arena_printf(u->arena, "%s_signature", u->options->name));
  LLVMSetInitializer(global, signature);
  LLVMSetGlobalConstant(global, true);
}
