/* Kernels that would wait for themselves.
 *
 *   a = …           a kernel that stores a and b waits for c, which waits for a
 *   c = custom-call(a)
 *   b = add(a, c)
 *
 * A group with one way out never does: what enters it cannot depend on it. One with several
 * does if a path leads from a root to something that it reads. The path is looked for among
 * instructions, along users; where it enters another group of several roots, it leaves by
 * any of them. Positions bound the search: what stands behind the last operand leads back
 * to it only through such a group, and `reach` says how far behind that may be.
 *
 * Cost: what stands between the group's first root and its last operand.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "passes/fusion.h"

enum {
  MOST_VISITED = 2000,
  LONGEST_SPAN = 4000 /* positions between the roots of one group */
};

typedef struct {
  tn_fuser *f;
  int limit; /* positions behind it lead nowhere */
  int visited;
  TN_VEC(int) todo;
} search;

static void visit(search *s, const tn_inst *inst) {
  int position = s->f->positions[inst->id];
  if (position > s->limit || s->f->seen[position] == s->f->stamp) return;
  s->f->seen[position] = s->f->stamp;
  s->visited++;
  TN_PUSH(s->f->scratch, &s->todo, position);
}

static void visit_users(search *s, const tn_inst *inst) {
  for (int i = 0; i < inst->users.count; i++) visit(s, inst->users.at[i]);
  for (int i = 0; i < inst->control->successors.count; i++) visit(s, inst->control->successors.at[i]);
}

/* Whatever a group of several roots stores waits for all that it reads. The roots themselves are
 * visited: what is looked for may read one of them directly.                                  */
static void leave_groups(search *s, const tn_node *node) {
  for (int i = 0; i < node->in.count; i++) {
    const tn_group_plan *group = &s->f->groups.at[node->in.at[i].group];
    if (!group->more.count) continue;
    visit(s, group->root);
    for (int k = 0; k < group->more.count; k++) visit(s, group->more.at[k]);
  }
}

static bool is_in_set(const tn_fuser *f, const tn_inst *inst) {
  return f->in_set[f->positions[inst->id]] == f->stamp;
}

static bool feeds_set(const tn_fuser *f, const tn_inst *inst) {
  for (int i = 0; i < inst->users.count; i++)
    if (is_in_set(f, inst->users.at[i])) return true;
  return false;
}

static int last_operand(const tn_fuser *f, tn_inst *const *members, int count) {
  int last = -1;
  for (int i = 0; i < count; i++)
    for (int k = 0; k < members[i]->n_operands; k++) {
      const tn_inst *operand = members[i]->operands[k];
      int position = f->positions[operand->id];
      if (!is_in_set(f, operand) && position > last) last = position;
    }
  return last;
}

static void widen(const tn_fuser *f, const tn_inst *root, int *first, int *last) {
  int position = f->positions[root->id];
  if (position < *first) *first = position;
  if (position > *last) *last = position;
}

bool tn_fusion_waits(tn_fuser *f, tn_inst *const *members, int n_members, tn_inst *const *roots,
                     int n_roots) {
  int first = f->n_nodes, last = 0;
  for (int i = 0; i < n_roots; i++) widen(f, roots[i], &first, &last);
  if (last - first > LONGEST_SPAN) return true;
  f->stamp++;
  for (int i = 0; i < n_members; i++) f->in_set[f->positions[members[i]->id]] = f->stamp;
  search s = {.f = f, .limit = last_operand(f, members, n_members)};
  while (s.limit >= 0 && f->reach[s.limit] > s.limit) s.limit = f->reach[s.limit];
  for (int i = 0; i < n_roots; i++) visit_users(&s, roots[i]);
  for (int i = 0; i < s.todo.count; i++) {
    const tn_node *node = &f->nodes[s.todo.at[i]];
    bool outside = !is_in_set(f, node->inst);
    if ((outside && feeds_set(f, node->inst)) || s.visited > MOST_VISITED) return true;
    visit_users(&s, node->inst);
    leave_groups(&s, node);
  }
  return false;
}

void tn_fusion_note_group(tn_fuser *f, int group) {
  const tn_group_plan *plan = &f->groups.at[group];
  int first = f->n_nodes, last = 0;
  widen(f, plan->root, &first, &last);
  for (int i = 0; i < plan->more.count; i++) widen(f, plan->more.at[i], &first, &last);
  for (int p = first; p < last; p++)
    if (f->reach[p] < last) f->reach[p] = last;
}
