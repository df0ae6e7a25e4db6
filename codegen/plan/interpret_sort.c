/* Sort statements in the interpreter: the functions that compiled kernels carry too, and
 * the comparator evaluated for one pair at a time.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/plan/interpret.h"
#include "codegen/plan/sort.h"

typedef struct {
  tn_machine *m;
  const tn_stmt *sort;
  tn_machine_node *const *lets;
  tn_machine_node *less;
} comparison;

static void copy_value(tn_type type, tn_lanes *to, const tn_lanes *from) {
  if (tn_form_of(type) == TN_FORM_SINGLE)
    to->f[0] = from->f[0];
  else
    to->i[0] = from->i[0];
}

/* What compares stands before the buffers. */
static uint32_t is_less(void *const *buffers, uint32_t a, uint32_t b) {
  const comparison *c = buffers[-1];
  const tn_kernel *kernel = c->m->kernel;
  int number = 0;
  for (int i = 0; i < 2 * c->sort->n_sorted; i++) {
    tn_type type = kernel->buffers[c->sort->sorted[i / 2]].shape->type;
    const char *data = buffers[i / 2];
    tn_plan_lanes_load(type, c->m->values[c->sort->sorted_values[i]],
                       data + (size_t)(i % 2 ? b : a) * tn_type_bytes(type), 1);
  }
  for (const tn_stmt *let = c->sort->body; let; let = let->next)
    copy_value(kernel->values[let->value].type, c->m->values[let->value],
               tn_machine_evaluate(c->m, c->lets[number++]));
  return tn_machine_evaluate(c->m, c->less)->i[0] != 0;
}

void tn_machine_sort(tn_machine *m, const tn_stmt *sort, tn_machine_node *const *lets,
                     tn_machine_node *less) {
  tn_arena *arena = tn_arena_create();
  tn_sort_plan plan = tn_sort_plan_of(arena, m->kernel, sort);
  comparison c = {m, sort, lets, less};
  void **buffers = TN_NEW_ARRAY(arena, void *, sort->n_sorted + 1);
  *buffers++ = &c;
  for (int i = 0; i < sort->n_sorted; i++) buffers[i] = tn_machine_lane(m, sort->sorted[i], 0);
  size_t bytes = (size_t)tn_sort_scratch(plan.row->count, plan.wide);
  char *scratch = tn_arena_alloc(arena, bytes + 64);
  scratch += -(uintptr_t)scratch % 64;
  if (!tn_sort_by_keys(plan.row, buffers, scratch)) tn_sort_by_merging(plan.row, buffers, scratch, is_less);
  tn_sort_move(plan.row, buffers, scratch);
  tn_arena_destroy(arena);
}
