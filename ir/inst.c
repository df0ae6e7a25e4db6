/* Instructions: creation, operands and users, removal, order.
 *
 * Each use is known from both ends (module.h). So a use is dropped in constant time (the
 * last entry takes its place), also of a constant with thousands of users; the order of
 * `users` means nothing but is the same in every run.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <assert.h>

#include "ir/attribute_table.h"
#include "ir/module_private.h"
#include "ir/names.h"

static tn_arena *arena_of(const tn_inst *inst) { return inst->parent->module->arena; }

/* ---- the list ---- */

static void link_inst(tn_inst *inst, tn_inst *before) {
  tn_comp *comp = inst->parent;
  inst->next = before;
  inst->prev = before ? before->prev : comp->last;
  *(inst->prev ? &inst->prev->next : &comp->first) = inst;
  *(inst->next ? &inst->next->prev : &comp->last) = inst;
}

static void unlink_inst(tn_inst *inst) {
  tn_comp *comp = inst->parent;
  *(inst->prev ? &inst->prev->next : &comp->first) = inst->next;
  *(inst->next ? &inst->next->prev : &comp->last) = inst->prev;
}

void tn_inst_move_before(tn_inst *inst, tn_inst *before) {
  if (inst == before) return;
  assert(!before || before->parent == inst->parent);
  unlink_inst(inst);
  link_inst(inst, before);
}

/* ---- uses ---- */

enum { FIRST_USERS = 2 }; /* most values have one user */

/* Room for so many pointers and as many integers behind them. */
static void *pointers_and_numbers(tn_arena *arena, int count) {
  return tn_arena_alloc_raw(arena, (size_t)count * (sizeof(void *) + sizeof(int)));
}

static void grow_users(tn_arena *arena, tn_inst *operand) {
  int count = operand->users.count, capacity = count ? 2 * count : FIRST_USERS;
  if (count > INT32_MAX / 2) tn_out_of_memory();
  tn_inst **users = pointers_and_numbers(arena, capacity);
  if (count) memcpy(users, operand->users.at, (size_t)count * sizeof *users);
  if (count) memcpy(users + capacity, tn_inst_user_slots(operand), (size_t)count * sizeof(int));
  operand->users.at = users;
  operand->users.capacity = capacity;
}

static void add_use(tn_inst *user, int slot, tn_inst *operand) {
  int index = operand->users.count;
  if (index == operand->users.capacity) grow_users(arena_of(user), operand);
  user->operands[slot] = operand;
  tn_inst_use_index(user)[slot] = index;
  operand->users.at[index] = user;
  tn_inst_user_slots(operand)[index] = slot;
  operand->users.count++;
}

static void drop_use(tn_inst *user, int slot) {
  tn_inst *operand = user->operands[slot];
  int index = tn_inst_use_index(user)[slot], last = --operand->users.count;
  tn_inst *moved = operand->users.at[last];
  int moved_slot = tn_inst_user_slots(operand)[last];
  operand->users.at[index] = moved;
  tn_inst_user_slots(operand)[index] = moved_slot;
  tn_inst_use_index(moved)[moved_slot] = index;
}

void tn_inst_set_operand(tn_inst *inst, int index, tn_inst *operand) {
  assert(index >= 0 && index < inst->n_operands);
  if (inst->operands[index] == operand) return;
  drop_use(inst, index);
  add_use(inst, index, operand);
}

void tn_inst_set_operands(tn_inst *inst, int count, tn_inst *const *operands) {
  tn_inst **given = pointers_and_numbers(arena_of(inst), count);
  if (count) memcpy(given, operands, (size_t)count * sizeof *operands); /* may be inst's own */
  for (int i = 0; i < inst->n_operands; i++) drop_use(inst, i);
  inst->n_operands = count;
  inst->operands = given;
  for (int i = 0; i < count; i++) add_use(inst, i, given[i]);
}

