/* Modules, computations, instructions: edges seen from both ends, names, order.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include <criterion/criterion.h>

#include "ir/module.h"

static int64_t dims_23[] = {2, 3};

/* Every use is known from both ends, and lists agree with their counts. */
static void check_edges(const tn_module *module) {
  for (const tn_comp *comp = module->first; comp; comp = comp->next) {
    int count = 0;
    cr_assert(!comp->next || comp->order < comp->next->order);
    for (const tn_inst *i = comp->first; i; i = i->next, count++) {
      cr_assert_eq(i->parent, comp);
      cr_assert(!i->next || i->next->prev == i);
      for (int k = 0; k < i->n_operands; k++) {
        const tn_inst *operand = i->operands[k];
        cr_assert_eq(operand->users.at[tn_inst_use_index(i)[k]], i);
        cr_assert_eq(tn_inst_user_slots(operand)[tn_inst_use_index(i)[k]], k);
      }
      for (int k = 0; k < i->users.count; k++)
        cr_assert_eq(i->users.at[k]->operands[tn_inst_user_slots(i)[k]], i);
      for (int k = 0; k < i->n_called; k++) {
        bool listed = false;
        for (int c = 0; c < i->called[k]->callers.count; c++) listed |= i->called[k]->callers.at[c] == i;
        cr_assert(listed);
        cr_assert_lt(i->called[k]->order, comp->order);
      }
      cr_assert_eq(tn_comp_find_inst(comp, (tn_str){i->name, strlen(i->name)}), i);
    }
    cr_assert_eq(count, comp->n_insts);
  }
}

static tn_inst *make(tn_comp *comp, tn_op op, tn_inst *a, tn_inst *b) {
  tn_inst *operands[] = {a, b};
  return tn_inst_create(comp, NULL, op, a->shape, b ? 2 : 1, operands);
}

Test(module, uses_are_kept_from_both_ends) {
  tn_module *m = tn_module_create("m");
  tn_comp *c = tn_comp_create(m, "main");
  const tn_shape *shape = tn_shape_array(m->arena, TN_F32, 2, dims_23);
  tn_inst *x = tn_build_parameter(c, 0, shape, "x");
  tn_inst *y = tn_build_parameter(c, 1, shape, "y");
  tn_inst *twice = make(c, TN_OP_ADD, x, x);
  tn_inst *product = make(c, TN_OP_MULTIPLY, twice, y);
  c->root = product;
  cr_assert_eq(x->users.count, 2);
  cr_assert_eq(c->parameters.at[1], y);
  check_edges(m);

  tn_inst_set_operand(twice, 0, y);
  check_edges(m);
  cr_assert_eq(x->users.count, 1);
  cr_assert_eq(y->users.count, 2);

  tn_inst *negated = make(c, TN_OP_NEGATE, product, NULL);
  tn_inst_replace_uses(product, negated); /* its own operand stays */
  cr_assert_eq(negated->operands[0], product);
  cr_assert_eq(c->root, negated);
  tn_inst_replace_uses(twice, x);
  cr_assert_eq(twice->users.count, 0);
  tn_inst_remove(twice);
  cr_assert_null(twice->parent);
  check_edges(m);
  tn_module_destroy(m);
}

Test(module, names_are_unique_and_printable) {
  tn_module *m = tn_module_create("a module/1");
  cr_assert_str_eq(m->name, "a_module_1");
  tn_comp *c = tn_comp_create(m, "main");
  cr_assert_str_eq(tn_comp_create(m, "main")->name, "main.1");
  const tn_shape *scalar = tn_shape_scalar(m->arena, TN_F32);
  tn_inst *x = tn_build_parameter(c, 0, scalar, "conv/Relu:0");
  cr_assert_str_eq(x->name, "conv_Relu_0");
  cr_assert_str_eq(tn_build_parameter(c, 1, scalar, "0th")->name, "_0th");
  cr_assert_str_eq(tn_build_parameter(c, 2, scalar, "f32")->name, "f32_");
  cr_assert_str_eq(tn_build_parameter(c, 3, scalar, "tuple")->name, "tuple");
  cr_assert_str_eq(tn_build_parameter(c, 4, scalar, "")->name, "_");
  tn_inst *y = make(c, TN_OP_NEGATE, x, NULL);
  tn_inst_rename(y, "y");
  tn_inst *other = make(c, TN_OP_NEGATE, x, NULL);
  tn_inst_rename(other, "y");
  cr_assert_str_eq(other->name, "y.1");
  tn_inst_remove(y);
  tn_inst_rename(other, "y");
  cr_assert_str_eq(other->name, "y");
  cr_assert_eq(tn_comp_find(m, (tn_str){"main.1", 6}), m->last);
  cr_assert_null(tn_comp_find(m, (tn_str){"main.2", 6}));
  tn_module_destroy(m);
}