void tn_inst_replace_uses(tn_inst *inst, tn_inst *by) {
  if (inst == by) return;
  for (int i = inst->users.count - 1; i >= 0; i--)
    if (inst->users.at[i] != by) tn_inst_set_operand(inst->users.at[i], tn_inst_user_slots(inst)[i], by);
  if (inst->parent->root == inst) inst->parent->root = by;
}

/* ---- called computations ---- */

/* Where the callers of called[i] list this call: behind the last of `called`. A computation
 * may have a caller for each instruction of a model.                                       */
static int *call_index(const tn_inst *inst) { return (int *)(inst->called + inst->n_called); }

static void add_caller(tn_inst *inst, int slot) {
  tn_comp *comp = inst->called[slot];
  call_index(inst)[slot] = comp->callers.count;
  TN_PUSH(arena_of(inst), &comp->callers, inst);
}

static void drop_caller(tn_inst *inst, int slot) {
  tn_comp *comp = inst->called[slot];
  int index = call_index(inst)[slot], last = --comp->callers.count;
  tn_inst *moved = comp->callers.at[last];
  assert(comp->callers.at[index] == inst);
  comp->callers.at[index] = moved;
  for (int i = 0; i < moved->n_called; i++)
    if (moved->called[i] == comp && call_index(moved)[i] == last) call_index(moved)[i] = index;
}

void tn_inst_set_called(tn_inst *inst, int count, tn_comp *const *called) {
  for (int i = 0; i < inst->n_called; i++) drop_caller(inst, i);
  tn_comp **given = pointers_and_numbers(arena_of(inst), count);
  if (count) memcpy(given, called, (size_t)count * sizeof *called);
  inst->n_called = count;
  inst->called = given;
  for (int i = 0; i < count; i++) {
    add_caller(inst, i);
    tn_comp_keep_callee_first(inst->parent, given[i]);
  }
}

/* ---- control predecessors ---- */

static const tn_control no_control;

/* To write: an instruction has its own from the first edge on. */
static tn_control *control_of(tn_inst *inst) {
  if (inst->control == &no_control) inst->control = TN_NEW(arena_of(inst), tn_control);
  return (tn_control *)inst->control;
}

static void drop_one(tn_inst **at, int *count, const tn_inst *inst) {
  int i = 0;
  while (i < *count && at[i] != inst) i++;
  if (i == *count) return;
  memmove(at + i, at + i + 1, (size_t)(--*count - i) * sizeof *at);
}

void tn_inst_add_predecessor(tn_inst *inst, tn_inst *predecessor) {
  tn_arena *arena = arena_of(inst);
  TN_PUSH(arena, &control_of(inst)->predecessors, predecessor);
  TN_PUSH(arena, &control_of(predecessor)->successors, inst);
}

static void drop_control(tn_inst *inst) {
  if (inst->control == &no_control) return;
  tn_control *own = control_of(inst);
  for (int i = 0; i < own->predecessors.count; i++) {
    tn_control *other = control_of(own->predecessors.at[i]);
    drop_one(other->successors.at, &other->successors.count, inst);
  }
  for (int i = 0; i < own->successors.count; i++) {
    tn_control *other = control_of(own->successors.at[i]);
    drop_one(other->predecessors.at, &other->predecessors.count, inst);
  }
  own->predecessors.count = own->successors.count = 0;
}

void tn_inst_forget_users(tn_inst *inst) {
  inst->users.count = 0;
  if (inst->control != &no_control) control_of(inst)->successors.count = 0;
}

void tn_inst_enter_edges(tn_inst *inst) {
  tn_arena *arena = arena_of(inst);
  for (int i = 0; i < inst->n_operands; i++) add_use(inst, i, inst->operands[i]);
  for (int i = 0; i < inst->n_called; i++) add_caller(inst, i);
  for (int i = 0; i < inst->control->predecessors.count; i++)
    TN_PUSH(arena, &control_of(inst->control->predecessors.at[i])->successors, inst);
}

/* ---- creation and removal ---- */

tn_inst *tn_inst_create_named(tn_comp *comp, tn_inst *before, tn_op op, const tn_shape *shape, int id,
                              const char *name) {
  tn_inst *inst = TN_NEW(comp->module->arena, tn_inst);
  inst->op = op;
  inst->id = id;
  inst->shape = shape;
  inst->parent = comp;
  inst->control = &no_control;
  inst->name = tn_names_claim(comp->names, name, inst);
  link_inst(inst, before);
  comp->n_insts++;
  return inst;
}

tn_inst *tn_inst_create(tn_comp *comp, tn_inst *before, tn_op op, const tn_shape *shape, int n_operands,
                        tn_inst *const *operands) {
  tn_arena *arena = comp->module->arena;
  int id = comp->module->next_id++;
  const char *name = tn_arena_printf(arena, "%s.%d", tn_ops[op].name, id);
  tn_inst *inst = tn_inst_create_named(comp, before, op, shape, id, name);
  tn_attributes_set_defaults(arena, tn_ops[op].attributes, &inst->attr);
  tn_inst_set_operands(inst, n_operands, operands);
  return inst;
}

tn_inst *tn_inst_clone(tn_comp *comp, tn_inst *before, const tn_inst *inst, const tn_shape *shape,
                       int n_operands, tn_inst *const *operands) {
  tn_inst *copy = tn_inst_create_named(comp, before, inst->op, shape, comp->module->next_id++, inst->name);
  copy->attr = inst->attr;
  copy->notes = inst->notes;
  copy->location = inst->location;
  tn_inst_set_operands(copy, n_operands, operands);
  tn_inst_set_called(copy, inst->n_called, inst->called);
  if (copy->op == TN_OP_PARAMETER) tn_inst_enter_parameter(copy);
  return copy;
}

#define RECORD(member)                                                                                       \
  tn_##member##_attributes *tn_inst_edit_##member(tn_inst *inst) {                                           \
    tn_##member##_attributes *own = tn_arena_copy(arena_of(inst), inst->attr.member, sizeof *own);           \
    inst->attr.member = own;                                                                                 \
    return own;                                                                                              \
  }
#include "ir/attrs.def"
#undef RECORD

void tn_inst_enter_parameter(tn_inst *parameter) {
  tn_comp *comp = parameter->parent;
  int64_t number = parameter->attr.parameter.number;
  assert(number >= 0 && number < INT32_MAX);
  while (comp->parameters.count <= number) TN_PUSH(comp->module->arena, &comp->parameters, NULL);
  if (!comp->parameters.at[number]) comp->parameters.at[number] = parameter;
}

static void leave_parameters(tn_inst *parameter) {
  tn_comp *comp = parameter->parent;
  for (int i = 0; i < comp->parameters.count; i++)
    if (comp->parameters.at[i] == parameter) comp->parameters.at[i] = NULL;
  while (comp->parameters.count > 0 && !comp->parameters.at[comp->parameters.count - 1])
    comp->parameters.count--;
}

void tn_inst_rename(tn_inst *inst, const char *name) {
  tn_names *names = inst->parent->names;
  tn_names_release(names, inst->name);
  inst->name = tn_names_claim(names, name, inst);
}

void tn_inst_remove(tn_inst *inst) {
  assert(inst->users.count == 0);
  tn_comp *comp = inst->parent;
  for (int i = 0; i < inst->n_operands; i++) drop_use(inst, i);
  inst->n_operands = 0;
  tn_inst_set_called(inst, 0, NULL);
  drop_control(inst);
  if (inst->op == TN_OP_PARAMETER) leave_parameters(inst);
  if (comp->root == inst) comp->root = NULL;
  tn_names_release(comp->names, inst->name);
  unlink_inst(inst);
  comp->n_insts--;
  inst->parent = NULL;
}

/* ---- order ---- */