Test(module, large_modules_build_and_edit_in_linear_time, .timeout = 20) {
  enum { COUNT = 300000 };
  tn_module *m = tn_module_create("m");
  tn_comp *c = tn_comp_create(m, "main");
  const tn_shape *scalar = tn_shape_scalar(m->arena, TN_F32);
  tn_inst *x = tn_build_parameter(c, 0, scalar, "x"), *y = tn_build_parameter(c, 1, scalar, "y");
  for (int i = 0; i < COUNT; i++) tn_inst_rename(make(c, TN_OP_ADD, x, x), "sum"); /* one stem */
  tn_inst_replace_uses(x, y);
  cr_assert_eq(x->users.count, 0);
  cr_assert_eq(y->users.count, 2 * COUNT);
  TN_FOR_EACH_IN_COMP(c, inst) if (inst->op == TN_OP_ADD) tn_inst_remove(inst);
  cr_assert_eq(c->n_insts, 2);
  cr_assert_eq(y->users.count, 0);
  tn_module_destroy(m);
}

Test(module, callees_stand_before_callers) {
  tn_module *m = tn_module_create("m");
  tn_comp *top = tn_comp_create(m, "top"), *middle = tn_comp_create(m, "middle"),
          *leaf = tn_comp_create(m, "leaf");
  const tn_shape *scalar = tn_shape_scalar(m->arena, TN_F32);
  tn_comp *comps[] = {top, middle, leaf};
  tn_inst *calls[2];
  for (int i = 0; i < 3; i++) {
    tn_inst *x = tn_build_parameter(comps[i], 0, scalar, "x");
    comps[i]->root = x;
    if (i < 2) calls[i] = comps[i]->root = tn_inst_create(comps[i], NULL, TN_OP_CALL, scalar, 1, &x);
  }
  m->entry = top;
  tn_inst_set_called(calls[0], 1, &middle);
  tn_inst_set_called(calls[1], 1, &leaf);
  cr_assert_eq(m->first, leaf);
  cr_assert_eq(m->last, top);
  check_edges(m);

  tn_comp *copy = tn_comp_clone(middle, "middle");
  cr_assert_str_eq(copy->name, "middle.1");
  cr_assert_eq(leaf->callers.count, 2);
  check_edges(m);
  tn_comp_remove(copy);
  cr_assert_eq(leaf->callers.count, 1);
  cr_assert_eq(m->n_comps, 3);
  check_edges(m);
  tn_module_destroy(m);
}

Test(module, post_order_repairs_a_list_out_of_order) {
  tn_module *m = tn_module_create("m");
  tn_comp *c = tn_comp_create(m, "main");
  const tn_shape *scalar = tn_shape_scalar(m->arena, TN_F32);
  tn_inst *x = tn_build_parameter(c, 0, scalar, "x");
  tn_inst *a = make(c, TN_OP_NEGATE, x, NULL), *b = make(c, TN_OP_ABS, a, NULL),
          *d = make(c, TN_OP_ADD, a, b);
  tn_inst **order;
  cr_assert_eq(tn_comp_post_order(c, m->arena, &order), 4);
  tn_inst *straight[] = {x, a, b, d};
  cr_assert_arr_eq(order, straight, sizeof straight);
  tn_inst_move_before(d, x);
  tn_inst_move_before(a, NULL);
  tn_inst *late = make(c, TN_OP_SIGN, x, NULL);
  tn_inst_add_predecessor(b, late);
  cr_assert_eq(tn_comp_post_order(c, m->arena, &order), 5);
  tn_inst *repaired[] = {x, a, late, b, d};
  cr_assert_arr_eq(order, repaired, sizeof repaired);
  tn_module_destroy(m);
}

Test(module, recognises_binary_computations) {
  tn_module *m = tn_module_create("m");
  const tn_shape *scalar = tn_shape_scalar(m->arena, TN_F32);
  const tn_op ops[] = {TN_OP_ADD, TN_OP_SUBTRACT};
  for (int crossed = 0; crossed < 2; crossed++)
    for (int i = 0; i < 2; i++) {
      tn_comp *c = tn_comp_create(m, "f");
      tn_inst *x = tn_build_parameter(c, 0, scalar, "x"), *y = tn_build_parameter(c, 1, scalar, "y");
      c->root = crossed ? make(c, ops[i], y, x) : make(c, ops[i], x, y);
      tn_op op = TN_OP_TUPLE;
      cr_assert_eq(tn_comp_is_binary(c, &op), !(crossed && i == 1));
      if (!(crossed && i == 1)) cr_assert_eq(op, ops[i]);
    }
  tn_module_destroy(m);
}