/* States of the walk, indexed by id - first_id. */
typedef struct {
  unsigned char *state; /* 0 not seen, 1 on the stack, 2 in the order */
  int first_id;
} walk_marks;

static unsigned char *mark_of(const walk_marks *marks, const tn_inst *inst) {
  return &marks->state[inst->id - marks->first_id];
}

static walk_marks make_marks(const tn_comp *comp, tn_arena *arena) {
  int low = INT32_MAX, high = -1;
  for (const tn_inst *i = comp->first; i; i = i->next) {
    if (i->id < low) low = i->id;
    if (i->id > high) high = i->id;
  }
  return (walk_marks){TN_NEW_ARRAY(arena, unsigned char, high < low ? 0 : high - low + 1), low};
}

/* The n-th instruction that must stand before `inst`, or NULL. */
static tn_inst *nth_before(const tn_inst *inst, int n) {
  if (n < inst->n_operands) return inst->operands[n];
  n -= inst->n_operands;
  return n < inst->control->predecessors.count ? inst->control->predecessors.at[n] : NULL;
}

typedef struct {
  tn_inst *inst;
  int next; /* the predecessor to look at next */
} frame;

/* Appends what `start` needs and is not yet in the order, then `start`. A cycle, which
 * the verifier refuses, is cut where it closes.                                        */
static int visit(tn_arena *arena, const walk_marks *marks, tn_inst *start, tn_inst **order, int count) {
  TN_VEC(frame) stack = {0};
  TN_PUSH(arena, &stack, (frame){start, 0});
  *mark_of(marks, start) = 1;
  while (stack.count > 0) {
    frame *top = &stack.at[stack.count - 1];
    tn_inst *before = nth_before(top->inst, top->next++);
    if (!before) {
      *mark_of(marks, top->inst) = 2;
      order[count++] = top->inst;
      stack.count--;
    } else if (before->parent == start->parent && *mark_of(marks, before) == 0) {
      *mark_of(marks, before) = 1;
      TN_PUSH(arena, &stack, (frame){before, 0});
    }
  }
  return count;
}

/* True when everything that `inst` needs is in the order already. */
static bool is_ready(const walk_marks *marks, const tn_inst *inst) {
  const tn_inst *before;
  for (int i = 0; (before = nth_before(inst, i)); i++)
    if (before->parent == inst->parent && *mark_of(marks, before) != 2) return false;
  return true;
}

int tn_comp_post_order(const tn_comp *comp, tn_arena *arena, tn_inst ***order) {
  walk_marks marks = make_marks(comp, arena);
  *order = TN_NEW_ARRAY(arena, tn_inst *, comp->n_insts);
  int count = 0;
  for (tn_inst *inst = comp->first; inst; inst = inst->next) {
    if (*mark_of(&marks, inst)) continue;
    if (is_ready(&marks, inst)) {
      *mark_of(&marks, inst) = 2;
      (*order)[count++] = inst;
    } else {
      count = visit(arena, &marks, inst, *order, count);
    }
  }
  return count;
}

/* ---- recognition ---- */

bool tn_comp_is_binary(const tn_comp *comp, tn_op *op) {
  const tn_inst *root = comp->root;
  if (!root || comp->n_insts != 3 || comp->parameters.count != 2 || root->n_operands != 2) return false;
  const tn_inst *p0 = comp->parameters.at[0], *p1 = comp->parameters.at[1];
  if (!p0 || !p1 || !tn_shape_is_scalar(p0->shape) || !tn_shape_is_scalar(p1->shape)) return false;
  if (!tn_op_is(root->op, TN_OP_ELEMENTWISE) || tn_ops[root->op].attributes != TN_ATTR_NONE) return false;
  bool straight = root->operands[0] == p0 && root->operands[1] == p1;
  bool crossed = root->operands[0] == p1 && root->operands[1] == p0;
  if (!straight && !(crossed && tn_op_is(root->op, TN_OP_COMMUTES))) return false;
  *op = root->op;
  return true;
}
